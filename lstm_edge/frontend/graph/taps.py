"""A tensor as sums of numbers of one signal: what slices, pads, joins and weights make of it.

    y = x - 0.97 * Pad(x)[:-1]                       two taps: x[t] and x[t - 1]
    Gather(y, frames) * window                       the same two, for each sample of each frame

Nothing is known of the operators between but what they do to the numbers 0, 1, 2, ... in place of
the signal, so that all ways to write frames, or a pad at their ends, are one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.fold import fold
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of, is_standard, label_of

Array = npt.NDArray[Any]
LONGEST = 2**22
"""Numbers of a tensor that is followed."""
DEEPEST, MOST_TAPS = 64, 16
"""Nodes one after the other, and numbers that a sum is made of."""
MOVES = (
    *("Flatten", "Gather", "GatherND", "Identity", "Pad", "Reshape", "Slice", "Squeeze"),
    *("Transpose", "Unsqueeze"),
)
"""Operators that only rearrange the numbers of their first input."""


@dataclass(frozen=True)
class Taps:
    """places: which numbers of `signal`, counted from 1 as they lie in it, each number is a sum of,
    0 for none; weights: by what they are multiplied; both [taps, *shape].
    """

    signal: str
    places: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]

    def moved(self, change: Callable[[Array], Array]) -> Taps:
        """The same with the numbers of each tap elsewhere."""
        places, weights = (np.stack([change(t) for t in a]) for a in (self.places, self.weights))
        return Taps(self.signal, places.astype(np.int64), weights)

    def times(self, factor: Array) -> Taps:
        """Each number multiplied."""
        weights = self.weights * factor
        return Taps(self.signal, np.broadcast_to(self.places, weights.shape), weights)


def taps_of(graph: Graph, name: str, depth: int = 0) -> Taps | None:
    """What a tensor is made of; None where its size is not known. A tensor that is no sum of
    numbers of one other is a signal itself.
    """
    node = graph.producer(name)
    if node is not None and is_standard(node) and depth < DEEPEST:
        try:
            found = _made_by(graph, node, depth + 1)
        except (ModelError, ValueError):  # whoever reads the node will say so
            found = None
        if found is not None and len(found.places) <= MOST_TAPS:
            return found
    shape = graph.shape(name)
    if shape is None or not all(isinstance(n, int) for n in shape):
        return None
    sizes = [n for n in shape if isinstance(n, int)]
    if math.prod(sizes) > LONGEST:
        return None
    places = np.arange(1, math.prod(sizes) + 1).reshape(1, *sizes)
    return Taps(name, places, np.ones(places.shape))


def _made_by(graph: Graph, node: NodeProto, depth: int) -> Taps | None:
    if node.op_type in MOVES:
        return _moved(graph, node, depth)
    rule = _RULES.get(node.op_type)
    return None if rule is None else rule(graph, node, depth)


def _moved(graph: Graph, node: NodeProto, depth: int) -> Taps | None:
    """Rearranged numbers; those that a Pad adds are none."""
    names = node.input[1:]
    constants = [graph.constant(name) if name else None for name in names]
    if any(name and array is None for name, array in zip(names, constants, strict=True)):
        return None
    filled = constants[1] if node.op_type == "Pad" and len(constants) > 1 else None
    if filled is not None and filled.any():
        return None
    if filled is not None:
        constants[1] = None  # its type is not that of places
    x = taps_of(graph, node.input[0], depth)
    return x and x.moved(lambda tap: fold(label_of(node), node, [tap, *constants])[0])


def _sum(graph: Graph, node: NodeProto, depth: int) -> Taps | None:
    first, second = (taps_of(graph, name, depth) for name in node.input)
    if first is None or second is None or first.signal != second.signal:
        return None
    if first.places.ndim != second.places.ndim:
        return None
    if node.op_type == "Sub":
        second = second.times(np.array(-1.0))
    shape = np.broadcast_shapes(first.places.shape[1:], second.places.shape[1:])

    def joined(one: Array, other: Array) -> Array:
        return np.concatenate([np.broadcast_to(a, (len(a), *shape)) for a in (one, other)])

    places = joined(first.places, second.places)
    return Taps(first.signal, places, joined(first.weights, second.weights))


def _product(graph: Graph, node: NodeProto, depth: int) -> Taps | None:
    """With a constant."""
    known = [graph.constant(name) for name in node.input]
    where = next((k for k, array in enumerate(known) if array is None), None)
    factor = None if where is None else known[1 - where]
    if where is None or factor is None or (node.op_type == "Div" and where == 1):
        return None
    x = taps_of(graph, node.input[where], depth)
    numbers = factor.astype(np.float64)
    if x is None or numbers.ndim > x.places.ndim - 1 or (node.op_type == "Div" and 0 in numbers):
        return None
    return x.times(1.0 / numbers if node.op_type == "Div" else numbers)


def _negative(graph: Graph, node: NodeProto, depth: int) -> Taps | None:
    x = taps_of(graph, node.input[0], depth)
    return None if x is None else x.times(np.array(-1.0))


def _all_of(graph: Graph, names: Sequence[str], depth: int) -> list[Taps] | None:
    """Tensors of one signal, with as many taps each; a constant of zeros has none of it."""
    parts: list[Taps] = []
    for name in names:
        known = graph.constant(name)
        if known is None:
            found = taps_of(graph, name, depth)
        else:
            nothing = np.zeros((1, *known.shape))
            found = None if known.any() else Taps("", nothing.astype(np.int64), nothing)
        if found is None:
            return None
        parts.append(found)
    most = max(len(t.places) for t in parts)
    if len({t.signal for t in parts if t.signal}) != 1:
        return None

    def longer(array: Array) -> Array:
        return np.concatenate([array, np.zeros((most - len(array), *array.shape[1:]), array.dtype)])

    signal = max(t.signal for t in parts)
    return [Taps(signal, longer(t.places), longer(t.weights)) for t in parts]


def _joined(graph: Graph, node: NodeProto, depth: int) -> Taps | None:
    """Concat, and ScatterND, which exporters write for a part that is assigned to."""
    scattered = node.op_type == "ScatterND"
    if scattered and attributes_of(node).get("reduction", "none") != "none":
        return None
    index = graph.constant(node.input[1]) if scattered else None
    names = [node.input[0], node.input[2]] if scattered else list(node.input)
    parts = None if scattered and index is None else _all_of(graph, names, depth)
    if parts is None:
        return None

    def put(arrays: Sequence[Array]) -> Array:
        given = [arrays[0], index, arrays[1]] if scattered else list(arrays)
        return fold(label_of(node), node, given)[0]

    taps = range(len(parts[0].places))
    places = np.stack([put([t.places[k] for t in parts]) for k in taps])
    weights = np.stack([put([t.weights[k] for t in parts]) for k in taps])
    return Taps(parts[0].signal, places, weights)


def _filtered(graph: Graph, node: NodeProto, depth: int) -> Taps | None:
    """A convolution of one channel along one axis."""
    given, weights = attributes_of(node), graph.constant(node.input[1])
    bias = graph.constant(node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros(1)
    plain = given.get("auto_pad", "NOTSET") in ("NOTSET", "VALID") and given.get("group", 1) == 1
    if weights is None or weights.shape[:2] != (1, 1) or weights.ndim != 3 or not plain:
        return None
    if bias is None or bias.any() or weights.size > MOST_TAPS:
        return None
    x = taps_of(graph, node.input[0], depth)
    if x is None or x.places.ndim != 4:
        return None
    before, behind = given.get("pads", [0, 0])
    (stride,), (apart,) = given.get("strides", [1]), given.get("dilations", [1])
    length = x.places.shape[-1] + before + behind
    count = (length - (weights.size - 1) * apart - 1) // stride + 1

    seen, parts = np.array([0, 0, 0, before, 0, 0, 0, behind]).reshape(2, 4).T, []
    whole = Taps(x.signal, np.pad(x.places, seen), np.pad(x.weights, seen))
    for k, weight in enumerate(weights[0, 0].astype(np.float64)):
        cut = slice(k * apart, k * apart + (count - 1) * stride + 1, stride)
        parts.append(Taps(x.signal, whole.places[..., cut], whole.weights[..., cut] * weight))
    places = np.concatenate([t.places for t in parts])
    return Taps(x.signal, places, np.concatenate([t.weights for t in parts]))


_RULES: Mapping[str, Callable[[Graph, NodeProto, int], Taps | None]] = {
    "Add": _sum,
    "Sub": _sum,
    "Mul": _product,
    "Div": _product,
    "Neg": _negative,
    "Concat": _joined,
    "ScatterND": _joined,
    "Conv": _filtered,
}
