"""Elementwise operators of a step: sums, products, bounds, comparisons and functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lstm_edge import functions as fn
from lstm_edge.frontend.graph.functions import FORMS, REMAINDERS, TRUTHS, divisors
from lstm_edge.frontend.step.call import Array, Call, Value
from lstm_edge.frontend.step.expressions import applied, divided, multiplied, of_symbols
from lstm_edge.frontend.step.function import ABOVE, LARGER, SELECT, SMALLER, Function
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.symbols import Symbols, broadcast, groups, leaves_of
from lstm_edge.ir.expr import Expr, input_vector, param

EXACT_SOFTPLUS = 15.0
"""Above this x and log(1 + exp(x)) are the same to 1e-6: exporters write one for the other."""


def function(call: Call) -> list[Value]:
    """A function of each number."""
    form = FORMS[call.node.op_type].of(call.label, call.given)
    return [applied(call.leaves, form, call.symbols(0))]


def floor(call: Call) -> list[Value]:
    """The largest whole number that is not above each; of a quotient by constants exactly that."""
    leaves, x = call.leaves, call.symbols(0)
    found = list(groups(x))
    (leaf, units) = found[0][1][0] if len(found) == 1 else (0, np.zeros(0, np.int64))
    made = leaves[leaf]
    if len(units) and made.kind == "linear" and len(made.terms) == 1 and not made.numbers.any():
        ((source, its), factor) = made.terms[0]
        by = divisors(factor[units]) if factor.ndim == 1 else None
        if by is not None:
            whole = Symbols(np.full(x.shape, source), its[units].reshape(x.shape))
            return [_by_constant(leaves, fn.floored_quotient, whole, by.reshape(x.shape))]
    return function(call)


def remainder(call: Call) -> list[Value]:
    """Mod by constants above 0: of the sign of the divisor, or with fmod of the dividend."""
    by = call.constant(1, "divisor")
    if by is None or not (np.asarray(by) > 0).all():
        raise call.refuse("divides by a number that is not above 0; expected constants above 0")
    made = REMAINDERS[int(call.given.get("fmod", 0))]
    return [_by_constant(call.leaves, made, call.symbols(0), np.asarray(by, np.float64))]


def _by_constant(
    leaves: Leaves, made: Callable[[Expr, Expr, Expr], Expr], x: Symbols, by: Array
) -> Symbols:
    """A function of x, constants, and their inverses."""
    e = made(input_vector("x"), param("by"), param("inverse"))
    return of_symbols(leaves, {"y": e}, {"x": x, "by": by, "inverse": 1.0 / by})["y"]


def prelu(call: Call) -> list[Value]:
    """max(x, 0) + slope * min(x, 0)."""
    x, slope = (input_vector(name) for name in ("x", "slope"))
    given = {"x": call.symbols(0), "slope": call.symbols(1)}
    return [of_symbols(call.leaves, {"y": fn.prelu(x, slope)}, given)["y"]]


def negative(call: Call) -> list[Value]:
    """-x."""
    return [call.leaves.scale(call.symbols(0), -1.0)]


def sums(p: float, q: float) -> Callable[[Call], list[Value]]:
    """The sum of all inputs: p times what came before, q times the next."""

    def run(call: Call) -> list[Value]:
        total = call.symbols(0)
        for k in range(1, len(call.args)):
            total = call.leaves.combine(total, call.symbols(k), p, q)
        return [total]

    return run


def mean(call: Call) -> list[Value]:
    """The mean of all inputs."""
    total = sums(1.0, 1.0)(call)[0]
    assert isinstance(total, Symbols)
    return [call.leaves.scale(total, 1.0 / len(call.args))]


def product(call: Call) -> list[Value]:
    """a * b."""
    return [multiplied(call.leaves, call.symbols(0), call.symbols(1))]


def quotient(call: Call) -> list[Value]:
    """a / b."""
    return [divided(call.leaves, call.symbols(0), call.symbols(1))]


def power(call: Call) -> list[Value]:
    """x to a power: small whole ones are products of x, any other wants x > 0."""
    leaves = call.leaves
    x, exponent = broadcast(call.symbols(0), call.symbols(1))
    known, base = leaves.numbers_of(exponent), leaves.numbers_of(x)
    if base is not None:
        if not (base > 0.0).all():
            raise call.refuse(
                "raises a constant that is not above 0 to a power that is computed, which is no "
                "number for most of them; expected a constant above 0"
            )
        return [applied(leaves, fn.exponential, leaves.scale(exponent, np.log(base)))]
    if known is None or np.unique(known).size > 1:
        if known is not None and (known == np.round(known)).any():
            raise call.refuse(
                "has several exponents, and whole ones among them, which numbers below 0 may have: "
                "split its input by exponents"
            )
        raised = leaves.multiply(applied(leaves, fn.logarithm, x), exponent)
        return [applied(leaves, fn.exponential, raised)]
    one = float(known.flat[0])
    return [applied(leaves, lambda e: fn.power(e, one), x)]


def bounds(which: Function) -> Callable[[Call], list[Value]]:
    """The largest or smallest of all inputs."""

    def run(call: Call) -> list[Value]:
        total = call.symbols(0)
        for k in range(1, len(call.args)):
            total = call.leaves.each(which, total, call.symbols(k))
        return [total]

    return run


def clip(call: Call) -> list[Value]:
    """x within bounds."""
    x = call.symbols(0)
    for k, name, which in ((1, "min", LARGER), (2, "max", SMALLER)):
        if call.is_data(k):
            x = call.leaves.each(which, x, call.symbols(k))
            continue
        limit = call.constant(k, name)
        if limit is not None and np.isfinite(limit).all():
            x = call.leaves.each(which, x, np.asarray(limit, np.float64).reshape(()))
    return [x]


def truth(call: Call) -> list[Value]:
    """What is true of two numbers."""
    x, y = (input_vector(name) for name in ("x", "y"))
    given = {"x": call.symbols(0), "y": call.symbols(1)}
    return [of_symbols(call.leaves, {"y": TRUTHS[call.node.op_type](x, y)}, given)["y"]]


def negation(call: Call) -> list[Value]:
    """Not: of a comparison it is the other one."""
    leaves, found = call.leaves, compared(call.leaves, call.symbols(0))
    if found is None:
        return [leaves.combine(1.0, call.symbols(0), 1.0, -1.0)]
    a, b, equal = found
    ends = (1.0, 0.0) if equal else (0.0, 1.0)
    return [leaves.each(SELECT, *((b, a) if equal else (a, b)), *ends)]


def compared(leaves: Leaves, value: Symbols) -> tuple[Symbols, Symbols, bool] | None:
    """(a, b, equal) of what is true where a is above b, also where it is equal to it if `equal`;
    None for what is no comparison.
    """
    ends = [value.flat().moved(np.copy) for _ in range(2)]
    ways = set()
    for places, ((leaf, units),) in groups(value):
        found = leaves[leaf]
        if found.function != SELECT or not all(map(leaves.is_constant, found.args[2:])):
            return None
        told = tuple(frozenset(leaves.constant(s).tolist()) for s in found.args[2:])
        ways.add(told)
        operands = found.args[:2] if told == _ABOVE else found.args[1::-1]
        for end, (source, its) in zip(ends, operands, strict=True):
            end.leaf[places], end.unit[places] = source, its[units]
    if ways not in ({_ABOVE}, {_NOT_ABOVE}):
        return None
    a, b = (end.moved(lambda v: v.reshape(value.shape)) for end in ends)
    return a, b, ways == {_NOT_ABOVE}


_ABOVE = (frozenset((1.0,)), frozenset((0.0,)))
_NOT_ABOVE = _ABOVE[::-1]


def where(call: Call) -> list[Value]:
    """A choice by a constant moves numbers; one by a comparison is a bound, or a function."""
    leaves, x, y = call.leaves, call.symbols(1), call.symbols(2)
    condition = call.symbols(0)
    known = np.isin(condition.leaf, [i for i in leaves_of(condition) if leaves[i].kind == "const"])
    if known.any():
        return [_where_known(call, *broadcast(condition, x, y))]
    a, b, equal = compared(leaves, condition) or (condition, leaves.lift(0.5), False)
    a, b, x, y = broadcast(a, b, x, y)  # a bound of two of these has the shape of all
    if _alike(x, a) and _alike(y, b):
        return [leaves.each(LARGER, a, b)]
    if _alike(x, b) and _alike(y, a):
        return [leaves.each(SMALLER, a, b)]
    if leaves.numbers_of(a) is not None:
        a, b, x, y, equal = b, a, y, x, not equal
    limit, other = leaves.numbers_of(b), leaves.numbers_of(y)
    if limit is not None and _alike(x, a):
        if other is not None and not other.any() and (not equal or not limit.any()):
            return [leaves.each(ABOVE, a, b)]
        if (limit >= EXACT_SOFTPLUS).all() and _alike(y, applied(leaves, fn.softplus, a)):
            return [y]
        slope = 1.0 if limit.any() else _slope(call, y)
        if slope is not None and _alike(y, leaves.scale(a, slope)):
            return [applied(leaves, lambda e: fn.leaky_relu(e, slope, 0.0), a)]
    if equal:
        a, b, x, y = b, a, y, x
    return [leaves.each(SELECT, a, b, x, y)]


def _where_known(call: Call, condition: Symbols, x: Symbols, y: Symbols) -> Symbols:
    """A choice of which some numbers are known: these are moved, only others are computed."""
    leaf, unit = (np.empty(x.size, np.int64) for _ in range(2))
    others: list[int] = []
    for places, ((number, units),) in groups(condition):
        if call.leaves[number].kind != "const":
            others += places.tolist()
            continue
        chosen = call.leaves[number].numbers[units] != 0.0
        for made, one, other in ((leaf, x.leaf, y.leaf), (unit, x.unit, y.unit)):
            made[places] = np.where(chosen, one.reshape(-1)[places], other.reshape(-1)[places])
    if others:
        at = np.sort(others)
        (rest,) = where(replace(call, args=tuple(v.flat().at(at) for v in (condition, x, y))))
        assert isinstance(rest, Symbols)
        leaf[at], unit[at] = rest.leaf, rest.unit
    return Symbols(leaf.reshape(x.shape), unit.reshape(x.shape))


def _alike(x: Symbols, y: Symbols) -> bool:
    """The same numbers where broadcast."""
    first, second = broadcast(x, y)
    return first.same_as(second)


def _slope(call: Call, y: Symbols) -> float | None:
    """The factor of something, if y is that."""
    leaf = call.leaves[int(y.leaf.flat[0])]
    factor = leaf.terms[0][1] if leaf.kind == "linear" else np.zeros((0, 0))
    return float(factor[0]) if factor.ndim == 1 else None
