"""Numbers in block floating point: mantissas, and how far each was shifted left.

A constant that is added, or compared with, and logarithms and roots take them as they are; all else
reads them in one format, which is chosen from what calibration saw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import INT32_MAX, INT32_MIN, Format, fixed
from lstm_edge.ir.program import Value
from lstm_edge.operations.curves import LN2_Q15
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.lower import Place
from lstm_edge.passes.lower_root import LOG_FRACTION, lower_log, lower_sqrt
from lstm_edge.passes.numbers import Integer, Number, Raised, number
from lstm_edge.passes.storing import Storing

MOST_LIFT, MOST_DROP = 30, 31
"""What a number may be shifted by."""


@dataclass(frozen=True)
class RaisedRules:
    """Writes into the builder of `storing`, whose formats know what calibration saw."""

    storing: Storing

    @property
    def _builder(self) -> Builder:
        return self.storing.builder

    def settled(self, x: Integer, name: str) -> Integer:
        """A raised number in one format that holds what calibration saw of it, several times over;
        anything else as it is.
        """
        if not isinstance(x, Number) or x.raised is None:
            return x
        b, bits = self._builder, x.raised.bits
        unit, reach = x.value.format.unit, self.storing.formats.factor_reach(x.real)
        room = np.log2(INT32_MAX * unit / (INT32_MAX * unit if reach is None else reach)) / bits
        most = int(np.clip(np.floor(room), 0, x.raised.places.format.high))
        up = self._beyond(x.raised, most, f"{name}_up", MOST_LIFT, above=False)
        down = self._beyond(x.raised, most, f"{name}_down", MOST_DROP, above=True)
        low = INT32_MIN if x.value.format.low < 0 else 0
        lifted = Format("int32", 1.0, low, INT32_MAX)
        value = b.emit("lift", f"{name}_lifted", (x.value, up), lifted)
        fmt = replace(lifted, scale=unit * 2.0 ** (-bits * most))
        return self.storing.seen_as(number(b.emit("drop", name, (value, down), fmt)), x.real)

    def curve(self, function: str, x: Number, place: Place) -> Number:
        """log(m * 2**-e) = log(m) - e * log(2); sqrt(m * 4**-e) = sqrt(m) * 2**-e."""
        b, name, raised = self._builder, place.name, x.raised
        assert raised is not None
        if function == "sqrt":
            root = lower_sqrt(b, x.value, name, place.comment)
            return Number(root, name, raised=Raised(raised.places, 1))
        mantissa = lower_log(b, x.value, f"{name}_mantissa", place.comment)
        counts = self._bits(raised.places, raised.bits, f"{name}_exponent")
        ln2 = b.integers("ln2_bound", LN2_Q15, 2.0**-LOG_FRACTION, "int16")
        most = counts.format.high * LN2_Q15
        shift = b.emit("mul", f"{name}_shift", (counts, ln2), fixed(LOG_FRACTION, 0, most, "int32"))
        low, high = mantissa.format.low - most, mantissa.format.high
        made = b.emit("sub", name, (mantissa, shift), fixed(LOG_FRACTION, low, high, "int32"))
        return number(made)

    def bounded(self, kind: str, x: Number, known: npt.NDArray[Any], place: Place) -> Number:
        """The larger of x and a constant, or their sum: both with the smaller exponent of the two,
        at which the constant still fits.
        """
        b, name, raised = self._builder, place.name, x.raised
        assert raised is not None
        one = kind == "add"
        unit, bits = x.value.format.unit * (2.0 if one else 1.0), raised.bits
        room = np.log2((INT32_MAX >> 1) * unit / max(float(np.abs(known).max()), 2.0**-120)) / bits
        most = int(np.clip(np.floor(room), 0, raised.places.format.high))
        stored = np.floor(known / unit * 2.0 ** (bits * most) + 0.5)
        numbers = np.clip(stored, INT32_MIN >> 1, INT32_MAX >> 1).astype(np.int64)
        ends = fixed(0, min(raised.places.format.low, most), most, "int32")
        places = b.emit("smaller", f"{name}_places", (raised.places, self._whole(most)), ends)
        down = self._beyond(raised, most, f"{name}_down", MOST_DROP, above=True)
        value = b.emit("drop", f"{name}_aligned", (x.value, down), x.value.format)
        if one:
            halved = Format("int32", unit, value.format.low >> 1, value.format.high >> 1)
            value = b.emit("shift", f"{name}_half", (value,), halved, n=1)
        low, high = min(int(numbers.min()), 0), max(int(numbers.max()), 0)
        bound = b.vector(f"{name}_bound", numbers, Format("int32", 1.0, low, high))
        under = self._beyond(raised, most, f"{name}_under", MOST_DROP, above=False)
        bound = b.emit("drop", f"{name}_least", (bound, under), Format("int32", unit, low, high))
        if one:
            fmt = Format("int32", unit, value.format.low + low, value.format.high + high)
        else:
            fmt = Format("int32", unit, max(value.format.low, low), max(value.format.high, high))
        made = b.emit(kind, name, (value, bound), fmt, comment=place.comment)
        return Number(made, name, raised=Raised(places, bits))

    def _beyond(self, raised: Raised, most: int, name: str, limit: int, *, above: bool) -> Value:
        """How far to shift from the exponent to `most`, `limit` at most: 0 where it is on the other
        side of that.
        """
        b = self._builder
        own, fixed_one = raised.places, self._whole(most)
        low, high = own.format.low, own.format.high
        ends = (low - most, high - most) if above else (most - high, most - low)
        pair = (own, fixed_one) if above else (fixed_one, own)
        distance = b.emit("sub", f"{name}_places", pair, fixed(0, *ends, "int32"))
        ends = (max(ends[0], 0), max(ends[1], 0))
        beyond = b.emit(
            "larger", f"{name}_beyond", (distance, self._whole(0)), fixed(0, *ends, "int32")
        )
        counted = self._bits(beyond, raised.bits, f"{name}_bits")
        ends = (min(counted.format.low, limit), min(counted.format.high, limit))
        limits = fixed(0, *ends, "int32")
        return b.emit("smaller", name, (counted, self._whole(limit)), limits)

    def _bits(self, places: Value, bits: int, name: str) -> Value:
        """So many bits for each place."""
        if bits == 1:
            return places
        ends = fixed(0, places.format.low << 1, places.format.high << 1, "int32")
        return self._builder.emit("shift", name, (places,), ends, n=-1)

    def _whole(self, count: int) -> Value:
        return self._builder.integers(f"count_{count}", count)
