"""Operators of a step that add numbers up with weights: products, reductions, normalizations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lstm_edge.frontend.graph.letters import spelled_out
from lstm_edge.frontend.step.arithmetic import divide
from lstm_edge.frontend.step.call import LARGER, TIMES, Call, Doubles, Value
from lstm_edge.frontend.step.leaves import Function, Leaves
from lstm_edge.frontend.step.symbols import Integers, Symbols, together
from lstm_edge.ir import expr as ex

MOST_UNITS = 4096
"""Numbers of a tensor of which the weights are found by one unit vector each."""


def matmul(call: Call) -> list[Value]:
    """a @ b, of which one may be known."""
    return [_matmul(call, call.args[0], call.args[1])]


def gemm(call: Call) -> list[Value]:
    """alpha * a @ b + beta * c."""
    a, b = (
        _turned(value, bool(call.given.get(name, 0)))
        for value, name in ((call.args[0], "transA"), (call.args[1], "transB"))
    )
    y = _matmul(call, a, b)
    alpha, beta = float(call.given.get("alpha", 1.0)), float(call.given.get("beta", 1.0))
    y = y if alpha == 1.0 else call.leaves.scale(y, alpha)
    return [call.leaves.combine(y, call.symbols(2), 1.0, beta) if call.has(2) else y]


def _turned(value: Value | None, turn: bool) -> Value | None:
    if not turn:
        return value
    return value.moved(np.transpose) if isinstance(value, Symbols) else np.transpose(value)  # type: ignore[arg-type]


def _matmul(call: Call, a: Value | None, b: Value | None) -> Symbols:
    """a @ b; rows that have no leaf in common are vectors of their own."""
    leaves = call.leaves
    if isinstance(a, Symbols) and isinstance(b, Symbols):
        return _both(call, a, b)
    if isinstance(a, Symbols):
        weights = np.asarray(b, np.float64)
        rows = a.moved(lambda v: v.reshape(-1, v.shape[-1]))
        if weights.ndim == 2 and (len(rows.leaf) == 1 or _apart(leaves, rows.leaf)):
            made = [
                leaves.product(Symbols(leaf, unit), weights.T, (weights.shape[1],))
                for leaf, unit in zip(rows.leaf, rows.unit, strict=True)
            ]
            return together(made, np.stack).moved(
                lambda v: v.reshape(*a.shape[:-1], weights.shape[1])
            )
        return _by_units(call, a, lambda e: e @ weights)
    if isinstance(b, Symbols):
        weights = np.asarray(a, np.float64)
        return _by_units(call, b, lambda e: weights @ e)
    raise call.refuse("multiplies no data; fold its constants")


def _both(call: Call, a: Symbols, b: Symbols) -> Symbols:
    """The sum over k of a[.., m, k] * b[.., k, n]."""
    one, other = a.leaf.ndim == 1, b.leaf.ndim == 1
    a = a.moved(lambda v: v[None]) if one else a
    b = b.moved(lambda v: v[:, None]) if other else b
    products = call.leaves.multiply(
        TIMES, a.moved(lambda v: v[..., :, :, None]), b.moved(lambda v: v[..., None, :, :])
    )
    y = _sum(call, products, (-2,), False)
    y = y.moved(lambda v: v[..., 0, :]) if one else y
    return y.moved(lambda v: v[..., 0]) if other else y


def _apart(leaves: Leaves, rows: Integers) -> bool:
    """True where no two rows have a leaf in common, but for what is known."""
    sets = [{i for i in row.reshape(-1).tolist() if leaves[i].kind != "const"} for row in rows]
    return len(set().union(*sets)) == sum(map(len, sets))


def _by_units(call: Call, value: Symbols, compute: Callable[[Doubles], Doubles]) -> Symbols:
    """What is linear in a tensor, by what it makes of each of its units."""
    if value.size > MOST_UNITS:
        raise call.refuse(
            f"multiplies {value.size} numbers of one step, at most {MOST_UNITS} are supported; "
            "split them, or multiply a vector by a matrix (MatMul, Gemm)"
        )
    units = np.eye(value.size).reshape(value.size, *value.shape)
    made = [np.asarray(compute(unit), np.float64) for unit in units]
    matrix = np.ascontiguousarray(np.stack(made).reshape(value.size, -1).T)
    return call.leaves.product(value, matrix, made[0].shape)


def linear(call: Call) -> list[Value]:
    """An operator without a constant part of its own, linear in its first input."""
    zero = call.computed(np.zeros(call.symbols(0).shape)).astype(np.float64)
    y = _by_units(call, call.symbols(0), lambda e: call.computed(e).astype(np.float64) - zero)
    return [call.leaves.combine(y, zero, 1.0, 1.0)]


def einsum(call: Call) -> list[Value]:
    """The sum of products of inputs; a letter that one of them has twice is its diagonal."""
    ranks = [len(call.symbols(k).shape) for k in range(len(call.args))]
    letters, result = spelled_out(str(call.given["equation"]), ranks)
    order = [*dict.fromkeys("".join(letters))]
    total = call.leaves.lift(np.ones(()))
    for k, own in enumerate(letters):
        total = call.leaves.multiply(TIMES, total, _spread(call.symbols(k), own, order))
    gone = tuple(k for k, letter in enumerate(order) if letter not in result)
    total = _sum(call, total, gone, False) if gone else total
    kept = [letter for letter in order if letter in result]
    return [total.moved(lambda a: a.transpose([kept.index(letter) for letter in result]))]


def _spread(value: Symbols, own: str, order: list[str]) -> Symbols:
    """A tensor with the axes of all letters, of size 1 where it has none."""
    there = [letter for letter in order if letter in own]

    def spread(a: Integers) -> Integers:
        turned: Integers = np.einsum(f"{own}->{''.join(there)}", a)
        sizes = dict(zip(there, turned.shape, strict=True))
        return turned.reshape([sizes.get(letter, 1) for letter in order])

    return value.moved(spread)


def _axes(call: Call, rank: int) -> tuple[tuple[int, ...], bool]:
    """Axes that a reduction takes, and whether they stay."""
    given = call.constant(1, "axes")
    keep = bool(call.given.get("keepdims", 1))
    if given is None or np.size(given) == 0:
        none = bool(call.given.get("noop_with_empty_axes", 0))
        return (() if none else tuple(range(rank))), keep
    return tuple(sorted(int(a) % rank for a in np.asarray(given).reshape(-1))), keep


def _sum(call: Call, value: Symbols, axes: tuple[int, ...], keep: bool) -> Symbols:
    """The sum over axes; of rows that have no leaf in common, each its own."""
    if 0 not in axes and value.shape[0] > 1 and _apart(call.leaves, value.leaf):
        rows = [
            Symbols(leaf[None], unit[None])
            for leaf, unit in zip(value.leaf, value.unit, strict=True)
        ]
        return together([_sum(call, row, axes, keep) for row in rows], np.concatenate)
    shape = np.sum(np.empty(value.shape, np.int8), axis=axes, keepdims=True).shape
    places = np.broadcast_to(np.arange(int(np.prod(shape))).reshape(shape), value.shape)
    matrix = np.zeros((int(np.prod(shape)), value.size))
    matrix[places.reshape(-1), np.arange(value.size)] = 1.0
    y = call.leaves.product(value, matrix, shape)
    return y if keep else y.moved(lambda a: a.squeeze(axes))


def reduction(
    finish: Callable[[Call, Symbols, int], Symbols], of: str = "numbers"
) -> Callable[[Call], list[Value]]:
    """A sum over axes of numbers, squares or magnitudes, and what is made of it and their count."""

    def run(call: Call) -> list[Value]:
        value = call.symbols(0)
        axes, keep = _axes(call, len(value.shape))
        if not axes:
            return [value]
        count = int(np.prod([value.shape[a] for a in axes]))
        if of == "squares":
            value = call.leaves.multiply(TIMES, value, value)
        elif of == "magnitudes":
            value = call.leaves.each(LARGER, value, call.leaves.scale(value, -1.0))
        return [finish(call, _sum(call, value, axes, keep), count)]

    return run


def total(call: Call, value: Symbols, count: int) -> Symbols:
    """The sum as it is."""
    return value


def average(call: Call, value: Symbols, count: int) -> Symbols:
    """The sum by the number of its terms."""
    return call.leaves.scale(value, 1.0 / count)


def root(call: Call, value: Symbols, count: int) -> Symbols:
    """The square root of the sum."""
    function = Function(("sqrt",), lambda v: ex.apply("sqrt", v), np.sqrt)
    return call.leaves.each(function, value)


def logarithm(call: Call, value: Symbols, count: int) -> Symbols:
    """The logarithm of the sum."""
    function = Function(("log",), lambda v: ex.apply("log", v), np.log)
    return call.leaves.each(function, value)


def log_sum_exp(call: Call) -> list[Value]:
    """log(sum(exp(x))) over axes, from the largest number on."""
    leaves, value = call.leaves, call.symbols(0)
    axes, keep = _axes(call, len(value.shape))
    if not axes:
        return [value]
    largest = _largest(call, value, axes)
    exponential = Function(("exp",), lambda v: ex.apply("exp", v), np.exp)
    powers = leaves.each(exponential, leaves.combine(value, largest, 1.0, -1.0))
    y = leaves.combine(largest, logarithm(call, _sum(call, powers, axes, True), 1), 1.0, 1.0)
    return [y if keep else y.moved(lambda v: v.squeeze(axes))]


def extreme(sign: float) -> Callable[[Call], list[Value]]:
    """The largest number over axes, or the smallest for a sign of -1."""

    def run(call: Call) -> list[Value]:
        value = call.symbols(0)
        axes, keep = _axes(call, len(value.shape))
        if not axes:
            return [value]
        found = _largest(call, call.leaves.scale(value, sign), axes)
        y = call.leaves.scale(found, sign)
        return [y if keep else y.moved(lambda v: v.squeeze(axes))]

    return run


def _largest(call: Call, value: Symbols, axes: tuple[int, ...]) -> Symbols:
    """The largest number over axes, which stay."""
    function = Function(("largest",), ex.largest, np.max)
    kept = [a for a in range(len(value.shape)) if a not in axes]
    sizes = [value.shape[a] for a in kept]
    rows = value.moved(lambda v: v.transpose([*kept, *axes]).reshape(*sizes, -1))
    found = call.leaves.whole(function, rows, 1)
    return found.moved(lambda v: np.expand_dims(v.reshape(sizes), axes))


def softmax(call: Call) -> list[Value]:
    """Over one axis, by default the last."""
    value = call.symbols(0)
    axis = int(call.given.get("axis", -1)) % len(value.shape)
    log = call.node.op_type == "LogSoftmax"
    build = ex.log_softmax if log else ex.softmax

    def numbers(x: Doubles) -> Doubles:
        shifted = x - x.max()
        logarithms: Doubles = shifted - np.log(np.exp(shifted).sum())
        return logarithms if log else np.exp(logarithms)

    function = Function((call.node.op_type,), build, numbers)
    turned = value.moved(lambda a: np.moveaxis(a, axis, -1))
    return [call.leaves.whole(function, turned).moved(lambda a: np.moveaxis(a, -1, axis))]


def normalized(epsilon: float) -> Function:
    """(x - mean) / sqrt(variance + epsilon) of a whole vector."""
    return Function(
        ("layer_norm", epsilon),
        lambda x: ex.layer_norm(x, epsilon),
        lambda x: (x - x.mean()) / np.sqrt(x.var() + epsilon),
    )


def layer_norm(call: Call) -> list[Value]:
    """Over the last axes together, with a gain and an offset."""
    value = call.symbols(0)
    axis = int(call.given.get("axis", -1)) % len(value.shape)
    if len([name for name in call.node.output if name]) > 1:
        raise call.refuse(
            "gives its mean or its deviation, too, which are for training; remove these outputs"
        )
    flat = value.moved(lambda a: a.reshape(*value.shape[:axis], -1))
    y = call.leaves.whole(normalized(float(call.given.get("epsilon", 1e-5))), flat)
    y = y.moved(lambda a: a.reshape(value.shape))
    y = call.leaves.multiply(TIMES, y, call.symbols(1)) if call.has(1) else y
    return [call.leaves.combine(y, call.symbols(2), 1.0, 1.0) if call.has(2) else y]


def instance_norm(call: Call) -> list[Value]:
    """Each channel, or group of them, of [1, C, ...] over its numbers; also GroupNorm's."""
    given = call.symbols(0)
    if len(given.shape) < 3:
        raise call.refuse(
            f"normalizes {list(given.shape)}, where each channel is one number, which gives 0; "
            "expected an axis behind the channels: use LayerNormalization"
        )
    value = given.moved(lambda a: a.reshape(*given.shape[:2], -1))
    gain, offset = (
        np.asarray(call.constant(k, "parameters"), np.float64).reshape(1, -1, 1) for k in (1, 2)
    )
    y = call.leaves.whole(normalized(float(call.given.get("epsilon", 1e-5))), value)
    y = call.leaves.combine(call.leaves.scale(y, gain), offset, 1.0, 1.0)
    return [y.moved(lambda a: a.reshape(given.shape))]


def batch_norm(call: Call) -> list[Value]:
    """By means and variances that are known, along axis 1."""
    if call.given.get("training_mode", 0):
        raise call.refuse("is in training mode; export it with model.eval()")
    value = call.symbols(0)
    arrays = [call.constant(k, "parameters") for k in range(1, 5)]
    shape = [1, -1, *[1] * (len(value.shape) - 2)]
    gain, offset, mean, variance = (np.asarray(a, np.float64).reshape(shape) for a in arrays)
    factor = gain / np.sqrt(variance + float(call.given.get("epsilon", 1e-5)))
    return [call.leaves.combine(call.leaves.scale(value, factor), offset - mean * factor, 1.0, 1.0)]


def unit_length(call: Call) -> list[Value]:
    """LpNormalization: x by the sum of its magnitudes or by its length, over one axis."""
    leaves, value = call.leaves, call.symbols(0)
    axis = int(call.given.get("axis", -1)) % len(value.shape)
    if int(call.given.get("p", 2)) == 2:
        length = root(call, _sum(call, leaves.multiply(TIMES, value, value), (axis,), True), 1)
    else:
        length = _sum(call, leaves.each(LARGER, value, leaves.scale(value, -1.0)), (axis,), True)
    return [divide(call, value, length)]
