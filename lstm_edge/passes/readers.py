"""What reads a tensor: layers, and the matrices that its features meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.model import Concat, DenseOverTime, Layer, Model, Node, Slice, Step, is_a
from lstm_edge.layers.normalize import is_scale, slope_and_offset

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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


def _scaling_layers(model: Model, tensor: str) -> list[Node[Layer]]:
    """The layers that scale an input, if they alone read it."""
    found = []
    for node in model.nodes:
        if tensor in node.reads:
            if not is_scale(node):
                return []
            found.append(node)
    is_output = any(port.tensor == tensor for port in model.outputs)
    return [] if is_output else found


def reads_frames(model: Model, tensor: str) -> bool:
    """True where a layer takes the spectrum of a tensor, at once, scaled, or of its last vectors:
    it is samples, which have one scale.
    """
    for node in model.nodes:
        if tensor not in node.reads or not is_a(node, Layer):
            continue
        kinds = {e.kind for e in node.op.cell.nodes}
        if "spectrum" in kinds or (is_scale(node) and reads_frames(model, node.outputs["y"])):
            return True
    return False


def reading_layers(model: Model, tensor: str) -> tuple[str, ...]:
    """Names of the layers that read a tensor, at once or as a part or a step of it."""
    carrying, found = {tensor}, []
    for node in model.nodes:
        if not carrying.intersection(node.reads):
            continue
        works = isinstance(node.op, Layer | DenseOverTime)
        if works:
            found.append(node.name)
        if is_scale(node) or not works:
            carrying.update(node.makes)
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
    matrices, recurrent = _readers(model, tensor)
    columns = [np.abs(m).max(axis=0) for m in matrices]
    return np.max(columns, axis=0) if columns else np.zeros(0), np.array(recurrent)


def reading_matrices(model: Model, tensor: str) -> list[Doubles]:
    """The matrices that multiply a tensor, [rows, features] each."""
    return _readers(model, tensor)[0]


def read_at_positions(model: Model, tensor: str) -> bool:
    """True where a product meets the same weights at several positions of a tensor, at once or as a
    part or a step of it.
    """
    carrying = {tensor}
    for node in model.nodes:
        if not carrying.intersection(node.reads):
            continue
        if is_a(node, Layer) and any(e.positions > 1 for e in node.op.cell.nodes):
            return True
        if is_scale(node) or not isinstance(node.op, Layer | DenseOverTime):
            carrying.update(node.makes)
    return False


def matrices_behind(model: Model, table: Doubles) -> list[Doubles]:
    """The matrices that multiply rows of a table, through whichever layers look them up: equal
    tables are rounded alike, and stored once.
    """
    found: list[Doubles] = []
    for layer in model.layers:
        names = [e.name for e in layer.op.cell.nodes if e.kind == "lookup"]
        if any(np.array_equal(layer.op.params[name], table) for name in names):
            found += reading_matrices(model, layer.outputs["y"])
    return found


def _readers(model: Model, tensor: str) -> tuple[list[Doubles], list[float]]:
    """The matrices that multiply a tensor, and the largest recurrent weights beside them."""
    features = model.tensors[tensor].features  # places: feature -> where it is, -1 where it is not
    matrices: list[Doubles] = []
    recurrent: list[float] = []
    places = {tensor: [np.arange(features)]}
    for node in model.nodes:
        if isinstance(node.op, Step):
            places[node.outputs["y"]] = places.get(node.inputs["x"], [])
        elif is_a(node, Slice):
            places[node.outputs["y"]] = _part(node, places)
        elif is_a(node, Concat):
            places[node.outputs["y"]] = _inside(model, node, places)
        elif is_a(node, DenseOverTime):
            weights = node.op.weights.reshape(-1, node.op.weights.shape[-1]).astype(np.float64)
            matrices += [_at(weights, place) for place in places.get(node.inputs["x"], [])]
        elif is_a(node, Layer):
            own, other = _layer_matrices(node, places)
            matrices += own
            recurrent += other
    return matrices, recurrent


def only_gates_read(model: Model, tensor: str) -> bool:
    """True where all that reads a tensor are the matrices of recurrent layers."""
    if any(port.tensor == tensor for port in model.outputs):
        return False
    for node in model.nodes:
        if tensor in node.reads and not (is_a(node, Layer) and node.op.cell.states):
            return False
    return True


def _at(weights: Doubles, place: Ints) -> Doubles:
    """The weights that meet each feature, 0 where none do."""
    return np.where(place >= 0, weights[:, place], 0.0)


def _inside(model: Model, node: Node[Concat], places: Mapping[str, list[Ints]]) -> list[Ints]:
    """Where the features lie in a concat, once for each part that has them."""
    start, found = 0, []
    for part in node.reads:
        found += [np.where(p >= 0, p + start, -1) for p in places.get(part, [])]
        start += model.tensors[part].features
    return found


def _part(node: Node[Slice], places: Mapping[str, list[Ints]]) -> list[Ints]:
    """Where the features lie in a slice."""
    return [
        np.where((p >= node.op.begin) & (p < node.op.end), p - node.op.begin, -1)
        for p in places.get(node.inputs["x"], [])
    ]


def _layer_matrices(
    layer: Node[Layer], places: Mapping[str, list[Ints]]
) -> tuple[list[Doubles], list[float]]:
    matrices, recurrent = [], []
    kernel = 1 if layer.op.window is None else layer.op.window.kernel
    for e in layer.op.cell.nodes:
        if e.kind != "affine":
            continue
        leaves = [a.args[0] if a.kind == "recent" else a for a in e.args]
        reads = [
            places.get(layer.inputs[leaf.name], []) if leaf.kind == "input" else []
            for leaf in leaves
        ]
        for matrix, found in zip(e.matrices, reads, strict=True):
            weights = layer.op.params[matrix].astype(np.float64)
            if e.positions > 1:
                most = np.abs(weights).max()
                matrices += [_at(np.full((1, int(p.max()) + 1), most), p) for p in found]
                continue
            by_step = weights.reshape(len(weights) * kernel, -1) if found else weights
            matrices += [_at(by_step, place) for place in found]
            if not found and any(reads):
                recurrent.append(float(np.abs(weights).max()))
    return matrices, recurrent
