"""Calibration data, and devices in the place of any file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from tests.fuzz.large.base import CASES, Command, case, compiled, lstm, npy, zeros


def _calibrated(folder: Path, *more: str) -> Command:
    np.savez(folder / "m.npz", **{f"rnn.{k}": a for k, a in lstm(16).items()})
    return compiled(folder, "m.npz", "--calibration", str(folder / "data.npz"), *more)


for steps in (10**4, 10**5, 10**6):

    def _long(folder: Path, steps: int = steps) -> Command:
        rng = np.random.default_rng(0)
        np.savez(folder / "data.npz", x=rng.standard_normal((5, steps // 5, 3)).astype(np.float32))
        return _calibrated(folder)

    CASES[f"calibration_of_{steps}_steps"] = _long

    def _row(folder: Path, steps: int = steps) -> Command:
        rng = np.random.default_rng(0)
        np.savez(folder / "data.npz", x=rng.standard_normal((1, steps, 3)).astype(np.float32))
        return _calibrated(folder)

    CASES[f"calibration_of_{steps}_steps_in_one_sample"] = _row


@case
def calibration_bomb_2_gb(folder: Path) -> Command:
    zeros(folder / "data.npz", "x", (2**16, 2**13, 1))
    return _calibrated(folder)


@case
def calibration_bomb_3_gb_of_samples(folder: Path) -> Command:
    zeros(folder / "data.npz", "x", (2**23, 32, 3))
    return _calibrated(folder)


@case
def calibration_with_other_arrays(folder: Path) -> Command:
    zeros(folder / "data.npz", "other", (2**29,), {"x": np.ones((8, 4, 3), np.float32)})
    return _calibrated(folder)


@case
def calibration_of_float16(folder: Path) -> Command:
    rng = np.random.default_rng(0)
    np.savez(folder / "data.npz", x=rng.standard_normal((20000, 100, 3)).astype(np.float16))
    return _calibrated(folder)


@case
def calibration_of_many_recordings(folder: Path) -> Command:
    rng = np.random.default_rng(0)
    arrays = {
        f"x__{k}": rng.standard_normal((9 + k % 5, 3)).astype(np.float32) for k in range(9999)
    }
    np.savez(folder / "data.npz", **arrays)
    return _calibrated(folder)


@case
def calibration_of_npy_that_declares(folder: Path) -> Command:
    (folder / "data.npz").write_bytes(npy(f"({2**40}, 3)"))
    return _calibrated(folder)


for place in ("/dev/zero", "/dev/urandom", "/dev/stdin", "/dev/null", "/", "/proc/self/mem"):
    safe = place.replace("/", "_")
    CASES[f"calibration{safe}"] = lambda folder, place=place: [
        place if part.endswith("data.npz") else part for part in _calibrated(folder)
    ]
    CASES[f"model{safe}"] = lambda folder, place=place: [
        "compile",
        place,
        "--target",
        "cortex-m4",
        "-o",
        str(folder / "out"),
    ]
    for suffix in ("npz", "onnx", "keras"):

        def _linked(folder: Path, place: str = place, suffix: str = suffix) -> Command:
            (folder / f"m.{suffix}").symlink_to(place)
            return compiled(folder, f"m.{suffix}")

        CASES[f"{suffix}{safe}"] = _linked


@case
def calibration_of_a_pipe(folder: Path) -> Command:
    os.mkfifo(folder / "data.npz")
    return _calibrated(folder)


for option in ("--labels", "--package-info", "--inputs-like", "--cells"):
    for place in ("/dev/zero", "pipe"):

        def _option(folder: Path, option: str = option, place: str = place) -> Command:
            if place == "pipe":
                os.mkfifo(folder / "pipe")
                place = str(folder / "pipe")
            np.savez(folder / "data.npz", x=np.ones((8, 4, 3), np.float32))
            more = ["--package", "zephyr"] if option == "--package-info" else []
            return [*_calibrated(folder), option, place, *more]

        CASES[f"option{option}_{place.replace('/', '_')}"] = _option


@case
def cells_of_10_to_5_operations(folder: Path) -> Command:
    rows = {"W_z": np.eye(4, 3), "R_z": np.eye(4)}
    np.savez(folder / "m.npz", **{f"c.{k}": a.astype(np.float32) for k, a in rows.items()})
    with np.load(folder / "m.npz") as given:
        np.savez(folder / "m.npz", **given, **{"lstm_edge.cell": np.array("deep")})
    (folder / "cells.py").write_text(
        "from lstm_edge.equations import *\n\n\ndef deep():\n"
        '    a = products("b_z", W_z=input_vector("x"), R_z=state("h"))\n'
        "    for _ in range(100_000):\n        a = a + 1.0\n"
        '    return Cell("deep", {"h": tanh(a)})\n'
    )
    return compiled(folder, "m.npz", "--cells", str(folder / "cells.py"))
