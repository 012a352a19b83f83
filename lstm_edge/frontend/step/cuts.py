"""Tensors that a graph cuts into their steps, one node or one output for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from onnx import NodeProto, TensorProto

from lstm_edge.frontend.graph.bounds import axis_of, slice_bounds
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of, is_standard
from lstm_edge.frontend.graph.shapes import Shape

FEWEST_STEPS = 3
"""Of two steps nobody can tell what they have in common."""


@dataclass(frozen=True)
class Cut:
    """`tensor` is taken apart along `axis`, which has `steps` places."""

    tensor: str
    axis: int
    steps: int

    def reads(self, scope: Graph) -> Iterator[tuple[str, int]]:
        """Tensors that are one place each, and which."""
        for node in scope.users(self.tensor):
            for output, axis, place in _taken(scope, node):
                if axis == self.axis:
                    yield output, place


def cuts_of(scope: Graph) -> list[Cut]:
    """Tensors of which more than half of the places along one axis are taken one by one."""
    places: dict[Cut, set[int]] = {}
    for node in scope.nodes:
        for _, axis, place in _taken(scope, node):
            size = (scope.shape(node.input[0]) or ())[axis]
            if isinstance(size, int) and size >= FEWEST_STEPS:
                places.setdefault(Cut(node.input[0], axis, size), set()).add(place)
    return [cut for cut, found in places.items() if 2 * len(found) > cut.steps]


def _taken(scope: Graph, node: NodeProto) -> Iterator[tuple[str, int, int]]:
    """(output, axis, place) of what a node takes of its first input."""
    if not is_standard(node) or node.op_type not in _TAKEN or scope.is_constant(node.input[0]):
        return
    shape = scope.shape(node.input[0])
    if shape is not None and scope.kinds.get(node.input[0]) == TensorProto.FLOAT:
        for k, (axis, place) in enumerate(_TAKEN[node.op_type](scope, node, shape)):
            size = shape[axis]
            if isinstance(size, int) and -size <= place < size:
                yield node.output[k if node.op_type == "Split" else 0], axis, place % size


def _gathered(scope: Graph, node: NodeProto, shape: Shape) -> Iterator[tuple[int, int]]:
    axis, indices = axis_of(node, shape), scope.constant(node.input[1])
    if axis is not None and indices is not None and indices.size == 1:
        yield axis, int(indices.reshape(-1)[0])


def _sliced(scope: Graph, node: NodeProto, shape: Shape) -> Iterator[tuple[int, int]]:
    for axis, start, end, step in slice_bounds(scope, node) or ():
        size = shape[axis]
        picked = range(size)[start:end:step] if isinstance(size, int) else range(0)
        if len(picked) == 1:
            yield axis, picked[0]


def _split(scope: Graph, node: NodeProto, shape: Shape) -> Iterator[tuple[int, int]]:
    axis = axis_of(node, shape)
    sizes = attributes_of(node).get("split") if len(node.input) < 2 else None
    sizes = scope.integers(node.input[1]) if len(node.input) > 1 else sizes
    one_each = set(sizes) == {1} if sizes else axis is not None and shape[axis] == len(node.output)
    if axis is not None and one_each:
        yield from ((axis, place) for place in range(len(node.output)))


_TAKEN = {"Gather": _gathered, "Slice": _sliced, "Split": _split}
