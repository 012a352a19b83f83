"""Widths of weights and activations: bytes in flash, and layers with widths of their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.emit.constants import BYTES
from lstm_edge.emit.nibbles import OFFSET, packed
from lstm_edge.frontend import load
from lstm_edge.ir.model import DenseOverTime, Layer, Model
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.passes.options import Options, Widths
from lstm_edge.sizes import measure
from lstm_edge.targets import load_target
from tests.support.choices import PLAIN
from tests.support.command import FIXTURES, done
from tests.support.exactness import UNROLLS, rendered
from tests.support.models import random_model
from tests.support.schemes import COMBINATIONS, mixed, program_of, sampled_model

HOST = load_target("host")
F, H, C = 5, 7, 3


def lstm() -> Model:
    sizes = {"features": F, "hidden": (H,), "classes": C, "initial": False, "norm": "", "also": ()}
    return random_model(970, **{**PLAIN, **sizes}, head=("dense",), cut=())


def operations(program: Program) -> list[tuple[str, str, tuple[str, ...], int]]:
    """(layer, kind, operands, bits of a weight) of all operations."""
    return [(b.layer, op.kind, op.args, op.n) for b in program.blocks for op in b.ops]


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("bits", [4, 8, 16])
def test_a_weight_takes_half_a_byte_or_one_or_two(bits: int, power_of_two: bool) -> None:
    """Beside them a row has a bias of four bytes, a multiplier of two or a shift of one. Rows of
    zeros fill the last tile of four; columns of int4 that are odd end a byte.
    """
    program = program_of(lstm(), Options(weights=bits, power_of_two=power_of_two))
    code = rendered(program, HOST, "gates")
    sizes = measure(program, HOST, code, None, None)
    ports = [c for c in code.constants if c.name.startswith("net_x_")]
    rows = [program.values[product.dest].length for product in program.products]
    each = {n for _, k, args, _ in operations(program) if k in ("mulw", "drop") for n in args}
    vectors = [n for n in each & set(program.constants) if len(program.constants[n]) > 1]
    width = 1 if power_of_two else 2
    beside = width * sum(len(program.constants[n]) for n in vectors)
    beside += sum(int(c.numbers.size) * BYTES[c.ctype] for c in ports)
    tiles, padding = 0, 0
    for phase in code.selection.schedule.phases:
        chosen = code.selection.tiles.get(phase.name)
        for one, runs in zip(chosen.sets, chosen.runs, strict=True) if chosen else ():
            count = 4 * one.tiles(chosen.group) * -(-phase.units // chosen.group)
            tiles += count * (4 + sum(-(-run.length * bits // 8) for run in runs))
            padding += count - phase.units * len(one.matvecs)
    assert sizes.weights == tiles + beside
    assert power_of_two or padding == 1, "of three outputs"
    assert power_of_two or sum(rows) == 4 * H + C
    assert power_of_two or sum(len(program.constants[n]) for n in vectors) == sum(rows)


def test_the_manifest_has_the_bytes_of_the_weights(tmp_path: Path) -> None:
    model = FIXTURES / "head_last.dynamo.onnx"
    layers = load(model).layers
    rows = [a for n in layers for a in n.op.params.values() if a.ndim == 2]
    found = {}
    for bits in (4, 8, 16):
        options = ("--target", "host", "--weights", f"int{bits}", "-o", tmp_path / str(bits))
        done("compile", model, *options)
        manifest = json.loads((tmp_path / str(bits) / "manifest.json").read_text(encoding="utf-8"))
        found[bits] = manifest["flash"]["weights"]
    assert found[16] - found[8] == sum(a.size for a in rows) > 0
    assert found[8] - found[4] == sum(len(a) * (a.shape[1] // 2) for a in rows)


def test_two_weights_share_a_byte_the_even_one_in_its_lower_half() -> None:
    numbers = np.array([[-7, 7, 0], [3, -2, -7]])
    expected = [[1 + 16 * 15, 8 + 16 * OFFSET], [11 + 16 * 6, 1 + 16 * OFFSET]]
    assert packed(numbers).tolist() == expected


@pytest.mark.parametrize("number", range(0, 36, 5))
def test_every_layer_has_the_widths_that_are_stated(number: int) -> None:
    """Bits in the operations and of their integers; the storage of what the layers make."""
    model = sampled_model(number)
    options = mixed(model, COMBINATIONS[number], number)
    program = program_of(model, options)
    seen = set()
    for block in program.blocks:
        for op in block.ops:
            if not op.matrices:
                continue
            bits = op.n if OPERATIONS[op.kind].multiplies else op.count
            assert bits == options.of(block.layer).weights, f"{block.layer}: {op.dest}"
            for name in op.matrices:
                assert np.abs(program.constants[name]).max() < 2 ** (bits - 1)
            seen.add(block.layer)
    states = {s.name for s in program.states if s.name.endswith((".h", ".h_narrow"))}
    for name in states:
        layer = name.split(".")[0]
        ops = operations(program)
        read = {a for _, kind, args, _ in ops if OPERATIONS[kind].multiplies for a in args}
        if name in read:
            wanted = {8: "int8", 12: "int16", 16: "int16"}[options.of(layer).activations]
            assert program.values[name].format.storage == wanted, name
    assert seen


def test_one_layer_alone_may_have_other_weights() -> None:
    """Of which the others know nothing: their rows stay what they were."""
    model = random_model(971, **{**PLAIN, "hidden": (4, 3)}, head=("dense",), features=3, cut=())
    named = [n.name for n in model.nodes if isinstance(n.op, Layer | DenseOverTime)]
    whole = program_of(model, Options())
    other = program_of(model, Options(layers={named[1]: Widths(4, 12)}))
    for unroll in UNROLLS:
        tiles = rendered(other, HOST, unroll).selection.tiles
        kernels = {name: each.kernel and each.kernel.name for name, each in tiles.items()}
        wanted = dict(zip(named, ("portable/rows", "portable/int4", "portable/rows"), strict=True))
        assert kernels == (dict.fromkeys(named) if unroll == "full" else wanted)
    for name in whole.constants:
        if name.startswith(named[0]):
            assert np.array_equal(whole.constants[name], other.constants[name])
    first = [n for n in whole.constants if n.startswith(f"{named[1]}.W_")]
    assert any(not np.array_equal(whole.constants[n], other.constants[n]) for n in first)
