"""Recurrent layers that keep their state for a thousand steps, and what they are fed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lstm_edge.cells import gru, lstm
from lstm_edge.ir.model import Floats, Layer, Model, Node, Port, Tensor

Doubles = npt.NDArray[np.float64]

KEEPS = {"lstm": 0.999, "gru": 0.9975, "gru_reset_after": 0.9975}
"""By kind: the forget or update gate in the middle; it moves with the input."""
FEATURES, UNITS = 4, 6
STEPS = 100_000
CONSTANT, RANDOM, STEPPED = slice(0, 3), slice(3, 5), slice(5, 6)
"""Which of the streams of `slow_inputs` stand still, are noise, or jump every 2,500 steps."""


def slow_model(kind: str, seed: int = 0) -> Model:
    """One layer; its gate that keeps the state has a bias for that and small weights, the others
    are of ordinary size. All states are outputs.
    """
    rng = np.random.default_rng([seed, 11])
    cell = {"lstm": lstm(), "gru": gru(), "gru_reset_after": gru(reset_after=True)}[kind]
    keep = KEEPS[kind]
    gates, slow = ("ifgo", "f") if kind == "lstm" else ("zrn", "z")
    params = {}
    for gate in gates:
        size = 0.1 if gate == slow else 0.5
        recurrent = "R_hn" if (kind, gate) == ("gru_reset_after", "n") else f"R_{gate}"
        params[f"W_{gate}"] = rng.normal(size=(UNITS, FEATURES)) * size / np.sqrt(FEATURES)
        params[recurrent] = rng.normal(size=(UNITS, UNITS)) * 0.3 * size / np.sqrt(UNITS)
        middle = np.log(keep / (1.0 - keep)) if gate == slow else 0.0
        params[f"b_{gate}"] = middle + 0.1 * rng.normal(size=UNITS)
    if kind == "gru_reset_after":
        params["b_hn"] = 0.1 * rng.normal(size=UNITS)
    states = ("h", "c") if kind == "lstm" else ("h",)
    sizes = {"x": FEATURES, **dict.fromkeys(states, UNITS)}
    ports = {n: Port(n, n, ("batch", "time", "feature"), (1, -1, k)) for n, k in sizes.items()}
    weights = {name: numbers.astype(np.float32) for name, numbers in params.items()}
    return Model(
        name="slow",
        inputs=(ports["x"],),
        outputs=tuple(ports[n] for n in states),
        tensors={n: Tensor(n, k, True) for n, k in sizes.items()},
        nodes=(Node("slow", Layer(cell, weights), {"x": "x"}, {n: n for n in states}),),
        steps=None,
        sha256="0" * 64,
    )


def slow_inputs(steps: int = STEPS, seed: int = 0) -> Floats:
    """[6, steps, features]: zeros and two other constants, two of noise, one that jumps."""
    rng = np.random.default_rng([seed, 12])
    held = [np.tile(numbers, (steps, 1)) for numbers in np.vstack([np.zeros(4), _normal(rng, 2)])]
    jumps = np.repeat(_normal(rng, steps // 2500 + 1), 2500, axis=0)[:steps]
    return np.stack([*held, _normal(rng, steps), _normal(rng, steps), jumps]).astype(np.float32)


def _normal(rng: np.random.Generator, count: int) -> Doubles:
    return rng.normal(size=(count, FEATURES))


def exact_states(model: Model, x: Floats) -> dict[str, Doubles]:
    """The states after each step in float64, [streams, steps, units]; the textbook's equations, for
    all streams at once.
    """
    p = {name: a.astype(np.float64) for name, a in model.layers[0].op.params.items()}
    from_x = {n[2:]: x @ a.T + p[f"b_{n[2:]}"] for n, a in p.items() if n.startswith("W_")}
    streams, steps, _ = x.shape
    h, c = np.zeros((streams, UNITS)), np.zeros((streams, UNITS))
    kept: dict[str, Doubles] = {o.name: np.zeros((streams, steps, UNITS)) for o in model.outputs}
    for t in range(steps):
        now = {g: a[:, t] for g, a in from_x.items()}
        if "f" in now:
            i, f, o = (sigmoid(now[g] + h @ p[f"R_{g}"].T) for g in "ifo")
            c = f * c + i * np.tanh(now["g"] + h @ p["R_g"].T)
            h = o * np.tanh(c)
            kept["c"][:, t] = c
        else:
            z, r = (sigmoid(now[g] + h @ p[f"R_{g}"].T) for g in "zr")
            after = "R_hn" in p
            inner = r * (h @ p["R_hn"].T + p["b_hn"]) if after else (r * h) @ p["R_n"].T
            h = (1.0 - z) * np.tanh(now["n"] + inner) + z * h
        kept["h"][:, t] = h
    return kept


def sigmoid(a: Doubles) -> Doubles:
    """1 / (1 + exp(-a))."""
    return np.asarray(1.0 / (1.0 + np.exp(-a)))
