"""Sequential and functional models, one within the other: from layers to a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.calls import Node, Ref, nodes_of, refs_of
from lstm_edge.frontend.keras.config import (
    LayerConfig,
    integer_type,
    layer_config,
    mapping,
    sequence,
    shown,
)
from lstm_edge.frontend.keras.layers import apply_layer, of_each_step
from lstm_edge.frontend.keras.masks import UNSURE
from lstm_edge.frontend.keras.net import Call, Net, Value
from lstm_edge.frontend.keras.operations import apply_operation
from lstm_edge.frontend.keras.weights import ModelWeights, Weights

MODELS = ("Sequential", "Functional", "Model")
"""Classes of models: "Model" is how Keras 2 once called a functional one."""

MOST_FEATURES = 2**20
"""Numbers of an input's last axis."""

Values = dict[tuple[str, int], list[Value]]
"""Outputs of each call of each layer."""


Given = list[Value] | None
"""Inputs of a model within a model; None for the whole model, which makes its own."""


def run_model(
    net: Net, model: LayerConfig, weights: ModelWeights, given: Given, each_step: bool = False
) -> list[tuple[str, Value]]:
    """Outputs of a model with the names of the layers that give them.

    each_step: it is within TimeDistributed, and sees one step.
    """
    if model.kind not in MODELS:
        raise ModelError(
            model.label,
            "is a class of its own, of which the file holds no description; build the model with "
            "Sequential or the functional API of Keras",
        )
    raw = sequence(model.config.keys.get("layers"), f"{model.label}: layers")
    layers = [layer_config(layer, model.label, model.config.major) for layer in raw]
    names = [layer.name for layer in layers]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ModelError(model.label, f"has two layers named {twice!r}; name them apart")
    found = weights.of_layers(layers)
    if model.kind == "Sequential":
        return _run_sequential(net, model, layers, raw, found, given, each_step)
    described = {layer.name: (layer, one) for layer, one in zip(layers, raw, strict=True)}
    return _run_functional(net, model, described, found, given, each_step)


def _run_sequential(
    net: Net,
    model: LayerConfig,
    layers: list[LayerConfig],
    raw: list[object],
    weights: Mapping[str, Weights],
    given: Given,
    each_step: bool,
) -> list[tuple[str, Value]]:
    values, name = given, model.name
    if values is None and layers and layers[0].kind != "InputLayer":
        values = [_implied_input(net, model, layers[0], raw[0])]
    for layer in layers:
        name = layer.name
        if layer.kind == "InputLayer":
            values = [_input(net, layer)] if values is None else values
        else:
            call = Call(net, layer, weights[name].fresh(), each_step)
            values = _run_layer(call, values or [])
            if len(values) > 1:
                raise ModelError(layer.label, "has several outputs in a Sequential model")
    if not values or len(values) != 1:
        raise ModelError(model.label, "has no layers, or not one input")
    return [(name, values[0])]


def _run_layer(call: Call, values: list[Value]) -> list[Value]:
    while call.layer.kind == "TimeDistributed":
        call = of_each_step(call, values)
    if call.layer.kind in MODELS:
        inner = run_model(call.net, call.layer, call.weights, values, call.each_step)
        return [value for _, value in inner]
    return apply_layer(call, values)


def _run_functional(
    net: Net,
    model: LayerConfig,
    layers: dict[str, tuple[LayerConfig, object]],
    weights: Mapping[str, Weights],
    given: Given,
    each_step: bool,
) -> list[tuple[str, Value]]:
    values = _inputs(net, model, layers, given)
    waiting = [
        (name, k, node)
        for name, (layer, raw) in layers.items()
        if layer.kind != "InputLayer"
        for k, node in enumerate(_nodes(layer, raw))
    ]
    while waiting:
        ready = [call for call in waiting if _known(call[2], values)]
        if not ready:
            name, _, node = waiting[0]
            raise ModelError(
                layers[name][0].label,
                f"waits for {node.refs[0].layer!r}, which nothing computes; save the model again",
            )
        for name, k, node in ready:
            layer = layers[name][0]
            call = Call(net, layer, weights[name].fresh(), each_step)
            values[name, k] = _run_node(call, node, values)
        waiting = [call for call in waiting if (call[0], call[1]) not in values]
    refs = refs_of(model.config.keys.get("output_layers"), f"{model.label}: output_layers")
    return [(ref.layer, _value(ref, values, model.label)) for ref in refs]


def _run_node(call: Call, node: Node, values: Values) -> list[Value]:
    """The results of one call."""

    def filled(argument: object) -> Any:
        if isinstance(argument, Ref):
            return _value(argument, values, call.label)
        return [filled(one) for one in argument] if isinstance(argument, list) else argument

    arguments = [filled(argument) for argument in node.arguments]
    if call.layer.is_operation:
        return apply_operation(call, arguments, node.options)
    if node.mask is not None and arguments:
        mask = call.mask_of(_value(node.mask, values, call.label))
        arguments[0] = replace(arguments[0], mask=UNSURE if arguments[0].turned else mask)
    return _run_layer(call, arguments)


def _nodes(layer: LayerConfig, raw: object) -> list[Node]:
    found = mapping(raw, layer.label)
    return nodes_of(found.get("inbound_nodes"), layer.label, layer.is_operation)


def _known(node: Node, values: Values) -> bool:
    return all((ref.layer, ref.node) in values for ref in node.refs)


def _value(ref: Ref, values: Values, label: str) -> Value:
    found = values.get((ref.layer, ref.node))
    if found is None or ref.output >= len(found):
        raise ModelError(
            label,
            f"reads output {ref.output} of layer {ref.layer!r}, of which lstm-edge computes "
            f"{len(found or [])}; such states cannot be read yet",
        )
    return found[ref.output]


def _inputs(
    net: Net,
    model: LayerConfig,
    layers: dict[str, tuple[LayerConfig, object]],
    given: Given,
) -> Values:
    refs = refs_of(model.config.keys.get("input_layers"), f"{model.label}: input_layers")
    for ref in refs:
        if ref.layer not in layers or layers[ref.layer][0].kind != "InputLayer":
            raise ModelError(model.label, f"has an input {ref.layer!r} that is no InputLayer")
    if given is None:
        return {(ref.layer, 0): [_input(net, layers[ref.layer][0])] for ref in refs}
    if len(given) != len(refs):
        raise ModelError(model.label, f"has {len(refs)} inputs, but gets {len(given)}")
    return {(ref.layer, 0): [value] for ref, value in zip(refs, given, strict=True)}


def _input(net: Net, layer: LayerConfig) -> Value:
    """An InputLayer of the whole model."""
    config = layer.config
    config.check_known("sparse ragged optional dtype")
    integers = integer_type(config)
    for option in ("sparse", "ragged", "optional"):
        config.refuse(option, False, instead="feed plain arrays")
    key = "batch_shape" if "batch_shape" in config.keys else "batch_input_shape"
    shape = config.shape(key)
    if integers and len(shape) != 2:
        raise ModelError(
            layer.label,
            f"holds integers, {integers!r}, in each step; only ids [batch, time] of an "
            "Embedding are supported, and real numbers of dtype 'float32'",
        )
    return _new_input(net, layer.label, layer.name, shape, integers is not None)


def _implied_input(net: Net, model: LayerConfig, first: LayerConfig, raw: object) -> Value:
    """The input of a Sequential that has no InputLayer: Keras names it after the first layer."""
    keys = first.config.keys
    build = mapping(raw, first.label).get("build_config")
    shape = keys.get("batch_input_shape", model.config.keys.get("build_input_shape"))
    if shape is None and isinstance(build, Mapping):
        shape = build.get("input_shape")
    if not isinstance(shape, list) or not all(n is None or isinstance(n, int) for n in shape):
        raise ModelError(
            model.label, "was saved before it was built: the shape of its input is not in the file"
        )
    return _new_input(net, model.label, f"{first.name}_input", tuple(shape), False)


def _new_input(
    net: Net, label: str, name: str, shape: tuple[int | None, ...], integers: bool
) -> Value:
    """An input [batch, features], [batch, time, features] or of ids [batch, time]."""
    if len(shape) > 1 and (shape[-1] or 0) > MOST_FEATURES:
        raise ModelError(label, f"has {shape[-1]} features, more than {MOST_FEATURES}")
    sizes = shape[1:]
    known = len(sizes) == 2 and sizes[-1] is not None
    if not (known or len(sizes) == 1) or any(n is not None and n < 1 for n in sizes):
        raise ModelError(
            label,
            f"has the shape {shown(list(shape))}; only sequences are supported, [batch, time, "
            "features] with a known number of features, vectors, and ids [batch, time]",
        )
    return net.input(name, sizes, integers)
