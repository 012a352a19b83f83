"""LSTMs whose gates are scaled as they run: by normalization, or by a state of their own."""

from __future__ import annotations

from lstm_edge.cells.shapes import Shapes, rows_of
from lstm_edge.functions import softplus
from lstm_edge.ir.expr import (
    Cell,
    affine,
    apply,
    input_vector,
    larger,
    layer_norm,
    param,
    products,
    sigmoid,
    state,
    take,
    tanh,
)


def layer_norm_lstm(epsilon: float = 1e-5, *, shapes: Shapes) -> Cell:
    """LSTM with layer normalization (Ba et al. 2016, equations 20 to 22 of the appendix).

    [i; f; g; o] = LN(W_x x) * gain_x + LN(R_h h) * gain_h + b, over all 4H rows, then
    c = sigmoid(f) * c + sigmoid(i) * tanh(g), h = sigmoid(o) * tanh(LN(c) * gain_c + b_c).
    x [I], h, c [H]; W_x [4H, I], R_h [4H, H], gain_x, gain_h, b [4H], gain_c, b_c [H]; rows in the
    order i, f, g, o; b is the sum of the biases of both normalizations.
    """
    units = rows_of(shapes, "R_h", 4)
    x, h, c = input_vector("x"), state("h"), state("c")
    of_x = layer_norm(products("b_x", W_x=x), epsilon) * param("gain_x")
    of_h = layer_norm(products("b_h", R_h=h), epsilon) * param("gain_h")
    rows = of_x + of_h + param("b")
    i, f, g, o = (take(rows, range(k * units, (k + 1) * units)) for k in range(4))
    c_next = sigmoid(f) * c + sigmoid(i) * tanh(g)
    shown = tanh(layer_norm(c_next, epsilon) * param("gain_c") + param("b_c"))
    return Cell("layer_norm_lstm", {"c": c_next, "h": sigmoid(o) * shown})


def slstm(exponential: bool = False) -> Cell:
    """sLSTM (Beck et al. 2024, "xLSTM", equations 8 to 17): gates are exponentials, and the state m
    keeps them within reach.

    m' = max(l + m, i), l = log(sigmoid(f)), or f itself where the forget gate is `exponential`;
    c = exp(l + m - m') * c + exp(i - m') * tanh(z), n the same with 1 in place of tanh(z),
    h = sigmoid(o) * c / n; i, f, z, o = W_* x + R_* h + b_*.
    x [I], h, c, n, m [H]; W_* [H, I], R_* [H, H], b_* [H]; heads are blocks of R, zero around them.
    |c| <= n from zero on, so |h| <= 1.
    """
    x, h, c, n, m = (input_vector("x"), *(state(name) for name in "hcnm"))
    i, f, z, o = (affine(gate, x, h) for gate in "ifzo")
    kept = (f if exponential else 0.0 - softplus(0.0 - f)) + m
    m_next = larger(kept, i)
    write, forget = apply("exp", i - m_next), apply("exp", kept - m_next)
    c_next = forget * c + write * tanh(z)
    n_next = forget * n + write
    results = {"m": m_next, "c": c_next, "n": n_next, "h": sigmoid(o) * (c_next / n_next)}
    return Cell("slstm", results, {"h": 1.0})
