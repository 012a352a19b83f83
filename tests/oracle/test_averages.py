"""Averages over time whose weights add up to 1: what integers keep of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, helper

from lstm_edge.frontend import load
from lstm_edge.models.averages import averages
from tests.oracle.graphs import graph, node, saved
from tests.oracle.window_graphs import compare

pytest.importorskip("onnxruntime")

FEATURES, STEPS = 5, 60


def averaged(kept: float, new: float, *, turned: bool = False) -> ModelProto:
    """m[t] = kept * m[t - 1] + new * x[t], and a dense layer of it."""
    ports = dict.fromkeys(("m", "e", "m2", "shown"), (1, FEATURES))
    values = {n: helper.make_tensor_value_info(n, 1, shape) for n, shape in ports.items()}
    body = helper.make_graph(
        [
            node("Mul", "kept m" if turned else "m kept", "old"),
            node("Mul", "e new", "fresh"),
            node("Add", "fresh old" if turned else "old fresh", "m2"),
            node("Identity", "m2", "shown"),
        ],
        "body",
        [values["m"], values["e"]],
        [values["m2"], values["shown"]],
    )
    told = {"num_scan_inputs": 1, "scan_input_axes": [1], "scan_output_axes": [1]}
    arrays = {
        "kept": np.array(kept, np.float32),
        "new": np.array(new, np.float32),
        "nothing": np.zeros((1, FEATURES), np.float32),
        "W": np.random.default_rng(1).normal(size=(FEATURES, 3)).astype(np.float32),
    }
    nodes = [node("Scan", "nothing x", "over M", body=body, **told), node("MatMul", "M W", "y")]
    return graph(nodes, {"x": (1, STEPS, FEATURES)}, ("y",), arrays)


@pytest.mark.parametrize("turned", [False, True])
def test_the_state_moves_by_a_part_of_the_difference(turned: bool, tmp_path: Path) -> None:
    compared = compare(averaged(0.99, 0.01, turned=turned), tmp_path, lengths=(STEPS,), budget=38.0)
    kinds = [e.kind for e in compared.model.layers[0].op.cell.nodes]
    assert kinds.count("mul") == 1
    assert kinds.count("sub") == 1


def test_other_sums_stay_what_they_are(tmp_path: Path) -> None:
    for kept, new in ((0.9, 0.2), (1.1, -0.1), (0.9999, 1.005e-4)):
        model = load(saved(averaged(kept, new), tmp_path), name="net")
        assert [e.kind for e in model.layers[0].op.cell.nodes].count("mul") == 2
        assert averages(model) == model
