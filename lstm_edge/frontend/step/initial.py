"""Initial states that an exporter folded into other constants: found again by what they cause.

The first steps of the graph are functions of the input alone, those of the body are functions of
the input and the initial states. For random inputs, Gauss and Newton find the states with which
both are the same numbers; `trace.py` then compares leaf by leaf, so what is found here is a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lstm_edge.frontend.step.leaves import Doubles
from lstm_edge.frontend.step.numbers import Numbers
from lstm_edge.frontend.step.trace import Trace

ROUNDS, SAMPLES = 12, 3
WIDTH = 1e-3
"""By how much states are changed to see what follows."""

Place = tuple[int, int]
"""A class of leaves and a time before the first step."""


def solved(trace: Trace, initial: Mapping[Place, Doubles], until: int) -> dict[Place, Doubles]:
    """Initial states with which the body computes the steps to `until` as the graph does, or nearly;
    initial: where to begin.
    """
    places = list(initial)
    sizes = [initial[place].size for place in places]
    state = np.concatenate([initial[place] for place in places])
    rng = np.random.default_rng(0)
    inputs = [
        {leaf: rng.normal(size=trace.leaves[leaf].size) for leaf in trace.all_inputs}
        for _ in range(SAMPLES)
    ]
    wanted = np.concatenate([_wanted(trace, given, until) for given in inputs])
    for _ in range(ROUNDS):
        trials = np.concatenate([state[None], state + WIDTH * np.eye(len(state))])
        rows = np.concatenate(
            [_found(trace, places, sizes, trials, g, until) for g in inputs], axis=1
        )
        error = wanted - rows[0]
        if not np.isfinite(rows).all() or np.abs(error).max(initial=0.0) < 1e-9:
            break
        change, *_ = np.linalg.lstsq((rows[1:] - rows[0]).T / WIDTH, error, rcond=1e-6)
        state = state + change
    parts = np.split(state, np.cumsum(sizes)[:-1])
    return dict(zip(places, parts, strict=True))


def _known(trace: Trace, until: int) -> list[tuple[Place, Doubles]]:
    """Classes at the first steps of which the graph's leaves are known, and the units of these."""
    found = [(place, value) for place, value in trace.known.items() if 0 <= place[1] <= until]
    return [(place, np.flatnonzero(value.leaf >= 0)) for place, value in sorted(found)]  # type: ignore[misc]


def _wanted(trace: Trace, given: Mapping[int, Doubles], until: int) -> Doubles:
    """The numbers of the graph."""
    numbers = Numbers(trace.leaves, {leaf: array[None] for leaf, array in given.items()})
    parts = []
    for place, units in _known(trace, until):
        value = trace.known[place]
        parts.append(numbers.of(value.moved(lambda a, u=units: a[u]))[0])
    return np.concatenate(parts)


def _found(
    trace: Trace,
    places: Sequence[Place],
    sizes: Sequence[int],
    trials: Doubles,
    given: Mapping[int, Doubles],
    until: int,
) -> Doubles:
    """The numbers of the body, from each row of initial states."""
    cut = np.split(trials, np.cumsum(sizes)[:-1], axis=1)
    states: dict[Place, Doubles] = dict(zip(places, cut, strict=True))
    count = len(trials)
    for step in range(until + 1):
        known = {
            leaf: states[hole.leaf, step - hole.delay] for leaf, hole in trace.body.holes.items()
        }
        for leaf, at in trace.inputs_at(step).items():
            known.setdefault(leaf, np.broadcast_to(given[at], (count, given[at].size)))
        numbers = Numbers(trace.leaves, known)
        states |= {(leaf, step): numbers.leaf(leaf) for leaf in trace.body.delays}
    return np.concatenate(
        [states[place][:, units] for place, units in _known(trace, until)], axis=1
    )
