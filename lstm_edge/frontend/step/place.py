"""The layers of a step as layers of the model: of each step, or of the last one alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lstm_edge.frontend.model.draft import Draft
from lstm_edge.frontend.step.layers import StepLayer, Steps


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
