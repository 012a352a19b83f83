"""Which pass over the steps each node runs in.

Forward as far as possible, backward where a layer is reversed, forward again where a layer needs
what a reversed one makes, or where two sequences meet that are as long as each other but not
computed at the same ticks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lstm_edge.errors import ModelError
from lstm_edge.ir.clock import EVERY_TICK, Clock, Length
from lstm_edge.ir.model import DenseOverTime, Layer, Model, Node, Step, Work, is_a
from lstm_edge.ir.program import FORWARD, LATEST, ONCE, REVERSE

ANYWHERE = -2
"""The sweep of an input: it can be read in all of them."""


@dataclass(frozen=True)
class Turn:
    """When a node runs: its sweep, or ONCE, and the ticks of it. taking: when vectors enter its
    window, where it has one. before: of what runs once, the sweep that reads what it makes.
    """

    sweep: int
    clock: Clock = EVERY_TICK
    taking: Clock = EVERY_TICK
    before: int = LATEST


class Sweeps:
    """The sweeps of a model, found as its nodes are asked for in their order."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._directions: list[str] = []
        self._lengths: list[Length] = []
        self._made = {port.tensor: Turn(ANYWHERE) for port in model.inputs}
        self._length = {port.tensor: Length() for port in model.inputs}
        self._either: set[str] = set()
        self._early = _early(model)
        self._behind = {t: -1 for t in self._made if not model.tensors[t].per_step}
        """Vectors -> the last sweep that they are made of, -1 where they are made of none."""

    @property
    def directions(self) -> tuple[str, ...]:
        """FORWARD or REVERSE for each sweep so far; at least one."""
        return tuple(self._directions) or (FORWARD,)

    @property
    def lengths(self) -> tuple[Length, ...]:
        """What each of them goes over."""
        return tuple(self._lengths) or (Length(),)

    def length_of(self, node: Node[Work]) -> Length:
        """The length of the sequence that a node reads, or the last step of which it reads; of one
        that it makes of vectors.
        """
        own = _own_length(node)
        if own is not None:
            return own
        return next((self._length[t] for t in node.reads if t in self._length), Length())

    def of(self, node: Node[Work]) -> Turn:
        """When a node runs; in the earliest sweep in which its inputs are at hand."""
        turn, length = self._place(node), self.length_of(node)
        vectors = [t for t in node.makes if not self._model.tensors[t].per_step]
        if vectors:
            behind = max(turn.sweep, self._last_read(node))
            self._behind.update(dict.fromkeys(vectors, behind))
            if not self._early.isdisjoint(vectors):
                turn = replace(turn, before=behind + 1)
        if is_a(node, Layer) and node.op.reverse is None and node.op.cell.states:
            self._either.update(node.makes)
        if is_a(node, Layer) and node.op.window is not None:
            after = turn.clock.then(node.op.window)
            turn = Turn(turn.sweep, after, turn.clock.filling(node.op.window))
            length = self._lengths[turn.sweep].then(after.length)
        if is_a(node, Layer) and node.op.times > 1:
            turn = self._held(node, turn)
            length = self._lengths[turn.sweep].then(turn.clock.length)
        for tensor in node.makes:
            per_step = self._model.tensors[tensor].per_step
            self._made[tensor] = turn if per_step else Turn(ONCE)
            self._length[tensor] = length
        return turn

    def _held(self, node: Node[Layer], turn: Turn) -> Turn:
        """When a layer runs whose vectors come more slowly than its steps."""
        steps, stride = self._model.steps, turn.clock.stride
        if steps is None or stride % node.op.times:
            raise ModelError(
                node.label,
                f"repeats steps {node.op.times} times that come every {stride} of the sequence; "
                "give its length with --steps, or repeat them where they come as seldom",
            )
        ticks = self._lengths[turn.sweep].of(steps)
        return replace(turn, clock=turn.clock.held(node.op.times, ticks))

    def ends_with(self, node: Node[Step]) -> int | None:
        """None where the wanted step is the last that the sweep computes, else its index."""
        (x,), at = node.reads, node.op.at
        if x in self._either and at in (0, -1):
            return None
        sweep = self._made[x].sweep
        backward = sweep != ANYWHERE and self._directions[sweep] == REVERSE
        return None if at == (0 if backward else -1) else at

    def _last_read(self, node: Node[Work]) -> int:
        """The last sweep that what a node reads is made in or of, -1 where it is none."""
        return max(-1, *(self._behind.get(t, self._made[t].sweep) for t in node.reads))

    def _place(self, node: Node[Work]) -> Turn:
        if isinstance(node.op, Step) or is_plain_dense(node):
            return Turn(ONCE)
        inputs = [t for t in node.reads if self._model.tensors[t].per_step]
        own = _own_length(node)
        if not inputs and own is None:
            return Turn(ONCE)
        lengths = [self._length[t] for t in inputs] if own is None else [own]
        if len({self._count(length) for length in lengths}) > 1:
            raise ModelError(
                node.label,
                "combines sequences of different lengths; give both the same stride and padding",
            )
        length = lengths[0]
        wanted = self._wanted(node, inputs)
        read = (self._made[t].sweep for t in inputs)
        vectors = (self._behind[t] + 1 for t in node.reads if t in self._behind)
        earliest = max(*read, *vectors, 0)
        for sweep in range(earliest, len(self._directions)):
            clock = self._clock_in(sweep, inputs, length)
            if wanted in (None, self._directions[sweep]) and clock is not None:
                return Turn(sweep, clock)
        self._directions.append(wanted or FORWARD)
        self._lengths.append(length)
        return Turn(len(self._directions) - 1)

    def _count(self, length: Length) -> int | Length:
        """What two sequences that run in step have in common: their steps, as far as known."""
        return length if self._model.steps is None else length.of(self._model.steps)

    def _wanted(self, node: Node[Work], inputs: list[str]) -> str | None:
        """The direction that a node needs, None where either will do."""
        if is_a(node, Layer) and node.op.cell.states and node.op.reverse is not None:
            return REVERSE if node.op.reverse else FORWARD
        from_inputs = all(self._made[t].sweep == ANYWHERE for t in inputs)
        moving = is_a(node, Layer) and node.op.window is not None
        if not (from_inputs or moving or is_a(node, DenseOverTime)):
            return None
        return REVERSE if is_a(node, Layer) and node.op.reverse else FORWARD

    def _clock_in(self, sweep: int, inputs: list[str], length: Length) -> Clock | None:
        """The ticks of a sweep at which all inputs, sequences of `length`, are at hand; None where
        there are none.
        """
        made = [self._made[t] for t in inputs]
        clocks = {turn.clock for turn in made if turn.sweep == sweep}
        if not made or any(turn.sweep != sweep for turn in made):
            if self._count(length) != self._count(self._lengths[sweep]):
                return None
            clocks.add(EVERY_TICK)
        return clocks.pop() if len(clocks) == 1 else None


def _own_length(node: Node[Work]) -> Length | None:
    """Of a layer that reads no sequence and makes one."""
    return node.op.over if is_a(node, Layer) else None


def _early(model: Model) -> frozenset[str]:
    """Vectors that something reads at each step."""
    found: set[str] = set()
    for node in reversed(model.nodes):
        at_steps = any(model.tensors[t].per_step for t in node.makes)
        if at_steps or not found.isdisjoint(node.makes):
            found.update(t for t in node.reads if not model.tensors[t].per_step)
    return frozenset(found)


def is_plain_dense(node: Node[Work]) -> bool:
    """True for a dense layer over all steps of a sequence that has one."""
    return is_a(node, DenseOverTime) and len(node.op.weights) == 1
