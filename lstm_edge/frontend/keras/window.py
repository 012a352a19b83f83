"""Convolutions and pooling along time: layers that see several steps at once, or all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lstm_edge.frontend.keras.config import EXPORT
from lstm_edge.frontend.keras.functions import activated
from lstm_edge.frontend.keras.masks import known
from lstm_edge.frontend.keras.net import Call, Doubles, Value
from lstm_edge.frontend.model.convolution import LONGEST_WINDOW, same_padding

OPTIONS = (
    'filters kernel_size strides padding data_format="channels_last" dilation_rate groups '
    "activation use_bias depth_multiplier"
)

_CAUSAL = ("Conv1D", "SeparableConv1D")


def convolution(call: Call, x: Value) -> Value:
    """Conv1D, of which the kernel is [kernel, features / groups, filters]; DepthwiseConv1D, whose
    `depth_multiplier` filters for each feature see it alone; SeparableConv1D, depthwise, then a
    dense layer on the result: one matrix does both.
    """
    config, features = call.config, call.features(x)
    groups, size, dilation = (
        config.count(k, 1) for k in ("groups", "kernel_size", "dilation_rate")
    )
    names = ["kernel"]
    if call.config.kind == "DepthwiseConv1D":
        groups, units = features, features * config.count("depth_multiplier", 1)
        names = ["kernel" if config.major == 3 else "depthwise_kernel"]
    else:
        units = config.count("filters")
        names = names if call.config.kind == "Conv1D" else ["depthwise_kernel", "pointwise_kernel"]
    kernel, *points, bias = call.take(*names, "bias?use_bias")
    bias = np.zeros(units) if bias is None else bias
    if kernel.ndim != 3 or not kernel.size or len(kernel) != size or bias.shape != (units,):
        raise call.error(
            f"its {names[0]} is {list(kernel.shape)} and its bias {list(bias.shape)}, expected "
            f"[{size}, ...] of 3 axes and [{units}]"
        )
    deep = call.config.kind == "DepthwiseConv1D"
    if units % groups or kernel.shape[1] * (1 if deep else groups) != features:
        raise call.error(
            f"its kernel is {list(kernel.shape)}, but its input has {features} features"
        )
    if points:
        call.fits(names[1], points[0], 1, kernel[0].size, units)
        kernel = np.einsum("kcm,cmu->kcu", kernel, points[0].reshape(*kernel.shape[1:], units))
    taps = kernel.reshape(size, features // groups, -1).transpose(2, 1, 0)
    call.fits(names[0], taps, units, features // groups, size)
    weights = (np.ascontiguousarray(taps[:, :, ::-1] if x.turned else taps), bias)
    made = _along_time(
        call, x, "Conv", weights, (size, dilation, 1), group=groups, dilations=[dilation]
    )
    return activated(call, replace(made, shape=(made.shape[0], units)))


def pooling(op: str) -> Callable[[Call, Value], Value]:
    """MaxPooling1D (MaxPool), or AveragePooling1D (AveragePool)."""

    def run(call: Call, x: Value) -> Value:
        size = call.config.count("pool_size")
        return _along_time(call, x, op, (), (size, 1, size))

    return run


def _along_time(
    call: Call,
    x: Value,
    op: str,
    weights: tuple[Doubles, ...],
    window: tuple[int, int, int],
    **options: object,
) -> Value:
    """A Conv or a pooling on [batch, features, time], and back. window: its size, the distance of
    what it sees, and the default of its stride.

    Of a sequence that Keras has from its last step to its first, the window is of the other order,
    which needs a stride that leaves nothing over.
    """
    (steps, features), (kernel, dilation, stride) = call.sequence(x).shape, window
    stride, seen = call.config.count("strides", stride), (kernel - 1) * dilation + 1
    if seen > LONGEST_WINDOW:
        raise call.error(f"sees {seen} steps, expected 1 to {LONGEST_WINDOW}")
    pads = _padding(call, steps, seen, stride)
    if op == "AveragePool":
        check_means(call, pads)
    left = None if steps is None else steps + sum(pads) - seen
    if left is not None and left < 0:
        raise call.error(
            f"sees {seen} steps of a sequence of {steps}; use padding = 'same', a smaller window, "
            "or a longer sequence"
        )
    if x.turned and stride > 1 and (left is None or left % stride):
        raise call.error(
            f"goes in strides of {stride} over a sequence that go_backwards left in reversed "
            "order, of which some are left over: not supported; leave out steps at its end, with "
            "Cropping1D, until none are"
        )
    inner = call.add("Transpose", x, perm=[0, 2, 1])
    given = {"kernel_shape": [kernel], "strides": [stride], **options}
    y = call.add(op, inner, *weights, pads=list(pads[::-1] if x.turned else pads), **given)
    back = call.add("Transpose", y, perm=[0, 2, 1])
    return replace(back, shape=(None if left is None else left // stride + 1, features))


def check_means(call: Call, pads: tuple[int, int]) -> None:
    """Refuse means over padding of which it is not known what they are."""
    if pads[0] != pads[1]:
        raise call.error(
            f"option padding = 'same' adds {pads[0]} before and {pads[1]} behind, where Keras "
            "gives other means with PyTorch (it repeats the last) than with TensorFlow and JAX "
            f"(which leave them out), and the file does not say which; {EXPORT}"
        )


def _padding(call: Call, steps: int | None, seen: int, stride: int) -> tuple[int, int]:
    """Steps of padding before and behind."""
    padding = call.config.keys.get("padding")
    if padding == "valid":
        return 0, 0
    if padding == "causal" and call.config.kind in _CAUSAL:
        return seen - 1, 0
    if padding != "same":
        raise call.config.unexpected("padding", "valid, same, or causal of a convolution")
    if steps is None and stride > 1:
        raise call.error(
            f"option padding = 'same' with strides of {stride} depends on the length of the "
            "sequence, which is open; give --steps"
        )
    return same_padding(steps or 1, seen, stride)


def pooling_over_all(op: str) -> Callable[[Call, Value], Value]:
    """GlobalMaxPooling1D (ReduceMax), or GlobalAveragePooling1D (ReduceMean), of which the mean is
    of the steps that count: 0 where none does, of which Keras' is not a number.
    """

    def run(call: Call, x: Value) -> Value:
        features, kept = call.features(call.sequence(x)), call.config.flag("keepdims")
        time, keep = call.axes(1), {"keepdims": int(kept)}
        if op == "ReduceMean" and known(call, x):
            total = call.add("ReduceSum", call.add("Mul", x, x.mask), time, **keep)
            count = call.add("ReduceSum", x.mask, time, **keep)
            y = call.add("Div", total, call.add("Clip", count, 1.0))
        else:
            y = call.add(op, x, time, **keep)
        return Value(y.name, (1, features) if kept else (features,))

    return run
