"""Files that real exporters wrote: each loads and computes what onnxruntime does, or is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.frontend.onnx import STAND_INS
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import from_vectors, read_inputs
from lstm_edge.ir.model import Model, Port, StatePort
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.model_reference import run_model

PATTERNS = Path(__file__).resolve().parents[3] / "shared" / "onnx_patterns"
FOLDERS = ("torch", "keras2", "keras_tensorflow", "quant")
FILES = [f for folder in FOLDERS for f in sorted((PATTERNS / folder).glob("*.onnx"))]
FILES = [f for f in FILES if not re.search(r"(?<!rnn_dyn)\.(q|fp16)", f.name)]
"""Quantized files have tests of their own, test_rewrite_quantized.py and test_rewrite_half.py."""

REFUSED = re.compile(
    r"LSTM_proj|mask|emb_bi_seq_dynBT\.legacy|stackstate\.dynamo"
    r"|LSTM_state_(tm|bf_dynBT)\.dynamo"
)
"""Files that are refused: wrong exports, sorted batches, masks, and one without a length."""

WAY_OUT = (
    r"\b(export|remove|compute it|train|save|use|give|fix|only .* (is|are)\b|it is where|"
    r"not supported|take the)"
)
"""What a refusal tells the user to do, or what is possible instead."""


def is_loaded(file: Path) -> bool:
    return not REFUSED.search(file.name)


def name_of(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"


@pytest.mark.parametrize("file", [f for f in FILES if is_loaded(f)], ids=name_of)
def test_pattern_computes_what_onnxruntime_does(file: Path) -> None:
    model = load(file)
    compare_with_onnxruntime(file, model, steps=model.steps or 9)


@pytest.mark.parametrize("file", [f for f in FILES if not is_loaded(f)], ids=name_of)
def test_pattern_is_refused_by_name(file: Path) -> None:
    """By that of a node, an input, an output or an operator, and with a way out."""
    with pytest.raises(ModelError) as caught:
        load(file)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    proto = onnx.load(file).graph
    names = [n.name or n.output[0] for n in proto.node]
    names += [value.name for value in (*proto.input, *proto.output)]
    operators = {n.op_type for n in proto.node}
    assert any(repr(name) in message for name in names) or operators & set(message.split()), message
    assert re.search(WAY_OUT, message), message
    assert not any(re.search(rf"\b{size}\b", message) for size in sum(STAND_INS, ())), message


def test_every_pattern_file_was_seen(shared_dir: Path) -> None:
    assert len(FILES) > 150
    assert len(FILES) - sum(map(is_loaded, FILES)) < 20


def test_mnist_lstm_gives_the_stored_probabilities(shared_dir: Path) -> None:
    model = load(shared_dir / "models" / "mnist_lstm.onnx")
    data = np.load(shared_dir / "models" / "mnist_lstm.npz")
    for x, expected in zip(data["input"][:10], data["expected__probs"][:10], strict=True):
        probs = run_model(model, {"input": x})["probs"]
        np.testing.assert_allclose(probs, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["rtneural_lstm_torch", "rtneural_gru_torch", "rnnoise_2018"])
def test_trained_model_gives_the_stored_signals(name: str, shared_dir: Path) -> None:
    model = load(shared_dir / "models" / f"{name}.onnx", name="net")
    data = np.load(shared_dir / "models" / f"{name}.npz")
    real = lower_real(model)
    inputs = read_inputs(real, {port.name: data[port.name][:2] for port in real.inputs})
    outputs, _ = run(real, inputs)
    for port in real.outputs:
        found = from_vectors(port, outputs[port.name])
        np.testing.assert_allclose(found, data[f"expected__{port.name}"][:2], atol=1e-5)


def compare_with_onnxruntime(file: Path, model: Model, steps: int) -> None:
    """Random inputs, different in each batch row: row by row the model must agree."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(file), options)
    rng = np.random.default_rng(len(file.name))
    ports = {port.name: port for port in model.inputs}
    states = {port.name: port for port in (*model.state_inputs, *model.state_outputs)}
    feeds, batch = {}, 1
    for value in session.get_inputs():
        if value.name in states:
            shape = [size if isinstance(size, int) else 3 for size in value.shape]
        elif value.name in ports:
            shape = input_shape(value.shape, ports[value.name], steps)
            rows = [s for s, a in zip(shape, ports[value.name].axes, strict=True) if a == "batch"]
            batch = max(batch, *rows, 1)
        else:
            assert any(repr(value.name) in warning for warning in model.warnings)
            shape = [size if isinstance(size, int) else 3 for size in value.shape]
        feeds[value.name] = rng.normal(size=shape).astype(np.float32)
        if limit := ports[value.name].limit:
            kind = np.int32 if value.type == "tensor(int32)" else np.int64
            feeds[value.name] = rng.integers(0, limit, shape).astype(kind)
    names = [value.name for value in session.get_outputs()]
    expected = dict(zip(names, session.run(names, feeds), strict=True))
    for row in range(batch):
        given = {n: row_of(a, ports[n], batch, row) for n, a in feeds.items() if n in ports}
        given |= {n: state_row(a, states[n], row) for n, a in feeds.items() if n in states}
        result = run_model(model, given)
        assert sorted(result) == sorted(names)
        assert [n for n in names if n not in states] == [port.name for port in model.outputs]
        for port in model.outputs:
            wanted = row_of(expected[port.name], port, batch, row)
            np.testing.assert_allclose(result[port.name], wanted, atol=1e-5, err_msg=port.name)
        for state in model.state_outputs:
            wanted = state_row(expected[state.name], state, row)
            np.testing.assert_allclose(result[state.name], wanted, atol=1e-5, err_msg=state.name)


def state_row(array: np.ndarray, port: StatePort, row: int) -> np.ndarray:
    """One batch row of an array that holds states, in the shape of the port."""
    for k, (size, one) in enumerate(zip(array.shape, port.shape, strict=True)):
        if size != one:
            assert one == 1
            return array.take([row], axis=k)
    return array


def input_shape(declared: list[int | str | None], port: Port, steps: int) -> list[int]:
    sizes = {"batch": 3, "time": steps}
    return [
        size if isinstance(size, int) else sizes[axis]
        for size, axis in zip(declared, port.axes, strict=True)
    ]


def row_of(array: np.ndarray, port: Port, batch: int, row: int) -> np.ndarray:
    """One batch row of an array, in the shape of the port; a batch may be folded into time."""
    for k, axis in enumerate(port.axes):
        if axis == "batch":
            return array.take([row], axis=k) if array.shape[k] > 1 else array
    k = next((k for k, axis in enumerate(port.axes) if axis == "time"), None)
    if batch == 1 or k is None:
        return array
    assert k == 0
    return array.reshape(batch, -1, *array.shape[1:])[row]
