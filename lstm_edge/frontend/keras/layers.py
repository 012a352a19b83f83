"""The table of Keras layers: what handles each class.

A class that is not here is refused by name. To support one, write its handler in the file of its
kind, let it check its options with `check_known`, and add a line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras import dense as linear
from lstm_edge.frontend.keras import merge as merge
from lstm_edge.frontend.keras import window as window
from lstm_edge.frontend.keras.activation import LAYERS as FUNCTIONS
from lstm_edge.frontend.keras.bidirectional import bidirectional
from lstm_edge.frontend.keras.config import layer_config
from lstm_edge.frontend.keras.embedding import embedding
from lstm_edge.frontend.keras.flow import Call, Flow, sequence_of
from lstm_edge.frontend.keras.inputs import as_vector
from lstm_edge.frontend.keras.recurrent import recurrent

Handler = Callable[[Call, list[Flow]], list[Flow]]
"""From the inputs of a layer to its outputs."""


def single(run: Callable[[Call, Flow], list[Flow]]) -> Handler:
    """A layer of one input."""

    def handler(call: Call, flows: list[Flow]) -> list[Flow]:
        if len(flows) != 1:
            raise ModelError(call.label, f"has {len(flows)} inputs, expected one")
        return run(call, flows[0])

    return handler


def stateful(run: Callable[[Call, Flow, list[Flow]], list[Flow]]) -> Handler:
    """A layer of one input, behind which there may be its initial states."""
    return lambda call, flows: run(call, flows[0], flows[1:])


def plain(run: Callable[[Call, Flow], Flow]) -> Handler:
    """A layer of one input and one output."""
    return single(lambda call, flow: [run(call, flow)])


def _time_distributed(call: Call, flow: Flow) -> Flow:
    """TimeDistributed of a layer that acts on the features of each step alone."""
    call.config.check_known("layer")
    layer = layer_config(call.config.keys.get("layer"), call.label, call.config.major)
    run = EACH_STEP.get(layer.kind)
    if run is None:
        raise ModelError(
            call.label,
            f"wraps a layer of class {layer.kind!r}; supported are {', '.join(EACH_STEP)}",
        )
    sequence_of(call, flow)
    weights = call.weights.child("layer")
    return run(replace(call, layer=layer.below(call.layer), weights=weights, each_step=True), flow)


EACH_STEP: Mapping[str, Callable[[Call, Flow], Flow]] = {
    **FUNCTIONS,
    "Dense": linear.dense,
    "BatchNormalization": linear.batch_normalization,
    "LayerNormalization": linear.layer_norm,
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
    "TimeDistributed": plain(_time_distributed),
    "SpatialDropout1D": plain(linear.unchanged),
    "Flatten": plain(linear.flatten),
    "Reshape": plain(linear.reshape),
    "Embedding": plain(embedding),
    "Conv1D": plain(window.convolution),
    "DepthwiseConv1D": plain(window.depthwise),
    "SeparableConv1D": plain(window.separable),
    "MaxPooling1D": plain(window.pooling(largest=True)),
    "AveragePooling1D": plain(window.pooling(largest=False)),
    "GlobalMaxPooling1D": plain(window.pooling_over_all("max")),
    "GlobalAveragePooling1D": plain(window.pooling_over_all("mean")),
    "Concatenate": merge.concatenate,
    "Add": merge.elementwise("add"),
    "Multiply": merge.elementwise("mul"),
    "Subtract": merge.elementwise("sub", most=2),
    "Average": merge.average,
}

READS_INPUTS = frozenset(kind for kind, run in EACH_STEP.items() if run is linear.unchanged) | {
    "LSTM",
    "GRU",
    "SimpleRNN",
    "RNN",
    "Bidirectional",
    "Embedding",
    "Reshape",
}
"""Layers that do not make a vector of an input [n]."""

INSTEAD: Mapping[str, str] = {
    "Masking": "train without masks and feed sequences of full length",
    "Lambda": "its code is not in the file in a form that can be read; use layers of Keras",
    "CuDNNLSTM": "load its weights into an LSTM and save that",
    "CuDNNGRU": "load its weights into a GRU with reset_after=True and save that",
    "ConvLSTM1D": "use an LSTM",
    "Permute": "feed the sequence as [batch, time, features]",
    "RepeatVector": "use return_sequences=True",
    "UnitNormalization": "use LayerNormalization or BatchNormalization",
    "RMSNormalization": "use LayerNormalization",
    "TFOpLambda": "use layers of Keras, Add or Multiply for instance",
    "SlicingOpLambda": "let the layer before it give its last output, return_sequences=False",
}
"""What to do about layers that users bring and that are not supported."""
_SUPPORTED = (
    "supported are recurrent and dense layers, Embedding, convolutions and pooling in 1-d, "
    "BatchNormalization and LayerNormalization, activations, Reshape, Flatten, Concatenate, Add "
    "and their like"
)


def apply_layer(call: Call, flows: list[Flow]) -> list[Flow]:
    """The outputs of a layer. Raises ModelError for a class that nothing here knows."""
    kind = call.layer.kind
    handler = LAYERS.get(kind)
    if handler is None:
        instead = INSTEAD.get(kind, _SUPPORTED)
        raise ModelError(call.label, f"layers of this class are not supported; {instead}")
    if not flows:
        raise ModelError(call.label, "has no input; save the model again")
    if kind not in READS_INPUTS:
        flows = [as_vector(call, flow) for flow in flows]
    results = handler(call, flows)
    call.weights.check_taken()
    return results
