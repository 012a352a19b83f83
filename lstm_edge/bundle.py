"""The folder that `compile` writes: C files, manifest, and what `run` and `verify` need."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from lstm_edge import archive, folders, manifest
from lstm_edge.errors import DataError, TargetError
from lstm_edge.files import read_bytes
from lstm_edge.ir.program import Program
from lstm_edge.ir.serialize import from_bytes
from lstm_edge.limits import LARGEST_DATA, LARGEST_FILE, LARGEST_TEXT
from lstm_edge.manifest import MANIFEST, Manifest, seal, sha256
from lstm_edge.targets import Target, load_target

Array = npt.NDArray[Any]

PROGRAM = "program.npz"
REFERENCE = "reference.npz"
HELD_BACK = "held_back.npz"
REPORT = "report.txt"
PROOF = "proof.txt"
_DAMAGES = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading files that are damaged, or other people's, raises."""
OPTIONAL = (HELD_BACK, REPORT, PROOF)
"""What a bundle can be run without."""


@dataclass(frozen=True)
class Bundle:
    """A compiled model. reference: the float32 program of the same model. targets: what its C is
    for, more than one where it chooses by core. files: of the folder, by name.
    """

    manifest: Manifest
    program: Program
    reference: Program
    targets: tuple[Target, ...]
    files: Mapping[str, bytes]

    @property
    def target(self) -> Target:
        """The first of them."""
        return self.targets[0]

    @property
    def name(self) -> str:
        """What was compiled for: a target, or a set of them."""
        return self.manifest["target"]

    @property
    def emulated(self) -> tuple[Target, ...]:
        """Targets with an emulated board."""
        return tuple(target for target in self.targets if target.board is not None)

    @property
    def made_up(self) -> bool:
        """True where there were no calibration samples, so that inputs were drawn."""
        return self.manifest["calibration"] == "drawn"

    @property
    def held_back_kind(self) -> str:
        """What the samples of `held_back` are to a reader: held-back ones, or what there was."""
        if self.made_up:
            return "made-up"
        accuracy = self.manifest.get("accuracy")
        return "held-back" if accuracy is None else accuracy["inputs"]

    @property
    def held_back(self) -> dict[str, Array]:
        """The calibration samples that the model was not made from; DataError where damaged."""
        try:
            return archive.read_arrays(self.files[HELD_BACK], LARGEST_DATA)
        except (KeyError, DataError) as error:
            raise DataError(
                f"{HELD_BACK} is missing or damaged ({error}); give --inputs, or compile the model "
                "again"
            ) from None

    def on(self, name: str) -> Bundle:
        """The same for one of its targets, as if it had been compiled for that alone; DataError
        where it is none of them.
        """
        found = tuple(target for target in self.targets if target.name == name)
        if not found:
            known = ", ".join(target.name for target in self.targets)
            raise DataError(f"--target {name}: the bundle is for {known}; give one of them")
        return replace(self, manifest=manifest.of_core(self.manifest, name), targets=found)

    @property
    def selftest(self) -> str:
        """The C file of the self-test."""
        return f"{self.program.name}_selftest.c"

    @property
    def code(self) -> dict[str, bytes]:
        """The C files, without the self-test."""
        c_files = (name for name in self.files if name.endswith((".c", ".h")))
        return {name: self.files[name] for name in c_files if name != self.selftest}

    def unpack(self, folder: Path) -> tuple[Path, ...]:
        """Put the C files into a folder; those to compile, without headers and the self-test."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.code.items():
            (folder / name).write_bytes(data)
        return tuple(folder / name for name in self.code if name.endswith(".c"))


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put all files in place, or none, as `folders.put` does.

    Files of an earlier bundle of the same name that the new one has not are removed, where they are
    as it has them; others are left alone.
    """
    for name in files:
        if (folder / name).is_dir():
            raise DataError(
                f"{folder / name} is a folder where a file belongs; move it, or choose another "
                "folder with -o"
            )
    folders.put(folder, files, _stale(folder, files), MANIFEST)


def _stale(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Files of the folder's present bundle that the new one has not: of names that a bundle has,
    and not changed since, so that no manifest can name what is not ours.
    """
    try:
        described = json.loads(read_bytes(folder / MANIFEST, LARGEST_TEXT))
        name, sums = described["name"], described["sha256"]
        if f"{name}.h" not in files:
            return []
        known = [n for n in described["files"] if n not in files and _may_own(name, n)]
        return [n for n in known if sha256(read_bytes(folder / n, LARGEST_FILE)) == sums[n]]
    except (*_DAMAGES, DataError):
        return []


def _may_own(name: str, file: str) -> bool:
    """Whether a bundle of this name can have the file."""
    own = re.fullmatch(rf"{re.escape(name)}((_\w+)?\.[ch]|_weights\.bin)", file)
    return bool(own) or file in (PROGRAM, REFERENCE, *OPTIONAL)


def read(folder: Path) -> Bundle:
    """The bundle in a folder; DataError where there is none or a file of it is damaged."""
    path = folder / MANIFEST
    if not path.is_file():
        raise DataError(
            f"{folder} holds no {MANIFEST}; give the folder that `lstm-edge compile` wrote"
        )
    try:
        described = manifest.from_json(read_bytes(path, LARGEST_TEXT))
        names = [name for name in described["files"] if Path(name).name == name]
        there = [n for n in names if n not in OPTIONAL or (folder / n).is_file()]
        files = {name: read_bytes(folder / name, LARGEST_FILE) for name in there}
    except (*_DAMAGES, DataError) as error:
        raise _damaged(folder, error) from None
    _check_sums(folder, described, files)
    try:
        return made_of(described, files)
    except (*_DAMAGES, DataError, TargetError) as error:
        raise _damaged(folder, error) from None


def _damaged(folder: Path, error: Exception) -> DataError:
    return DataError(
        f"{folder} is damaged, or of another version ({error}); compile the model again"
    )


def _check_sums(folder: Path, described: Manifest, files: Mapping[str, bytes]) -> None:
    """DataError where a file is not the one that was written."""
    sums = described["sha256"]
    found = {name: sha256(data) for name, data in files.items()} | {MANIFEST: seal(described)}
    changed = [str(folder / name) for name in sorted(found) if found[name] != sums.get(name)]
    if changed:
        have, were = ("has", "it was") if len(changed) == 1 else ("have", "they were")
        raise DataError(
            f"{', '.join(changed)} {have} changed since {were} written (SHA-256); compile the "
            "model again, and change copies of its files in another folder"
        )


def made_of(described: Manifest, files: Mapping[str, bytes]) -> Bundle:
    """The bundle of these files; KeyError or DataError where one is missing or damaged."""
    names = list(described["cores"]) if "cores" in described else [described["target"]]
    targets = tuple(load_target(name) for name in names)
    program, reference = (from_bytes(files[name]) for name in (PROGRAM, REFERENCE))
    if not described["name"] == program.name == reference.name:
        raise DataError(f"the manifest is of {described['name']}, the program {program.name}")
    return Bundle(described, program, reference, targets, files)


def read_arrays(path: Path) -> dict[str, Array]:
    """Arrays of an npz or npy file; DataError for anything else. Nothing is ever unpickled."""
    try:
        return archive.read_data(read_bytes(path, LARGEST_DATA), LARGEST_DATA)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}); expected an .npz file"
        ) from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
