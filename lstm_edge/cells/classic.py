"""LSTM, GRU and the simple RNN, with all that ONNX says of them.

The functions f, g, h of ONNX are called gate, candidate and output; `clip` bounds every
pre-activation, 0 means no bound.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from lstm_edge.functions import Function, clamp
from lstm_edge.ir.bound import proved_bound
from lstm_edge.ir.expr import Cell, Expr, affine, input_vector, param, sigmoid, state, tanh


def _clipped(clip: float) -> Callable[[Expr], Expr]:
    return (lambda p: clamp(p, -clip, clip)) if clip > 0.0 else (lambda p: p)


def _limited(gate: Function, *functions: Function) -> bool:
    """Whether products of the cell have room that no number needs: nothing bounds what a gate
    multiplies, and the gate is no sigmoid, whose products are as fine as their other factor.
    """
    x = input_vector("x")
    return gate is not sigmoid and inf in [proved_bound(function(x)) for function in functions]


def lstm(
    peephole: bool = False,
    coupled: bool = False,
    projected: bool = False,
    clip: float = 0.0,
    gate: Function = sigmoid,
    candidate: Function = tanh,
    output: Function = tanh,
) -> Cell:
    """Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000).

    `peephole`: gates also see the cell state through P (Gers and Schmidhuber 2000); the output
    gate sees the new one. `coupled`: the forget gate is 1 - i (ONNX input_forget). `projected`:
    h = R_hr m, fewer units than c has (Sak et al. 2014).
    """
    x, h, c, bounded = input_vector("x"), state("h"), state("c"), _clipped(clip)

    def gate_of(name: str, cell_state: Expr) -> Expr:
        pre_activation = affine(name, x, h)
        if peephole:
            pre_activation = pre_activation + param(f"P_{name}") * cell_state
        return gate(bounded(pre_activation))

    i = gate_of("i", c)
    f = 1.0 - i if coupled else gate_of("f", c)
    g = candidate(bounded(affine("g", x, h)))
    c_next = f * c + i * g
    o = gate_of("o", c_next)
    m = o * output(c_next)
    shown = affine("hr", m) if projected else m
    return Cell("lstm", {"c": c_next, "h": shown}, limited=_limited(gate, candidate, output))


def gru(
    reset_after: bool = False,
    clip: float = 0.0,
    gate: Function = sigmoid,
    candidate: Function = tanh,
) -> Cell:
    """Gated recurrent unit (Cho et al. 2014).

    `reset_after`: the reset gate acts on R h + b instead of h (ONNX linear_before_reset = 1,
    PyTorch, Keras reset_after); then b_hn is the bias of R_hn, and b_n that of W_n.
    """
    x, h, bounded = input_vector("x"), state("h"), _clipped(clip)
    z = gate(bounded(affine("z", x, h)))
    r = gate(bounded(affine("r", x, h)))
    inner = affine("n", x) + r * affine("hn", h) if reset_after else affine("n", x, r * h)
    n = candidate(bounded(inner))
    mean = gate is sigmoid and candidate is tanh
    bounds = {"h": 1.0} if mean else {}
    limited = _limited(gate, candidate)
    return Cell("gru", {"h": (1.0 - z) * n + z * h}, bounds, limited=limited)


def rnn(clip: float = 0.0, candidate: Function = tanh) -> Cell:
    """Simple recurrent network (Elman 1990)."""
    x, h, bounded = input_vector("x"), state("h"), _clipped(clip)
    return Cell("rnn", {"h": candidate(bounded(affine("h", x, h)))})
