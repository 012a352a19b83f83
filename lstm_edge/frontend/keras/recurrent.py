"""LSTM, GRU, SimpleRNN, RNN around their cells, and Bidirectional: every option is implemented or
refused by name. Keras has kernels as [features, gates * units], the transpose of what ONNX takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.frontend.keras.arithmetic import combined
from lstm_edge.frontend.keras.config import LayerConfig, sequence, shown
from lstm_edge.frontend.keras.functions import as_gate, function_of
from lstm_edge.frontend.keras.linear import affine
from lstm_edge.frontend.keras.masks import UNSURE, known
from lstm_edge.frontend.keras.moves import joined
from lstm_edge.frontend.keras.net import Call, Doubles, Operand, Value
from lstm_edge.frontend.keras.weights import Weights
from lstm_edge.frontend.model.layout import KERAS_GRU, KERAS_LSTM, ONNX_GRU, ONNX_LSTM, RNN

_OF_CELLS = (
    "units activation recurrent_activation use_bias unit_forget_bias dropout recurrent_dropout "
    "implementation reset_after"
)
"""Dropout and the initial forget bias matter in training, implementation never."""

OF_LAYERS = (
    "return_sequences return_state go_backwards stateful unroll time_major=false "
    "zero_output_for_mask"
)
"""Unrolled or not is the same numbers; the state lives in generated code in any case."""


OPTIONS = f"{OF_LAYERS} {_OF_CELLS}"


@dataclass(frozen=True)
class Kind:
    """op: the operator of ONNX. gates: those that Keras stacks, and ONNX, in their orders.
    functions: the options that give ONNX's activations.
    """

    op: str
    gates: str
    order: str
    functions: tuple[str, ...]
    states: int = 1


_GATED = ("recurrent_activation", "activation")

CELLS: Mapping[str, Kind] = {
    "LSTMCell": Kind("LSTM", KERAS_LSTM, ONNX_LSTM, (*_GATED, "activation"), 2),
    "GRUCell": Kind("GRU", KERAS_GRU, ONNX_GRU, _GATED),
    "SimpleRNNCell": Kind("RNN", RNN, RNN, ("activation",)),
}

LAYERS = ("LSTM", "GRU", "SimpleRNN", "RNN")
"""Classes of recurrent layers; all but RNN have their cell's options among their own."""


def recurrent(call: Call, x: Value, *given: Value) -> list[Value]:
    """The layer's output and, with return_state, its final states. given: its initial states."""
    config, x, left = call.config, call.sequence(x), [*given]
    parts = _cells_of(call.config, call.weights.child("cell"))
    backward, mask = x.turned ^ config.flag("go_backwards"), known(call, x)
    if given and mask:
        raise call.error(
            "has initial states and skips steps (a mask): not supported, as versions of Keras "
            "differ in what they give before the first step that counts; mask the steps of the "
            "data outside of the model, or begin from zeros"
        )
    ends: list[Value] = []
    for k, (cell, weights) in enumerate(parts):
        count = len(left) if k + 1 == len(parts) else CELLS[cell.kind].states
        states, left = left[:count], left[count:]
        x, *after = _apply(replace(call, config=cell, weights=weights), x, backward, states)
        x, ends = replace(x, mask=mask), [*ends, *after]
    last = after[0]
    if mask and config.flag("zero_output_for_mask"):
        x = call.add("Mul", x, mask)
        at = np.array(0 if backward else -1, np.int64)
        last = replace(last, name=call.add("Gather", x, at, axis=1).name)
    whole = replace(x, turned=backward, mask=UNSURE if mask and backward else mask)
    result = whole if config.flag("return_sequences") else last
    return [result, *(ends if config.flag("return_state") else [])]


def _cells_of(layer: LayerConfig, weights: Weights) -> list[tuple[LayerConfig, Weights]]:
    config = layer
    if layer.kind != "RNN":
        return [(replace(layer, kind=f"{layer.kind}Cell"), weights)]
    cell = layer.inner(config.keys.get("cell"))
    if cell.kind != "StackedRNNCells":
        return [(_known(layer, cell), weights)]
    cell.check("cells reverse_state_order=false")
    given = sequence(cell.keys.get("cells"), f"{layer.label}: cells")
    stack = [_known(layer, layer.inner(one)) for one in given]
    if not stack:
        raise cell.unexpected("cells", "at least one cell")
    return list(zip(stack, weights.of_cells(stack), strict=True))


def _known(layer: LayerConfig, cell: LayerConfig) -> LayerConfig:
    if cell.kind not in CELLS:
        raise layer.unexpected("cell", f"one of class {', '.join(CELLS)}")
    cell.check(_OF_CELLS)
    return cell


def _apply(call: Call, x: Value, backward: bool, given: Sequence[Value]) -> list[Value]:
    """Append one cell that runs over the sequence: its output, and its states at the end."""
    kind, units = CELLS[call.config.kind], call.config.count("units")
    formulas = [function_of(call.config, option, gate=True) for option in kind.functions]
    gates = [gate for gate in map(as_gate, formulas) if gate is not None]
    weights, after = _weights(call, kind, x, units)
    for value in given:
        if value.shape != (units,):
            found = value.shape[-1] if len(value.shape) == 1 else list(value.shape)
            raise call.error(f"its initial_state has {found or '?'} numbers, expected {units}")
    if len(given) not in (0, kind.states):
        raise call.error(f"has {len(given)} initial states (initial_state), expected {kind.states}")
    numbers = [[n[k] for _, n in gates if len(n) > k] for k in range(2)]
    options = {"activation_alpha": numbers[0], "activation_beta": numbers[1]}
    y, *ends = call.add_all(
        kind.op,
        [x, *weights, x.mask, *(call.add("Unsqueeze", one, call.axes(1)) for one in given)],
        1 + kind.states,
        hidden_size=units,
        layout=1,
        direction="reverse" if backward else "forward",
        activations=[op for op, _ in gates],
        **{name: found for name, found in options.items() if found},
        **({"linear_before_reset": 1} if after else {}),
    )
    each = Value(call.add("Squeeze", y, call.axes(2)).name, (x.shape[0], units))
    return [each, *(Value(call.add("Squeeze", e, call.axes(1)).name, (units,)) for e in ends)]


def _weights(call: Call, kind: Kind, x: Value, units: int) -> tuple[list[Operand], bool]:
    """W [1, rows, features], R [1, rows, units] and B [1, 2 * rows] of ONNX, and whether the reset
    gate acts after the product, of which versions of Keras without the option know nothing.
    """
    rows = len(kind.gates) * units
    kernel, inner, bias = call.take("kernel", "recurrent_kernel", "bias?use_bias")
    call.fits("kernel", kernel, call.features(x), rows)
    call.fits("recurrent_kernel", inner, units, rows)
    after = kind.op == "GRU" and call.config.flag("reset_after")
    bias = np.zeros((2, rows) if after else rows) if bias is None else bias
    call.fits("bias", bias, *((2, rows) if after else (rows,)))
    both = bias if after else np.stack([bias, np.zeros(rows)])
    w, r, *biases = (_ordered(kind, array)[None] for array in (kernel.T, inner.T, *both))
    return [w, r, np.concatenate(biases, axis=1)], after


def _ordered(kind: Kind, array: Doubles) -> Doubles:
    """The gates along the first axis in ONNX' order."""
    gates = array.reshape(len(kind.gates), -1, *array.shape[1:])
    return gates[[kind.gates.index(gate) for gate in kind.order]].reshape(array.shape)


_MERGES: Mapping[object, str] = {"sum": "Add", "ave": "Add", "mul": "Mul"}


def bidirectional(call: Call, x: Value, *given: Value) -> list[Value]:
    """Both results joined as merge_mode says, then the states of both with return_state.

    given: initial states, those of the forward layer first.
    """
    half = len(given) // 2
    ways = _ways(call.config)
    for option, alike in (("return_sequences", 1), ("return_state", 1), ("go_backwards", 2)):
        if len({way.flag(option) for way in ways}) != alike:
            what = "differ in" if alike == 1 else "have the same"
            expected = "the same" if alike == 1 else "one each way"
            raise call.error(
                f"its two layers {what} option {option}, expected {expected}; save it so"
            )
    if len(given) % 2:
        raise call.error(
            f"has {len(given)} initial states, expected as many each way; give both or none"
        )
    whole = ways[0].flag("return_sequences")
    sides = []
    for way, part, states in zip(
        ways, ("forward", "backward"), (given[:half], given[half:]), strict=True
    ):
        # what steps give that do not count is decided here, whatever the layers say
        layer = way.having(zero_output_for_mask=whole)
        side = replace(call, config=layer, weights=call.weights.child(f"{part}_layer"))
        way.check(f"cell {OPTIONS}")
        sides.append(recurrent(side, x, *states))
    (first, *after), (second, *behind) = sides
    second = replace(second, turned=second.turned ^ whole)
    merged = _merged(call, [first, second])
    return [*(replace(y, mask=x.mask if whole else "") for y in merged), *after, *behind]


def _ways(outer: LayerConfig) -> list[LayerConfig]:
    """The forward layer, and that of its own which Keras 3 always writes, else it backward."""
    keys = [k for k in ("layer", "backward_layer") if k == "layer" or outer.keys.get(k)]
    ways = [outer.inner(outer.keys.get(key)) for key in keys]
    for way in ways:
        if way.kind not in LAYERS:
            raise way.unexpected("class", ", ".join(LAYERS))
    if len(ways) == 1:
        ways.append(ways[0].having(go_backwards=not ways[0].flag("go_backwards")))
    return ways


def _merged(call: Call, sides: list[Value]) -> list[Value]:
    mode = call.config.keys.get("merge_mode", "concat")
    if mode is None:
        return sides
    if mode == "concat":
        return [joined(call, sides, len(sides[0].shape))]
    if not isinstance(mode, str) or mode not in _MERGES:
        words = f"concat, {', '.join(map(str, _MERGES))} or None"
        raise call.error(f"option merge_mode = {shown(mode)}, expected {words}")
    merged = combined(call, _MERGES[mode], sides)
    return [affine(call, merged, np.full(1, 0.5), np.zeros(1)) if mode == "ave" else merged]
