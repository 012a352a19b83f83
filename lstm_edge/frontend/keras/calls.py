"""Calls of layers in a functional model, as Keras 2 and Keras 3 write them.

Keras 2   [["lstm", 0, 0, {options}], ...]                     layer, its call, its output
Keras 3   {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": [...]}}],
           "kwargs": {options}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import mapping, sequence, shown

_INPUT_OPTIONS = ("inputs", "sequences", "input")
"""Names of the first argument of `call`."""


@dataclass(frozen=True)
class Ref:
    """An output of a call of a layer."""

    layer: str
    node: int
    output: int


@dataclass(frozen=True)
class Node:
    """One call: `arguments` in their order, a Ref for each tensor; `options` that are no tensors.

    mask: of a layer, which of its steps count, where the call says so.
    """

    arguments: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    mask: Ref | None = None

    @property
    def refs(self) -> list[Ref]:
        """All that the call reads."""
        found = [self.mask] if self.mask is not None else []
        waiting = [*self.arguments]
        while waiting:
            value = waiting.pop(0)
            if isinstance(value, Ref):
                found.append(value)
            elif isinstance(value, list):
                waiting = [*value, *waiting]
        return found


def nodes_of(inbound: object, label: str, is_operation: bool) -> list[Node]:
    """All calls of a layer. Raises ModelError for options of a call that change its result."""
    return [
        _from_keras3(node, label, is_operation)
        if isinstance(node, dict)
        else _from_keras2(node, label)
        for node in sequence(inbound, f"{label}: inbound_nodes")
    ]


def ref_of(value: object, label: str) -> Ref:
    """One [layer, call, output]."""
    if (
        isinstance(value, list)
        and len(value) >= 3
        and isinstance(value[0], str)
        and all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in value[1:3])
    ):
        return Ref(value[0], value[1], value[2])
    raise ModelError(label, f"is connected to {shown(value)}, expected [layer, call, output]")


def refs_of(value: object, label: str) -> list[Ref]:
    """One [layer, call, output], or lists or dictionaries of them."""
    if isinstance(value, dict):
        return [ref for part in value.values() for ref in refs_of(part, label)]
    if isinstance(value, list) and not (value and isinstance(value[0], str)):
        return [ref for part in value for ref in refs_of(part, label)]
    return [ref_of(value, label)]


def _from_keras2(node: object, label: str) -> Node:
    entries = sequence(node, f"{label}: inbound_nodes")
    if entries and isinstance(entries[0], str):
        entries = [entries]
    for entry in entries:
        options = entry[3] if isinstance(entry, list) and len(entry) > 3 else {}
        _check_options(mapping(options, f"{label}: options"), label)
    return Node(tuple(ref_of(entry, label) for entry in entries))


def _from_keras3(node: dict[str, Any], label: str, is_operation: bool) -> Node:
    arguments = sequence(node.get("args", []), f"{label}: args")
    options = dict(mapping(node.get("kwargs", {}), f"{label}: kwargs"))
    if is_operation:
        set_ = {k: v for k, v in options.items() if v is not None}
        return Node(tuple(_argument(a, label) for a in arguments), set_)
    for name in _INPUT_OPTIONS:
        if name in options and not arguments:
            arguments = [options.pop(name)]
    states = options.get("initial_state")
    given = [t for t in (states if isinstance(states, list) else [states]) if t is not None]
    if given and all(_is_tensor(t) for t in given):
        arguments = [*arguments, *given]
        del options["initial_state"]
    mask = options.pop("mask") if _is_tensor(options.get("mask")) else None
    _check_options(options, label)
    flat = [t for a in arguments for t in (a if isinstance(a, list) else [a])]
    return Node(
        tuple(_tensor_ref(t, label) for t in flat if t is not None),
        mask=None if mask is None else _tensor_ref(mask, label),
    )


def _argument(value: object, label: str) -> object:
    """An argument of an operation, with a Ref for each tensor."""
    if _is_tensor(value):
        return _tensor_ref(value, label)
    return [_argument(one, label) for one in value] if isinstance(value, list) else value


def _is_tensor(value: object) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _tensor_ref(value: object, label: str) -> Ref:
    if not _is_tensor(value):
        raise ModelError(label, f"is called with {shown(value)}; only tensors are supported")
    assert isinstance(value, dict)
    config = mapping(value.get("config"), f"{label}: a tensor")
    return ref_of(config.get("keras_history"), label)


def _check_options(options: Any, label: str) -> None:
    for name, value in options.items():
        if value is not None and value is not False and name != "name":
            raise ModelError(
                label, f"is called with {name} = {shown(value)}, which is not supported"
            )
