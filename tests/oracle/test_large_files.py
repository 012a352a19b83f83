"""Files of thousands of nodes are read in seconds: no step may look at all nodes for each node."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import numpy as np
import onnx
import pytest

from lstm_edge.frontend import load
from tests.oracle.graphs import graph, lstm_weights, node, saved

LONGEST = 20.0
"""Seconds of a core that reading may take; half of them for most."""

H, N = 4, 3
FIRST = [node("LSTM", "x W R B", "Y", hidden_size=H), node("Squeeze", "Y one", "t0")]
NUMBERS = lstm_weights(N, H) | {
    "one": np.int64([1]),
    "last": np.int64([-1]),
    "c": np.full(H, 1.5, np.float32),
    "epsilon": np.float32(1e-5),
}


def functions(count: int) -> list[onnx.NodeProto]:
    """One after the other."""
    ops = ("Tanh", "Sigmoid", "Mul", "Relu")
    return [
        node(ops[k % 4], f"t{k} c" if k % 4 == 2 else f"t{k}", f"t{k + 1}") for k in range(count)
    ]


def residuals(count: int) -> list[onnx.NodeProto]:
    """Each adds to what it reads."""
    return [
        made
        for k in range(count)
        for made in (node("Tanh", f"t{k}", f"u{k}"), node("Add", f"u{k} t{k}", f"t{k + 1}"))
    ]


def norms(count: int) -> list[onnx.NodeProto]:
    """LayerNormalizations written out, each to be recognised."""
    nodes = []
    for k in range(count):
        nodes += [
            node("ReduceMean", f"t{k} last", f"m{k}"),
            node("Sub", f"t{k} m{k}", f"d{k}"),
            node("Mul", f"d{k} d{k}", f"q{k}"),
            node("ReduceMean", f"q{k} last", f"v{k}"),
            node("Add", f"v{k} epsilon", f"p{k}"),
            node("Sqrt", f"p{k}", f"r{k}"),
            node("Div", f"d{k} r{k}", f"z{k}"),
            node("Tanh", f"z{k}", f"t{k + 1}"),
        ]
    return nodes


def constants(count: int) -> list[onnx.NodeProto]:
    """Arithmetic on constants, which ends in a factor."""
    nodes = [node("Neg", "c", "k0")]
    nodes += [node("Tanh", f"k{k}", f"k{k + 1}") for k in range(count - 2)]
    return [*nodes, node("Mul", f"t0 k{count - 2}", "t1")]


def layers(count: int) -> list[onnx.NodeProto]:
    """Recurrent layers one upon the other."""
    return [
        made
        for k in range(count)
        for made in (
            node("LSTM", f"t{k} W2 R B", f"Y{k}", hidden_size=H),
            node("Squeeze", f"Y{k} one", f"t{k + 1}"),
        )
    ]


def identities(count: int) -> list[onnx.NodeProto]:
    """Nothing between two layers."""
    nodes = [node("Identity", f"t{k}", f"t{k + 1}") for k in range(count)]
    return [*nodes, node("LSTM", f"t{count} W2 R B", "end", hidden_size=H)]


CASES = {
    "functions": (functions(10_000), "t10000", {}),
    "residuals": (residuals(500), "t500", {}),
    "norms": (norms(625), "t625", {}),
    "constants": (constants(5_000), "t1", {}),
    "identities": (identities(5_000), "end", {"W2": lstm_weights(H, H)["W"]}),
    "layers": (layers(500), "t500", {"W2": lstm_weights(H, H)["W"]}),
}
LONG = {"functions": (pytest.mark.all_cases,)}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[*LONG.get(case, ())]) for case in CASES]
)
def test_a_large_file_is_read_in_seconds(case: str, tmp_path: Path) -> None:
    nodes, end, more = CASES[case]
    model = graph([*FIRST, *nodes], {"x": ("T", 1, N)}, [end], NUMBERS | more, opset=18)
    path = saved(model, tmp_path)
    start = process_time()
    loaded = load(path)
    assert process_time() - start < LONGEST
    expected = {
        "functions": 10_001,
        "residuals": 1_001,
        "norms": 1_251,
        "constants": 2,
        "identities": 2,
        "layers": 501,
    }
    assert len(loaded.nodes) == expected[case]


@pytest.mark.all_cases
def test_a_large_file_of_steps_that_differ_is_read_in_seconds(tmp_path: Path) -> None:
    """A cell written out 400 times, of which one step in the middle is another one."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(size=(N, 3 * H)),
        "r": rng.normal(size=(H, 3 * H)),
        "other": rng.normal(size=(H, 3 * H)),
        "b": rng.normal(size=3 * H),
        "state": np.zeros((1, H)),
    }
    steps, h, nodes = 400, "state", []
    for k in range(steps):
        nodes += [
            node("Gather", f"x i{k}", f"x{k}", axis=0),
            node("MatMul", f"x{k} w", f"a{k}"),
            node("MatMul", f"{h} {'other' if k == steps // 2 else 'r'}", f"b{k}"),
            node("Add", f"a{k} b{k}", f"s{k}"),
            node("Add", f"s{k} b", f"g{k}"),
            node("Split", f"g{k} parts", f"p{k} q{k} o{k}", axis=1),
            node("Sigmoid", f"p{k}", f"ps{k}"),
            node("Tanh", f"q{k}", f"qs{k}"),
            node("Softplus", f"o{k}", f"os{k}"),
            node("Mul", f"ps{k} qs{k}", f"m{k}"),
            node("Mul", f"os{k} {h}", f"n{k}"),
            node("Add", f"m{k} n{k}", f"u{k}"),
            node("Tanh", f"u{k}", f"h{k}"),
        ]
        h = f"h{k}"
    numbers = {name: array.astype(np.float32) for name, array in weights.items()}
    numbers |= {f"i{k}": np.int64(k) for k in range(steps)} | {"parts": np.int64([H] * 3)}
    path = saved(graph(nodes, {"x": (steps, 1, N)}, [h], numbers), tmp_path)
    start = process_time()
    loaded = load(path)
    assert process_time() - start < LONGEST
    assert "step 201 of 400" in loaded.warnings[0]
