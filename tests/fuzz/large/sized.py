"""Graphs of a few constants whose sizes other nodes compute: results of gigabytes, or of a fair
size that takes Python minutes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tests.fuzz.large.base import CASES, Command, put
from tests.oracle.graphs import graph, node

FAR = "far"
"""10^9, as a product of two constants, with an axis."""
ROOT = 2**12
"""A square of it, 2^24, is a fair size."""
_GIVEN = {
    "ten5": np.array([10**5]),
    "ten4": np.array([10**4]),
    "root": np.array([ROOT]),
    "zero": np.array(0),
    "one": np.array(1),
    "axis": np.array([0]),
    "unit": np.ones(1, np.float32),
    "pair": np.array([0, 1], np.float32),
}
_SIZES = [
    node("Mul", "ten5 ten4", FAR),
    node("Squeeze", f"{FAR} axis", "far0"),
    node("Mul", "root root", "fair"),
    node("Squeeze", "fair axis", "fair0"),
    node("Concat", "root root", "square", axis=0),
]


def _sized(name: str, nodes: list[NodeProto], **weights: np.ndarray) -> None:
    """A case whose last node gives `a`, of any type."""

    def made(folder: Path) -> Command:
        last = [
            node("Cast", "a", "float", to=TensorProto.FLOAT),
            node("ReduceSum", "float", "s", keepdims=0),
            node("Add", "x s", "y"),
        ]
        every = [*_SIZES, *nodes, *last]
        return put(folder, graph(every, {"x": [1, 4, 3]}, ["y"], {**_GIVEN, **weights}, opset=20))

    CASES[f"sized_{name}"] = made


def _of_shape(shape: str, name: str, kind: type = np.float32) -> NodeProto:
    value = numpy_helper.from_array(np.ones(1, kind))
    return node("ConstantOfShape", shape, name, value=value)


_sized("Range", [node("Range", "zero far0 one", "a")])
_sized("Range_fair", [node("Range", "zero fair0 one", "a")])
_sized("ConstantOfShape", [_of_shape(FAR, "a")])
_sized("Expand", [node("Expand", f"unit {FAR}", "a")])
_sized("Tile", [node("Tile", f"unit {FAR}", "a")])
_sized("Pad", [node("Concat", f"axis {FAR}", "p", axis=0), node("Pad", "unit p", "a")])
_sized("OneHot", [node("OneHot", "axis far0 pair", "a")])
_sized("OneHot_of_many", [_of_shape("root", "i", np.int64), node("OneHot", "i far0 pair", "a")])
_sized("EyeLike", [_of_shape("square", "e"), node("EyeLike", "e", "a", dtype=TensorProto.DOUBLE)])
_sized("NonZero", [_of_shape("square", "e"), node("NonZero", "e", "a")])
_sized("Resize_sizes", [node("Resize", f"unit - - {FAR}", "a")])
_sized(
    "Resize_scales",
    [node("Cast", FAR, "f", to=TensorProto.FLOAT), node("Resize", "unit - f", "a")],
)
_sized("Resize_fair", [node("Resize", "unit - - fair", "a", mode="linear")])
_sized("HannWindow", [node("HannWindow", "far0", "a")])
_sized("BlackmanWindow", [node("BlackmanWindow", "far0", "a")])
_sized(
    "MelWeightMatrix",
    [node("MelWeightMatrix", "bins fair0 rate low high", "a")],
    bins=np.array(10**3),
    rate=np.array(16000),
    low=np.array(0, np.float32),
    high=np.array(8000, np.float32),
)
_sized(
    "Gemm_transposed",
    [_of_shape("long", "l"), node("Gemm", "l l", "a", transB=1)],
    long=np.array([40_000, 1]),
)
_sized("MatMul_int64", [_of_shape("square", "e", np.int64), node("MatMul", "e e", "a")])
_sized("MatMul_float16", [_of_shape("square", "e", np.float16), node("MatMul", "e e", "a")])
_sized(
    "Einsum_of_four",
    [_of_shape("square", "e"), node("Einsum", "e e e", "a", equation="ij,jk,kl->il")],
)
_sized(
    "Einsum_dots",
    [_of_shape("long", "l"), node("Einsum", "l l", "a", equation="...i,j...->ij...")],
    long=np.array([40_000, 1]),
)
_sized("Erf", [_of_shape("fair", "e"), node("Erf", "e", "a")])
_sized(
    "Cast_to_text",
    [
        _of_shape("fair", "e"),
        node("Cast", "e", "t", to=TensorProto.STRING),
        node("Cast", "t", "a", to=TensorProto.FLOAT),
    ],
)
_sized(
    "GatherElements",
    [
        _of_shape("square", "e"),
        node("Sub", "e e", "z"),
        node("Cast", "z", "i", to=TensorProto.INT64),
        node("GatherElements", "e i", "a", axis=1),
    ],
)
_sized(
    "GatherND",
    [_of_shape("pairs", "i", np.int64), node("GatherND", "rows i", "a")],
    pairs=np.array([2**22, 2]),
    rows=np.ones((2, 2, 16), np.float32),
)
_sized(
    "Gather_of_rows",
    [_of_shape("fair", "i", np.int64), node("Gather", "rows i", "a")],
    rows=np.ones((2, 4096), np.float32),
)
_sized(
    "ScatterElements",
    [
        _of_shape("square", "e"),
        node("Sub", "e e", "z"),
        node("Cast", "z", "i", to=TensorProto.INT64),
        node("ScatterElements", "e i e", "a"),
    ],
)
_sized(
    "ScatterND",
    [
        _of_shape("places", "i", np.int64),
        _of_shape("count", "u"),
        node("ScatterND", "data i u", "a"),
    ],
    places=np.array([2**23, 1]),
    count=np.array([2**23]),
    data=np.zeros(4, np.float32),
)
_sized(
    "LSTM",
    [_of_shape("steps", "q"), node("LSTM", "q W R", "a", hidden_size=1)],
    steps=np.array([2**22, 1, 1]),
    W=np.ones((1, 4, 1), np.float32),
    R=np.ones((1, 4, 1), np.float32),
)
_sized(
    "Conv_of_constants",
    [node("Conv", "c K", "a", pads=[10**9, 0])],
    c=np.ones((1, 1, 3), np.float32),
    K=np.ones((1, 1, 3), np.float32),
)
_sized(
    "Conv_fair",
    [_of_shape("signal", "q"), node("Conv", "q K", "a")],
    signal=np.array([1, 1, 2**23]),
    K=np.ones((4, 1, 2**10), np.float32),
)
_sized(
    "ConvTranspose",
    [node("ConvTranspose", "c K", "a", strides=[10**9])],
    c=np.ones((1, 1, 3), np.float32),
    K=np.ones((1, 1, 3), np.float32),
)
_sized(
    "MaxPool",
    [_of_shape("signal", "q"), node("MaxPool", "q", "a", kernel_shape=[2**10])],
    signal=np.array([1, 1, 2**23]),
)
_sized(
    "AveragePool_pads",
    [node("AveragePool", "c", "a", kernel_shape=[10**9], pads=[10**9 - 1, 10**9 - 1])],
    c=np.ones((1, 1, 3), np.float32),
)
_sized("DFT", [node("DFT", "c far0 one", "a")], c=np.ones((1, 3, 1), np.float32))
_sized(
    "STFT",
    [node("STFT", "c one - fair0", "a")],
    c=np.ones((1, 2**20, 1), np.float32),
)
_sized("CumSum", [_of_shape("fair", "e", np.int64), node("CumSum", "e zero", "a")])
_sized(
    "outer",
    [
        _of_shape("tall", "e", np.float64),
        _of_shape("wide", "f", np.float64),
        node("Pow", "e f", "a"),
    ],
    tall=np.array([ROOT, 1]),
    wide=np.array([1, ROOT]),
)
_sized(
    "many_of_int64",
    [
        *(_of_shape("fair", f"e{k}", np.int64) for k in range(12)),
        node("Sum", " ".join(f"e{k}" for k in range(12)), "a"),
    ],
)
_sized("Softmax", [_of_shape("square", "e", np.float64), node("Softmax", "e", "a")])
_sized("LpNormalization", [_of_shape("square", "e"), node("LpNormalization", "e", "a")])
_sized("Trilu", [_of_shape("square", "e", np.float64), node("Trilu", "e", "a")])


def _counted(op: str) -> None:
    """A Loop or a Scan of computed trips that reads no data."""
    body = helper.make_graph(
        [node("Identity", "keep", "more"), node("Add", "v v", "w"), node("Tanh", "w", "z")],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("keep", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("more", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [1]),
            helper.make_tensor_value_info("z", TensorProto.FLOAT, [1]),
        ],
    )
    wanted = {"Loop_last": "a -", "Loop_kept": "last a"}[op]
    _sized(
        op,
        [node("Loop", "far0 true unit", wanted, body=body)],
        true=np.array(True),
    )


_counted("Loop_last")
_counted("Loop_kept")


def _in_a_body() -> None:
    """A Scan each step of which computes the same large constant."""
    body = helper.make_graph(
        [
            node("ConstantOfShape", "size", "c"),
            node("Add", "c t", "d"),
            node("ReduceSum", "d", "r", keepdims=0),
            node("Add", "r v", "w"),
            node("Identity", "w", "o"),
        ],
        "body",
        [
            helper.make_tensor_value_info("v", TensorProto.FLOAT, [1]),
            helper.make_tensor_value_info("t", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [1]),
            helper.make_tensor_value_info("o", TensorProto.FLOAT, [1]),
        ],
        [numpy_helper.from_array(np.array([2**22]), "size")],
    )
    _sized(
        "in_each_step",
        [node("Scan", "unit rows", "last a", body=body, num_scan_inputs=1)],
        rows=np.ones((1000, 1), np.float32),
    )


_in_a_body()
