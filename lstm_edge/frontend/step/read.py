"""The nodes of a step in the order of the file, from symbols to symbols.

Whatever a node computes of numbers that are known is known. An operator or attribute that is not
in the table is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import NodeProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.amounts import SHAPE_ONLY
from lstm_edge.frontend.graph.fold import fold
from lstm_edge.frontend.graph.functions import FORMS, TRUTHS
from lstm_edge.frontend.graph.node import attributes_of, label_of
from lstm_edge.frontend.step import arithmetic as elements
from lstm_edge.frontend.step import products
from lstm_edge.frontend.step.call import Array, Call, Value
from lstm_edge.frontend.step.expressions import of_symbols
from lstm_edge.frontend.step.function import LARGER, SMALLER
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.moves import MOVES, Move, moved, sizes_of_parts
from lstm_edge.frontend.step.recurrent import recurrent
from lstm_edge.frontend.step.symbols import Symbols
from lstm_edge.ir.expr import log_softmax, softmax
from lstm_edge.layers.elementwise import is_true


@dataclass(frozen=True)
class Operator:
    """`run` gives a node's results; `attributes`: those that it reads."""

    run: Callable[[Call], list[Value]]
    attributes: frozenset[str] = frozenset()


def _operator(run: Callable[[Call], list[Value]], attributes: str = "") -> Operator:
    return Operator(run, frozenset(attributes.split()))


_RECURRENT = "activations clip direction hidden_size layout"
_WINDOW = "auto_pad ceil_mode count_include_pad dilations group kernel_shape pads strides"

OPERATORS: Mapping[str, Operator] = {
    **{op: Operator(elements.function, frozenset(form.usual)) for op, form in FORMS.items()},
    "Floor": _operator(elements.floor),
    "Mod": _operator(elements.remainder, "fmod"),
    "PRelu": _operator(elements.prelu),
    "Neg": _operator(elements.negative),
    "Add": _operator(elements.sums(1.0, 1.0)),
    "Sum": _operator(elements.sums(1.0, 1.0)),
    "Sub": _operator(elements.sums(1.0, -1.0)),
    "Mean": _operator(elements.mean),
    "Mul": _operator(elements.product),
    "Div": _operator(elements.quotient),
    "Pow": _operator(elements.power),
    "Max": _operator(elements.bounds(LARGER)),
    "Min": _operator(elements.bounds(SMALLER)),
    "Clip": _operator(elements.clip),
    **dict.fromkeys(TRUTHS, _operator(elements.truth)),
    "Not": _operator(elements.negation),
    "Where": _operator(elements.where),
    "MatMul": _operator(products.matmul),
    "Gemm": _operator(products.gemm, "alpha beta transA transB"),
    "Einsum": _operator(products.einsum, "equation"),
    **dict.fromkeys(("Conv", "AveragePool"), _operator(products.linear, _WINDOW)),
    "GlobalAveragePool": _operator(products.linear),
    "CumSum": _operator(products.linear, "exclusive reverse"),
    "Trilu": _operator(products.linear, "upper"),
    **{
        op: _operator(products.reduction(kind), "keepdims noop_with_empty_axes")
        for op, kind in products.REDUCTIONS.items()
    },
    "Softmax": _operator(products.along_axis(softmax), "axis"),
    "LogSoftmax": _operator(products.along_axis(log_softmax), "axis"),
    "LayerNormalization": _operator(products.layer_norm, "axis epsilon stash_type"),
    "InstanceNormalization": _operator(products.instance_norm, "epsilon"),
    "BatchNormalization": _operator(products.batch_norm, "epsilon momentum training_mode"),
    "LpNormalization": _operator(products.unit_length, "axis p"),
    "LSTM": _operator(recurrent, f"{_RECURRENT} input_forget"),
    "GRU": _operator(recurrent, f"{_RECURRENT} linear_before_reset"),
    "RNN": _operator(recurrent, _RECURRENT),
}
"""Operators that compute; those that only move numbers are in `MOVES`."""

REAL, BOOL = (1, 10, 11, 16), 9
"""ONNX's numbers of floating-point types, and of what is true or false."""


def read_node(leaves: Leaves, node: NodeProto, args: Sequence[Value | None]) -> list[Value]:
    """The results of one node, in the order of its outputs."""
    label, op = label_of(node), node.op_type
    given = attributes_of(node)
    call = Call(leaves, node, label, tuple(args), given)
    if node.domain not in ("", "ai.onnx"):
        raise call.refuse(
            f"operator {op} of domain {node.domain} is no part of a recurrent step; "
            "export the step with operators of ONNX alone"
        )
    if op in SHAPE_ONLY and isinstance(args[0], Symbols):
        shape = np.array(args[0].shape, np.int64)
        size = np.array(args[0].size, np.int64)
        return [shape[slice(given.get("start"), given.get("end"))] if op == "Shape" else size]
    if op in ("SplitToSequence", "SequenceAt"):
        return [_parts(call) if op == "SplitToSequence" else _part(call)]
    known = _known(call)
    if known is not None:
        return known
    if op == "Cast":
        return [_cast(call)]
    found = MOVES.get(op) or OPERATORS.get(op)
    if found is None:
        raise call.refuse(
            f"operator {op} is not supported inside of a recurrent step; write it with "
            "arithmetic, MatMul and activations (docs/networks.md names all), or do it outside"
        )
    unknown = sorted(set(given) - found.attributes)
    if unknown:
        raise call.refuse(f"attribute {unknown[0]} of {op} is not known to lstm-edge; remove it")
    try:
        return moved(call) if isinstance(found, Move) else found.run(call)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        shapes = [list(np.shape(a.leaf if isinstance(a, Symbols) else a)) for a in _tensors(args)]
        raise call.refuse(
            f"does not fit a step of {shapes}: {error}; where onnxruntime runs the file, please "
            "report this with it"
        ) from error


def _tensors(args: Sequence[Value | None]) -> list[Symbols | Array]:
    return [a for a in args if isinstance(a, Symbols | np.ndarray)]


def _known(call: Call) -> list[Value] | None:
    """What a node computes of numbers that are all known; None where they are not."""
    arrays = [a for a in call.args if a is None or isinstance(a, np.ndarray)]
    if len(arrays) < len(call.args):
        return None
    try:
        made = iter(fold(call.label, call.node, arrays))
        return [next(made) if name else np.zeros(0) for name in call.node.output]
    except ModelError:
        if call.node.op_type not in OPERATORS:  # onnx's reference has not all of these
            raise
        return None


def _cast(call: Call) -> Value:
    """Between floating-point types nothing changes; what is true or false is 1 or 0."""
    if int(call.given.get("to", 1)) == BOOL:
        x = call.symbols(0)
        known = elements.compared(call.leaves, x) is not None
        return x if known else of_symbols(call.leaves, is_true().results, {"x": x})["y"]
    if int(call.given.get("to", 1)) not in REAL:
        raise call.refuse(
            "casts numbers of a step to integers, where a step computes real ones; leave the Cast "
            "out, or make the integers an input"
        )
    return call.symbols(0)


def _parts(call: Call) -> Value:
    """A list of parts of an axis, of known sizes."""
    value, axis = call.symbols(0), int(call.given.get("axis", 0))
    sizes = call.constant(1, "sizes")
    parts = sizes_of_parts(np.array(1) if sizes is None else sizes, value.shape[axis])
    bounds = np.cumsum(parts)[:-1]
    cut = zip(*(np.split(a, bounds, axis) for a in (value.leaf, value.unit)), strict=True)
    made = tuple(Symbols(leaf, unit) for leaf, unit in cut)
    if sizes is None and not int(call.given.get("keepdims", 1)):
        return tuple(part.moved(lambda a: np.squeeze(a, axis)) for part in made)
    return made


def _part(call: Call) -> Value:
    """A tensor of a list."""
    parts, at = call.args[0], call.constant(1, "position")
    if not isinstance(parts, tuple):
        raise call.refuse(
            "takes a tensor of a list that no SplitToSequence of the step makes; use "
            "Slice, or Gather"
        )
    return parts[int(np.asarray(at).reshape(-1)[0])]
