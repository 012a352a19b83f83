"""STFT of samples, which are given hop by hop, and the power of a spectrum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import Axes, Axis, View, describe, size_of
from lstm_edge.frontend.model.operators.features import grid_of, require_features
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.operators.sight import Sight, in_sight
from lstm_edge.frontend.model.walk import HopNeeded, OnnxNode, Value, Walk
from lstm_edge.ir.clock import Window
from lstm_edge.ir.expr import Cell, apply, input_vector
from lstm_edge.ir.sizes import FRAMES
from lstm_edge.layers.spectrum import WINDOW, bin_power, frame_spectrum
from lstm_edge.layers.spectrum import log_average as averaged

Doubles = npt.NDArray[np.float64]

PARTS = 2
"""Numbers of a bin: its real and its imaginary part."""


def stft(walk: Walk, node: OnnxNode) -> list[Value]:
    """Spectra of frames of a signal [batch, samples] or [batch, samples, 1]: one step of the model
    is one hop of samples. A scale that waits goes into the window.
    """
    if not node.attributes.get("onesided", 1):
        raise node.error("attribute onesided = 0 is not supported; export with 1")
    hop, window = _hop(node), _window(node)
    return [_spectra(walk, node, hop, window, len(window))]


def frames(walk: Walk, node: OnnxNode) -> list[Value]:
    """The same of frames that begin before the first sample or behind it, that have zeros behind
    the window, or samples that are sums of several.
    """
    window = node.weights(1, "window")
    assert window is not None
    begin, frame, count = (node.attributes[k] for k in ("begin", "frame", "frames"))
    return [_spectra(walk, node, node.attributes["hop"], window, frame, begin, count)]


def dft(walk: Walk, node: OnnxNode) -> list[Value]:
    """The spectrum of each step's own numbers, [..., samples, 1], real."""
    view = node.view(0)
    given, axis = node.attributes, node.integers(2, "axis") or [-2]
    if given.get("inverse", 0) or not given.get("onesided", 0):
        raise node.error(
            f"attributes inverse = {given.get('inverse', 0)}, onesided = "
            f"{given.get('onesided', 0)}: expected 0 and 1, the transform of real numbers to the "
            "bins that differ: use torch.fft.rfft, or cut the bins 0 .. n / 2 off before",
        )
    rank = len(view.axes)
    if rank < 2 or view.axes[-1] or axis[0] % rank != rank - 2:
        raise node.error(
            f"transforms axis {axis[0]} of {describe(view.axes)}; expected the one before the last,"
            " and a last one of 1, real numbers: transpose before",
        )
    samples = view.axes[-2]
    lengths = node.integers(1, "dft_length")
    frame = lengths[0] if lengths else size_of(samples)
    seen = min(frame, size_of(samples))
    window = np.ones(seen)
    _check_frame(node, frame, window)
    require_features(walk, node, replace(view, axes=(samples,)), walk.pieces(samples))
    scale = np.ones(1) if view.scale is None else np.broadcast_to(view.scale, (size_of(samples),))
    if np.any(0.0 if view.offset is None else view.offset):
        view, scale = settled(walk, view), np.ones(1)
    return [_layer(walk, node, view, view.axes[:-2], window * scale[:seen], frame, None, 0)]


def _spectra(
    walk: Walk,
    node: OnnxNode,
    hop: int,
    window: Doubles,
    frame: int,
    begin: int = 0,
    count: int = 0,
) -> View:
    """Spectra of frames of a signal, of which the file has so many, as many as fit if 0."""
    view = node.view(0)
    if len(view.axes) not in (2, 3) or (len(view.axes) == 3 and view.axes[2]):
        raise node.error(f"expected a signal of real samples, not {describe(view.axes)}")
    samples = view.axes[1]
    walk.assign(node, view.axes[0], "batch")
    time = _hops(walk, node, view, samples, hop)
    scale = np.ones(1) if view.scale is None else view.scale
    if scale.size != 1 or np.any(0.0 if view.offset is None else view.offset):
        view, scale = settled(walk, view), np.ones(1)
    walk.sequences |= walk.draft.followed(view.tensor)
    early, at = -(begin // hop), begin % hop
    taps, seen = np.atleast_2d(window).shape
    kernel = -(-(at + (seen + taps - 1 if count else frame)) // hop)
    late = 0
    if count:
        kernel = max(kernel, size_of(time) + early - count + 1)
        late = count - 1 + kernel - early - size_of(time)
    several = Window(kernel, 1, early, late) if (kernel, early, late) != (1, 0, 0) else None
    axes = (view.axes[0], time)
    made = _layer(walk, node, view, axes, window * scale, frame, several, at)
    return made if several is None else in_sight(walk, node, made, 1, Sight(1, several, 1))


def _layer(
    walk: Walk,
    node: OnnxNode,
    view: View,
    axes: Axes,
    window: Doubles,
    frame: int,
    several: Window | None,
    at: int,
) -> View:
    """The spectrum of each step, or of the steps of a window, from its sample `at` on."""
    params = {WINDOW: window.astype(np.float32)}
    cell = frame_spectrum(frame, several is not None, at)
    tensor = walk.draft.layer(
        "spectrum", cell, view.tensor, frame + PARTS, params, node.label, window=several
    )["y"]
    bins = walk.new_axis("bins", frame // 2 + 1, "feature")
    parts = walk.new_axis("parts", PARTS, "feature")
    return View(tensor, (*axes, bins, parts), grid=(*bins, *parts))


def _hop(node: OnnxNode) -> int:
    steps = node.integers(1, "frame_step")
    if not steps or len(steps) != 1 or steps[0] < 1:
        raise node.error("its frame_step is no number of samples")
    return steps[0]


def _window(node: OnnxNode) -> Doubles:
    """The window, with zeros around it where frames are longer."""
    given, lengths = node.weights(2, "window"), node.integers(3, "frame_length")
    frame = lengths[0] if lengths else 0 if given is None else len(given)
    window = np.ones(max(0, frame)) if given is None else given.reshape(-1)
    _check_frame(node, frame, window)
    missing = frame - len(window)
    return np.pad(window, (missing // 2, missing - missing // 2))


def _check_frame(node: OnnxNode, frame: int, window: Doubles) -> None:
    if frame not in FRAMES or len(window) > frame:
        raise node.error(
            f"transforms frames of {frame} samples with a window of {len(window)}; supported are "
            f"powers of two from {FRAMES[0]} to {FRAMES[-1]}: let n_fft be one, win_length may be "
            "less",
        )


def _hops(walk: Walk, node: OnnxNode, view: View, samples: Axis, hop: int) -> Axis:
    """The axis that counts the hops of a signal; where the signal's axis is not made of hops yet,
    the visit starts again with one that is.
    """
    atoms = walk.pieces(samples)
    if len(atoms) == 1 and atoms[0] in walk.input_atoms and hop > 1:
        name, _, k = atoms[0].name.rpartition(" ")
        raise HopNeeded(node.label, "reads samples by hops", (name, int(k)), hop)
    inner = atoms[1:] if hop > 1 else ()
    counted = len(atoms) == 2 and walk.role(atoms[:1]) == "time" and size_of(inner) == hop
    if not counted and not (hop == 1 and len(atoms) == 1):
        raise node.error(
            f"takes frames every {hop} samples of {describe(view.axes)}, which are not samples of "
            "one input, or are read by other hops elsewhere; not supported: torch.stft with "
            "center=False of the input itself is",
        )
    walk.assign(node, atoms[:1], "time")
    require_features(walk, node, replace(view, axes=(inner,)), inner)
    return atoms[:1]


def power(walk: Walk, node: OnnxNode) -> list[Value]:
    """The power of a spectrum whose parts are the last axis."""
    view = settled(walk, node.view(0))
    grid = grid_of(walk, view)
    axes = [k for k, axis in enumerate(view.axes) if walk.pieces(axis) == grid[:1]]
    if len(grid) != PARTS or walk.pieces(view.axes[-1]) != grid[1:] or len(axes) != 1:
        raise node.error(f"takes the power of {describe(view.axes)}, which is no spectrum any more")
    bins = size_of(grid[:1])
    made = walk.draft.layer("power", bin_power(), view.tensor, bins, {}, node.label)
    return [View(made["y"], view.axes[:-1])]


def log_average(walk: Walk, node: OnnxNode) -> list[Value]:
    """The logarithm of an average over time, plus a small number, in logarithms."""
    view, given = settled(walk, node.view(0)), node.attributes
    walk.assign(node, view.axes[given["axis"]], "time")
    walk.sequences |= walk.draft.followed(view.tensor)
    size, eps = walk.draft.size(view.tensor), given["eps"]
    cell = Cell("log", {"y": apply("log", input_vector("x") + eps)})
    logarithms = walk.draft.layer("log", cell, view.tensor, size, {}, node.label)["y"]
    initial = {} if given["first"] else {"y": np.full(size or 1, np.log(eps), np.float32)}
    made = walk.draft.layer(
        "log_average",
        averaged(given["weight"], first=bool(given["first"])),
        logarithms,
        size,
        {},
        node.label,
        initial=initial,
    )
    return [replace(view, tensor=made["y"])]
