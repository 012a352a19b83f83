"""The node `Repeat`, which `unrolled.py` puts in the place of an unrolled repetition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lstm_edge.frontend.model.axes import Axis, View, size_of
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.frontend.step.alike import Copier
from lstm_edge.frontend.step.function import Doubles
from lstm_edge.frontend.step.place import Out, StateIn
from lstm_edge.frontend.step.roll import Rolling
from lstm_edge.frontend.step.symbols import Symbols, together


def repeat(walk: Walk, node: OnnxNode) -> list[Value]:
    """The results of a repetition; `number`: which of the walk's."""
    found = walk.repetitions[int(node.attributes["number"])]
    rolling = Rolling(walk, node, timed=True)

    def read(before: dict[str, Symbols]) -> Callable[[str], Symbols]:
        given = {
            each.leaf: rolling.data(node.view(k), each.axis) for k, each in enumerate(found.inputs)
        }
        given |= {each.leaf: before[f"before {k}"] for k, each in enumerate(found.states)}
        copies = [
            Copier(found.leaves, rolling.leaves, {i: _row(v, row) for i, v in given.items()})
            for row in (range(found.rows) if found.rows else [None])
        ]

        def tensor(name: str) -> Symbols:
            kind, number = name.split()
            if kind == "after":
                numbers = found.states[int(number)].after
            else:
                numbers = found.results[int(number)].numbers
            rows = [copy.symbols(numbers) for copy in copies]
            return together(rows, np.stack) if found.rows else rows[0]

        return tensor

    starts = iter(range(len(found.inputs), len(node.inputs)))
    states = []
    for k, each in enumerate(found.states):
        if isinstance(each.initial, str):
            start: View | Doubles = _given(rolling, node.view(next(starts)), found.rows)
        else:
            start = np.stack([each.initial] * found.rows) if found.rows else each.initial
        states.append(StateIn(f"s{k}", start, f"before {k}", f"after {k}"))
    wanted = [
        Out(f"result {k}", each.axis is None, each.axis or 0)
        for k, each in enumerate(found.results)
    ]
    return rolling.results(states, wanted, read, lambda: found.backward, found.rows)


def _row(value: Symbols, row: int | None) -> Symbols:
    """One row, or all there is, as a vector."""
    return value.flat() if row is None else value.moved(lambda a: a[row]).flat()


def _given(rolling: Rolling, view: View, rows: int) -> View:
    """A state that is given as one vector of each row."""
    if not rows:
        rolling.open_batch(view.axes)
    full = [axis for axis in view.axes if size_of(axis) > 1]
    left: list[Axis] = [()] * (1 + bool(rows) - len(full))
    thin = size_of(view.axes[-1]) == 1
    return replace(view, axes=(*full, *left) if thin else (*left, *full))
