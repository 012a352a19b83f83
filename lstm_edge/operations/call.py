"""An operation as it stands in a program, and one run of it: what all meanings are called with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Constants = Mapping[str, Array]
"""Matrices, biases and tables by name."""


@dataclass(frozen=True)
class Op:
    """dest = kind(args). What n, count and the constants mean, the record of the kind says.

    kind: a name in `OPERATIONS`. args: names of values. table, bias, matrices: names of constants.
    An operand of length 1 applies to every unit, a constant of fewer units than the result to as
    many again and again. positions: how often the operation is done, at places of its operands that
    begin `stride` numbers apart; the results lie end to end.
    """

    kind: str
    dest: str
    args: tuple[str, ...]
    n: int = 0
    table: str = ""
    bias: str = ""
    matrices: tuple[str, ...] = ()
    count: int = 0
    positions: int = 1
    stride: int = 0


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


def pieces(op: Op, x: Array, columns: int) -> Array:
    """What is read at each position, [..., positions, columns], of x [..., length]; no copy."""
    windows = np.lib.stride_tricks.sliding_window_view(x, columns, axis=-1)
    return windows[..., : (op.positions - 1) * op.stride + 1 : op.stride or 1, :]


def as_vectors(op: Op, args: Sequence[Array], constants: Constants) -> Array:
    """What the matrices of a sum of products multiply, operand by operand, [..., columns]: an
    operation at several positions has a vector for each.
    """
    if op.positions == 1:
        return np.concatenate(args, axis=-1)
    each = [pieces(op, x, constants[m].shape[-1]) for m, x in zip(op.matrices, args, strict=True)]
    return np.concatenate(each, axis=-1)


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
