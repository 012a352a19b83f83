"""Random networks with an inner axis per step against onnxruntime, their integers and their C."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.frontend import load
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from lstm_edge.targets import load_target
from tests.oracle.compared import difference
from tests.oracle.graphs import saved
from tests.oracle.inner_graphs import drawn
from tests.support.exactness import assert_bit_exact, random_steps
from tests.support.models import random_inputs
from tests.support.programs import quantized

HOST = load_target("host")


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_float_is_onnxruntime(first: int, tmp_path: Path) -> None:
    """Ten networks each, within what float32 rounds."""
    for seed in range(first, first + 10):
        path = saved(drawn(seed), tmp_path, f"net{seed}.onnx")
        assert difference(path, load(path)) < 2e-5, seed


@pytest.mark.parametrize("seed", range(100, 112))
def test_c_is_exact(seed: int, tmp_path: Path, tool_or_skip: Callable[..., None]) -> None:
    """With activations of each width, for the host and two cores that are stood in for."""
    tool_or_skip("cc")
    model = load(saved(drawn(seed), tmp_path))
    x = random_inputs(model, 12, model.steps)
    program = quantized(model, x, Options((12, 8, 16)[seed % 3]))
    prove(program)
    inputs = random_steps(program, 3, model.steps or 9)
    for core in ("host", "cortex-m4", "cortex-m55"):
        folder = tmp_path / core
        assert_bit_exact(program, HOST, "gates", folder, inputs, rendered_for=load_target(core))
