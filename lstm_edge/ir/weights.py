"""The weights of an integer program as it stores them: integers, and what they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class StoredWeights:
    """Matrices that share the scales of their rows, side by side.

    matrices: their names, such as `lstm.W_i`; parts of one that reads several vectors are numbered,
    `fc.W_y_0`. What is stored in two parts is two of these, and `lstm.R_i_low` has what `lstm.R_i`
    leaves. widths: columns of each. bits: 4, 8 or 16. integers [rows, columns]. scale [rows]:
    of what a row counts in. columns [columns]: the scale of what each is multiplied with; 1 of an
    embedding.
    """

    matrices: tuple[str, ...]
    widths: tuple[int, ...]
    bits: int
    integers: Ints
    scale: Doubles
    columns: Doubles

    @property
    def real(self) -> Doubles:
        """The weights that the integers stand for [rows, columns]."""
        return np.asarray(self.integers * self.scale[:, None] / self.columns)


def stored_weights(program: Program) -> tuple[StoredWeights, ...]:
    """Of all matrix products and embeddings of an integer program, in its order; none of a float
    program. Left out are weights that differ from step to step, and tables of the scheme `fixed`.
    """
    return () if program.is_float else tuple(_found(program))


def float_weights(model: Model) -> dict[str, Floats]:
    """The matrices of a network by the names that `StoredWeights` has."""
    return {
        f"{node.name}.{name}": array
        for node in model.layers
        for name, array in node.op.params.items()
        if array.ndim == 2
    }


def _found(program: Program) -> Iterator[StoredWeights]:
    for op in (op for block in program.blocks for op in block.ops):
        if op.kind == "matvec":
            yield _product(program, op)
        elif op.kind == "lookup" and (table := _table(program, op)) is not None:
            yield table


def _product(program: Program, op: Op) -> StoredWeights:
    """The sum counts in the scales of its rows."""
    result, reads = program.values[op.dest], [program.values[name] for name in op.args]
    widths = tuple(program.constants[m].shape[1] for m in op.matrices)
    columns = [v.format.scales(v.length)[:n] for v, n in zip(reads, widths, strict=True)]
    rows = len(program.constants[op.bias])
    return StoredWeights(
        op.matrices,
        widths,
        op.n,
        np.concatenate([_integers(program.constants, m) for m in op.matrices], axis=1),
        result.format.scales(result.length)[:rows],
        np.concatenate(columns),
    )


def _table(program: Program, op: Op) -> StoredWeights | None:
    """Of an embedding: its rows count in their multipliers times the unit of what is looked up."""
    (name,) = op.matrices
    multipliers = program.constants.get(f"{name}_multiplier")
    if multipliers is None:
        return None
    rows, unit = _integers(program.constants, name), program.values[op.dest].format.unit
    width = rows.shape[1]
    scale = multipliers.astype(np.float64) * unit
    return StoredWeights((name,), (width,), op.count, rows, scale, np.ones(width))


def _integers(constants: Mapping[str, npt.NDArray[np.generic]], name: str) -> Ints:
    return constants[name].astype(np.int64)
