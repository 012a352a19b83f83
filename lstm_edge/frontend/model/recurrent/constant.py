"""Recurrent layers of a decoder: fed the same constants at each step, since it knows of the input
what its first states tell, or called for one step, on what it gave before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.tensor import check_finite
from lstm_edge.ir.expr import Cell, Expr, input_vector, param
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
    made = dict(params)
    results = _with(cell, lambda e, args: _affine(e, args, made, x))
    found = replace(cell, results=results)
    return found, {name: made[name] for name in found.parameters}


def of_one_step(cell: Cell) -> Cell:
    """The cell whose states are inputs, called as they are and `_before`: it keeps none."""

    def given(e: Expr, args: list[Expr]) -> Expr:
        if e.kind == "state":
            return input_vector(f"{e.name}_before")
        return replace(e, args=tuple(args)) if args else e

    return replace(cell, name=f"{cell.name}_step", results=_with(cell, given), bounds={})


def _with(cell: Cell, made: Callable[[Expr, list[Expr]], Expr]) -> dict[str, Expr]:
    """Results of which each expression is what `made` makes of it and of its operands."""
    done: dict[int, Expr] = {}

    def of(e: Expr) -> Expr:
        if id(e) not in done:
            done[id(e)] = made(e, [of(a) for a in e.args])
        return done[id(e)]

    return {name: of(root) for name, root in cell.results.items()}


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
