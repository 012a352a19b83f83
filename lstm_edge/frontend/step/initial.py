"""Initial states that an exporter folded into other constants: found again by what they cause.

The first steps of the graph are functions of the input alone, those of the body are functions of
the input and the initial states. For random inputs, those states are sought with which
both are the same numbers; `trace.py` then compares leaf by leaf, so what is found here is a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lstm_edge.frontend.step.leaves import Doubles
from lstm_edge.frontend.step.numbers import Numbers
from lstm_edge.frontend.step.symbols import Integers, Symbols
from lstm_edge.frontend.step.trace import Trace

ROUNDS, SAMPLES = 40, 6
WIDTH = 1e-3
"""By how much states are changed to see what follows."""
CLOSE = 1e-9
"""A difference that is none."""
ZERO = 1e-7
"""What is found for a state that is zero, of which files have no trace."""
SPREADS = (0.0, 0.5, 0.5)
"""How far from the given states the search begins, until it ends without a difference: some states
have no slope where they are zero.
"""

Place = tuple[int, int]
"""A class of leaves and a time before the first step."""


def solved(trace: Trace, initial: Mapping[Place, Doubles], until: int) -> dict[Place, Doubles]:
    """Initial states with which the body computes the steps to `until` as the graph does, nearly;
    initial: where to begin. By Levenberg and Marquardt.
    """
    causes = _Causes(trace, initial, until)
    begun = np.concatenate(list(initial.values()))
    rng = np.random.default_rng(1)
    for spread in SPREADS:
        state = _descended(causes, begun + spread * rng.normal(size=begun.size))
        if np.abs(causes.error(state)).max(initial=0.0) < CLOSE:
            break
    state = np.where(np.abs(state) < ZERO, 0.0, state)
    parts = np.split(state, np.cumsum([a.size for a in initial.values()])[:-1])
    return dict(zip(initial, parts, strict=True))


def _descended(causes: _Causes, state: Doubles) -> Doubles:
    """States with less error, from those given on."""
    error, damping = causes.error(state), 1e-2
    slopes = None
    for _ in range(ROUNDS):
        if np.abs(error).max(initial=0.0) < CLOSE:
            break
        slopes = causes.slopes(state) if slopes is None else slopes
        square = slopes.T @ slopes
        step = np.linalg.lstsq(
            square + damping * np.diag(np.diag(square)), slopes.T @ error, rcond=None
        )[0]
        after = causes.error(state + step)
        if (after**2).sum() < (error**2).sum():
            state, error, damping, slopes = state + step, after, damping / 10, None
        else:
            damping *= 10
    return state


class _Causes:
    """What initial states, one after the other in one vector, make of some random inputs."""

    def __init__(self, trace: Trace, initial: Mapping[Place, Doubles], until: int) -> None:
        self.trace, self.until = trace, until
        self.places = list(initial)
        self.ends = np.cumsum([a.size for a in initial.values()])[:-1]
        rng = np.random.default_rng(0)
        drawn = [
            {leaf: rng.normal(size=trace.leaves[leaf].size) for leaf in trace.all_inputs}
            for _ in range(SAMPLES)
        ]
        self.inputs = {
            leaf: np.stack([sample[leaf] for sample in drawn]) for leaf in trace.all_inputs
        }
        self.wanted = _wanted(trace, self.inputs, until).reshape(-1)

    def error(self, state: Doubles) -> Doubles:
        """How far what follows from the states is from what the graph computes."""
        error: Doubles = np.nan_to_num(self.wanted - self._found(state[None])[0], posinf=1e30)
        return error

    def slopes(self, state: Doubles) -> Doubles:
        """By how much each number changes with each state."""
        near = np.concatenate(
            [state + WIDTH * np.eye(len(state)), state - WIDTH * np.eye(len(state))]
        )
        above, below = np.split(self._found(near), 2)
        slopes: Doubles = np.nan_to_num((above - below).T / (2 * WIDTH))
        return slopes

    def _found(self, trials: Doubles) -> Doubles:
        """What follows of each trial: [trials, samples * n]."""
        initial = np.split(np.broadcast_to(trials, (SAMPLES, *trials.shape)), self.ends, axis=-1)
        found = _found(self.trace, self.places, initial, self.inputs, self.until)
        return found.transpose(0, 2, 1).reshape(-1, len(trials)).T


def _known(trace: Trace, until: int) -> list[tuple[Place, Integers]]:
    """Classes at the first steps of which the graph's leaves are known, and the units of these."""
    found = [(place, value) for place, value in trace.known.items() if 0 <= place[1] <= until]
    return [(place, np.flatnonzero(value.leaf >= 0)) for place, value in sorted(found, key=_place)]


def _place(known: tuple[Place, Symbols]) -> Place:
    return known[0]


def _wanted(trace: Trace, given: Mapping[int, Doubles], until: int) -> Doubles:
    """The numbers of the graph, of each sample [samples, n]."""
    numbers = Numbers(trace.leaves, {leaf: array[:, None] for leaf, array in given.items()})
    parts = []
    for place, units in _known(trace, until):
        value = trace.known[place]
        parts.append(numbers.of(value.at(units))[:, 0])
    return np.concatenate(parts, axis=-1)


def _found(
    trace: Trace,
    places: Sequence[Place],
    initial: Sequence[Doubles],
    given: Mapping[int, Doubles],
    until: int,
) -> Doubles:
    """The numbers of the body [samples, trials, n], of inputs [samples, size] from initial states
    [samples, trials, size].
    """
    states: dict[Place, Doubles] = dict(zip(places, initial, strict=True))
    sets = initial[0].shape[:-1]
    for step in range(until + 1):
        known = {
            leaf: states[hole.leaf, step - hole.delay] for leaf, hole in trace.body.holes.items()
        }
        for leaf, at in trace.inputs_at(step).items():
            known.setdefault(
                leaf, np.broadcast_to(given[at][:, None], (*sets, given[at].shape[-1]))
            )
        numbers = Numbers(trace.leaves, known)
        states |= {(leaf, step): numbers.leaf(leaf) for leaf in trace.body.delays}
    return np.concatenate(
        [states[place][..., units] for place, units in _known(trace, until)], axis=-1
    )
