"""Models that declare what no network has: refused by name, before onnx or numpy look at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.frontend.onnx import parts
from tests.oracle.graphs import graph, lstm_weights, node, saved


def model(*behind: NodeProto, inputs: int = 1, **weights: np.ndarray) -> ModelProto:
    """An LSTM, and nodes that make y of v."""
    nodes = [node("LSTM", "x W R B", "h", hidden_size=4), node("Squeeze", "h one", "v"), *behind]
    known = {**lstm_weights(3, 4), "one": np.array([1]), **weights}
    ports: dict[str, list[int]] = {f"x{k}": [1] for k in range(1, inputs)} | {"x": [8, 1, 3]}
    return graph(nodes, ports, ["y"], known, opset=19)


def of_shape(*shape: int | str) -> ModelProto:
    """A dense layer on an input."""
    return graph(
        [node("MatMul", "x w", "y")], {"x": [*shape]}, ["y"], {"w": np.eye(3, dtype=np.float32)}
    )


def named(found: ModelProto) -> bytes:
    return found.SerializeToString().replace(b"one", b"\xff\xfe\x80")


def value(name: str, kind: int = TensorProto.FLOAT) -> object:
    return helper.make_tensor_value_info(name, kind, None)


def branch(count: int) -> object:
    made = helper.make_graph([node("Relu", "v", "r")], "branch", [], [value("r")])
    outputs = ["y", "z"][:count]
    return helper.make_node("If", ["on"], outputs, then_branch=made, else_branch=made)


def loop(steps: str) -> object:
    body = helper.make_graph(
        [node("Identity", "on1", "on2"), node("Tanh", "s", "s2")],
        "body",
        [value("i", TensorProto.INT64), value("on1", TensorProto.BOOL), value("s")],
        [value("on2", TensorProto.BOOL), value("s2")],
    )
    return helper.make_node("Loop", [steps, "on", "v"], ["y"], body=body)


def listed(count: int) -> object:
    return helper.make_node("Constant", [], ["y"], value_floats=[1.0] * count)


def part(place: int) -> ModelProto:
    nodes = node("SplitToSequence", "v", "parts", axis=2), node("SequenceAt", "parts k", "y")
    return model(*nodes, k=np.array(place))


def seen(**attributes: object) -> ModelProto:
    nodes = node("Transpose", "v", "c", perm=[1, 2, 0]), node("Conv", "c K", "y", **attributes)
    return model(*nodes, K=np.ones((2, 4, 3), np.float32))


def cut(*axes: int) -> ModelProto:
    parts = {"a": np.zeros(2, np.int64), "b": np.array([4, 3]), "k": np.array(axes)}
    return model(node("Slice", "v a b k", "y"), **parts)


def scanned(**attributes: object) -> ModelProto:
    """A simple RNN as a Scan."""
    made = [node("MatMul", "h R2", "p"), node("Add", "p e", "q"), node("Tanh", "q", "h2")]
    ports = [value("h2"), value("o")]
    body = helper.make_graph(
        [*made, node("Identity", "h2", "o")], "body", [value("h"), value("e")], ports
    )
    scan = node("Scan", "h0 x", "last y", body=body, num_scan_inputs=1, **attributes)
    known = {"h0": np.zeros((1, 3), np.float32), "R2": np.eye(3, dtype=np.float32) / 2}
    return graph([scan], {"x": [8, 1, 3]}, ["y"], known)


def sparse_body() -> ModelProto:
    """Weights of a branch, of which the file has two of 2**40."""
    made = helper.make_graph([node("Add", "v k", "r")], "branch", [], [value("r")])
    numbers, places = (numpy_helper.from_array(np.zeros(2, t), "k") for t in (np.float32, np.int64))
    made.sparse_initializer.append(helper.make_sparse_tensor(numbers, places, [2**40]))
    return model(helper.make_node("If", ["on"], ["y"], then_branch=made, else_branch=made), **ON)


NOTHING = np.zeros((4, 0), np.float32)
ON = {"on": np.array(True), "long": np.array([5, 6]), "half": np.array(5.5, np.float32)}
RELU = node("Relu", "v", "y")
ADDED = node("Add", "v k", "y")
CASES: dict[str, tuple[Callable[[], ModelProto | bytes], str]] = {
    "name": (lambda: named(model(RELU)), "holds a name that is no UTF-8 text"),
    "inputs": (lambda: model(RELU, inputs=4098), "has 4098 inputs, more than the 4096"),
    "axes": (lambda: model(ADDED, k=np.ones((1,) * 40)), "initializer 'k': has 40 axes, expected"),
    "more axes": (
        lambda: model(node("Unsqueeze", "v k", "y"), k=np.arange(100_000)),
        "makes 100003 axes, expected 32 at most",
    ),
    "list": (lambda: model(listed(2**20 + 1)), "value_floats lists 1048577 numbers"),
    "equation": (
        lambda: model(node("Einsum", "v", "y", equation="\u202eii...->\0")),
        "expected letters, commas",
    ),
    "part": (lambda: part(99), "takes part 99 of 4"),
    "branch": (lambda: model(branch(2), **ON), "has 2 outputs, its branch 1"),
    "steps": (lambda: model(loop("half"), **ON), "numbers of float32, expected one integer"),
    "several steps": (lambda: model(loop("long"), **ON), r"by \[2\] numbers of int64"),
    "kernel": (lambda: seen(kernel_shape=[9]), r"kernel_shape = \[9\], but input W sees \[3\]"),
    "axis twice": (lambda: cut(2, -1), "cuts axis 2 twice"),
    "axis of steps": (lambda: scanned(scan_input_axes=[99]), r"axes = \[99\] does not fit 3 axes"),
    "axis of results": (lambda: scanned(scan_output_axes=[55]), "puts steps on axis 55 of 3"),
    "directions": (lambda: scanned(scan_input_directions=[0] * 9), "expected 1 numbers of their"),
    "two values": (
        lambda: model(helper.make_node("Constant", [], ["y"], value_int=1, value_float=1.0)),
        r"has several values \(value_float, value_int\)",
    ),
    "elements": (lambda: of_shape("n", 2**31, 3), "axis 1 has 2147483648 elements: too many"),
    "sparse": (sparse_body, "initializer 'k': sparse weights are not supported"),
    "empty matrix": (
        lambda: model(node("Einsum", "v k", "y", equation="tbf,fo->tbo"), k=NOTHING),
        r"matrix: has shape \[4, 0\]: no numbers",
    ),
    "matrix without rows": (
        lambda: model(node("MatMul", "v k", "y"), k=NOTHING.T),
        r"matrix: has shape \[0, 4\]: no numbers",
    ),
    "expanded to nothing": (
        lambda: model(node("Expand", "v k", "y"), k=np.array([8, 0, 4])),
        r"makes shape \[8, 0, 4\]",
    ),
    "stride": (lambda: seen(strides=[0]), "strides 0 and dilations 1: expected 1 or more"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_no_network_has_is_refused(case: str, tmp_path: Path) -> None:
    make, message = CASES[case]
    made = make()
    path = tmp_path / "m.onnx"
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    with pytest.raises(ModelError, match=message) as refusal:
        load(path)
    assert "\n" not in str(refusal.value)


def test_parts_of_two_bytes_are_counted_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes, and what nodes have inside; a file that is cut short is told as that."""
    monkeypatch.setattr(parts, "MOST_PARTS", 300)
    usual = model(RELU).SerializeToString()
    parts.check_parts("m.onnx", usual)
    nested = model(helper.make_node("Relu", ["v"], ["y"], **{f"a{k}": k for k in range(300)}))
    for content in (usual + b"\x3a\xd8\x04" + b"\x0a\x00" * 300, nested.SerializeToString()):
        path = tmp_path / "m.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelError, match="has more than 300 parts"):
            load(path)
    parts.check_parts("m.onnx", usual + b"\x3a\xff" * 300)


def test_a_port_with_a_long_name_is_renamed_by_its_place(tmp_path: Path) -> None:
    long = "n" * 70_000
    found = model(node("Relu", "v", long))
    found.graph.output[0].name = long
    path = saved(found, tmp_path)
    with pytest.raises(ModelError, match="is a name of 70000 characters"):
        load(path)
    assert load(path, rename={"output0": "y"}).outputs[0].name == "y"


def test_numbers_that_overflow_print_nothing_of_numpy(tmp_path: Path) -> None:
    stored = numpy_helper.from_array(np.full((1, 16, 3), 1e300), "W")
    found = model(RELU)
    tensors = [t for t in found.graph.initializer if t.name != "W"]
    del found.graph.initializer[:]
    found.graph.initializer.extend([*tensors, stored])
    from click.testing import CliRunner

    from lstm_edge.cli import main

    said = CliRunner().invoke(main, ["inspect", str(saved(found, tmp_path))])
    assert said.exit_code == 1
    assert said.output.splitlines() == ["Error: " + said.output.partition("Error: ")[2].strip()]
    assert "holds infinity" in said.output
