"""Every record of an operation is complete, and its C helpers are defined, no other ones."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from lstm_edge.errors import InternalError
from lstm_edge.ir.program import Program, verify
from lstm_edge.operations import FAMILIES, OPERATIONS, functions
from lstm_edge.operations.record import Form, Operation, Reduction, Spelling, Timing
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.resources import templates_dir
from tests.support.choices import FUNCTION_HEADS, HEADS, NORM_HEADS
from tests.support.fused import fused_phases
from tests.support.models import random_inputs, random_model
from tests.support.open_cells import open_model
from tests.support.programs import quantized
from tests.support.spectra import mel_model

DEFINITION = re.compile(r"^static inline \w+ (le_\w+)\(", re.MULTILINE)
CALL = re.compile(r"le_\w+(?=\()")
SYSTEMS = pytest.mark.parametrize("is_float", [False, True], ids=["integers", "float"])
each = pytest.mark.parametrize("record", OPERATIONS.values(), ids=OPERATIONS)


def helpers_text(is_float: bool) -> str:
    own = ("curves_float", "ops_float", "spectrum_float") if is_float else ("ops", "spectrum")
    return "".join((templates_dir() / "common" / f"{name}.c.j2").read_text() for name in own)


def calls(is_float: bool) -> dict[str, set[str]]:
    """Helper -> the helpers that its body calls."""
    text = helpers_text(is_float)
    parts = DEFINITION.split(text)
    return {
        name: set(CALL.findall(body)) - {name}
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def with_calls(names: set[str], called: dict[str, set[str]]) -> set[str]:
    """Helpers, those that they call, and so on."""
    while more := {inner for name in names for inner in called.get(name, ())} - names:
        names = names | more
    return names


def spellings(is_float: bool) -> list[Spelling]:
    found = [r.c_float if is_float else r.c for r in OPERATIONS.values()]
    return [spelling for spelling in found if spelling is not None]


def kinds(program: Program) -> set[str]:
    return {op.kind for block in program.blocks for op in block.ops}


def joined(program: Program) -> set[str]:
    """Kinds of operations that `fuse` makes of a program's."""
    return {op.kind for _, ops in fused_phases(program) for op in ops}


def test_no_two_records_have_the_same_name() -> None:
    names = [record.name for family in FAMILIES for record in family.RECORDS]
    assert len(names) == len(set(names))


@each
def test_a_record_has_a_meaning_and_each_meaning_its_c(record: Operation) -> None:
    """Kernels compute sums of products, and nothing what is only a place."""
    assert record.integer or record.real
    spelled = not (record.multiplies or record.placed)
    assert (record.c is not None) == (record.integer is not None and spelled)
    assert (record.c_float is not None) == (record.real is not None and spelled)


@each
def test_integers_have_bounds_and_only_they(record: Operation) -> None:
    assert (record.bounds is not None) == (record.integer is not None)
    assert record.integer or not record.wants


@each
def test_a_record_is_of_one_sort(record: Operation) -> None:
    """A loop reduces, a kernel multiplies, or the operands are placed."""
    assert sum([record.reduces is not None, record.multiplies, record.placed]) <= 1
    assert record.multiplies or not record.running


@each
def test_a_spelling_names_of_the_loop_what_its_record_says(record: Operation) -> None:
    """The step and the steps so far, a reduction's value and the largest unit so far."""
    for spelling in (s for s in (record.c, record.c_float) if s is not None):
        text = spelling.text
        names_step = re.search(r"\bstep\b", text) is not None
        assert names_step <= (record.timing in (Timing.FIRST, Timing.STEP))
        assert ("{steps}" in text) == (record.timing is Timing.COUNT)
        made = record.reduces is not None or record.form is Form.CALL
        assert ("{result}" in text) == made
        assert ("{best}" in text) == (record.reduces is Reduction.INDEX)


@SYSTEMS
def test_a_spelling_declares_every_helper_that_its_text_brings(is_float: bool) -> None:
    called = calls(is_float)
    for spelling in spellings(is_float):
        texts = f"{spelling.text} {spelling.negative}"
        brought = with_calls(set(CALL.findall(texts)), called)
        assert brought <= set(spelling.helpers), spelling
        assert len(set(spelling.helpers)) == len(spelling.helpers), spelling


@SYSTEMS
def test_every_helper_that_is_declared_is_defined_and_no_other(is_float: bool) -> None:
    defined = DEFINITION.findall(helpers_text(is_float))
    assert len(defined) == len(set(defined))
    declared = {h for s in spellings(is_float) for h in (*s.helpers, *s.packed)}
    assert set(defined) == declared


@SYSTEMS
def test_a_helper_is_left_out_where_nothing_declares_it(is_float: bool) -> None:
    """Each definition stands behind a question for its own name."""
    text = helpers_text(is_float)
    asked = re.findall(r'\{% if "(le_\w+)" in helpers %\}', text)
    assert asked == DEFINITION.findall(text)


def test_a_program_with_an_operation_of_no_record_is_refused() -> None:
    program = lower_real(random_model(0))
    first = program.blocks[0]
    ops = (replace(first.ops[0], kind="guess"), *first.ops[1:])
    changed = replace(program, blocks=(replace(first, ops=ops), *program.blocks[1:]))
    with pytest.raises(InternalError, match=r"= guess\(\.\.\.\) is no operation"):
        verify(changed)


@pytest.mark.all_cases
def test_programs_use_every_operation() -> None:
    """So that the tests over random programs reach each of them."""
    integer: set[str] = set()
    real: set[str] = set()
    for seed, head in enumerate((*HEADS, *FUNCTION_HEADS, *NORM_HEADS)):
        for read, direction in (("steps", "forward"), ("joined", "both"), ("last", "reverse")):
            model = random_model(
                seed, read=read, direction=direction, head=head, classes=3, weights="normal"
            )
            program = quantized(model, random_inputs(model, 4))
            integer |= kinds(program) | joined(program)
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
    model = random_model(0, read="steps", front=("by_step",), steps=5, weights="normal")
    integer |= kinds(quantized(model, random_inputs(model, 4)))
    real |= kinds(lower_real(model))
    summed = mel_model(window=np.ones((2, 500)))
    spectra = (mel_model(), mel_model(root=True), summed)
    for model in (open_model("curves"), open_model("mamba"), *spectra):
        integer |= kinds(quantized(model, random_inputs(model, 4)))
        real |= kinds(lower_real(model))
    assert integer == set(functions(is_float=False))
    assert real == set(functions(is_float=True))
