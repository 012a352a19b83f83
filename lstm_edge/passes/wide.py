"""Phases on vectors of four units: which can be, and how their operands are held in registers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lstm_edge.formats import signed_bits
from lstm_edge.ir.program import Program
from lstm_edge.kernels.mve import BYTES, PLANE_BITS, UNITS, Piece, Role, Rows, cut
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Form
from lstm_edge.passes.operands import Run
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.tiles import RowSet, columns_of

MOST_BITS = 22
"""Within a segment of a table that vectors read."""
TILE_BYTES = 1024
"""Of sums on the stack: a tile has as many vectors of units as need no more."""
FRAME_BYTES = 200
"""Of the stack: what functions keep beside their arrays, at most."""


@dataclass(frozen=True)
class Segment:
    """Columns of an operand that are copied together. offset: of the first in the operand. places:
    lower bits that are 0 and left out. halves: held as halfwords. at: byte of the copies where they
    go.
    """

    run: Run
    offset: int
    columns: int
    role: Role
    places: int
    halves: bool = False
    at: int = 0

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """As registers hold them."""
        size = BYTES // 2 if self.halves else BYTES
        starts = range(0, self.columns, size)
        return tuple(Piece(min(size, self.columns - k), self.role) for k in starts)


@dataclass(frozen=True)
class WideRows:
    """A row set over one run, as functions of rows, each with the byte where its columns start."""

    rows: RowSet
    segments: tuple[Segment, ...]
    calls: tuple[tuple[int, Rows], ...]


@dataclass(frozen=True)
class Wide:
    """A phase on vectors of units.

    vectors: of a tile, whose sums are there at a time. sets: its rows. staged: bytes of operands as
    registers take them, 0 where there are none.
    """

    vectors: int
    sets: tuple[WideRows, ...]
    staged: int

    @property
    def rows(self) -> int:
        """Of a unit."""
        return sum(len(each.rows.matvecs) for each in self.sets)

    @property
    def copied(self) -> frozenset[Run]:
        """Parts of operands that segments are copied from."""
        return frozenset(segment.run for each in self.sets for segment in each.segments)


def can_be_wide(phase: Phase) -> bool:
    """True where each operation has a spelling for four units and is none of a window."""
    every = (*phase.ops, *phase.reductions)
    if phase.units == 1 or phase.is_copy or not (phase.matvecs or every):
        return False
    return all(_is_spelled(op) for op in every)


def _is_spelled(op: Op) -> bool:
    """True where four units can be written at once: not of a table with two numbers in a byte."""
    record = OPERATIONS[op.kind]
    if record.c_wide is None or (op.table and op.n > MOST_BITS):
        return False
    if record.form is Form.ROW:
        return op.count in (8, 16)
    return record.form in (Form.EXPRESSION, Form.ELEMENT, Form.ANYWHERE)


def wide_of(
    program: Program,
    phase: Phase,
    sets: tuple[RowSet, ...] = (),
    runs: tuple[tuple[Run, ...], ...] = (),
    stack: int | None = None,
) -> Wide:
    """How a phase runs on vectors; runs: per row set, where its operands lie. stack: bytes that a
    call may take, None for any.
    """
    staging = _Staging(program)
    made: dict[int, WideRows] = {}
    for k in sorted(range(len(sets)), key=lambda k: -sum(run.length for run in runs[k])):
        made[k] = staging.rows(sets[k], runs[k])
    rows = sum(len(each.matvecs) for each in sets)
    room = TILE_BYTES if stack is None else min(TILE_BYTES, stack - FRAME_BYTES - staging.at)
    vectors = _tile(-(-phase.units // UNITS), rows, room)
    return Wide(vectors, tuple(made[k] for k in range(len(sets))), staging.at)


def _tile(vectors: int, rows: int, room: int) -> int:
    """Vectors of a tile: all where no sums are kept, else as many in each tile, or nearly so."""
    if not rows:
        return vectors
    most = max(1, room // (BYTES * rows))
    tiles = -(-vectors // most)
    even = next((n for n in range(min(most, vectors), 0, -1) if vectors % n == 0), 1)
    return even if 2 * even >= most else -(-vectors // tiles)


@dataclass
class _Staging:
    """Segments while they are found: what several rows read is copied once. at: bytes so far."""

    program: Program
    found: list[Segment] = field(default_factory=list)
    at: int = 0

    def rows(self, rows: RowSet, runs: tuple[Run, ...]) -> WideRows:
        """The functions for a row set, run after run, since a sum can be gone on with."""
        bits = rows.matvecs[0].n
        segments: list[Segment] = []
        calls: list[tuple[int, Rows]] = []
        first, columns = 0, columns_of(self.program, rows)
        for run in runs:
            values = rows.operands[first : first + run.values]
            lengths = columns[first : first + run.values]
            first += run.values
            halves, places, wanted = self._held(run, values, bits, [*lengths])
            here = self._placed(wanted)
            segments += here
            pieces = [piece for each in here for piece in each.pieces]
            start = here[0].at
            for group in cut(pieces):
                calls.append((start, Rows(bits, halves, places, group, not calls, last=False)))
                start += BYTES * sum(piece.registers for piece in group)
        at, last = calls[-1]
        calls[-1] = (at, replace(last, last=True))
        return WideRows(rows, tuple(segments), tuple(calls))

    def _held(
        self, run: Run, values: tuple[str, ...], bits: int, lengths: list[int]
    ) -> tuple[bool, int, list[Segment]]:
        """Whether a run is held in halfwords, how far what is summed aside is shifted, and its
        segments.
        """
        widths = [self._width(v) for v in values]
        places = [
            self._zeros(v) if width > 8 else 0 for v, width in zip(values, widths, strict=True)
        ]
        shifts = {n for n in places if n}
        if bits == 16 or max(widths) > 15:
            joined = Segment(run, 0, sum(lengths), Role.LOW, 0, halves=True)
            return True, 0, self._apart(joined, lengths, BYTES // 2)
        bytes_hold = all(w - n <= 8 for w, n in zip(widths, places, strict=True))
        if not bytes_hold or len(shifts) > 1:
            joined = Segment(run, 0, sum(lengths), Role.BOTH, 0)
            return False, PLANE_BITS, self._apart(joined, lengths, BYTES)
        found: list[Segment] = []
        offset = 0
        for n, length in zip(places, lengths, strict=True):
            role = Role.HIGH if n else Role.LOW
            found.append(Segment(run, offset, length, role, n))
            offset += length
        if len({each.role for each in found}) == 1:
            joined = replace(found[0], columns=sum(lengths))
            found = self._apart(joined, lengths, BYTES)
        return False, max(places), found

    def _apart(self, joined: Segment, lengths: list[int], size: int) -> list[Segment]:
        """A segment for each vector where that takes no more registers: others may read it, too."""
        if sum(-(-n // size) for n in lengths) > -(-sum(lengths) // size):
            return [joined]
        starts = [sum(lengths[:k]) for k in range(len(lengths))]
        return [
            replace(joined, offset=start, columns=n)
            for start, n in zip(starts, lengths, strict=True)
        ]

    def _placed(self, wanted: list[Segment]) -> list[Segment]:
        """The segments where they are already, one behind the other, or behind all so far."""
        keys = [_key(each) for each in wanted]
        for k in range(len(self.found) - len(wanted) + 1):
            here = self.found[k : k + len(wanted)]
            if [_key(each) for each in here] == keys:
                return here
        placed = []
        for each in wanted:
            placed.append(replace(each, at=self.at))
            self.at += BYTES * sum(piece.registers for piece in each.pieces)
        self.found += placed
        return placed

    def _width(self, value: str) -> int:
        fmt = self.program.values[value].format
        return signed_bits(fmt.low, fmt.high)

    def _zeros(self, value: str) -> int:
        """Lower bits of a value that are 0, since it was shifted left."""
        for block in self.program.blocks:
            for op in block.ops:
                if op.dest == value and op.kind == "shift" and op.n < 0:
                    return -op.n
        return 0


def _key(segment: Segment) -> tuple[object, ...]:
    run = segment.run
    start = (run.array, run.after, run.offset + segment.offset, segment.columns, run.step)
    return (*start, segment.role, segment.places, segment.halves)
