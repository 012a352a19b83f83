"""What tensors of a quantized graph stand for."""

from __future__ import annotations

from dataclasses import dataclass

from onnx import AttributeProto

from lstm_edge.frontend.rewrite.quantized.grids import RANGES, Array, Grid


@dataclass(frozen=True)
class Live:
    """A grid that DynamicQuantizeLinear chooses as the model runs: names of its two tensors."""

    scale: str
    zero: str


@dataclass(frozen=True)
class Stored:
    """A tensor of integers: the float tensor `value`, at a grid."""

    value: str
    grid: Grid | Live


@dataclass(frozen=True)
class Factor:
    """A number known as the model runs: the tensor `scale` of a Live grid times constants."""

    scale: str
    factor: Array


@dataclass(frozen=True)
class Product:
    """A sum of integer products that its scales are still to be multiplied with.

    op: the operator on floats, "MatMul" or "Conv", which reads `value` and weights; it must be
    multiplied with `scale` (of a Live grid, or a number) and is with `factor`.
    """

    op: str
    value: str
    weights: Array
    scale: str | Array
    factor: Array
    attributes: tuple[AttributeProto, ...] = ()


def alike(one: Grid | Live, other: Grid | Live | None) -> bool:
    """True where the same integers mean the same numbers."""
    if isinstance(one, Grid) and isinstance(other, Grid):
        return one.same(other)
    return one == other if isinstance(one, Live) and isinstance(other, Live) else False


def storable(grid: Grid | Live | None) -> bool:
    """True for a constant grid of a whole tensor in integers that activations are stored in."""
    return isinstance(grid, Grid) and grid.single and grid.zero.dtype.name in RANGES
