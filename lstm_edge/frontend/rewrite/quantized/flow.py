"""What is known while the nodes of a quantized graph are read in order.

A tensor of integers stands for a float tensor at some grid. Nodes that compute on integers become
the float operator that they stand for; what they leave unread is dropped at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from onnx import AttributeProto, NodeProto, helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.fold import FOLDABLE
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of, label_of
from lstm_edge.frontend.graph.nodes import needed
from lstm_edge.frontend.rewrite.quantized.grids import Array, Grid, dequantize, make_grid
from lstm_edge.frontend.rewrite.quantized.values import Factor, Live, Product, Stored, alike

_MOVES = "Transpose Reshape Squeeze Unsqueeze Flatten Gather Slice Split Identity Expand MaxPool"
MOVES = frozenset(_MOVES.split())
"""Operators that give numbers of their first input as they are, in other places."""

_ARITHMETIC = frozenset(("Add", "Sub", "Mul", "Div"))
_LINEAR = frozenset(("MatMul", "Gemm", "Conv"))

_INTERVALS: Mapping[str, tuple[float, float]] = {
    "Sigmoid": (0.0, 1.0),
    "HardSigmoid": (0.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Softsign": (-1.0, 1.0),
    "Relu": (0.0, math.inf),
}
"""Where the results of some operators lie."""

_EVERYWHERE = (-math.inf, math.inf)


@dataclass
class Flow:
    """`nodes`: the new graph so far. `names`: tensors that are now known under another name.

    data: tensors that depend on an input of the graph. raw: those that are an input but for
    their places and constant arithmetic; linear: those that are a product with weights but for the
    same; waiting: other results of constant arithmetic, for which weights that follow are needed.
    left_out: a range at which the file saturates and the new graph does not, and the tensor's name.
    """

    sketch: Graph
    varying: set[str]
    data: frozenset[str]
    raw: set[str]
    linear: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    nodes: list[NodeProto] = field(default_factory=list)
    stored: dict[str, Stored] = field(default_factory=dict)
    factors: dict[str, Factor] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    left_out: tuple[str, float, float] | None = None
    rounded: bool = False

    @classmethod
    def of(cls, sketch: Graph) -> Flow:
        """The start of a reading."""
        inputs = {i.name for i in sketch.inputs}
        data = set(inputs)
        for node in sketch.nodes:
            if not data.isdisjoint(node.input):
                data.update(name for name in node.output if name)
        return cls(sketch, set(inputs), frozenset(data), inputs)

    def constant(self, node: NodeProto, k: int) -> Array | None:
        """Input `k` where it depends on constants only."""
        name = input_of(node, k)
        return None if not name or name in self.varying else self.sketch.constant(name)

    def keep(self, node: NodeProto) -> None:
        """Take a node over as it is, but for tensors that are known under another name."""
        copy = NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = [self.names.get(name, name) for name in node.input]
        plain = node.domain in ("", "ai.onnx") and node.op_type in FOLDABLE
        if not plain or not self.varying.isdisjoint(node.input):
            self.varying.update(name for name in node.output if name)
        self._put(copy)

    def emit(
        self,
        source: NodeProto,
        op: str,
        inputs: Iterable[str],
        outputs: Iterable[str] = (),
        copied: Iterable[AttributeProto] = (),
    ) -> str:
        """Add a node in the place of `source`; returns the name of its first output."""
        names = list(outputs) or [self.sketch.fresh(op.lower())]
        read = [self.names.get(name, name) for name in inputs]
        label = source.name or next(iter(source.output))
        self.varying.update(name for name in names if name)
        node = helper.make_node(op, read, names, name=label)
        node.attribute.extend(copied)
        self._put(node)
        return names[0]

    def rename(self, source: NodeProto, value: str) -> None:
        """The output of `source` is the tensor `value`."""
        self.emit(source, "Identity", [value], [source.output[0]])
        self.names[source.output[0]] = self.names.get(value, value)

    def _put(self, node: NodeProto) -> None:
        self.nodes.append(node)
        outputs = [name for name in node.output if name]
        if node.op_type in _INTERVALS:
            self.intervals[outputs[0]] = _INTERVALS[node.op_type]
        elif node.op_type == "LSTM" and "activations" not in attributes_of(node):
            self.intervals.update(dict.fromkeys(node.output[:2], (-1.0, 1.0)))
        elif node.op_type in MOVES and node.input[0] in self.intervals:
            self.intervals.update(dict.fromkeys(outputs, self.intervals[node.input[0]]))
        if node.op_type in _LINEAR:
            self.linear.update(outputs)
        computed = [name for name in node.input if name in self.varying]
        if node.op_type in MOVES | _ARITHMETIC and len(computed) == 1:
            for kind in (self.raw, self.linear, self.waiting):
                kind.update(outputs if computed[0] in kind else ())
            if node.op_type in _ARITHMETIC and computed[0] not in self.linear:
                self.waiting.update(outputs)

    def saturate(self, source: NodeProto, value: str, grid: Grid) -> str:
        """`value` within the range of a grid, unless it is known to be.

        onnxruntime's quantizer leaves out a Relu or a Clip before a range that does the same, so a
        range may be the only trace of one. Left out is what would part a product from its bias, or
        arithmetic from the weights that it is folded into: no activation is lost there.
        """
        self.rounded = True
        value = self.names.get(value, value)
        low, high = grid.bounds()
        least, largest = self.intervals.get(value, _EVERYWHERE)
        step = float(grid.scale.reshape(()))
        below, above = least < low - step, largest > high + step
        if not below and not above:
            return value
        parts = value in self.waiting or self._before_bias(source)
        if parts and (low < 0 < high or value in self.raw):
            self.left_out = self.left_out or (value, low, high)
            return value
        bounds = {"min": low if below else None, "max": high if above else None}
        clipped = self._clip(source, value, bounds)
        self.intervals[clipped] = (max(low, least), min(high, largest))
        return clipped

    def _before_bias(self, source: NodeProto) -> bool:
        """True where all that is done with the result of a node is arithmetic with constants."""
        users = self.sketch.users(source.output[0])
        while users and all(user.op_type == "DequantizeLinear" for user in users):
            users = [u for user in users for u in self.sketch.users(user.output[0])]
        return bool(users) and all(self._with_constant(user) for user in users)

    def _with_constant(self, node: NodeProto) -> bool:
        computed = [name for name in node.input if name in self.data]
        known = node.op_type.removeprefix("QLinear") in _ARITHMETIC
        return known and len(computed) == 1

    def _clip(self, source: NodeProto, value: str, bounds: Mapping[str, float | None]) -> str:
        names = [
            "" if bound is None else self.sketch.add_constant(np.asarray(bound, np.float32))
            for bound in bounds.values()
        ]
        return self.emit(source, "Clip", [value, *names])

    def grid(
        self, node: NodeProto, scale: int, zero: int, default: str = "", axis: int = 1
    ) -> Grid | Live | None:
        """The grid in two inputs of a node; None where it is neither constant nor Live.

        default: numpy's name of the type of an absent zero point.
        """
        numbers = self.constant(node, scale)
        if numbers is None:
            name = input_of(node, scale)
            return Live(name, input_of(node, zero)) if name in self.factors else None
        zeros = self.constant(node, zero)
        if zeros is None:
            if input_of(node, zero):
                return None
            zeros = np.zeros(numbers.shape, default or "uint8")
        block = int(number_of(node, "block_size", 0))
        return make_grid(label_of(node), numbers, zeros, axis, block)

    def real(self, node: NodeProto, at: tuple[int, int, int], axis: int = 1) -> str | None:
        """The float tensor in inputs (integers, scale, zero point) of a node; None if unknown.

        Raises ModelError where the integers were stored at another grid than they are read at.
        """
        name = input_of(node, at[0])
        array = self.numbers(node, at, axis)
        if array is not None:
            return self.sketch.add_constant(array)
        stored = self.stored.get(name)
        if stored is None:
            return None
        known = stored.grid.zero.dtype.name if isinstance(stored.grid, Grid) else ""
        if not alike(stored.grid, self.grid(node, at[1], at[2], known, axis)):
            raise ModelError(
                label_of(node),
                f"reads {name!r} with another scale or zero point than it was stored with; "
                "quantize the model again, or export the float model",
            )
        return stored.value

    def numbers(self, node: NodeProto, at: tuple[int, int, int], axis: int = 1) -> Array | None:
        """What constant integers in inputs (integers, scale, zero point) stand for."""
        array = self.constant(node, at[0])
        if array is None:
            return None
        grid = self.grid(node, at[1], at[2], array.dtype.name, axis)
        return dequantize(label_of(node), array, grid) if isinstance(grid, Grid) else None

    def finish(self) -> None:
        """Give the new graph to the sketch, without what nothing reads, and warn."""
        self.sketch.nodes = needed(self.nodes, [o.name for o in self.sketch.outputs])[0]
        if self.rounded:
            self.sketch.warnings.append(
                "the file is quantized: its weights keep their values, its activations are rounded "
                "by lstm-edge and not as in the file; score it on labels, with verify --labels"
            )
        if self.left_out is not None:
            name, low, high = self.left_out
            self.sketch.warnings.append(
                "ranges at which the file's quantized activations saturate are left out, as "
                f"[{low:.3g}, {high:.3g}] of {name!r}, which arithmetic with constants goes on "
                "with; export the float model where outputs differ"
            )


def input_of(node: NodeProto, k: int) -> str:
    """The name of input `k`, "" where it is absent."""
    return node.input[k] if k < len(node.input) else ""


def number_of(node: NodeProto, name: str, default: float) -> float:
    """An attribute that is one number; onnx's checker does not know onnxruntime's operators."""
    value = attributes_of(node).get(name, default)
    if not isinstance(value, int | float):
        raise ModelError(label_of(node), f"attribute {name} is no number")
    return value
