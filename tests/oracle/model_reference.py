"""What a `Model` computes, in float64 and by the definitions: an oracle for everything else.

Nothing here is used by the compiler. Ports are applied by moving axes, layers by walking the
equations of their cells with plain recursion, one step after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    FirstStep,
    LastStep,
    Layer,
    Model,
    Port,
    Slice,
    StatePort,
)

Doubles = npt.NDArray[np.float64]


def run_model(model: Model, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, Doubles]:
    """Arrays shaped as the output ports say, from arrays shaped as the input ports say.

    States start from the arrays of the inputs that set them, where these are among `inputs`; those
    after the last step follow the outputs.
    """
    values: dict[str, Doubles] = {}
    given = {
        (part.layer, part.state): np.asarray(inputs[port.name], np.float64).ravel()[[*part.places]]
        for port in model.state_inputs
        if port.name in inputs
        for part in port.parts
    }
    ends: dict[tuple[str, str], Doubles] = {}
    for port in model.inputs:
        features = model.tensors[port.tensor].features
        values[port.tensor] = vectors(
            port, inputs[port.name], features, model.tensors[port.tensor].per_step
        )
    for node in model.nodes:
        if isinstance(node, Concat):
            values[node.output] = np.concatenate([values[t] for t in node.inputs], axis=-1)
            continue
        if isinstance(node, Slice):
            values[node.output] = values[node.input][..., node.begin : node.end]
        elif isinstance(node, LastStep):
            values[node.output] = values[node.input][-1]
        elif isinstance(node, FirstStep):
            values[node.output] = values[node.input][0]
        elif isinstance(node, DenseOverTime):
            pairs = zip(node.weights, values[node.input], strict=True)
            products = [w.astype(np.float64) @ x for w, x in pairs]
            values[node.output] = np.sum(products, axis=0) + node.bias
        else:
            first = {s: a for (layer, s), a in given.items() if layer == node.name}
            last = _run_layer(node, values, model, first)
            ends |= {(node.name, name): value for name, value in last.items()}
    for name, tensor in model.tensors.items():
        if name in values:
            assert values[name].shape[-1] == tensor.features, name
            assert values[name].ndim == (2 if tensor.per_step else 1), name
    steps = next(len(values[p.tensor]) for p in model.inputs if model.tensors[p.tensor].per_step)
    found = {port.name: array_of(port, values[port.tensor], steps) for port in model.outputs}
    return found | {port.name: _state_array(port, ends) for port in model.state_outputs}


def _state_array(port: StatePort, ends: Mapping[tuple[str, str], Doubles]) -> Doubles:
    """The states after the last step, where the port has them."""
    array = np.full(int(np.prod(port.shape)), np.nan)
    for part in port.parts:
        array[[*part.places]] = ends[part.layer, part.state]
    return array.reshape(port.shape)


def vectors(port: Port, array: npt.NDArray[Any], features: int, per_step: bool) -> Doubles:
    """[steps, features], or [features] where the tensor is not one of each step."""
    assert array.ndim == len(port.axes) == len(port.shape)
    for size, axis, declared in zip(array.shape, port.axes, port.shape, strict=True):
        assert axis in ("batch", "unit", "time", "feature", "time*feature", "layer")
        assert declared in (-1, size), (port, array.shape)
        assert size == 1 or axis not in ("batch", "unit")
    order = [port.axes.index(a) for a in ("time", "feature") if a in port.axes]
    rest = [k for k in range(array.ndim) if k not in order]
    flat = np.transpose(array.astype(np.float64), [*rest, *order])
    return flat.reshape(-1, features) if per_step else flat.reshape(features)


def array_of(port: Port, value: Doubles, steps: int) -> Doubles:
    """The inverse of `vectors`."""
    shape = []
    for axis, size in zip(port.axes, port.shape, strict=True):
        open_size = steps if axis == "time" else value.size
        shape.append(open_size if size == -1 else size)
    swapped = "time" in port.axes and "feature" in port.axes
    if swapped and port.axes.index("time") > port.axes.index("feature"):
        value = value.T
    return value.reshape(shape)


def _run_layer(
    layer: Layer, values: dict[str, Doubles], model: Model, first: Mapping[str, Doubles]
) -> dict[str, Doubles]:
    """Add the layer's results; its states after the last step that it takes. first: its states
    before, where they are not its own.
    """
    per_step = [model.tensors[t].per_step for t in layer.inputs.values()]
    assert len(set(per_step)) == 1
    inputs = {name: np.atleast_2d(values[t]) for name, t in layer.inputs.items()}
    initial = {**layer.initial, **first}
    state = {
        name: np.asarray(initial.get(name, np.zeros(_units(layer, name))), dtype=np.float64)
        for name in layer.cell.states
    }
    record: dict[str, list[Doubles]] = {result: [] for result in layer.cell.results}
    steps = range(len(next(iter(inputs.values()))))
    for t in reversed(steps) if layer.reverse else steps:
        step = {name: sequence[t] for name, sequence in inputs.items()}
        new = {r: _value(e, step, state, layer) for r, e in layer.cell.results.items()}
        state = {name: new[name] for name in state}
        for result, value in new.items():
            record[result].append(value)
    for result, tensor in layer.outputs.items():
        record[result] = record[result][:: -1 if layer.reverse else 1]
        values[tensor] = np.stack(record[result]) if per_step[0] else record[result][0]
    return state


def _units(layer: Layer, state: str) -> int:
    """Length of a state: columns of a matrix that multiplies it, else as many as gates have."""
    if state == "h":
        return next(p.shape[1] for name, p in layer.params.items() if name[:2] == "R_")
    return next(len(p) for name, p in layer.params.items() if name[:2] == "b_" and name != "b_hr")


def _value(
    e: Expr, inputs: Mapping[str, Doubles], state: Mapping[str, Doubles], layer: Layer
) -> Doubles:
    args = [_value(a, inputs, state, layer) for a in e.args]
    if e.kind == "affine":
        products = [
            layer.params[m].astype(np.float64) @ a for m, a in zip(e.matrices, args, strict=True)
        ]
        return layer.params[e.name] + np.sum(products, axis=0)
    if e.kind == "lookup":
        return layer.params[e.name][int(args[0][int(e.value)])].astype(np.float64)
    if e.kind == "layer_norm":
        return np.asarray((args[0] - args[0].mean()) / np.sqrt(args[0].var() + e.value))
    if args:
        return OPERATIONS[e.name if e.kind == "apply" else e.kind](*args)
    leaves: dict[str, Mapping[str, Any]] = {"input": inputs, "state": state, "param": layer.params}
    return np.asarray(leaves[e.kind][e.name] if e.kind in leaves else e.value, np.float64)


OPERATIONS: dict[str, Callable[..., Doubles]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "tanh": np.tanh,
    "larger": np.maximum,
    "smaller": np.minimum,
    "above": lambda a, b: np.where(a > b, a, 0.0),
    "softsign": lambda v: v / (1 + abs(v)),
    "elu_tail": lambda v: np.expm1(np.minimum(v, 0.0)),
    "softplus_tail": lambda v: np.log1p(np.exp(-abs(v))),
    "argmax": lambda v: np.array([float(max(range(len(v)), key=lambda k: (v[k], -k)))]),
    "softmax": lambda v: np.exp(v) / np.exp(v).sum(),
    "log_softmax": lambda v: v - np.log(np.exp(v).sum()),
}
