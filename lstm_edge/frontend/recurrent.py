"""The ONNX LSTM operator: every attribute and input is implemented, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge import cells
from lstm_edge.errors import ModelError
from lstm_edge.frontend.axes import Axis, View, describe, size_of
from lstm_edge.frontend.layout import (
    ONNX_LSTM,
    ONNX_LSTM_PEEPHOLES,
    lstm_params,
    split_gates,
    sum_biases,
)
from lstm_edge.frontend.onnx_linear import fold_pending
from lstm_edge.frontend.onnx_walk import OnnxNode, Value, Walk
from lstm_edge.ir.model import Floats

Doubles = npt.NDArray[np.float64]

LATER = "is not supported yet"


@dataclass(frozen=True)
class _Sequence:
    """Axes of the input X, whatever the layout."""

    view: View
    time: Axis
    batch: Axis
    features: Axis


def lstm(walk: Walk, node: OnnxNode) -> list[Value]:
    """One forward LSTM; Y is [T, 1, B, H], Y_h and Y_c are the last step of h and c."""
    _check_attributes(node)
    x = _sequence(walk, node)
    weights, recurrent, hidden = _weights(walk, node, x)
    _check_lengths(walk, node, x)
    bias = _bias(node, hidden)
    folded, bias64 = fold_pending(x.view, weights, bias.astype(np.float64), node.label)
    params = lstm_params(folded, recurrent, bias64.astype(np.float32), ONNX_LSTM)
    peepholes = node.weights(7, "input P")
    if peepholes is not None:
        _check_shape(node, "P", peepholes, (1, 3 * hidden))
        params |= split_gates("P", peepholes[0], ONNX_LSTM_PEEPHOLES)
    coupled = bool(node.attributes.get("input_forget", 0))
    if coupled:
        params = {name: array for name, array in params.items() if not name.endswith("_f")}
    cell = cells.lstm(peephole=peepholes is not None, coupled=coupled)
    results = walk.draft.layer(
        "lstm", cell, x.view.tensor, hidden, params, node.label, _initial(walk, node, x, hidden)
    )
    return _outputs(walk, node, x, results, hidden)


def _check_attributes(node: OnnxNode) -> None:
    direction = node.attributes.get("direction", "forward")
    if direction != "forward":
        raise ModelError(
            node.label,
            f"attribute direction = {direction!r} {LATER}; train with bidirectional=False",
        )
    functions = node.attributes.get("activations", [])
    if functions and [f.lower() for f in functions] != ["sigmoid", "tanh", "tanh"]:
        raise ModelError(
            node.label,
            f"attribute activations = {functions} {LATER}; only Sigmoid, Tanh, Tanh are",
        )
    for name in ("activation_alpha", "activation_beta"):
        if node.attributes.get(name):
            raise ModelError(
                node.label, f"attribute {name} has no meaning for Sigmoid and Tanh; remove it"
            )
    if "clip" in node.attributes:
        raise ModelError(
            node.label, f"attribute clip = {node.attributes['clip']:g} {LATER}; remove it"
        )
    for name in ("layout", "input_forget"):
        if node.attributes.get(name, 0) not in (0, 1):
            raise ModelError(node.label, f"attribute {name} is neither 0 nor 1")


def _sequence(walk: Walk, node: OnnxNode) -> _Sequence:
    view = node.view(0)
    if len(view.axes) != 3:
        raise ModelError(node.label, f"input X {describe(view.axes)} has not three axes")
    time, batch, features = view.axes
    if node.attributes.get("layout", 0):
        time, batch = batch, time
    for axis, role in ((time, "time"), (batch, "batch"), (features, "feature")):
        walk.assign(node, axis, role)
    root = walk.draft.roots[view.tensor]
    if root is None:
        raise ModelError(
            node.label, "reads one vector (a last step) as a sequence; not supported yet"
        )
    walk.sequences.add(root)
    if not time:
        walk.one_step = node.label
    return _Sequence(view, time, batch, features)


def _weights(walk: Walk, node: OnnxNode, x: _Sequence) -> tuple[Doubles, Doubles, int]:
    """W [4H, I] and R [4H, H] in float64, and H."""
    weights, recurrent = node.weights(1, "input W"), node.weights(2, "input R")
    if weights is None or recurrent is None:
        raise ModelError(node.label, "has no weights W and R")
    hidden = int(node.attributes.get("hidden_size", recurrent.shape[-1] if recurrent.ndim else 0))
    if hidden < 1:
        raise ModelError(node.label, f"attribute hidden_size = {hidden}, expected 1 or more")
    state = node.inputs[6] if len(node.inputs) > 6 else None
    if isinstance(state, View | np.ndarray):
        refuse_projection(node.label, state.shape, hidden)
    _check_shape(node, "R", recurrent, (1, 4 * hidden, hidden))
    if weights.ndim == 3 and weights.shape[2] != size_of(x.features):
        message = f"W {list(weights.shape)} takes {weights.shape[2]} features, but X is " + (
            describe(x.view.axes)
        )
        raise walk.need_size(node, x.features, weights.shape[2], message)
    _check_shape(node, "W", weights, (1, 4 * hidden, size_of(x.features)))
    return weights[0], recurrent[0], hidden


def refuse_projection(label: str, initial_c: tuple[int, ...], hidden: int) -> None:
    """torch's dynamo exporter writes proj_size as hidden_size and loses the projection.

    Only the shape of initial_c gives it away.
    """
    if len(initial_c) == 3 and initial_c[2] > hidden:
        raise ModelError(
            label,
            f"input initial_c has {initial_c[2]} units where hidden_size is {hidden}: an LSTM "
            "with proj_size, of which torch's exporter lost the projection, so this file is "
            "wrong; train with proj_size=0",
        )


def _check_shape(node: OnnxNode, name: str, array: Doubles, expected: tuple[int, ...]) -> None:
    if array.shape == expected:
        return
    hint = "; are gates and features swapped?" if array.size == np.prod(expected) else ""
    raise ModelError(
        node.label, f"input {name} is {list(array.shape)}, expected {list(expected)}{hint}"
    )


def _check_lengths(walk: Walk, node: OnnxNode, x: _Sequence) -> None:
    """A constant sequence_lens that says "all steps" is no restriction."""
    if len(node.inputs) <= 4 or node.inputs[4] is None:
        return
    lengths = node.integers(4, "input sequence_lens") or []
    if any(length != size_of(x.time) for length in lengths):
        raise ModelError(
            node.label,
            f"input sequence_lens = {lengths[:8]} {LATER}; feed sequences of full length",
        )
    walk.fix_time(node)


def _bias(node: OnnxNode, hidden: int) -> Floats:
    both = node.weights(3, "input B")
    if both is None:
        return sum_biases(None, None, 4 * hidden)
    _check_shape(node, "B", both, (1, 8 * hidden))
    return sum_biases(both[0, : 4 * hidden], both[0, 4 * hidden :], 4 * hidden)


def _initial(walk: Walk, node: OnnxNode, x: _Sequence, hidden: int) -> dict[str, Floats]:
    """Initial states that are not zero, by the cell's state names."""
    states = {}
    for k, state in ((5, "h"), (6, "c")):
        name = f"initial_{state}"
        value = node.inputs[k] if k < len(node.inputs) else None
        if isinstance(value, View):
            raise ModelError(
                node.label,
                f"input {name} comes from the model's input ({node.input_names[k]!r}), which "
                f"{LATER}; export without h0 and c0: the generated code keeps the state itself",
            )
        array = node.weights(k, f"input {name}")
        if array is not None:
            vector = _state_vector(walk, node, x, name, array, hidden)
            if vector.any():
                states[state] = vector.astype(np.float32)
    return states


def _state_vector(
    walk: Walk, node: OnnxNode, x: _Sequence, name: str, array: Doubles, hidden: int
) -> Doubles:
    batch_first = bool(node.attributes.get("layout", 0))
    rows = size_of(x.batch)
    if array.ndim == 3 and array.size:
        rows = array.shape[0 if batch_first else 1]
    if rows != size_of(x.batch):
        message = f"input {name} has {rows} batch rows, but X has {size_of(x.batch)}"
        raise walk.need_size(node, x.batch, rows, message)
    expected = (rows, 1, hidden) if batch_first else (1, rows, hidden)
    _check_shape(node, name, array, expected)
    vector: Doubles = array.reshape(rows, hidden)[0]
    if not (array.reshape(rows, hidden) == vector).all():
        raise ModelError(
            node.label, f"input {name} differs from batch row to row; export with a batch of 1"
        )
    return vector


def _outputs(
    walk: Walk, node: OnnxNode, x: _Sequence, results: dict[str, str], hidden: int
) -> list[Value]:
    """Views of Y, Y_h and Y_c, of those that the node has."""
    units = walk.new_axis("units", hidden, "feature")
    batch_first = bool(node.attributes.get("layout", 0))
    y = (x.batch, x.time, (), units) if batch_first else (x.time, (), x.batch, units)
    last = (x.batch, (), units) if batch_first else ((), x.batch, units)

    def final(state: str) -> View:
        return View(walk.draft.last_step(results[state], node.label), last)

    make: tuple[Callable[[], Value], ...] = (
        lambda: View(results["h"], y),
        lambda: final("h"),
        lambda: final("c"),
    )
    return [make[k]() if name else View("", ()) for k, name in enumerate(node.outputs)]
