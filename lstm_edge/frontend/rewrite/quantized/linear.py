"""Products with quantized weights that are one node each: of ONNX and of onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from onnx import AttributeProto, NodeProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.node import attributes_of, label_of
from lstm_edge.frontend.rewrite.quantized.flow import Flow, input_of, number_of
from lstm_edge.frontend.rewrite.quantized.grids import Grid
from lstm_edge.frontend.rewrite.quantized.values import Live, Stored, storable


def requantized(
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


def _matmul(flow: Flow, node: NodeProto) -> bool:
    """QLinearMatMul: scales of weights [.., K, N] are one number, or N."""
    left, right = flow.real(node, (0, 1, 2)), flow.real(node, (3, 4, 5), axis=-1)
    if left is None or right is None:
        return False
    return requantized(flow, node, 6, "MatMul", [left, right])


def _conv(flow: Flow, node: NodeProto) -> bool:
    """QLinearConv: scales of weights [M, ...] are one number, or M; the bias has their product."""
    data, weights = flow.real(node, (0, 1, 2)), flow.real(node, (3, 4, 5), axis=0)
    if data is None or weights is None:
        return False
    inputs = [data, weights]
    if input_of(node, 8):
        bias = _bias(flow, node, 8, (1, 4), 1.0)
        if bias is None:
            return False
        inputs.append(bias)
    return requantized(flow, node, 6, "Conv", inputs, copied=node.attribute)


def _gemm(flow: Flow, node: NodeProto) -> bool:
    """QGemm: the bias is int32 at alpha times both scales; without an output scale Y is float."""
    over = 0 if attributes_of(node).get("transB", 0) else 1
    data, weights = flow.real(node, (0, 1, 2)), flow.real(node, (3, 4, 5), axis=over)
    if data is None or weights is None:
        return False
    inputs = [data, weights]
    if input_of(node, 6):
        bias = _bias(flow, node, 6, (1, 4), number_of(node, "alpha", 1.0))
        if bias is None:
            return False
        inputs.append(bias)
    if input_of(node, 7):
        return requantized(flow, node, 7, "Gemm", inputs, copied=node.attribute)
    flow.emit(node, "Gemm", inputs, node.output, node.attribute)
    return True


def _bias(flow: Flow, node: NodeProto, k: int, scales: tuple[int, int], alpha: float) -> str | None:
    """A bias of int32 at alpha times both scales, as a float constant."""
    stored = flow.constant(node, k)
    parts = [flow.constant(node, at) for at in scales]
    if stored is None or parts[0] is None or parts[1] is None or parts[0].size != 1:
        return None
    label = label_of(node)
    if stored.dtype != np.int32:
        raise ModelError(label, f"its bias is of type {stored.dtype}, expected int32")
    scale = (
        alpha * parts[0].astype(np.float64).reshape(()) * parts[1].astype(np.float64).reshape(-1)
    )
    if scale.size not in (1, stored.shape[-1] if stored.ndim else 1):
        raise ModelError(
            label, f"its bias {list(stored.shape)} does not fit scales of {scale.size} numbers"
        )
    return flow.sketch.add_constant((stored * scale).astype(np.float32).reshape(stored.shape))


def _dynamic_matmul(flow: Flow, node: NodeProto) -> bool:
    """DynamicQuantizeMatMul: float data, integer weights [K, N], b_scale, b_zero_point, bias."""
    if node.input[0] not in flow.varying:
        return False
    weights = flow.real(node, (1, 2, 3), axis=-1)
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


LINEAR: Mapping[str, Mapping[str, Callable[[Flow, NodeProto], bool]]] = {
    "": {"QLinearMatMul": _matmul, "QLinearConv": _conv},
    "com.microsoft": {
        "QGemm": _gemm,
        "DynamicQuantizeMatMul": _dynamic_matmul,
        "MatMulIntegerToFloat": _integer_to_float,
    },
}
"""By the domain of the operator."""
