"""Activations of 12 bits get more where these cost nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.model import Layer, Model, Node, is_a
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import Ranges, calibrate
from lstm_edge.passes.finer import MORE, finer
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options, Widths
from tests.support.choices import PLAIN
from tests.support.models import random_inputs, random_model


def model(**choices: Any) -> Model:
    return random_model(970, **{**PLAIN, "front": (), "cut": (), "also": (), **choices})


def ranges_of(of: Model, from_data: bool = True) -> Ranges:
    return calibrate(lower_real(of), Feed.of_samples(random_inputs(of, 12)), from_data=from_data)


def larger(of: Model, matrices: str, factor: float) -> Model:
    """With the weights of some matrices so many times as large."""

    def changed(layer: Node[Layer]) -> Node[Layer]:
        params = {
            n: a * np.float32(factor) if n.startswith(matrices) else a
            for n, a in layer.op.params.items()
        }
        return replace(layer, op=replace(layer.op, params=params))

    return replace(of, nodes=tuple(changed(n) if is_a(n, Layer) else n for n in of.nodes))


def operations(program: Program) -> int:
    return sum(len(block.ops) for block in program.blocks)


def bits_of(options: Options) -> set[int]:
    return {widths.activations for widths in options.layers.values()}


def test_a_hidden_state_gets_fourteen_bits_and_no_operation_more() -> None:
    found, ranges = model(), ranges_of(model())
    tried = finer(found, ranges, Options())
    assert max(max(bits_of(options), default=12) for options in tried) == max(MORE)
    usual = lower_integer(found, ranges, Options())
    for options in tried:
        program = lower_integer(found, ranges, options)
        assert operations(program) <= operations(usual)
        units = {s.name: program.values[s.name].format.unit for s in program.states}
        for state in usual.states:
            assert units[state.name] <= usual.values[state.name].format.unit


@pytest.mark.parametrize(
    "options", [Options(activations=8), Options(activations=16), Options(weights=16)]
)
def test_other_widths_stay(options: Options) -> None:
    found = model()
    assert finer(found, ranges_of(found), options) == (options,)


def test_a_layer_with_its_own_width_keeps_it() -> None:
    found = model()
    names = [n.name for n in found.layers]
    options = Options(layers={names[0]: Widths(8, 8)})
    for each in finer(found, ranges_of(found), options):
        assert each.of(names[0]) == Widths(8, 8)


def test_made_up_data_tell_nothing() -> None:
    found = model()
    assert finer(found, ranges_of(found, from_data=False), Options()) == (Options(),)


def test_an_input_that_cannot_be_as_fine_keeps_the_state_coarse() -> None:
    """Its weights are so large that a finer state would need an accumulator of its own."""
    found = larger(model(), "W", 2.0)
    ranges = ranges_of(found)
    usual = operations(lower_integer(found, ranges, Options()))
    names = [n.name for n in found.layers]
    every = Options(layers={name: Widths(8, 14) for name in names})
    assert operations(lower_integer(found, ranges, every)) > usual
    assert every not in finer(found, ranges, Options())
