"""What a cell computes, in float64: its equations walked with plain recursion, step after step.

Nothing here is used by the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import erf
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.expr import Expr, sees_several
from lstm_edge.ir.model import Layer, Node

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """What the equations of a layer see: number t of its steps, the vectors of it (of a window: all
    that it sees, the oldest first), the states, and how many steps the layer's sequence has.
    """

    layer: Node[Layer]
    t: int
    inputs: Mapping[str, Doubles]
    state: Mapping[str, Doubles]
    count: int


def run_cell(
    layer: Node[Layer],
    vectors: Mapping[str, Doubles],
    constant: Mapping[str, Doubles],
    first: Mapping[str, Doubles],
    count: int,
) -> tuple[dict[str, Doubles], dict[str, Doubles]]:
    """Each result of the cell [steps, units], and the states after the last step it takes.

    vectors: inputs [steps, features]; constant: those that are the same at each step; first: states
    before the first step, where these are not the layer's own; count: see `Step`.
    """
    if layer.op.window is not None:
        vectors = {name: _windows(layer, x) for name, x in vectors.items()}
        if not sees_several(layer.op.cell):
            vectors = {name: x[:, -1] for name, x in vectors.items()}
    state = {}
    for name in layer.op.cell.states:
        given = first.get(name, layer.op.initial.get(name))
        numbers = np.zeros(_units(layer, name)) if given is None else given
        state[name] = np.asarray(numbers, np.float64)
    record: dict[str, list[Doubles]] = {result: [] for result in layer.op.cell.results}
    steps = range(len(next(iter(vectors.values()))))
    for t in reversed(steps) if layer.op.reverse else steps:
        now = {name: sequence[t] for name, sequence in vectors.items()}
        step = Step(layer, t, {**now, **constant}, state, count)
        new = {r: _value(e, step) for r, e in layer.op.cell.results.items()}
        for _ in range(layer.op.along - 1):  # each time one position more begins as it has to
            begun = {name: _begun(state[name], new[name], layer.op.along) for name in state}
            step = Step(layer, t, step.inputs, begun, count)
            new = {r: _value(e, step) for r, e in layer.op.cell.results.items()}
        state = {name: new[name] for name in state} if layer.op.along == 1 else state
        for result, value in new.items():
            record[result].append(value)
    ordered = -1 if layer.op.reverse else 1
    return {r: np.stack(values[::ordered]) for r, values in record.items()}, state


def _begun(first: Doubles, after: Doubles, places: int) -> Doubles:
    """States of all places: those after the place before."""
    units = len(first) // places
    return np.concatenate([first[:units], after[:-units]])


def _windows(layer: Node[Layer], x: Doubles) -> Doubles:
    """[windows, kernel, features]: the vectors that each step sees, padding among them."""
    assert layer.op.window is not None
    kernel, stride = layer.op.window.kernel, layer.op.window.stride
    pad = layer.op.initial.get("recent", np.zeros(1))[:1].astype(np.float64)
    before = [np.broadcast_to(pad, x.shape[1:])] * layer.op.window.left
    behind = [np.broadcast_to(pad, x.shape[1:])] * layer.op.window.right
    line = np.stack([*before, *x, *behind])
    line = line[max(0, -layer.op.window.left) : len(line) - max(0, -layer.op.window.right)]
    starts = range(0, len(line) - kernel + 1, stride)
    return np.stack([line[start : start + kernel] for start in starts])


def _units(layer: Node[Layer], state: str) -> int:
    """Length of a state: as the layer says, or columns of a matrix that multiplies it, else as many
    as gates have.
    """
    if state in layer.op.units:
        return layer.op.units[state]
    if state == "h":
        return next(p.shape[1] for name, p in layer.op.params.items() if name[:2] == "R_")
    return next(
        len(p) for name, p in layer.op.params.items() if name[:2] == "b_" and name != "b_hr"
    )


def _value(e: Expr, step: Step) -> Doubles:
    layer = step.layer
    args = [_value(a, step) for a in e.args]
    if e.kind == "affine" and e.positions > 1:
        return _at_positions(e, args, layer)
    if e.kind == "affine":
        products = [
            layer.op.params[m].astype(np.float64) @ a for m, a in zip(e.matrices, args, strict=True)
        ]
        return layer.op.params[e.name] + np.sum(products, axis=0)
    if e.kind in MORE:
        return np.asarray(MORE[e.kind](e, args, step), np.float64)
    if e.kind != "join":
        args = _repeated(e, args)
    if args:
        return OPERATIONS[e.name if e.kind == "apply" else e.kind](*args)
    leaves: dict[str, Mapping[str, Any]] = {
        "input": step.inputs,
        "state": step.state,
        "param": layer.op.params,
    }
    return np.asarray(leaves[e.kind][e.name] if e.kind in leaves else e.value, np.float64)


def _repeated(e: Expr, args: list[Doubles]) -> list[Doubles]:
    """Weights that repeat over positions as often as the longest operand has them."""
    longest = max((len(a) for a in args if a.ndim), default=1)
    return [
        np.tile(a, longest // len(a)) if o.kind == "param" and len(a) > 1 else a
        for o, a in zip(e.args, args, strict=True)
    ]


def _at_positions(e: Expr, args: list[Doubles], layer: Node[Layer]) -> Doubles:
    """The same weights, further and further on."""
    found = []
    for p in range(e.positions):
        row = layer.op.params[e.name].astype(np.float64)
        for matrix, x in zip(e.matrices, args, strict=True):
            weights = layer.op.params[matrix].astype(np.float64)
            row = row + weights @ x[p * e.stride : p * e.stride + weights.shape[1]]
        found.append(row)
    return np.concatenate(found)


def _recent(e: Expr, args: list[Doubles], step: Step) -> Doubles:
    """All vectors one behind the other; of several positions each one's of all vectors."""
    if e.positions == 1:
        return args[0].ravel()
    pad = float(step.layer.op.initial.get("recent", np.zeros(1))[0])
    places = args[0].reshape(len(args[0]), e.positions, -1).transpose(1, 0, 2)
    return np.pad(places, (e.units, (0, 0), (0, 0)), constant_values=pad).ravel()


def _tap(e: Expr, args: list[Doubles], step: Step) -> Doubles:
    assert step.layer.op.window is not None
    return np.asarray(args[0].reshape(step.layer.op.window.kernel, -1)[int(e.value)])


MORE: dict[str, Callable[[Expr, list[Doubles], Step], Any]] = {
    "lookup": lambda e, args, step: step.layer.op.params[e.name][int(args[0][int(e.value)])],
    "layer_norm": lambda e, args, _: (args[0] - args[0].mean()) / np.sqrt(args[0].var() + e.value),
    "recent": _recent,
    "tap": _tap,
    "step": lambda e, _, step: np.array([min(step.t, e.value)]),
    "within": lambda _, args, step: args[0] if step.t < args[2] else args[1] + 0 * args[0],
    "take": lambda e, args, _: np.atleast_1d(args[0])[list(e.units)],
    "mean_over_steps": lambda _, args, step: args[0] / step.count,
}
"""Operations that need more than their operands."""

OPERATIONS: dict[str, Callable[..., Doubles]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "tanh": np.tanh,
    "larger": np.maximum,
    "smaller": np.minimum,
    "above": lambda a, b: np.where(a > b, a, 0.0),
    "divide": lambda a, b: a / b,
    "select": lambda a, b, chosen, other: np.where(a > b, chosen, other),
    "floor": np.floor,
    "nearest": np.round,
    "join": lambda *parts: np.concatenate([np.atleast_1d(part) for part in parts]),
    "total": lambda v: np.array([v.sum()]),
    "largest": lambda v: np.array([v.max()]),
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "erf": np.vectorize(erf),
    "softsign": lambda v: v / (1 + abs(v)),
    "exp": np.exp,
    "elu_tail": lambda v: np.expm1(np.minimum(v, 0.0)),
    "softplus_tail": lambda v: np.log1p(np.exp(-abs(v))),
    "argmax": lambda v: np.array([float(max(range(len(v)), key=lambda k: (v[k], -k)))]),
    "softmax": lambda v: np.exp(v) / np.exp(v).sum(),
    "log_softmax": lambda v: v - np.log(np.exp(v).sum()),
}
