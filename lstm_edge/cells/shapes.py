"""Sizes that equations depend on, by the arrays that a layer has."""

from __future__ import annotations

from collections.abc import Mapping

from lstm_edge.errors import ModelError

Shapes = Mapping[str, tuple[int, ...]]
"""Name of a parameter -> shape of its array; what a function of a cell gets as `shapes`."""


def shape_of(shapes: Shapes, name: str, axes: int) -> tuple[int, ...]:
    """The shape of an array of so many axes. Raises ModelError for others, and without it."""
    if name not in shapes:
        raise ModelError(name, "is not there; the sizes of the cell follow from it")
    if len(shapes[name]) != axes:
        raise ModelError(name, f"is {list(shapes[name])}, expected {axes} axes")
    return shapes[name]


def check_shape(shapes: Shapes, name: str, expected: tuple[int, ...]) -> None:
    """Raises ModelError where an array that is there has another shape."""
    if shapes.get(name, expected) != expected:
        raise ModelError(name, f"is {list(shapes[name])}, expected {list(expected)}")


def rows_of(shapes: Shapes, name: str, parts: int = 1) -> int:
    """Rows of a matrix, each of `parts` equal blocks of them. Raises ModelError for others."""
    rows, _ = shape_of(shapes, name, 2)
    if rows % parts:
        raise ModelError(name, f"has {rows} rows, expected a multiple of {parts}")
    return rows // parts
