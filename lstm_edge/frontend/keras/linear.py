"""Dense, Embedding, the normalizations, and what scales: products with constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lstm_edge.frontend.keras.config import finite
from lstm_edge.frontend.keras.functions import Formula, X, activated, apply
from lstm_edge.frontend.keras.net import Call, Doubles, Value, in_order
from lstm_edge.layers.embedding import MOST_ROWS

LEAST_DEVIATION = 1e-7
"""What Normalization divides by at least: Keras' epsilon."""

_ROOT = ("Sqrt", ("Add", ("ReduceMean", ("Mul", X, X), "axes", {"keepdims": 1}), "epsilon"))
_NORM = ("LayerNormalization", X, "gamma", "beta", {"axis": -1, "epsilon": "epsilon"})

OF_VECTORS: Mapping[str, tuple[str, float, Formula]] = {
    "RMSNormalization": ("scale", 1e-6, ("Mul", ("Div", X, _ROOT), "scale")),
    "LayerNormalization": ("gamma?scale beta?center", 1e-3, _NORM),
}
"""Normalizations of the features of each vector: weights, Keras' epsilon, the formula."""


def dense(call: Call, x: Value) -> Value:
    """Dense, on each step, on a vector, or over all steps flattened; then its activation."""
    units = call.config.count("units")
    kernel, bias = call.take("kernel", "bias?use_bias")
    bias = np.zeros(units) if bias is None else bias
    if kernel.ndim != 2 or kernel.shape[1] != units or bias.shape != (units,):
        raise call.error(
            f"its kernel is {list(kernel.shape)} and its bias {list(bias.shape)}, expected "
            f"[features, {units}] and [{units}]"
        )
    if x.shape[-1] not in (None, len(kernel)):
        raise call.error(f"its kernel takes {len(kernel)} features, {_found(x, len(kernel))}")
    kernel = in_order(x, kernel)
    if len(x.shape) == 1:
        y = call.add("Gemm", x, kernel, bias)
    else:
        y = call.add("Add", call.add("MatMul", x, kernel), bias)
    made = Value(y.name, (*x.shape[:-1], units), x.turned and not x.flat)
    return activated(call, made)


def _found(x: Value, rows: int) -> str:
    """What the input is, where it does not fit, and the length with which it would."""
    if len(x.flat) != 2:
        return f"but its input has {x.shape[-1]}"
    steps, rest = divmod(rows, x.flat[1] or 1)
    hint = f"; give --steps {steps}" if steps and not rest else ""
    return f"but what is flattened is {x.flat[0]} steps of {x.flat[1]} features{hint}"


def embedding(call: Call, x: Value) -> Value:
    """Rows of the table in place of ids, which Keras may have as integers or as real numbers; with
    mask_zero, 0 does not count.
    """
    rows, units = call.config.count("input_dim"), call.config.count("output_dim")
    (table,) = call.weights.take("embeddings")
    if table.shape != (rows, units) or rows > MOST_ROWS:
        most = f"of at most {MOST_ROWS} rows"
        raise call.error(f"its table is {list(table.shape)}, expected {[rows, units]} {most}")
    ids = call.ids(x, rows)
    mask = ""
    if call.config.flag("mask_zero"):
        mask = call.add("Gather", (np.arange(rows) > 0).astype(np.float64)[:, None], ids).name
    return replace(call.add("Gather", table, ids), shape=(*ids.shape, units), mask=mask)


def affine(call: Call, x: Value, scale: Doubles, offset: Doubles) -> Value:
    """scale * x + offset, each one number or one for each feature."""
    if (offset == 0.0).all():
        return x if (scale == 1.0).all() else call.add("Mul", x, scale)
    if (scale == 1.0).all():
        return call.add("Add", x, offset)
    return _normalized(call, x, scale, offset, np.zeros(1), np.ones(1))


def _normalized(call: Call, x: Value, *vectors: Doubles) -> Value:
    """gamma * (x - mean) / sqrt(variance) + beta, each of the features."""
    shape, rank = (call.features(x),), len(x.shape)
    each = [np.ascontiguousarray(np.broadcast_to(one, shape), np.float64) for one in vectors]
    inner = x if rank == 1 else call.add("Transpose", x, perm=[0, rank, *range(1, rank)])
    y = call.add("BatchNormalization", inner, *each, epsilon=0.0)
    return y if rank == 1 else call.add("Transpose", y, perm=[0, *range(2, rank + 1), 1])


def batch_normalization(call: Call, x: Value) -> Value:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, of each feature."""
    gamma, beta, mean, variance = _vectors(
        call, x, "gamma?scale", "beta?center", "moving_mean", "moving_variance"
    )
    squares = variance + call.config.number("epsilon", 1e-3)
    if (squares <= 0.0).any():
        raise call.error("its moving_variance and epsilon do not add up to a number above 0")
    gain = np.ones(1) if gamma is None else gamma
    return _normalized(call, x, gain, np.zeros(1) if beta is None else beta, mean, squares)


def norm_of_vectors(call: Call, x: Value) -> Value:
    """A normalization of the features of each vector."""
    names, least, formula = OF_VECTORS[call.config.kind]
    epsilon = call.config.number("epsilon", least)
    if epsilon < 0.0:
        raise call.config.unexpected("epsilon", "a number from 0")
    arrays = _vectors(call, x, *names.split())
    known = {n.partition("?")[0]: a for n, a in zip(names.split(), arrays, strict=True)}
    given = {name: "" if array is None else array for name, array in known.items()}
    return apply(call, x, formula, epsilon=epsilon, axes=call.axes(-1), **given)


def _vectors(call: Call, x: Value, *names: str) -> list[Any]:
    """Weights that are one number for each feature."""
    found = call.take(*names)
    for name, array in zip(names, found, strict=True):
        if array is not None:
            call.fits(name.partition("?")[0], array, call.features(x))
    return [None if array is None else in_order(x, array) for array in found]


def normalization(call: Call, x: Value) -> Value:
    """Normalization: (x - mean) / sqrt(variance), learned or given, of each feature or of all.

    With `invert` the way back.
    """
    config = call.config
    axis, last = config.keys.get("axis", -1), call.last_axis(x)
    if axis not in (None, [], -1, last, [-1], [last]):
        raise config.unexpected("axis", "-1, the features', or None")
    names = ("mean", "variance")
    if config.keys.get("mean") is None:
        mean, variance = call.weights.take(*names, unread="count")
    else:
        mean, variance = (finite(config.label, f"its {n}", config.keys.get(n)) for n in names)
    size = call.features(x) if axis else 1
    for name, array in (("mean", mean), ("variance", variance)):
        if array.size not in (1, size):
            raise call.error(f"its {name} is {list(array.shape)}, expected [{size}]")
    mean, variance = (in_order(x, array.reshape(-1)) for array in (mean, variance))
    if (variance < 0.0).any():
        raise call.error("its variance is below 0, expected numbers from 0")
    deviation = np.maximum(np.sqrt(variance), LEAST_DEVIATION)
    if config.flag("invert"):
        return affine(call, x, deviation, mean)
    return affine(call, x, 1.0 / deviation, -mean / deviation)


def rescaling(call: Call, x: Value) -> Value:
    """Rescaling: scale * x + offset, by numbers."""
    numbers = (call.config.number("scale", 1.0), call.config.number("offset", 0.0))
    return affine(call, x, *(np.full(1, n) for n in numbers))


def prelu(call: Call, x: Value) -> Value:
    """x, or alpha * x below 0, alpha learned for each feature; the same at every step."""
    (alpha,) = call.weights.take("alpha")
    if alpha.ndim != len(x.shape) or alpha.shape[-1] not in (1, x.shape[-1]) or not alpha.size:
        raise call.error(f"its alpha is {list(alpha.shape)}, expected {x.shape[-1]} at the end")
    slopes = alpha.reshape(-1, alpha.shape[-1])
    if (slopes != slopes[:1]).any():
        raise call.error(
            f"has slopes {list(alpha.shape)} that differ from step to step; write it with keras.ops"
            ": where(x > 0, x, slopes * x)"
        )
    return call.add("PRelu", x, in_order(x, slopes[0]))
