"""Which loop an operation runs in: the earliest that has its operands, or its readers'.

Loops of one layer are told apart by their level: a loop needs whole vectors that loops of lower
levels make. A loop has one kernel, so products of weights of other bits are in one of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lstm_edge.ir.clock import Clock
from lstm_edge.ir.program import LATEST, Block, Program
from lstm_edge.operations import ANY, OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Form, Reads


def positions_of(program: Program, ops: tuple[Op, ...]) -> int | None:
    """How often a loop of these operations is repeated, each time for the next units, 1 where it is
    not; None where they cannot be in one loop.
    """
    found = {program.positions_of[op.dest] for op in ops} - {ANY}
    if len(found) > 1:
        return None
    positions = found.pop() if found else 1
    strides: dict[str, int] = {}
    for op in ops if positions > 1 else ():
        for name in () if _multiplies(op) else op.args:
            stride = stride_of(program, op, positions)
            if strides.setdefault(name, stride) != stride:
                return None
    return positions


def stride_of(program: Program, op: Op, positions: int) -> int:
    """Numbers of its operands that a loop goes on by for each position."""
    return op.stride if op.positions > 1 else program.values[op.dest].length // positions


@dataclass
class Draft:
    """A loop over `units` of one layer while operations are added to it."""

    layer: str
    sweep: int
    clock: Clock
    level: int
    units: int
    ops: list[Op]
    before: int = LATEST

    def beside(self, other: Draft) -> bool:
        """True for two loops that differ in their level only."""
        mine = (self.layer, self.sweep, self.clock, self.units, self.before)
        return mine == (other.layer, other.sweep, other.clock, other.units, other.before)

    def takes(self, program: Program, op: Op) -> bool:
        """True where no product of the loop has weights of other bits than the operation, and the
        loop is repeated over as many positions as that is. A call has a loop of its own.
        """
        if self.ops and any(_is_called(o) for o in (op, *self.ops)):
            return False
        alike = not _multiplies(op) or all(o.n == op.n for o in self.ops if _multiplies(o))
        return alike and positions_of(program, (*self.ops, op)) is not None


def place(
    program: Program,
    op: Op,
    block: Block,
    drafts: list[Draft],
    made_in: Mapping[str, Draft],
) -> Draft:
    """The earliest phase in which all operands are at hand; a new one where there is none."""
    record = OPERATIONS[op.kind]
    units = program.values[op.args[0] if record.reduces else op.dest].length
    level, joins = 0, None
    for name in op.args:
        source = made_in.get(name)
        if source is None or (source.sweep, source.before) != (block.sweep, block.before):
            continue
        reduced = any(
            o.dest == name and (OPERATIONS[o.kind].reduces or _is_called(o)) for o in source.ops
        )
        same_units = program.values[name].length == source.units == units
        same_time = source.clock == block.clock and record.reads is Reads.UNIT
        by_unit = same_time and same_units and not reduced
        needed = source.level if by_unit else source.level + 1
        if needed > level or (needed == level and joins is None):
            joins = source if by_unit else None
        elif needed == level and by_unit and joins is not source:
            needed, joins = level + 1, None
        level = max(level, needed)
    if joins is not None and joins.level == level and joins.takes(program, op):
        return joins
    made = Draft(block.layer, block.sweep, block.clock, level, units, [], block.before)
    there = {d.level: d for d in drafts if d.beside(made)}
    while level in there and not there[level].takes(program, op):
        level += 1
    if level not in there:
        there[level] = replace(made, level=level)
        drafts.append(there[level])
    return there[level]


def sink(
    program: Program, drafts: list[Draft], made_in: dict[str, Draft], wanted: frozenset[str]
) -> None:
    """Move what only one later loop reads, unit by unit, into that loop.

    A layer makes some values from its states alone, before its inputs are there: peepholes, the
    recurrent half of a GRU. They need no loop and no memory of their own. Only operations that
    read nothing else of their loop move. wanted: values that have to be in memory, which stay.
    """
    every = [op for b in program.blocks for op in b.ops if not OPERATIONS[op.kind].placed]
    order = {op.dest: k for k, op in enumerate(every)}
    readers: dict[str, list[Op]] = {}
    for op in every:
        for name in op.args:
            readers.setdefault(name, []).append(op)
    for draft in list(drafts):
        moving = _moving(program, draft, made_in, readers, wanted)
        for op in draft.ops:
            if op.dest in moving:
                into = made_in[op.dest] = moving[op.dest]
                into.ops.append(op)
                into.ops.sort(key=lambda o: order[o.dest])
        draft.ops = [op for op in draft.ops if op.dest not in moving]
    drafts[:] = [draft for draft in drafts if draft.ops]


def _moving(
    program: Program,
    draft: Draft,
    made_in: Mapping[str, Draft],
    readers: Mapping[str, list[Op]],
    wanted: frozenset[str],
) -> dict[str, Draft]:
    """Where each result of a loop goes that leaves it."""
    staying = wanted | {op.dest for op in draft.ops if _stays(op)}
    while True:
        moving: dict[str, Draft] = {}
        for op in reversed(draft.ops):
            uses = readers.get(op.dest, [])
            places = [moving.get(use.dest, made_in[use.dest]) for use in uses]
            by_unit = all(OPERATIONS[use.kind].reads is Reads.UNIT for use in uses)
            if op.dest in staying or not places or not by_unit:
                continue
            into = places[0]
            together = (
                draft.beside(into) and into.takes(program, op) and all(p is into for p in places)
            )
            if into is not draft and together:
                moving[op.dest] = into
        stuck = {
            op.dest
            for op in draft.ops
            if op.dest in moving
            and any(made_in.get(a) is draft and a not in moving for a in op.args)
        }
        if not stuck:
            return moving
        staying |= stuck


def _multiplies(op: Op) -> bool:
    return OPERATIONS[op.kind].multiplies


def _stays(op: Op) -> bool:
    """True for what has to be where its operand is made: reductions, running sums, calls."""
    record = OPERATIONS[op.kind]
    return record.reduces is not None or record.running > 0 or _is_called(op)


def _is_called(op: Op) -> bool:
    return OPERATIONS[op.kind].form is Form.CALL
