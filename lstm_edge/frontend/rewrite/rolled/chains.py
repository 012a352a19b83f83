"""Which steps of a cell follow each other, and what the first one starts from."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.rewrite.rolled.cell import steps_of
from lstm_edge.frontend.rewrite.rolled.layer import State
from lstm_edge.frontend.rewrite.rolled.parameters import (
    Signature,
    first_state,
    inputs_of,
    signature,
    weights_of,
)
from lstm_edge.frontend.rewrite.rolled.step import Step

_STATE = re.compile(r"^h\d*$|^hx|hidden|state|prev|(^|_)h(_|\d|$)", re.IGNORECASE)
"""Names that people give to a state and not to data."""


MOST_LEAVES = 16
"""Tensors that a step of a layer is a product of: a sum of more is one of residuals."""


@dataclass(frozen=True)
class Chain:
    """Steps of one layer in the order in which they are computed. states: what the first starts
    from. h: the previous state's leaf in `model`, the step that gives the weights.
    """

    steps: tuple[Step, ...]
    model: Step
    h: str
    states: dict[str, State]

    def inputs(self, k: int) -> tuple[str, ...]:
        """The leaves of step `k` that are its input."""
        start = self.states["h"]
        first = start if isinstance(start, str) else self.steps[0].h
        return inputs_of(self.steps[k], self.steps[k - 1].h_next if k else first)


def single_steps_of(scope: Graph) -> list[Chain]:
    """Steps that nothing is chained to."""
    single = [chain for step in _alone(steps_of(scope)) for chain in _single(scope, step)]
    return _unique(scope, single)


def chains_of(scope: Graph) -> list[Chain]:
    """All chains of steps with the same weights, each the longest that there is."""
    steps = steps_of(scope)
    ends: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        ends.setdefault((step.op, step.h_next), []).append(step)
    links: dict[Signature, dict[str, Step]] = {}
    for step in steps:
        for before in _before(step, ends):
            links.setdefault(signature(scope, step, before), {}).setdefault(before, step)
    chains = []
    for followers in links.values():
        inside = {step.h_next for step in followers.values()}
        for start in followers:
            if start not in inside:
                chains += _chain(scope, ends, followers, start)
    return chains


def _alone(steps: list[Step]) -> list[Step]:
    """Steps that neither get their state from another step nor hand it on to one."""
    full = [step for step in steps if not step.from_zeros]
    after = {(s.op, s.c_next or s.h_next) for s in full}
    before = {(s.op, s.c or s.h) for s in full}
    return [
        s
        for s in full
        if (s.op, s.c or s.h) not in after and (s.op, s.c_next or s.h_next) not in before
    ]


def _unique(scope: Graph, single: list[Chain]) -> list[Chain]:
    """Steps without others of the same weights, which would be a loop that is no known cell."""
    signatures = [signature(scope, chain.model, chain.h) for chain in single]
    count = Counter(signatures)
    return [c for c, key in zip(single, signatures, strict=True) if count[key] == 1]


def _before(step: Step, ends: dict[tuple[str, str], list[Step]]) -> list[str]:
    """Leaves of a step that are the state of a step before it."""
    found: list[str] = []
    if len(step.leaves) > MOST_LEAVES:
        return found
    for leaf in sorted(step.leaves) if not step.from_zeros else ():
        for before in ends.get((step.op, leaf), []):
            fits = step.h in (None, leaf) and before.functions == step.functions
            if fits and before.c_next == step.c:
                found.append(leaf)
                break
    return found


def _chain(
    scope: Graph, ends: dict[tuple[str, str], list[Step]], followers: dict[str, Step], start: str
) -> list[Chain]:
    model = followers[start]
    steps = []
    name = start
    while name in followers:
        steps.append(followers[name])
        name = followers[name].h_next
    for first in ends[model.op, start]:
        if first.c_next != model.c:
            continue
        found = first_state(scope, first, model, start)
        if found is not None:
            states: dict[str, State] = {"h": found[0] or found[1], "c": first.c}
            return [Chain((first, *steps), model, start, states)]
    return []


def _single(scope: Graph, step: Step) -> list[Chain]:
    """One step with its state as a tensor. A lone RNN step is one only between graph inputs and
    outputs: it looks like any dense layer over two vectors.
    """
    graph_inputs = [leaf for leaf in step.leaves if leaf not in scope.makers]
    if step.op == "RNN" and (len(graph_inputs) < 2 or not scope.is_output(step.h_next)):
        return []
    candidates = [step.h] if step.h is not None else _states(scope, step)
    for h in candidates:
        if len(inputs_of(step, h)) and weights_of(scope, step, h) is not None:
            return [Chain((step,), step, h, {"h": h, "c": step.c})]
    return []


def _states(scope: Graph, step: Step) -> list[str]:
    """Leaves that may be the state, the likeliest first: constants, then inputs of the graph: one
    that is named like a state, one beside the cell state, late ones first.
    """
    order = {i.name: k for k, i in enumerate(scope.inputs)}
    cell_state = order.get(step.c or "", -9)

    def likely(leaf: str) -> tuple[bool, bool, bool, int]:
        place = order.get(leaf, -1)
        named, beside = _STATE.search(leaf) is not None, abs(place - cell_state) == 1
        return scope.is_constant(leaf), named, beside, place

    return sorted(sorted(step.leaves), key=likely, reverse=True)
