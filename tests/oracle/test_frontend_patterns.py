"""Files that real exporters wrote: each loads and computes what onnxruntime does, or is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import from_vectors, read_inputs
from lstm_edge.ir.model import Model, Port
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.model_reference import run_model

PATTERNS = Path(__file__).resolve().parents[3] / "shared" / "onnx_patterns"
FOLDERS = ("torch", "keras2", "keras_tensorflow", "quant")
FILES = [f for folder in FOLDERS for f in sorted((PATTERNS / folder).glob("*.onnx"))]

HEADS = ("last", "hn", "seq", "seqsoft", "flat", "squeeze", "relu_drop")
MODULES = """
    tm bf bf_b1 bf_dynB bf_dynBT bf_dynT_b1 tm_2l tm_bi nobias bf_2l_dynBT bf_bi2l_hcat unbatched
    zerostate2l_dynB zerostate2l_static
"""
KERAS = """
    LSTM LSTM_seq LSTM_dynT LSTM_2l_dense LSTM_nobias LSTM_nocudnn LSTM_relu Bi_LSTM Bi_LSTM_seq
    RNN_LSTMCell LSTM_bs1.export
"""
KERAS2 = """
    LSTM LSTM_bs1 LSTM_seq_dynT LSTM_stateful LSTM_hardsig TD_Dense GRU_after GRU_after_seq Bi_GRU
    Bi_LSTM_seq
"""
LOADED = {
    "torch": [
        *(f"{op}_{name}" for op in ("LSTM", "GRU") for name in MODULES.split()),
        *(f"RNN_{name}.legacy" for name in (*MODULES.split(), "relu")),
        *(f"LSTM_head_{h}{k}" for h in HEADS for k in ("", "_dynBT")),
        "LSTM_dropout_2l",
        "LSTM_head_last_tm",
        "GRU_LN_sigmoid",
    ],
    "keras2": KERAS2.split(),
    "keras_tensorflow": KERAS.split(),
    "quant": [f"{op}_dyn{k}" for op in ("lstm", "gru", "bilstm") for k in ("", ".clean")]
    + ["lstm_leg"],
}
"""Models that this front end takes, by folder; a name without exporter stands for all of them."""

NAMED = (
    (r"Cell_loop|_unroll", "Gather|Split"),
    (r"LSTM_proj", "proj_size"),
    (r"emb_|Emb_|packed", "type int"),
    (r"mean|gap", "ReduceMean"),
    (r"max", "ReduceMax"),
    (r"torch/(LSTM|GRU)_state|RNN_state.*legacy|LSTM_state_io.export", "initial_h"),
    (r"stackstate|residual|td_dense|RNN.*dynamo|rnn_dyn\.(clean|onnx)", "Slice"),
    (r"Cell_step", "Split"),
    (r"Conv", "Conv"),
    (r"mask", "Equal"),
    (r"gobackwards", "ReverseSequence"),
    (r"qdq", "DequantizeLinear"),
    (r"lstm_.*qdyn", "DynamicQuantizeLSTM of domain com.microsoft"),
    (r"(gru|rnn)_.*qdyn", "DynamicQuantizeLinear"),
    (r"qop", "QuantizeLinear"),
    (r"fp16", "float16"),
    (r"keras", "Loop"),
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
    words = next(words for pattern, words in NAMED if re.search(pattern, name_of(file)))
    assert re.search(words, message), message


def test_every_pattern_file_was_seen(shared_dir: Path) -> None:
    assert len(FILES) > 150
    assert sum(map(is_loaded, FILES)) == 145


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
