"""Scales and zero points of the model's inputs, one per feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.expr import walk
from lstm_edge.ir.model import Concat, DenseOverTime, FirstStep, LastStep, Layer, Model

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HEADROOM = 2.0
"""How far beyond the calibrated range an input may go before it saturates."""
MARGIN_8_BITS = 1.1
"""The same where 8 bits leave little to give away."""
LEAST_DRIVE = {8: 0.25, 12: 1.0, 16: 1.0}
"""A feature may at least move a pre-activation by this much, however little calibration moved it:
one that stood still there may not elsewhere. By width of the activations; costs 1e-4 at 12 bits."""
SATURATING_DRIVE = 32.0
"""Without data: an input that moves a pre-activation by this much has saturated every gate."""
UNREAD_RANGE = 64.0
"""Without data: the range of an input that no matrix reads, only functions that saturate."""
DRAWN_RANGE = 8.0
"""Without data: the range that inputs drawn from a normal distribution stay in."""


@dataclass(frozen=True)
class InputFormat:
    """Real value of feature k: scale[k] * (q - zero_point[k]), q of `bits` bits, stored as int16
    (int8 where 8 bits).
    """

    scale: Doubles
    zero_point: Ints
    bits: int


def drawn_format(columns: Doubles, activations: int) -> InputFormat:
    """Without calibration data: a range from the weights, so wide that nothing useful clips.

    columns: largest weight of each feature [features].
    """
    drive = SATURATING_DRIVE / np.maximum(columns, 2.0**-10)
    half = np.where(columns > 0.0, np.maximum(drive, DRAWN_RANGE), UNREAD_RANGE)
    bits = 8 if activations == 8 else 16
    if bits == 8:
        half = np.full_like(half, DRAWN_RANGE)
    return InputFormat(half / (2 ** (bits - 1) - 1), np.zeros(len(half), np.int64), bits)


def calibrated_format(
    low: Doubles, high: Doubles, columns: Doubles, balanced: float, activations: int
) -> InputFormat:
    """From the calibrated range [low, high] per feature.

    columns: largest weight of each feature; balanced: what `columns * scale` should be, so that
    the input's part of a row has weights as large as the other operand's (0: no other operand).
    """
    middle, half = (low + high) / 2.0, (high - low) / 2.0
    off_centre = np.abs(middle) > 0.25 * half
    middle = np.where(off_centre, middle, 0.0)
    half = np.where(off_centre, half, np.maximum(np.abs(low), np.abs(high)))
    least = LEAST_DRIVE[activations] / np.maximum(columns, 2.0**-10)
    half = np.maximum(half, np.where(columns > 0.0, least, 1.0))
    if activations == 8:
        bits, scale = 8, half * MARGIN_8_BITS / 127.0
    else:
        extra = 2 if activations == 12 else 0
        bits = min(activations + extra, 16)
        finest = half * HEADROOM / (2 ** (bits - 1) - 1)
        coarsest = half / 2 ** (activations - 3)
        wanted = balanced / np.maximum(columns, 2.0**-30) if balanced > 0.0 else coarsest
        scale = np.minimum(np.maximum(wanted, finest), np.maximum(coarsest, finest))
    return InputFormat(scale, -np.floor(middle / scale + 0.5).astype(np.int64), bits)


def reading_weights(model: Model, tensor: str) -> tuple[Doubles, Doubles]:
    """Largest weight that meets each feature of `tensor`, and the largest recurrent weights
    of the layers that read it; both empty where no matrix reads it.
    """
    features = model.tensors[tensor].features
    columns: list[Doubles] = []
    recurrent: list[float] = []
    places = {tensor: slice(0, features)}
    for node in model.nodes:
        if isinstance(node, LastStep | FirstStep) and node.input in places:
            places[node.output] = places[node.input]
        elif isinstance(node, Concat):
            places |= _inside(model, node, places)
        elif isinstance(node, DenseOverTime) and node.input in places:
            weights = np.abs(node.weights).max(axis=(0, 1)).astype(np.float64)
            columns.append(weights[places[node.input]])
        elif isinstance(node, Layer):
            own, other = _layer_weights(node, places)
            columns += own
            recurrent += other
    largest = np.max(columns, axis=0) if columns else np.zeros(0)
    return largest, np.array(recurrent)


def _inside(model: Model, node: Concat, places: Mapping[str, slice]) -> dict[str, slice]:
    """Where the features lie in a concat, if it has them."""
    start = 0
    for part in node.inputs:
        if part in places:
            place = places[part]
            return {node.output: slice(start + place.start, start + place.stop)}
        start += model.tensors[part].features
    return {}


def _layer_weights(layer: Layer, places: Mapping[str, slice]) -> tuple[list[Doubles], list[float]]:
    columns, recurrent = [], []
    for e in walk(*layer.cell.results.values()):
        if e.kind != "affine":
            continue
        reads = [
            places.get(layer.inputs[operand.name]) if operand.kind == "input" else None
            for operand in e.args
        ]
        for matrix, place in zip(e.matrices, reads, strict=True):
            weights = np.abs(layer.params[matrix]).astype(np.float64)
            if place is not None:
                columns.append(weights.max(axis=0)[place])
            elif any(reads):
                recurrent.append(float(weights.max()))
    return columns, recurrent
