"""What the layers of a step compute, in numbers: to prove that they are the step of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lstm_edge.frontend.step.function import Doubles, Function
from lstm_edge.frontend.step.layers import StepLayer, Steps
from lstm_edge.ir.expr import Expr, walk

TOLERANCE = 1e-4
"""Of numbers of magnitude 1: far more than float32 rounds, far less than a wrong weight gives."""


def evaluate(
    steps: Steps, inputs: Mapping[str, Doubles], states: Mapping[str, Doubles]
) -> dict[str, Doubles]:
    """Values of a step: those of inputs, and all that its layers compute. states: before it."""
    values = dict(inputs)
    before = {steps.states[name]: array for name, array in states.items() if name in steps.states}
    for layer in steps.layers:
        values |= _layer(layer, values, before)
    return values


def _layer(
    layer: StepLayer, values: Mapping[str, Doubles], before: Mapping[tuple[str, str], Doubles]
) -> dict[str, Doubles]:
    made: dict[int, Doubles] = {}
    own = {called: before.get((value, called)) for called, value in layer.outputs.items()}
    params = {name: np.asarray(a, np.float64) for name, a in layer.params.items()}
    for e in walk(*layer.cell.results.values()):
        args = [made[id(a)] for a in e.args]
        if e.kind == "input":
            made[id(e)] = values[layer.inputs[e.name]]
        elif e.kind == "state":
            state = own[e.name]
            assert state is not None
            made[id(e)] = state
        else:
            made[id(e)] = _computed(e, args, params)
    return {
        value: np.broadcast_to(made[id(layer.cell.results[r])], (layer.units[r],))
        for r, value in layer.outputs.items()
    }


def _computed(e: Expr, args: list[Doubles], params: Mapping[str, Doubles]) -> Doubles:
    if e.kind == "param":
        return params[e.name]
    if e.kind == "constant":
        return np.full(1, e.value)
    if e.kind == "affine":
        products = [params[m] @ a for m, a in zip(e.matrices, args, strict=True)]
        return np.asarray(np.sum(products, axis=0) + params[e.name])
    if e.kind == "take":
        return args[0][list(e.units)]
    return Function.of(e).numbers(*args)


def drawn(seed: int, shape: Sequence[int]) -> Doubles:
    """Numbers to try a step with: above 0, where roots and logarithms are, and apart."""
    return (
        np.random.default_rng(seed)
        .uniform(0.1, 0.9, tuple(shape))
        .astype(np.float32)
        .astype(np.float64)
    )


def agrees(found: Doubles, expected: Doubles) -> bool:
    """Whether both are the same but for rounding; what is not finite says nothing."""
    if found.shape != expected.shape:
        return False
    sure = np.isfinite(expected)
    bound = TOLERANCE * (1.0 + np.abs(expected[sure]).max(initial=0.0))
    return bool((np.abs(found[sure] - expected[sure]) <= bound).all())
