"""LSTM, GRU, SimpleRNN, and RNN around their cells: every option implemented or refused by name.

Keras stores kernels as [features, gates * units], the transpose of what ONNX takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import LayerConfig, layer_config, sequence
from lstm_edge.frontend.keras.layers_activation import Function, function_of
from lstm_edge.frontend.keras.masks import UNSURE, known
from lstm_edge.frontend.keras.net import Call, Doubles, Operand, Value
from lstm_edge.frontend.keras.weights import Weights
from lstm_edge.frontend.model.layout import KERAS_GRU, KERAS_LSTM, ONNX_GRU, ONNX_LSTM, RNN

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
    """op: the operator of ONNX. gates: those that Keras stacks, and ONNX, in their orders.
    functions: the options that give ONNX's activations.
    """

    op: str
    gates: str
    order: str
    functions: tuple[str, ...]
    options: str = _OF_CELLS


CELLS: Mapping[str, Kind] = {
    "LSTMCell": Kind(
        "LSTM", KERAS_LSTM, ONNX_LSTM, ("recurrent_activation", "activation", "activation")
    ),
    "GRUCell": Kind(
        "GRU",
        KERAS_GRU,
        ONNX_GRU,
        ("recurrent_activation", "activation"),
        f"{_OF_CELLS} reset_after",
    ),
    "SimpleRNNCell": Kind("RNN", RNN, RNN, ("activation",)),
}

LAYERS = ("LSTM", "GRU", "SimpleRNN", "RNN")
"""Classes of recurrent layers; all but RNN have their cell's options among their own."""


def recurrent(call: Call, x: Value, given: Sequence[Value] = ()) -> list[Value]:
    """The layer's output and, with return_state, its final states. given: its initial states."""
    config = call.config
    config.refuse("time_major", False, instead="save a model with the batch axis first")
    x = call.sequence(x)
    parts = _cells_of(call.layer, call.weights.child("cell"))
    if given and len(parts) > 1:
        raise ModelError(call.label, "has initial states of several cells: not supported yet")
    backward, mask = x.turned ^ config.flag("go_backwards"), known(call, x)
    if given and mask:
        raise ModelError(
            call.label,
            "has initial states and skips steps (a mask): not supported, as versions of Keras "
            "differ in what they give before the first step that counts",
        )
    ends: list[Value] = []
    for cell, weights in parts:
        x, *ends = _apply(replace(call, layer=cell, weights=weights), x, backward, given)
        x = replace(x, mask=mask)
    last = ends[0]
    if mask and config.flag("zero_output_for_mask"):
        x = replace(x, name=call.add("Mul", x.name, mask))
        at = np.array(0 if backward else -1, np.int64)
        last = replace(last, name=call.add("Gather", x.name, at, axis=1))
    whole = replace(x, turned=backward, mask=UNSURE if mask and backward else mask)
    result = whole if config.flag("return_sequences") else last
    if config.flag("return_state") and len(parts) == 1:
        return [result, *ends]
    return [result]


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


def _apply(call: Call, x: Value, backward: bool, given: Sequence[Value]) -> list[Value]:
    """Append one cell that runs over the sequence: its output, and its states at the end."""
    kind = CELLS[call.layer.kind]
    units = call.config.count("units")
    functions = [function_of(call.config, option) for option in kind.functions]
    weights, after = _weights(call, kind, x, units)
    states = [_state(call, value, units) for value in given]
    count = 2 if kind.op == "LSTM" else 1
    if len(states) not in (0, count):
        raise ModelError(
            call.label, f"has {len(states)} initial states (initial_state), expected {count}"
        )
    options = {"linear_before_reset": 1} if after else {}
    y, *ends = call.add_all(
        kind.op,
        [x.name, *weights, x.mask, *states],
        1 + count,
        hidden_size=units,
        layout=1,
        direction="reverse" if backward else "forward",
        **_activations(functions),
        **options,
    )
    each = Value(call.add("Squeeze", y, call.axes(2)), (x.shape[0], units))
    return [each, *(Value(call.add("Squeeze", e, call.axes(1)), (units,)) for e in ends)]


def _state(call: Call, value: Value, units: int) -> str:
    """An initial state as ONNX takes it."""
    if value.shape != (units,):
        found = value.shape[-1] if len(value.shape) == 1 else list(value.shape)
        raise ModelError(
            call.label, f"its initial_state has {found or '?'} numbers, expected {units}"
        )
    return call.add("Unsqueeze", value.name, call.axes(1))


def _activations(functions: Sequence[Function]) -> dict[str, object]:
    """The attributes of ONNX' recurrent operators: functions, and the numbers of those that have
    some.
    """
    numbers = [[number for _, number in f.options] for f in functions]
    alphas, betas = ([n[k] for n in numbers if len(n) > k] for k in range(2))
    names: dict[str, object] = {"activations": [f.op for f in functions]}
    given = {"activation_alpha": alphas, "activation_beta": betas}
    return names | {name: found for name, found in given.items() if found}


def _weights(call: Call, kind: Kind, x: Value, units: int) -> tuple[list[Operand], bool]:
    """W [1, rows, features], R [1, rows, units] and B [1, 2 * rows] of ONNX, and whether the reset
    gate acts after the product.
    """
    biased = call.config.flag("use_bias", True)
    rows = len(kind.gates) * units
    found = call.weights.take("kernel", "recurrent_kernel", *(["bias"] if biased else []))
    _check_shape(call, "kernel", found[0], (call.features(x), rows))
    _check_shape(call, "recurrent_kernel", found[1], (units, rows))
    bias = found[2] if biased else np.zeros(rows)
    after = kind.op == "GRU" and _resets_after(call, bias, biased)
    _check_shape(call, "bias", bias, (2, rows) if after and biased else (rows,))
    both = bias if after and biased else np.stack([bias, np.zeros(rows)])
    arrays = [_ordered(kind, array)[None] for array in (found[0].T, found[1].T, *both)]
    return [arrays[0], arrays[1], np.concatenate(arrays[2:], axis=1)], after


def _ordered(kind: Kind, array: Doubles) -> Doubles:
    """The gates along the first axis in ONNX' order."""
    gates = array.reshape(len(kind.gates), -1, *array.shape[1:])
    return gates[[kind.gates.index(gate) for gate in kind.order]].reshape(array.shape)


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
