"""The layers of a step as layers of the model: of each step, or of the last one alone, and what
their states begin as.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import View
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.frontend.model.operators.features import in_this_order
from lstm_edge.frontend.model.states import computed_vector, given_vector, is_computed
from lstm_edge.frontend.model.walk import GivenState, Walk
from lstm_edge.frontend.step.layers import StepLayer, Steps
from lstm_edge.frontend.step.symbols import Integers


@dataclass(frozen=True, eq=False)
class StateIn:
    """A tensor that a step leaves for the next.

    start: constants, or an input's view. before, after: its names in the step. shown: whether it is
    kept where nothing needs it.
    """

    name: str
    start: npt.NDArray[np.floating] | View
    before: str
    after: str
    shown: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of its axes."""
        return tuple(self.start.shape)


@dataclass(frozen=True)
class Out:
    """A result of a step: its name there, or what is left `last`; time: the axis of steps."""

    name: str
    last: bool
    time: int = 0


class Placed:
    """Layers of `steps` in a draft, made as they are asked for.

    inputs: value -> tensor. reverse: the steps are taken from the last to the first. begins: value
    after a step -> the vector that it begins as.
    """

    def __init__(
        self,
        draft: Draft,
        steps: Steps,
        inputs: Mapping[str, str],
        reverse: bool,
        source: str,
        begins: Mapping[str, str],
    ) -> None:
        self.begins = begins
        self.draft, self.steps, self.reverse, self.source = draft, steps, reverse, source
        self.tensors: dict[tuple[str, bool], str] = {(v, False): t for v, t in inputs.items()}
        self.makers = {v: layer for layer in steps.layers for v in layer.outputs.values()}

    def output(self, values: Sequence[str], last: bool) -> str:
        """Values end to end as one tensor: of each step, or of the `last`."""
        return self.draft.concat([self.tensor(v, last) for v in values], self.source)

    def tensor(self, value: str, last: bool) -> str:
        """A value of each step, or of the `last`; what has no states runs once for that."""
        if (value, last) not in self.tensors:
            layer = self.makers.get(value)
            if layer is not None and not (last and self._each(layer)):
                made = self._layer(layer, last)
                self.tensors |= {(v, last): made[r] for r, v in layer.outputs.items()}
            else:
                whole, draft = self.tensor(value, False), self.draft
                end = draft.first_step if self.reverse else draft.last_step
                self.tensors[value, last] = end(whole, self.source)
        return self.tensors[value, last]

    def _each(self, layer: StepLayer) -> bool:
        """True for what must be computed at every step: it has states, or reads an input."""
        read = (self.tensors.get((v, False)) for v in layer.inputs.values())
        raw = any(t is not None and self.draft.producer(t) is None for t in read)
        return bool(layer.cell.states) or raw

    def _layer(self, layer: StepLayer, last: bool) -> dict[str, str]:
        read = {name: self.tensor(value, last) for name, value in layer.inputs.items()}
        x, more = read.pop("x"), read
        reverse = self.reverse if layer.cell.states else None
        kind = f"{layer.kind}_reverse" if self.reverse and layer.cell.states else layer.kind
        return self.draft.layer(
            kind,
            layer.cell,
            x,
            None,
            layer.params,
            self.source,
            {name: a for name, a in layer.initial.items() if np.any(a)},
            reverse,
            more,
            units=layer.units,
            begins={r: self.begins[v] for r, v in layer.outputs.items() if v in self.begins},
        )


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
