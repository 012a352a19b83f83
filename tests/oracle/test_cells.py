"""Every cell against two strangers: textbook formulas in float64, and onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.interpret.execute import run
from lstm_edge.ir.model import Layer, Model, Node
from lstm_edge.passes.lower_real import lower_real
from tests.support.choices import CELLS, DIRECTIONS
from tests.support.models import random_inputs, random_model
from tests.support.to_onnx import KNOWN_CELLS, run_onnxruntime

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

SAMPLES, STEPS = 3, 9
each_cell = pytest.mark.parametrize("cell", CELLS)
from_zero_or_not = pytest.mark.parametrize("initial", [False, True], ids=["zero", "initial"])


def sigmoid(x: Doubles) -> Doubles:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def textbook_lstm(layer: Node[Layer], x: Array) -> tuple[Doubles, Doubles]:
    """Hidden states [samples, steps, units] and the last cell state, from the definitions.

    Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000; peepholes see the
    old cell state at i and f, the new one at o; a coupled forget gate is 1 - i.
    """
    p = {name: array.astype(np.float64) for name, array in layer.op.params.items()}
    units = len(p["b_i"])
    h, c = (
        np.tile(layer.op.initial.get(s, np.zeros(units)).astype(np.float64), (len(x), 1))
        for s in "hc"
    )
    hidden = []
    for t in range(x.shape[1]):
        now = x[:, t].astype(np.float64)
        before = {g: now @ p[f"W_{g}"].T + h @ p[f"R_{g}"].T + p[f"b_{g}"] for g in "igo"}
        i = sigmoid(before["i"] + p.get("P_i", 0.0) * c)
        if "W_f" in p:
            f = sigmoid(now @ p["W_f"].T + h @ p["R_f"].T + p["b_f"] + p.get("P_f", 0.0) * c)
        else:
            f = 1.0 - i
        c = f * c + i * np.tanh(before["g"])
        o = sigmoid(before["o"] + p.get("P_o", 0.0) * c)
        h = o * np.tanh(c)
        hidden.append(h)
    return np.stack(hidden, axis=1), c


def one_layer(cell: str, initial: bool, features: int = 5, units: int = 7, seed: int = 0) -> Model:
    """An LSTM alone; its outputs are the hidden states and the last cell state."""
    return random_model(
        seed,
        cell=cell,
        features=features,
        hidden=(units,),
        direction="forward",
        front=(),
        read="steps",
        head=(),
        also=("cell",),
        initial=initial,
        weights="normal",
    )


def recurrent_of(model: Model) -> Node[Layer]:
    return next(n for n in model.layers if n.op.cell.states)


@each_cell
@from_zero_or_not
@pytest.mark.parametrize(("features", "units"), [(5, 7), (7, 5), (1, 1), (1, 6), (6, 1), (20, 33)])
def test_a_cell_computes_the_textbook_s_formulas(
    cell: str, initial: bool, features: int, units: int
) -> None:
    model = one_layer(cell, initial, features, units)
    x = random_inputs(model, SAMPLES, STEPS)
    hidden, cell_state = textbook_lstm(recurrent_of(model), x["x"])
    found, _ = run(lower_real(model), x)
    assert np.abs(found["y"] - hidden).max() < 2e-6
    assert np.abs(found["cell"] - cell_state).max() < 2e-6


@each_cell
@from_zero_or_not
@pytest.mark.parametrize(("features", "units"), [(5, 7), (7, 5), (20, 33)])
def test_a_cell_computes_what_onnxruntime_does(
    cell: str, initial: bool, features: int, units: int
) -> None:
    model = one_layer(cell, initial, features, units)
    x = random_inputs(model, SAMPLES, STEPS)
    expected = run_onnxruntime(model, x)
    found, _ = run(lower_real(model), x)
    for name, array in expected.items():
        assert found[name].shape == array.shape
        assert np.abs(found[name] - array).max() < 1e-5, name


@each_cell
def test_the_two_strangers_agree(cell: str) -> None:
    """Else one of them is not what it says."""
    model = one_layer(cell, True)
    x = random_inputs(model, SAMPLES, STEPS)
    hidden, cell_state = textbook_lstm(recurrent_of(model), x["x"])
    expected = run_onnxruntime(model, x)
    assert np.abs(expected["y"] - hidden).max() < 1e-6
    assert np.abs(expected["cell"] - cell_state).max() < 1e-6


@each_cell
@pytest.mark.parametrize("prefix", ["W", "R", "P", "b"])
def test_two_gates_that_change_places_would_be_noticed(cell: str, prefix: str) -> None:
    model = one_layer(cell, True)
    layer = recurrent_of(model)
    x = random_inputs(model, SAMPLES, STEPS)
    found, _ = run(lower_real(model), x)
    names = sorted(name for name in layer.op.params if name.startswith(f"{prefix}_"))
    for a, b in combinations(names, 2):
        swapped = {**layer.op.params, a: layer.op.params[b], b: layer.op.params[a]}
        other, _ = textbook_lstm(replace(layer, op=replace(layer.op, params=swapped)), x["x"])
        assert np.abs(found["y"] - other).max() > 1e-3, (a, b)


def affine(p: Mapping[str, Doubles], gate: str, x: Doubles, h: Doubles) -> Doubles:
    return np.asarray(x @ p[f"W_{gate}"].T + h @ p[f"R_{gate}"].T + p[f"b_{gate}"])


def textbook_gru(p: Mapping[str, Doubles], x: Doubles, h: Doubles) -> Doubles:
    """Cho et al. 2014; where R_hn is given, the reset gate acts after it."""
    z, r = sigmoid(affine(p, "z", x, h)), sigmoid(affine(p, "r", x, h))
    if "R_hn" in p:
        n = np.tanh(x @ p["W_n"].T + p["b_n"] + r * (h @ p["R_hn"].T + p["b_hn"]))
    else:
        n = np.tanh(affine(p, "n", x, r * h))
    return np.asarray((1.0 - z) * n + z * h)


def textbook_rnn(p: Mapping[str, Doubles], x: Doubles, h: Doubles) -> Doubles:
    return np.tanh(affine(p, "h", x, h))


def textbook_fast_grnn(p: Mapping[str, Doubles], x: Doubles, h: Doubles) -> Doubles:
    """Kusupati et al. 2018."""
    shared = affine(p, "zh", x, h)
    z, n = sigmoid(shared + p["b_z"]), np.tanh(shared + p["b_n"])
    return np.asarray((p["zeta"] * (1.0 - z) + p["nu"]) * n + z * h)


STEPS_OF = {
    "gru": textbook_gru,
    "gru_reset_after": textbook_gru,
    "rnn": textbook_rnn,
    "fast_grnn": textbook_fast_grnn,
}


@pytest.mark.parametrize("cell", STEPS_OF)
@from_zero_or_not
@pytest.mark.parametrize(("features", "units"), [(5, 7), (7, 5), (1, 1)])
def test_a_cell_of_one_state_computes_the_textbook_s_formulas(
    cell: str, initial: bool, features: int, units: int
) -> None:
    model = one_layer(cell, initial, features, units)
    layer = recurrent_of(model)
    x = random_inputs(model, SAMPLES, STEPS)
    p = {name: array.astype(np.float64) for name, array in layer.op.params.items()}
    h = np.tile(layer.op.initial.get("h", np.zeros(units)).astype(np.float64), (SAMPLES, 1))
    found, _ = run(lower_real(model), x)
    for t in range(STEPS):
        h = STEPS_OF[cell](p, x["x"][:, t].astype(np.float64), h)
        assert np.abs(found["y"][:, t] - h).max() < 2e-6, t


@from_zero_or_not
def test_a_projected_lstm_computes_the_textbook_s_formulas(initial: bool) -> None:
    """Sak et al. 2014: h = R_hr m, with fewer units than c."""
    model = one_layer("projected", initial)
    layer = recurrent_of(model)
    p = {name: array.astype(np.float64) for name, array in layer.op.params.items()}
    x = random_inputs(model, SAMPLES, STEPS)
    sizes = {"h": len(p["b_hr"]), "c": len(p["b_i"])}
    h, c = (
        np.tile(layer.op.initial.get(s, np.zeros(n)).astype(np.float64), (SAMPLES, 1))
        for s, n in sizes.items()
    )
    found, _ = run(lower_real(model), x)
    assert sizes["h"] < sizes["c"]
    for t in range(STEPS):
        now = x["x"][:, t].astype(np.float64)
        i, f, o = (sigmoid(affine(p, gate, now, h)) for gate in "ifo")
        c = f * c + i * np.tanh(affine(p, "g", now, h))
        h = (o * np.tanh(c)) @ p["R_hr"].T + p["b_hr"]
        assert np.abs(found["y"][:, t] - h).max() < 2e-6, t
    assert np.abs(found["cell"] - c).max() < 2e-6


@pytest.mark.parametrize("cell", KNOWN_CELLS)
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("read", ["steps", "last", "joined", "flat"])
def test_a_stack_in_any_direction_computes_what_onnxruntime_does(
    cell: str, direction: str, read: str
) -> None:
    """Two layers; "joined" are h_n of all of them, of reverse ones that of the first step."""
    whole = direction != "forward" or read == "flat"
    model = random_model(
        1,
        cell=cell,
        direction=direction,
        read=read,
        features=3,
        hidden=(4, 5),
        front=(),
        head=(),
        also=("hidden", "cell"),
        steps=STEPS if whole else None,
        weights="normal",
    )
    x = random_inputs(model, SAMPLES, STEPS)
    expected, (found, _) = run_onnxruntime(model, x), run(lower_real(model), x)
    for name, array in expected.items():
        assert found[name].shape == array.shape
        assert np.abs(found[name] - array).max() < 1e-5, name
