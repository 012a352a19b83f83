"""Raw integers of a converter: C and numpy agree on all 65,536 of them, and with real numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.emit.render import render
from lstm_edge.errors import DataError
from lstm_edge.interpret.ports import quantize
from lstm_edge.interpret.raw import (
    EVERY,
    RAW_HIGH,
    RAW_LOW,
    RawInput,
    named_numbers,
    quantize_int16,
    raw_constants,
    raw_inputs,
)
from lstm_edge.ir.program import Port, Program
from lstm_edge.passes.options import Options
from lstm_edge.targets import load_target
from lstm_edge.toolchain import execute, gcc
from tests.golden.test_golden import given, tiny_model
from tests.support.exactness import float_program
from tests.support.programs import quantized

HOST = load_target("host")
EVERY_RAW = np.arange(RAW_LOW, RAW_HIGH + 1)
PROGRAMS = {
    "int8": Options(),
    "8 bits": Options(8),
    "fixed": Options(power_of_two=True),
    "float32": None,
}
RAWS = {
    "an ADC of 12 bits": RawInput(3.3 / 4096, 2048),
    "a step is a stored unit": RawInput(1.0 / 640),
    "far too loud": RawInput(1000.0, -7),
    "hardly anything": RawInput(1e-6),
    "a zero between two steps": RawInput(0.37, -1023.5),
}
MAIN = """
#include "edge_io.h"
#include "net.h"

static net_x_t stored[NET_X_SIZE];

int main(void)
{
    const edge_file out = edge_open_write("output.bin");

    for (int32_t each = -32768; each <= 32767; each++) {
        int16_t raw[NET_X_SIZE];
        for (int32_t k = 0; k < NET_X_SIZE; k++) {
            raw[k] = (int16_t)(k % 2 ? -1 - each : each);
        }
        net_quantize_x_from_int16(raw, stored);
        edge_write(out, stored, sizeof stored);
    }
    return edge_close(out) ? 0 : 1;
}
"""


def program_of(options: Options | None, *, by_feature: bool = False) -> Program:
    """A model of two features; by_feature: with scales and zero points of their own."""
    model = tiny_model("net")
    if options is None:
        return float_program(model)
    program = quantized(model, given(32), options, from_data=False)
    if not by_feature:
        return program
    (port,) = program.inputs
    scale, zero = port.scale * np.array([1.0, 3e-4]), np.array([-1234567, 77])
    return replace(program, inputs=(replace(port, scale=scale, zero_point=zero),))


def raws() -> np.ndarray:
    """What the program's main() stores, [65536, 2]."""
    return np.stack([EVERY_RAW, -1 - EVERY_RAW], axis=1)


def farthest(program: Program, port: Port, raw: RawInput, numbers: np.ndarray) -> float:
    """How far stored numbers are from what raw ones stand for, in stored units, by rational
    arithmetic; beyond the range it is the end that counts.
    """
    fmt = program.values[port.value].format
    stored = quantize_int16(program, port, raw, numbers)
    worst = Fraction(0)
    for k, (scale, zero) in enumerate(zip(port.scale, port.zero_point, strict=True)):
        units = Fraction(raw.scale) / Fraction(float(scale))
        for number, found in zip(numbers[:, k], stored[:, k], strict=True):
            real = (Fraction(int(number)) - Fraction(raw.zero)) * units + int(zero)
            inside = min(max(real, Fraction(fmt.low)), Fraction(fmt.high))
            worst = max(worst, abs(inside - int(found)))
    return float(worst)


CASES = [(s, r, False) for s in PROGRAMS for r in RAWS] + [("int8", r, True) for r in RAWS]


@pytest.mark.parametrize(("scheme", "what", "by_feature"), CASES)
def test_numpy_and_c_store_every_raw_number_alike(
    scheme: str, what: str, by_feature: bool, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc")
    program, raw = program_of(PROGRAMS[scheme], by_feature=by_feature), RAWS[what]
    files = render(program, HOST, "gates", ("for a test",), raw={"x": raw}).files
    for name, text in {**files, "main.c": MAIN}.items():
        (tmp_path / name).write_text(text)
    sources = [path for path in tmp_path.iterdir() if path.suffix == ".c"]
    execute(HOST, gcc.build(HOST, sources, [tmp_path], tmp_path), tmp_path)
    kind = {"float": "<f4", "int16_t": "<i2", "int8_t": "<i1"}[
        next(line.split()[1] for line in files["net.h"].splitlines() if line.endswith(" net_x_t;"))
    ]
    found = np.frombuffer((tmp_path / "output.bin").read_bytes(), kind).reshape(-1, 2)
    assert np.array_equal(found, quantize_int16(program, program.inputs[0], raw, raws()))


@pytest.mark.parametrize("by_feature", [False, True])
@pytest.mark.parametrize("what", RAWS)
@pytest.mark.parametrize("scheme", ["int8", "8 bits", "fixed"])
def test_a_raw_number_becomes_the_nearest_stored_one(
    scheme: str, what: str, by_feature: bool
) -> None:
    """To within half a unit and what the multiplier's own rounding adds; every hundredth number."""
    program, raw = program_of(PROGRAMS[scheme], by_feature=by_feature), RAWS[what]
    (port,) = program.inputs
    assert farthest(program, port, raw, raws()[::97]) <= 0.5 + 2.0**-14


@pytest.mark.parametrize("scheme", ["int8", "fixed"])
def test_a_raw_number_is_stored_as_its_real_number_is(scheme: str) -> None:
    program, raw = program_of(PROGRAMS[scheme]), RAWS["an ADC of 12 bits"]
    (port,) = program.inputs
    real = ((raws() - raw.zero) * raw.scale).astype(np.float32)
    difference = quantize_int16(program, port, raw, raws()) - quantize(program, port, real)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01


def test_no_sum_leaves_int64() -> None:
    """With the constants of every case, and of a zero as far away as one may be."""
    for by_feature in (False, True):
        (port,) = program_of(Options(), by_feature=by_feature).inputs
        for raw in (*RAWS.values(), RawInput(0.02, 2.0**30), RawInput(1.0, -(2.0**30))):
            made = raw_constants(port, raw)
            for number in (RAW_LOW, RAW_HIGH):
                sums = [
                    number * int(m) + int(o)
                    for m, o in zip(made.multipliers, made.offsets, strict=True)
                ]
                assert all(-(2**63) <= s < 2**63 for s in sums)
            assert np.all((made.shifts >= 0) & (made.shifts < 64))


REFUSED = {
    "scale 0": ({EVERY: 0.0}, {}, "--input-scale 0 of input 'x'"),
    "an infinite scale": ({EVERY: float("inf")}, {}, "--input-scale inf"),
    "no number": ({"x": float("nan")}, {}, "--input-scale nan"),
    "a negative scale": ({EVERY: -0.5}, {}, "expected a positive number"),
    "an infinite zero": ({EVERY: 1.0}, {EVERY: float("inf")}, "--input-zero inf"),
    "an unknown input": ({"y": 1.0}, {}, "no input 'y'; inputs of real numbers: x"),
    "an unknown input of a zero": ({EVERY: 1.0}, {"y": 1.0}, "--input-zero y=...: no input"),
    "a zero alone": ({}, {EVERY: 3.0}, "give --input-scale"),
    "all alike": ({EVERY: 1e-30}, {}, "every raw number would become the same"),
    "all beyond": ({EVERY: 1.0}, {EVERY: 1e8}, "every raw number would become the same"),
    "a step beyond all": ({EVERY: 1e20}, {}, "stored units of input 'x'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_meaning_is_refused(what: str) -> None:
    scales, zeros, message = REFUSED[what]
    with pytest.raises(DataError, match=re.escape(message)):
        raw_inputs(program_of(Options()), scales, zeros)


@pytest.mark.parametrize("name", [EVERY, "x"])
def test_integers_are_no_raw_numbers(name: str) -> None:
    program = program_of(Options())
    ids = replace(program, inputs=(replace(program.inputs[0], limit=10),))
    with pytest.raises(DataError, match="integers"):
        raw_inputs(ids, {name: 1.0}, {})


def test_options_name_an_input_or_mean_all() -> None:
    assert named_numbers("--input-scale", ["0.5", "a=b=2"]) == {EVERY: 0.5, "a=b": 2.0}
    for texts, message in (
        (["x="], "--input-scale x=: expected a number, or NAME=NUMBER"),
        (["loud"], "--input-scale loud: expected a number"),
        (["x=1", "x=1"], "--input-scale x=1: given twice"),
        (["1", "1"], "--input-scale 1: given twice"),
    ):
        with pytest.raises(DataError, match=re.escape(message)):
            named_numbers("--input-scale", texts)


def test_raw_numbers_have_16_bits() -> None:
    program = program_of(Options())
    for wrong in (np.array([0.5, 1.0]), np.array([40000, 0])):
        with pytest.raises(DataError, match="expected integers from -32768 to 32767"):
            quantize_int16(program, program.inputs[0], RAWS["an ADC of 12 bits"], wrong)


def test_without_options_there_is_no_such_function() -> None:
    program = program_of(Options())
    assert raw_inputs(program, {}, {}) == {}
    files = render(program, HOST, "gates", ("for a test",)).files
    assert not any("int16_t *raw" in text for text in files.values())
