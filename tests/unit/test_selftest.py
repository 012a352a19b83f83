"""The generated functions as a user calls them: self-test, several states, reset, conversions."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.emit import testing
from lstm_edge.interpret.feed import Feed, run_numpy
from lstm_edge.interpret.ports import dequantize, quantize
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Port, Program
from lstm_edge.passes.lower_integer import Options
from lstm_edge.targets import Target, load_target
from lstm_edge.toolchain import execute, gcc
from tests.golden.test_golden import generated
from tests.support.choices import PLAIN
from tests.support.compiling import compile_file
from tests.support.exactness import (
    assert_same_bits,
    float_program,
    integer_program,
    rendered,
    stored_streams,
)
from tests.support.models import random_inputs, random_model
from tests.support.programs import Array, quantized

HOST = load_target("host")

SELFTEST_MAIN = """
#include "edge_io.h"
#include "NAME.h"

static NAME_state state;

static void say(int32_t number)
{
    edge_print_int(number);
    edge_print(" ");
}

int main(void)
{
    NAME_difference first = {"unset", -1, -1};

    say(NAME_selftest());
    say(NAME_selftest_on(&state, NULL));
    say(NAME_selftest_on(&state, &first));
    say(first.step);
    say(first.index);
    edge_print(first.output != NULL ? first.output : "none");
    return 0;
}
"""

CALLS = """
#include "edge_io.h"
#include "net.h"

enum { STEPS = @STEPS@, HALF = @HALF@, ROWS = 8 };

/* The outputs in the order that the model has them in. */
#define STEP(state, x, y, last) net_step(state, x, @ORDER@)
#define RUN(state, x, steps, y, last) net_run(state, x, steps, @ORDER@)

static @IN@ x[2][STEPS][NET_X_SIZE];
static @STEP_OUT@ y[ROWS][STEPS][NET_@STEP@_SIZE];
static @LAST_OUT@ last[ROWS][NET_@LAST@_SIZE];
static @LAST_OUT@ unused[NET_@LAST@_SIZE];
static net_state a;
static net_state b;

static @LAST_OUT@ *at_end(int row, int32_t t)
{
    return t == STEPS - 1 ? last[row] : NULL;
}

/* All steps of a sequence, one call each. */
static void steps(net_state *state, int sequence, int row)
{
    for (int32_t t = 0; t < STEPS; t++) {
        STEP(state, x[sequence][t], y[row][t], at_end(row, t));
    }
}

int main(void)
{
    const edge_file in = edge_open_read("input.bin");
    const edge_file out = edge_open_write("output.bin");

    (void)edge_read(in, x, sizeof x);
    net_init(&a);
    steps(&a, 0, 0);
    net_init(&b);
    steps(&b, 1, 1);

    for (size_t k = 0; k < sizeof a; k++) {
        ((unsigned char *)&a)[k] = 0xa5;
        ((unsigned char *)&b)[k] = 0x5a;
    }
    net_init(&a);
    net_init(&b);
    for (int32_t t = 0; t < STEPS; t++) {
        STEP(&a, x[0][t], y[2][t], at_end(2, t));
        STEP(&b, x[1][t], y[3][t], at_end(3, t));
    }

    net_init(&a);
    RUN(&a, x[1][0], HALF, y[4][0], unused);
    net_reset(&a);
    steps(&a, 0, 4);

    net_init(&a);
    RUN(&a, x[0][0], STEPS, y[5][0], last[5]);

    net_init(&a);
    RUN(&a, x[0][0], HALF, y[6][0], unused);
    RUN(&a, x[0][HALF], STEPS - HALF, y[6][HALF], last[6]);

    net_init(&a);
    for (int32_t t = 0; t < STEPS; t++) {
        STEP(&a, x[0][t], y[7][t], last[7]);
    }
    return edge_write(out, y, sizeof y) && edge_write(out, last, sizeof last) && edge_close(out)
        ? 0
        : 1;
}
"""

CONVERT = """
#include "edge_io.h"
#include "net.h"

enum { VECTORS = @VECTORS@ };

static float real[VECTORS][NET_X_SIZE];
static @IN@ stored[VECTORS][NET_X_SIZE];
static @OUT@ result[VECTORS][NET_Y_SIZE];
static float converted[VECTORS][NET_Y_SIZE];

int main(void)
{
    const edge_file in = edge_open_read("input.bin");
    const edge_file out = edge_open_write("output.bin");

    (void)edge_read(in, real, sizeof real);
    (void)edge_read(in, result, sizeof result);
    for (int k = 0; k < VECTORS; k++) {
        net_quantize_x(real[k], stored[k]);
        net_dequantize_y(result[k], converted[k]);
    }
    return edge_write(out, stored, sizeof stored) && edge_write(out, converted, sizeof converted)
        && edge_close(out) ? 0 : 1;
}
"""


def written(folder: Path, files: dict[str, str]) -> tuple[Path, ...]:
    """Write files and return those to compile."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return tuple(folder / name for name in files if name.endswith(".c"))


def run_c(
    program: Program, target: Target, main: str, words: dict[str, object], folder: Path, data: bytes
) -> bytes:
    """What `main` makes of input.bin with the generated C of a program."""
    for name, word in words.items():
        main = main.replace(f"@{name}@", str(word))
    files = {**rendered(program, target, "gates").files, "main.c": main}
    built = gcc.build(target, written(folder, files), [folder], folder)
    (folder / "input.bin").write_bytes(data)
    execute(target, built, folder)
    return (folder / "output.bin").read_bytes()


def ctype(program: Program, port: Port) -> str:
    return testing.test_ports(program, (port,))[0].ctype


def first_difference(
    files: dict[str, str], name: str, folder: Path, target: Target = HOST
) -> tuple[int, str, int, int]:
    """How many results the self-test finds wrong, and output, step and index of the first."""
    sources = written(folder, {**files, "main.c": SELFTEST_MAIN.replace("NAME", name)})
    said = execute(target, gcc.build(target, sources, [folder], folder), folder).split()
    wrong, unasked, asked, step, index = (int(word) for word in said[:5])
    assert wrong == unasked == asked
    return wrong, said[5], step, index


def selftest(files: dict[str, str], name: str, folder: Path) -> int:
    """How many results the self-test finds wrong."""
    return first_difference(files, name, folder)[0]


def digits(project_root: Path, **options: object) -> dict[str, str]:
    """The C files of the example, compiled for this computer."""
    folder = project_root / "examples" / "digits"
    files = compile_file(
        folder / "digits.onnx", "host", calibration=folder / "calibration.npz", **options
    ).files
    return {name: data.decode() for name, data in files.items() if name[-2:] in (".c", ".h")}


@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_selftest_counts_the_results_that_differ(
    scheme: str, project_root: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc")
    files = digits(project_root, scheme=scheme)
    assert selftest(files, "digits", tmp_path / "right") == 0

    def next_number(match: re.Match[str]) -> str:
        return (
            f"{match[1]}{float(match[2]) + 1:.9g}f"
            if match[3]
            else f"{match[1]}{int(match[2]) + 1}"
        )

    pattern = r"(expected_\w+(?:\[\d+\])+ = \{\s*\{\s*)(-?[\d.e+-]+)(f?)"
    text, count = re.subn(pattern, next_number, files["digits_selftest.c"])
    assert count == 1
    assert selftest({**files, "digits_selftest.c": text}, "digits", tmp_path / "wrong") == 1


@pytest.mark.parametrize(("case", "name"), [("loops", "host"), ("pairs", "cortex-m4")])
def test_the_first_result_that_differs_is_told(
    case: str, name: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    """Of an output of each step and one after the last; the one of the earlier step comes first."""
    target = load_target(name)
    target_or_skip(target)
    files = generated(case)
    lines = files[f"{case}_selftest.c"].splitlines(keepends=True)
    hidden = next(k for k, line in enumerate(lines) if "expected_hidden" in line)
    last = next(k for k, line in enumerate(lines) if "expected_probability" in line)
    for number, (changed, told) in enumerate(
        [
            ([], (0, "none", 0, 0)),
            ([last + 1], (1, "probability", 3, 1)),
            ([hidden + 3, last + 1], (2, "hidden", 2, 2)),
        ]
    ):
        edited = [
            line.replace("},", " + 1},") if k in changed else line for k, line in enumerate(lines)
        ]
        texts = {**files, f"{case}_selftest.c": "".join(edited)}
        assert first_difference(texts, case, tmp_path / str(number), target) == told


def test_selftest_notices_one_changed_weight(
    project_root: Path, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc")
    files = digits(project_root, name="other")
    pattern = r"(other_lstm_weights\[5120\] = \{(?:\s*-?\d+,){40}\s*)(-?\d+)"
    text, count = re.subn(
        pattern,
        lambda m: f"{m[1]}{int(m[2]) - 40 * (int(m[2]) > 0) + 20}",
        files["other_weights.c"],
    )
    assert count == 1
    assert selftest({**files, "other_weights.c": text}, "other", tmp_path) > 0


def call_models() -> dict[str, Program]:
    """Each has one output of every step and one after the last."""
    common = {
        "features": 3,
        "layout": "time_major",
        "weights": "normal",
        "direction": "forward",
        "also": ("cell",),
    }
    common |= {"read": "steps", "initial": True}
    stack = random_model(1000, hidden=(4, 3), cell="peephole", head=("dense", "softmax"), **common)
    zeros = {**common, "initial": False, "head": (), "front": ()}
    plain = random_model(1001, hidden=(5,), cell="plain", **zeros)
    zeros |= {"read": "flat", "also": ("hidden",)}
    flat = random_model(1002, hidden=(5,), cell="coupled", **zeros, steps=20)
    return {
        "stack": integer_program(stack, 12, 32),
        "narrow": integer_program(stack, 8, 16),
        "plain": integer_program(plain, 16, 32),
        "flat": integer_program(flat, 12, 16),
        "float": float_program(stack),
    }


@pytest.mark.parametrize("name", ["stack", "narrow", "plain", "flat", "float"])
def test_states_are_independent_and_reset_run_and_init_agree(
    name: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """Two sequences: apart, by turns, after a reset half way, by `_run` whole and in parts."""
    tool_or_skip("cc")
    program = call_models()[name]
    steps = 20
    x = {
        port: a.reshape(8, -1, a.shape[-1])[:2, None, :steps]
        for port, a in stored_streams(program, 50).items()
    }
    expected = run_numpy(program, Feed(x)).outputs
    outputs = {p.name: p for p in program.outputs}
    (every,) = (n for n, p in outputs.items() if p.per_step)
    (last,) = (n for n, p in outputs.items() if not p.per_step)
    assert not np.array_equal(expected[every][0], expected[every][1])
    types = {n: ctype(program, p) for n, p in outputs.items()}
    given = ctype(program, program.inputs[0])
    words = {"IN": given, "STEP_OUT": types[every], "LAST_OUT": types[last]}
    words |= {"STEP": every.upper(), "LAST": last.upper(), "STEPS": steps, "HALF": 7}
    words |= {"ORDER": "y, last" if next(iter(outputs)) == every else "last, y"}
    data = x["x"][:, 0].astype(testing.DTYPES[given]).tobytes()
    data = run_c(program, HOST, CALLS, words, tmp_path, data)
    found = {}
    start = 0
    for port, shape in ((every, (8, steps)), (last, (8,))):
        size = (*shape, program.values[outputs[port].value].length)
        numbers = np.frombuffer(data, testing.DTYPES[types[port]], int(np.prod(size)), start)
        start += numbers.nbytes
        found[port] = numbers.reshape(size).astype(expected[port].dtype)
    assert start == len(data)
    for row, sequence in enumerate((0, 1, 0, 1, 0, 0, 0, 0)):
        assert_same_bits(
            {port: a[sequence, 0] for port, a in expected.items()},
            {port: a[row] for port, a in found.items()},
        )


def off_centre_model() -> tuple[Model, dict[str, Array]]:
    """Features in different units, one of them far from zero, and inputs of that kind."""
    model = random_model(
        1010, **PLAIN, features=4, hidden=(3,), head=("dense",), also=(), layout="time_major"
    )
    inputs = random_inputs(model, 20)
    scale = np.array([1.0, 0.01, 300.0, 5.0], np.float32)
    offset = np.array([0.0, 0.5, -7000.0, 101.3], np.float32)
    return model, {"x": inputs["x"] * scale + offset}


def reals_to_convert(program: Program, seen: Array) -> Array:
    """[vectors, features]: usual numbers, halves of a unit, ends of the range, beyond reason."""
    port = program.inputs[0]
    fmt = program.values[port.value].format
    stored = np.array([fmt.low - 1, fmt.low, -1, 0, 1, fmt.high, fmt.high + 1])[:, None]
    exact = (
        stored + np.array([-0.5, -0.25, 0.0, 0.5])[:, None, None] - port.zero_point
    ) * port.scale
    halves = exact.reshape(-1, len(port.scale)).astype(np.float32)
    odd = [np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 2.0**31, -(2.0**31), 1e-45, -0.0, 0.0]
    odd = np.repeat(np.array(odd, np.float32)[:, None], len(port.scale), axis=1)
    near = [np.nextafter(halves, np.float32(end)) for end in (-np.inf, np.inf)]
    return np.concatenate([seen.reshape(-1, seen.shape[-1]), halves, *near, odd])


@pytest.mark.parametrize("name", ["host", "cortex-m0", "cortex-m4"])
@pytest.mark.parametrize("activations", [8, 12, 16])
def test_conversions_agree_with_numpy_in_every_bit(
    activations: int, name: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target(name)
    target_or_skip(target)
    model, inputs = off_centre_model()
    program = quantized(model, inputs, Options(activations))
    (port,), (result,) = program.inputs, program.outputs
    assert np.count_nonzero(port.zero_point) >= 2
    assert len(set(port.scale)) == 4
    real = reals_to_convert(program, inputs["x"])
    in_type, out_type = ctype(program, port), ctype(program, result)
    limits = np.iinfo(testing.DTYPES[out_type])
    rng = np.random.default_rng(0)
    shape = (len(real), program.values[result.value].length)
    stored = rng.integers(limits.min, limits.max, shape, endpoint=True)
    stored[0], stored[1], stored[2] = limits.min, limits.max, 0
    words = {"IN": in_type, "OUT": out_type, "VECTORS": len(real)}
    given = real.tobytes() + stored.astype(testing.DTYPES[out_type]).tobytes()
    data = run_c(program, target, CONVERT, words, tmp_path, given)
    count = real.size
    quantities = np.frombuffer(data, testing.DTYPES[in_type], count)
    reals = np.frombuffer(data, np.float32, stored.size, quantities.nbytes)
    with np.errstate(all="ignore"):
        wanted = {"x": quantize(program, port, real), "y": dequantize(program, result, stored)}
    found = {"x": quantities.reshape(real.shape).astype(np.int64), "y": reals.reshape(shape)}
    assert_same_bits(wanted, found)
    fmt = program.values[port.value].format
    assert wanted["x"].min() == fmt.low
    assert wanted["x"].max() == fmt.high
