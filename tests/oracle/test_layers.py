"""Layers without a state against two strangers: their formulas in float64, and onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.interpret.execute import run
from lstm_edge.ir.model import DenseOverTime, Model, Node, Port, Step, Tensor, is_a
from lstm_edge.passes.lower_real import lower_real
from tests.support.choices import FUNCTIONS
from tests.support.models import random_inputs, random_model
from tests.support.to_onnx import run_onnxruntime

Doubles = npt.NDArray[np.float64]

SAMPLES, STEPS = 3, 9


@pytest.mark.parametrize("step", [0, 4, -1, -3])
def test_one_step_of_an_input_is_that_of_its_sequence(step: int) -> None:
    """Of the input itself: no layer makes it."""
    ports = (
        Port("x", "x", ("batch", "time", "feature"), (1, STEPS, 3)),
        Port("y", "one", ("batch", "feature"), (1, 3)),
    )
    tensors = {"x": Tensor("x", 3, True), "one": Tensor("one", 3, False)}
    node = Node("step", Step(step), {"x": "x"}, {"y": "one"})
    model = Model("net", ports[:1], ports[1:], tensors, (node,), STEPS, "0" * 64)
    x = random_inputs(model, SAMPLES, STEPS)
    found, _ = run(lower_real(model), x)
    assert np.array_equal(found["y"], x["x"][:, step])


LAYERS: Mapping[str, Callable[[Doubles], Doubles]] = {
    "sigmoid": lambda v: 1.0 / (1.0 + np.exp(-v)),
    "tanh": np.tanh,
    "relu": lambda v: np.maximum(v, 0.0),
    "softmax": lambda v: np.exp(v) / np.exp(v).sum(axis=-1, keepdims=True),
    "log_softmax": lambda v: v - np.log(np.exp(v).sum(axis=-1, keepdims=True)),
    "affine": lambda v: 1.5 * v + 0.25,
    "leakyrelu": lambda v: np.where(v < 0.0, 0.1 * v, v),
    "thresholdedrelu": lambda v: np.where(v > 0.5, v, 0.0),
    "scaledtanh": lambda v: 1.5 * np.tanh(0.7 * v),
    "hardsigmoid": lambda v: np.clip(0.6 * v + 0.5, 0.0, 1.0),
    "elu": lambda v: np.where(v < 0.0, 0.8 * np.expm1(v), v),
    "softsign": lambda v: v / (1.0 + np.abs(v)),
    "softplus": lambda v: np.log1p(np.exp(v)),
}
"""With alpha and beta as in `models.FUNCTIONS`."""
each_layer = pytest.mark.parametrize("layer", LAYERS)
each_read = pytest.mark.parametrize("read", ["steps", "last"])


def with_head(seed: int, head: tuple[str, ...], read: str, **choices: Any) -> Model:
    sizes = {"features": 4, "hidden": (6,), "classes": 5, "also": ("hidden",), "front": ()}
    sizes["direction"] = "forward"
    return random_model(seed, head=head, read=read, weights="normal", **{**sizes, **choices})


def test_every_function_of_the_random_models_is_tested_here() -> None:
    assert set(FUNCTIONS) < set(LAYERS)


@each_layer
@each_read
def test_a_dense_layer_and_an_activation_compute_their_formulas(layer: str, read: str) -> None:
    model = with_head(1, ("dense", layer), read)
    found, _ = run(lower_real(model), random_inputs(model, SAMPLES, STEPS))
    dense = next(n for n in model.layers if n.op.cell.name == "dense")
    h = found["hidden"].astype(np.float64)
    h = h if read == "steps" else h[:, -1]
    logits = h @ dense.op.params["W_y"].T.astype(np.float64) + dense.op.params["b_y"]
    assert found["y"].shape == logits.shape
    assert np.abs(found["y"] - LAYERS[layer](logits)).max() < 2e-6


@each_layer
@each_read
def test_a_layer_computes_what_onnxruntime_does(layer: str, read: str) -> None:
    model = with_head(2, ("dense", layer, "dense"), read)
    x = random_inputs(model, SAMPLES, STEPS)
    expected, (found, _) = run_onnxruntime(model, x), run(lower_real(model), x)
    for name, array in expected.items():
        assert found[name].shape == array.shape
        assert np.abs(found[name] - array).max() < 1e-5, name


def test_a_dense_layer_over_all_steps_is_one_over_their_concatenation() -> None:
    model = with_head(3, (), "flat", steps=STEPS)
    x = random_inputs(model, SAMPLES)
    found, _ = run(lower_real(model), x)
    node = next(n for n in model.nodes if is_a(n, DenseOverTime))
    joined = found["hidden"].reshape(SAMPLES, -1).astype(np.float64)
    weights = np.concatenate(list(node.op.weights.astype(np.float64)), axis=1)
    exact = joined @ weights.T + node.op.bias
    assert np.abs(found["y"] - exact).max() < 2e-6
    assert np.abs(found["y"] - run_onnxruntime(model, x)["y"]).max() < 1e-5
