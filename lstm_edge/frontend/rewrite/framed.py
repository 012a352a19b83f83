"""Frames of a signal of samples, however they are cut out and filtered, before their transform.

    DFT(Gather(x, i * hop + j) * window)             frames that a file cuts out itself
    DFT(Pad(...)), dft_length above the window's     zeros behind the samples of a frame
    STFT(x[t] - 0.97 * x[t - 1])                     pre-emphasis
    STFT(Pad(x))                                     zeros before the first sample, behind the last

become Frames(signal, window) of our own domain: frame number i begins at sample i * hop + begin, of
zeros where there is none. window [samples]: by what these are multiplied, with zeros behind them up
to `frame`; window [taps, samples]: the same of so many samples in a row, which are added up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import OWN_DOMAIN, attributes_of, is_standard, label_of
from lstm_edge.frontend.graph.taps import MOST_TAPS, Taps, taps_of
from lstm_edge.ir.sizes import FRAMES

Doubles = npt.NDArray[np.float64]
NEAR = 1e-5
"""How far a weight may be from that of the same sample of another frame, of the largest."""
LARGEST = 2**26
"""Weights that are compared."""


@dataclass(frozen=True)
class Framing:
    """How frames lie in a signal. wrong: frames that are none of these."""

    hop: int
    begin: int
    window: Doubles
    wrong: npt.NDArray[np.int64]


def framed(sketch: Graph) -> None:
    """Replace each DFT of frames of a signal, and each STFT of one that is filtered or padded."""
    found = [n for n in sketch.nodes if n.op_type in ("DFT", "STFT") and is_standard(n)]
    scope = sketch.snapshot() if found else None
    for node in found:
        made = _replaced(sketch, scope, node) if scope is not None else None
        if made:
            sketch.replace([node], made)


def _replaced(sketch: Graph, scope: Graph, node: NodeProto) -> list[NodeProto] | None:
    """The nodes in place of one; None where it is to stay."""
    cut = _frames(scope, node) if node.op_type == "STFT" else _rows(scope, node)
    if cut is None:
        return None
    taps, frame = cut
    shape = scope.shape(taps.signal) or ()
    length = math.prod(n for n in shape if isinstance(n, int))
    framing = framing_of(taps, length)
    if framing is None or frame not in FRAMES:
        return None
    wrong, count = framing.wrong, taps.places.shape[1]
    plain = not framing.begin and framing.window.ndim == 1
    if node.op_type == "STFT" and plain and not len(wrong):
        return None
    if len(wrong):
        middle = count // 2
        if any(abs(k - middle) <= count // 4 for k in wrong):
            return None
        raise ModelError(
            label_of(node),
            f"sees other samples in its frames {', '.join(map(str, wrong))} of {count} than in all "
            "others, which are alike: center=True of torch.stft mirrors the samples at both ends, "
            "and no stream has them when they are needed; export with center=False, which gives "
            "the frames between, and give it samples that are mirrored so where the others matter "
            "(numpy.pad, mode='reflect')",
        )
    label, made = node.name or node.output[0], []
    sketch.tell_shape(node.output[0], scope.shape(node.output[0]))
    signal = taps.signal
    if len(shape) != 2 or shape[0] != 1:
        signal = sketch.fresh(signal)
        flat = sketch.add_constant(np.array([1, length]))
        made.append(helper.make_node("Reshape", [taps.signal, flat], [signal], name=label))
    inputs = [
        signal,
        sketch.add_constant(framing.window.astype(np.float32)),
    ]
    rank = 4 if node.op_type == "STFT" else len(scope.shape(node.input[0]) or ())
    name = node.output[0] if rank == 4 else sketch.fresh(node.output[0])
    given = {"hop": framing.hop, "begin": framing.begin, "frame": frame, "frames": count}
    made.append(helper.make_node("Frames", inputs, [name], name=label, domain=OWN_DOMAIN, **given))
    if rank == 3:
        axis = sketch.add_constant(np.array([0]))
        made.append(helper.make_node("Squeeze", [name, axis], [node.output[0]], name=label))
    return made


def _rows(scope: Graph, node: NodeProto) -> tuple[Taps, int] | None:
    """What is in the frames of a DFT, [taps, frames, samples], and its length; None of one whose
    frames are the steps of a sequence, or that is no transform of real frames.
    """
    given, shape = attributes_of(node), scope.shape(node.input[0])
    axis = scope.integers(node.input[2]) if len(node.input) > 2 else [-2]
    if given.get("inverse", 0) or not given.get("onesided", 0) or shape is None or axis is None:
        return None
    if len(shape) not in (3, 4) or shape[-1] != 1 or axis not in ([-2], [len(shape) - 2]):
        return None
    taps = taps_of(scope, node.input[0])
    told = scope.integers(node.input[1]) if len(node.input) > 1 and node.input[1] else None
    if taps is None or any(n != 1 for n in taps.places.shape[1:-3]):
        return None
    count, seen = taps.places.shape[-3:-1]
    if not taps.places.size:
        return None
    frame = told[0] if told else seen
    places = taps.places.reshape(-1, count, seen)
    if np.array_equal(places, np.arange(1, count * seen + 1).reshape(1, count, seen)):
        return None
    weights = taps.weights.reshape(places.shape)
    return Taps(taps.signal, places[..., :frame], weights[..., :frame]), frame


def _frames(scope: Graph, node: NodeProto) -> tuple[Taps, int] | None:
    """The same of an STFT; None of one that reads a signal as it is."""
    names = [*node.input, "", ""][:4]
    steps, lengths = scope.integers(names[1]), scope.integers(names[3]) if names[3] else None
    window = scope.constant(names[2]) if names[2] else None
    taps = taps_of(scope, names[0])
    if taps is None or not steps or not attributes_of(node).get("onesided", 1):
        return None
    if taps.places.shape[1] != 1:
        return None
    samples = taps.places.reshape(len(taps.places), -1)
    frame = lengths[0] if lengths else 0 if window is None else window.size
    hop, count = steps[0], (samples.shape[1] - frame) // max(1, steps[0]) + 1
    if taps.signal == names[0] or hop < 1 or count < 2 or frame not in FRAMES:
        return None
    numbers = np.ones(frame) if window is None else window.reshape(-1).astype(np.float64)
    if len(numbers) != frame or count * frame * len(samples) > LARGEST:
        return None
    at = np.arange(count)[:, None] * hop + np.arange(frame)
    weights = taps.weights.reshape(len(samples), -1)[:, at] * numbers
    return Taps(taps.signal, samples[:, at], weights), frame


def framing_of(taps: Taps, length: int) -> Framing | None:
    """How frames [taps, frames, samples] lie in a signal of `length` numbers; None where two in
    the middle are not alike.
    """
    count, seen = taps.places.shape[1:]
    if count < 2 or taps.places.size * MOST_TAPS > LARGEST:
        return None
    there = (taps.weights != 0.0) & (taps.places > 0)
    offsets = taps.places - 1 - np.arange(seen)
    middle = count // 2
    ends = []
    for row in (middle - 1, middle):
        own = offsets[:, row][there[:, row]]
        if not len(own):
            return None
        ends.append((int(own.min()), int(own.max())))
    (_, before), (low, high) = ends
    hop, begin, lags = high - before, high - middle * (high - before), high - low + 1
    if hop < 1 or lags > MOST_TAPS:
        return None
    starts = np.arange(count) * hop + begin
    lag = starts[:, None] - offsets
    inside = there & (lag >= 0) & (lag < lags)
    found = np.zeros((count, seen, lags))
    rows, columns = np.broadcast_arrays(np.arange(count)[:, None], np.arange(seen))
    for k in range(len(lag)):
        own = inside[k]
        np.add.at(found, (rows[own], columns[own], lag[k][own]), taps.weights[k][own])
    window = found[middle].T[::-1]  # the oldest sample first
    at = starts[:, None, None] + np.arange(seen)[:, None] - np.arange(lags)
    sees = (at >= 0) & (at < length)
    near = NEAR * np.abs(window).max()
    apart = np.abs(found - np.where(sees, found[middle], 0.0)).max(axis=(1, 2)) > near
    apart |= (there & ~inside).any(axis=(0, 2))
    if apart[middle] or apart[middle - 1]:
        return None
    kept = window[:, : int(np.flatnonzero(window.any(axis=0))[-1]) + 1]
    first = begin - (lags - 1)
    return Framing(hop, first, kept[0] if lags == 1 else kept, np.flatnonzero(apart))
