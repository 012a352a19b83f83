"""The best program that fits the flash, where nothing is asked of its error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lstm_edge.errors import BudgetError, QuantizationError
from lstm_edge.passes.options import Options
from lstm_edge.search.widths import Attempt, Space, describe

Made = TypeVar("Made")


def best_within(
    room: int,
    space: Space,
    attempt: Callable[[Options], Attempt[Made]],
    progress: Callable[[int, int], None],
) -> tuple[Attempt[Made], tuple[Attempt[Made], ...]]:
    """The highest SQNR of programs with at most `room` bytes of weights and tables, and all that
    were tried; BudgetError where none is so small, QuantizationError where there is none at all.

    All widths that are uniform are tried, then between 4 bits and 8 as many matrices of 8 as fit,
    those that matter most.
    """
    tried: list[Attempt[Made]] = []
    refused: list[QuantizationError] = []

    def fitting(options: Options) -> Attempt[Made] | None:
        try:
            made = attempt(options)
        except QuantizationError as error:
            refused.append(error)
            return None
        tried.append(made)
        progress(len(tried), space.most_attempts)
        return made if made.flash <= room else None

    for weights in space.weights:
        known = len(tried)
        each = [fitting(space.uniform(weights, a)) for a in space.activations]
        if len(tried) > known and not any(each):
            break
    if not tried:
        raise refused[-1]
    found = [made for made in tried if made.flash <= room]
    if not found:
        least = min(tried, key=lambda made: made.flash)
        raise BudgetError(
            f"no widths fit: the smallest, {describe(least.options)}, take {least.flash:,} bytes "
            f"of weights and tables, and --max-flash leaves {max(room, 0):,} beside the code; use "
            "a smaller model, --optimize size or a larger budget"
        )
    best = max(found, key=lambda made: made.judged.decibels)
    if best.options.weights == 4 and 8 in space.weights and (mix := space.mixes()) is not None:
        low, high = 0, len(mix.noises)
        while high - low > 1:
            middle = (low + high) // 2
            made = fitting(mix.options(best.options, range(middle)))
            low, high = (middle, high) if made is not None else (low, middle)
        found = [made for made in tried if made.flash <= room]
    return max(found, key=lambda made: made.judged.decibels), tuple(tried)
