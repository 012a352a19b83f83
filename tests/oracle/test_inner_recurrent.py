"""Layers along an inner axis of each step, or at each place of one with the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import lstm_edge
from lstm_edge.errors import ModelError
from lstm_edge.ir.model import Layer, is_a
from tests.oracle.entire import entire
from tests.oracle.graphs import graph, node, saved

T, F, C, H, OUT = 6, 5, 4, 3, 2
GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}
"""Weights of a layer for each unit."""


class Net:
    """A graph as it grows; x is [1, T, F, C] first."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.arrays: dict[str, np.ndarray] = {}

    def weights(self, *shape: int) -> str:
        array = self.rng.normal(size=shape) / np.sqrt(shape[-1])
        return self.store(array.astype(np.float32))

    def store(self, array: Any) -> str:
        name = f"w{len(self.arrays)}"
        self.arrays[name] = np.asarray(array)
        return name

    def add(self, op: str, inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(node(op, inputs, name, **attributes))
        return name

    def reshaped(self, x: str, *shape: int) -> str:
        return self.add("Reshape", f"{x} {self.store(np.array(shape, np.int64))}")

    def layer(
        self, op: str, x: str, n: int, both: bool = False, first: str = ""
    ) -> tuple[str, str]:
        """Y as [steps, rows, units of both directions], and Y_h, of x [steps, rows, n]."""
        d, rows = 1 + both, GATES[op] * H
        names = [self.weights(d, rows, n), self.weights(d, rows, H), self.weights(d, 2 * rows)]
        more: dict[str, Any] = {"linear_before_reset": 1} if op == "GRU" else {}
        if both:
            more["direction"] = "bidirectional"
        y, last = f"y{len(self.nodes)}", f"h{len(self.nodes)}"
        inputs = [x, *names, *(["", first] if first else [])]
        made = onnx.helper.make_node(op, inputs, [y, last], hidden_size=H, **more)
        self.nodes.append(made)
        turned = self.add("Transpose", y, perm=[0, 2, 1, 3])
        return self.reshaped(turned, 0, 0, d * H), last

    def intra(
        self, op: str, x: str, n: int, both: bool = False, first: str = ""
    ) -> tuple[str, str]:
        """Along F, each step for itself: [1, T, F, units], and the last of them."""
        rows = self.add("Transpose", self.reshaped(x, T, F, n), perm=[1, 0, 2])
        y, last = self.layer(op, rows, n, both, first)
        back = self.add("Transpose", y, perm=[1, 0, 2])
        return self.reshaped(back, 1, T, F, (1 + both) * H), last

    def inter(self, op: str, x: str, n: int, both: bool = False) -> str:
        """Along T, at each place of F: [1, T, F, units]."""
        rows = self.add("Transpose", self.reshaped(x, T, F, n), perm=[0, 1, 2])
        y, _ = self.layer(op, rows, n, both)
        return self.reshaped(y, 1, T, F, (1 + both) * H)

    def dense(self, x: str, n: int, units: int) -> str:
        return self.add("MatMul", f"{x} {self.weights(n, units)}")

    def flat(self, x: str, n: int) -> str:
        return self.dense(self.reshaped(x, 1, T, F * n), F * n, OUT)

    def model(self, y: str) -> onnx.ModelProto:
        shape = [1, T, F, C]
        self.nodes.append(node("Identity", y, "y"))
        return graph(self.nodes, {"x": shape}, ["y"], self.arrays)


def dual_path(net: Net) -> str:
    """Both, with sums around them and a normalization of all that a step has."""
    y = net.dense(net.intra("GRU", "x", C, both=True)[0], 2 * H, C)
    shape = net.store(np.ones((F, C), np.float32)), net.store(np.zeros((F, C), np.float32))
    normal = net.add("LayerNormalization", f"{y} {' '.join(shape)}", axis=2)
    x = net.add("Add", f"x {normal}")
    z = net.dense(net.inter("GRU", x, C), H, C)
    return net.flat(net.add("Add", f"{x} {z}"), C)


def windows_of_windows(net: Net) -> str:
    """What a layer makes of each window last, from states that are not zero."""
    first = net.store(np.repeat(net.rng.normal(size=(1, 1, H)), T, axis=1).astype(np.float32))
    _, last = net.intra("LSTM", "x", C, first=first)
    steps = net.add("Transpose", last, perm=[1, 0, 2])
    y, _ = net.layer("LSTM", steps, H)
    return net.dense(y, H, OUT)


def places_both_ways(net: Net) -> str:
    """At each place, forward and backward in time, then along the places."""
    y = net.inter("LSTM", "x", C, both=True)
    return net.flat(net.intra("RNN", y, 2 * H, both=True)[0], 2 * H)


def grouped(net: Net) -> str:
    """Two layers along the places, each of half of the channels."""
    halves = []
    for k in range(2):
        begin, end, axis = (net.store(np.array([n], np.int64)) for n in (2 * k, 2 * k + 2, 3))
        part = net.add("Slice", f"x {begin} {end} {axis}")
        halves.append(net.intra("GRU", part, C // 2, both=True)[0])
    joined = net.add("Concat", " ".join(halves), axis=3)
    z = net.inter("GRU", net.dense(joined, 4 * H, C), C)
    return net.flat(z, H)


def dense_before(net: Net) -> str:
    """What comes first does not tell yet which axes are places."""
    x = net.dense("x", C, C)
    z = net.dense(net.intra("GRU", x, C, both=True)[0], 2 * H, C)
    return net.dense(net.inter("GRU", net.add("Add", f"{x} {z}"), C), H, OUT)


CASES = {
    f.__name__: f for f in (dual_path, windows_of_windows, places_both_ways, grouped, dense_before)
}


@pytest.mark.parametrize("name", CASES)
def test_along_an_inner_axis(name: str, tmp_path: Path) -> None:
    net = Net(len(name))
    network = entire(net.model(CASES[name](net)), tmp_path, least=40.0)
    weights = sum(a.size for n in network.model.layers for a in n.op.params.values())
    given = sum(a.size for a in net.arrays.values() if a.dtype == np.float32)
    assert weights <= given + 400  # once for all places


def test_states_go_along_the_places(tmp_path: Path) -> None:
    """Of 8 bits, too, where states might have a scale for each unit; a step forgets all of them."""
    net = Net(3)
    path = saved(net.model(net.flat(net.intra("LSTM", "x", C)[0], H)), tmp_path)
    network = lstm_edge.load(path)
    along = [n.op.along for n in network.model.nodes if is_a(n, Layer) and n.op.cell.states]
    assert along == [F]
    xs = np.random.default_rng(4).normal(size=(24, T, F, C)).astype(np.float32)
    compiled = lstm_edge.compile(network, target="cortex-m55", calibration=xs, activations=8)
    assert compiled.bundle.program.streams
    alone = compiled.run(xs[:1, [2] * T])
    assert (compiled.run(xs[:1])["y"][:, 2] == alone["y"][:, 5]).all()
    assert compiled.compare(xs[:3], on="host").ok


def test_a_reset_before_the_product_is_refused(tmp_path: Path) -> None:
    net = Net(5)
    model = net.model(net.flat(net.inter("GRU", net.intra("GRU", "x", C)[0], H), H))
    for each in model.graph.node:
        if each.op_type == "GRU":
            del each.attribute[:]
            each.attribute.append(onnx.helper.make_attribute("hidden_size", H))
    with pytest.raises(ModelError, match="linear_before_reset = 0 along an inner axis"):
        lstm_edge.load(saved(model, tmp_path))


def test_states_in_an_input_of_four_axes_are_no_sequence(tmp_path: Path) -> None:
    """As a speech enhancer of single steps brings them: layers, units, and h beside c."""
    net = Net(6)
    firsts = []
    for at in (0, 1):
        layer = net.add("Gather", f"s {net.store(np.array(0))}", axis=1)
        part = net.add("Gather", f"{layer} {net.store(np.array(at))}", axis=2)
        firsts.append(net.reshaped(part, 1, 1, H))
    names = [net.weights(1, 4 * H, C), net.weights(1, 4 * H, H), net.weights(1, 8 * H)]
    net.nodes.append(
        onnx.helper.make_node("LSTM", ["x", *names, "", *firsts], ["y"], hidden_size=H)
    )
    model = graph(net.nodes, {"x": [1, 1, C], "s": [1, 2, H, 2]}, ["y"], net.arrays)
    (port,) = lstm_edge.load(saved(model, tmp_path)).model.state_inputs
    assert (port.name, [part.state for part in port.parts]) == ("s", ["h", "c"])
