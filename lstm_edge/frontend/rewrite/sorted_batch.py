"""Rows of a batch sorted by length before a layer and put back behind it, as PyTorch's
pack_padded_sequence does: a model computes one row, whose place in the batch is no work.
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, TensorProto, helper

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of

_SAME = ("Cast", "Identity", "Reshape", "Flatten", "Squeeze")
"""Operators that leave a vector of integers what it is."""


def unsort_batch(sketch: Graph) -> None:
    """Leave out each TopK of all lengths, and the Gathers by its indices or by their inverse."""
    for node in list(sketch.nodes):
        counted = node.op_type == "TopK" and _is_length_of_layers(sketch, node.output[0])
        if counted and _sorts_lengths(sketch, node):
            gathers = _gathers(sketch, node.output[1])
            if gathers is not None:
                _leave_out(sketch, node, gathers)


def _sorts_lengths(sketch: Graph, node: NodeProto) -> bool:
    """Whether all of an input of integers, one for each row, is sorted."""
    name = node.input[0]
    while (maker := sketch.producer(name)) is not None and maker.op_type in _SAME:
        name = maker.input[0]
    given = next((i for i in sketch.inputs if i.name == name), None)
    kinds = (TensorProto.INT32, TensorProto.INT64)
    if given is None or given.type.tensor_type.elem_type not in kinds:
        return False
    dims = given.type.tensor_type.shape.dim
    count = sketch.constant(node.input[1])
    whole = count is not None and count.size == 1 and int(count.reshape(-1)[0]) == dims[0].dim_value
    return len(dims) == 1 and (whole or _is_length(sketch, node.input[1], node.input[0]))


def _is_length_of_layers(sketch: Graph, name: str) -> bool:
    """Whether a tensor is the sequence_lens of recurrent layers, and nothing else."""
    users = sketch.users(name)
    for user in users:
        passes_on = user.op_type in ("Cast", "Identity")
        counts = user.op_type in ("LSTM", "GRU", "RNN") and list(user.input).index(name) == 4
        if not counts and not (passes_on and _is_length_of_layers(sketch, user.output[0])):
            return False
    return bool(users) and not sketch.is_output(name)


def _is_length(sketch: Graph, name: str, of: str) -> bool:
    """Whether a number is the length of a vector: its Shape, or the last entry of it."""
    maker = sketch.producer(name)
    while maker is not None and maker.op_type in ("Cast", "Unsqueeze", "Reshape", "Identity"):
        maker = sketch.producer(maker.input[0])
    if maker is not None and maker.op_type == "Gather":
        index = sketch.constant(maker.input[1])
        if index is None or index.size != 1 or int(index.reshape(-1)[0]) not in (0, -1):
            return False
        maker = sketch.producer(maker.input[0])
    return maker is not None and maker.op_type == "Shape" and maker.input[0] == of


def _gathers(sketch: Graph, indices: str) -> list[NodeProto] | None:
    """The Gathers by `indices` or their inverse; None where something else reads them."""
    found: list[NodeProto] = []
    if sketch.is_output(indices):
        return None
    for user in sketch.users(indices):
        if user.op_type == "Gather" and user.input[1] == indices:
            if user.input[0] == indices or not _has_equal_rows(sketch, user):
                return None
            found.append(user)
            continue
        if user.op_type == "Shape":
            continue
        passes_on = user.op_type in ("Cast", "Identity") or _inverts(sketch, user, indices)
        more = _gathers(sketch, user.output[0]) if passes_on else None
        if more is None:
            return None
        found += more
    return found


def _has_equal_rows(sketch: Graph, gather: NodeProto) -> bool:
    """False for a table that is looked up: a constant of which the order of rows matters."""
    table = sketch.constant(gather.input[0])
    if table is None:
        return True
    axis = attributes_of(gather).get("axis", 0)
    fits = -table.ndim <= axis < table.ndim and table.size > 0
    return fits and bool((table == table.take([0], axis=axis)).all())


def _inverts(sketch: Graph, node: NodeProto, indices: str) -> bool:
    """Whether a ScatterElements puts 0, 1, 2 ... at the places that the indices name."""
    if node.op_type != "ScatterElements" or node.input[1] != indices:
        return False
    if attributes_of(node).get("reduction", "none") != "none":
        return False
    updates = sketch.constant(node.input[2])
    if updates is not None:
        return updates.ndim == 1 and np.array_equal(updates, np.arange(len(updates)))
    maker = sketch.producer(node.input[2])
    starts = (
        [] if maker is None else [sketch.constant(i) for i in (maker.input[0], *maker.input[2:])]
    )
    counted = maker is not None and maker.op_type == "Range"
    return counted and [None if s is None else int(s) for s in starts] == [0, 1]


def _leave_out(sketch: Graph, node: NodeProto, gathers: list[NodeProto]) -> None:
    """Identities in place of what sorts and what puts back; of the indices, the shape stays.

    Whether an axis that is gathered is that of the batch is seen when axes are followed.
    """
    for gather in gathers:
        axis = attributes_of(gather).get("axis", 0)
        same = helper.make_node("Identity", [gather.input[0]], list(gather.output), rows=axis)
        same.name = gather.name
        sketch.replace([gather], [same])
    outputs = [name for name in node.output if name]
    sketch.replace([node], [helper.make_node("Identity", [node.input[0]], [n]) for n in outputs])
