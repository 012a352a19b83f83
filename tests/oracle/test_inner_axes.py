"""Layers with an inner axis per step: float, integers and C against plain loops in float64."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.interpret.execute import run
from lstm_edge.ir.verify_model import verify
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from lstm_edge.targets import load_target
from tests.support.boards import combined
from tests.support.exactness import UNROLLS, assert_bit_exact, random_steps
from tests.support.inner_axes import Conv, by_loops, conv_model
from tests.support.models import random_inputs
from tests.support.programs import quantized, real_outputs, sqnr_db

HOST = load_target("host")
CONVS = {
    "plain": (Conv(),),
    "stride": (Conv(places=11, stride=2, kernel=4),),
    "one_channel": (Conv(places=12, channels=1, units=6, kernel=5),),
    "padded": (Conv(pad=(1, 2)),),
    "frames": (Conv(frames=3),),
    "frames_padded": (Conv(frames=3, pad=(1, 1), early=2, relu=True),),
    "hop": (Conv(frames=4, hop=2, stride=3, channels=1, units=7),),
    "scaled": (Conv(scaled=True, relu=True, units=8),),
    "pooled": (Conv(relu=True, pooled=2, units=6),),
    "two": (
        Conv(places=12, channels=1, units=6, frames=3, kernel=4, stride=2, relu=True),
        Conv(places=5, channels=6, units=4, frames=2, pad=(1, 0), scaled=True),
    ),
    "three": (
        Conv(places=12, channels=2, units=4, pad=(1, 1), relu=True, pooled=2),
        Conv(places=6, channels=4, units=7, kernel=1, relu=True),
        Conv(places=6, channels=7, units=3, stride=3),
    ),
}
STEPS = 12


@pytest.mark.parametrize("name", CONVS)
def test_float_is_the_loops(name: str) -> None:
    """Within what float32 rounds."""
    model = verify(conv_model(*CONVS[name]))
    x = random_inputs(model, 2, STEPS)
    found, _ = run(lower_real(model), x)
    for sample in range(2):
        wanted = x["x"][sample]
        for k, conv in enumerate(CONVS[name]):
            wanted = by_loops(conv, wanted, k)
        np.testing.assert_allclose(found["y"][sample], wanted, atol=2e-6)


@pytest.mark.parametrize("activations", [12, 8, 16])
@pytest.mark.parametrize("name", CONVS)
def test_integers_are_near(name: str, activations: int) -> None:
    """Proved, and near the float program on other inputs than those of calibration."""
    model = conv_model(*CONVS[name])
    program = quantized(model, random_inputs(model, 6, STEPS), Options(activations))
    prove(program)
    x = random_inputs(model, 3, STEPS, seed=5)
    real, ours = run(lower_real(model), x)[0]["y"], real_outputs(program, x)["y"]
    assert sqnr_db(real, ours) > {8: 27.0, 12: 38.0, 16: 39.0}[activations]


@pytest.mark.parametrize(
    ("name", "target", "unroll"),
    combined(CONVS, ("host", "cortex-m4", "cortex-m3", "cortex-m0plus", "cortex-m55"), UNROLLS),
)
def test_c_is_exact(
    name: str, target: str, unroll: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """The code for each core; on this computer its kernels are those in plain C."""
    tool_or_skip("cc")
    model = conv_model(*CONVS[name])
    program = quantized(model, random_inputs(model, 6, STEPS), Options(12))
    inputs = random_steps(program, 4, STEPS)
    made = load_target(target)
    assert_bit_exact(program, HOST, unroll, tmp_path, inputs, rendered_for=made)
