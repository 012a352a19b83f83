"""Dense, the normalizations, and the layers that only rearrange: Flatten, Reshape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.activation import activation
from lstm_edge.frontend.keras.flow import (
    Call,
    Doubles,
    Flow,
    check_finite,
    dense_layer,
    fold,
    foldable,
    last_axis,
    not_flat,
    scaled,
    settled,
)
from lstm_edge.frontend.keras.inputs import as_steps, completed, shown_shape
from lstm_edge.layers.normalize import layer_normalization


def dense(call: Call, flow: Flow) -> Flow:
    """Dense, on each step, on a vector, or over all steps flattened; then its activation."""
    config = call.config
    config.check_known("units activation use_bias quantization_config")
    config.refuse("quantization_config", instead="save the float model: lstm-edge quantizes it")
    config.refuse("lora_rank", instead="merge the adapter before saving")
    units, biased = config.count("units"), config.flag("use_bias", True)
    kernel, *rest = call.weights.take("kernel", *(["bias"] if biased else []))
    bias = rest[0] if rest else np.zeros(units)
    if kernel.ndim != 2 or kernel.shape[1] != units or bias.shape != (units,):
        raise ModelError(
            call.label,
            f"its kernel is {list(kernel.shape)} and its bias {list(bias.shape)}, expected "
            f"[features, {units}] and [{units}]",
        )
    if flow.kind == "flat":
        flow = _over_time(call, flow, kernel, bias)
    else:
        _check_features(call, not_flat(call, flow), len(kernel))
        flow = foldable(call, flow)
        weights, bias = fold(flow, kernel.T, bias)
        tensor = dense_layer(call, flow.tensor, weights, bias, call.label)
        flow = replace(flow, tensor=tensor, features=units, scale=None, offset=None)
    return activation(call, flow, config.keys.get("activation"))


def _check_features(call: Call, flow: Flow, rows: int) -> None:
    if rows != flow.features:
        raise ModelError(
            call.label, f"its kernel takes {rows} features, but its input has {flow.features}"
        )


def _over_time(call: Call, flow: Flow, kernel: Doubles, bias: Doubles) -> Flow:
    """A dense layer over all steps; the sequence has as many as its kernel takes."""
    flow = replace(foldable(call, replace(flow, kind="sequence")), kind="flat")
    steps = len(kernel) // flow.features
    if len(kernel) != flow.size:
        exact = len(kernel) % flow.features == 0
        hint = f"; give --steps {steps}" if exact and steps else ""
        found = "a sequence of open length" if flow.steps is None else f"{flow.steps} steps"
        raise ModelError(
            call.label,
            f"its kernel takes {len(kernel)} features, but what is flattened is {found} of "
            f"{flow.features} features{hint}",
        )
    each = kernel.reshape(steps, flow.features, -1).transpose(0, 2, 1)
    each = each[::-1] if flow.flipped else each
    folded = []
    for matrix in each:
        matrix, bias = fold(flow, matrix, bias)
        folded.append(matrix)
    weights, offset = np.stack(folded).astype(np.float32), bias.astype(np.float32)
    check_finite(call.label, weights, offset)
    tensor = call.draft.dense_over_time(flow.tensor, weights, offset, call.label)
    return Flow(tensor, len(bias), "vector")


def batch_normalization(call: Call, flow: Flow) -> Flow:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, of each feature."""
    config = call.config
    config.check_known(
        "axis momentum epsilon center scale renorm renorm_clipping renorm_momentum "
        "synchronized fused virtual_batch_size"
    )
    config.refuse("renorm", False, instead="train without it")
    found = _learned(call, flow, "moving_mean", "moving_variance")
    squares = found["moving_variance"] + config.number("epsilon", 1e-3)
    if (squares <= 0.0).any():
        raise ModelError(
            call.label, "its moving_variance and epsilon do not add up to a number above 0"
        )
    deviation = np.sqrt(squares)
    scale = found.get("gamma", np.ones(flow.features)) / deviation
    return scaled(call, flow, scale, found.get("beta", 0.0) - found["moving_mean"] * scale)


def layer_norm(call: Call, flow: Flow) -> Flow:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, over the features of each vector."""
    config = call.config
    config.check_known("axis epsilon center scale rms_scaling")
    config.refuse("rms_scaling", False, instead="train with rms_scaling=False")
    epsilon = config.number("epsilon", 1e-3)
    if epsilon < 0.0:
        raise config.unexpected("epsilon", "a number from 0")
    source = settled(call, flow)
    found = _learned(call, flow)
    params = {
        name: found[key].astype(np.float32)
        for key, name in (("gamma", "gain"), ("beta", "offset"))
        if key in found
    }
    cell = layer_normalization(epsilon, "gain" in params, "offset" in params)
    made = call.draft.layer("layer_norm", cell, source.tensor, None, params, call.label)
    return replace(source, tensor=made["y"])


def _learned(call: Call, flow: Flow, *names: str) -> dict[str, Doubles]:
    """gamma and beta, where the layer has them, and `names`: one number for each feature."""
    config = call.config
    last = last_axis(call, flow)
    config.refuse("axis", -1, last, [-1], [last], instead="only the features' axis is")
    own = ["gamma"] * config.flag("scale", True) + ["beta"] * config.flag("center", True)
    found = dict(zip([*own, *names], call.weights.take(*own, *names), strict=True))
    for name, array in found.items():
        if array.shape != (flow.features,):
            raise ModelError(
                call.label, f"its {name} is {list(array.shape)}, expected [{flow.features}]"
            )
    return found


def rescaling(call: Call, flow: Flow) -> Flow:
    """Rescaling: scale * x + offset, by numbers."""
    call.config.check_known("scale offset")
    ones = np.ones(flow.features)
    scale, offset = call.config.number("scale", 1.0), call.config.number("offset", 0.0)
    return scaled(call, flow, ones * scale, ones * offset)


def flatten(call: Call, flow: Flow) -> Flow:
    """All steps in one vector, the step outermost."""
    call.config.check_known("data_format")
    call.config.refuse("data_format", "channels_last", instead="use channels_last")
    return replace(flow, kind="flat") if flow.kind == "sequence" else replace(flow, kept=False)


def reshape(call: Call, flow: Flow) -> Flow:
    """Reshape to the shape that it has, or that of Flatten; of an input into steps."""
    call.config.check_known("target_shape")
    target = call.config.shape("target_shape")
    if flow.kind == "raw" and target not in ((-1,), (flow.features,)):
        return as_steps(call, flow, target)
    flat = replace(flow, kind="flat")
    own = (flow.steps, flow.features) if flow.kind == "sequence" else (flow.size,)
    if flow.kept and len(target) == 1:
        flow = replace(flow, kept=False)
    own = (1, *own) if flow.kept else own
    if target == own or (target.count(-1) == 1 and completed(target, own) == own):
        return flow
    if flow.kind == "sequence" and len(target) == 1 and target[0] in (-1, flat.size):
        return flat
    raise ModelError(
        call.label,
        f"reshapes {shown_shape(own)} to {shown_shape(target)}; only flattening a "
        "sequence is supported",
    )


def unchanged(call: Call, flow: Flow) -> Flow:
    """Layers that only act in training."""
    call.config.check_known("rate noise_shape stddev data_format l1 l2 implementation")
    return flow
