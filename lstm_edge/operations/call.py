"""An operation as it stands in a program, and one run of it: what all meanings are called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
Constants = Mapping[str, Array]
"""Matrices, biases and tables by name."""


@dataclass(frozen=True)
class Op:
    """dest = kind(args). What n, count and the constants mean, the record of the kind says.

    kind: a name in `OPERATIONS`. args: names of values. table, bias, matrices: names of constants.
    An operand of length 1 applies to every unit.
    """

    kind: str
    dest: str
    args: tuple[str, ...]
    n: int = 0
    table: str = ""
    bias: str = ""
    matrices: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True)
class Moment:
    """When an operation runs: its step within its sequence, whether its sweep starts there, how far
    the tick lies behind the end of the sweep's sequence, the steps of the model's, and the number
    of samples that run at once.
    """

    step: int
    first: bool
    behind: int
    steps: int
    samples: int = 1


@dataclass(slots=True)
class Call:
    """One run of an operation on args [..., length] each.

    count: for Timing.COUNT the number of steps so far, at least 1; else 0. Not frozen: that
    would take longer to make than most operations take, and each step makes many.
    """

    op: Op
    args: tuple[Array, ...]
    constants: Constants
    moment: Moment
    count: int = 0


def operands(call: Call) -> tuple[Any, ...]:
    """The operands and nothing else: what most functions are given."""
    return call.args


def operand_and_n(call: Call) -> tuple[Any, ...]:
    """The operand and the operation's number."""
    return call.args[0], call.op.n


def operand_and_table(call: Call) -> tuple[Any, ...]:
    """The operand and the entries of the table, where the operation has one."""
    op = call.op
    return (call.args[0], call.constants[op.table]) if op.table else call.args
