"""Which step of which sequence a tensor is, and one operation for what is done step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from onnx import NodeProto

from lstm_edge.frontend.onnx_walk import attributes_of
from lstm_edge.frontend.rewrite.flips import flip_axis
from lstm_edge.frontend.rewrite.linear import slice_bounds
from lstm_edge.frontend.rewrite.patch import Patch
from lstm_edge.frontend.rewrite.scope import Scope, Shape

POINTWISE = frozenset(
    "Add Sub Mul Div Sigmoid Tanh Relu Elu LeakyRelu HardSigmoid Softsign Softplus Clip Neg "
    "ThresholdedRelu Exp Sqrt Abs".split()
)
"""Operators that do the same to each number, and broadcast from the last axis on."""


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


def read_of(scope: Scope, name: str) -> Read | None:
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


def _picked(scope: Scope, name: str) -> Read | None:
    node = scope.maker(name, "Gather", "Slice", "Split")
    shape = scope.shape(node.input[0]) if node is not None else None
    return None if node is None or shape is None else _PICKS[node.op_type](scope, node, name, shape)


def _gathered(scope: Scope, node: NodeProto, _: str, shape: Shape) -> Read | None:
    axis = attributes_of(node).get("axis", 0) % len(shape)
    indices, size = scope.constant(node.input[1]), shape[axis]
    if indices is None or indices.size != 1 or indices.ndim > 1 or not isinstance(size, int):
        return None
    index = int(indices.reshape(-1)[0])
    index += size if index < 0 else 0
    return Read(node.input[0], axis, index, size, indices.ndim == 1)


def _sliced(scope: Scope, node: NodeProto, _: str, shape: Shape) -> Read | None:
    bounds = slice_bounds(scope, node)
    if bounds is None or len(bounds) != 1:
        return None
    axis, start, end, step = bounds[0]
    size = shape[axis % len(shape)]
    if not isinstance(size, int):
        return None
    picked = range(size)[start:end:step]
    return Read(node.input[0], axis % len(shape), picked[0], size) if len(picked) == 1 else None


def _split(scope: Scope, node: NodeProto, name: str, shape: Shape) -> Read | None:
    axis = attributes_of(node).get("axis", 0) % len(shape)
    size = shape[axis]
    shapes = [scope.shape(output) for output in node.output]
    if size != len(shapes) or any(part is None or part[axis] != 1 for part in shapes):
        return None
    return Read(node.input[0], axis, list(node.output).index(name), len(shapes))


_PICKS = {"Gather": _gathered, "Slice": _sliced, "Split": _split}


def _unflipped(scope: Scope, read: Read) -> Read:
    if flip_axis(scope, read.sequence) != read.axis:
        return read
    source = scope.makers[read.sequence].input[0]
    return replace(read, sequence=source, index=read.length - 1 - read.index)


def reader_of(scope: Scope, patch: Patch) -> Reader:
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


def time_major(
    scope: Scope, patch: Patch, name: str, axis: int, backward: bool
) -> Sequence | None:
    """A sequence as [T, B, n]: from [T, B, n], [B, T, n] or [T, n]."""
    shape = scope.shape(name)
    if shape is None or len(shape) not in (2, 3) or axis not in (0, len(shape) - 2):
        return None
    if len(shape) == 2:
        return Sequence(patch.unsqueeze(name, [1]), 1, backward)
    if axis == 0:
        return Sequence(name, shape[1], backward)
    return Sequence(patch.transpose(name, [1, 0, 2]), shape[0], backward)


@dataclass
class Hoist:
    """Finds, or computes with one operation, the sequence of which tensors are the steps."""

    scope: Scope
    patch: Patch
    read: Reader

    def __call__(self, names: list[str]) -> Sequence | None:
        """The sequence whose steps are `names`; None where no operation gives it."""
        names = [self.scope.strip(name) for name in names]
        found = self.read(names)
        if found is not None:
            return found
        makers = [self.scope.makers.get(name) for name in names]
        first = makers[0]
        if first is None or first.domain not in ("", "ai.onnx"):
            return None
        alike = [m for m in makers if m is not None and m.op_type == first.op_type]
        if len(alike) < len(names) or any(_differ(first, m) for m in alike):
            return None
        if first.op_type in ("MatMul", "Gemm"):
            return self._product(alike)
        if first.op_type in POINTWISE:
            return self._pointwise(alike)
        if first.op_type in ("Softmax", "LogSoftmax", "Concat"):
            return self._along_features(alike)
        return None

    def _shared(self, names: list[str]) -> str | None:
        """A constant that all steps read."""
        constant = all(self.scope.is_constant(name) for name in names)
        if not constant or len({self.scope.digest(name) for name in names}) > 1:
            return None
        return names[0]

    def _operands(self, nodes: list[NodeProto]) -> tuple[list[str], list[Sequence]] | None:
        """The inputs of nodes, each a constant that they share or a sequence."""
        inputs: list[str] = []
        sequences = []
        for column in zip(*(node.input for node in nodes), strict=True):
            same = not any(column) or self._shared(list(column)) is not None
            sequence = None if same else self(list(column))
            if not same and sequence is None:
                return None
            inputs.append(sequence.name if sequence is not None else self._named(column[0]))
            sequences += [sequence] if sequence is not None else []
        if not sequences or any(s.backward != sequences[0].backward for s in sequences):
            return None
        return inputs, sequences

    def _named(self, name: str) -> str:
        """A constant as the graph outside of all bodies knows it."""
        array = self.scope.constant(name) if name else None
        return "" if array is None else self.patch.constant(array)

    def _made(self, nodes: list[NodeProto], inputs: list[str], like: Sequence) -> Sequence:
        name = self.patch.add(nodes[0].op_type, inputs, **attributes_of(nodes[0]))
        return Sequence(name, like.batch, like.backward)

    def _pointwise(self, nodes: list[NodeProto]) -> Sequence | None:
        found = self._operands(nodes)
        constants = [self.scope.shape(i) for i in nodes[0].input if self.scope.is_constant(i)]
        if found is None or any(c is None or len(c) > 2 for c in constants):
            return None
        return self._made(nodes, found[0], found[1][0])

    def _product(self, nodes: list[NodeProto]) -> Sequence | None:
        """x @ W + b of each step; a Gemm takes matrices only, so it becomes a MatMul and an Add."""
        given = attributes_of(nodes[0])
        columns = [list(column) for column in zip(*(n.input for n in nodes), strict=True)]
        weights, bias = self._shared(columns[1]), None
        array = self.scope.constant(weights) if weights is not None else None
        if array is None or array.ndim != 2 or given.get("transA", 0):
            return None
        if len(columns) > 2 and columns[2][0]:
            name = self._shared(columns[2])
            bias = self.scope.constant(name) if name is not None else None
            if bias is None:
                return None
        x = self(columns[0])
        if x is None:
            return None
        array = (array.T if given.get("transB", 0) else array) * given.get("alpha", 1.0)
        made = self.patch.add("MatMul", [x.name, self.patch.constant(array.astype("f4"))])
        if bias is not None:
            scaled = (bias * given.get("beta", 1.0)).astype("f4")
            made = self.patch.add("Add", [made, self.patch.constant(scaled)])
        return Sequence(made, x.batch, x.backward)

    def _along_features(self, nodes: list[NodeProto]) -> Sequence | None:
        """Softmax and Concat along the last axis, and from opset 13 on along it alone."""
        shape = self.scope.shape(nodes[0].output[0])
        default = 1 if self.scope.opset < 13 else -1
        axis = attributes_of(nodes[0]).get("axis", default)
        if shape is None or axis % len(shape) != len(shape) - 1:
            return None
        if len(shape) > 2 and (len(shape) > 3 or shape[0] != 1):
            return None
        found = self._operands(nodes)
        if found is None or len(found[1]) != len(nodes[0].input):
            return None
        op = nodes[0].op_type
        return Sequence(self.patch.add(op, found[0], axis=2), found[1][0].batch, found[1][0].backward)


def _differ(first: NodeProto, other: NodeProto) -> bool:
    alike = len(first.input) == len(other.input)
    return not alike or attributes_of(first) != attributes_of(other)
