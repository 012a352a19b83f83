"""Rows of a batch: whether a step computes each alone, and all alike.

Each row has inputs and states of its own. A result is row by row where every row is computed from
its own, and by the same leaves as the first.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.symbols import Selection, Symbols

NONE, SEVERAL = -1, -2
"""Rows of what is in no row, and of what is computed from more than one."""


class NotRows(Exception):
    """An axis that is no batch: rows are mixed, or differ."""


class RowsDiffer(NotRows):
    """Each row is computed alone, but not all alike. node: the first of them that is not."""

    def __init__(self, node: str) -> None:
        super().__init__("rows differ")
        self.node = node


class Rows:
    """What leaves are, whatever row they are of.

    own: inputs and states, leaf -> its row and what it is there. row, form: by leaf, its row, and a
    number that leaves of other rows have, too, where they are the same function of their own.
    """

    def __init__(self, leaves: Leaves, own: Mapping[int, tuple[int, str]]) -> None:
        self.leaves = leaves
        self.row = np.full(len(leaves), NONE)
        self.form = np.zeros(len(leaves), np.int64)
        known: dict[object, int] = {}
        for number in range(len(leaves)):
            key: object
            if number in own:
                self.row[number], key = own[number]
            else:
                rows = {int(self.row[i]) for i, _ in leaves[number].operands} - {NONE}
                self.row[number] = NONE if not rows else rows.pop() if len(rows) == 1 else SEVERAL
                key = self._key(number)
            self.form[number] = known.setdefault(key, len(known))

    def _key(self, number: int) -> object:
        leaf = self.leaves[number]
        key = leaf.function or leaf.name
        factors = [id(array) for _, array in leaf.terms]  # equal ones are kept once
        return (leaf.kind, leaf.size, key, leaf.numbers.tobytes(), *factors, *self._read(number))

    def _read(self, number: int) -> list[object]:
        found: list[object] = []
        for chosen in self.leaves[number].operands:
            known = self.leaves.is_constant(chosen)
            found += [self.leaves.constant(chosen).tobytes() if known else self._of(chosen)]
        return found

    def _of(self, chosen: Selection) -> object:
        return int(self.form[chosen[0]]), chosen[1].tobytes()

    def apart(self, value: Symbols, axis: int) -> bool:
        """Whether each place along an axis is computed from no other row than its own."""
        rows = np.moveaxis(self.row[value.leaf], axis, 0).reshape(value.shape[axis], -1)
        return bool(((rows == NONE) | (rows == np.arange(len(rows))[:, None])).all())

    def alike(self, value: Symbols, axis: int) -> bool:
        """Whether all places along an axis are the same, each of its own row."""
        leaf, unit = (np.moveaxis(a, axis, 0) for a in (value.leaf, value.unit))
        form = self.form[leaf]
        same = (form == form[:1]) & (unit == unit[:1])
        for at in np.argwhere(~same):
            pair = [(int(leaf[k]), unit[k][None]) for k in (tuple(at), (0, *at[1:]))]
            known = all(map(self.leaves.is_constant, pair))
            if not known or self.leaves.constant(pair[0]) != self.leaves.constant(pair[1]):
                return False
        return True

    def check(self, value: Symbols) -> None:
        """Raises NotRows where the first axis is no batch."""
        if not self.apart(value, 0):
            raise NotRows("a row is computed from others")
        if not self.alike(value, 0):
            raise NotRows("rows differ")
