"""Quantized graphs for tests, and what their parts stand for, written down a second time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.onnx.file import read_onnx
from lstm_edge.frontend.rewrite import rewrite
from tests.oracle.graphs import graph, saved
from tests.oracle.rewritten import MODERN

Array = npt.NDArray[Any]
INPUTS, HIDDEN, STEPS = 3, 5, 6
X = np.random.default_rng(7).normal(size=(STEPS, 1, INPUTS)).astype(np.float32)
DOMAINS = (helper.make_opsetid("com.microsoft", 1),)


@dataclass(frozen=True)
class Quantized:
    """Integers, scale and zero point of random weights, and the floats that they stand for."""

    q: Array
    s: Array
    z: Array
    floats: Array

    def named(self, name: str) -> dict[str, Array]:
        """Three initializers: name_q, name_s, name_z."""
        return {f"{name}_q": self.q, f"{name}_s": self.s, f"{name}_z": self.z}


def quantized(
    shape: tuple[int, ...],
    kind: str,
    axis: int | None = None,
    seed: int = 0,
    symmetric: bool = False,
) -> Quantized:
    """Random integers of a type with one scale, or with one per index of an axis."""
    rng = np.random.default_rng([seed, *shape])
    info = np.iinfo(kind)
    low, high = max(info.min, -2000000), min(info.max, 2000000)
    q = rng.integers(low, high, shape, endpoint=True).astype(kind)
    count = () if axis is None else (shape[axis],)
    scales = rng.uniform(0.5, 2.0, count).astype(np.float32) / np.float32(high - low)
    if symmetric:
        zeros = np.full(count, 0, kind)
    else:
        zeros = rng.integers(low // 4 + high // 4, low // 2 + high, count).astype(kind)
    along = [1] * len(shape)
    if axis is not None:
        along[axis] = -1
    steps = q.astype(np.int64) - zeros.astype(np.int64).reshape(along if count else ())
    floats = steps.astype(np.float32) * scales.reshape(along if count else ())
    return Quantized(q, scales, zeros, floats.astype(np.float32))


def microsoft(op: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """A node of onnxruntime's own domain; "-" for an absent input."""
    ins, outs = ([n.replace("-", "") for n in text.split()] for text in (inputs, outputs))
    return helper.make_node(op, ins, outs, domain="com.microsoft", **attributes)


def network(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Sequence[str],
    weights: Mapping[str, Array],
    opset: int = 21,
) -> onnx.ModelProto:
    """A model that may use onnxruntime's operators."""
    model = graph(nodes, inputs, outputs, weights, opset)
    model.opset_import.extend(DOMAINS)
    model.ir_version = 10
    return model


def rewritten(model: onnx.ModelProto, folder: Path) -> Graph:
    """What the rewrites make of a model."""
    return rewrite(read_onnx(saved(model, folder)))


def as_model(rewritten: Graph) -> onnx.ModelProto:
    """A rewritten graph as a model again, without onnxruntime's operators.

    Nodes made of one have its name, which onnxruntime does not take: names go.
    """
    graph_ = onnx.GraphProto()
    graph_.CopyFrom(rewritten.proto())
    for made in graph_.node:
        made.name = ""
    for output in graph_.output:
        output.type.tensor_type.elem_type = output.type.tensor_type.elem_type or TensorProto.FLOAT
    model = helper.make_model(graph_, opset_imports=[helper.make_opsetid("", MODERN)])
    model.ir_version = 10
    return model


def run_onnx(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> list[Array]:
    """The outputs by onnxruntime, nothing optimized so that equal graphs give equal bits."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return list(session.run(None, dict(feeds)))


def check_equal(
    model: onnx.ModelProto,
    nodes: Sequence[onnx.NodeProto],
    floats: Mapping[str, Array],
    folder: Path,
    x: Array,
) -> None:
    """The rewritten model gives the bits of a float model made by hand."""
    by_hand = network(nodes, {"x": x.shape}, ["y"], floats, model.opset_import[0].version)
    found = run_onnx(as_model(rewritten(model, folder)), {"x": x})[0]
    np.testing.assert_array_equal(found, run_onnx(by_hand, {"x": x})[0])
    assert np.abs(found).max() > 0.1
