"""Recurrent cells that nothing here knows by name, as equations with random weights.

They divide, take, join and grow: what a step that was read off a file may do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from lstm_edge import functions as f
from lstm_edge.ir.expr import (
    Cell,
    Expr,
    affine,
    apply,
    floor,
    input_vector,
    join,
    larger,
    layer_norm,
    nearest,
    param,
    select,
    sigmoid,
    state,
    take,
    tanh,
    total,
)
from lstm_edge.ir.model import Floats, Layer, Model, Node, Port, Tensor

FEATURES, UNITS, OUTPUTS = 5, 12, 3


@dataclass
class Weights:
    """Draws parameters as torch does, and keeps them by name."""

    rng: np.random.Generator
    params: dict[str, Floats] = field(default_factory=dict)

    def given(self, name: str, numbers: object) -> Expr:
        """A parameter with an entry per unit."""
        self.params[name] = np.asarray(numbers, np.float32)
        return param(name)

    def drawn(self, name: str, units: int, low: float = -0.3, high: float = 0.3) -> Expr:
        """The same, uniform."""
        return self.given(name, self.rng.uniform(low, high, units))

    def matrix(
        self,
        gate: str,
        rows: int,
        *operands: tuple[Expr, int],
        gain: float = 1.0,
        bias: bool = True,
    ) -> Expr:
        """W x + R h + b; operands with their sizes."""
        made = affine(gate, *(e for e, _ in operands))
        names = [
            f"{m}{k}" if made.matrices.count(m) > 1 else m for k, m in enumerate(made.matrices)
        ]
        made = Expr("affine", made.args, name=made.name, matrices=tuple(names))
        reach = gain / np.sqrt(sum(n for _, n in operands))
        for name, (_, columns) in zip(names, operands, strict=True):
            self.params[name] = self.rng.uniform(-reach, reach, (rows, columns)).astype(np.float32)
        drawn = self.rng.uniform(-reach, reach, rows) if bias else np.zeros(rows)
        self.params[made.name] = drawn.astype(np.float32)
        return made

    def fixed(self, gate: str, matrix: object, operand: Expr) -> Expr:
        """A product with numbers that are given, without bias."""
        made = affine(gate, operand)
        self.params[made.matrices[0]] = np.asarray(matrix, np.float32)
        self.params[made.name] = np.zeros(len(self.params[made.matrices[0]]), np.float32)
        return made


@dataclass(frozen=True)
class Drawn:
    """Equations and their weights. y: read by the outputs; units: of states and of y."""

    results: Mapping[str, Expr]
    units: Mapping[str, int]


x = input_vector("x")
X = (x, FEATURES)


def min_gru(w: Weights) -> Drawn:
    """Feng et al. 2024."""
    h = state("h")
    z = sigmoid(w.matrix("z", UNITS, X))
    new = (1.0 - z) * h + z * w.matrix("n", UNITS, X)
    return Drawn({"h": new, "y": new}, {"h": UNITS})


def layer_norm_lstm(w: Weights) -> Drawn:
    """Norms over all rows of W x and of R h, and of c (Ba et al. 2016)."""
    h, c = state("h"), state("c")
    normed = layer_norm(w.matrix("x", 4 * UNITS, X, bias=False), 1e-5)
    normed = normed + layer_norm(w.matrix("h", 4 * UNITS, (h, UNITS), bias=False), 1e-5)
    i, o, g, q = (take(normed, range(k * UNITS, (k + 1) * UNITS)) for k in range(4))
    new = sigmoid(o) * c + sigmoid(i) * tanh(g)
    out = sigmoid(q) * tanh(layer_norm(new, 1e-5))
    return Drawn({"c": new, "h": out, "y": out}, {"h": UNITS, "c": UNITS})


def ltc(w: Weights, n: int = 6, unfolds: int = 3) -> Drawn:
    """Liquid time constant (Hasani et al. 2021): every pair of neurons has a sigmoid."""

    def pairs(size: int) -> tuple[list[int], np.ndarray]:
        return [k for k in range(size) for _ in range(n)], np.tile(np.eye(n), (1, size))

    def synapses(name: str, v: Expr, size: int, times: int) -> tuple[Expr, Expr]:
        units, summed = pairs(size)
        if times == 0:
            for key, low, high in (("w", 0, 1), ("mu", 0, 1), ("sg", 3, 8)):
                w.drawn(f"{name}_{key}", size * n, low, high)
            w.given(f"{name}_e", w.rng.choice([-1.0, 1.0], size * n))
        weight, middle, gain, sign = (param(f"{name}_{key}") for key in ("w", "mu", "sg", "e"))
        act = weight * sigmoid(gain * (take(v, units) - middle))
        return w.fixed(f"{name}n{times}", summed, act * sign), w.fixed(
            f"{name}d{times}", summed, act
        )

    v = state("v")
    up, down = synapses("in", x, FEATURES, 0)
    cm, leak = w.drawn("cm", n, 1.2, 1.8), w.drawn("gl", n, 0.0, 1.0)
    rest = w.drawn("vl", n, -0.2, 0.2)
    for k in range(unfolds):
        high, low = synapses("re", v, n, k)
        v = (cm * v + leak * rest + high + up) / (cm + leak + low + down + 1e-8)
    return Drawn({"v": v, "y": v}, {"v": n, "y": n})


def lmu(w: Weights, q: int = 8, theta: float = 24.0) -> Drawn:
    """Legendre memory unit (Voelker et al. 2019): states of two sizes, Euler's discretisation."""
    i, j = np.arange(q)[:, None], np.arange(q)[None]
    a = (2 * i + 1) / theta * np.where(i < j, -1.0, (-1.0) ** (i - j + 1)) * 0.5
    b = (2 * i + 1) * (-1.0) ** i / theta * 0.5
    h, m = state("h"), state("m")
    u = w.matrix("u", 1, X, (h, UNITS), bias=False)
    w.params["R_m"] = (np.eye(q) + a).astype(np.float32)
    w.params["b_m"] = np.zeros(q, np.float32)
    memory = affine("m", m) + w.given("B", b[:, 0]) * u
    new = tanh(w.matrix("h", UNITS, X, (h, UNITS), (memory, q)))
    return Drawn({"m": memory, "h": new, "y": new}, {"h": UNITS, "m": q})


def mamba(w: Weights, channels: int = 6, order: int = 4) -> Drawn:
    """Selective state space (Gu and Dao 2023): the step, B and C come from the input."""
    n = channels * order
    rows = [k for k in range(channels) for _ in range(order)]
    columns = list(range(order)) * channels
    h, u = state("h"), f.swish(w.matrix("in", channels, X))
    dt = f.softplus(w.matrix("dt", channels, (u, channels)))
    into, out = (w.matrix(g, order, (u, channels)) for g in ("B", "C"))
    decay = w.given("A", np.tile(-np.linspace(0.1, 1.0, order), channels))
    new = apply("exp", take(dt, rows) * decay) * h + take(dt * u, rows) * take(into, columns)
    summed = np.repeat(np.eye(channels), order, axis=1)
    y = w.fixed("y", summed, new * take(out, columns)) + w.drawn("D", channels, -1.0, 1.0) * u
    return Drawn({"h": new, "y": y}, {"h": n, "y": channels})


def slstm(w: Weights) -> Drawn:
    """Exponential gates with a normalizer and a stabilizer (Beck et al. 2024)."""
    h, c, n, m = (state(name) for name in "hcnm")
    i, forget, z, o = (w.matrix(g, UNITS, X, (h, UNITS)) for g in "ifzo")
    kept = -f.softplus(-forget)
    most = larger(kept + m, i)
    i, forget = apply("exp", i - most), apply("exp", kept + m - most)
    cell, normal = forget * c + i * tanh(z), forget * n + i
    out = sigmoid(o) * cell / normal
    results = {"c": cell, "n": normal, "m": most, "h": out, "y": out}
    return Drawn(results, dict.fromkeys("hcnmy", UNITS))


def mlstm(w: Weights, d: int = 6) -> Drawn:
    """A matrix memory, [d, d] end to end (Beck et al. 2024)."""
    rows, columns = [k for k in range(d) for _ in range(d)], list(range(d)) * d
    memory, n = state("C"), state("n")
    q, k, v = (w.matrix(g, d, X) for g in "qkv")
    o, i, forget = (sigmoid(w.matrix(g, r, X)) for g, r in (("o", d), ("i", 1), ("f", 1)))
    k = k * (1.0 / np.sqrt(d))
    new = forget * memory + i * (take(v, rows) * take(k, columns))
    normal = forget * n + i * k
    read = w.fixed("r", np.repeat(np.eye(d), d, axis=1), new * take(q, columns))
    y = o * (read / larger(f.absolute(total(normal * q)), 1.0))
    return Drawn({"C": new, "n": normal, "y": y}, {"C": d * d, "n": d, "y": d})


def delayed(w: Weights) -> Drawn:
    """The last three vectors in a joined state, a shuffled one, and one that holds an older one."""
    line, older = state("line"), state("older")
    new = join(take(line, range(FEATURES, 3 * FEATURES)), x)
    mixed = tanh(w.matrix("a", UNITS, (line, 3 * FEATURES), X)) * take(
        state("h"), range(UNITS - 1, -1, -1)
    )
    out = mixed + w.matrix("b", UNITS, (older, UNITS))
    units = {"line": 3 * FEATURES, "h": UNITS, "older": UNITS}
    return Drawn({"line": new, "older": state("h"), "h": out * 0.5 + 0.25, "y": out}, units)


def curves(w: Weights) -> Drawn:
    """Every function and reduction, each in a state of its own that it hardly moves."""
    h = state("h")
    a = w.matrix("a", UNITS, X, (h, UNITS))
    slope = w.drawn("slope", UNITS)
    shown = {
        "sin": apply("sin", a * 3.0),
        "cos": apply("cos", a * 4.0 + h),
        "erf": apply("erf", a),
        "log": f.logarithm(f.square(a) + 0.1),
        "root": f.root(f.absolute(a)),
        "power": f.power(f.square(h) + 0.1, -1.5) + f.power(a, 3.0) + f.power_of(3.0, a),
        "smooth": f.gelu(a) + f.gelu(a, tanh_form=True) + f.mish(a) + f.selu(a) + f.celu(a, 0.7),
        "corners": f.prelu(a, slope) + f.hard_swish(a * 3.0) + select(a, h, a * 2.0 - h, a),
        "negative": h / (-f.absolute(a) - 0.25) + f.reciprocal(slope + 2.0) + a / 3.0,
        "normed": f.unit_vector(a) + f.smallest(h) + f.mean(a, UNITS) + f.l1_norm(a) * 0.1,
        "whole": floor(a * 2.0) + nearest(h * 3.0) * 0.2 + f.remainder(a, slope + 0.7, 1.3),
    }
    one_by_one = {name: e * 0.5 + state(name) * 0.5 for name, e in shown.items()}
    joined = join(*shown.values())
    y = w.matrix("y", UNITS, (joined, UNITS * len(shown)))
    new = tanh(a * 0.5 + take(h, (3, 1, 2, 0, *range(4, UNITS))) * 0.3)
    units = dict.fromkeys(("h", *shown), UNITS)
    return Drawn({**one_by_one, "h": new, "y": y}, units)


OPEN_CELLS: Mapping[str, Callable[[Weights], Drawn]] = {
    "min_gru": min_gru,
    "layer_norm_lstm": layer_norm_lstm,
    "ltc": ltc,
    "lmu": lmu,
    "mamba": mamba,
    "slstm": slstm,
    "mlstm": mlstm,
    "delayed": delayed,
    "curves": curves,
}


def open_model(name: str, seed: int = 3) -> Model:
    """One of OPEN_CELLS and a dense layer in the same step."""
    w = Weights(np.random.default_rng([seed, sum(map(ord, name))]))
    drawn = OPEN_CELLS[name](w)
    y = drawn.results["y"]
    units = drawn.units.get("y", UNITS)
    results = {k: e for k, e in drawn.results.items() if k != "y"}
    results["out"] = w.matrix("out", OUTPUTS, (y, units))
    states = {k: n for k, n in drawn.units.items() if k in results}
    return step_model(Cell("step", results, limited=True), w.params, {"out": OUTPUTS}, states)


def step_model(
    cell: Cell,
    params: Mapping[str, Floats],
    outputs: Mapping[str, int],
    units: Mapping[str, int],
    features: int = FEATURES,
) -> Model:
    """A model of one cell; outputs: results that are shown, with their sizes."""

    def port(name: str, tensor: str, size: int) -> Port:
        return Port(name, tensor, ("batch", "time", "feature"), (1, -1, size))

    made = {f"cell.{name}": size for name, size in outputs.items()}
    tensors = {t: Tensor(t, n, True) for t, n in {"x": features, **made}.items()}
    shown = {name: f"cell.{name}" for name in outputs}
    layer = Node("cell", Layer(cell, params, units=units), {"x": "x"}, shown)
    return Model(
        name="net",
        inputs=(port("x", "x", features),),
        outputs=tuple(port(name, shown[name], n) for name, n in outputs.items()),
        tensors=tensors,
        nodes=(layer,),
        steps=None,
        sha256="0" * 64,
    )
