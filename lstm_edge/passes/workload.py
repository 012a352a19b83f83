"""What a step executes, counted in pieces of code whose cost is known: see `costs.py`.

The pieces are those that `emit/` writes; `costs.toml` says what each costs on a core.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lstm_edge.formats import whole_range
from lstm_edge.ir.program import Program
from lstm_edge.kernels.mve import UNITS
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Form
from lstm_edge.passes.curved import curved_tiles, sigmoids_within
from lstm_edge.passes.left import operations_of
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.select import Selection, Tiles
from lstm_edge.passes.wide import Wide
from lstm_edge.passes.widths import ctype_of

Pieces = defaultdict[str, float]
"""How often each piece of code runs."""
BLOCK = {"dsp": 16, "armv7m": 8, "armv6m": 8}
"""By the part of a kernel: numbers of an operand that are summed at a time."""
AT_ONCE = 4
"""Numbers that are copied at a time, where a dialect copies words."""


HALVES = 8
"""The same where vectors are copied."""


@dataclass(frozen=True)
class Workload:
    """Of one run of a phase. tiles: instructions of its kernel. pieces: how often each runs."""

    tiles: float
    pieces: Pieces


def workload(
    program: Program, selection: Selection, phase: Phase, *, fuses: bool, pairs: bool
) -> Workload:
    """The work of a phase, at all its positions. fuses, pairs: as the target's dialect."""
    once = _workload(program, selection, phase, fuses=fuses, pairs=pairs)
    if phase.positions == 1:
        return once
    pieces: Pieces = defaultdict(float)
    for piece, count in once.pieces.items():
        pieces[piece] += count * phase.positions
    return Workload(once.tiles * phase.positions, pieces)


def _workload(
    program: Program, selection: Selection, phase: Phase, *, fuses: bool, pairs: bool
) -> Workload:
    """At one position."""
    tiles = selection.tiles.get(phase.name)
    pieces: Pieces = defaultdict(float, phase=1.0)
    if phase.is_copy:
        _copy(program, selection, phase, pieces, pairs)
        return Workload(0.0, pieces)
    if any(OPERATIONS[op.kind].form is Form.WINDOW for op in phase.ops):
        _slide(program, phase, pieces)
        return Workload(0.0, pieces)
    called = next((op for op in phase.ops if OPERATIONS[op.kind].form is Form.CALL), None)
    if called is not None:
        work = OPERATIONS[called.kind].work
        pieces.update({} if work is None else work(called, program.constants, phase.units))
        return Workload(0.0, pieces)
    if pairs and _widens(program, selection, phase):
        _words(selection, pieces, "widen", phase.units)
        return Workload(0.0, pieces)
    if phase.name in selection.wide:
        return _wide(program, selection, phase, selection.wide[phase.name], pieces)
    done = 0.0
    if tiles is None:
        pieces["loop"] += phase.units
    elif tiles.kernel is None:
        pieces["straight weight"] += _weights_left(program, phase)
    else:
        done = _tiles(selection, tiles, phase, pieces)
    _units(program, selection, phase, tiles, pieces, fuses)
    return Workload(done, pieces)


def _wide(
    program: Program, selection: Selection, phase: Phase, wide: Wide, pieces: Pieces
) -> Workload:
    """On vectors of units: rows to the last instruction, and the pieces around them."""
    total = 0.0
    vectors = -(-phase.units // UNITS)
    tiles = -(-vectors // wide.vectors)
    for each in wide.sets:
        for segment in each.segments:
            pieces["segment"] += 1
            pieces["staged register"] += sum(piece.registers for piece in segment.pieces)
        for _, rows in each.calls:
            start, block = rows.instructions
            total += tiles * start + block * len(each.rows.matvecs) * vectors
            pieces["rows called"] += tiles
    each_vector: Pieces = defaultdict(float)
    for op in (*phase.ops, *phase.reductions):
        each_vector[f"vector {_piece(op)}"] += 1
    each_vector["vector load"] += len(phase.loads)
    each_vector["vector store"] += sum(_homes(program, selection, v) for v in phase.stores)
    each_vector["vector sum"] += len(phase.matvecs)
    for piece, count in each_vector.items():
        pieces[piece] += count * vectors
    pieces["vector"] += vectors
    return Workload(total, pieces)


def _tiles(selection: Selection, tiles: Tiles, phase: Phase, pieces: Pieces) -> float:
    """Instructions of the kernel, and the pieces around it."""
    kernel = tiles.kernel
    assert kernel is not None
    form = selection.forms[kernel.name]
    groups, inner = -(-phase.units // tiles.group), -(-phase.units // tiles.inner)
    total, runs = 0.0, set()
    for rows, parts, once in zip(tiles.sets, tiles.runs, tiles.at_once, strict=True):
        at_once = once and kernel.streams
        count = inner * rows.tiles(tiles.inner) if at_once else groups * rows.tiles(tiles.group)
        runs |= set(parts)
        if kernel.streams:
            total += count * sum(kernel.instructions(run.length, form) for run in parts)
            pieces["call" if at_once else "call, sums stored"] += count * len(parts)
        else:
            _plain_tiles(phase, count * len(parts), count * sum(r.length for r in parts), pieces)
    pieces["sigmoids of a tile"] += inner * len(curved_tiles(phase, tiles))
    _loops(phase, tiles, (groups, inner), pieces)
    for run in runs if kernel.streams else ():
        pieces["operand"] += 1
        if not kernel.begins_at(run.step):
            pieces["take four"] += run.length // AT_ONCE
            pieces["take one"] += run.length % AT_ONCE
        if kernel.is_float:
            continue
        block = BLOCK[kernel.part]
        pieces["sum of a block"] += run.length // block
        pieces["sum of the rest"] += run.length % block / kernel.columns
    return total


def _plain_tiles(phase: Phase, count: int, columns: int, pieces: Pieces) -> None:
    """Of the kernel in plain C, which is no more than an estimate."""
    bits = phase.matvecs[0].n
    pieces["plain tile"] += count
    pieces[f"column of {bits} bits" if bits else "column"] += columns


def _loops(phase: Phase, tiles: Tiles, groups: tuple[int, int], pieces: Pieces) -> None:
    """The loops over groups, inner groups and units. groups: how many of the first two."""
    if tiles.inner == tiles.group:
        pieces["group"] += groups[0]
        pieces["unit"] += phase.units
        return
    pieces["group, sums stored"] += groups[0]
    pieces["inner group"] += groups[1]
    pieces["unit, sums stored"] += phase.units


def _units(
    program: Program,
    selection: Selection,
    phase: Phase,
    tiles: Tiles | None,
    pieces: Pieces,
    fuses: bool,
) -> None:
    """What is done unit by unit."""
    ops = operations_of(program, phase, tiles, fuses=fuses)
    each: Pieces = defaultdict(float)
    for op in (*ops, *phase.reductions):
        each[_piece(op)] += 1
    if tiles is not None:
        each["sigmoid"] -= sigmoids_within(phase, tiles)
    for value in phase.loads:
        each["load"] += 1
        each["limit"] += _is_limited(program, value)
    each["store"] += sum(_homes(program, selection, value) for value in phase.stores)
    each["constant"] += _constants(program, ops)
    each["busy"] += max(0, len(ops) - BUSY)
    for piece, count in each.items():
        pieces[piece] += count * phase.units


BUSY = 12
"""With more operations than these registers run out."""


def _piece(op: Op) -> str:
    kind = op.kind
    if kind in ("shift", "drop") and op.n < 0:
        return "shift left"
    return kind


def _constants(program: Program, ops: tuple[Op, ...]) -> int:
    """Constants that differ from unit to unit."""
    names = {n for op in ops for n in op.args if n in program.constants}
    return sum(len(program.constants[n]) > 1 for n in names)


def _is_limited(program: Program, value: str) -> bool:
    """True for an input whose type holds more than its format."""
    port = next((p for p in program.inputs if p.value == value), None)
    if port is None or program.is_float:
        return False
    fmt = program.values[value].format
    return (fmt.low, fmt.high) != whole_range(ctype_of(program, value))


def _homes(program: Program, selection: Selection, value: str) -> int:
    """To how many arrays a value is stored."""
    count = sum(port.value == value for port in program.outputs)
    states = {s.name for s in program.states if value in (s.next, s.given)}
    entries = [e for array in selection.arrays.values() for e in array.entries]
    placed = sum(e.value in states if e.state else e.value == value for e in entries)
    count += placed or len(states)
    return max(count, 1)


def _copy(
    program: Program, selection: Selection, phase: Phase, pieces: Pieces, pairs: bool
) -> None:
    value = phase.loads[0]
    source = ctype_of(program, value)
    take = selection.takes.get(phase.name)
    target = selection.arrays[take[0]].ctype if take else source
    if pairs and target == "int16_t" and source in ("int8_t", "int16_t"):
        _words(selection, pieces, "take" if source == "int16_t" else "widen", phase.units)
        return
    pieces["loop"] += phase.units
    pieces["load"] += phase.units
    pieces["store"] += phase.units
    pieces["limit"] += phase.units * _is_limited(program, value)


def _words(selection: Selection, pieces: Pieces, how: str, units: int) -> None:
    """Numbers that are copied several at a time."""
    if selection.wide:
        pieces[f"vector {how}"] += units // HALVES
        pieces[f"vector {how} rest"] += units % HALVES > 0
        return
    pieces[f"{how} four"] += units // AT_ONCE
    pieces[f"{how} one"] += units % AT_ONCE


def _widens(program: Program, selection: Selection, phase: Phase) -> bool:
    """True for a phase that only shifts an int8 vector left into an operand."""
    if phase.matvecs or phase.reductions or len(phase.ops) != 1 or len(phase.loads) != 1:
        return False
    op = phase.ops[0]
    entries = {e.value for array in selection.arrays.values() for e in array.entries}
    narrow = ctype_of(program, phase.loads[0]) == "int8_t"
    return op.kind == "shift" and op.n < 0 and narrow and op.dest in entries


def _slide(program: Program, phase: Phase, pieces: Pieces) -> None:
    """The numbers of a window move up by a vector, which goes behind them."""
    op = phase.ops[0]
    size = program.values[op.args[1]].length
    moved = op.positions * op.stride if op.positions > 1 else phase.units
    pieces["slide"] += 1
    pieces["number that moves up"] += moved - size
    pieces["loop"] += size
    pieces["load"] += size
    pieces["store"] += size


def _weights_left(program: Program, phase: Phase) -> int:
    """Weights that straight-line code multiplies by: not those that are 0."""
    return sum(
        int(np.count_nonzero(program.constants[m])) for op in phase.matvecs for m in op.matrices
    )


def pieces_of(phases: Iterator[tuple[Workload, float]]) -> tuple[float, Pieces]:
    """Tiles and pieces of several phases, each so many times."""
    pieces: Pieces = defaultdict(float, step=1.0)
    tiles = 0.0
    for work, often in phases:
        tiles += work.tiles * often
        for piece, count in work.pieces.items():
            pieces[piece] += count * often
    return tiles, pieces
