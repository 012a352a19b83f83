"""Writes operations and numbers in C; how an operation is written, its record says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Spelling


def spelling(op: Op, is_float: bool) -> Spelling:
    """How the operation is written in the program's number system."""
    record = OPERATIONS[op.kind]
    found = record.c_float if is_float else record.c
    assert found is not None, f"{op.kind} has no spelling here"
    return found


def spell(op: Op, args: Sequence[str], *, is_float: bool, **names: object) -> str:
    """The C expression of `op` on the texts of its operands.

    What its spelling may name in braces beside operands: what `op.n` gives, and names:

    table   the array of its table
    result, best, unit   a reduction's value so far, the largest unit so far, the unit
    steps   how many steps there were so far
    behind  what chooses padding in place of the vector that enters a window
    rows    how many rows a table has

    The operand of a slice is the element that it takes, that of a lookup the number of the row.
    """
    written = spelling(op, is_float)
    text = written.negative if op.n < 0 and written.negative else written.text
    return text.format(
        *args,
        n=op.n,
        count=op.count,
        half=1 << max(op.n - 1, 0),
        low=-(1 << max(op.n - 1, 0)),
        high=(1 << max(op.n - 1, 0)) - 1,
        mask=(1 << max(op.n, 0)) - 1,
        power=1 << max(-op.n, 0),
        **names,
    )


def helpers_of(ops: Iterable[Op], *, is_float: bool) -> frozenset[str]:
    """Names of the helper functions that the C of these operations needs."""
    return frozenset(name for op in ops for name in spelling(op, is_float).helpers_of(op))


def plain(text: str) -> str:
    """A user's name as comments and strings of C may have it: what could end them is `_`."""
    return re.sub(r'[^ -~]|["\\*?]', "_", text)


def integer_literal(number: int) -> str:
    """A C literal; the most negative int32 has none of its own."""
    return "(-2147483647 - 1)" if number == -(2**31) else str(int(number))


def float_literal(number: float) -> str:
    """A C literal that reads back as the same float32."""
    text = f"{np.float32(number):.9g}"
    return f"{text}f" if any(c in text for c in ".en") else f"{text}.0f"


def literal(number: float, is_float: bool) -> str:
    """A number in the program's number system."""
    return float_literal(number) if is_float else integer_literal(int(number))
