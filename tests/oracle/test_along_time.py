"""Operators along the axis of steps, and weights of several matrices: what exporters write so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import lstm_edge
from lstm_edge.errors import ModelError
from tests.oracle.compared import against_onnxruntime
from tests.oracle.entire import SAMPLES, entire
from tests.oracle.graphs import graph, node, saved

N, H, T, HEADS = 3, 6, 7, 2
RNG = np.random.default_rng(5)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.6)


def normalizing(size: int) -> dict[str, np.ndarray]:
    return {f"{k}{size}": floats(size) for k in ("gain", "offset", "mean")} | {
        f"variance{size}": np.abs(floats(size)) + np.float32(0.5)
    }


WEIGHTS: dict[str, Any] = {
    "W": floats(1, 4 * H, N),
    "R": floats(1, 4 * H, H),
    "B": floats(1, 8 * H),
    "w": floats(H, 2),
    "one_unit": floats(H, 1),
    "zero": np.array([0]),
    "one": np.array([1]),
    "time": np.array([1]),
    "nought": np.zeros((1, 1, H), np.float32),
    "first": floats(N, H),
    **normalizing(T),
    **normalizing(N),
    "heads": np.array([1, T, HEADS, H // HEADS]),
    "each_head": floats(HEADS, H // HEADS),
    "query": floats(1, HEADS, 1, H // HEADS),
    "queries": floats(1, HEADS, 3, H // HEADS),
    "by_head": floats(HEADS, H // HEADS, 2),
    "of_steps": floats(H, T),
    "steps_to": floats(T, 2),
    "rows": floats(2, T),
    "two": floats(2, H, 2),
    "K": floats(4, H, T),
    "K3": floats(4, H, 3),
    "pair": np.array([1, -1]),
}
LSTM = [
    node("Transpose", "q", "t", perm=[1, 0, 2]),
    node("LSTM", "t W R B", "Y Yh", hidden_size=H),
    node("Squeeze", "Y one", "v"),
    node("Transpose", "v", "s", perm=[1, 0, 2]),
    node("Transpose", "s", "c", perm=[0, 2, 1]),
]
"""s [1, T, H] and c [1, H, T] of q [1, T, N]."""
SAME = node("Identity", "x", "q")


def both(op: str, size: int, more: str, **attributes: Any) -> onnx.NodeProto:
    names = " ".join(f"{k}{size}" for k in more.split())
    return node(op, f"x {names}", "q", **attributes)


BEFORE = {
    "a batch normalization of steps": [both("BatchNormalization", T, "gain offset mean variance")],
    "an instance normalization of steps": [both("InstanceNormalization", T, "gain offset")],
    "a layer normalization over steps": [
        node("Transpose", "x", "u", perm=[0, 2, 1]),
        node("LayerNormalization", f"u gain{T} offset{T}", "z", axis=-1),
        node("Transpose", "z", "q", perm=[0, 2, 1]),
    ],
    "steps of length 1": [node("LpNormalization", "x", "q", axis=1, p=2)],
    "steps of sum 1": [node("LpNormalization", "x", "q", axis=1, p=1)],
}


@pytest.mark.parametrize("name", BEFORE)
def test_what_normalizes_steps_before_a_layer(name: str, tmp_path: Path) -> None:
    """The meaning of the input's axes is known only when the LSTM reads them."""
    nodes = [*BEFORE[name], *LSTM, node("MatMul", "s w", "y")]
    made = entire(graph(nodes, {"x": (1, T, N)}, ["y"], WEIGHTS), tmp_path, steps=T)
    turned = [w for w in made.model.warnings if "axis 1 of 'x' for time; the other way round" in w]
    assert len(turned) == (name == "an instance normalization of steps")


AFTER: dict[str, list[onnx.NodeProto]] = {
    "normalized": [node("InstanceNormalization", f"s gain{T} offset{T}", "y")],
    "length1": [node("LpNormalization", "s", "y", axis=1)],
    "scored by heads": [
        node("Reshape", "s heads", "k"),
        node("Einsum", "k each_head", "e", equation="bthd,hd->bht"),
        node("Softmax", "e", "a", axis=2),
        node("Einsum", "a k", "y", equation="bht,bthd->bhd"),
    ],
    "queried": [
        node("Reshape", "s heads", "k"),
        node("Transpose", "k", "kt", perm=[0, 2, 3, 1]),
        node("Transpose", "k", "kv", perm=[0, 2, 1, 3]),
        node("MatMul", "queries kt", "e"),
        node("Softmax", "e", "a", axis=-1),
        node("MatMul", "a kv", "y"),
    ],
    "a matrix for each head": [
        node("Reshape", "s heads", "k"),
        node("Einsum", "k by_head", "y", equation="...hd,hde->...he"),
    ],
    "weighted by step and feature": [node("Einsum", "s of_steps", "y", equation="bth,ht->bh")],
    "steps into rows": [node("MatMul", "rows s", "y")],
    "steps into others": [node("Einsum", "steps_to s", "y", equation="to,bth->boh")],
    "several axes of units": [node("Einsum", "s two", "y", equation="bth,kho->btko")],
    "one unit": [node("Einsum", "s one_unit", "y", equation="bth,ho")],
    "one convolution": [node("Conv", "c K", "y")],
    "one of few steps": [node("Conv", "c K3", "y", strides=[5])],
    "one pooling": [node("MaxPool", "c", "y", kernel_shape=[T])],
    "means of places over all steps": [
        node("Reshape", "s heads", "k"),
        node("Transpose", "k", "i", perm=[0, 2, 1, 3]),
        node("AveragePool", "i", "y", kernel_shape=[T, 3], strides=[1, 2], pads=[0, 1, 0, 1]),
    ],
    "one pooling of some": [node("AveragePool", "c", "y", kernel_shape=[5], strides=[3])],
}


@pytest.mark.parametrize("half", [0, 1])
def test_what_works_along_steps_after_a_layer(half: int, tmp_path: Path) -> None:
    nodes, outputs = [SAME, *LSTM], []
    for k, made in enumerate(list(AFTER.values())[half::2]):
        for each in made:
            own = onnx.NodeProto()
            own.CopyFrom(each)
            inner = {o for one in made for o in one.output}
            own.input[:] = [f"{i}_{k}" if i in inner else i for i in each.input]
            own.output[:] = [f"{o}_{k}" for o in each.output]
            nodes.append(own)
        outputs.append(f"y_{k}")
    entire(graph(nodes, {"x": (1, T, N)}, outputs, WEIGHTS), tmp_path, steps=T)


@pytest.mark.parametrize(
    ("kernel", "strides", "pads"),
    [
        ((1, 3), (1, 2), (0, 1, 0, 1)),
        ((3, 3), (2, 2), (0, 1, 1, 1)),
        ((2, 3), (2, 3), (0, 1, 1, 1)),
    ],
)
def test_means_of_places_and_steps_leave_padding_out(
    kernel: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    tmp_path: Path,
) -> None:
    places = 8
    sizes = [
        (n + pads[k] + pads[k + 2] - kernel[k]) // strides[k] + 1 for k, n in enumerate((T, places))
    ]
    shape = [sizes[0], 1, sizes[1] * 4]
    weights = {"image": floats(4, 3, 3, 3), "shape": np.array(shape), "zero": np.array([0])}
    weights |= {"W": floats(1, 4 * H, shape[2])} | {k: WEIGHTS[k] for k in ("R", "B")}
    nodes = [
        node("Conv", "x image", "c", pads=[1, 1, 1, 1]),
        node("Relu", "c", "d"),
        node("AveragePool", "d", "m", kernel_shape=kernel, strides=strides, pads=pads),
        node("Transpose", "m", "t", perm=[2, 0, 3, 1]),
        node("Reshape", "t shape", "q"),
        node("LSTM", "q W R B", "Y Yh", hidden_size=H),
        node("Squeeze", "Yh zero", "y"),
    ]
    entire(graph(nodes, {"x": (1, 3, T, places)}, ["y"], weights), tmp_path, steps=T)


@pytest.mark.parametrize("inputs", [1, N])
def test_attention_over_one_step(inputs: int, tmp_path: Path) -> None:
    """A product over an axis of one place, of a number and a vector."""
    weights = WEIGHTS | {"W": WEIGHTS["W"][:, :, :inputs]}
    nodes = [
        *[SAME, *LSTM],
        node("Squeeze", "Yh zero", "h"),
        node("Unsqueeze", "h one", "last"),
        node("MatMul", "last c", "e"),
        node("Softmax", "e", "a", axis=-1),
        node("MatMul", "a s", "o"),
        node("MatMul", "o w", "y"),
    ]
    entire(graph(nodes, {"x": (1, 1, inputs)}, ["y"], weights), tmp_path, steps=1)


def test_rows_of_weights_that_are_alike(tmp_path: Path) -> None:
    """A learned query, repeated for each row of a batch."""
    weights = WEIGHTS | {
        "queries": np.repeat(WEIGHTS["query"], T, 0),
        "heads": np.array([T, T, HEADS, H // HEADS]),
        "nought": np.zeros((1, T, H), np.float32),
    }
    nodes = [SAME, *LSTM, *AFTER["queried"]]
    model = graph(nodes, {"x": (T, T, N)}, ["y"], weights)
    loaded = lstm_edge.load(saved(model, tmp_path))
    one = graph(nodes, {"x": (1, T, N)}, ["y"], WEIGHTS | {"queries": WEIGHTS["query"]})
    alone = entire(one, tmp_path, steps=T)
    assert [n.name for n in loaded.model.nodes] == [n.name for n in alone.model.nodes]


@pytest.mark.parametrize("op", ["LSTM", "GRU"])
def test_a_state_that_starts_from_the_mean_of_the_input(op: str, tmp_path: Path) -> None:
    gates = {"LSTM": 4, "GRU": 3}[op]
    states = "h c" if op == "LSTM" else "h"
    nodes = [
        node("ReduceMean", "x", "m", axes=[1], keepdims=0),
        node("MatMul", "m first", "d"),
        node("Tanh", "d", "a"),
        node("Unsqueeze", "a zero", "h"),
        node("Neg", "h", "c"),
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node(op, f"t W R B - {states}", "Y", hidden_size=H),
        node("Squeeze", "Y one", "y"),
    ]
    weights = WEIGHTS | {
        k: WEIGHTS[k][:, : gates * n] for k, n in (("W", H), ("R", H), ("B", 2 * H))
    }
    used = [n for n in nodes if op == "LSTM" or n.op_type != "Neg"]
    entire(graph(used, {"x": (1, T, N)}, ["y"], weights), tmp_path, steps=T)


def test_the_step_with_the_largest_number(tmp_path: Path) -> None:
    nodes = [SAME, *LSTM, node("MatMul", "s one_unit", "e"), node("ArgMax", "e", "k", axis=1)]
    model = graph([*nodes, node("MatMul", "s w", "y")], {"x": (1, T, N)}, ["k", "y"], WEIGHTS)
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    network = lstm_edge.load(saved(model, tmp_path))
    rng = np.random.default_rng(1)
    x = rng.normal(size=(SAMPLES, 1, T, N)).astype(np.float32)
    compiled = lstm_edge.compile(network, target="cortex-m4", calibration={"x": x})
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    wanted = np.stack([session.run(["k"], {"x": one})[0] for one in x])
    assert (compiled.run({"x": x}, on="float")["k"] == wanted).all()
    assert (compiled.run({"x": x})["k"] == wanted).mean() > 0.9
    for shape, found in (((1, "steps", N), "steps at most"), ((1, T, N), "of one feature")):
        wide = [n if n.op_type != "ArgMax" else node("ArgMax", "s", "k", axis=1) for n in nodes]
        chosen = wide if found == "of one feature" else nodes
        other = graph(chosen, {"x": shape}, ["k"], WEIGHTS)
        other.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
        with pytest.raises(ModelError, match=found):
            lstm_edge.load(saved(other, tmp_path))


def test_a_deviation_over_any_length_needs_steps(tmp_path: Path) -> None:
    """torch divides by the number of steps less one, which it counts."""
    nodes = [
        SAME,
        *LSTM,
        node("ReduceMean", "s", "m", axes=[1]),
        node("Sub", "s m", "d"),
        node("Mul", "d d", "p"),
        node("ReduceMean", "p", "a", axes=[1], keepdims=0),
        node("Shape", "s", "shape"),
        node("Gather", "shape time", "count"),
        node("Cast", "count", "n", to=1),
        node("Mul", "a n", "sum"),
        node("Sub", "n unit", "less"),
        node("Div", "sum less", "y"),
    ]
    model = graph(nodes, {"x": (1, "steps", N)}, ["y"], WEIGHTS | {"unit": np.float32(1.0)})
    with pytest.raises(ModelError, match="fix it with --steps"):
        lstm_edge.load(saved(model, tmp_path))
    against_onnxruntime(model, tmp_path, steps=7)
