"""Small cells with one or two gates."""

from __future__ import annotations

from lstm_edge.cells.activations import activation
from lstm_edge.functions import Function
from lstm_edge.ir.expr import (
    Cell,
    Expr,
    affine,
    input_vector,
    param,
    select,
    sigmoid,
    state,
    tanh,
)


def fast_grnn() -> Cell:
    """FastGRNN (Kusupati et al. 2018): one matrix pair for gate and candidate.

    h = (zeta (1 - z) + nu) * tanh(W x + R h + b_n) + z * h, z = sigmoid(W x + R h + b_z); zeta and
    nu, after their sigmoid, and the biases are vectors with one entry per unit.
    """
    x, h = input_vector("x"), state("h")
    shared = affine("zh", x, h)
    z = sigmoid(shared + param("b_z"))
    n = tanh(shared + param("b_n"))
    return Cell("fast_grnn", {"h": (param("zeta") * (1.0 - z) + param("nu")) * n + z * h})


def mgu() -> Cell:
    """Minimal gated unit (Zhou et al. 2016): one gate both forgets and resets."""
    x, h = input_vector("x"), state("h")
    f = sigmoid(affine("f", x, h))
    n = tanh(affine("n", x, f * h))
    return Cell("mgu", {"h": (1.0 - f) * h + f * n}, {"h": 1.0})


def min_gru(positive: bool = False) -> Cell:
    """minGRU (Feng et al. 2024, "Were RNNs all we needed?", section 3.1): a gate without h.

    h = (1 - z) * h + z * n, z = sigmoid(W_z x + b_z), n = W_n x + b_n.
    `positive`: n = g(W_n x + b_n), g(v) = v + 1/2 from 0 on and sigmoid(v) below, as where the
    cell is trained in logarithms (appendix B of the paper).
    x [I], h [H]; W_z, W_n [H, I], b_z, b_n [H]. Nothing bounds n, so nothing bounds h.
    """
    x, h = input_vector("x"), state("h")
    z, n = sigmoid(affine("z", x)), affine("n", x)
    if positive:
        n = select(0.0 - n, 0.0, sigmoid(n), n + 0.5)
    return Cell("min_gru", {"h": (1.0 - z) * h + z * n})


def sru(projected: bool = False, squashed: bool = False, alpha: float = 1.0) -> Cell:
    """Simple recurrent unit (Lei et al. 2018, equations 1 to 5): gates see c number by number.

    f = sigmoid(W_f x + v_f * c + b_f), r = sigmoid(W_r x + v_r * c + b_r),
    c = f * c + (1 - f) * W_c x, h = r * c + (1 - r) * alpha * x.
    `projected`: W_p x in place of x, where x has other numbers than c. `squashed`: tanh(c) in h, as
    in the first version of the paper. `alpha`: what it scales the highway by.
    x [I], c, h [H]; I = H unless projected. W_* [H, I], v_*, b_* [H].
    """
    x, c = input_vector("x"), state("c")
    f = sigmoid(affine("f", x) + param("v_f") * c)
    r = sigmoid(affine("r", x) + param("v_r") * c)
    c_next = f * c + (1.0 - f) * affine("c", x)
    highway: Expr = affine("p", x) if projected else x
    highway = highway if alpha == 1.0 else highway * alpha
    shown = tanh(c_next) if squashed else c_next
    return Cell("sru", {"c": c_next, "h": r * shown + (1.0 - r) * highway})


def ind_rnn(function: str | Function = "relu") -> Cell:
    """IndRNN (Li et al. 2018, equation 2): each unit reads its own h only.

    h = function(W x + u * h + b). x [I], h [H]; W_h [H, I], u, b_h [H].
    """
    x, h = input_vector("x"), state("h")
    return Cell("ind_rnn", {"h": activation(function)(affine("h", x) + param("u") * h)})


def ugrnn() -> Cell:
    """Update gate RNN (Collins et al. 2017, equation 7): one gate between h and a candidate.

    h = g * h + (1 - g) * n, g = sigmoid(W_g x + R_g h + b_g), n = tanh(W_n x + R_n h + b_n).
    x [I], h [H]; W_* [H, I], R_* [H, H], b_* [H]. A mean of h and tanh: |h| <= 1.
    """
    x, h = input_vector("x"), state("h")
    g, n = sigmoid(affine("g", x, h)), tanh(affine("n", x, h))
    return Cell("ugrnn", {"h": g * h + (1.0 - g) * n}, {"h": 1.0})
