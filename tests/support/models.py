"""Random models, made directly in the IR: every cell, layer and port that a front end can make.

    random_model(7)                                        anything
    random_model(7, hidden=(4, 3), head=("dense",))        anything with these choices

A choice that is not given is drawn from the seed; the same seed and choices give the same model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lstm_edge.ir.model import Floats, Layer, Model, Port, is_a
from tests.support.choices import LAYOUTS, draw_choices
from tests.support.draft import EXTRA_UNITS, Draft
from tests.support.model_parts import (
    add,
    add_embedding,
    add_reader,
    add_recurrent,
    cut,
    drop_unread,
    end,
)

ANY_LENGTH = 2**31 - 1
"""The limit of lengths where that of the sequence is open."""


def random_model(seed: int, **choices: Any) -> Model:
    """A model with all weights drawn from the seed; `choices` are the fields of `Choices`."""
    c = draw_choices(seed, **choices)
    draft = Draft(c, np.random.default_rng([seed, 2]))
    draft.tensor("x", c.ids if c.rows else c.features, True)
    if c.lengths:
        draft.tensor("length", 1, False)
    if c.rows:
        add_embedding(draft)
    for kind in c.front:
        add(draft, kind)
    if "input" in c.cut:
        draft.top = cut(draft, draft.top)
    last = add_recurrent(draft)
    extra = {"hidden": (draft.top, True)} if "hidden" in c.also else {}
    if "cell" in c.also and "c" in last.op.cell.results:
        units = c.hidden[-1] + EXTRA_UNITS * (c.cell == "projected")
        cell_state = draft.tensor(f"{last.name}_c", units, True)
        at = draft.nodes.index(last)
        draft.nodes[at] = replace(last, outputs={**last.outputs, "c": cell_state})
        extra["cell"] = (end(draft, draft.nodes[at], cell_state), False)
    if "hidden" in c.cut:
        draft.top = cut(draft, draft.top)
    add_reader(draft)
    for kind in c.head:
        add(draft, kind)
    per_step = draft.tensors[draft.top].per_step
    outputs = {"y": (draft.top, per_step), **extra}
    drop_unread(draft, {tensor for tensor, _ in outputs.values()})
    inputs = [_port("x", "x", True, draft)]
    if c.lengths:
        inputs.append(_port("length", "length", False, draft))
    return Model(
        name="net",
        inputs=tuple(inputs),
        outputs=tuple(_port(name, t, steps, draft) for name, (t, steps) in outputs.items()),
        tensors=draft.tensors,
        nodes=tuple(draft.nodes),
        steps=c.steps,
        sha256="0" * 64,
    )


def random_inputs(
    model: Model, samples: int, steps: int | None = None, seed: int = 0
) -> dict[str, Floats]:
    """Normal vectors [samples, steps, features] for every input, correlated over time; integers
    where it holds such; lengths [samples, 1].

    steps: by default those that the model requires, or 12.
    """
    rng = np.random.default_rng([seed, 3])
    length = steps or model.steps or 12
    found = {}
    for port in model.inputs:
        features, per_step = (
            model.tensors[port.tensor].features,
            model.tensors[port.tensor].per_step,
        )
        if not per_step:
            found[port.name] = rng.integers(0, length, (samples, features), endpoint=True)
            continue
        if port.limit:
            found[port.name] = rng.integers(0, port.limit, (samples, length, features))
            continue
        numbers = rng.normal(size=(samples, length, features))
        for t in range(1, length):
            numbers[:, t] = 0.6 * numbers[:, t - 1] + 0.8 * numbers[:, t]
        found[port.name] = numbers.astype(np.float32)
    return found


def _port(name: str, tensor: str, per_step: bool, draft: Draft) -> Port:
    axes = LAYOUTS[draft.choices.layout] if per_step else ("batch", "feature")
    if name == "length":
        return Port(name, tensor, ("batch",), (1,), _limit(name, tensor, draft))
    steps = draft.choices.steps
    if steps is not None and name != "x":
        steps = draft.length.of(steps)
    sizes = {"batch": 1, "time": steps or -1}
    sizes["feature"] = draft.tensors[tensor].features
    return Port(name, tensor, axes, tuple(sizes[a] for a in axes), _limit(name, tensor, draft))


def _limit(name: str, tensor: str, draft: Draft) -> int:
    """What the integers of a port are below, 0 for real numbers."""
    if name == "x":
        return draft.choices.rows
    if name == "length":
        steps = draft.choices.steps
        return ANY_LENGTH if steps is None else steps + 1
    makers = {t: n for n in draft.nodes if is_a(n, Layer) for t in n.makes}
    maker = makers.get(tensor)
    if maker is None or maker.op.cell.name != "argmax":
        return 0
    return draft.tensors[maker.inputs["x"]].features
