"""What enters the matrix products of an integer program, beside what would in the float program.

A layer's operands have errors, which those before it made. Its rows are rounded for these operands,
and its bias takes back what their errors add up to in the mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.interpret.feed import Feed, run_numpy, stored_feed
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.passes.calibrate import (
    CHOOSING_SHARE,
    chained,
    choosing_from,
    parts_to_choose_by,
)
from lstm_edge.passes.moments import Halves, Mean, Moments, Sums
from lstm_edge.rounding import Doubles, Ints

Array = npt.NDArray[Any]

MOST_VECTORS = 2**14
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
    """Operands of matrix products, step after step: [samples, columns] each. leaders: names of the
    products to watch.
    """

    leaders: frozenset[str]
    found: dict[str, list[Array]] = field(default_factory=dict)

    def observe(self, op: Op, args: tuple[Array, ...], result: Array) -> None:
        """Keep the operands of a matrix product."""
        if op.dest in self.leaders:
            operands = args[OPERATIONS[op.kind].running :]
            self.found.setdefault(op.dest, []).append(np.concatenate(operands, axis=-1))


@dataclass
class _Group:
    """Products with the same operands, as those of gates: the first one is watched, as `ours` in
    the integer program and as `real` in the other. sums: of real and of ours, for each step that
    has weights of its own.
    """

    ours: str
    product: Product
    matrices: list[str]
    sums: list[tuple[Mean, Halves]]

    def add(self, found: list[Array], choosing: bool) -> None:
        """The operands of some steps in integers."""
        p = self.product
        for step, (_, ours) in enumerate(self.sums):
            some = slice(step, None, p.steps)
            if found[some]:
                ours.add((np.concatenate(found[some]) - p.zero_point) * p.scale, choosing)

    def add_real(self, wanted: list[Array]) -> None:
        """Those in float, of steps to make roundings from."""
        for step, (real, _) in enumerate(self.sums):
            some = slice(step, None, self.product.steps)
            if wanted[some]:
                real.add(np.concatenate(wanted[some])[:, self.product.columns].astype(np.float64))

    def moments(self) -> tuple[Moments, ...]:
        """For each step; none at all where one was not seen often enough."""
        made = [(ours.moments(), real) for real, ours in self.sums if real.count]
        known = [replace(ours, wanted=real.value) for ours, real in made if ours is not None]
        return tuple(known) if len(known) == len(self.sums) else ()


def _groups(reference: Program, program: Program, products: tuple[Product, ...]) -> list[_Group]:
    """Products by their operands in both programs."""
    reads = {op.dest: op.args for block in reference.blocks for op in block.ops}
    made = {op.matrices[0]: op for block in program.blocks for op in block.ops if op.matrices}
    groups: dict[tuple[object, ...], _Group] = {}
    for product in products:
        op = made.get(product.matrix)
        if op is None or product.real not in reads:
            continue
        key = (op.args, reads[product.real], product.steps)
        if key not in groups:
            sums = [(Mean(), Halves(Sums(), Sums())) for _ in range(product.steps)]
            groups[key] = _Group(op.dest, product, [], sums)
        groups[key].matrices.append(product.matrix)
    return list(groups.values())


Means = dict[str, list[Mean]]
"""Matrix -> the mean of what should enter its product, for each step with weights of its own."""


def entering(
    reference: Program,
    program: Program,
    products: tuple[Product, ...],
    feed: Feed,
    means: Means | None = None,
) -> dict[str, tuple[Moments, ...]]:
    """By first matrix, moments for each step that has weights of its own.

    feed: of the float program. Empty where its sequences are too long to keep. means: those of an
    earlier program of the same model, which need not be found again, or an empty dict for them.
    """
    feed = some_streams(reference, feed)
    _, calls, steps = feed.shape
    groups = _groups(reference, program, products)
    numbers = calls * steps * sum(len(g.product.columns) for g in groups)
    if numbers > 2 * CHUNK_NUMBERS:
        return {}
    share = (choosing_from(feed) or calls * steps) / (calls * steps)
    for choosing, part in parts_to_choose_by(feed, max(1, CHUNK_NUMBERS // max(numbers, 1))):
        ours = _Collected(frozenset(g.ours for g in groups))
        run_numpy(program, stored_feed(program, part), ours.observe)
        real = _Collected(frozenset(g.product.real for g in groups))
        if not means and not choosing:
            run_numpy(reference, part, real.observe, exact=False)
        for group in groups:
            found = ours.found.get(group.ours, [])
            cut = round(len(found) * share) // group.product.steps * group.product.steps
            group.add(found[:cut], choosing)
            group.add(found[cut:], True)
            wanted = real.found.get(group.product.real, [])
            if len(wanted) == len(found):
                group.add_real(wanted[:cut])
    for group in groups:
        group.sums = _with_means(group, means)
    return {matrix: group.moments() for group in groups for matrix in group.matrices}


def _with_means(group: _Group, means: Means | None) -> list[tuple[Mean, Halves]]:
    """The sums with known means; means that are new become known."""
    name = group.product.matrix
    if means is None:
        return group.sums
    known = means.setdefault(name, [real for real, _ in group.sums])
    return [(real, ours) for real, (_, ours) in zip(known, group.sums, strict=True)]


def some_streams(program: Program, feed: Feed) -> Feed:
    """As many streams, and steps of long ones, as are worth their time, spread over all: in runs,
    so that those to choose by are the same.
    """
    feed = chained(program, feed).first_steps(program, MOST_VECTORS)
    streams, calls, steps = feed.shape
    wanted = max(1, MOST_VECTORS // (CHOOSING_SHARE * calls * steps))
    runs = streams // CHOOSING_SHARE
    if wanted >= runs:
        return feed
    first = np.linspace(0, runs - 1, wanted).astype(np.int64) * CHOOSING_SHARE
    return feed.pick((first[:, None] + np.arange(CHOOSING_SHARE)).ravel())
