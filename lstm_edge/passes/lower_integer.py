"""The equations in integers: the operations of `numerics.py`, in formats chosen beforehand."""

from __future__ import annotations

import numpy as np

from lstm_edge import ir
from lstm_edge.formats import Format, saturated
from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import Concat, DenseOverTime, Floats, Layer, Model, Port
from lstm_edge.ir.program import ONCE, Program, State, Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.calibrate import Moments, Ranges
from lstm_edge.passes.choose_formats import FormatChoice, Options, multiplied_tensors
from lstm_edge.passes.fixed.arithmetic import add_or_subtract, compare, multiply
from lstm_edge.passes.fixed.rescale import as_fixed, convert
from lstm_edge.passes.fixed.shifts import constant_vector, fraction_of, width, with_fraction
from lstm_edge.passes.lower import Place, lower
from lstm_edge.passes.lower_affine import (
    Doubles,
    Operand,
    emit_rows,
    quantize_rows,
    requantize,
    sharing_groups,
)
from lstm_edge.passes.lower_function import lower_function
from lstm_edge.passes.lower_input import Inputs
from lstm_edge.passes.lower_layer_norm import lower_layer_norm
from lstm_edge.passes.lower_softmax import lower_softmax


class IntegerRules:
    """The rules of `lower.py` for integers."""

    scheme = "int8"

    def __init__(self, model: Model, ranges: Ranges, options: Options) -> None:
        self.builder = Builder()
        self.ranges = ranges
        self.choice = FormatChoice(model, ranges, options, multiplied_tensors(model))
        self.inputs = Inputs()
        self.seen_as: dict[str, str] = {}
        """Value name -> its name in the float program, where the two differ."""
        self.joined: dict[str, list[Value]] = {}
        """Value that is only the operand of matrix products -> the parts that stand for it."""
        self.states: set[str] = set()
        self.narrow: dict[str, Value] = {}
        """Wide value -> the activation that stands for it in matrix products."""

    def input(self, port: Port, features: int) -> Value:
        """A model input in its own scales; elementwise use unpacks it first."""
        chosen = self.choice.of_input(port.tensor, features)
        self.inputs.formats[port.tensor] = chosen
        storage = "int8" if chosen.bits == 8 else "int16"
        stored = saturated(1.0, chosen.bits, storage)
        return self.builder.value(port.tensor, features, stored, f"input {port.name}")

    def state(self, layer: Layer, name: str, units: int) -> Value:
        """A state in the format that it is kept in. One that is also mixed unit by unit, as a
        GRU's h, is kept twice: wide, and as the activation that matrix products read.
        """
        seen, comment = f"{layer.name}.{name}", f"{name} of the last step"
        self.states.add(seen)
        if not self.choice.is_mixed(layer, name):
            return self.builder.value(seen, units, self.choice.of_state(layer, name), comment)
        wide = self.builder.value(seen, units, self.choice.of_mixed(layer, name), comment)
        activation = self.choice.of_state(layer, name)
        narrow = self.builder.value(f"{seen}_narrow", units, activation, f"{comment}, rounded")
        self.narrow[seen] = narrow
        self.seen_as[narrow.name] = seen
        return wide

    def expression(self, node: Expr, args: list[Value], place: Place) -> Value:
        """Operations of one node."""
        b, name = self.builder, place.name
        if node.kind == "affine":
            return self._affine(node, args, place)
        if node.kind == "param":
            numbers = place.layer.params[node.name].astype(np.float64)
            return constant_vector(b, name, numbers)
        if node.kind == "constant":
            return constant_vector(b, name, np.array([node.value]))
        scaled = self.inputs.scaled(node, args, place)
        return self._elementwise(node, args, place) if scaled is None else scaled

    def _elementwise(self, node: Expr, args: list[Value], place: Place) -> Value:
        b, name, comment = self.builder, place.name, place.comment
        args = [self.inputs.unpacked(b, v, f"{name}_{k}") for k, v in enumerate(args)]
        match node.kind:
            case "mul":
                x, y = self._factors(args, name)
                return multiply(b, x, y, name, comment)
            case "add" | "sub":
                return add_or_subtract(b, node.kind, args[0], args[1], name, comment)
            case "larger" | "smaller" | "above":
                return compare(b, node.kind, args[0], args[1], name, comment)
            case "apply":
                return lower_function(b, node.name, as_fixed(b, args[0], name), name, comment)
            case "layer_norm":
                return lower_layer_norm(b, as_fixed(b, args[0], name), node.value, name)
            case _:
                x = as_fixed(b, args[0], name)
                return lower_softmax(b, node.kind, x, place.layer.name, name)

    def _factors(self, args: list[Value], name: str) -> tuple[Value, Value]:
        """Two factors of which one has 16 bits: of two wide ones, the one that is no state is cut
        to its calibrated range.
        """
        x, y = args
        if min(width(x), width(y)) <= 16 or {x.name, y.name} & self.builder.constants.keys():
            return x, y
        cut, other = (x, y) if y.name in self.states else (y, x)
        seen = self.seen_as.get(cut.name, cut.name)
        if seen not in self.ranges.low:
            return x, y
        factor = self.choice.of_factor(self.ranges.largest(seen))
        return convert(self.builder, cut, factor, f"{name}_factor"), other

    def _affine(self, node: Expr, args: list[Value], place: Place) -> Value:
        layer = place.layer
        args = [self._storable(v) for v in args]
        key = tuple(self.seen_as.get(v.name, v.name) for v in args)
        bias = layer.params[node.name].astype(np.float64)
        prefix = f"{layer.name}.{node.name.removeprefix('b_')}"
        operands = tuple(
            operand
            for v, m in zip(args, node.matrices, strict=True)
            for operand in self._operands(
                v, f"{layer.name}.{m}", layer.params[m].astype(np.float64)
            )
        )
        groups = sharing_groups(operands)
        parts = []
        for k, group in enumerate(groups):
            last = k == len(groups) - 1
            rows = quantize_rows(
                group,
                bias if last else np.zeros_like(bias),
                self._moments(key, group, operands),
                f"{layer.source or layer.name}, gate {node.name.removeprefix('b_')}",
            )
            suffix = "" if len(groups) == 1 else f"_{group[0].matrix.rsplit('.', 1)[1]}"
            name, gate = f"{place.name}{suffix}", f"{prefix}{suffix}"
            parts.append(emit_rows(self.builder, group, rows, name, place.comment, gate))
        total = parts[0]
        for part in parts[1:]:
            total = add_or_subtract(self.builder, "add", total, part, place.name, place.comment)
        return total

    def _operands(self, value: Value, matrix: str, weights: Doubles) -> list[Operand]:
        """A factor, or the parts of a joined one with their columns: each keeps its own scale."""
        parts = self.joined.get(value.name)
        if parts is None:
            return [self._operand(value, matrix, weights)]
        found, start = [], 0
        for k, part in enumerate(parts):
            columns = weights[:, start : start + part.length]
            found += self._operands(self._storable(part), f"{matrix}_{k}", columns)
            start += part.length
        return found

    def _operand(self, value: Value, matrix: str, weights: Doubles) -> Operand:
        scale, zero_point = self.inputs.meaning(value)
        value = self.inputs.origin(value)
        return Operand(value, matrix, weights, scale, zero_point, value.format.magnitude)

    def _moments(
        self, key: tuple[str, ...], group: tuple[Operand, ...], operands: tuple[Operand, ...]
    ) -> Moments | None:
        """Calibrated moments of the group's part of the operands; None without data."""
        if not self.ranges.from_data:
            return None
        return self.ranges.moments[key].select(
            [o.value.length for o in operands], [operands.index(o) for o in group]
        )

    def _storable(self, value: Value) -> Value:
        """An operand of a matrix product in at most 16 bits."""
        if value.name in self.narrow:
            return self.narrow[value.name]
        if value.name in self.inputs.formats or value.format.storage != "int32":
            return value
        seen = self.seen_as.get(value.name, value.name)
        largest = self.ranges.largest(seen)
        bound = value.format.magnitude * value.format.scale
        stored = convert(
            self.builder, value, self.choice.of_activation(largest, bound), f"{seen}_stored"
        )
        self.seen_as[stored.name] = seen
        return stored

    def result(self, value: Value, result: str, place: Place) -> Value:
        """A state, or what a matrix product reads, in its stored format; anything else as it is."""
        layer, name = place.layer, f"{place.name}_stored"
        if value.name in self.inputs.origins:
            return value
        value = self.inputs.unpacked(self.builder, value, place.name)
        if result in layer.cell.states and self.choice.is_mixed(layer, result):
            return self._mixed(value, result, place)
        if result in layer.cell.states:
            stored = convert(self.builder, value, self.choice.of_state(layer, result), name)
        elif self.choice.is_multiplied(layer, result):
            stored = self._storable(value)
        else:
            return value
        self.seen_as[stored.name] = place.name
        return stored

    def _mixed(self, value: Value, result: str, place: Place) -> Value:
        """Both forms of a state that is kept twice."""
        b, layer, seen = self.builder, place.layer, f"{place.layer.name}.{result}"
        wide = convert(b, value, self.choice.of_mixed(layer, result), f"{place.name}_stored")
        activation = self.choice.of_state(layer, result)
        narrow = convert(b, wide, activation, f"{place.name}_narrow")
        before = self.narrow[seen]
        self.narrow[wide.name] = narrow
        self.seen_as |= {wide.name: place.name, narrow.name: place.name}
        b.states.append(State(before.name, narrow.name, self.initial(layer, result, before)))
        return wide

    def initial(self, layer: Layer, name: str, state: Value) -> Floats:
        """The given values in the state's format, or zeros."""
        given = layer.initial.get(name)
        real = np.zeros(state.length) if given is None else given.astype(np.float64)
        stored = np.floor(real / state.format.scale + 0.5)
        return np.clip(stored, state.format.low, state.format.high).astype(np.int64)

    def step_at(self, name: str, value: Value, n: int) -> Value:
        """The value of one step, unchanged."""
        source = self.inputs.origin(value)
        step = self.builder.emit("step_at", f"{name}.y", (source,), source.format, n=n)
        if value.name in self.inputs.formats:
            self.inputs.formats[step.name] = self.inputs.formats[value.name]
        return step

    def concat(self, node: Concat, parts: list[Value]) -> Value:
        """All parts in the coarsest of their formats; where only matrix products read them, no
        operation at all: each part is an operand of its own.
        """
        b, name = self.builder, f"{node.name}.y"
        length = sum(part.length for part in parts)
        if self.choice.only_multiplied(node.output):
            self.joined[name] = parts
            return Value(name, length, Format("int16"))
        parts = [self.inputs.unpacked(b, v, f"{node.name}.part{k}") for k, v in enumerate(parts)]
        if len({part.format.scale for part in parts}) > 1:
            parts = [as_fixed(b, v, f"{node.name}.part{k}") for k, v in enumerate(parts)]
            coarsest = min(fraction_of(v) for v in parts)
            parts = [
                with_fraction(b, v, coarsest, f"{node.name}.part{k}") for k, v in enumerate(parts)
            ]
        low, high = min(v.format.low for v in parts), max(v.format.high for v in parts)
        joined = Format("int32", parts[0].format.scale, low, high)
        return b.emit("concat", name, tuple(parts), joined, length=length)

    def dense_over_time(self, node: DenseOverTime, x: Value, sweep: int) -> Value:
        """A running sum of products, and its requantization after the last step."""
        b = self.builder
        steps, units, _ = node.weights.shape
        x = self._storable(x)
        operands = tuple(
            self._operand(x, f"{node.name}.W{t}", node.weights[t].astype(np.float64))
            for t in range(steps)
        )
        source = node.source or node.name
        rows = quantize_rows(operands, node.bias.astype(np.float64), None, source)
        reach = Format("int32", 1.0, -rows.bound, rows.bound)
        before = b.value(f"{node.name}.sum", units, reach, "sum over the steps so far")
        after = b.emit(
            "matvec_over_time",
            f"{node.name}.sum_next",
            (before, self.inputs.origin(x)),
            reach,
            length=units,
            bias=b.constant(f"{node.name}.bias", rows.bias),
            matrices=(b.constant(f"{node.name}.W", np.stack(rows.matrices)),),
            comment="sum += W[step] x",
        )
        b.close_block(node.name, sweep)
        b.states.append(State(before.name, after.name, np.zeros(units, np.int64), True))
        result = requantize(b, after, rows, f"{node.name}.y", node.name)
        self.seen_as[result.name] = after.name
        b.close_block(node.name, ONCE)
        return result

    def port(self, port: Port, value: Value, per_step: bool) -> ir.program.Port:
        """Scale and zero point of an input or output."""
        scale, zero_point = self.inputs.meaning(value)
        stored = self.inputs.origin(value).name
        return ir.program.Port(
            port.name, stored, port.axes, port.shape, per_step, scale, zero_point
        )


def lower_integer(model: Model, ranges: Ranges, options: Options) -> Program:
    """The int8 program of a model, its formats chosen from `ranges`."""
    described = {"activations": options.activations, "cell_state": options.cell_state}
    return lower(model, IntegerRules(model, ranges, options), described)
