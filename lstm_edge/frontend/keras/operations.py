"""Operations of Keras 3 on tensors outside of layers: `x + y`, `2 * x`, `x[:, -1]`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import shown
from lstm_edge.frontend.keras.layers_dense import affine
from lstm_edge.frontend.keras.layers_merge import pair_all
from lstm_edge.frontend.keras.net import Call, Value

_PAIRS: Mapping[str, str] = {"Add": "Add", "Subtract": "Sub", "Multiply": "Mul"}

_ALL = {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": None}}


def apply_operation(call: Call, values: list[Value], constants: Sequence[Any]) -> Value:
    """The result of an operation; `constants`: its arguments, None where they are tensors."""
    handler = _OPERATIONS.get(call.layer.kind)
    if handler is None:
        raise ModelError(
            call.label,
            "is an operation that is not supported; supported are "
            f"{', '.join(_OPERATIONS)}; use layers of Keras",
        )
    call.config.check_known()
    return handler(call, values, constants)


def _arithmetic(call: Call, values: list[Value], constants: Sequence[Any]) -> Value:
    kind = call.layer.kind
    if len(values) == 2 and len(constants) == 2:
        return pair_all(call, _PAIRS[kind], values)
    given = [c for c in constants if type(c) in (int, float) and math.isfinite(c)]
    if len(values) != 1 or len(constants) != 2 or len(given) != 1:
        raise ModelError(call.label, f"has arguments {shown(constants)}, expected a number")
    number, zero, one = np.full(1, float(given[0])), np.zeros(1), np.ones(1)
    if kind == "Multiply":
        return affine(call, values[0], number, zero)
    if kind == "Add":
        return affine(call, values[0], one, number)
    first = constants[0] is None
    return affine(call, values[0], one if first else -one, -number if first else number)


def _get_item(call: Call, values: list[Value], constants: Sequence[Any]) -> Value:
    """The first or last step of a sequence: x[:, 0], x[:, -1], x[:, -1, :]."""
    key = constants[1] if len(constants) == 2 and len(values) == 1 else None
    key = key if isinstance(key, list) else []
    steps, others = key[1:2], [*key[:1], *key[2:]]
    if steps not in ([0], [-1]) or others not in ([_ALL], [_ALL, _ALL]):
        raise ModelError(
            call.label, f"takes {shown(key)} of a tensor; only x[:, -1] and x[:, 0] are supported"
        )
    x = call.sequence(values[0])
    at = -1 if (steps == [0]) == x.turned else 0
    y = call.add("Gather", x.name, np.array(at, np.int64), axis=1)
    return Value(y, x.shape[1:])


_OPERATIONS: Mapping[str, Callable[[Call, list[Value], Sequence[Any]], Value]] = {
    **dict.fromkeys(_PAIRS, _arithmetic),
    "GetItem": _get_item,
}
