"""LSTM, GRU and RNN nodes inside of a step: their equations, written out once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lstm_edge.frontend.model.layout import ONNX_GRU, ONNX_LSTM, RNN
from lstm_edge.frontend.step.call import TIMES, Call, Doubles, Value
from lstm_edge.frontend.step.leaves import Function
from lstm_edge.frontend.step.symbols import Symbols, together
from lstm_edge.ir.expr import apply

SIGMOID = Function(
    ("Sigmoid", 0.0, 0.0), lambda x: apply("sigmoid", x), lambda a: 1 / (1 + np.exp(-a))
)
TANH = Function(("Tanh", 0.0, 0.0), lambda x: apply("tanh", x), np.tanh)
DEFAULTS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
AS_OPERATORS = (
    "inside of a step write it with Gemm and activations (torch: nn.Linear), or let it read the "
    "whole sequence outside of the loop"
)
ORDERS = {"LSTM": ONNX_LSTM, "GRU": ONNX_GRU, "RNN": RNN}


class _Gates:
    """What the gates of one node add up: X [1, 1, I] and h [1, 1, H]."""

    def __init__(self, call: Call) -> None:
        op = call.node.op_type
        given = call.given
        plain = given.get("activations", DEFAULTS[op]) == DEFAULTS[op]
        both = given.get("direction", "forward") == "bidirectional"  # one step is the same each way
        if not plain or both or "clip" in given:
            raise call.refuse(
                f"has two directions, a bound or functions of its own; {AS_OPERATORS}"
            )
        lengths = call.constant(4, "input sequence_lens")
        stopped = lengths is not None and (np.asarray(lengths) != 1).any()
        if given.get("input_forget", 0) or stopped or call.has(7):
            raise call.refuse(f"has coupled gates, peepholes or a length of 0; {AS_OPERATORS}")
        self.call, self.x = call, call.symbols(0)
        if self.x.shape[:2] != (1, 1):
            raise call.refuse(
                f"reads {list(self.x.shape)} in a step; expected [1, 1, features]: let it read the "
                "sequence outside of the loop, or one step of it"
            )
        weights, recurrent = (self._numbers(k) for k in (1, 2))
        self.hidden = recurrent.shape[-1]
        size = len(ORDERS[op]) * self.hidden
        both = self._numbers(3) if call.has(3) else np.zeros(2 * size)
        self.biases = self._split(both[:size]), self._split(both[size:])
        self.input, self.recurrent = self._split(weights), self._split(recurrent)

    def _numbers(self, k: int) -> Doubles:
        array: Doubles = np.asarray(self.call.constant(k, "weights"), np.float64)[0]
        return array

    def _split(self, stacked: Doubles) -> Mapping[str, Doubles]:
        order = ORDERS[self.call.node.op_type]
        return dict(zip(order, np.split(stacked, len(order)), strict=True))

    def state(self, k: int) -> Symbols:
        """A state before the step; zeros where the node has none."""
        given = self.call.symbols(k) if self.call.has(k) else None
        zeros = self.call.leaves.lift(np.zeros(self.hidden))
        return zeros if given is None else given.flat()

    def of_input(self, gate: str) -> Symbols:
        """W x + b."""
        made = self.call.leaves.product(self.x.flat(), self.input[gate], (self.hidden,))
        return self.call.leaves.combine(made, self.biases[0][gate], 1.0, 1.0)

    def of_state(self, gate: str, h: Symbols) -> Symbols:
        """R h + b."""
        made = self.call.leaves.product(h, self.recurrent[gate], (self.hidden,))
        return self.call.leaves.combine(made, self.biases[1][gate], 1.0, 1.0)

    def total(self, gate: str, h: Symbols) -> Symbols:
        """W x + R h and both biases."""
        return self.call.leaves.combine(self.of_input(gate), self.of_state(gate, h), 1.0, 1.0)

    def results(self, *states: Symbols) -> list[Value]:
        """Y [1, 1, 1, H], then the states [1, 1, H]."""
        y = together([states[0]], np.stack).moved(lambda a: a.reshape(1, 1, 1, -1))
        return [y, *(s.moved(lambda a: a.reshape(1, 1, -1)) for s in states)]


def lstm(call: Call) -> list[Value]:
    """One step of an LSTM."""
    gates, leaves = _Gates(call), call.leaves
    h, c = gates.state(5), gates.state(6)
    i, o, f = (leaves.each(SIGMOID, gates.total(name, h)) for name in "iof")
    g = leaves.each(TANH, gates.total("g", h))
    kept, new = leaves.multiply(TIMES, f, c), leaves.multiply(TIMES, i, g)
    c = leaves.combine(kept, new, 1.0, 1.0)
    return gates.results(leaves.multiply(TIMES, o, leaves.each(TANH, c)), c)


def gru(call: Call) -> list[Value]:
    """One step of a GRU."""
    gates, leaves = _Gates(call), call.leaves
    h = gates.state(5)
    z, r = (leaves.each(SIGMOID, gates.total(name, h)) for name in "zr")
    if call.given.get("linear_before_reset", 0):
        inner = leaves.multiply(TIMES, r, gates.of_state("n", h))
        n = leaves.combine(gates.of_input("n"), inner, 1.0, 1.0)
    else:
        n = gates.total("n", leaves.multiply(TIMES, r, h))
    n = leaves.each(TANH, n)
    new = leaves.combine(n, leaves.multiply(TIMES, z, n), 1.0, -1.0)
    return gates.results(leaves.combine(new, leaves.multiply(TIMES, z, h), 1.0, 1.0))


def rnn(call: Call) -> list[Value]:
    """One step of a simple RNN."""
    gates = _Gates(call)
    return gates.results(call.leaves.each(TANH, gates.total("h", gates.state(5))))
