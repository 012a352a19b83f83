"""Convolution and pooling in C: the bits of numpy, one step at a time or all of them at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.emit.memory import c_name, ctype_of
from lstm_edge.errors import ToolchainError
from lstm_edge.interpret.feed import Feed, run_numpy
from lstm_edge.interpret.ports import quantize
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from lstm_edge.targets import load_target
from tests.oracle.graphs import saved
from tests.oracle.window_graphs import MODELS, drawn
from tests.support.boards import combined
from tests.support.compiling import compile_file
from tests.support.exactness import (
    UNROLLS,
    assert_bit_exact,
    compiled_outputs,
    every,
    sanitized,
)
from tests.unit.test_selftest import run_c, selftest

HOST = load_target("host")
DSP = load_target("cortex-m4")
SCHEMES = ("int8", "8-bit", "float32")


@pytest.fixture(autouse=True)
def _compiler(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")


@cache
def program_of(name: str, scheme: str, low: float = 0.0) -> Program:
    """The program of a model of the catalogue; low: as for `drawn`."""
    import tempfile

    from lstm_edge.frontend import load

    with tempfile.TemporaryDirectory() as folder:
        model = load(saved(MODELS[name], Path(folder)), name="net")
    real = lower_real(model)
    if scheme == "float32":
        return real
    arrays = drawn(model, model.steps or 17, 32, 3, low)
    vectors = {n: np.moveaxis(a[:, 0], 1, 2) for n, a in arrays.items()}
    ranges = calibrate(real, Feed.of_samples(vectors), from_data=True)
    program = lower_integer(model, ranges, Options(8 if scheme == "8-bit" else 12))
    prove(program)
    return program


def windows(program: Program, length: int, seed: int = 0, calls: int = 3) -> Feed:
    """Three streams of windows of `length` steps, of anything that the formats hold."""
    rng = np.random.default_rng([seed, length])
    inputs = {}
    for port in program.inputs:
        value = program.values[port.value]
        shape = (3, calls, length, value.length)
        if program.is_float:
            inputs[port.name] = (rng.normal(size=shape) * 2).astype(np.float32)
        else:
            low, high = value.format.low, value.format.high
            inputs[port.name] = rng.integers(low, high, shape, endpoint=True)
            inputs[port.name][1] = rng.choice([low, high], shape[1:])
    return Feed(inputs)


def lengths_of(program: Program) -> tuple[int, ...]:
    """Of a window: as the model has it, or several, one of which is the least."""
    if program.steps is not None:
        return (program.steps,)
    return tuple(program.least_steps + more for more in (0, 1, 2, 7))


@pytest.mark.parametrize(("name", "scheme"), combined(MODELS, SCHEMES, of=2))
def test_windows_are_those_of_numpy(name: str, scheme: str, tmp_path: Path) -> None:
    program = program_of(name, scheme)
    unroll = UNROLLS[(list(MODELS).index(name) + SCHEMES.index(scheme)) % len(UNROLLS)]
    target = HOST if unroll == "full" else DSP
    for length in lengths_of(program)[:2]:
        feed = windows(program, length)
        options = {"rendered_for": target, "optimize": "-O1"}
        assert_bit_exact(program, HOST, unroll, tmp_path / str(length), feed, **options)


@pytest.mark.parametrize("scheme", ["int8", "8-bit"])
def test_padding_is_zero_though_no_stored_number_means_zero(scheme: str, tmp_path: Path) -> None:
    for name in ("dilated", "both", "residual", "flushed", "averaged"):
        program = program_of(name, scheme, 100.0)
        (port,) = program.inputs
        zero = quantize(program, port, np.zeros(len(port.scale), np.float32))
        assert np.all(zero != port.zero_point)
        feed = windows(program, lengths_of(program)[0])
        assert_bit_exact(program, HOST, "gates", tmp_path / name, feed)


@pytest.mark.parametrize(
    ("compiler", "optimize"),
    [(c, o) for c in ("gcc", "clang") for o in ("-O0", "-O1", "-O2", "-O3", "-Os")],
)
def test_every_compiler_gives_the_same_bits(
    compiler: str, optimize: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(compiler)
    for name in ("chain", "behind", "same-behind", "flushed"):
        program = program_of(name, "int8" if name != "behind" else "float32")
        feed = windows(program, lengths_of(program)[0])
        options = {"compiler": compiler, "optimize": optimize}
        assert_bit_exact(program, HOST, "gates", tmp_path / name, feed, **options)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_access_out_of_bounds_and_no_undefined_behaviour(
    compiler: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip(compiler)
    options = {"optimize": "-O0", **sanitized(compiler)}
    for name in ("strided-open", "chain", "flushed", "same-behind"):
        program = program_of(name, "int8")
        feed = windows(program, lengths_of(program)[-1])
        assert_bit_exact(program, HOST, "gates", tmp_path / name, feed, **options)


STREAM = """
#include "edge_io.h"
#include "net.h"

enum { STEPS = @STEPS@, WINDOWS = 3 };

@ARRAYS@
static net_state a;
static net_state b;
static int32_t counts[2][WINDOWS];

int main(void)
{
    const edge_file in = edge_open_read("input.bin");
    const edge_file out = edge_open_write("output.bin");

    net_init(&a);
    net_init(&b);
    for (int w = 0; w < WINDOWS; w++) {
        (void)edge_read(in, x, sizeof x);
        @COUNT_RUN@net_run(&a, x[0], STEPS, @RUN@);
        @BEGIN@
        for (int32_t t = 0; t < STEPS; t++) {
            const int at_end = t == STEPS - 1;
            @EMITTED@net_step(&b, x[t], @STEP@);
            (void)at_end;
            @ADVANCE@
        }
        if (!(@WRITES@)) {
            return 1;
        }
    }
    return edge_write(out, counts, sizeof counts) && edge_close(out) ? 0 : 1;
}
"""


def stream_words(program: Program, steps: int) -> dict[str, str]:
    """Declarations and calls of STREAM: `_run` fills row 0 of each output, `_step` row 1."""
    (source,) = program.inputs
    emits = any(
        program.length_of(p.value).of(steps) != steps for p in program.outputs if p.per_step
    )
    arrays = [f"static {ctype_of(program, source.value)} x[STEPS][{len(source.scale)}];"]
    run, step, writes = [], [], []
    for port in program.outputs:
        name, size = c_name(port.name), program.values[port.value].length
        kind = ctype_of(program, port.value)
        if port.per_step:
            arrays.append(f"static {kind} {name}[2][STEPS + 1][{size}];")
            run.append(f"{name}[0][0]")
            step.append(f"{name}[1][{'counts[1][w]' if emits else 't'}]")
        else:
            arrays.append(f"static {kind} {name}[2][{size}];")
            run.append(f"{name}[0]")
            step.append(f"at_end ? {name}[1] : NULL")
        writes.append(f"edge_write(out, {name}, sizeof {name})")
    return {
        "STEPS": str(steps),
        "ARRAYS": "\n".join(arrays),
        "RUN": ", ".join(run),
        "STEP": ", ".join(step),
        "WRITES": " && ".join(writes),
        "BEGIN": "net_begin(&b);" if program.steps is None else "",
        "COUNT_RUN": "counts[0][w] = " if emits else "",
        "EMITTED": "const int emitted = " if emits else "",
        "ADVANCE": "counts[1][w] += emitted;" if emits else "",
    }


STREAMING = [name for name in MODELS if program_of(name, "float32").streams]


def test_most_models_stream() -> None:
    assert {"plain", "strided", "chain", "behind", "two-outputs", "flushed", "averaged"} <= set(
        STREAMING
    )


@pytest.mark.parametrize(("name", "scheme"), combined(STREAMING, ("int8", "float32"), of=2))
def test_steps_one_by_one_are_a_run(name: str, scheme: str, tmp_path: Path) -> None:
    """Three windows in a row: one of a fixed length starts anew by itself, others at `_begin`.
    `_step` tells where it wrote a result of a step, `_run` how many.
    """
    program = program_of(name, scheme)
    for steps in lengths_of(program):
        feed = windows(program, steps, seed=1)
        feed = feed.pick(np.array([0]))
        (source,) = program.inputs
        data = feed.inputs[source.name].astype(_dtype(program, source.value)).tobytes()
        words = stream_words(program, steps)
        found = run_c(program, HOST, STREAM, words, tmp_path / str(steps), data)
        assert found == expected_stream(program, feed, steps, bool(words["EMITTED"]))


def expected_stream(program: Program, feed: Feed, steps: int, emits: bool) -> bytes:
    """What STREAM writes, from numpy."""
    outputs = run_numpy(program, feed).outputs
    wanted, held = b"", {}
    for w in range(3):
        for port in program.outputs:
            row = outputs[port.name][0, w].astype(_dtype(program, port.value))
            if port.per_step:
                shape = (2, steps + 1, row.shape[-1])
                whole = held.setdefault(port.name, np.zeros(shape, row.dtype))
                whole[:, : len(row)] = row
                wanted += whole.tobytes()
            else:
                wanted += np.stack([row, row]).tobytes()
    counted = [p for p in program.outputs if p.per_step] if emits else []
    count = program.length_of(counted[0].value).of(steps) if counted else 0
    return wanted + np.full(6, count, np.int32).tobytes()


def _dtype(program: Program, value: str) -> str:
    return {"float": "float32"}.get(kind := ctype_of(program, value), kind.removesuffix("_t"))


def broken(name: str, pattern: str, replacement: str, folder: Path, scheme: str = "int8") -> bool:
    """Whether an edit of the C code is noticed."""
    program = program_of(name, scheme)
    feed = windows(program, lengths_of(program)[0])

    def edit(files: Mapping[str, str]) -> Mapping[str, str]:
        text, count = re.subn(pattern, replacement, files["net.c"])
        assert count, f"{pattern} is not in the generated code"
        return {**files, "net.c": text}

    try:
        found = compiled_outputs(program, HOST, "gates", folder, feed, edit=edit)
    except ToolchainError:  # too many results, or too few
        return True
    expected = every(run_numpy(program, feed))
    return any(not np.array_equal(found[n], a) for n, a in expected.items())


@pytest.mark.parametrize(
    ("name", "pattern", "wrong"),
    [
        ("chain", r"t >= 3 && \(t - 3\)", "t >= 2 && (t - 2)"),
        ("chain", r"t >= 3 && \(t - 3\)", "t >= 3 && t"),
        ("same-behind", r", t >= steps\)", ", 0)"),
        ("same-behind", r"t < steps \+ 1;", "t < steps;"),
        ("strided-open", r"step == 0\)", "step == 1)"),
        ("strided-open", r"state->step = 0;\n\}\n\n(?=LSTM)", "state->step += 0;\n}\n\n"),
    ],
    ids=["first", "phase", "behind", "extra", "restart", "begin"],
)
def test_a_wrong_clock_would_be_noticed(
    name: str, pattern: str, wrong: str, tmp_path: Path
) -> None:
    assert not broken(name, pattern, r"\g<0>", tmp_path / "right")
    assert broken(name, pattern, wrong, tmp_path / "wrong")


@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("name", ["strided", "same-behind", "averaged-open"])
def test_the_selftest_finds_nothing_wrong(name: str, scheme: str, tmp_path: Path) -> None:
    path = saved(MODELS[name], tmp_path)
    files = compile_file(path, "host", name="net", scheme=scheme).files
    texts = {n: data.decode() for n, data in files.items() if n[-2:] in (".c", ".h")}
    assert selftest(texts, "net", tmp_path / "right") == 0
