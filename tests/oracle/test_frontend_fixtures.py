"""Models exported by both PyTorch exporters compute what PyTorch computed with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.ir.model import Layer, is_a
from tests.oracle.model_reference import run_model

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
FILES = sorted(FIXTURES.glob("*.onnx"))
EXPECTED = np.load(FIXTURES / "expected.npz")


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_fixture_computes_what_pytorch_did(file: Path) -> None:
    name = file.name.split(".")[0]
    model = load(file)
    x = EXPECTED[f"{name}/x"]
    port = model.inputs[0]
    axis = port.axes.index("batch")
    rows = x.shape[axis]
    for row in range(rows):
        results = run_model(model, {"x": x.take([row], axis=axis)})
        for k, output in enumerate(model.outputs):
            wanted = EXPECTED[f"{name}/{k}"]
            if rows > 1:
                wanted = wanted.take([row], axis=output.axes.index("batch"))
            np.testing.assert_allclose(results[output.name], wanted, atol=1e-6)


@pytest.mark.parametrize("file", [f for f in FILES if "open" in f.name and "flat" not in f.name])
@pytest.mark.parametrize("steps", [1, 4, 7])
def test_open_sequence_length_can_be_fixed(file: Path, steps: int) -> None:
    free, fixed = load(file), load(file, steps=steps)
    assert free.steps is None
    assert free.inputs[0].shape == (1, -1, 3)
    assert fixed.steps == steps
    assert fixed.inputs[0].shape == (1, steps, 3)
    x = np.ones((1, steps, 3), np.float32)
    for (name, y), other in zip(
        run_model(free, {"x": x}).items(), run_model(fixed, {"x": x}).values(), strict=True
    ):
        np.testing.assert_array_equal(y, other, err_msg=name)


@pytest.mark.parametrize(
    "stem", ["lstm.legacy", "lstm.dynamo", "lstm_time_major.dynamo", "one_step.legacy"]
)
def test_static_sequence_length_can_be_changed(stem: str) -> None:
    file = FIXTURES / f"{stem}.onnx"
    model = load(file, steps=20)
    assert model.steps == 20
    assert 20 in model.inputs[0].shape
    assert 20 in model.outputs[0].shape
    x = np.random.default_rng(1).normal(size=model.inputs[0].shape)
    y = run_model(model, {"x": x})
    assert y[model.outputs[0].name].shape == model.outputs[0].shape


def test_sequence_of_one_step_with_shapes_baked_in_cannot_be_changed() -> None:
    with pytest.raises(ModelError, match="right for a sequence of length 1 only, not 20"):
        load(FIXTURES / "one_step.dynamo.onnx", steps=20)


def test_flattened_head_fixes_an_open_sequence_length(tmp_path: Path) -> None:
    model = load(FIXTURES / "head_flat_open.dynamo.onnx")
    assert model.steps == 7


def test_layers_have_short_names_and_say_where_they_are_from() -> None:
    model = load(FIXTURES / "two_layers.legacy.onnx")
    assert [node.name for node in model.nodes] == ["lstm", "lstm2", "last", "fc"]
    assert model.nodes[0].source == "LSTM '/lstm/LSTM'"
    assert all(t.isidentifier() for t in model.tensors)


def test_hash_covers_the_data_file(tmp_path: Path) -> None:
    first = load(FIXTURES / "lstm48.dynamo.onnx").sha256
    for name in ("lstm48.dynamo.onnx", "lstm48.dynamo.onnx.data"):
        (tmp_path / name).write_bytes((FIXTURES / name).read_bytes())
    assert load(tmp_path / "lstm48.dynamo.onnx").sha256 == first
    data = bytearray((tmp_path / name).read_bytes())
    data[0] ^= 1
    (tmp_path / name).write_bytes(bytes(data))
    assert load(tmp_path / "lstm48.dynamo.onnx").sha256 != first


def test_learned_initial_state_is_kept() -> None:
    model = load(FIXTURES / "learned_state.legacy.onnx")
    layer = model.nodes[0]
    assert is_a(layer, Layer)
    assert set(layer.op.initial) == {"h", "c"}
    zero = load(FIXTURES / "lstm.legacy.onnx").nodes[0]
    assert is_a(zero, Layer)
    assert not zero.op.initial
