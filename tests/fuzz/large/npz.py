"""Weights: bombs, headers that lie, and networks that are merely large."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from tests.fuzz.large.base import (
    CASES,
    FIXTURES,
    Case,
    Command,
    case,
    compiled,
    lstm,
    npy,
    put,
    zeros,
    zipped,
)
from tests.oracle.graphs import graph, lstm_weights, node


@case
def npz_of_zeros_just_allowed(folder: Path) -> Command:
    zeros(folder / "m.npz", "rnn.weight_hh_l0", (16380, 4095))
    return compiled(folder, "m.npz")


@case
def npz_lstm_of_zeros_256_mb(folder: Path) -> Command:
    h = 4000
    more = {"rnn.weight_ih_l0": np.zeros((4 * h, 3), np.float32)}
    zeros(folder / "m.npz", "rnn.weight_hh_l0", (4 * h, h), more)
    return compiled(folder, "m.npz")


@case
def npz_linear_of_zeros_250_mb(folder: Path) -> Command:
    zeros(folder / "m.npz", "fc.weight", (8000, 8000))
    return compiled(folder, "m.npz")


@case
def npz_bomb_3_gb(folder: Path) -> Command:
    zeros(folder / "m.npz", "rnn.weight_hh_l0", (2**15, 2**14 + 2**13))
    return compiled(folder, "m.npz")


@case
def npz_of_other_zeros(folder: Path) -> Command:
    """Arrays that the network does not read, of uint8, 60 of 4 MB."""
    zipped(
        folder / "m.npz",
        {f"x{k}.npy": npy(f"({2**22},)", bytes(2**22), "'|u1'") for k in range(60)},
    )
    return compiled(folder, "m.npz")


@case
def npz_header_of_a_gigabyte(folder: Path) -> Command:
    head = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**28 - 64)
    zipped(folder / "m.npz", {"a.npy": head + b" " * (2**28 - 100)})
    return compiled(folder, "m.npz")


@case
def npz_header_nested(folder: Path) -> Command:
    zipped(folder / "m.npz", {"a.npy": npy("(" * 5000 + ")" * 5000)})
    return compiled(folder, "m.npz")


@case
def npz_of_many_axes(folder: Path) -> Command:
    zipped(folder / "m.npz", {"a.npy": npy("(" + "1," * 3000 + ")", b"abcd")})
    return compiled(folder, "m.npz")


@case
def npz_of_100000_members(folder: Path) -> Command:
    zipped(folder / "m.npz", {f"{k}.npy": b"" for k in range(100_000)})
    return compiled(folder, "m.npz")


@case
def npz_of_9999_layers(folder: Path) -> Command:
    data = npy("(2, 2)", np.ones(4, np.float32).tobytes())
    zipped(folder / "m.npz", {f"fc{k}.weight.npy": data for k in range(9999)})
    return compiled(folder, "m.npz")


@case
def npz_long_name(folder: Path) -> Command:
    data = npy("(2, 2)", np.ones(4, np.float32).tobytes())
    zipped(folder / "m.npz", {f"{'a' * 65000}.weight.npy": data})
    return compiled(folder, "m.npz")


@case
def npz_size_zero_with_huge_axis(folder: Path) -> Command:
    zipped(folder / "m.npz", {"rnn.weight_hh_l0.npy": npy(f"(0, {2**62})")})
    return compiled(folder, "m.npz")


@case
def npz_wide_strings(folder: Path) -> Command:
    data = npy("(1,)", bytes(4 * 2**25), f"'<U{2**25}'")
    zipped(folder / "m.npz", {"lstm_edge.head.npy": data, "fc.weight.npy": npy("(1, 1)", bytes(4))})
    return compiled(folder, "m.npz")


@case
def zip_overlapping(folder: Path) -> Command:
    """One stream of zeros that 5,000 members share (a quine-like bomb)."""
    path = folder / "m.npz"
    zipped(path, {"a.npy": npy(f"({2**20},)", bytes(2**22))})
    raw = path.read_bytes()
    start = struct.unpack("<I", raw[-6:-2])[0]
    entry, local = raw[start:-22], raw[:start]
    entries = b"".join(
        entry[:46].replace(entry[28:30], struct.pack("<H", 8), 0)[:28]
        + struct.pack("<H", 9)
        + entry[30:46]
        + f"{k:05d}.npy".encode()
        for k in range(60)
    )
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 60, 60, len(entries), start, 0)
    path.write_bytes(local + entries + end)
    return compiled(folder, "m.npz")


@case
def lstm_of_4096_units(folder: Path) -> Command:
    np.savez(folder / "m.npz", **{f"rnn.{k}": a for k, a in lstm(4096).items()})
    return compiled(folder, "m.npz")


@case
def lstm_of_2048_units(folder: Path) -> Command:
    np.savez(folder / "m.npz", **{f"rnn.{k}": a for k, a in lstm(2048).items()})
    return compiled(folder, "m.npz")


@case
def lstm_of_1024_units(folder: Path) -> Command:
    np.savez(folder / "m.npz", **{f"rnn.{k}": a for k, a in lstm(1024).items()})
    return compiled(folder, "m.npz", "--max-flash", "16M")


@case
def lstm_of_512_units_twice(folder: Path) -> Command:
    first, second = lstm(512), lstm(512, 512)
    np.savez(
        folder / "m.npz",
        **{f"rnn.{k}": a for k, a in first.items()},
        **{f"rnn.{k.replace('l0', 'l1')}": a for k, a in second.items()},
    )
    return compiled(folder, "m.npz", "--max-flash", "16M")


@case
def onnx_lstm_of_4096_units(folder: Path) -> Command:
    weights = {k: w.astype(np.float32) for k, w in lstm_weights(3, 4096).items()}
    model = graph(
        [node("LSTM", "x W R B", "y", hidden_size=4096)], {"x": [8, 1, 3]}, ["y"], weights
    )
    return put(folder, model)


def _steps(name: str, steps: int, *more: str) -> None:
    def made(folder: Path) -> Command:
        (folder / "m.onnx").write_bytes((FIXTURES / "lstm.legacy.onnx").read_bytes())
        return compiled(folder, "m.onnx", "--steps", str(steps), *more)

    CASES[name] = made


for exponent in (4, 5, 6, 9):
    _steps(f"steps_10_to_{exponent}", 10**exponent)
    _steps(f"float_steps_10_to_{exponent}", 10**exponent, "--scheme", "float32")


def _fixed(steps: int, backward: bool) -> Case:
    def made(folder: Path) -> Command:
        nodes = [
            node(
                "LSTM",
                "x W R B",
                "v",
                hidden_size=4,
                **({"direction": "reverse"} if backward else {}),
            ),
            node("Squeeze", "v one", "y"),
        ]
        weights = {**lstm_weights(3, 4), "one": np.array([1])}
        return put(folder, graph(nodes, {"x": [steps, 1, 3]}, ["y"], weights))

    return made


for steps in (10**4, 10**5, 10**6, 10**9):
    CASES[f"fixed_{steps}_steps"] = _fixed(steps, False)
    CASES[f"fixed_{steps}_steps_backward"] = _fixed(steps, True)
