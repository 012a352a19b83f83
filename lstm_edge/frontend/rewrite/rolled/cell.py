"""Steps of LSTM, GRU and the simple RNN, found in the nodes that compute them.

Gates are told apart by what is done with them, never by their order, so every exporter's order and
every way to write the sums is the same here. All unrolled loops and all bodies of loops use this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from onnx import NodeProto

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.rewrite.rolled.gate import PARAMETERS, function_of, gate_of
from lstm_edge.frontend.rewrite.rolled.match_gru import gru_steps, gru_steps_from_zeros
from lstm_edge.frontend.rewrite.rolled.match_lstm import lstm_steps
from lstm_edge.frontend.rewrite.rolled.step import Step


def steps_of(scope: Graph) -> list[Step]:
    """All nodes that may be the end of a step, in order; of a GRU's every gate is an RNN, too."""
    found: list[Step] = []
    for node in scope.nodes:
        if node.domain in ("", "ai.onnx") and node.op_type in _MATCHERS:
            found.extend(_MATCHERS[node.op_type](scope, node))
    return found


def _simple(scope: Graph, node: NodeProto) -> Iterator[Step]:
    """h' = f(W x + R h + b)."""
    gate = gate_of(scope, node.output[0])
    if gate is not None and gate.form.leaves:
        leaves = gate.form.leaves
        yield Step("RNN", {"h": gate.form}, (gate.function,), node.output[0], leaves=leaves)


def _product(scope: Graph, node: NodeProto) -> Iterator[Step]:
    if function_of(scope, node.output[0]) is not None:
        yield from _simple(scope, node)
    yield from lstm_steps(scope, node)
    yield from gru_steps_from_zeros(scope, node)


_MATCHERS: dict[str, Callable[[Graph, NodeProto], Iterator[Step]]] = {
    **dict.fromkeys((*PARAMETERS, "Clip"), _simple),
    "Add": gru_steps,
    "Mul": _product,
}
