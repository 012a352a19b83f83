"""Leaves as equations: each selection an expression, each matrix a parameter."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.step.function import TIMES
from lstm_edge.frontend.step.leaves import Leaves, Term
from lstm_edge.frontend.step.symbols import Integers, Selection
from lstm_edge.functions import sum_of
from lstm_edge.ir import expr as ex
from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import Floats

Doubles = npt.NDArray[np.float64]

MOST_SUMMED = 64
"""Products that are added up one by one, as those of a row of a memory and a query."""


class Equations:
    """Expressions of one cell and its parameters, as they are asked for.

    results: leaves that are results of the cell, hence computed once and as a whole. given: leaves
    that are expressions of the cell already: its inputs and states, by their names.
    """

    def __init__(self, leaves: Leaves, results: set[int], given: dict[int, Expr]) -> None:
        self.leaves, self.results = leaves, results
        self._values = results | given.keys()
        self.params: dict[str, Floats] = {}
        self._made: dict[tuple[int, bytes], Expr] = {}
        self._given = given
        self._sizes: dict[int, int] = {}
        self._arrays: dict[bytes, str] = {}
        self._products: dict[object, tuple[Expr, Doubles]] = {}

    def expr(self, selection: Selection) -> Expr:
        """The equation of a selection; one number where all of its units are the same."""
        leaf, units = selection
        if len(units) > 1 and (units == units[0]).all() and self.leaves[leaf].kind != "const":
            units = units[:1]
        key = (leaf, units.tobytes())
        if key not in self._made:
            self._made[key] = made = self._new(leaf, units)
            self._sizes.setdefault(id(made), self._size(leaf, units, made))
        return self._made[key]

    def _size(self, leaf: int, units: Integers, made: Expr) -> int:
        """Units that an expression has: an elementwise one may be of one number for all."""
        if made.kind == "constant":
            return 1
        elementwise = made.kind not in ("affine", "param", "join", "take", "input", "state")
        known = [self._sizes.get(id(e)) for e in made.args]
        if elementwise and self.leaves[leaf].kind in ("each", "linear"):
            return max((size for size in known if size is not None), default=len(units))
        return len(units)

    def _sized(self, selection: Selection) -> Expr:
        """With all of its units: numbers as a parameter, one number for all repeated."""
        units = selection[1]
        if self.leaves.is_constant(selection):
            return self._param(self.leaves.constant(selection), "p", folded=False)
        made = self.expr(selection)
        if len(units) > 1 and self._sizes[id(made)] == 1:
            return ex.take(made, [0] * len(units))
        return made

    def _new(self, number: int, units: Integers) -> Expr:
        leaf = self.leaves[number]
        if leaf.kind == "const":
            return self._param(leaf.numbers[units], "p")
        whole = self.leaves.is_whole((number, units))
        if number in self._given:
            return (
                self._given[number]
                if whole
                else ex.take(self.expr(self.leaves.units(number)), units)
            )
        if not whole and (number in self.results or leaf.kind == "whole"):
            return ex.take(self._sized(self.leaves.units(number)), units)
        if leaf.kind == "linear":
            return self._sum(*self.leaves.expanded((number, units), self._values))
        assert leaf.function is not None
        if leaf.kind == "each":
            return leaf.function.build(*(self.expr((i, u[units])) for i, u in leaf.args))
        return leaf.function.build(self.joined(leaf.args))

    def joined(self, parts: Sequence[Selection]) -> Expr:
        """The equation of selections end to end, of as many units as they have together."""
        sized = [self._sized(s) for s in parts]
        return sized[0] if len(sized) == 1 else ex.join(*sized)

    def _param(self, numbers: Doubles, base: str, folded: bool = True) -> Expr:
        """Numbers as a constant where they are all the same (unless not `folded`)."""
        rounded = numbers.astype(np.float32)
        if folded and (rounded == rounded.flat[0]).all():
            return ex.constant(float(rounded.flat[0]))
        return ex.param(self._kept(rounded, base))

    def _kept(self, array: Floats, base: str) -> str:
        """The name of an array; one name for the same numbers with the same base."""
        content = hashlib.blake2b(array.tobytes(), digest_size=16)
        content.update(f"{base} {array.shape}".encode())
        digest = content.digest()
        if digest not in self._arrays:
            count = sum(name.startswith(base) for name in self.params)
            self._arrays[digest] = f"{base}{count}"
            self.params[self._arrays[digest]] = np.ascontiguousarray(array)
        return self._arrays[digest]

    def _sum(self, terms: Sequence[Term], bias: Doubles) -> Expr:
        products = [(s, c) for s, c in terms if c.ndim == 2]
        rest = [(self.expr(s), c) for s, c in terms if c.ndim == 1]
        rest.sort(key=lambda pair: bool((pair[1] < 0).all()))
        total = self._total(products)
        if products and total is None:
            total, bias = self._affine(products, bias), np.zeros(1)
        elif total is None and bias.any() and (rest[0][1] < 0).all():
            total, bias = self._param(bias, "p"), np.zeros(1)
        for e, c in rest:
            minus = total is not None and bool((c < 0).all())
            c = -c if minus else c
            term = e if (c == 1).all() else e * self._param(c, "p")
            total = term if total is None else (total - term if minus else total + term)
        assert total is not None
        return total + self._param(bias, "p") if bias.any() else total

    def _total(self, products: Sequence[Term]) -> Expr | None:
        """Sums or means of as many products of the step itself, number by number, in all their
        bits: what a matrix multiplies is stored in 16, where small squares beside large ones are 0.
        """
        if len(products) != 1:
            return None
        selection, matrix = products[0]
        leaf, (rows, columns) = self.leaves[selection[0]], matrix.shape
        there = matrix != 0.0
        count, factor = int(there[0].sum()), float(np.float32(matrix.max()))
        alike = (there.sum(axis=1) == count).all() and (matrix[there] == matrix.max()).all()
        summed = count > 1 and (count == columns or count <= MOST_SUMMED)
        if leaf.function != TIMES or not alike or not summed:
            return None
        operand = self.expr(selection)
        if self._sizes[id(operand)] != columns:
            return None
        places = np.nonzero(there)[1].reshape(rows, count)
        if count == columns:
            made = ex.total(operand)
        else:
            made = sum_of([ex.take(operand, places[:, k]) for k in range(count)])
        made = made if factor == 1.0 else made * factor
        self._sizes[id(made)] = 1 if count == columns else rows
        return made

    def _affine(self, products: Sequence[Term], bias: Doubles) -> Expr:
        """One product of all matrices; two that differ in the bias only are one."""
        pairs = [self._factor(s, c) for s, c in products]
        key = tuple(sorted((id(e), m.shape, m.tobytes()) for e, m in pairs))
        if key in self._products:
            found, first = self._products[key]
            rest = bias - first
            return found if not rest.any() else found + self._param(rest, "d")
        gate = f"g{len(self._products)}"
        names = []
        for k, (e, m) in enumerate(pairs):
            kind = "W" if e.kind == "input" else "R"
            names.append(f"{kind}_{gate}" + (f"_{k}" if len(pairs) > 1 else ""))
            self.params[names[-1]] = m
        self.params[f"b_{gate}"] = bias.astype(np.float32)
        operands = tuple(e for e, _ in pairs)
        made = Expr("affine", operands, name=f"b_{gate}", matrices=tuple(names))
        self._sizes[id(made)] = len(bias)
        self._products[key] = (made, bias)
        return made

    def _factor(self, selection: Selection, matrix: Doubles) -> tuple[Expr, Floats]:
        """What a matrix multiplies; the columns of one number for all are one."""
        operand = self.expr(selection)
        if self._sizes[id(operand)] == 1 and matrix.shape[1] > 1:
            matrix = matrix.sum(axis=1, keepdims=True)
        return operand, np.ascontiguousarray(matrix, np.float32)
