"""What the Python interface does not take, and that it says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import lstm_edge
from lstm_edge import About, Compiled
from tests.oracle.graphs import saved
from tests.oracle.window_graphs import MODELS
from tests.support.command import refused, tree

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DIGITS = EXAMPLES / "digits" / "digits.onnx"
Array = npt.NDArray[Any]


@pytest.fixture(scope="module")
def images() -> Array:
    with np.load(EXAMPLES / "digits" / "test.npz") as file:
        return file["rows"][:4]


@pytest.fixture(scope="module")
def model(images: Array) -> Compiled:
    return lstm_edge.compile(DIGITS, target="host", calibration=images)


@pytest.fixture(scope="module")
def characters() -> Compiled:
    return lstm_edge.compile(EXAMPLES / "characters" / "characters.onnx", target="host")


def test_a_place_that_is_none_is_refused(model: Compiled, images: Array) -> None:
    with pytest.raises(lstm_edge.DataError, match="numpy, host, qemu, float"):
        model.predict(images, on="flaot")  # type: ignore[arg-type]


@pytest.mark.parametrize("on", [[], "", "numpy", ["host", "float"]], ids=str)
def test_a_comparison_with_nothing_is_no_proof(on: Any, model: Compiled, images: Array) -> None:
    with pytest.raises(lstm_edge.DataError, match="expected host, qemu, or both"):
        model.verify(images, on=on)


def test_one_place_needs_no_list(model: Compiled, images: Array) -> None:
    assert model.verify(images, on="host").exact == {"host": True}


@pytest.mark.parametrize("data", [iter([1, 2]), {1.0, 2.0}, b"bytes"], ids=["iter", "set", "bytes"])
def test_numbers_one_by_one_are_no_batches(data: Any, model: Compiled) -> None:
    with pytest.raises(lstm_edge.DataError, match="single number"):
        model.predict(data)


def test_labels_that_are_not_rectangular_are_refused(model: Compiled, images: Array) -> None:
    with pytest.raises(lstm_edge.DataError, match="rectangular"):
        model.score(images, [[1], [2, 3]])


class Tensor:
    """One that cannot become an array, as of a number type that numpy has not."""

    def numpy(self) -> Array:
        raise TypeError("Got unsupported ScalarType BFloat16")


def test_a_tensor_that_is_no_array_is_refused(model: Compiled) -> None:
    with pytest.raises(lstm_edge.DataError, match="BFloat16"):
        model.predict({"rows": Tensor()})
    with pytest.raises(lstm_edge.ModelError, match="BFloat16"):
        lstm_edge.load({"rnn.weight_ih_l0": Tensor()})


@pytest.mark.parametrize("frame", [[[1], [2, 3]], [1e39] * 8], ids=["ragged", "too large"])
def test_a_frame_is_as_predict_takes_numbers(frame: Any, model: Compiled) -> None:
    with pytest.raises(lstm_edge.DataError, match=r"rectangular|too large for float32"):
        model.stream().step(frame)


@pytest.mark.parametrize("number", [-1, 40, 1.5])
def test_a_frame_is_no_row_that_the_table_has_not(number: float, characters: Compiled) -> None:
    with pytest.raises(lstm_edge.DataError, match="whole numbers from 0 to 39"):
        characters.stream().step(number)


def test_one_recording_is_answered_as_several(model: Compiled, images: Array) -> None:
    one, two = model.predict([images[0]]), model.predict([images[0], images[1]])
    assert list(one) == ["logits__0"]
    assert list(two) == ["logits__0", "logits__1"]
    assert np.array_equal(one["logits__0"], model.predict(images[:1])[0])


@pytest.mark.parametrize(
    "again",
    [
        lambda net: lstm_edge.load(net, name="other"),
        lambda net: lstm_edge.load(net, rename={"rows": "x"}),
        lambda net: lstm_edge.load(net, steps=3),
        lambda net: lstm_edge.load(DIGITS, example=1),
    ],
)
def test_what_would_change_nothing_is_refused(again: Callable[[Any], Any]) -> None:
    with pytest.raises(lstm_edge.ModelError, match="leave it out"):
        again(lstm_edge.load(DIGITS))


@pytest.mark.parametrize("name", ["file", "allow_pickle"])
def test_an_input_may_be_named_like_an_argument_of_numpy(
    name: str, images: Array, tmp_path: Path
) -> None:
    net = lstm_edge.load(DIGITS, rename={"rows": name})
    made = lstm_edge.compile(net, target="host", calibration=images)
    opened = lstm_edge.open(made.save(tmp_path / "m"))
    assert list(opened.bundle.held_back) == [name]


@pytest.mark.parametrize("options", [{"about": About()}, {"about": {}, "packages": ["cmake"]}])
def test_what_is_said_of_no_package_is_refused(
    options: dict[str, Any], model: Compiled, tmp_path: Path
) -> None:
    with pytest.raises(lstm_edge.DataError, match=r"expected an lstm_edge\.About, and packages="):
        model.save(tmp_path / "m", **options)
    assert not list(tmp_path.iterdir())


def test_packages_may_be_a_text(model: Compiled, tmp_path: Path) -> None:
    model.save(tmp_path / "m", packages="cmake,conan")
    assert (tmp_path / "m-package" / model.name / "conanfile.py").is_file()


def test_a_folder_where_a_file_belongs_leaves_the_bundle_as_it_was(
    model: Compiled, images: Array, tmp_path: Path
) -> None:
    folder = model.save(tmp_path / "m")
    (folder / "digits_weights.c").unlink()
    (folder / "digits_weights.c").mkdir()
    before = tree(folder)
    with pytest.raises(lstm_edge.DataError, match="is a folder where a file belongs"):
        lstm_edge.compile(DIGITS, target="host", calibration=images, weights=4).save(folder)
    assert tree(folder) == before


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("weights", 8.0, "expected a whole number"),
        ("cell_state", "wide", "expected one of 16, 32"),
        ("max_flash", "64K", "expected a whole number"),
        ("max_ram", float("nan"), "expected a whole number"),
        ("max_stack", 1000.5, "expected a whole number"),
        ("max_insn", -1, "expected 0 or more"),
        ("max_error", "20", "expected a number"),
        ("max_error", -5.0, "expected a number from 0 on"),
        ("max_error", float("inf"), "expected a number from 0 on"),
        ("input_scale", "abc", "expected a number"),
        ("input_scale", [0.1], "expected a number"),
        ("input_scale", {"rows": "0.1"}, "expected a number"),
        ("input_zero", {"rows": None}, "expected a number"),
    ],
)
def test_an_option_that_is_no_number_is_refused(option: str, value: Any, said: str) -> None:
    with pytest.raises(lstm_edge.DataError, match=f"^--{option.replace('_', '-')} .*{said}"):
        lstm_edge.compile(DIGITS, target="host", **{option: value})


@pytest.mark.parametrize("target", [None, ["cortex-m4"]], ids=str)
def test_a_target_that_is_no_name_is_refused(target: Any) -> None:
    with pytest.raises(lstm_edge.TargetError, match="expected a name"):
        lstm_edge.compile(DIGITS, target=target)


def test_numbers_of_numpy_are_the_same_as_pythons(images: Array) -> None:
    def files(whole: Callable[[int], Any], real: Callable[[float], Any]) -> dict[str, bytes]:
        return dict(
            lstm_edge.compile(
                DIGITS,
                target="host",
                calibration=images,
                weights=whole(8),
                max_flash=whole(2**20),
                max_error=real(20.0),
                input_scale={"rows": real(0.125)},
            ).files
        )

    assert files(np.int64, np.float32) == files(int, float) == files(int, np.float64)


@pytest.mark.parametrize("name", ["averaged-open", "behind-open", "plain-open"])
def test_a_trace_of_too_few_steps_is_refused(name: str, tmp_path: Path) -> None:
    made = lstm_edge.compile(saved(MODELS[name], tmp_path), target="host")
    shapes = [[1, *(1 if n < 0 else n for n in port.shape)] for port in made.program.inputs]
    short = {p.name: np.zeros(s) for p, s in zip(made.program.inputs, shapes, strict=True)}
    with pytest.raises(lstm_edge.DataError, match="the inputs have 1 steps"):
        made.trace(short)


def test_a_port_is_renamed_once(tmp_path: Path) -> None:
    twice = ("--rename", "rows=a", "--rename", "rows=b", "-o", tmp_path / "m")
    assert "rows has 'a' already" in refused(1, "compile", DIGITS, "--target", "host", *twice)
