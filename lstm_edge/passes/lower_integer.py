"""The equations in integers: the operations of `operations/`, in formats chosen beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from lstm_edge import ir
from lstm_edge.choices import Scheme
from lstm_edge.formats import fixed
from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import Concat, DenseOverTime, Floats, Layer, Model, Node, Port, Slice
from lstm_edge.ir.program import ONCE, Program, Settings, Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.choose_formats import choose_formats
from lstm_edge.passes.correspond import with_meanings
from lstm_edge.passes.decisions import OPTIONS, Decisions
from lstm_edge.passes.entering import Product
from lstm_edge.passes.fixed.arithmetic import add_or_subtract, compare, multiply, select, total
from lstm_edge.passes.fixed.over_time import mean, within
from lstm_edge.passes.fixed.rescale import as_fixed
from lstm_edge.passes.fixed.shifts import constant_vector, weight_vector, width
from lstm_edge.passes.fixed.whole import whole
from lstm_edge.passes.formats import Formats
from lstm_edge.passes.initial import with_derived_initials
from lstm_edge.passes.lower import (
    Place,
    lower,
    own_result,
    restart,
    tapped,
)
from lstm_edge.passes.lower_affine import requantize
from lstm_edge.passes.lower_function import lower_fine_sigmoid, lower_function
from lstm_edge.passes.lower_input import compared, scaled, unpacked
from lstm_edge.passes.lower_layer_norm import lower_layer_norm
from lstm_edge.passes.lower_lookup import Table, lower_lookup
from lstm_edge.passes.lower_open import OPEN_CURVES, Open
from lstm_edge.passes.lower_places import (
    alike,
    concatenated,
    cut_number,
    joined,
    step_of,
    taken_number,
    window,
)
from lstm_edge.passes.lower_product import Products
from lstm_edge.passes.lower_softmax import lower_fine_softmax, lower_softmax
from lstm_edge.passes.lower_spectrum import Spectra
from lstm_edge.passes.lower_state import States, first_value
from lstm_edge.passes.moments import Moments
from lstm_edge.passes.moves import in_memory, known_numbers, numbered
from lstm_edge.passes.multiplied import multiplied
from lstm_edge.passes.numbers import Integer, Joined, Kept, Number, number, wide
from lstm_edge.passes.options import Options
from lstm_edge.passes.prune import prune
from lstm_edge.passes.readers import matrices_behind
from lstm_edge.passes.round_products import Change, Rounding
from lstm_edge.passes.shown import shown_curves
from lstm_edge.passes.storing import Storing
from lstm_edge.passes.sweeps import Turn


@dataclass(frozen=True)
class Lowered:
    """An integer program, the matrix products that it has, and what rounding changed in them."""

    program: Program
    products: tuple[Product, ...]
    changes: Mapping[str, Change]


class IntegerRules:
    """The rules of `lower.py` for integers."""

    def __init__(self, model: Model, formats: Formats, rounding: Rounding) -> None:
        self.scheme: Scheme = "fixed" if formats.options.power_of_two else "int8"
        self.builder = Builder(formats.decisions)
        self.model, self.formats, self.reads = model, formats, multiplied(model)
        self.storing = Storing(self.builder, formats)
        self.states = States(self.storing, self.reads)
        self.shown = shown_curves(model)
        self.products = Products(self.builder, self.storing, rounding)
        self.open = Open(self.storing)
        self.spectra = Spectra(self.storing, model)

    def input(self, port: Port, features: int) -> Number:
        """A model input in its own scales; elementwise use unpacks it first."""
        chosen = self.formats.inputs[port.tensor]
        value = self.storing.declared(port.tensor, features, chosen, f"input {port.name}")
        return number(value) if port.limit else self.storing.packed(value, chosen.format)

    def state(
        self, layer: Node[Layer], name: str, units: int, inputs: Mapping[str, Integer]
    ) -> Integer:
        """A state in the format, or the two, that it is kept in."""
        return self.states.state(layer, name, units, inputs)

    def restarted(self, state: Integer, first: Floats) -> Number:
        """At the first step of a window what it starts from."""
        return number(restart(self.builder, wide(state).value, first))

    def expression(self, node: Expr, args: list[Integer], place: Place) -> Integer:
        """Operations of one node; its value is the node's in the float program, by any name."""
        found = self._expression(node, args, place)
        plain = isinstance(found, Number) and found.packed is None and found.raised is None
        renamed = plain and wide(found).real == found.name
        if not renamed or node.kind == "take":
            return found
        return found if found.name == place.name else self.storing.seen_as(wide(found), place.name)

    def _expression(self, node: Expr, args: list[Integer], place: Place) -> Integer:
        b, name = self.builder, place.name
        spectral = self.spectra.expression(node, args, place)
        if spectral is not None:
            return spectral
        args = [self.spectra.raised.settled(x, f"{name}_{k}_settled") for k, x in enumerate(args)]
        if node.kind == "affine":
            return self.products.affine(node, [self._in_memory(x) for x in args], place)
        known = known_numbers(node, place.layer.op)
        if known is not None:
            made = constant_vector if node.kind == "constant" else weight_vector
            return number(made(b, name, known.astype(np.float64)))
        if node.kind == "take":
            return taken_number(self.storing, args[0], node.units, name)
        if node.kind == "join":
            parts = [self._in_memory(x) for x in args]
            return joined(self.storing, parts, node, place.layer, name)
        if node.kind == "step":
            return number(numbered(b, int(node.value), name, place.comment))
        operands = [wide(x) for x in args]
        if node.kind == "lookup":
            return self._lookup(node, operands[0].value, place)
        if node.kind == "within":
            ends = [self._fixed(x, f"{name}_{k}") for k, x in enumerate(operands[:2])]
            return number(within(b, [*ends, operands[2].value], name, place.comment))
        if node.kind == "tap":
            features = tapped(node, place, operands[0])
            return cut_number(self.storing, operands[0], features, name)
        found = scaled(node, operands[0], place)
        return self._elementwise(node, operands, place) if found is None else found

    def _in_memory(self, x: Integer) -> Integer:
        """Also of a constant, where operands of products and parts are."""
        if x.name not in self.builder.constants:
            return x
        return number(in_memory(self.builder, wide(x).value, x.name))

    def _fixed(self, x: Number, name: str) -> Value:
        """What elementwise operations read: of a model input one scale."""
        return unpacked(self.builder, x, name).value

    def _elementwise(self, node: Expr, operands: list[Number], place: Place) -> Number:
        b, name, comment = self.builder, place.name, place.comment
        if node.kind == "select":
            operands = [*compared(b, operands[0], operands[1], name), *operands[2:]]
        numbers = [unpacked(b, x, f"{name}_{k}") for k, x in enumerate(operands)]
        args = [x.value for x in numbers]
        match node.kind:
            case "mul":
                x, y = self._factors(numbers[0], numbers[1], name)
                if not place.layer.op.cell.limited:
                    return multiply(b, x, y, name, comment)
                product = multiply(b, x, y, name, comment, lifts=True)
                return self.open.limited(product, place)
            case "divide":
                divisor = replace(numbers[1], real=operands[1].real)
                return self.open.quotient(numbers[0], divisor, place)
            case "apply" if node.name in OPEN_CURVES:
                operand = replace(numbers[0], real=operands[0].real)
                return self.open.curve(node.name, operand, place)
            case "add" | "sub":
                lost = (numbers[0].lost, numbers[1].lost)
                return number(add_or_subtract(b, node.kind, args[0], args[1], name, comment, lost))
            case "floor" | "nearest":
                return whole(b, node.kind, args[0], name, comment)
            case "apply":
                return self._curve(node, as_fixed(b, args[0], name), place)
            case _:
                return number(self._vector(node, args, place))

    def _vector(self, node: Expr, args: list[Value], place: Place) -> Value:
        """What is done with values and nothing else that is known of them."""
        b, name, comment = self.builder, place.name, place.comment
        match node.kind:
            case "larger" | "smaller" | "above":
                return compare(b, node.kind, args[0], args[1], name, comment)
            case "select":
                return select(b, args, name, comment)
            case "total":
                return total(b, args[0], name, comment)
            case "largest":
                fmt = args[0].format
                return b.emit("max", name, (args[0],), fmt, length=1, comment=comment)
            case "argmax":
                indices = fixed(0, 0, args[0].length - 1, "int32")
                return b.emit("argmax", name, (args[0],), indices, length=1, comment=comment)
            case "mean_over_steps":
                return mean(b, args[0], place.length, name, comment)
            case "layer_norm":
                return lower_layer_norm(b, as_fixed(b, args[0], name), node.value, name)
            case _ if (place.layer.name, node) in self.shown:
                return lower_fine_softmax(b, as_fixed(b, args[0], name), place.inner, name)
            case _:
                x = as_fixed(b, args[0], name)
                fixed_scales = self.formats.options.power_of_two
                return lower_softmax(b, node.kind, x, place.inner, name, fixed_scales)

    def _curve(self, node: Expr, x: Value, place: Place) -> Number:
        """A function. A gate whose complement is used as well, as in `(1 - z) * n + z * h`, has the
        resolution of that: the two must sum up to 1, or the mean is none.
        """
        if (place.layer.name, node) in self.shown:
            return number(lower_fine_sigmoid(self.builder, x, place.name, place.comment))
        found = lower_function(self.builder, node.name, x, place.name, place.comment)
        readers = place.layer.op.cell.readers.get(id(node), ())
        both = any(e.kind == "sub" for e in readers)
        return replace(found, centred=None) if both else found

    def _lookup(self, node: Expr, ids: Value, place: Place) -> Number:
        """A row of a table in the activation format that holds all of the table."""
        table = place.layer.op.params[node.name].astype(np.float64)
        layer = place.layer
        matrix = f"{layer.name}.{node.name}"
        target = self.formats.tables[matrix]
        met = [m.T @ m for m in matrices_behind(self.model, table)]
        rows = Table(matrix, table, sum(met), self.products.rounding.scheme(layer.name))
        value = lower_lookup(self.builder, ids, int(node.value), rows, target.format, place.name)
        self.builder.chosen[value.name] = target.why
        return self.storing.seen_as(number(value), place.name)

    def _factors(self, x: Number, y: Number, name: str) -> tuple[Number, Number]:
        """Two factors of which one has 16 bits: of two wide ones, the one that is no state is cut
        to its calibrated range.
        """
        if min(width(x.value), width(y.value)) <= 16 or self.builder.constants.keys() & {
            x.name,
            y.name,
        }:
            return x, y
        cut, other = (x, y) if y.is_state else (y, x)
        factor = self.formats.factor(cut.real)
        if factor is None:
            return x, y
        return self.storing.converted(cut, factor, f"{name}_factor"), other

    def result(self, value: Integer, result: str, place: Place) -> Integer:
        """A state, or what a matrix product reads, in its stored format; what an output shows of a
        curve beside that.
        """
        raised = self.spectra.result(value, result, place)
        if isinstance(raised, Number) and raised.raised is not None:
            return raised
        value = value if raised is None else raised
        stored = self.states.result(self._own_result(value, place), result, place)
        shown = (place.layer.name, place.layer.op.cell.results[result]) in self.shown
        if not shown or not isinstance(stored, Number) or stored.value is wide(value).value:
            return stored
        return Kept(wide(value), stored)

    def _own_result(self, given: Integer, place: Place) -> Integer:
        """As `own_result`; a model's input is unpacked for it."""
        x = wide(given)
        if x.packed is not None:
            return given
        own = own_result(self.builder, x.value, x.real, place)
        return given if own.name == x.name else self.storing.seen_as(number(own), place.name)

    def initial(self, layer: Node[Layer], name: str, state: Integer) -> Floats:
        """The given values in the state's format, or zeros."""
        return first_value(layer, name, wide(state).value)

    def given(self, layer: Node[Layer], name: str, state: Integer) -> str:
        """A state is set in its own format."""
        return self.states.given(name, wide(state).value)

    def begun(
        self, layer: Node[Layer], name: str, state: Integer, first: Integer, before: int
    ) -> str:
        """A state begins in its own formats."""
        return self.states.begun(layer, state, first, before)

    def step_at(self, name: str, value: Integer, n: int) -> Number:
        """The value of one step, unchanged."""
        return step_of(self.storing, wide(value), n, f"{name}.y")

    def concat(self, node: Node[Concat], parts: list[Integer]) -> Integer:
        """All parts in one format, or where only matrix products read them, none at all."""
        name = f"{node.name}.y"
        if self.reads.only(node.outputs["y"]):
            return Joined(name, tuple(parts))
        return concatenated(self.builder, [wide(x) for x in parts], f"{node.name}.part", name)

    def part(self, node: Node[Slice], x: Integer) -> Integer:
        """In the operand's own format, or scales; of a value that is kept twice, both forms."""
        name, features = f"{node.name}.y", range(node.op.begin, node.op.end)
        value = cut_number(self.storing, wide(x), features, name)
        if not isinstance(x, Kept) or node.outputs["y"] not in self.reads.tensors:
            return value
        narrow = cut_number(self.storing, x.narrow, features, f"{name}_narrow")
        return Kept(value, self.storing.seen_as(narrow, name))

    def recent(self, layer: Node[Layer], x: Integer, kernel: int, ends: int, node: Expr) -> Number:
        """Vectors as they are stored, what pads them before the first."""
        x = alike(self.storing, x) if node.positions > 1 else x
        return window(self.storing, layer, x, kernel, ends, node)

    def dense_over_time(self, node: Node[DenseOverTime], x: Integer, turn: Turn) -> Number:
        """A running sum of products, and its requantization after the last step."""
        stored = wide(self.storing.storable(x, node.name))
        after, rows = self.products.over_time(node, stored)
        self.builder.close_block(node.name, turn.sweep, turn.clock)
        result = requantize(self.builder, after, rows, f"{node.name}.y", node.name)
        self.builder.close_block(node.name, ONCE, before=turn.before)
        return self.storing.seen_as(number(result), after.name)

    def port(self, port: Port, value: Integer, per_step: bool) -> ir.program.Port:
        """Scale and zero point of an input or output."""
        shown = wide(value)
        scale, zero_point = shown.meaning()
        return ir.program.Port(
            port.name,
            shown.name,
            port.axes,
            port.shape,
            per_step,
            scale,
            zero_point,
            port.limit,
            port.before,
            port.kind,
            port.every,
        )


def lowered(
    model: Model,
    ranges: Ranges,
    options: Options,
    entering: Mapping[str, tuple[Moments, ...]] | None = None,
    known: Mapping[str, Any] | None = None,
) -> Lowered:
    """The integer program of a model, its formats chosen from `ranges`, and its matrix products.

    entering: by first matrix of a product, what enters it in a program made before. known: the
    decisions of a program whose code is to stay.
    """
    settings = Settings(options.activations, options.cell_state, options.weights)
    decisions = Decisions(options.updatable, known)
    formats = choose_formats(model, ranges, options, decisions)
    rounding = Rounding(ranges, options, entering or {}, decisions)
    rules = IntegerRules(model, formats, rounding)
    program = with_derived_initials(prune(lower(model, rules, settings)))
    program = with_meanings(program, rules.storing.stands_for, ranges)
    chosen = {name: why for name, why in rules.builder.chosen.items() if name in program.values}
    made = {OPTIONS: asdict(options), **decisions.made} if options.updatable else {}
    program = replace(program, chosen=chosen, decisions=made)
    return Lowered(program, tuple(rounding.products), rounding.changes)


def lower_integer(model: Model, ranges: Ranges, options: Options) -> Program:
    """The integer program of a model, its weights rounded on what calibration saw."""
    return lowered(model, ranges, options).program
