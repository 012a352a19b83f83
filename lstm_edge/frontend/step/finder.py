"""The repetition of a region: its results, its body, and the proof that all steps are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import NodeProto

from lstm_edge.frontend.step.alike import Copier
from lstm_edge.frontend.step.clock import BACKWARD
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.proof import Proof
from lstm_edge.frontend.step.region import Region
from lstm_edge.frontend.step.repeat import Body, Classes, NoRepetition, body_of
from lstm_edge.frontend.step.repetition import RepeatedState
from lstm_edge.frontend.step.symbols import Integers, Symbols, leaves_of
from lstm_edge.frontend.step.trace import Differs, Initial, Result, Trace

HEADS = frozenset(
    (
        *("Gemm", "MatMul", "Softmax", "LogSoftmax", "LayerNormalization", "BatchNormalization"),
        *("Sigmoid", "Tanh", "Relu", "LeakyRelu", "Flatten", "Reshape", "Squeeze", "Unsqueeze"),
        *("Identity", "Dropout"),
    )
)
"""Operators that the graph around may do with the result of the last step."""


@dataclass(frozen=True)
class Parts:
    """values[k], of the step times[k]; side by side along `axis`, None for a single one.

    Times are evenly apart. Constants are of the steps that are missing; where these would be before
    the first one, all parts are of the step after the one at which they are known.
    """

    axis: int | None
    times: Sequence[int]
    values: Sequence[Symbols]


@dataclass(frozen=True)
class End:
    """A tensor that the graph around reads: `result` of each of the steps at `parts`."""

    name: str
    parts: Parts
    result: Symbols


@dataclass(frozen=True)
class Found:
    """A step that is done for every step, and proved to be what the graph does.

    leaves: those of the step. inputs: number of a cut -> its leaf, of those that it reads. same:
    tensor that is the same at each step -> its leaf. ends: what is read of it, with results of
    `leaves`.
    """

    leaves: Leaves
    backward: bool
    inputs: Mapping[int, int]
    same: Mapping[str, int]
    states: Sequence[RepeatedState]
    ends: Sequence[End]


@dataclass
class Finder:
    """Finds the repetition of one way through a region. left: whether some steps of the input are
    read by nodes that are not of the repetition, though they could be of a step.
    """

    region: Region
    way: int
    loose: bool = False

    def __post_init__(self) -> None:
        self.leaves = self.region.leaves
        self.time = self.region.clock.times(self.way)
        self.classes = Classes(self.leaves, self.time, self.region.steps, self.loose)
        self.last = self.region.steps - 1
        self.outside: set[str] = set()
        self.left = False

    def found(self) -> Found | None:
        """The repetition; None where nothing recurs. Raises NoRepetition, Differs."""
        while True:
            ends, early = self._ends()
            if not ends and not early:
                return None
            results = [i for end in ends for i in leaves_of(end.result)]
            body = body_of(self.classes, self.last, results)
            given = [
                Result(end.result, value, time)
                for end in ends
                for time, value in zip(end.parts.times, end.parts.values, strict=True)
            ]
            proof = Proof(Trace(self.classes, body), given, self._firsts)
            for result in given:
                proof.result(result.mine, result.theirs, result.step)
            told = {name: _as_other(proof, name, parts, ends) for name, parts in early.items()}
            if None not in told.values():
                more = [end for end in told.values() if end is not None]
                given += [Result(e.result, e.parts.values[0], e.parts.times[0]) for e in more]
                proof.close(given)
                return _built(self, body, proof.initial, [*ends, *more])
            self.outside.update(name for name, end in told.items() if end is None)

    def _firsts(self) -> list[Symbols]:
        """Vectors of the first step that the graph has, each once."""
        found: dict[tuple[bytes, bytes], Symbols] = {}
        for value in self.region.values.values():
            if not isinstance(value, Symbols):
                continue
            if {self.time[i] for i in leaves_of(value)} - {-1} == {0}:
                flat = value.flat()
                found.setdefault((flat.leaf.tobytes(), flat.unit.tobytes()), flat)
        return list(found.values())

    def last_inputs(self) -> dict[int, int]:
        """Input leaf of the last step -> the number of its cut."""
        inputs = ((i, leaf) for i, leaf in enumerate(self.leaves.all) if leaf.kind == "input")
        return {i: int(leaf.name) for i, leaf in inputs if self.time[i] == self.last}

    def outer_inputs(self) -> list[int]:
        """Leaves of what depends on no step."""
        inputs = (i for i, leaf in enumerate(self.leaves.all) if leaf.kind == "input")
        return [i for i in inputs if self.time[i] == -1]

    def _ends(self) -> tuple[list[End], dict[str, Parts]]:
        """What is read of the steps, from the outputs of the graph back to what recurs; and tensors
        of first steps, of which only the body can tell what they are.
        """
        region = self.region
        makers = {o: node for node in region.nodes for o in node.output if o}
        ends, one_way = set(region.ends()), region.clock.order != "both"
        waiting = region.ends()[::-1]
        seen = set(waiting)
        found: list[End] = []
        early: dict[str, Parts] = {}
        while waiting:
            name = waiting.pop()
            value = region.values.get(name)
            data = [i for i in makers[name].input if i in makers]
            if isinstance(value, Symbols):
                if self._is_moved(value):
                    self.left = self.left or (name not in ends and one_way)
                    continue
                parts = self._parts(value)
                if parts is not None and self._beside(parts):
                    waiting += [i for i in data if i not in seen]
                    seen.update(data)
                    continue
                end = None if parts is None else self._end(name, parts)
                if end is None and parts is not None and self._is_early(name, parts):
                    early[name] = parts
                    continue
                if end is None and not self._goes_outside(makers[name], data):
                    end = self._last(name, value)
                    self.left = self.left or (end is None and one_way)
                if end is not None:
                    found.append(end)
                    continue
            waiting += [i for i in data if i not in seen]
            seen.update(data)
        return found, early

    def _beside(self, parts: Parts) -> bool:
        """True for steps beside those of a sequence that the repetition does not read step by step,
        or of what the graph computes of it as a whole: the graph around joins them.
        """
        known = [i for v in parts.values for i in leaves_of(v) if self.time[i] == -1]
        whole = [i for i in known if self.leaves[i].kind != "const"]
        taken = [v.unit[np.isin(v.leaf, whole)].tolist() for v in parts.values]
        return any(units != taken[0] for units in taken)

    def _is_early(self, name: str, parts: Parts) -> bool:
        """True for one vector of a step at which hashes tell little yet."""
        return parts.axis is None and parts.times[0] < self.last - 1 and name not in self.outside

    def _goes_outside(self, node: NodeProto, data: Sequence[str]) -> bool:
        """True for what is done with one vector of a step as well as with any other vector, and for
        what joins those of several steps.
        """
        found = (self.region.values.get(name) for name in data)
        times = {self.time[i] for v in found if isinstance(v, Symbols) for i in leaves_of(v)}
        joined = node.op_type == "Concat" and max(times) - min(times - {-1}, default=0) > 1
        return joined or (node.op_type in HEADS and len(data) == 1)

    def _last(self, name: str, value: Symbols) -> End | None:
        """What is computed after the last step, once, of anything that steps know."""
        when = [self.classes.time[i] for i in leaves_of(value)]
        if max(when) < self.last or min(when) < -1:
            return None
        return End(name, Parts(None, [self.last], [value]), value)

    def _is_moved(self, value: Symbols) -> bool:
        """True for steps of the input itself, which the graph may read as it is."""
        return all(self.leaves[i].kind in ("input", "const") for i in leaves_of(value))

    def _parts(self, value: Symbols) -> Parts | None:
        """The steps at which parts of a tensor are known, if they are of this way."""
        if any(self.time[i] < -1 for i in leaves_of(value)):
            return None
        parts = parts_of(value, self.time)
        return None if parts is None or max(parts.times) > self.last else parts

    def _end(self, name: str, parts: Parts) -> End | None:
        at, latest = max(zip(parts.times, parts.values, strict=True), key=lambda p: p[0])
        result = self._at_last(latest, at)
        return None if result is None else End(name, parts, result)

    def _at_last(self, value: Symbols, time: int) -> Symbols | None:
        """What a tensor of a step is at the last step; None for what does not recur."""
        leaves = leaves_of(value)
        if not all(map(self.classes.recurs, leaves)):
            return None
        shift = self.last - time
        try:
            moved = {i: self.classes.shifted(i, shift) for i in leaves}
        except NoRepetition:
            return None
        leaf = np.vectorize(moved.__getitem__, otypes=[np.int64])(value.leaf)
        return Symbols(leaf, value.unit)


def _as_other(proof: Proof, name: str, parts: Parts, ends: Sequence[End]) -> End | None:
    """A tensor of one step as what others are of later steps."""
    for end in ends:
        try:
            proof.result(end.result, parts.values[0], parts.times[0])
        except Differs:
            continue
        return End(name, parts, end.result)
    return None


def _built(
    finder: Finder, body: Body, initial: Mapping[tuple[int, int], Initial], ends: Sequence[End]
) -> Found:
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
    for leaf, at in finder.last_inputs().items():
        made = target.named("input", str(at), (source[leaf].size,))
        given.setdefault(leaf, made)
        inputs[at] = int(made.leaf[0])
    same: dict[str, int] = {}
    for leaf in finder.outer_inputs():
        made = target.named("input", source[leaf].name, (source[leaf].size,))
        given.setdefault(leaf, made)
        same[source[leaf].name] = int(made.leaf[0])
    copy = Copier(source, target, given)
    states = []
    names = {end.name for end in ends}
    for (leaf, delay), before in befores.items():
        after = copy.leaf(leaf) if delay == 1 else befores[leaf, delay - 1]
        start = initial[leaf, -delay]
        given_by = finder.region.called(start, names) if isinstance(start, Symbols) else start
        states.append(RepeatedState(int(before.leaf[0]), after, given_by))
    made_ends = [End(e.name, e.parts, copy.symbols(e.result)) for e in ends]
    values = (*(s.after for s in states), *(e.result for e in made_ends))
    read = target.below(i for value in values for i in leaves_of(value))
    inputs = {at: leaf for at, leaf in inputs.items() if leaf in read}
    same = {name: leaf for name, leaf in same.items() if leaf in read}
    return Found(target, finder.way == BACKWARD, inputs, same, states, made_ends)


def _filled(times: Integers) -> list[int]:
    """With the steps of constants, as the others are apart."""
    known = np.flatnonzero(times >= 0)
    if len(known) > 1 and len(known) < len(times):
        apart = (times[known[1]] - times[known[0]]) // (known[1] - known[0])
        times = np.where(
            times < 0, times[known[0]] + apart * (np.arange(len(times)) - known[0]), times
        )
    return [int(time) for time in times]


def parts_of(value: Symbols, time: Sequence[int]) -> Parts | None:
    """A tensor by the steps at which its parts are known; None where it has none in order."""
    when = np.asarray(time)[value.leaf]
    for axis in range(when.ndim):
        latest = when.max(axis=tuple(k for k in range(when.ndim) if k != axis))
        if (latest == latest[0]).all():
            continue
        changes = np.flatnonzero(np.diff(latest)) + 1
        count = len(latest) // int(np.gcd.reduce([*changes, len(latest)]))
        blocks = latest.reshape(count, -1)
        times = _filled(blocks[:, 0])
        apart = set(np.diff(times).tolist())
        if (blocks != blocks[:, :1]).any() or len(apart) > 1 or min(times) < -1:
            return None
        times = [time - min(0, *times) for time in times]
        leaves = np.split(value.leaf, count, axis)
        units = np.split(value.unit, count, axis)
        values = [Symbols(i, u) for i, u in zip(leaves, units, strict=True)]
        return Parts(axis, times, values)
    single = int(when.max(initial=-1))
    return Parts(None, [single], [value]) if single >= 0 else None
