"""What an integer program says of its inputs: the true scale and zero point of each number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import quantize
from lstm_edge.ir.program import Program, Value
from lstm_edge.ir.serialize import from_bytes, to_bytes
from lstm_edge.operations.call import Op
from lstm_edge.passes.options import Options
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized
from tests.support.schemes import program_of, sampled_model

Array = npt.NDArray[Any]

MOVED = ("slice", "slide", "step_at", "restart")
"""Operations that hold numbers of their first or second operand as they are."""
OPTIONS = (Options(), Options(8), Options(16, power_of_two=True), Options(8, power_of_two=True))
OFFSET = np.array([0.0, 300.0, -7.0, 0.01, 40.0])
SPREAD = np.array([1.0, 20.0, 0.5, 0.003, 1.0])
"""Five sensors with units of their own."""


def sensors(seed: int, options: Options, **choices: Any) -> tuple[Program, dict[str, Array]]:
    """A program whose inputs need scales and zero points of their own, and inputs for it."""
    model = random_model(seed, features=5, rows=0, lengths=False, **choices)
    given = random_inputs(model, 8)
    given["x"] = (given["x"] * SPREAD + OFFSET).astype(np.float32)
    return quantized(model, given, options), given


def moved(program: Program) -> Iterator[tuple[Op, str]]:
    """Operations that only move numbers of an input, and the value that they move."""
    of_input = {port.value for port in program.inputs if not port.limit}
    for op in (op for block in program.blocks for op in block.ops):
        source = op.args[1] if op.kind == "slide" else op.args[0]
        if op.kind in MOVED and source in of_input:
            of_input.add(op.dest)
            yield op, source


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("number", range(0, 33, 4))
def test_an_input_has_the_format_of_its_port(number: int, options: Options) -> None:
    program = program_of(sampled_model(number), options)
    for port in program.inputs:
        value = program.values[port.value]
        assert np.array_equal(value.format.scales(value.length), port.scale)
        assert np.array_equal(value.format.zero_points(value.length), port.zero_point)


def test_numbers_that_are_moved_keep_their_meaning() -> None:
    """Features of a part, windows of vectors, single steps: each number as its input means it."""
    kinds = set()
    for seed, options in enumerate(OPTIONS * 3):
        for front in ((), ("conv",), ("causal_conv",)):
            program, _ = sensors(seed, options, front=front, steps=8, cut=("input",), read="last")
            for op, source in moved(program):
                value, read = program.values[op.dest], program.values[source]
                places = np.arange(value.length) % read.length + op.n * (op.kind == "slice")
                scale, zero = meaning(value)
                wanted_scale, wanted_zero = meaning(read)
                assert np.array_equal(scale, wanted_scale[places])
                assert np.array_equal(zero, wanted_zero[places])
                kinds.add(op.kind)
    assert {"slice", "slide"} <= kinds


def meaning(value: Value) -> tuple[Array, Array]:
    return value.format.scales(value.length), value.format.zero_points(value.length)


def test_an_input_in_fixed_point_has_the_same_real_numbers() -> None:
    """What elementwise operations read of it: by the scale that it says, to a unit or two."""
    for options in OPTIONS:
        program, given = sensors(7, options, front=("tanh",))
        found: list[Array] = []
        ops = [op for block in program.blocks for op in block.ops]
        unpacked = next(op.dest for op in ops if op.dest.endswith("_in"))

        def observe(
            op: Op,
            _: tuple[Array, ...],
            result: Array,
            name: str = unpacked,
            found: list[Array] = found,
        ) -> None:
            if op.dest == name:
                found.append(result)

        stored = {p.name: quantize(program, p, given[p.name]) for p in program.inputs}
        run(program, stored, observe=observe)
        port = program.inputs[0]
        real = (stored["x"] - port.zero_point) * port.scale
        scale, _ = meaning(program.values[unpacked])
        error = np.abs(np.stack(found, axis=1) * scale - real)
        assert (error <= np.abs(real) * 2.0**-13 + 2.0 * scale).all()


@pytest.mark.parametrize("options", OPTIONS)
def test_formats_survive_a_file(options: Options) -> None:
    program, _ = sensors(4, options, front=("conv",), steps=8)
    again = from_bytes(to_bytes(program))
    assert again.values == program.values
    assert any(not value.format.is_uniform for value in program.values.values())
