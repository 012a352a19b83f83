"""What is trained against is what is compiled: the same integers and scales, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.fake_quantization import fake_quant
from lstm_edge.formats import fraction_bits
from lstm_edge.ir.model import Layer, Model, is_a
from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op
from lstm_edge.passes.options import Options
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CHOICES: dict[str, Any] = {
    "front": (),
    "norm": "",
    "hidden": (5, 4),
    "head": ("dense",),
    "rows": 0,
    "read": "last",
    "cut": (),
    "also": (),
    "direction": "forward",
}


def ops_of(program: Program) -> list[Op]:
    return [op for block in program.blocks for op in block.ops]


def reader(program: Program, name: str) -> Op:
    return next(op for op in ops_of(program) if name in op.args)


def stored_weights(program: Program, op: Op) -> tuple[Ints, Doubles, Doubles]:
    """Of a matvec: integers [rows, columns], scales of the rows, scales of the columns.

    The value of a row's unit is that of the multiplier behind it: see docs/numerics.md.
    """
    after = reader(program, op.dest)
    shift = -after.n if after.kind == "shift" else 0
    after = reader(program, after.dest) if shift else after
    fraction = fraction_bits(program.values[after.dest].format.unit)
    assert after.kind == "mulw"
    assert fraction is not None
    multiplier = program.constants[after.args[1]].astype(np.float64)
    columns = [v.format.scales(v.length) for v in (program.values[name] for name in op.args)]
    integers = [program.constants[m].astype(np.int64) for m in op.matrices]
    units = multiplier * 2.0 ** (shift - fraction - 16)
    return np.concatenate(integers, axis=1), units, np.concatenate(columns)


def products(model: Model, program: Program) -> Iterator[tuple[Op, Doubles]]:
    """Each matvec of a program with the real weights that it was made from."""
    params = {
        f"{node.name}.{name}": array
        for node in model.layers
        for name, array in node.op.params.items()
    }
    for op in ops_of(program):
        if op.kind == "matvec":
            yield op, np.concatenate([params[m] for m in op.matrices], axis=1).astype(np.float64)


def with_params(model: Model, new: dict[str, npt.NDArray[np.float32]]) -> Model:
    nodes = []
    for node in model.nodes:
        if is_a(node, Layer):
            params = {name: new.get(f"{node.name}.{name}", a) for name, a in node.op.params.items()}
            node = replace(node, op=replace(node.op, params=params))
        nodes.append(node)
    return replace(model, nodes=tuple(nodes))


def scaled(model: Model, size: float) -> Model:
    """With all parameters so many times as large: small ones meet the finest unit of a scale."""
    layers = model.layers
    factor = np.float32(size)
    return with_params(
        model, {f"{n.name}.{name}": a * factor for n in layers for name, a in n.op.params.items()}
    )


@pytest.mark.parametrize("activations", [8, 12, 16])
@pytest.mark.parametrize("size", [1.0, 0.25])
@pytest.mark.parametrize("cell", ["plain", "gru", "gru_reset_after", "projected"])
def test_weights_are_those_of_the_compiled_program(
    cell: str, size: float, activations: int
) -> None:
    model = scaled(random_model(3, cell=cell, weights="normal", **CHOICES), size)
    inputs = random_inputs(model, samples=4)
    program = quantized(model, inputs, Options(activations), from_data=False)
    found = list(products(model, program))
    assert len(found) >= 7
    for op, real in found:
        integers, units, columns = stored_weights(program, op)
        expected = integers * units[:, None] / columns
        assert np.array_equal(fake_quant(real, 8, columns=columns), expected), op.dest


def on_grid(model: Model, program: Program) -> Model:
    """A model whose weights are what a program's integers stand for, as float32."""
    new: dict[str, npt.NDArray[np.float32]] = {}
    for op, real in products(model, program):
        _, _, columns = stored_weights(program, op)
        rounded = fake_quant(real, 8, columns=columns).astype(np.float32)
        ends = np.cumsum([program.values[v].length for v in op.args])[:-1]
        new |= dict(zip(op.matrices, np.split(rounded, ends, axis=1), strict=True))
    return with_params(model, new)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("cell", ["plain", "gru", "rnn"])
def test_weights_on_the_grid_compile_to_the_integers_that_they_are(cell: str, seed: int) -> None:
    """The scale of the input, which follows from the weights, is found again, too. That of a row
    may be one unit of its multiplier larger, since float32 rounds the largest weight.
    """
    model = random_model(seed, cell=cell, weights="normal", **CHOICES)
    inputs = random_inputs(model, samples=16)
    before = quantized(model, inputs)
    trained = on_grid(model, before)
    after = quantized(trained, inputs)
    np.testing.assert_allclose(after.inputs[0].scale, before.inputs[0].scale, rtol=1e-4)
    for op, real in products(trained, after):
        integers, units, columns = stored_weights(after, op)
        wanted = real * columns / units[:, None]
        assert np.abs(wanted - integers).max() < 0.1, op.dest
