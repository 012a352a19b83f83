"""Packs the weights of a phase for its kernel: group after group, tile after tile.

The stream is in the order in which it is read, so that one pointer runs through it: the tiles whose
sums a group keeps, then for each inner group its tiles and the constants of its units. Behind a
tile are the multipliers of its sums, where its kernel scales them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_edge.emit.view import Array
from lstm_edge.ir.program import Program
from lstm_edge.kernels.kernel import ROWS, Kernel
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.passes.operands import Run
from lstm_edge.passes.schedule import Phase
from lstm_edge.passes.select import Tiles


@dataclass(frozen=True)
class Tile:
    """A tile over a part of its operand: its row set, its number in a group, which part. at: of its
    sums among those of the group.
    """

    rows: int
    tile: int
    part: int
    run: Run
    at: int


Calls = tuple[tuple[Tile, ...], tuple[Tile, ...]]
"""Tiles of a group, and of an inner group."""


@dataclass(frozen=True)
class PackedGroup:
    """words: [n], or [steps, n] where weights change with the step. biases: of plain C, [n]."""

    words: Array
    biases: Array


def packed_group(
    program: Program, phase: Phase, chosen: Tiles, calls: Calls, streamed: Array
) -> PackedGroup:
    """The arrays of a phase. streamed: [units, words], what follows the tiles of a unit's group."""
    over_time = OPERATIONS[phase.matvecs[0].kind].running
    steps = len(program.constants[phase.matvecs[0].matrices[0]]) if over_time else 1
    made = [_step(program, phase, chosen, calls, streamed, step) for step in range(steps)]
    words = np.stack([m.words for m in made]) if over_time else made[0].words
    return PackedGroup(words, made[0].biases)


def _step(
    program: Program,
    phase: Phase,
    chosen: Tiles,
    calls: Calls,
    streamed: Array,
    step: int,
) -> PackedGroup:
    kernel = chosen.kernel
    assert kernel is not None
    words: list[Array] = []
    biases: list[Array] = []
    for group in range(0, phase.units, chosen.group):
        end = min(group + chosen.group, phase.units)
        for call in calls[0]:
            _add(program, chosen, call, (group, end), step, words, biases)
        for inner in range(group, end, chosen.inner) if kernel.streams else ():
            units = (inner, min(inner + chosen.inner, end))
            for call in calls[1]:
                _add(program, chosen, call, units, step, words, biases)
            words += [streamed[unit] for unit in range(*units)]
    return PackedGroup(np.concatenate(words), np.concatenate(biases))


def _add(
    program: Program,
    chosen: Tiles,
    call: Tile,
    units: tuple[int, int],
    step: int,
    words: list[Array],
    biases: list[Array],
) -> None:
    """Pack one tile for these units. A bias comes once: with a row's first part and first step."""
    kernel = chosen.kernel
    assert kernel is not None
    weights, bias = _tile(program, kernel, chosen, call, units, step)
    once = kernel.streams and (call.part or step)
    assert kernel.pack is not None
    words.append(kernel.pack(weights, np.zeros_like(bias) if once else bias))
    if chosen.scalings:
        words.append(_multipliers(program, chosen, call, units))
    if not call.part:
        biases.append(bias)


def _tile(
    program: Program,
    kernel: Kernel,
    chosen: Tiles,
    call: Tile,
    units: tuple[int, int],
    step: int,
) -> tuple[Array, Array]:
    """Weights [4, padded columns] of a tile's part, in the kernel's order, and its biases."""
    rows, runs = chosen.sets[call.rows], chosen.runs[call.rows]
    first = sum(run.values for run in runs[: call.part])
    values = range(first, first + call.run.values)
    kind = np.float32 if program.is_float else np.int64
    weights = np.zeros((ROWS, call.run.length), kind)
    biases = np.zeros(ROWS, kind)
    for k in range(ROWS):
        unit, row = divmod(call.tile * ROWS + k, len(rows.matvecs))
        if units[0] + unit >= units[1]:
            continue
        op = rows.matvecs[row]
        packed = kernel.order[k]
        biases[packed] = program.constants[op.bias][units[0] + unit]
        column = 0
        for value in values:
            matrix = _matrix(program, op, value, step)[units[0] + unit]
            weights[packed, column : column + len(matrix)] = matrix
            column += kernel.padded(len(matrix))
    return weights, biases


def _multipliers(program: Program, chosen: Tiles, call: Tile, units: tuple[int, int]) -> Array:
    """What follows a tile whose sums the kernel scales, in the order of the sums; 0 of no row."""
    rows = chosen.sets[call.rows]
    found = np.zeros(ROWS, np.int64)
    for k in range(ROWS):
        unit, row = divmod(call.tile * ROWS + k, len(rows.matvecs))
        if units[0] + unit < units[1]:
            scaling = chosen.scalings[rows.matvecs[row].dest]
            numbers = program.constants[scaling.multipliers]
            found[k] = numbers[(units[0] + unit) % len(numbers)]
    assert chosen.kernel is not None
    return chosen.kernel.scales(found)


def _matrix(program: Program, op: Op, value: int, step: int) -> Array:
    matrix = program.constants[op.matrices[value]]
    return matrix[step] if OPERATIONS[op.kind].running else matrix
