"""Weights beside the graph, or not what they declare; files of gigabytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from tests.fuzz.large.base import CASES, Command, case, compiled, put
from tests.oracle.graphs import graph, node


def product() -> onnx.ModelProto:
    """A dense layer."""
    weights = {"W": np.ones((3, 2), np.float32)}
    return graph([node("MatMul", "x W", "y")], {"x": [1, 4, 3]}, ["y"], weights)


def _external(folder: Path, shape: tuple[int, ...], **entries: str) -> Command:
    model = product()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.dims[:] = shape
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return put(folder, model)


@case
def external_sparse_file_of_2_gb(folder: Path) -> Command:
    with (folder / "w.data").open("wb") as file:
        file.truncate(2**31 - 1)
    return _external(folder, (3, 2), location="w.data")


@case
def external_sparse_array_of_2_gb(folder: Path) -> Command:
    with (folder / "w.data").open("wb") as file:
        file.truncate(2**31 - 1)
    return _external(folder, (3, 2**27), location="w.data")


@case
def external_many_of_one_file(folder: Path) -> Command:
    """4,000 tensors that are all the same 100 MB."""
    with (folder / "w.data").open("wb") as file:
        file.truncate(10**8)
    model = graph([node("Relu", "x", "y")], {"x": [1, 4, 3]}, ["y"], {})
    for k in range(100):
        tensor = model.graph.initializer.add()
        tensor.name, tensor.data_type = f"w{k}", 1
        tensor.dims[:] = (10**7,)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="w.data")
    return put(folder, model)


for place in ("/dev/zero", "pipe", "link", "../x", "sub"):

    def _external_at(folder: Path, place: str = place) -> Command:
        os.mkfifo(folder / "pipe")
        (folder / "link").symlink_to("/dev/zero")
        (folder / "sub").mkdir()
        return _external(folder, (3, 2), location=place)

    CASES[f"external_{place.replace('/', '_')}"] = _external_at


def _initializer(name: str, change: Callable[[TensorProto], None]) -> None:
    def made(folder: Path) -> Command:
        model = product()
        change(model.graph.initializer[0])
        return put(folder, model)

    CASES[f"initializer_{name}"] = made


def _floats(tensor: TensorProto, dims: list[int], count: int) -> None:
    tensor.ClearField("raw_data")
    tensor.dims[:] = dims
    tensor.float_data.extend([0.0] * count)


_initializer("dims_huge", lambda t: t.dims.__setitem__(slice(None), [3, 2**29]))
_initializer("floats_short", lambda t: _floats(t, [3, 2], 4))
_initializer("floats_none", lambda t: _floats(t, [3, 2**27], 0))
_initializer("floats_many", lambda t: _floats(t, [3, 2], 4_000_000))
_initializer("many_axes", lambda t: t.dims.__setitem__(slice(None), [1] * 100_000))
_initializer("zero_axis", lambda t: t.dims.__setitem__(slice(None), [3, 0, 2**62]))


@case
def onnx_of_600_mb(folder: Path) -> Command:
    """A file with a string of 600 MB in it."""
    model = graph([node("Relu", "x", "y")], {"x": [1, 4, 3]}, ["y"], {})
    with (folder / "m.onnx").open("wb") as file:
        file.write(model.SerializeToString())
        file.write(b"\x32" + _varint(6 * 10**8))
        for _ in range(600):
            file.write(b"a" * 10**6)
    return compiled(folder, "m.onnx")


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


@case
def onnx_sparse_file_of_2_gb(folder: Path) -> Command:
    with (folder / "m.onnx").open("wb") as file:
        file.truncate(2**31 - 2)
    return compiled(folder, "m.onnx")


@case
def onnx_of_10_to_7_empty_nodes(folder: Path) -> Command:
    """Two bytes a node."""
    nodes = b"\x0a\x00" * 10**7
    (folder / "m.onnx").write_bytes(
        graph([node("Relu", "x", "y")], {"x": [1, 4, 3]}, ["y"], {}).SerializeToString()
        + b"\x3a"
        + _varint(len(nodes))
        + nodes
    )
    return compiled(folder, "m.onnx")


@case
def onnx_of_10_to_5_inputs(folder: Path) -> Command:
    model = graph([node("Relu", "x", "y")], {"x": [1, 4, 3]}, ["y"], {})
    model.graph.input.extend(
        onnx.helper.make_tensor_value_info(f"x{k}", TensorProto.FLOAT, [1, 3]) for k in range(10**5)
    )
    return put(folder, model)


@case
def onnx_of_10_to_7_numbers_in_a_list(folder: Path) -> Command:
    made = onnx.helper.make_node("Constant", [], ["c"], value_floats=np.ones(10**7, np.float32))
    nodes = [made, node("ReduceSum", "c", "s"), node("Add", "x s", "y")]
    return put(folder, graph(nodes, {"x": [1, 4, 3]}, ["y"], {}))


@case
def onnx_of_10_to_5_axes(folder: Path) -> Command:
    axes = {"a": np.arange(10**5)}
    return put(folder, graph([node("Unsqueeze", "x a", "y")], {"x": [1, 4, 3]}, ["y"], axes))


@case
def onnx_equation_of_zero_bytes(folder: Path) -> Command:
    """For which onnx would infer shapes without an end."""
    made = node("Einsum", "x", "y", equation="\u202eii...->\0")
    return put(folder, graph([made], {"x": [1, 4, 3]}, ["y"], {}))
