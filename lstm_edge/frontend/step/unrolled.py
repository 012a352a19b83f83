"""Unrolled repetitions become one node: a recurrent step that is done for each step of a sequence.

Whatever the step computes. A graph is read as symbols from where it cuts a tensor into its steps
(`region.py`) to where their results are joined or leave one by one. What the steps repeat is the
body (`repeat.py`); all steps and all results are compared with it (`trace.py`). The rest of the
graph reads the node's results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.node import label_of
from lstm_edge.frontend.step.alike import Copier
from lstm_edge.frontend.step.clock import BACKWARD, FORWARD
from lstm_edge.frontend.step.ends import Parts, parts_of
from lstm_edge.frontend.step.leaves import Doubles, Leaves
from lstm_edge.frontend.step.region import Region
from lstm_edge.frontend.step.repeat import Body, Classes, NoRepetition, body_of
from lstm_edge.frontend.step.symbols import Symbols, selections, vector
from lstm_edge.frontend.step.trace import Differs, Proof, Trace


@dataclass(frozen=True)
class End:
    """A tensor that the graph around reads: `result` of each of the steps at `parts`."""

    name: str
    parts: Parts
    result: Symbols


@dataclass(frozen=True)
class Repetition:
    """A step that is done for every step of some sequences, and proved to be what the graph does.

    leaves: those of the step. inputs: number of the cut -> its leaf. states: (leaf before, numbers
    after, initial numbers). ends: what is read of it, whose results are of `leaves`.
    """

    leaves: Leaves
    backward: bool
    inputs: Mapping[int, int]
    states: Sequence[tuple[int, Symbols, Doubles]]
    ends: Sequence[End]


@dataclass
class Finder:
    """Finds the repetition of one way through a region."""

    region: Region
    way: int
    pending: dict[str, Parts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.leaves = self.region.leaves
        self.time = self.region.clock.times(self.way)
        self.classes = Classes(self.leaves, self.time, self.region.steps)
        self.last = self.region.steps - 1

    def found(self) -> Repetition | None:
        """The repetition; None where nothing recurs. Raises NoRepetition, Differs."""
        ends = self._ends()
        if not ends:
            return None
        results = [int(i) for end in ends for i in np.unique(end.result.leaf)]
        body = body_of(self.classes, self.last, results)
        proof = Proof(Trace(self.classes, body))
        for end in ends:
            for time, value in zip(end.parts.times, end.parts.values, strict=True):
                proof.result(end.result, value, time)
        return _built(self, body, proof.initial, ends)

    def _ends(self) -> list[End]:
        """What is read of the steps, from the outputs of the graph back to what recurs."""
        region = self.region
        makers = {o: node for node in region.nodes for o in node.output if o}
        waiting = region.ends()[::-1]
        seen = set(waiting)
        found: list[End] = []
        while waiting:
            name = waiting.pop()
            value = region.values[name]
            if isinstance(value, Symbols):
                if self._is_moved(value):
                    continue
                end = self._end(name, value)
                if end is not None:
                    found.append(end)
                    continue
            inputs = [i for i in makers[name].input if i in makers and i not in seen]
            waiting += inputs
            seen.update(inputs)
        return found

    def _is_moved(self, value: Symbols) -> bool:
        """True for steps of the input itself, which the graph may read as it is."""
        return all(self.leaves[int(i)].kind in ("input", "const") for i in np.unique(value.leaf))

    def _end(self, name: str, value: Symbols) -> End | None:
        if any(self.time[int(i)] < -1 for i in np.unique(value.leaf)):
            return None
        parts = parts_of(value, self.time)
        if parts is None:
            return None
        at, latest = max(zip(parts.times, parts.values, strict=True), key=lambda p: p[0])
        result = self._at_last(latest, at)
        return None if result is None else End(name, parts, result)

    def _at_last(self, value: Symbols, time: int) -> Symbols | None:
        """What a tensor of a step is at the last step; None for what does not recur."""
        leaves = {int(i) for i in np.unique(value.leaf)}
        if not all(map(self.classes.recurs, leaves)):
            return None
        shift = self.last - time
        if shift == 0:
            return value
        given: dict[int, Symbols] = {}
        for leaf in leaves:
            same = leaf
            if self.time[leaf] >= 0:
                found = self.classes.same(leaf, self.time[leaf] + shift)
                if found is None:
                    return None
                same = found
            given[leaf] = vector(same, (self.leaves[leaf].size,))
        return Copier(self.leaves, self.leaves, given).symbols(value)


def _built(
    finder: Finder, body: Body, initial: Mapping[tuple[int, int], Doubles], ends: Sequence[End]
) -> Repetition:
    """The body as leaves of its own."""
    source, target = finder.leaves, Leaves()
    given: dict[int, Symbols] = {}
    inputs: dict[int, int] = {}
    befores: dict[tuple[int, int], Symbols] = {}
    for leaf, most in body.delays.items():
        for delay in range(1, most + 1):
            name = f"s{len(befores) + 1}"
            befores[leaf, delay] = target.named("state", name, (source[leaf].size,))
    for leaf, hole in body.holes.items():
        given[leaf] = befores[hole.leaf, hole.delay]
    for number in range(len(finder.region.cuts)):
        for leaf in range(len(source)):
            here = source[leaf].kind == "input" and source[leaf].name == str(number)
            if here and finder.time[leaf] == body.step:
                made = target.named("input", str(number), (source[leaf].size,))
                given.setdefault(leaf, made)
                inputs[number] = int(made.leaf[0])
    copy = Copier(source, target, given)
    states = []
    for (leaf, delay), before in befores.items():
        after = copy.leaf(leaf) if delay == 1 else befores[leaf, delay - 1]
        states.append((int(before.leaf[0]), after, initial[leaf, -delay]))
    made = [End(e.name, e.parts, copy.symbols(e.result)) for e in ends]
    return Repetition(target, finder.way == BACKWARD, inputs, states, made)
