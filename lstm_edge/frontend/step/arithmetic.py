"""Elementwise operators of a step: sums, products, bounds, comparisons and functions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lstm_edge import functions as fn
from lstm_edge.frontend.step.call import (
    ABOVE,
    LARGER,
    QUOTIENT,
    SELECT,
    SMALLER,
    TIMES,
    Call,
    Comparison,
    Value,
)
from lstm_edge.frontend.step.leaves import Function
from lstm_edge.frontend.step.symbols import Symbols, broadcast
from lstm_edge.ir.expr import Expr, apply, sigmoid, tanh

_EXP = Function(("exp",), fn.exponential, np.exp)
_LOG = Function(("log",), fn.logarithm, np.log)

EXACT_SOFTPLUS = 15.0
"""Above this x and log(1 + exp(x)) are the same to 1e-6: exporters write one for the other."""


def function(call: Call, key: tuple[object, ...], build: Callable[[Expr], Expr]) -> list[Value]:
    """A function of each unit of the first input."""
    made = Function(key, build, call.computed)
    return [call.leaves.each(made, call.symbols(0))]


def curve(name: str) -> Callable[[Call], list[Value]]:
    """An operator that is one of the functions of the language of cells."""
    return lambda call: function(call, (name,), lambda x: apply(name, x))


def activation(name: str) -> Callable[[Call], list[Value]]:
    """One of ONNX's recurrent activations as an operator."""
    form = fn.ACTIVATIONS[name]

    def run(call: Call) -> list[Value]:
        alpha = float(call.given.get("alpha", form.alpha or 0.0))
        beta = float(call.given.get("beta", form.beta or 0.0))
        key = (name, alpha, beta)
        return function(call, key, lambda x: form.build(x, alpha, beta))

    return run


def selu(call: Call) -> list[Value]:
    """gamma * elu(x)."""
    alpha = float(call.given.get("alpha", 1.6732632423543772))
    gamma = float(call.given.get("gamma", 1.0507009873554805))
    return function(call, ("Selu", alpha, gamma), lambda x: fn.elu(x, alpha, 0.0) * gamma)


def celu(call: Call) -> list[Value]:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))."""
    alpha = float(call.given.get("alpha", 1.0))
    return function(call, ("Celu", alpha), lambda x: fn.celu(x, alpha))


def softplus(call: Call, x: Symbols) -> Symbols:
    """log(1 + exp(x))."""
    numbers = Function(("Softplus", 0.0, 0.0), fn.softplus, lambda a: np.logaddexp(a, 0.0))
    return call.leaves.each(numbers, x)


def mish(call: Call) -> list[Value]:
    """x * tanh(softplus(x))."""
    x = call.symbols(0)
    curved = Function(("Tanh", 0.0, 0.0), tanh, np.tanh)
    return [call.leaves.multiply(TIMES, x, call.leaves.each(curved, softplus(call, x)))]


def hard_swish(call: Call) -> list[Value]:
    """x * hard_sigmoid(x)."""
    return function(call, ("HardSwish",), lambda x: x * fn.hard_sigmoid(x, 1 / 6, 0.5))


def swish(call: Call) -> list[Value]:
    """x * sigmoid(alpha x)."""
    x = call.symbols(0)
    curved = Function(("Sigmoid", 0.0, 0.0), sigmoid, lambda a: 1 / (1 + np.exp(-a)))
    alpha = float(call.given.get("alpha", 1.0))
    return [call.leaves.multiply(TIMES, x, call.leaves.each(curved, call.leaves.scale(x, alpha)))]


def gelu(call: Call) -> list[Value]:
    """x times the normal distribution's sum, exactly or by tanh."""
    leaves, x = call.leaves, call.symbols(0)
    if call.given.get("approximate", "none") == "tanh":
        cube = leaves.multiply(TIMES, leaves.multiply(TIMES, x, x), x)
        inner = leaves.combine(x, cube, math.sqrt(2 / math.pi), math.sqrt(2 / math.pi) * 0.044715)
        curved = leaves.each(Function(("Tanh", 0.0, 0.0), tanh, np.tanh), inner)
    else:
        error = Function(
            ("erf",), lambda v: apply("erf", v), np.vectorize(math.erf, otypes=[float])
        )
        curved = leaves.each(error, leaves.scale(x, math.sqrt(0.5)))
    return [leaves.multiply(TIMES, x, leaves.combine(curved, 0.5, 0.5, 1.0))]


def prelu(call: Call) -> list[Value]:
    """max(x, 0) + slope * min(x, 0)."""
    leaves, x = call.leaves, call.symbols(0)
    low = leaves.multiply(TIMES, leaves.each(SMALLER, x, 0.0), call.symbols(1))
    return [leaves.combine(leaves.each(LARGER, x, 0.0), low, 1.0, 1.0)]


def absolute(call: Call) -> list[Value]:
    """max(x, -x)."""
    x = call.symbols(0)
    return [call.leaves.each(LARGER, x, call.leaves.scale(x, -1.0))]


def sign(call: Call) -> list[Value]:
    """-1, 0 or 1."""
    leaves, x = call.leaves, call.symbols(0)
    above, below = leaves.each(SELECT, x, 0.0, 1.0, 0.0), leaves.each(SELECT, 0.0, x, 1.0, 0.0)
    return [leaves.combine(above, below, 1.0, -1.0)]


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
    return [call.leaves.multiply(TIMES, call.symbols(0), call.symbols(1))]


def divide(call: Call, a: Symbols, b: Symbols) -> Symbols:
    """a / b; by a constant it is a product."""
    known = call.leaves.numbers_of(b)
    if known is None:
        return call.leaves.each(QUOTIENT, a, b)
    if not known.all():
        raise call.refuse(
            "divides by a constant that is 0, which gives no number; correct the network"
        )
    return call.leaves.multiply(TIMES, a, call.leaves.lift(1.0 / known))


def quotient(call: Call) -> list[Value]:
    """a / b."""
    return [divide(call, call.symbols(0), call.symbols(1))]


def reciprocal(call: Call) -> list[Value]:
    """1 / x."""
    return [divide(call, call.leaves.lift(np.ones(1)), call.symbols(0))]


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
        return [leaves.each(_EXP, leaves.scale(exponent, np.log(base)))]
    if known is None or np.unique(known).size > 1:
        if known is not None and (known == np.round(known)).any():
            raise call.refuse(
                "has several exponents, and whole ones among them, which numbers below 0 may have: "
                "split its input by exponents"
            )
        logarithm = leaves.each(_LOG, x)
        return [leaves.each(_EXP, leaves.multiply(TIMES, logarithm, exponent))]
    one = float(known.reshape(-1)[0])
    if one not in (1.0, 2.0, 3.0, 4.0):
        made = Function(("power", one), lambda v: fn.power(v, one), lambda v: np.power(v, one))
        return [leaves.each(made, x)]
    result = x
    for _ in range(1, int(one)):
        result = leaves.multiply(TIMES, result, x)
    return [result]


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


def comparison(turned: bool, equal: bool) -> Callable[[Call], list[Value]]:
    """a > b, or b > a where `turned`."""

    def run(call: Call) -> list[Value]:
        a, b = call.symbols(0), call.symbols(1)
        return [Comparison(b, a, equal) if turned else Comparison(a, b, equal)]

    return run


def equality(call: Call) -> list[Value]:
    """Neither is above the other."""
    leaves, a, b = call.leaves, call.symbols(0), call.symbols(1)
    above, below = leaves.each(SELECT, a, b, 0.0, 1.0), leaves.each(SELECT, b, a, 0.0, 1.0)
    return [Comparison(leaves.multiply(TIMES, above, below), leaves.lift(0.5))]


def both(call: Call) -> list[Value]:
    """And: all are true."""
    found = product(call)[0]
    assert isinstance(found, Symbols)
    return [Comparison(found, call.leaves.lift(0.5))]


def either(call: Call) -> list[Value]:
    """Or: the larger is true."""
    found = call.leaves.each(LARGER, call.symbols(0), call.symbols(1))
    return [Comparison(found, call.leaves.lift(0.5))]


def negation(call: Call) -> list[Value]:
    """Not of what is true or false."""
    found = truth(call, 0)
    return [Comparison(found.b, found.a, not found.equal)]


def truth(call: Call, k: int) -> Comparison:
    """Input `k`, which is true or false, as a comparison."""
    value, half = call.args[k], call.leaves.lift(0.5)
    return value if isinstance(value, Comparison) else Comparison(call.symbols(k), half)


def where(call: Call) -> list[Value]:
    """A choice by a constant moves numbers; one by a comparison is a bound, or a function."""
    leaves, x, y = call.leaves, call.symbols(1), call.symbols(2)
    if not call.is_data(0):
        chosen = np.asarray(call.constant(0, "condition")).astype(bool)
        return [
            Symbols(np.where(chosen, x.leaf, y.leaf), np.where(chosen, x.unit, y.unit)),
        ]
    condition = truth(call, 0)
    a, b, equal = condition.a, condition.b, condition.equal
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
        if (limit >= EXACT_SOFTPLUS).all() and _alike(y, softplus(call, a)):
            return [y]
        slope = 1.0 if limit.any() else _slope(call, y)
        if slope is not None and _alike(y, leaves.scale(a, slope)):
            low = leaves.scale(leaves.each(SMALLER, a, 0.0), slope)
            return [leaves.combine(leaves.each(LARGER, a, 0.0), low, 1.0, 1.0)]
    if equal:
        a, b, x, y = b, a, y, x
    return [leaves.each(SELECT, a, b, x, y)]


def _alike(x: Symbols, y: Symbols) -> bool:
    """The same numbers where broadcast."""
    first, second = broadcast(x, y)
    return first.same_as(second)


def _slope(call: Call, y: Symbols) -> float | None:
    """The factor of something, if y is that."""
    leaf = call.leaves[int(y.leaf.flat[0])]
    factor = leaf.terms[0][1] if leaf.kind == "linear" else np.zeros((0, 0))
    return float(factor[0]) if factor.ndim == 1 else None
