"""Files of Keras."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.fuzz.large.base import CASES, Command, case, compiled, zipped
from tests.support.keras_files import contents


def _keras(folder: Path, config: Any, version: str = "3.5.0") -> None:
    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        file.create_group("layers")
    zipped(
        folder / "m.keras",
        {
            "config.json": json.dumps(config).encode(),
            "metadata.json": json.dumps({"keras_version": version}).encode(),
            "model.weights.h5": made.getvalue(),
        },
    )


def _sequential(layers: list[Any]) -> Any:
    return {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}


def _input(*shape: int | None) -> Any:
    return {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, *shape]}}


def _plain(name: str, **config: Any) -> Any:
    return {"class_name": name, "config": {"name": name.lower(), "dtype": "float32", **config}}


@case
def keras_of_100000_layers(folder: Path) -> Command:
    names = [
        {**_plain("ReLU"), "config": {"name": f"r{k}", "dtype": "float32"}} for k in range(10**5)
    ]
    _keras(folder, _sequential([_input(4, 3), *names]))
    return compiled(folder, "m.keras")


@case
def keras_repeat_10_to_9(folder: Path) -> Command:
    _keras(folder, _sequential([_input(3), _plain("RepeatVector", n=10**9)]))
    return compiled(folder, "m.keras")


@case
def keras_upsampling_10_to_9(folder: Path) -> Command:
    _keras(folder, _sequential([_input(4, 3), _plain("UpSampling1D", size=10**9)]))
    return compiled(folder, "m.keras")


@case
def keras_padding_10_to_9(folder: Path) -> Command:
    _keras(folder, _sequential([_input(4, 3), _plain("ZeroPadding1D", padding=[10**9, 10**9])]))
    return compiled(folder, "m.keras")


@case
def keras_input_10_to_9(folder: Path) -> Command:
    _keras(folder, _sequential([_input(10**9, 3), _plain("ReLU")]))
    return compiled(folder, "m.keras")


@case
def keras_features_10_to_9(folder: Path) -> Command:
    _keras(folder, _sequential([_input(4, 10**9), _plain("ReLU")]))
    return compiled(folder, "m.keras")


@case
def keras_units_10_to_9(folder: Path) -> Command:
    _keras(folder, _sequential([_input(4, 3), _plain("LSTM", units=10**9)]))
    return compiled(folder, "m.keras")


@case
def keras_nested_json(folder: Path) -> Command:
    text = b"[" * 500_000 + b"]" * 500_000
    zipped(
        folder / "m.keras", {"config.json": text, "metadata.json": b"{}", "model.weights.h5": b""}
    )
    return compiled(folder, "m.keras")


@case
def keras_json_number_of_a_million_digits(folder: Path) -> Command:
    text = b'{"class_name": ' + b"9" * 10**6 + b"}"
    zipped(
        folder / "m.keras", {"config.json": text, "metadata.json": b"{}", "model.weights.h5": b""}
    )
    return compiled(folder, "m.keras")


@case
def keras_config_of_16_mb(folder: Path) -> Command:
    text = b"[" + b"{}," * (5 * 10**6) + b"{}]"
    zipped(
        folder / "m.keras", {"config.json": text, "metadata.json": text, "model.weights.h5": b""}
    )
    return compiled(folder, "m.keras")


@case
def keras_config_of_16_mb_of_numbers(folder: Path) -> Command:
    text = b"[" + b"0," * (8 * 10**6) + b"0]"
    zipped(
        folder / "m.keras", {"config.json": text, "metadata.json": text, "model.weights.h5": b""}
    )
    return compiled(folder, "m.keras")


def _model_h5(folder: Path, change: Callable[[h5py.File], None]) -> Command:
    path = folder / "m.h5"
    path.write_bytes(contents("keras3")["lstm.h5"])
    with h5py.File(path, "r+") as file:
        change(file)
    return compiled(folder, "m.h5")


def _datasets(file: h5py.File) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    file.visititems(lambda _, each: found.append(each) if isinstance(each, h5py.Dataset) else None)
    return found


def _replaced(file: h5py.File, **made: Any) -> None:
    data = _datasets(file)[0]
    name, parent = data.name, data.parent
    del file[name]
    file.create_dataset(name, dtype="<f4", **made)
    assert parent is not None


for name, options in {
    "h5_bomb_of_fill_values": {"shape": (2**20, 2**20), "chunks": (2**10, 2**10)},
    "h5_bomb_120_mb": {"shape": (2**13, 2**11), "chunks": (2**10, 2**10), "compression": "gzip"},
    "h5_one_chunk_of_4_gb": {"shape": (4, 4), "maxshape": (None, None), "chunks": (2**14, 2**15)},
    "h5_tiny_chunks": {"shape": (2**12, 2**12), "chunks": (1, 1)},
}.items():
    CASES[name] = lambda folder, options=options: _model_h5(
        folder, lambda file: _replaced(file, **options)
    )


@case
def h5_of_many_groups(folder: Path) -> Command:
    def change(file: h5py.File) -> None:
        for k in range(50_000):
            file.create_group(f"model_weights/g{k}")

    return _model_h5(folder, change)


@case
def h5_that_contains_itself(folder: Path) -> Command:
    def change(file: h5py.File) -> None:
        group = file["model_weights"]
        name = next(iter(group))
        del group[name]
        group[name] = group

    return _model_h5(folder, change)


@case
def h5_sparse_file(folder: Path) -> Command:
    path = folder / "m.h5"
    path.write_bytes(contents("keras3")["lstm.h5"])
    with path.open("r+b") as file:
        file.truncate(2**33)
    return compiled(folder, "m.h5")


@case
def h5_config_of_500_mb(folder: Path) -> Command:
    def change(file: h5py.File) -> None:
        del file.attrs["model_config"]
        kind = h5py.string_dtype()
        file.attrs.create("model_config", "a" * (2**28), dtype=kind)

    return _model_h5(folder, change)


@case
def h5_names_repeated(folder: Path) -> Command:
    """layer_names with 60,000 names."""

    def change(file: h5py.File) -> None:
        group = file["model_weights"]
        del group.attrs["layer_names"]
        group.attrs["layer_names"] = np.array([b"lstm"] * 10_000)

    return _model_h5(folder, change)


@case
def keras_of_10_to_5_outputs(folder: Path) -> Command:
    with zipfile.ZipFile(io.BytesIO(contents("keras3")["branches.keras"])) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    described = json.loads(members["config.json"])
    outputs = described["config"]["output_layers"]
    first = outputs[0] if isinstance(outputs[0], list) else outputs
    described["config"]["output_layers"] = [first] * 10**5
    zipped(folder / "m.keras", {**members, "config.json": json.dumps(described).encode()})
    return compiled(folder, "m.keras", "--steps", "6")
