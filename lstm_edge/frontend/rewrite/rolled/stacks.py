"""Results of single steps that a Concat puts side by side: the sequence that they are."""

from __future__ import annotations

from onnx import NodeProto

from lstm_edge.frontend.graph.bounds import axis_of
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.patch import Patch
from lstm_edge.frontend.rewrite.rolled.hoist import Hoist
from lstm_edge.frontend.rewrite.rolled.steps import reader_of


def join_steps(scope: Graph, sketch: Graph) -> bool:
    """Replace Concats of all steps of a sequence, or of what is done with each, by operations on
    the whole sequence; tells whether any was. `scope` is the sketch as it is.
    """
    found = False
    for node in scope.nodes:
        standard = node.op_type == "Concat" and node.domain in ("", "ai.onnx")
        if standard and len(node.input) > 1 and not scope.is_constant(node.output[0]):
            patch = _joined(scope, sketch, node)
            if patch is not None:
                sketch.replace([node], patch.nodes)
                found = True
    return found


def _joined(scope: Graph, sketch: Graph, node: NodeProto) -> Patch | None:
    shape = scope.shape(node.input[0])
    if shape is None or len(shape) not in (2, 3):
        return None
    place = (len(shape), axis_of(node, shape))
    lifted = [_lifted(scope, name) if place == (3, 1) else name for name in node.input]
    names = [name for name in lifted if name is not None]
    if len(names) < len(lifted):
        return None
    patch = Patch(sketch, node.name or node.output[0])
    found = Hoist(scope, patch, reader_of(scope, patch))(names)
    if found is None:
        return None
    steps = patch.flip(found.name, 0) if found.backward else found.name
    output = node.output[0]
    if place == (3, 0) and shape[0] == 1:
        patch.add("Identity", [steps], output)
    elif place == (3, 1):
        patch.transpose(steps, [1, 0, 2], output)
    elif place == (2, 1):
        moved = patch.transpose(steps, [1, 0, 2])
        patch.add("Reshape", [moved, patch.constant([0, -1])], output)
    elif place == (2, 0) and shape[0] == 1 and found.batch == 1:
        patch.squeeze(steps, [1], output)
    else:
        return None
    return patch


def _lifted(scope: Graph, name: str) -> str | None:
    """The vectors [B, n] of a step [B, 1, n]."""
    node = scope.maker(name, "Unsqueeze")
    shape = scope.shape(name)
    if node is None or scope.axes(node) != [1] or shape is None or len(shape) != 3:
        return None
    return str(node.input[0])
