"""A random model while layers are added to it, and their weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lstm_edge.ir.clock import Length
from lstm_edge.ir.expr import Cell, Expr, walk
from lstm_edge.ir.model import Floats, Layer, Node, Tensor, Work, is_a
from tests.support.choices import Choices


@dataclass
class Draft:
    """A model while layers are added to it; `top` is the last tensor, `length` that of the sequence
    after the windows so far.
    """

    choices: Choices
    rng: np.random.Generator
    nodes: list[Node[Work]] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    top: str = "x"
    length: Length = Length()  # noqa: RUF009

    def tensor(self, name: str, features: int, per_step: bool) -> str:
        self.tensors[name] = Tensor(name, features, per_step)
        return name

    def layer(
        self,
        kind: str,
        cell: Cell,
        units: int,
        params: dict[str, Floats] | None = None,
        **more: Any,
    ) -> Node[Layer]:
        """Append a layer that reads `top` and becomes it; its last result is passed on."""
        below = self.tensors[self.top]
        name = f"{kind}{sum(is_a(n, Layer) for n in self.nodes)}"
        result = list(cell.results)[-1]
        out = self.tensor(f"{name}_{result}", units, below.per_step)
        params = self.params(cell, below.features, units) if params is None else params
        inputs = {"x": self.top} | {n: n for n in cell.inputs if n != "x"}
        made = Node(name, Layer(cell, params, **more), inputs, {result: out})
        self.nodes.append(made)
        self.top = out
        return made

    def params(self, cell: Cell, features: int, units: int) -> dict[str, Floats]:
        """Weights and biases of all gates, in a stable order; a projected LSTM has more inner
        units than results.
        """
        inner = units + EXTRA_UNITS * ("hr" in projections(cell))
        found: dict[str, Floats] = {}
        for e in walk(*cell.results.values()):
            if e.kind == "param":
                found[e.name] = self.vector(e.name, inner)
            rows = units if e.name == "b_hr" else inner
            for name, operand in zip(e.matrices, e.args, strict=False):
                columns = {"input": features, "state": units}.get(operand.kind, inner)
                found[name] = self.matrix(rows, columns)
            if e.kind == "affine":
                found[e.name] = self.vector(e.name, rows)
        return found

    def vector(self, name: str, units: int) -> Floats:
        """A bias, a peephole, or the shares of a FastGRNN."""
        if name in ("zeta", "nu"):
            return self.rng.uniform(0.1, 0.9, units).astype(np.float32)
        if name == "gain":
            return self.rng.uniform(-1.5, 1.5, units).astype(np.float32)
        if name.startswith("P_"):
            return self.matrix(units, 1)[:, 0] * np.float32(0.5)
        numbers = self.rng.normal(size=units) * 0.3 + (1.0 if name == "b_f" else 0.0)
        return np.asarray(numbers * (self.choices.weights != "zero"), np.float32)

    def matrix(self, rows: int, columns: int) -> Floats:
        """Weights of variance 1 / columns, spoiled as the choice of weights says."""
        numbers = self.rng.normal(size=(rows, columns)) / np.sqrt(columns)
        match self.choices.weights:
            case "wide":
                numbers *= 10.0 ** self.rng.uniform(-3.0, 1.0, (rows, 1))
                numbers *= 10.0 ** self.rng.uniform(-1.5, 0.5, (1, columns))
            case "tiny" | "huge" | "zero" as name:
                numbers *= {"tiny": 1e-4, "huge": 30.0, "zero": 0.0}[name]
        return np.asarray(numbers, np.float32)


EXTRA_UNITS = 2
"""How many more units the cell state of a projected LSTM has than its h."""


def projections(cell: Cell) -> set[str]:
    """Affine parts of a cell that read none of its inputs and states."""

    def is_inner(e: Expr) -> bool:
        return e.kind == "affine" and all(a.kind not in ("input", "state") for a in e.args)

    return {e.name.removeprefix("b_") for e in walk(*cell.results.values()) if is_inner(e)}
