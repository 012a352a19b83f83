"""Which step of which sequence a tensor is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from onnx import NodeProto

from lstm_edge.frontend.graph.bounds import axis_of, slice_bounds
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.patch import Patch
from lstm_edge.frontend.graph.shapes import Shape
from lstm_edge.frontend.rewrite.rolled.flips import flip_axis


@dataclass(frozen=True)
class Read:
    """Step `index` of `sequence` along `axis`; `length`: its number of steps. kept: the tensor has
    this axis, too, with one step.
    """

    sequence: str
    axis: int
    index: int
    length: int
    kept: bool = True


@dataclass(frozen=True)
class Sequence:
    """A tensor [T, B, n]. backward: the steps asked for were its last to its first."""

    name: str
    batch: int | str | None
    backward: bool = False


Reader = Callable[[list[str]], Sequence | None]
"""Finds the sequence of which the tensors given are all steps in order, or None."""


def read_of(scope: Graph, name: str) -> Read | None:
    """What a tensor is a step of; reversals of a whole sequence are followed."""
    name = scope.strip(name)
    squeeze = scope.maker(name, "Squeeze")
    if squeeze is None:
        found = _picked(scope, name)
        gone = found is None or not found.kept or found.axis == 0
    else:
        found = _picked(scope, squeeze.input[0])
        gone = found is not None and found.kept and scope.axes(squeeze) == [found.axis]
    return _unflipped(scope, found) if found is not None and gone else None


def _picked(scope: Graph, name: str) -> Read | None:
    node = scope.maker(name, "Gather", "Slice", "Split")
    shape = scope.shape(node.input[0]) if node is not None else None
    return None if node is None or shape is None else _PICKS[node.op_type](scope, node, name, shape)


def _gathered(scope: Graph, node: NodeProto, _: str, shape: Shape) -> Read | None:
    axis, indices = axis_of(node, shape), scope.constant(node.input[1])
    size = shape[axis] if axis is not None else None
    if (
        axis is None
        or indices is None
        or indices.size != 1
        or indices.ndim > 1
        or not isinstance(size, int)
    ):
        return None
    index = int(indices.reshape(-1)[0])
    index += size if index < 0 else 0
    return Read(node.input[0], axis, index, size, indices.ndim == 1)


def _sliced(scope: Graph, node: NodeProto, _: str, shape: Shape) -> Read | None:
    bounds = slice_bounds(scope, node)
    if bounds is None or len(bounds) != 1:
        return None
    axis, start, end, step = bounds[0]
    size = shape[axis]
    if not isinstance(size, int):
        return None
    picked = range(size)[start:end:step]
    return Read(node.input[0], axis, picked[0], size) if len(picked) == 1 else None


def _split(scope: Graph, node: NodeProto, name: str, shape: Shape) -> Read | None:
    axis = axis_of(node, shape)
    size = shape[axis] if axis is not None else None
    shapes = [scope.shape(output) for output in node.output]
    if (
        axis is None
        or size != len(shapes)
        or any(part is None or part[axis] != 1 for part in shapes)
    ):
        return None
    return Read(node.input[0], axis, list(node.output).index(name), len(shapes))


_PICKS = {"Gather": _gathered, "Slice": _sliced, "Split": _split}


def _unflipped(scope: Graph, read: Read) -> Read:
    if flip_axis(scope, read.sequence) != read.axis:
        return read
    source = scope.makers[read.sequence].input[0]
    return replace(read, sequence=source, index=read.length - 1 - read.index)


def reader_of(scope: Graph, patch: Patch) -> Reader:
    """Finds reads of all steps, first to last or last to first, of a sequence of known length."""

    def read(names: list[str]) -> Sequence | None:
        found = [read_of(scope, name) for name in names]
        first = found[0]
        if first is None or first.length != len(names):
            return None
        if any(r is None or (r.sequence, r.axis) != (first.sequence, first.axis) for r in found):
            return None
        order = [r.index for r in found if r is not None]
        forward = list(range(len(names)))
        if order not in (forward, forward[::-1]):
            return None
        backward = len(order) > 1 and order != forward
        return time_major(scope, patch, first.sequence, first.axis, backward)

    return read


def time_major(scope: Graph, patch: Patch, name: str, axis: int, backward: bool) -> Sequence | None:
    """A sequence as [T, B, n]: from [T, B, n], [B, T, n] or [T, n]."""
    shape = scope.shape(name)
    if shape is None or len(shape) not in (2, 3) or axis not in (0, len(shape) - 2):
        return None
    if len(shape) == 2:
        return Sequence(patch.unsqueeze(name, [1]), 1, backward)
    if axis == 0:
        return Sequence(name, shape[1], backward)
    return Sequence(patch.transpose(name, [1, 0, 2]), shape[0], backward)
