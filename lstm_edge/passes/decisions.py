"""What lowering decides by weights and data: kept, so that code stays the same for other weights.

An updatable program has its decisions with it. Lowering another network of the same layers with
them gives the same operations in the same formats, and only constants differ. What is beyond the
room that a decision left is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

from lstm_edge.errors import DataError, QuantizationError, first_line

T = TypeVar("T")
Read = Callable[[Any], T]
"""Gives what was kept, where that is what was decided; else it raises what `WRONG` has."""
WRONG = (AttributeError, KeyError, OverflowError, TypeError, ValueError)

OPTIONS = "options"
"""Where a program keeps the widths that it was lowered with, beside its decisions."""
ROOM = 2.0
"""How many times as large weights of a later network may be as those that code is made for."""


def kept(name: str, known: Mapping[str, Any], read: Read[T]) -> T:
    """What a program keeps by a name. DataError where it is something else."""
    try:
        return read(known[name])
    except WRONG as error:
        reason = f"no {error}" if isinstance(error, KeyError) else first_line(error)
        raise DataError(
            f"what the program keeps for updates is damaged, or of another network ({name}: "
            f"{reason}); give a network of the same layers, or compile it again with --updatable"
        ) from error


def integer(low: int, high: int) -> Read[int]:
    """An integer of a range."""

    def read(found: Any) -> int:
        if type(found) is not int or not low <= found <= high:
            raise ValueError(f"{found!r:.60} is no integer from {low} to {high}")
        return found

    return read


def number(found: Any) -> float:
    """A finite number."""
    if type(found) not in (int, float) or not math.isfinite(found):
        raise ValueError(f"{found!r:.60} is no number")
    return float(found)


def pair(read: Read[T]) -> Read[list[T]]:
    """Two of a kind."""

    def both(found: Any) -> list[T]:
        first, second = found
        return [read(first), read(second)]

    return both


def by_name(
    read: Callable[[str, Any], T], names: Collection[str] | None = None
) -> Read[dict[str, T]]:
    """Something for each name; names: those that there are."""

    def every(found: Any) -> dict[str, T]:
        made = {str(name): read(name, each) for name, each in found.items()}
        if names is not None and made.keys() != {*names}:
            raise ValueError(f"is of {', '.join(made) or 'nothing'}, not of {', '.join(names)}")
        return made

    return every


@dataclass
class Decisions:
    """updatable: whether decisions leave room for other weights. known: those of the program whose
    code is to stay; None where they are to be made. made: by name, as JSON holds them.
    """

    updatable: bool = False
    known: Mapping[str, Any] | None = None
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def room(self) -> float:
        """How many times as large as these weights others may be."""
        return ROOM if self.updatable else 1.0

    def keep(self, name: str, decide: Callable[[], T], read: Read[T]) -> T:
        """What was decided before, else what is now: numbers, texts, lists and mappings of them.
        DataError where `read` cannot be what was kept.
        """
        if self.known is None:
            self.made[name] = decide()
        elif name in self.known:
            self.made[name] = kept(name, self.known, read)
        else:
            raise QuantizationError(
                f"{name}: nothing like this is in the network that the code was made for; an "
                "update has the same layers with other weights"
            )
        found: T = self.made[name]
        return found

    def beyond(self, what: str, found: float, most: float) -> NoReturn:
        """QuantizationError for weights that kept decisions have no room for."""
        raise QuantizationError(
            f"{what} reaches {found:.4g}, and the code that is to stay holds up to {most:.4g}; "
            "train with smaller weights, or compile this network and replace the code as well"
        )
