"""What flows between Keras layers: a tensor of the draft, and how Keras sees it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import Config, LayerConfig
from lstm_edge.frontend.keras.weights import Weights
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.functions import Function
from lstm_edge.ir.expr import Cell, input_vector
from lstm_edge.layers.dense import dense, is_dense
from lstm_edge.layers.normalize import LARGEST_OFFSET, scale_layer

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Flow:
    """A value of the model; `scale * tensor + offset` where these are given.

    kind: "sequence" [T, features], "vector" [features], "flat": [T * features], a sequence after
    Flatten, or "raw": an input [features] that its first reader explains, see `keras_inputs.py`;
    its features are 0 where the file leaves them open.
    flipped: Keras has the steps from the last to the first.
    steps: T, None where the file leaves it open.
    kept: of a vector, whether Keras has it as the one step of a sequence.
    """

    tensor: str
    features: int
    kind: str = "sequence"
    steps: int | None = None
    flipped: bool = False
    scale: Doubles | None = None
    offset: Doubles | None = None
    kept: bool = False

    @property
    def size(self) -> int | None:
        """Entries of the last axis in Keras, None where it is open."""
        if self.kind != "flat":
            return self.features
        return None if self.steps is None else self.steps * self.features


@dataclass
class Found:
    """What the layers tell of the model's inputs, by their tensors, and of states.

    roles: "vector", "sequence", "ids" or "state". integers: the type of those that the file says
    hold integers. limits: rows of the smallest table that ids are looked up in. given: (input,
    result of a layer, name of the state that it sets). ends: what a vector shows after the last
    step, (result of a layer, name of the state).
    """

    roles: dict[str, str] = field(default_factory=dict)
    integers: dict[str, str] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    given: list[tuple[str, str, str]] = field(default_factory=list)
    ends: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A layer that is applied: how the file describes it, its weights, the draft it appends to."""

    draft: Draft
    found: Found
    layer: LayerConfig
    weights: Weights
    each_step: bool = False
    """Whether it is within TimeDistributed, where it sees one step without the axis of time."""

    @property
    def config(self) -> Config:
        """The layer's options."""
        return self.layer.config

    @property
    def label(self) -> str:
        """How messages name the layer."""
        return self.layer.label


def last_axis(call: Call, flow: Flow) -> int:
    """The number of the features' axis as the layer sees it; the batch is axis 0."""
    return 2 if (flow.kind == "sequence" or flow.kept) and not call.each_step else 1


def sequence_of(call: Call, flow: Flow) -> Flow:
    """A sequence, or the error that says that `flow` is none."""
    if flow.kind != "sequence":
        raise ModelError(call.label, "expects a sequence [batch, time, features]")
    return flow


def not_flat(call: Call, flow: Flow) -> Flow:
    """A computed sequence or vector; a flattened sequence goes into Dense only."""
    if flow.kind == "flat":
        raise ModelError(
            call.label,
            "comes after a sequence was flattened: only Dense may follow Flatten, so far",
        )
    return flow


def settled(call: Call, flow: Flow) -> Flow:
    """`flow` with its scale and offset computed by a layer of their own."""
    return settle(call.draft, not_flat(call, flow), call.label)


def settle(draft: Draft, flow: Flow, label: str) -> Flow:
    """The same for a sequence or vector; `label` names who reads it."""
    scale, offset = affine_of(flow)
    flow = replace(flow, scale=None, offset=None)
    if (scale == 1.0).all() and (offset == 0.0).all():
        return flow
    cell, params = scale_layer(scale, offset)
    check_finite(label, *params.values())
    tensor = draft.layer(cell.name, cell, flow.tensor, flow.features, params, label)["y"]
    return replace(flow, tensor=tensor)


def foldable(call: Call, flow: Flow) -> Flow:
    """`flow`, of which scale and offset may go into the weights of its reader: an offset that is
    too large gets a layer of its own.
    """
    if flow.offset is None or np.abs(flow.offset).max() <= LARGEST_OFFSET:
        return flow
    return settled(call, flow)


def affine_of(flow: Flow) -> tuple[Doubles, Doubles]:
    """Scale and offset, [features] each."""
    scale = np.ones(flow.features) if flow.scale is None else flow.scale
    return scale, np.zeros(flow.features) if flow.offset is None else flow.offset


def fold(flow: Flow, weights: Doubles, bias: Doubles) -> tuple[Doubles, Doubles]:
    """Weights [units, features] and bias [units] that take the tensor itself."""
    scale, offset = affine_of(flow)
    return weights * scale, bias + weights @ offset


def scaled(call: Call, flow: Flow, scale: Doubles, offset: Doubles) -> Flow:
    """scale * flow + offset: in the dense layer that made it, else left to the next weights."""
    not_flat(call, flow)
    made_by = call.draft.producer(flow.tensor)
    if is_dense(made_by) and flow.scale is None and flow.offset is None:
        weights = made_by.op.params["W_y"].astype(np.float64) * scale[:, None]
        bias = made_by.op.params["b_y"].astype(np.float64) * scale + offset
        tensor = dense_layer(call, made_by.inputs["x"], weights, bias, made_by.source)
        call.draft.fold(tensor, scale, offset, call.label, was=flow.tensor)
        return replace(flow, tensor=tensor)
    call.draft.fold(flow.tensor, scale, offset, call.label, was=flow.tensor)
    before, shift = affine_of(flow)
    return replace(flow, scale=before * scale, offset=shift * scale + offset)


def multiplied(call: Call, flow: Flow, number: float) -> Flow:
    """number * flow."""
    return scaled(call, flow, np.full(flow.features, number), np.zeros(flow.features))


def dense_layer(call: Call, x: str, weights: Doubles, bias: Doubles, source: str) -> str:
    """Append a dense layer with weights [units, features]; returns its result's tensor."""
    with np.errstate(over="ignore"):
        params = {"W_y": np.ascontiguousarray(weights, np.float32), "b_y": bias.astype(np.float32)}
    check_finite(source, *params.values())
    return call.draft.layer("fc", dense(), x, len(bias), params, source)["y"]


def check_finite(label: str, *arrays: npt.NDArray[np.float32]) -> None:
    """Refuse numbers that are too large for float32 once a scale is folded into them."""
    if not all(np.isfinite(array).all() for array in arrays):
        raise ModelError(label, "has weights too large for float32 once the scale is folded in")


def function_layer(call: Call, flow: Flow, name: str, function: Function) -> Flow:
    """Append a function that acts on each unit alone."""
    source = settled(call, flow)
    cell = Cell(name, {"y": function(input_vector("x"))})
    tensor = call.draft.layer(name, cell, source.tensor, None, {}, call.label)["y"]
    return replace(source, tensor=tensor)
