"""Channels that are convolved each for itself, and windows that are there once in a sequence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstm_edge.passes.options import Options
from lstm_edge.targets import load_target
from tests.oracle.graphs import graph, node
from tests.oracle.state_graphs import floats
from tests.oracle.window_graphs import UNITS, C, T, compare, conv, kernel, network
from tests.support.exactness import assert_bit_exact, random_steps

pytest.importorskip("onnxruntime")

MANY = 6
"""Channels that are convolved each for itself without a matrix."""
EACH: dict[str, dict[str, Any]] = {
    "plain": {},
    "one-step": {"kernel": 1},
    "padded-stride-dilation": {"pads": [3, 1], "strides": [2], "dilations": [2]},
    "behind": {"pads": [0, 2]},
}


@pytest.mark.parametrize("scaled", [False, True], ids=["", "scaled"])
@pytest.mark.parametrize("name", EACH)
def test_each_channel_for_itself(name: str, scaled: bool, tmp_path: Path) -> None:
    """A scale and an offset of each channel before it, and a BatchNormalization behind it."""
    attributes = dict(EACH[name])
    arrays = kernel(MANY, 1, attributes.pop("kernel", 3))
    front = [conv("s" if scaled else "x", "c", group=MANY, **attributes)]
    if scaled:
        own = {"gain": floats(MANY, 1, seed=8), "shift": floats(MANY, 1, seed=9)}
        front = [node("Mul", "x gain", "m"), node("Add", "m shift", "s"), *front]
        arrays |= own
    names = "scale bias mean variance"
    for k, what in enumerate(names.split()):
        arrays[what] = abs(floats(MANY, seed=20 + k)) + np.float32(0.5)
    front.append(node("BatchNormalization", f"c {names}", "v"))
    found = compare(network(front, arrays, (1, MANY, T)), tmp_path)
    matrices = [n for n in found.model.layers if any(k.startswith("W") for k in n.op.params)]
    assert len(matrices) == 1, "only the LSTM has any"


ONE: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "conv": ("Conv", (UNITS, MANY, T), {}),
    "conv-stride": ("Conv", (UNITS, MANY, T - 1), {"strides": [4]}),
    "conv-padded": ("Conv", (UNITS, MANY, T + 1), {"pads": [1, 0]}),
    "depthwise": ("Conv", (MANY, 1, T), {"group": MANY}),
    "max": ("MaxPool", (T,), {}),
    "max-of-less": ("MaxPool", (T - 1,), {"strides": [3]}),
    "average": ("AveragePool", (T,), {}),
    "average-of-less": ("AveragePool", (T - 2,), {"strides": [3]}),
}


@pytest.mark.parametrize("name", ONE)
def test_a_window_that_is_there_once(name: str, tmp_path: Path) -> None:
    """Behind a convolution that keeps all steps, a dense layer of what it leaves."""
    op, shape, attributes = ONE[name]
    arrays = {"K": floats(MANY, C, 3), "D": floats(C, MANY if op != "Conv" else shape[0], seed=7)}
    front = [node("Conv", "x K", "p", pads=[1, 1])]
    if op == "Conv":
        arrays["L"] = floats(*shape, seed=5) / np.float32(4)
        front.append(node("Conv", "p L", "q", **attributes))
    else:
        front.append(node(op, "p", "q", kernel_shape=[*shape], **attributes))
    end = [node("Flatten", "q", "f"), node("Gemm", "f D", "y", transB=1)]
    found = compare(graph([*front, *end], {"x": (1, C, T)}, ("y",), arrays), tmp_path)
    assert found.model.steps == T
    kept = sum(found.program.values[s.name].length for s in found.program.states)
    assert ("of-less" in name or op == "Conv") or kept <= 3 * C + 2 * MANY, "no window of all"


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_a_pooling_over_time_and_all_frequencies(op: str, tmp_path: Path) -> None:
    """As keyword spotters end: the first of two axes is time, where neither tells."""
    arrays = {"K": floats(MANY, 1, 4, 3), "L": floats(MANY, 1, 3, 3, seed=2), "D": floats(C, MANY)}
    nodes = [
        node("Conv", "x K", "p", strides=[2, 2], pads=[1, 1, 2, 0]),
        node("Conv", "p L", "q", group=MANY, pads=[1, 1, 1, 1]),
        node(op, "q", "r", kernel_shape=[6, 3]),
        node("Flatten", "r", "f"),
        node("Gemm", "f D", "y", transB=1),
    ]
    found = compare(graph(nodes, {"x": (1, 1, T, 6)}, ("y",), arrays), tmp_path)
    assert found.model.steps == T


@pytest.mark.parametrize("activations", [8, 12, 16])
def test_the_c_of_both(activations: int, tmp_path: Path, tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")
    arrays = kernel(MANY, 1, 3) | {"L": floats(UNITS, MANY, 1), "D": floats(C, UNITS)}
    nodes = [
        conv("x", "p", group=MANY, pads=[2, 0], dilations=[2], strides=[2]),
        node("Relu", "p", "q"),
        node("Conv", "q L", "r"),
        node("AveragePool", "r", "s", kernel_shape=[(T - 3) // 2 + 1]),
        node("Flatten", "s", "f"),
        node("Gemm", "f D", "y", transB=1),
    ]
    options = Options(activations=activations)
    made = graph(nodes, {"x": (1, MANY, T)}, ("y",), arrays)
    program = compare(made, tmp_path, options=options).program
    inputs = random_steps(program, 3, T)
    for core in ("host", "cortex-m4", "cortex-m55"):
        folder, host = tmp_path / core, load_target("host")
        assert_bit_exact(program, host, "gates", folder, inputs, rendered_for=load_target(core))
