"""Which pass over the steps each node runs in: forward as far as possible, backward where a layer
is reversed, forward again where a layer needs what a reversed one makes.
"""

from __future__ import annotations

from lstm_edge.ir.model import Concat, DenseOverTime, FirstStep, LastStep, Layer, Model, Node
from lstm_edge.ir.program import FORWARD, ONCE, REVERSE

ANYWHERE = -2
"""The sweep of an input: it can be read in all of them."""


class Sweeps:
    """The sweeps of a model, found as its nodes are asked for in their order."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._directions: list[str] = []
        self._made = {port.tensor: ANYWHERE for port in model.inputs}

    @property
    def directions(self) -> tuple[str, ...]:
        """FORWARD or REVERSE for each sweep so far; at least one."""
        return tuple(self._directions) or (FORWARD,)

    def of(self, node: Node) -> int:
        """The sweep of a node, or ONCE; the earliest in which its inputs are at hand."""
        inputs = node.inputs if isinstance(node, Concat) else _inputs(node)
        results = node.outputs.values() if isinstance(node, Layer) else (node.output,)
        sweep = self._place(node, inputs)
        for tensor in results:
            per_step = self._model.tensors[tensor].per_step
            self._made[tensor] = sweep if per_step else ONCE
        return sweep

    def ends_with(self, node: LastStep | FirstStep) -> int | None:
        """None where the wanted step is the last that the sweep computes, else its index."""
        sweep = self._made[node.input]
        last = isinstance(node, LastStep)
        if sweep == ANYWHERE:
            return None if last else 0
        direction = self._directions[sweep]
        if last == (direction == FORWARD):
            return None
        return -1 if last else 0

    def _place(self, node: Node, inputs: tuple[str, ...]) -> int:
        if isinstance(node, LastStep | FirstStep) or is_plain_dense(node):
            return ONCE
        if not all(self._model.tensors[t].per_step for t in inputs):
            return ONCE
        earliest = max((self._made[t] for t in inputs), default=ANYWHERE)
        wanted = None
        if isinstance(node, Layer) and node.cell.states:
            wanted = REVERSE if node.reverse else FORWARD
        elif earliest == ANYWHERE or isinstance(node, DenseOverTime):
            wanted = REVERSE if isinstance(node, Layer) and node.reverse else FORWARD
        for sweep in range(max(earliest, 0), len(self._directions)):
            if wanted in (None, self._directions[sweep]):
                return sweep
        self._directions.append(wanted or FORWARD)
        return len(self._directions) - 1


def is_plain_dense(node: Node) -> bool:
    """True for a dense layer over all steps of a sequence that has one."""
    return isinstance(node, DenseOverTime) and len(node.weights) == 1


def _inputs(node: Node) -> tuple[str, ...]:
    if isinstance(node, Layer):
        return tuple(node.inputs.values())
    assert not isinstance(node, Concat)
    return (node.input,)
