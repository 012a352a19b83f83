"""The formats of a model: what a program is lowered to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

import numpy as np

from lstm_edge.choices import Why
from lstm_edge.formats import INT32_MAX, INT32_MIN, STORAGE_BITS, Format, format_of, saturated
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.decisions import Decisions, integer, number, pair
from lstm_edge.passes.options import Options
from lstm_edge.passes.unit_formats import Seen, by_unit
from lstm_edge.rounding import BOUND_SLACK, MARGIN, SMALLEST, activation_format, bits_above

FACTOR_MARGIN = 4.0
"""How far beyond its calibrated range a 16-bit factor may go: a relu has no bound."""
OPEN_MARGIN = 16.0
"""The same for a result of exp, which grows by as much where its operand does by 2.8."""
OPEN_STEPS = 2**12
"""Steps of a sequence of any length that a sum over time has room for before it saturates."""


@dataclass(frozen=True)
class Chosen:
    """A format, and where its range comes from."""

    format: Format
    why: Why


@dataclass(frozen=True)
class Formats:
    """What `choose_formats` chose for a model.

    inputs: tensor -> of a model input, feature by feature. states: layer.state -> as it is kept.
    narrow: the same -> as matrix products read it, where it is kept for them a second time. tables:
    layer.parameter -> of the rows of an embedding. What else is stored has a format by the bound
    that its operations prove, and by `ranges`: what calibration saw of the float program. steps,
    padding: of the model's sequences, None if of any length.
    """

    options: Options
    from_data: bool
    ranges: Ranges
    inputs: Mapping[str, Chosen]
    states: Mapping[str, Chosen]
    narrow: Mapping[str, Chosen]
    tables: Mapping[str, Chosen]
    steps: int | None
    padding: int
    decisions: Decisions = field(default_factory=Decisions)

    def activation(self, name: str, bound: float, layer: str, alone: bool = False) -> Chosen:
        """A value that enters a matrix product, in the width of `layer`; `bound` is proved. alone:
        nothing else reads it as it is stored.
        """
        key = f"{name} read by {layer}{' alone' if alone else ''}"
        made = self.decisions.keep(
            key,
            lambda: as_json(self._activation(name, bound, layer, alone)),
            lambda found: checked(found, self.ranges, name),
        )
        return of_json(made)

    def _activation(self, name: str, bound: float, layer: str, alone: bool) -> Chosen:
        bits = self.options.of(layer).activations
        chosen = activation(
            bits,
            self.ranges.largest(name) if name in self.ranges.low else bound,
            bound,
            power_of_two=self.options.power_of_two,
            from_data=self.from_data,
        )
        if not alone:
            return chosen
        return with_units(chosen, self.ranges, name, bound, self.options.power_of_two)

    def factor(self, name: str) -> Chosen | None:
        """A 16-bit factor of a product whose other factor is wide, from its calibrated range; None
        for what calibration did not see.
        """
        reach = self.factor_reach(name)
        if reach is None:
            return None
        return Chosen(saturated(2.0 ** (bits_above(reach) - 15), 16), seen(self.from_data))

    def factor_reach(self, name: str) -> float | None:
        """How far a factor, or a product that is limited, may go."""
        if name not in self.ranges.low:
            return None
        return self.decisions.keep(
            f"{name} as a factor",
            lambda: max(self.ranges.largest(name), SMALLEST) * FACTOR_MARGIN,
            number,
        )

    def open_reach(self, name: str) -> float:
        """How far a value may go that nothing bounds: OPEN_MARGIN times what calibration saw."""
        low, high = self.extent(name)
        return max(abs(low), abs(high), SMALLEST) * OPEN_MARGIN

    def extent(self, name: str) -> tuple[float, float]:
        """The smallest and the largest number that calibration saw; 1 of what nothing needs, which
        the float program has not.
        """
        if name not in self.ranges.low:
            return 1.0, 1.0
        low, high = self.decisions.keep(
            f"{name} in calibration",
            lambda: [float(self.ranges.low[name].min()), float(self.ranges.high[name].max())],
            pair(number),
        )
        return low, high

    def running(self, reach: float, scale: float, grows: bool) -> Chosen:
        """What a reduction over time keeps, of numbers up to `reach` that count in `scale`.

        A sum is as fine as its room allows, which is that for all steps of the model, or for
        OPEN_STEPS of them, those that padding adds, and one bit more, so that adding to it takes
        no shift.
        """
        if not grows:
            return Chosen(saturated(2.0 ** int(np.floor(np.log2(scale))), 32), "proved")
        steps = (self.steps or OPEN_STEPS) + self.padding
        unit = 2.0 ** (bits_above(max(reach, SMALLEST) * steps) - 30)
        return Chosen(saturated(unit, 31, "int32"), "proved" if self.steps else "assumed")


def as_json(chosen: Chosen) -> dict[str, Any]:
    """A choice as JSON holds it."""
    return {"format": asdict(chosen.format), "why": chosen.why}


def of_json(found: Mapping[str, Any]) -> Chosen:
    """What `as_json` wrote."""
    return Chosen(format_of(found["format"]), found["why"])


def checked(found: Any, ranges: Ranges, name: str) -> dict[str, Any]:
    """What `as_json` wrote of a value. name: of the value, where calibration saw it."""
    chosen = of_json(found)
    fmt = chosen.format
    length = len(ranges.low[name]) if name in ranges.low else None
    scales, points = (
        each if isinstance(each, tuple) else (each,) for each in (fmt.scale, fmt.zero_point)
    )
    for each in (scales, points):
        if length is not None and len(each) not in (1, length):
            raise ValueError(f"{name} is of {len(each)} numbers, not of {length}")
    low, high, *_ = map(integer(INT32_MIN, INT32_MAX), (fmt.low, fmt.high, *points))
    usual = fmt.storage in STORAGE_BITS and chosen.why in get_args(Why) and low <= high
    if not usual or min(map(number, scales)) <= 0.0:
        raise ValueError(f"{name} is in no format")
    return {"format": found["format"], "why": chosen.why}


def with_units(
    chosen: Chosen, ranges: Ranges, name: str, bound: float, power_of_two: bool
) -> Chosen:
    """An int8 format with a scale and a zero point for each unit, where data say that it pays."""
    known = ranges.without.get(name)
    if chosen.format.storage != "int8" or power_of_two or not ranges.from_data or known is None:
        return chosen
    made = by_unit(Seen(ranges.low[name], ranges.high[name], *known), bound, chosen.format)
    return chosen if made is None else Chosen(made, "calibrated")


def seen(from_data: bool) -> Why:
    """Of a range that was seen on data, or on inputs that were made up."""
    return "calibrated" if from_data else "assumed"


def activation(
    bits: int, largest: float, bound: float, *, power_of_two: bool = False, from_data: bool = True
) -> Chosen:
    """A vector that enters a matrix product; `largest` was seen, `bound` is proved."""
    close = bound <= BOUND_SLACK * largest or bound <= 1.0
    if bits > 8 and not close and not from_data and np.isfinite(bound):
        return Chosen(saturated(2.0 ** (bits_above(bound) - 15), 16), "proved")
    if bits == 8:
        close = bound <= max(largest, SMALLEST) * MARGIN
    made = activation_format(bits, largest, bound, power_of_two=power_of_two)
    return Chosen(made, "proved" if close else seen(from_data))
