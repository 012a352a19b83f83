"""Numpy against compiled C, bit for bit: what to feed, how to build, and the one comparison."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lstm_edge.emit.render import Rendered, render
from lstm_edge.interpret.feed import Feed, Results, run_numpy
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.lower_integer import Options
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.prove import prove
from lstm_edge.runner import run_sources
from lstm_edge.targets import Target, load_target
from lstm_edge.toolchain import gcc
from tests.support.models import random_inputs
from tests.support.programs import Array, Arrays, extremes, quantized, saturated_state
from tests.support.tools import skip_or_fail

UNROLLS = ("none", "gates", "full")
QUICK = "-O1"
"""On this computer, unless a test says otherwise: to build takes longer than to run. All compilers
and optimizations have tests of their own.
"""
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")

Files = Mapping[str, str]
Edit = Callable[[Files], Files]


def integer_program(
    model: Model, activations: int = 12, cell_state: int = 32, *, from_data: bool = True
) -> Program:
    """The integer program, calibrated on a few random sequences, and proved."""
    options = Options(activations, cell_state)
    program = quantized(model, random_inputs(model, 6), options, from_data=from_data)
    prove(program)
    return program


def float_program(model: Model) -> Program:
    """The program of `--scheme float32`."""
    return lower_real(model)


def with_saturated_state(program: Program, seed: int = 0) -> Program:
    """The same program, reset to states that lie at either end of their formats."""
    if program.is_float:
        rng = np.random.default_rng([seed, 6])
        ends = {
            s.name: rng.choice([-1e30, -1.0, 1.0, 1e30], s.initial.shape) for s in _kept(program)
        }
    else:
        drawn = saturated_state(program, 1, seed)
        ends = {s.name: drawn[s.name][0] for s in _kept(program)}
    states = [
        replace(s, initial=ends[s.name].astype(s.initial.dtype)) if s.name in ends else s
        for s in program.states
    ]
    return replace(program, states=tuple(states))


def _kept(program: Program) -> list[Any]:
    return [s for s in program.states if not s.accumulator]


def stored_streams(program: Program, steps: int, seed: int = 0) -> dict[str, Array]:
    """Stored inputs [8 streams, calls, steps of a call, n], about `steps` steps a stream.

    Anything that the format holds, at random, in three streams; both ends of it, held and jumping,
    in four; zero in one. The state lives on over all calls of a stream. Lengths [8 streams, calls,
    1] lie within the steps of a call, or far outside.
    """
    length = program.steps or 50
    calls = max(2, steps // length)
    rng = np.random.default_rng([seed, 7])
    found = {}
    lengths = [port.name for port in program.inputs if not port.per_step]
    for name, ends in _ends(program, calls * length, seed).items():
        if name in lengths:
            found[name] = _ids(rng, length + 1, (8, calls, 1))
            continue
        low, high = ends.min(), ends.max()
        if program.is_float:
            drawn = rng.normal(size=(3, *ends.shape[1:])) * 10.0 ** rng.uniform(-3, 2)
        else:
            drawn = rng.integers(low, high + 1, (3, *ends.shape[1:]))
        streams = np.concatenate([drawn, ends, np.zeros_like(ends[:1])])
        kind = np.float32 if program.is_float else np.int64
        found[name] = streams.astype(kind).reshape(8, calls, length, -1)
    for port in program.inputs:
        if port.limit and port.per_step:
            found[port.name] = _ids(rng, port.limit, found[port.name].shape)
    return found


def _ids(rng: np.random.Generator, limit: int, shape: tuple[int, ...]) -> Array:
    """Integers of which some lie just, or far, outside of their range."""
    drawn = rng.integers(-3, limit + 3, shape)
    far = rng.choice([-(2**24), 2**24], shape)
    return np.where(rng.random(shape) < 0.05, far, drawn)


def _ends(program: Program, steps: int, seed: int) -> dict[str, Array]:
    if not program.is_float:
        return extremes(program, 4, steps, seed)
    return {name: a * 1e4 for name, a in extremes(_as_bits(program), 4, steps, seed).items()}


def _as_bits(program: Program) -> Program:
    """Inputs of a float program as numbers of one bit, -1 and 1."""
    values = dict(program.values)
    for port in program.inputs:
        value = values[port.value]
        values[port.value] = replace(value, format=replace(value.format, low=-1, high=1))
    return replace(program, values=values)


def random_steps(program: Program, streams: int, steps: int) -> dict[str, Array]:
    """Stored inputs [streams, 1 call, steps, n] for a program of one input, all that it holds."""
    (port,) = program.inputs
    value = program.values[port.value]
    shape = (streams, 1, steps, value.length)
    rng = np.random.default_rng(0)
    return {port.name: rng.integers(value.format.low, value.format.high + 1, shape)}


def steps_of(inputs: Arrays) -> int:
    """Number of time steps in all streams together."""
    return int(np.prod(next(iter(inputs.values())).shape[:3]))


def compiled_outputs(
    program: Program,
    target: Target,
    unroll: str,
    folder: Path,
    inputs: Arrays | Feed,
    edit: Edit | None = None,
    rendered_for: Target | None = None,
    **options: Any,
) -> dict[str, Array]:
    """Outputs of the generated C, built and run in `folder` for `target`.

    inputs: [streams, calls, steps, n] by name, or a feed with states.
    rendered_for: the target that the C is generated for, if that is another one: its kernels run
    on this computer too. edit: changes the files before they are built. options: as for
    `gcc.build`, where QUICK is the default on this computer.
    """
    files: Files = rendered(program, rendered_for or target, unroll).files
    if edit is not None:
        files = edit(files)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    sources = tuple(folder / name for name in files if name.endswith(".c"))
    if target.board is None:
        options = {"optimize": QUICK, **options}
    feed = as_feed(inputs)
    return every(run_sources(program, target, sources, [folder], folder, feed, **options))


def sanitized(compiler: str) -> dict[str, Any]:
    """Options for AddressSanitizer and UndefinedBehaviorSanitizer, which end the program at a
    finding. Skips where the compiler comes without their libraries; fails where CI=true.
    """
    options = {"compiler": compiler, "extra_flags": SANITIZED}
    wrong = _cannot_sanitize(compiler)
    if wrong:
        skip_or_fail(f"{compiler} cannot build with sanitizers: {wrong}")
    return options


@cache
def _cannot_sanitize(compiler: str) -> str:
    """Why, "" where it can; one program per compiler tells."""
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "empty.c"
        source.write_text("int main(void) { return 0; }\n", encoding="utf-8")
        options = {"compiler": compiler, "extra_flags": SANITIZED}
        try:
            gcc.build(load_target("host"), [source], [], Path(temporary) / "empty", **options)
        except gcc.ToolchainError as error:
            return str(error).splitlines()[0]
    return ""


def as_feed(inputs: Arrays | Feed) -> Feed:
    return inputs if isinstance(inputs, Feed) else Feed(inputs)


def every(results: Results) -> dict[str, Array]:
    """All that was computed: outputs, and the states after each call."""
    return {**results.outputs, **results.states}


def rendered(program: Program, target: Target, unroll: str) -> Rendered:
    """The generated C."""
    return render(program, target, unroll, ("generated for a test",))


def assert_bit_exact(
    program: Program,
    target: Target,
    unroll: str,
    folder: Path,
    inputs: Arrays | Feed,
    **more: Any,
) -> None:
    """The generated C gives what numpy gives, in every bit of every output."""
    expected = _expected(program, inputs)
    assert_same_bits(expected, compiled_outputs(program, target, unroll, folder, inputs, **more))


_last: deque[tuple[Program, Arrays | Feed, dict[str, Array]]] = deque(maxlen=8)


def _expected(program: Program, inputs: Arrays | Feed) -> dict[str, Array]:
    """Numpy's results; those of an earlier call where tests build one program in several ways."""
    for known, fed, results in _last:
        if known is program and fed is inputs:
            return results
    results = every(run_numpy(program, as_feed(inputs)))
    _last.append((program, inputs, results))
    return results


def assert_same_bits(expected: Arrays, found: Arrays) -> None:
    """Two sets of outputs are one and the same: names, shapes, types and bits."""
    assert set(found) == set(expected)
    for name, ours in expected.items():
        other = found[name]
        assert (other.shape, other.dtype) == (ours.shape, ours.dtype), name
        differ = _bits(ours) != _bits(other)
        where = np.argwhere(differ)[:1].tolist()
        count = f"{int(differ.sum())} of {differ.size} numbers of {name} differ"
        assert not differ.any(), f"{count}, first at {where}"


def _bits(array: Array) -> Array:
    """Floats by their bits, so that -0 is not 0 and NaN is itself."""
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")
