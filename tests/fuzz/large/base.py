"""A case: a function that makes files in a folder, and says which command meets them."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

Command = list[str]
Case = Callable[[Path], Command]
CASES: dict[str, Case] = {}
ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"


def case(make: Case) -> Case:
    """Named by its function."""
    CASES[make.__name__] = make
    return make


def compiled(folder: Path, name: str, *more: str) -> Command:
    """Compile a file of the folder."""
    out = str(folder / "out")
    return ["compile", str(folder / name), "--target", "cortex-m4", "-o", out, *more]


def npy(shape: str, data: bytes = b"", descr: str = "'<f4'") -> bytes:
    """An .npy file that declares anything."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header)) + header + data


def zipped(path: Path, members: Mapping[str, bytes]) -> None:
    """An archive of any contents, deflated."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as stream:
        for name, data in members.items():
            stream.writestr(name, data)


def zeros(path: Path, name: str, shape: tuple[int, ...], more: Mapping[str, Any] = {}) -> None:
    """An npz file with an array of zeros, which deflate to a thousandth."""
    head = npy(str(shape))
    left = int(np.prod(shape, dtype=object)) * 4
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
            stream.write(head)
            block = bytes(2**24)
            while left > 0:
                stream.write(block[: min(left, len(block))])
                left -= len(block)
        for each, array in more.items():
            made = io.BytesIO()
            np.save(made, array)
            archive.writestr(f"{each}.npy", made.getvalue())


def put(folder: Path, model: onnx.ModelProto, *more: str) -> Command:
    """Save a graph, and compile it."""
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return compiled(folder, "m.onnx", *more)


def lstm(hidden: int, inputs: int = 3) -> dict[str, np.ndarray]:
    """A state_dict of one LSTM."""
    rng = np.random.default_rng(0)
    shapes = {"weight_ih_l0": (4 * hidden, inputs), "weight_hh_l0": (4 * hidden, hidden)}
    return {k: rng.standard_normal(s, dtype=np.float32) * 0.05 for k, s in shapes.items()}
