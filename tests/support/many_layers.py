"""One model with many layers side by side: each of its own size, all over the same input."""

from __future__ import annotations

import numpy as np

from lstm_edge.cells import fast_grnn, gru, lstm, rnn
from lstm_edge.ir.expr import Cell, walk
from lstm_edge.ir.model import Floats, Layer, Model, Node, Port, Tensor
from lstm_edge.ir.program import Program
from lstm_edge.layers.dense import dense
from lstm_edge.passes.options import Options, Widths
from tests.support.schemes import program_of

CELLS: dict[str, Cell] = {
    "lstm": lstm(),
    "gru": gru(),
    "gru_reset_after": gru(reset_after=True),
    "rnn": rnn(),
    "fast_grnn": fast_grnn(),
    "dense": dense(),
}
ALL_WIDTHS = tuple(Widths(w, a) for w in (8, 4, 16) for a in (12, 8, 16))


def side_by_side(features: int, units: tuple[int, ...], cells: tuple[str, ...]) -> Model:
    """A layer of each cell and number of units; the results of all are outputs."""
    rng = np.random.default_rng([features, len(units)])
    layers = {f"{cell}_{n}": (CELLS[cell], n) for cell in cells for n in units}
    nodes, tensors = [], {"x": Tensor("x", features, True)}
    for name, (cell, n) in layers.items():
        result = "y" if cell.name == "dense" else "h"
        params = _params(cell, n, features, rng)
        nodes.append(Node(name, Layer(cell, params), {"x": "x"}, {result: name}))
        tensors[name] = Tensor(name, n, True)
    ports = {
        n: Port(n, n, ("batch", "time", "feature"), (1, -1, t.features)) for n, t in tensors.items()
    }
    outputs = tuple(ports[name] for name in layers)
    return Model("net", (ports["x"],), outputs, tensors, tuple(nodes), None, "0" * 64)


def _params(cell: Cell, units: int, features: int, rng: np.random.Generator) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for e in walk(*cell.results.values()):
        if e.kind in ("param", "affine"):
            shares = e.name in ("zeta", "nu")
            drawn = rng.uniform(0.1, 0.9, units) if shares else 0.3 * rng.normal(size=units)
            found[e.name] = drawn.astype(np.float32)
        for name, operand in zip(e.matrices, e.args, strict=False):
            columns = features if operand.kind == "input" else units
            drawn = rng.normal(size=(units, columns)) / np.sqrt(columns)
            found[name] = drawn.astype(np.float32)
    return found


def program(model: Model, first: int, power_of_two: bool) -> Program:
    """Every layer has widths of its own; `first`: where they begin to turn."""
    widths = {n.name: ALL_WIDTHS[(first + k) % 9] for k, n in enumerate(model.nodes)}
    return program_of(model, Options(power_of_two=power_of_two, layers=widths))
