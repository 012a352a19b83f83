"""What states of a step begin as, where that is neither a constant nor zero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lstm_edge.frontend.model.axes import View
from lstm_edge.frontend.model.operators.features import in_this_order
from lstm_edge.frontend.model.states import computed_vector, given_vector, is_computed
from lstm_edge.frontend.model.walk import GivenState, Walk
from lstm_edge.frontend.step.layers import Steps
from lstm_edge.frontend.step.place import Placed
from lstm_edge.frontend.step.ports import StateIn
from lstm_edge.frontend.step.symbols import Integers

Parts = tuple[tuple[str, Integers], ...]
"""States that are one tensor of the file: each a name, and the places of its units."""


def begun(
    walk: Walk, label: str, states: Sequence[StateIn], parts: Sequence[Parts], steps: Steps
) -> dict[str, str]:
    """Value after a step -> the vector that it begins as, of states that the model computes."""
    found = {}
    for state, its in zip(states, parts, strict=True):
        if isinstance(state.start, View) and is_computed(walk, state.start):
            view = computed_vector(walk, label, state.start, state.name)
            for name, places in its:
                if name in steps.states:
                    order = [int(place) for place in places]
                    found[steps.states[name][0]] = in_this_order(walk, view, order, label)
    return found


def given(
    walk: Walk,
    label: str,
    states: Sequence[StateIn],
    parts: Sequence[Parts],
    steps: Steps,
    placed: Placed,
) -> Iterator[GivenState]:
    """The states that inputs set."""
    for state, its in zip(states, parts, strict=True):
        if not isinstance(state.start, View) or is_computed(walk, state.start):
            continue
        root, at = given_vector(walk, label, state.start, state.name)
        for name, places in its:
            if name in steps.states:
                value, called = steps.states[name]
                where = tuple(at[p] for p in places)
                yield GivenState(root, placed.tensor(value, False), called, where)
