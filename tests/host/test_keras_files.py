"""Files of Keras through the command line: compiled for this computer, the same bits in C."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import done, load, refused, save
from tests.support.keras_files import expected, placed

FILES = [
    ("keras3", "lstm.keras"),
    ("keras3", "two_ways.keras"),
    ("keras3", "function_layers.keras"),
    ("keras3", "norms.h5"),
    ("keras3", "reshaped.keras"),
    ("keras2", "branches.keras"),
    ("keras2", "cells.h5"),
    ("keras2", "flattened.keras"),
    ("keras3", "looked_up.keras"),
    ("keras3", "convolved.keras"),
    ("keras2", "strided.keras"),
    ("keras2", "depthwise.h5"),
    ("keras3", "pooled.keras"),
    ("keras3", "turned.keras"),
    ("keras3", "fed_states.h5"),
    ("keras2", "with_vector.keras"),
    ("keras3", "masked.keras"),
    ("keras3", "masked_ids.h5"),
    ("keras3", "mask_given.keras"),
    ("keras3", "scalers.keras"),
    ("keras3", "vectors.keras"),
    ("keras3", "around.keras"),
    ("keras3", "written.keras"),
    ("keras2", "masked.h5"),
    ("keras3", "repeated.keras"),
    ("keras3", "backward_steps.keras"),
    ("keras3", "states_of_cells.keras"),
    ("keras3", "weighted_steps.keras"),
]
LENGTHS = {"strided": 13, "masked": 8}


@pytest.mark.parametrize(("version", "name"), FILES)
def test_a_keras_file_compiles_and_verifies_on_the_host(
    version: str, name: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc")
    path = placed(tmp_path, version, name)
    folder = tmp_path / "build"
    steps = LENGTHS.get(path.stem, 6)
    done("compile", path, "--target", "host", "-o", folder, "--steps", steps)
    report = json.loads(done("verify", folder, "--on", "host", "--json").stdout)
    assert report["exact"] == {"host": True}


def test_the_float_program_in_c_gives_what_keras_computed(tmp_path: Path) -> None:
    path, folder = placed(tmp_path, "keras3", "two_ways.keras"), tmp_path / "build"
    done("compile", path, "--target", "host", "-o", folder, "--scheme", "float32")
    arrays = expected("keras3")
    inputs = save(tmp_path / "in.npz", series=arrays["two_ways/series"][:, None])
    done("run", folder, "--inputs", inputs, "--on", "host", "-o", tmp_path / "out.npz")
    (found,) = load(tmp_path / "out.npz").values()
    wanted = arrays[next(key for key in arrays if key.startswith("two_ways/dense"))]
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, atol=1e-5)


def test_what_is_wrong_with_a_keras_file_is_one_line(tmp_path: Path) -> None:
    path = placed(tmp_path, "keras3", "weights.weights.h5")
    assert "weights only" in refused(1, "compile", path, "--target", "host", "-o", tmp_path / "b")
