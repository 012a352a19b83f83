"""Sigmoids and softmaxes that outputs show give the same bits on cores, down to the last unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.interpret.execute import run
from lstm_edge.ir.model import Layer, Model, is_a
from lstm_edge.ir.program import Program
from lstm_edge.layers.functions import ALONE, one_number
from lstm_edge.passes.options import Options
from lstm_edge.targets import Target, load_target
from tests.support.exactness import assert_bit_exact, stored_streams
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized

CORES = ("cortex-m0", "cortex-m4", "cortex-m55")
HEADS = (("dense", "sigmoid"), ("dense", "softmax"))


def program_of(
    head: tuple[str, ...], options: Options, change: Callable[[Model], Model] = lambda model: model
) -> Program:
    """With weights so large that results are anything from 1 to below 1e-6."""
    choices = {
        "cell": "plain",
        "direction": "forward",
        "read": "steps",
        "front": (),
        "cut": (),
        "weights": "normal",
    }
    model = random_model(7, head=head, hidden=(6,), classes=7, **choices)
    (fc,) = (n for n in model.layers if "W_y" in n.op.params)
    params = {
        "W_y": 10.0 * fc.op.params["W_y"],
        "b_y": np.linspace(-15.0, 4.0, 7, dtype=np.float32),
    }
    nodes = tuple(
        replace(n, op=replace(n.op, params=params)) if n is fc else n for n in model.nodes
    )
    model = change(replace(model, nodes=nodes))
    return quantized(model, random_inputs(model, 6), options)


def with_exp(model: Model) -> Model:
    """With exp in place of its last layer."""
    *nodes, last = model.nodes
    assert is_a(last, Layer)
    cell = one_number("exp", ALONE["exp"])
    return replace(model, nodes=(*nodes, replace(last, op=replace(last.op, cell=cell))))


@pytest.mark.parametrize("core", CORES)
def test_an_exponential_on_a_core(
    core: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target(core)
    target_or_skip(target)
    program = program_of(("dense", "sigmoid"), Options(power_of_two=core == "cortex-m4"), with_exp)
    (port,) = (p for p in program.outputs if p.name == "y")
    inputs = stored_streams(program, 60, 3)
    found, _ = run(program, {name: array[:, 0] for name, array in inputs.items()})
    shown = found["y"] * port.scale
    assert shown.max() > 30.0
    assert np.any((shown < 1e-6 * shown.max()) & (shown > 0.0))
    assert_bit_exact(program, target, "gates", tmp_path, inputs)


@pytest.mark.parametrize("head", HEADS, ids=[head[-1] for head in HEADS])
@pytest.mark.parametrize("core", CORES)
def test_small_results_on_a_core(
    core: str, head: tuple[str, ...], tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target(core)
    target_or_skip(target)
    program = program_of(head, Options(power_of_two=core == "cortex-m4"))
    (port,) = (p for p in program.outputs if p.name == "y")
    assert port.scale[0] == 2.0**-31
    inputs = stored_streams(program, 60, 3)
    found, _ = run(program, {name: array[:, 0] for name, array in inputs.items()})
    shown = found["y"] * port.scale
    assert shown.max() > 0.9
    assert np.any((shown < 1e-6) & (shown > 0.0))
    assert_bit_exact(program, target, "gates", tmp_path, inputs)
