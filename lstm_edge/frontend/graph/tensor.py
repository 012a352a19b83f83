"""Tensors that a file stores become arrays: of a type that can be read, whole, and finite."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from lstm_edge.errors import ModelError, first_line
from lstm_edge.limits import LARGEST_MODEL, MOST_WEIGHTS

_FLOATS, _INTEGERS = "FLOAT DOUBLE FLOAT16 BFLOAT16", "INT64 INT32 INT16 INT8 INT4 BOOL"
_UNSIGNED = "UINT64 UINT32 UINT16 UINT8 UINT4"
_RAW_TYPES = frozenset(
    map(TensorProto.DataType.Value, f"{_FLOATS} {_INTEGERS} {_UNSIGNED}".split())
)
"""Types of constants that can be read."""


def tensor_value(tensor: TensorProto) -> npt.NDArray[np.generic]:
    """The array of a tensor; refuses shapes that its data contradict and numbers that are none.

    -inf may be in it, as in masks of attention: what becomes a weight of the model is looked at
    again. Raises ModelError by the initializer's name.
    """
    label = f"initializer {tensor.name!r}"
    if tensor.data_type not in _RAW_TYPES:
        kinds = {v: k for k, v in TensorProto.DataType.items()}
        kind = kinds.get(tensor.data_type, str(tensor.data_type))
        raise ModelError(label, f"data of type {kind} are not supported; use float32")
    size = byte_size(tensor)
    if tensor.HasField("raw_data") and len(tensor.raw_data) != size:
        raise ModelError(
            label, f"has {len(tensor.raw_data)} bytes, but its shape needs {size} bytes"
        )
    try:
        array = numpy_helper.to_array(tensor)
    except Exception as error:  # numpy and onnx raise what comes
        raise ModelError(label, f"cannot be read: {first_line(error)}") from error
    check_finite(label, array, mask=True)
    return array


def check_finite(label: str, array: npt.NDArray[np.generic], mask: bool = False) -> None:
    """Refuse NaN and infinity in an array of floats, which `label` names, but for -inf where it may
    be a mask of attention.
    """
    if array.dtype.kind == "f" and not (np.isfinite(array) | (mask & (array == -np.inf))).all():
        bad = "NaN" if np.isnan(array).any() else "infinity"
        raise ModelError(label, f"holds {bad}; was the training stable? Export finite weights")


def check_numbers(label: str, array: npt.NDArray[np.generic], mask: bool = False) -> None:
    """The same of weights, of which there have to be some."""
    if not array.size:
        raise ModelError(label, f"has shape {list(array.shape)}: no numbers; remove it")
    check_finite(label, array, mask)


def byte_size(tensor: TensorProto) -> int:
    """Bytes that shape and type of a tensor ask for; refuses negative and absurd dimensions."""
    label = f"initializer {tensor.name!r}"
    try:
        itemsize = int(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(label, f"unknown data type {tensor.data_type}") from error
    if any(d < 0 for d in tensor.dims):
        raise ModelError(label, f"negative dimension in shape {list(tensor.dims)}")
    count = math.prod(int(d) for d in tensor.dims)
    packed = tensor.data_type in (TensorProto.INT4, TensorProto.UINT4)
    size = (count + 1) // 2 if packed else count * itemsize
    if size > LARGEST_MODEL:
        raise ModelError(label, f"shape {list(tensor.dims)} is too large for a microcontroller")
    if count > MOST_WEIGHTS:
        raise ModelError(
            label,
            f"has {count} numbers, more than the {MOST_WEIGHTS} weights that a model may have; "
            "make the network smaller, or compile parts of it",
        )
    return size
