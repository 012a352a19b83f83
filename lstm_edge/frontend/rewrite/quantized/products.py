"""MatMulInteger and ConvInteger: sums of integer products that are multiplied with scales later.

DynamicQuantizeLinear(x) -> MatMulInteger -> Cast -> Mul(scale of x * scale of weights) is x times
the dequantized weights. The scales may come in one Mul or in several, in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from onnx import NodeProto, TensorProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.node import attributes_of, label_of
from lstm_edge.frontend.rewrite.quantized.flow import Flow, input_of
from lstm_edge.frontend.rewrite.quantized.grids import STORED, Array
from lstm_edge.frontend.rewrite.quantized.values import Factor, Live, Product, Stored


def _product(flow: Flow, node: NodeProto) -> bool:
    """MatMulInteger or ConvInteger of data and constant integers."""
    stored, weights = flow.stored.get(input_of(node, 0)), flow.constant(node, 1)
    if stored is None or weights is None or not _starts_at(flow, node, stored):
        return False
    zero = flow.constant(node, 3)
    if zero is None and input_of(node, 3):
        return False
    label = label_of(node)
    if weights.dtype.name not in STORED:
        raise ModelError(label, f"its weights are of type {weights.dtype}, expected integers")
    op = node.op_type.removesuffix("Integer")
    steps = weights.astype(np.float64)
    if zero is not None:
        steps = steps - _along_outputs(label, op, zero.astype(np.float64), weights.shape)
    grid = stored.grid
    scale: str | Array = grid.scale
    copied = tuple(node.attribute)
    start = Product(op, stored.value, steps, scale, np.ones((), np.float64), copied)
    flow.products[node.output[0]] = start
    return False


def _starts_at(flow: Flow, node: NodeProto, stored: Stored) -> bool:
    """True where the node subtracts the zero point that its data were stored with."""
    if isinstance(stored.grid, Live):
        return input_of(node, 2) == stored.grid.zero
    zero = flow.constant(node, 2)
    if zero is None and input_of(node, 2):
        return False
    known = stored.grid.zero.reshape(())
    return bool(known == (0 if zero is None else zero)) if zero is None or zero.size == 1 else False


def _along_outputs(label: str, op: str, part: Array, shape: tuple[int, ...]) -> Array:
    """One number, or one per output of MatMul [.., K, N] or Conv [M, ...], to broadcast."""
    if part.size == 1:
        return part.reshape(())
    at = len(shape) - 1 if op == "MatMul" else 0
    if not shape or part.size != shape[at] or max(part.shape) != part.size:
        raise ModelError(
            label,
            f"a zero point or scale of {list(part.shape)} does not fit weights {list(shape)}; "
            "expected one number, or one for each output",
        )
    return part.reshape((-1,) + (1,) * (len(shape) - 1 - at))


def _cast(flow: Flow, node: NodeProto) -> bool:
    product = flow.products.get(node.input[0])
    if product is not None and attributes_of(node).get("to") == TensorProto.FLOAT:
        flow.products[node.output[0]] = product
    return False


def _multiply(flow: Flow, node: NodeProto) -> bool:
    for k in (0, 1):
        one, other = node.input[k], node.input[1 - k]
        constant = flow.constant(node, 1 - k)
        if one in flow.products:
            return _scaled(flow, node, flow.products[one], flow.factors.get(other), constant)
        if one in flow.factors and constant is not None and constant.dtype.kind == "f":
            factor = flow.factors[one]
            both = _times(label_of(node), factor.factor, constant)
            flow.factors[node.output[0]] = replace(factor, factor=both)
            return False
    return False


def _scaled(
    flow: Flow, node: NodeProto, product: Product, factor: Factor | None, constant: Array | None
) -> bool:
    """A product times the scale of its data, or times constants before or after that."""
    if factor is not None and factor.scale == product.scale:
        constant, done = factor.factor, True
    else:
        done = not isinstance(product.scale, str)
    if constant is None or not _placed(product, constant):
        return False
    product = replace(product, factor=_times(label_of(node), product.factor, constant))
    if not done:
        flow.products[node.output[0]] = product
        return False
    factors = product.factor if isinstance(product.scale, str) else product.factor / product.scale
    _check_scale(label_of(node), factors)
    weights = product.weights * _along_outputs(
        label_of(node), product.op, np.asarray(factors), product.weights.shape
    )
    name = flow.sketch.add_constant(weights.astype(np.float32))
    flow.emit(node, product.op, [product.value, name], node.output, product.attributes)
    return True


def _times(label: str, one: Array, other: Array) -> Array:
    try:
        return np.asarray(one * other.astype(np.float64))
    except ValueError as error:
        shapes = f"{list(one.shape)} and {list(other.shape)}"
        raise ModelError(label, f"scales of {shapes} cannot be multiplied") from error


def _placed(product: Product, constant: Array) -> bool:
    """True where a constant has one number, or lies along the axis of the product's outputs."""
    if constant.size == 1:
        return constant.ndim < 2
    if product.op == "MatMul":
        return constant.ndim == 1
    rank = product.weights.ndim
    return (
        rank > 1
        and constant.ndim in (rank - 1, rank)
        and constant.shape[-(rank - 1)] == constant.size
    )


def _check_scale(label: str, scale: Array) -> None:
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ModelError(
            label, "multiplies integers with a scale that is not above 0; quantize the model again"
        )


PRODUCTS: Mapping[str, Callable[[Flow, NodeProto], bool]] = {
    "MatMulInteger": _product,
    "ConvInteger": _product,
    "Cast": _cast,
    "Mul": _multiply,
}
