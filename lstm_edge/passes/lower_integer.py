"""The equations in integers: formats, scales and the operations of `numerics.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_edge import ir, numerics
from lstm_edge.formats import FLOAT32, Format, fixed, fraction_bits, saturated, signed_bits
from lstm_edge.ir.expr import Expr, walk
from lstm_edge.ir.model import DenseOverTime, Floats, LastStep, Layer, Model, Port
from lstm_edge.ir.program import Program, State, Value
from lstm_edge.passes import fixed_point as fp
from lstm_edge.passes import tables
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.input_formats import (
    InputFormat,
    calibrated_format,
    drawn_format,
    reading_weights,
)
from lstm_edge.passes.lower import Place, lower
from lstm_edge.passes.lower_affine import (
    Operand,
    emit_rows,
    quantize_rows,
    requantize,
    sharing_groups,
)

MARGIN = 1.1
"""Share by which a calibrated range is widened where nothing bounds a value."""
BOUND_SLACK = 4.0
"""A proved bound up to this factor above the calibrated range is used in its place."""
CELL_MARGIN = 8.0
"""The int32 cell state has room for this many times the calibrated range, and for +-32 at least."""
CELL_MARGIN_16_BITS = 2.0


@dataclass(frozen=True)
class Options:
    """Widths in bits: activations 8, 12 or 16; cell_state 16 or 32."""

    activations: int = 12
    cell_state: int = 32


class IntegerRules:
    """Chooses formats from proved bounds where they are close, from calibration elsewhere."""

    scheme = "int8"

    def __init__(self, model: Model, ranges: Ranges, options: Options) -> None:
        self.builder = Builder()
        self.model = model
        self.ranges = ranges
        self.options = options
        self.inputs: dict[str, InputFormat] = {}
        self.multiplied = multiplied_tensors(model)
        self.seen_as: dict[str, str] = {}
        """Value name -> its name in the float program, where the two differ."""

    def input(self, port: Port, features: int) -> Value:
        chosen = self._input_format(port.tensor, features)
        self.inputs[port.tensor] = chosen
        storage = "int8" if chosen.bits == 8 else "int16"
        return self.builder.value(
            port.tensor, features, saturated(1.0, chosen.bits, storage), f"input {port.name}"
        )

    def _input_format(self, tensor: str, features: int) -> InputFormat:
        columns, recurrent = reading_weights(self.model, tensor)
        activations = self.options.activations
        if not len(columns):
            columns = np.zeros(features)
        if not self.ranges.from_data:
            return drawn_format(columns, activations)
        hidden_unit = 2.0 ** (1 - activations)
        balanced = hidden_unit * float(recurrent.max()) if len(recurrent) else 0.0
        low, high = self.ranges.low[tensor], self.ranges.high[tensor]
        return calibrated_format(low, high, columns, balanced, activations)

    def state(self, layer: Layer, name: str, units: int) -> Value:
        seen = f"{layer.name}.{name}"
        chosen = self._state_format(layer, name)
        return self.builder.value(seen, units, chosen, f"{name} of the last step")

    def _state_format(self, layer: Layer, name: str) -> Format:
        largest = self.ranges.largest(f"{layer.name}.{name}")
        if self._is_multiplied(layer, name):
            return self._activation_format(largest, _proved_bound(layer, name))
        if self.options.cell_state == 16:
            reach = max(largest * CELL_MARGIN_16_BITS, 1.0)
            return saturated(2.0 ** (_bits_above(reach) - 15), 16)
        reach = max(largest * CELL_MARGIN, 32.0)
        return saturated(2.0 ** (_bits_above(reach) - 31), 32)

    def _is_multiplied(self, layer: Layer, result: str) -> bool:
        tensor = layer.outputs.get(result)
        if tensor is not None and tensor in self.multiplied:
            return True
        return any(
            operand.kind == "state" and operand.name == result
            for e in walk(*layer.cell.results.values())
            if e.kind == "affine"
            for operand in e.args
        )

    def _activation_format(self, largest: float, bound: float) -> Format:
        """Format of a vector that enters a matrix product; see NUMERICS: bound before range."""
        bits = self.options.activations
        if bits == 8:
            reach = min(max(largest, 2.0**-10) * MARGIN, bound)
            return saturated(reach / 127.0, 8)
        if bound <= BOUND_SLACK * largest or bound <= 1.0:
            unit = 2.0 ** (_bits_above(bound) + 1 - bits)
            limit = 2 ** (bits - 1) if bits < 16 else 2 ** (bits - 1) - 1
            return Format("int16", unit, -limit, limit)
        unit = 2.0 ** (_bits_above(max(largest, 2.0**-10) * MARGIN) + 1 - bits)
        return saturated(unit, min(bits + 2, 16), "int16")

    def expression(self, node: Expr, args: list[Value], place: Place) -> Value:
        b, name, comment = self.builder, place.name, place.comment
        match node.kind:
            case "affine":
                return self._affine(node, args, place)
            case "param":
                numbers = place.layer.params[node.name].astype(np.float64)
                return fp.constant_vector(b, name, numbers)
            case "constant":
                return fp.constant_vector(b, name, np.array([node.value]))
            case "mul":
                return fp.multiply(b, args[0], args[1], name, comment)
            case "add" | "sub":
                return fp.add_or_subtract(b, node.kind, args[0], args[1], name, comment)
            case "apply":
                return self._apply(node.name, self._unpacked(args[0], name), name, comment)
            case _:
                return self._softmax(node.kind, self._unpacked(args[0], name), place)

    def _unpacked(self, value: Value, name: str) -> Value:
        """A model input as fixed point with one scale; anything else as it is."""
        chosen = self.inputs.get(value.name)
        if chosen is None:
            return fp.as_fixed(self.builder, value, f"{name}_in")
        return fp.unpack_input(self.builder, value, chosen.scale, chosen.zero_point, f"{name}_in")

    def _affine(self, node: Expr, args: list[Value], place: Place) -> Value:
        layer = place.layer
        args = [self._storable(v, place) for v in args]
        bias = layer.params[node.name].astype(np.float64)
        prefix = f"{layer.name}.{node.name.removeprefix('b_')}"
        operands = tuple(
            self._operand(v, f"{layer.name}.{m}", layer.params[m].astype(np.float64))
            for v, m in zip(args, node.matrices, strict=True)
        )
        groups = sharing_groups(operands)
        parts = []
        for k, group in enumerate(groups):
            last = k == len(groups) - 1
            rows = quantize_rows(
                group,
                bias if last else np.zeros_like(bias),
                self._moments(group, operands),
                f"{layer.source or layer.name}, gate {node.name.removeprefix('b_')}",
            )
            suffix = "" if len(groups) == 1 else f"_{group[0].matrix.rsplit('.', 1)[1]}"
            name, gate = f"{place.name}{suffix}", f"{prefix}{suffix}"
            parts.append(emit_rows(self.builder, group, rows, name, place.comment, gate))
        total = parts[0]
        for part in parts[1:]:
            total = fp.add_or_subtract(self.builder, "add", total, part, place.name, place.comment)
        return total

    def _operand(self, value: Value, matrix: str, weights: Any) -> Operand:
        chosen = self.inputs.get(value.name)
        if chosen is None:
            scale = np.full(value.length, value.format.scale)
            zero_point = np.zeros(value.length, np.int64)
        else:
            scale, zero_point = chosen.scale, chosen.zero_point
        return Operand(value, matrix, weights, scale, zero_point, value.format.magnitude)

    def _moments(self, group: tuple[Operand, ...], operands: tuple[Operand, ...]) -> Any:
        """Calibrated moments of the group's part of the operands; None without data."""
        if not self.ranges.from_data:
            return None
        key = tuple(self.seen_as.get(o.value.name, o.value.name) for o in operands)
        return self.ranges.moments[key].select(
            [o.value.length for o in operands], [operands.index(o) for o in group]
        )

    def _storable(self, value: Value, place: Place) -> Value:
        """An operand of a matrix product in at most 16 bits."""
        if value.name in self.inputs or value.format.storage != "int32":
            return value
        seen = self.seen_as.get(value.name, value.name)
        largest = self.ranges.largest(seen)
        bound = value.format.magnitude * value.format.scale
        stored = self._convert(value, self._activation_format(largest, bound), f"{seen}_stored")
        self.seen_as[stored.name] = seen
        return stored

    def _apply(self, function: str, value: Value, name: str, comment: str) -> Value:
        b = self.builder
        if function == "relu":
            high = max(value.format.high, 0)
            fmt = Format("int32", value.format.scale, max(value.format.low, 0), high)
            return b.emit("at_least", name, (value,), fmt, n=0, comment=comment)
        doubled = 1 if function == "tanh" else 0
        fraction = min(max(fp.fraction_of(value), 6), 18)
        p = fp.with_fraction(b, value, fraction, f"{name}_in")
        entries = b.constant("sigmoid_table", tables.sigmoid_table())
        n = fraction + tables.SIGMOID_RANGE_BITS + 1 - 9 - doubled
        if function == "sigmoid":
            q15 = fixed(15, 1, 32767, "int32")
            return b.emit("table", name, (p,), q15, table=entries, n=n, comment=comment)
        half = b.emit(
            "table",
            f"{name}_half",
            (p,),
            Format("int32", 1.0, 1, 32767),
            table=entries,
            n=n,
            comment="sigmoid(2x), tanh(x) = 2 sigmoid(2x) - 1",
        )
        twice = b.emit("shift", f"{name}_twice", (half,), Format("int32", 1.0, 2, 65534), n=-1)
        one = b.vector("one_q15", np.array([32768]), Format("int32", 1.0, 32768, 32768))
        q15 = fixed(15, -32766, 32766, "int32")
        return b.emit("sub", name, (twice, one), q15, comment=comment)

    def _softmax(self, kind: str, x: Value, place: Place) -> Value:
        """Softmax or its logarithm; below_largest enters the exponential's table as d + 8."""
        b, layer = self.builder, place.layer.name
        x = fp.with_fraction(b, x, min(fp.fraction_of(x), 18), f"{layer}.in")
        x = fp.shift_right(
            b, x, max(0, signed_bits(x.format.low, x.format.high) - 30), f"{layer}.x"
        )
        fraction = fp.fraction_of(x)
        low, high = x.format.low, x.format.high
        largest = b.emit("max", f"{layer}.largest", (x,), x.format, length=1)
        span = fixed(fraction, low - high, high - low, "int32")
        below = b.emit("sub", f"{layer}.below_largest", (x, largest), span)
        argument = fp.add_or_subtract(
            b,
            "add",
            below,
            fp.constant_vector(b, "exp_offset", np.array([tables.EXP_OFFSET])),
            f"{layer}.argument",
            "",
        )
        entries_of_exp = tables.exp_table()
        entries = b.constant("exp_table", entries_of_exp)
        n = fp.fraction_of(argument) + tables.EXP_RANGE_BITS + 1 - 9
        power = b.emit(
            "table",
            f"{layer}.exponential",
            (argument,),
            fixed(15, 0, 32767, "int32"),
            table=entries,
            n=n,
        )
        top = int(numerics.table(np.array(256 << n), entries_of_exp, n))
        most = 32767 * x.length
        total = b.emit("sum", f"{layer}.sum", (power,), fixed(15, 0, most, "int32"), length=1)
        total = b.emit(
            "at_least",
            f"{layer}.total",
            (total,),
            fixed(15, top, most, "int32"),
            n=top,
            comment="the largest unit alone gives this much",
        )
        if kind == "softmax":
            return self._normalized(power, total, place)
        return self._log_normalized(below, total, place)

    def _normalized(self, power: Value, total: Value, place: Place) -> Value:
        b, layer = self.builder, place.layer.name
        most, numerator = 32767, 32767 * total.format.low
        least = numerator // total.format.high
        top = b.vector(
            "softmax_numerator", np.array([numerator]), Format("int32", 1.0, numerator, numerator)
        )
        reciprocal = b.emit(
            "divide",
            f"{layer}.reciprocal",
            (top, total),
            Format("int32", 1.0, least, most),
            length=1,
        )
        scale = 1.0 / numerator
        product = b.emit(
            "mul", f"{layer}.scaled", (power, reciprocal), Format("int32", scale, 0, 32767 * most)
        )
        return fp.shift_right(b, product, 15, place.name)

    def _log_normalized(self, below: Value, total: Value, place: Place) -> Value:
        b, layer = self.builder, place.layer.name
        entries = b.constant("log_table", tables.log_table())
        high = int(np.log(float(total.format.high)) * 2**15) + 2
        logarithm = b.emit(
            "log",
            f"{layer}.log_total",
            (total,),
            fixed(15, 0, high, "int32"),
            table=entries,
            length=1,
        )
        unit = fp.constant_vector(b, "log_unit", np.array([np.log(32767.0)]))
        shifted = fp.add_or_subtract(b, "sub", logarithm, unit, f"{layer}.log_sum", "")
        return fp.add_or_subtract(b, "sub", below, shifted, place.name, "")

    def result(self, value: Value, result: str, place: Place) -> Value:
        layer = place.layer
        if result in layer.cell.states:
            stored = self._convert(value, self._state_format(layer, result), f"{place.name}_stored")
        elif self._is_multiplied(layer, result):
            stored = self._storable(value, place)
        else:
            return value
        self.seen_as[stored.name] = place.name
        return stored

    def _convert(self, value: Value, target: Format, name: str) -> Value:
        """The value in the target's scale, within its range, in its storage."""
        b = self.builder
        fraction = fraction_bits(target.scale)
        if fraction is None:
            return fp.rescale(b, value, target, name)
        value = fp.as_fixed(b, value, name)
        short = fraction - fp.fraction_of(value)
        bits = signed_bits(target.low, target.high - 1)
        if short > 0:
            value = fp.saturate(b, value, bits - short, f"{name}_sat")
            value = fp.shift_left(b, value, short, name)
        else:
            value = fp.shift_right(b, value, -short, name)
        if value.format.low < target.low or value.format.high > target.high:
            value = fp.saturate(b, value, bits, f"{name}_sat")
        return b.store(value, target)

    def initial(self, layer: Layer, name: str, state: Value) -> Floats:
        given = layer.initial.get(name)
        real = np.zeros(state.length) if given is None else given.astype(np.float64)
        stored = np.floor(real / state.format.scale + 0.5)
        return np.clip(stored, state.format.low, state.format.high).astype(np.int64)

    def dense_over_time(self, node: DenseOverTime, x: Value) -> Value:
        b = self.builder
        steps, units, features = node.weights.shape
        x = self._storable(x, Place(_no_layer(node), node.name, ""))
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
            (before, x),
            reach,
            length=units,
            bias=b.constant(f"{node.name}.bias", rows.bias),
            matrices=(b.constant(f"{node.name}.W", np.stack(rows.matrices)),),
            comment="sum += W[step] x",
        )
        b.close_block(node.name, True)
        b.states.append(State(before.name, after.name, np.zeros(units, np.int64), True))
        result = requantize(b, after, rows, f"{node.name}.y", node.name)
        b.close_block(node.name, False)
        return result

    def port(self, port: Port, value: Value, per_step: bool) -> ir.program.Port:
        chosen = self.inputs.get(value.name)
        if chosen is None:
            scale = np.full(value.length, value.format.scale)
            zero_point = np.zeros(value.length, np.int64)
        else:
            scale, zero_point = chosen.scale, chosen.zero_point
        return ir.program.Port(
            port.name, value.name, port.axes, port.shape, per_step, scale, zero_point
        )


def _no_layer(node: DenseOverTime) -> Layer:
    from lstm_edge.layers.dense import dense

    return Layer(node.name, dense(), {}, {})


def _bits_above(reach: float) -> int:
    """Smallest n with reach <= 2**n."""
    return int(np.ceil(np.log2(reach)))


def _proved_bound(layer: Layer, state: str) -> float:
    """A bound on a state from its equation alone: 1 for o * tanh(c), infinite where none."""
    return _bound(layer.cell.results[state], {})


def _bound(node: Expr, known: dict[int, float]) -> float:
    if node.kind == "apply":
        return 1.0 if node.name in ("sigmoid", "tanh") else float("inf")
    if node.kind == "mul":
        return _bound(node.args[0], known) * _bound(node.args[1], known)
    if node.kind == "constant":
        return abs(node.value)
    return float("inf")


def multiplied_tensors(model: Model) -> frozenset[str]:
    """Tensors that a matrix product reads, directly or as their last step."""
    found: set[str] = set()
    for node in reversed(model.nodes):
        if isinstance(node, DenseOverTime):
            found.add(node.input)
        elif isinstance(node, LastStep):
            if node.output in found:
                found.add(node.input)
        else:
            for e in walk(*node.cell.results.values()):
                if e.kind == "affine":
                    found.update(node.inputs[a.name] for a in e.args if a.kind == "input")
    return frozenset(found)


def lower_integer(model: Model, ranges: Ranges, options: Options) -> Program:
    """The int8 program of a model, its formats chosen from `ranges`."""
    described = {"activations": options.activations, "cell_state": options.cell_state}
    return lower(model, IntegerRules(model, ranges, options), described)


__all__ = ["FLOAT32", "IntegerRules", "Options", "lower_integer", "multiplied_tensors"]
