"""The tables of Keras layers and operations, and how one of them is applied.

A class that is not here is refused by name. To support one, write what does it, or its formula, and
add a line with the options that it may have: see `Config.check`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np

from lstm_edge.frontend.keras import arithmetic, linear, masks, moves, recurrent, window
from lstm_edge.frontend.keras import functions as fn
from lstm_edge.frontend.keras.net import Call, Value

Layer = Callable[[Call, Value], Value]
Joining = Callable[[Call, list[Value]], Value]

_IN_TRAINING = ("rate noise_shape stddev data_format l1 l2 implementation", lambda _, x: x)
_CHANNELS = 'data_format="channels_last"'


def _function(call: Call, x: Value) -> Value:
    return fn.apply(call, x, fn.LAYERS[call.layer.kind][1](call.config))


EACH_STEP: Mapping[str, tuple[str, Layer]] = {
    **{kind: (options, _function) for kind, (options, _) in fn.LAYERS.items()},
    "PReLU": ("shared_axes", linear.prelu),
    "Dense": ("units activation use_bias", linear.dense),
    "BatchNormalization": (
        "axis=-1 momentum epsilon center scale renorm=false renorm_clipping renorm_momentum "
        "synchronized fused virtual_batch_size",
        linear.batch_normalization,
    ),
    "LayerNormalization": (
        "axis=-1 epsilon center scale rms_scaling=false",
        linear.layer_norm,
    ),
    "UnitNormalization": ("axis=-1", arithmetic.unit_vectors),
    "RMSNormalization": ("axis=-1 epsilon", linear.rms_norm),
    "Normalization": ("axis mean variance invert", linear.normalization),
    "Rescaling": ("scale offset", linear.rescaling),
    "Dropout": _IN_TRAINING,
    "GaussianNoise": _IN_TRAINING,
    "GaussianDropout": _IN_TRAINING,
    "AlphaDropout": _IN_TRAINING,
    "ActivityRegularization": _IN_TRAINING,
    "Identity": _IN_TRAINING,
}
"""Layers that do the same to each step of a sequence and to a vector."""

OF_SEQUENCES: Mapping[str, tuple[str, Layer]] = {
    "SpatialDropout1D": _IN_TRAINING,
    "Flatten": (_CHANNELS, lambda call, x: moves.reshaped(call, x, (-1,))),
    "Reshape": ("target_shape", lambda c, x: moves.reshaped(c, x, c.config.shape("target_shape"))),
    "Permute": (
        "dims",
        lambda c, x: moves.permuted(c, x, [n or 0 for n in c.config.shape("dims")]),
    ),
    "ZeroPadding1D": (f"padding {_CHANNELS}", moves.zero_padding),
    "Cropping1D": ("cropping", moves.cropping),
    "UpSampling1D": ("size", moves.upsampling),
    "Embedding": ("input_dim output_dim mask_zero sparse", linear.embedding),
    "Masking": ("mask_value", masks.masking),
    "Conv1D": (window.OPTIONS, window.convolution),
    "DepthwiseConv1D": (f"{window.OPTIONS} groups=1", window.depthwise),
    "SeparableConv1D": (f"{window.OPTIONS} groups=1", window.separable),
    "MaxPooling1D": (f"pool_size strides padding {_CHANNELS}", window.pooling("MaxPool")),
    "AveragePooling1D": (f"pool_size strides padding {_CHANNELS}", window.pooling("AveragePool")),
    "GlobalMaxPooling1D": (f"{_CHANNELS} keepdims", window.pooling_over_all("ReduceMax")),
    "GlobalAveragePooling1D": (f"{_CHANNELS} keepdims", window.pooling_over_all("ReduceMean")),
}
"""Layers of one input that need its steps, or all of its numbers."""


def _concatenated(call: Call, values: list[Value]) -> Value:
    """Along the features, or along the steps."""
    return moves.joined(call, values, call.axis("axis", len(values[0].shape) + 1, -1))


def _average(call: Call, values: list[Value]) -> Value:
    total = arithmetic.combined(call, "Add", values)
    return linear.affine(call, total, np.full(1, 1.0 / len(values)), np.zeros(1))


JOINING: Mapping[str, tuple[str, Joining]] = {
    "Concatenate": ("axis", _concatenated),
    "Average": ("", _average),
    **{
        kind: ("", lambda call, values, op=op: arithmetic.combined(call, op, values))
        for kind, op in (
            ("Add", "Add"),
            ("Multiply", "Mul"),
            ("Subtract", "Sub"),
            ("Maximum", "Max"),
            ("Minimum", "Min"),
        )
    },
}
"""Layers of several inputs."""

STATEFUL: Mapping[str, Callable[[Call, Value, list[Value]], list[Value]]] = {
    **dict.fromkeys(recurrent.LAYERS, recurrent.recurrent),
    "Bidirectional": recurrent.bidirectional,
}
"""Layers of one input, behind which there may be initial states; they check their options."""

OWN_MASKS = ("Masking", "Embedding", *STATEFUL)
"""Layers that make masks, or skip steps."""

KEEP_MASKS = frozenset(EACH_STEP) - {"RMSNormalization"} | {"SpatialDropout1D"}
"""Layers of which the result has the mask of the input; all others leave it behind, as in Keras."""

OF_A_STEP = (*EACH_STEP, *JOINING)
"""Layers that TimeDistributed may have."""

INSTEAD: Mapping[str, str] = {
    "Lambda": "its code is not in the file in a form that can be read; write it with keras.ops, or "
    "export the model to ONNX",
    "CuDNNLSTM": "load its weights into an LSTM and save that",
    "CuDNNGRU": "load its weights into a GRU with reset_after=True and save that",
    "RepeatVector": "a vector cannot be a sequence's every step; nothing else in a file of Keras "
    "is the same network: save what comes before it and what comes after it as two models",
    "TFOpLambda": "save the model with Keras 3, or use layers of Keras, Add or Multiply for "
    "instance",
    "SlicingOpLambda": "save the model with Keras 3, of which slices are read",
}
"""What to do about layers that users bring and that are not supported."""

_SUPPORTED = "docs/networks.md lists those that are; other functions can be written with keras.ops"


def apply_layer(call: Call, values: list[Value]) -> list[Value]:
    """The outputs of a layer. Raises ModelError for a class that nothing here knows."""
    kind = call.layer.kind
    single = EACH_STEP.get(kind) or OF_SEQUENCES.get(kind)
    if not single and kind not in (*JOINING, *STATEFUL):
        instead = INSTEAD.get(kind, _SUPPORTED)
        raise call.error(f"layers of this class are not supported; {instead}")
    if call.each_step and kind not in OF_A_STEP:
        raise call.error(
            "sees one step by itself within TimeDistributed; supported there are "
            f"{', '.join(OF_A_STEP)}; use the layer without TimeDistributed if it is the same"
        )
    if not values:
        raise call.error("has no input; save the model again")
    if kind in STATEFUL:
        results = STATEFUL[kind](call, values[0], values[1:])
    elif single:
        call.config.check(single[0], call.last_axis(values[0]))
        if len(values) != 1:
            raise call.error(f"has {len(values)} inputs, expected one")
        results = [single[1](call, values[0])]
    else:
        options, join = JOINING[kind]
        call.config.check(options)
        if kind == "Subtract" and len(values) != 2:
            raise call.error(f"has {len(values)} inputs, expected 2")
        results = [join(call, values)]
    call.weights.check_taken()
    if kind in OWN_MASKS:
        return results
    mask = masks.passed_on(call, values, kind in KEEP_MASKS)
    return [replace(result, mask=mask) for result in results]


def apply_operation(call: Call, arguments: list[Any], options: Mapping[str, Any]) -> list[Value]:
    """The results of an operation of keras.ops; `options`: arguments by name."""
    call = replace(call, layer=call.layer.having(**options))
    kind = call.layer.kind
    known = moves.MOVES.get(kind) or arithmetic.OPERATIONS.get(kind)
    if known is None:
        raise call.error(
            "is an operation that is not supported; docs/networks.md lists those that are"
        )
    names, run = known
    of_list = run is moves.of_list
    first = arguments[0] if arguments else None
    if not isinstance(first, Value) and not of_list and kind not in arithmetic.PAIRS:
        raise call.error(f"has {len(arguments)} arguments, expected a tensor first")
    call.config.check(names, len(first.shape) if isinstance(first, Value) else -1)
    try:
        signature(run).bind(call, *arguments)
    except TypeError as error:
        raise call.error(f"has {len(arguments)} arguments, which do not fit it") from error
    results = run(call, *arguments)
    results = results if isinstance(results, list) else [results]
    return [replace(result, mask="") for result in results]  # only layers pass masks on
