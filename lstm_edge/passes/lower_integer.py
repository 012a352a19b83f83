"""The equations in integers: the operations of `operations/`, in formats chosen beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lstm_edge import ir
from lstm_edge.choices import Scheme
from lstm_edge.formats import Format, fits, fixed, signed_bits
from lstm_edge.ir.expr import Expr, walk
from lstm_edge.ir.model import Concat, DenseOverTime, Floats, Layer, Model, Port, Slice
from lstm_edge.ir.program import LOAD, ONCE, Program, Settings, State, Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.choose_formats import choose_formats
from lstm_edge.passes.correspond import with_meanings
from lstm_edge.passes.entering import Product
from lstm_edge.passes.fixed.arithmetic import add_or_subtract, compare, multiply
from lstm_edge.passes.fixed.over_time import mean, slide, within
from lstm_edge.passes.fixed.rescale import as_fixed, convert
from lstm_edge.passes.fixed.shifts import constant_vector, fraction_of, width, with_fraction
from lstm_edge.passes.formats import Chosen, Formats
from lstm_edge.passes.initial import with_derived_initials
from lstm_edge.passes.lower import Place, cut, lower, tapped
from lstm_edge.passes.lower_affine import requantize
from lstm_edge.passes.lower_function import lower_function
from lstm_edge.passes.lower_input import Inputs
from lstm_edge.passes.lower_layer_norm import lower_layer_norm
from lstm_edge.passes.lower_lookup import Table, lower_lookup
from lstm_edge.passes.lower_product import Products
from lstm_edge.passes.lower_softmax import lower_softmax
from lstm_edge.passes.moments import Moments
from lstm_edge.passes.multiplied import multiplied
from lstm_edge.passes.options import Options
from lstm_edge.passes.prune import prune
from lstm_edge.passes.readers import matrices_behind
from lstm_edge.passes.round_products import Rounding
from lstm_edge.passes.sweeps import Turn


@dataclass(frozen=True)
class Lowered:
    """An integer program, and the matrix products that it has."""

    program: Program
    products: tuple[Product, ...]


class IntegerRules:
    """The rules of `lower.py` for integers."""

    def __init__(self, model: Model, formats: Formats, rounding: Rounding) -> None:
        self.scheme: Scheme = "fixed" if formats.options.power_of_two else "int8"
        self.builder = Builder()
        self.model, self.formats, self.reads = model, formats, multiplied(model)
        self.inputs = Inputs()
        self.seen_as: dict[str, str] = {}
        """Value name -> its name in the float program, where the two differ."""
        self.products = Products(self.builder, self.inputs, rounding, self.seen_as, self._storable)
        self.states: set[str] = set()
        self.narrow: dict[str, Value] = {}
        """Wide value -> the activation that stands for it in matrix products."""

    def input(self, port: Port, features: int) -> Value:
        """A model input in its own scales; elementwise use unpacks it first."""
        chosen = self.formats.inputs[port.tensor]
        if not port.limit:
            self.inputs.formats[port.tensor] = chosen.format
        return self._declared(port.tensor, features, chosen, f"input {port.name}")

    def _declared(self, name: str, length: int, chosen: Chosen, comment: str) -> Value:
        """An input or a state in its format."""
        self.builder.chosen[name] = chosen.why
        return self.builder.value(name, length, chosen.format, comment)

    def _converted(self, value: Value, chosen: Chosen, name: str) -> Value:
        """A value in another format."""
        made = convert(self.builder, value, chosen.format, name)
        self.builder.chosen[made.name] = chosen.why
        return made

    def state(self, layer: Layer, name: str, units: int, inputs: Mapping[str, Value]) -> Value:
        """A state in the format that it is kept in. One that is also mixed unit by unit, as a
        GRU's h, is kept twice: wide, and as the activation that matrix products read.
        """
        seen, comment = f"{layer.name}.{name}", f"{name} of the last step"
        self.states.add(seen)
        if layer.cell.windowed:
            x = next(iter(inputs.values()))
            grows = layer.cell.results[name].kind == "add"
            return self._declared(seen, units, self._running(x, grows), f"{name} so far")
        wide = self._declared(seen, units, self.formats.states[seen], comment)
        if seen not in self.formats.narrow:
            return wide
        activation = self.formats.narrow[seen]
        narrow = self._declared(f"{seen}_narrow", units, activation, f"{comment}, rounded")
        self.narrow[seen] = narrow
        self.seen_as[narrow.name] = seen
        return wide

    def expression(self, node: Expr, args: list[Value], place: Place) -> Value:
        """Operations of one node."""
        b, name = self.builder, place.name
        if node.kind == "affine":
            return self.products.affine(node, args, place)
        if node.kind == "param":
            numbers = place.layer.params[node.name].astype(np.float64)
            return constant_vector(b, name, numbers)
        if node.kind == "lookup":
            return self._lookup(node, args[0], place)
        if node.kind == "constant":
            return constant_vector(b, name, np.array([node.value]))
        if node.kind == "within":
            first, second = (
                self.inputs.unpacked(b, v, f"{name}_{k}") for k, v in enumerate(args[:2])
            )
            return within(b, [first, second, args[2]], name, place.comment)
        if node.kind == "tap":
            return self._cut(args[0], tapped(node, place, args[0]), name)
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
            case "argmax":
                indices = fixed(0, 0, args[0].length - 1, "int32")
                return b.emit("argmax", name, (args[0],), indices, length=1, comment=comment)
            case "mean_over_steps":
                return mean(b, args[0], place.length, name, comment)
            case "apply":
                return self._curve(node, as_fixed(b, args[0], name), place)
            case "layer_norm":
                return lower_layer_norm(b, as_fixed(b, args[0], name), node.value, name)
            case _:
                x = as_fixed(b, args[0], name)
                fixed_scales = self.formats.options.power_of_two
                return lower_softmax(b, node.kind, x, place.layer.name, name, fixed_scales)

    def _curve(self, node: Expr, x: Value, place: Place) -> Value:
        """A function. A gate whose complement is used as well, as in `(1 - z) * n + z * h`, has the
        resolution of that: the two must sum up to 1, or the mean is none.
        """
        value = lower_function(self.builder, node.name, x, place.name, place.comment)
        every = walk(*place.layer.cell.results.values())
        if any(e.kind == "sub" and node in e.args for e in every):
            self.builder.centred.pop(value.name, None)
        return value

    def _lookup(self, node: Expr, ids: Value, place: Place) -> Value:
        """A row of a table in the activation format that holds all of the table."""
        table = place.layer.params[node.name].astype(np.float64)
        layer = place.layer
        matrix = f"{layer.name}.{node.name}"
        target = self.formats.tables[matrix]
        met = [m.T @ m for m in matrices_behind(self.model, table)]
        rows = Table(matrix, table, sum(met), self.products.rounding.scheme(layer.name))
        value = lower_lookup(self.builder, ids, int(node.value), rows, target.format, place.name)
        self.builder.chosen[value.name] = target.why
        self.seen_as[value.name] = place.name
        return value

    def _factors(self, args: list[Value], name: str) -> tuple[Value, Value]:
        """Two factors of which one has 16 bits: of two wide ones, the one that is no state is cut
        to its calibrated range.
        """
        x, y = args
        if min(width(x), width(y)) <= 16 or {x.name, y.name} & self.builder.constants.keys():
            return x, y
        cut, other = (x, y) if y.name in self.states else (y, x)
        factor = self.formats.factor(self.seen_as.get(cut.name, cut.name))
        return (x, y) if factor is None else (self._converted(cut, factor, f"{name}_factor"), other)

    def _storable(self, value: Value, layer: str) -> Value:
        """An operand of a matrix product in at most 16 bits, as many as `layer` wants."""
        if value.name in self.narrow:
            return self.narrow[value.name]
        if value.name in self.inputs.formats or value.format.storage != "int32":
            return value
        seen = self.seen_as.get(value.name, value.name)
        bound = value.format.magnitude * value.format.unit
        chosen = self.formats.activation(seen, bound, layer)
        target = chosen.format
        if value.format.unit > target.unit and fits(value.format, target):
            return self.builder.store(value, replace(value.format, storage=target.storage))
        stored = self._converted(value, chosen, f"{seen}_stored")
        self.seen_as[stored.name] = seen
        return stored

    def result(self, value: Value, result: str, place: Place) -> Value:
        """A state, or what a matrix product reads, in its stored format; anything else as it is."""
        layer, name = place.layer, f"{place.name}_stored"
        if value.name in self.inputs.origins:
            return value
        given = value
        value = self.inputs.unpacked(self.builder, given, place.name)
        if value is not given:
            self.seen_as[value.name] = place.name
        if layer.cell.windowed:
            stored = convert(self.builder, value, self._format_of(layer, result), name)
            self.seen_as[stored.name] = place.name
            return stored
        seen = f"{layer.name}.{result}"
        if seen in self.formats.narrow:
            return self._mixed(value, result, place)
        if seen in self.formats.states:
            stored = self._converted(value, self.formats.states[seen], name)
        elif self.reads.result(layer, result):
            stored = self._storable(value, layer.name)
        else:
            return value
        self.seen_as[stored.name] = place.name
        return stored

    def _mixed(self, value: Value, result: str, place: Place) -> Value:
        """Both forms of a state that is kept twice."""
        b, layer, seen = self.builder, place.layer, f"{place.layer.name}.{result}"
        wide = self._converted(value, self.formats.states[seen], f"{place.name}_stored")
        narrow = self._converted(wide, self.formats.narrow[seen], f"{place.name}_narrow")
        before = self.narrow[seen]
        self.narrow[wide.name] = narrow
        self.seen_as |= {wide.name: place.name, narrow.name: place.name}
        initial = self.initial(layer, result, before)
        given = self._narrow_given(layer, b.values[seen], before)
        b.states.append(State(before.name, narrow.name, initial, given=given))
        return wide

    def _format_of(self, layer: Layer, state: str) -> Format:
        return self.builder.values[f"{layer.name}.{state}"].format

    def _running(self, x: Value, grows: bool) -> Chosen:
        """The format of a reduction over time of x: as fine as x where int32 holds all steps."""
        scale, zero_point = self.inputs.meaning(x)
        most = (x.format.magnitude + np.abs(zero_point)) * np.abs(scale)
        return self.formats.running(float(most.max()), float(np.abs(scale).min()), grows)

    def _narrow_given(self, layer: Layer, wide: Value, narrow: Value) -> str:
        """The narrow form of a state that a caller sets by the wide one."""
        b = self.builder
        given = Value(given_name(wide), wide.length, wide.format)
        with b.apart(layer.name, LOAD):
            if wide.format == narrow.format:
                bits = signed_bits(wide.format.low, wide.format.high)
                name, fmt = given_name(narrow), narrow.format
                return b.emit("saturate", name, (given,), fmt, n=bits).name
            return convert(b, given, narrow.format, given_name(narrow)).name

    def initial(self, layer: Layer, name: str, state: Value) -> Floats:
        """The given values in the state's format, or zeros."""
        given = layer.initial.get(name)
        numbers = np.zeros(1) if given is None else given.astype(np.float64)
        stored = np.floor(np.broadcast_to(numbers, (state.length,)) / state.format.unit + 0.5)
        return np.clip(stored, state.format.low, state.format.high).astype(np.int64)

    def given(self, layer: Layer, name: str, state: Value) -> str:
        """A state is set in its own format."""
        comment = f"{name}, set by the caller"
        return self.builder.value(given_name(state), state.length, state.format, comment).name

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
        if self.reads.only(node.output):
            self.products.joined[name] = parts
            return Value(name, length, Format("int16"))
        parts = [self.inputs.unpacked(b, v, f"{node.name}.part{k}") for k, v in enumerate(parts)]
        if len({part.format.unit for part in parts}) > 1:
            parts = [as_fixed(b, v, f"{node.name}.part{k}") for k, v in enumerate(parts)]
            coarsest = min(fraction_of(v) for v in parts)
            parts = [
                with_fraction(b, v, coarsest, f"{node.name}.part{k}") for k, v in enumerate(parts)
            ]
        low, high = min(v.format.low for v in parts), max(v.format.high for v in parts)
        joined = Format("int32", parts[0].format.unit, low, high)
        return b.emit("concat", name, tuple(parts), joined, length=length)

    def part(self, node: Slice, x: Value) -> Value:
        """In the operand's own format, or scales; of a value that is kept twice, both forms."""
        name, features = f"{node.name}.y", range(node.begin, node.end)
        value = self._cut(x, features, name)
        if x.name in self.narrow and node.output in self.reads.tensors:
            self.narrow[name] = self._cut(self.narrow[x.name], features, f"{name}_narrow")
            self.seen_as[self.narrow[name].name] = name
        return value

    def _cut(self, x: Value, features: range, name: str) -> Value:
        """Some features of a vector; of a model input, with their scales."""
        whole = self.inputs.formats.get(x.name)
        value = cut(self.builder, self.inputs.origin(x), features, name)
        if whole is not None:
            self.inputs.formats[value.name] = whole.take(np.arange(features.start, features.stop))
        return value

    def recent(self, layer: Layer, x: Value, kernel: int, ends: int) -> Value:
        """Vectors as they are stored, what pads them before the first."""
        pad = float(layer.initial.get("recent", np.zeros(1))[0])
        padded = layer.window is not None and (layer.window.left or layer.window.right)
        if padded and pad == 0.0 and not self.inputs.holds_zero(x):
            unpacked = self.inputs.unpacked(self.builder, x, f"{layer.name}.x")
            self.seen_as[unpacked.name] = x.name
            x = unpacked
        if any(e.kind == "affine" for e in walk(*layer.cell.results.values())):
            x = self._storable(x, layer.name)
        first = np.tile(self.inputs.stored(x, pad), kernel)
        chosen = self.inputs.formats.get(x.name)
        vectors = slide(self.builder, layer.name, self.inputs.origin(x), first, ends)
        if chosen is not None:
            places = np.tile(np.arange(x.length), kernel)
            self.inputs.formats[vectors.name] = chosen.take(places)
        return vectors

    def dense_over_time(self, node: DenseOverTime, x: Value, turn: Turn) -> Value:
        """A running sum of products, and its requantization after the last step."""
        x = self._storable(x, node.name)
        after, rows = self.products.over_time(node, x)
        self.builder.close_block(node.name, turn.sweep, turn.clock)
        result = requantize(self.builder, after, rows, f"{node.name}.y", node.name)
        self.seen_as[result.name] = after.name
        self.builder.close_block(node.name, ONCE)
        return result

    def port(self, port: Port, value: Value, per_step: bool) -> ir.program.Port:
        """Scale and zero point of an input or output."""
        scale, zero_point = self.inputs.meaning(value)
        stored = self.inputs.origin(value).name
        return ir.program.Port(
            port.name, stored, port.axes, port.shape, per_step, scale, zero_point, port.limit
        )


def given_name(state: Value) -> str:
    """The name of the value that sets a state."""
    return f"{state.name}_given"


def lowered(
    model: Model,
    ranges: Ranges,
    options: Options,
    entering: Mapping[str, tuple[Moments, ...]] | None = None,
) -> Lowered:
    """The integer program of a model, its formats chosen from `ranges`, and its matrix products.

    entering: by first matrix of a product, what enters it in a program made before.
    """
    settings = Settings(options.activations, options.cell_state, options.weights)
    formats = choose_formats(model, ranges, options)
    rules = IntegerRules(model, formats, Rounding(ranges, options, entering or {}))
    program = with_derived_initials(prune(lower(model, rules, settings)))
    program = with_meanings(program, rules.seen_as, ranges, rules.inputs.formats)
    chosen = {name: why for name, why in rules.builder.chosen.items() if name in program.values}
    return Lowered(replace(program, chosen=chosen), tuple(rules.products.rounding.products))


def lower_integer(model: Model, ranges: Ranges, options: Options) -> Program:
    """The integer program of a model, its weights rounded on what calibration saw."""
    return lowered(model, ranges, options).program
