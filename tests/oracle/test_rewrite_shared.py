"""Files that real exporters wrote compute the same after the rewrites, and hold no loop then."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lstm_edge.errors import ModelError
from tests.oracle.rewritten import assert_loaded, ops_of

PATTERNS = Path(__file__).resolve().parents[3] / "shared" / "onnx_patterns"
RECOGNISED = (
    "torch/RNN_*.dynamo torch/*Cell_* quant/rnn_dyn quant/rnn_dyn.clean keras_tensorflow/*unroll* "
    "keras_tensorflow/GRU_* keras_tensorflow/RNN_* keras_tensorflow/LSTM_bs1* "
    "keras_tensorflow/Bi_* keras_tensorflow/LSTM_hardsig* keras_tensorflow/LSTM_state* "
    "keras_tensorflow/*td_dense* keras_tensorflow/*gobackwards* keras2/GRU_* keras2/RNN keras2/Bi_*"
)
FILES = [f for glob in RECOGNISED.split() for f in sorted(PATTERNS.glob(f"{glob}.onnx"))]
MASKED = sorted(PATTERNS.glob("keras*/*mask*.onnx"))


def name_of(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_file_computes_the_same_in_layers_alone(file: Path) -> None:
    layers = assert_loaded(file)
    assert sum(layers[cell] for cell in ("lstm", "gru", "rnn")) == layers_of(file)
    assert not {"cell", "before"} & set(layers)


def layers_of(file: Path) -> int:
    """Layers and directions, by the file's name;"""
    if "bi2l" in file.name:
        return 4
    if re.search(r"_2l|2l_|Stacked|tm_bi|Bi_", file.name):
        return 2
    return 1


@pytest.mark.parametrize("file", MASKED, ids=name_of)
def test_mask_is_refused_by_name(file: Path) -> None:
    with pytest.raises(ModelError, match=r"save the model as \.keras"):
        ops_of(file)


def test_files_were_found(shared_dir: Path) -> None:
    assert len(FILES) > 60
    assert len(MASKED) == 6
