"""Operators of a step that add numbers up with weights: products, reductions, normalizations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import helper

from lstm_edge.frontend.graph.fold import fold
from lstm_edge.frontend.graph.letters import spelled_out
from lstm_edge.frontend.step.call import Call, Value
from lstm_edge.frontend.step.expressions import apart, applied, total
from lstm_edge.frontend.step.function import Doubles
from lstm_edge.frontend.step.symbols import Integers, Symbols, together
from lstm_edge.ir import expr as ex
from lstm_edge.ir.expr import Expr
from lstm_edge.layers.functions import NORMS, REDUCED

REDUCTIONS = {
    "ReduceL1": "l1_norm",
    "ReduceL2": "l2_norm",
    "ReduceLogSum": "log_sum",
    "ReduceLogSumExp": "log_sum_exp",
    "ReduceMax": "largest",
    "ReduceMean": "mean",
    "ReduceMin": "smallest",
    "ReduceSum": "sum",
    "ReduceSumSquare": "sum_square",
}
"""What each operator computes, as `layers/functions.py` names it."""
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
        if weights.shape[max(0, weights.ndim - 2)] != a.shape[-1]:
            raise call.refuse(
                f"multiplies vectors of {a.shape[-1]} numbers by weights of shape "
                f"{[*weights.shape]}; export with static sizes of features"
            )
        rows = a.moved(lambda v: v.reshape(-1, v.shape[-1]))
        if weights.ndim == 2 and (len(rows.leaf) == 1 or apart(leaves, rows.leaf)):
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
    # a Gemm adds data to it: that of the first step, whose state was folded
    node = helper.make_node("MatMul", ["a", "b"], ["y"])
    return leaves.lift(fold(call.label, node, [np.asarray(a), np.asarray(b)])[0])


def _both(call: Call, a: Symbols, b: Symbols) -> Symbols:
    """The sum over k of a[.., m, k] * b[.., k, n]."""
    one, other = a.leaf.ndim == 1, b.leaf.ndim == 1
    a = a.moved(lambda v: v[None]) if one else a
    b = b.moved(lambda v: v[:, None]) if other else b
    products = call.leaves.multiply(
        a.moved(lambda v: v[..., :, :, None]), b.moved(lambda v: v[..., None, :, :])
    )
    y = total(call.leaves, products, (-2,), keep=False)
    y = y.moved(lambda v: v[..., 0, :]) if one else y
    return y.moved(lambda v: v[..., 0]) if other else y


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
    y = call.leaves.lift(np.ones(()))
    for k, own in enumerate(letters):
        y = call.leaves.multiply(y, _spread(call.symbols(k), own, order))
    gone = tuple(k for k, letter in enumerate(order) if letter not in result)
    y = total(call.leaves, y, gone, keep=False) if gone else y
    kept = [letter for letter in order if letter in result]
    return [y.moved(lambda a: a.transpose([kept.index(letter) for letter in result]))]


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


def reduction(name: str) -> Callable[[Call], list[Value]]:
    """One number of all along axes: one of `REDUCED`, or the mean."""

    def run(call: Call) -> list[Value]:
        value = call.symbols(0)
        axes, keep = _axes(call, len(value.shape))
        if name in ("sum", "mean"):
            if not axes:
                return [value]
            found = total(call.leaves, value, axes, keep=keep)
            count = int(np.prod([value.shape[a] for a in axes]))
            return [found if name == "sum" else call.leaves.scale(found, 1.0 / count)]
        kept = [a for a in range(len(value.shape)) if a not in axes]
        sizes = [value.shape[a] for a in kept]
        rows = value.moved(lambda v: v.transpose([*kept, *axes]).reshape(*sizes, -1))
        found = applied(call.leaves, REDUCED[name], rows).moved(lambda v: v.reshape(sizes))
        return [found.moved(lambda v: np.expand_dims(v, axes)) if keep else found]

    return run


def along_axis(build: Callable[[Expr], Expr]) -> Callable[[Call], list[Value]]:
    """A function of the vectors along one axis, by default the last."""

    def run(call: Call) -> list[Value]:
        value, axis = call.symbols(0), int(call.given.get("axis", -1))
        turned = value.moved(lambda a: np.moveaxis(a, axis, -1))
        return [applied(call.leaves, build, turned).moved(lambda a: np.moveaxis(a, -1, axis))]

    return run


def unit_length(call: Call) -> list[Value]:
    """LpNormalization: x by the sum of its magnitudes or by its length, over one axis."""
    norm = NORMS[f"l{int(call.given.get('p', 2))}"]
    return along_axis(lambda x: x / norm(x))(call)


def _normalized(call: Call, value: Symbols) -> Symbols:
    epsilon = float(call.given.get("epsilon", 1e-5))
    return applied(call.leaves, lambda x: ex.layer_norm(x, epsilon), value)


def layer_norm(call: Call) -> list[Value]:
    """Over the last axes together, with a gain and an offset."""
    value = call.symbols(0)
    axis = int(call.given.get("axis", -1)) % len(value.shape)
    if len([name for name in call.node.output if name]) > 1:
        raise call.refuse(
            "gives its mean or its deviation, too, which are for training; remove these outputs"
        )
    y = _normalized(call, value.moved(lambda a: a.reshape(*value.shape[:axis], -1)))
    y = y.moved(lambda a: a.reshape(value.shape))
    y = call.leaves.multiply(y, call.symbols(1)) if call.has(1) else y
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
    y = _normalized(call, value)
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
