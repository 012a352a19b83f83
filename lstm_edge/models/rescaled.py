"""Scales and offsets of a file done by weights that are there anyway."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.model import DenseOverTime, Floats, Node, Work, is_a
from lstm_edge.layers.dense import is_dense
from lstm_edge.layers.embedding import is_embedding
from lstm_edge.layers.inner import is_convolution

Doubles = npt.NDArray[np.float64]


def rescaled(node: Node[Work], factor: Doubles, shift: Doubles) -> Node[Work] | None:
    """The node that makes `factor * y + shift` in place of y, each of one number or one for each
    unit: a dense layer, an embedding, a dense layer over time; None for any other. Weights may
    overflow float32: the caller says whose they are.
    """
    if is_dense(node):
        weights, bias = _rows(node.op.params["W_y"], node.op.params["b_y"], factor, shift)
        return replace(node, op=replace(node.op, params={"W_y": weights, "b_y": bias}))
    if is_convolution(node):
        bias = node.op.params["b_y"]
        rows = np.broadcast_to(factor, bias.shape)
        params = {n: _floats((a.T.astype(np.float64) * rows).T) for n, a in node.op.params.items()}
        params["b_y"] = _floats(params["b_y"].astype(np.float64) + shift)
        return replace(node, op=replace(node.op, params=params))
    if is_embedding(node):
        table = _floats(node.op.params["E"] * factor + shift)
        return replace(node, op=replace(node.op, params={"E": table}))
    if is_a(node, DenseOverTime):
        return replace(node, op=DenseOverTime(*_rows(node.op.weights, node.op.bias, factor, shift)))
    return None


def _rows(weights: Floats, bias: Floats, factor: Doubles, shift: Doubles) -> tuple[Floats, Floats]:
    """Weights [..., units, features] and bias [units] of factor * (W x + b) + shift."""
    rows = np.broadcast_to(factor, (len(bias),))
    scaled = weights.astype(np.float64) * rows[:, None]
    return _floats(scaled), _floats(bias.astype(np.float64) * rows + shift)


def _floats(numbers: npt.NDArray[np.floating]) -> Floats:
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(numbers, np.float32)
