"""States of a single step that count the steps, of which only the phase is read.

`t + 1` has no end, and no number of C does; what is read of it, `t % period`, has one. So such a
state becomes part of the step, which keeps phases, and is no input and no output any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import captured, is_standard
from lstm_edge.frontend.model.operators.ids import INTEGERS
from lstm_edge.frontend.step.pairs import named_alike
from lstm_edge.frontend.step.trips import JUMPS

Array = npt.NDArray[Any]


def taken_counts(sketch: Graph) -> dict[str, Array]:
    """Take inputs that count the steps out of a graph, with the outputs that they are next: what
    each goes up by, in its type and shape.
    """
    found: dict[str, Array] = {}
    for output in list(sketch.outputs):
        count = _counted_by(sketch, output.name)
        if count is None:
            continue
        name, by = count
        sketch.inputs = [i for i in sketch.inputs if i.name != name]
        sketch.outputs = [o for o in sketch.outputs if o.name != output.name]
        sketch.warnings.append(
            f"{name!r} counts the steps: its phases are kept from step to step, and begin as those "
            f"of 0; it is no input, and {output.name!r} no output"
        )
        found[name] = by
    if found:
        _drop_unread(sketch)
    return found


def pure(sketch: Graph, counts: Mapping[str, Array]) -> list[NodeProto]:
    """Nodes that compute with counts and constants alone."""
    varying, known, found = sketch.varying(), set(counts), list[NodeProto]()
    for node in sketch.nodes:
        read = [i for i in node.input if i]
        only = all(i in known or (i not in varying and i not in counts) for i in read)
        if only and known.intersection(read) and is_standard(node):
            known.update(o for o in node.output if o)
            found.append(node)
    return found


def _counted_by(sketch: Graph, output: str) -> tuple[str, Array] | None:
    """The input that an output is one step later, and what it goes up by; None for any other, and
    where nothing jumps by it. A time that the caller gives is data, unless names say otherwise;
    integers are none, as a step computes with real numbers.
    """
    node = sketch.producer(output)
    while node is not None and node.op_type == "Identity" and is_standard(node):
        node = sketch.producer(node.input[0])
    if node is None or node.op_type not in ("Add", "Sub") or not is_standard(node):
        return None
    inputs = {i.name: i for i in sketch.inputs}
    for at in (0, 1) if node.op_type == "Add" else (0,):
        name, by = node.input[at], sketch.constant(node.input[1 - at])
        if name not in inputs or by is None or by.size != 1 or (by != np.floor(by)).any():
            continue
        dims = inputs[name].type.tensor_type.shape.dim
        shape = tuple(dim.dim_value for dim in dims)
        asked = sketch.pairs.get(name)
        whole = inputs[name].type.tensor_type.elem_type in INTEGERS
        paired = asked == output if asked is not None else whole or named_alike(name, output)
        if paired and set(shape) <= {1} and _jumps(sketch, name):
            change = by.reshape(-1)[0] * (1 if node.op_type == "Add" else -1)
            return name, np.full(shape, change, by.dtype)
    return None


def _jumps(sketch: Graph, name: str) -> bool:
    nodes = pure(sketch, {name: np.zeros(0)})
    return any(node.op_type in JUMPS for node in nodes)


def _drop_unread(sketch: Graph) -> None:
    """Leave out what made the outputs that are gone, back from the last node."""
    read = {o.name for o in sketch.outputs}
    kept: list[NodeProto] = []
    for node in reversed(sketch.nodes):
        if read.intersection(node.output):
            kept.append(node)
            read.update((*node.input, *captured(node)))
    sketch.nodes = kept[::-1]
    sketch.changed()


def readers(sketch: Graph, nodes: Sequence[NodeProto], counts: Mapping[str, Array]) -> set[int]:
    """These nodes, and those that compute with them and data."""
    made = {o for n in nodes for o in n.output if o} | set(counts)
    return {id(n) for n in sketch.nodes if made.intersection((*n.input, *captured(n)))} | {
        id(n) for n in nodes
    }
