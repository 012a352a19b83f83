"""The configuration of one layer in a Keras file: every key is read, or known to mean nothing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError

Doubles = npt.NDArray[np.float64]

_OF_ALL = (
    "name trainable autocast seed batch_input_shape batch_shape input_shape input_dtype input_dim "
    "input_length build_config shared_object_id build_input_shape quantization_config=null"
)
"""Keys of every layer that do not change what it computes once it is trained."""

_SUFFIXES = ("_initializer", "_regularizer", "_constraint")
"""Endings of keys that matter in training only."""

_INSTEAD = {
    "axis": "only the features' axis is",
    "data_format": "use channels_last: [batch, time, features]",
    "time_major": "save a model with the batch axis first",
    "groups": "only 1 is; make one layer for each group",
    "quantization_config": "save the float model: lstm-edge quantizes it",
    "renorm": "a BatchNormalization without it is the same once trained: copy the four weights",
    "rms_scaling": "write it with keras.ops: var, sqrt, and arrays",
    "initial": "take keras.ops.maximum of the result and it, or minimum, or their sum",
    "order": "only lengths, of order 2, are; write others with keras.ops",
    "epsilon": "leave it at its default, or write it with keras.ops",
    **dict.fromkeys(("sparse", "ragged", "optional"), "feed plain arrays"),
    "reverse_state_order": "save the model with Keras 3",
    "n": "take differences again",
    "use_gate": "multiply the result by a Dense of the query with a sigmoid",
}
"""What to do about options that may have one value only."""

_POLICIES = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")
"""Types of weights that are read, all as float32."""

_INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))

MODELS = ("Sequential", "Functional", "Model")
"""Classes of models: "Model" is how Keras 2 once called a functional one."""

_WITHOUT_WEIGHTS = ("InputLayer", "SpatialDropout1D", *MODELS)
"""Classes that are no operations and need not have a dtype policy."""

_PACKAGES = ("keras", "tf_keras", "tensorflow")
"""Where Keras' own layers are defined."""

EXPORT = (
    "export the model to ONNX, which does: model.export('model.onnx', format='onnx', "
    "input_signature=[keras.InputSpec((1, steps, features))])"
)
"""A way out for code that a file only names."""


@dataclass(frozen=True)
class LayerConfig:
    """One layer as the file describes it: its class and its options.

    label: how messages name it. major: version of the Keras that wrote the file, None where it does
    not say.
    """

    kind: str
    module: str
    label: str
    keys: Mapping[str, Any]
    major: int | None

    @property
    def name(self) -> str:
        """The layer's name."""
        return str(self.keys.get("name", self.kind))

    def error(self, message: str) -> ModelError:
        """An error that names the layer."""
        return ModelError(self.label, message)

    def check(self, words: str = "", last: int = -1) -> None:
        """Refuse what is not left at its default, but for `words` with spaces between: names of
        options that are read or mean nothing, and name=value, in JSON, of those that may have this
        value only. axis=-1 is the features', the axis `last`.
        """
        pairs = [word.partition("=")[::2] for word in f"{words} {_OF_ALL}".split()]
        known = dict(pairs)
        for key, value in self.keys.items():
            if value is None or key.endswith(_SUFFIXES):
                continue
            if key not in known:
                if key != "dtype":
                    raise self.error(
                        f"option {key!r} = {shown(value)} is not known to lstm-edge; leave it at "
                        "its default, or ask for support",
                    )
                _check_dtype(self.label, value)
            elif known[key]:
                one = json.loads(known[key])
                allowed = [one, last, [-1], [last]] if key == "axis" else [one]
                if value not in allowed:
                    raise self.error(
                        f"option {key} = {shown(value)} is not supported; {_INSTEAD[key]}",
                    )

    def flag(self, key: str, default: bool = False) -> bool:
        """True or False."""
        value = self.keys.get(key, default)
        if not isinstance(value, bool):
            raise self.unexpected(key, "True or False")
        return value

    def count(self, key: str, default: int | None = None) -> int:
        """A whole number from 1, or a list of it."""
        value = self.keys.get(key)
        value = default if value is None else value
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if type(value) is not int or not 1 <= value < 2**31:
            raise self.unexpected(key, "a whole number from 1")
        return value

    def number(self, key: str, default: float) -> float:
        """A finite number; Keras 2 writes some as arrays: {"class_name": "__numpy__", ...}."""
        value = self.keys.get(key, default)
        if isinstance(value, Mapping) and value.get("type") == "ndarray":
            value = value.get("value")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.unexpected(key, "a number")
        if not math.isfinite(value):
            raise self.unexpected(key, "a finite number")
        return float(value)

    def shape(self, key: str) -> tuple[int | None, ...]:
        """Sizes, None where one is open."""
        value = self.keys.get(key)
        if not isinstance(value, list) or not all(n is None or type(n) is int for n in value):
            raise self.unexpected(key, "a list of sizes")
        return tuple(value)

    def unexpected(self, key: str, expected: str) -> ModelError:
        """The error of an option that is something else."""
        found = shown(self.keys.get(key))
        return self.error(f"option {key} = {found}, expected {expected}")

    def inner(self, value: object) -> LayerConfig:
        """A layer that the file describes within this one; messages name both."""
        found = layer_config(value, self.label, self.major)
        return replace(found, label=f"{self.label}: {found.label}")

    def having(self, **options: object) -> LayerConfig:
        """The same layer with some options."""
        return replace(self, keys={**self.keys, **options})

    @property
    def is_operation(self) -> bool:
        """Whether it is a call of keras.ops, `x + y` for instance: these hold no weights.

        An .h5 file of Keras 3 names no modules; there an operation is what has no dtype policy.
        """
        keys = self.keys
        plain = "trainable" not in keys and not isinstance(keys.get("dtype"), Mapping)
        bare = not self.module and self.major == 3 and plain
        return ".ops." in self.module or (bare and self.kind not in _WITHOUT_WEIGHTS)


def layer_config(value: object, where: str, major: int | None) -> LayerConfig:
    """A layer from its {"class_name": ..., "config": {...}}; `where` names what holds it."""
    found = mapping(value, f"a layer of {where}")
    kind, keys = found.get("class_name"), found.get("config")
    if not isinstance(kind, str):
        raise ModelError(where, "holds a layer without a class name; save the model again")
    keys = {} if keys is None else keys
    if kind in MODELS and isinstance(keys, list):
        keys = {"layers": keys}
    given = mapping(keys, f"the configuration of a {shown(kind)} in {where}")
    name = given.get("name", found.get("name", kind))
    label = f"layer {str(name)[:60]!r} ({shown(kind)[1:-1]})"
    module, registered = str(found.get("module") or ""), str(found.get("registered_name") or "")
    if (module and module.split(".")[0] not in _PACKAGES) or ">" in registered:
        raise ModelError(
            label,
            f"is defined by {shown(registered or module)}, of which the file holds no equations; "
            f"{EXPORT}; or write a cell's equations: lstm-edge compile weights.npz --cells "
            "my_cells.py, see docs/own-cells.md",
        )
    return LayerConfig(kind, module, label, {"name": name, **given}, major)


def finite(label: str, what: str, value: object) -> Doubles:
    """Numbers of a file, in lists that are as long as each other, or one; `what` names them."""
    if isinstance(value, Mapping):  # an array, as Keras 2 and Keras 3 write it
        inner = value.get("config", value)
        value = inner.get("value") if isinstance(inner, Mapping) else None
    try:
        found = np.asarray(value)
    except ValueError:
        found = np.asarray(None)
    if found.dtype.kind not in "bif" or not found.size or not np.isfinite(found).all():
        raise ModelError(
            label,
            f"{what} = {shown(value)}, expected finite numbers; correct them, and save the model "
            "again",
        )
    return found.astype(np.float64)


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """A JSON object, or the error that says that `what` is none."""
    if not isinstance(value, Mapping):
        raise ModelError(what, f"is {shown(value)}, expected an object; save the model again")
    return value


def sequence(value: object, what: str) -> list[Any]:
    """A JSON list, or the error that says that `what` is none."""
    if not isinstance(value, list):
        raise ModelError(what, f"is {shown(value)}, expected a list; save the model again")
    return value


def shown(value: object) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def integer_type(config: LayerConfig) -> str | None:
    """The type of an input that holds integers; None for one of real numbers, also where it does
    not say.
    """
    value = config.keys.get("dtype")
    if isinstance(value, str) and value in _INTEGERS:
        return value
    _check_dtype(config.label, value)
    return None


def _check_dtype(label: str, value: object) -> None:
    if isinstance(value, Mapping):
        inner = value.get("config")
        value = inner.get("name") if isinstance(inner, Mapping) else value
    if value is not None and not (isinstance(value, str) and value in _POLICIES):
        raise ModelError(
            label,
            f"dtype policy {shown(value)} is not supported; save the float32 model: lstm-edge "
            "quantizes it",
        )


def snake_case(name: str) -> str:
    """The name of a class as Keras writes it into paths: LeakyReLU -> leaky_re_lu."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
