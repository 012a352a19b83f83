"""Layers of several inputs: Concatenate, Add, Subtract, Multiply, Average."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.flow import Call, Flow, last_axis, multiplied, not_flat, settled
from lstm_edge.layers.elementwise import pair


def concatenate_all(call: Call, flows: Sequence[Flow]) -> Flow:
    """Features end to end."""
    parts = _alike(call, flows)
    tensor = call.draft.concat([part.tensor for part in parts], call.label)
    return replace(parts[0], tensor=tensor, features=sum(part.features for part in parts))


def pair_all(call: Call, operation: str, flows: Sequence[Flow]) -> Flow:
    """The first op the second, and so on with the others."""
    parts = _alike(call, flows)
    result = parts[0]
    for part in parts[1:]:
        if part.features != result.features:
            raise ModelError(
                call.label,
                f"takes {result.features} and {part.features} features; expected the same number",
            )
        tensor = call.draft.pair(
            operation, pair(operation), result.tensor, part.tensor, result.tensor, call.label
        )
        result = replace(result, tensor=tensor)
    return result


def _alike(call: Call, flows: Sequence[Flow]) -> list[Flow]:
    """All of each step in one order of time, or all vectors; nothing left to fold."""
    first = flows[0]
    for flow in flows:
        not_flat(call, flow)
        if flow.kind != first.kind:
            raise ModelError(call.label, "joins a sequence and a vector, which is not supported")
        if flow.flipped != first.flipped:
            raise ModelError(
                call.label,
                "joins a sequence and one that go_backwards left in reversed order: not supported",
            )
    return [settled(call, flow) for flow in flows]


def concatenate(call: Call, flows: list[Flow]) -> list[Flow]:
    """Concatenate along the features."""
    call.config.check_known("axis")
    last = last_axis(call, flows[0])
    call.config.refuse("axis", -1, last, instead="only features can be joined (axis=-1)")
    return [concatenate_all(call, flows)]


def elementwise(
    operation: str, most: int | None = None
) -> Callable[[Call, list[Flow]], list[Flow]]:
    """Add, Multiply, and Subtract of two (`most`)."""

    def run(call: Call, flows: list[Flow]) -> list[Flow]:
        call.config.check_known()
        if most is not None and len(flows) > most:
            raise ModelError(call.label, f"has {len(flows)} inputs, expected {most}")
        return [pair_all(call, operation, flows)]

    return run


def average(call: Call, flows: list[Flow]) -> list[Flow]:
    """Average: the sum, scaled."""
    call.config.check_known()
    return [multiplied(call, pair_all(call, "add", flows), 1.0 / len(flows))]
