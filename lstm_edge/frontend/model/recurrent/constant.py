"""A recurrent layer that is fed the same constants at each step: a decoder that knows of the input
what its first states tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.tensor import check_finite
from lstm_edge.ir.expr import Cell, Expr, param
from lstm_edge.ir.model import Floats

Doubles = npt.NDArray[np.float64]


def same_at_each_step(label: str, x: Doubles) -> Doubles:
    """[features] of a constant X of three axes, the features last, that is the same everywhere."""
    if x.ndim != 3 or 0 in x.shape:
        raise ModelError(label, f"input X is a constant {list(x.shape)}, expected three axes")
    check_finite(f"{label}, input X", x)
    if not (x == x[:1, :1]).all():
        raise ModelError(
            label,
            "input X is a constant that differs from step to step; make it an input of the model, "
            "or add it to one",
        )
    return np.asarray(x[0, 0], np.float64)


def without_x(
    cell: Cell, params: Mapping[str, Floats], x: Doubles
) -> tuple[Cell, dict[str, Floats]]:
    """The cell with x in its biases; it reads its states alone."""
    made, done = dict(params), {}

    def of(e: Expr) -> Expr:
        if id(e) not in done:
            done[id(e)] = _affine(e, [of(a) for a in e.args], made, x)
        return done[id(e)]

    results = {name: of(root) for name, root in cell.results.items()}
    found = replace(cell, results=results)
    return found, {name: made[name] for name in found.parameters}


def _affine(e: Expr, args: list[Expr], params: dict[str, Floats], x: Doubles) -> Expr:
    if e.kind != "affine":
        return replace(e, args=tuple(args)) if args else e
    pairs = [*zip(e.matrices, args, strict=True)]
    fed = [matrix for matrix, operand in pairs if operand.kind == "input"]
    for matrix in fed:
        shift = params[matrix].astype(np.float64) @ x
        params[e.name] = (params[e.name].astype(np.float64) + shift).astype(np.float32)
    left = [pair for pair in pairs if pair[0] not in fed]
    if not left:
        return param(e.name)
    matrices, operands = zip(*left, strict=True)
    return replace(e, args=operands, matrices=matrices)
