"""The same equations in float32: the reference, and the program of `--scheme float32`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lstm_edge import ir
from lstm_edge.choices import Scheme
from lstm_edge.formats import FLOAT32, fixed
from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import Concat, DenseOverTime, Floats, Layer, Model, Node, Port, Slice
from lstm_edge.ir.program import ONCE, Program, Settings, State, Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.lower import (
    REDUCTIONS,
    Place,
    integers,
    lower,
    own_result,
    restart,
    tapped,
)
from lstm_edge.passes.moves import (
    copied,
    cut,
    in_memory,
    known_numbers,
    numbered,
    slide_op,
    taken,
    windowed,
)
from lstm_edge.passes.prune import prune
from lstm_edge.passes.sweeps import Turn

LEAST_NORMAL = np.array([np.finfo(np.float32).tiny])
"""The logarithm of less is that of this number."""


class RealRules:
    """Every operation in float32; see `operations/`."""

    scheme: Scheme = "float32"

    def __init__(self) -> None:
        self.builder = Builder()

    def input(self, port: Port, features: int) -> Value:
        """A model input as it is."""
        fmt = integers(port) if port.limit else FLOAT32
        return self.builder.value(port.tensor, features, fmt, f"input {port.name}")

    def state(
        self, layer: Node[Layer], name: str, units: int, inputs: Mapping[str, Value]
    ) -> Value:
        """A state as it is."""
        return self.builder.value(
            f"{layer.name}.{name}", units, FLOAT32, f"{name} of the last step"
        )

    def restarted(self, state: Value, first: Floats) -> Value:
        """At the first step of a window what it starts from."""
        return restart(self.builder, state, first)

    def expression(self, node: Expr, args: list[Value], place: Place) -> Value:
        """One operation for each node, four for a softmax."""
        emit, params = self.builder.emit, place.layer.op.params
        name, comment = place.name, place.comment
        known = known_numbers(node, place.layer.op)
        if known is not None:
            with np.errstate(over="ignore"):  # which calibration finds, and says
                return self.builder.vector(name, known.astype(np.float32), FLOAT32)
        match node.kind:
            case "affine":
                return self._affine(node, args, place)
            case "tap" | "take" | "join":
                return self._moved(node, args, place)
            case "mean_over_steps":
                over = place.length
                return emit(node.kind, name, tuple(args), n=over.offset, count=over.stride)
            case "apply":
                return self._curve(node.name, args[0], place)
            case "lookup":
                table = params[node.name]
                return emit(
                    "lookup",
                    name,
                    tuple(args),
                    length=table.shape[1],
                    n=int(node.value),
                    matrices=(self.builder.constant(f"{place.layer.name}.{node.name}", table),),
                    comment=comment,
                )
            case "step" | "argmax" | "total" | "largest":
                return self._one_number(node, args, place)
            case "spectrum" | "power":
                return self._spectrum(node, args[0], place)
            case "softmax" | "log_softmax" | "layer_norm":
                return self._normalized(node, args[0], place)
            case kind:
                return emit(kind, name, tuple(args), comment=comment)

    def _affine(self, node: Expr, args: list[Value], place: Place) -> Value:
        b, params, layer = self.builder, place.layer.op.params, place.layer.name
        return b.emit(
            "matvec",
            place.name,
            tuple(in_memory(b, x, f"{place.name}_{k}") for k, x in enumerate(args)),
            length=len(params[node.name]) * node.positions,
            positions=node.positions,
            stride=node.stride,
            bias=b.constant(f"{layer}.{node.name}", params[node.name]),
            matrices=tuple(b.constant(f"{layer}.{m}", params[m]) for m in node.matrices),
            comment=place.comment,
        )

    def _one_number(self, node: Expr, args: list[Value], place: Place) -> Value:
        """The number of the step, or what all units are reduced to."""
        if node.kind == "step":
            return numbered(self.builder, int(node.value), place.name, place.comment)
        kind = REDUCTIONS[node.kind]
        fmt = fixed(0, 0, args[0].length - 1, "int32") if kind == "argmax" else FLOAT32
        return self.builder.emit(
            kind, place.name, tuple(args), fmt, length=1, comment=place.comment
        )

    def _spectrum(self, node: Expr, x: Value, place: Place) -> Value:
        """A frame's transform, or the power of one."""
        emit, comment = self.builder.emit, place.comment
        if node.kind == "power":
            return emit("power", place.name, (x,), length=x.length // 2, comment=comment)
        window = place.layer.op.params[node.name]
        bias = self.builder.constant(f"{place.layer.name}.{node.name}", window)
        frame = int(node.value)
        return emit(
            "rfft" if window.ndim == 1 else "rfft_of_sums",
            place.name,
            (x,),
            length=frame + 2,
            bias=bias,
            count=frame,
            stride=node.stride,
            comment=comment,
        )

    def _moved(self, node: Expr, args: list[Value], place: Place) -> Value:
        """Numbers as they are, at another place."""
        b, name = self.builder, place.name
        if node.kind == "tap":
            return cut(b, args[0], tapped(node, place, args[0]), name)
        if node.kind == "take":
            return taken(b, args[0], node.units, name)
        parts = tuple(in_memory(b, x, f"{name}_{k}") for k, x in enumerate(args))
        length = sum(part.length for part in parts)
        return b.emit("concat", name, parts, length=length, comment=place.comment)

    def _curve(self, function: str, x: Value, place: Place) -> Value:
        if function == "log":
            least = self.builder.vector("least_normal", LEAST_NORMAL, FLOAT32)
            x = self.builder.emit("larger", f"{place.name}_of", (x, least))
        return self.builder.emit(function, place.name, (x,), comment=place.comment)

    def _normalized(self, node: Expr, x: Value, place: Place) -> Value:
        if node.kind == "layer_norm":
            return self._layer_norm(node.value, x, place)
        return self._softmax(node.kind, x, place)

    def _softmax(self, kind: str, x: Value, place: Place) -> Value:
        emit = self.builder.emit
        inner = place.inner
        largest = emit("max", f"{inner}largest", (x,), length=1)
        below = emit("sub", f"{inner}below_largest", (x, largest))
        power = emit("exp", f"{inner}exponential", (below,))
        total = emit("sum", f"{inner}total", (power,), length=1)
        if kind == "softmax":
            return emit("divide", place.name, (power, total))
        logarithm = emit("log", f"{inner}log_total", (total,), length=1)
        return emit("sub", place.name, (below, logarithm))

    def _layer_norm(self, epsilon: float, x: Value, place: Place) -> Value:
        emit, vector, name = self.builder.emit, self.builder.vector, place.name
        count = vector(f"{name}_count", np.array([x.length], np.float32), FLOAT32)
        least = vector(f"{name}_epsilon", np.array([epsilon], np.float32), FLOAT32)
        total = emit("sum", f"{name}_sum", (x,), length=1)
        mean = emit("divide", f"{name}_mean", (total, count))
        distance = emit("sub", f"{name}_distance", (x, mean))
        square = emit("mul", f"{name}_square", (distance, distance))
        squares = emit("sum", f"{name}_squares", (square,), length=1)
        variance = emit("divide", f"{name}_variance", (squares, count))
        positive = emit("add", f"{name}_positive", (variance, least))
        factor = emit("rsqrt", f"{name}_factor", (positive,))
        return emit("mul", name, (distance, factor), comment=place.comment)

    def result(self, value: Value, result: str, place: Place) -> Value:
        """Float results are kept as they are."""
        return own_result(self.builder, value, value.name, place)

    def initial(self, layer: Node[Layer], name: str, state: Value) -> Floats:
        """The given values, or zeros."""
        given = layer.op.initial.get(name)
        numbers = np.zeros(1) if given is None else given
        return np.array(np.broadcast_to(numbers, (state.length,)), np.float32)

    def given(self, layer: Node[Layer], name: str, state: Value) -> str:
        """A state is set as it is."""
        return self.builder.given(state, "set").name

    def begun(self, layer: Node[Layer], name: str, state: Value, first: Value, before: int) -> str:
        """A state begins as it is."""
        with self.builder.apart(layer.name, ONCE, before):
            return copied(self.builder, first, f"{state.name}_begins").name

    def step_at(self, name: str, value: Value, n: int) -> Value:
        """The value of one step, unchanged."""
        return self.builder.emit("step_at", f"{name}.y", (value,), value.format, n=n)

    def concat(self, node: Node[Concat], parts: list[Value]) -> Value:
        """Nothing to convert."""
        length = sum(part.length for part in parts)
        return self.builder.emit("concat", f"{node.name}.y", tuple(parts), length=length)

    def part(self, node: Node[Slice], x: Value) -> Value:
        """Nothing to convert."""
        return cut(self.builder, x, range(node.op.begin, node.op.end), f"{node.name}.y")

    def recent(self, layer: Node[Layer], x: Value, kernel: int, ends: int, node: Expr) -> Value:
        """Vectors as they are, what pads them before the first."""
        b, length = self.builder, windowed(node, x.length, kernel)
        before = b.value(f"{layer.name}.recent", length, FLOAT32, "the last vectors")
        first = self.initial(layer, "recent", before)
        pad = b.vector(f"{layer.name}.pad", first[:1], FLOAT32)
        name = f"{layer.name}.recent_next"
        after = slide_op(b, node, (before, x, pad), FLOAT32, ends, name)
        b.states.append(State(before.name, after.name, first, accumulator=True))
        return after

    def dense_over_time(self, node: Node[DenseOverTime], x: Value, turn: Turn) -> Value:
        """A running sum over the steps."""
        builder = self.builder
        units = len(node.op.bias)
        before = builder.value(f"{node.name}.sum", units, FLOAT32, "sum over the steps so far")
        bias = builder.constant(f"{node.name}.b", node.op.bias)
        weights = builder.constant(f"{node.name}.W", node.op.weights)
        after = builder.emit(
            "matvec_over_time",
            f"{node.name}.sum_next",
            (before, x),
            length=units,
            bias=bias,
            matrices=(weights,),
            comment="sum += W[step] x",
        )
        builder.close_block(node.name, turn.sweep, turn.clock)
        initial = np.zeros(units, np.float32)
        builder.states.append(State(before.name, after.name, initial, accumulator=True))
        return after

    def port(self, port: Port, value: Value, per_step: bool) -> ir.program.Port:
        """Real numbers are stored as they are."""
        ones, zeros = np.ones(value.length), np.zeros(value.length, np.int64)
        return ir.program.Port(
            port.name,
            value.name,
            port.axes,
            port.shape,
            per_step,
            ones,
            zeros,
            port.limit,
            port.before,
            port.kind,
            port.every,
        )


def lower_real(model: Model, settings: Settings | None = None) -> Program:
    """The float32 program of a model."""
    return prune(lower(model, RealRules(), settings or Settings()))
