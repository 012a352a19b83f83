"""The operations of which a count is a value, over all of int32: a program made of them by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.formats import INT32_MAX, INT32_MIN, Format, fixed
from lstm_edge.ir.program import Port, Program, State, Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.prove import prove
from lstm_edge.passes.tables import rsqrt_table
from lstm_edge.targets import Target, all_targets, load_target
from tests.support.exactness import assert_bit_exact

HOST = load_target("host")
BOARDS = tuple(target for target in all_targets() if target.board is not None)
LENGTH = 64
INT32 = Format("int32", 1.0, INT32_MIN, INT32_MAX)


def port(value: Value) -> Port:
    ones, zeros = np.ones(value.length), np.zeros(value.length, np.int64)
    axes = ("time", "feature")
    return Port(value.name, value.name, axes, (-1, value.length), True, ones, zeros)


def program() -> Program:
    """wide = upper * 2**16 + lower and a count, through every operation."""
    b = Builder()
    upper, lower, count = (b.value(n, LENGTH, fixed(0, -(2**15), 2**15 - 1)) for n in "abc")
    numbers = {
        n: b.vector(f"at_{n}", np.array([n]), Format("int32", 1.0, n, n)) for n in (0, 1, 30, 31)
    }

    def clamped(value: Value, low: int, high: int, name: str) -> Value:
        reach = Format("int32", 1.0, low, 2**15 - 1)
        value = b.emit("larger", f"{name}_low", (value, numbers[low]), reach)
        return b.emit("smaller", name, (value, numbers[high]), Format("int32", 1.0, low, high))

    high = b.emit("shift", "high", (upper,), INT32, n=-16)
    positive = b.emit("larger", "positive", (lower, numbers[0]), Format("int32", 1.0, 0, 2**15 - 1))
    wide = b.emit("add", "wide", (high, positive), INT32)
    above = b.emit("larger", "above", (wide, numbers[1]), Format("int32", 1.0, 1, INT32_MAX))
    to_30, to_31 = (clamped(count, 0, n, f"to_{n}") for n in (30, 31))
    before = b.value("before", LENGTH, INT32)
    entries = b.constant("rsqrt_table", rsqrt_table())
    results = (
        b.emit("lift", "lifted", (wide, to_30), INT32),
        b.emit("drop", "dropped", (wide, to_31), INT32),
        b.emit("drop", "dropped_before", (before, to_31), INT32),
        b.emit("headroom", "free", (above,), Format("int32", 1.0, 0, 30)),
        b.emit("rsqrt", "root", (above,), Format("int32", 1.0, 0, 2**15 - 1), table=entries),
    )
    b.close_block("all", 0)
    inputs, outputs = (tuple(map(port, values)) for values in ((upper, lower, count), results))
    blocks = tuple(b.blocks)
    states = (State("before", "lifted", np.zeros(LENGTH, np.int64)),)
    return Program("net", "int8", inputs, outputs, states, b.values, b.constants, blocks, None)


def streams() -> dict[str, np.ndarray]:
    """[2 streams, 1 call, 200 steps, LENGTH]: numbers of all magnitudes, and the ends of int32."""
    rng = np.random.default_rng(0)
    shape = (2, 1, 200, LENGTH)
    numbers = np.floor(rng.normal(size=shape) * 2.0 ** rng.integers(0, 31, shape))
    numbers = np.clip(numbers, INT32_MIN, INT32_MAX).astype(np.int64)
    numbers[0, 0, 0, :6] = (INT32_MIN, INT32_MAX, 0, 1, -1, 2**30)
    lower = numbers & 0x7FFF
    return {"a": numbers >> 16, "b": lower, "c": rng.integers(-2, 34, shape)}


@pytest.mark.parametrize("optimize", ["-O0", "-O2", "-O3"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_c_shifts_as_numpy_does(
    compiler: str, optimize: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(compiler)
    prove(program())
    options = {"compiler": compiler, "optimize": optimize}
    assert_bit_exact(program(), HOST, "gates", tmp_path, streams(), **options)


@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_every_core_shifts_as_numpy_does(
    target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(target)
    assert_bit_exact(program(), target, "none", tmp_path, streams())
