"""Programs whose states a caller sets, and what to feed them."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from lstm_edge.emit.memory import ctype_of
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.program import Program
from lstm_edge.passes.lower_real import lower_real
from tests.oracle import state_packings as packings
from tests.oracle.graphs import saved
from tests.oracle.state_graphs import Case, integers, single
from tests.support.programs import Array

CASES: dict[str, Case] = {
    "lstm": single("LSTM"),
    "gru": single("GRU"),
    "rnn": single("RNN"),
    "lstms": packings.packed("LSTM", 2, (0, 3, 2, 1)),
    "grus": packings.flat("GRU", 3),
    "both-lstm": single("LSTM", ways=2),
    "both-gru": single("GRU", ways=2),
}
STREAMED = tuple(name for name in CASES if not name.startswith("both"))


@cache
def stateful(name: str, scheme: str = "int8", state: str = "kept") -> Program:
    """The program of a case, `state` as for `--state`."""
    case = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        model = load(saved(case.model, Path(folder)), name="net")
    real = lower_real(model)
    program = real if scheme == "float32" else integers(model, real, case)
    return replace(program, settings=replace(program.settings, state=state))


def random_feed(
    program: Program, calls: int = 5, steps: int = 3, each: bool = False, seed: int = 0
) -> Feed:
    """Three streams of anything that C can hold; states beyond their formats among it.

    each: states are given before each call, else before the first.
    """
    rng = np.random.default_rng([seed, calls, steps])
    length = program.steps if not program.streams else steps
    inputs = {}
    for port in program.inputs:
        inputs[port.name] = drawn(program, port.value, (3, calls, length or 1), rng)
    states = {
        s.name: drawn(program, s.name, (3, calls if each else 1), rng, beyond=True)
        for s in program.settable
    }
    return Feed(inputs, states)


def drawn(
    program: Program,
    value: str,
    lead: tuple[int, ...],
    rng: np.random.Generator,
    beyond: bool = False,
) -> Array:
    """Numbers of a value's format; `beyond`: half of them are any that its C type holds."""
    length, fmt = program.values[value].length, program.values[value].format
    shape = (*lead, length)
    if program.is_float:
        return rng.normal(size=shape).astype(np.float32)
    within = rng.integers(fmt.low, fmt.high, shape, endpoint=True)
    bits = int(ctype_of(program, value).removeprefix("int").removesuffix("_t"))
    every = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, shape, endpoint=True)
    return np.where(beyond & (rng.random(shape) < 0.5), every, within)
