"""The node `Repeat`, which `unrolled.py` puts in the place of an unrolled repetition."""

from __future__ import annotations

from collections.abc import Callable

from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.frontend.step.alike import Copier
from lstm_edge.frontend.step.roll import Out, Rolling, StateIn
from lstm_edge.frontend.step.symbols import Symbols


def repeat(walk: Walk, node: OnnxNode) -> list[Value]:
    """The results of a repetition; `number`: which of the walk's."""
    found = walk.repetitions[int(node.attributes["number"])]
    rolling = Rolling(walk, node, timed=True)

    def read(before: dict[str, Symbols]) -> Callable[[str], Symbols]:
        given = {
            each.leaf: rolling.data(node.view(k), each.axis).flat()
            for k, each in enumerate(found.inputs)
        }
        given |= {each.leaf: before[f"before {k}"] for k, each in enumerate(found.states)}
        copy = Copier(found.leaves, rolling.leaves, given)

        def tensor(name: str) -> Symbols:
            kind, number = name.split()
            if kind == "after":
                return copy.symbols(found.states[int(number)].after)
            return copy.symbols(found.results[int(number)].numbers)

        return tensor

    states = [
        StateIn(f"s{k}", each.initial, f"before {k}", f"after {k}")
        for k, each in enumerate(found.states)
    ]
    wanted = [
        Out(f"result {k}", each.axis is None, each.axis or 0)
        for k, each in enumerate(found.results)
    ]
    return rolling.results(states, wanted, read, lambda: found.backward)
