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

    def source(self, scope: Graph) -> tuple[Cut, list[NodeProto]]:
        """What the tensor is the product of, vector by vector and for its steps alone, with the
        nodes that compute it; itself, and none, where it is no product.
        """
        name, nodes = self.tensor, list[NodeProto]()
        readers = {id(r) for r in scope.users(name)}
        alone = readers == {id(scope.makers[taken]) for taken, _ in self.reads(scope)}
        while alone and not scope.is_output(name) and self.axis < len(scope.shape(name) or ()) - 1:
            node = scope.makers.get(name)
            data = _multiplied(scope, node) if node is not None else None
            if node is None or data is None:
                break
            nodes.insert(0, node)
            name = data
            if node.op_type == "MatMul":
                return Cut(name, self.axis, self.steps), nodes
            alone = len(scope.users(name)) == 1
        return self, []


def _multiplied(scope: Graph, node: NodeProto) -> str | None:
    """The operand of which a node multiplies each vector by a matrix, or to which it adds one."""
    shapes = [scope.shape(name) for name in node.input]
    if not is_standard(node) or node.op_type not in ("MatMul", "Add") or None in shapes:
        return None
    known = [k for k in (0, 1) if scope.is_constant(node.input[k])]
    product, rank = node.op_type == "MatMul", 2 if node.op_type == "MatMul" else 1
    if len(known) != 1 or len(shapes[known[0]] or ()) != rank or (product and known[0] == 0):
        return None
    return str(node.input[1 - known[0]])


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
