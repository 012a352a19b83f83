"""Files of Keras 2 and Keras 3 with what Keras computed from them: see make_keras_fixtures.py."""

from __future__ import annotations

import functools
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.support.programs import Array

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
VERSIONS = ("keras2", "keras3")
LSTM = ("keras3", "lstm.keras")
"""A file that tests change."""


@functools.cache
def contents(version: str) -> dict[str, bytes]:
    """Every file by its name: models as .keras and .h5, weights.weights.h5, expected.npz."""
    with tarfile.open(FIXTURES / f"{version}.tar.xz") as archive:
        members = [(m.name, archive.extractfile(m)) for m in archive.getmembers()]
        return {name: file.read() for name, file in members if file is not None}


@functools.cache
def expected(version: str) -> dict[str, Array]:
    """Arrays <model>/<input or output>."""
    with np.load(io.BytesIO(contents(version)["expected.npz"])) as file:
        return {name: file[name] for name in file.files}


def placed(folder: Path, version: str, name: str) -> Path:
    """One file, written into a folder."""
    path = folder / name
    path.write_bytes(contents(version)[name])
    return path


MODELS = [
    (version, name)
    for version in VERSIONS
    for name in sorted(contents(version))
    if name != "expected.npz" and not name.startswith("weights")
]


def rewritten(
    folder: Path,
    source: tuple[str, str],
    config: Callable[[Any], object] | None = None,
    weights: Callable[[Any], None] | None = None,
) -> Path:
    """A copy of a .keras file with its configuration and its HDF5 file changed in place."""
    version, name = source
    path = folder / name
    with zipfile.ZipFile(io.BytesIO(contents(version)[name])) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    if config is not None:
        described = json.loads(members["config.json"])
        changed = config(described)
        members["config.json"] = json.dumps(described if changed is None else changed).encode()
    if weights is not None:
        buffer = io.BytesIO(members["model.weights.h5"])
        with h5py.File(buffer, "r+") as file:
            weights(file)
        members["model.weights.h5"] = buffer.getvalue()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return path


def refused(path: Path, message: str, steps: int | None = 6) -> None:
    """Reading the file ends in this message, of one line that can be read."""
    with pytest.raises(ModelError, match=message) as caught:
        load(path, "net", steps)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
