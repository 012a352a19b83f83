"""Decoders in a Loop or Scan that are fed their own output: words by ArgMax, or numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.oracle.entire import decibels, measured, same_in_c
from tests.oracle.graphs import graph, node
from tests.oracle.window_graphs import compare

N, H, T, V, E, S = 3, 6, 7, 9, 4, 5
RNG = np.random.default_rng(1)


def floats(*shape: int) -> np.ndarray:
    return (RNG.normal(size=shape) / np.sqrt(shape[-1])).astype(np.float32)


ARRAYS = {
    **{"W": floats(1, 3 * H, N), "R": floats(1, 3 * H, H), "B": floats(1, 6 * H)},
    **{"words": floats(V, E), "we": floats(E, H), "wh": floats(H, H), "wo": floats(H, V)},
    **{"wn": floats(V, E), "bo": floats(V), "word": np.array([1], np.int64)},
    **{"first": floats(1, E), "zero": np.array([0], np.int64), "count": np.array(S, np.int64)},
    **{"true": np.array(True), "nothing": np.zeros((S, 1), np.float32)},
}
STEP = [
    node("MatMul", "e we", "a"),
    node("MatMul", "h wh", "b"),
    node("Add", "a b", "c"),
    node("Tanh", "c", "hn"),
    node("MatMul", "hn wo", "l0"),
    node("Add", "l0 bo", "l"),
    node("Identity", "l", "y"),
]
WORDS = [
    node("Gather", "words w", "e", axis=0),
    *STEP,
    node("ArgMax", "l", "wn_", axis=1, keepdims=0),
    node("Identity", "wn_", "i"),
]
NUMBERS = [*STEP, node("MatMul", "l wn", "en")]
FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
Value = tuple[str, int, list[int]]


def decoder(op: str, words: bool) -> onnx.ModelProto:
    """A decoder of S steps behind an encoder; outputs y, and ids where it makes words."""

    def values(found: list[Value]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(*value) for value in found]

    fed: list[Value] = [("w", INT, [1])] if words else [("e", FLOAT, [1, E])]
    next_fed: list[Value] = [("wn_", INT, [1])] if words else [("en", FLOAT, [1, E])]
    shown: list[Value] = [("y", FLOAT, [1, V]), *([("i", INT, [1])] if words else [])]
    before: list[Value] = [("h", FLOAT, [1, H]), *fed]
    after: list[Value] = [("hn", FLOAT, [1, H]), *next_fed, *shown]
    nodes, start = WORDS if words else NUMBERS, "word" if words else "first"
    results = ["hl", "fl", "ys", *(["ids"] if words else [])]
    if op == "Loop":
        going = [node("Identity", "on", "still")]
        number: list[Value] = [("n", INT, []), ("on", TensorProto.BOOL, [])]
        still: list[Value] = [("still", TensorProto.BOOL, [])]
        ports = values([*number, *before]), values([*still, *after])
        body = helper.make_graph([*going, *nodes], "body", *ports)
        made = helper.make_node("Loop", ["count", "true", "h0", start], results, body=body)
    else:
        given: list[Value] = [*before, ("unread", FLOAT, [1])]
        body = helper.make_graph(nodes, "body", values(given), values(after))
        inputs = ["h0", start, "nothing"]
        made = helper.make_node("Scan", inputs, results, body=body, num_scan_inputs=1)
    whole = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("GRU", "t W R B", "- Yh", hidden_size=H, linear_before_reset=1),
        node("Squeeze", "Yh zero", "h0"),
        made,
    ]
    outputs: list[Value] = [("ys", FLOAT, [S, 1, V]), *([("ids", INT, [S, 1])] if words else [])]
    arrays = [numpy_helper.from_array(a, name) for name, a in ARRAYS.items()]
    graph = helper.make_graph(
        whole, "g", values([("x", FLOAT, [1, T, N])]), values(outputs), arrays
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(("op", "words"), [("Loop", True), ("Scan", True), ("Loop", False)])
def test_fed_its_own_output(op: str, words: bool, tmp_path: Path) -> None:
    """Where two words are about as likely, rounding may choose the other one: in few sequences."""
    found = measured(decoder(op, words), tmp_path)
    assert min(found.exact.values()) > 90.0
    if words:
        ours = found.compiled.run(found.given)
        real = found.compiled.run(found.given, on="float")
        alike = (ours["ids"] == real["ids"]).reshape(len(ours["ids"]), -1).all(axis=1)
        assert alike.mean() >= 0.75
        assert decibels(real["ys"][alike], ours["ys"][alike]) > 40.0
    else:
        assert min(found.rounded.values()) > 40.0
    same_in_c(found.compiled, {name: array[:4] for name, array in found.given.items()})


def test_a_loop_within_its_steps(tmp_path: Path) -> None:
    """Which reads no sequence either: tanh twice."""
    model = decoder("Loop", words=False)
    loop = next(n for n in model.graph.node if n.op_type == "Loop")
    body = next(a.g for a in loop.attribute if a.name == "body")
    tanh = next(n for n in body.node if n.op_type == "Tanh")
    shapes: list[Value] = [("still2", TensorProto.BOOL, []), ("d2", FLOAT, [1, H])]
    given: list[Value] = [("n2", INT, []), ("on2", TensorProto.BOOL, []), ("d", FLOAT, [1, H])]
    ports = [[helper.make_tensor_value_info(*v) for v in values] for values in (given, shapes)]
    nodes = [node("Identity", "on2", "still2"), node("Tanh", "d", "d2")]
    inner = helper.make_graph(nodes, "inner", *ports)
    tanh.CopyFrom(helper.make_node("Loop", ["twice", "true", "c"], ["hn"], body=inner))
    model.graph.initializer.append(numpy_helper.from_array(np.array(2, np.int64), "twice"))
    found = measured(model, tmp_path)
    assert min(found.exact.values()) > 90.0
    assert min(found.rounded.values()) > 40.0


@pytest.mark.parametrize(("op", "fed"), [("LSTM", "last"), ("GRU", "constant"), ("RNN", "last")])
def test_a_layer_that_goes_on_for_single_steps(op: str, fed: str, tmp_path: Path) -> None:
    """As nn.LSTM is called on one vector: on the last step of the sequence, or a constant."""
    gates, states = {"LSTM": (4, "h c"), "GRU": (3, "h"), "RNN": (1, "h")}[op]
    arrays = {
        **{f"{k}{a}": floats(1, gates * H, n) for k in "ed" for a, n in (("W", N), ("R", H))},
        **{f"{k}B": floats(1, 2 * gates * H) for k in "ed"},
        **{"wo": floats(H, N), "one": np.array([1], np.int64), "u0": floats(1, 1, N)},
        **{n: np.array([k], np.int64) for n, k in (("from", -1), ("to", T), ("axis", 0))},
    }
    ends = [f"{s}0" for s in states.split()]
    nodes = [node(op, "x eW eR eB", " ".join(["Y", *ends]), hidden_size=H)]
    nodes += [node("Slice", "x from to axis", "u0")] if fed == "last" else []
    for k in range(3):
        before, after = (" ".join(f"{s}{t}" for s in states.split()) for t in (k, k + 1))
        nodes += [
            node(op, f"u{k} dW dR dB - {before}", f"Y{k} {after}", hidden_size=H),
            node("Squeeze", f"Y{k} one", f"o{k}"),
            node("MatMul", f"o{k} wo", f"u{k + 1}"),
        ]
    nodes.append(node("Concat", "u1 u2 u3", "y", axis=0))
    arrays = {n: a for n, a in arrays.items() if fed == "constant" or n != "u0"}
    found = compare(graph(nodes, {"x": (T, 1, N)}, ["y"], arrays), tmp_path, lengths=(T,))
    assert [n.op.cell.name for n in found.model.layers].count(f"{op.lower()}_step") == 3
