"""LSTM, GRU and RNN of the ONNX specification in float64: an oracle that shares nothing with us.

For what onnxruntime cannot run (layout 1, an absent hidden_size) or reads otherwise than the
specification says (defaults of alpha and beta). Plain loops, one batch row at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "relu": lambda v, a, b: np.maximum(v, 0),
    "tanh": lambda v, a, b: np.tanh(v),
    "sigmoid": lambda v, a, b: 1 / (1 + np.exp(-v)),
    "affine": lambda v, a, b: a * v + b,
    "leakyrelu": lambda v, a, b: np.where(v >= 0, v, a * v),
    "thresholdedrelu": lambda v, a, b: np.where(v > a, v, 0),
    "scaledtanh": lambda v, a, b: a * np.tanh(b * v),
    "hardsigmoid": lambda v, a, b: np.clip(a * v + b, 0, 1),
    "elu": lambda v, a, b: np.where(v >= 0, v, a * (np.exp(v) - 1)),
    "softsign": lambda v, a, b: v / (1 + abs(v)),
    "softplus": lambda v, a, b: np.log1p(np.exp(v)),
}
ALPHA = {"leakyrelu": 0.01, "thresholdedrelu": 1.0, "hardsigmoid": 0.2, "elu": 1.0}
ALPHA |= {"affine": np.nan, "scaledtanh": np.nan}
BETA = {"hardsigmoid": 0.5, "affine": np.nan, "scaledtanh": np.nan}
DEFAULTS = {"LSTM": ["sigmoid", "tanh", "tanh"], "GRU": ["sigmoid", "tanh"], "RNN": ["tanh"]}
Function = Callable[[np.ndarray], np.ndarray]


def run_operator(
    op: str, x: np.ndarray, weights: Mapping[str, np.ndarray], attributes: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Y, Y_h and Y_c of [T, B, I] as the operator gives them for layout 0."""
    arrays = {name: a.astype(np.float64) for name, a in weights.items()}
    direction = attributes.get("direction", "forward")
    orders = {"forward": [1], "reverse": [-1], "bidirectional": [1, -1]}[direction]
    functions = _functions(op, attributes, len(orders))
    clip = attributes.get("clip", np.inf)
    steps, rows, _ = x.shape
    hidden = arrays["R"].shape[-1]
    y = np.zeros((steps, len(orders), rows, hidden))
    ends = np.zeros((2, len(orders), rows, hidden))
    for d, order in enumerate(orders):
        own = {name: array[d] for name, array in arrays.items()}
        for row in range(rows):
            h = own["h0"][row] if "h0" in own else np.zeros(hidden)
            c = own["c0"][row] if "c0" in own else np.zeros(hidden)
            for t in range(steps)[::order]:
                step = _STEPS[op]
                h, c = step(x[t, row], h, c, own, functions[d], clip, attributes)
                y[t, d, row] = h
            ends[:, d, row] = h, c
    return {"Y": y, "Yh": ends[0], "Yc": ends[1]}


def _functions(op: str, attributes: Mapping[str, Any], count: int) -> list[list[Function]]:
    names = [n.lower() for n in attributes.get("activations", DEFAULTS[op] * count)]
    alphas, betas = (
        list(attributes.get(f"activation_{k}", [])) or [t[n] for n in names if n in t]
        for k, t in (("alpha", ALPHA), ("beta", BETA))
    )
    made: list[Function] = []
    for name in names:
        a = alphas.pop(0) if name in ALPHA else 0.0
        b = betas.pop(0) if name in BETA else 0.0
        made.append(lambda v, name=name, a=a, b=b: FUNCTIONS[name](v, a, b))  # type: ignore[misc]
    each = len(DEFAULTS[op])
    return [made[k * each : (k + 1) * each] for k in range(count)]


def _products(x: np.ndarray, h: np.ndarray, own: Mapping[str, np.ndarray]) -> tuple[Any, Any]:
    """W x + Wb and R h + Rb, each by gate [gates, hidden]."""
    hidden = len(h)
    zeros = np.zeros(2 * len(own["W"]))
    wb, rb = np.split(own.get("B", zeros), 2)
    return (own["W"] @ x + wb).reshape(-1, hidden), (own["R"] @ h + rb).reshape(-1, hidden)


def _lstm(x: Any, h: Any, c: Any, own: Any, fs: Any, clip: float, attributes: Any) -> Any:
    f, g, k = fs
    wx, rh = _products(x, h, own)
    i, o, forget, cand = wx + rh
    pi, po, pf = np.split(own.get("P", np.zeros(3 * len(h))), 3)
    i = f(np.clip(i + pi * c, -clip, clip))
    forget = f(np.clip(forget + pf * c, -clip, clip))
    if attributes.get("input_forget", 0):
        forget = 1 - i
    c = forget * c + i * g(np.clip(cand, -clip, clip))
    o = f(np.clip(o + po * c, -clip, clip))
    return o * k(c), c


def _gru(x: Any, h: Any, c: Any, own: Any, fs: Any, clip: float, attributes: Any) -> Any:
    f, g = fs
    wx, rh = _products(x, h, own)
    z = f(np.clip(wx[0] + rh[0], -clip, clip))
    r = f(np.clip(wx[1] + rh[1], -clip, clip))
    if attributes.get("linear_before_reset", 0):
        inner = wx[2] + r * rh[2]
    else:
        inner = wx[2] + _products(x, r * h, own)[1][2]
    n = g(np.clip(inner, -clip, clip))
    return (1 - z) * n + z * h, c


def _rnn(x: Any, h: Any, c: Any, own: Any, fs: Any, clip: float, attributes: Any) -> Any:
    wx, rh = _products(x, h, own)
    return fs[0](np.clip(wx[0] + rh[0], -clip, clip)), c


_STEPS: dict[str, Callable[..., Any]] = {"LSTM": _lstm, "GRU": _gru, "RNN": _rnn}
