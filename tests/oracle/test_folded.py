"""What `inspect` tells of scales and offsets that the file has and the user may not expect."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import lstm_edge
from lstm_edge.frontend import load
from lstm_edge.ir.model import Folded, Model
from lstm_edge.models.renaming import rename
from tests.oracle.compared import against_onnxruntime
from tests.oracle.graphs import graph, lstm_weights, node
from tests.support.keras_files import placed

N, H, T = 3, 5, 6
RNG = np.random.default_rng(3)
MEAN, STD = RNG.normal(size=N).astype(np.float32), np.array([0.5, 2.0, 4.0], np.float32)
WEIGHTS = {
    **lstm_weights(N, H),
    "one": np.array([1]),
    "mean": MEAN,
    "std": STD,
    "w": RNG.normal(size=(H, 2)).astype(np.float32),
    "b": RNG.normal(size=2).astype(np.float32),
    "three": np.float32(3.0),
    "twenty": np.float32(20.0),
}
SCALER = [node("Sub", "x mean", "centred", name="centre"), node("Div", "centred std", "scaled")]
LSTM = [node("LSTM", "scaled W R B", "Y", hidden_size=H), node("Squeeze", "Y one", "h")]
HEAD = [node("MatMul", "h w", "z"), node("Add", "z b", "y")]
BACK = [*HEAD, node("Mul", "y three", "wide"), node("Add", "wide twenty", "out")]


def made(nodes: list[object], output: str, tmp_path: Path) -> Model:
    return against_onnxruntime(graph(nodes, {"x": (T, 1, N)}, [output], WEIGHTS), tmp_path)


def test_a_scaler_of_the_input_is_told_with_its_numbers(tmp_path: Path) -> None:
    centre, scale = made([*SCALER, *LSTM, *HEAD], "y", tmp_path).folded
    assert centre == Folded(
        "x", (1.0, 1.0), (float((-MEAN).min()), float((-MEAN).max())), "Sub 'centre'"
    )
    assert (scale.tensor, scale.scale, scale.offset) == ("x", (0.25, 2.0), (0.0, 0.0))


def test_the_bias_of_a_dense_layer_is_none_and_what_follows_is(tmp_path: Path) -> None:
    plain = [node("Identity", "x", "scaled"), *LSTM]
    assert made([*plain, *HEAD], "y", tmp_path).folded == ()
    model = made([*plain, *BACK], "out", tmp_path)
    assert [(f.scale, f.offset) for f in model.folded] == [
        ((3.0, 3.0), (0.0, 0.0)),
        ((1.0, 1.0), (20.0, 20.0)),
    ]
    assert {f.tensor for f in model.folded} == {model.outputs[0].tensor}


def test_a_rename_goes_along_and_text_and_json_agree(tmp_path: Path) -> None:
    model = rename(made([*SCALER, *LSTM, *BACK], "out", tmp_path), {"x": "raw"})
    network = lstm_edge.Network(model)
    first, second, *results = network.to_json()["folded"]
    assert first["input"] == second["input"] == "raw"
    assert [each["layer"] for each in results] == ["fc", "fc"]
    text = str(network)
    assert "  scaled raw times 0.25 to 2, by Div of 'scaled': give raw as it is before\n" in text
    assert "  scaled result of fc times 3, by Mul of 'wide'\n" in text


def test_what_no_output_needs_is_not_told(tmp_path: Path) -> None:
    unused = node("Mul", "x three", "unused")
    plain = [node("Identity", "x", "scaled"), unused, *LSTM, *HEAD]
    assert made(plain, "y", tmp_path).folded == ()


def test_scales_of_keras_are_told(tmp_path: Path) -> None:
    path = placed(tmp_path, "keras3", "modern_functions.keras")
    (found,) = load(path, name="net", steps=6).folded
    assert found == Folded("gru_h", (0.5, 0.5), (-0.25, -0.25), "layer 'rescaling' (Rescaling)")
