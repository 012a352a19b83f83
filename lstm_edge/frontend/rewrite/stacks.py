"""Results of single steps that a Concat puts side by side: the sequence that they are."""

from __future__ import annotations

from onnx import NodeProto

from lstm_edge.frontend.onnx_walk import attributes_of
from lstm_edge.frontend.rewrite.patch import Patch
from lstm_edge.frontend.rewrite.scope import Scope
from lstm_edge.frontend.rewrite.sketch import Sketch
from lstm_edge.frontend.rewrite.steps import Hoist, reader_of


def join_steps(scope: Scope, sketch: Sketch) -> bool:
    """Replace Concats of all steps of a sequence, or of what is done with each, by operations on
    the whole sequence; tells whether any was. `scope` is the sketch as it is.
    """
    found = False
    for node in scope.nodes:
        if node.op_type == "Concat" and node.domain in ("", "ai.onnx") and len(node.input) > 1:
            patch = _joined(scope, sketch, node)
            if patch is not None:
                sketch.replace([node], patch.nodes)
                found = True
    return found


def _joined(scope: Scope, sketch: Sketch, node: NodeProto) -> Patch | None:
    shapes = [scope.shape(name) for name in (node.input[0], node.output[0])]
    if shapes[0] is None or not 1 < len(shapes[0]) < 4:
        return None
    axis, rank = attributes_of(node)["axis"] % len(shapes[0]), len(shapes[0])
    names = list(node.input)
    if rank == 3 and axis == 1:
        steps = [_lifted(scope, name) for name in names]
        if None in steps:
            return None
        names = [name for name in steps if name is not None]
    elif rank == 3 and axis == 2:
        return None
    patch = Patch(sketch, node.name or node.output[0])
    found = Hoist(scope, patch, reader_of(scope, patch))(names)
    if found is None or (found.backward and sketch.opset < 10):
        return None
    steps = patch.flip(found.name, 0) if found.backward else found.name
    output = node.output[0]
    if rank == 3 and axis == 0 and shapes[0][0] == 1:
        patch.add("Identity", [steps], output)
    elif rank == 3 and axis == 1:
        patch.transpose(steps, [1, 0, 2], output)
    elif rank == 2 and axis == 1:
        moved = patch.transpose(steps, [1, 0, 2])
        patch.add("Reshape", [moved, patch.constant([0, -1])], output)
    elif rank == 2 and axis == 0 and shapes[0][0] == 1 and found.batch == 1:
        patch.squeeze(steps, [1], output)
    else:
        return None
    return patch


def _lifted(scope: Scope, name: str) -> str | None:
    """The vectors [B, n] of a step [B, 1, n]."""
    node = scope.maker(name, "Unsqueeze")
    shape = scope.shape(name)
    if node is None or scope.axes(node) != [1] or shape is None or len(shape) != 3:
        return None
    return node.input[0]
