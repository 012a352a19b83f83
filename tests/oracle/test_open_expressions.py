"""Each function that a step may compute: against its definition in float64, and in integers."""

from __future__ import annotations

from collections.abc import Callable
from math import erf

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge import functions as f
from lstm_edge.interpret.execute import run
from lstm_edge.ir.expr import (
    Cell,
    Expr,
    apply,
    constant,
    input_vector,
    join,
    largest,
    param,
    select,
    take,
    tanh,
    total,
)
from lstm_edge.ir.model import Model
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from tests.support.models import random_inputs
from tests.support.open_cells import step_model
from tests.support.programs import quantized, real_outputs, sqnr_db

Doubles = npt.NDArray[np.float64]
FEATURES = 5
SLOPE = np.array([0.3, -0.2, 0.1, 0.7, 0.0], np.float32)
x = input_vector("x")
normal = np.vectorize(lambda v: 0.5 * (1.0 + erf(v / np.sqrt(2.0))))


def log1p_exp(v: Doubles) -> Doubles:
    return np.logaddexp(0.0, v)


EXPRESSIONS: dict[str, tuple[Expr, Callable[[Doubles], Doubles], int]] = {
    "divide": (x / (f.absolute(x) + 0.5), lambda v: v / (abs(v) + 0.5), FEATURES),
    "divide_below_0": (x / (-f.absolute(x) - 0.5), lambda v: v / (-abs(v) - 0.5), FEATURES),
    "divide_by_a_number": (x / constant(3.7), lambda v: v / 3.7, FEATURES),
    "reciprocal": (f.reciprocal(f.square(x) + 0.1), lambda v: 1 / (v * v + 0.1), FEATURES),
    "log": (f.logarithm(f.square(x) + 0.1), lambda v: np.log(v * v + 0.1), FEATURES),
    "log_near_1": (
        f.logarithm(tanh(x) * 0.05 + 1.0),
        lambda v: np.log1p(np.tanh(v) / 20),
        FEATURES,
    ),
    "sqrt": (f.root(f.absolute(x)), lambda v: np.sqrt(abs(v)), FEATURES),
    "power_3": (f.power(x, 3.0), lambda v: v**3, FEATURES),
    "power_0": (f.power(x, 0.0) * x, lambda v: v, FEATURES),
    "power_-0.5": (f.power(f.square(x) + 0.1, -0.5), lambda v: (v * v + 0.1) ** -0.5, FEATURES),
    "power_2.5": (f.power(f.absolute(x), 2.5), lambda v: abs(v) ** 2.5, FEATURES),
    "power_1.7": (f.power(f.absolute(x) + 0.1, 1.7), lambda v: (abs(v) + 0.1) ** 1.7, FEATURES),
    "2_to_the": (f.power_of(2.0, x), lambda v: 2.0**v, FEATURES),
    "sin": (apply("sin", x), np.sin, FEATURES),
    "cos": (apply("cos", x), np.cos, FEATURES),
    "erf": (apply("erf", x), np.vectorize(erf), FEATURES),
    "gelu": (f.gelu(x), lambda v: v * normal(v), FEATURES),
    "gelu_tanh": (
        f.gelu(x, tanh_form=True),
        lambda v: v / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3))),
        FEATURES,
    ),
    "selu": (
        f.selu(x),
        lambda v: 1.0507009873554805 * np.where(v > 0, v, 1.6732632423543772 * np.expm1(v)),
        FEATURES,
    ),
    "celu": (f.celu(x, 0.7), lambda v: np.where(v > 0, v, 0.7 * np.expm1(v / 0.7)), FEATURES),
    "swish": (f.swish(x), lambda v: v / (1 + np.exp(-v)), FEATURES),
    "hard_swish": (f.hard_swish(x), lambda v: v * np.clip(v / 6 + 0.5, 0, 1), FEATURES),
    "mish": (f.mish(x), lambda v: v * np.tanh(log1p_exp(v)), FEATURES),
    "prelu": (f.prelu(x, param("slope")), lambda v: np.where(v > 0, v, SLOPE * v), FEATURES),
    "absolute": (f.absolute(x), abs, FEATURES),
    "select": (
        select(x, 0.2, x * 2.0 - 0.4, -x + 0.2),
        lambda v: np.where(v > 0.2, 2 * v - 0.4, 0.2 - v),
        FEATURES,
    ),
    "total": (total(x), lambda v: v.sum(-1, keepdims=True), 1),
    "largest": (largest(x), lambda v: v.max(-1, keepdims=True), 1),
    "smallest": (f.smallest(x), lambda v: v.min(-1, keepdims=True), 1),
    "mean": (f.mean(x, FEATURES), lambda v: v.mean(-1, keepdims=True), 1),
    "l1_norm": (f.l1_norm(x), lambda v: abs(v).sum(-1, keepdims=True), 1),
    "l2_norm": (f.l2_norm(x), lambda v: np.linalg.norm(v, axis=-1, keepdims=True), 1),
    "unit_vector": (
        f.unit_vector(x),
        lambda v: v / np.linalg.norm(v, axis=-1, keepdims=True),
        FEATURES,
    ),
    "take": (take(x, (3, 3, 1, 0)), lambda v: v[..., [3, 3, 1, 0]], 4),
    "take_a_run": (take(x, (2, 3)), lambda v: v[..., 2:4], 2),
    "join": (
        join(x, take(x, (2,)), x * 2.0, param("slope")),
        lambda v: np.concatenate([v, v[..., 2:3], 2 * v, np.broadcast_to(SLOPE, v.shape)], -1),
        3 * FEATURES + 1,
    ),
}
each = pytest.mark.parametrize("name", EXPRESSIONS)
LARGE = {"sin": 300.0, "cos": 300.0}
"""What an operand is multiplied by beside 1: many turns, of which a float32 has no more bits."""


def model_of(e: Expr, units: int) -> Model:
    return step_model(Cell("step", {"y": e}, limited=True), {"slope": SLOPE}, {"y": units}, {})


@each
def test_a_function_computes_its_definition(name: str) -> None:
    e, definition, units = EXPRESSIONS[name]
    model = model_of(e, units)
    for factor in (1.0, LARGE.get(name, 0.01)):
        given = {"x": random_inputs(model, 4, 20)["x"] * np.float32(factor)}
        found, _ = run(lower_real(model), given)
        expected = definition(given["x"].astype(np.float64))
        reach = max(1.0, float(np.abs(expected).max()))
        assert found["y"].shape == expected.shape
        assert np.abs(found["y"] - expected).max() < 2e-6 * reach


@each
@pytest.mark.parametrize(("activations", "least"), [(12, 57.0), (16, 62.0)])
def test_integers_keep_the_precision_of_their_input(
    name: str, activations: int, least: float
) -> None:
    """An input of 12 bits has 68 dB, one of 16 has 80."""
    e, _, units = EXPRESSIONS[name]
    model = model_of(e, units)
    program = quantized(model, random_inputs(model, 24, 24, seed=1), Options(activations))
    prove(program)
    held_out = random_inputs(model, 8, 24, seed=2)
    real, ours = (real_outputs(p, held_out)["y"] for p in (lower_real(model), program))
    assert sqnr_db(real, ours) >= least
