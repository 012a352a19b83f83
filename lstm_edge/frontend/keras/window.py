"""Convolutions and pooling along time: layers that see several steps at once, or all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lstm_edge.errors import ModelError
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
    """Conv1D; its kernel is [kernel, features / groups, filters]."""
    units, groups = call.config.count("filters"), call.config.count("groups", 1)
    kernel, bias = _kernels(call, units, "kernel")
    if units % groups or kernel.shape[1] * groups != x.shape[-1]:
        raise _unfit(call, x, kernel)
    return _convolved(call, x, kernel.transpose(2, 1, 0), groups, bias)


def depthwise(call: Call, x: Value) -> Value:
    """DepthwiseConv1D: `depth_multiplier` filters for each feature, which sees itself alone."""
    features = call.features(x)
    name = "kernel" if call.config.major == 3 else "depthwise_kernel"
    kernel, bias = _kernels(call, features * call.config.count("depth_multiplier", 1), name)
    if kernel.shape[1] != features or kernel[0].size != bias.size:
        raise _unfit(call, x, kernel)
    taps = kernel.reshape(len(kernel), 1, -1).transpose(2, 1, 0)
    return _convolved(call, x, taps, features, bias)


def separable(call: Call, x: Value) -> Value:
    """SeparableConv1D: depthwise, then a dense layer on the result; one matrix does both."""
    kernel, bias = _kernels(
        call, call.config.count("filters"), "depthwise_kernel", "pointwise_kernel"
    )
    if kernel.shape[1] != x.shape[-1]:
        raise _unfit(call, x, kernel)
    return _convolved(call, x, kernel.transpose(2, 1, 0), 1, bias)


def _kernels(call: Call, units: int, *names: str) -> tuple[Doubles, Doubles]:
    """The kernel [kernel, features, units] and the bias [units]; of two kernels their product."""
    first, *rest, bias = call.take(*names, "bias?use_bias")
    bias, size = np.zeros(units) if bias is None else bias, call.config.count("kernel_size")
    assert first is not None
    if first.ndim != 3 or not first.size or len(first) != size or bias.shape != (units,):
        raise call.error(
            f"its {names[0]} is {list(first.shape)} and its bias {list(bias.shape)}, expected "
            f"[{size}, ...] of 3 axes and [{units}]"
        )
    for points in rest:
        assert points is not None
        call.fits(names[1], points, 1, first[0].size, units)
        first = np.einsum("kcm,cmu->kcu", first, points.reshape(*first.shape[1:], units))
    return np.asarray(first, np.float64), bias


def _unfit(call: Call, x: Value, kernel: Doubles) -> ModelError:
    return call.error(
        f"its kernel is {list(kernel.shape)}, but its input has {x.shape[-1]} features"
    )


def _convolved(call: Call, x: Value, taps: Doubles, groups: int, bias: Doubles) -> Value:
    """Append a convolution with taps [units, features / groups, kernel], and its activation."""
    dilation = call.config.count("dilation_rate", 1)
    weights = (np.ascontiguousarray(taps[:, :, ::-1] if x.turned else taps), bias)
    options = {"group": groups, "dilations": [dilation]}
    made = _along_time(call, x, "Conv", weights, (taps.shape[2], dilation, 1), **options)
    return activated(call, replace(made, shape=(made.shape[0], len(taps))))


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
    if op == "AveragePool" and any(pads):
        raise call.error(
            f"option padding = 'same' adds {sum(pads)} steps, which the mean leaves out: not "
            "supported; compile what comes before it and what comes after it as two networks"
        )
    left = None if steps is None else steps + sum(pads) - seen
    if left is not None and left < 0:
        raise call.error(f"sees {seen} steps of a sequence of {steps}")
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


def _padding(call: Call, steps: int | None, seen: int, stride: int) -> tuple[int, int]:
    """Steps of padding before and behind."""
    padding = call.config.text("padding")
    if padding == "valid":
        return 0, 0
    if padding == "causal" and call.layer.kind in _CAUSAL:
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
