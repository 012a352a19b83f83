"""States of several layers as inputs of their own, joined for the layers and taken apart again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from lstm_edge.frontend import load
from lstm_edge.interpret.execute import initial_state, run, set_state
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.graphs import graph, lstm_weights, node
from tests.oracle.rewritten import assert_same, saved

T, N, H = 4, 3, 5
WEIGHTS = {
    **lstm_weights(N, H),
    **lstm_weights(H, H, seed=1, prefix="l"),
    **{f"i{k}": np.array([k]) for k in range(4)},
    **{f"s{k}": np.array(k) for k in range(4)},
    "m1": np.array([-1]),
    "many": np.array([2**31 - 1]),
    "once": np.array([1, 1]),
    "uneven": np.array([2, 2]),
}
INPUTS = {"x": (T, 1, N), "h1": (1, 1, H), "h2": (1, 1, H)}
JOIN = node("Concat", "h1 h2", "h", axis=0)
LAYERS = [
    node("LSTM", "x W R B - a", "Y p", hidden_size=H),
    node("Squeeze", "Y i1", "y"),
    node("LSTM", "y lW lR lB - b", "Z q", hidden_size=H),
]
APART: dict[str, list[onnx.NodeProto]] = {
    "slices": [node("Slice", "h i0 i1 i0", "a"), node("Slice", "h i1 i2 i0", "b")],
    "to the end": [node("Slice", "h i0 m1 i0", "a"), node("Slice", "h m1 many i0", "b")],
    "gathers": [
        node("Gather", "h s0", "c", axis=0),
        node("Unsqueeze", "c i0", "a"),
        node("Gather", "h m1", "b", axis=0),
    ],
    "split": [node("Split", "h", "a b", axis=0)],
    "sizes": [node("Split", "h once", "a b", axis=0)],
}


def net(apart: list[onnx.NodeProto], join: onnx.NodeProto = JOIN, **inputs: Any) -> Any:
    return graph([join, *apart, *LAYERS], INPUTS | inputs, ["Z", "p", "q"], WEIGHTS)


@pytest.mark.parametrize("case", APART)
def test_each_layer_takes_its_own_input(case: str, tmp_path: Path) -> None:
    path = saved(net(APART[case]), tmp_path)
    ops = assert_same(path)
    assert not ops["Concat"]
    taken = {s.name: [(p.layer, p.state) for p in s.parts] for s in load(path).state_inputs}
    assert taken == {"h1": [("lstm", "h")], "h2": [("lstm2", "h")]}


def test_stacked_states_are_joined_ones(tmp_path: Path) -> None:
    stack = [node("Unsqueeze", f"g{k} i0", f"h{k}") for k in (1, 2)]
    nodes = [*stack, JOIN, *APART["gathers"], *LAYERS]
    shapes = {"x": (T, 1, N), "g1": (1, H), "g2": (1, H)}
    path = saved(graph(nodes, shapes, ["Z"], WEIGHTS), tmp_path)
    assert not assert_same(path)["Concat"]
    assert [s.name for s in load(path).state_inputs] == ["g1", "g2"]


def test_a_part_of_one_of_several_inputs(tmp_path: Path) -> None:
    apart = [node("Slice", "h i1 i2 i0", "a"), node("Slice", "h i2 i3 i0", "b")]
    ops = assert_same(saved(net(apart, h1=(2, 1, H)), tmp_path))
    assert not ops["Concat"]
    assert ops["Slice"] == 1


KEPT = {
    "across inputs": [node("Split", "h uneven", "c b", axis=0), node("Slice", "c i1 i2 i0", "a")],
    "another axis": [node("Slice", "h i0 i1 i2", "a"), node("Slice", "h i1 i2 i2", "b")],
    "every second": [node("Slice", "h i1 many i0 i2", "a")],
    "units": [node("Gather", "h s0", "a", axis=2)],
}


@pytest.mark.parametrize("case", KEPT)
def test_what_takes_from_several_inputs_keeps_the_join(case: str, tmp_path: Path) -> None:
    shapes = INPUTS | {"h2": (3, 1, H)}
    out = [o for n in KEPT[case] for o in n.output]
    layer = node("LSTM", "x W R B", "Z", hidden_size=H)
    model = graph([JOIN, *KEPT[case], layer], shapes, [*out, "Z"], WEIGHTS)
    assert assert_same(saved(model, tmp_path))["Concat"] == 1


def test_states_of_two_layers_compute_what_onnxruntime_computes(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    path = saved(net(APART["slices"]), tmp_path)
    rng = np.random.default_rng(5)
    feeds = {k: rng.normal(size=s).astype(np.float32) * 0.5 for k, s in INPUTS.items()}
    (wanted,) = onnxruntime.InferenceSession(str(path)).run(["Z"], feeds)
    program = lower_real(load(path))
    first = {"lstm.h": feeds["h1"][0], "lstm2.h": feeds["h2"][0]}
    state = set_state(program, initial_state(program, 1), first)
    found, _ = run(program, {"x": feeds["x"][None, :, 0]}, state)
    np.testing.assert_allclose(found["Z"].reshape(wanted.shape), wanted, atol=1e-5)
