"""The operations of programs: one record each, which says all that the compiler knows of it.

A record has the operation's exact meaning in numpy, in integers and in float32, the bounds of its
results, its C and what it reads; `record.py` says what its fields are. Records lie in files by
family, beside the functions that they name. `templates/common/ops.c.j2` and `ops_float.c.j2` have
the helper functions that their C calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lstm_edge.operations import (
    arithmetic,
    comparison,
    curves,
    joined,
    over_time,
    places,
    product,
    reductions,
    shifts,
    spectrum,
    whole,
)
from lstm_edge.operations.call import Constants, Op
from lstm_edge.operations.record import Form, Function, Operation, Reads, unit_by_unit

FAMILIES = (
    arithmetic,
    comparison,
    shifts,
    curves,
    joined,
    reductions,
    product,
    over_time,
    places,
    spectrum,
    whole,
)

OPERATIONS: Mapping[str, Operation] = {
    record.name: record for family in FAMILIES for record in family.RECORDS
}
"""Every operation by its name in a program."""
ANY = 0
"""Positions of what may be repeated over however many."""


def functions(*, is_float: bool) -> dict[str, Function]:
    """The meanings in one number system, by name."""
    found = {name: r.real if is_float else r.integer for name, r in OPERATIONS.items()}
    return {name: function for name, function in found.items() if function is not None}


def multiplied(op: Op) -> tuple[str, ...]:
    """The operands of a sum of products that its matrices multiply, in their order."""
    return op.args[OPERATIONS[op.kind].running :]


def read_at(positions: int, stride: int, columns: Sequence[int]) -> tuple[str, ...]:
    """Names what is read of operands at several positions, beside their own names; else nothing."""
    if positions == 1:
        return ()
    return (f"{' + '.join(map(str, columns))} numbers at {positions} positions, {stride} apart",)


def read_by(op: Op, constants: Constants) -> tuple[str, ...]:
    """The vectors that a sum of products multiplies, by name: equal ones have equal moments."""
    columns = [constants[m].shape[-1] for m in op.matrices]
    return (*multiplied(op), *read_at(op.positions, op.stride, columns))


def repeats(op: Op, name: str, constants: Constants, length: int) -> bool:
    """True for an operand of a result of `length` units that is applied to as many units again and
    again: a constant of fewer.
    """
    if name not in constants or OPERATIONS[op.kind].misfit is not unit_by_unit:
        return False
    return len(constants[name]) not in (1, length)


def positions_of(op: Op, constants: Constants, length: int) -> int:
    """How often the loop of an operation with a result of `length` units is repeated."""
    record = OPERATIONS[op.kind]
    if op.positions > 1 and record.form is not Form.WINDOW:
        return op.positions
    for name in op.args:
        if repeats(op, name, constants, length):
            return length // len(constants[name])
    if record.reads is Reads.UNIT and not record.reduces:
        whole = any(a in constants and len(constants[a]) > 1 for a in op.args)
        return 1 if whole else ANY
    return ANY if op.kind == "slice" else 1


def reads_whole(op: Op) -> bool:
    """True where a unit needs all units of the operands."""
    return OPERATIONS[op.kind].reads is Reads.WHOLE


def shift_counts(op: Op) -> tuple[str, ...]:
    """The operands that say how far to shift."""
    wants = zip(OPERATIONS[op.kind].wants, op.args, strict=False)
    return tuple(name for want, name in wants if want is not None and want.is_count)
