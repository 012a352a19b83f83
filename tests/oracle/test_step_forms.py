"""Forms of operators inside of a step, and ways out of what a step is refused for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.frontend import load
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.graphs import graph, node, saved
from tests.oracle.in_float import in_float

N, H, T = 3, 6, 5
RNG = np.random.default_rng(8)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.6)


WEIGHTS: dict[str, Any] = {
    "w": floats(N, H),
    "r": floats(H, H),
    "b": floats(H),
    "zero": np.float32(0.0),
    "some": np.float32(0.3),
    "grid": np.array([1, 2, 3]),
    "image": np.array([1, 2, 1, 3]),
    "flat": np.array([1, H]),
    "gain": floats(2, 3),
    "offset": floats(2, 3),
    "gain2": floats(2),
    "offset2": floats(2),
    "pads": np.array([1, 0]),
    "last": np.array([1]),
    "less": np.array([0]),
    "most": np.array([H]),
    "step": np.array([1]),
    "heads": floats(2, 3, 3),
    "W": floats(1, 3 * H, H),
    "R": floats(1, 3 * H, H),
    "B": floats(1, 6 * H),
    "one": np.array([1], np.int32),
    "seq": np.array([1, 1, H]),
}
BEFORE = [node("MatMul", "x w", "xw"), node("MatMul", "h r", "hr"), node("Add", "xw hr", "u")]
FORMS: dict[str, list[onnx.NodeProto]] = {
    "numbers as truths": [
        node("Relu", "u", "p"),
        node("Cast", "p", "is", to=TensorProto.BOOL),
        node("Not", "is", "not"),
        node("Where", "not b u", "m"),
    ],
    "bounds that are computed": [
        node("ReduceMean", "u", "low", keepdims=0),
        node("Clip", "u low some", "m"),
    ],
    "axes normalized together": [
        node("Reshape", "u grid", "g"),
        node("LayerNormalization", "g gain offset", "n", axis=1),
        node("Reshape", "n flat", "m"),
    ],
    "channels of an image": [
        node("Reshape", "u image", "g"),
        node("InstanceNormalization", "g gain2 offset2", "n"),
        node("Reshape", "n flat", "m"),
    ],
    "some axes padded": [
        node("Pad", "u pads some last", "p"),
        node("Slice", "p less most step", "m"),
    ],
    "letters left out": [
        node("Reshape", "u grid", "g"),
        node("Einsum", "g heads", "e", equation="...hd,hde->...he"),
        node("Reshape", "e flat", "m"),
    ],
    "a layer of one step": [
        node("Reshape", "u seq", "g"),
        node("GRU", "g W R B one", "- last_h", hidden_size=H, direction="reverse"),
        node("Reshape", "last_h flat", "m"),
    ],
}


def scan(inner: list[onnx.NodeProto]) -> onnx.ModelProto:
    """A state h of tanh(m + b), m by `inner` of u = x w + h r; y [T, 1, H]."""
    names = {i for n in (*BEFORE, *inner) for i in n.input} | {"b"}
    body = helper.make_graph(
        [
            *BEFORE,
            *inner,
            node("Add", "m b", "s"),
            node("Tanh", "s", "hn"),
            node("Identity", "hn", "o"),
        ],
        "body",
        [helper.make_tensor_value_info(n, 1, [1, s]) for n, s in (("h", H), ("x", N))],
        [helper.make_tensor_value_info(n, 1, [1, H]) for n in ("hn", "o")],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in WEIGHTS.items() if n in names],
    )
    made = node("Scan", "first xs", "end y", num_scan_inputs=1)
    made.attribute.append(helper.make_attribute("body", body))
    return graph([made], {"xs": (T, 1, N)}, ["y"], {"first": np.zeros((1, H), np.float32)}, 18)


@pytest.mark.parametrize("name", FORMS)
def test_forms_that_a_step_may_have(name: str, tmp_path: Path) -> None:
    in_float(scan(FORMS[name]), tmp_path)


def test_a_step_that_reads_a_whole_sequence_as_a_vector(tmp_path: Path) -> None:
    """The way out of attention inside of a loop."""
    nodes = [
        *BEFORE,
        node("Reshape", "all steps", "k"),
        node("Transpose", "k", "kt", perm=[1, 0]),
        node("MatMul", "u kt", "e"),
        node("Softmax", "e", "a", axis=-1),
        node("MatMul", "a k", "c"),
        node("Add", "c u", "m"),
        node("Tanh", "m", "h_next"),
        node("MatMul", "h_next r", "y"),
    ]
    weights = {n: WEIGHTS[n] for n in ("w", "r")} | {"steps": np.array([T, H])}
    shapes = {"x": (1, N), "all": (1, T * H), "h": (1, H)}
    model = graph(nodes, shapes, ["y", "h_next"], weights, 18)
    program = lower_real(load(saved(model, tmp_path)))
    x, every = floats(1, T, 1, N), np.repeat(floats(1, 1, 1, T * H), T, 1)
    feed = feed_of(program, {"x": x, "all": every}, stream=True)
    found = run_numpy(program, feed).outputs["y"].reshape(T, H)
    session = pytest.importorskip("onnxruntime").InferenceSession(model.SerializeToString())
    h = np.zeros((1, H), np.float32)
    for k in range(T):
        y, h = session.run(["y", "h_next"], {"x": x[0, k], "all": every[0, k], "h": h})
        np.testing.assert_allclose(found[k], y[0], atol=1e-5)
