"""Random recurrent steps: any expression of any others, on vectors of any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lstm_edge import functions as f
from lstm_edge.ir.expr import (
    Cell,
    Expr,
    above,
    apply,
    constant,
    join,
    larger,
    largest,
    layer_norm,
    select,
    sigmoid,
    smaller,
    softmax,
    state,
    take,
    tanh,
    total,
)
from lstm_edge.ir.model import Model
from tests.support.open_cells import FEATURES, Weights, step_model, x

CURVES: tuple[Callable[[Expr], Expr], ...] = (
    sigmoid,
    tanh,
    f.relu,
    f.absolute,
    f.gelu,
    f.mish,
    f.selu,
    f.hard_swish,
    f.softplus,
    lambda e: apply("exp", smaller(e, 1.0)),
    lambda e: f.logarithm(f.square(e) + 0.2),
    lambda e: f.root(f.absolute(e)),
    lambda e: f.power(f.absolute(e) + 0.5, 1.3),
    lambda e: f.reciprocal(f.absolute(e) + 0.5),
    lambda e: f.reciprocal(-f.absolute(e) - 0.5),
    lambda e: apply("sin", e * 2.0),
    lambda e: apply("cos", e),
    lambda e: apply("erf", e),
    lambda e: 1.0 - e,
    lambda e: e * 0.7 + 0.1,
)
PAIRS: tuple[Callable[[Expr, Expr], Expr], ...] = (
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (f.absolute(b) + 0.5),
    larger,
    smaller,
    above,
    lambda a, b: select(a, b, a * 0.5, b),
    lambda a, b: select(b, 0.1, a, 0.3),
)
REDUCTIONS: tuple[Callable[[Expr, int], Expr], ...] = (
    lambda e, _: total(e),
    lambda e, _: largest(e),
    lambda e, _: f.smallest(e),
    lambda e, n: f.mean(e, n),
    lambda e, _: f.l2_norm(e),
)
WHOLE: tuple[Callable[[Expr], Expr], ...] = (
    lambda e: layer_norm(e, 1e-3),
    f.unit_vector,
    softmax,
)
Vector = tuple[Expr, int]


@dataclass
class Step:
    """Vectors while they are drawn, those of the step first."""

    w: Weights
    pool: list[Vector]
    gates: int = 0
    sizes: dict[str, int] = field(default_factory=dict)

    def grow(self) -> Vector:
        """Another vector, of one to three others."""
        rng = self.w.rng
        e, n = self._any()
        kind = int(rng.integers(0, 7))
        if kind == 0:
            return self.product(int(rng.integers(1, 9)))
        if kind == 1:
            return CURVES[rng.integers(len(CURVES))](e), n
        if kind in (2, 3):
            fitting = [v for v in self.pool if v[1] in (1, n)] or [(constant(0.5), n)]
            other, _ = fitting[rng.integers(len(fitting))]
            return PAIRS[rng.integers(len(PAIRS))](e, other), n
        if kind == 4:
            units = rng.integers(0, n, rng.integers(1, 9))
            first = int(rng.integers(0, n))
            run = range(first, int(rng.integers(first, n)) + 1)
            chosen = [int(k) for k in units] if rng.integers(2) else list(run)
            return take(e, chosen), len(chosen)
        if kind == 5:
            parts = [self._any() for _ in range(int(rng.integers(2, 4)))]
            if rng.integers(3) == 0:
                parts.append((self.w.drawn(f"p{len(self.w.params)}", 2), 2))
            return join(*(part for part, _ in parts)), sum(size for _, size in parts)
        if n > 1 and rng.integers(2):
            return WHOLE[rng.integers(len(WHOLE))](e), n
        return REDUCTIONS[rng.integers(len(REDUCTIONS))](e, n), 1

    def product(self, rows: int, *operands: Vector) -> Vector:
        """Of one to three vectors more."""
        operands += tuple(self._any() for _ in range(int(self.w.rng.integers(1, 4))))
        self.gates += 1
        return self.w.matrix(f"g{self.gates}", rows, *operands), rows

    def renewed(self, name: str, n: int) -> Expr:
        """What a state becomes: something within bounds, another state, or what entered."""
        rng = self.w.rng
        others = [s for s, size in self.sizes.items() if size == n and s != name]
        kind = int(rng.integers(0, 6))
        if kind == 0 and others:
            return state(others[rng.integers(len(others))])
        if kind == 1 and n == FEATURES:
            return x
        new = tanh(self.product(n)[0])
        if kind == 2 and n > 2:
            return join(take(new, (0, 1)), take(state(name), range(n - 2)))
        return state(name) * 0.6 + new * 0.4 if kind > 3 else new

    def _any(self) -> Vector:
        return self.pool[self.w.rng.integers(len(self.pool))]


def random_step(seed: int) -> Model:
    """A model of one random step with one to four states, of which two vectors are shown."""
    rng = np.random.default_rng([seed, 11])
    w = Weights(rng)
    sizes = {f"s{k}": int(rng.choice([1, 3, 4, FEATURES])) for k in range(rng.integers(1, 5))}
    step = Step(w, [(x, FEATURES), *((state(s), n) for s, n in sizes.items())], sizes=sizes)
    for _ in range(int(rng.integers(3, 12))):
        vector, n = step.grow()
        step.pool.append((tanh(vector) if rng.integers(3) == 0 else vector, n))
    results = {name: step.renewed(name, n) for name, n in sizes.items()}
    shown = {"out": step.product(3, (x, FEATURES)), "last": step.pool[-1]}
    results |= {name: e for name, (e, _) in shown.items()}
    order = [str(name) for name in rng.permutation(list(results))]
    cell = Cell("step", {name: results[name] for name in order}, limited=bool(rng.integers(4)))
    return step_model(cell, w.params, {name: n for name, (_, n) in shown.items()}, sizes)
