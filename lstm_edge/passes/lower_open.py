"""What only calibration bounds, in integers: quotients, open curves, products of two wide factors.

Curves are total: each operand that the formats hold has a defined result, though a far one may
count as a nearer one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.errors import QuantizationError
from lstm_edge.passes.fixed.arithmetic import multiply
from lstm_edge.passes.fixed.rescale import as_fixed
from lstm_edge.passes.fixed.shifts import (
    constant_vector,
    fraction_of,
    saturate,
    weight_vector,
    width,
)
from lstm_edge.passes.lower import Place
from lstm_edge.passes.lower_divide import Divisor, lower_divide
from lstm_edge.passes.lower_function import lower_exponential
from lstm_edge.passes.lower_root import lower_log, lower_sqrt
from lstm_edge.passes.lower_wave import lower_wave
from lstm_edge.passes.numbers import Number, number
from lstm_edge.passes.storing import Storing
from lstm_edge.rounding import bits_above

OPEN_CURVES = ("exp", "log", "sqrt", "sin", "cos")
WANTED = {"log": "above 0", "sqrt": "of 0 or more"}


@dataclass(frozen=True)
class Open:
    """Writes into the builder of `storing`, whose formats know what calibration saw."""

    storing: Storing

    def curve(self, function: str, operand: Number, place: Place) -> Number:
        """One of OPEN_CURVES. QuantizationError for operands that have no logarithm or root."""
        b, formats = self.storing.builder, self.storing.formats
        name, comment = place.name, place.comment
        x = as_fixed(b, operand.value, name)
        if function == "exp":
            reach = formats.open_reach(name)
            return number(lower_exponential(b, x, reach, name, comment))
        if function in ("sin", "cos"):
            ahead = np.pi / 2.0 if function == "cos" else 0.0
            reach = formats.open_reach(operand.real)
            return number(lower_wave(b, x, ahead, reach, name, comment))
        low, _ = formats.extent(operand.real)
        if low < 0.0 or (low == 0.0 and function == "log"):
            raise QuantizationError(
                f"{name}: the operand of {function} went down to {low:.3g} in calibration; "
                f"integers need one {WANTED[function]}: calibrate with representative data, limit "
                "it in the network (as max(x, 1e-6) does), or use --scheme float32"
            )
        lower = lower_log if function == "log" else lower_sqrt
        return number(lower(b, x, name, comment))

    def quotient(self, x: Number, y: Number, place: Place) -> Number:
        """x / y. QuantizationError where y is on both sides of 0, or is 0."""
        b, name = self.storing.builder, place.name
        if y.name in b.constants:
            numbers = b.constants[y.name] * y.value.format.unit
            made = weight_vector if y.name in b.replaceable else constant_vector
            inverse = made(b, f"{name}_inverse", 1.0 / numbers)
            return multiply(b, x, number(inverse), name, place.comment)
        values = (as_fixed(b, v.value, f"{name}_{side}") for v, side in ((x, "a"), (y, "b")))
        dividend, divisor = values
        reach = self.storing.formats.open_reach(name)
        seen = Divisor(divisor, *self.storing.formats.extent(y.real))
        return number(lower_divide(b, dividend, seen, reach, name, place.comment))

    def limited(self, product: Number, place: Place) -> Number:
        """A product within the smallest power of two that holds FACTOR_MARGIN times what
        calibration saw of it.
        """
        reach = self.storing.formats.factor_reach(place.name)
        if reach is None:
            return product
        bits = max(bits_above(reach) + fraction_of(product.value) + 1, 2)
        if bits >= width(product.value):
            return product
        value = saturate(self.storing.builder, product.value, bits, f"{place.name}_within")
        return self.storing.seen_as(replace(product, value=value), place.name)
