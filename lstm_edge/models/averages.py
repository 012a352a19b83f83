"""Averages over time whose two weights add up to 1, by what the state is away from the new number.

    a * state + (1 - a) * x  ->  state + (1 - a) * (x - state)

In integers a product with a near 1 loses as much at each step as the state may change in many; of
the difference, which is multiplied by little, next to nothing is lost.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import Layer, Model, Node, is_a

Doubles = npt.NDArray[np.float64]
NEAR = 1e-6
"""How far from 1 the sum of two weights in float32 may be."""


def averages(model: Model) -> Model:
    """The model with each average written so."""
    nodes = tuple(_rewritten(node) if is_a(node, Layer) else node for node in model.nodes)
    return replace(model, nodes=nodes)


def _rewritten(node: Node[Layer]) -> Node[Layer]:
    cell = node.op.cell
    made: dict[int, Expr] = {}
    for e in cell.nodes:
        args = tuple(made[id(a)] for a in e.args)
        same = all(a is b for a, b in zip(args, e.args, strict=True))
        found = _average(e, node.op)
        if found is None:
            made[id(e)] = e if same else replace(e, args=args)
        else:
            before, x, weight = (made[id(part)] for part in found)
            made[id(e)] = before + (x - before) * weight
    results = {name: made[id(root)] for name, root in cell.results.items()}
    if all(results[name] is root for name, root in cell.results.items()):
        return node
    return replace(node, op=replace(node.op, cell=replace(cell, results=results)))


def _average(e: Expr, layer: Layer) -> tuple[Expr, Expr, Expr] | None:
    """The state, the new number and its weight."""
    if e.kind != "add" or any(a.kind != "mul" for a in e.args):
        return None
    for one, other in (e.args, e.args[::-1]):
        for before, kept in (one.args, one.args[::-1]):
            for x, weight in (other.args, other.args[::-1]):
                if before.kind == "state" and _is_one(_number(kept, layer), _number(weight, layer)):
                    return before, x, weight
    return None


def _is_one(a: Doubles | None, b: Doubles | None) -> bool:
    if a is None or b is None or min(a.min(), b.min()) < 0.0:
        return False
    return bool(np.all(np.abs(a + b - 1.0) <= NEAR))


def _number(e: Expr, layer: Layer) -> Doubles | None:
    if e.kind == "constant":
        return np.array([e.value])
    return layer.params[e.name].astype(np.float64) if e.kind == "param" else None
