"""Convolutions and pooling along time: layers that see several steps at once, or all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.layers_activation import activation
from lstm_edge.frontend.keras.masks import known
from lstm_edge.frontend.keras.net import Call, Doubles, Value
from lstm_edge.frontend.model.convolution import LONGEST_WINDOW, same_padding

_OF_CONVOLUTIONS = (
    "filters kernel_size strides padding data_format dilation_rate groups activation use_bias "
    "depth_multiplier quantization_config"
)

_CAUSAL = ("Conv1D", "SeparableConv1D")


def convolution(call: Call, x: Value) -> Value:
    """Conv1D; its kernel is [kernel, features / groups, filters]."""
    units, groups = call.config.count("filters"), _one(call, "groups", 1)
    kernel, bias = _kernels(call, units, "kernel")
    if units % groups or kernel.shape[1] * groups != x.shape[-1]:
        raise _unfit(call, x, kernel)
    return _convolved(call, x, kernel.transpose(2, 1, 0), groups, bias)


def depthwise(call: Call, x: Value) -> Value:
    """DepthwiseConv1D: `depth_multiplier` filters for each feature, which sees itself alone."""
    _one_group(call)
    features = call.features(x)
    name = "kernel" if call.config.major == 3 else "depthwise_kernel"
    kernel, bias = _kernels(call, features * _one(call, "depth_multiplier", 1), name)
    if kernel.shape[1] != features or kernel[0].size != bias.size:
        raise _unfit(call, x, kernel)
    taps = kernel.reshape(len(kernel), 1, -1).transpose(2, 1, 0)
    return _convolved(call, x, taps, features, bias)


def separable(call: Call, x: Value) -> Value:
    """SeparableConv1D: depthwise, then a dense layer on the result; one matrix does both."""
    _one_group(call)
    units = call.config.count("filters")
    kernel, bias = _kernels(call, units, "depthwise_kernel", "pointwise_kernel")
    if kernel.shape[1] != x.shape[-1]:
        raise _unfit(call, x, kernel)
    return _convolved(call, x, kernel.transpose(2, 1, 0), 1, bias)


def _kernels(call: Call, units: int, *names: str) -> tuple[Doubles, Doubles]:
    """The kernel [kernel, features, units] and the bias [units]; of two kernels their product."""
    config = call.config
    config.check_known(_OF_CONVOLUTIONS)
    config.refuse("quantization_config", instead="save the float model: lstm-edge quantizes it")
    biased = config.flag("use_bias", True)
    first, *rest = call.weights.take(*names, *(["bias"] if biased else []))
    bias = rest.pop() if biased else np.zeros(units)
    for name, array in zip(names, (first, *rest), strict=True):
        if array.ndim != 3 or not array.size:
            raise ModelError(call.label, f"its {name} is {list(array.shape)}, expected 3 axes")
    if len(first) != _one(call, "kernel_size") or bias.shape != (units,):
        raise ModelError(
            call.label,
            f"its {names[0]} is {list(first.shape)} and its bias {list(bias.shape)}, expected "
            f"[{_one(call, 'kernel_size')}, ...] and [{units}]",
        )
    if rest:
        return _product(call, first, rest[0], units), bias
    return first, bias


def _product(call: Call, depth: Doubles, points: Doubles, units: int) -> Doubles:
    """[kernel, features, units] of [kernel, features, multiplier] and [1, all of these, units]."""
    if points.shape != (1, depth[0].size, units):
        raise ModelError(
            call.label,
            f"its pointwise_kernel is {list(points.shape)}, expected [1, {depth[0].size}, {units}]",
        )
    each = points.reshape(*depth.shape[1:], units)
    return np.asarray(np.einsum("kcm,cmu->kcu", depth, each), np.float64)


def _one_group(call: Call) -> None:
    call.config.refuse("groups", 1, instead="only 1 is")


def _unfit(call: Call, x: Value, kernel: Doubles) -> ModelError:
    return ModelError(
        call.label,
        f"its kernel is {list(kernel.shape)}, but its input has {x.shape[-1]} features",
    )


def _convolved(call: Call, x: Value, taps: Doubles, groups: int, bias: Doubles) -> Value:
    """Append a convolution with taps [units, features / groups, kernel], and its activation."""
    dilation = _one(call, "dilation_rate", 1)
    sight = _sight(call, x, taps.shape[2], dilation)
    taps = taps[:, :, ::-1] if x.turned else taps
    options = {"group": groups, "dilations": [dilation]}
    given = [np.ascontiguousarray(taps), bias]
    made = _along_time(call, x, "Conv", given, sight, options)
    made = replace(made, shape=(made.shape[0], len(taps)))
    return activation(call, made, call.config.keys.get("activation"))


@dataclass(frozen=True)
class _Sight:
    """pads: steps before and behind. steps: of the result."""

    kernel: int
    stride: int
    pads: tuple[int, int]
    steps: int | None


def _along_time(
    call: Call, x: Value, op: str, weights: list[Doubles], sight: _Sight, options: dict[str, object]
) -> Value:
    """A Conv or a pooling on [batch, features, time], and back."""
    given: dict[str, object] = {"kernel_shape": [sight.kernel], "strides": [sight.stride]}
    inner = call.add("Transpose", x.name, perm=[0, 2, 1])
    y = call.add(op, inner, *weights, pads=list(sight.pads), **given, **options)
    back = call.add("Transpose", y, perm=[0, 2, 1])
    return replace(x, name=back, shape=(sight.steps, x.shape[1]))


def pooling(largest: bool) -> Callable[[Call, Value], Value]:
    """MaxPooling1D, or AveragePooling1D."""

    def run(call: Call, x: Value) -> Value:
        call.config.check_known("pool_size strides padding data_format")
        size = _one(call, "pool_size")
        sight = _sight(call, x, size, 1, size)
        if not largest and any(sight.pads):
            raise ModelError(
                call.label,
                f"option padding = 'same' adds {sum(sight.pads)} steps, which the mean leaves "
                "out: not supported",
            )
        return _along_time(call, x, "MaxPool" if largest else "AveragePool", [], sight, {})

    return run


def pooling_over_all(op: str) -> Callable[[Call, Value], Value]:
    """GlobalMaxPooling1D (ReduceMax), or GlobalAveragePooling1D (ReduceMean)."""

    def run(call: Call, x: Value) -> Value:
        call.config.check_known("data_format keepdims")
        _check_format(call)
        features, kept = call.features(call.sequence(x)), call.config.flag("keepdims")
        if op == "ReduceMean" and known(call, x):
            y = _masked_mean(call, x, kept)
            return Value(y, (1, features) if kept else (features,))
        y = call.add(op, x.name, call.axes(1), keepdims=int(kept))
        return Value(y, (1, features) if kept else (features,))

    return run


def _masked_mean(call: Call, x: Value, kept: bool) -> str:
    """The mean of the steps that count; 0 where none does, of which Keras' is not a number."""
    one = call.axes(1)
    total = call.add("ReduceSum", call.add("Mul", x.name, x.mask), one, keepdims=int(kept))
    count = call.add("ReduceSum", x.mask, one, keepdims=int(kept))
    return call.add("Div", total, call.add("Clip", count, 1.0))


def _check_format(call: Call) -> None:
    call.config.refuse(
        "data_format", "channels_last", instead="use channels_last: [batch, time, features]"
    )


def _one(call: Call, key: str, default: int | None = None) -> int:
    """An option that is one whole number from 1, or a list of it."""
    value = call.config.keys.get(key, default)
    value = default if value is None else value
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**31:
        raise call.config.unexpected(key, "a whole number from 1")
    return value


def _sight(call: Call, x: Value, kernel: int, dilation: int, stride: int = 1) -> _Sight:
    """What each step sees of a sequence; `stride`: the default.

    Of a sequence that Keras has from its last step to its first, the window is of the other order,
    which needs a stride that leaves nothing over.
    """
    _check_format(call)
    (steps, _), stride = call.sequence(x).shape, _one(call, "strides", stride)
    seen = (kernel - 1) * dilation + 1
    if seen > LONGEST_WINDOW:
        raise ModelError(call.label, f"sees {seen} steps, expected 1 to {LONGEST_WINDOW}")
    left, right = _padding(call, steps, seen, stride)
    if x.turned:
        left, right = right, left
        exact = steps is not None and (steps + left + right - seen) % stride == 0
        if stride > 1 and not exact:
            raise ModelError(
                call.label,
                f"goes in strides of {stride} over a sequence that go_backwards left in reversed "
                "order, of which some are left over: not supported",
            )
    after = None if steps is None else (steps + left + right - seen) // stride + 1
    if after is not None and after < 1:
        raise ModelError(call.label, f"sees {seen} steps of a sequence of {steps}")
    return _Sight(kernel, stride, (left, right), after)


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
        raise ModelError(
            call.label,
            f"option padding = 'same' with strides of {stride} depends on the length of the "
            "sequence, which is open; give --steps",
        )
    return same_padding(steps or 1, seen, stride)
