"""What lowering decides by weights and data: kept, so that code stays the same for other weights.

An updatable program has its decisions with it. Lowering another network of the same layers with
them gives the same operations in the same formats, and only constants differ. What is beyond the
room that a decision left is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

from lstm_edge.errors import QuantizationError

T = TypeVar("T")

OPTIONS = "options"
"""Where a program keeps the widths that it was lowered with, beside its decisions."""
ROOM = 2.0
"""How many times as large weights of a later network may be as those that code is made for."""


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

    def keep(self, name: str, decide: Callable[[], T]) -> T:
        """What was decided before, else what is now: numbers, texts, lists and mappings of them."""
        if self.known is None:
            self.made[name] = decide()
        elif name in self.known:
            self.made[name] = self.known[name]
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
