"""What the error hangs on: what rounding each matrix to few bits alone would do to the outputs.

The integers are those of second-order rounding, made once for all matrices. The float program is
run on some samples with one matrix after the other as they stand for it, its bias corrected, all
else as it is. So an error counts as the outputs feel it, through all that comes behind, and nothing
is lowered or judged again. Errors of different matrices hardly know of each other: their squares
add up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.interpret.feed import Feed, Results, run_numpy
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.passes.lower_integer import Lowered
from lstm_edge.passes.round_products import Change
from lstm_edge.rounding import Doubles

MOST_SAMPLES, MOST_STEPS = 32, 256
"""That the float program is run on."""


@dataclass(frozen=True)
class Piece:
    """A matrix that may be wide or narrow by itself. noise: squared error of the outputs, of their
    own squares, summed over the outputs. weights: how many.
    """

    layer: str
    matrix: str
    noise: float
    weights: int

    @property
    def worth(self) -> float:
        """Noise that a byte takes away, more or less."""
        return self.noise / self.weights


def pieces_of(reference: Program, lowered: Lowered, feed: Feed) -> tuple[Piece, ...]:
    """All matrices, those first whose rounding the outputs feel most for a byte. lowered: what the
    reference is in narrow weights.
    """
    feed = feed.pick(np.arange(min(MOST_SAMPLES, feed.shape[0])))
    feed = feed.first_steps(reference, MOST_STEPS)
    real = run_numpy(reference, feed, exact=False)
    found: list[Piece] = []
    for block in reference.blocks:
        for op in block.ops:
            for matrix in op.matrices:
                name = matrix.removeprefix(f"{block.layer}.")
                weights = reference.constants[matrix].size
                if any((p.layer, p.matrix) == (block.layer, name) for p in found):
                    continue
                change = _change(matrix, lowered)
                noise = np.inf
                if change is not None:
                    changed = _changed(reference, matrix, op.bias, change)
                    noise = _noise(real, run_numpy(changed, feed, exact=False))
                found.append(Piece(block.layer, name, float(noise), weights))
    return tuple(sorted(found, key=lambda piece: -piece.worth))


def _change(matrix: str, lowered: Lowered) -> Change | None:
    """What rounding made of a matrix, or of the parts that multiply parts of a vector; None where
    that is not known.
    """
    changes, part = lowered.changes, re.compile(re.escape(matrix) + r"(_\d+)*")
    found = [change for name, change in changes.items() if part.fullmatch(name)]
    if found:
        weights = np.concatenate([each.weights for each in found], axis=1)
        return Change(weights, np.asarray(sum(each.bias for each in found)))
    return _table(matrix, lowered.program)


def _table(matrix: str, program: Program) -> Change | None:
    """The rows of an embedding, as the program looks them up; the change is all of them."""
    for op in (op for block in program.blocks for op in block.ops):
        if OPERATIONS[op.kind].multiplies or matrix not in op.matrices:
            continue
        rows = program.constants[matrix] * program.values[op.dest].format.unit
        factors = program.constants[op.bias][:, None] if op.bias else 1.0
        return Change(np.asarray(rows * factors), np.zeros(0))
    return None


def _changed(reference: Program, matrix: str, bias: str, change: Change) -> Program:
    """The program with another matrix; of an embedding, with that in its place."""
    constants = dict(reference.constants)
    if not len(change.bias):
        constants[matrix] = change.weights.astype(np.float32)
    else:
        constants[matrix] = (constants[matrix] + change.weights).astype(np.float32)
        constants[bias] = (constants[bias] + change.bias).astype(np.float32)
    return replace(reference, constants=constants)


def _noise(real: Results, ours: Results) -> float:
    """Summed over the outputs: what is squared is the share of an output's size."""
    total = 0.0
    for name, wanted in real.outputs.items():
        signal = float(np.mean(_squares(wanted)))
        error = float(np.mean(_squares(wanted.astype(np.float64) - ours.outputs[name])))
        total += error / signal if signal > 0.0 else 0.0
    return total


def _squares(array: Doubles) -> Doubles:
    return np.asarray(array.astype(np.float64) ** 2)
