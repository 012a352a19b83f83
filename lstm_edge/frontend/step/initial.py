"""Initial states that an exporter folded into other constants: found again by what they cause.

The first steps of the graph are functions of the input alone, those of the body are functions of
the input and the initial states. For random inputs, those states are sought with which
both are the same numbers; `trace.py` then compares leaf by leaf, so what is found here is a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lstm_edge.frontend.step.alike import operands_alike
from lstm_edge.frontend.step.function import Doubles
from lstm_edge.frontend.step.numbers import Numbers
from lstm_edge.frontend.step.symbols import Selection, runs
from lstm_edge.frontend.step.trace import Result, Trace

ROUNDS, SAMPLES = 40, 6
WIDTH = 1e-3
"""By how much states are changed to see what follows."""
CLOSE, NEAR = 1e-9, 1e-6
"""A difference that is none, and one that the rounding of folded constants may leave."""
MOST_DAMPING = 1e4
"""Above it a search goes nowhere any more."""
SPREADS = (0.0, 0.5, 0.5)
"""How far from the given states the search begins, until it ends without a difference: some states
have no slope where they are zero.
"""
MOST_ONES = 4
"""States that are each tried at 1, as a gate that is open, where a step rounds: no slope tells."""
ROUNDED = ("floor", "nearest")

Place = tuple[int, int]
"""A class of leaves and a time before the first step."""


def solved(
    trace: Trace,
    initial: Mapping[Place, Doubles],
    until: int,
    results: Sequence[Result],
    inner: bool,
) -> dict[Place, Doubles]:
    """Initial states with which the body computes the steps to `until` as the graph does, nearly;
    initial: where to begin; inner: what is within equal functions has to be equal, too, which tells
    of a state of which only the direction counts. By Levenberg and Marquardt.
    """
    equal = _equal(trace, until, results, inner)
    if not equal:
        return dict(initial)
    causes = _Causes(trace, initial, equal)
    begun = np.concatenate(list(initial.values()))
    functions = (leaf.function for leaf in trace.leaves.all)
    rounds = any(function is not None and function.kind in ROUNDED for function in functions)
    sizes = [a.size for a in initial.values()]
    with np.errstate(all="ignore"):  # of trials far away
        for start in _starts(begun, sizes[: MOST_ONES * rounds]):
            state = _descended(causes, start)
            if np.abs(causes.error(state)).max(initial=0.0) < NEAR:
                break
        state = _unmoved(causes, state, begun, sizes)
    state = np.where(np.abs(state) < NEAR, 0.0, state)
    parts = np.split(state, np.cumsum([a.size for a in initial.values()])[:-1])
    return dict(zip(initial, parts, strict=True))


def _unmoved(causes: _Causes, state: Doubles, begun: Doubles, sizes: Sequence[int]) -> Doubles:
    """The states with those where they began that cause nothing, now that others are found: a sum
    that a maximum of -30 so far leaves nothing of.
    """
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        trial = state.copy()
        trial[end - size : end] = begun[end - size : end]
        if np.abs(causes.error(trial)).max(initial=0.0) < NEAR:
            state = trial
    return state


def _starts(begun: Doubles, ones: Sequence[int]) -> Iterator[Doubles]:
    """Where to begin, one after the other. ones: sizes of the first states, each tried at 1."""
    rng = np.random.default_rng(1)
    for spread in SPREADS:
        yield begun + spread * rng.normal(size=begun.size)
    for end, size in zip(np.cumsum(ones), ones, strict=True):
        start = begun.copy()
        start[end - size : end] = 1.0
        yield start


def _descended(causes: _Causes, state: Doubles) -> Doubles:
    """States with less error, from those given on."""
    error, damping = causes.error(state), 1e-2
    slopes = None
    for _ in range(ROUNDS):
        if np.abs(error).max(initial=0.0) < CLOSE or damping > MOST_DAMPING:
            break
        slopes = causes.slopes(state) if slopes is None else slopes
        square = slopes.T @ slopes
        step = np.linalg.lstsq(
            square + damping * np.diag(np.diag(square)), slopes.T @ error, rcond=None
        )[0]
        after = causes.error(state + step)
        if (after**2).sum() < (error**2).sum():
            settled = np.abs(after).max() < NEAR and (after**2).sum() > 0.9 * (error**2).sum()
            state, error, slopes = state + step, after, None
            damping = 2 * MOST_DAMPING if settled else damping / 10
        else:
            damping *= 10
    return state


def _equal(
    trace: Trace, until: int, results: Sequence[Result], inner: bool
) -> list[tuple[int, Selection, Selection]]:
    """What the body and the graph compute in the first steps: (step, the body's, the graph's)."""
    shown = [
        Result(trace.leaves.vector(leaf).at(read), value.at(read), step)
        for (leaf, step), value in sorted(trace.known.items(), key=lambda known: known[0])
        for read in [np.flatnonzero(value.leaf >= 0)]
        if 0 <= step <= until
    ]
    found = []
    for result in (*shown, *(r for r in results if r.step <= until)):
        for _, _, (mine, theirs) in runs(result.mine, result.theirs):
            found.append((result.step, mine, theirs))
            if inner:
                pairs = operands_alike(trace.leaves, mine, theirs, trace.body.holes)
                found += [(result.step, one, other) for one, other in pairs]
    return found


class _Causes:
    """What initial states, one after the other in one vector, make of some random inputs. equal:
    what is to be the same; see `_equal`.
    """

    def __init__(
        self,
        trace: Trace,
        initial: Mapping[Place, Doubles],
        equal: Sequence[tuple[int, Selection, Selection]],
    ) -> None:
        self.trace, self.equal = trace, equal
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
        self.wanted = self._wanted().reshape(-1)

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
        found = self._computed(dict(zip(self.places, initial, strict=True)))
        return found.transpose(0, 2, 1).reshape(-1, len(trials)).T

    def _wanted(self) -> Doubles:
        """The numbers of the graph, of each sample [samples, n]."""
        known = {leaf: array[:, None] for leaf, array in self.inputs.items()}
        numbers = Numbers(self.trace.leaves, known)
        found = [numbers.selection(theirs)[:, 0] for _, _, theirs in self.equal]
        return np.concatenate(found, axis=-1)

    def _computed(self, states: dict[Place, Doubles]) -> Doubles:
        """The numbers of the body [samples, trials, n], from initial states [samples, trials, size]
        on.
        """
        trace = self.trace
        sets = next(iter(states.values())).shape[:-1]
        made: list[Numbers] = []
        for step in range(max(step for step, _, _ in self.equal) + 1):
            known = {
                leaf: states[hole.leaf, step - hole.delay]
                for leaf, hole in trace.body.holes.items()
            }
            for leaf, at in trace.inputs_at(step).items():
                given = self.inputs[at][:, None]
                known.setdefault(leaf, np.broadcast_to(given, (*sets, given.shape[-1])))
            made.append(Numbers(trace.leaves, known))
            states |= {(leaf, step): made[step].leaf(leaf) for leaf in trace.body.delays}
        parts = [made[step].selection(mine) for step, mine, _ in self.equal]
        return np.concatenate(parts, axis=-1)
