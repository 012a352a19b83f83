"""Files that change while something is made of them are noticed, and nothing is made."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lstm_edge
from lstm_edge.errors import DataError
from lstm_edge.files import read_bytes, unchanged
from lstm_edge.frontend import load
from lstm_edge.frontend.onnx import file as onnx_file
from tests.support.command import FIXTURES, done, refused, save

SMALL = FIXTURES / "one_unit.legacy.onnx"


def spoiled(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def exchanged(path: Path) -> None:
    """By another file, as editors and exporters save."""
    other = path.with_name("other")
    other.write_bytes(b"other")
    other.replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "changed while it was used": spoiled,
    "net.onnx changed while it was used": exchanged,
    "was removed while it was used": Path.unlink,
}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A model, and what may be given beside it."""
    model = tmp_path / "net.onnx"
    model.write_bytes(SMALL.read_bytes())
    port = load(model).inputs[0]
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(6, *(3 if n < 0 else n for n in port.shape))).astype(np.float32)
    info = tmp_path / "about.toml"
    info.write_text('version = "1.0.0"\n')
    return {
        "model": model,
        "calibration": save(tmp_path / "samples.npz", **{port.name: samples}),
        "info": info,
    }


@pytest.mark.parametrize("says", CHANGES)
def test_a_model_that_changes_during_compile_is_noticed(
    says: str, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_as_before = lstm_edge.compile

    def meanwhile(*given: Any, **options: Any) -> Any:
        made = compile_as_before(*given, **options)
        CHANGES[says](files["model"])
        return made

    monkeypatch.setattr(lstm_edge, "compile", meanwhile)
    error = refused(1, "compile", files["model"], "--target", "host", "-o", tmp_path / "out")
    assert says in error
    assert not (tmp_path / "out").exists()


def test_a_model_that_changes_during_update_is_noticed(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ["compile", files["model"], "--target", "portable", "--updatable"]
    done(*made, "-o", tmp_path / "first")
    update_as_before = lstm_edge.update

    def meanwhile(*given: Any, **options: Any) -> Any:
        found = update_as_before(*given, **options)
        spoiled(files["model"])
        return found

    monkeypatch.setattr(lstm_edge, "update", meanwhile)
    error = refused(1, "update", tmp_path / "first", files["model"], "-o", tmp_path / "out")
    assert "net.onnx changed while it was used" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("which", ["calibration", "info"])
def test_other_files_that_change_during_compile_are_noticed(
    which: str, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_as_before = lstm_edge.compile

    def meanwhile(*given: Any, **options: Any) -> Any:
        made = compile_as_before(*given, **options)
        spoiled(files[which])
        return made

    monkeypatch.setattr(lstm_edge, "compile", meanwhile)
    command = ["compile", files["model"], "--target", "host", "-o", tmp_path / "out"]
    more = ["--calibration", files["calibration"]]
    packed = ["--package", "cmake", "--package-info", files["info"]]
    error = refused(1, *command, *more, *packed)
    assert f"{files[which].name} changed while it was used" in error
    assert not (tmp_path / "out").exists()


def test_samples_that_change_while_programs_calibrate_are_noticed(files: dict[str, Path]) -> None:
    """A bound of the flash reads them again and again."""
    with pytest.raises(DataError, match="samples"):
        lstm_edge.compile(
            files["model"],
            target="host",
            calibration=files["calibration"],
            progress=lambda done, total: spoiled(files["calibration"]),
        )


def test_weights_beside_a_model_are_those_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "lstm48.dynamo.onnx"
    for each in (name, f"{name}.data"):
        (tmp_path / each).write_bytes((FIXTURES / each).read_bytes())
    embed = onnx_file.embed

    def meanwhile(*given: Any) -> None:
        spoiled(tmp_path / name)
        embed(*given)

    monkeypatch.setattr(onnx_file, "embed", meanwhile)
    with pytest.raises(DataError, match=f"{name} changed while it was used"):
        load(tmp_path / name)


def test_cells_that_change_are_noticed(tmp_path: Path) -> None:
    cells = tmp_path / "cells.py"
    change = "pathlib.Path(__file__).write_text('pass')"
    cells.write_text(f"import pathlib\n\ndef mine(): pass\n\n{change}\n")
    network = tmp_path / "net.npz"
    network.write_bytes((FIXTURES / "two_layers.npz").read_bytes())
    with pytest.raises(DataError, match="changed while it was used"):
        load(network, cells=cells)


def test_a_file_is_read_twice_only_while_it_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    with unchanged():
        with unchanged():
            assert read_bytes(path, 9) == b"one"
        path.write_bytes(b"two")
        with pytest.raises(DataError, match="changed while it was used"):
            read_bytes(path, 9)
        path.write_bytes(b"one")
        os.utime(path, (0, 0))  # saved again as it was: its date says nothing
    assert read_bytes(path, 9) == b"one"
    path.write_bytes(b"two")
    assert read_bytes(path, 9) == b"two"
