"""`--scheme fixed`: every scale is a power of two, and nothing is rescaled by a multiplication."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from lstm_edge.formats import fraction_bits
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.layers.normalize import SCALE
from lstm_edge.operations.call import Op
from lstm_edge.passes.options import Options
from tests.support.choices import FUNCTION_HEADS, NORM_HEADS
from tests.support.models import random_model
from tests.support.schemes import COMBINATIONS, mixed, program_of, sampled_model

FIXED = [options for options in COMBINATIONS if options.power_of_two]
OWN_CONSTANTS = ("constant", "layer_norm_share", "log2_e", "exp2")
"""Last parts of names of constants that belong to a function: a slope or a number of its equation,
the 1 / n of a mean over the units of a vector, and those of the exponential of outputs.
"""

BEFORE_GAIN = ("_in_centred", "_in_lifted")
"""Last parts of names of an input that a layer scales, on its way to fixed point."""


def samples() -> Iterator[tuple[Model, Program]]:
    """Every kind of layer and cell, each in other widths."""
    models = [sampled_model(number) for number in range(60)]
    models += [random_model(950, head=head) for head in (*FUNCTION_HEADS, *NORM_HEADS)]
    models += [random_model(s, front=("scale", "tanh"), weights="normal") for s in range(960, 966)]
    for number, model in enumerate(models):
        options = FIXED[number * 5 % len(FIXED)]
        options = mixed(model, options, number) if number % 3 == 0 else options
        yield model, program_of(model, options, from_data=number % 4 > 0)


@pytest.fixture(scope="module")
def programs() -> list[tuple[Model, Program]]:
    return list(samples())


def operations(program: Program) -> list[Op]:
    return [op for block in program.blocks for op in block.ops]


def rows(program: Program) -> Iterator[tuple[str, list[float]]]:
    """Of each sum of products its name, and the scales of its rows."""
    for product in program.products:
        value = program.values[product.dest]
        yield value.name, value.format.scales(value.length).tolist()


@pytest.mark.all_cases
def test_every_scale_is_a_power_of_two(programs: list[tuple[Model, Program]]) -> None:
    """But for an input that is about to be multiplied by its gain."""
    for _, program in programs:
        values = [v for v in program.values.values() if not v.name.endswith(BEFORE_GAIN)]
        scales = {v.name: list(map(abs, v.format.scales(v.length))) for v in values}
        scales |= {p.name: list(p.scale) for p in (*program.inputs, *program.outputs)}
        found = {n: s for n, all_of in scales.items() for s in all_of if fraction_bits(s) is None}
        assert found == {}


def test_only_numbers_of_the_model_and_of_functions_are_multiplied_with(
    programs: list[tuple[Model, Program]],
) -> None:
    """Peepholes, gains and FastGRNN's zeta are the model's own. A layer that scales an input
    multiplies it by its gain, a power of two apart. No row and no table of an embedding has a
    multiplier.
    """
    found: dict[str, int] = {}
    for model, program in programs:
        layers = {node.name: node for node in model.layers}
        scaled = any(layer.op.cell.name == SCALE for layer in layers.values())
        for op in operations(program):
            assert op.kind != "lookup" or not op.bias
            constants = [a for a in op.args if a in program.constants]
            for name in constants if op.kind in ("mul", "mulw") else []:
                layer, _, last = re.sub(r"_q\d+$", "", name).rpartition(".")
                params = layers[layer].op.params if layer in layers else {}
                kind = next((own for own in OWN_CONSTANTS if last.startswith(own)), "")
                if last in params:
                    kind = "parameter"
                elif last.endswith("_in_multiplier") and scaled:
                    kind = "gain of an input"
                assert kind, f"{op.kind} {op.dest} has the factor {name}"
                found[kind] = found.get(kind, 0) + 1
    assert set(found) == {*OWN_CONSTANTS, "parameter", "gain of an input"}


def test_the_other_scheme_would_be_noticed() -> None:
    program = program_of(sampled_model(0), Options())
    names = {a for op in operations(program) if op.kind == "mulw" for a in op.args}
    assert any(name.endswith("_multiplier") for name in names & set(program.constants))
    scales = [s for _, scale in rows(program) for s in scale]
    assert any(fraction_bits(s) is None for s in scales)


def test_rows_with_scales_of_their_own_are_shifted_one_by_one() -> None:
    """Counts in a vector where they differ, in the operation where they do not."""
    kinds = set()
    for number in range(12):
        program = program_of(sampled_model(number), Options(power_of_two=True))
        made = {op.dest: op for op in operations(program)}
        for name, scale in rows(program):
            after = [op for op in made.values() if name in op.args or f"{name}_scaled" in op.args]
            for op in after:
                if op.kind == "drop":
                    counts = program.constants[op.args[1]]
                    assert len(set(counts)) > 1
                    assert len(set(scale)) == len(set(counts))
                    kinds.add("drop")
                elif op.kind == "shift" and op.n > 0:
                    assert len(set(scale)) == 1
                    kinds.add("shift")
    assert kinds == {"drop", "shift"}
