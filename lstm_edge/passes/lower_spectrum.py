"""Spectra in integers, and what is made of their power while it is in block floating point.

Power spans 60 dB and more between frames, and between the bins of one. So it is kept as mantissas
of 31 bits with an exponent of the frame; sums over bands, constants, logarithms and roots take it
so. All else reads it in one format, which is chosen from what calibration saw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import INT32_MAX, INT32_MIN, Format, fixed, fraction_bits
from lstm_edge.ir.expr import Expr, walk
from lstm_edge.ir.model import Layer, Model, Node, is_a
from lstm_edge.ir.program import Value
from lstm_edge.operations.call import Op
from lstm_edge.operations.spectrum import (
    BAND_PLACES,
    LOST_BITS,
    MOST_BAND_PLACES,
    MOST_PLACES,
    MOST_WEIGHT_BITS,
    rfft_reach,
    spans,
)
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.arithmetic import multiply
from lstm_edge.passes.fixed.rescale import as_fixed
from lstm_edge.passes.fixed.shifts import shift_left, width
from lstm_edge.passes.lower import Place
from lstm_edge.passes.lower_input import unpacked
from lstm_edge.passes.moves import known_numbers
from lstm_edge.passes.numbers import Integer, Number, Raised, number, wide
from lstm_edge.passes.raised import RaisedRules
from lstm_edge.passes.storing import Storing
from lstm_edge.rounding import Doubles, Ints

FACTOR_BITS = 15
"""Fractional bits of a factor whose largest magnitude is 1."""
MOST_READ = 4
"""How often bins are read where bands compute power themselves; more often it is computed once."""
COMMUTATIVE = ("add", "larger", "mul")
"""What raised numbers and a constant enter in either order."""


@dataclass(frozen=True)
class Spectra:
    """Writes into the builder of `storing`, whose formats know what calibration saw."""

    storing: Storing
    model: Model

    @property
    def raised(self) -> RaisedRules:
        """What is done with numbers in block floating point."""
        return RaisedRules(self.storing)

    @property
    def _builder(self) -> Builder:
        return self.storing.builder

    def expression(self, node: Expr, args: list[Integer], place: Place) -> Number | None:
        """The value of an expression of frames or of what is raised; None of any other."""
        node, args = _constant_last(node, args, place.layer)
        if node.kind in ("spectrum", "power"):
            operand = wide(self.raised.settled(args[0], f"{place.name}_settled"))
            made = self._transform if node.kind == "spectrum" else self._power
            return made(node, operand, place)
        x = args[0] if args else None
        if (
            not isinstance(x, Number)
            or x.raised is None
            or not stays_raised(node, node.args[0], place.layer)
        ):
            return None
        found = self._raised(node, x, args, place)
        if found.raised is None:
            return found
        self.storing.stands_for[found.name] = ""
        return replace(found, real=place.name)

    def _raised(self, node: Expr, x: Number, args: list[Integer], place: Place) -> Number:
        b, name, comment = self._builder, place.name, place.comment
        if node.kind == "affine":
            bias = place.layer.op.params[node.name]
            made = self._bands(node, x, place)
            return self.raised.bounded("add", made, bias, place) if np.any(bias) else made
        if node.kind == "apply":
            return self.raised.curve(node.name, x, place)
        if node.kind == "mul":
            constant = args[1]
            assert isinstance(constant, Number)
            known = known_numbers(node.args[1], place.layer.op)
            assert x.raised is not None
            assert known is not None
            gain = x.raised.gain * float(known[0])
            source = x.raised.spectrum if known.size == 1 else None
            raised = replace(x.raised, spectrum=source, gain=gain)
            return replace(multiply(b, x, constant, name, comment), raised=raised)
        known = known_numbers(node.args[1], place.layer.op)
        assert known is not None
        return self.raised.bounded(node.kind, x, known, place)

    def _transform(self, node: Expr, x: Number, place: Place) -> Number:
        """As many fractional bits as the window's largest sum leaves."""
        b, name = self._builder, place.name
        samples = self._samples(x, name)
        numbers = place.layer.op.params[node.name].astype(np.float64)
        sums = np.abs(np.atleast_2d(numbers)).sum(axis=0)
        window, unit = whole_factors(numbers, float(sums.max()))
        most = np.full(samples.length, samples.format.magnitude)
        frame = Op("rfft", name, (samples.name,), count=int(node.value), stride=node.stride)
        tried = (replace(frame, n=n) for n in range(1, 31))
        chosen = next(op for op in tried if rfft_reach(most, window, op) <= INT32_MAX)
        reach = rfft_reach(most, window, chosen)
        value = b.emit(
            "rfft" if window.ndim == 1 else "rfft_of_sums",
            name,
            (samples,),
            Format("int32", samples.format.unit * unit * 2.0**chosen.n, -reach, reach),
            length=chosen.count + 2,
            bias=b.constant(f"{place.layer.name}.{node.name}", window),
            n=chosen.n,
            count=chosen.count,
            stride=chosen.stride,
            comment=place.comment,
        )
        return number(value)

    def _samples(self, x: Number, name: str) -> Value:
        """A frame in 16 bits, with one scale that is a power of two."""
        packed = x.packed
        halves = packed is not None and packed.is_uniform and packed.storage == "int16"
        if packed is not None and halves and fraction_bits(packed.unit) is not None:
            return replace(x.value, format=packed)
        plain = unpacked(self._builder, x, f"{name}_x")
        if width(plain.value) > 16:
            chosen = self.storing.formats.factor(x.real)
            if chosen is not None:
                plain = self.storing.converted(plain, chosen, f"{name}_samples")
        value = as_fixed(self._builder, plain.value, f"{name}_frame")
        if value.format.stored_as == "int8":
            value = shift_left(self._builder, value, 16 - width(value), f"{name}_halves")
        return value

    def _power(self, _: Expr, x: Number, place: Place) -> Number:
        b, name = self._builder, place.name
        value = self._words(unpacked(b, x, f"{name}_x").value, name)
        bins = value.length // 2
        fmt = Format("int32", value.format.unit**2 * 2.0**32, 0, INT32_MAX)
        whole = b.emit(
            "raised_power", f"{name}_raised", (value,), fmt, length=bins + 1, comment=place.comment
        )
        mantissas = b.emit("slice", name, (whole,), fmt, length=bins, n=0, count=bins)
        ends = fixed(0, 0, MOST_PLACES, "int32")
        places = b.emit("slice", f"{name}_places", (whole,), ends, length=1, n=bins, count=1)
        self.storing.stands_for[mantissas.name] = ""
        return Number(mantissas, name, raised=Raised(places, 2, value))

    def _words(self, value: Value, name: str) -> Value:
        """A value that memory holds in int32, as called functions read it."""
        value = as_fixed(self._builder, value, f"{name}_fixed")
        if value.format.stored_as == "int32":
            return value
        return shift_left(self._builder, value, 31 - width(value), f"{name}_words")

    def _bands(self, node: Expr, x: Number, place: Place) -> Number:
        """Sums over bands, each of its own weights only."""
        b, raised = self._builder, x.raised
        assert raised is not None
        matrix = node.matrices[0]
        numbers = place.layer.op.params[matrix].astype(np.float64)
        if raised.spectrum is not None and _is_banded(numbers):
            return self._band_power(raised.spectrum, numbers * raised.gain, matrix, place)
        weights, unit = whole_factors(numbers, float(np.abs(numbers).max()))
        lost = max(1, int(np.abs(weights).sum(axis=1).max()).bit_length())
        low = INT32_MIN if weights.min() < 0 or x.value.format.low < 0 else 0
        words = self._words(x.value, place.name)
        fmt = Format("int32", words.format.unit * unit * 2.0**lost, low, INT32_MAX)
        value = b.emit(
            "bands",
            place.name,
            (words,),
            fmt,
            length=len(weights),
            bias=b.constant(f"{place.layer.name}.{matrix}", weights),
            n=lost,
            comment=place.comment,
        )
        return Number(value, place.name, raised=raised)

    def _band_power(self, spectrum: Value, numbers: Doubles, matrix: str, place: Place) -> Number:
        """Sums of power that are not made of rounded power, each with an exponent of its own. Each
        row has as fine weights as its sum lets it, by powers of 4.
        """
        b, name, rows = self._builder, place.name, len(numbers)
        largest = np.maximum(np.abs(numbers).max(axis=1), 2.0**-100)
        total = np.maximum(np.abs(numbers).sum(axis=1) * (1.0 + 2.0**-10), 2.0**-100)
        room = np.minimum(
            np.log2((2**15 - 1) / largest), np.log2((2**MOST_WEIGHT_BITS - 1) / total)
        )
        finest = np.floor(room)
        coarsest = finest.min()
        pairs = ((finest - coarsest) // 2).astype(np.int64)
        weights = np.floor(numbers * (2.0**coarsest * 4.0**pairs)[:, None] + 0.5).astype(np.int64)
        unit = spectrum.format.unit**2 * 2.0 ** (LOST_BITS - coarsest) * 4.0**BAND_PLACES
        low = INT32_MIN if weights.min() < 0 else 0
        fmt = Format("int32", unit, low, INT32_MAX)
        bias = b.constant(f"{place.layer.name}.{matrix}", weights)
        whole = b.emit(
            "band_power",
            f"{name}_raised",
            (spectrum,),
            replace(fmt, scale=1.0),
            length=2 * rows,
            bias=bias,
        )
        value = b.emit(
            "slice", name, (whole,), fmt, length=rows, n=0, count=rows, comment=place.comment
        )
        ends = fixed(0, 0, MOST_BAND_PLACES, "int32")
        places = b.emit("slice", f"{name}_places", (whole,), ends, length=rows, n=rows, count=rows)
        if pairs.any():
            more = fixed(0, 0, int(pairs.max()), "int32")
            finer = b.vector(f"{name}_finer", pairs, more)
            ends = fixed(0, 0, ends.high + more.high, "int32")
            places = b.emit("add", f"{name}_exponents", (places, finer), ends)
        return Number(value, name, raised=Raised(places, 2))

    def result(self, x: Integer, result: str, place: Place) -> Integer | None:
        """A raised result as it is where all that read it take it so, else settled; None of any
        other result.
        """
        if not isinstance(x, Number) or x.raised is None:
            return None
        tensor = place.layer.outputs.get(result, "")
        if result not in place.layer.op.cell.states and self._taken(tensor):
            return x
        return self.raised.settled(x, place.name)

    def _taken(self, tensor: str) -> bool:
        """True where layers read the tensor that take raised numbers, and nothing else does."""
        if any(port.tensor == tensor for port in self.model.outputs):
            return False
        for node in self.model.nodes:
            if tensor not in node.reads:
                continue
            if not is_a(node, Layer):
                return False
            names = {name for name, read in node.inputs.items() if read == tensor}
            if names & {*node.op.begins.values()}:
                return False
            readers = ((e, leaf) for leaf, e in _leaves(node) if leaf.name in names)
            if any(e is None or not stays_raised(e, leaf, node) for e, leaf in readers):
                return False
        return True


def _leaves(node: Node[Layer]) -> list[tuple[Expr, Expr | None]]:
    """Inputs of a cell, each with an expression that reads it; None of one that is a result."""
    cell = node.op.cell
    roots = [(root, None) for root in cell.results.values() if root.kind == "input"]
    read = [(a, e) for e in walk(*cell.results.values()) for a in e.args if a.kind == "input"]
    return [*roots, *read]


def stays_raised(node: Expr, operand: Expr, layer: Node[Layer]) -> bool:
    """True where an expression takes an operand in block floating point."""
    if node.kind == "affine" and node.positions > 1:
        return False  # bands are sums over all bins
    if node.kind == "affine":
        plain = len(node.args) == 1 and not np.any(layer.op.params[node.name])
        return plain or (len(node.args) == 1 and _is_banded(layer.op.params[node.matrices[0]]))
    if node.kind == "apply":
        return node.name in ("log", "sqrt")
    if node.kind not in COMMUTATIVE or node.args[0] is node.args[1]:
        return False
    other = node.args[1] if node.args[0] is operand else node.args[0]
    known = known_numbers(other, layer.op)
    return known is not None and bool(np.all(np.isfinite(known)))


def _constant_last(
    node: Expr, args: list[Integer], layer: Node[Layer]
) -> tuple[Expr, list[Integer]]:
    """An expression of a constant and something else with the constant behind."""
    if node.kind not in COMMUTATIVE or known_numbers(node.args[0], layer.op) is None:
        return node, args
    return replace(node, args=node.args[::-1]), args[::-1]


def _is_banded(weights: npt.NDArray[Any]) -> bool:
    """True where rows have weights of few bins each, as filters have."""
    read = sum(last - first for _, first, last in spans(weights))
    return bool(read <= MOST_READ * weights.shape[1])


def whole_factors(numbers: Doubles, largest: float) -> tuple[Ints, float]:
    """Factors as integers of 16 bits, and the power of two that is one of them, where none, or no
    sum that is limited so, is above `largest`; where that is 1, 1 itself is one unit less.
    """
    bits = FACTOR_BITS - int(np.ceil(np.log2(max(largest, 2.0**-100))))
    stored = np.floor(numbers * 2.0**bits + 0.5).astype(np.int64)
    return np.clip(stored, -(2**15) + 1, 2**15 - 1), 2.0**-bits
