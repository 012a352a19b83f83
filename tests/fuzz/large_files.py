"""Files made to take all memory or all time, each with the command that meets it."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.oracle.graphs import graph, lstm_weights, node
from tests.support.keras_files import contents

Command = list[str]
Case = Callable[[Path], Command]
CASES: dict[str, Case] = {}
ROOT = Path(__file__).resolve().parents[1]
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


# npz


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
            node("LSTM", "x W R B", "v", hidden_size=4, **({"direction": "reverse"} if backward else {})),
            node("Squeeze", "v one", "y"),
        ]
        weights = {**lstm_weights(3, 4), "one": np.array([1])}
        return put(folder, graph(nodes, {"x": [steps, 1, 3]}, ["y"], weights))

    return made


for steps in (10**4, 10**5, 10**6, 10**9):
    CASES[f"fixed_{steps}_steps"] = _fixed(steps, False)
    CASES[f"fixed_{steps}_steps_backward"] = _fixed(steps, True)


# Calibration


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
    arrays = {f"x__{k}": rng.standard_normal((9 + k % 5, 3)).astype(np.float32) for k in range(9999)}
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
        "compile", place, "--target", "cortex-m4", "-o", str(folder / "out"),
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


# ONNX


def chain(op: str, count: int) -> onnx.ModelProto:
    """LSTM -> op -> op ... -> y."""
    model = graph(
        [node("LSTM", "x W R B", "h", hidden_size=4), node("Squeeze", "h one", "v0")],
        {"x": ["T", 1, 3]},
        ["y"],
        {**lstm_weights(3, 4), "one": np.array([1])},
    )
    for k in range(count):
        each = model.graph.node.add()
        each.op_type = op
        each.input.append(f"v{k}")
        each.output.append("y" if k == count - 1 else f"v{k + 1}")
    return model


for op in ("Identity", "Relu", "Neg", "Tanh"):
    for count in (5000, 20_000, 10**6):
        CASES[f"chain_of_{count}_{op}"] = lambda folder, op=op, count=count: put(
            folder, chain(op, count)
        )


def _computing(op: str, nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray]) -> None:
    def made(folder: Path) -> Command:
        return put(folder, graph(nodes, {"x": [1, 4, 3]}, ["y"], weights))

    CASES[f"onnx_{op}"] = made


def ones(*shape: int) -> np.ndarray:
    """Which take no memory before they are written."""
    return np.broadcast_to(np.float32(1), shape)


HUGE = {"huge": np.array([10**9], np.int64), "one": np.ones(1, np.float32)}
_computing(
    "ConstantOfShape", [node("ConstantOfShape", "huge", "a"), node("Add", "x a", "y")], HUGE
)
_computing("Expand", [node("Expand", "one huge", "a"), node("Add", "x a", "y")], HUGE)
_computing("Tile", [node("Tile", "one huge", "a"), node("Add", "x a", "y")], HUGE)
_computing("Tile_of_data", [node("Tile", "x counts", "y")], {"counts": np.array([1, 10**9, 1])})
_computing("Expand_data", [node("Expand", "x counts", "y")], {"counts": np.array([10**9, 4, 3])})
_computing(
    "Range",
    [node("Range", "a b c", "r"), node("Cast", "r", "f", to=1), node("Add", "x f", "y")],
    {"a": np.array(0), "b": np.array(10**9), "c": np.array(1)},
)
BIG = {"big": np.array([2**26 + 2**25], np.int64)}
_computing(
    "ConstantOfShape_400_mb",
    [node("ConstantOfShape", "big", "a"), node("ReduceSum", "a", "s"), node("Add", "x s", "y")],
    BIG,
)
_computing(
    "ConstantOfShape_many",
    [
        *(node("ConstantOfShape", "big", f"a{k}") for k in range(12)),
        *(node("ReduceSum", f"a{k}", f"s{k}") for k in range(12)),
        node("Sum", " ".join(["x", *(f"s{k}" for k in range(12))]), "y"),
    ],
    BIG,
)
_computing(
    "ConstantOfShape_int64",
    [
        node("ConstantOfShape", "big", "a", value=numpy_helper.from_array(np.array([1], np.int64))),
        node("Cast", "a", "f", to=1),
        node("ReduceSum", "f", "s"),
        node("Add", "x s", "y"),
    ],
    BIG,
)
_computing(
    "outer_sum",
    [node("Add", "a b", "c"), node("ReduceSum", "c", "s"), node("Add", "x s", "y")],
    {"a": np.ones((10**4, 1), np.float32), "b": np.ones((1, 10**4), np.float32)},
)
_computing(
    "Einsum",
    [
        node("Einsum", "a b c", "d", equation="i,j,k->ijk"),
        node("ReduceSum", "d", "s"),
        node("Add", "x s", "y"),
    ],
    {k: np.ones(1000, np.float32) for k in "abc"},
)
_computing(
    "Gemm",
    [node("Gemm", "a b", "d"), node("ReduceSum", "d", "s"), node("Add", "x s", "y")],
    {"a": ones(30000, 1), "b": ones(1, 30000)},
)
_computing(
    "MatMul_long",
    [node("MatMul", "a a", "b"), node("ReduceSum", "b", "s"), node("Add", "x s", "y")],
    {"a": ones(6000, 6000)},
)
_computing(
    "EyeLike_MatMul_chain",
    [
        *(node("MatMul", f"a{k} a{k}", f"a{k + 1}") for k in range(200)),
        node("ReduceSum", "a200", "s"),
        node("Add", "x s", "y"),
    ],
    {"a0": ones(2000, 2000)},
)
_computing(
    "MelWeightMatrix",
    [
        node("MelWeightMatrix", "n d r l h", "m"),
        node("ReduceSum", "m", "s"),
        node("Add", "x s", "y"),
    ],
    {
        "n": np.array(10**6),
        "d": np.array(10**6),
        "r": np.array(16000),
        "l": np.array(0, np.float32),
        "h": np.array(8000, np.float32),
    },
)
_computing(
    "HannWindow",
    [node("HannWindow", "n", "m"), node("ReduceSum", "m", "s"), node("Add", "x s", "y")],
    {"n": np.array(10**10)},
)
_computing(
    "Pad",
    [node("Pad", "x p", "y")],
    {"p": np.array([0, 10**9, 0, 0, 0, 0])},
)
_computing(
    "Pad_features",
    [node("Pad", "x p", "y")],
    {"p": np.array([0, 0, 10**9, 0, 0, 0])},
)
_computing(
    "Pad_10_to_6",
    [node("Pad", "x p", "y")],
    {"p": np.array([0, 0, 10**6, 0, 0, 0])},
)
_computing("Resize", [node("Resize", "x - s", "y")], {"s": np.array([1, 1e6, 1], np.float32)})
_computing("Upsample_features", [node("Resize", "x - s", "y")], {"s": np.array([1, 1, 1e8], np.float32)})
_computing("GatherND", [node("Gather", "x i", "y", axis=1)], {"i": np.broadcast_to(np.int64(0), (3000, 3000))})
_computing("Gather_features", [node("Gather", "x i", "y", axis=2)], {"i": np.broadcast_to(np.int64(0), 10**7)})
_computing("OneHot", [node("Cast", "x", "i", to=7), node("OneHot", "i d v", "y")],
           {"d": np.array(10**9), "v": np.array([0, 1], np.float32)})
_computing("Conv_padding", [node("Transpose", "x", "c", perm=[0, 2, 1]),
           node("Conv", "c W", "y", pads=[10**9, 10**9])], {"W": np.ones((2, 3, 3), np.float32)})
_computing("Conv_dilation", [node("Transpose", "x", "c", perm=[0, 2, 1]),
           node("Conv", "c W", "y", dilations=[10**9], pads=[2 * 10**9, 0])], {"W": np.ones((2, 3, 3), np.float32)})
_computing("Conv_dilation_10_to_6", [node("Transpose", "x", "c", perm=[0, 2, 1]),
           node("Conv", "c W", "y", dilations=[10**6], pads=[2 * 10**6, 0])], {"W": np.ones((2, 3, 3), np.float32)})
_computing("Pool", [node("Transpose", "x", "c", perm=[0, 2, 1]),
           node("MaxPool", "c", "y", kernel_shape=[10**9], pads=[10**9 - 1, 0])], {})
_computing("CumSum", [node("ConstantOfShape", "huge", "a"), node("CumSum", "a z", "b"), node("Add", "x b", "y")],
           {**HUGE, "z": np.array(0)})
_computing("Split", [node("Split", "x", " ".join(f"s{k}" for k in range(3)), axis=2),
                     *(node("Concat", f"s{k} " * 3000, f"t{k}", axis=2) for k in range(3)),
                     node("Concat", "t0 t1 t2 " * 300, "y", axis=2)], {})
_computing(
    "doubling_Concat",
    [node("Concat", f"{'x' if k == 0 else f'v{k}'} " * 2, f"v{k + 1}", axis=2) for k in range(30)]
    + [node("Identity", "v30", "y")],
    {},
)
_computing(
    "doubling_Add",
    [node("Add", f"{'x' if k == 0 else f'v{k}'} " * 2, f"v{k + 1}") for k in range(60)]
    + [node("Identity", "v60", "y")],
    {},
)
_computing("Dense_10_to_7", [node("MatMul", "x W", "y")], {"W": ones(3, 10**7)})


def declared(op: str, inputs: list[int | str]) -> None:
    """A model with inputs of any declared shape."""
    model = graph([node(op, "x", "y")], {"x": inputs}, ["y"], {})
    CASES[f"declared_{op}_{'_'.join(map(str, inputs))}"] = lambda folder: put(folder, model)


declared("Relu", [1, 4, 10**9])
declared("Relu", [1, 4, 10**6])
declared("Relu", [1, 10**9, 4])
declared("Relu", [10**9, 4, 4])
declared("Relu", [1, 2**62, 2**62])
declared("Relu", [1, 0, 4])
declared("Flatten", [1, 10**5, 10**3])
declared("Softmax", [1, 4, 10**5])


def nested(depth: int) -> onnx.ModelProto:
    """If in If in If."""
    inner = helper.make_graph(
        [node("Identity", "x", "o0")], "g", [], [helper.make_tensor_value_info("o0", 1, None)]
    )
    for k in range(1, depth):
        inner = helper.make_graph(
            [node("If", "c", f"o{k}", then_branch=inner, else_branch=inner)]
            if k < 6
            else [node("If", "c", f"o{k}", then_branch=inner, else_branch=SMALL)],
            "g",
            [],
            [helper.make_tensor_value_info(f"o{k}", 1, None)],
        )
    model = graph(
        [node("If", "c", "y", then_branch=inner, else_branch=inner)],
        {"x": [1, 4, 3]},
        ["y"],
        {"c": np.array(True)},
    )
    return model


SMALL = helper.make_graph(
    [node("Identity", "x", "q")], "g", [], [helper.make_tensor_value_info("q", 1, None)]
)
for depth in (5, 12, 25):
    CASES[f"nested_{depth}"] = lambda folder, depth=depth: put(folder, nested(depth))


def looped(trips: int, scan: bool = False) -> onnx.ModelProto:
    """A Loop of a fixed number of trips, which adds."""
    body = helper.make_graph(
        [node("Add", "v x", "w"), node("Identity", "keep", "more")]
        + ([node("Identity", "w", "s")] if scan else []),
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("keep", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", 1, [1, 3]),
        ],
        [
            helper.make_tensor_value_info("more", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", 1, [1, 3]),
            *([helper.make_tensor_value_info("s", 1, [1, 3])] if scan else []),
        ],
    )
    loop = node("Loop", "trips true x", "y s" if scan else "y", body=body)
    return graph(
        [loop], {"x": [1, 3]}, ["s" if scan else "y"],
        {"trips": np.array(trips), "true": np.array(True)},
    )


for trips in (10, 1000, 10**5, 10**9, 2**62):
    for scan in (False, True):
        CASES[f"loop_of_{trips}{'_kept' if scan else ''}"] = lambda folder, t=trips, s=scan: put(
            folder, looped(t, s)
        )


def _functions(depth: int) -> onnx.ModelProto:
    """Functions that call the one before twice: 2 ** depth nodes when inlined."""
    functions = [
        helper.make_function("f", "f0", ["a"], ["b"], [node("Neg", "a", "b")],
                             [helper.make_opsetid("", 17)])
    ]
    for k in range(1, depth):
        calls = [
            helper.make_node(f"f{k - 1}", ["a"], ["t"], domain="f"),
            helper.make_node(f"f{k - 1}", ["t"], ["b"], domain="f"),
        ]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
        functions.append(helper.make_function("f", f"f{k}", ["a"], ["b"], calls, opsets))
    call = helper.make_node(f"f{depth - 1}", ["x"], ["y"], domain="f")
    model = graph([call], {"x": [1, 4, 3]}, ["y"], {})
    model.opset_import.append(helper.make_opsetid("f", 1))
    model.functions.extend(functions)
    return model


for depth in (8, 20, 40):
    CASES[f"functions_{depth}"] = lambda folder, depth=depth: put(folder, _functions(depth))


@case
def function_that_calls_itself(folder: Path) -> Command:
    model = _functions(2)
    model.functions[0].node[0].op_type = "f1"
    model.functions[0].node[0].domain = "f"
    model.functions[0].opset_import.append(helper.make_opsetid("f", 1))
    return put(folder, model)


def _external(folder: Path, shape: tuple[int, ...], **entries: str) -> Command:
    model = graph([node("MatMul", "x W", "y")], {"x": [1, 4, 3]}, ["y"], {"W": np.ones((3, 2), np.float32)})
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.dims[:] = shape
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return put(folder, model)


@case
def external_sparse_file_of_2_gb(folder: Path) -> Command:
    with (folder / "w.data").open("wb") as file:
        file.truncate(2**31 - 1)
    return _external(folder, (3, 2), location="w.data")


@case
def external_sparse_array_of_2_gb(folder: Path) -> Command:
    with (folder / "w.data").open("wb") as file:
        file.truncate(2**31 - 1)
    return _external(folder, (3, 2**27), location="w.data")


@case
def external_many_of_one_file(folder: Path) -> Command:
    """4,000 tensors that are all the same 100 MB."""
    with (folder / "w.data").open("wb") as file:
        file.truncate(10**8)
    model = graph([node("Relu", "x", "y")], {"x": [1, 4, 3]}, ["y"], {})
    for k in range(100):
        tensor = model.graph.initializer.add()
        tensor.name, tensor.data_type = f"w{k}", 1
        tensor.dims[:] = (10**7,)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="w.data")
    return put(folder, model)


for place in ("/dev/zero", "pipe", "link", "../x", "sub"):

    def _external_at(folder: Path, place: str = place) -> Command:
        os.mkfifo(folder / "pipe")
        (folder / "link").symlink_to("/dev/zero")
        (folder / "sub").mkdir()
        return _external(folder, (3, 2), location=place)

    CASES[f"external_{place.replace('/', '_')}"] = _external_at


def _initializer(name: str, change: Callable[[TensorProto], None]) -> None:
    def made(folder: Path) -> Command:
        model = graph(
            [node("MatMul", "x W", "y")], {"x": [1, 4, 3]}, ["y"], {"W": np.ones((3, 2), np.float32)}
        )
        change(model.graph.initializer[0])
        return put(folder, model)

    CASES[f"initializer_{name}"] = made


def _floats(tensor: TensorProto, dims: list[int], count: int) -> None:
    tensor.ClearField("raw_data")
    tensor.dims[:] = dims
    tensor.float_data.extend([0.0] * count)


_initializer("dims_huge", lambda t: t.dims.__setitem__(slice(None), [3, 2**29]))
_initializer("floats_short", lambda t: _floats(t, [3, 2], 4))
_initializer("floats_none", lambda t: _floats(t, [3, 2**27], 0))
_initializer("floats_many", lambda t: _floats(t, [3, 2], 4_000_000))
_initializer("many_axes", lambda t: t.dims.__setitem__(slice(None), [1] * 100_000))
_initializer("zero_axis", lambda t: t.dims.__setitem__(slice(None), [3, 0, 2**62]))


@case
def onnx_of_600_mb(folder: Path) -> Command:
    """A file with a string of 600 MB in it."""
    model = graph([node("Relu", "x", "y")], {"x": [1, 4, 3]}, ["y"], {})
    with (folder / "m.onnx").open("wb") as file:
        file.write(model.SerializeToString())
        file.write(b"\x32" + _varint(6 * 10**8))
        for _ in range(600):
            file.write(b"a" * 10**6)
    return compiled(folder, "m.onnx")


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


@case
def onnx_sparse_file_of_2_gb(folder: Path) -> Command:
    with (folder / "m.onnx").open("wb") as file:
        file.truncate(2**31 - 2)
    return compiled(folder, "m.onnx")


@case
def onnx_of_10_to_7_empty_nodes(folder: Path) -> Command:
    """Two bytes a node."""
    nodes = b"\x0a\x00" * 10**7
    (folder / "m.onnx").write_bytes(
        graph([node("Relu", "x", "y")], {"x": [1, 4, 3]}, ["y"], {}).SerializeToString()
        + b"\x3a" + _varint(len(nodes)) + nodes
    )
    return compiled(folder, "m.onnx")


# Keras


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
    zipped(folder / "m.keras", {"config.json": text, "metadata.json": b"{}", "model.weights.h5": b""})
    return compiled(folder, "m.keras")


@case
def keras_json_number_of_a_million_digits(folder: Path) -> Command:
    text = b'{"class_name": ' + b"9" * 10**6 + b"}"
    zipped(folder / "m.keras", {"config.json": text, "metadata.json": b"{}", "model.weights.h5": b""})
    return compiled(folder, "m.keras")


@case
def keras_config_of_16_mb(folder: Path) -> Command:
    text = b"[" + b"{}," * (5 * 10**6) + b"{}]"
    zipped(folder / "m.keras", {"config.json": text, "metadata.json": text, "model.weights.h5": b""})
    return compiled(folder, "m.keras")


@case
def keras_config_of_16_mb_of_numbers(folder: Path) -> Command:
    text = b"[" + b"0," * (8 * 10**6) + b"0]"
    zipped(folder / "m.keras", {"config.json": text, "metadata.json": text, "model.weights.h5": b""})
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


# Bundles


def _bundle(folder: Path) -> Path:
    import lstm_edge

    network = lstm_edge.load(FIXTURES / "lstm.legacy.onnx", name="net")
    lstm_edge.compile(network, target="cortex-m4").save(folder / "b")
    return folder / "b"


def _sealed(bundle: Path, changed: Mapping[str, bytes], edit: Callable[[Any], None]) -> None:
    """Edit a bundle so that all its sums are right."""
    from lstm_edge.manifest import MANIFEST, seal, sha256

    described = json.loads((bundle / MANIFEST).read_text())
    edit(described)
    for name, data in changed.items():
        (bundle / name).write_bytes(data)
        described["sha256"][name] = sha256(data)
    described["sha256"][MANIFEST] = seal(described)
    (bundle / MANIFEST).write_text(json.dumps(described))


def _bundled(name: str, command: str, edit: Callable[[Any], None]) -> None:
    def made(folder: Path) -> Command:
        bundle = _bundle(folder)
        _sealed(bundle, {}, edit)
        more = {"run": ["--inputs", str(folder / "x.npz"), "-o", str(folder / "y.npz")]}
        np.savez(folder / "x.npz", x=np.ones((2, 4, 3), np.float32))
        return [command, str(bundle), *more.get(command, [])]

    CASES[f"{command}_{name}"] = made


def _numbers(described: Any, value: Any) -> None:
    for key, each in list(described.items()) if isinstance(described, dict) else []:
        if key == "sha256":
            continue
        if isinstance(each, int | float) and not isinstance(each, bool):
            described[key] = value
        else:
            _numbers(each, value)
    for k, each in enumerate(described) if isinstance(described, list) else []:
        if isinstance(each, int | float) and not isinstance(each, bool):
            described[k] = value
        else:
            _numbers(each, value)


for command in ("verify", "run", "report", "profile"):
    _bundled("huge_numbers", command, lambda d: _numbers(d, 10**18))
    _bundled("negative_numbers", command, lambda d: _numbers(d, -1))
    _bundled("endless_numbers", command, lambda d: _numbers(d, 1e999))
    _bundled("texts", command, lambda d: _numbers(d, "x"))
    _bundled("file_device", command, lambda d: d["files"].append("/dev/zero"))


@case
def bundle_of_a_link_to_zero(folder: Path) -> Command:
    bundle = _bundle(folder)
    (bundle / "program.npz").unlink()
    (bundle / "program.npz").symlink_to("/dev/zero")
    return ["verify", str(bundle)]


@case
def bundle_of_a_pipe(folder: Path) -> Command:
    bundle = _bundle(folder)
    (bundle / "program.npz").unlink()
    os.mkfifo(bundle / "program.npz")
    return ["verify", str(bundle)]


@case
def bundle_manifest_of_zeros(folder: Path) -> Command:
    bundle = _bundle(folder)
    with (bundle / "manifest.json").open("wb") as file:
        file.truncate(2**33)
    return ["verify", str(bundle)]


@case
def bundle_program_bomb(folder: Path) -> Command:
    bundle = _bundle(folder)
    zeros(folder / "bomb.npz", "program", (2**29,))
    _sealed(bundle, {"program.npz": (folder / "bomb.npz").read_bytes()}, lambda _: None)
    return ["verify", str(bundle)]


@case
def bundle_held_back_bomb(folder: Path) -> Command:
    bundle = _bundle(folder)
    zeros(folder / "bomb.npz", "x", (2**18, 2**10, 3))
    _sealed(bundle, {"held_back.npz": (folder / "bomb.npz").read_bytes()}, lambda _: None)
    return ["verify", str(bundle)]


@case
def run_on_zeros(folder: Path) -> Command:
    bundle = _bundle(folder)
    return ["run", str(bundle), "--inputs", "/dev/zero", "-o", str(folder / "y.npz")]


@case
def run_on_a_bomb(folder: Path) -> Command:
    bundle = _bundle(folder)
    zeros(folder / "x.npz", "x", (2**18, 2**10, 3))
    return ["run", str(bundle), "--inputs", str(folder / "x.npz"), "-o", str(folder / "y.npz")]


@case
def inputs_like_a_pipe(folder: Path) -> Command:
    bundle = _bundle(folder)
    (bundle / "program.npz").unlink()
    os.mkfifo(bundle / "program.npz")
    (folder / "m.onnx").write_bytes((FIXTURES / "lstm.legacy.onnx").read_bytes())
    return compiled(folder, "m.onnx", "--inputs-like", str(bundle))
