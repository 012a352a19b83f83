"""Files in which each step attends to all steps, of its own sequence or of an encoder's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import lstm_edge
from lstm_edge.errors import ModelError
from tests.oracle.entire import SAMPLES, entire
from tests.oracle.graphs import graph, node, saved

N, H, T, S, OUT, D = 3, 6, 8, 5, 2, 4
RNG = np.random.default_rng(15)


def floats(*shape: int) -> np.ndarray:
    return (RNG.normal(size=shape) / np.sqrt(shape[-1])).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


CONSTANTS = {
    **{"W": floats(1, 3 * H, N), "R": floats(1, 3 * H, H), "B": floats(1, 6 * H)},
    **{"dW": floats(1, 3 * H, H), "dR": floats(1, 3 * H, H), "dB": floats(1, 6 * H)},
    **{n: floats(H, H) for n in ("wq", "wk", "wv")},
    **{n: floats(H, D) for n in ("wa", "wb")},
    **{"wo": floats(H, OUT), "ws": floats(D, 1), "half": np.float32(0.6)},
    **{"zero": ints(0), "one": ints(1), "two": ints(2), "three": ints(3), "all": ints(-1)},
    **{"heads": ints(1, T, 2, H // 2), "whole": ints(1, T, H), "again": ints(1, S, 1)},
    **{
        "h0": np.zeros((1, H), np.float32),
        "pw": floats(H, H),
        "pq": floats(H, H),
        "px": floats(N, H),
        "pos": floats(1, T, N),
        "before": np.tril(np.ones((T, T), bool)),
        "behind": np.triu(np.full((T, T), -1e9, np.float32)),
        "past": np.triu(np.full((T, T), -np.inf, np.float32), 1),
        "lowest": np.float32(-1e4),
        "never": np.float32(-np.inf),
        "ends": np.array([0] * (T - 2) + [-65504] * 2, np.float32),
        "far": np.where(np.eye(T), 0.0, -100.0).astype(np.float32),
    },
}
ENCODER = [
    node("Transpose", "x", "t", perm=[1, 0, 2]),
    node("GRU", "t W R B", "Y Yh", hidden_size=H, linear_before_reset=1),
    node("Squeeze", "Y one", "s0"),
    node("Transpose", "s0", "s", perm=[1, 0, 2]),
]
HEADS = [
    *ENCODER,
    *(node("MatMul", f"s w{n}", f"{n}0") for n in "qkv"),
    *(node("Reshape", f"{n}0 heads", f"{n}1") for n in "qkv"),
    node("Transpose", "q1", "q2", perm=[0, 2, 1, 3]),
    node("Transpose", "k1", "k2", perm=[0, 2, 3, 1]),
    node("Transpose", "v1", "v2", perm=[0, 2, 1, 3]),
]
"""Queries, keys and values [heads, steps, units]."""
DECODER = [
    node("Transpose", "Yh", "q", perm=[1, 0, 2]),
    node("Tile", "q again", "r"),
    node("Transpose", "r", "rt", perm=[1, 0, 2]),
    onnx.helper.make_node(
        "GRU", ["rt", "dW", "dR", "dB", "", "Yh"], ["Z"], hidden_size=H, linear_before_reset=1
    ),
    node("Squeeze", "Z one", "z0"),
    node("Transpose", "z0", "z", perm=[1, 0, 2]),
]


def _body() -> onnx.GraphProto:
    """A step that attends to the steps `s` from outside, and to what it made of them before."""
    value = onnx.helper.make_tensor_value_info
    nodes = [
        node("MatMul", "h wa", "u"),
        node("Unsqueeze", "u one", "u3"),
        node("Add", "u3 keys", "e0"),
        node("Tanh", "e0", "e1"),
        node("MatMul", "e1 ws", "e2"),
        node("Softmax", "e2", "a", axis=1),
        node("Mul", "a s", "m"),
        node("ReduceSum", "m one", "c", keepdims=0),
        node("MatMul", "c pw", "p"),
        node("MatMul", "h pq", "o"),
        node("MatMul", "xt px", "i"),
        node("Sum", "p o i", "n0"),
        node("Tanh", "n0", "hn"),
        node("Identity", "hn", "y"),
    ]
    names = {"h": [1, H], "xt": [1, N], "hn": [1, H], "y": [1, H]}
    ports = [value(n, onnx.TensorProto.FLOAT, shape) for n, shape in names.items()]
    return onnx.helper.make_graph(nodes, "body", ports[:2], ports[2:])


CASES: dict[str, list[onnx.NodeProto]] = {
    "two heads": [
        *HEADS,
        node("MatMul", "q2 k2", "e0"),
        node("Mul", "e0 half", "e"),
        node("Softmax", "e", "a", axis=-1),
        node("MatMul", "a v2", "c0"),
        node("Transpose", "c0", "c1", perm=[0, 2, 1, 3]),
        node("Reshape", "c1 whole", "c2"),
        node("Add", "c2 s", "c"),
        node("MatMul", "c wo", "y"),
    ],
    "Einsum of data, before a layer": [
        node("Einsum", "x x", "e", equation="bqd,bkd->bqk"),
        node("Softmax", "e", "a", axis=-1),
        node("Einsum", "a x", "c", equation="bqk,bkd->bqd"),
        node("Transpose", "c", "t", perm=[1, 0, 2]),
        *ENCODER[1:],
        node("MatMul", "s wo", "y"),
    ],
    "keys first": [
        *ENCODER,
        node("Transpose", "s", "st", perm=[0, 2, 1]),
        node("MatMul", "s st", "e"),
        node("Softmax", "e", "a", axis=1),
        node("MatMul", "st a", "c0"),
        node("Transpose", "c0", "c", perm=[0, 2, 1]),
        node("MatMul", "c wo", "y"),
    ],
    "steps before, of data with positions": [
        node("Add", "x pos", "p"),
        node("MatMul", "p px", "s"),
        *(node("MatMul", f"s w{n}", n) for n in "qkv"),
        node("Transpose", "k", "kt", perm=[0, 2, 1]),
        node("MatMul", "q kt", "e0"),
        node("Where", "before e0 lowest", "e1"),
        node("Add", "ends e1", "e"),
        node("Softmax", "e", "a", axis=-1),
        node("MatMul", "a v", "c"),
        node("MatMul", "c wo", "y"),
    ],
    "infinitely far below": [
        *ENCODER,
        *(node("MatMul", f"s w{n}", n) for n in "qkv"),
        node("Transpose", "k", "kt", perm=[0, 2, 1]),
        node("MatMul", "q kt", "e0"),
        node("Where", "before e0 never", "e1"),
        node("Softmax", "e1", "a1", axis=-1),
        node("Add", "e0 past", "e2"),
        node("Softmax", "e2", "a2", axis=-1),
        node("Add", "a1 a2", "a"),
        node("MatMul", "a v", "c"),
        node("MatMul", "c wo", "y"),
    ],
    "itself left out, keys first": [
        *ENCODER,
        node("Transpose", "s", "st", perm=[0, 2, 1]),
        node("MatMul", "s st", "e0"),
        node("Add", "e0 behind", "e"),
        node("Softmax", "e", "a", axis=1),
        node("MatMul", "st a", "c0"),
        node("Transpose", "c0", "c", perm=[0, 2, 1]),
        node("MatMul", "c wo", "y"),
    ],
    "scores far apart": [
        *ENCODER,
        node("Transpose", "s", "st", perm=[0, 2, 1]),
        node("MatMul", "s st", "e0"),
        node("Add", "e0 far", "e"),
        node("Softmax", "e", "a", axis=-1),
        node("MatMul", "a s", "c"),
        node("MatMul", "c wo", "y"),
    ],
    "features to features": [
        *ENCODER,
        node("Transpose", "s", "st", perm=[0, 2, 1]),
        node("MatMul", "st s", "e0"),
        node("Mul", "e0 half", "e"),
        node("Softmax", "e", "a", axis=-1),
        node("MatMul", "s a", "c"),
        node("MatMul", "c wo", "y"),
    ],
    "a decoder, additive": [
        *ENCODER,
        *DECODER,
        node("MatMul", "z wa", "u0"),
        node("MatMul", "s wb", "k0"),
        node("Unsqueeze", "u0 two", "u"),
        node("Unsqueeze", "k0 one", "k"),
        node("Add", "u k", "e0"),
        node("Tanh", "e0", "e1"),
        node("MatMul", "e1 ws", "e2"),
        node("Squeeze", "e2 three", "e"),
        node("Softmax", "e", "a", axis=-1),
        node("MatMul", "a s", "c0"),
        node("Add", "c0 z", "c"),
        node("MatMul", "c wo", "y"),
    ],
    "a decoder's loop, additive": [
        *ENCODER,
        node("MatMul", "s wb", "keys"),
        onnx.helper.make_node("Scan", ["h0", "xs"], ["hl", "hs"], num_scan_inputs=1, body=_body()),
        node("Squeeze", "hs one", "h1"),
        node("MatMul", "h1 wo", "y"),
    ],
}
CASES["a decoder's loop, additive"].insert(0, node("Transpose", "x", "xs", perm=[1, 0, 2]))


@pytest.mark.parametrize("name", CASES)
def test_each_step_attends_to_all(name: str, tmp_path: Path) -> None:
    entire(graph(CASES[name], {"x": [1, T, N]}, ["y"], CONSTANTS), tmp_path, least=40.0)


def test_masks_of_data(tmp_path: Path) -> None:
    """Chosen, and added: a mask that is not quite 1 leaves nothing out, and one of 0 all."""
    nodes = [
        *ENCODER,
        *(node("MatMul", f"s {n}", f"{n}0") for n in ("sa", "sb")),
        node("Reshape", "sa0 flat", "a0"),
        node("Reshape", "sb0 flat", "b0"),
        node("Equal", "m nothing", "left_out"),
        onnx.helper.make_node("Where", ["left_out", "never", "a0"], ["a1"]),
        node("Sub", "m full", "m1"),
        node("Mul", "m1 billion", "m2"),
        node("Add", "b0 m2", "b1"),
        *(node("Softmax", f"{n}1", f"{n}2", axis=-1) for n in "ab"),
        node("Add", "a2 b2", "w0"),
        node("Unsqueeze", "w0 two", "w"),
        node("Mul", "w s", "p"),
        node("ReduceSum", "p one", "c", keepdims=0),
        node("MatMul", "c wo", "y"),
    ]
    more = {"sa": floats(H, 1), "sb": floats(H, 1), "flat": ints(1, T), "nothing": np.float32(0)}
    more |= {"full": np.float32(1), "billion": np.float32(1e9)}
    model = graph(nodes, {"x": [1, T, N], "m": [1, T]}, ["y"], CONSTANTS | more)
    lengths = np.random.default_rng(1).integers(2, T + 1, (SAMPLES, 1, 1))
    data = {"m": (np.arange(T) < lengths).astype(np.float32)}
    network = entire(model, tmp_path, least=40.0, data=data)
    chosen, added = network.model.warnings
    assert "makes weights of scores that are all -inf" in chosen
    assert "times 1e+09, which are taken for a mask" in added


def test_padding_for_all_heads(tmp_path: Path) -> None:
    """As nn.MultiheadAttention writes a key_padding_mask: -inf, expanded to the heads."""
    nodes = [
        *HEADS,
        node("MatMul", "q2 k2", "e0"),
        node("Equal", "m nothing", "padding"),
        node("Where", "padding never nothing", "m0"),
        node("Reshape", "m0 keys", "m1"),
        node("Expand", "m1 twice", "m2"),
        node("Reshape", "m2 apart", "m3"),
        node("Reshape", "m3 back", "m4"),
        node("Add", "e0 m4", "e"),
        node("Softmax", "e", "a", axis=-1),
        node("MatMul", "a v2", "c0"),
        node("Transpose", "c0", "c1", perm=[0, 2, 1, 3]),
        node("Reshape", "c1 whole", "c"),
        node("MatMul", "c wo", "y"),
    ]
    more = {"nothing": np.float32(0), "keys": ints(1, 1, 1, T), "twice": ints(1, 2, 1, 1)}
    more |= {"apart": ints(2, 1, T), "back": ints(1, 2, -1, T)}
    model = graph(nodes, {"x": [1, T, N], "m": [1, T]}, ["y"], CONSTANTS | more)
    lengths = np.random.default_rng(1).integers(2, T + 1, (SAMPLES, 1, 1))
    entire(model, tmp_path, least=35.0, data={"m": (np.arange(T) < lengths).astype(np.float32)})


def test_any_length_is_refused_by_name(tmp_path: Path) -> None:
    model = graph(CASES["keys first"], {"x": [1, "t", N]}, ["y"], CONSTANTS)
    with pytest.raises(ModelError, match=r"give their number with --steps"):
        lstm_edge.load(saved(model, tmp_path))
    assert lstm_edge.load(saved(model, tmp_path), steps=T).model.steps == T
