"""Matrix products in integers: their operands, which of them share a sum, and their rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import DenseOverTime, Layer, Node
from lstm_edge.ir.program import Value
from lstm_edge.operations import read_at
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.decisions import by_name, integer
from lstm_edge.passes.fixed.arithmetic import add_or_subtract
from lstm_edge.passes.lift import Weighed, lift, lifted_operand, lifts
from lstm_edge.passes.lower import Place
from lstm_edge.passes.lower_affine import Positions, emit_rows, emit_running_sum
from lstm_edge.passes.lower_places import alike
from lstm_edge.passes.numbers import Integer, Joined, Number, number
from lstm_edge.passes.quantize_rows import (
    Operand,
    Rows,
    columns_of,
    sharing_groups,
    sharing_ratio,
    typical,
)
from lstm_edge.passes.round_products import Called, Rounding
from lstm_edge.passes.storing import Storing
from lstm_edge.rounding import Doubles, Ints


@dataclass
class Products:
    """The matrix products of the program that `builder` holds.

    storing: how operands get the width that a layer wants. lifts: layer -> how far operands are
    shifted left. lifted: layer and value -> the value shifted left.
    """

    builder: Builder
    storing: Storing
    rounding: Rounding
    lifts: dict[str, dict[str, int]] = field(default_factory=dict)
    lifted: dict[tuple[str, str], Value] = field(default_factory=dict)

    def affine(self, node: Expr, given: list[Integer], place: Place) -> Number:
        """bias + sum of W @ x: one sum of all operands, or one of each group and their sum."""
        layer = place.layer
        at = Positions(node.positions, node.stride)
        given = [alike(self.storing, x) for x in given] if node.positions > 1 else given
        args = [self.storing.storable(x, layer.name, alone=node.positions == 1) for x in given]
        widths = [layer.op.params[m].shape[1] for m in node.matrices]
        key = (*(x.real for x in args), *read_at(*at, widths))
        bias = layer.op.params[node.name].astype(np.float64)
        gate = node.name.removeprefix("b_")
        prefix = f"{layer.name}.{gate}"
        called = Called(
            layer.name, f"{layer.label}, gate {gate}", place.name, not _only_normalized(node, layer)
        )
        decisions = self.builder.decisions
        if layer.name not in self.lifts:
            self.lifts[layer.name] = decisions.keep(
                f"{layer.name}: lifts",
                lambda: self._lifts(node, args, layer),
                by_name(lambda _, found: integer(0, 31)(found)),
            )
        own_widths = self.rounding.options.of(layer.name)
        doubled = own_widths.doubled
        operands: list[Operand] = []
        wide: list[Operand] = []
        narrow: list[Operand] = []
        for v, m in zip(args, node.matrices, strict=True):
            weights = layer.op.params[m].astype(np.float64)
            found = self._operands(v, f"{layer.name}.{m}", weights, layer.name)
            lifted = [self._lifted(operand, layer.name) for operand in found]
            operands += lifted
            (wide if m in doubled else narrow).extend(lifted)
        ratio = sharing_ratio(self.rounding.options.of(layer.name).activations)
        twice, once = (
            self._groups(f"{prefix}: {which}", tuple(some), ratio)
            for which, some in (("doubled", wide), ("sums", narrow))
        )
        groups = [*twice, *once]
        parts = []
        for k, group in enumerate(groups):
            last = k == len(groups) - 1
            own = bias if last else np.zeros_like(bias)
            columns = columns_of(group, tuple(operands))
            suffix = "" if len(groups) == 1 else f"_{group[0].matrix.rsplit('.', 1)[1]}"
            emitted = (place.comment, f"{prefix}{suffix}")
            name = f"{place.name}{suffix}"
            if k < len(twice) and own_widths.in_parts:
                parts += self._doubled(group, own, called, key, columns, name, emitted, at)
                continue
            rows = self.rounding.rows(group, own, called, key, columns, wide=k < len(twice))
            parts.append(emit_rows(self.builder, group, rows, name, *emitted, at))
        total = parts[0]
        for k, part in enumerate(parts[1:], 2):
            name = place.name if k == len(parts) else f"{place.name}_of_{k}"
            total = add_or_subtract(self.builder, "add", total, part, name, place.comment)
        return number(total)

    def _groups(
        self, name: str, operands: tuple[Operand, ...], ratio: float
    ) -> list[tuple[Operand, ...]]:
        """As `sharing_groups`, or as it was for other weights."""
        named = {o.matrix: o for o in operands}
        kept = self.builder.decisions.keep(
            name,
            lambda: [[o.matrix for o in group] for group in sharing_groups(operands, ratio)],
            lambda found: _partition(found, named),
        )
        return [tuple(named[matrix] for matrix in group) for group in kept]

    def _doubled(
        self,
        group: tuple[Operand, ...],
        bias: Doubles,
        called: Called,
        reads: tuple[str, ...],
        columns: Ints,
        name: str,
        emitted: tuple[str, str],
        at: Positions,
    ) -> list[Value]:
        """The products of matrices of twice as many bits: two, of the same operands."""
        coarse, fine, left = self.rounding.doubled_rows(group, bias, called, reads, columns)
        comment, gate = emitted
        return [
            emit_rows(self.builder, group, coarse, f"{name}_high", comment, f"{gate}_high", at),
            emit_rows(self.builder, left, fine, f"{name}_low", comment, f"{gate}_low", at),
        ]

    def _lifts(self, node: Expr, args: list[Number | Joined], layer: Node[Layer]) -> dict[str, int]:
        """What the operands of a product are shifted left by in all products of their layer."""
        found: dict[str, list[Doubles]] = {}
        largest: dict[str, int] = {}
        for e in layer.op.cell.nodes:
            for arg, matrix in zip(e.args, e.matrices, strict=False):
                value = next((v for a, v in zip(node.args, args, strict=True) if a is arg), None)
                if value is None or e.kind != "affine":
                    continue
                weights = layer.op.params[matrix].astype(np.float64)
                for o in self._operands(value, matrix, weights, layer.name):
                    found.setdefault(o.value.name, []).append(np.abs(o.weights * o.scale))
                    largest[o.value.name] = o.largest
        sizes = {
            name: typical(np.concatenate([w.max(axis=1) for w in each]))
            for name, each in found.items()
        }
        return lifts([Weighed(name, size, largest[name]) for name, size in sizes.items()])

    def _lifted(self, operand: Operand, layer: str) -> Operand:
        bits = self.lifts[layer].get(operand.value.name, 0)
        if not bits:
            return operand
        key = (layer, operand.value.name)
        if key not in self.lifted:
            name = operand.value.name.removeprefix(f"{layer}.").replace(".", "_")
            self.lifted[key] = lift(self.builder, operand.value, bits, f"{layer}.{name}_lifted")
        return lifted_operand(operand, self.lifted[key], bits)

    def _operands(
        self, x: Number | Joined, matrix: str, weights: Doubles, layer: str
    ) -> list[Operand]:
        """A factor, or the parts of a joined one with their columns: each keeps its own scale."""
        if isinstance(x, Number):
            return [_operand(x, matrix, weights)]
        found, start = [], 0
        for k, part in enumerate(x.parts):
            columns = weights[:, start : start + part.length]
            stored = self.storing.storable(part, layer, alone=True)
            found += self._operands(stored, f"{matrix}_{k}", columns, layer)
            start += part.length
        return found

    def over_time(self, node: Node[DenseOverTime], x: Number) -> tuple[Value, Rows]:
        """The running sum of products with the weights of each step, and how it is scaled."""
        operands = tuple(
            _operand(x, f"{node.name}.W{t}", node.op.weights[t].astype(np.float64))
            for t in range(len(node.op.weights))
        )
        called = Called(node.name, node.label, f"{node.name}.sum_next")
        bias = node.op.bias.astype(np.float64)
        rows = self.rounding.rows_over_time(operands, bias, called, x.real, f"{node.name}.W")
        return emit_running_sum(self.builder, x.value, rows, node.name), rows


def _only_normalized(node: Expr, layer: Node[Layer]) -> bool:
    """True where nothing but layer_norm reads a product."""
    results = layer.op.cell.results.values()
    kinds = {e.kind for e in layer.op.cell.readers.get(id(node), ())}
    return kinds == {"layer_norm"} and all(root is not node for root in results)


def _operand(x: Number, matrix: str, weights: Doubles) -> Operand:
    scale, zero_point = x.meaning()
    read = slice(weights.shape[1])  # at each position
    return Operand(
        x.value, matrix, weights, scale[read], zero_point[read], x.value.format.magnitude
    )


def _partition(found: Any, names: Collection[str]) -> list[list[str]]:
    """Groups of names, each of which is in one."""
    groups = [[str(name) for name in group] for group in found]
    if sorted(name for group in groups for name in group) != sorted(names):
        raise ValueError(f"{found!r:.60} are no groups of {', '.join(names)}")
    return groups
