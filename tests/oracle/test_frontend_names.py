"""Names of models become prefixes of C symbols."""

from __future__ import annotations

from pathlib import Path

import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.models.names import IDENTIFIER, KEYWORDS, identifier
from tests.oracle.graphs import graph, lstm_weights, node, saved

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "lstm.legacy.onnx"

NAMES = {
    "my-model v2": "my_model_v2",
    "lstm.legacy": "lstm_legacy",
    "int": "int_model",
    "class": "class_model",
    "2lstm": "model_2lstm",
    "__x": "x",
    "größe": "gr_e",
    "日本": "model",
    "...": "model",
    "a" * 300: "a" * 48,
}


@pytest.mark.parametrize("stem", NAMES)
def test_file_name_becomes_an_identifier(stem: str) -> None:
    name = identifier(stem, "model")
    assert name == NAMES[stem]
    assert IDENTIFIER.match(name)
    assert name not in KEYWORDS


def test_model_is_named_after_its_file_or_as_told(tmp_path: Path) -> None:
    path = tmp_path / "my-model v2.ONNX"
    path.write_bytes(FIXTURE.read_bytes())
    assert load(path).name == "my_model_v2"
    assert load(path, name="Motor_3").name == "Motor_3"


@pytest.mark.parametrize("name", ["", "3d", "a-b", "a b", "int", "namespace", "ä", "x\n"])
def test_given_name_that_c_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="name"):
        load(FIXTURE, name=name)


def test_a_name_stands_for_one_array(tmp_path: Path) -> None:
    def loaded(*outputs: str) -> None:
        nodes = [node("LSTM", "x W R B", "Y h", hidden_size=5), node("Identity", "x", "copy")]
        load(saved(graph(nodes, {"x": (7, 1, 3)}, outputs, lstm_weights(3, 5)), tmp_path))

    loaded("Y", "h", "copy")
    with pytest.raises(ModelError, match="output 'h': is listed twice"):
        loaded("h", "Y", "h")
    with pytest.raises(ModelError, match="output 'x': is the input of that name"):
        loaded("h", "x")
