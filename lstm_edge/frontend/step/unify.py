"""Whether two cells compute the same, whatever their names, and how a file writes a sum.

Both are polynomials over atoms: functions, products with a matrix, leaves. A `slot` of the pattern
stands for any function of one operand, the same wherever it comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from lstm_edge.ir.expr import Expr, walk

SLOT = "slot"
MOST_MONOMIALS = 24
"""Of a sum; what is longer is no cell that has a name."""

Polynomial = dict[tuple[int, ...], float]


@dataclass(frozen=True)
class Binding:
    """What names of the pattern stand for; slots: name -> a function, as the expression and the
    part of it that is its operand.
    """

    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    slots: Mapping[str, tuple[Expr, Expr]] = field(default_factory=dict)

    def bound(self, kind: str, name: str, to: str) -> Binding | None:
        """With one more name, None where that contradicts."""
        known = self.names.get((kind, name))
        if known is not None:
            return self if known == to else None
        return Binding({**self.names, (kind, name): to}, self.slots)


class Unifier:
    """Finds bindings of one pattern's expressions to those of a cell. whole: whether a sum of
    functions of one operand, as Elu, is one atom.
    """

    def __init__(self, whole: bool = False) -> None:
        self.whole = whole
        self._atoms: list[Expr] = []
        self._numbers: dict[int, int] = {}
        self._polynomials: dict[int, tuple[Expr, Polynomial]] = {}

    def unify(self, pattern: Expr, cell: Expr, binding: Binding) -> Iterator[Binding]:
        """Bindings under which both are the same numbers."""
        mine, theirs = self.polynomial(pattern), self.polynomial(cell)
        if len(mine) != len(theirs) or len(mine) > MOST_MONOMIALS:
            return
        yield from self._sums(list(mine.items()), list(theirs.items()), binding)

    def _sums(
        self,
        mine: Sequence[tuple[tuple[int, ...], float]],
        theirs: Sequence[tuple[tuple[int, ...], float]],
        binding: Binding,
    ) -> Iterator[Binding]:
        if not mine:
            yield binding
            return
        first = mine[0]
        for k, other in enumerate(theirs):
            factor = other[1] / first[1]
            if len(first[0]) == len(other[0]) and (factor == 1.0 or self._has_slot(first[0])):
                rest = [*theirs[:k], *theirs[k + 1 :]]
                for found in self._products(first[0], other[0], factor, binding):
                    yield from self._sums(mine[1:], rest, found)

    def _products(
        self, mine: tuple[int, ...], theirs: tuple[int, ...], factor: float, binding: Binding
    ) -> Iterator[Binding]:
        """Each atom of a product is one of another; a factor is that of the first slot."""
        if not mine:
            if factor == 1.0:
                yield binding
            return
        a = self._atoms[mine[0]]
        for k in range(len(theirs)):
            b, left = self._atoms[theirs[k]], (*theirs[:k], *theirs[k + 1 :])
            if a.kind == SLOT:
                for found in self._slot(a, b, factor, binding):
                    yield from self._products(mine[1:], left, 1.0, found)
            else:
                for found in self._atom(a, b, binding):
                    yield from self._products(mine[1:], left, factor, found)

    def _has_slot(self, atoms: tuple[int, ...]) -> bool:
        return any(self._atoms[a].kind == SLOT for a in atoms)

    def _atom(self, a: Expr, b: Expr, binding: Binding) -> Iterator[Binding]:
        if a.kind in ("input", "state", "param"):
            found = binding.bound(a.kind, a.name, b.name) if a.kind == b.kind else None
            if found is not None:
                yield found
        elif a.kind == b.kind == "affine":
            yield from self._affine(a, b, binding)
        elif (a.kind, a.name, a.value, a.units, len(a.args)) == (
            *(b.kind, b.name, b.value, b.units),
            len(b.args),
        ):
            yield from self._each(list(zip(a.args, b.args, strict=True)), binding)

    def _each(self, pairs: Sequence[tuple[Expr, Expr]], binding: Binding) -> Iterator[Binding]:
        if not pairs:
            yield binding
            return
        for found in self.unify(*pairs[0], binding):
            yield from self._each(pairs[1:], found)

    def _affine(self, a: Expr, b: Expr, binding: Binding) -> Iterator[Binding]:
        begun = binding.bound("param", a.name, b.name)
        if begun is None or len(a.args) != len(b.args):
            return
        for order in permutations(range(len(b.args))):
            found: Binding | None = begun
            for matrix, k in zip(a.matrices, order, strict=True):
                found = None if found is None else found.bound("param", matrix, b.matrices[k])
            if found is not None:
                pairs = [(e, b.args[k]) for e, k in zip(a.args, order, strict=True)]
                yield from self._each(pairs, found)

    def _slot(self, a: Expr, b: Expr, factor: float, binding: Binding) -> Iterator[Binding]:
        """A function of the operand of a slot, times a factor."""
        b = b if factor == 1.0 else b * factor
        known = binding.slots.get(a.name)
        if known is not None:
            operand = hole(*known, b)
            if operand is not None:
                yield from self.unify(a.args[0], operand, binding)
            return
        for operand in walk(b):
            if operand is not b and _depends_by(b, operand):
                slots = {**binding.slots, a.name: (b, operand)}
                yield from self.unify(a.args[0], operand, Binding(binding.names, slots))

    def polynomial(self, e: Expr) -> Polynomial:
        """Products of atoms -> coefficient."""
        if id(e) in self._polynomials:
            return self._polynomials[id(e)][1]
        if e.kind == "constant":
            result: Polynomial = {(): e.value}
        elif e.kind in ("add", "sub"):
            result = dict(self.polynomial(e.args[0]))
            sign = 1.0 if e.kind == "add" else -1.0
            for key, value in self.polynomial(e.args[1]).items():
                result[key] = result.get(key, 0.0) + sign * value
        elif e.kind == "mul":
            result = {}
            for key, value in self.polynomial(e.args[0]).items():
                for other, factor in self.polynomial(e.args[1]).items():
                    product = tuple(sorted(key + other))
                    result[product] = result.get(product, 0.0) + value * factor
        else:
            result = {(self._number(e),): 1.0}
        result = {key: value for key, value in result.items() if value}
        function = self.whole and e.kind in ("add", "sub") and self._is_function(result)
        if len(result) > MOST_MONOMIALS or function:  # a long one is no cell that has a name
            result = {(self._number(e),): 1.0}
        self._polynomials[id(e)] = e, result  # e as well: another one would get its id
        return result

    def _is_function(self, sum_: Polynomial) -> bool:
        """True for several functions of one operand, and a constant."""
        atoms = [self._atoms[key[0]] for key in sum_ if len(key) == 1]
        if len(atoms) < 2 or len(atoms) < len(sum_.keys() - {()}):
            return False
        operands = [e for e in walk(atoms[0]) if e is not atoms[0] and e.kind != "constant"]
        return any(all(a is not e and _depends_by(a, e) for a in atoms) for e in operands)

    def _number(self, e: Expr) -> int:
        """Atoms are counted as they come, so that all orders are those of the equations."""
        if id(e) not in self._numbers:
            self._numbers[id(e)] = len(self._atoms)
            self._atoms.append(e)
        return self._numbers[id(e)]


def _depends_by(e: Expr, operand: Expr) -> bool:
    """True where `e` is a function of `operand` and constants alone."""
    if e is operand or e.kind == "constant":
        return True
    plain = ("add", "sub", "mul", "larger", "smaller", "above", "apply")
    return e.kind in plain and all(_depends_by(a, operand) for a in e.args)


def hole(form: Expr, operand: Expr, e: Expr) -> Expr | None:
    """What stands in `e` where `form` has `operand`; None where they are different functions."""
    found: list[Expr] = []

    def same(a: Expr, b: Expr) -> bool:
        if a is operand:
            found.append(b)
            return True
        equal = (a.kind, a.name, a.value, len(a.args)) == (b.kind, b.name, b.value, len(b.args))
        return equal and all(map(same, a.args, b.args))

    if not same(form, e) or not found or any(b is not found[0] for b in found):
        return None
    return found[0]


def filled(form: Expr, operand: Expr, value: Expr) -> Expr:
    """The function `form` of `operand`, of another value."""
    made: dict[int, Expr] = {id(operand): value}
    for e in walk(form):
        if id(e) not in made:
            args = tuple(made[id(a)] for a in e.args)
            made[id(e)] = Expr(e.kind, args, e.name, e.value, e.matrices, e.units)
    return made[id(form)]
