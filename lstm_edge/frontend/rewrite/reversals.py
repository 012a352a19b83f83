"""Layers over reversed sequences become layers that run backward in time.

`go_backwards` of Keras, and every bidirectional layer that is written as two: what is reversed
before a layer and reversed again after it needs no reversal at all.
"""

from __future__ import annotations

from collections.abc import Callable

from onnx import NodeProto, helper

from lstm_edge.frontend.graph.bounds import axis_of, slice_bounds
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of
from lstm_edge.frontend.graph.patch import Patch
from lstm_edge.frontend.rewrite.flips import flip_axis
from lstm_edge.frontend.rewrite.turned import turn_loop, turn_scan

ACTIVATIONS = (
    *("Sigmoid", "Tanh", "Relu", "Softsign", "Softplus", "Elu", "LeakyRelu", "ThresholdedRelu"),
    "HardSigmoid",
)
OTHER_WAY = {"forward": "reverse", "reverse": "forward"}
SELECTS = ("Gather", "Slice")
REDUCES = ("ReduceMean", "ReduceMax", "ReduceSum", "ReduceMin")


def remove_reversals(sketch: Graph) -> None:
    """Take out what reversals cancel, select or feed a layer."""
    while _removed(sketch.snapshot(), sketch):
        pass


def _removed(scope: Graph, sketch: Graph) -> bool:
    """Do what can be done at once; tells whether any node changed."""
    found = False
    for node in scope.nodes:
        rule = _RULES.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        patch = Patch(sketch, node.name or node.output[0])
        if rule is not None and rule(scope, patch, node):
            sketch.replace([node], patch.nodes)
            found = True
    return found


def _unflipped(scope: Graph, patch: Patch, name: str, axis: int) -> str | None:
    """The tensor of which `name` is the reversal along an axis, if it can be had without one."""
    passed: list[NodeProto] = []
    while True:
        node = scope.makers.get(name)
        if node is None or node.domain not in ("", "ai.onnx"):
            return None
        if flip_axis(scope, name) == axis:
            break
        rule = _AXES.get(node.op_type)
        before = rule(scope, node, axis) if rule is not None else None
        if before is None:
            return None
        passed.append(node)
        name, axis = node.input[0], before
    found = str(node.input[0])
    for each in reversed(passed):
        found = patch.add(each.op_type, [found, *each.input[1:]], **attributes_of(each))
    return found


def _same(_: Graph, __: NodeProto, axis: int) -> int:
    return axis


def _transposed(_: Graph, node: NodeProto, axis: int) -> int | None:
    perm = attributes_of(node).get("perm", [])
    valid = axis < len(perm) and sorted(perm) == list(range(len(perm)))
    return int(perm[axis]) if valid else None


def _squeezed(scope: Graph, node: NodeProto, axis: int) -> int | None:
    axes = scope.axes(node)
    if axes is None:
        return None
    return [k for k in range(axis + len(axes) + 1) if k not in axes][axis]


def _unsqueezed(scope: Graph, node: NodeProto, axis: int) -> int | None:
    axes = scope.axes(node)
    return None if axes is None or axis in axes else axis - sum(a < axis for a in axes)


def _reshaped(scope: Graph, node: NodeProto, axis: int) -> int | None:
    """A Reshape that adds or removes axes of 1 only."""
    before, after = scope.shape(node.input[0]), scope.shape(node.output[0])
    if before is None or after is None or None in before:
        return None
    if axis >= len(after) or after[axis] == 1:
        return None
    sizes = [[(k, d) for k, d in enumerate(shape) if d != 1] for shape in (before, after)]
    if [d for _, d in sizes[0]] != [d for _, d in sizes[1]]:
        return None
    place = [k for k, _ in sizes[1]].index(axis)
    return sizes[0][place][0]


def _weighted(scope: Graph, node: NodeProto, axis: int) -> int | None:
    """x @ W and x + b change vectors, along the last axis, one by one."""
    shape, most = scope.shape(node.output[0]), 2 if node.op_type == "MatMul" else 1
    weights = scope.constant(node.input[1])
    if weights is None or weights.ndim > most or shape is None or axis == len(shape) - 1:
        return None
    return axis


_AXES: dict[str, Callable[[Graph, NodeProto, int], int | None]] = {
    **dict.fromkeys(ACTIVATIONS, _same),
    "Identity": _same,
    "Transpose": _transposed,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
    "Reshape": _reshaped,
    "MatMul": _weighted,
    "Add": _weighted,
}
"""For nodes that may stand before or after a reversal: the axis of their input that is an axis of
their output.
"""


def _cancel(scope: Graph, patch: Patch, node: NodeProto) -> bool:
    """A reversal of what is reversed is neither."""
    axis = flip_axis(scope, node.output[0])
    found = None if axis is None else _unflipped(scope, patch, node.input[0], axis)
    if found is not None:
        patch.add("Identity", [found], node.output[0])
    return found is not None


def _layer(scope: Graph, patch: Patch, node: NodeProto) -> bool:
    """A layer over a reversed sequence, of which the result is then reversed, too."""
    given = attributes_of(node)
    direction = given.get("direction", "forward")
    y = node.output[0]
    read = scope.is_read(y)
    lengths = len(node.input) > 4 and node.input[4]
    if direction not in OTHER_WAY or given.get("layout", 0) or lengths:
        return False
    source = _unflipped(scope, patch, node.input[0], 0)
    if source is None:
        return False
    turned = patch.sketch.fresh("y") if read else ""
    options = given | {"direction": OTHER_WAY[direction]}
    patch.nodes.append(
        helper.make_node(
            node.op_type,
            [source, *node.input[1:]],
            [turned, *node.output[1:]],
            name=node.name,
            **options,
        )
    )
    if read:
        patch.flip(turned, 0, y)
    return True


def _select(scope: Graph, patch: Patch, node: NodeProto) -> bool:
    """One step of a reversed sequence is the mirrored step of the sequence."""
    if _cancel(scope, patch, node):
        return True
    picked = _picked(scope, node)
    if picked is None:
        return False
    axis, index, kept = picked
    found = _unflipped(scope, patch, node.input[0], axis)
    if found is None:
        return False
    indices = patch.index(-1 - index, kept)
    patch.add("Gather", [found, indices], node.output[0], axis=axis)
    return True


def _picked(scope: Graph, node: NodeProto) -> tuple[int, int, bool] | None:
    """The axis, the one index and whether the axis stays, of a Gather or a Slice."""
    shape = scope.shape(node.input[0])
    if shape is None:
        return None
    if node.op_type == "Gather":
        at, indices = axis_of(node, shape), scope.constant(node.input[1])
        if at is None or indices is None or indices.size != 1 or indices.ndim > 1:
            return None
        return at, int(indices.reshape(-1)[0]), indices.ndim == 1
    bounds = slice_bounds(scope, node)
    if bounds is None or len(bounds) != 1 or bounds[0][3] != 1:
        return None
    axis, start, end, _ = bounds[0]
    one = end == start + 1 if start != -1 else end >= 2**31 - 1
    return (axis, start, True) if one else None


def _reduce(scope: Graph, patch: Patch, node: NodeProto) -> bool:
    """A mean or a maximum over time is the same in either order."""
    axes = scope.axes(node)
    for axis in axes or ():
        found = _unflipped(scope, patch, node.input[0], axis)
        if found is not None:
            inputs = [found, *node.input[1:]]
            patch.add(node.op_type, inputs, node.output[0], **attributes_of(node))
            return True
    return False


def _shape(scope: Graph, patch: Patch, node: NodeProto) -> bool:
    """A reversal changes no shape."""
    for axis in range(len(scope.shape(node.input[0]) or ())):
        found = _unflipped(scope, patch, node.input[0], axis)
        if found is not None:
            patch.add("Shape", [found], node.output[0], **attributes_of(node))
            return True
    return False


def _loop(scope: Graph, patch: Patch, node: NodeProto) -> bool:
    """A Loop or Scan over reversed sequences."""
    turn = turn_loop if node.op_type == "Loop" else turn_scan
    return turn(scope, patch, node, lambda name: _unflipped(scope, patch, name, 0))


_RULES = {
    **dict.fromkeys(("Loop", "Scan"), _loop),
    "Shape": _shape,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _layer),
    **dict.fromkeys(SELECTS, _select),
    **dict.fromkeys(REDUCES, _reduce),
    "ReverseSequence": _cancel,
}
