"""`--outputs logits`, which curves outputs show, and where an output's format is the limit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lstm_edge
from lstm_edge.cells import rnn
from lstm_edge.errors import ModelError
from lstm_edge.functions import relu
from lstm_edge.ir.expr import Cell, input_vector, sigmoid, smaller
from lstm_edge.ir.model import (
    Concat,
    Layer,
    Model,
    Node,
    Port,
    Slice,
    StatePart,
    StatePort,
    Step,
    Tensor,
    Work,
    numbered,
)
from lstm_edge.layers.activation import activation, log_softmax_layer, softmax_layer
from lstm_edge.layers.dense import dense
from lstm_edge.passes.logits import with_logits
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.shown import shown_curves
from tests.oracle.graphs import graph, lstm_weights, node, saved
from tests.support.command import done, refused
from tests.support.programs import quantized, real_outputs

CURVES = {
    "sigmoid": activation("sigmoid"),
    "softmax": softmax_layer(),
    "log_softmax": log_softmax_layer(),
}


def dense_layer(bias: float = 0.0, x: str = "x", y: str = "sums", name: str = "fc") -> Node[Layer]:
    weights = np.random.default_rng(5).normal(size=(4, 4)).astype(np.float32)
    params = {"W_y": weights, "b_y": np.full(4, bias, np.float32)}
    return Node(name, Layer(dense(), params), {"x": x}, {"y": y})


def curve(kind: str, x: str = "sums", y: str = "p") -> Node[Layer]:
    return Node(kind, Layer(CURVES[kind]), {"x": x}, {"y": y})


def model(*nodes: Node[Work], outputs: str = "p", **sizes: int) -> Model:
    """Each tensor has 4 numbers, or as many as `sizes` says; what a Step gives is no sequence."""
    last = {t for n in nodes if isinstance(n.op, Step) for t in n.makes}
    made = [t for n in nodes for t in n.makes]
    tensors = {t: Tensor(t, sizes.get(t, 4), t not in last) for t in ("x", *made)}

    def port(name: str) -> Port:
        if name in last:
            return Port(name, name, ("batch", "feature"), (1, tensors[name].features))
        return Port(name, name, ("time", "feature"), (-1, tensors[name].features))

    ports = tuple(port(name) for name in outputs.split())
    return Model("net", (port("x"),), ports, tensors, nodes, None, "0" * 64)


def vectors(seed: int = 0) -> dict[str, Any]:
    return {"x": np.random.default_rng(seed).normal(size=(8, 12, 4)).astype(np.float32)}


@pytest.mark.parametrize("kind", CURVES)
def test_logits_are_the_sums_before_the_curve(kind: str) -> None:
    found = with_logits(model(dense_layer(), curve(kind)))
    assert [n.name for n in found.nodes] == ["fc"]
    assert [(p.name, p.before) for p in found.outputs] == [("p", kind)]
    sums = real_outputs(lower_real(model(dense_layer(), outputs="sums")), vectors())["sums"]
    assert np.array_equal(real_outputs(lower_real(found), vectors())["p"], sums)


def test_what_moves_or_limits_a_probability_moves_the_sums() -> None:
    clip = Cell("clip", {"y": smaller(input_vector("x"), 0.5)})
    nodes = (
        dense_layer(),
        curve("sigmoid"),
        Node("clip", Layer(clip), {"x": "p"}, {"y": "clipped"}),
        Node("part", Slice(1, 3), {"x": "clipped"}, {"y": "some"}),
        Node("last", Step(-1), {"x": "some"}, {"y": "y"}),
    )
    found = with_logits(model(*nodes, outputs="y", some=2, y=2))
    assert [type(n.op).__name__ for n in found.nodes] == ["Layer", "Slice", "Step"]
    assert [(p.name, p.before) for p in found.outputs] == [("y", "sigmoid")]
    sums = real_outputs(lower_real(model(dense_layer(), outputs="sums")), vectors())["sums"]
    assert np.array_equal(real_outputs(lower_real(found), vectors())["y"], sums[:, -1, 1:3])


def test_joined_curves_and_an_output_without_one() -> None:
    nodes = (
        dense_layer(),
        curve("sigmoid", y="a"),
        curve("softmax", y="b"),
        Node("join", Concat(), numbered(("a", "b")), {"y": "p"}),
        dense_layer(x="sums", y="other", name="fc2"),
    )
    found = with_logits(model(*nodes, outputs="p other", p=8))
    assert [p.before for p in found.outputs] == ["sigmoid and softmax", ""]
    shown = real_outputs(lower_real(found), vectors())
    assert np.array_equal(shown["p"][..., :4], shown["p"][..., 4:])


def test_a_curve_that_something_else_reads_stays_for_that() -> None:
    nodes = (dense_layer(), curve("sigmoid"), dense_layer(x="p", y="y", name="fc2"))
    found = with_logits(model(*nodes, outputs="p y"))
    assert [n.name for n in found.nodes] == ["fc", "sigmoid", "fc2"]
    before = real_outputs(lower_real(model(*nodes, outputs="p y")), vectors())
    after = real_outputs(lower_real(found), vectors())
    assert np.array_equal(before["y"], after["y"])
    assert np.allclose(1.0 / (1.0 + np.exp(-after["p"])), before["p"], atol=1e-6)


def test_a_curve_inside_the_layer_that_makes_its_sums() -> None:
    cell = Cell("dense", {"y": sigmoid(dense().results["y"])})
    layer = Node("fc", Layer(cell, dense_layer().op.params), {"x": "x"}, {"y": "p"})
    found = with_logits(model(layer))
    sums = real_outputs(lower_real(model(dense_layer(), outputs="sums")), vectors())["sums"]
    assert np.array_equal(real_outputs(lower_real(found), vectors())["p"], sums)


@pytest.mark.parametrize("nodes", [(dense_layer(y="p"),), (curve("softmax", x="x"),)])
def test_an_output_without_a_curve_behind_a_sum_is_refused(nodes: tuple[Node[Layer], ...]) -> None:
    with pytest.raises(ModelError, match=r"no output of net ends in .*\(its outputs: p\)"):
        with_logits(model(*nodes))


def test_outputs_show_curves_and_gates_are_none() -> None:
    read = (dense_layer(), curve("sigmoid", y="g"), dense_layer(x="g", y="p", name="fc2"))
    assert shown_curves(model(*read)) == frozenset()
    found = shown_curves(model(dense_layer(), curve("softmax")))
    assert [layer for layer, _ in found] == ["softmax"]
    x = input_vector("x")
    gate = sigmoid(x)
    cell = Cell("gated", {"g": gate, "y": gate * x})
    layer = Node("gated", Layer(cell), {"x": "x"}, {"g": "g", "y": "p"})
    assert shown_curves(model(layer, outputs="g p")) == frozenset()


def test_an_output_that_a_matrix_reads_has_both_forms() -> None:
    nodes = (dense_layer(bias=-9.0), curve("sigmoid"), dense_layer(x="p", y="y", name="fc2"))
    both = model(*nodes, outputs="p y")
    program = quantized(both, vectors())
    assert [p.scale[0] == 2.0**-31 for p in program.outputs] == [True, False]
    (op,) = (o for b in program.blocks for o in b.ops if b.layer == "fc2" and o.kind == "matvec")
    assert program.values[op.args[0]].format.storage == "int16"
    real, ours = (real_outputs(p, vectors(1))["p"] for p in (lower_real(both), program))
    assert np.abs(np.log(ours / real)).max() < 0.05


def rare(folder: Path, bias: float, curve: str = "Sigmoid") -> Path:
    """An LSTM, and a curve of its last h whose results are about exp(bias)."""
    weights = lstm_weights(3, 4)
    head = {"A": np.full((4, 1), 0.2, np.float32), "b": np.array([bias], np.float32)}
    nodes = [
        node("LSTM", "x W R B", "- h -", hidden_size=4),
        node("Squeeze", "h axis", "last"),
        node("Gemm", "last A b", "sums"),
        node(curve, "sums", "p"),
    ]
    weights |= {**head, "axis": np.array([0], np.int64)}
    return saved(graph(nodes, {"x": [6, 1, 3]}, ["p"], weights), folder)


def data(folder: Path) -> Path:
    path = folder / "data.npz"
    np.savez(path, x=np.random.default_rng(1).normal(size=(40, 6, 1, 3)).astype(np.float32))
    return path


def test_small_results_are_as_exact_as_their_sums(tmp_path: Path) -> None:
    file, calibration = rare(tmp_path, -9.0), data(tmp_path)
    made = lstm_edge.compile(str(file), target="host", calibration=str(calibration))
    (entry,) = made.manifest["outputs"]
    assert (entry["type"], entry["format"]) == ("int32_t", "Q0.31 in int32")
    assert "before" not in entry
    assert made.manifest["accuracy"]["outputs"]["p"]["sqnr_db"] > 50.0
    assert made.warnings == ()


def test_logits_of_the_command(tmp_path: Path) -> None:
    file, calibration, out = rare(tmp_path, -9.0), data(tmp_path), tmp_path / "out"
    words = ("compile", file, "--target", "host", "--calibration", calibration, "-o", out)
    text = done(*words, "--outputs", "logits").stdout
    assert "outputs=logits" in text
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["outputs"][0]["before"] == "sigmoid"
    note = "p: logits, the sums before the sigmoid of the network, which is left out"
    assert note in (out / f"{manifest['name']}.h").read_text()
    done("verify", out, "--on", "host")
    reference = lstm_edge.open(out)
    x = np.load(calibration)["x"][:4]
    real = reference.run(x, on="float")
    assert np.all(np.asarray(real["p"] if isinstance(real, dict) else real) < -6.0)


def test_the_command_refuses_a_model_without_a_curve(tmp_path: Path) -> None:
    weights = lstm_weights(3, 4)
    nodes = [node("LSTM", "x W R B", "y", hidden_size=4)]
    file = saved(graph(nodes, {"x": [6, 1, 3]}, ["y"], weights), tmp_path)
    text = refused(1, "compile", file, "--target", "host", "--outputs", "logits")
    assert "no output of model ends in sigmoid, softmax, log_softmax or exp" in text


@pytest.mark.all_cases
@pytest.mark.parametrize("curve", ["Sigmoid", "Exp"])
def test_a_format_that_is_the_limit_is_said(curve: str, tmp_path: Path) -> None:
    """2e-9 is four units of Q0.31."""
    file, calibration = rare(tmp_path, -20.0, curve), data(tmp_path)
    words = ("compile", file, "--target", "cortex-m4", "--calibration", calibration)
    text = done(*words, "-o", tmp_path / "out").stderr
    assert "its format is the limit" in text
    assert "--outputs logits" in text
    text = refused(3, *words, "--weights", "auto", "--activations", "auto")
    assert "the format of output p is the limit, which no widths change" in text
    assert "give --outputs logits" in text
    done(*words, "--outputs", "logits", "--weights", "auto", "-o", tmp_path / "logits")


def test_states_that_are_only_shown_stay() -> None:
    """A layer that only shows its state, as an LSTM its cell state, beside the curve."""
    rng = np.random.default_rng(7)
    params = {
        "W_h": rng.normal(size=(4, 4)).astype(np.float32),
        "R_h": 0.1 * rng.normal(size=(4, 4)).astype(np.float32),
        "b_h": np.zeros(4, np.float32),
    }
    kept = Node("rnn", Layer(rnn(candidate=relu), params), {"x": "x"}, {"h": "h"})
    shown = StatePort("hn", (1, 4), (StatePart("rnn", "h", (0, 1, 2, 3)),))
    made = replace(model(dense_layer(), curve("softmax"), kept), state_outputs=(shown,))
    found = with_logits(made)
    assert [n.name for n in found.nodes] == ["fc", "rnn"]
    sums = real_outputs(lower_real(model(dense_layer(), outputs="sums")), vectors())["sums"]
    assert np.array_equal(real_outputs(lower_real(found), vectors())["p"], sums)
