"""Evaluate nodes whose inputs are all known, with onnx's own reference implementation."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from lstm_edge.errors import ModelError, first_line
from lstm_edge.frontend.graph.amounts import SHAPE_ONLY, numbers_made, work
from lstm_edge.frontend.graph.node import OPSET, is_standard

Array = npt.NDArray[Any]

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

LARGEST_RESULT = 2**25
"""Numbers of a folded array, or what takes as much: as many as the largest file has."""
MOST_RESULTS = 2**28
"""The same of all that is folded for one file: seconds."""
LARGEST_DATA = 2**26
"""Numbers of data that a node makes of all steps, of which nothing is computed yet."""
MOST_KEPT = 3 * 2**27
"""Bytes of all arrays that are folded for one file, and kept: each look at a graph folds anew."""
FEW = 2**16
"""Bytes of an array that are not counted."""
TOO_LARGE = "computes an array that is too large for a microcontroller"


@dataclass
class _Left:
    """What may still be folded of a file: numbers, and bytes of arrays."""

    numbers: int = MOST_RESULTS
    kept: int = MOST_KEPT

    def compute(self, label: str, numbers: int) -> None:
        """ModelError where there is no room for a result."""
        self.numbers -= numbers
        if self.numbers < 0 or self.kept < 0:
            raise ModelError(label, "and nodes before it compute more constants than are accepted")

    def keep(self, array: Array) -> None:
        """Count an array as long as it is there."""
        if array.nbytes > FEW:
            self.kept -= array.nbytes
            weakref.finalize(array, self.free, array.nbytes).atexit = False

    def free(self, size: int) -> None:
        """What was kept is no longer there."""
        self.kept += size


_left: ContextVar[_Left] = ContextVar("left")


def is_foldable(node: NodeProto) -> bool:
    """True where a node's result may be computed from constants alone."""
    return is_standard(node) and node.op_type in FOLDABLE


def fold(label: str, node: NodeProto, inputs: Sequence[Array | None]) -> list[Array]:
    """The outputs of `node`, whose inputs are the arrays given (None: absent).

    Raises ModelError with `label` where the node is wrong or its result absurdly large.
    """
    size = work(node, inputs)
    if size > LARGEST_RESULT:
        raise ModelError(label, TOO_LARGE)
    left = _left.get(None) or begin_folding()
    left.compute(label, size)
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
    arrays = [np.asarray(array) for array in results]
    given = [array for array in inputs if array is not None]
    for array in arrays:
        if not any(np.may_share_memory(array, each) for each in given):
            left.keep(array)
    return arrays


def begin_folding() -> _Left:
    """What is folded from now on belongs to another file."""
    left = _Left()
    _left.set(left)
    return left


def check_result(label: str, node: NodeProto, inputs: Sequence[Array | None]) -> None:
    """ModelError where a node makes more numbers of data than any network needs."""
    if numbers_made(node, inputs) > LARGEST_DATA:
        raise ModelError(label, TOO_LARGE)


class LpNormalization(OpRun):
    """The reference implementation adds up what it should take the magnitudes of."""

    op_domain = ""

    def _run(self, x: Array, axis: int | None = None, p: int | None = None) -> tuple[Array]:
        norm = np.linalg.norm(x, ord=p, axis=axis, keepdims=True)
        return (np.divide(x, norm, out=np.zeros_like(x), where=norm != 0),)


@lru_cache(maxsize=512)
def _evaluator(node: bytes) -> ReferenceEvaluator:
    """What computes a node: graphs have many that differ in names alone."""
    read = NodeProto.FromString(node)
    inputs, outputs = ([name for name in side if name] for side in (read.input, read.output))
    domains = [onnx.helper.make_opsetid("", OPSET)]
    function = onnx.helper.make_function("fold", "fold", inputs, outputs, [read], domains)
    return ReferenceEvaluator(function, new_ops=[LpNormalization])


def stand_in(shape: tuple[int, ...]) -> Array:
    """An array of a shape that takes no memory, for operators that look at the shape only."""
    return np.broadcast_to(np.zeros((), dtype=np.float32), shape)
