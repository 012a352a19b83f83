"""Every attribute of LSTM, GRU and RNN in every direction: float, integers, and C for a sample."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from lstm_edge.emit.render import banner, render
from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.runner import run_sources
from lstm_edge.targets import load_target
from tests.oracle.conformance import Case, cases, check
from tests.oracle.graphs import saved
from tests.oracle.model_reference import run_model
from tests.support.exactness import assert_same_bits, every

CASES = list(cases())


def least_decibels(case: Case) -> float:
    """30 dB; less where the function jumps, so that the smallest difference may be a large one."""
    return 20.0 if case.feature == "ThresholdedRelu" else 30.0


FEATURES_IN_C = (
    "all outputs",
    "clip",
    "initial states and sequence_lens are inputs",
    "sequence_lens 4",
)
IN_C = [c for c in CASES if c.direction == "bidirectional" and c.feature in FEATURES_IN_C]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_operator_computes_what_the_specification_says(case: Case, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    result = check(case, tmp_path)
    assert result.error < 1e-5
    assert result.decibels >= least_decibels(case)


@pytest.mark.parametrize("case", IN_C, ids=lambda c: c.name)
def test_both_directions_are_exact_in_c(case: Case, tmp_path: Path, target_or_skip: Any) -> None:
    pytest.importorskip("onnxruntime")
    target = load_target("host")
    target_or_skip(target)
    result = check(case, tmp_path)
    rendered = render(result.program, target, "gates", banner(result.program, "0" * 64, target, ""))
    for name, text in rendered.files.items():
        (tmp_path / name).write_text(text)
    sources = (tmp_path / "net.c", tmp_path / "net_weights.c")
    found = run_sources(result.program, target, sources, [tmp_path], tmp_path, result.feed)
    assert_same_bits(every(result.outputs), every(found))


def node_cases(shared: Path) -> list[Any]:
    """ONNX's own node tests."""
    path = shared / "onnx_patterns" / "backend_cases.py"
    spec = importlib.util.spec_from_file_location("backend_cases", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["backend_cases"] = module
    spec.loader.exec_module(module)
    return list(module.iter_cases())


def test_onnx_node_tests(shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All inputs but X become constants; each loads and agrees, or is refused by name. Where onnx
    makes its cases when they are asked for, only those of these operators are made.
    """
    made = [f"onnx.backend.test.case.node.{name}" for name in ("gru", "lstm", "rnn")]
    monkeypatch.setattr(
        "onnx.backend.test.loader.import_recursive",
        lambda _: [importlib.import_module(name) for name in made],
        raising=False,
    )
    found = {c.name: node_verdict(c, tmp_path) for c in node_cases(shared_dir)}
    assert len(found) >= 12
    refused = {name: text for name, text in found.items() if text}
    assert all("sequence_lens" in text for text in refused.values()), refused


def node_verdict(case: Any, folder: Path) -> str:
    """ "" where the case agrees with its stored outputs, else why it was refused."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    for value in [v for v in model.graph.input if v.name != "X"]:
        model.graph.initializer.append(numpy_helper.from_array(case.inputs[value.name], value.name))
        model.graph.input.remove(value)
    try:
        loaded = load(saved(model, folder, f"{case.name}.onnx"))
    except ModelError as error:
        return str(error)
    x = case.inputs["X"]
    batch = loaded.inputs[0].axes.index("batch")
    for row in range(x.shape[batch]):
        results = run_model(loaded, {"X": x.take([row], axis=batch)})
        for port in loaded.outputs:
            wanted = case.outputs[port.name]
            if wanted.shape != port.shape:
                wanted = wanted.take([row], axis=port.axes.index("batch"))
            np.testing.assert_allclose(results[port.name], wanted, atol=1e-5)
    return ""
