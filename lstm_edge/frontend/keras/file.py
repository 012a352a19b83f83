"""A Keras file on disk becomes its configuration and its weights: .keras (a zip file) or .h5.

Nothing is unpickled and no code in the file runs: of the archive only three members are read, all
of which are data.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from lstm_edge.errors import DataError, ModelError
from lstm_edge.files import read_bytes
from lstm_edge.frontend.keras.config import mapping
from lstm_edge.frontend.keras.hdf5 import DAMAGES, Hdf5
from lstm_edge.frontend.keras.weights import Weights
from lstm_edge.limits import LARGEST_MODEL, LARGEST_TEXT

_MOST_MEMBERS = 10_000

_CONFIG = "config.json"
_METADATA = "metadata.json"
_WEIGHTS = "model.weights.h5"

_DAMAGES = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, *DAMAGES)
"""What zipfile raises on archives that are damaged, encrypted or cut short."""


Parts = tuple[str | bytes, object, Weights]
"""The text of the configuration, the version of Keras, the weights."""


@dataclass(frozen=True)
class KerasFile:
    """model: {"class_name": ..., "config": ...}. major: the version of Keras that wrote it."""

    model: object
    major: int | None
    weights: Weights
    sha256: str


def read_keras(path: Path) -> KerasFile:
    """Read a whole model; by its content, not by its name, it is an archive or HDF5.

    Raises ModelError: neither of the two, damaged, too large, weights only.
    """
    try:
        content = read_bytes(path, LARGEST_MODEL)
    except DataError as error:
        raise ModelError(path.name, str(error)) from error
    kinds = {b"PK": _read_archive, b"\x89HDF\r\n\x1a\n": _read_hdf5}
    read = next((read for begin, read in kinds.items() if content.startswith(begin)), None)
    if read is None:
        raise ModelError(
            path.name, "is neither a .keras archive nor an HDF5 file; save it with model.save(...)"
        )
    text, version, weights = read(path.name, content)
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(path.name, "describes no model in JSON; save the model again") from error
    first = version.split(".")[0] if isinstance(version, str) else ""
    major = int(first) if first.isascii() and first.isdigit() and len(first) < 4 else None
    return KerasFile(config, major, weights, hashlib.sha256(content).hexdigest())


def _read_archive(file: str, content: bytes) -> Parts:
    text, about = (_member(file, content, name, LARGEST_TEXT) for name in (_CONFIG, _METADATA))
    try:
        version = mapping(json.loads(about), f"{file}: {_METADATA}").get("keras_version")
    except ValueError as error:
        raise ModelError(file, f"{_METADATA} is no JSON text; save the model again") from error
    hdf5 = Hdf5(file, _member(file, content, _WEIGHTS, LARGEST_MODEL))
    return text, version, Weights(hdf5, hdf5.root, file, tree=True)


def _member(file: str, content: bytes, name: str, largest: int) -> bytes:
    """One member; its declared size, which zipfile never exceeds, is checked first."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > _MOST_MEMBERS:
                raise ModelError(file, f"holds {len(members)} files, more than {_MOST_MEMBERS}")
            found = [member for member in members if member.filename == name]
            if len(found) != 1:
                raise ModelError(
                    file,
                    f"holds {name} {len(found)} times, expected once; save the model with "
                    "model.save('model.keras')",
                )
            if found[0].file_size > largest:
                raise ModelError(
                    file,
                    f"{name} unpacks to {found[0].file_size / 2**20:.0f} MB, more than the "
                    f"{largest // 2**20} MB that are accepted",
                )
            return archive.read(found[0])
    except _DAMAGES as error:
        raise ModelError(
            file, "not a .keras archive, or damaged or cut short; save the model again"
        ) from error


def _read_hdf5(file: str, content: bytes) -> Parts:
    hdf5 = Hdf5(file, content)
    text = hdf5.text(hdf5.root, "model_config")
    if text is None:
        raise ModelError(file, _without_config(hdf5))
    if len(text) > LARGEST_TEXT:
        raise ModelError(file, "has a model_config of more than 16 MB; save the model again")
    group = hdf5.group(hdf5.root, "model_weights")
    if group is None:
        raise ModelError(file, "holds no model_weights; save the whole model with model.save(...)")
    version = hdf5.text(hdf5.root, "keras_version")
    return text, version, Weights(hdf5, group, file, tree=False)


def _without_config(hdf5: Hdf5) -> str:
    names = hdf5.names(hdf5.root)
    listed = hdf5.texts(hdf5.root, "layer_names") is not None
    if listed or {"layers", "_layer_checkpoint_dependencies", "vars"} & set(names):
        return (
            "holds weights only, not how the layers are connected; make the model where it was "
            "trained, model.load_weights(this file), and save the whole model with "
            "model.save('model.keras')"
        )
    return "is an HDF5 file, but no model of Keras; save one with model.save('model.keras')"
