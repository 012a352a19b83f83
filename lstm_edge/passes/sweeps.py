"""Which pass over the steps each node runs in.

Forward as far as possible, backward where a layer is reversed, forward again where a layer needs
what a reversed one makes, or where two sequences meet that are as long as each other but not
computed at the same ticks.
"""

from __future__ import annotations

from dataclasses import dataclass

from lstm_edge.errors import ModelError
from lstm_edge.ir.clock import EVERY_TICK, Clock, Length
from lstm_edge.ir.model import Concat, DenseOverTime, FirstStep, LastStep, Layer, Model, Node
from lstm_edge.ir.program import FORWARD, ONCE, REVERSE

ANYWHERE = -2
"""The sweep of an input: it can be read in all of them."""


@dataclass(frozen=True)
class Turn:
    """When a node runs: its sweep, or ONCE, and the ticks of it. taking: when vectors enter its
    window, where it has one.
    """

    sweep: int
    clock: Clock = EVERY_TICK
    taking: Clock = EVERY_TICK


class Sweeps:
    """The sweeps of a model, found as its nodes are asked for in their order."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._directions: list[str] = []
        self._lengths: list[Length] = []
        self._made = {port.tensor: Turn(ANYWHERE) for port in model.inputs}
        self._length = {port.tensor: Length() for port in model.inputs}
        self._either: set[str] = set()
        self._once_inputs = {t for t in self._made if not model.tensors[t].per_step}

    @property
    def directions(self) -> tuple[str, ...]:
        """FORWARD or REVERSE for each sweep so far; at least one."""
        return tuple(self._directions) or (FORWARD,)

    @property
    def lengths(self) -> tuple[Length, ...]:
        """What each of them goes over."""
        return tuple(self._lengths) or (Length(),)

    def length_of(self, node: Node) -> Length:
        """The length of the sequence that a node reads, or the last step of which it reads."""
        return next((self._length[t] for t in inputs_of(node) if t in self._length), Length())

    def of(self, node: Node) -> Turn:
        """When a node runs; in the earliest sweep in which its inputs are at hand."""
        results = node.outputs.values() if isinstance(node, Layer) else (node.output,)
        turn, length = self._place(node), self.length_of(node)
        if isinstance(node, Layer) and node.reverse is None:
            self._either.update(results)
        if isinstance(node, Layer) and node.window is not None:
            after = turn.clock.then(node.window)
            turn = Turn(turn.sweep, after, turn.clock.filling(node.window))
            length = self._lengths[turn.sweep].then(after.length)
        for tensor in results:
            per_step = self._model.tensors[tensor].per_step
            self._made[tensor] = turn if per_step else Turn(ONCE)
            self._length[tensor] = length
        return turn

    def ends_with(self, node: LastStep | FirstStep) -> int | None:
        """None where the wanted step is the last that the sweep computes, else its index."""
        if node.input in self._either:
            return None
        sweep = self._made[node.input].sweep
        last = isinstance(node, LastStep)
        if sweep == ANYWHERE:
            return None if last else 0
        direction = self._directions[sweep]
        if last == (direction == FORWARD):
            return None
        return -1 if last else 0

    def _place(self, node: Node) -> Turn:
        if isinstance(node, LastStep | FirstStep) or is_plain_dense(node):
            return Turn(ONCE)
        inputs = self._sequences(node)
        if not inputs:
            return Turn(ONCE)
        lengths = {self._length[t] for t in inputs}
        if len(lengths) > 1:
            raise ModelError(
                node.source or node.name,
                "combines sequences of different lengths; give both the same stride and padding",
            )
        wanted = self._wanted(node, inputs)
        earliest = max(self._made[t].sweep for t in inputs)
        for sweep in range(max(earliest, 0), len(self._directions)):
            clock = self._clock_in(sweep, inputs)
            if wanted in (None, self._directions[sweep]) and clock is not None:
                return Turn(sweep, clock)
        self._directions.append(wanted or FORWARD)
        self._lengths.append(lengths.pop())
        return Turn(len(self._directions) - 1)

    def _sequences(self, node: Node) -> list[str]:
        """The inputs that exist at each step; refuses a mixture with what is computed later."""
        inputs = inputs_of(node)
        vectors = [t for t in inputs if not self._model.tensors[t].per_step]
        sequences = [t for t in inputs if t not in vectors]
        if sequences and any(t not in self._once_inputs for t in vectors):
            raise ModelError(
                node.source or node.name,
                "reads at each step a vector that is computed after the last one (a decoder behind "
                "an encoder): not supported yet; compile the two as models of their own",
            )
        return sequences

    def _wanted(self, node: Node, inputs: list[str]) -> str | None:
        """The direction that a node needs, None where either will do."""
        if isinstance(node, Layer) and node.cell.states and node.reverse is not None:
            return REVERSE if node.reverse else FORWARD
        from_inputs = all(self._made[t].sweep == ANYWHERE for t in inputs)
        moving = isinstance(node, Layer) and node.window is not None
        if not (from_inputs or moving or isinstance(node, DenseOverTime)):
            return None
        return REVERSE if isinstance(node, Layer) and node.reverse else FORWARD

    def _clock_in(self, sweep: int, inputs: list[str]) -> Clock | None:
        """The ticks of a sweep at which all inputs are at hand; None where there are none."""
        made = [self._made[t] for t in inputs]
        clocks = {turn.clock for turn in made if turn.sweep == sweep}
        if any(turn.sweep != sweep for turn in made):
            if self._length[inputs[0]] != self._lengths[sweep]:
                return None
            clocks.add(EVERY_TICK)
        return clocks.pop() if len(clocks) == 1 else None


def is_plain_dense(node: Node) -> bool:
    """True for a dense layer over all steps of a sequence that has one."""
    return isinstance(node, DenseOverTime) and len(node.weights) == 1


def inputs_of(node: Node) -> tuple[str, ...]:
    """Tensors that a node reads."""
    if isinstance(node, Layer):
        return tuple(node.inputs.values())
    return node.inputs if isinstance(node, Concat) else (node.input,)
