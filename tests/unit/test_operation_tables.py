"""One table of operations, three forms of it: numpy, intervals and C name the same operations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lstm_edge import numerics, numerics_float
from lstm_edge.emit import spell
from lstm_edge.emit.spell import FLOAT, INTEGER, helpers_used
from lstm_edge.interpret import interval
from lstm_edge.ir.program import MATVECS, PLACED, REDUCTIONS, Program
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.resources import templates_dir
from tests.support.choices import FUNCTION_HEADS, HEADS, NORM_HEADS
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized

DEFINITION = re.compile(r"^static inline \w+ (le_\w+)\(", re.MULTILINE)


def kinds(program: Program) -> set[str]:
    return {op.kind for block in program.blocks for op in block.ops}


def test_numpy_and_intervals_name_the_same_integer_operations() -> None:
    assert set(interval.OPERATIONS) == set(numerics.OPERATIONS)


def test_c_spells_every_integer_operation_but_kernels_and_places() -> None:
    assert set(INTEGER) == set(numerics.OPERATIONS) - {*MATVECS, *PLACED}


def test_c_spells_every_float_operation_but_kernels_and_places() -> None:
    assert set(FLOAT) == set(numerics_float.OPERATIONS) - {*MATVECS, *PLACED}


def test_both_number_systems_have_matvecs_reductions_and_places() -> None:
    for table in (numerics.OPERATIONS, numerics_float.OPERATIONS):
        assert {*MATVECS, *REDUCTIONS, *PLACED} <= set(table)


@pytest.mark.parametrize(
    ("template", "spellings"), [("ops.c.j2", INTEGER), ("ops_float.c.j2", FLOAT)]
)
def test_every_helper_that_c_calls_is_defined_and_no_other(
    template: str, spellings: dict[str, str]
) -> None:
    text = (templates_dir() / "common" / Path(template)).read_text()
    defined = DEFINITION.findall(text)
    assert len(defined) == len(set(defined))
    elements = [f"{name}(" for name in spell.ELEMENTS] if spellings is spell.INTEGER else []
    assert set(defined) == set(helpers_used((*spellings.values(), *elements)))


def test_a_helper_brings_those_that_it_calls() -> None:
    text = (templates_dir() / "common" / "ops_float.c.j2").read_text()
    bodies = dict(zip(DEFINITION.findall(text), DEFINITION.split(text)[2::2], strict=True))
    for name, body in bodies.items():
        calls = set(re.findall(r"le_\w+(?=\()", body)) - {name}
        assert calls == set(spell.NEEDS.get(name, ()))


def test_programs_use_every_operation() -> None:
    """So that the tests over random programs reach each of them."""
    integer: set[str] = set()
    real: set[str] = set()
    for seed, head in enumerate((*HEADS, *FUNCTION_HEADS, *NORM_HEADS)):
        for read, direction in (("steps", "forward"), ("joined", "both"), ("last", "reverse")):
            model = random_model(
                seed, read=read, direction=direction, head=head, classes=3, weights="normal"
            )
            integer |= kinds(quantized(model, random_inputs(model, 4)))
            real |= kinds(lower_real(model))
    choices = {"read": "flat", "steps": 3, "head": (), "weights": "normal"}
    model = random_model(0, hidden=(4,), cut=("hidden",), **choices)
    integer |= kinds(quantized(model, random_inputs(model, 4)))
    real |= kinds(lower_real(model))
    model = random_model(0, read="steps", rows=5, head=("argmax",), weights="normal")
    integer |= kinds(quantized(model, random_inputs(model, 4)))
    real |= kinds(lower_real(model))
    model = random_model(0, read="mean", front=("conv",), lengths=True, steps=5, weights="normal")
    integer |= kinds(quantized(model, random_inputs(model, 4)))
    real |= kinds(lower_real(model))
    assert integer == set(numerics.OPERATIONS)
    assert real == set(numerics_float.OPERATIONS)
