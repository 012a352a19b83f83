"""Layer normalization written out in means, squares and roots, as exporters do below opset 17.

    mean = ReduceMean(x), d = x - mean, variance = ReduceMean(d * d), s = Sqrt(variance + epsilon)
    d / s                                        torch, and whoever writes it by hand
    d * k, x * k + (offset - mean * k)           Keras, with k = 1 / s or gain / s

become a LayerNormalization without gain and offset, followed by Mul and Add, which go into the
weights that come next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from onnx import NodeProto, helper

from lstm_edge.frontend.graph.node import attributes_of
from lstm_edge.frontend.graph.sketch import Sketch


@dataclass(frozen=True)
class _Norm:
    """What is normalized: x along one axis, with the number added to its variance."""

    x: str
    axis: int
    epsilon: float


def layer_norm(sketch: Sketch) -> None:
    """Replace each normalization that is recognised from its root."""
    for root in list(sketch.nodes):
        if root.op_type not in ("Sqrt", "Pow"):
            continue
        norm = _norm_of(sketch, root)
        if norm is None:
            continue
        for node, gain, offset in list(_results(sketch, root, norm)):
            sketch.replace([node], _spelled(sketch, node, norm, gain, offset))


def _spelled(
    sketch: Sketch, node: NodeProto, norm: _Norm, gain: str, offset: str
) -> list[NodeProto]:
    """The nodes that compute what `node` did."""
    steps = [("Mul", gain), ("Add", offset)]
    wanted = [(op, constant) for op, constant in steps if constant]
    names = [*(sketch.fresh(node.output[0]) for _ in wanted), node.output[0]]
    attributes: dict[str, Any] = {"axis": norm.axis, "epsilon": norm.epsilon, "single_axis": 1}
    label = node.name or node.output[0]
    first = helper.make_node("LayerNormalization", [norm.x], names[:1], name=label, **attributes)
    more = [
        helper.make_node(op, [names[k], constant], [names[k + 1]], name=label)
        for k, (op, constant) in enumerate(wanted)
    ]
    return [first, *more]


def _norm_of(sketch: Sketch, root: NodeProto) -> _Norm | None:
    """What `root` = sqrt(variance + epsilon), or 1 over it, belongs to."""
    if root.op_type == "Pow" and _number(sketch, root.input[1]) not in (0.5, -0.5):
        return None
    total = sketch.producer(root.input[0])
    if total is None or total.op_type != "Add":
        return None
    for variance, constant in (tuple(total.input), tuple(total.input)[::-1]):
        epsilon = _number(sketch, constant)
        found = _variance_of(sketch, variance)
        if epsilon is not None and found is not None:
            return _Norm(*found, epsilon)
    return None


def _variance_of(sketch: Sketch, name: str) -> tuple[str, int] | None:
    """(x, axis) where a tensor is the variance of x along one axis."""
    node = sketch.producer(name)
    if node is None:
        return None
    if node.op_type == "Sub":
        squares, square = (_mean_of(sketch, node.input[0]), _square_of(sketch, node.input[1]))
        x = None if squares is None else _square_of(sketch, squares[0])
        mean = None if square is None else _mean_of(sketch, square)
        same = squares is not None and mean is not None and (x, squares[1]) == mean
        return mean if same else None
    outer = _mean_of(sketch, name)
    distance = None if outer is None else _square_of(sketch, outer[0])
    if outer is None or distance is None:
        return None
    inner = _distance_of(sketch, distance)
    return inner if inner is not None and inner[1] == outer[1] else None


def _mean_of(sketch: Sketch, name: str) -> tuple[str, int] | None:
    """(x, axis) where a tensor is the mean of x along one axis, which stays with size 1."""
    node = sketch.producer(name)
    if node is None or node.op_type != "ReduceMean":
        return None
    attributes = attributes_of(node)
    axes = attributes.get("axes")
    if len(node.input) > 1:
        given = sketch.constant(node.input[1])
        axes = None if given is None else [int(axis) for axis in given.reshape(-1)]
    if not attributes.get("keepdims", 1) or axes is None or len(axes) != 1:
        return None
    return node.input[0], int(axes[0])


def _distance_of(sketch: Sketch, name: str) -> tuple[str, int] | None:
    """(x, axis) where a tensor is x - mean(x)."""
    node = sketch.producer(name)
    if node is None or node.op_type != "Sub":
        return None
    mean = _mean_of(sketch, node.input[1])
    return mean if mean is not None and mean[0] == node.input[0] else None


def _square_of(sketch: Sketch, name: str) -> str | None:
    """d where a tensor is d * d or d ** 2."""
    node = sketch.producer(name)
    if node is None:
        return None
    if node.op_type == "Mul" and node.input[0] == node.input[1]:
        return str(node.input[0])
    if node.op_type == "Pow" and _number(sketch, node.input[1]) == 2.0:
        return str(node.input[0])
    return None


def _number(sketch: Sketch, name: str) -> float | None:
    """A constant of one element."""
    array = sketch.constant(name)
    if array is None or array.size != 1 or array.dtype.kind not in "fiu":
        return None
    return float(array.reshape(-1)[0])


def _results(sketch: Sketch, root: NodeProto, norm: _Norm) -> Iterator[tuple[NodeProto, str, str]]:
    """Nodes that compute the normalized x, with the constants of gain and offset or ""."""
    same = (norm.x, norm.axis)
    if root.op_type == "Sqrt" or _number(sketch, root.input[1]) == 0.5:
        inverses = []
        for node in sketch.users(root.output[0]):
            over = node.op_type == "Div" and node.input[1] == root.output[0]
            if over and _distance_of(sketch, node.input[0]) == same:
                yield node, "", ""
            elif node.op_type == "Reciprocal" or (over and _number(sketch, node.input[0]) == 1.0):
                inverses.append(node.output[0])
    else:
        inverses = [root.output[0]]
    for inverse in inverses:
        factors = [(inverse, "")]
        for node in sketch.users(inverse):
            other = _other(node, inverse)
            if node.op_type == "Mul" and sketch.constant(other) is not None:
                factors.append((node.output[0], other))
        for factor, gain in factors:
            yield from _products(sketch, factor, gain, same)


def _products(
    sketch: Sketch, factor: str, gain: str, same: tuple[str, int]
) -> Iterator[tuple[NodeProto, str, str]]:
    """d * factor, or the sum of x * factor and offset - mean * factor."""
    for node in sketch.users(factor):
        if node.op_type != "Mul":
            continue
        other = _other(node, factor)
        if _distance_of(sketch, other) == same:
            yield node, gain, ""
        elif other == same[0]:
            for total in sketch.users(node.output[0]):
                rest = _other(total, node.output[0])
                offset = _offset_of(sketch, rest, factor, same)
                if total.op_type == "Add" and offset is not None:
                    yield total, gain, offset


def _offset_of(sketch: Sketch, name: str, factor: str, same: tuple[str, int]) -> str | None:
    """The constant of offset - mean * factor, "" where it is only the product."""
    node = sketch.producer(name)
    if node is None:
        return None
    if node.op_type == "Sub" and _is_mean_product(sketch, node.input[1], factor, same, -1):
        return node.input[0] if sketch.constant(node.input[0]) is not None else None
    if node.op_type == "Add":
        for product, constant in (tuple(node.input), tuple(node.input)[::-1]):
            if _is_mean_product(sketch, product, factor, same, 1):
                return constant if sketch.constant(constant) is not None else None
    return "" if _is_mean_product(sketch, name, factor, same, 1) else None


def _is_mean_product(
    sketch: Sketch, name: str, factor: str, same: tuple[str, int], sign: int
) -> bool:
    """Whether a tensor is mean * factor, for sign 1 with a minus before either."""
    node = sketch.producer(name)
    if node is not None and node.op_type == "Neg" and sign == 1:
        return _is_mean_product(sketch, node.input[0], factor, same, -1)
    if node is None or node.op_type != "Mul" or factor not in node.input:
        return False
    mean = _other(node, factor)
    if sign == 1:
        negated = sketch.producer(mean)
        if negated is None or negated.op_type != "Neg":
            return False
        mean = negated.input[0]
    return _mean_of(sketch, mean) == same


def _other(node: NodeProto, name: str) -> str:
    """The operand of a node of two that is not `name`."""
    if len(node.input) != 2:
        return ""
    return str(node.input[1] if node.input[0] == name else node.input[0])
