"""Lists that a Loop fills become what it gives at each step; parts of a sequence, its steps.

torch.jit.script writes `ys.append(y)` as SequenceInsert in the body, and torch.stack or torch.cat
as ConcatFromSequence behind the Loop: here torch.stack is a Transpose of what the Loop gives, which
other rewrites know, and torch.cat a `Stack` of the domain lstm_edge. Outputs of a Loop or Scan that
nobody reads lose their names, so that nothing is made of them.
"""

from __future__ import annotations

from onnx import GraphProto, NodeProto, helper

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import OWN_DOMAIN, attributes_of, captured, is_standard

LOOPS = ("Loop", "Scan")


def lists_of_steps(sketch: Graph) -> None:
    """Take lists out of Loops, and results that nobody reads out of all of them."""
    nodes: list[NodeProto] = []
    for node in sketch.nodes:
        loop = node.op_type in LOOPS and is_standard(node)
        nodes.append(_without_lists(sketch, node) if loop and node.op_type == "Loop" else node)
    sketch.nodes = nodes
    sketch.changed()
    sketch.nodes = [_stacked(sketch, n) for n in nodes]
    sketch.changed()
    read = {o.name for o in sketch.outputs}
    read |= {name for n in sketch.nodes for name in (*n.input, *captured(n))}
    for node in sketch.nodes:
        if node.op_type in LOOPS and is_standard(node):
            node.output[:] = [o if o in read else "" for o in node.output]


def _stacked(sketch: Graph, node: NodeProto) -> NodeProto:
    """ConcatFromSequence as a Transpose of steps, or as a node of ours."""
    if node.op_type != "ConcatFromSequence" or not is_standard(node):
        return node
    given = attributes_of(node)
    shape = sketch.shape(node.input[0])
    if given.get("new_axis", 0) and shape is not None and -len(shape) <= given["axis"] < len(shape):
        perm = list(range(1, len(shape)))
        perm.insert(given["axis"] % len(shape), 0)
        return helper.make_node("Transpose", node.input, node.output, name=node.name, perm=perm)
    return helper.make_node(
        "Stack",
        node.input,
        node.output,
        name=node.name,
        domain=OWN_DOMAIN,
        axis=int(given["axis"]),
        new_axis=int(given.get("new_axis", 0)),
    )


def _without_lists(sketch: Graph, loop: NodeProto) -> NodeProto:
    """A Loop that gives at each step what it appended to a list."""
    body: GraphProto = attributes_of(loop)["body"]
    appended = {}
    for k, name in enumerate(loop.input[2:]):
        maker = sketch.producer(name)
        if maker is None or maker.op_type != "SequenceEmpty":
            continue
        before, after = body.input[2 + k].name, body.output[1 + k].name
        adding = [n for n in body.node if before in n.input]
        if len(adding) == 1 and adding[0].op_type == "SequenceInsert":
            (node,) = adding
            if node.input[0] == before and len(node.input) == 2 and after in node.output:
                appended[k] = (node, node.input[1])
    if not appended:
        return loop
    made, graph = NodeProto(), GraphProto()
    made.CopyFrom(loop)
    graph.CopyFrom(body)
    gone = {o for node, _ in appended.values() for o in node.output}
    kept = [k for k in range(len(loop.input) - 2) if k not in appended]
    nodes = [n for n in graph.node if not gone.intersection(n.output)]
    inputs = [graph.input[k] for k in (0, 1, *(2 + k for k in kept))]
    carried = len(loop.input) - 2
    outputs = [graph.output[k] for k in (0, *(1 + k for k in kept))]
    outputs += graph.output[1 + carried :]
    outputs += [helper.make_tensor_value_info(name, 1, None) for _, name in appended.values()]
    results = [loop.output[k] for k in kept] + list(loop.output[carried:])
    results += [loop.output[k] for k in appended]
    graph = helper.make_graph(nodes, graph.name, inputs, outputs, list(graph.initializer))
    made.input[:] = [*loop.input[:2], *(loop.input[2 + k] for k in kept)]
    made.output[:] = results
    del made.attribute[:]
    given = attributes_of(loop) | {"body": graph}
    made.attribute.extend(helper.make_attribute(name, value) for name, value in given.items())
    return made
