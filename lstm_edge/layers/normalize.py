"""Layers that bring a vector to another mean and scale: learned ones, or its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.expr import Cell, Expr, input_vector, layer_norm, param
from lstm_edge.ir.model import Floats, Layer, Node, Work, is_a

SCALE = "scale"
"""The name of a cell of `scale_layer`."""
Doubles = npt.NDArray[np.float64]

LARGEST_OFFSET = 64.0
"""Beyond it gain * x and an offset cancel in float32: the sum would be less exact than 1e-5."""


def layer_normalization(epsilon: float, gain: bool = True, offset: bool = True) -> Cell:
    """(x - mean) / sqrt(variance + epsilon) over the features of each vector (Ba et al. 2016).

    Weights `gain` and `offset` [features], either where it is wanted.
    """
    y: Expr = layer_norm(input_vector("x"), epsilon)
    y = y * param("gain") if gain else y
    return Cell("layer_norm", {"y": y + param("offset") if offset else y})


def scale_layer(gain: Doubles, offset: Doubles) -> tuple[Cell, dict[str, Floats]]:
    """gain * x + offset, each of one number or one for each feature; and its weights.

    A large offset goes before the product, as offset / gain: x minus its mean is exact in float32,
    where gain * x and the offset would cancel.
    """
    is_large = (np.abs(offset) > LARGEST_OFFSET) & (gain != 0.0)
    before = np.where(is_large, offset / np.where(is_large, gain, 1.0), 0.0)
    after = np.where(is_large, 0.0, offset)
    params: dict[str, Floats] = {}

    def number(name: str, values: Doubles) -> Expr | float:
        if values.size == 1:
            return float(values.reshape(-1)[0])
        with np.errstate(over="ignore"):  # infinity is refused by its name
            params[name] = values.astype(np.float32)
        return param(name)

    y: Expr = input_vector("x")
    y = y + number("before", before) if before.any() else y
    y = y * number("gain", gain) if (gain != 1.0).any() else y
    y = y + number("offset", after) if after.any() else y
    return Cell(SCALE, {"y": y}), params


def is_scale(node: Node[Work]) -> TypeGuard[Node[Layer]]:
    """Whether a node is a layer of `scale_layer`."""
    return is_a(node, Layer) and node.op.cell.name == SCALE


def slope_and_offset(layer: Node[Layer]) -> tuple[Doubles, Doubles]:
    """gain and offset of a layer of `scale_layer`, of one number or one for each feature."""
    at_0, at_1 = (_value(layer.op.cell.results["y"], np.full(1, x), layer) for x in (0.0, 1.0))
    return at_1 - at_0, at_0


def number_of(node: Expr, params: Mapping[str, Floats]) -> Doubles:
    """A constant or a parameter as numbers."""
    return np.asarray(params[node.name] if node.kind == "param" else [node.value], np.float64)


def _value(node: Expr, x: Doubles, layer: Node[Layer]) -> Doubles:
    if node.kind == "input":
        return x
    if not node.args:
        return number_of(node, layer.op.params)
    a, b = (_value(e, x, layer) for e in node.args)
    return a + b if node.kind == "add" else a * b
