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
NEAR = 3e-5
"""How far from 1 the sum of two weights may be, in parts of the smaller one: a constant input is
multiplied by new / (1 - kept), which has to be 1 within 90 dB.
"""


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
                a, b = _number(kept, layer), _number(weight, layer)
                if before.kind == "state" and a is not None and b is not None and is_average(a, b):
                    return before, x, weight
    return None


def is_average(kept: npt.ArrayLike, new: npt.ArrayLike) -> bool:
    """Whether these weights, of a state and of a new number, add up to 1."""
    a, b = np.asarray(kept, np.float64), np.asarray(new, np.float64)
    return bool(np.all(np.abs(a + b - 1.0) <= NEAR * np.minimum(a, b)))


def _number(e: Expr, layer: Layer) -> Doubles | None:
    if e.kind == "constant":
        return np.array([e.value])
    return layer.params[e.name].astype(np.float64) if e.kind == "param" else None
