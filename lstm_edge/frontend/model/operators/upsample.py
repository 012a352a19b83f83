"""More places along an inner axis of each step: transposed convolution."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.frontend.model.axes import describe, size_of
from lstm_edge.frontend.model.operators.inner import conv_inside
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.operators.places import placed
from lstm_edge.frontend.model.operators.sight import inner_axis, numbers_of, other_axis
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk


def conv_transpose(walk: Walk, node: OnnxNode) -> list[Value]:
    """ConvTranspose along an inner axis: a convolution of the places with zeros between them, of
    the kernel the other way round. Along time, where that is another axis, without a stride.
    """
    view, weights = node.view(0), node.weights(1, "input W")
    if weights is None or weights.ndim != len(view.axes) or weights.ndim < 3:
        raise node.error(f"input W does not fit data {describe(view.axes)}")
    kernel = list(weights.shape[2:])
    axis = inner_axis(walk, node, view, kernel)
    rank = len(kernel)
    given = {
        name: numbers_of(node, name, [usual] * rank * times)
        for name, usual, times in (
            *(("strides", 1, 1), ("dilations", 1, 1)),
            *(("output_padding", 0, 1), ("pads", 0, 2)),
        )
    }
    others = [k for k in range(rank) if k + 2 != axis]
    along_time = any(given["strides"][k] > 1 or given["output_padding"][k] for k in others)
    auto = node.attributes.get("auto_pad", "NOTSET")
    if min(*given["strides"], *given["dilations"]) < 1:
        raise node.error(f"attributes strides, dilations = {given}, expected 1 or more")
    if axis is None or along_time or auto != "NOTSET" or "output_shape" in node.attributes:
        time = tuple(atom for k in others for atom in walk.pieces(view.axes[k + 2]))
        raise other_axis(
            walk,
            node,
            time if along_time else (),
            "makes more steps, or has the attribute auto_pad or output_shape; only strides along "
            "an axis of each step with explicit pads are supported: repeat steps outside of the "
            "model",
        )
    view = settled(walk, view)
    seen = [(k - 1) * d + 1 for k, d in zip(kernel, given["dilations"], strict=True)]
    before = [n - 1 - p for n, p in zip(seen, given["pads"][:rank], strict=True)]
    behind = [
        n - 1 - p + more
        for n, p, more in zip(seen, given["pads"][rank:], given["output_padding"], strict=True)
    ]
    spread = _spread(size_of(view.axes[axis]), given["strides"][axis - 2])
    places = _cropped(spread, before[axis - 2], behind[axis - 2])
    view = placed(walk, view, axis, places, 0.0, node.label)
    before[axis - 2] = behind[axis - 2] = 0
    if min(*before, *behind) < 0:
        raise node.error(f"attribute pads = {given['pads']} leaves out steps")
    groups = int(node.attributes.get("group", 1))
    if groups < 1 or len(weights) % groups or size_of(view.axes[1]) != len(weights):
        raise node.error(f"input W {list(weights.shape)} does not fit its data")
    attributes = {
        "dilations": given["dilations"],
        "pads": [*before, *behind],
        "group": groups,
    }
    turned = np.flip(weights, axis=tuple(range(2, weights.ndim)))
    rows, own = weights.shape[:2]
    apart = turned.reshape(groups, rows // max(groups, 1), own, *kernel).swapaxes(1, 2)
    made = replace(node, op="Conv", attributes=attributes)
    as_conv = np.ascontiguousarray(apart.reshape(groups * own, -1, *kernel))
    return [conv_inside(walk, made, view, as_conv, axis)]


def _spread(size: int, stride: int) -> np.ndarray:
    """The places of an axis with `stride` - 1 zeros, as -1, between each two."""
    found = np.full((size - 1) * stride + 1, -1)
    found[::stride] = np.arange(size)
    return found


def _cropped(places: np.ndarray, before: int, behind: int) -> np.ndarray:
    """Places with zeros around them, or fewer of them where a count is below 0."""
    inside = places[max(0, -before) : len(places) - max(0, -behind)]
    return np.pad(inside, (max(0, before), max(0, behind)), constant_values=-1)
