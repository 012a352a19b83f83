"""Attention: the layers that weigh the steps of one sequence for each step of another."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from lstm_edge.frontend.keras.net import Call, Value

OF_ONE_HEAD = "use_scale score_mode use_causal_mask dropout"
OF_HEADS = (
    "num_heads key_dim value_dim use_bias output_shape attention_axes use_causal_mask "
    "use_gate=false dropout"
)
BELOW_ALL = -1e9
"""What Keras adds to the score of a step that does not count."""


def dots(call: Call, query: Value, value: Value, key: Value | None = None) -> Value:
    """Attention: scores are products, or sums of tanh where score_mode is concat.

    query [steps, units], value [others, features], key [others, units]: [steps, features].
    """
    mode = call.config.keys.get("score_mode", "dot")
    if mode not in ("dot", "concat"):
        raise call.config.unexpected("score_mode", "dot or concat")
    names = ["scale"] * call.config.flag("use_scale")
    names += ["concat_score_weight"] * (mode == "concat")
    found = dict(zip(names, call.weights.take(*names), strict=True)) if names else {}
    scale = found.get("scale", np.ones(()))
    query, value, key = _sequences(call, query, value, key)
    if mode == "dot":
        scores = call.add("Mul", _product(call, query, key, [0, 2, 1]), scale)
    else:
        weight = np.full(call.features(query), found["concat_score_weight"])
        scores = _of_sums(call, query, key, scale, weight)
    return _weighed(call, scores, query, value)


def additive(call: Call, query: Value, value: Value, key: Value | None = None) -> Value:
    """AdditiveAttention: scores are sums of tanh of a query plus a key; shapes as of `dots`."""
    query, value, key = _sequences(call, query, value, key)
    weight = np.ones(call.features(query))
    if call.config.flag("use_scale", True):
        (weight,) = call.weights.take("scale")
        call.fits("scale", weight, call.features(query))
    return _weighed(call, _of_sums(call, query, key, np.ones(()), weight), query, value)


def heads(call: Call, query: Value, value: Value, key: Value | None = None) -> Value:
    """MultiHeadAttention over the steps: query [steps, features] gives [steps, units]."""
    count, size = call.config.count("num_heads"), call.config.count("key_dim")
    if call.config.keys.get("attention_axes") not in (None, [1], 1):
        raise call.config.unexpected("attention_axes", "that of the steps, 1")
    query, value, key = _sequences(call, query, value, key)
    wide = size if call.config.keys.get("value_dim") is None else call.config.count("value_dim")
    given = call.config.keys.get("output_shape")
    units = call.features(query) if given is None else _units(call, given)
    # in this order an .h5 file has them
    q = _dense(call, "query", query, (count, size))
    k = _dense(call, "key", key, (count, size))
    v = _dense(call, "value", value, (count, wide))
    kernel, bias = _part(call, "output")
    call.fits("kernel of the output", kernel, count, wide, units)
    q = call.add("Mul", q, np.full((), 1.0 / math.sqrt(size)))
    scores = _masked(call, _product(call, q, k, [0, 1, 3, 2]), query, value)
    made = call.add("MatMul", call.add("Softmax", scores, axis=-1), v)
    steps = query.shape[0] or -1
    joined = call.add("Transpose", made, perm=[0, 2, 1, 3])
    joined = call.add("Reshape", joined, call.axes(1, steps, count * wide))
    y = call.add("MatMul", joined, kernel.reshape(-1, units))
    y = y if bias is None else call.add("Add", y, bias)
    return Value(y.name, (query.shape[0], units))


def _units(call: Call, given: object) -> int:
    sizes = given if isinstance(given, list) else [given]
    if len(sizes) != 1 or type(sizes[0]) is not int:
        raise call.config.unexpected("output_shape", "one number of units")
    return sizes[0]


def _sequences(call: Call, query: Value, value: Value, key: Value | None) -> list[Value]:
    """Query, value and key, which is the value where there is none, in the order of their steps."""
    found = []
    for x in (query, value, value if key is None else key):
        if x.mask:
            raise call.error(
                "reads a masked sequence, which is not supported; give it the steps that count, or "
                "export the model to ONNX"
            )
        found.append(call.straight(call.sequence(x)))
    return found


def _part(call: Call, name: str) -> list[Any]:
    """Kernel and bias of one of the dense layers."""
    part = replace(call, weights=call.weights.child(f"{name}_dense"))
    return part.take("kernel", "bias?use_bias")


def _dense(call: Call, name: str, x: Value, shape: tuple[int, int]) -> Value:
    """A dense layer for all heads: [heads, steps, units]."""
    kernel, bias = _part(call, name)
    call.fits(f"kernel of the {name}", kernel, call.features(x), *shape)
    y = call.add("MatMul", x, kernel.reshape(len(kernel), -1))
    if bias is not None:
        call.fits(f"bias of the {name}", bias, *shape)
        y = call.add("Add", y, bias.reshape(-1))
    apart = call.add("Reshape", y, call.axes(1, x.shape[0] or -1, *shape))
    return call.add("Transpose", apart, perm=[0, 2, 1, 3])


def _product(call: Call, query: Value, key: Value, perm: list[int]) -> Value:
    """Scores [..., query's steps, key's steps]; `perm` turns the last two axes of the key."""
    return call.add("MatMul", query, call.add("Transpose", key, perm=perm))


def _of_sums(call: Call, query: Value, key: Value, scale: Any, weight: Any) -> Value:
    """Scores [query's steps, key's steps]: the sum of weight * tanh(scale * (query + key))."""
    one = call.add("Unsqueeze", query, call.axes(2))
    other = call.add("Unsqueeze", key, call.axes(1))
    each = call.add("Tanh", call.add("Mul", call.add("Add", one, other), scale))
    return call.add("Squeeze", call.add("MatMul", each, weight[:, None]), call.axes(3))


def _masked(call: Call, scores: Value, query: Value, value: Value) -> Value:
    """Scores of which those of later steps do not count, where use_causal_mask says so."""
    if not call.config.flag("use_causal_mask"):
        return scores
    rows, columns = query.shape[0], value.shape[0]
    if rows is None or columns is None:
        raise call.error("has a causal mask over sequences of open length; give it with --steps")
    return call.add("Add", scores, BELOW_ALL * np.triu(np.ones((rows, columns)), 1))


def _weighed(call: Call, scores: Value, query: Value, value: Value) -> Value:
    """The value's steps, weighed by scores [steps, others] for each step of the query."""
    weights = call.add("Softmax", _masked(call, scores, query, value), axis=-1)
    y = call.add("MatMul", weights, value)
    return Value(y.name, (query.shape[0], *value.shape[1:]))
