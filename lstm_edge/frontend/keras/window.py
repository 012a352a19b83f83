"""Convolutions and pooling along time: layers that see several steps at once, or all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.activation import activation
from lstm_edge.frontend.keras.flow import (
    Call,
    Doubles,
    Flow,
    check_finite,
    fold,
    foldable,
    sequence_of,
    settled,
)
from lstm_edge.frontend.model.convolution import (
    LONGEST_WINDOW,
    conv_matrix,
    over_window,
    same_padding,
)
from lstm_edge.ir.clock import Clock, Window
from lstm_edge.layers.window import LOWEST, average_pool, conv1d, max_pool

_OF_CONVOLUTIONS = (
    "filters kernel_size strides padding data_format dilation_rate groups activation use_bias "
    "depth_multiplier quantization_config"
)

_CAUSAL = ("Conv1D", "SeparableConv1D")


def convolution(call: Call, flow: Flow) -> Flow:
    """Conv1D; its kernel is [kernel, features / groups, filters]."""
    units, groups = call.config.count("filters"), _one(call, "groups", 1)
    kernel, bias = _kernels(call, units, "kernel")
    if units % groups or kernel.shape[1] * groups != flow.features:
        raise _unfit(call, flow, kernel)
    return _convolved(call, flow, kernel.transpose(2, 1, 0), groups, bias)


def depthwise(call: Call, flow: Flow) -> Flow:
    """DepthwiseConv1D: `depth_multiplier` filters for each feature, which sees itself alone."""
    _one_group(call)
    name = "kernel" if call.config.major == 3 else "depthwise_kernel"
    kernel, bias = _kernels(call, flow.features * _one(call, "depth_multiplier", 1), name)
    if kernel.shape[1] != flow.features or kernel[0].size != bias.size:
        raise _unfit(call, flow, kernel)
    taps = kernel.reshape(len(kernel), 1, -1).transpose(2, 1, 0)
    return _convolved(call, flow, taps, flow.features, bias)


def separable(call: Call, flow: Flow) -> Flow:
    """SeparableConv1D: depthwise, then a dense layer on the result; one matrix does both."""
    _one_group(call)
    units = call.config.count("filters")
    kernel, bias = _kernels(call, units, "depthwise_kernel", "pointwise_kernel")
    if kernel.shape[1] != flow.features:
        raise _unfit(call, flow, kernel)
    return _convolved(call, flow, kernel.transpose(2, 1, 0), 1, bias)


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


def _unfit(call: Call, flow: Flow, kernel: Doubles) -> ModelError:
    return ModelError(
        call.label,
        f"its kernel is {list(kernel.shape)}, but its input has {flow.features} features",
    )


def _convolved(call: Call, flow: Flow, taps: Doubles, groups: int, bias: Doubles) -> Flow:
    """Append a convolution with taps [units, features / groups, kernel], and its activation."""
    units, _, kernel = taps.shape
    dilation = _one(call, "dilation_rate", 1)
    window, result = _sight(call, flow, kernel, dilation)
    taps = taps[:, :, ::-1] if flow.flipped else taps
    padded = window.left or window.right
    flow = settled(call, flow) if padded and flow.offset is not None else foldable(call, flow)
    matrix = conv_matrix(taps, groups, flow.features, dilation, call.label)
    seen = replace(
        flow,
        scale=None if flow.scale is None else np.tile(flow.scale, window.kernel),
        offset=None if flow.offset is None else np.tile(flow.offset, window.kernel),
        features=flow.features * window.kernel,
    )
    weights, bias = fold(seen, matrix, bias)
    params = {"W_y": np.ascontiguousarray(weights, np.float32), "b_y": bias.astype(np.float32)}
    check_finite(call.label, *params.values())
    tensor = over_window(call.draft, conv1d(), flow.tensor, units, params, window, call.label)
    made = Flow(tensor, units, "sequence", result.steps, flow.flipped)
    return activation(call, made, call.config.keys.get("activation"))


def pooling(largest: bool) -> Callable[[Call, Flow], Flow]:
    """MaxPooling1D, or AveragePooling1D."""

    def run(call: Call, flow: Flow) -> Flow:
        call.config.check_known("pool_size strides padding data_format")
        size = _one(call, "pool_size")
        window, result = _sight(call, flow, size, 1, size)
        if not largest and (window.left or window.right):
            raise ModelError(
                call.label,
                f"option padding = 'same' adds {window.left + window.right} steps, which the mean "
                "leaves out: not supported; use padding='valid'",
            )
        source = settled(call, flow) if largest else flow
        cell = max_pool(size) if largest else average_pool(size)
        pad = LOWEST if largest else 0.0
        x = source.tensor
        tensor = over_window(call.draft, cell, x, None, {}, window, call.label, pad)
        return replace(source, tensor=tensor, steps=result.steps)

    return run


def pooling_over_all(reduction: str) -> Callable[[Call, Flow], Flow]:
    """GlobalMaxPooling1D ("max"), or GlobalAveragePooling1D ("mean")."""

    def run(call: Call, flow: Flow) -> Flow:
        call.config.check_known("data_format keepdims")
        _check_format(call)
        source = sequence_of(call, flow)
        source = settled(call, source) if reduction == "max" else source
        tensor = call.draft.reduce(reduction, source.tensor, call.label)
        kept = call.config.flag("keepdims")
        return replace(source, tensor=tensor, kind="vector", steps=None, flipped=False, kept=kept)

    return run


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


def _sight(
    call: Call, flow: Flow, kernel: int, dilation: int, stride: int = 1
) -> tuple[Window, Flow]:
    """What each step sees of a sequence, and the sequence with the length of the result.

    stride: the default. Of a sequence that Keras has from its last step to its first, the window
    is of the other order, which needs a stride that leaves nothing over.
    """
    _check_format(call)
    flow, stride = sequence_of(call, flow), _one(call, "strides", stride)
    seen = (kernel - 1) * dilation + 1
    if seen > LONGEST_WINDOW:
        raise ModelError(call.label, f"sees {seen} steps, expected 1 to {LONGEST_WINDOW}")
    left, right = _padding(call, flow, seen, stride)
    if flow.flipped:
        left, right = right, left
        exact = flow.steps is not None and (flow.steps + left + right - seen) % stride == 0
        if stride > 1 and not exact:
            raise ModelError(
                call.label,
                f"goes in strides of {stride} over a sequence that go_backwards left in reversed "
                "order: not supported; use Bidirectional, or a stride of 1",
            )
    window = Window(seen, stride, left, right)
    steps = None if flow.steps is None else Clock().then(window).length.of(flow.steps)
    if steps is not None and steps < 1:
        raise ModelError(call.label, f"sees {seen} steps of a sequence of {flow.steps}")
    return window, replace(flow, steps=steps)


def _padding(call: Call, flow: Flow, seen: int, stride: int) -> tuple[int, int]:
    """Steps of padding before and behind."""
    padding = call.config.text("padding")
    if padding == "valid":
        return 0, 0
    if padding == "causal" and call.layer.kind in _CAUSAL:
        return seen - 1, 0
    if padding != "same":
        raise call.config.unexpected("padding", "valid, same, or causal of a convolution")
    if flow.steps is None and stride > 1:
        raise ModelError(
            call.label,
            f"option padding = 'same' with strides of {stride} depends on the length of the "
            "sequence, which is open; give --steps",
        )
    return same_padding(flow.steps or 1, seen, stride)
