"""Cells with a name are found in any spelling, and only these."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_edge import cells
from lstm_edge import functions as fn
from lstm_edge.frontend.step.known import recognised
from lstm_edge.ir.expr import (
    Cell,
    Expr,
    affine,
    constant,
    input_vector,
    param,
    sigmoid,
    state,
    tanh,
)

PLAIN = ("lstm", "peephole_lstm", "coupled_lstm", "gru", "gru_reset_after", "rnn", "mgu", "ugrnn")


def arrays(cell: Cell) -> dict[str, np.ndarray]:
    return {name: np.zeros(1, np.float32) for name in cell.parameters}


def renamed(cell: Cell) -> Cell:
    """The same under other names."""
    made: dict[int, Expr] = {}

    def other(e: Expr) -> Expr:
        if id(e) not in made:
            name = e.name if e.kind in ("apply", "constant") else f"{e.name}_other" * bool(e.name)
            matrices = tuple(f"{m}_other" for m in e.matrices)
            args = tuple(other(a) for a in e.args)
            made[id(e)] = Expr(e.kind, args, name, e.value, matrices, e.units)
        return made[id(e)]

    results = {f"{name}_other": other(e) for name, e in reversed(list(cell.results.items()))}
    return Cell("cell", results, limited=True)


@pytest.mark.parametrize("name", PLAIN)
def test_names_and_order_do_not_matter(name: str) -> None:
    cell = cells.BY_NAME[name]()
    other = renamed(cell)
    found = recognised(other, arrays(other))
    assert found is not None
    assert (found.cell.name, dict(found.cell.bounds)) == (cell.name, dict(cell.bounds))
    assert not found.cell.limited
    assert set(found.params) == set(cell.parameters)
    assert all(found.names[f"{n}_other"] == n for n in (*cell.results, "x"))


def gru(z: Expr, n: Expr, h: Expr, how: str) -> Expr:
    """The mean of n and h as exporters write it."""
    return {
        "mean": (1.0 - z) * n + z * h,
        "turned": h * z + n * (1.0 - z),
        "difference": n + z * (h - n),
        "minus": n - z * n + z * h,
    }[how]


@pytest.mark.parametrize("how", ["mean", "turned", "difference", "minus"])
def test_spelling_of_a_sum_does_not_matter(how: str) -> None:
    x, h = input_vector("in"), state("s")
    z, r = (sigmoid(affine(g, h, x)) for g in "ab")
    n = tanh(affine("c", x) + affine("d", h) * r)
    cell = Cell("cell", {"s": gru(z, n, h, how)})
    found = recognised(cell, arrays(cell))
    assert found is not None
    assert found.cell.name == "gru"
    assert found.cell.bounds == {"h": 1.0}


OTHERS = {
    "factor": lambda z, n, h: (1.0 - z) * n + z * h * 0.99,
    "sign": lambda z, n, h: (1.0 - z) * n - z * h,
    "twice": lambda z, n, h: (1.0 - z) * n + z * z * h,
    "more": lambda z, n, h: (1.0 - z) * n + z * h + constant(0.1),
    "leaky": lambda z, n, h: (1.0 - z) * n + z * h * param("p"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_computes_something_else_has_no_name(case: str) -> None:
    x, h = input_vector("x"), state("h")
    z, r = (sigmoid(affine(g, x, h)) for g in "zr")
    n = tanh(affine("n", x) + r * affine("hn", h))
    cell = Cell("cell", {"h": OTHERS[case](z, n, h)})
    assert recognised(cell, arrays(cell)) is None


def test_gates_with_another_function_keep_it() -> None:
    """A hard sigmoid in three gates; one gate with another makes it no LSTM."""

    def hard(v: Expr) -> Expr:
        return fn.hard_sigmoid(v, 0.2, 0.5)

    cell = renamed(cells.lstm(gate=hard))
    found = recognised(cell, arrays(cell))
    assert found is not None
    assert found.kind == "lstm"
    assert not found.cell.bounds
    x, h, c = input_vector("x"), state("h"), state("c")
    gates = [f(affine(g, x, h)) for g, f in zip("ifo", (hard, hard, sigmoid), strict=True)]
    c_next = gates[1] * c + gates[0] * tanh(affine("g", x, h))
    mixed = Cell("cell", {"c": c_next, "h": gates[2] * tanh(c_next)})
    assert recognised(mixed, arrays(mixed)) is None
