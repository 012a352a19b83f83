"""The tables of Keras layers and operations, and how one of them is applied.

A class that is not here is refused by name. To support one, write what does it, or its formula, and
add a line with the options that it may have: see `LayerConfig.check`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np

from lstm_edge.frontend.keras import (
    arithmetic,
    attention,
    linear,
    masks,
    moves,
    recurrent,
    window,
)
from lstm_edge.frontend.keras import functions as fn
from lstm_edge.frontend.keras.net import Call, Value

Layer = tuple[str, Callable[..., Value | list[Value]]]
"""The options that a layer or an operation may have, and what does it with what it reads."""

_IN_TRAINING = ("rate noise_shape stddev data_format l1 l2 implementation", lambda _, x: x)
_CHANNELS = 'data_format="channels_last"'


def _function(call: Call, x: Value) -> Value:
    return fn.apply(call, x, fn.LAYERS[call.config.kind][1](call.config))


EACH_STEP: Mapping[str, Layer] = {
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
        linear.norm_of_vectors,
    ),
    "UnitNormalization": ("axis=-1", arithmetic.unit_vectors),
    "RMSNormalization": ("axis=-1 epsilon", linear.norm_of_vectors),
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


def _windows(rank: str) -> dict[str, Layer]:
    """Layers of which each number sees several steps, or steps and places."""
    apart, all_of_it = f"{window.OPTIONS} groups=1", f"{_CHANNELS} keepdims"
    pool = f"pool_size strides padding {_CHANNELS}"
    return {
        f"Conv{rank}": (window.OPTIONS, window.convolution),
        f"DepthwiseConv{rank}": (apart, window.convolution),
        f"SeparableConv{rank}": (apart, window.convolution),
        f"MaxPooling{rank}": (pool, window.pooling("MaxPool")),
        f"AveragePooling{rank}": (pool, window.pooling("AveragePool")),
        f"GlobalMaxPooling{rank}": (all_of_it, window.pooling_over_all("ReduceMax")),
        f"GlobalAveragePooling{rank}": (all_of_it, window.pooling_over_all("ReduceMean")),
    }


OF_SEQUENCES: Mapping[str, Layer] = {
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
    "RepeatVector": ("n", moves.repeated),
    "Embedding": ("input_dim output_dim mask_zero sparse", linear.embedding),
    "Masking": ("mask_value", masks.masking),
    **_windows("1D"),
    "SpatialDropout2D": _IN_TRAINING,
    **_windows("2D"),
    "ZeroPadding2D": (f"padding {_CHANNELS}", window.zero_padding),
}
"""Layers of one input that need its steps, or all of its numbers."""

IN_STEPS: Mapping[str, Layer] = {**_windows("1D"), "Flatten": (_CHANNELS, window.flattened)}
"""Layers that TimeDistributed has, which move along the places of each step."""


def _concatenated(call: Call, *values: Value) -> Value:
    """Along the features, or along the steps."""
    return moves.joined(call, values, call.axis(values[0], default=-1))


def _average(call: Call, *values: Value) -> Value:
    total = arithmetic.combined(call, "Add", values)
    return linear.affine(call, total, np.full(1, 1.0 / len(values)), np.zeros(1))


def _elementwise(call: Call, *values: Value) -> Value:
    return arithmetic.combined(call, arithmetic.PAIRS[call.config.kind][0], values)


JOINING: Mapping[str, Layer] = {
    "Concatenate": ("axis", _concatenated),
    "Average": ("", _average),
    "Subtract": ("", lambda call, x, y: _elementwise(call, x, y)),
    **dict.fromkeys(("Add", "Multiply", "Maximum", "Minimum"), ("", _elementwise)),
}
"""Layers of several inputs."""

STATEFUL: Mapping[str, Layer] = {
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), (recurrent.OPTIONS, recurrent.recurrent)),
    "RNN": (f"{recurrent.OF_LAYERS} cell", recurrent.recurrent),
    "Bidirectional": ("layer backward_layer merge_mode", recurrent.bidirectional),
}
"""Layers of one input, behind which there may be initial states."""

ATTENTION: Mapping[str, Layer] = {
    "Attention": (attention.OF_ONE_HEAD, attention.dots),
    "AdditiveAttention": (attention.OF_ONE_HEAD, attention.additive),
    "MultiHeadAttention": (attention.OF_HEADS, attention.heads),
}
"""Layers of a query, a value and a key."""

LAYERS: Mapping[str, Layer] = {
    **EACH_STEP,
    **OF_SEQUENCES,
    **JOINING,
    **STATEFUL,
    **ATTENTION,
}

OWN_MASKS = ("Masking", "Embedding", *STATEFUL)
"""Layers that make masks, or skip steps."""

KEEP_MASKS = frozenset(EACH_STEP) - {"RMSNormalization"} | {"SpatialDropout1D"}
"""Layers of which the result has the mask of the input; all others leave it behind, as in Keras."""

OF_A_STEP = (*EACH_STEP, *JOINING, *IN_STEPS)
"""Layers that TimeDistributed may have."""

INSTEAD: Mapping[str, str] = {
    "Lambda": "its code is not in the file in a form that can be read; write it with keras.ops, or "
    "export the model to ONNX",
    "CuDNNLSTM": "load its weights into an LSTM and save that",
    "CuDNNGRU": "load its weights into a GRU with reset_after=True and save that",
    "TFOpLambda": "save the model with Keras 3, or use layers of Keras, Add or Multiply for "
    "instance",
    "SlicingOpLambda": "save the model with Keras 3, of which slices are read",
}
"""What to do about layers that users bring and that are not supported."""

_SUPPORTED = "docs/networks.md lists those that are; other functions can be written with keras.ops"


def apply_layer(call: Call, values: list[Value]) -> list[Value]:
    """The outputs of a layer. Raises ModelError for a class that nothing here knows."""
    kind = call.config.kind
    if kind not in LAYERS:
        instead = INSTEAD.get(kind, _SUPPORTED)
        raise call.error(f"layers of this class are not supported; {instead}")
    if call.each_step and kind not in OF_A_STEP:
        raise call.error(
            "sees one step by itself within TimeDistributed; supported there are "
            f"{', '.join(OF_A_STEP)}; use the layer without TimeDistributed if it is the same"
        )
    if not values:
        raise call.error("has no input; save the model again")
    table = IN_STEPS if call.each_step and kind in IN_STEPS else LAYERS
    results = _applied(call, table[kind], values)
    call.weights.check_taken()
    if kind in OWN_MASKS:
        return results
    mask = masks.passed_on(call, values, kind in KEEP_MASKS)
    return [replace(result, mask=mask) for result in results]


def _applied(call: Call, layer: Layer, arguments: list[Any]) -> list[Value]:
    """What a layer or an operation makes of what it reads."""
    options, run = layer
    first = arguments[0] if arguments else None
    call.config.check(options, call.last_axis(first) if isinstance(first, Value) else -1)
    try:
        signature(run).bind(call, *arguments)
    except TypeError as error:
        raise call.error(
            f"has {len(arguments)} inputs, which is not what it takes; call it as Keras "
            "documents, and save the model again"
        ) from error
    results = run(call, *arguments)
    return results if isinstance(results, list) else [results]


def apply_operation(call: Call, arguments: list[Any], options: Mapping[str, Any]) -> list[Value]:
    """The results of an operation of keras.ops; `options`: arguments by name."""
    call = replace(call, config=call.config.having(**options))
    kind = call.config.kind
    known = moves.MOVES.get(kind) or arithmetic.OPERATIONS.get(kind)
    if known is None:
        raise call.error(
            "is an operation that is not supported; docs/networks.md lists those that are"
        )
    several = known[1] in (moves.of_list, arithmetic.paired)
    if not several and not (arguments and isinstance(arguments[0], Value)):
        raise call.error(f"has {len(arguments)} arguments, expected a tensor first")
    results = _applied(call, known, arguments)
    return [replace(result, mask="") for result in results]  # only layers pass masks on
