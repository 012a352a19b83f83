"""How much it takes to compute a node of constants, told before it is done.

Numbers are counted: those that are made, and what onnx's reference makes on the way, as if it were
numbers. One takes some 30 ns and 16 bytes. A file of a few bytes may ask for gigabytes of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto

from lstm_edge.frontend.graph.node import attributes_of

Array = npt.NDArray[Any]
Inputs = Sequence[Array | None]

Bound = Callable[[NodeProto, Inputs], int]

SHAPE_ONLY = frozenset(("Shape", "Size"))
"""Operators that look at the shape of their input and not at its numbers."""
VIEWS = frozenset(("Flatten", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"))
"""Operators whose results are in the memory of their input."""

ENDLESS = 2**62
"""More than anything takes."""
PRODUCTS, PLAIN_PRODUCTS = 2**8, 2**2
"""Products that take as long as a number: those of BLAS, and those of numpy's own loops."""
_FACTORS: Mapping[str, int] = {
    **dict.fromkeys(("HammingWindow", "HannWindow", "LayerNormalization", "MelWeightMatrix"), 2),
    **dict.fromkeys(("Mish", "Range", "Sigmoid", "Softplus"), 2),
    "BlackmanWindow": 4,
    "Erf": 16,
    "Resize": 256,
}
"""What a number takes where it is far more."""
_IN_PYTHON = 128
"""What a place takes that the reference looks up one by one."""
_A_STEP = 2**12
"""What a step of a recurrent layer takes, or a place of a window."""


def numbers_made(node: NodeProto, inputs: Inputs) -> int:
    """How many numbers the results have, at most; 0 where the node is wrong."""
    if node.op_type in SHAPE_ONLY:
        return 0
    if node.op_type in _MADE:
        return _asked(_MADE[node.op_type], node, inputs)
    shapes = [np.shape(array) for array in inputs if array is not None]
    try:
        return math.prod(np.broadcast_shapes(*shapes))
    except ValueError:  # not elementwise, hence no larger than its inputs together
        return sum(map(math.prod, shapes))


def work(node: NodeProto, inputs: Inputs) -> int:
    """What it takes to compute a node, in numbers of float32."""
    if node.op_type in SHAPE_ONLY or node.op_type in VIEWS:
        return 0
    made = numbers_made(node, inputs) * _FACTORS.get(node.op_type, 1)
    more = _asked(_WORK[node.op_type], node, inputs) if node.op_type in _WORK else 0
    return max(made * _asked(_width, node, inputs), more)


def _asked(bound: Bound, node: NodeProto, inputs: Inputs) -> int:
    """A bound of a node, which need not have what the bound looks at; then it says so when it is
    computed.
    """
    try:
        return min(bound(node, inputs), ENDLESS)
    except (IndexError, KeyError, OverflowError, TypeError, ValueError):
        return 0


def _width(node: NodeProto, inputs: Inputs) -> int:
    """How many times as long as a float32 a number is; texts are objects."""
    given = attributes_of(node)
    kinds = [int(given[name]) for name in ("to", "dtype") if name in given]
    if onnx.TensorProto.STRING in kinds:
        return 64
    if isinstance(given.get("value"), onnx.TensorProto):
        kinds.append(given["value"].data_type)
    sizes = [array.dtype.itemsize for array in inputs if array is not None]
    sizes += [int(onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize) for kind in kinds]
    return 2 if max(sizes, default=4) > 4 else 1


def _numbers(array: Array | None) -> list[int]:
    """A shape, or other integers; those of floats rounded up."""
    if array is None:
        raise ValueError
    found = [float(n) for n in np.asarray(array).reshape(-1)[:64]]
    return [math.ceil(n) if abs(n) < ENDLESS else ENDLESS for n in found]


def _array(inputs: Inputs, at: int) -> Array:
    array = inputs[at]
    if array is None:
        raise ValueError
    return np.asarray(array)


def _product(sizes: Sequence[int]) -> int:
    return math.prod(max(1, abs(size)) for size in sizes)


def _constant(_: NodeProto, inputs: Inputs) -> int:
    return _product(_numbers(inputs[0]))


def _expanded(_: NodeProto, inputs: Inputs) -> int:
    shape, wanted = list(_array(inputs, 0).shape), _numbers(inputs[1])
    rank = max(len(shape), len(wanted))
    both = ([1] * (rank - len(sizes)) + sizes for sizes in (shape, wanted))
    return _product([max(pair) for pair in zip(*both, strict=True)])


def _tiled(_: NodeProto, inputs: Inputs) -> int:
    return _array(inputs, 0).size * _product(_numbers(inputs[1]))


def _joined(_: NodeProto, inputs: Inputs) -> int:
    return sum(array.size for array in inputs if array is not None)


def _gathered(node: NodeProto, inputs: Inputs) -> int:
    data, indices = _array(inputs, 0), _array(inputs, 1)
    taken = data.shape[int(attributes_of(node).get("axis", 0))]
    return int(indices.size * (data.size // max(1, taken)))


def _gathered_places(node: NodeProto, inputs: Inputs) -> int:
    data, indices = _array(inputs, 0), _array(inputs, 1)
    batch = int(attributes_of(node).get("batch_dims", 0))
    known = batch + indices.shape[-1]
    return _places(indices) * math.prod(data.shape[known:])


def _places(indices: Array) -> int:
    return indices.size // max(1, indices.shape[-1] if indices.ndim else 1)


def _resized(node: NodeProto, inputs: Inputs) -> int:
    """By sizes, or by scales."""
    x, sizes = _array(inputs, 0), inputs[3] if len(inputs) > 3 else None
    if sizes is None or not sizes.size:
        factors = np.maximum(_array(inputs, 2), 1.0)
        return int(x.size * min(float(np.prod(factors, dtype=np.float64)), 2.0**40))
    axes = attributes_of(node).get("axes") or range(x.ndim)
    kept = x.size // max(1, math.prod(x.shape[k] for k in axes))
    return int(kept * _product(_numbers(sizes)))


def _padded(_: NodeProto, inputs: Inputs) -> int:
    x, pads = _array(inputs, 0), _numbers(inputs[1])
    some = len(inputs) > 3 and inputs[3] is not None
    axes = _numbers(inputs[3]) if some else list(range(x.ndim))
    sizes = list(x.shape)
    for k, before, after in zip(axes, pads, pads[len(axes) :], strict=False):
        sizes[k] += max(before, 0) + max(after, 0)
    return _product(sizes)


def _one_hot(_: NodeProto, inputs: Inputs) -> int:
    return _array(inputs, 0).size * _product(_numbers(inputs[1])[:1])


def _counted(_: NodeProto, inputs: Inputs) -> int:
    """Of a Range."""
    start, limit, delta = (float(_array(inputs, k).reshape(-1)[0]) for k in range(3))
    length = (limit - start) / delta if delta else 0.0
    return max(0, math.ceil(length)) if math.isfinite(length) else ENDLESS


def _sampled(_: NodeProto, inputs: Inputs) -> int:
    """Of a window function."""
    return _product(_numbers(inputs[0])[:1])


def _mel_weights(_: NodeProto, inputs: Inputs) -> int:
    return _product(_numbers(inputs[0])[:1]) * (_product(_numbers(inputs[1])[:1]) // 2 + 1)


def _sides(node: NodeProto, inputs: Inputs) -> tuple[int, int, int]:
    """Rows and columns of a product, and the numbers that are multiplied for each."""
    left, right = _array(inputs, 0), _array(inputs, 1)
    turned = attributes_of(node)
    inner = left.shape[-2 if turned.get("transA") else -1]
    shared = -1 if turned.get("transB") or right.ndim == 1 else -2
    return left.size // max(1, inner), right.size // max(1, right.shape[shared]), inner


def _multiplied(node: NodeProto, inputs: Inputs) -> int:
    rows, columns, _ = _sides(node, inputs)
    left, right = _array(inputs, 0), _array(inputs, 1)
    if left.ndim < 3 or right.ndim < 3:
        return rows * columns
    batch = math.prod(np.broadcast_shapes(left.shape[:-2], right.shape[:-2]))
    return int(batch * left.shape[-2] * right.shape[-1])


def _products(node: NodeProto, inputs: Inputs) -> int:
    inner = _sides(node, inputs)[2]
    blas = all(a is None or a.dtype in (np.float32, np.float64) for a in inputs)
    each = PRODUCTS if blas else PLAIN_PRODUCTS
    return _multiplied(node, inputs) * inner // each


def _letters(node: NodeProto, inputs: Inputs) -> tuple[dict[str, int], str | None]:
    """The sizes of an Einsum's letters, dots among them, and the letters of the result."""
    equation = str(attributes_of(node).get("equation", "")).replace(" ", "")
    left, arrow, result = equation.partition("->")
    sizes: dict[str, int] = {}
    for names, array in zip(left.split(","), inputs, strict=True):
        shape = _array([array], 0).shape
        letters = names.replace("...", ".")
        dots = len(shape) - len(letters.replace(".", ""))
        at = 0
        for letter in letters:
            many = dots if letter == "." else 1
            sizes[letter] = max(sizes.get(letter, 1), math.prod(shape[at : at + many]))
            at += many
    return sizes, result.replace("...", ".") if arrow else None


def _summed(node: NodeProto, inputs: Inputs) -> int:
    sizes, result = _letters(node, inputs)
    return math.prod(sizes.values() if result is None else (sizes[n] for n in result))


def _summed_products(node: NodeProto, inputs: Inputs) -> int:
    return math.prod(_letters(node, inputs)[0].values()) // PLAIN_PRODUCTS


def _places_one_by_one(node: NodeProto, inputs: Inputs) -> int:
    indices = _array(inputs, 1)
    places = indices.size if node.op_type == "ScatterElements" else _places(indices)
    return max(places * _IN_PYTHON, _array(inputs, 0).size)


def _recurrent(_: NodeProto, inputs: Inputs) -> int:
    weights = _array(inputs, 1).size + _array(inputs, 2).size
    return _array(inputs, 0).size * (_A_STEP + weights // PRODUCTS)


def _window(node: NodeProto, inputs: Inputs) -> int:
    """Of convolutions and pooling: all places that a kernel may have, with all that it sees."""
    x, given = _array(inputs, 0), attributes_of(node)
    kernel = _array(inputs, 1) if node.op_type in ("Conv", "ConvTranspose") else None
    seen = list(kernel.shape[2:]) if kernel is not None else given["kernel_shape"]
    axes = range(x.ndim - 2)

    def of(name: str, usual: int) -> list[int]:
        return list(given.get(name) or [usual] * len(axes))

    pads, strides, dilations = [*of("pads", 0)] * 2, of("strides", 1), of("dilations", 1)
    wide = [x.shape[k + 2] + pads[k] + pads[k + len(axes)] for k in axes]
    if node.op_type == "ConvTranspose":
        more = [*of("output_padding", 0)]
        wide = [wide[k] * strides[k] + seen[k] * dilations[k] + more[k] for k in axes]
        wide = [max(pair) for pair in zip(wide, of("output_shape", 0), strict=True)]
    maps = kernel.size // max(1, math.prod(seen)) if kernel is not None else x.shape[1]
    return _product(wide) * _product(seen) * _product([x.shape[0], maps]) * _IN_PYTHON


def _fourier(node: NodeProto, inputs: Inputs) -> int:
    x = _array(inputs, 0)
    if node.op_type == "STFT":
        step = max(1, _numbers(inputs[1])[0])
        window = ([*inputs, None, None])[2]
        frame = _numbers(inputs[3])[0] if len(inputs) > 3 and inputs[3] is not None else 0
        frame = max(frame, window.size if window is not None else 0, 1)
        return int(x.size // step + 1) * frame * _IN_PYTHON
    length = _numbers(inputs[1])[0] if len(inputs) > 1 and inputs[1] is not None else 1
    return 8 * max(x.size, int(x.size // max(1, min(x.shape))) * _product([length]))


_MADE: Mapping[str, Bound] = {
    "Concat": _joined,
    "ConstantOfShape": _constant,
    "Einsum": _summed,
    "Expand": _expanded,
    "Gather": _gathered,
    "GatherElements": lambda _, inputs: _array(inputs, 1).size,
    "GatherND": _gathered_places,
    **dict.fromkeys(("Gemm", "MatMul"), _multiplied),
    **dict.fromkeys(("BlackmanWindow", "HammingWindow", "HannWindow"), _sampled),
    "MelWeightMatrix": _mel_weights,
    "OneHot": _one_hot,
    "Pad": _padded,
    "Range": _counted,
    "Resize": _resized,
    "Tile": _tiled,
}
"""Operators of which the result may be larger than what broadcasting gives."""
_WORK: Mapping[str, Bound] = {
    "Einsum": _summed_products,
    **dict.fromkeys(("Gemm", "MatMul"), _products),
    **dict.fromkeys(("GatherND", "ScatterElements", "ScatterND"), _places_one_by_one),
    **dict.fromkeys(("GRU", "LSTM", "RNN"), _recurrent),
    **dict.fromkeys(("AveragePool", "Conv", "ConvTranspose", "MaxPool"), _window),
    **dict.fromkeys(("DFT", "STFT"), _fourier),
}
"""Operators that take more than their results say."""
