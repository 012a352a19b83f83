"""The table of Keras layers: what handles each class.

A class that is not here is refused by name. To support one, write its handler in the file of its
kind, let it check its options with `check_known`, and add a line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras import layers_dense as linear
from lstm_edge.frontend.keras import layers_merge as merge
from lstm_edge.frontend.keras import layers_move as move
from lstm_edge.frontend.keras import layers_window as window
from lstm_edge.frontend.keras import masks
from lstm_edge.frontend.keras.config import layer_config
from lstm_edge.frontend.keras.layers_activation import LAYERS as FUNCTIONS
from lstm_edge.frontend.keras.layers_bidirectional import bidirectional
from lstm_edge.frontend.keras.layers_recurrent import recurrent
from lstm_edge.frontend.keras.net import Call, Value

Handler = Callable[[Call, list[Value]], list[Value]]
"""From the inputs of a layer to its outputs."""


def single(run: Callable[[Call, Value], list[Value]]) -> Handler:
    """A layer of one input."""

    def handler(call: Call, values: list[Value]) -> list[Value]:
        if len(values) != 1:
            raise ModelError(call.label, f"has {len(values)} inputs, expected one")
        return run(call, values[0])

    return handler


def stateful(run: Callable[[Call, Value, list[Value]], list[Value]]) -> Handler:
    """A layer of one input, behind which there may be its initial states."""
    return lambda call, values: run(call, values[0], values[1:])


def plain(run: Callable[[Call, Value], Value]) -> Handler:
    """A layer of one input and one output."""
    return single(lambda call, value: [run(call, value)])


def of_each_step(call: Call, values: list[Value]) -> Call:
    """The call of what TimeDistributed wraps, which sees one step of the sequence."""
    call.config.check_known("layer")
    layer = layer_config(call.config.keys.get("layer"), call.label, call.config.major)
    for value in values:
        call.sequence(value)
    weights = call.weights.child("layer")
    return replace(call, layer=layer.below(call.layer), weights=weights, each_step=True)


EACH_STEP: Mapping[str, Callable[[Call, Value], Value]] = {
    **FUNCTIONS,
    "Dense": linear.dense,
    "BatchNormalization": linear.batch_normalization,
    "LayerNormalization": linear.layer_norm,
    "UnitNormalization": linear.unit_normalization,
    "RMSNormalization": linear.rms_norm,
    "Normalization": linear.normalization,
    "Rescaling": linear.rescaling,
    "Dropout": linear.unchanged,
    "GaussianNoise": linear.unchanged,
    "GaussianDropout": linear.unchanged,
    "AlphaDropout": linear.unchanged,
    "ActivityRegularization": linear.unchanged,
    "Identity": linear.unchanged,
}
"""Layers that do the same to each step of a sequence and to a vector."""

LAYERS: Mapping[str, Handler] = {
    **{kind: plain(run) for kind, run in EACH_STEP.items()},
    "LSTM": stateful(recurrent),
    "GRU": stateful(recurrent),
    "SimpleRNN": stateful(recurrent),
    "RNN": stateful(recurrent),
    "Bidirectional": stateful(bidirectional),
    "SpatialDropout1D": plain(linear.unchanged),
    "Flatten": plain(move.flatten),
    "Reshape": plain(move.reshape),
    "Permute": plain(move.permute),
    "ZeroPadding1D": plain(move.zero_padding),
    "Cropping1D": plain(move.cropping),
    "UpSampling1D": plain(move.upsampling),
    "Embedding": plain(linear.embedding),
    "Masking": plain(masks.masking),
    "Conv1D": plain(window.convolution),
    "DepthwiseConv1D": plain(window.depthwise),
    "SeparableConv1D": plain(window.separable),
    "MaxPooling1D": plain(window.pooling(largest=True)),
    "AveragePooling1D": plain(window.pooling(largest=False)),
    "GlobalMaxPooling1D": plain(window.pooling_over_all("ReduceMax")),
    "GlobalAveragePooling1D": plain(window.pooling_over_all("ReduceMean")),
    "Concatenate": merge.concatenate,
    "Add": merge.elementwise("Add"),
    "Multiply": merge.elementwise("Mul"),
    "Subtract": merge.elementwise("Sub", most=2),
    "Maximum": merge.elementwise("Max"),
    "Minimum": merge.elementwise("Min"),
    "Average": merge.average,
}

OWN_MASKS = ("Masking", "Embedding", "LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional")
"""Layers that make masks, or skip steps."""

KEEP_MASKS = frozenset(EACH_STEP) - {"RMSNormalization"} | {"SpatialDropout1D"}
"""Layers of which the result has the mask of the input; all others leave it behind, as in Keras."""

OF_A_STEP = (
    *EACH_STEP,
    "Concatenate",
    "Add",
    "Subtract",
    "Multiply",
    "Average",
    "Maximum",
    "Minimum",
)
"""Layers that TimeDistributed may have."""

INSTEAD: Mapping[str, str] = {
    "Lambda": "its code is not in the file in a form that can be read; write it with keras.ops, or "
    "export the model to ONNX",
    "CuDNNLSTM": "load its weights into an LSTM and save that",
    "CuDNNGRU": "load its weights into a GRU with reset_after=True and save that",
    "RepeatVector": "a vector cannot be a sequence's every step; nothing else in a file of Keras "
    "is the same network: save what comes before it and what comes after it as two models",
    "UpSampling1D": "a sequence cannot have more steps than its input; repeat steps outside of the "
    "model",
    "TFOpLambda": "save the model with Keras 3, or use layers of Keras, Add or Multiply for "
    "instance",
    "SlicingOpLambda": "save the model with Keras 3, of which slices are read",
}
"""What to do about layers that users bring and that are not supported."""
_SUPPORTED = "docs/networks.md lists those that are; other functions can be written with keras.ops"


def apply_layer(call: Call, values: list[Value]) -> list[Value]:
    """The outputs of a layer. Raises ModelError for a class that nothing here knows."""
    kind = call.layer.kind
    handler = LAYERS.get(kind)
    if handler is None:
        instead = INSTEAD.get(kind, _SUPPORTED)
        raise ModelError(call.label, f"layers of this class are not supported; {instead}")
    if call.each_step and kind not in OF_A_STEP:
        raise ModelError(
            call.label,
            "sees one step by itself within TimeDistributed; supported there are "
            f"{', '.join(OF_A_STEP)}",
        )
    if not values:
        raise ModelError(call.label, "has no input; save the model again")
    results = handler(call, values)
    call.weights.check_taken()
    if kind in OWN_MASKS:
        return results
    mask = masks.passed_on(call, kind, values, kind in KEEP_MASKS)
    return [replace(result, mask=mask) for result in results]
