"""Cells that are solutions of differential equations."""

from __future__ import annotations

from typing import Literal

from lstm_edge.cells.activations import activation
from lstm_edge.cells.shapes import Shapes, check_shape, shape_of
from lstm_edge.errors import ModelError
from lstm_edge.functions import Function, absolute, sum_of
from lstm_edge.ir.expr import (
    Cell,
    Expr,
    affine,
    apply,
    input_vector,
    param,
    sigmoid,
    state,
    take,
    tanh,
)


def cfc(
    mode: Literal["default", "no_gate", "pure"] = "default",
    layers: int = 1,
    function: str | Function = "lecun_tanh",
    time: float = 1.0,
) -> Cell:
    """Closed-form continuous-time cell (Hasani et al. 2022, equation 10 and its variants).

    v = function(W_v x + R_v h + b_v), the backbone, and as many `layers` of it: function(R_v2 v +
    b_v2), ...; with none the heads read x and h by W_* and R_*. f1, f2, t: R_* v + b_*.
    default: h = (1 - s) * tanh(f1) + s * tanh(f2), s = sigmoid(t); a mean, so |h| <= 1.
    no_gate: h = tanh(f1) + s * tanh(f2), |h| <= 2.
    pure: h = a - a * exp(-time * (|tau| + |f1|)) * f1.
    `time`: between two steps; where they are alike, t is one product: of the paper's two it has
    time * A + B. x [I], h [H], v [B]; W_v [B, I], R_v [B, H], R_f1, R_f2, R_t [H, B], a, tau [H].
    """
    x, h = input_vector("x"), state("h")
    operands: tuple[Expr, ...] = (x, h)
    for k in range(layers):
        operands = (activation(function)(affine(f"v{k + 1}" if k else "v", *operands)),)
    f1 = affine("f1", *operands)
    if mode == "pure":
        decay = apply("exp", (absolute(param("tau")) + absolute(f1)) * -time)
        return Cell("cfc", {"h": param("a") - param("a") * decay * f1})
    if mode not in ("default", "no_gate"):
        raise ModelError(f"mode {mode!r}", "is unknown; expected default, no_gate or pure")
    s, f2 = sigmoid(affine("t", *operands)), tanh(affine("f2", *operands))
    if mode == "no_gate":
        return Cell("cfc", {"h": tanh(f1) + s * f2}, {"h": 2.0})
    return Cell("cfc", {"h": (1.0 - s) * tanh(f1) + s * f2}, {"h": 1.0})


def ltc(unfolds: int = 6, time: float = 1.0, epsilon: float = 1e-8, *, shapes: Shapes) -> Cell:
    """Liquid time-constant cell (Hasani et al. 2021, algorithm 1): `unfolds` steps of a solver.

    Each with h = (c * unfolds / time * h + g_leak * v_leak + sum of e * s) /
    (c * unfolds / time + g_leak + sum of s + epsilon), over all synapses s = w * sigmoid(sigma *
    (v - mu)), those of x and those of h.
    x [I], h [H]; w_x, mu_x, sigma_x, e_x [I, H] of the synapses of x, w, mu, sigma, e [H, H] of
    those of h: number [j, k] is from j to unit k; c, g_leak, v_leak [H]. All but mu, e, v_leak are
    positive, and w is 0 where there is no synapse. A mean of h, v_leak and e: none is exceeded.
    """
    x, h = input_vector("x"), state("h")
    features, units = shape_of(shapes, "w_x", 2)
    for name, sources in (("_x", features), ("", units)):
        for synapse in ("w", "mu", "sigma", "e"):
            check_shape(shapes, f"{synapse}{name}", (sources, units))
    if unfolds < 1:
        raise ModelError(f"unfolds {unfolds}", "expected 1 or more")
    driven, held = _Synapses("_x", features, units).of(x)
    capacity, leak = param("c") * (unfolds / time), param("g_leak")
    driven = driven + leak * param("v_leak")
    held = held + leak + capacity + epsilon
    own = _Synapses("", units, units)
    for _ in range(unfolds):
        more, also = own.of(h)
        h = (capacity * h + driven + more) / (held + also)
    return Cell("ltc", {"h": h})


class _Synapses:
    """Those from `sources` neurons to each of `units`."""

    def __init__(self, suffix: str, sources: int, units: int) -> None:
        self.sources, self.units = sources, units
        names = (f"w{suffix}", f"mu{suffix}", f"sigma{suffix}", f"e{suffix}")
        self.w, self.mu, self.sigma, self.e = (param(name) for name in names)

    def of(self, v: Expr) -> tuple[Expr, Expr]:
        """The sums of e * s and of s over the sources of each unit: source by source, so that no
        vector of all synapses is ever kept.
        """
        active = [self._from(v, source) for source in range(self.sources)]
        return sum_of([e * s for e, s in active]), sum_of([s for _, s in active])

    def _from(self, v: Expr, source: int) -> tuple[Expr, Expr]:
        """e and s of the synapses of one source."""
        row = range(source * self.units, (source + 1) * self.units)
        w, mu, sigma, e = (take(each, row) for each in (self.w, self.mu, self.sigma, self.e))
        return e, w * sigmoid(sigma * (take(v, [source]) - mu))
