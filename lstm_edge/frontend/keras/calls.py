"""Calls of layers in a functional model, as Keras 2 and Keras 3 write them.

Keras 2   [["lstm", 0, 0, {options}], ...]                     layer, its call, its output
Keras 3   {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": [...]}}],
           "kwargs": {options}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import LayerConfig, mapping, sequence, shown

_INPUT_OPTIONS = ("inputs", "sequences", "input", "query")
"""Names of the first argument of `call`."""

_FURTHER = ("value", "key")
"""Names of the arguments behind it that attention has."""

_CAUSAL = "use_causal_mask"
"""What a call of attention may say, as if it were an option of the layer."""


@dataclass(frozen=True)
class Ref:
    """An output of a call of a layer."""

    layer: str
    node: int
    output: int


@dataclass(frozen=True)
class Node:
    """One call: `arguments` in their order, a Ref for each tensor; `options` that are no tensors,
    which count beside those of the layer.

    mask: of a layer, which of its steps count, where the call says so.
    """

    arguments: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    mask: Ref | None = None

    @property
    def refs(self) -> list[Ref]:
        """All that the call reads."""
        return [ref for ref in (self.mask, *flat(self.arguments)) if isinstance(ref, Ref)]


def flat(value: object) -> Iterator[Any]:
    """What lists within lists hold, in their order."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from flat(one)
    else:
        yield value


def nodes_of(inbound: object, layer: LayerConfig) -> list[Node]:
    """All calls of a layer. Raises ModelError for options of a call that change its result."""
    calls = sequence(inbound, f"{layer.label}: inbound_nodes")
    return [(_keras3 if isinstance(call, dict) else _keras2)(call, layer) for call in calls]


def refs_of(value: object, label: str) -> list[Ref]:
    """One [layer, call, output], or lists or dictionaries of them."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list) and not (value and isinstance(value[0], str)):
        return [ref for part in value for ref in refs_of(part, label)]
    return [_ref(value, label)]


def _ref(value: object, label: str) -> Ref:
    """One [layer, call, output]."""
    if isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str):
        numbers = value[1:3]
        if all(type(n) is int and n >= 0 for n in numbers):
            return Ref(value[0], *numbers)
    raise ModelError(
        label,
        f"is connected to {shown(value)}, expected [layer, call, output]; save the model again",
    )


def _keras2(call: object, layer: LayerConfig) -> Node:
    entries = sequence(call, f"{layer.label}: inbound_nodes")
    if entries and isinstance(entries[0], str):
        entries = [entries]
    refs: list[Ref] = []
    causal: dict[str, Any] = {}
    for entry in entries:
        given = entry[3] if isinstance(entry, list) and len(entry) > 3 else {}
        options = dict(mapping(given, f"{layer.label}: options"))
        refs.append(_ref(entry, layer.label))
        further = [options.pop(n) for n in _FURTHER if isinstance(options.get(n), list)]
        refs += [_ref(one, layer.label) for one in further]
        causal |= _causal(options)
        _check_options(options, layer.label)
    return Node(tuple(refs), causal)


def _keras3(call: dict[str, Any], layer: LayerConfig) -> Node:
    label = layer.label
    arguments = sequence(call.get("args", []), f"{label}: args")
    options = dict(mapping(call.get("kwargs", {}), f"{label}: kwargs"))
    if layer.is_operation:
        given = {k: v for k, v in options.items() if v is not None}
        return Node(tuple(_argument(a, label) for a in arguments), given)
    for name in _INPUT_OPTIONS:
        if name in options and not arguments:
            arguments = [options.pop(name)]
    arguments = [*arguments, *(options.pop(n) for n in _FURTHER if _is_tensor(options.get(n)))]
    causal = _causal(options)
    states = [t for t in flat(options.get("initial_state")) if t is not None]
    if states and all(map(_is_tensor, states)):
        arguments = [*arguments, *states]
        del options["initial_state"]
    mask = options.pop("mask") if _is_tensor(options.get("mask")) else None
    _check_options(options, label)
    refs = [_argument(t, label) for t in flat(arguments) if t is not None]
    for ref in refs:
        if not isinstance(ref, Ref):
            raise ModelError(
                label,
                f"is called with {shown(ref)}; expected tensors: give the layer what else it needs "
                "as an option",
            )
    return Node(tuple(refs), causal, None if mask is None else _argument(mask, label))


def _causal(options: dict[str, Any]) -> dict[str, Any]:
    """The option that a call has like a layer, out of its `options`."""
    return {_CAUSAL: options.pop(_CAUSAL)} if options.get(_CAUSAL) is True else {}


def _argument(value: object, label: str) -> Any:
    """An argument of a call, with a Ref for each tensor."""
    if isinstance(value, list):
        return [_argument(one, label) for one in value]
    if not isinstance(value, dict) or not _is_tensor(value):
        return value
    return _ref(mapping(value.get("config"), f"{label}: a tensor").get("keras_history"), label)


def _is_tensor(value: object) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _check_options(options: Mapping[str, Any], label: str) -> None:
    for name, value in options.items():
        if value is not None and value is not False and name != "name":
            raise ModelError(
                label,
                f"is called with {name} = {shown(value)}, which is not supported; at inference a "
                "layer is called without it",
            )
