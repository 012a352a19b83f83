"""Masks: which steps of a sequence count, and which of Keras' layers pass that on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from onnx import TensorProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.net import Call, Value

UNSURE = "?"
"""A mask that cannot be followed, or that versions of Keras make differently."""

MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
"""Layers that have a mask where all their inputs have one."""

_KEEP_IN_KERAS_3 = ("Rescaling", "Normalization", "UnitNormalization")


def masking(call: Call, x: Value) -> Value:
    """Masking: steps of which all features are one number do not count, and are zero."""
    call.config.check_known("mask_value")
    call.straight(call.sequence(x))
    other = call.add("Not", call.add("Equal", x.name, call.config.number("mask_value", 0.0)))
    each = call.add("Cast", other, to=TensorProto.FLOAT)
    counts = call.add("ReduceMax", each, call.axes(2), keepdims=0)
    mask = call.mask_of(Value(counts, x.shape[:1]))
    return replace(x, name=call.add("Mul", x.name, mask), mask=mask)


def of_ids(call: Call, ids: str, rows: int) -> str:
    """The mask of ids, of which 0 does not count: looked up, too."""
    table = np.ones((rows, 1))
    table[0] = 0.0
    return call.add("Gather", table, ids)


def passed_on(call: Call, kind: str, values: Sequence[Value], each_step: bool) -> str:
    """The mask of the result of a layer that does the same to each step, or joins sequences."""
    masks = [value.mask for value in values]
    if kind == "Concatenate" or kind in MERGES:
        if kind in MERGES and not all(masks):
            return ""
        return masks[0] if len(set(masks)) == 1 else UNSURE
    if not each_step:
        return ""
    if masks[0] and kind == "Softmax":
        raise ModelError(
            call.label, "reads a masked sequence, which is not supported; use an Activation"
        )
    unsure = masks[0] and kind in _KEEP_IN_KERAS_3 and call.config.major != 3
    return UNSURE if unsure else masks[0]


def known(call: Call, x: Value) -> str:
    """The mask of what a layer reads that skips steps, "" where all count."""
    if x.mask == UNSURE:
        raise ModelError(
            call.label,
            "reads a sequence of which it is not known which steps count: masks of several inputs, "
            "or of a sequence that go_backwards left in reversed order; pass on one mask",
        )
    return x.mask
