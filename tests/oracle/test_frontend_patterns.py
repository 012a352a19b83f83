"""Files that real exporters wrote: each loads and computes what onnxruntime does, or is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.frontend.onnx.load import STAND_INS
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import from_vectors, read_inputs
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.compared import difference
from tests.oracle.model_reference import run_model

PATTERNS = Path(__file__).resolve().parents[3] / "shared" / "onnx_patterns"
FOLDERS = ("torch", "keras2", "keras_tensorflow", "quant")
FILES = [f for folder in FOLDERS for f in sorted((PATTERNS / folder).glob("*.onnx"))]
FILES = [f for f in FILES if not re.search(r"\.(q|fp16)", f.name)]
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
    pytest.importorskip("onnxruntime")
    assert difference(file, load(file)) <= 1e-5


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
