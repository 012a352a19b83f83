"""Files that real exporters wrote: each loads and computes what onnxruntime does, or is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.ir.model import Model, Port
from tests.oracle.model_reference import run_model

PATTERNS = Path(__file__).resolve().parents[3] / "shared" / "onnx_patterns"
FOLDERS = ("torch", "keras2", "keras_tensorflow", "quant")
FILES = [f for folder in FOLDERS for f in sorted((PATTERNS / folder).glob("*.onnx"))]

HEADS = ("last", "hn", "seq", "seqsoft", "flat", "squeeze", "relu_drop")
TORCH = """
    LSTM_tm LSTM_bf LSTM_bf_b1 LSTM_bf_dynB LSTM_bf_dynBT LSTM_bf_dynT_b1 LSTM_tm_2l LSTM_nobias
    LSTM_bf_2l_dynBT LSTM_unbatched LSTM_zerostate2l_dynB LSTM_zerostate2l_static LSTM_dropout_2l
    LSTM_head_last_tm
"""
KERAS = """
    LSTM LSTM_seq LSTM_dynT LSTM_2l_dense LSTM_nobias LSTM_nocudnn RNN_LSTMCell LSTM_bs1.export
"""
LOADED = {
    "torch": [*TORCH.split(), *(f"LSTM_head_{h}{k}" for h in HEADS for k in ("", "_dynBT"))],
    "keras2": ["LSTM", "LSTM_bs1", "LSTM_seq_dynT", "LSTM_stateful", "TD_Dense"],
    "keras_tensorflow": KERAS.split(),
    "quant": ["lstm_dyn.clean", "lstm_dyn", "lstm_leg"],
}
"""Models that this front end takes, by folder; a name without exporter stands for all of them."""

NAMED = (
    (r"Cell_loop", "Gather"),
    (r"LSTM_proj", "proj_size"),
    (r"emb_|Emb_|packed", "type int"),
    (r"torch/LSTM_.*_bi|Bi_LSTM|bilstm_dyn\.(clean|onnx)", "direction"),
    (r"mean|gap", "ReduceMean"),
    (r"max", "ReduceMax"),
    (r"torch/LSTM_state|LSTM_state_io.export", "initial_h"),
    (r"stackstate|residual|td_dense|RNN.*dynamo|rnn_dyn\.(clean|onnx)", "Slice"),
    (r"torch/GRU_|keras2/GRU_after|quant/gru_dyn(?!.qdq)", "GRU"),
    (r"torch/RNN_.*legacy", "RNN"),
    (r"Conv", "Conv"),
    (r"LSTM_relu|keras2/LSTM_hardsig", "activations"),
    (r"qdq", "DequantizeLinear"),
    (r"lstm_.*qdyn", "DynamicQuantizeLSTM of domain com.microsoft"),
    (r"fp16", "float16"),
    (r"keras_tensorflow/(GRU|RNN_(relu|tanh|Stacked)|LSTM_(hardsig|stateful|bs1))", "Loop"),
)
"""What a refusal must name: the first pattern that a file's name matches decides."""


def is_loaded(file: Path) -> bool:
    stem = file.name.removesuffix(".onnx")
    known = LOADED[file.parent.name]
    return stem in known or (file.parent.name != "quant" and stem.rsplit(".", 1)[0] in known)


def name_of(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"


@pytest.mark.parametrize("file", [f for f in FILES if is_loaded(f)], ids=name_of)
def test_pattern_computes_what_onnxruntime_does(file: Path) -> None:
    model = load(file)
    compare_with_onnxruntime(file, model, steps=model.steps or 9)


@pytest.mark.parametrize("file", [f for f in FILES if not is_loaded(f)], ids=name_of)
def test_pattern_is_refused_by_name(file: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load(file)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    named = [n.name or n.output[0] for n in onnx.load(file).graph.node]
    assert any(repr(name) in message for name in named) or "input" in message
    words = next((words for pattern, words in NAMED if re.search(pattern, name_of(file))), ".")
    assert re.search(words, message), message


def test_every_pattern_file_was_seen(shared_dir: Path) -> None:
    assert len(FILES) > 150
    assert sum(map(is_loaded, FILES)) > 70


def test_mnist_lstm_gives_the_stored_probabilities(shared_dir: Path) -> None:
    model = load(shared_dir / "models" / "mnist_lstm.onnx")
    data = np.load(shared_dir / "models" / "mnist_lstm.npz")
    for x, expected in zip(data["input"][:10], data["expected__probs"][:10], strict=True):
        probs = run_model(model, {"input": x})["probs"]
        np.testing.assert_allclose(probs, expected, atol=1e-5)


def test_rtneural_stack_gives_the_stored_signal(shared_dir: Path) -> None:
    model = load(shared_dir / "models" / "rtneural_lstm_torch.onnx")
    data = np.load(shared_dir / "models" / "rtneural_lstm_torch.npz")
    y = run_model(model, {"x": data["x"][0]})["y"]
    np.testing.assert_allclose(y, data["expected__y"][0], atol=1e-5)


def compare_with_onnxruntime(file: Path, model: Model, steps: int) -> None:
    """Random inputs, different in each batch row: row by row the model must agree."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(file), options)
    rng = np.random.default_rng(len(file.name))
    ports = {port.name: port for port in model.inputs}
    feeds, batch = {}, 1
    for value in session.get_inputs():
        shape = input_shape(value.shape, ports[value.name], steps)
        rows = [s for s, a in zip(shape, ports[value.name].axes, strict=True) if a == "batch"]
        batch = max(batch, *rows, 1)
        feeds[value.name] = rng.normal(size=shape).astype(np.float32)
    names = [value.name for value in session.get_outputs()]
    expected = dict(zip(names, session.run(names, feeds), strict=True))
    for row in range(batch):
        result = run_model(model, {n: row_of(a, ports[n], batch, row) for n, a in feeds.items()})
        assert list(result) == names
        for port in model.outputs:
            wanted = row_of(expected[port.name], port, batch, row)
            np.testing.assert_allclose(result[port.name], wanted, atol=1e-5, err_msg=port.name)


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
