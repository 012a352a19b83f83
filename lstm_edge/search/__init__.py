"""The choice of widths, models and options: `auto` on one machine, `study` on many.

`objective` wraps a user's own training; it is loaded when it is asked for.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    if name != "objective":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lstm_edge.search.training import objective

    return objective
