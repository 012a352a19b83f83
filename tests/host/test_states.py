"""States that a caller reads and sets: the generated C does what numpy does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.emit import testing
from lstm_edge.emit.memory import c_name, ctype_of
from lstm_edge.interpret.execute import initial_state, run, set_state
from lstm_edge.interpret.feed import Feed, run_numpy
from lstm_edge.ir.program import Program
from lstm_edge.targets import load_target
from tests.oracle.graphs import saved
from tests.support.boards import combined
from tests.support.compiling import compile_file
from tests.support.exactness import (
    UNROLLS,
    assert_bit_exact,
    assert_same_bits,
    compiled_outputs,
    every,
)
from tests.support.states import CASES, STREAMED, random_feed, stateful
from tests.unit.test_selftest import first_difference, run_c, selftest

HOST = load_target("host")
DSP = load_target("cortex-m4")


@pytest.fixture(autouse=True)
def _compiler(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")


@pytest.mark.parametrize(
    ("name", "state", "scheme"),
    combined(CASES, ("kept", "explicit"), ("int8", "float32"), of=2),
)
def test_states_given_before_calls_are_those_of_numpy(
    name: str, state: str, scheme: str, tmp_path: Path
) -> None:
    """Before each call, and before the first one only; numbers beyond the formats among them."""
    program = stateful(name, scheme, state)
    for each in (True, False):
        feed = random_feed(program, each=each)
        assert_bit_exact(program, HOST, "gates", tmp_path / str(each), feed)


@pytest.mark.parametrize("unroll", UNROLLS)
@pytest.mark.parametrize("name", ["grus", "lstms", "both-gru"])
def test_every_kernel_reads_the_states_that_were_set(
    name: str, unroll: str, tmp_path: Path
) -> None:
    program = stateful(name)
    for target in (HOST, DSP):
        folder = tmp_path / target.name
        feed = random_feed(program, each=True, seed=1)
        assert_bit_exact(program, HOST, unroll, folder, feed, rendered_for=target)


@pytest.mark.parametrize("name", STREAMED)
def test_steps_of_one_call_are_the_calls_of_one_step(name: str, tmp_path: Path) -> None:
    """On the computer too: a window is so many steps."""
    program = stateful(name)
    windowed = random_feed(program, calls=4, steps=3)
    inputs = {n: a.reshape(3, 12, 1, -1) for n, a in windowed.inputs.items()}
    single = Feed(inputs, windowed.states)
    whole = compiled_outputs(program, HOST, "gates", tmp_path / "whole", windowed)
    steps = compiled_outputs(program, HOST, "gates", tmp_path / "steps", single)
    for port in program.outputs:
        if port.per_step:
            found = steps.pop(port.name).reshape(whole[port.name].shape)
            assert np.array_equal(found, whole.pop(port.name))
    assert_same_bits(whole, {n: a[:, 2::3] for n, a in steps.items()})


MAIN = """
#include "edge_io.h"
#include "net.h"

enum { STEPS = @STEPS@ };

static @IN@ x[STEPS][NET_X_SIZE];
static @OUT@ y[2][STEPS][NET_Y_SIZE];
static net_state a;
static net_state b;

int main(void)
{
    const edge_file in = edge_open_read("input.bin");
    const edge_file out = edge_open_write("output.bin");

    (void)edge_read(in, x, sizeof x);
    net_init(&a);
    net_init(&b);
    /* a.x = given, shown; then other steps on b */
@BODY@
    for (int32_t t = 0; t < STEPS; t++) {
        net_step(&a, x[t], y[0][t]);
        net_step(&b, x[t], y[1][t]);
    }
    return edge_write(out, y, sizeof y) && edge_close(out) ? 0 : 1;
}
"""

SET = """
    {
        static @T@ given[@N@];
        static @T@ shown[@N@];
        static @T@ other[@N@];
        (void)edge_read(in, given, sizeof given);
        net_set_@NAME@(&a, given);
        net_get_@NAME@(&a, shown);
        net_get_@NAME@(&b, other);
        (void)edge_write(out, shown, sizeof shown);
        (void)edge_write(out, other, sizeof other);
    }
"""


@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("name", STREAMED)
def test_get_shows_what_was_set_within_its_format_and_only_there(
    name: str, scheme: str, tmp_path: Path
) -> None:
    """Of two instances, the other one stays at the reset state and computes from it."""
    program = stateful(name, scheme)
    feed = random_feed(program, calls=1, steps=6, seed=2)
    given = {n: a[0, 0] for n, a in feed.states.items()}
    x = feed.inputs["x"][:1, 0]
    data, body, types = x.astype(dtype(program, program.inputs[0].value)).tobytes(), "", {}
    for state in program.settable:
        kind = types[state.name] = ctype_of(program, state.name)
        text = SET.replace("@T@", kind).replace("@N@", str(len(given[state.name])))
        body += text.replace("@NAME@", c_name(state.name))
        data += given[state.name].astype(dtype(program, state.name)).tobytes()
    output = next(p for p in program.outputs if p.name == "y")
    assert [p.name for p in program.outputs] == ["y"]
    words = {"STEPS": 6, "IN": ctype_of(program, program.inputs[0].value), "BODY": body}
    words["OUT"] = ctype_of(program, output.value)
    found = run_c(program, HOST, MAIN, words, tmp_path, data)
    reset = initial_state(program, 1)
    started = set_state(program, reset, {n: a[None] for n, a in given.items()})
    wanted = b""
    for state in program.settable:
        if program.is_float:
            shown = given[state.name]
        else:
            fmt = program.values[state.name].format
            shown = np.clip(given[state.name], fmt.low, fmt.high)
        for numbers in (shown, reset[state.name][0]):
            wanted += numbers.astype(dtype(program, state.name)).tobytes()
    for start in (started, reset):
        outputs, _ = run(program, {"x": x}, start)
        wanted += outputs["y"].astype(dtype(program, output.value)).tobytes()
    assert found == wanted


def dtype(program: Program, value: str) -> str:
    return testing.DTYPES[ctype_of(program, value)]


@pytest.mark.parametrize("name", ["gru", "grus"])
def test_a_set_state_without_its_narrow_copy_would_be_noticed(name: str, tmp_path: Path) -> None:
    """A GRU's h is kept twice; matrix products read the narrow one."""
    program = stateful(name)

    def forget(files: Mapping[str, str]) -> Mapping[str, str]:
        text = files["net.c"]
        for state in program.settable:
            body = re.search(rf"void net_set_{c_name(state.name)}\(.*?\n}}\n", text, re.DOTALL)
            assert body is not None
            never = r"    if (state == NULL) {\n    \g<0>    }\n"
            kept, count = re.subn(r"    net_\w+\(state.*?\);\n", never, body[0])
            assert count == 1
            text = text.replace(body[0], kept)
        return {**files, "net.c": text}

    feed = random_feed(program, each=True)
    expected = every(run_numpy(program, feed))
    broken = compiled_outputs(program, HOST, "gates", tmp_path, feed, edit=forget)
    assert not np.array_equal(broken["y"], expected["y"])


def test_setting_one_state_leaves_the_others(tmp_path: Path) -> None:
    program = stateful("lstms")
    feed = random_feed(program, each=True, seed=3)
    for name in feed.states:
        one = Feed(feed.inputs, {name: feed.states[name]})
        assert_bit_exact(program, HOST, "gates", tmp_path / c_name(name), one)


ARGUMENTS = """
#include "edge_io.h"
#include "net.h"

enum { STEPS = @STEPS@ };

static @IN@ x[STEPS][NET_X_SIZE];
static @OUT@ y[2][STEPS][NET_Y_SIZE];
static net_state a;
@ARRAYS@
int main(void)
{
    const edge_file in = edge_open_read("input.bin");
    const edge_file out = edge_open_write("output.bin");

    (void)edge_read(in, x, sizeof x);
@READS@
    net_init(&a);
    net_run(&a, x[0], @FIRST@, STEPS, y[0][0], @LAST@);
    for (int32_t t = 0; t < STEPS; t++) {
        net_init(&a);
        net_step(&a, x[t], @NOW@, y[1][t], @NOW@);
    }
@WRITES@
    return edge_write(out, y, sizeof y) && edge_close(out) ? 0 : 1;
}
"""


@pytest.mark.parametrize("name", STREAMED)
def test_states_that_are_arguments_are_all_that_lives_on(name: str, tmp_path: Path) -> None:
    """`_run` at once, and `_step` with a reset before each; a state may be read and written at the
    same place. Both as `_set_`, steps and `_get_` of the code that keeps its states.
    """
    program = stateful(name, state="explicit")
    feed = random_feed(program, calls=1, steps=5, seed=4)
    expected = run_numpy(stateful(name), feed)
    value = program.inputs[0].value
    data = feed.inputs["x"][0, 0].astype(dtype(program, value)).tobytes()
    arrays = reads = writes = ""
    names = [c_name(s.name) for s in program.settable]
    wanted = b""
    for state, short in zip(program.settable, names, strict=True):
        size = program.values[state.name].length
        ends = ", ".join(f"{short}_{end}[{size}]" for end in ("first", "last", "now"))
        arrays += f"static {ctype_of(program, state.name)} {ends};\n"
        reads += f"    (void)edge_read(in, {short}_first, sizeof {short}_first);\n"
        reads += f"    for (int k = 0; k < {size}; k++) {{\n"
        reads += f"        {short}_now[k] = {short}_first[k];\n    }}\n"
        for end in ("last", "now"):
            writes += f"    (void)edge_write(out, {short}_{end}, sizeof {short}_{end});\n"
        data += feed.states[state.name][0, 0].astype(dtype(program, state.name)).tobytes()
        after = expected.states[state.name][0, 0].astype(dtype(program, state.name)).tobytes()
        wanted += 2 * after
    words = {"STEPS": 5, "IN": ctype_of(program, value), "ARRAYS": arrays, "READS": reads}
    words |= {"OUT": ctype_of(program, program.outputs[0].value), "WRITES": writes}
    for end in ("first", "last", "now"):
        words[end.upper()] = ", ".join(f"{short}_{end}" for short in names)
    found = run_c(program, HOST, ARGUMENTS, words, tmp_path, data)
    y = expected.outputs["y"][0, 0].astype(dtype(program, program.outputs[0].value)).tobytes()
    assert found == wanted + 2 * y


@pytest.mark.parametrize("state", ["kept", "explicit"])
@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("name", ["gru", "lstms", "both-gru"])
def test_the_selftest_of_models_with_states_finds_nothing_wrong(
    name: str, scheme: str, state: str, tmp_path: Path
) -> None:
    path = saved(CASES[name].model, tmp_path)
    files = compile_file(path, "host", name="net", scheme=scheme, state=state).files
    texts = {n: data.decode() for n, data in files.items() if n[-2:] in (".c", ".h")}
    assert selftest(texts, "net", tmp_path / "right") == 0
    pattern = (
        r"(expected_y\[.*?\{\s*\{[^}]*\},\s*\{[^,}]*, )"  # the second number of the second step
    )
    wrong, count = re.subn(pattern, r"\g<1>1 + ", texts["net_selftest.c"], count=1)
    assert count == 1
    told = first_difference({**texts, "net_selftest.c": wrong}, "net", tmp_path / "wrong")
    assert told == (1, "y", 1, 1)
