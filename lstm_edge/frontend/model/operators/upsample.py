"""Transposed convolution: more places along an inner axis of each step, or more steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import View, describe, size_of
from lstm_edge.frontend.model.operators.by_table import by_table
from lstm_edge.frontend.model.operators.features import guess
from lstm_edge.frontend.model.operators.inner import conv_inside
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.operators.places import placed
from lstm_edge.frontend.model.operators.rates import held_steps
from lstm_edge.frontend.model.operators.sight import inner_axis, numbers_of, other_axis
from lstm_edge.frontend.model.operators.steps import crop
from lstm_edge.frontend.model.operators.window import conv
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.ir.clock import Window
from lstm_edge.layers.elementwise import pair
from lstm_edge.layers.embedding import MOST_ROWS, embedding
from lstm_edge.layers.over_time import numbered

Doubles = npt.NDArray[np.float64]


def conv_transpose(walk: Walk, node: OnnxNode) -> list[Value]:
    """ConvTranspose along an inner axis: a convolution of the places with zeros between them, of
    the kernel the other way round. Along time where it is the only one, or without a stride.
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
    auto = node.attributes.get("auto_pad", "NOTSET")
    if min(*given["strides"], *given["dilations"]) < 1:
        raise node.error(f"attributes strides, dilations = {given}, expected 1 or more")
    if auto != "NOTSET" or "output_shape" in node.attributes:
        raise node.error("has the attribute auto_pad or output_shape; export it with explicit pads")
    if axis is None:
        return _along_time(walk, node, view, weights, given)
    others = [k for k in range(rank) if k + 2 != axis]
    if any(given["strides"][k] > 1 or given["output_padding"][k] for k in others):
        time = tuple(atom for k in others for atom in walk.pieces(view.axes[k + 2]))
        raise other_axis(
            walk,
            node,
            time,
            "makes more steps and more places at once; only strides along one axis are supported: "
            "use one layer for each",
        )
    for atom in walk.pieces((*view.axes[axis], *view.axes[1])):
        if walk.roles.get(atom) != "layer":
            walk.assign(node, (atom,), "feature")
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
    attributes = {
        "dilations": given["dilations"],
        "pads": [*before, *behind],
        "group": int(node.attributes.get("group", 1)),
    }
    made = replace(node, op="Conv", attributes=attributes)
    return [conv_inside(walk, made, view, _turned(node, view, weights), axis)]


def _turned(node: OnnxNode, view: View, weights: Doubles) -> Doubles:
    """Weights [channels, units of a group, kernel ...] as those of a Conv, the other way round."""
    groups = int(node.attributes.get("group", 1))
    if groups < 1 or len(weights) % groups or size_of(view.axes[1]) != len(weights):
        raise node.error(f"input W {list(weights.shape)} does not fit its data")
    turned = np.flip(weights, axis=tuple(range(2, weights.ndim)))
    (rows, own), kernel = weights.shape[:2], weights.shape[2:]
    apart = turned.reshape(groups, rows // groups, own, *kernel).swapaxes(1, 2)
    return np.ascontiguousarray(apart.reshape(groups * own, -1, *kernel))


def _along_time(
    walk: Walk, node: OnnxNode, view: View, weights: Doubles, given: dict[str, list[int]]
) -> list[Value]:
    """The same of steps: with zeros between those of a sequence, which is held where its steps come
    as seldom as the stride says.
    """
    kernel = weights.shape[2:]
    rank = len(kernel)
    long = [k for k in range(rank) if view.axes[k + 2] or kernel[k] != 1]
    k = long[0] if long else 0
    stride = given["strides"][k] if view.axes[k + 2] else 1  # one step is apart from none
    more = given["output_padding"][k]
    first, last = given["pads"][k], given["pads"][rank + k]
    beside = [n for name in ("pads", "output_padding") for n in _of_others(given[name], k, rank)]
    if any(beside) or any(n > 1 for n in _of_others(given["strides"], k, rank)):
        raise node.error(f"attributes {given} make more of an axis of 1: not supported")
    time = view.axes[k + 2]
    guess(walk, walk.pieces(time), "time")
    walk.assign(node, time, "time")
    if stride > 1:
        held = held_steps(walk, settled(walk, view), k + 2, stride, node.label)
        if held is not None:
            view = _apart(walk, node, held, k + 2, stride)
        else:
            guess(walk, walk.pieces(view.axes[1]), "feature")
            size = size_of(time)
            view = by_table(
                walk,
                node,
                settled(walk, view),
                k + 2,
                size * stride,
                lambda: np.asarray(np.kron(np.eye(size), np.eye(stride, 1)), np.float64),
            )
    seen = (kernel[k] - 1) * given["dilations"][k] + 1
    before, behind = seen - 1 - first, seen - 1 - last + more - (stride - 1)
    if min(before, behind) < 0:
        sight = Window(1, 1, min(0, before), min(0, behind))
        view = crop(walk, view, k + 2, sight, node.label)
    pads = [0] * 2 * rank
    pads[k], pads[rank + k] = max(0, before), max(0, behind)
    attributes = {
        "dilations": given["dilations"],
        "pads": pads,
        "group": int(node.attributes.get("group", 1)),
    }
    inputs = (view, _turned(node, view, weights), *node.inputs[2:])
    return conv(walk, replace(node, op="Conv", attributes=attributes, inputs=inputs))


def _of_others(numbers: list[int], k: int, rank: int) -> list[int]:
    """Those of all axes but one."""
    return [n for j, n in enumerate(numbers) if j % rank != k]


def _apart(walk: Walk, node: OnnxNode, view: View, axis: int, stride: int) -> View:
    """A held sequence where its vectors come, and zeros until the next one."""
    draft, count, source = walk.draft, size_of(view.axes[axis]), node.label
    if count > MOST_ROWS:
        raise node.error(f"makes {count} steps, more than {MOST_ROWS}; make the sequence shorter")
    ids = draft.layer("step", numbered(count), view.tensor, 1, {}, source)["y"]
    walk.limits[ids] = count
    there = (np.arange(count) % stride == 0).astype(np.float32)[:, None]
    gate = draft.layer("by_step", embedding(), ids, 1, {"E": there}, source)["y"]
    made = draft.pair("mul", pair("mul"), view.tensor, gate, view.tensor, source)
    return replace(view, tensor=made)


def _spread(size: int, stride: int) -> np.ndarray:
    """The places of an axis with `stride` - 1 zeros, as -1, between each two."""
    found = np.full((size - 1) * stride + 1, -1)
    found[::stride] = np.arange(size)
    return found


def _cropped(places: np.ndarray, before: int, behind: int) -> np.ndarray:
    """Places with zeros around them, or fewer of them where a count is below 0."""
    inside = places[max(0, -before) : len(places) - max(0, -behind)]
    return np.pad(inside, (max(0, before), max(0, behind)), constant_values=-1)
