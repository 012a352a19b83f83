"""The folder that `compile` writes: C files, manifest, and what `run` and `verify` need."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge import archive
from lstm_edge.errors import DataError
from lstm_edge.ir.program import Program
from lstm_edge.ir.serialize import from_bytes
from lstm_edge.targets import Target, load_target

Array = npt.NDArray[Any]

LARGEST_DATA = 2**32
"""Bytes that calibration or input arrays may unpack to."""
MANIFEST = "manifest.json"
CORES = "cores"
"""The manifest's table of what each target gets, where there are several."""
PROGRAM = "program.npz"
REFERENCE = "reference.npz"
HELD_BACK = "held_back.npz"
REPORT = "report.txt"


@dataclass(frozen=True)
class Bundle:
    """A compiled model, read back. reference: the float32 program of the same model. targets: what
    its C is for, more than one where it chooses by core.
    """

    folder: Path
    manifest: Mapping[str, Any]
    program: Program
    reference: Program
    targets: tuple[Target, ...]

    @property
    def target(self) -> Target:
        """The first of them."""
        return self.targets[0]

    @property
    def name(self) -> str:
        """What was compiled for: a target, or a set of them."""
        return str(self.manifest["target"])

    @property
    def emulated(self) -> tuple[Target, ...]:
        """Targets with an emulated board."""
        return tuple(target for target in self.targets if target.board is not None)

    def on(self, name: str) -> Bundle:
        """The same for one of its targets, as if it had been compiled for that alone; DataError
        where it is none of them.
        """
        found = tuple(target for target in self.targets if target.name == name)
        if not found:
            known = ", ".join(target.name for target in self.targets)
            raise DataError(f"--target {name}: the bundle is for {known}; give one of them")
        own = self.manifest.get(CORES, {}).get(name, {})
        return replace(self, manifest={**self.manifest, **own}, targets=found)

    @property
    def sources(self) -> tuple[Path, ...]:
        """The model's C files, without the self-test."""
        name = self.program.name
        return (self.folder / f"{name}.c", self.folder / f"{name}_weights.c")


def write(folder: Path, files: Mapping[str, bytes], *, is_bundle: bool = True) -> None:
    """Put all files in place, or none: they are written beside their place and moved.

    Files of an earlier bundle that a new one has not are removed; others are left alone.
    """
    created = [f for f in (folder, *folder.parents) if not f.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        listed = _listed_files(folder, files) if is_bundle else []
        stale = [name for name in listed if name not in files]
        with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as temporary:
            for name, data in files.items():
                (Path(temporary) / name).write_bytes(data)
            for name in files:
                (Path(temporary) / name).replace(folder / name)
        for name in stale:
            with suppress(FileNotFoundError):
                (folder / name).unlink()
    except OSError as error:
        for empty in created:
            with suppress(OSError):
                empty.rmdir()
        raise DataError(
            f"{folder} cannot be written ({error.strerror or error}); choose another with -o"
        ) from None


def _listed_files(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Files of the folder's present bundle, from its manifest, if it is of the same name."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        if f"{manifest['name']}.h" not in files:
            return []
        return [name for name in manifest["files"] if Path(name).name == name]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def read(folder: Path) -> Bundle:
    """The bundle in a folder; DataError where there is none or a file of it is damaged."""
    path = folder / MANIFEST
    if not path.is_file():
        raise DataError(
            f"{folder} holds no {MANIFEST}; give the folder that `lstm-edge compile` wrote"
        )
    try:
        manifest = json.loads(path.read_text())
        names = list(manifest[CORES]) if CORES in manifest else [str(manifest["target"])]
        targets = tuple(load_target(name) for name in names)
        programs = [from_bytes((folder / name).read_bytes()) for name in (PROGRAM, REFERENCE)]
        if not targets or not all(
            isinstance(own, dict) for own in manifest.get(CORES, {}).values()
        ):
            raise ValueError(f"{CORES} is not a table of targets")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder} is damaged ({error}); compile the model again") from None
    return Bundle(folder, manifest, programs[0], programs[1], targets)


def read_arrays(path: Path) -> dict[str, Array]:
    """Arrays of an npz or npy file; DataError for anything else. Nothing is ever unpickled."""
    try:
        return archive.read_data(path.read_bytes(), LARGEST_DATA)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}); expected an .npz file"
        ) from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def array_bytes(arrays: Mapping[str, Array]) -> bytes:
    """An npz file; the same arrays give the same bytes."""
    stream = BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()
