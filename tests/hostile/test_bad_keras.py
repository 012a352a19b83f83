"""Keras files that are damaged or hostile: one line says what is wrong, and no traceback."""

from __future__ import annotations

import random
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.support.keras_files import LSTM, VERSIONS, contents, placed, refused, rewritten

KERNEL = "layers/lstm/cell/vars/0"


def read_or_refused(path: Path) -> None:
    message = ""
    try:
        load(path, "net", 6)
    except ModelError as error:
        message = str(error)
    assert "\n" not in message


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_without_h5py_the_extra_is_named(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = placed(tmp_path, "keras3", f"lstm.{suffix}")
    monkeypatch.setitem(sys.modules, "h5py", None)
    refused(path, r"pip install 'lstm-edge\[keras\]'")


@pytest.mark.parametrize("version", VERSIONS)
def test_weights_only(version: str, tmp_path: Path) -> None:
    refused(placed(tmp_path, version, "weights.weights.h5"), r"weights only.*model\.save\(")


def test_weights_only_of_the_older_format(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = np.array([b"lstm"])
        file.create_group("lstm")
    refused(tmp_path / "w.h5", r"weights only.*model\.save\(")


def test_other_files_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(b"not a model of Keras")
    refused(tmp_path / "m.keras", "neither a .keras archive nor an HDF5 file")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["data"] = np.ones(3)
    refused(tmp_path / "m.h5", "no model of Keras")
    with zipfile.ZipFile(tmp_path / "z.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    refused(tmp_path / "z.keras", "holds metadata.json 0 times")


def test_an_h5_file_named_keras_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(contents("keras2")["lstm.h5"])
    assert load(tmp_path / "m.keras").inputs[0].name == "series"


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_cut_short_anywhere(suffix: str, tmp_path: Path) -> None:
    content = contents("keras3")[f"lstm.{suffix}"]
    path = tmp_path / f"lstm.{suffix}"
    for k in range(1, 40):
        path.write_bytes(content[: k * len(content) // 40])
        refused(path, "save the model again")


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_changed_bytes_never_end_in_a_traceback(suffix: str, tmp_path: Path) -> None:
    rng = random.Random(3)
    path = tmp_path / f"lstm.{suffix}"
    for _ in range(50):
        content = bytearray(contents("keras3")[path.name])
        for _ in range(rng.choice([1, 4, 40])):
            content[rng.randrange(min(len(content), 20_000))] = rng.randrange(256)
        path.write_bytes(content)
        read_or_refused(path)


ODD: tuple[Any, ...] = (None, [], {}, "x", "\n", -1, 0, 1e400, True, [1], [None], ["a", 0, 0])


def places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(tree, dict | list):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return [at, *(place for key, part in items for place in places(part, (*at, key)))]


def replaced(tree: Any, at: tuple[Any, ...], value: Any) -> None:
    for key in at[:-1]:
        tree = tree[key]
    tree[at[-1]] = value


BOTH = (
    *("two_ways.keras", "branches.keras", "cells.keras", "looked_up.keras", "strided.keras"),
    *("depthwise.keras", "pooled.keras", "fed_states.keras", "with_vector.keras"),
)
NEWER = (
    *("masked.keras", "masked_ids.keras", "mask_given.keras", "scalers.keras", "vectors.keras"),
    *("around.keras", "written.keras", "operations.keras", "repeated.keras"),
    *("backward_steps.keras", "states_of_cells.keras", "weighted_steps.keras"),
)


@pytest.mark.parametrize("draws", [8, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("version", "name"),
    [*((v, name) for v in VERSIONS for name in BOTH), *(("keras3", name) for name in NEWER)],
)
def test_odd_configurations_never_end_in_a_traceback(
    version: str, name: str, draws: int, tmp_path: Path
) -> None:
    rng = random.Random(f"{name} {version} {draws}")

    def change(config: Any) -> None:
        replaced(config, rng.choice(places(config)[1:]), rng.choice(ODD))

    for _ in range(draws):
        path = rewritten(tmp_path, (version, name), config=change)
        read_or_refused(path)


def test_a_zip_bomb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.keras"
    for large in ("model.weights.h5", "config.json"):
        members = {"config.json": b"{}", "metadata.json": b"{}", "model.weights.h5": b""}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content if name != large else bytes(2**28 + 1))
        assert path.stat().st_size < 2**20
        refused(path, f"{large} unpacks to 256 MB")


def replace_kernel(make: Callable[[h5py.File], object]) -> Callable[[Any], None]:
    def change(file: h5py.File) -> None:
        del file[KERNEL]
        made = make(file)
        if made is not None:
            file[KERNEL] = made

    return change


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3, 20), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "data", shape=(3, 20))
    file.create_virtual_dataset(KERNEL, layout)


def external(file: h5py.File) -> None:
    file.create_dataset(KERNEL, (3, 20), "f4", external=[("/etc/passwd", 0, 240)])


def unwritten(file: h5py.File) -> None:
    file.create_dataset(KERNEL, (2**20, 2**20), "f4")


def chunk(file: h5py.File) -> None:
    file.create_dataset(KERNEL, (3, 20), "f4", chunks=(2**14, 2**14), maxshape=(None, None))


HOSTILE: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "external_link": (lambda _: h5py.ExternalLink("other.h5", "/x"), "points out of its place"),
    "soft_link": (lambda _: h5py.SoftLink("/layers/lstm/cell/vars/1"), "points out of its place"),
    "virtual": (virtual, "kernel: is kept in another file"),
    "external": (external, "kernel: is kept in another file"),
    "unwritten": (unwritten, "kernel: declares shape"),
    "chunk": (chunk, "kernel: is stored in chunks"),
    "nan": (lambda _: np.full((3, 20), np.nan, "f4"), "kernel: holds NaN"),
    "infinity": (lambda _: np.full((3, 20), 1e300), "kernel: holds infinity"),
    "integers": (lambda _: np.ones((3, 20), int), "kernel: is of type int64"),
    "strings": (lambda _: np.full((3, 20), b"x"), "kernel: is of type"),
    "empty": (lambda _: h5py.Empty("f4"), "kernel: is empty"),
    "transposed": (lambda _: np.ones((20, 3), "f4"), r"kernel is \[20, 3\], expected \[3, 20\]"),
    "scalar": (lambda _: np.float32(1), r"kernel is \[\], expected"),
    "absent": (lambda _: None, "has 2 arrays in the file, expected 3"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_arrays(case: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["data"] = np.ones((3, 20), "f4")
    make, message = HOSTILE[case]
    refused(rewritten(tmp_path, LSTM, weights=replace_kernel(make)), message)


@pytest.mark.parametrize(
    ("place", "name", "found", "expected"),
    [
        (0, "kernel", [4, 20], [3, 20]),
        (1, "recurrent_kernel", [20, 5], [5, 20]),
        (1, "recurrent_kernel", [5, 15], [5, 20]),
        (2, "bias", [2, 20], [20]),
    ],
)
def test_each_array_has_the_shape_of_its_layer(
    place: int, name: str, found: list[int], expected: list[int], tmp_path: Path
) -> None:
    def change(file: h5py.File) -> None:
        del file[f"layers/lstm/cell/vars/{place}"]
        file[f"layers/lstm/cell/vars/{place}"] = np.ones(found, "f4")

    told = re.escape(f"its {name} is {found}, expected {expected}")
    refused(rewritten(tmp_path, LSTM, weights=change), told)


def test_weights_of_another_layer_are_noticed(tmp_path: Path) -> None:
    def swap(file: h5py.File) -> None:
        layers = file["layers"]
        layers.move("lstm", "x")
        layers.move("lstm_1", "lstm")
        layers.move("x", "lstm_1")

    def more(file: h5py.File) -> None:
        file.copy("layers/lstm", "layers/lstm_2")

    refused(rewritten(tmp_path, LSTM, weights=swap), "has the weights of 'lstm")
    refused(rewritten(tmp_path, LSTM, weights=more), "fewer layers than the file has weights")
