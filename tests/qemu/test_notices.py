"""The comparison of `test_bit_exact.py` notices one wrong bit in the generated C."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.options import Options
from lstm_edge.targets import Target, load_target
from tests.support.exactness import (
    QUICK,
    Files,
    assert_bit_exact,
    assert_same_bits,
    float_program,
    stored_streams,
)
from tests.support.models import random_model
from tests.support.programs import Arrays
from tests.support.schemes import program_of

BUILDS = [("cortex-m4", "gates"), ("cortex-m0", "none"), ("cortex-m3", "gates")]
"""The kernels of each part; constants of units are in the stream of their weights."""
Made = tuple[Program, Arrays]
MADE: dict[str, Made] = {}
NUMBER = re.compile(r"-?\b\d[\d.e+-]*f?")


def made(float32: bool = False, options: Options | None = None) -> Made:
    """A program and what enters it, which tests share: every output of a layer, so that nothing
    that it computes is lost.
    """
    key = f"{float32} {options}"
    if key not in MADE:
        program = float_program(model()) if float32 else program_of(model(), options or Options())
        MADE[key] = program, stored_streams(program, 300)
    return MADE[key]


def model() -> Model:
    return random_model(
        900,
        hidden=(4,),
        features=3,
        cell="peephole",
        direction="forward",
        front=(),
        read="steps",
        head=(),
        also=("hidden", "cell"),
        initial=True,
        cut=(),
        weights="normal",
        layout="batch_first",
    )


def differs(
    given: Made, target: Target, unroll: str, folder: Path, edit: Callable[[Files], Files]
) -> None:
    """The edited C runs, and its numbers differ."""
    program, inputs = given
    with pytest.raises(AssertionError, match=r"^\d+ of \d+ numbers of \w+ differ"):
        assert_bit_exact(program, target, unroll, folder, inputs, edit=edit, optimize=QUICK)


@pytest.mark.parametrize(
    ("name", "unroll"), [*BUILDS, ("cortex-m3", "gates"), ("cortex-m7", "full")]
)
@pytest.mark.parametrize("float32", [False, True])
def test_nothing_is_noticed_where_nothing_is_wrong(
    float32: bool, name: str, unroll: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target(name)
    target_or_skip(target)
    program, inputs = made(float32)
    assert_bit_exact(program, target, unroll, tmp_path, inputs, optimize=QUICK)


def changed(files: Files, name: str, pattern: str, change: Callable[[re.Match[str]], str]) -> Files:
    """One replacement in one file: the first match of a pattern."""
    text, count = re.subn(pattern, change, files[name], count=1)
    assert count == 1, f"{name} has no {pattern}"
    assert text != files[name]
    return {**files, name: text}


def flipped(files: Files, array: str, bit: int = 0, place: int | None = None) -> Files:
    """One bit of one number of a constant array: the one at a place, the middle one of integers,
    the largest float.
    """

    def change(match: re.Match[str]) -> str:
        numbers = list(NUMBER.finditer(match[2]))
        chosen = numbers[len(numbers) // 2 if place is None else place]
        if chosen[0].endswith("f"):
            chosen = max(numbers, key=lambda number: abs(float(number[0][:-1])))
        start, end = chosen.span()
        return match[1] + match[2][:start] + next_to(chosen[0], bit) + match[2][end:]

    return changed(files, "net_weights.c", rf"(net_{array}(?:\[\d+\])+ = )(\{{[^;]*\}};)", change)


def next_to(number: str, bit: int = 0) -> str:
    """The number with one bit flipped; the next float."""
    if not number.endswith("f"):
        return str(int(number) ^ (1 << bit))
    value = np.nextafter(np.float32(number[:-1]), np.float32(np.inf))
    return f"{value:.9g}f"


@pytest.mark.parametrize(("name", "unroll"), BUILDS)
@pytest.mark.parametrize(
    ("array", "bit", "place"),
    [
        ("lstm0_weights", 6, 0),
        ("lstm0_weights", 8, 4),
        ("lstm0_weights", 3, -1),
        ("sigmoid_table", 0, None),
        ("lstm0_c_initial", 16, None),
    ],
    ids=["start", "weight", "constant", "table", "initial"],
)
def test_one_bit_of_one_constant(
    array: str,
    bit: int,
    place: int | None,
    name: str,
    unroll: str,
    tmp_path: Path,
    target_or_skip: Callable[[Target], None],
) -> None:
    """Of a stream: the start of its first sum, the first word of weights, and the last constant of
    the last unit. Several units of a start make one of the result. The middle word of a table
    stands for zero, which every gate comes near.
    """
    target = load_target(name)
    target_or_skip(target)
    if name == "cortex-m3" and (place == -1 or array == "sigmoid_table"):
        bit += 16  # what is multiplied with, and entries, are in the upper half of a word
    differs(made(), target, unroll, tmp_path, lambda files: flipped(files, array, bit, place))


@pytest.mark.parametrize(("name", "unroll"), BUILDS)
@pytest.mark.parametrize(
    ("place", "bit", "options"),
    [
        (4, 4, Options(weights=4)),
        (4, 20, Options(weights=4, power_of_two=True)),
        (4, 4, Options(activations=16, weights=16)),
        (4, 8, Options(power_of_two=True)),
        (-1, 0, Options(power_of_two=True)),
        (0, 6, Options(weights=4, power_of_two=True)),
    ],
    ids=["int4", "int4 upper", "int16", "fixed", "shift", "fixed bias"],
)
def test_one_bit_of_one_constant_of_other_schemes(
    place: int,
    bit: int,
    options: Options,
    name: str,
    unroll: str,
    tmp_path: Path,
    target_or_skip: Callable[[Target], None],
) -> None:
    """The first word of weights, in either half; a shift count, the last of a unit's constants; the
    start of a sum.
    """
    target = load_target(name)
    target_or_skip(target)
    array, given = "lstm0_weights", made(options=options)
    differs(given, target, unroll, tmp_path, lambda f: flipped(f, array, bit, place))


@pytest.mark.parametrize(("name", "unroll"), BUILDS)
@pytest.mark.parametrize(
    "pattern",
    [
        r"(h_next_stored = [^;]* >> )(\d+)",
        r"(gate_i_cut = [^;]* >> )(\d+)",
        r"(asr #|segment = a >> )(\d+)",
    ],
    ids=["rounding", "alignment", "table"],
)
def test_one_shift(
    pattern: str, name: str, unroll: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target(name)
    target_or_skip(target)

    def edit(files: Files) -> Files:
        return changed(files, "net.c", pattern, lambda m: f"{m[1]}{int(m[2]) + 1}")

    differs(made(), target, unroll, tmp_path, edit)


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"gate_i \* gate_g \+", "gate_g * gate_g + (gate_i - gate_i) +"),
        (r"(h_next = [^;]* \+ )(\d+);", r"\1 0;"),
        (r"state->current = next;", "state->current = now;"),
        (r"\(void\)memcpy\(&state->lstm0_x_h\[0\][^;]*;", ""),
        (r"\(a & -2\)", "(a & -4)"),
    ],
    ids=["operand", "half", "buffer", "reset", "fraction"],
)
def test_one_line_of_the_code(
    pattern: str, replacement: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target("cortex-m3")
    target_or_skip(target)

    def edit(files: Files) -> Files:
        return changed(files, "net.c", pattern, lambda match: match.expand(replacement))

    differs(made(), target, "gates", tmp_path, edit)


def test_one_literal_of_straight_line_code(
    tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target("cortex-m7")
    target_or_skip(target)

    def edit(files: Files) -> Files:
        pattern = r"(pre_f\w*_acc \+= )(-?\d+)( \* h\[1\])"
        return changed(files, "net.c", pattern, lambda m: m[1] + next_to(m[2]) + m[3])

    differs(made(), target, "full", tmp_path, edit)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("cortex-m0", "lstm0_weights"),
        ("cortex-m0", "lstm0_bias"),
        ("cortex-m0", "lstm0_constant"),
        ("cortex-m4", "lstm0_weights"),  # all in one stream
    ],
)
def test_the_last_bit_of_one_float(
    name: str, array: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target(name)
    target_or_skip(target)
    differs(made(float32=True), target, "gates", tmp_path, lambda files: flipped(files, array))


@pytest.mark.parametrize("kind", ["shape", "sign of zero", "not a number", "missing", "type"])
def test_the_comparison_itself(kind: str) -> None:
    zeros = {"y": np.zeros((2, 3), np.float32)}
    other = {
        "shape": {"y": np.zeros((3, 2), np.float32)},
        "sign of zero": {"y": -zeros["y"]},
        "not a number": {"y": zeros["y"] * np.float32(np.nan)},
        "missing": {},
        "type": {"y": np.zeros((2, 3), np.int64)},
    }
    assert_same_bits(zeros, {"y": zeros["y"].copy()})
    with pytest.raises(AssertionError):
        assert_same_bits(zeros, other[kind])
