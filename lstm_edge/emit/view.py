"""What the templates print: one small frozen object per C function, every text ready."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Constant:
    """An array in the weights file. dims: C dimensions; fits its comment's layout."""

    name: str
    ctype: str
    dims: tuple[int, ...]
    numbers: Array
    comment: str


@dataclass(frozen=True)
class Line:
    """One operation: `const type name = text;` or, without a name, `text;`."""

    name: str
    text: str
    comment: str = ""


@dataclass(frozen=True)
class Body:
    """The work of one unit. products: (accumulator, literal, operand element), straight-line."""

    unit: str
    accumulators: tuple[tuple[str, str], ...]
    products: tuple[tuple[str, str, str], ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class KernelView:
    """A matvec block as its template reads it: segments, and the type of the sums."""

    template: str
    segments: tuple[Any, ...]
    sum_type: str
    weight_type: str
    weights: str


@dataclass(frozen=True)
class Row:
    """A per-unit record of constants, reached by a pointer: name, type, array."""

    name: str
    ctype: str
    array: str


@dataclass(frozen=True)
class PhaseView:
    """One static C function; its loop starts at unit `first`, after the lines `before`.

    initial: (type, name, value) of variables outside of its loop.
    """

    function: str
    comment: str
    parameters: tuple[str, ...]
    arguments: tuple[str, ...]
    sweep: int
    units: int
    sum_type: str
    kernel: KernelView | None
    rows: tuple[Row, ...]
    initial: tuple[tuple[str, str, str], ...]
    bodies: tuple[Body, ...]
    results: tuple[tuple[str, str], ...]
    unused: tuple[str, ...]
    constants: tuple[Constant, ...]
    first: int = 0
    before: tuple[str, ...] = ()

    @property
    def straight(self) -> bool:
        """True where no loop is left."""
        return bool(self.bodies) and self.bodies[0].unit != "unit"
