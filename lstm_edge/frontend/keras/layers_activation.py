"""Activation functions by their Keras names, and the layers that are nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import Config, layer_config, shown
from lstm_edge.frontend.keras.net import Call, Value

Run = Callable[[Call, str], str]
"""From a tensor to its function, by nodes that a call appends."""


@dataclass(frozen=True)
class Function:
    """A function of each number alone as an operator of ONNX, by name.

    It may be a gate's, too, with at most two numbers among its options: alpha and beta.
    """

    op: str
    options: tuple[tuple[str, float], ...] = ()

    def run(self, call: Call, x: str) -> str:
        """Append the operator."""
        return call.add(self.op, x, **dict(self.options))


_HARD_SIGMOID = {2: 0.2, 3: 1.0 / 6.0}
"""The slope, by the version of Keras that wrote the file."""


def _of(op: str, **options: float) -> Function:
    return Function(op, tuple(options.items()))


def _clip(low: float, high: float) -> Function:
    return _of("Clip", low=low, high=high)


IDENTITY = _of("Affine", alpha=1.0, beta=0.0)

FUNCTIONS: Mapping[str | None, Function] = {
    None: IDENTITY,
    "linear": IDENTITY,
    "relu": _of("Relu"),
    "relu6": _clip(0.0, 6.0),
    "leaky_relu": _of("LeakyRelu", alpha=0.2),
    "sigmoid": _of("Sigmoid"),
    "sparse_sigmoid": _of("HardSigmoid", alpha=0.5, beta=0.5),
    "tanh": _of("Tanh"),
    "hard_tanh": _clip(-1.0, 1.0),
    "elu": _of("Elu", alpha=1.0),
    "celu": _of("Elu", alpha=1.0),
    "selu": _of("Selu"),
    "exponential": _of("Exp"),
    "softplus": _of("Softplus"),
    "softsign": _of("Softsign"),
    "silu": _of("Swish"),
    "swish": _of("Swish"),
    "tanh_shrink": _of("TanhShrink"),
    "gelu": _of("Gelu"),
    "mish": _of("Mish"),
}
"""Functions of each number alone that are the same in every version of Keras."""


def _softmax(call: Call, x: str) -> str:
    return call.add("Softmax", x, axis=-1)


def _log_softmax(call: Call, x: str) -> str:
    return call.add("LogSoftmax", x, axis=-1)


def _log_sigmoid(call: Call, x: str) -> str:
    minus = -1.0
    return call.add("Mul", call.add("Softplus", call.add("Mul", x, minus)), minus)


def _soft_shrink(call: Call, x: str) -> str:
    return call.add("Sub", x, call.add("Clip", x, -0.5, 0.5))


def _hard_shrink(call: Call, x: str) -> str:
    turned = call.add("Mul", x, -1.0)
    ends = (call.add("ThresholdedRelu", side, alpha=0.5) for side in (x, turned))
    return call.add("Sub", *ends)


def _sparse_plus(call: Call, x: str) -> str:
    """0 below -1, x above 1, and (x + 1)^2 / 4 between."""
    half = call.add("HardSigmoid", x, alpha=0.5, beta=0.5)
    above = call.add("Relu", call.add("Sub", x, 1.0))
    return call.add("Add", call.add("Mul", half, half), above)


def _squareplus(call: Call, x: str) -> str:
    """(x + sqrt(x^2 + 4)) / 2."""
    root = call.add("Sqrt", call.add("Add", call.add("Mul", x, x), 4.0))
    return call.add("Mul", call.add("Add", x, root), 0.5)


def _glu(call: Call, x: str) -> str:
    first, second = call.add_all("Split", [x], 2, axis=-1, num_outputs=2)
    return call.add("Mul", first, call.add("Sigmoid", second))


OTHERS: Mapping[str, Run] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "log_sigmoid": _log_sigmoid,
    "soft_shrink": _soft_shrink,
    "hard_shrink": _hard_shrink,
    "sparse_plus": _sparse_plus,
    "squareplus": _squareplus,
    "glu": _glu,
}
"""Functions of all features together, or of several operators: no function of a gate."""


def activation(call: Call, x: Value, value: object) -> Value:
    """Append the function that an `activation` option gives: a name, or a layer or function."""
    if isinstance(value, Mapping) and _is_layer(value):
        inner = layer_config(value, call.label, call.config.major)
        return LAYERS[inner.kind](replace(call, layer=inner.below(call.layer)), x)
    name = _name(call.config, value)
    if name == "glu":
        half, odd = divmod(call.features(x), 2)
        if odd:
            raise ModelError(call.label, f"halves {x.shape[-1]} features by glu")
        return replace(x, name=_glu(call, x.name), shape=(*x.shape[:-1], half))
    if name in OTHERS:
        return replace(x, name=OTHERS[str(name)](call, x.name))
    function = _function(call.config, "activation", value, name)
    return replace(x, name=apply(call, function, x.name))


def apply(call: Call, function: Function, x: str) -> str:
    """Append a function as operators of their own."""
    if function is IDENTITY:
        return x
    if function.op == "TanhShrink":
        return call.add("Sub", x, call.add("Tanh", x))
    if function.op == "Clip":
        return call.add("Clip", x, *(bound for _, bound in function.options))
    return function.run(call, x)


def function_of(config: Config, option: str) -> Function:
    """The function of a recurrent layer's option; refuses those of all units together."""
    if option not in config.keys:
        raise ModelError(config.label, f"does not say its {option}; save the model again")
    value = config.keys[option]
    if isinstance(value, Mapping) and _is_layer(value):
        inner = layer_config(value, config.label, config.major)
        found = _GATES[inner.kind](inner.config) if inner.kind in _GATES else None
        if found is None:
            raise ModelError(
                config.label,
                f"option {option} = {shown(value)} is no function of a gate that is supported",
            )
        return found
    return _function(config, option, value, _name(config, value))


def _function(config: Config, option: str, value: object, name: str | None) -> Function:
    if name in ("hard_sigmoid", "hard_silu", "hard_swish"):
        slope = _HARD_SIGMOID.get(config.major or 0)
        if slope is None:
            raise ModelError(
                config.label,
                f"uses {name}, which is another function in Keras 2 than in Keras 3, and the file "
                "does not say which version wrote it; save the model again",
            )
        if name != "hard_sigmoid":
            return _of("HardSwish")
        return _of("HardSigmoid", alpha=slope, beta=0.5)
    if name not in FUNCTIONS:
        known = ", ".join([*(n for n in FUNCTIONS if n), "hard_sigmoid", "hard_silu"])
        known = known if option != "activation" else ", ".join([known, *OTHERS])
        raise ModelError(
            config.label, f"option {option} = {shown(value)} is not supported; known are {known}"
        )
    return FUNCTIONS[name]


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


def _activation_layer(call: Call, x: Value) -> Value:
    call.config.check_known("activation")
    return activation(call, x, call.config.keys.get("activation"))


def _softmax_layer(call: Call, x: Value) -> Value:
    call.config.check_known("axis")
    last = call.last_axis(x)
    call.config.refuse("axis", -1, last, [-1], [last], instead="only the features' axis is")
    return replace(x, name=_softmax(call, x.name))


def _relu_layer(call: Call, x: Value) -> Value:
    simple = _relu(call.config)
    if simple is not None:
        return replace(x, name=apply(call, simple, x.name))
    threshold, slope, most = _relu_options(call.config)
    y: str = call.add("ThresholdedRelu", x.name, alpha=threshold) if threshold else x.name
    if most is not None:
        y = call.add("Clip", y, "" if threshold else 0.0, most)
    if slope:
        negative = call.add("Clip", x.name, "", 0.0)
        y = call.add("Add", y, call.add("Mul", negative, slope))
    return replace(x, name=y)


def _relu(config: Config) -> Function | None:
    """ReLU where one operator is enough."""
    threshold, slope, most = _relu_options(config)
    if most is not None:
        return None if threshold or slope else _clip(0.0, most)
    if threshold:
        return _of("ThresholdedRelu", alpha=threshold)
    return _of("LeakyRelu", alpha=slope) if slope else _of("Relu")


def _relu_options(config: Config) -> tuple[float, float, float | None]:
    """threshold, negative_slope, max_value."""
    config.check_known("max_value negative_slope threshold")
    threshold = config.number("threshold", 0.0)
    given = config.keys.get("negative_slope")
    slope = 0.0 if given is None else config.number("negative_slope", 0.0)
    if slope and threshold:
        raise ModelError(
            config.label, "options negative_slope and threshold together are not supported"
        )
    most = config.keys.get("max_value")
    return threshold, slope, None if most is None else config.number("max_value", 0.0)


def _leaky(config: Config) -> Function:
    config.check_known("alpha negative_slope")
    return _of("LeakyRelu", alpha=config.number("alpha", config.number("negative_slope", 0.3)))


def _elu(config: Config) -> Function:
    config.check_known("alpha")
    return _of("Elu", alpha=config.number("alpha", 1.0))


def _leaky_layer(call: Call, x: Value) -> Value:
    return replace(x, name=apply(call, _leaky(call.config), x.name))


def _elu_layer(call: Call, x: Value) -> Value:
    return replace(x, name=apply(call, _elu(call.config), x.name))


def _prelu_layer(call: Call, x: Value) -> Value:
    """x, or alpha * x below 0, alpha learned for each feature; the same at every step."""
    call.config.check_known("shared_axes")
    (alpha,) = call.weights.take("alpha")
    slopes = alpha.reshape(-1, alpha.shape[-1] if alpha.ndim else 1)
    if (slopes != slopes[:1]).any():
        raise ModelError(
            call.label,
            f"has slopes {list(alpha.shape)} that differ from step to step, which is not supported",
        )
    if alpha.ndim != len(x.shape) or slopes.shape[1] not in (1, x.shape[-1]):
        raise ModelError(call.label, f"its alpha is {list(alpha.shape)}")
    return replace(x, name=call.add("PRelu", x.name, slopes[0]))


_GATES: Mapping[str, Callable[[Config], Function | None]] = {
    "LeakyReLU": _leaky,
    "ELU": _elu,
    "ReLU": _relu,
}
"""Layers that may be the function of a gate."""

LAYERS: Mapping[str, Callable[[Call, Value], Value]] = {
    "LeakyReLU": _leaky_layer,
    "ELU": _elu_layer,
    "ReLU": _relu_layer,
    "PReLU": _prelu_layer,
    "Activation": _activation_layer,
    "Softmax": _softmax_layer,
}
"""Layers that are functions; each may also be the activation of another layer."""
