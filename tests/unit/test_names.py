"""Names of inputs, outputs and states: numbers of exporters get a name, what a user says holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lstm_edge.errors import ModelError, printable, told
from lstm_edge.frontend import load
from lstm_edge.ir.model import Model
from lstm_edge.models.names import LONGEST_GIVEN, model_name
from lstm_edge.models.renaming import rename, sensible
from tests.oracle.graphs import graph, node, saved
from tests.support.command import FIXTURES, refused

SERIES = FIXTURES / "lstm_open.legacy.onnx"
"""Input x, outputs 84, 80 and 81 in the file."""


def named(model: Model, *names: str) -> Model:
    """The model with these names of its file for its inputs, in order."""
    ports = tuple(replace(p, name=n) for p, n in zip(model.inputs, names, strict=True))
    return replace(model, inputs=ports, file_names={})


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("onnx::Transpose_0", "x"),
        ("onnx::LSTM_5", "x"),
        ("keras_tensor_7", "x"),
        ("input.1", "x"),
        ("12", "x"),
        ("/fc/Gemm_output_0", "x"),
        ("Identity:0", "x"),
        ("serving_default_audio:0", "audio"),
        ("audio:0", "audio"),
        ("audio", "audio"),
        ("input", "input"),
        ("input_1", "input_1"),
        ("h_0", "h_0"),
        ("my-input", "my-input"),
    ],
)
def test_a_name_of_an_exporter_becomes_one_of_a_person_and_a_good_one_stays(
    name: str, wanted: str
) -> None:
    made = sensible(named(load(SERIES), name))
    assert [port.name for port in made.inputs] == [wanted]
    assert made.file_names.get(wanted, wanted) == name
    assert made.inputs[0].tensor in made.tensors


def test_a_default_name_avoids_those_that_are_there() -> None:
    model = load(SERIES)
    outputs = (replace(model.outputs[0], name="x"), *model.outputs[1:])
    made = sensible(named(replace(model, outputs=outputs), "input.1"))
    assert made.inputs[0].name == "x2"
    assert made.outputs[0].name == "x"


def test_numbers_of_outputs_become_y_and_the_files_names_stay_known() -> None:
    model = load(SERIES)
    assert [port.name for port in model.outputs] == ["y", "y2", "y3"]
    assert sorted(model.file_names.values()) == ["80", "81", "84"]


@pytest.mark.parametrize("old", ["x", "input0"])
def test_a_rename_is_by_name_or_by_place(old: str) -> None:
    assert load(SERIES, rename={old: "audio"}).inputs[0].name == "audio"


def test_a_place_holds_when_the_exporter_counts_otherwise() -> None:
    for name in ("onnx::LSTM_5", "onnx::LSTM_9"):
        made = rename(sensible(named(load(SERIES), name)), {"input0": "audio"})
        assert [port.name for port in made.inputs] == ["audio"]
        assert made.file_names["audio"] == name


def test_the_files_name_and_the_new_one_name_the_same_output() -> None:
    assert load(SERIES, rename={"84": "level"}).outputs[0].name == "level"
    assert load(SERIES, rename={"y": "level"}).outputs[0].name == "level"
    assert load(SERIES, rename={"output0": "level"}).file_names["level"] == "84"


def test_two_names_may_be_swapped() -> None:
    made = load(SERIES, rename={"y2": "y3", "y3": "y2"})
    assert [port.name for port in made.outputs] == ["y", "y3", "y2"]
    assert made.file_names["y3"] == load(SERIES).file_names["y2"]


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"z": "a"}, "has no 'z'; it has input0 x, output0 y \\(84 in the file\\)"),
        ({"x": "a-b"}, "'a-b' is no name for C"),
        ({"x": "int"}, "'int' is no name for C"),
        ({"x": "a__0"}, "'a__0' is no name for C"),
        ({"x": "y"}, "two would have that name"),
        ({"y2": "a", "y3": "a"}, "two would have that name"),
        ({"x": "a", "input0": "b"}, "'x' is named 'a' as well"),
    ],
)
def test_a_rename_that_cannot_be_is_refused(mapping: dict[str, str], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load(SERIES, rename=mapping)


@pytest.mark.parametrize("name", ["string", "stdint", "stdio", "time", "math", "Math"])
def test_a_model_does_not_stand_in_the_place_of_a_header(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"includes the header <{name.lower()}.h>"):
        load(SERIES, name=name)
    copy = tmp_path / f"{name}.onnx"
    copy.write_bytes(SERIES.read_bytes())
    assert load(copy).name == f"{name}_model"


def test_a_given_name_is_refused_where_files_could_not_have_it() -> None:
    longest = "a" * LONGEST_GIVEN
    assert model_name("x", longest) == longest
    with pytest.raises(ModelError, match="129 characters; expected at most 128"):
        model_name("x", longest + "a")


def test_an_odd_name_stays_in_the_line_of_an_error(tmp_path: Path) -> None:
    odd = node("NonZero", "x", "y", name="a\nb\x1b[31m\u202e")
    model = graph([odd], {"x": [1, 5, 4]}, ["y"], {})
    error = refused(1, "compile", saved(model, tmp_path), "--target", "host")
    assert "a\\nb\\x1b[31m\\u202e" in error
    assert printable("größe 日本") == "größe 日本"
    assert printable("\ud800\t") == "\\ud800\\t"
    assert len(told(f"begin {'x' * 10**6} end")) < 4100
    assert told(f"begin {'x' * 10**6} end").endswith("x end")
