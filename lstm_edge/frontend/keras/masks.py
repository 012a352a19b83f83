"""Masks: which steps of a sequence count, and which of Keras' layers pass that on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from lstm_edge.frontend.keras.net import Call, Value

UNSURE = "?"
"""A mask that cannot be followed, or that versions of Keras make differently."""

MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
"""Layers that have a mask where all their inputs have one."""

_KEEP_IN_KERAS_3 = ("Rescaling", "Normalization", "UnitNormalization")


def masking(call: Call, x: Value) -> Value:
    """Masking: steps of which all features are one number do not count, and are zero."""
    x = call.straight(call.sequence(x))
    other = call.add("Not", call.add("Equal", x, call.config.number("mask_value", 0.0)))
    each = call.add("Cast", other, to=TensorProto.FLOAT)
    counts = call.add("ReduceMax", each, call.axes(2), keepdims=0)
    mask = mask_of(call, Value(counts.name, x.shape[:1]))
    return Value(call.add("Mul", x, mask).name, x.shape, mask=mask)


def mask_of(call: Call, value: Value) -> str:
    """The mask that a tensor [time] of truth values is; of ids it is looked up, too."""
    if len(value.shape) != 1 or value.turned:
        raise call.error(
            "is called with a mask that is not [batch, time] in the order of the "
            "sequence; reshape it"
        )
    source, function = call.net.truths.get(value.name, ("", None))
    if function is None or source not in call.net.rows:
        real = call.add("Cast", value, to=TensorProto.FLOAT)
        return call.add("Unsqueeze", real, call.axes(2)).name
    rows = call.net.rows[source]
    ids = call.ids(Value(source, value.shape), rows)
    return call.add("Gather", function(np.arange(rows)).astype(np.float32)[:, None], ids).name


def passed_on(call: Call, values: Sequence[Value], each_step: bool) -> str:
    """The mask of the result of a layer that does the same to each step, or joins sequences."""
    masks, kind = [value.mask for value in values], call.config.kind
    if kind in MERGES and not all(masks):
        return ""
    if kind in (*MERGES, "Concatenate"):
        return masks[0] if len(set(masks)) == 1 else UNSURE
    if not each_step:
        return ""
    if masks[0] and kind == "Softmax":
        raise call.error("reads a masked sequence, which is not supported; use an Activation")
    unsure = masks[0] and kind in _KEEP_IN_KERAS_3 and call.config.major != 3
    return UNSURE if unsure else masks[0]


def known(call: Call, x: Value) -> str:
    """The mask of what a layer reads that skips steps, "" where all count."""
    if x.mask == UNSURE:
        raise call.error(
            "reads a sequence of which it is not known which steps count: masks of several inputs, "
            "or of a sequence that go_backwards left in reversed order; pass on one mask"
        )
    return x.mask
