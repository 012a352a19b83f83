"""One point of a study: what its program costs, and how good it is. The same on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from lstm_edge.data import Data, load_data, steps_of
from lstm_edge.errors import QuantizationError
from lstm_edge.interpret.feed import Arrays
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.search.judge import Judge, judge_of
from lstm_edge.search.points import Point
from lstm_edge.search.program import Calibrated, Price, layers_of, price_of
from lstm_edge.targets import Target

DECIBEL_DIGITS, POINT_DIGITS = 3, 6
"""Digits that are kept: the last bits of a float differ from processor to processor."""


@dataclass(frozen=True)
class Limits:
    """What a point has to hold; None is no limit. flash, ram: bytes; instructions: of a step;
    decibels: the least SQNR of an output; points: the most that a score may lose.
    """

    flash: int | None = None
    ram: int | None = None
    instructions: int | None = None
    decibels: float | None = None
    points: float | None = None


@dataclass(frozen=True)
class Result:
    """What is known of a point. decibels: of the worst output, None where the point is too costly
    to be worth a look; points: that the worst score lost; missed: percent below 100; both
    None without labels. failed: why there is no such program.
    """

    flash: int
    ram: int
    instructions: int | None
    decibels: float | None = None
    points: float | None = None
    missed: float | None = None
    failed: str | None = None

    def violations(self, limits: Limits) -> list[float]:
        """By how much each limit is missed, as a share of it for sizes; 0 where it holds."""
        found = [
            0.0 if most is None else max(0.0, (value or 0) / max(most, 1) - 1.0)
            for value, most in (
                (self.flash, limits.flash),
                (self.ram, limits.ram),
                (self.instructions, limits.instructions),
            )
        ]
        if self.decibels is None:
            return found
        exact = 0.0 if limits.decibels is None else max(0.0, limits.decibels - self.decibels)
        lost = 0.0 if limits.points is None else max(0.0, (self.points or 0.0) - limits.points)
        return [*found, exact, lost]

    def holds(self, limits: Limits) -> bool:
        """True for a whole result within all limits."""
        return self.decibels is not None and not any(self.violations(limits))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Result:
        """The reverse of `to_json`."""
        return cls(**found)


class Bench:
    """One model with its data, calibrated and run in float once, that points are tried on."""

    def __init__(
        self, model: Model, calibration: Arrays | None, labels: Arrays | None, target: Target
    ) -> None:
        self.model, self.target = model, target
        self._arrays = calibration, labels
        self.reference = lower_real(model)
        self._made: tuple[Calibrated, Judge] | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers with weights, those with most of them first."""
        return layers_of(self.reference)

    def check(self) -> None:
        """Read the data and calibrate; DataError where they do not fit the model."""
        self._prepared()

    def _prepared(self) -> tuple[Calibrated, Judge]:
        if self._made is None:
            calibration, labels = self._arrays
            data = load_data(calibration, self.reference)
            ranges = calibrate(self.reference, data.calibration, from_data=data.from_file)
            calibrated = Calibrated(self.model, self.reference, ranges, data)
            self._made = calibrated, judge_of(self.reference, data, labels)
        return self._made

    def evaluate(self, point: Point, limits: Limits) -> Result:
        """What the point costs, and, where that is within the limits, how good it is."""
        calibrated, judge = self._prepared()
        options = point.options
        try:
            program = self.reference if options is None else calibrated.quick(options)
            result = self._priced(program, point, calibrated.data)
            if any(result.violations(limits)):
                return result
            if options is not None:
                program = calibrated.program(options)
                result = self._priced(program, point, calibrated.data)
        except QuantizationError as error:
            return Result(0, 0, None, failed=str(error))
        judged = judge.judged(program)
        points, missed = (
            None if value is None else round(value, POINT_DIGITS)
            for value in (judged.points, judged.missed)
        )
        decibels = round(judged.decibels, DECIBEL_DIGITS)
        return replace(result, decibels=decibels, points=points, missed=missed)

    def _priced(self, program: Program, point: Point, data: Data) -> Result:
        price: Price = price_of(program, self.target, point.code, steps_of(program, data))
        return Result(price.flash, price.ram, price.instructions)
