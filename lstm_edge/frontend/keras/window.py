"""Convolutions and pooling: windows along time, [batch, time, features], or along time and places,
[batch, time, places, channels]; within TimeDistributed those along the places of each step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lstm_edge.frontend.keras.config import EXPORT
from lstm_edge.frontend.keras.functions import activated
from lstm_edge.frontend.keras.masks import known
from lstm_edge.frontend.keras.net import Call, Doubles, Shape, Value, shown_shape
from lstm_edge.frontend.model.convolution import LONGEST_WINDOW, same_padding

OPTIONS = (
    'filters kernel_size strides padding data_format="channels_last" dilation_rate groups '
    "activation use_bias depth_multiplier"
)

_CAUSAL = ("Conv1D", "SeparableConv1D")

Numbers = tuple[int, ...]
"""One for each axis that a window moves along: time, and then places where there are any."""


def _rank(call: Call) -> int:
    return 2 if call.each_step or call.config.kind.endswith("2D") else 1


def _sequence(call: Call, x: Value) -> Value:
    """A sequence of vectors, or of places with channels, as the layer wants it."""
    if _rank(call) == 1:
        return call.sequence(x)
    if len(x.shape) != 3 or None in x.shape[1:]:
        raise call.error(
            f"expects [batch, time, places, channels] of known size behind time, its input is "
            f"{shown_shape(x)}"
        )
    return x


def _numbers(call: Call, key: str, usual: Numbers | None = None) -> Numbers:
    """An option with a number for each axis, or one for all; within TimeDistributed for places."""
    value = call.config.keys.get(key)
    if value is None and usual is not None:
        return usual
    if call.each_step or _rank(call) == 1:
        return (*[1] * call.each_step, call.config.count(key))
    both = value if isinstance(value, list) else [value, value]
    found = [n for n in both if type(n) is int and n >= 1]
    if len(both) != 2 or len(found) != 2:
        raise call.config.unexpected(key, "one or two whole numbers from 1")
    return tuple(found)


def convolution(call: Call, x: Value) -> Value:
    """Conv, of which the kernel is [*size, channels / groups, filters]; DepthwiseConv, whose
    `depth_multiplier` filters for each channel see it alone; SeparableConv, depthwise, then a dense
    layer on the result: along time one matrix does both.
    """
    config, channels = call.config, call.features(_sequence(call, x))
    groups, several = config.count("groups", 1), config.count("depth_multiplier", 1)
    deep, apart = "Depthwise" in config.kind, "Separable" in config.kind
    units = channels * several if deep else config.count("filters")
    own = "depthwise_kernel" if apart or (deep and config.major != 3) else "kernel"
    kernel, *points, bias = call.take(
        own, *(["pointwise_kernel"] if apart else []), "bias?use_bias"
    )
    size, ones = _numbers(call, "kernel_size"), (1,) * _rank(call)
    kernel = kernel[None] if call.each_step else kernel
    inner = channels if deep or apart else groups
    if channels % groups or units % groups:
        raise call.error(f"has {groups} groups of {channels} channels and {units} filters")
    own_sizes = (channels, several) if deep or apart else (channels // groups, units)
    call.fits(own, kernel, *size, *own_sizes)
    bias = np.zeros(units) if bias is None else bias
    call.fits("bias", bias, units)
    dilations = _numbers(call, "dilation_rate", ones)
    matrix = points[0].reshape(-1, points[0].shape[-1]) if points else np.eye(0)
    if points:
        call.fits("pointwise_kernel", matrix, channels * several, units)
    if points and _rank(call) == 1:
        kernel = np.einsum("kcm,cmu->kcu", kernel, matrix.reshape(channels, several, units))
        inner, points = 1, []
    elif inner == channels:  # each channel for itself
        kernel = kernel.reshape(*size, 1, -1)
    taps = np.moveaxis(kernel, (-1, -2), (0, 1))
    first = np.zeros(len(taps)) if points else bias
    options = {"group": inner, "dilations": [*dilations]}
    y = _along(call, x, "Conv", (taps, first), (size, dilations, ones), **options)
    if points:
        y = call.add("Add", call.add("MatMul", y, matrix), bias)
    return activated(call, replace(y, shape=(*y.shape[:-1], units)))


def pooling(op: str) -> Callable[[Call, Value], Value]:
    """MaxPooling (MaxPool), or AveragePooling (AveragePool)."""

    def run(call: Call, x: Value) -> Value:
        size = _numbers(call, "pool_size")
        return _along(call, _sequence(call, x), op, (), (size, (1,) * len(size), size))

    return run


def _along(
    call: Call,
    x: Value,
    op: str,
    weights: tuple[Doubles, ...],
    window: tuple[Numbers, Numbers, Numbers],
    **options: object,
) -> Value:
    """A Conv or a pooling with the channels first, and back. window: its size, the distance of what
    it sees, and the strides where the layer has none.

    Of a sequence that Keras has from its last step to its first, the window is of the other order,
    which needs a stride that leaves nothing over.
    """
    size, dilations, usual = window
    strides, rank = _numbers(call, "strides", usual), len(size)
    seen = [(k - 1) * d + 1 for k, d in zip(size, dilations, strict=True)]
    pads, left = [], []
    for axis, (n, own, stride) in enumerate(zip(x.shape, seen, strides, strict=False)):
        pads.append(_padding(call, n, own, stride))
        left.append(_left(call, n, own, sum(pads[-1]), ("steps", "places")[axis]))
    uneven = [pad for pad in pads if pad[0] != pad[1]]
    if op == "AveragePool" and uneven:
        raise call.error(
            f"option padding = 'same' adds {uneven[0][0]} before and {uneven[0][1]} behind, where "
            "Keras gives other means with PyTorch (it repeats the last) than with TensorFlow and "
            f"JAX (which leave them out), and the file does not say which; {EXPORT}"
        )
    if x.turned:
        if strides[0] > 1 and (left[0] is None or left[0] % strides[0]):
            raise call.error(
                f"goes in strides of {strides[0]} over a sequence that go_backwards left in "
                "reversed order, of which some are left over: not supported; leave out steps at "
                "its end, with Cropping1D, until none are"
            )
        pads[0] = pads[0][::-1]
        weights = tuple(w[:, :, ::-1] if w.ndim > 1 else w for w in weights)
    arrays = [np.ascontiguousarray(w) for w in weights]
    inner = call.add("Transpose", x, perm=[0, rank + 1, *range(1, rank + 1)])
    given = {"kernel_shape": [*size], "strides": [*strides], **options}
    both = [pad[end] for end in (0, 1) for pad in pads]
    y = call.add(op, inner, *arrays, pads=both, **given)
    back = call.add("Transpose", y, perm=[0, *range(2, rank + 2), 1])
    after = (None if n is None else n // s + 1 for n, s in zip(left, strides, strict=True))
    return replace(back, shape=(*after, x.shape[-1]))


def _left(call: Call, size: int | None, seen: int, padding: int, what: str) -> int | None:
    """How far a window can move along an axis; None where that is open."""
    if seen > LONGEST_WINDOW:
        raise call.error(f"sees {seen} {what}, expected 1 to {LONGEST_WINDOW}")
    if size is not None and size + padding < seen:
        raise call.error(f"sees {seen} {what} of {size}")
    return None if size is None else size + padding - seen


def _padding(call: Call, size: int | None, seen: int, stride: int) -> tuple[int, int]:
    """What is put before and behind."""
    padding = call.config.keys.get("padding", "valid")
    if padding == "valid":
        return 0, 0
    if padding == "causal" and call.config.kind in _CAUSAL and not call.each_step:
        return seen - 1, 0
    if padding != "same":
        raise call.config.unexpected("padding", "valid, same, or causal of a convolution")
    if size is None and stride > 1:
        raise call.error(
            f"option padding = 'same' with strides of {stride} depends on the length of the "
            "sequence, which is open; give --steps"
        )
    return same_padding(size or 1, seen, stride)


def pooling_over_all(op: str) -> Callable[[Call, Value], Value]:
    """GlobalMaxPooling (ReduceMax), or GlobalAveragePooling (ReduceMean), of which the mean is of
    the steps that count: 0 where none does, of which Keras' is not a number.
    """

    def run(call: Call, x: Value) -> Value:
        call.features(_sequence(call, x))
        axes = (2,) if call.each_step else tuple(range(1, 1 + _rank(call)))
        kept = call.config.flag("keepdims")
        over, keep = call.axes(*axes), {"keepdims": int(kept)}
        if op == "ReduceMean" and _rank(call) == 1 and known(call, x):
            total = call.add("ReduceSum", call.add("Mul", x, x.mask), over, **keep)
            count = call.add("ReduceSum", x.mask, over, **keep)
            y = call.add("Div", total, call.add("Clip", count, 1.0))
        else:
            y = call.add(op, x, over, **keep)
        sizes = enumerate(x.shape, start=1)
        shape: Shape = tuple(1 if k in axes else n for k, n in sizes if kept or k not in axes)
        return Value(y.name, shape, x.turned and call.each_step)

    return run


def flattened(call: Call, x: Value) -> Value:
    """The numbers of each step as one vector."""
    steps, places, channels = _sequence(call, x).shape
    count = (places or 1) * (channels or 1)
    y = call.add("Reshape", x, call.axes(1, -1 if steps is None else steps, count))
    return replace(y, shape=(steps, count))


def zero_padding(call: Call, x: Value) -> Value:
    """ZeroPadding2D: zeros before and behind, of steps and of places."""
    given, x = call.config.keys.get("padding", 1), call.straight(_sequence(call, x))
    each: object = [given, given] if isinstance(given, int) else given
    pairs = [[n, n] if isinstance(n, int) else n for n in each] if isinstance(each, list) else []
    good = len(pairs) == 2 and all(isinstance(p, list) and len(p) == 2 for p in pairs)
    if not good or any(type(n) is not int or n < 0 for pair in pairs for n in pair):
        raise call.config.unexpected("padding", "two pairs of whole numbers from 0")
    (top, bottom), (left, right) = pairs
    y = call.add("Pad", x, call.axes(0, top, left, 0, 0, bottom, right, 0))
    steps, places, channels = x.shape
    longer = None if steps is None else steps + top + bottom
    return replace(y, shape=(longer, (places or 0) + left + right, channels))
