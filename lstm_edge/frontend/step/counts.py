"""States of a single step that count the steps, of which only the phase is read.

`t + 1` has no end, and no number of C does; what is read of it, `t % period`, has one. So such a
state becomes part of the step, which keeps phases, and is no input and no output any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import captured, is_standard
from lstm_edge.frontend.model.operators.ids import INTEGERS
from lstm_edge.frontend.step.pairs import named_alike
from lstm_edge.frontend.step.trips import JUMPS

Array = npt.NDArray[Any]


def taken_counts(sketch: Graph) -> dict[str, Array]:
    """Take inputs that count the steps out of a graph, with the outputs that they are next: what
    each goes up by, in its type and shape. One that is asked to stay an input does so, of integers
    without what it is next, which is none of real numbers. Raises ModelError for integers that are
    asked to be a state and are no count.
    """
    found: dict[str, Array] = {}
    count_of_outputs = len(sketch.outputs)
    for output in list(sketch.outputs):
        count = _counted_by(sketch, output.name)
        if count is None:
            continue
        name, by = count
        if sketch.pairs.get(name) == "":
            told = f"output {output.name!r} is left out: it is {name!r}, which the caller gives, "
            told += f"and {by.reshape(-1)[0]}"
        else:
            sketch.inputs = [i for i in sketch.inputs if i.name != name]
            told = f"{name!r} counts the steps: its phases are kept from step to step, and begin "
            told += f"as those of 0; it is no input, and {output.name!r} no output; --state-pair "
            told += f"{name}= keeps it an input, whose numbers the caller gives"
            found[name] = by
        sketch.outputs = [o for o in sketch.outputs if o.name != output.name]
        sketch.warnings.append(told)
    _check_asked(sketch)
    if len(sketch.outputs) < count_of_outputs:
        _drop_unread(sketch)
    return found


def pure(sketch: Graph, counts: Collection[str]) -> list[NodeProto]:
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
    where nothing jumps by it. A real time that the caller gives is data, unless names say
    otherwise.
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
        paired = (
            asked == output if asked else whole or (asked is None and named_alike(name, output))
        )
        if paired and set(shape) <= {1} and _jumps(sketch, name):
            change = by.reshape(-1)[0] * (1 if node.op_type == "Add" else -1)
            return name, np.full(shape, change, by.dtype)
    return None


def _check_asked(sketch: Graph) -> None:
    """Refuse what is left of integers that are asked to be states."""
    for value in sketch.inputs:
        after = sketch.pairs.get(value.name)
        if after and value.type.tensor_type.elem_type in INTEGERS:
            raise ModelError(
                f"state pair {value.name}={after}",
                f"{value.name!r} holds integers; a state of integers goes up by a whole constant "
                "at each step, and is read by Mod, Floor, Ceil or Round; cast any other to float32",
            )


def _jumps(sketch: Graph, name: str) -> bool:
    nodes = pure(sketch, [name])
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


def readers(sketch: Graph, nodes: Sequence[NodeProto], counts: Iterable[str]) -> set[int]:
    """These nodes, and those that compute with them and data."""
    made = {o for n in nodes for o in n.output if o} | set(counts)
    return {id(n) for n in sketch.nodes if made.intersection((*n.input, *captured(n)))} | {
        id(n) for n in nodes
    }
