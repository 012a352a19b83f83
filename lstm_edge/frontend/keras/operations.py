"""Operations of Keras 3 on tensors outside of layers: `x + y`, `2 * x`, `x[:, -1]`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import shown
from lstm_edge.frontend.keras.flow import Call, Flow, scaled, sequence_of, settled
from lstm_edge.frontend.keras.merge import pair_all

_PAIRS: Mapping[str, str] = {"Add": "add", "Subtract": "sub", "Multiply": "mul"}

_ALL = {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": None}}


def apply_operation(call: Call, flows: list[Flow], constants: Sequence[Any]) -> Flow:
    """The result of an operation; `constants`: its arguments, None where they are flows."""
    handler = _OPERATIONS.get(call.layer.kind)
    if handler is None:
        raise ModelError(
            call.label,
            "is an operation that is not supported; supported are "
            f"{', '.join(_OPERATIONS)}; use layers of Keras",
        )
    call.config.check_known()
    return handler(call, flows, constants)


def _arithmetic(call: Call, flows: list[Flow], constants: Sequence[Any]) -> Flow:
    kind = call.layer.kind
    if len(flows) == 2 and len(constants) == 2:
        return pair_all(call, _PAIRS[kind], flows)
    given = [c for c in constants if type(c) in (int, float) and math.isfinite(c)]
    if len(flows) != 1 or len(constants) != 2 or len(given) != 1:
        raise ModelError(call.label, f"has arguments {shown(constants)}, expected a number")
    ones = np.ones(flows[0].features)
    number = ones * float(given[0])
    if kind == "Multiply":
        return scaled(call, flows[0], number, ones * 0.0)
    if kind == "Add":
        return scaled(call, flows[0], ones, number)
    first = constants[0] is None
    return scaled(call, flows[0], ones if first else -ones, -number if first else number)


def _get_item(call: Call, flows: list[Flow], constants: Sequence[Any]) -> Flow:
    """The first or last step of a sequence: x[:, 0], x[:, -1], x[:, -1, :]."""
    key = constants[1] if len(constants) == 2 and len(flows) == 1 else None
    key = key if isinstance(key, list) else []
    steps, others = key[1:2], [*key[:1], *key[2:]]
    if steps not in ([0], [-1]) or others not in ([_ALL], [_ALL, _ALL]):
        raise ModelError(
            call.label, f"takes {shown(key)} of a tensor; only x[:, -1] and x[:, 0] are supported"
        )
    flow = settled(call, sequence_of(call, flows[0]))
    first = (steps == [0]) ^ flow.flipped
    step = call.draft.first_step if first else call.draft.last_step
    return Flow(step(flow.tensor, call.label), flow.features, "vector")


_OPERATIONS: Mapping[str, Callable[[Call, list[Flow], Sequence[Any]], Flow]] = {
    **dict.fromkeys(_PAIRS, _arithmetic),
    "GetItem": _get_item,
}
