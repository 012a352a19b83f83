"""Integers among the data of a step, which computes with real numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import NodeProto, helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.functions import TRUTHS
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import label_of
from lstm_edge.frontend.step.moves import MOVES

Kind = np.dtype[Any] | None
"""Of numbers that are integers; None of any other."""

_SAME = "Clip Max Min Mod ReduceMax ReduceMin Relu Sign Where"
_WIDE = "Abs Add CumSum Gemm MatMul Mul Neg ReduceL1 ReduceSum Sub"
SAME = frozenset((*MOVES, *_SAME.split()))
"""Operators whose results are no further from 0 than what they read."""
WIDE = frozenset(_WIDE.split())
"""Those of which the results may be, for which integers of 32 bits have room."""


def kind_after(node: NodeProto, kind: Kind) -> Kind:
    """The type of a node's results, where they are integers. kind: of what it computes with.

    Raises ModelError where it rounds, or leaves the range of the type.
    """
    op = node.op_type
    if kind is None or kind.kind not in "iu" or op == "Cast" or op in TRUTHS:
        return None
    if op not in SAME and (op not in WIDE or kind.kind == "u" or kind.itemsize < 4):
        raise ModelError(
            label_of(node),
            f"computes {op} of {kind}, which rounds, or begins again at the end of its range, "
            "where a step computes with real numbers; cast to float32 before it",
        )
    return kind


def check_whole(scope: Graph, node: NodeProto) -> None:
    """The same of a node of a graph, which knows the types of its tensors."""
    kind = scope.kinds.get(node.output[0], 0)
    kind_after(node, helper.tensor_dtype_to_np_dtype(kind) if kind else None)
