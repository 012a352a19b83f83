"""Evaluate nodes whose inputs are all known, with onnx's own reference implementation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto
from onnx.reference import ReferenceEvaluator

from lstm_edge.errors import ModelError, first_line
from lstm_edge.frontend.graph.node import OPSET, attributes_of, is_standard

Array = npt.NDArray[Any]

SHAPE_ONLY = frozenset(("Shape", "Size"))
"""Operators that look at the shape of their input and not at its numbers."""

_ARITHMETIC = (
    "Abs Add And BlackmanWindow Cast CastLike Ceil Celu Clip Concat Constant ConstantOfShape Cos "
    "CumSum Div Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements "
    "GatherND Gemm Greater GreaterOrEqual HammingWindow HannWindow HardSigmoid HardSwish Identity "
    "LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MelWeightMatrix Min "
    "Mod Mul Neg Not Or Pow Range Reciprocal ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin "
    "ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round ScatterElements ScatterND Sigmoid "
    "Sign Sin Slice Softmax Softplus Softsign Split Sqrt Squeeze Sub Sum Tanh Tile Transpose "
    "Trilu Unsqueeze Where Xor"
)

FOLDABLE = SHAPE_ONLY | frozenset(_ARITHMETIC.split())
"""Deterministic operators of which the result may be computed now."""

LARGEST_RESULT = 2**26
"""Elements of a folded array: bounds what a hostile shape can make us allocate."""
PRODUCTS = 2**8
"""Products that count as an element of a result."""
MOST_RESULTS = 2**27
"""Elements of all arrays that are folded for one file: seconds."""
_left = ContextVar("left", default=MOST_RESULTS)


def is_foldable(node: NodeProto) -> bool:
    """True where a node's result may be computed from constants alone."""
    return is_standard(node) and node.op_type in FOLDABLE


def fold(label: str, node: NodeProto, inputs: Sequence[Array | None]) -> list[Array]:
    """The outputs of `node`, whose inputs are the arrays given (None: absent).

    Raises ModelError with `label` where the node is wrong or its result absurdly large.
    """
    _left.set(_left.get() - check_result(label, node, inputs))
    if _left.get() < 0:
        raise ModelError(label, "and nodes before it compute more constants than are accepted")
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.ClearField("name")
    present = [array is not None for array in inputs]
    copy.input[:] = [f"in{k}" if there else "" for k, there in enumerate(present)]
    copy.output[:] = [f"out{k}" if name else "" for k, name in enumerate(node.output)]
    feeds = {f"in{k}": array for k, array in enumerate(inputs) if array is not None}
    try:
        with np.errstate(all="ignore"):
            results = _evaluator(copy.SerializeToString(deterministic=True)).run(
                None, feeds, attributes={}
            )
    except Exception as error:  # the reference implementation raises what numpy raises
        raise ModelError(label, f"cannot be computed: {first_line(error)}") from error
    if not all(isinstance(array, np.ndarray | np.generic) for array in results):
        raise ModelError(label, "does not compute a tensor")
    return [np.asarray(array) for array in results]


def begin_folding() -> None:
    """What is folded from now on belongs to another file."""
    _left.set(MOST_RESULTS)


def check_result(label: str, node: NodeProto, inputs: Sequence[Array | None]) -> int:
    """How many numbers a node makes at most, before it makes any; ModelError where a network needs
    less.
    """
    size = _result_size(node, inputs)
    if size > LARGEST_RESULT:
        raise ModelError(label, "computes an array that is too large for a microcontroller")
    return size


@lru_cache(maxsize=512)
def _evaluator(node: bytes) -> ReferenceEvaluator:
    """What computes a node: graphs have many that differ in names alone."""
    read = NodeProto.FromString(node)
    inputs, outputs = ([name for name in side if name] for side in (read.input, read.output))
    domains = [onnx.helper.make_opsetid("", OPSET)]
    function = onnx.helper.make_function("fold", "fold", inputs, outputs, [read], domains)
    return ReferenceEvaluator(function)


def stand_in(shape: tuple[int, ...]) -> Array:
    """An array of a shape that takes no memory, for operators that look at the shape only."""
    return np.broadcast_to(np.zeros((), dtype=np.float32), shape)


def _result_size(node: NodeProto, inputs: Sequence[Array | None]) -> int:
    """An upper bound of the elements of the result, without computing it."""
    if node.op_type in SHAPE_ONLY:
        return 0
    if node.op_type == "Concat":
        return sum(array.size for array in inputs if array is not None)
    if node.op_type == "Resize":
        return _resized(inputs)
    if node.op_type == "Pad" and len(inputs) > 1 and inputs[0] is not None:
        return _padded(inputs[0], inputs[1])
    if node.op_type == "Einsum":
        return _einsum_size(node, inputs)
    arrays = [np.asarray(array) for array in inputs if array is not None]
    if node.op_type == "Gather" and len(arrays) == 2:
        return _gather_size(arrays[0], arrays[1], int(attributes_of(node).get("axis", 0)))
    bound = _BOUNDS.get(node.op_type)
    if bound is not None and len(arrays) >= 2:
        return bound(arrays)
    if node.op_type == "ConstantOfShape" and arrays:
        return _product(arrays[0])
    try:
        return math.prod(np.broadcast_shapes(*(a.shape for a in arrays)))
    except ValueError:
        return 0  # not elementwise, hence no larger than its inputs together


def _repeat_size(arrays: Sequence[Array]) -> int:
    return arrays[0].size * _product(arrays[1])


def _gather_size(data: Array, indices: Array, axis: int) -> int:
    taken = data.shape[axis] if -data.ndim <= axis < data.ndim else 1
    return indices.size * (data.size // max(1, taken))


def _resized(inputs: Sequence[Array | None]) -> int:
    """By sizes, or by scales."""
    x, scales, sizes = ([*inputs, None, None, None])[0], *([*inputs, None, None, None])[2:4]
    if sizes is not None and sizes.size:
        return _product(sizes)
    if x is None or scales is None or len(scales) != x.ndim:
        return 0
    return int(x.size * min(float(np.prod(np.maximum(scales, 1.0), dtype=np.float64)), 2.0**40))


def _padded(x: Array, pads: Array | None) -> int:
    if pads is None or pads.size != 2 * x.ndim:
        return x.size
    before, after = np.split(np.maximum(pads, 0).astype(object), 2)
    return math.prod(n + int(a) + int(b) for n, a, b in zip(x.shape, before, after, strict=True))


def _einsum_size(node: NodeProto, inputs: Sequence[Array | None]) -> int:
    """Of the letters of the result, and of all together, as many products as are made."""
    equation = str(attributes_of(node).get("equation", "")).replace(" ", "")
    letters, _, result = equation.partition("->")
    sizes: dict[str, int] = {}
    for names, array in zip(letters.split(","), inputs, strict=False):
        if array is not None:
            sizes |= dict(zip(names.replace(".", ""), array.shape, strict=False))
    made = math.prod(sizes.get(letter, 1) for letter in result)
    return max(made, math.prod(sizes.values()) // PRODUCTS)


def _matmul_size(arrays: Sequence[Array]) -> int:
    left, right = arrays[0], arrays[1]
    rows = left.size // max(1, left.shape[-1] if left.ndim else 1)
    columns = right.size // max(1, right.shape[-2] if right.ndim > 1 else right.size)
    return max(rows * columns, left.size * columns // PRODUCTS)


def _range_size(arrays: Sequence[Array]) -> int:
    start, limit, delta = ([*(float(a.reshape(-1)[0]) for a in arrays if a.size), 0.0, 0.0])[:3]
    length = (limit - start) / delta if delta else 0.0
    return int(length) if math.isfinite(length) else LARGEST_RESULT + 1


_BOUNDS: Mapping[str, Callable[[Sequence[Array]], int]] = {
    "Expand": _repeat_size,
    "Tile": _repeat_size,
    "MatMul": _matmul_size,
    "Range": _range_size,
}
"""Operators of which the result may be larger than what broadcasting gives."""


def _product(shape: Array) -> int:
    return math.prod(max(1, abs(int(size))) for size in shape.reshape(-1)[:64])
