"""The generated C of five tiny models, byte for byte as it is in the repository.

`--update-golden` (or `make golden`) writes the files anew: look at the difference, and commit it
together with the change that made it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lstm_edge.cells import lstm
from lstm_edge.emit.identity import Identity
from lstm_edge.emit.merged import render_cores
from lstm_edge.emit.testing import render_selftest, selftest_vectors
from lstm_edge.families import load_cores
from lstm_edge.interpret.execute import run
from lstm_edge.ir.model import Floats, Layer, Model, Node, Port, Step, Tensor
from lstm_edge.ir.program import Program
from lstm_edge.layers.activation import softmax_layer
from lstm_edge.layers.dense import dense
from tests.support.exactness import float_program
from tests.support.one_source import BANNER
from tests.support.programs import quantized, stored

FOLDER = Path(__file__).resolve().parent
IDENTITY = Identity("0" * 64, version="0.0.0")
"""The files do not change with each version of the compiler."""
CASES = {
    "loops": ("int8", "host", "none"),
    "pairs": ("int8", "cortex-m4", "gates"),
    "straight": ("float32", "cortex-m7", "full"),
    "vectors": ("int8", "cortex-m55", "gates"),
    "cores": ("int8", "cortex-m", "gates"),
}


def numbers(*shape: int, start: int) -> Floats:
    """Weights that are multiples of 1/16, the same wherever this runs: no random generator."""
    k = np.arange(start, start + int(np.prod(shape)))
    return ((k * k * 7 + k * 3) % 41 - 20).reshape(shape).astype(np.float32) / np.float32(16)


def tiny_model(name: str) -> Model:
    """An LSTM of 3 units that starts at a learned state, a dense layer on its last output, softmax.

    The hidden state is an output too.
    """
    gates = {f"W_{g}": numbers(3, 2, start=10 * k) for k, g in enumerate("ifgo")}
    gates |= {f"R_{g}": numbers(3, 3, start=100 + 10 * k) for k, g in enumerate("ifgo")}
    gates |= {f"b_{g}": numbers(3, start=200 + 10 * k) for k, g in enumerate("ifgo")}
    head = {"W_y": numbers(2, 3, start=300), "b_y": numbers(2, start=310)}
    initial = {"c": numbers(3, start=320)}
    nodes = (
        Node("lstm", Layer(lstm(), gates, initial), {"x": "x"}, {"h": "h"}),
        Node("last", Step(-1), {"x": "h"}, {"y": "h_last"}),
        Node("fc", Layer(dense(), head), {"x": "h_last"}, {"y": "logits"}),
        Node("softmax", Layer(softmax_layer()), {"x": "logits"}, {"y": "p"}),
    )
    tensors = [Tensor("x", 2, True), Tensor("h", 3, True), Tensor("h_last", 3, False)]
    tensors += [Tensor("logits", 2, False), Tensor("p", 2, False)]
    return Model(
        name=name,
        inputs=(Port("x", "x", ("batch", "time", "feature"), (1, -1, 2)),),
        outputs=(
            Port("probability", "p", ("batch", "feature"), (1, 2)),
            Port("hidden", "h", ("batch", "time", "feature"), (1, -1, 3)),
        ),
        tensors={t.name: t for t in tensors},
        nodes=nodes,
        steps=None,
        sha256="0" * 64,
    )


def given(steps: int) -> dict[str, Floats]:
    """One sequence, [1, steps, 2]."""
    return {"x": numbers(1, steps, 2, start=500)}


def tiny_program(name: str, scheme: str) -> Program:
    """Rounded to nearest: what calibration saw decides powers of two only, so the order in which a
    matrix library sums does not show.
    """
    model = tiny_model(name)
    if scheme == "float32":
        return float_program(model)
    return quantized(model, given(32), from_data=False)


def generated(case: str) -> dict[str, str]:
    """Every C file of a case, with its self-test."""
    scheme, target, unroll = CASES[case]
    program, cores = tiny_program(case, scheme), load_cores(target)
    inputs = stored(program, given(4))
    outputs, _ = run(program, inputs)
    first = ({name: a[0] for name, a in arrays.items()} for arrays in (inputs, outputs))
    selftest = render_selftest(program, BANNER, selftest_vectors(program, *first))
    files = render_cores(program, cores, unroll, BANNER, identity=IDENTITY).files
    return {**files, f"{case}_selftest.c": selftest}


@pytest.mark.parametrize("case", CASES)
def test_generated_files_are_the_golden_ones(case: str, update_golden: bool) -> None:
    folder = FOLDER / case
    files = {name: text.encode() for name, text in generated(case).items()}
    if update_golden:
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for name, data in files.items():
            (folder / name).write_bytes(data)
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(found) == sorted(files)
    for name, data in files.items():
        assert data.decode() == found[name].decode(), f"{case}/{name}: see --update-golden"
        assert data == found[name]
