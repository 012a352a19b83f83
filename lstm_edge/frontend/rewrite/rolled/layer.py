"""The standard node of a layer that was recognised, and the tensors that others read of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import helper

from lstm_edge.frontend.graph.graph import Array, Graph
from lstm_edge.frontend.graph.patch import Patch
from lstm_edge.frontend.rewrite.rolled.parameters import Weights
from lstm_edge.frontend.rewrite.rolled.sizes import numbers
from lstm_edge.frontend.rewrite.rolled.step import Step
from lstm_edge.frontend.rewrite.rolled.steps import Sequence

INITIAL = ("h", "c")
STAND_INS = (3, 5)
"""Sizes to try where a file leaves one open; what is zero for both is zero."""

State = str | Array | None
"""What a layer starts from: a tensor, a constant vector [H], or nothing, which is zeros."""


@dataclass(frozen=True)
class Layer:
    """Results: y [T, B, H] in the order of time, c [1, B, H] or "" where the cell has none."""

    y: str
    c: str


def add_layer(
    scope: Graph,
    patch: Patch,
    step: Step,
    x: Sequence,
    weights: Weights,
    states: Mapping[str, State],
) -> Layer | None:
    """Add a LSTM, GRU or RNN node for a layer of which `step` is one step.

    None where the batch of a state does not fit that of `x`.
    """
    hidden = weights.hidden
    starts = [_initial(scope, patch, states.get(k), x, hidden) for k in INITIAL]
    if None in starts:
        return None
    weights, source = _absorbed(scope, patch, weights, x.name)
    biases = np.concatenate([weights.input_bias, weights.recurrent_bias])
    constants = [
        patch.constant(a[None].astype(np.float32)) for a in (weights.input, weights.recurrent)
    ]
    bias = patch.constant(biases[None].astype(np.float32)) if biases.any() else ""
    kept = starts if step.op == "LSTM" else starts[:1]
    inputs = [source, *constants, bias, "", *(k or "" for k in kept)]
    while not inputs[-1]:
        del inputs[-1]
    outputs = [patch.sketch.fresh(k) for k in ("y", "y_h", "y_c")[: 1 + len(kept)]]
    made = helper.make_node(
        step.op, inputs, outputs, name=_name(patch), **_attributes(step, hidden, x.backward)
    )
    patch.nodes.append(made)
    y = patch.squeeze(outputs[0], [1])
    return Layer(y, outputs[2] if step.op == "LSTM" else "")


def _name(patch: Patch) -> str:
    """The name of the node in whose place the layer stands; a second one's is made of it."""
    count = sum(bool(node.name) for node in patch.nodes)
    return f"{patch.name}/{count + 1}" if count else patch.name


def _attributes(step: Step, hidden: int, backward: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "hidden_size": hidden,
        "activations": [f.name for f in step.functions],
    }
    for place, name in enumerate(("activation_alpha", "activation_beta")):
        numbers = [f.parameters[place] for f in step.functions if len(f.parameters) > place]
        if numbers:
            found[name] = numbers
    if backward:
        found["direction"] = "reverse"
    if step.after:
        found["linear_before_reset"] = 1
    return found


def _initial(scope: Graph, patch: Patch, state: State, x: Sequence, hidden: int) -> str | None:
    """A state as [1, B, H], "" for zeros; None where it does not fit."""
    if isinstance(state, str) and scope.is_constant(state):
        array = scope.constant(state)
        if array is None or array.size == 0 or array.shape[-1] != hidden:
            return None
        rows = array.reshape(-1, hidden)
        if len(rows) > 1 and not (rows == rows[:1]).all():
            return patch.constant(rows[None]) if len(rows) == x.batch else None
        state = rows[0]
    if state is None or (not isinstance(state, str) and not np.any(state)):
        return ""
    if not isinstance(state, str):
        return _repeated(patch, patch.constant(state[None, None].astype(np.float32)), x, hidden)
    if _is_zero(scope, state):
        return ""
    shape = scope.shape(state)
    if shape is None or len(shape) > 3 or (len(shape) == 3 and shape[0] != 1):
        return None
    lifted = state if len(shape) == 3 else patch.unsqueeze(state, [*range(3 - len(shape))])
    rows_of = shape[-2] if len(shape) > 1 else 1
    if rows_of == x.batch or not isinstance(rows_of, int):
        return lifted
    return _repeated(patch, lifted, x, hidden) if rows_of == 1 else None


def _is_zero(scope: Graph, state: str) -> bool:
    """True for zeros of a shape that is computed from that of an input."""
    opened = {d for i in scope.inputs for d in scope.shape(i.name) or () if isinstance(d, str)}
    for size in STAND_INS:
        found = numbers(scope, state, dict.fromkeys(opened, size))
        if found is None or found.any():
            return False
    return True


def _repeated(patch: Patch, name: str, x: Sequence, hidden: int) -> str:
    """[1, 1, H] as [1, B, H]."""
    if x.batch == 1:
        return name
    shape = patch.add("Shape", [x.name])
    one = patch.constant([1])
    batch = patch.add("Gather", [shape, one], axis=0)
    sizes = patch.add("Concat", [one, batch, patch.constant([hidden])], axis=0)
    return patch.add("Expand", [name, sizes])


def _absorbed(scope: Graph, patch: Patch, weights: Weights, name: str) -> tuple[Weights, str]:
    """Where the layer takes its gates from x @ W + b of all steps at once: x, and W and b in it."""
    moved = next((n for n in patch.nodes if name in n.output and n.op_type == "Transpose"), None)
    found = _product(scope, moved.input[0] if moved is not None else name)
    if found is None or not _is_unit(weights.input):
        return weights, name
    source, matrix, added = found
    order = np.argmax(weights.input, axis=1)
    bias = weights.input_bias + (added[order] if added.size > 1 else added)
    if moved is not None:
        source = patch.transpose(source, [1, 0, 2])
    return replace(weights, input=matrix[:, order].T, input_bias=bias), source


def _product(scope: Graph, name: str) -> tuple[str, Array, Array] | None:
    """x, W and b where a tensor is x @ W + b, with b a vector (or 0)."""
    added = np.zeros(1)
    node = scope.maker(name, "Add")
    if node is not None:
        own = next((k for k in (0, 1) if scope.is_constant(node.input[k])), None)
        vector = scope.constant(node.input[own]) if own is not None else None
        if own is None or vector is None or (vector.ndim and vector.size != vector.shape[-1]):
            return None
        added, name = vector.reshape(-1), node.input[1 - own]
    node = scope.maker(name, "MatMul")
    matrix = scope.constant(node.input[1]) if node is not None else None
    if node is None or matrix is None or matrix.ndim != 2:
        return None
    if matrix.dtype != np.float32 or len(scope.shape(node.input[0]) or ()) != 3:
        return None
    return node.input[0], matrix.astype(np.float64), added.astype(np.float64)


def _is_unit(matrix: Array) -> bool:
    """True where each gate takes one number of its own of the input."""
    return bool(((matrix == 0.0) | (matrix == 1.0)).all() and (matrix.sum(axis=1) == 1.0).all())
