"""Equations as leaves: what an operator is in the language of cells, it is of symbols as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.step.function import QUOTIENT, Doubles, Function
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.symbols import Integers, Symbols, groups, together
from lstm_edge.ir.expr import Expr, input_vector, walk

WHOLE = ("softmax", "log_softmax", "layer_norm", "largest")
"""Kinds of expressions that look at all units, which are those of the last axis."""


def of_symbols(
    leaves: Leaves, results: Mapping[str, Expr], given: Mapping[str, Symbols | npt.ArrayLike]
) -> dict[str, Symbols]:
    """What equations are of tensors; given: those of inputs, states and parameters."""
    made: dict[int, Symbols] = {}
    for e in walk(*results.values()):
        made[id(e)] = _one(leaves, e, [made[id(a)] for a in e.args], given)
    return {name: made[id(root)] for name, root in results.items()}


def applied(leaves: Leaves, build: Callable[[Expr], Expr], x: Symbols) -> Symbols:
    """A function of one tensor."""
    return of_symbols(leaves, {"y": build(input_vector("x"))}, {"x": x})["y"]


def _one(
    leaves: Leaves, e: Expr, args: list[Symbols], given: Mapping[str, Symbols | npt.ArrayLike]
) -> Symbols:
    if e.kind in ("input", "state", "param"):
        return leaves.lift(given[e.name])
    if e.kind == "constant":
        return leaves.lift(e.value)
    if e.kind in ("add", "sub"):
        return leaves.combine(args[0], args[1], 1.0, 1.0 if e.kind == "add" else -1.0)
    if e.kind == "mul":
        return leaves.multiply(*args)
    if e.kind == "divide":
        return divided(leaves, *args)
    if e.kind == "affine":
        return _affine(leaves, e, args, given)
    if e.kind == "total":
        return total(leaves, args[0], (-1,), keep=True)
    if e.kind in WHOLE:
        return leaves.whole(Function.of(e), args[0], 1 if e.kind == "largest" else None)
    return leaves.each(Function.of(e), *args)


def _affine(
    leaves: Leaves, e: Expr, args: list[Symbols], given: Mapping[str, Symbols | npt.ArrayLike]
) -> Symbols:
    made = leaves.lift(given[e.name])
    for name, x in zip(e.matrices, args, strict=True):
        product = leaves.product(x, np.asarray(given[name], np.float64), made.shape)
        made = leaves.combine(made, product, 1.0, 1.0)
    return made


def divided(leaves: Leaves, a: Symbols, b: Symbols) -> Symbols:
    """a / b; by numbers that are known it is a product."""
    known = leaves.numbers_of(b)
    if known is None:
        return leaves.each(QUOTIENT, a, b)
    if not known.all():
        raise ValueError("it divides by a constant that is 0, which gives no number")
    return leaves.multiply(a, leaves.lift(1.0 / known))


def multiplied(leaves: Leaves, a: Symbols, b: Symbols) -> Symbols:
    """a * b; a * (1 / b) is a / b, as a reciprocal has a wider range than quotients have."""
    for x, y in ((a, b), (b, a)):
        inverse = _inverse(leaves, y) if leaves.numbers_of(x) is None else None
        if inverse is not None:
            above, below = inverse
            return divided(leaves, leaves.multiply(x, above), below)
    return leaves.multiply(a, b)


def _inverse(leaves: Leaves, y: Symbols) -> tuple[Symbols, Symbols] | None:
    """(c, b) of numbers that are c / b, c a constant; None for any others."""
    ends = [y.flat().moved(np.copy) for _ in range(2)]
    for places, ((leaf, units),) in groups(y):
        found = leaves[leaf]
        if found.function != QUOTIENT or not leaves.is_constant(found.args[0]):
            return None
        for end, (source, its) in zip(ends, found.args, strict=True):
            end.leaf[places], end.unit[places] = source, its[units]
    above, below = (end.moved(lambda v: v.reshape(y.shape)) for end in ends)
    return above, below


def total(leaves: Leaves, value: Symbols, axes: tuple[int, ...], *, keep: bool) -> Symbols:
    """The sum over axes; of rows that have no leaf in common, each its own."""
    axes = tuple(axis % len(value.shape) for axis in axes)
    if 0 not in axes and value.shape[0] > 1 and apart(leaves, value.leaf):
        rows = zip(value.leaf, value.unit, strict=True)
        sums = [total(leaves, Symbols(i[None], u[None]), axes, keep=keep) for i, u in rows]
        return together(sums, np.concatenate)
    shape = np.sum(np.empty(value.shape, np.int8), axis=axes, keepdims=True).shape
    count = int(np.prod(shape))
    places = np.broadcast_to(np.arange(count).reshape(shape), value.shape)
    matrix: Doubles = np.zeros((count, value.size))
    matrix[places.reshape(-1), np.arange(value.size)] = 1.0
    made = leaves.product(value, matrix, shape)
    return made if keep else made.moved(lambda a: a.squeeze(axes))


def apart(leaves: Leaves, rows: Integers) -> bool:
    """True where no two rows have a leaf in common, but for what is known."""
    sets = [{i for i in row.reshape(-1).tolist() if leaves[i].kind != "const"} for row in rows]
    return len(set().union(*sets)) == sum(map(len, sets))
