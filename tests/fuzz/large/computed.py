"""Graphs that compute, or repeat, far more than they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from tests.fuzz.large.base import CASES, Command, put
from tests.oracle.graphs import graph, lstm_weights, node


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
_computing("ConstantOfShape", [node("ConstantOfShape", "huge", "a"), node("Add", "x a", "y")], HUGE)
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
_computing(
    "Upsample_features", [node("Resize", "x - s", "y")], {"s": np.array([1, 1, 1e8], np.float32)}
)
_computing(
    "GatherND",
    [node("Gather", "x i", "y", axis=1)],
    {"i": np.broadcast_to(np.int64(0), (3000, 3000))},
)
_computing(
    "Gather_features",
    [node("Gather", "x i", "y", axis=2)],
    {"i": np.broadcast_to(np.int64(0), 10**7)},
)
_computing(
    "OneHot",
    [node("Cast", "x", "i", to=7), node("OneHot", "i d v", "y")],
    {"d": np.array(10**9), "v": np.array([0, 1], np.float32)},
)
_computing(
    "Conv_padding",
    [node("Transpose", "x", "c", perm=[0, 2, 1]), node("Conv", "c W", "y", pads=[10**9, 10**9])],
    {"W": np.ones((2, 3, 3), np.float32)},
)
_computing(
    "Conv_dilation",
    [
        node("Transpose", "x", "c", perm=[0, 2, 1]),
        node("Conv", "c W", "y", dilations=[10**9], pads=[2 * 10**9, 0]),
    ],
    {"W": np.ones((2, 3, 3), np.float32)},
)
_computing(
    "Conv_dilation_10_to_6",
    [
        node("Transpose", "x", "c", perm=[0, 2, 1]),
        node("Conv", "c W", "y", dilations=[10**6], pads=[2 * 10**6, 0]),
    ],
    {"W": np.ones((2, 3, 3), np.float32)},
)
_computing(
    "Pool",
    [
        node("Transpose", "x", "c", perm=[0, 2, 1]),
        node("MaxPool", "c", "y", kernel_shape=[10**9], pads=[10**9 - 1, 0]),
    ],
    {},
)
_computing(
    "CumSum",
    [node("ConstantOfShape", "huge", "a"), node("CumSum", "a z", "b"), node("Add", "x b", "y")],
    {**HUGE, "z": np.array(0)},
)
_computing(
    "Split",
    [
        node("Split", "x", " ".join(f"s{k}" for k in range(3)), axis=2),
        *(node("Concat", f"s{k} " * 3000, f"t{k}", axis=2) for k in range(3)),
        node("Concat", "t0 t1 t2 " * 300, "y", axis=2),
    ],
    {},
)
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
