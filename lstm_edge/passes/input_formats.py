"""Scales and zero points of the model's inputs, one per feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.expr import walk
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    FirstStep,
    LastStep,
    Layer,
    Model,
    Node,
    Slice,
)
from lstm_edge.layers.normalize import SCALE, slope_and_offset

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HEADROOM = 3.0
"""How far beyond the calibrated range an input may go before it saturates."""
MARGIN_8_BITS = 1.1
"""The same where 8 bits leave little to give away."""
LEAST_DRIVE = {8: 0.125, 12: 1.0, 16: 1.0}
"""A feature may move a pre-activation at least this share of what the strongest one does, however
still it stood in calibration; its noise is then no larger than the strongest one's. By width of the
activations."""
SATURATING_DRIVE = 64.0
"""Without data: an input that moves a pre-activation by this much has saturated every gate."""
OPEN_RANGE = 256.0
"""Without data: the range of an input that something else than gates reads."""
DRAWN_RANGE = 8.0
"""Without data: the least range; inputs drawn from a normal distribution stay in it."""
DRAWN_RANGE_8_BITS = 16.0


@dataclass(frozen=True)
class InputFormat:
    """Real value of feature k: scale[k] * (q - zero_point[k]), q of `bits` bits, stored as int16
    (int8 where 8 bits).
    """

    scale: Doubles
    zero_point: Ints
    bits: int

    def take(self, features: Ints) -> InputFormat:
        """That of some of the features."""
        return InputFormat(self.scale[features], self.zero_point[features], self.bits)


@dataclass(frozen=True)
class Scaling:
    """Of an input that a layer brings to another mean and scale before anything reads it.

    gain: its magnitudes [features], above 0; middle: what becomes 0 [features].
    """

    gain: Doubles
    middle: Doubles


def scaling_of(model: Model, tensor: str) -> Scaling | None:
    """How the layers that read an input scale it; None where something else reads it."""
    layers = _scaling_layers(model, tensor)
    features = model.tensors[tensor].features
    for layer in layers:
        gain, offset = (np.broadcast_to(a, (features,)) for a in slope_and_offset(layer))
        if (gain != 0.0).all():
            return Scaling(np.abs(gain), -offset / gain)
    return None


def _scaling_layers(model: Model, tensor: str) -> list[Layer]:
    """The layers that scale an input, if they alone read it."""
    found = []
    for node in model.nodes:
        if tensor in _operands(node):
            if not isinstance(node, Layer) or node.cell.name != SCALE:
                return []
            found.append(node)
    is_output = any(port.tensor == tensor for port in model.outputs)
    return [] if is_output else found


def _operands(node: Node) -> tuple[str, ...]:
    if isinstance(node, Layer):
        return tuple(node.inputs.values())
    return node.inputs if isinstance(node, Concat) else (node.input,)


def drawn_format(
    columns: Doubles, only_gates: bool, activations: int, scaling: Scaling | None = None
) -> InputFormat:
    """Without calibration data: a range so wide that useful inputs stay within.

    columns: largest weight of each feature [features]; only_gates: nothing else reads the input;
    scaling: what the input is brought to its mean and scale by.
    """
    if activations == 8:
        bits, half = 8, np.full(len(columns), DRAWN_RANGE_8_BITS)
    else:
        bits, half = 16, np.full(len(columns), OPEN_RANGE)
        if only_gates:
            drive = SATURATING_DRIVE / np.maximum(columns, 2.0**-10)
            half = np.where(columns > 0.0, np.maximum(drive, DRAWN_RANGE), half)
    if scaling is not None:
        scale = half / scaling.gain / (2 ** (bits - 1) - 1)
        return InputFormat(scale, -np.floor(scaling.middle / scale + 0.5).astype(np.int64), bits)
    return InputFormat(half / (2 ** (bits - 1) - 1), np.zeros(len(half), np.int64), bits)


def calibrated_format(
    low: Doubles,
    high: Doubles,
    columns: Doubles,
    balanced: float,
    activations: int,
    fine: bool = False,
) -> InputFormat:
    """From the calibrated range [low, high] per feature.

    columns: largest weight of each feature; balanced: what `columns * scale` should be, so that
    the input's part of a row has weights as large as the other operand's (0: no other operand).
    fine: no matrix reads it, so that its scale can be as small as its range allows.
    """
    middle, half = (low + high) / 2.0, (high - low) / 2.0
    off_centre = np.abs(middle) > 0.25 * half
    middle = np.where(off_centre, middle, 0.0)
    half = np.where(off_centre, half, np.maximum(np.abs(low), np.abs(high)))
    drive = float((half * columns).max()) if np.any(half * columns > 0.0) else 1.0
    least = LEAST_DRIVE[activations] * drive / np.maximum(columns, 2.0**-10)
    half = np.maximum(half, np.where(columns > 0.0, least, np.maximum(half.max(), 2.0**-10)))
    if activations == 8:
        bits, scale = 8, half * MARGIN_8_BITS / 127.0
    else:
        extra = 2 if activations == 12 else 0
        bits = min(activations + extra, 16)
        finest = half * HEADROOM / (2 ** (bits - 1) - 1)
        coarsest = half / 2 ** (activations - 3)
        wanted = balanced / np.maximum(columns, 2.0**-30) if balanced > 0.0 else coarsest
        wanted = np.zeros_like(half) if fine else wanted
        scale = np.minimum(np.maximum(wanted, finest), np.maximum(coarsest, finest))
    return InputFormat(scale, -np.floor(middle / scale + 0.5).astype(np.int64), bits)


def power_of_two_format(chosen: InputFormat) -> InputFormat:
    """The same with scales that are powers of two, none of which holds less."""
    scale = 2.0 ** np.ceil(np.log2(chosen.scale))
    middle = np.floor(chosen.zero_point * chosen.scale / scale + 0.5)
    return InputFormat(scale, middle.astype(np.int64), chosen.bits)


def reading_layers(model: Model, tensor: str) -> tuple[str, ...]:
    """Names of the layers that read a tensor, at once or as a part or a step of it."""
    carrying, found = {tensor}, []
    for node in model.nodes:
        if not carrying.intersection(_operands(node)):
            continue
        if isinstance(node, Layer | DenseOverTime):
            found.append(node.name)
        if isinstance(node, Layer) and node.cell.name == SCALE:
            carrying.update(node.outputs.values())
        elif not isinstance(node, Layer | DenseOverTime):
            carrying.add(node.output)
    return tuple(found)


def reading_weights(model: Model, tensor: str) -> tuple[Doubles, Doubles]:
    """Largest weight that meets each feature of `tensor`, and the largest recurrent weights
    of the layers that read it; both empty where no matrix reads it. A layer that only scales the
    tensor is part of the weights.
    """
    scaling = scaling_of(model, tensor)
    if scaling is not None:
        behind = [reading_weights(model, n.outputs["y"]) for n in _scaling_layers(model, tensor)]
        weights = [largest for largest, _ in behind if len(largest)]
        gain = scaling.gain if weights else np.zeros(0)
        return np.max(weights, axis=0, initial=0.0) * gain, np.concatenate([r for _, r in behind])
    features = model.tensors[tensor].features  # places: feature -> where it is, -1 where it is not
    columns: list[Doubles] = []
    recurrent: list[float] = []
    places = {tensor: [np.arange(features)]}
    for node in model.nodes:
        if isinstance(node, LastStep | FirstStep) and node.input in places:
            places[node.output] = places[node.input]
        elif isinstance(node, Slice):
            places[node.output] = _part(node, places)
        elif isinstance(node, Concat):
            places[node.output] = _inside(model, node, places)
        elif isinstance(node, DenseOverTime):
            weights = np.abs(node.weights).max(axis=(0, 1)).astype(np.float64)
            columns += [_at(weights, place) for place in places.get(node.input, [])]
        elif isinstance(node, Layer):
            own, other = _layer_weights(node, places)
            columns += own
            recurrent += other
    largest = np.max(columns, axis=0) if columns else np.zeros(0)
    return largest, np.array(recurrent)


def only_gates_read(model: Model, tensor: str) -> bool:
    """True where all that reads a tensor are the matrices of recurrent layers."""
    if any(port.tensor == tensor for port in model.outputs):
        return False
    for node in model.nodes:
        if tensor in _operands(node) and not (isinstance(node, Layer) and node.cell.states):
            return False
    return True


def _at(weights: Doubles, place: Ints) -> Doubles:
    """The weight that meets each feature, 0 where none does."""
    return np.where(place >= 0, weights[place], 0.0)


def _inside(model: Model, node: Concat, places: Mapping[str, list[Ints]]) -> list[Ints]:
    """Where the features lie in a concat, once for each part that has them."""
    start, found = 0, []
    for part in node.inputs:
        found += [np.where(p >= 0, p + start, -1) for p in places.get(part, [])]
        start += model.tensors[part].features
    return found


def _part(node: Slice, places: Mapping[str, list[Ints]]) -> list[Ints]:
    """Where the features lie in a slice."""
    return [
        np.where((p >= node.begin) & (p < node.end), p - node.begin, -1)
        for p in places.get(node.input, [])
    ]


def _layer_weights(
    layer: Layer, places: Mapping[str, list[Ints]]
) -> tuple[list[Doubles], list[float]]:
    columns, recurrent = [], []
    for e in walk(*layer.cell.results.values()):
        if e.kind != "affine":
            continue
        leaves = [a.args[0] if a.kind == "recent" else a for a in e.args]
        reads = [
            places.get(layer.inputs[leaf.name], []) if leaf.kind == "input" else []
            for leaf in leaves
        ]
        for matrix, found in zip(e.matrices, reads, strict=True):
            weights = np.abs(layer.params[matrix]).astype(np.float64)
            kernel = 1 if layer.window is None else layer.window.kernel
            largest = weights.max(axis=0).reshape(kernel, -1).max(axis=0)
            columns += [_at(largest, place) for place in found]
            if not found and any(reads):
                recurrent.append(float(weights.max()))
    return columns, recurrent
