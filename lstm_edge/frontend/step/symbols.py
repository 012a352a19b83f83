"""Tensors of one recurrent step as arrays of symbols.

A symbol is (leaf, unit): number `unit` of a vector that is known by its leaf; `leaves.py` says what
leaves are. What only moves numbers is the operator itself, run on two arrays of integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Selection = tuple[int, Integers]
"""Units of one leaf, in an order: (leaf, units [n])."""


@dataclass(frozen=True, eq=False)
class Symbols:
    """A tensor of symbols; `leaf` and `unit` have its shape."""

    leaf: Integers
    unit: Integers

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self.leaf.shape

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return self.leaf.size

    def moved(self, move: Callable[[Any], Any]) -> Symbols:
        """What a function that only moves numbers makes of it."""
        return Symbols(np.asarray(move(self.leaf)), np.asarray(move(self.unit)))

    def at(self, places: Integers) -> Symbols:
        """Some of the numbers of a vector, in the order of `places`."""
        return Symbols(self.leaf[places], self.unit[places])

    def flat(self) -> Symbols:
        """All numbers as one vector."""
        return Symbols(self.leaf.reshape(-1), self.unit.reshape(-1))

    def same_as(self, other: Symbols) -> bool:
        """True where both are the same numbers in the same places."""
        return np.array_equal(self.leaf, other.leaf) and np.array_equal(self.unit, other.unit)


def vector(leaf: int, shape: Sequence[int]) -> Symbols:
    """All units of a leaf in order, as a tensor."""
    size = int(np.prod(shape, dtype=np.int64))
    return Symbols(np.full(shape, leaf, np.int64), np.arange(size, dtype=np.int64).reshape(shape))


def leaves_of(tensor: Symbols) -> set[int]:
    """The leaves that a tensor has numbers of."""
    return set(tensor.leaf.reshape(-1).tolist())


def together(parts: Sequence[Symbols], join: Callable[[list[Any]], Any]) -> Symbols:
    """Several tensors as one, as `join` does it with arrays: np.concatenate, np.stack."""
    return Symbols(join([p.leaf for p in parts]), join([p.unit for p in parts]))


def end_to_end(parts: Sequence[Selection]) -> Symbols:
    """Selections as one vector."""
    return Symbols(
        np.concatenate([np.full(len(units), leaf) for leaf, units in parts]),
        np.concatenate([units for _, units in parts]),
    )


def broadcast(*tensors: Symbols) -> tuple[Symbols, ...]:
    """All with the shape that ONNX's broadcasting gives them."""
    if all(t.shape == tensors[0].shape for t in tensors):
        return tensors
    shape = np.broadcast_shapes(*(t.shape for t in tensors))
    return tuple(t.moved(lambda a: np.broadcast_to(a, shape)) for t in tensors)


def runs(*tensors: Symbols) -> Iterator[tuple[int, int, tuple[Selection, ...]]]:
    """Neighbouring numbers that have the same leaves, over the flattened tensors of one size:
    (begin, end, the selection of each).
    """
    flats = [t.flat() for t in tensors]
    size = flats[0].size
    if size == 0:
        return
    cut = np.zeros(size + 1, bool)
    cut[0] = cut[size] = True
    for t in flats:
        cut[1:size] |= t.leaf[1:] != t.leaf[:-1]
    at = np.flatnonzero(cut)
    for begin, end in zip(at[:-1].tolist(), at[1:].tolist(), strict=True):
        yield begin, end, tuple((int(t.leaf[begin]), t.unit[begin:end]) for t in flats)


def selections(tensor: Symbols) -> list[Selection]:
    """The numbers of a tensor as units of one leaf after the other."""
    return [found[0] for _, _, found in runs(tensor)]


def groups(*tensors: Symbols) -> Iterator[tuple[Integers, tuple[Selection, ...]]]:
    """Numbers that have the same leaves, wherever they lie in the flattened tensors of one size:
    (places in order, the selection of each).
    """
    flats = [t.flat() for t in tensors]
    if flats[0].size == 0:
        return
    if all((t.leaf == t.leaf[0]).all() for t in flats):
        yield np.arange(flats[0].size), tuple((int(t.leaf[0]), t.unit) for t in flats)
        return
    found: dict[tuple[int, ...], list[int]] = {}
    for place, leaves in enumerate(zip(*(t.leaf.tolist() for t in flats), strict=True)):
        found.setdefault(leaves, []).append(place)
    for leaves, listed in found.items():
        places = np.array(listed)
        yield places, tuple((leaf, t.unit[places]) for leaf, t in zip(leaves, flats, strict=True))
