"""Convolutions and pooling over time and an inner axis, [batch, time, places, channels]; within
TimeDistributed those of one axis, which move along the places of each step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lstm_edge.frontend.keras.functions import activated
from lstm_edge.frontend.keras.net import Call, Doubles, Value, shown_shape
from lstm_edge.frontend.keras.window import check_means
from lstm_edge.frontend.model.convolution import same_padding

_PADDINGS = {"valid": "VALID", "same": "SAME_UPPER"}

_LAST = [0, 2, 3, 1]
_FIRST = [0, 3, 1, 2]


def convolution(call: Call, x: Value) -> Value:
    """Conv2D, of which the kernel is [height, width, channels / groups, filters]; DepthwiseConv2D,
    whose `depth_multiplier` filters for each channel see it alone; SeparableConv2D, depthwise, then
    a dense layer at each place. Conv1D within TimeDistributed, of which the kernel has no height.
    """
    config, channels = call.config, call.features(_plane(call, x))
    groups, several = config.count("groups", 1), config.count("depth_multiplier", 1)
    deep, apart = "Depthwise" in config.kind, "Separable" in config.kind
    units = channels * several if deep else config.count("filters")
    own = "depthwise_kernel" if apart or (deep and (config.major or 3) < 3) else "kernel"
    kernel, *points, bias = call.take(
        own, *(["pointwise_kernel"] if apart else []), "bias?use_bias"
    )
    size = _pair(call, "kernel_size")
    kernel = kernel[None] if call.each_step else kernel
    inner = 1 if deep or apart else groups
    wanted = (*size, channels // inner, several if deep or apart else units)
    call.fits(own, kernel, *wanted)
    if channels % groups or units % groups:
        raise call.error(
            f"has {groups} groups of {channels} channels and {units} filters, expected as many in "
            "each group; correct `groups`"
        )
    bias = np.zeros(units) if bias is None else bias
    call.fits("bias", bias, units)
    if deep or apart:  # each channel for itself
        groups, kernel = channels, kernel.reshape(*size, 1, channels * several)
    taps = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
    first = np.zeros(len(taps)) if points else bias
    dilations = list(_pair(call, "dilation_rate", (1, 1)))
    made = _along(call, x, "Conv", (taps, first), size, (1, 1), group=groups, dilations=dilations)
    if points:
        matrix = points[0].reshape(-1, points[0].shape[-1])
        call.fits("pointwise_kernel", matrix, channels * several, units)
        made = call.add("Add", call.add("MatMul", made, matrix), bias)
    return activated(call, replace(made, shape=(*made.shape[:2], units)))


def pooling(op: str) -> Callable[[Call, Value], Value]:
    """MaxPooling2D (MaxPool), or AveragePooling2D (AveragePool), and those of one axis."""

    def run(call: Call, x: Value) -> Value:
        size = _pair(call, "pool_size")
        if op == "AveragePool" and call.config.keys.get("padding") == "same":
            for n, k, s in zip(x.shape, size, _pair(call, "strides", size), strict=False):
                check_means(call, same_padding(n or 1, k, s))
        return _along(call, x, op, (), size, size)

    return run


def pooling_over_all(op: str) -> Callable[[Call, Value], Value]:
    """GlobalMaxPooling2D (ReduceMax), or GlobalAveragePooling2D (ReduceMean), and those of the
    places of each step.
    """

    def run(call: Call, x: Value) -> Value:
        kept, axes = call.config.flag("keepdims"), (2,) if call.each_step else (1, 2)
        y = call.add(op, _plane(call, x), call.axes(*axes), keepdims=int(kept))
        sizes = enumerate(x.shape, start=1)
        shape = [1 if k in axes else n for k, n in sizes if kept or k not in axes]
        return replace(y, shape=tuple(shape), turned=x.turned and call.each_step)

    return run


def flattened(call: Call, x: Value) -> Value:
    """The numbers of each step as one vector."""
    steps, places, channels = _plane(call, x).shape
    count = (places or 1) * (channels or 1)
    y = call.add("Reshape", x, call.axes(1, -1 if steps is None else steps, count))
    return replace(y, shape=(steps, count))


def zero_padding(call: Call, x: Value) -> Value:
    """ZeroPadding2D: zeros before and behind, of steps and of places."""
    given, x = call.config.keys.get("padding", 1), call.straight(_plane(call, x))
    each = [given, given] if isinstance(given, int) else given
    pairs = [[n, n] if isinstance(n, int) else n for n in each] if isinstance(each, list) else []
    good = len(pairs) == 2 and all(isinstance(p, list) and len(p) == 2 for p in pairs)
    if not good or any(type(n) is not int or n < 0 for pair in pairs for n in pair):
        raise call.config.unexpected("padding", "two pairs of whole numbers from 0")
    (top, bottom), (left, right) = pairs
    y = call.add("Pad", x, call.axes(0, top, left, 0, 0, bottom, right, 0))
    steps, places, channels = x.shape
    longer = None if steps is None else steps + top + bottom
    return replace(y, shape=(longer, (places or 0) + left + right, channels))


def _plane(call: Call, x: Value) -> Value:
    """A sequence of vectors of places, each with its channels."""
    if len(x.shape) != 3 or None in x.shape[1:]:
        raise call.error(
            f"expects [batch, time, places, channels] of known size behind time, its input is "
            f"{shown_shape(x)}"
        )
    return x


def _pair(call: Call, key: str, default: tuple[int, int] | None = None) -> tuple[int, int]:
    """An option of two numbers, or of one for both; within TimeDistributed of one for places."""
    value = call.config.keys.get(key)
    if value is None and default is not None:
        return default
    if call.each_step:
        return 1, call.config.count(key)
    both = value if isinstance(value, list) else [value, value]
    found = [n for n in both if type(n) is int and n >= 1]
    if len(both) != 2 or len(found) != 2:
        raise call.config.unexpected(key, "one or two whole numbers from 1")
    return found[0], found[1]


def _along(
    call: Call,
    x: Value,
    op: str,
    weights: tuple[Doubles, ...],
    size: tuple[int, int],
    usual: tuple[int, int],
    **options: object,
) -> Value:
    """A Conv or a pooling on [batch, channels, time, places], and back. usual: its strides where
    the layer has none.
    """
    padding = call.config.keys.get("padding", "valid")
    if padding not in _PADDINGS:
        raise call.config.unexpected("padding", "valid or same")
    strides = _pair(call, "strides", usual)
    x = x if call.each_step else call.straight(_plane(call, x))
    inner = call.add("Transpose", x, perm=_FIRST)
    given = {"kernel_shape": [*size], "strides": [*strides], **options}
    y = call.add(op, inner, *weights, auto_pad=_PADDINGS[padding], **given)
    back = call.add("Transpose", y, perm=_LAST)
    dilations = _pair(call, "dilation_rate", (1, 1))
    sizes = [
        _after(call, n, (k - 1) * d + 1, s, same=padding == "same")
        for n, k, s, d in zip(x.shape[:2], size, strides, dilations, strict=True)
    ]
    return replace(back, shape=(*sizes, x.shape[2]))


def _after(call: Call, size: int | None, seen: int, stride: int, *, same: bool) -> int | None:
    """What is left of an axis; None where it is open."""
    if size is None:
        return None
    left = -(-size // stride) if same else (size - seen) // stride + 1
    if left < 1:
        raise call.error(f"sees {seen} of {size}; use padding = 'same', or a smaller window")
    return left
