"""Recurrent cells in float64 as their papers write them, number by number where they do.

Nothing here is used by the compiler. Each function takes the parameters by name, x of one step and
the states, and gives the states; the one that a layer shows comes last, or alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Params = Mapping[str, Doubles]
States = dict[str, Doubles]


def sigmoid(v: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-v))


def pre(p: Params, gate: str, x: Doubles, h: Doubles | None = None) -> Doubles:
    """W x + R h + b."""
    found = p[f"W_{gate}"] @ x + p.get(f"b_{gate}", 0.0)
    return np.asarray(found if h is None else found + p[f"R_{gate}"] @ h)


def min_gru(p: Params, x: Doubles, s: States, positive: bool = False) -> States:
    z, n = sigmoid(pre(p, "z", x)), pre(p, "n", x)
    if positive:
        n = np.array([v + 0.5 if v >= 0 else sigmoid(v) for v in n])
    return {"h": (1 - z) * s["h"] + z * n}


def sru(
    p: Params,
    x: Doubles,
    s: States,
    projected: bool = False,
    squashed: bool = False,
    alpha: Any = 1,
) -> States:
    f = sigmoid(p["W_f"] @ x + p["v_f"] * s["c"] + p["b_f"])
    r = sigmoid(p["W_r"] @ x + p["v_r"] * s["c"] + p["b_r"])
    c = f * s["c"] + (1 - f) * pre(p, "c", x)
    passed = pre(p, "p", x) if projected else x
    return {"c": c, "h": r * (np.tanh(c) if squashed else c) + (1 - r) * passed * alpha}


def ind_rnn(p: Params, x: Doubles, s: States, function: str = "relu") -> States:
    v = pre(p, "h", x) + p["u"] * s["h"]
    return {"h": np.maximum(v, 0.0) if function == "relu" else np.tanh(v)}


def ugrnn(p: Params, x: Doubles, s: States) -> States:
    g = sigmoid(pre(p, "g", x, s["h"]))
    return {"h": g * s["h"] + (1 - g) * np.tanh(pre(p, "n", x, s["h"]))}


def normed(v: Doubles) -> Doubles:
    return (v - np.mean(v)) / np.sqrt(np.mean((v - np.mean(v)) ** 2) + 1e-5)


def layer_norm_lstm(p: Params, x: Doubles, s: States) -> States:
    rows = normed(p["W_x"] @ x) * p["gain_x"] + normed(p["R_h"] @ s["h"]) * p["gain_h"] + p["b"]
    i, f, g, o = np.split(rows, 4)
    c = sigmoid(f) * s["c"] + sigmoid(i) * np.tanh(g)
    return {"c": c, "h": sigmoid(o) * np.tanh(normed(c) * p["gain_c"] + p["b_c"])}


def slstm(p: Params, x: Doubles, s: States, exponential: bool = False) -> States:
    """Without the stabilizer, which cancels: h is the same, and few steps reach nothing huge."""
    i, f, z, o = (pre(p, gate, x, s["h"]) for gate in "ifzo")
    forget = np.exp(f) if exponential else sigmoid(f)
    c, n = forget * s["c"] + np.exp(i) * np.tanh(z), forget * s["n"] + np.exp(i)
    return {"c": c, "n": n, "m": s["m"], "h": sigmoid(o) * c / n}


def cfc(
    p: Params,
    x: Doubles,
    s: States,
    mode: str = "default",
    layers: int = 1,
    function: str = "lecun_tanh",
    time: float = 1.0,
) -> States:
    v = None
    for k in range(layers):
        v = pre(p, "v", x, s["h"]) if v is None else p[f"R_v{k + 1}"] @ v + p[f"b_v{k + 1}"]
        v = v * sigmoid(v) if function == "silu" else 1.7159 * np.tanh(0.666 * v)

    def head(name: str) -> Doubles:
        if v is None:
            return pre(p, name, x, s["h"])
        return np.asarray(p[f"R_{name}"] @ v + p[f"b_{name}"])

    if mode == "pure":
        f1 = head("f1")
        return {"h": p["a"] - p["a"] * f1 * np.exp(-time * (abs(p["tau"]) + abs(f1)))}
    f1, f2, t = np.tanh(head("f1")), np.tanh(head("f2")), sigmoid(head("t"))
    return {"h": f1 + t * f2 if mode == "no_gate" else f1 * (1 - t) + t * f2}


def ltc(p: Params, x: Doubles, s: States, unfolds: int = 6) -> States:
    """Algorithm 1 of the paper, synapse by synapse."""
    h = s["h"]
    for _ in range(unfolds):
        new = np.zeros_like(h)
        for k in range(len(h)):
            above = p["c"][k] * unfolds * h[k] + p["g_leak"][k] * p["v_leak"][k]
            below = p["c"][k] * unfolds + p["g_leak"][k] + 1e-8
            for suffix, v in (("_x", x), ("", h)):
                for j in range(len(v)):
                    gain, middle = p[f"sigma{suffix}"][j, k], p[f"mu{suffix}"][j, k]
                    open_ = p[f"w{suffix}"][j, k] * sigmoid(gain * (v[j] - middle))
                    above, below = above + open_ * p[f"e{suffix}"][j, k], below + open_
            new[k] = above / below
        h = new
    return {"h": h}


def lmu(p: Params, x: Doubles, s: States, theta: float = 0.0, order: int = 0) -> States:
    """The memory between two steps by many small steps of its differential equation."""
    u = pre(p, "u", x, s["h"]) + p["R_um"] @ s["m"]
    if theta:
        m = np.concatenate(
            [moved(part, v, theta) for part, v in zip(np.split(s["m"], len(u)), u, strict=True)]
        )
    else:
        m = p["R_m"] @ s["m"] + p["R_mu"] @ u
    return {"m": m, "h": np.tanh(pre(p, "h", x, s["h"]) + p["R_hm"] @ m)}


def moved(m: Doubles, u: float, theta: float, steps: int = 64) -> Doubles:
    """dm/dt of equations 1 and 2 over one step, by Runge and Kutta's rule."""
    order = len(m)

    def slope(now: Doubles) -> Doubles:
        found = np.zeros(order)
        for i in range(order):
            total = (-1.0) ** i * u
            for j in range(order):
                total += now[j] * (-1.0 if i < j else (-1.0) ** (i - j + 1))
            found[i] = (2 * i + 1) / theta * total
        return found

    for _ in range(steps):
        a = slope(m)
        b = slope(m + a / (2 * steps))
        c = slope(m + b / (2 * steps))
        d = slope(m + c / steps)
        m = m + (a + 2 * b + 2 * c + d) / (6 * steps)
    return m


def ssm(p: Params, x: Doubles, s: States) -> States:
    """As one complex state for each pair."""
    a, b, c = (p[f"{k}_re"] + 1j * p.get(f"{k}_im", 0.0 * p[f"{k}_re"]) for k in "ABC")
    held = s["re"].reshape(a.shape) + 1j * s.get("im", 0.0 * s["re"]).reshape(a.shape)
    held = a * held + b * x
    y = (c * held).real.sum(axis=0) + p["D"] * x
    return {"re": held.real.ravel(), "im": held.imag.ravel(), "y": y}


TEXTBOOK: dict[str, Callable[..., States]] = {
    "min_gru": min_gru,
    "sru": sru,
    "ind_rnn": ind_rnn,
    "ugrnn": ugrnn,
    "layer_norm_lstm": layer_norm_lstm,
    "slstm": slstm,
    "cfc": cfc,
    "ltc": ltc,
    "lmu": lmu,
    "ssm": ssm,
}


def run(name: str, options: Mapping[str, Any], p: Params, x: Doubles, sizes: Any) -> Doubles:
    """What a layer shows [steps, units] from x [steps, features], from states of zeros. sizes:
    state -> its numbers.
    """
    states: States = {state: np.zeros(n) for state, n in sizes.items()}
    shown = []
    for now in x:
        states = TEXTBOOK[name](p, now, states, **options)
        shown.append(list(states.values())[-1])
    return np.stack(shown)
