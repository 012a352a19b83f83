"""Loops over cells that no file format knows, written out step by step as exporters do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tests.oracle.cell_graphs import Net

INPUTS, UNITS = 3, 5
States = tuple[str, ...]


@dataclass
class Loop:
    """A cell with random weights in a net. inputs: features of a step. seed: of the weights."""

    net: Net
    kind: str
    inputs: int = INPUTS
    seed: int = 0
    weights: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        for name, shape in SHAPES[self.kind].items():
            sizes = [{"I": self.inputs, "H": UNITS}.get(s, s) for s in shape]
            array = rng.normal(size=sizes) * 0.6
            self.weights[name] = self.net.constant(array, f"{self.kind}{self.seed}_{name}")

    def states(self, values: Sequence[float] | None = None) -> States:
        """Initial states [1, H]: zeros, or other numbers."""
        numbers = np.zeros(UNITS) if values is None else np.asarray(values)
        return tuple(self.net.constant(numbers[None]) for _ in range(COUNTS[self.kind]))

    def step(self, x: str, states: States) -> tuple[str, States]:
        """One step: what it gives, and the states after it."""
        return EVERY[self.kind](self.net, self.weights, x, states)

    def run(self, steps: Sequence[str], states: States) -> tuple[list[str], States]:
        """All steps, one after the other."""
        results = []
        for x in steps:
            y, states = self.step(x, states)
            results.append(y)
        return results, states


def ugrnn(net: Net, w: dict[str, str], x: str, states: States) -> tuple[str, States]:
    """g = sigmoid(W x + R h + b); h' = g h + (1 - g) tanh(V x + U h)."""
    (h,) = states
    g = net.add(
        "Sigmoid", net.add("Add", net.add("MatMul", x, w["w"]), net.add("Gemm", h, w["r"], w["b"]))
    )
    c = net.add("Tanh", net.add("Add", net.add("MatMul", x, w["v"]), net.add("MatMul", h, w["u"])))
    rest = net.add("Sub", net.constant(1.0), g)
    h = net.add("Add", net.add("Mul", g, h), net.add("Mul", rest, c))
    return h, (h,)


def coupled(net: Net, w: dict[str, str], x: str, states: States) -> tuple[str, States]:
    """A LSTM with a peephole into one gate for old and new, over x and h joined."""
    h, c = states
    z = net.add("Gemm", net.add("Concat", x, h, axis=1), w["w"], w["b"])
    f, g, o = (
        net.add("Slice", z, *(net.constant([n]) for n in (k * UNITS, (k + 1) * UNITS, 1)))
        for k in range(3)
    )
    f = net.add("Sigmoid", net.add("Add", f, net.add("Mul", c, w["p"])))
    rest = net.add("Sub", net.constant(1.0), f)
    c = net.add("Add", net.add("Mul", f, c), net.add("Mul", rest, net.add("Tanh", g)))
    h = net.add("Mul", net.add("Sigmoid", o), net.add("Tanh", c))
    return h, (h, c)


def delayed(net: Net, w: dict[str, str], x: str, states: States) -> tuple[str, States]:
    """h' = tanh(W x + R h + S g) of the last state h and the one before, g."""
    h, g = states
    own = net.add("Gemm", x, w["w"], w["b"])
    past = net.add("Add", net.add("MatMul", h, w["r"]), net.add("MatMul", g, w["s"]))
    new = net.add("Tanh", net.add("Add", own, past))
    return new, (new, h)


def summed(net: Net, w: dict[str, str], x: str, states: States) -> tuple[str, States]:
    """s' = 0.9 s + relu(W x + b); the result is a product with what the step read."""
    (s,) = states
    u = net.add("Relu", net.add("Gemm", x, w["w"], w["b"]))
    s = net.add("Add", net.add("Mul", s, net.constant(0.9)), u)
    return net.add("Mul", net.add("Tanh", s), net.add("Sigmoid", u)), (s,)


def skipping(net: Net, w: dict[str, str], x: str, states: States) -> tuple[str, States]:
    """A gate of 0 or 1, a sum that is rounded, says where the state moves."""
    h, u = states
    is_open = net.add("Round", u)
    (new,) = ugrnn(net, w, x, (h,))[1]
    moved = net.add("Mul", is_open, net.add("Sub", new, h))
    h = net.add("Add", h, moved)
    more = net.add("Mul", net.add("Sigmoid", h), net.constant(0.4))
    left = net.add("Sub", net.constant(1.0), is_open)
    return h, (h, net.add("Add", net.add("Mul", left, u), more))


CELLS: dict[str, Callable[[Net, dict[str, str], str, States], tuple[str, States]]] = {
    "ugrnn": ugrnn,
    "coupled": coupled,
    "delayed": delayed,
    "summed": summed,
}
EVERY = {**CELLS, "skipping": skipping}
"""The last one rounds: states without a slope, which take seconds to search for."""
COUNTS = {"ugrnn": 1, "coupled": 2, "delayed": 2, "summed": 1, "skipping": 2}
SHAPES: dict[str, dict[str, tuple[str | int, ...]]] = {
    "ugrnn": {"w": ("I", "H"), "v": ("I", "H"), "r": ("H", "H"), "u": ("H", "H"), "b": ("H",)},
    "coupled": {"w": (INPUTS + UNITS, 3 * UNITS), "b": (3 * UNITS,), "p": ("H",)},
    "delayed": {"w": ("I", "H"), "r": ("H", "H"), "s": ("H", "H"), "b": ("H",)},
    "summed": {"w": ("I", "H"), "b": ("H",)},
}
SHAPES["skipping"] = SHAPES["ugrnn"]


def steps_of(net: Net, how: str, steps: int, name: str = "x") -> list[str]:
    """The steps [1, I] of a tensor [1, T, I], or of [T, 1, I] where `how` ends with 0."""
    axis = int(how[-1])
    if how.startswith("gather"):
        return [net.add("Gather", name, net.constant(k), axis=axis) for k in range(steps)]
    axes = net.constant([axis])
    if how.startswith("split"):
        first = net.add("Split", name, net.constant([1] * steps), outputs=steps, axis=axis)
        parts = [f"{first[:-1]}{k}" for k in range(steps)]
    else:
        parts = [
            net.add("Slice", name, *(net.constant([v]) for v in (k, k + 1, axis)))
            for k in range(steps)
        ]
    return [net.add("Squeeze", part, axes) for part in parts]


def stacked(net: Net, results: Sequence[str], axis: int) -> str:
    """All steps side by side on an axis of their own."""
    axes = net.constant([axis])
    return net.add("Concat", *(net.add("Unsqueeze", r, axes) for r in results), axis=axis)


def dense(net: Net, x: str, inputs: int = UNITS, outputs: int = 2, seed: int = 9) -> str:
    """x @ W + b."""
    rng = np.random.default_rng(seed)
    w, b = net.constant(rng.normal(size=(inputs, outputs))), net.constant(rng.normal(size=outputs))
    return net.add("Add", net.add("MatMul", x, w), b)
