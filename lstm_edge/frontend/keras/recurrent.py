"""LSTM, GRU, SimpleRNN, and RNN around their cells: every option implemented or refused by name.

Keras stores kernels as [features, gates * units], the transpose of what a cell here takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lstm_edge import cells
from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.activation import function_of
from lstm_edge.frontend.keras.config import Config, LayerConfig, layer_config, sequence
from lstm_edge.frontend.keras.flow import (
    Call,
    Doubles,
    Flow,
    check_finite,
    fold,
    foldable,
    sequence_of,
)
from lstm_edge.frontend.keras.inputs import set_state
from lstm_edge.frontend.keras.weights import Weights
from lstm_edge.frontend.model.layout import KERAS_GRU, KERAS_LSTM, RNN, gru_params, layer_params
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import Floats

_OF_CELLS = (
    "units activation recurrent_activation use_bias unit_forget_bias dropout recurrent_dropout "
    "implementation"
)
"""Dropout and the initial forget bias matter in training, implementation never."""

_OF_LAYERS = (
    "return_sequences return_state go_backwards stateful unroll time_major zero_output_for_mask"
)
"""Unrolled or not is the same numbers; the state lives in generated code in any case."""


@dataclass(frozen=True)
class Kind:
    """gates: those that Keras stacks, in its order. make: the cell and its parameters."""

    name: str
    gates: str
    make: Callable[[Config, Arrays], tuple[Cell, dict[str, Floats]]]
    options: str = _OF_CELLS


@dataclass(frozen=True)
class Arrays:
    """Weights [gates * units, features], recurrent [gates * units, units], two biases."""

    weights: Doubles
    recurrent: Doubles
    biases: tuple[Doubles, Doubles]
    reset_after: bool


def _lstm(config: Config, arrays: Arrays) -> tuple[Cell, dict[str, Floats]]:
    gate, candidate = (function_of(config, o) for o in ("recurrent_activation", "activation"))
    params = layer_params(arrays.weights, arrays.recurrent, arrays.biases, KERAS_LSTM)
    return cells.lstm(gate=gate, candidate=candidate, output=candidate), params


def _gru(config: Config, arrays: Arrays) -> tuple[Cell, dict[str, Floats]]:
    gate, candidate = (function_of(config, o) for o in ("recurrent_activation", "activation"))
    after = arrays.reset_after
    params = gru_params(arrays.weights, arrays.recurrent, arrays.biases, KERAS_GRU, after)
    return cells.gru(after, gate=gate, candidate=candidate), params


def _simple(config: Config, arrays: Arrays) -> tuple[Cell, dict[str, Floats]]:
    params = layer_params(arrays.weights, arrays.recurrent, arrays.biases, RNN)
    return cells.rnn(candidate=function_of(config, "activation")), params


CELLS: Mapping[str, Kind] = {
    "LSTMCell": Kind("lstm", KERAS_LSTM, _lstm),
    "GRUCell": Kind("gru", KERAS_GRU, _gru, f"{_OF_CELLS} reset_after"),
    "SimpleRNNCell": Kind("rnn", RNN, _simple),
}

LAYERS = ("LSTM", "GRU", "SimpleRNN", "RNN")
"""Classes of recurrent layers; all but RNN have their cell's options among their own."""


def recurrent(call: Call, flow: Flow, given: Sequence[Flow] = ()) -> list[Flow]:
    """The layer's output and, with return_state, its final states. given: its initial states."""
    config = call.config
    config.refuse("time_major", False, instead="save a model with the batch axis first")
    flow = sequence_of(call, flow)
    parts = _cells_of(call.layer, call.weights.child("cell"))
    reverse = flow.flipped ^ config.flag("go_backwards")
    states: dict[str, str] = {}
    for cell, weights in parts:
        flow, states = _apply(replace(call, layer=cell, weights=weights), flow, reverse)
    ends = [_end(call, flow, states[name], reverse) for name in states]
    call.found.ends.update((e.tensor, (states[s], s)) for e, s in zip(ends, states, strict=True))
    _set_states(call, given, states, flow.features, len(parts))
    whole = replace(flow, flipped=reverse)
    result = whole if config.flag("return_sequences") else ends[0]
    if config.flag("return_state") and len(parts) == 1:
        return [result, *ends]
    return [result]


def _set_states(
    call: Call, given: Sequence[Flow], states: Mapping[str, str], units: int, cells: int
) -> None:
    if given and cells > 1:
        raise ModelError(call.label, "has initial states of several cells: not supported yet")
    if len(given) not in (0, len(states)):
        raise ModelError(
            call.label,
            f"has {len(given)} initial states (initial_state), expected {len(states)}: "
            f"{', '.join(states)}",
        )
    for state, flow in zip(states, given, strict=False):
        set_state(call, flow, states[state], state, units)


def _end(call: Call, flow: Flow, state: str, reverse: bool) -> Flow:
    """A state after the last step that the layer took."""
    step = call.draft.first_step if reverse else call.draft.last_step
    return Flow(step(state, call.label), flow.features, "vector")


def _cells_of(layer: LayerConfig, weights: Weights) -> list[tuple[LayerConfig, Weights]]:
    config = layer.config
    if layer.kind != "RNN":
        cell = replace(layer, kind=f"{layer.kind}Cell")
        config.check_known(f"{_OF_LAYERS} {CELLS[cell.kind].options}")
        return [(cell, weights)]
    config.check_known(f"{_OF_LAYERS} cell")
    cell = layer_config(config.keys.get("cell"), layer.label, config.major)
    if cell.kind != "StackedRNNCells":
        return [(_known(layer, cell), weights)]
    cell.config.check_known("cells reverse_state_order")
    given = sequence(cell.config.keys.get("cells"), f"{layer.label}: cells")
    stack = [_known(layer, layer_config(c, cell.label, config.major)) for c in given]
    if not stack:
        raise ModelError(layer.label, "has no cells")
    return list(zip(stack, weights.of_cells(stack), strict=True))


def _known(layer: LayerConfig, cell: LayerConfig) -> LayerConfig:
    if cell.kind not in CELLS:
        raise ModelError(
            layer.label, f"has a cell of class {cell.kind!r}; only {', '.join(CELLS)} are supported"
        )
    cell.config.check_known(CELLS[cell.kind].options)
    return cell.below(layer)


def _apply(call: Call, flow: Flow, reverse: bool) -> tuple[Flow, dict[str, str]]:
    """Append one cell that runs over the sequence; its output and its states by name, h first."""
    kind = CELLS[call.layer.kind]
    flow = foldable(call, flow)
    units = call.config.count("units")
    made, params = kind.make(call.config, _arrays(call, kind, flow, units))
    check_finite(call.label, *params.values())
    name = f"{kind.name}_reverse" if reverse else kind.name
    results = call.draft.layer(name, made, flow.tensor, units, params, call.label, reverse=reverse)
    states: dict[str, str] = {name: results[name] for name in "hc" if name in results}
    return Flow(results["h"], units, "sequence", flow.steps), states


def _arrays(call: Call, kind: Kind, flow: Flow, units: int) -> Arrays:
    """Kernels and biases, checked, with the scale of their input folded in."""
    biased = call.config.flag("use_bias", True)
    rows = len(kind.gates) * units
    found = call.weights.take("kernel", "recurrent_kernel", *(["bias"] if biased else []))
    _check_shape(call, "kernel", found[0], (flow.features, rows))
    _check_shape(call, "recurrent_kernel", found[1], (units, rows))
    bias = found[2] if biased else np.zeros(rows)
    after = kind.name == "gru" and _resets_after(call, bias, biased)
    _check_shape(call, "bias", bias, (2, rows) if after and biased else (rows,))
    first, second = bias if after and biased else (bias, np.zeros(rows))
    folded, first = fold(flow, found[0].T, first)
    return Arrays(folded, found[1].T, (first, second), after)


def _resets_after(call: Call, bias: Doubles, biased: bool) -> bool:
    """The option reset_after; versions of Keras that do not have it have the older form."""
    if "reset_after" not in call.config.keys:
        if biased and bias.ndim == 2:
            raise ModelError(call.label, "has two biases but no option reset_after")
        return False
    return call.config.flag("reset_after")


def _check_shape(call: Call, name: str, array: Doubles, expected: tuple[int, ...]) -> None:
    if array.shape != expected:
        raise ModelError(
            call.label, f"its {name} is {list(array.shape)}, expected {list(expected)}"
        )
