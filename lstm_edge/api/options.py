"""Options of `compile` as Python programs give them, made plain numbers: what a search or numpy
computed is a number, too, and what is none is said at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from operator import index
from typing import Any

from lstm_edge.errors import DataError
from lstm_edge.interpret.raw import EVERY


def bits(option: str, given: Any) -> Any:
    """A whole number; words such as "auto", and None, as they are."""
    return given if given is None or isinstance(given, str) else _whole(option, given)


def limit(option: str, given: Any) -> int | None:
    """Bytes, instructions or cycles, from 0 on; None is no limit."""
    if given is None:
        return None
    most = _whole(option, given)
    if most < 0:
        raise DataError(f"--{option} {most}: expected 0 or more, or None for no limit")
    return most


def bound(option: str, given: Any) -> float | None:
    """dB or points, from 0 on; None is no bound."""
    if given is None:
        return None
    found = _real(option, given)
    if not (isfinite(found) and found >= 0.0):
        raise DataError(f"--{option} {found:g}: expected a number from 0 on, or None for no bound")
    return found


def by_input(option: str, given: Any) -> Mapping[str, float]:
    """Numbers by name of an input; a single one is for all."""
    if given is None:
        return {}
    named = given if isinstance(given, Mapping) else {EVERY: given}
    return {str(name): _real(option, number) for name, number in named.items()}


def refuse(given: Mapping[str, Any], beside: str) -> None:
    """DataError for the first option that is given, and would change nothing."""
    for name, value in given.items():
        if value is not None:
            option = name.replace("_", "-")
            raise DataError(f"--{option} has no meaning {beside}; leave it out")


def _whole(option: str, given: Any) -> int:
    try:
        return index(given)
    except TypeError:
        raise DataError(f"--{option} {given!r}: expected a whole number") from None


def _real(option: str, given: Any) -> float:
    try:
        if not isinstance(given, str):
            return float(given)
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(f"--{option} {given!r}: expected a number")
