"""What enters the matrix products of an integer program, beside what would in the float program.

A layer's operands have errors, which those before it made. Its rows are rounded for these operands,
and its bias takes back what their errors add up to in the mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.interpret.feed import Feed, run_numpy, stored_feed
from lstm_edge.ir.program import MATVECS, Op, Program
from lstm_edge.passes.calibrate import chained, parts_to_choose_by
from lstm_edge.passes.moments import Halves, Moments, Sums, meant_for
from lstm_edge.rounding import Doubles, Ints

Array = npt.NDArray[Any]

MOST_VECTORS = 2**15
"""Steps that are run in integers at most: calibration data beyond them are left out here."""
CHUNK_NUMBERS = 2**23
"""Numbers of operands that are kept at a time."""


@dataclass(frozen=True, eq=False)
class Product:
    """A sum of products in integers, and the one in the float program that it is (a part of).

    matrix: its first matrix, which names it. real: the result's name in the float program. columns:
    which of the numbers there enter here, as scale * (q - zero_point). steps: how many have weights
    of their own, or 1.
    """

    matrix: str
    real: str
    columns: Ints
    scale: Doubles
    zero_point: Ints
    steps: int = 1


@dataclass
class _Collected:
    """Operands of matrix products by name, step after step: [samples, columns] each."""

    found: dict[str, list[Array]] = field(default_factory=dict)

    def observe(self, op: Op, args: tuple[Array, ...], result: Array) -> None:
        """Keep the operands of a matrix product."""
        if op.kind not in MATVECS:
            return
        operands = args[1:] if op.kind == "matvec_over_time" else args
        name = op.matrices[0] if op.n else op.dest
        self.found.setdefault(name, []).append(np.concatenate(operands, axis=-1))


def entering(
    reference: Program, program: Program, products: tuple[Product, ...], feed: Feed
) -> dict[str, tuple[Moments, ...]]:
    """By first matrix, moments for each step that has weights of its own.

    feed: of the float program. Empty where its sequences are too long to keep.
    """
    feed = some_streams(chained(reference, feed))
    _, calls, steps = feed.shape
    numbers = calls * steps * sum(len(p.columns) for p in products)
    if numbers > 2 * CHUNK_NUMBERS:
        return {}
    sums: dict[str, list[tuple[Halves, Halves]]] = {
        p.matrix: [(Halves(Sums(), Sums()), Halves(Sums(), Sums())) for _ in range(p.steps)]
        for p in products
    }
    for choosing, part in parts_to_choose_by(feed, max(1, CHUNK_NUMBERS // max(numbers, 1))):
        real, ours = _Collected(), _Collected()
        run_numpy(reference, part, real.observe, exact=False)
        run_numpy(program, stored_feed(program, part), ours.observe)
        for product in products:
            wanted, found = real.found.get(product.real, []), ours.found.get(product.matrix, [])
            if len(wanted) == len(found):
                _add(product, wanted, found, choosing, sums[product.matrix])
    return {
        name: tuple(meant_for(ours.moments(), real.moments().mean) for real, ours in each)
        for name, each in sums.items()
        if all(ours.count for _, ours in each)
    }


def _add(
    product: Product,
    wanted: list[Array],
    found: list[Array],
    choosing: bool,
    sums: list[tuple[Halves, Halves]],
) -> None:
    for step, (real, ours) in enumerate(sums):
        some = slice(step, None, product.steps)
        vectors = np.concatenate(wanted[some])[:, product.columns].astype(np.float64)
        real.add(vectors, choosing)
        ours.add((np.concatenate(found[some]) - product.zero_point) * product.scale, choosing)


def some_streams(feed: Feed) -> Feed:
    """As many streams as are worth their time, spread over all."""
    streams, calls, steps = feed.shape
    wanted = max(4, MOST_VECTORS // (calls * steps))
    if wanted >= streams:
        return feed
    return feed.pick(np.linspace(0, streams - 1, wanted).astype(np.int64))
