"""Layers of several inputs: Concatenate, Add, Subtract, Multiply, Average."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.layers_dense import affine
from lstm_edge.frontend.keras.layers_move import shown_shape
from lstm_edge.frontend.keras.net import Call, Value


def concatenate_all(call: Call, values: Sequence[Value]) -> Value:
    """Features end to end."""
    first = alike(call, values)
    if len(values) == 1:
        return first
    if any(
        v.shape[:-1] != first.shape[:-1] and None not in (*v.shape, *first.shape) for v in values
    ):
        shapes = " and ".join(shown_shape(v.shape) for v in values[:4])
        raise ModelError(call.label, f"joins {shapes} along the features; the steps differ")
    y = call.add("Concat", *(v.name for v in values), axis=-1)
    features = sum(call.features(v) for v in values)
    return replace(first, name=y, shape=(*first.shape[:-1], features), flat=())


def pair_all(call: Call, op: str, values: Sequence[Value]) -> Value:
    """The first op the second, and so on with the others."""
    result = alike(call, values)
    for value in values[1:]:
        sizes = (call.features(result), call.features(value))
        if sizes[0] != sizes[1] and 1 not in sizes:
            raise ModelError(
                call.label,
                f"takes {sizes[0]} and {sizes[1]} features; expected the same number, or one",
            )
        shape = (*result.shape[:-1], max(sizes))
        result = replace(result, name=call.add(op, result.name, value.name), shape=shape)
    return result


def alike(call: Call, values: Sequence[Value]) -> Value:
    """The first of values that are all of each step in one order of time, or all vectors."""
    first = values[0]
    for value in values:
        if len(value.shape) != len(first.shape):
            raise ModelError(
                call.label,
                f"joins {shown_shape(first.shape)} and {shown_shape(value.shape)}, a sequence and "
                "a vector: not supported",
            )
        if value.turned != first.turned:
            raise ModelError(
                call.label,
                "joins a sequence and one that go_backwards left in reversed order: not supported",
            )
    return first


def concatenate(call: Call, values: list[Value]) -> list[Value]:
    """Concatenate along the features."""
    call.config.check_known("axis")
    last = call.last_axis(values[0])
    call.config.refuse("axis", -1, last, instead="only features can be joined (axis=-1)")
    if values[0].flat:
        call.straight(values[0])
    return [concatenate_all(call, values)]


def elementwise(op: str, most: int | None = None) -> Callable[[Call, list[Value]], list[Value]]:
    """Add, Multiply, and Subtract of two (`most`)."""

    def run(call: Call, values: list[Value]) -> list[Value]:
        call.config.check_known()
        if most is not None and len(values) > most:
            raise ModelError(call.label, f"has {len(values)} inputs, expected {most}")
        return [pair_all(call, op, values)]

    return run


def average(call: Call, values: list[Value]) -> list[Value]:
    """Average: the sum, scaled."""
    call.config.check_known()
    number = np.full(1, 1.0 / len(values))
    return [affine(call, pair_all(call, "Add", values), number, np.zeros(1))]
