"""What enters the matrix products of an integer program, beside what would in the float program.

A layer's operands have errors, which those before it made. Its rows are rounded for these operands,
and its bias takes back what their errors add up to in the mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from lstm_edge.interpret.feed import Results, run_numpy, stored_feed
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op, as_vectors
from lstm_edge.passes.moments import Halves, Moments
from lstm_edge.passes.real_run import RealRun, joined, runs_of
from lstm_edge.rounding import Doubles, Ints

Array = npt.NDArray[Any]


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


@dataclass(frozen=True)
class Entered:
    """results: of the streams that choose. moments: by first matrix, for each step that has weights
    of its own; none at all of what was not seen often enough.
    """

    results: Results
    moments: Mapping[str, tuple[Moments, ...]]


class _Group:
    """Products with the same operands, as those of gates: the first one is watched.

    runs: how often it is run in a part. sums: for each step that has weights of its own. seen: how
    often it was run in this part.
    """

    def __init__(self, product: Product, runs: int) -> None:
        self.product, self.runs = product, runs
        self.matrices: list[str] = []
        self.sums = [Halves() for _ in range(product.steps)]
        self.seen = 0

    def add(self, found: Array, choosing: bool) -> None:
        """The operands of a run, in integers."""
        p = self.product
        self.sums[self.seen % p.steps].add((found - p.zero_point) * p.scale, choosing)
        self.seen += 1

    def moments(self, real: RealRun, runs: int) -> tuple[Moments, ...]:
        """For each step; none where the float program, which runs its product so often, goes about
        it in another way.
        """
        means = real.means.get(real.arguments[self.product.real], ())
        if runs != self.runs or len(means) != len(self.sums):
            return ()
        each = [
            ours.moments(mean.value[self.product.columns])
            for mean, ours in zip(means, self.sums, strict=True)
            if mean.count
        ]
        known = tuple(one for one in each if one is not None)
        return known if len(known) == len(self.sums) else ()


class _Watcher:
    """Looks at the first products of groups, by their names; choosing: all is to choose by."""

    def __init__(self, real: RealRun, program: Program, groups: Mapping[str, _Group]) -> None:
        self.real, self.constants, self.groups = real, program.constants, groups
        self.choosing = False

    def begin(self, choosing: bool) -> None:
        """Another part."""
        self.choosing = choosing
        for group in self.groups.values():
            group.seen = 0

    def observe(self, op: Op, args: tuple[Array, ...], result: Array) -> None:
        """Add the operands of a matrix product."""
        group = self.groups.get(op.dest)
        if group is not None:
            operands = args[OPERATIONS[op.kind].running :]
            late = group.seen >= self.real.made_from(group.runs, group.product.steps)
            vectors = as_vectors(op, operands, self.constants)
            group.add(vectors.reshape(-1, vectors.shape[-1]), self.choosing or late)


def _groups(
    real: RealRun, program: Program, products: Iterable[Product], runs: Mapping[str, int]
) -> dict[str, _Group]:
    """Products by their operands in both programs; the first one names them."""
    made = {op.matrices[0]: op for op in program.products}
    groups: dict[tuple[object, ...], tuple[str, _Group]] = {}
    for product in products:
        op = made.get(product.matrix)
        if op is None or product.real not in real.arguments:
            continue
        key = (op.args, real.arguments[product.real], product.steps)
        if key not in groups:
            groups[key] = op.dest, _Group(product, runs[op.dest])
        groups[key][1].matrices.append(product.matrix)
    return dict(groups.values())


def entering(real: RealRun, program: Program, products: Iterable[Product] = ()) -> Entered:
    """Run an integer program on what `real` was run on; `products`: those to look at."""
    groups = _groups(real, program, products, runs_of(program, real.feed))
    watcher = _Watcher(real, program, groups)
    given = []
    for choosing, part in real.parts():
        gives = real.gives(choosing)
        if not groups and not gives:
            continue
        watcher.begin(choosing)
        observe = watcher.observe if groups else None
        results = run_numpy(program, stored_feed(program, part), observe, gives=gives)
        if gives:
            given.append(results)
    runs = runs_of(real.program, real.feed)
    moments: dict[str, tuple[Moments, ...]] = {}
    for group in groups.values():
        moments |= dict.fromkeys(group.matrices, group.moments(real, runs[group.product.real]))
    return Entered(joined(given), moments)
