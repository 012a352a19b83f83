"""Division in integers: times a reciprocal of 15 bits of the divisor, which is shifted to use all
its bits first. A divisor nearer to 0 than a quarter of what calibration saw counts as that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_edge.errors import QuantizationError
from lstm_edge.formats import INT32_MAX, INT32_MIN, Format, fixed, signed_bits
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.arithmetic import add_or_subtract
from lstm_edge.passes.fixed.shifts import constant_vector, fraction_of, saturate, shift_left
from lstm_edge.rounding import SMALLEST, bits_above

FULL = (INT32_MIN, INT32_MAX)
RESULT_BITS = 30
DIVISOR_MARGIN = 4.0
"""How much nearer to 0 than in calibration a divisor may come."""
NUMERATOR = 2**30 - 1
"""Of a reciprocal of 15 bits, of a divisor of 16."""
MOST_UP, MOST_DOWN = 30, 31
"""Places that an int32 can be shifted by."""


@dataclass(frozen=True)
class Divisor:
    """A fixed-point value that calibration saw from `low` to `high` only."""

    value: Value
    low: float
    high: float


def lower_divide(
    b: Builder, x: Value, divisor: Divisor, reach: float, name: str, comment: str
) -> Value:
    """x / divisor of fixed-point values, saturated at `reach` or more.

    QuantizationError where the divisor has no sign.
    """
    if not (divisor.low > 0.0 or divisor.high < 0.0):
        raise QuantizationError(
            f"{name}: what it divides by went from {divisor.low:.3g} to {divisor.high:.3g} in "
            "calibration; integers need a divisor that stays on one side of 0: calibrate with "
            "representative data, keep it off 0 in the network (as max(x, 1e-3) does), or use "
            "--scheme float32"
        )
    if divisor.high < 0.0:
        zero = constant_vector(b, "zero", np.zeros(1))
        x, y = (
            add_or_subtract(b, "sub", zero, v, f"{name}_{side}", "")
            for v, side in (
                (saturate(b, x, 31, f"{name}_sat_a"), "negated"),
                (saturate(b, divisor.value, 31, f"{name}_sat_b"), "divisor_negated"),
            )
        )
        divisor = Divisor(y, -divisor.high, -divisor.low)
    return _Division(b, name, comment).quotient(x, divisor, reach)


@dataclass(frozen=True)
class _Division:
    """Emits the operations of one division."""

    b: Builder
    name: str
    comment: str

    def quotient(self, x: Value, divisor: Divisor, reach: float) -> Value:
        """x / divisor of a divisor above 0."""
        y = divisor.value
        least = max(1, int(divisor.low / DIVISOR_MARGIN / y.format.unit))
        high = max(y.format.high, least)
        positive = self._plain("larger", "divisor", (y, self._number("least", least)), least, high)
        few, many = 31 - high.bit_length(), 31 - least.bit_length()
        places = self._plain("headroom", "places", (positive,), few, many)
        lifted = self._plain("lift", "lifted", (positive, places), least, INT32_MAX)
        upper = self._plain("shift", "upper", (lifted,), 0, 2**16 - 1, n=15)
        whole = self._plain(
            "larger", "whole", (upper, self._number("half", 2**15)), 2**15, 2**16 - 1
        )
        top = self._number("numerator", NUMERATOR)
        ends = NUMERATOR // (2**16 - 1), NUMERATOR // 2**15
        r = self._plain("divide", "reciprocal", (top, whole), *ends)
        room = max(0, 31 - signed_bits(x.format.low, x.format.high))
        wide = shift_left(self.b, x, room, f"{self.name}_dividend")
        products = [(e * m) >> 16 for e in (wide.format.low, wide.format.high) for m in ends]
        q = self._plain("mulw", "product", (wide, r), min(products), max(products))
        fraction = RESULT_BITS - 1 - bits_above(max(reach, SMALLEST))
        down = 29 + fraction_of(wide) - fraction_of(y) - fraction
        return self._placed(q, places, down, fixed(fraction, *FULL, "int32"))

    def _placed(self, q: Value, places: Value, down: int, full: Format) -> Value:
        """q >> (down - places) in its format, limited to RESULT_BITS."""
        few, many = places.format.low, places.format.high
        if down <= few:  # all go up
            by = self._number("down", down)
            up = self._plain("sub", "up", (places, by), few - down, many - down) if down else places
            return self._result("lift", q, self._limit(up, MOST_UP), full)
        counts = self._plain(
            "sub", "down_by", (self._number("down", down), places), down - many, down - few
        )
        if down < many:  # some go up, and saturate
            zero = self.b.integers("zero_bound", 0)
            over = self._plain(
                "sub", "over", (places, self._number("down", down)), few - down, many - down
            )
            up = self._plain("larger", "up", (over, zero), 0, many - down)
            q = self._plain("lift", "raised", (q, self._limit(up, MOST_UP)), *FULL)
            counts = self._plain("larger", "counts", (counts, zero), 0, down - few)
        return self._result("drop", q, self._limit(counts, MOST_DOWN), full)

    def _result(self, kind: str, q: Value, counts: Value, full: Format) -> Value:
        wide = self.b.emit(kind, f"{self.name}_wide", (q, counts), full, comment=self.comment)
        return saturate(self.b, wide, RESULT_BITS, self.name)

    def _plain(
        self, kind: str, suffix: str, args: tuple[Value, ...], low: int, high: int, **more: Any
    ) -> Value:
        """An operation on plain integers from `low` to `high`."""
        ends = Format("int32", 1.0, low, high)
        return self.b.emit(kind, f"{self.name}_{suffix}", args, ends, **more)

    def _number(self, suffix: str, n: int) -> Value:
        return self.b.integers(f"{self.name}_{suffix}", n)

    def _limit(self, counts: Value, most: int) -> Value:
        if counts.format.high <= most:
            return counts
        low = min(counts.format.low, most)
        return self._plain("smaller", "limited", (counts, self._number("most", most)), low, most)
