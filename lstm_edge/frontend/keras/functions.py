"""Formulas as data, and the activation functions of Keras by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lstm_edge.frontend.keras.config import EXPORT, LayerConfig, shown
from lstm_edge.frontend.keras.net import Call, Value

X = "x"
"""What a formula is of."""

Formula = Any
"""("Clip", X, 0.0, 6.0), ("LeakyRelu", X, {"alpha": 0.2}): an operator of ONNX, then its inputs,
formulas, numbers, arrays and names of what is known, then its attributes.
"""


def written(call: Call, formula: Formula, **known: Any) -> Any:
    """What a formula gives with some values known; operators are appended."""
    if isinstance(formula, str) and formula:
        return known[formula]
    if not isinstance(formula, tuple):
        return formula
    op, *parts = formula
    options = parts.pop() if isinstance(parts[-1], dict) else {}
    inputs = [written(call, part, **known) for part in parts]
    given = {k: known.get(v, v) for k, v in options.items()}
    return call.add(op, *inputs, **given)


IDENTITY = ("Affine", X, {"alpha": 1.0, "beta": 0.0})
"""Of a gate; of a layer it is nothing at all."""

_TANH_SHRINK = ("Sub", X, ("Tanh", X))
_HALF = ("HardSigmoid", X, {"alpha": 0.5, "beta": 0.5})

GATES: Mapping[str | None, Formula] = {
    None: IDENTITY,
    "linear": IDENTITY,
    "relu": ("Relu", X),
    "relu6": ("Clip", X, 0.0, 6.0),
    "leaky_relu": ("LeakyRelu", X, {"alpha": 0.2}),
    "sigmoid": ("Sigmoid", X),
    "sparse_sigmoid": _HALF,
    "tanh": ("Tanh", X),
    "hard_tanh": ("Clip", X, -1.0, 1.0),
    "elu": ("Elu", X, {"alpha": 1.0}),
    "celu": ("Elu", X, {"alpha": 1.0}),
    "selu": ("Selu", X),
    "exponential": ("Exp", X),
    "softplus": ("Softplus", X),
    "softsign": ("Softsign", X),
    "silu": ("Swish", X),
    "swish": ("Swish", X),
    "tanh_shrink": _TANH_SHRINK,
    "gelu": ("Gelu", X),
    "mish": ("Mish", X),
}
"""Functions of each number alone that are the same in every version of Keras."""

OTHERS: Mapping[str | None, Formula] = {
    "softmax": ("Softmax", X, {"axis": -1}),
    "log_softmax": ("LogSoftmax", X, {"axis": -1}),
    "log_sigmoid": ("Mul", ("Softplus", ("Mul", X, -1.0)), -1.0),
    "soft_shrink": ("Sub", X, ("Clip", X, -0.5, 0.5)),
    "hard_shrink": (
        "Sub",
        ("ThresholdedRelu", X, {"alpha": 0.5}),
        ("ThresholdedRelu", ("Mul", X, -1.0), {"alpha": 0.5}),
    ),
    "sparse_plus": ("Add", ("Mul", _HALF, _HALF), ("Relu", ("Sub", X, 1.0))),
    "squareplus": ("Mul", ("Add", X, ("Sqrt", ("Add", ("Mul", X, X), 4.0))), 0.5),
    "glu": ("Mul", "first", ("Sigmoid", "second")),
}
"""Functions of all features together, or of several operators: no function of a gate."""

_SLOPES = {2: 0.2, 3: 1.0 / 6.0}
"""Of hard_sigmoid, by the version of Keras that wrote the file."""

_HARD = ("hard_sigmoid", "hard_silu", "hard_swish")


def _relu(config: LayerConfig) -> Formula:
    """ReLU with a threshold, a slope below 0, a largest value."""
    threshold, slope = config.number("threshold", 0.0), 0.0
    if config.keys.get("negative_slope") is not None:
        slope = config.number("negative_slope", 0.0)
    most = config.keys.get("max_value")
    if slope and threshold:
        raise config.error(
            "options negative_slope and threshold together are not supported; write them with "
            "keras.ops.where",
        )
    y: Formula = ("ThresholdedRelu", X, {"alpha": threshold}) if threshold else X
    if most is not None:
        y = ("Clip", y, "" if threshold else 0.0, config.number("max_value", 0.0))
        return ("Add", y, ("Mul", ("Clip", X, "", 0.0), slope)) if slope else y
    if slope:
        return ("LeakyRelu", X, {"alpha": slope})
    return y if threshold else ("Relu", X)


def _leaky(config: LayerConfig) -> Formula:
    slope = config.number("alpha", config.number("negative_slope", 0.3))
    return ("LeakyRelu", X, {"alpha": slope})


def _softmax(config: LayerConfig) -> Formula:
    """Over the features, or, by its number, over another axis."""
    axis = config.keys.get("axis", -1)
    if type(axis) is not int:
        raise config.unexpected("axis", "one axis")
    return ("Softmax", X, {"axis": axis})


LAYERS: Mapping[str, tuple[str, Callable[[LayerConfig], Formula]]] = {
    "LeakyReLU": ("alpha negative_slope", _leaky),
    "ELU": ("alpha", lambda config: ("Elu", X, {"alpha": config.number("alpha", 1.0)})),
    "ReLU": ("max_value negative_slope threshold", _relu),
    "Softmax": ("axis", _softmax),
    "Activation": ("activation", lambda config: function_of(config, "activation")),
}
"""Layers that are functions: their options, and the formula. Each may be another's activation."""


def layer_function(config: LayerConfig, last: int) -> Formula:
    """The function that a layer is; `last`: the number of the features' axis."""
    options, formula = LAYERS[config.kind]
    config.check(options, last)
    return formula(config)


def function_of(config: LayerConfig, option: str, gate: bool = False, last: int = -1) -> Formula:
    """The function of an option: a name, or a layer; of a gate those of each number alone."""
    value = config.keys.get(option)
    if gate and option not in config.keys:
        raise config.error(f"does not say its {option}; save the model again")
    if isinstance(value, Mapping) and value.get("class_name") in LAYERS:
        inner = config.inner(value)
        found = layer_function(inner, last)
    else:
        name = _name(config, value)
        known = {**GATES, **(OTHERS if not gate else {})}
        if name in _HARD:
            return _hard(config, str(name))
        if name not in known:
            words = ", ".join([*(n for n in known if n), *_HARD[:2]])
            raise config.error(
                f"option {option} = {shown(value)} is not supported; known are {words}",
            )
        found = known[name]
    if gate and as_gate(found) is None:
        raise config.error(
            f"option {option} = {shown(value)} is no function of a gate that is supported; "
            f"{EXPORT}",
        )
    return found


def as_gate(formula: Formula) -> tuple[str, list[float]] | None:
    """The operator and its numbers, as those of ONNX that are recurrent name them."""
    if formula is _TANH_SHRINK:
        return "TanhShrink", []
    op, x, *rest = formula
    if x is not X or formula in OTHERS.values():
        return None
    return op, [n for part in rest for n in (part.values() if isinstance(part, dict) else [part])]


def apply(call: Call, x: Value, formula: Formula, **known: Any) -> Value:
    """Append a function of x, by a formula with some more that is known."""
    if formula is IDENTITY:
        return x
    if formula is not OTHERS["glu"]:
        return replace(x, name=written(call, formula, x=x, **known).name)
    half, odd = divmod(call.features(x), 2)
    if odd:
        raise call.error(f"halves {x.shape[-1]} features by glu, expected an even number")
    first, second = call.add_all("Split", [x], 2, axis=-1, num_outputs=2)
    made = written(call, formula, first=first, second=second)
    return replace(x, name=made.name, shape=(*x.shape[:-1], half))


def activated(call: Call, x: Value) -> Value:
    """What a layer's option `activation` does at its end."""
    return apply(call, x, function_of(call.config, "activation", last=call.last_axis(x)))


def _hard(config: LayerConfig, name: str) -> Formula:
    slope = _SLOPES.get(config.major or 0)
    if slope is None:
        raise config.error(
            f"uses {name}, which is another function in Keras 2 than in Keras 3, and the file "
            "does not say which version wrote it; save the model again",
        )
    hard = ("HardSigmoid", X, {"alpha": slope, "beta": 0.5})
    return hard if name == "hard_sigmoid" else ("HardSwish", X)


def _name(config: LayerConfig, value: object) -> str | None:
    """The name of a function; Keras 3 may write it as {"class_name": "function", "config": ...}."""
    if isinstance(value, Mapping):
        own = str(value.get("module")).split(".")[0] == "keras"
        inner = value.get("config")
        if not own or value.get("class_name") != "function" or not isinstance(inner, str):
            raise config.error(
                f"uses a function of its own, {shown(value)}, of which the file holds no equations;"
                f" write it with keras.ops, or {EXPORT}",
            )
        value = inner
    if value is not None and not isinstance(value, str):
        raise config.error(f"has an activation {shown(value)}, expected its name")
    return value
