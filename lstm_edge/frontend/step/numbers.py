"""Leaves as numbers, for many sets of inputs at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lstm_edge.frontend.step.function import Doubles
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.symbols import Selection


class Numbers:
    """What leaves are. given: leaf -> its numbers [..., size], of all inputs and states."""

    def __init__(self, leaves: Leaves, given: Mapping[int, Doubles]) -> None:
        self.leaves = leaves
        self.known = dict(given)
        self.sets = next(iter(given.values())).shape[:-1]

    def selection(self, chosen: Selection) -> Doubles:
        """The numbers of units of a leaf."""
        return self.leaf(chosen[0])[..., chosen[1]]

    def leaf(self, number: int) -> Doubles:
        """The numbers of a leaf."""
        waiting = [number]
        while waiting:
            last = waiting[-1]
            missing = [i for i, _ in self.leaves[last].operands if i not in self.known]
            if last in self.known or not missing:
                waiting.pop()
            waiting += missing if last not in self.known else []
            if last not in self.known and not missing:
                self.known[last] = self._computed(last)
        return self.known[number]

    def _computed(self, number: int) -> Doubles:
        leaf = self.leaves[number]
        if leaf.kind == "const":
            return np.broadcast_to(leaf.numbers, (*self.sets, leaf.size))
        if leaf.kind == "linear":
            total = np.broadcast_to(leaf.numbers, (*self.sets, leaf.size))
            for chosen, factor in leaf.terms:
                value = self.selection(chosen)
                total = total + (value @ factor.T if factor.ndim == 2 else value * factor)
            return total
        if leaf.function is None:
            raise KeyError(f"leaf {number} ({leaf.kind} {leaf.name}) is not given")
        values = [self.selection(s) for s in leaf.args]
        if leaf.kind == "whole":
            values = [np.concatenate(values, axis=-1)]
        return leaf.function.numbers(*values)
