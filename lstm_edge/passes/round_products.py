"""How the weights of each matrix product are rounded, and what is known of its operands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from lstm_edge.passes.calibrate import Ranges, key_at
from lstm_edge.passes.decisions import Decisions
from lstm_edge.passes.entering import Product
from lstm_edge.passes.moments import Moments
from lstm_edge.passes.options import Options
from lstm_edge.passes.quantize_rows import Operand, Rows, quantize_rows
from lstm_edge.passes.row_scales import Scheme
from lstm_edge.rounding import Doubles, Ints


@dataclass(frozen=True)
class Called:
    """A product: its layer, what messages call it, the float program's name of its result.
    corrected: the bias takes back the mean error. Not where a norm follows: where all operands are
    0 it would make large differences of what little the bias adds.
    """

    layer: str
    source: str
    real: str
    corrected: bool = True


@dataclass(frozen=True)
class Change:
    """What rounding makes of a matrix: real weights [rows, columns] less what they were, and what
    the bias takes back of that, in the mean [rows].
    """

    weights: Doubles
    bias: Doubles


@dataclass
class Rounding:
    """Rounds rows on what is known best of their operands: `entering` by first matrix, what enters
    a program that was made before; else what calibration saw; else nothing.

    products: what was rounded, for a later program. changes: matrix -> what was made of it, of
    those that are in one part.
    """

    ranges: Ranges
    options: Options
    entering: Mapping[str, tuple[Moments, ...]]
    decisions: Decisions = field(default_factory=Decisions)
    products: list[Product] = field(default_factory=list)
    changes: dict[str, Change] = field(default_factory=dict)

    def scheme(self, layer: str) -> Scheme:
        """How the weights of a layer are stored."""
        return Scheme(self.options.of(layer).weights, self.options.power_of_two)

    def rows(
        self,
        operands: tuple[Operand, ...],
        bias: Doubles,
        called: Called,
        reads: tuple[str, ...],
        columns: Ints,
        *,
        wide: bool,
    ) -> Rows:
        """Rows of operands that share an accumulator: `columns` of the float program's `reads`.

        wide: with twice the bits of the layer's weights.
        """
        moments = self._known(operands, called, reads, columns)
        scheme = self.scheme(called.layer)
        scheme = replace(scheme, bits=2 * scheme.bits) if wide else scheme
        rows = self._quantized(operands, bias, moments, called, scheme)
        for each, change in zip(operands, _changes(operands, rows, moments), strict=True):
            self.changes[each.matrix] = change
        return rows

    def doubled_rows(
        self,
        operands: tuple[Operand, ...],
        bias: Doubles,
        called: Called,
        reads: tuple[str, ...],
        columns: Ints,
    ) -> tuple[Rows, Rows, tuple[Operand, ...]]:
        """The same with twice as many bits: rounded to nearest, and rows of what that leaves, with
        the operands that those belong to. All that is known is used for the latter.
        """
        moments = self._known(operands, called, reads, columns)
        scheme = self.scheme(called.layer)
        taken_back = _mean_errors(operands, moments) if called.corrected else 0.0
        coarse = self._quantized(operands, bias + taken_back, (), called, scheme)
        left = tuple(
            replace(
                each,
                matrix=f"{each.matrix}_low",
                weights=each.weights - rows * coarse.scale[:, None] / each.scale,
            )
            for each, rows in zip(operands, coarse.matrices, strict=True)
        )
        as_found = tuple(replace(each, wanted=each.mean) for each in moments)
        none = np.zeros_like(bias)
        fine = self._quantized(left, none, as_found, called, scheme)
        return coarse, fine, left

    def _quantized(
        self,
        operands: tuple[Operand, ...],
        bias: Doubles,
        moments: tuple[Moments, ...],
        called: Called,
        scheme: Scheme,
    ) -> Rows:
        """As `quantize_rows`; what is kept for other weights is called by the first matrix."""
        return quantize_rows(
            operands,
            bias,
            moments,
            called.source,
            scheme,
            corrected=called.corrected,
            decisions=self.decisions,
            name=operands[0].matrix,
        )

    def _known(
        self,
        operands: tuple[Operand, ...],
        called: Called,
        reads: tuple[str, ...],
        columns: Ints,
    ) -> tuple[Moments, ...]:
        """The best that is known of operands, which a later program will know better."""
        name = operands[0].matrix
        self.products.append(_product(name, called.real, columns, operands))
        moments = self.entering.get(name, ())
        seen = self.ranges.moments.get(reads) if self.ranges.from_data else None
        if not moments and seen is not None:
            moments = (seen.select(columns),)
        return moments

    def rows_over_time(
        self, operands: tuple[Operand, ...], bias: Doubles, called: Called, read: str, matrix: str
    ) -> Rows:
        """Rows of one operand at each step of a sequence; each step has weights of its own."""
        steps, columns = len(operands), np.arange(operands[0].value.length)
        self.products.append(_product(matrix, called.real, columns, operands[:1], steps))
        moments = self.entering.get(matrix, ())
        if not moments and self.ranges.from_data:
            each = [self.ranges.moments.get(key_at((read,), t)) for t in range(steps)]
            known = [one for one in each if one is not None]
            moments = tuple(known) if len(known) == steps else ()
        rows = self._quantized(operands, bias, moments, called, self.scheme(called.layer))
        changes = _changes(operands, rows, moments)
        weights = np.stack([change.weights for change in changes])
        self.changes[matrix] = Change(weights, np.asarray(sum(change.bias for change in changes)))
        return rows


def _changes(
    operands: tuple[Operand, ...], rows: Rows, moments: tuple[Moments, ...]
) -> list[Change]:
    """Of the matrix of each operand; without moments the bias takes back nothing."""
    widths = [len(o.scale) for o in operands]
    mean = np.concatenate([m.mean for m in moments] or [np.zeros(sum(widths))])
    found = []
    for each, numbers, own in zip(
        operands, rows.matrices, np.split(mean, np.cumsum(widths)[:-1]), strict=True
    ):
        changed = numbers * rows.scale[:, None] / each.scale - each.weights
        found.append(Change(changed, -changed @ own))
    return found


def _mean_errors(operands: tuple[Operand, ...], moments: tuple[Moments, ...]) -> Doubles:
    """What the mean errors of the operands, [rows], take from the products."""
    rows = np.concatenate([o.weights for o in operands], axis=1)
    if not moments:
        return np.zeros(len(rows))
    wanted = np.concatenate([m.wanted for m in moments])
    found = np.concatenate([m.mean for m in moments])
    return np.asarray(rows @ (wanted - found))


def _product(
    matrix: str, real: str, columns: Ints, operands: tuple[Operand, ...], steps: int = 1
) -> Product:
    scale = np.concatenate([o.scale for o in operands])
    zero_point = np.concatenate([o.zero_point for o in operands])
    return Product(matrix, real, columns, scale, zero_point, steps)
