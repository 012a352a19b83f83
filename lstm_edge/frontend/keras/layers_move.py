"""Layers that rearrange: Flatten, Reshape, Permute, Cropping1D, ZeroPadding1D."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.net import Call, Shape, Value

MOST_STEPS = 2**20
"""Steps that are added or taken away."""


def flatten(call: Call, x: Value) -> Value:
    """All steps in one vector, the step outermost."""
    call.config.check_known("data_format")
    call.config.refuse("data_format", "channels_last", instead="use channels_last")
    return reshaped(call, x, (-1,))


def reshape(call: Call, x: Value) -> Value:
    """Reshape to a shape, in which -1 stands for what is left."""
    call.config.check_known("target_shape")
    return reshaped(call, x, call.config.shape("target_shape"))


def reshaped(call: Call, x: Value, target: Shape) -> Value:
    """The same numbers in the same order, [1, *target]; an open axis stays where it was."""
    shape = completed(call, x.shape, target)
    if shape == x.shape:
        return x
    if x.turned and len(shape) != 1:
        raise ModelError(
            call.label,
            f"reshapes {shown_shape(x.shape)}, of which go_backwards left the steps in reversed "
            f"order, to {shown_shape(shape)}; only flattening it is supported",
        )
    sizes = [-1 if n is None else n for n in shape]
    y = call.add("Reshape", x.name, call.axes(1, *sizes))
    return Value(y, shape, x.turned, x.shape if len(shape) == 1 else ())


def completed(call: Call, own: Shape, target: Shape) -> Shape:
    """The target with its -1 filled in: None where an open size is left for it."""
    left = [k for k, n in enumerate(target) if n in (-1, None)]
    given = math.prod(n for n in target if n is not None and n != -1)
    opened = None in own
    total = math.prod(n for n in own if n is not None)
    fits = len(left) <= 1 and given > 0 and all(n is None or n >= -1 for n in target)
    if fits and opened:
        fits = len(left) == 1
    elif fits:
        fits = total % given == 0 if left else total == given
    if not fits:
        raise ModelError(
            call.label,
            f"reshapes {shown_shape(own)} to {shown_shape(target)}: the numbers do not fit",
        )
    rest = None if opened else total // given
    return tuple(rest if k in left else n for k, n in enumerate(target))


def shown_shape(shape: Shape) -> str:
    """A shape for a message."""
    return f"[{', '.join('?' if n is None else str(n) for n in shape)}]"


def zero_padding(call: Call, x: Value) -> Value:
    """ZeroPadding1D: steps of zeros before and behind."""
    call.config.check_known("padding data_format")
    call.config.refuse("data_format", "channels_last", instead="use channels_last")
    (steps, features), (left, right) = call.sequence(x).shape, _two(call, "padding")
    before, behind = (right, left) if x.turned else (left, right)
    y = call.add("Pad", x.name, call.axes(0, before, 0, 0, behind, 0))
    return replace(x, name=y, shape=(None if steps is None else steps + left + right, features))


def cropping(call: Call, x: Value) -> Value:
    """Cropping1D: without some steps at the begin and the end."""
    call.config.check_known("cropping")
    (steps, features), (left, right) = call.sequence(x).shape, _two(call, "cropping")
    left, right = (right, left) if x.turned else (left, right)
    if steps is not None and steps <= left + right:
        raise ModelError(call.label, f"crops {left + right} steps of {steps}")
    return Value(
        sliced(call, x.name, 1, left, -right if right else None),
        (None if steps is None else steps - left - right, features),
        x.turned,
    )


def _two(call: Call, key: str) -> tuple[int, int]:
    """An option of two whole numbers from 0, or of one for both."""
    value = call.config.keys.get(key, 1)
    both = [value, value] if isinstance(value, int) else value
    good = isinstance(both, list | tuple) and len(both) == 2
    if not good or not all(type(n) is int and 0 <= n < MOST_STEPS for n in both):
        raise call.config.unexpected(key, "two whole numbers from 0")
    return both[0], both[1]


def sliced(call: Call, x: str, axis: int, begin: int | None, end: int | None, step: int = 1) -> str:
    """Indices of one axis as Python's slices count them."""
    first, last = (-1, -(2**31)) if step < 0 else (0, 2**31 - 1)
    bounds = (first if begin is None else begin, last if end is None else end, axis, step)
    return call.add("Slice", x, *(call.axes(n) for n in bounds))


def permute(call: Call, x: Value) -> Value:
    """Axes in another order; its numbers count from 1, the batch stays."""
    call.config.check_known("dims")
    return permuted(call, x, call.config.integers("dims"))


def permuted(call: Call, x: Value, order: list[int]) -> Value:
    """Axes in another order, which counts from 1; the batch stays where it is."""
    if sorted(order) != list(range(1, len(x.shape) + 1)):
        raise ModelError(
            call.label,
            f"moves axes to {order}, expected the numbers 1 to {len(x.shape)} in some order",
        )
    call.net.moved = True
    y = call.add("Transpose", call.straight(x).name, perm=[0, *order])
    return Value(y, tuple(x.shape[k - 1] for k in order))


def upsampling(call: Call, x: Value) -> Value:
    """UpSampling1D: each step several times."""
    call.config.check_known("size")
    (steps, features), times = call.straight(call.sequence(x)).shape, call.config.count("size")
    if steps is None or steps * times > MOST_STEPS:
        raise ModelError(call.label, f"repeats the steps of a sequence of {steps or 'open length'}; give --steps")
    indices = np.repeat(np.arange(steps), times)
    return Value(call.add("Gather", x.name, indices, axis=1), (steps * times, features))
