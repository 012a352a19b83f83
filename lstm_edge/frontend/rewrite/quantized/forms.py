"""Operators on integers that are one node each, of ONNX and of onnxruntime: the float operator with
the numbers that its operands stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from onnx import AttributeProto, NodeProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.node import attributes_of, label_of
from lstm_edge.frontend.rewrite.quantized.flow import Flow, input_of, number_of
from lstm_edge.frontend.rewrite.quantized.grids import Grid
from lstm_edge.frontend.rewrite.quantized.values import Live, Stored, storable

Operand = tuple[int, int, int, int]
"""Inputs that are integers, their scale and zero point; the axis of several scales."""

_ONE: tuple[Operand, ...] = ((0, 1, 2, 1),)
_TWO: tuple[Operand, ...] = (*_ONE, (3, 4, 5, 1))


@dataclass(frozen=True)
class Form:
    """The float operator `op`. bias: the input that is one, of int32 at the scales of both operands
    and alpha, 0 where there is none. result: the input that is the scale of the result, 0 where it
    is float. dropped: attributes that the float operator has not; they must be 0.
    """

    op: str
    operands: tuple[Operand, ...]
    result: int
    bias: int = 0
    dropped: tuple[str, ...] = ()

    def __call__(self, flow: Flow, node: NodeProto) -> bool:
        """Read a node."""
        if any(attributes_of(node).get(name) for name in self.dropped):
            return False
        found = [flow.real(node, (x, scale, zero), axis) for x, scale, zero, axis in self.operands]
        if self.bias and input_of(node, self.bias):
            found.append(_bias(flow, node, self.bias))
        inputs = [name for name in found if name is not None]
        if len(inputs) < len(found):
            return False
        kept = [a for a in node.attribute if a.name not in self.dropped]
        if input_of(node, self.result):
            return _requantized(flow, node, self.result, self.op, inputs, kept)
        flow.emit(node, self.op, inputs, node.output, kept)
        return True


def _requantized(
    flow: Flow,
    node: NodeProto,
    scale: int,
    op: str,
    inputs: Iterable[str],
    copied: Iterable[AttributeProto] = (),
) -> bool:
    """A float operator of which the result is stored at the grid in inputs `scale`, `scale` + 1.

    False where that grid is not known; nothing is done then.
    """
    grid = flow.grid(node, scale, scale + 1)
    if not isinstance(grid, Grid) or not storable(grid):
        return False
    value = flow.emit(node, op, inputs, copied=copied)
    flow.stored[node.output[0]] = Stored(flow.saturate(node, value, grid), grid)
    return True


def _bias(flow: Flow, node: NodeProto, k: int) -> str | None:
    """A bias of int32 at alpha times both scales, as a float constant."""
    stored, one, other = (flow.constant(node, at) for at in (k, 1, 4))
    if stored is None or one is None or other is None or one.size != 1:
        return None
    label = label_of(node)
    if stored.dtype != np.int32:
        raise ModelError(label, f"its bias is of type {stored.dtype}, expected int32")
    alpha = number_of(node, "alpha", 1.0)
    scale = alpha * one.astype(np.float64).reshape(()) * other.astype(np.float64).reshape(-1)
    if scale.size not in (1, stored.shape[-1] if stored.ndim else 1):
        raise ModelError(
            label, f"its bias {list(stored.shape)} does not fit scales of {scale.size} numbers"
        )
    return flow.sketch.add_constant((stored * scale).astype(np.float32).reshape(stored.shape))


def _gemm(flow: Flow, node: NodeProto) -> bool:
    """QGemm, of which transB says along which axis weights have scales."""
    along = 0 if attributes_of(node).get("transB", 0) else 1
    return Form("Gemm", (*_ONE, (3, 4, 5, along)), 7, bias=6)(flow, node)


def _dynamic_matmul(flow: Flow, node: NodeProto) -> bool:
    """DynamicQuantizeMatMul: float data, integer weights [K, N], b_scale, b_zero_point, bias."""
    weights = flow.real(node, (1, 2, 3), axis=-1) if node.input[0] in flow.varying else None
    if weights is None:
        return False
    flow.rounded = True
    return _with_bias(flow, node, node.input[0], weights, 4)


def _integer_to_float(flow: Flow, node: NodeProto) -> bool:
    """MatMulIntegerToFloat: data and weights of integers, their scales, their zeros, a bias."""
    weights = flow.real(node, (1, 3, 5), axis=-1)
    stored = flow.stored.get(node.input[0])
    if weights is None or stored is None:
        return False
    if isinstance(stored.grid, Live) and not input_of(node, 4):
        return False
    data = flow.real(node, (0, 2, 4))
    return data is not None and _with_bias(flow, node, data, weights, 6)


def _with_bias(flow: Flow, node: NodeProto, data: str, weights: str, k: int) -> bool:
    bias = input_of(node, k)
    if not bias:
        flow.emit(node, "MatMul", [data, weights], node.output)
        return True
    product = flow.emit(node, "MatMul", [data, weights])
    flow.emit(node, "Add", [product, bias], node.output)
    return True


def _softmax(flow: Flow, node: NodeProto) -> bool:
    """QLinearSoftmax over one axis, which its attribute opset says."""
    value = flow.real(node, (0, 1, 2))
    if value is None or number_of(node, "opset", 0) < 13:
        return False
    kept = [a for a in node.attribute if a.name == "axis"]
    return _requantized(flow, node, 3, "Softmax", [value], kept)


def _concat(flow: Flow, node: NodeProto) -> bool:
    """QLinearConcat: the output's scale and zero point, then three inputs for each part."""
    count = len(node.input)
    parts = [flow.real(node, (k, k + 1, k + 2)) for k in range(2, count - count % 3, 3)]
    known = [name for name in parts if name is not None]
    if count % 3 != 2 or len(known) != len(parts):
        return False
    return _requantized(flow, node, 0, "Concat", known, node.attribute)


def _mean(flow: Flow, node: NodeProto) -> bool:
    """QLinearReduceMean: its axes are an attribute."""
    value, axes = flow.real(node, (0, 1, 2)), attributes_of(node).get("axes")
    if value is None or not isinstance(axes, list) or not input_of(node, 3):
        return False
    kept = [a for a in node.attribute if a.name != "axes"]
    named = flow.sketch.add_constant(np.asarray(axes, np.int64))
    return _requantized(flow, node, 3, "ReduceMean", [value, named], kept)


FORMS: Mapping[str, Mapping[str, Callable[[Flow, NodeProto], bool]]] = {
    "": {
        "QLinearMatMul": Form("MatMul", (*_ONE, (3, 4, 5, -1)), 6),
        "QLinearConv": Form("Conv", (*_ONE, (3, 4, 5, 0)), 6, bias=8),
    },
    "com.microsoft": {
        "QGemm": _gemm,
        "DynamicQuantizeMatMul": _dynamic_matmul,
        "MatMulIntegerToFloat": _integer_to_float,
        "QLinearAdd": Form("Add", _TWO, 6),
        "QLinearMul": Form("Mul", _TWO, 6),
        "QLinearSigmoid": Form("Sigmoid", _ONE, 3),
        "QLinearLeakyRelu": Form("LeakyRelu", _ONE, 3),
        "QLinearAveragePool": Form("AveragePool", _ONE, 3, dropped=("channels_last",)),
        "QLinearGlobalAveragePool": Form("GlobalAveragePool", _ONE, 3, dropped=("channels_last",)),
        "QLinearReduceMean": _mean,
        "QLinearSoftmax": _softmax,
        "QLinearConcat": _concat,
    },
}
"""By the domain of the operator."""
