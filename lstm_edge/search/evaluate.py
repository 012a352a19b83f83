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
from lstm_edge.search.limits import Limits
from lstm_edge.search.points import Point
from lstm_edge.search.program import Calibrated, Code, Price, layers_of, price_of
from lstm_edge.search.tools import NO_TOOLS, Tools, figures_of
from lstm_edge.search.widths import Judged
from lstm_edge.targets import Target
from lstm_edge.threads import one_core

DECIBEL_DIGITS, POINT_DIGITS = 3, 6
"""Digits that are kept: the last bits of a float differ from processor to processor."""


@dataclass(frozen=True)
class Result:
    """What is known of a point. flash: with code, where points are compiled. decibels: of the worst
    output, None where the point is too costly to be worth a look; points: that the worst score
    lost; missed: percent below 100; both None without labels. cycles, stack: as `tools.Figures`.
    whole: all that is asked for is known. failed: why there is no such program.
    """

    flash: int
    ram: int
    instructions: int | None
    decibels: float | None = None
    points: float | None = None
    missed: float | None = None
    cycles: int | None = None
    stack: int | None = None
    whole: bool = False
    failed: str | None = None

    def violations(self, limits: Limits) -> list[float]:
        """By how much each limit is missed, as a share of it for sizes; 0 where it holds, and where
        the figure is not known by now.
        """
        found = [
            0.0 if most is None else max(0.0, (value or 0) / max(most, 1) - 1.0)
            for value, most in (
                (self.flash, limits.flash),
                (self.ram, limits.ram),
                (self.instructions, limits.instructions),
                (self.cycles, limits.cycles),
                (self.stack, limits.stack),
            )
        ]
        if self.decibels is None:
            return found
        exact = 0.0 if limits.decibels is None else max(0.0, limits.decibels - self.decibels)
        lost = 0.0 if limits.points is None else max(0.0, (self.points or 0.0) - limits.points)
        return [*found, exact, lost]

    def holds(self, limits: Limits) -> bool:
        """True for a whole result within all limits; a stack without a bound is within none."""
        bounded = limits.stack is None or self.stack is not None
        return self.whole and bounded and not any(self.violations(limits))

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
        self,
        model: Model,
        calibration: Arrays | None,
        labels: Arrays | None,
        target: Target,
        tools: Tools = NO_TOOLS,
    ) -> None:
        self.model, self.target, self.tools = model, target, tools
        self._arrays = calibration, labels
        self.reference = lower_real(model)
        self._made: tuple[Calibrated, Judge] | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers with weights, those with most of them first."""
        return layers_of(self.reference)

    def check(self) -> None:
        """Read the data and calibrate; DataError where they do not fit the model."""
        with one_core():
            self._prepared()

    def _prepared(self) -> tuple[Calibrated, Judge]:
        if self._made is None:
            calibration, labels = self._arrays
            data = load_data(calibration, self.reference)
            ranges = calibrate(
                self.reference,
                data.calibration,
                from_data=data.from_file,
                recordings=data.recordings,
            )
            calibrated = Calibrated(self.model, self.reference, ranges, data)
            self._made = calibrated, judge_of(self.reference, data, labels)
        return self._made

    def evaluate(self, point: Point, limits: Limits) -> Result:
        """What the point costs, and how good it is: what takes little time first, and no more where
        it is beyond a limit.
        """
        with one_core():
            return self._evaluated(point, limits)

    def _evaluated(self, point: Point, limits: Limits) -> Result:
        calibrated, judge = self._prepared()
        options, code = point.options, replace(point.code, stack=limits.stack)
        try:
            if options is not None and limits.priced:
                early = self._priced(calibrated.quick(options), code, calibrated.data)
                if any(early.violations(limits)):
                    return early
            program = self.reference if options is None else calibrated.program(options)
            result = self._priced(program, code, calibrated.data)
        except QuantizationError as error:
            return Result(0, 0, None, failed=str(error))
        if any(result.violations(limits)):
            return result
        result = _judged(result, judge.judged(program))
        if not self.tools.any:
            return replace(result, whole=True)
        if any(result.violations(limits)):
            return result
        counted = self.tools.counted
        found = figures_of(
            program, self.reference, self.target, code, calibrated.data, counted=counted
        )
        return replace(result, **asdict(found), whole=True)

    def _priced(self, program: Program, code: Code, data: Data) -> Result:
        price: Price = price_of(program, self.target, code, steps_of(program, data))
        return Result(price.flash, price.ram, price.instructions)


def _judged(result: Result, judged: Judged) -> Result:
    """With digits that are the same on all machines."""
    points, missed = (
        None if value is None else round(value, POINT_DIGITS)
        for value in (judged.points, judged.missed)
    )
    decibels = round(judged.decibels, DECIBEL_DIGITS)
    return replace(result, decibels=decibels, points=points, missed=missed)
