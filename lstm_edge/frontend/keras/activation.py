"""Activation functions by their Keras names, and the layers that are nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import Config, layer_config, shown
from lstm_edge.frontend.keras.flow import Call, Flow, function_layer, last_axis, not_flat, settled
from lstm_edge.functions import (
    Function,
    clamp,
    elu,
    exponential,
    hard_sigmoid,
    leaky_relu,
    relu,
    softplus,
    softsign,
)
from lstm_edge.ir.expr import Cell, Expr, above, sigmoid, smaller, tanh
from lstm_edge.layers.activation import log_softmax_layer, softmax_layer

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
"""Klambauer et al. 2017."""


def _selu(x: Expr) -> Expr:
    return elu(x, _SELU_ALPHA, 0.0) * _SELU_SCALE


FUNCTIONS: Mapping[str, Function] = {
    "relu": relu,
    "relu6": lambda x: clamp(x, 0.0, 6.0),
    "leaky_relu": lambda x: leaky_relu(x, 0.2, 0.0),
    "sigmoid": sigmoid,
    "tanh": tanh,
    "hard_tanh": lambda x: clamp(x, -1.0, 1.0),
    "elu": lambda x: elu(x, 1.0, 0.0),
    "celu": lambda x: elu(x, 1.0, 0.0),
    "selu": _selu,
    "exponential": exponential,
    "softplus": softplus,
    "softsign": softsign,
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x: x * sigmoid(x),
    "tanh_shrink": lambda x: x - tanh(x),
}
"""Functions of each number alone that are the same in every version of Keras."""

_HARD_SIGMOID = {2: 0.2, 3: 1.0 / 6.0}
"""The slope, by the version of Keras that wrote the file."""

VECTOR_LAYERS: Mapping[str, Callable[[], Cell]] = {
    "softmax": softmax_layer,
    "log_softmax": log_softmax_layer,
}
"""Functions of all features together."""

_IDENTITIES = ("linear", None)


def activation(call: Call, flow: Flow, value: object) -> Flow:
    """Append the function that an `activation` option gives: a name, or a layer or function."""
    if isinstance(value, Mapping) and _is_layer(value):
        inner = layer_config(value, call.label, call.config.major)
        return LAYERS[inner.kind](replace(call, layer=inner.below(call.layer)), flow)
    name = _name(call.config, value)
    if name in _IDENTITIES:
        return flow
    if name in VECTOR_LAYERS:
        return _over_features(call, flow, str(name))
    return function_layer(call, flow, str(name), function_of(call.config, "activation"))


def function_of(config: Config, option: str) -> Function:
    """The function of a recurrent layer's option; refuses those of all units together."""
    if option not in config.keys:
        raise ModelError(config.label, f"does not say its {option}; save the model again")
    value = config.keys[option]
    if isinstance(value, Mapping) and _is_layer(value):
        inner = layer_config(value, config.label, config.major)
        if inner.kind in _FORMS:
            return _FORMS[inner.kind](inner.config)
    name = _name(config, value)
    if name in _IDENTITIES:
        return lambda x: x
    if name in ("hard_sigmoid", "hard_silu", "hard_swish"):
        return _hard(config, str(name))
    if name not in FUNCTIONS:
        known = ", ".join([*FUNCTIONS, "hard_sigmoid", "linear"])
        raise ModelError(
            config.label, f"option {option} = {shown(value)} is not supported; known are {known}"
        )
    return FUNCTIONS[str(name)]


def _hard(config: Config, name: str) -> Function:
    slope = _HARD_SIGMOID.get(config.major or 0)
    if slope is None:
        raise ModelError(
            config.label,
            f"uses {name}, which is another function in Keras 2 than in Keras 3, and the file does "
            "not say which version wrote it; save the model again",
        )

    def gate(x: Expr) -> Expr:
        return hard_sigmoid(x, slope, 0.5)

    return gate if name == "hard_sigmoid" else lambda x: x * gate(x)


def _is_layer(value: Mapping[str, object]) -> bool:
    return value.get("class_name") in LAYERS


def _name(config: Config, value: object) -> str | None:
    """The name of a function; Keras 3 may write it as {"class_name": "function", "config": ...}."""
    if isinstance(value, Mapping):
        own = str(value.get("module")).split(".")[0] == "keras"
        inner = value.get("config")
        if not own or value.get("class_name") != "function" or not isinstance(inner, str):
            raise ModelError(
                config.label, f"uses a function of its own, {shown(value)}, which is not supported"
            )
        value = inner
    if value is not None and not isinstance(value, str):
        raise ModelError(config.label, f"has an activation {shown(value)}, expected its name")
    return value


def _over_features(call: Call, flow: Flow, name: str) -> Flow:
    source = settled(call, not_flat(call, flow))
    cell = VECTOR_LAYERS[name]()
    tensor = call.draft.layer(name, cell, source.tensor, None, {}, call.label)["y"]
    return replace(source, tensor=tensor)


def activation_layer(call: Call, flow: Flow) -> Flow:
    """Activation."""
    call.config.check_known("activation")
    return activation(call, flow, call.config.keys.get("activation"))


def softmax(call: Call, flow: Flow) -> Flow:
    """Softmax over the features."""
    call.config.check_known("axis")
    last = last_axis(call, flow)
    call.config.refuse("axis", -1, last, [-1], [last], instead="only the features' axis is")
    return _over_features(call, flow, "softmax")


def _relu_form(config: Config) -> Function:
    config.check_known("max_value negative_slope threshold")
    threshold = config.number("threshold", 0.0)
    slope = (
        0.0 if config.keys.get("negative_slope") is None else config.number("negative_slope", 0.0)
    )
    if slope and threshold:
        raise ModelError(
            config.label, "options negative_slope and threshold together are not supported"
        )
    most = None if config.keys.get("max_value") is None else config.number("max_value", 0.0)

    def function(x: Expr) -> Expr:
        y = above(x, threshold) if threshold else relu(x)
        y = y if most is None else smaller(y, most)
        return y + smaller(x, 0.0) * slope if slope else y

    return function


def _leaky_form(config: Config) -> Function:
    config.check_known("alpha negative_slope")
    slope = config.number("alpha", config.number("negative_slope", 0.3))
    return lambda x: leaky_relu(x, slope, 0.0)


def _elu_form(config: Config) -> Function:
    config.check_known("alpha")
    alpha = config.number("alpha", 1.0)
    return lambda x: elu(x, alpha, 0.0)


_FORMS: Mapping[str, Callable[[Config], Function]] = {
    "ReLU": _relu_form,
    "LeakyReLU": _leaky_form,
    "ELU": _elu_form,
}


def function_with_options(kind: str) -> Callable[[Call, Flow], Flow]:
    """ReLU, LeakyReLU or ELU as a layer."""

    def run(call: Call, flow: Flow) -> Flow:
        return function_layer(call, flow, kind.lower(), _FORMS[kind](call.config))

    return run


LAYERS: Mapping[str, Callable[[Call, Flow], Flow]] = {
    **{kind: function_with_options(kind) for kind in _FORMS},
    "Activation": activation_layer,
    "Softmax": softmax,
}
"""Layers that are functions; each may also be the activation of another layer."""
