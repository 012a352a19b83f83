"""What a `Model` computes, in float64 and by the definitions: an oracle for everything else.

Nothing here is used by the compiler. Ports are applied by moving axes, layers by running their
cells, see `cell_reference.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    Layer,
    Model,
    Node,
    Port,
    Slice,
    StatePort,
    Step,
    Work,
    is_a,
)
from tests.oracle.cell_reference import Doubles, run_cell


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
    counts: dict[str, int] = {}
    for port in model.inputs:
        features = model.tensors[port.tensor].features
        values[port.tensor] = vectors(
            port, inputs[port.name], features, model.tensors[port.tensor].per_step
        )
    for node in model.nodes:
        _count_steps(node, values, counts, model)
        if is_a(node, Concat):
            values[node.outputs["y"]] = np.concatenate([values[t] for t in node.reads], axis=-1)
        elif is_a(node, Slice):
            x = values[node.inputs["x"]]
            values[node.outputs["y"]] = x[..., node.op.begin : node.op.end]
        elif is_a(node, Step):
            values[node.outputs["y"]] = values[node.inputs["x"]][node.op.at]
        elif is_a(node, DenseOverTime):
            pairs = zip(node.op.weights, values[node.inputs["x"]], strict=True)
            products = [w.astype(np.float64) @ x for w, x in pairs]
            values[node.outputs["y"]] = np.sum(products, axis=0) + node.op.bias
        elif is_a(node, Layer):
            first = {s: values[node.inputs[i]] for s, i in node.op.begins.items()}
            first |= {s: a for (layer, s), a in given.items() if layer == node.name}
            last = _run_layer(node, values, counts, model, first)
            ends |= {(node.name, name): value for name, value in last.items()}
    for name, tensor in model.tensors.items():
        if name in values:
            assert values[name].shape[-1] == tensor.features, name
            assert values[name].ndim == (2 if tensor.per_step else 1), name
    found = {port.name: array_of(port, values[port.tensor]) for port in model.outputs}
    return found | {port.name: _state_array(port, ends) for port in model.state_outputs}


def _state_array(port: StatePort, ends: Mapping[tuple[str, str], Doubles]) -> Doubles:
    """The states after the last step, where the port has them."""
    array = np.full(int(np.prod(port.shape)), np.nan)
    for part in port.parts:
        array[[*part.places]] = ends[part.layer, part.state]
    return array.reshape(port.shape)


FLAT = ("time*feature", "feature*time")


def vectors(port: Port, array: npt.NDArray[Any], features: int, per_step: bool) -> Doubles:
    """[steps, features], or [features] where the tensor is not one of each step."""
    assert array.ndim == len(port.axes) == len(port.shape)
    for size, axis, declared in zip(array.shape, port.axes, port.shape, strict=True):
        assert axis in ("batch", "unit", "time", "feature", *FLAT, "layer")
        assert declared in (-1, size), (port, array.shape)
        assert size == 1 or axis not in ("batch", "unit")
    if "feature*time" in port.axes:
        return array.astype(np.float64).reshape(features, -1).T
    order = [k for name in ("time", "feature") for k, a in enumerate(port.axes) if a == name]
    rest = [k for k in range(array.ndim) if k not in order]
    flat = np.transpose(array.astype(np.float64), [*rest, *order])
    return flat.reshape(-1, features) if per_step else flat.reshape(features)


def array_of(port: Port, value: Doubles) -> Doubles:
    """The inverse of `vectors`."""
    shape = []
    for axis, size in zip(port.axes, port.shape, strict=True):
        open_size = len(value) if axis == "time" else value.size
        shape.append(open_size if size == -1 else size)
    if "time" in port.axes:
        at = port.axes.index("time")
        steps_first = value.reshape(shape[at], *shape[:at], *shape[at + 1 :])
        return np.moveaxis(steps_first, 0, at)
    return (value.T if "feature*time" in port.axes else value).reshape(shape)


def _count_steps(
    node: Node[Work], values: dict[str, Doubles], counts: dict[str, int], model: Model
) -> None:
    """Note for the node's results how many steps their sequence has, or had that they end."""
    known = [len(values[t]) if model.tensors[t].per_step else counts.get(t, 1) for t in node.reads]
    counts.update(dict.fromkeys(node.makes, max(known)))


def _run_layer(
    layer: Node[Layer],
    values: dict[str, Doubles],
    counts: Mapping[str, int],
    model: Model,
    first: Mapping[str, Doubles],
) -> dict[str, Doubles]:
    """Add the layer's results; its states after the last step that it takes. first: its states
    before, where they are not its own.
    """
    sequences = {n: values[t] for n, t in layer.inputs.items() if model.tensors[t].per_step}
    vectors = {n: values[t] for n, t in layer.inputs.items() if not model.tensors[t].per_step}
    once = not sequences
    if once:
        sequences, vectors = {n: v[None] for n, v in vectors.items()}, {}
    count = max(counts[t] for t in layer.outputs.values())
    results, state = run_cell(layer, sequences, vectors, first, count)
    for result, tensor in layer.outputs.items():
        values[tensor] = results[result][0] if once else results[result]
    return state
