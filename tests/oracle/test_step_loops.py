"""Loops and Scans over any cell, from states that are not zero, against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.oracle.compared import against_onnxruntime, difference
from tests.oracle.entire import entire
from tests.oracle.graphs import saved
from tests.oracle.step_cells import CELLS, INPUTS, OUTPUTS, UNITS, Builder
from tests.oracle.step_graphs import file_of, looped, rolled, scanned, value

KNOWN = {"lstm": "lstm", "packed_lstm": "lstm", "gru": "gru", "min_gru": "min_gru", "sru": "sru"}
LEAST = {"norm_lstm": 26.0, "mamba": 26.0, "lmu_of_rows": 26.0}
"""dB at the default widths of cells that lose more than others."""


@pytest.mark.parametrize("way", ["loop", "scan"])
@pytest.mark.parametrize("cell", CELLS)
def test_cell_is_what_onnxruntime_computes(cell: str, way: str, tmp_path: Path) -> None:
    model = rolled(cell, way)
    if way == "loop":
        loaded = against_onnxruntime(model, tmp_path)
    else:
        loaded = entire(model, tmp_path, least=LEAST.get(cell, 30.0)).model
    if cell in KNOWN:
        assert KNOWN[cell] in [node.name for node in loaded.nodes]


def by_lists(graph: onnx.GraphProto) -> int:
    """Write each Concat as a list that is joined, as torch.hstack does; how many there were."""
    nodes, count = [], 0
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                count += by_lists(attribute.g)
        if node.op_type == "Concat":
            made, count = f"{node.output[0]}_list", count + 1
            nodes.append(helper.make_node("SequenceConstruct", node.input, [made], name=made))
            first, axis = f"{made}_first", node.attribute[0].i
            index = helper.make_tensor(f"{made}_at", onnx.TensorProto.INT64, [], [-len(node.input)])
            nodes.append(helper.make_node("Constant", [], [index.name], value=index))
            nodes.append(helper.make_node("SequenceAt", [made, index.name], [first], name=first))
            rest = [first, *list(node.input)[1:]]
            nodes.append(
                helper.make_node("SequenceConstruct", rest, [f"{made}_2"], name=f"{made}_2")
            )
            joined = [f"{made}_2"]
            nodes.append(helper.make_node("ConcatFromSequence", joined, node.output, axis=axis))
        else:
            nodes.append(node)
    copies = [helper.make_node("Identity", ["x"], ["y"]) for _ in nodes]
    for copy, node in zip(copies, nodes, strict=True):
        copy.CopyFrom(node)
    del graph.node[:]
    graph.node.extend(copies)
    return count


@pytest.mark.parametrize("way", ["loop", "scan"])
def test_lists_that_a_step_joins(way: str, tmp_path: Path) -> None:
    model = rolled("cfc", way)
    assert by_lists(model.graph)
    against_onnxruntime(model, tmp_path)


def outer(seed: int = 0) -> Builder:
    return Builder(np.random.default_rng(seed))


def ended(b: Builder, y: str, shape: list[int | str] | None = None) -> onnx.ModelProto:
    """A file of x [T, 1, I] whose output is y."""
    b.nodes.append(helper.make_node("Identity", [y], ["y"]))
    return file_of(b, [value("x", shape or ["T", 1, INPUTS])], [value("y", None)])


def test_head_runs_once_where_only_the_last_step_counts(tmp_path: Path) -> None:
    """The state after the last step, and a y that the body computes at each."""
    b = outer()
    last = looped(b, "min_gru", "x")[0]
    loaded = against_onnxruntime(ended(b, last), tmp_path)
    assert next(n.name for n in loaded.nodes) == "min_gru"
    b = outer()
    y = scanned(b, "ugrnn", "x")[-1]
    loaded = against_onnxruntime(ended(b, b.add("Gather", y, b.constant(-1), axis=0)), tmp_path)
    assert not loaded.tensors[loaded.outputs[0].tensor].per_step


def test_between_a_convolution_and_a_dense_layer(tmp_path: Path) -> None:
    b = outer()
    turned = b.add("Transpose", "x", perm=[1, 2, 0])
    seen = b.add("Conv", turned, b.drawn(INPUTS, INPUTS, 3), b.drawn(INPUTS), pads=[2, 0])
    back = b.add("Transpose", b.add("Relu", seen), perm=[2, 0, 1])
    y = looped(b, "ind_rnn", back)[-1]
    matrix = b.drawn(OUTPUTS, 4)
    entire(ended(b, b.add("Tanh", b.add("MatMul", y, matrix))), tmp_path)


def test_two_loops_and_a_layer_between(tmp_path: Path) -> None:
    b = outer()
    first = scanned(b, "cfc", "x")[-1]
    wide = b.add("MatMul", first, b.drawn(OUTPUTS, INPUTS))
    y = looped(b, "gru", b.add("Relu", wide), seed=1)[-1]
    network = entire(ended(b, y), tmp_path)
    assert [n.name for n in network.model.nodes if n.name == "gru"]


def test_both_directions(tmp_path: Path) -> None:
    b = outer()
    ways = [scanned(b, "ugrnn", "x", seed=k, backward=bool(k))[-1] for k in range(2)]
    both = b.add("Concat", *ways, axis=2)
    y = b.add("MatMul", both, b.drawn(2 * OUTPUTS, OUTPUTS))
    network = entire(ended(b, y, [6, 1, INPUTS]), tmp_path)
    assert [n.op.reverse for n in network.model.layers if n.op.cell.states] == [False, True]


def in_a_list(model: onnx.ModelProto) -> None:
    """Let the last result of the Loop be appended to a list and joined, as torch.stack is."""
    (loop,) = [n for n in model.graph.node if n.op_type == "Loop"]
    body, result = body_of(model), loop.output[-1]
    body.input.append(helper.make_tensor_sequence_value_info("ys", onnx.TensorProto.FLOAT, None))
    body.node.append(helper.make_node("SequenceInsert", ["ys", body.output[-1].name], ["more"]))
    after = helper.make_tensor_sequence_value_info("more", onnx.TensorProto.FLOAT, None)
    body.output[-1].CopyFrom(after)
    loop.input.append("none")
    loop.output[-1] = "list"
    at = list(model.graph.node).index(loop)
    model.graph.node.insert(at, helper.make_node("SequenceEmpty", [], ["none"]))
    joined = helper.make_node("ConcatFromSequence", ["list"], [result], axis=0, new_axis=1)
    model.graph.node.insert(at + 2, joined)


@pytest.mark.parametrize("again", [False, True])
def test_list_of_a_loop_over_flipped_steps(again: bool, tmp_path: Path) -> None:
    b = outer()
    y = looped(b, "ugrnn", flipped(b, "x"))[-1]
    model = ended(b, flipped(b, y) if again else y, [6, 1, INPUTS])
    in_a_list(model)
    against_onnxruntime(model, tmp_path)


def flipped(b: Builder, x: str) -> str:
    ends = [b.constant([n]) for n in (-1, -(2**31), 0, -1)]
    return b.add("Slice", x, *ends)


def test_batch_is_one_row(tmp_path: Path) -> None:
    """Of an open batch the model has one row."""
    model = rolled("min_gru", "scan")
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "N"
    loaded = against_onnxruntime(model, tmp_path)
    assert loaded.inputs[0].shape == (-1, 1, INPUTS)


def test_loop_that_stops_by_its_counter(tmp_path: Path) -> None:
    """Without a number of steps, as `while i < T`; the counter begins at 1 and goes up by 1."""
    model = rolled("gru", "loop")
    loop = next(n for n in model.graph.node if n.op_type == "Loop")
    body = loop.attribute[0].g
    body.node.remove(next(n for n in body.node if n.name == "goes_on"))
    body.node.extend(
        [
            helper.make_node("Add", ["i", "step_one"], ["next"], name="count"),
            helper.make_node("Less", ["next", loop.input[0]], ["on_next"], name="more"),
        ]
    )
    body.initializer.append(onnx.numpy_helper.from_array(np.array(1, np.int64), "step_one"))
    loop.input[0] = ""
    loaded = against_onnxruntime(model, tmp_path)
    assert loaded.steps is None


def refused(model: onnx.ModelProto, folder: Path) -> str:
    with pytest.raises(ModelError) as error:
        load(saved(model, folder))
    return str(error.value)


def body_of(model: onnx.ModelProto) -> onnx.GraphProto:
    found = next(n for n in model.graph.node if n.op_type in ("Loop", "Scan"))
    graph: onnx.GraphProto = next(a.g for a in found.attribute if a.name == "body")
    return graph


def changed(body: onnx.GraphProto, name: str, op: str, *more: str) -> None:
    """Put an operator behind a tensor of a body."""
    at = next(k for k, node in enumerate(body.node) if name in node.output)
    body.node[at].output[:] = [f"{name}_plain" if o == name else o for o in body.node[at].output]
    body.node.insert(at + 1, helper.make_node(op, [f"{name}_plain", *more], [name], name="new"))


def test_operator_that_no_cell_has_is_refused_by_name(tmp_path: Path) -> None:
    model = rolled("gru", "scan")
    body = body_of(model)
    changed(body, body.output[0].name, "Hardmax")
    assert "Hardmax 'new': operator Hardmax is not supported inside" in refused(model, tmp_path)


def test_condition_that_the_data_decide_is_refused(tmp_path: Path) -> None:
    model = rolled("gru", "loop")
    body = body_of(model)
    body.node.remove(next(n for n in body.node if n.name == "goes_on"))
    state = body.output[1].name
    body.node.extend(
        [
            helper.make_node("ReduceSum", [state], ["sum"], keepdims=0),
            helper.make_node("Greater", ["sum", "low"], ["on_next"]),
        ]
    )
    body.initializer.append(onnx.numpy_helper.from_array(np.array(-100, np.float32), "low"))
    assert "ends by what the data are" in refused(model, tmp_path)


def test_fewer_steps_than_the_sequence_has_are_refused(tmp_path: Path) -> None:
    model = rolled("gru", "loop")
    loop = next(n for n in model.graph.node if n.op_type == "Loop")
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(4), "four"))
    loop.input[0] = "four"
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 6
    assert "'read': does not take one step after the other of a sequence of 6" in refused(
        model, tmp_path
    )


def test_step_of_another_order_is_refused(tmp_path: Path) -> None:
    """x[2 i mod T] is no order of steps."""
    model = rolled("gru", "loop")
    body = body_of(model)
    read = next(n for n in body.node if n.name == "read")
    body.node.insert(0, helper.make_node("Mul", ["i", "two"], ["double"]))
    body.node.insert(1, helper.make_node("Mod", ["double", "five"], ["place"]))
    for name, number in (("two", 2), ("five", 5)):
        body.initializer.append(onnx.numpy_helper.from_array(np.array(number), name))
    read.input[1] = "place"
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 5
    assert "does not take the steps of a sequence in their order" in refused(model, tmp_path)


def test_whole_sequence_at_every_step_needs_its_length(tmp_path: Path) -> None:
    model = rolled("gru", "scan")
    body = body_of(model)
    y = body.output[-1].name
    body.node.append(helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=0, name="all"))
    body.node.append(helper.make_node("Add", [y, "mean"], ["more"], name="new"))
    body.output[-1].name = "more"
    assert "reads all steps of [?, 1, 3] at each step" in refused(model, tmp_path)
    against_onnxruntime(model, tmp_path, steps=7)


def test_state_changed_on_its_way_is_another_cell(tmp_path: Path) -> None:
    """An LSTM whose c is bounded before it goes on is no LSTM, and right all the same."""
    model = rolled("lstm", "scan")
    body = body_of(model)
    changed(body, body.output[1].name, "Clip", "low", "high")
    for name, number in (("low", -0.3), ("high", 0.3)):
        body.initializer.append(onnx.numpy_helper.from_array(np.array(number, np.float32), name))
    network = entire(model, tmp_path)
    assert "lstm" not in [n.name for n in network.model.nodes]


def batched(model: onnx.ModelProto, rows: int) -> onnx.ModelProto:
    """The file for a batch of a fixed size: of x, and of the states that it starts from."""
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = rows
    starts = next(n for n in model.graph.node if n.op_type in ("Loop", "Scan")).input
    for stored in model.graph.initializer:
        if stored.name in starts and len(stored.dims) > 1:
            array = np.repeat(onnx.numpy_helper.to_array(stored), rows, axis=0)
            stored.CopyFrom(onnx.numpy_helper.from_array(array, stored.name))
    for value_ in body_of(model).input:
        if value_.type.tensor_type.shape.dim:
            value_.type.tensor_type.shape.dim[0].dim_value = rows
    return model


@pytest.mark.parametrize("cell", ["lstm", "mamba", "cfc"])
def test_fixed_batch_is_computed_row_by_row(cell: str, tmp_path: Path) -> None:
    path = saved(batched(rolled(cell, "scan"), 3), tmp_path)
    loaded = load(path)
    assert loaded.inputs[0].shape == (-1, 1, INPUTS)
    assert "a batch of 3" in " ".join(loaded.warnings)
    assert difference(path, loaded) < 1e-5


def test_rows_that_differ_are_one_vector(tmp_path: Path) -> None:
    """What looks like a batch, but each row has a bias of its own."""
    model = batched(rolled("ind_rnn", "scan"), 2)
    body = body_of(model)
    name = body.output[0].name
    changed(body, name, "Mul", "own")
    numbers = np.arange(2 * UNITS, dtype=np.float32).reshape(2, UNITS) / 10
    body.initializer.append(onnx.numpy_helper.from_array(numbers, "own"))
    loaded = against_onnxruntime(model, tmp_path)
    assert loaded.inputs[0].shape == (-1, 2, INPUTS)


@pytest.mark.parametrize("way", ["loop", "scan"])
def test_batch_may_come_before_time(way: str, tmp_path: Path) -> None:
    """x [1, T, I], cut along its second axis; a Scan gives y [1, T, O] at once."""
    model = rolled("ugrnn", way)
    model.graph.input[0].CopyFrom(value("x", [1, "T", INPUTS]))
    found = next(n for n in model.graph.node if n.op_type in ("Loop", "Scan"))
    if way == "scan":
        found.attribute.append(helper.make_attribute("scan_input_axes", [1]))
        found.attribute.append(helper.make_attribute("scan_output_axes", [1]))
    else:
        read = next(n for n in body_of(model).node if n.name == "read")
        read.attribute[0].i = 1
        where = next(k for k, n in enumerate(model.graph.node) if n.op_type == "Gather")
        index = model.graph.node[where].input[1]
        stored = next(t for t in model.graph.initializer if t.name == index)
        stored.CopyFrom(onnx.numpy_helper.from_array(np.array(1), index))
    loaded = against_onnxruntime(model, tmp_path)
    assert loaded.inputs[0].axes == ("batch", "time", "feature")
