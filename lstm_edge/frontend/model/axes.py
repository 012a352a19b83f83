"""Symbolic axes: which number of a tensor is which vector's which feature at which step.

The data of a model has few axes that matter: batch rows, time steps, features. Each one that is
longer than one is an `Atom`. An axis of an ONNX tensor is a tuple of atoms: none for an axis of
size 1, several where a Reshape merged them, the outermost first. Moving data then is moving atoms,
and a Reshape is no work exactly when its result is the same sequence of atoms, grouped otherwise.
That is proved here from sizes alone: a reshape keeps the order of elements, so the grouping by
products of sizes is the only one. Axes of size 1 have no atom, hence cannot be confused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Atom:
    """One axis of the model's data, longer than 1. `name` is unique in a model.

    open: the size is a stand-in for any size.
    """

    name: str
    size: int
    open: bool = False


Axis = tuple[Atom, ...]
Axes = tuple[Axis, ...]


@dataclass(frozen=True)
class Cut:
    """What a reshape would need first: `atom` split into [outer, rest]."""

    atom: Atom
    outer: int


@dataclass(frozen=True, eq=False)
class View:
    """An ONNX tensor that is a model tensor looked at through `axes`.

    Its numbers are `scale * tensor + offset` where these are given, each one number, or one for
    each place along the atoms `along`, in their order: a normalization that waits to be folded into
    the next weights. `pending` names the node that asked for it. grid: the atoms that number the
    features, the outermost first, where there are others than one of role "feature": directions or
    layers, then units. ids: for a tensor of integers, what the view shows of them, number by
    number; see `operators/ids.py`. parts: what stands side by side on the last axis, where that are
    all steps of a sequence and others; there is no tensor of them then. picked: the steps of the
    tensor that the view shows, in any order, where an axis of role "picked" counts them; below 0
    from the end of an open length.
    """

    tensor: str
    axes: Axes
    scale: Doubles | None = None
    offset: Doubles | None = None
    along: Axis = ()
    pending: str = ""
    grid: Axis = ()
    ids: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] | None = None
    parts: tuple[View, ...] = ()
    picked: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return tuple(size_of(axis) for axis in self.axes)

    @property
    def atoms(self) -> Axis:
        """Those of all axes, in their order."""
        return tuple(atom for axis in self.axes for atom in axis)

    @property
    def plain(self) -> View:
        """The tensor itself, without numbers that wait."""
        return replace(self, scale=None, offset=None, along=(), pending="")

    def with_axis(self, k: int, *new: Axis) -> View:
        """With other axes, or none, in place of number k."""
        return replace(self, axes=(*self.axes[:k], *new, *self.axes[k + 1 :]))

    def widened(self, rank: int) -> View:
        """With axes of 1 in front, so that there are `rank`."""
        return replace(self, axes=((),) * (rank - len(self.axes)) + self.axes)


def size_of(axis: Axis) -> int:
    """Number of elements along an axis."""
    return math.prod(atom.size for atom in axis)


def several(atoms: Axis) -> Axis:
    """Atoms as a `grid`: one alone needs none."""
    return atoms if len(atoms) > 1 else ()


def atom_axis(name: str, size: int) -> Axis:
    """The axis of one new atom, or of none where the size is 1."""
    return (Atom(name, size),) if size > 1 else ()


def regroup(axes: Axes, shape: Sequence[int]) -> Axes | Cut | None:
    """`axes` grouped to give `shape`, whose product is theirs.

    Returns a Cut where an atom would have to be split first, None where no grouping exists.
    """
    atoms = [atom for axis in axes for atom in axis]
    result: list[Axis] = []
    for size in shape:
        group: list[Atom] = []
        rest = size
        while rest > 1 and atoms:
            if rest % atoms[0].size:
                return Cut(atoms[0], rest) if atoms[0].size % rest == 0 else None
            rest //= atoms[0].size
            group.append(atoms.pop(0))
        if rest > 1:
            return None
        result.append(tuple(group))
    return tuple(result) if not atoms else None


def substitute(axes: Axes, cuts: Callable[[Atom], Axis]) -> Axes:
    """`axes` with each atom replaced by the atoms that it was cut into."""
    return tuple(tuple(part for atom in axis for part in cuts(atom)) for axis in axes)


def describe(axes: Axes) -> str:
    """The shape as text for messages: [1, 7, 5], with ? for an open size."""
    sizes = ("?" if any(a.open for a in axis) else str(size_of(axis)) for axis in axes)
    return f"[{', '.join(sizes)}]"
