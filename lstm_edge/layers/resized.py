"""Layers that make more places or steps of what is there, between two neighbours each."""

from __future__ import annotations

from functools import reduce

from lstm_edge.ir.expr import Cell, Expr, constant, input_vector, param, recent, take, tap, within


def between_places(low: list[int], high: list[int]) -> Cell:
    """Numbers of a vector between two others each: low_share * x[low] + high_share * x[high], of
    weights `low_share` and `high_share` for each.
    """
    x = input_vector("x")
    y = take(x, low) * param("low_share") + take(x, high) * param("high_share")
    return Cell("resized", {"y": y})


def between_held(times: int, before: int, behind: int, steps: int) -> Cell:
    """Steps between vectors that are held for `times` steps each: what was held over as many steps
    around a step, on average, is as near to each of two neighbours as the step is.

    before, behind: steps that are seen. Of `times` + 1 the first and the last count half. The
    first and the last of all `steps` steps have a neighbour on one side alone, which they are.
    """
    vectors = recent(input_vector("x"))
    taps = [tap(vectors, k) for k in range(before + behind + 1)]
    here = taps[before]
    if len(taps) > times:
        taps = [(taps[0] + taps[-1]) * 0.5, *taps[1:-1]]
    mean = reduce(_plus, taps) * (1.0 / times)
    y = within(constant(steps - behind), mean, here)
    y = within(constant(before), here, y) if before else y
    return Cell("interpolated", {"y": y})


def between_steps(share: float) -> Cell:
    """A vector between two of a window: `share` of the later one."""
    vectors = recent(input_vector("x"))
    early, late = tap(vectors, 0), tap(vectors, 1)
    return Cell("between", {"y": early * (1.0 - share) + late * share})


def _plus(a: Expr, b: Expr) -> Expr:
    return a + b
