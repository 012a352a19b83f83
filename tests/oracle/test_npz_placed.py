"""What a state_dict has beside layers: used where a string says what it is for, else refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lstm_edge
from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.ir.model import Model
from tests.oracle.model_reference import run_model

N, H, OUT, T = 3, 4, 2, 7
RNG = np.random.default_rng(41)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.6)


def lstm(count: int, prefix: str = "lstm.") -> dict[str, np.ndarray]:
    return {
        f"{prefix}weight_ih_l0": floats(4 * H, count),
        f"{prefix}weight_hh_l0": floats(4 * H, H),
        f"{prefix}bias_ih_l0": floats(4 * H),
        f"{prefix}bias_hh_l0": floats(4 * H),
    }


LSTM = lstm(N)
FC = {"fc.weight": floats(OUT, H), "fc.bias": floats(OUT)}
X = floats(1, T, N)


def loaded(folder: Path, words: dict[str, str], *parts: dict[str, Any]) -> Model:
    arrays = {name: array for part in parts for name, array in part.items()}
    path = folder / "weights.npz"
    np.savez(path, **arrays, **{f"lstm_edge.{k}": v for k, v in words.items()})
    return load(path, steps=T)


def answer(folder: Path, words: dict[str, str], *parts: dict[str, Any], x: Any = X) -> Any:
    return run_model(loaded(folder, words, *parts), {"x": x})["y"]


def test_buffers_of_the_input_are_applied_in_order(tmp_path: Path) -> None:
    mean, std = floats(1, 1, N), np.abs(floats(N)) + np.float32(0.5)
    words = {"use": "mean=input_subtract, norm.std=input_divide"}
    found = answer(tmp_path, words, LSTM, {"mean": mean, "norm.std": std}, FC)
    plain = answer(tmp_path, {}, LSTM, FC, x=(X - mean.reshape(-1)) / std)
    np.testing.assert_allclose(found, plain, atol=1e-5)


def test_buffers_of_the_output(tmp_path: Path) -> None:
    gain, offset = floats(OUT), floats(1)
    words = {"use": "gain=output_multiply,offset=output_add"}
    found = answer(tmp_path, words, LSTM, FC, {"gain": gain, "offset": offset})
    plain = answer(tmp_path, {}, LSTM, FC)
    np.testing.assert_allclose(found, plain * gain + offset, atol=1e-5)


def test_first_states_by_their_names_and_by_a_string(tmp_path: Path) -> None:
    first = {"h0": floats(1, 1, H), "c0": floats(1, 1, H)}
    by_name = loaded(tmp_path, {}, LSTM, FC, first)
    assert sum("taken for the first states" in warning for warning in by_name.warnings) == 2
    renamed = {"start": first["h0"], "memory": first["c0"]}
    words = {"use": "start=first_h,memory=first_c"}
    said = loaded(tmp_path, words, LSTM, FC, renamed)
    for model in (by_name, said):
        (layer,) = (each for each in model.layers if each.op.cell.states)
        np.testing.assert_array_equal(layer.op.initial["h"], first["h0"].reshape(-1))
        np.testing.assert_array_equal(layer.op.initial["c"], first["c0"].reshape(-1))
    plain = answer(tmp_path, {}, LSTM, FC)
    assert np.abs(run_model(said, {"x": X})["y"] - plain).max() > 1e-3


def test_batch_norm_and_layer_norm_where_the_order_says(tmp_path: Path) -> None:
    norm = {
        "bn.weight": floats(N),
        "bn.bias": floats(N),
        "bn.running_mean": floats(N),
        "bn.running_var": np.abs(floats(N)) + np.float32(0.3),
        "bn.num_batches_tracked": np.int64(7),
    }
    gain, offset, mean, variance = (norm[f"bn.{k}"] for k in list_of_batch_norm())
    x = (X - mean) / np.sqrt(variance + 1e-5) * gain + offset
    found = answer(tmp_path, {"order": "bn,lstm,fc"}, LSTM, FC, norm)
    np.testing.assert_allclose(found, answer(tmp_path, {}, LSTM, FC, x=x), atol=1e-5)

    layer = {"ln.weight": floats(H), "ln.bias": floats(H)}
    found = answer(tmp_path, {"order": "lstm,ln:layer_norm(eps=1e-3),tanh"}, LSTM, layer)
    y = answer(tmp_path, {}, LSTM)
    centred = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-3)
    expected = np.tanh(centred * layer["ln.weight"] + layer["ln.bias"])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def list_of_batch_norm() -> tuple[str, ...]:
    return ("weight", "bias", "running_mean", "running_var")


@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_where_the_order_says(stride: int, tmp_path: Path) -> None:
    taps, bias, second = floats(5, N, 3), floats(5), lstm(5)
    order = f"conv:conv1d(padding=1,stride={stride}),relu,lstm,fc"
    arrays = {"conv.weight": taps, "conv.bias": bias}
    found = answer(tmp_path, {"order": order}, arrays, second, FC)
    around = np.pad(X[0], ((1, 1), (0, 0)))
    steps = range(0, T, stride)
    seen = [np.einsum("ufk,kf->u", taps, around[t : t + 3]) + bias for t in steps]
    x = np.maximum(np.array(seen, np.float32), 0.0)[None]
    path = tmp_path / "plain.npz"
    np.savez(path, **second, **FC)
    expected = run_model(load(path, steps=len(x[0])), {"x": x})["y"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_network_compiles(tmp_path: Path) -> None:
    words = {"use": "mean=input_subtract", "head": "last", "order": "bn,lstm,fc"}
    norm = {f"bn.{k}": np.abs(floats(N)) + np.float32(0.4) for k in list_of_batch_norm()}
    model = loaded(tmp_path, words, LSTM, FC, norm, {"mean": floats(N)})
    x = RNG.normal(size=(20, 1, T, N)).astype(np.float32)
    compiled = lstm_edge.compile(lstm_edge.Network(model), target="cortex-m4", calibration=x)
    exact, rounded = compiled.run(x, on="float")["y"], compiled.run(x)["y"]
    error = 10 * np.log10((exact**2).sum() / ((exact - rounded) ** 2).sum())
    assert error > 35
    assert compiled.compare(x[:4], on="host").ok


REFUSED = {
    "buffer": ({}, {"in_scale": floats(1, 1, N)}, "in_scale=input_multiply"),
    "batch norm": ({}, {"bn.running_mean": floats(N)}, "say it in 'lstm_edge.order'"),
    "layer norm": ({}, {"ln.weight": floats(H), "ln.bias": floats(H)}, "ln:layer_norm"),
    "role": ({"use": "s=scale"}, {"s": floats(N)}, "expected NAME=ROLE"),
    "name": ({"use": "t=input_add"}, {"s": floats(N)}, "does not hold"),
    "size": ({"use": "s=input_add"}, {"s": floats(N + 1)}, "expected 1 or 3"),
    "zero": ({"use": "s=input_divide"}, {"s": np.zeros(N, np.float32)}, "holds 0"),
    "states": ({"use": "s=first_h"}, {"s": floats(H - 1)}, "too short"),
    "kind": ({"order": "lstm,s:norm"}, {"s.weight": floats(H)}, "expected one of batch_norm"),
    "option": (
        {"order": "lstm,s:layer_norm(axis=1)"},
        {"s.weight": floats(H)},
        "options of layer_norm are eps",
    ),
    "no number": (
        {"order": "lstm,s:layer_norm(eps=nan)"},
        {"s.weight": floats(H)},
        "expected eps from 0",
    ),
    "endless": (
        {"order": "s:conv1d(stride=inf),lstm"},
        {"s.weight": floats(N, N, 1)},
        "options of conv1d are padding",
    ),
    "variance": (
        {"order": "lstm,s"},
        {"s.running_mean": floats(H), "s.running_var": np.zeros(H, np.float32) - 1},
        "running_var that is not positive",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, tmp_path: Path) -> None:
    words, more, message = REFUSED[case]
    with pytest.raises(ModelError) as caught:
        loaded(tmp_path, words, LSTM, more)
    assert message in str(caught.value)
    assert "leave it out" not in str(caught.value)
