"""Inputs of a Keras model that are no sequences of vectors: what the layers that read them make
of them.

An input of shape [n] may be a vector, a sequence of ids that an Embedding looks up, a sequence
that a Reshape makes of it, or the first value of a state. Its first reader decides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.flow import Call, Flow, Found
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.frontend.model.finish import DraftState
from lstm_edge.ir.model import Port

_ROLES = {
    "vector": "one vector",
    "sequence": "a sequence",
    "ids": "ids of an embedding",
    "state": "the first value of a state",
}


def _taken_as(call: Call, flow: Flow, role: str) -> None:
    """Note what an input is; refuses one that is two things."""
    known = call.found.roles.setdefault(flow.tensor, role)
    if known != role:
        raise ModelError(
            call.label,
            f"reads an input as {_ROLES[role]} that another layer reads as {_ROLES[known]}: not "
            "supported; make two inputs of it",
        )
    kind = call.found.integers.get(flow.tensor)
    if kind is not None and role != "ids":
        raise ModelError(
            call.label,
            f"reads an input of type {kind!r}; integers can be ids of an Embedding only: give the "
            "input the dtype 'float32'",
        )


def as_vector(call: Call, flow: Flow) -> Flow:
    """An input as a vector of its own, which has no steps; other flows as they are."""
    if flow.kind != "raw":
        return flow
    _taken_as(call, flow, "vector")
    if not flow.features:
        raise ModelError(
            call.label,
            "reads an input of open size, which only an Embedding or a Reshape makes a sequence of",
        )
    call.draft.roots[flow.tensor] = None
    call.draft.features[flow.tensor] = flow.features
    return replace(flow, kind="vector", steps=None)


def as_ids(call: Call, flow: Flow, rows: int) -> Flow:
    """An input [T] as a sequence of ids below `rows`."""
    if flow.kind != "raw":
        raise ModelError(
            call.label, "looks up what is no input of the model [batch, time]; not supported"
        )
    _taken_as(call, flow, "ids")
    call.draft.features[flow.tensor] = 1
    call.found.limits[flow.tensor] = min(rows, call.found.limits.get(flow.tensor, rows))
    return Flow(flow.tensor, 1, "sequence", flow.steps or flow.features or None)


def as_steps(call: Call, flow: Flow, target: tuple[int | None, ...]) -> Flow:
    """An input [T * features] reshaped to a sequence; it can be in one way only."""
    own = (flow.features or None,)
    steps, features = completed(target, own) if len(target) == 2 else (None, None)
    if not flow.features and len(target) == 2 and target[0] == -1:
        steps, features = flow.steps, target[1]
    fits = features and features > 0 and (steps or not flow.features)
    fits = fits and flow.features in (0, (steps or 0) * (features or 0))
    known = call.draft.features[flow.tensor]
    if not fits or flow.steps not in (None, steps) or known not in (None, features):
        raise ModelError(
            call.label,
            f"reshapes {flow.features or '?'} numbers to {shown_shape(target)}, expected [time, "
            f"features] that fit{'' if flow.steps is None else f' {flow.steps} steps'}",
        )
    _taken_as(call, flow, "sequence")
    call.draft.features[flow.tensor] = features
    return Flow(flow.tensor, features or 0, "sequence", steps)


def set_state(call: Call, flow: Flow, result: str, state: str, units: int) -> None:
    """Let an input set a state of a layer of which `result` is the state's tensor."""
    if flow.kind != "raw":
        raise ModelError(
            call.label,
            "its initial_state is computed by the model; only an input of its own is supported: "
            "save an encoder and its decoder as two models",
        )
    if flow.features != units:
        raise ModelError(
            call.label, f"its initial_state has {flow.features or '?'} numbers, expected {units}"
        )
    _taken_as(call, flow, "state")
    call.found.given.append((flow.tensor, result, state))


def completed(
    target: tuple[int | None, ...], own: tuple[int | None, ...]
) -> tuple[int | None, ...]:
    """The target with its -1 filled in; an open length is what is left for it."""
    given = math.prod(n for n in target if n is not None and n > 0)
    known = math.prod(n for n in own if n is not None)
    if None in own:
        return tuple(None if n == -1 else n for n in target) if given == known else target
    return tuple(known // given if n == -1 and given else n for n in target)


def shown_shape(shape: tuple[int | None, ...]) -> str:
    """A shape for a message."""
    return f"[{', '.join('?' if n is None else str(n) for n in shape)}]"


def input_port(draft: Draft, found: Found, name: str, flow: Flow) -> tuple[Port, int | None]:
    """The port of an input that is read, and the length of its sequence."""
    role = found.roles.get(flow.tensor, "sequence")
    if role == "vector":
        return Port(name, flow.tensor, ("batch", "feature"), (1, flow.features)), None
    if role == "ids":
        steps = flow.steps or flow.features or None
        limit = found.limits[flow.tensor]
        return Port(name, flow.tensor, ("batch", "time"), (1, steps or -1), limit), steps
    if flow.kind == "raw":
        features = draft.features[flow.tensor]
        assert features is not None
        steps = flow.features // features if flow.features else flow.steps
        size = -1 if steps is None else steps * features
        return Port(name, flow.tensor, ("batch", "time*feature"), (1, size)), steps
    axes = ("batch", "time", "feature")
    return Port(name, flow.tensor, axes, (1, flow.steps or -1, flow.features)), flow.steps


def state_ports(
    found: Found, inputs: Sequence[tuple[str, Flow]], outputs: Sequence[tuple[str, Flow]]
) -> tuple[list[DraftState], list[DraftState]]:
    """Inputs that set states, and the outputs that are their partners: the first of each that
    shows the same states.
    """
    free = [_state_output(found, name, flow) for name, flow in outputs if _shows(found, flow)]
    given, partners = [], []
    for name, flow in inputs:
        states = [(result, state) for tensor, result, state in found.given if tensor == flow.tensor]
        if not states:
            continue
        parts = tuple((*state, tuple(range(flow.features))) for state in states)
        same = [port for port in free if port.parts == parts]
        partners.extend(same[:1])
        free = [port for port in free if port not in same[:1]]
        partner = same[0].name if same else ""
        given.append(DraftState(name, (1, flow.features), parts, partner))
    return given, partners


def _shows(found: Found, flow: Flow) -> bool:
    return flow.tensor in found.ends and flow.scale is None and not flow.kept


def _state_output(found: Found, name: str, flow: Flow) -> DraftState:
    end = (*found.ends[flow.tensor], tuple(range(flow.features)))
    return DraftState(name, (1, flow.features), (end,))
