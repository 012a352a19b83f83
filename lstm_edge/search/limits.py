"""What a point of a study has to hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """None is no limit. flash, ram, stack: bytes; instructions, cycles: of a step; decibels: the
    least SQNR of an output; points: the most that a score may lose.
    """

    flash: int | None = None
    ram: int | None = None
    instructions: int | None = None
    decibels: float | None = None
    points: float | None = None
    cycles: int | None = None
    stack: int | None = None

    @property
    def priced(self) -> bool:
        """True where there is one that shows before weights are rounded with care."""
        return (self.flash, self.ram, self.instructions) != (None, None, None)
