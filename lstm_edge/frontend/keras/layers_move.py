"""Layers that rearrange: Flatten, Reshape, Permute."""

from __future__ import annotations

import math
from dataclasses import replace

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.net import Call, Shape, Value


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


def permute(call: Call, x: Value) -> Value:
    """Axes in another order; its numbers count from 1, the batch stays."""
    call.config.check_known("dims")
    dims = call.config.shape("dims")
    call.straight(x)
    if sorted(k or 0 for k in dims) != list(range(1, len(x.shape) + 1)):
        raise call.config.unexpected("dims", f"the numbers 1 to {len(x.shape)}")
    order = [k or 0 for k in dims]
    y = call.add("Transpose", x.name, perm=[0, *order])
    return replace(x, name=y, shape=tuple(x.shape[k - 1] for k in order))
