"""Files of Keras 2 and Keras 3 with what Keras computed from them: see make_keras_fixtures.py."""

from __future__ import annotations

import functools
import io
import tarfile
from pathlib import Path

import numpy as np

from tests.support.programs import Array

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
VERSIONS = ("keras2", "keras3")


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
