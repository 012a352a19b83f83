"""What equations alone say about the size of their results."""

from __future__ import annotations

from math import inf

import pytest

from lstm_edge.ir.bound import proved_bound
from lstm_edge.ir.expr import (
    Expr,
    apply,
    constant,
    input_vector,
    join,
    larger,
    largest,
    select,
    sigmoid,
    smaller,
    state,
    take,
    tanh,
    within,
)

x, s, n = input_vector("x"), state("s"), input_vector("n")
one, half, three = tanh(x), tanh(x) * 0.5, tanh(x) * -3.0


@pytest.mark.parametrize(
    ("node", "bound"),
    [
        (x, inf),
        (s, inf),
        (constant(-2.5), 2.5),
        (one, 1.0),
        (sigmoid(x), 1.0),
        (apply("exp", x), inf),
        (apply("sin", x), 1.0),
        (three, 3.0),
        (three * three, 9.0),
        (x * 0.0, 0.0),
        (x * one, inf),
        (three + half, 3.5),
        (three - half, 3.5),
        (within(n, half, s), 0.5),
        (within(n, half, three), 3.0),
        (within(n, three, half), 3.0),
        (within(n, s, half), inf),
        (take(three, [0]), 3.0),
        (largest(three), 3.0),
        (join(half, three, one), 3.0),
        (join(half, x), inf),
        (select(x, x, half, three), 3.0),
        (select(x, x, three, half), 3.0),
        (select(three, three, half, half), 0.5),
        (larger(one, three), inf),
        (smaller(one, three), inf),
        (smaller(larger(x, -2.0), 6.0), 6.0),
        (smaller(larger(x, -7.0), 6.0), 7.0),
        (smaller(smaller(x, -7.0), 6.0), inf),
    ],
)
def test_a_bound_follows_from_those_of_the_operands(node: Expr, bound: float) -> None:
    assert proved_bound(node) == bound
