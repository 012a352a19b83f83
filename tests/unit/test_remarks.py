"""The number format behind a line of C is the one that its numbers have."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_edge.emit.remarks import remarks
from lstm_edge.interpret.execute import run
from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from tests.support.models import random_inputs
from tests.support.programs import Array, Arrays, quantized, sqnr_db, stored
from tests.support.schemes import sampled_model

NO_NUMBER = 1e30
"""What a maximum of no steps is beyond."""
LOG_OF_ONE = 15 * np.log(2.0)
"""Of a sum of exponentials in Q0.15, which is no part of what its logarithm is used for."""
OPTIONS = {"int8": Options(), "fixed": Options(power_of_two=True), "8 bits": Options(8, 16)}


def seen(program: Program, inputs: Arrays) -> dict[str, list[Array]]:
    """All that each operation makes, one after the other."""
    found: dict[str, list[Array]] = {}

    def observe(op: Op, _: tuple[Array, ...], result: Array) -> None:
        found.setdefault(op.dest, []).append(np.array(result, np.float64))

    run(program, inputs, observe=observe)
    return found


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("number", range(11))
def test_a_number_times_the_scale_of_its_format_is_the_real_one(number: int, options: str) -> None:
    """Of every value that has a meaning in the float network, too. A wrong power of two is off by
    6 dB; the worst value of these small models is farther from that.
    """
    model = sampled_model(number)
    reference = lower_real(model)
    real = random_inputs(model, 8)
    program = quantized(model, real, OPTIONS[options])
    ours, theirs = seen(program, stored(program, real)), seen(reference, stored(reference, real))
    formats = remarks(program).formats
    compared = [n for n in formats if n in ours and program.stands_for.get(n) in theirs]
    assert compared
    for name in compared:
        scale = program.values[name].format.unit
        expected = np.concatenate([a.ravel() for a in theirs[program.stands_for[name]]])
        found = np.concatenate([a.ravel() for a in ours[name]]) * scale
        if found.shape != expected.shape:
            continue  # made at other steps
        there = np.abs(expected) < NO_NUMBER
        found, expected = found[there], expected[there]
        if name.endswith(".log_total"):
            found = found - LOG_OF_ONE
        if np.any(expected):
            assert sqnr_db(expected, found) > 8.0, (name, formats[name])
