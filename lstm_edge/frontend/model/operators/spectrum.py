"""STFT of samples, which are given hop by hop, and the power of a spectrum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.frontend.graph.tensor import check_finite
from lstm_edge.frontend.model.axes import Axis, View, describe, size_of
from lstm_edge.frontend.model.operators.features import grid_of, require_features
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.operators.sight import Sight, time_after
from lstm_edge.frontend.model.walk import HopNeeded, OnnxNode, Value, Walk
from lstm_edge.ir.clock import Window
from lstm_edge.ir.sizes import FRAMES
from lstm_edge.layers.spectrum import WINDOW, bin_power, frame_spectrum

PARTS = 2
"""Numbers of a bin: its real and its imaginary part."""


def stft(walk: Walk, node: OnnxNode) -> list[Value]:
    """Spectra of frames of a signal [batch, samples] or [batch, samples, 1]: one step of the model
    is one hop of samples. A scale that waits goes into the window.
    """
    view = node.view(0)
    if len(view.axes) not in (2, 3) or (len(view.axes) == 3 and view.axes[2]):
        raise node.error(f"expected a signal of real samples, not {describe(view.axes)}")
    if not node.attributes.get("onesided", 1):
        raise node.error("attribute onesided = 0 is not supported; export with 1")
    hop, window = _hop(node), _window(node)
    frame, samples = len(window), view.axes[1]
    walk.assign(node, view.axes[0], "batch")
    time = _hops(walk, node, view, samples, hop)
    scale = np.ones(1) if view.scale is None else view.scale
    if scale.size != 1 or np.any(0.0 if view.offset is None else view.offset):
        view, scale = settled(walk, view, node.label), np.ones(1)
    kernel = -(-frame // hop)
    params = {WINDOW: (window * scale).astype(np.float32)}
    check_finite(node.label, params[WINDOW])
    walk.sequences |= walk.draft.followed(view.tensor)
    several = Window(kernel) if kernel > 1 else None
    tensor = walk.draft.layer(
        "spectrum",
        frame_spectrum(kernel > 1),
        view.tensor,
        frame + PARTS,
        params,
        node.label,
        window=several,
    )["y"]
    after = time if several is None else time_after(walk, node, time, Sight(1, several, 1))
    bins = walk.new_axis("bins", frame // 2 + 1, "feature")
    parts = walk.new_axis("parts", PARTS, "feature")
    return [View(tensor, (view.axes[0], after, bins, parts), grid=(*bins, *parts))]


def _hop(node: OnnxNode) -> int:
    steps = node.integers(1, "frame_step")
    if not steps or len(steps) != 1 or steps[0] < 1:
        raise node.error("its frame_step is no number of samples")
    return steps[0]


def _window(node: OnnxNode) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The window, with zeros around it where frames are longer."""
    given, lengths = node.weights(2, "window"), node.integers(3, "frame_length")
    frame = lengths[0] if lengths else 0 if given is None else len(given)
    window = np.ones(frame) if given is None else given.reshape(-1)
    if frame not in FRAMES or len(window) > frame:
        raise node.error(
            f"transforms frames of {frame} samples with a window of {len(window)}; supported are "
            f"powers of two from {FRAMES[0]} to {FRAMES[-1]}: let n_fft be one, win_length may be "
            "less"
        )
    missing = frame - len(window)
    return np.pad(window, (missing // 2, missing - missing // 2))


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
            "center=False of the input itself is"
        )
    walk.assign(node, atoms[:1], "time")
    require_features(walk, node, replace(view, axes=(inner,)), inner)
    return atoms[:1]


def power(walk: Walk, node: OnnxNode) -> list[Value]:
    """The power of a spectrum whose parts are the last axis."""
    view = settled(walk, node.view(0), node.label)
    grid = grid_of(walk, view)
    axes = [k for k, axis in enumerate(view.axes) if walk.pieces(axis) == grid[:1]]
    if len(grid) != PARTS or walk.pieces(view.axes[-1]) != grid[1:] or len(axes) != 1:
        raise node.error(f"takes the power of {describe(view.axes)}, which is no spectrum any more")
    bins = size_of(grid[:1])
    made = walk.draft.layer("power", bin_power(), view.tensor, bins, {}, node.label)
    return [View(made["y"], view.axes[:-1])]
