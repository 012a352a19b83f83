"""LSTM, GRU and RNN nodes inside of a step: the equations of their cells."""

from __future__ import annotations

import numpy as np

from lstm_edge import cells
from lstm_edge.frontend.model.layout import (
    ONNX_GRU,
    ONNX_LSTM,
    RNN,
    gru_params,
    layer_params,
)
from lstm_edge.frontend.step.call import Call, Value
from lstm_edge.frontend.step.expressions import of_symbols
from lstm_edge.frontend.step.symbols import Symbols

DEFAULTS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
GATES = {"LSTM": ONNX_LSTM, "GRU": ONNX_GRU, "RNN": RNN}


def recurrent(call: Call) -> list[Value]:
    """One step of a layer: Y [1, 1, 1, H], then its states [1, 1, H]."""
    op, given, x = call.node.op_type, call.given, call.symbols(0)
    plain = given.get("activations", DEFAULTS[op]) == DEFAULTS[op]
    lengths = call.constant(4, "input sequence_lens")
    stopped = lengths is not None and bool((np.asarray(lengths) != 1).any())
    special = "clip" in given or given.get("input_forget", 0) or call.has(7) or stopped
    if not plain or given.get("direction", "forward") == "bidirectional" or special:
        raise call.refuse(
            "has two directions, functions of its own, a bound, coupled gates, peepholes or a "
            "length of 0; inside of a step write it with Gemm and activations (torch: nn.Linear), "
            "or let it read the whole sequence outside of the loop"
        )
    if x.shape[:2] != (1, 1):
        raise call.refuse(
            f"reads {list(x.shape)} in a step; expected [1, 1, features]: let it read the sequence "
            "outside of the loop, or one step of it"
        )
    weights, inner = (np.asarray(call.constant(k, "weights"), np.float64)[0] for k in (1, 2))
    rows, hidden = inner.shape
    both = np.asarray(call.constant(3, "weights"))[0] if call.has(3) else np.zeros(2 * rows)
    biases = both[:rows].astype(np.float64), both[rows:].astype(np.float64)
    if op == "GRU":
        after = bool(given.get("linear_before_reset", 0))
        cell = cells.gru(after)
        params = gru_params(weights, inner, biases, GATES[op], after)
    else:
        cell = cells.lstm() if op == "LSTM" else cells.rnn()
        params = layer_params(weights, inner, biases, GATES[op])
    states = {name: _state(call, 5 + k, hidden) for k, name in enumerate(("h", "c"))}
    made = of_symbols(call.leaves, cell.results, {"x": x.flat(), **states, **params})
    results = [
        made[name].moved(lambda a: a.reshape(1, 1, -1)) for name in ("h", "c") if name in made
    ]
    return [results[0].moved(lambda a: a[None]), *results]


def _state(call: Call, k: int, hidden: int) -> Symbols:
    """A state before the step; zeros where the node has none."""
    return call.symbols(k).flat() if call.has(k) else call.leaves.lift(np.zeros(hidden))
