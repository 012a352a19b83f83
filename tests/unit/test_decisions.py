"""What lowering decided stays for other weights: the same operations in the same formats, or a
refusal that says by how much they are too large.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_edge.errors import QuantizationError
from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.model import Floats, Layer, Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lowered
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.prove import prove
from tests.golden.cases import CASES
from tests.support.models import random_inputs

NAMES = ("rows", "shifted", "gru", "lstm", "eight", "doubled")
SAID = re.compile(
    r"(?:reaches|shifted by) (\S+), and the code that is to stay (?:holds up to|shifts by) ([^ ;]+)"
)


def program_of(case: str, model: Model, known: dict[str, Any] | None = None) -> Program:
    first, options = CASES[case][0](), replace(CASES[case][1], updatable=True)
    seen = Feed.of_samples(random_inputs(first, 4, None, 1))
    ranges = calibrate(lower_real(first), seen, from_data=False)
    return lowered(model, ranges, options, known=known).program


def scaled(model: Model, layer: str, name: str, factor: float) -> Model:
    """The model with one array of one layer larger."""

    def of(params: dict[str, Floats]) -> dict[str, Floats]:
        return {k: (a * factor).astype(np.float32) if k == name else a for k, a in params.items()}

    nodes = [
        replace(n, op=replace(n.op, params=of(dict(n.op.params)))) if n.name == layer else n
        for n in model.nodes
        if isinstance(n.op, Layer) or n.name != layer
    ]
    return replace(model, nodes=tuple(nodes))


def stored(program: Program) -> dict[str, tuple[str, int, int]]:
    """How values are held; what a unit of a sum means, is the weights' own."""
    formats = {name: value.format for name, value in program.values.items()}
    return {name: (f.storage, f.low, f.high) for name, f in formats.items()}


def arrays(model: Model) -> Iterator[tuple[str, str]]:
    for node in model.nodes:
        if isinstance(node.op, Layer):
            yield from ((node.name, name) for name in node.op.params)


@pytest.mark.parametrize("case", NAMES)
def test_other_weights_are_the_same_code_or_refused(case: str) -> None:
    model = CASES[case][0]()
    first = program_of(case, model)
    refused = 0
    for k, (layer, name) in enumerate(arrays(model)):
        factor = (0.6, 1.4, 50.0, 1e-3)[k % 4]
        try:
            second = program_of(case, scaled(model, layer, name, factor), dict(first.decisions))
        except QuantizationError as error:
            found = SAID.search(str(error))
            assert found is not None
            assert float(found[1]) > float(found[2])
            refused += 1
            continue
        assert second.blocks == first.blocks
        assert stored(second) == stored(first)
        assert second.decisions == first.decisions
        prove(second)
    assert refused
