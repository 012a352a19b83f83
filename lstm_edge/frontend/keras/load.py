"""The Keras front end: a model that `model.save` wrote, as .keras or .h5, becomes a graph of ONNX.

Neither Keras nor TensorFlow is needed: the file describes its layers in JSON, and h5py reads their
weights. Sequential and functional models may be one within the other; each layer becomes nodes that
are labelled with its name, and from there on the ONNX front end goes on. Inputs and outputs have
the names of their layers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.calls import Node, Ref, nodes_of, refs_of
from lstm_edge.frontend.keras.config import (
    MODELS,
    integer_type,
    layer_config,
    mapping,
    sequence,
    shown,
)
from lstm_edge.frontend.keras.file import read_keras
from lstm_edge.frontend.keras.layers import apply_layer, apply_operation
from lstm_edge.frontend.keras.masks import UNSURE, mask_of
from lstm_edge.frontend.keras.net import Call, Net, Value
from lstm_edge.frontend.onnx.load import model_of
from lstm_edge.ir.model import Model
from lstm_edge.limits import MOST_PORTS

MOST_FEATURES = 2**20
"""Numbers of an input's last axis."""

Values = dict[tuple[str, int], list[Value]]
"""Outputs of each call of each layer."""

Given = list[Value] | None
"""Inputs of a model within a model; None for the whole model, which makes its own."""

Outputs = list[tuple[str, Value]]
"""What a model gives, with the names of the layers that give it."""


def load_keras(path: Path, steps: int | None, pairs: Mapping[str, str] | None = None) -> Model:
    """Read a Keras file; see `frontend.load`. The model has no name yet."""
    file, net = read_keras(path), Net(steps)
    try:
        model = layer_config(file.model, path.name, file.major)
        call = Call(net, model, file.weights)
        for name, value in _run_model(call, None):
            net.output(name, call.straight(value))
    except RecursionError as error:
        raise ModelError(path.name, "has models within models without end") from error
    return model_of(path.name, net.graph(file.sha256), steps, pairs, net.roles(path.name))


def _run_model(model: Call, given: Given) -> Outputs:
    """Outputs of a model with the names of the layers that give them."""
    config = model.config
    if model.config.kind not in MODELS:
        raise model.error(
            "is a class of its own, of which the file holds no description; build the model with "
            "Sequential or the functional API of Keras"
        )
    raw = sequence(config.keys.get("layers"), f"{config.label}: layers")
    layers = [layer_config(one, config.label, config.major) for one in raw]
    names = [layer.name for layer in layers]
    for name in names:
        if names.count(name) > 1:
            raise model.error(f"has two layers named {name!r}; name them apart")
    found = model.weights.of_layers(layers)
    calls = {x.name: replace(model, config=x, weights=found[x.name]) for x in layers}
    pairs = list(zip(calls.values(), raw, strict=True))
    run = _run_sequential if model.config.kind == "Sequential" else _run_functional
    return run(model, pairs, given)


def _run_sequential(model: Call, layers: list[tuple[Call, object]], given: Given) -> Outputs:
    values, name = given, model.config.name
    if values is None and layers and layers[0][0].config.kind != "InputLayer":
        values = [_implied_input(model, *layers[0])]
    for call, _ in layers:
        name = call.config.name
        if call.config.kind == "InputLayer":
            values = [_input(call)] if values is None else values
            continue
        values = _run_layer(call, values or [])
        if len(values) > 1:
            raise call.error(
                "has several outputs in a Sequential model; use the functional API of Keras"
            )
    if not values or len(values) != 1:
        raise model.error("has no layers, or not one input; save the model again")
    return [(name, values[0])]


def _run_layer(call: Call, values: list[Value]) -> list[Value]:
    call = replace(call, weights=call.weights.fresh())
    while call.config.kind == "TimeDistributed":
        call.config.check("layer")
        values = [call.of_steps(value) for value in values]
        layer = call.config.inner(call.config.keys.get("layer"))
        call = replace(call, config=layer, weights=call.weights.child("layer"), each_step=True)
    if call.config.kind in MODELS:
        return [value for _, value in _run_model(call, values)]
    return apply_layer(call, values)


def _run_functional(model: Call, layers: list[tuple[Call, object]], given: Given) -> Outputs:
    values = _inputs(model, {call.config.name: call for call, _ in layers}, given)
    waiting = [
        (call, k, node)
        for call, raw in layers
        if call.config.kind != "InputLayer"
        for k, node in enumerate(
            nodes_of(mapping(raw, call.config.label).get("inbound_nodes"), call.config)
        )
    ]
    while waiting:
        left = []
        for call, k, node in waiting:
            if all((ref.layer, ref.node) in values for ref in node.refs):
                values[call.config.name, k] = _run_node(call, node, values)
            else:
                left.append((call, k, node))
        if len(left) == len(waiting):
            call, _, node = left[0]
            raise call.error(
                f"waits for {node.refs[0].layer!r}, which nothing computes; save the model again"
            )
        waiting = left
    refs = refs_of(model.config.keys.get("output_layers"), f"{model.config.label}: output_layers")
    if len(refs) > MOST_PORTS:
        raise model.error(f"has {len(refs)} outputs, more than the {MOST_PORTS} that are accepted")
    return [(ref.layer, _value(model, ref, values)) for ref in refs]


def _run_node(call: Call, node: Node, values: Values) -> list[Value]:
    """The results of one call."""

    def filled(argument: object) -> Any:
        if isinstance(argument, Ref):
            return _value(call, argument, values)
        return [filled(one) for one in argument] if isinstance(argument, list) else argument

    arguments = [filled(argument) for argument in node.arguments]
    if call.config.is_operation:
        return apply_operation(call, arguments, node.options)
    call = replace(call, config=call.config.having(**node.options))
    if node.mask is not None and arguments:
        mask = mask_of(call, _value(call, node.mask, values))
        arguments[0] = replace(arguments[0], mask=UNSURE if arguments[0].turned else mask)
    return _run_layer(call, arguments)


def _value(call: Call, ref: Ref, values: Values) -> Value:
    found = values.get((ref.layer, ref.node), [])
    if ref.output >= len(found):
        raise call.error(
            f"reads output {ref.output} of layer {ref.layer!r}, of which lstm-edge computes "
            f"{len(found)}; save the model again"
        )
    return found[ref.output]


def _inputs(model: Call, calls: Mapping[str, Call], given: Given) -> Values:
    refs = refs_of(model.config.keys.get("input_layers"), f"{model.config.label}: input_layers")
    for ref in refs:
        if ref.layer not in calls or calls[ref.layer].config.kind != "InputLayer":
            raise model.error(
                f"has an input {ref.layer!r} that is no InputLayer; save the model again"
            )
    values = [_input(calls[ref.layer]) for ref in refs] if given is None else given
    if len(values) != len(refs):
        raise model.error(f"has {len(refs)} inputs, but gets {len(values)}; save it again")
    return {(ref.layer, 0): [value] for ref, value in zip(refs, values, strict=True)}


def _input(call: Call) -> Value:
    """An InputLayer of the whole model."""
    config = call.config
    config.check("sparse=false ragged=false optional=false dtype")
    integers = integer_type(config)
    shape = config.shape("batch_shape" if "batch_shape" in config.keys else "batch_input_shape")
    if integers and len(shape) != 2:
        raise call.error(
            f"holds integers, {integers!r}, in each step; only ids [batch, time] of an "
            "Embedding are supported, and real numbers of dtype 'float32'"
        )
    return _new_input(call, call.config.name, shape, integers is not None)


def _implied_input(model: Call, first: Call, raw: object) -> Value:
    """The input of a Sequential that has no InputLayer: Keras names it after the first layer."""
    keys = first.config.keys
    build = mapping(raw, first.config.label).get("build_config")
    shape = keys.get("batch_input_shape", model.config.keys.get("build_input_shape"))
    if shape is None and isinstance(build, Mapping):
        shape = build.get("input_shape")
    if not isinstance(shape, list) or not all(n is None or isinstance(n, int) for n in shape):
        raise model.error(
            "was saved before it was built: the shape of its input is not in the file; call it "
            "once, or begin with keras.Input, and save it again"
        )
    return _new_input(model, f"{first.config.name}_input", tuple(shape), False)


def _new_input(call: Call, name: str, shape: tuple[int | None, ...], integers: bool) -> Value:
    """An input [batch, features], [batch, time, features] or of ids [batch, time]."""
    features = math.prod(n or 0 for n in shape[2:] or shape[-1:])
    if len(shape) > 1 and features > MOST_FEATURES:
        raise call.error(
            f"has {features} features, more than {MOST_FEATURES}; give it fewer, a microcontroller "
            "holds no more"
        )
    sizes = shape[1:]
    known = len(sizes) in (2, 3) and None not in sizes[1:]
    if not (known or len(sizes) == 1) or any(n is not None and n < 1 for n in sizes):
        raise call.error(
            f"has the shape {shown(list(shape))}; only sequences are supported, [batch, time, "
            "features] or [batch, time, places, channels] with a known number of features, "
            "vectors, and ids [batch, time]"
        )
    return call.net.input(name, sizes, integers)
