"""Operators of onnxruntime on integers that do to each what the float operator does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from onnx import NodeProto

from lstm_edge.frontend.graph.node import attributes_of
from lstm_edge.frontend.rewrite.quantized.flow import Flow, input_of, number_of
from lstm_edge.frontend.rewrite.quantized.linear import requantized

_ONE = ((0, 1, 2),)
_TWO = ((0, 1, 2), (3, 4, 5))


def _simple(
    op: str, operands: tuple[tuple[int, int, int], ...], dropped: tuple[str, ...] = ()
) -> Callable[[Flow, NodeProto], bool]:
    """A reader: `operands` are inputs (integers, scale, zero point), the output's grid follows.

    dropped: attributes that the float operator has not; they must be 0.
    """

    def read(flow: Flow, node: NodeProto) -> bool:
        if any(attributes_of(node).get(name) for name in dropped):
            return False
        inputs = [flow.real(node, at) for at in operands]
        known = [name for name in inputs if name is not None]
        kept = [a for a in node.attribute if a.name not in dropped]
        after = operands[-1][-1] + 1
        return len(known) == len(inputs) and requantized(flow, node, after, op, known, copied=kept)

    return read


def _softmax(flow: Flow, node: NodeProto) -> bool:
    """QLinearSoftmax over one axis, which its attribute opset says."""
    value = flow.real(node, _ONE[0])
    given = number_of(node, "opset", 0)
    if value is None or given < 13:
        return False
    kept = [a for a in node.attribute if a.name == "axis"]
    return requantized(flow, node, 3, "Softmax", [value], copied=kept)


def _concat(flow: Flow, node: NodeProto) -> bool:
    """QLinearConcat: the output's scale and zero point, then three inputs for each part."""
    count = len(node.input)
    parts = [flow.real(node, (k, k + 1, k + 2)) for k in range(2, count - count % 3, 3)]
    known = [name for name in parts if name is not None]
    if count % 3 != 2 or len(known) != len(parts):
        return False
    return requantized(flow, node, 0, "Concat", known, copied=node.attribute)


def _mean(flow: Flow, node: NodeProto) -> bool:
    """QLinearReduceMean: its axes are an attribute."""
    value = flow.real(node, _ONE[0])
    axes = attributes_of(node).get("axes")
    if value is None or not isinstance(axes, list) or not input_of(node, 3):
        return False
    kept = [a for a in node.attribute if a.name != "axes"]
    named = flow.sketch.add_constant(np.asarray(axes, np.int64))
    return requantized(flow, node, 3, "ReduceMean", [value, named], copied=kept)


SIMPLE: Mapping[str, Callable[[Flow, NodeProto], bool]] = {
    "QLinearAdd": _simple("Add", _TWO),
    "QLinearMul": _simple("Mul", _TWO),
    "QLinearSigmoid": _simple("Sigmoid", _ONE),
    "QLinearLeakyRelu": _simple("LeakyRelu", _ONE),
    "QLinearAveragePool": _simple("AveragePool", _ONE, ("channels_last",)),
    "QLinearGlobalAveragePool": _simple("GlobalAveragePool", _ONE, ("channels_last",)),
    "QLinearReduceMean": _mean,
    "QLinearSoftmax": _softmax,
    "QLinearConcat": _concat,
}
