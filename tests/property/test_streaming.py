"""A sequence in one call, in several, or with others at its side: always the same numbers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lstm_edge.interpret.execute import initial_state, run
from lstm_edge.interpret.feed import Feed, run_numpy
from lstm_edge.ir.program import Program
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from tests.support.choices import READS
from tests.support.hypotheses import examples
from tests.support.models import random_inputs, random_model
from tests.support.programs import WIDTHS, Arrays, quantized, stored

STEPS = 9

seeds = st.integers(0, 2**16)
reads = st.sampled_from(["steps", "last", "joined"])
schemes = st.sampled_from([None, *WIDTHS])
"""None: float32."""


def make(seed: int, read: str, scheme: Options | None) -> tuple[Program, Arrays]:
    model = random_model(seed, read=read, direction="forward")
    data = random_inputs(model, 5, STEPS, seed)
    program = lower_real(model) if scheme is None else quantized(model, data, scheme)
    return program, stored(program, data)


def equal(ours: Arrays, others: Arrays) -> bool:
    assert set(ours) == set(others)
    return all(np.array_equal(ours[name], others[name]) for name in ours)


@examples(60)
@given(seeds, reads, schemes, st.lists(st.integers(1, STEPS - 1), max_size=3, unique=True))
def test_windows_with_the_state_handed_over_are_the_whole_sequence(
    seed: int, read: str, scheme: Options | None, cuts: list[int]
) -> None:
    program, inputs = make(seed, read, scheme)
    whole, last_state = run(program, inputs)
    state, parts = None, []
    edges = [0, *sorted(cuts), STEPS]
    for start, end in pairwise(edges):
        window = {name: a[:, start:end] for name, a in inputs.items()}
        outputs, state = run(program, window, state)
        parts.append(outputs)
    joined = {
        p.name: np.concatenate([part[p.name] for part in parts], axis=1)
        if p.per_step
        else parts[-1][p.name]
        for p in program.outputs
    }
    assert equal(joined, whole)
    assert state is not None
    assert equal(state, last_state)


@examples(40)
@given(seeds, st.sampled_from(READS), schemes, st.integers(0, 4))
def test_a_stream_computes_the_same_alone_and_beside_others(
    seed: int, read: str, scheme: Options | None, k: int
) -> None:
    model = random_model(seed, read=read, steps=STEPS)
    data = random_inputs(model, 5, STEPS, seed)
    program = lower_real(model) if scheme is None else quantized(model, data, scheme)
    inputs = stored(program, data)
    together, _ = run(program, inputs)
    alone, _ = run(program, {name: a[k : k + 1] for name, a in inputs.items()})
    assert equal(alone, {name: a[k : k + 1] for name, a in together.items()})


@examples(20)
@given(seeds, schemes)
def test_a_dense_layer_over_all_steps_starts_anew_at_each_call(
    seed: int, scheme: Options | None
) -> None:
    """Its sum restarts at the bias; what was left in the state does not matter."""
    model = random_model(seed, read="flat", steps=4, head=(), also=(), direction="forward")
    data = random_inputs(model, 3, 4, seed)
    program = lower_real(model) if scheme is None else quantized(model, data, scheme)
    inputs = stored(program, data)
    state = initial_state(program, 3)
    expected, _ = run(program, inputs, state)
    for s in program.states:
        if s.accumulator:
            state[s.name] = state[s.name] + 1000
    assert equal(run(program, inputs, state)[0], expected)


@examples(20)
@given(seeds, st.sampled_from(["reverse", "both"]), schemes)
def test_a_program_that_needs_whole_sequences_starts_anew_with_each(
    seed: int, direction: str, scheme: Options | None
) -> None:
    model = random_model(seed, read="steps", direction=direction, steps=STEPS)
    data = random_inputs(model, 3, STEPS, seed)
    program = lower_real(model) if scheme is None else quantized(model, data, scheme)
    assert not program.streams
    inputs = stored(program, data)
    first, _ = run(program, inputs)
    twice = {name: np.stack([a, a], axis=1) for name, a in inputs.items()}
    results = run_numpy(program, Feed(twice)).outputs
    for call in range(2):
        assert equal({name: a[:, call] for name, a in results.items()}, first)
