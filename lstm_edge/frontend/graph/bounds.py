"""Which axis a node works on, and what a Slice takes: None for what no valid node has."""

from __future__ import annotations

from onnx import NodeProto

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of
from lstm_edge.frontend.graph.shapes import Shape


def axis_of(node: NodeProto, shape: Shape, default: int = 0, name: str = "axis") -> int | None:
    """An attribute that names an axis of `shape`, from 0."""
    axis = int(attributes_of(node).get(name, default))
    return axis % len(shape) if -len(shape) <= axis < len(shape) else None


def slice_bounds(scope: Graph, node: NodeProto) -> list[tuple[int, int, int, int]] | None:
    """(axis from 0, start, end, step) of a Slice with constant bounds and a known rank."""
    shape = scope.shape(node.input[0])
    names = [*node.input[1:], "", ""][:4]
    lists = [scope.integers(name) for name in names]
    if any(name and found is None for name, found in zip(names, lists, strict=True)):
        return None
    starts, ends = list(lists[0] or []), list(lists[1] or [])
    axes, steps = list(lists[2] or range(len(starts))), list(lists[3] or [1] * len(starts))
    if shape is None or 0 in steps or not len(starts) == len(ends) == len(axes) == len(steps):
        return None
    if any(not -len(shape) <= axis < len(shape) for axis in axes):
        return None
    return list(zip((axis % len(shape) for axis in axes), starts, ends, steps, strict=True))
