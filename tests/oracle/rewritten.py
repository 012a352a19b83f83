"""Compare a graph before and after all rewrites, in onnxruntime."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto

from lstm_edge.frontend import load
from lstm_edge.frontend.onnx.file import read_onnx
from lstm_edge.frontend.rewrite import rewrite
from tests.oracle.compared import difference

RECURRENT = ("LSTM", "GRU", "RNN")
MODERN = 21
"""An opset that onnxruntime has known for long; nodes have had the same form since."""
LOOPS = ("Loop", "Scan", "ReverseSequence")


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    """The path of a file with the model."""
    path = folder / "net.onnx"
    onnx.save(model, path)
    return path


def nodes_of(path: Path) -> list[NodeProto]:
    """All nodes after the rewrites."""
    return list(rewrite(read_onnx(path)).nodes)


def ops_of(path: Path) -> Counter[str]:
    """How many nodes of each operator there are after the rewrites."""
    return Counter(node.op_type for node in nodes_of(path))


def assert_same(path: Path, sizes: dict[str, int] | None = None, seed: int = 0) -> Counter[str]:
    """The rewritten graph computes what the file does, on random inputs; returns its operators.

    sizes: of open axes by name, 3 for others.
    """
    onnxruntime = pytest.importorskip("onnxruntime")
    graph = rewrite(read_onnx(path)).proto()
    opsets = [onnx.helper.make_opsetid("", MODERN)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    before = onnxruntime.InferenceSession(str(path), options)
    after = onnxruntime.InferenceSession(model.SerializeToString(), options)
    rng = np.random.default_rng(seed)
    feeds = {
        value.name: rng.normal(size=shape_of(value.shape, sizes or {})).astype(np.float32)
        for value in before.get_inputs()
    }
    names = [value.name for value in before.get_outputs()]
    pairs = zip(before.run(names, feeds), after.run(names, feeds), strict=True)
    for name, (wanted, found) in zip(names, pairs, strict=True):
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, atol=1e-5, err_msg=name)
    return Counter(node.op_type for node in graph.node)


def assert_loaded(path: Path) -> Counter[str]:
    """The model of a file computes what the file does, row by row; returns its layers by cell."""
    pytest.importorskip("onnxruntime")
    loaded = load(path)
    assert difference(path, loaded) < 1e-5
    return Counter(node.op.cell.name for node in loaded.layers)


def shape_of(declared: list[int | str | None], sizes: dict[str, int]) -> list[int]:
    return [d if isinstance(d, int) else sizes.get(str(d), 3) for d in declared]


def attributes_of(node: NodeProto) -> dict[str, object]:
    """Attributes as Python values."""
    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {k: [i.decode() for i in v] if k == "activations" else v for k, v in values.items()}
