"""A file and the model made of it: how far apart their results are, row by row of the batch too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from lstm_edge.frontend import load
from lstm_edge.ir.model import Layer, Model, Port, StatePort, is_a
from lstm_edge.models.renaming import with_names
from tests.oracle.graphs import saved
from tests.oracle.model_reference import run_model

STEPS = 9
"""Length of a sequence where the file leaves it open."""

BATCH = 3
"""Rows where the file leaves the batch open."""

Array = np.ndarray[Any, Any]


def against_onnxruntime(model: onnx.ModelProto, folder: Path, **options: int) -> Model:
    """Load, compare on random inputs of the declared sizes, return what was loaded.

    Of 7 steps, where the file leaves their number open.
    """
    onnxruntime = pytest.importorskip("onnxruntime")
    loaded = load(saved(model, folder), **options)
    rng = np.random.default_rng(3)
    named = as_in_file(loaded)
    shapes = {p.name: [7 if s == -1 else s for s in p.shape] for p in named.inputs}
    feeds = {name: rng.normal(size=s).astype(np.float32) for name, s in shapes.items()}
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [o.name for o in named.outputs]
    results = run_model(named, feeds)
    for name, expected in zip(names, session.run(names, feeds), strict=True):
        assert results[name].shape == expected.shape
        np.testing.assert_allclose(results[name], expected, atol=1e-5)
    return loaded


def as_in_file(model: Model) -> Model:
    """The model with the names that its file gives to inputs and outputs."""
    return with_names(model, model.file_names)


def unsigned(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with all int8 constants, weights and zero points alike, as uint8, 128 higher;
    itself where it has none. onnxruntime adds products with int8 weights in 16 bits on processors
    of x86-64 without VNNI, which saturate; with unsigned ones it does not.
    """
    signed = [t for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT8]
    if not signed:
        return model
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.value_info[:]
    for tensor in made.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8:
            numbers = onnx.numpy_helper.to_array(tensor).astype(np.int64) + 128
            tensor.CopyFrom(onnx.numpy_helper.from_array(numbers.astype(np.uint8), tensor.name))
    return made


def difference(file: Path, model: Model) -> float:
    """The largest difference of any output or state from what onnxruntime computes.

    Inputs are random, other ones in each row; so are the states that are set. Both have the same
    outputs, in the same order and shapes.
    """
    import onnxruntime

    model = as_in_file(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    proto = onnx.load(file)
    exact = unsigned(proto)
    source = str(file) if exact is proto else exact.SerializeToString()
    session = onnxruntime.InferenceSession(source, options)
    feeds = feeds_of(np.random.default_rng(len(file.name)), session.get_inputs(), model)
    names = [value.name for value in session.get_outputs()]
    expected = dict(zip(names, session.run(names, feeds), strict=True))
    ports = {port.name: port for port in model.inputs}
    states = {port.name: port for port in (*model.state_inputs, *model.state_outputs)}
    sizes = [
        size
        for name, port in ports.items()
        for size, axis in zip(feeds[name].shape, port.axes, strict=True)
        if axis == "batch"
    ]
    batch, worst = max(sizes, default=1), 0.0
    for row in range(batch):
        given = {name: row_of(feeds[name], port, batch, row) for name, port in ports.items()}
        given |= {n: state_row(a, states[n], row) for n, a in feeds.items() if n in states}
        result = run_model(model, given)
        assert sorted(result) == sorted(names)
        assert [n for n in names if n not in states] == [port.name for port in model.outputs]
        wanted = {p.name: row_of(expected[p.name], p, batch, row) for p in model.outputs}
        wanted |= {p.name: state_row(expected[p.name], p, row) for p in model.state_outputs}
        for name, array in wanted.items():
            assert result[name].shape == array.shape, name
            assert np.all(np.isfinite(result[name])), name
            worst = max(worst, float(np.abs(result[name] - array.astype(np.float64)).max()))
    return worst


def feeds_of(rng: np.random.Generator, values: list[Any], model: Model) -> dict[str, Array]:
    """Random arrays for a file's inputs. Open axes with one name have one size; the lengths of
    sequences, which onnxruntime takes from 1 on, reach theirs in one of the rows.
    """
    ports: Mapping[str, Port] = {port.name: port for port in model.inputs}
    states = {port.name for port in model.state_inputs}
    steps = model.steps or STEPS
    sizes = {"batch": BATCH, "time": steps}
    named: dict[Any, int] = {}
    for value in values:
        if value.name in ports:
            pairs = zip(value.shape, ports[value.name].axes, strict=True)
            named |= {s: sizes.get(axis, 1) for s, axis in pairs if isinstance(s, str)}
    lengths = {
        node.inputs["length"]
        for node in model.nodes
        if is_a(node, Layer) and "length" in node.inputs
    }
    feeds = {}
    for value in values:
        port = ports.get(value.name)
        if port is None and value.name not in states:
            assert any(repr(value.name) in warning for warning in model.warnings), value.name
        axes = [""] * len(value.shape) if port is None else port.axes
        pairs = zip(value.shape, axes, strict=True)
        shape = [s if isinstance(s, int) else sizes.get(a, named.get(s, BATCH)) for s, a in pairs]
        kind = value.type.removeprefix("tensor(").removesuffix(")")
        kind = {"float": "float32", "double": "float64"}.get(kind, kind)
        if port is not None and port.tensor in lengths:
            array = rng.integers(1, steps, shape, endpoint=True)
            array.reshape(-1)[-1] = steps
        elif kind.startswith(("int", "uint")):
            array = rng.integers(0, port.limit if port is not None else 1, shape)
        else:
            array = rng.normal(size=shape)
        feeds[value.name] = array.astype(kind)
    return feeds


def state_row(array: Array, port: StatePort, row: int) -> Array:
    """One batch row of an array that holds states, in the shape of the port."""
    for k, (size, one) in enumerate(zip(array.shape, port.shape, strict=True)):
        if size != one:
            assert one == 1
            return array.take([row], axis=k)
    return array


def row_of(array: Array, port: Port, batch: int, row: int) -> Array:
    """One batch row of an array, in the shape of the port; a batch may be folded into time."""
    for k, axis in enumerate(port.axes):
        if axis == "batch":
            return array.take([row], axis=k) if array.shape[k] > 1 else array
    k = next((k for k, axis in enumerate(port.axes) if axis == "time"), None)
    if batch == 1 or k is None:
        return array
    assert k == 0
    return array.reshape(batch, -1, *array.shape[1:])[row]
