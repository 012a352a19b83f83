"""Branches and lists that shapes decide: what a file does for this network, whatever else it could.

If(rank of x == 1)                         torch.hstack, torch.atleast_1d
SplitToSequence -> SequenceAt              torch.tensor_split
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.bounds import axis_of
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.inline import inlined
from lstm_edge.frontend.graph.node import attributes_of, label_of
from lstm_edge.frontend.graph.tensor import tensor_value
from lstm_edge.frontend.step.moves import sizes_of_parts


def branches(sketch: Graph) -> None:
    """Put the nodes of the branch that is taken in the place of each If whose condition is known,
    and a Split in that of a list of parts whose sizes are known.
    """
    while True:
        waiting = [n for n in sketch.nodes if n.op_type in _KNOWN and n.domain in ("", "ai.onnx")]
        scope = sketch.snapshot() if waiting else sketch
        done = [_KNOWN[node.op_type](sketch, scope, node) for node in waiting]
        if not any(done):
            return
        sketch.prune()  # what only conditions and sizes were computed from


def _branch(sketch: Graph, scope: Graph, node: NodeProto) -> bool:
    condition = scope.constant(node.input[0])
    if condition is None or condition.size != 1:
        return False
    body = attributes_of(node)["then_branch" if condition.all() else "else_branch"]
    nodes, names = inlined(body, {}, sketch.fresh)
    sketch.constants.update((names[t.name], tensor_value(t)) for t in body.initializer)
    if len(body.output) != len(node.output):
        raise ModelError(
            label_of(node),
            f"has {len(node.output)} outputs, its branch {len(body.output)}; export it again",
        )
    results = zip(body.output, node.output, strict=True)
    nodes += [helper.make_node("Identity", [names.get(r.name, r.name)], [o]) for r, o in results]
    sketch.replace([node], nodes)
    return True


def _parts(sketch: Graph, scope: Graph, node: NodeProto) -> bool:
    shape, readers = scope.shape(node.input[0]), sketch.users(node.output[0])
    axis = None if shape is None else axis_of(node, shape)
    size = None if shape is None or axis is None else shape[axis]
    if not isinstance(size, int) or any(r.op_type != "SequenceAt" for r in readers):
        return False
    given = scope.constant(node.input[1]) if len(node.input) > 1 else np.array(1)
    indices = [scope.integers(r.input[1]) for r in readers]
    if given is None or any(i is None for i in indices):
        return False
    sizes = sizes_of_parts(given, size)
    made = [sketch.fresh(node.output[0]) for _ in sizes]
    lengths = sketch.add_constant(np.array(sizes, np.int64))
    new = [helper.make_node("Split", [node.input[0], lengths], made, name=node.name, axis=axis)]
    squeezed = len(node.input) < 2 and not int(attributes_of(node).get("keepdims", 1))
    axes = [sketch.add_constant(np.array([axis], np.int64))] if squeezed else []
    for reader, at in zip(readers, indices, strict=True):
        place = (at or [0])[0]
        if not -len(made) <= place < len(made):
            raise ModelError(label_of(reader), f"takes part {place} of {len(made)}; is it right?")
        part = made[place]
        op = "Squeeze" if squeezed else "Identity"
        new.append(helper.make_node(op, [part, *axes], reader.output))
    sketch.replace([node, *readers], new)
    return True


_KNOWN = {"If": _branch, "SplitToSequence": _parts}
