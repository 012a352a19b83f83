"""What an operation is: all that the compiler knows of it, in one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import INT32_MAX
from lstm_edge.operations.call import Array, Call, Constants, Op, operands
from lstm_edge.operations.intermediate import Intermediates

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Bounds = tuple[Ints, Ints]
"""The smallest and the largest number of each unit, [length] each."""

Function = Callable[..., Array]
"""A meaning in numpy, of arrays whose last axis runs over units. Integers are int64 and `>>` is
floor; results lie in int32 because each program is proved, nothing here wraps. Floats are float32,
every operation rounded once, in one fixed order.
"""
Bind = Callable[[Call], tuple[Any, ...]]
"""The arguments of the meanings, from a call."""
BoundsOf = Callable[[Op, list[Bounds], Constants], Bounds]
"""Bounds of the result, from those of the operands."""
OnTheWay = Callable[[Op, list[Bounds], Constants], Intermediates]
"""What C makes before the result, from the bounds of the operands."""
Misfit = Callable[[Op, int, Sequence[int], Constants], str]
"""What is wrong about a result of so many units from operands of such lengths; "" where they fit.
"""


@dataclass(frozen=True)
class CalledArray:
    """An array in flash that a called function reads. shared: by all operations that have an array
    of this name.
    """

    name: str
    numbers: Array
    comment: str
    ctype: str
    shared: bool = False


Work = Callable[[Op, Constants, int], Mapping[str, float]]
"""How often pieces of code of a called function run, which makes so many units: their names are
those of `passes/costs.toml`.
"""
Arrays = Callable[[Op, Constants, bool], tuple[CalledArray, ...]]
"""The arrays of a called operation, from its constants; in float32 or in integers."""


class Reads(Enum):
    """What unit j of the result needs of the operands."""

    UNIT = auto()
    """Unit j, so that the operation runs in the loop that makes it."""
    SHIFTED = auto()
    """Another unit than j."""
    WHOLE = auto()
    """All units."""
    SEQUENCE = auto()
    """A step of the sequence of all its steps."""


class Timing(Enum):
    """What of the step within the window a result depends on."""

    NONE = auto()
    FIRST = auto()
    """Whether it is the first."""
    STEP = auto()
    """Its number."""
    COUNT = auto()
    """The steps so far, counted as a Length with offset n and stride count."""


class Reduction(Enum):
    """How a loop over the units reduces them to one number."""

    TOTAL = auto()
    """From 0 on."""
    EXTREME = auto()
    """From the least number on."""
    INDEX = auto()
    """From unit 0 on, beside the largest unit so far."""


class Form(Enum):
    """What an operation is in the loop of its C function, if it is spelled."""

    EXPRESSION = auto()
    """Of one unit of each operand."""
    ELEMENT = auto()
    """The element of its operand n units further on."""
    ANYWHERE = auto()
    """The element of its first operand that the second says."""
    ROW = auto()
    """An element of a row that is found before the loop: see `emit/opening.py`."""
    WINDOW = auto()
    """A function of its own: see `emit/sliding.py`."""
    CALL = auto()
    """A call that makes all units of the result: see `emit/calling.py`."""


@dataclass(frozen=True)
class Want:
    """The range in which an operand has to lie, and its words. is_count: it says how far to
    shift.
    """

    low: int
    high: int
    text: str
    is_count: bool = False


NARROW = Want(-(2**15), 2**15 - 1, "a 16-bit operand")
POSITIVE = Want(1, INT32_MAX, "a positive operand")
NOT_NEGATIVE = Want(0, INT32_MAX, "an operand of 0 or more")


SYMMETRIC = Want(-INT32_MAX, INT32_MAX, "an operand whose negative int32 holds, too")


def count_to(most: int) -> Want:
    """A number of places to shift by."""
    return Want(0, most, f"a count of 0 to {most}", is_count=True)


@dataclass(frozen=True)
class Spelling:
    """The C text of an operation, and the helper functions that have to be there for it.

    text: `{0}`, `{1}`, ... are the texts of the operands; `emit/spell.py` says what else it may
    name. negative: the text for a negative n. helpers: those that the text calls, those that these
    call, and so on. packed: helpers more where the numbers of a table have 4 bits.
    """

    text: str
    helpers: tuple[str, ...] = ()
    negative: str = ""
    packed: tuple[str, ...] = ()

    def helpers_of(self, op: Op) -> tuple[str, ...]:
        """The helpers that this operation of a program needs."""
        return (*self.helpers, *self.packed) if op.count == 4 else self.helpers


@dataclass(frozen=True)
class WideSpelling:
    """The C text of an operation on four units at once, as vectors of int32.

    text: its operands are vectors. number: the last operand is one number for all units;
    from_number: the first is. upper: the last is a constant of each unit, stored shifted left by
    16. negative: for a negative n, none: for n = 0. dead: of a reduction, where some units of the
    vector may not be there.
    """

    text: str
    number: str = ""
    from_number: str = ""
    upper: str = ""
    negative: str = ""
    none: str = ""
    dead: str = ""


def long_of(length: int, lengths: Sequence[int], *, fits: bool) -> str:
    """What to say of lengths where they do not fit."""
    return "" if fits else f"is {length} long of {list(lengths)}"


def unit_by_unit(op: Op, length: int, lengths: Sequence[int], constants: Constants) -> str:
    """Operands are as long as the result, or 1 long; constants of one other length repeat."""
    others = [(a, n) for a, n in zip(op.args, lengths, strict=True) if n not in (1, length)]
    repeated = all(a in constants and length % n == 0 for a, n in others)
    return long_of(length, lengths, fits=repeated and len({n for _, n in others}) < 2)


def nothing(_: Op, __: list[Bounds], ___: Constants) -> Intermediates:
    """Of an operation whose result is all that C makes."""
    return ()


@dataclass(frozen=True)
class Operation:
    """One operation, in integers, in float32 or in both.

    integer, real: its meaning; None where a number system does not have it. bind: their arguments.
    bounds: of the integer meaning. on_the_way: the numbers that C makes before the result, of every
    helper that a dialect may have for it; none where the result is all. wants: ranges that the
    proof demands of the operands, None for any. misfit: the rule of its lengths. c, c_float: its
    spelling; None as well where a kernel or nobody computes it. c_wide: that of four units at once,
    where there is one. multiplies: a sum of products with matrices, from a bias. running: so many
    operands come before those that are multiplied, the sum so far. placed: no code, its operands
    are written where the result is. length: the operand that is the length of a sequence, an
    integer in float programs too. arrays: those that its function is given, where it is one call.
    work: what that executes.
    """

    name: str
    integer: Function | None = None
    real: Function | None = None
    bind: Bind = operands
    bounds: BoundsOf | None = None
    wants: tuple[Want | None, ...] = ()
    on_the_way: OnTheWay = nothing
    misfit: Misfit = unit_by_unit
    c: Spelling | None = None
    c_float: Spelling | None = None
    c_wide: WideSpelling | None = None
    form: Form = Form.EXPRESSION
    reads: Reads = Reads.UNIT
    timing: Timing = Timing.NONE
    reduces: Reduction | None = None
    multiplies: bool = False
    running: int = 0
    placed: bool = False
    length: int | None = None
    arrays: Arrays | None = None
    work: Work | None = None
