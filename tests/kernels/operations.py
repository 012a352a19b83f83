"""A program made by hand of what dialects write in their own way, and numbers for it."""

from __future__ import annotations

from functools import cache

import numpy as np

from lstm_edge.formats import INT32_MAX, INT32_MIN, Format, fixed
from lstm_edge.ir.program import Port, Program, State, Value
from lstm_edge.passes.builder import Builder

LENGTH = 32
STEPS = 40
INT32 = Format("int32", 1.0, INT32_MIN, INT32_MAX)
INT16 = fixed(0, -(2**15), 2**15 - 1)
QUARTER = Format("int32", 1.0, -(2**29), 2**29 - 1)
SHIFTS = {"words": (1, 4, 9, 12, 14), "few": (3, 7), "plain": (15, 16, 18)}
"""Fractional bits of what tables read: with words up to 15 or 16, as they are beyond."""


def tables() -> dict[str, np.ndarray]:
    """A curve that is flat at both ends, one that is not, and steep ones; by what reads them."""
    x = np.arange(-256, 257)
    jagged = np.random.default_rng(1).integers(-(2**13), 2**13, 513)
    steep = np.where(x % 2 == 0, -(2**14) + 1, 2**14 - 1)
    curves = {
        "flat_table": np.floor(32766 * np.tanh(x / 40) + 0.5).astype(np.int64),
        "rising_table": 60 * x,
        "jagged_table": jagged,
        "steep_table": steep,
        "steepest_table": np.where(x % 2 == 0, -(2**15), 2**15 - 1),
    }
    return {f"{use}_{name}": entries for use in SHIFTS for name, entries in curves.items()}


def shifts(table: str) -> tuple[int, ...]:
    """How its readers shift; the proof keeps a way times a fraction within 32 bits."""
    steepest = int(np.abs(np.diff(tables()[table])).max())
    return tuple(n for n in SHIFTS[table.split("_")[0]] if steepest * (2**n - 1) < 2**31)


def _port(value: Value) -> Port:
    ones, zeros = np.ones(value.length), np.zeros(value.length, np.int64)
    return Port(value.name, value.name, ("time", "feature"), (-1, value.length), True, ones, zeros)


@cache
def program() -> Program:
    """All joined operations, each chain as `fuse` takes it, and all tables."""
    b = Builder()
    upper, lower, m, k = (b.value(name, LENGTH, INT16) for name in ("upper", "lower", "m", "k"))
    before = b.value("before", LENGTH, INT32)
    factors = np.random.default_rng(2).integers(-(2**15), 2**15, LENGTH)
    factors[:4] = (-(2**15), 2**15 - 1, -1, 0)
    constant = b.vector("factors", factors, INT16)
    number = b.vector("number", np.full(LENGTH, -12345), Format("int32", 1.0, -12345, -12345))
    reach = Format("int32", 1.0, -(2**15), 2**15 - 1)
    found = []

    def emit(kind: str, name: str, args: tuple[Value, ...], fmt: Format, **more: object) -> Value:
        return b.emit(kind, name, args, fmt, **more)

    half = b.vector("half", np.array([2**15]), Format("int32", 1.0, 2**15, 2**15))
    positive = emit("add", "positive", (lower, half), Format("int32", 1.0, 0, 2**16 - 1))
    a = emit("add", "a", (emit("shift", "high", (upper,), INT32, n=-16), positive), INT32)
    wide = emit("add", "wide", (emit("shift", "k13", (k,), QUARTER, n=-13), m), QUARTER)
    found.append(emit("shift", "seen", (before,), QUARTER, n=3))
    halved = Format("int32", 1.0, -(2**30), 2**30 - 1)
    for table, numbers in tables().items():
        entries = b.constant(table, numbers)
        for n in shifts(table):
            found.append(emit("table", f"{table}{n}", (a,), reach, n=n, table=entries))
            cut = emit("shift", f"{table}{n}_half", (a,), halved, n=1)
            found.append(emit("table", f"{table}{n}_of_half", (cut,), reach, n=n, table=entries))
    square = Format("int32", 1.0, -(2**30), 2**30)
    for name, factor in (("value", m), ("constant", constant)):
        product = emit("mulw", f"{name}_product", (a, factor), square)
        found.append(emit("add", f"{name}_sum", (product, wide), INT32))
        found.append(emit("mulw", f"{name}_plain", (a, factor), square))
        alone = emit("mulw", f"{name}_scaled", (a, factor), square)
        found.append(emit("round_shift", f"{name}_rounded", (alone,), QUARTER, n=7))
    found.append(emit("mul", "plain", (m, k), square))
    found.append(emit("add", "plus", (emit("mul", "p", (m, k), square), number), INT32))
    found.append(emit("round_shift", "cut", (emit("mul", "q", (m, k), square),), QUARTER, n=12))
    for bits in (2, 8, 12, 16, 17, 24, 31):
        ends = Format("int32", 1.0, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        found.append(emit("saturate", f"saturated{bits}", (a,), ends, n=bits))
        for places in (2, 11, 25):
            cut = emit("shift", f"cut{bits}_{places}", (a,), QUARTER, n=places)
            found.append(emit("saturate", f"of{bits}_{places}", (cut,), ends, n=bits))
        cut = emit("round_shift", f"near{bits}", (wide,), QUARTER, n=bits // 2)
        found.append(emit("saturate", f"nearest{bits}", (cut,), ends, n=bits))
    b.close_block("all", 0)
    inputs, outputs = (tuple(map(_port, values)) for values in ((upper, lower, m, k), found))
    states = (State("before", "a", np.zeros(LENGTH, np.int64)),)
    blocks = tuple(b.blocks)
    return Program("net", "int8", inputs, outputs, states, b.values, b.constants, blocks, None)


def edges() -> dict[str, np.ndarray]:
    """[2 streams, 1 call, STEPS, LENGTH]: both sides of all ends, and numbers of all magnitudes."""
    rng = np.random.default_rng(3)
    shape = (2, 1, STEPS, LENGTH)
    powers = np.array([s * 2**n + d for n in range(31) for s in (-1, 1) for d in (-1, 0, 1)])
    powers = np.concatenate([powers, [INT32_MIN, INT32_MIN + 1, INT32_MAX, 0]])

    def numbers(low: int, high: int) -> np.ndarray:
        near = np.clip(rng.choice(powers, shape), low, high)
        far = np.floor(rng.normal(size=shape) * 2.0 ** rng.integers(0, 31, shape))
        drawn = np.clip(far, low, high).astype(np.int64)
        return np.where(rng.random(shape) < 0.6, near, drawn)

    narrow = (-(2**15), 2**15 - 1)
    a = numbers(INT32_MIN, INT32_MAX)
    a[0, 0, 0, :4] = INT32_MIN, INT32_MAX, INT32_MIN, INT32_MAX
    m, k = numbers(*narrow), numbers(*narrow)
    m[:, :, :, 0], k[:, :, :, 0] = narrow[0], narrow[0]
    return {"upper": a >> 16, "lower": (a & 0xFFFF) - 2**15, "m": m, "k": k}
