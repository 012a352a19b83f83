"""JSON that was read, held against the types that it should have."""

from __future__ import annotations

from collections.abc import Collection
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, get_args, get_origin, get_type_hints, is_typeddict


def fault(found: Any, wanted: Any, place: str, optional: Collection[str] = ()) -> str:
    """What is first wrong with a value, "" where it is of the type `wanted`.

    wanted: str, bool, int, float, None, Any, a Literal of words, a TypedDict, a list or dict of
    these, or a union. place: what the value is called. optional: keys of a TypedDict that may be
    missing, beside those that are NotRequired. Keys that it has not are let pass.
    """
    if wanted is Any:
        return ""
    if is_typeddict(wanted):
        return _of_keys(found, wanted, place, optional)
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin is Literal:
        return "" if isinstance(found, str) and found in parts else _no(place, found)
    if origin is UnionType:
        faults = [fault(found, part, place) for part in parts]
        return faults[0] if all(faults) else ""
    if origin is list and isinstance(found, list):
        every = (fault(each, parts[0], f"{place}[{k}]") for k, each in enumerate(found))
        return next(filter(None, every), "")
    if origin is dict and isinstance(found, dict):
        every = (fault(each, parts[1], f"{place}.{key}") for key, each in found.items())
        return next(filter(None, every), "")
    return "" if origin is None and _is(found, wanted) else _no(place, found)


def _of_keys(found: Any, wanted: Any, place: str, optional: Collection[str]) -> str:
    if not isinstance(found, dict):
        return _no(place, found)
    hints = get_type_hints(wanted, include_extras=True)
    for key, hint in hints.items():
        needed = get_origin(hint) is not NotRequired
        kind = hint if needed else get_args(hint)[0]
        name = f"{place}.{key}" if place else key
        if key in found:
            if wrong := fault(found[key], kind, name):
                return wrong
        elif needed and key not in optional:
            return f"{name} is missing"
    return ""


def _is(found: Any, wanted: Any) -> bool:
    """A whole number is a float, too; True and False are no numbers."""
    if wanted in (None, NoneType):
        return found is None
    kinds = (int, float) if wanted is float else wanted
    return isinstance(found, kinds) and (wanted is bool or not isinstance(found, bool))


def _no(place: str, found: Any) -> str:
    text = repr(found)
    return f"{place or 'it'} cannot be {text if len(text) < 40 else type(found).__name__}"
