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
from lstm_edge.frontend.graph.fold import SHAPE_ONLY, fold
from lstm_edge.frontend.graph.node import attributes_of, label_of
from lstm_edge.frontend.step import arithmetic as elements
from lstm_edge.frontend.step import products, recurrent
from lstm_edge.frontend.step.call import LARGER, SMALLER, Array, Call, Comparison, Value
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.moves import MOVES, Move, sizes_of_parts
from lstm_edge.frontend.step.symbols import Symbols


@dataclass(frozen=True)
class Operator:
    """`run` gives a node's results; `attributes`: those that it reads."""

    run: Callable[[Call], list[Value]]
    attributes: frozenset[str] = frozenset()


def _operator(run: Callable[[Call], list[Value]], attributes: str = "") -> Operator:
    return Operator(run, frozenset(attributes.split()))


_RECURRENT = "activations clip direction hidden_size layout"
_REDUCED = "keepdims noop_with_empty_axes"
_WINDOW = "auto_pad ceil_mode count_include_pad dilations group kernel_shape pads strides"

OPERATORS: Mapping[str, Operator] = {
    "Sigmoid": _operator(elements.activation("Sigmoid")),
    "Tanh": _operator(elements.activation("Tanh")),
    "Relu": _operator(elements.activation("Relu")),
    "Softplus": _operator(elements.activation("Softplus")),
    "Softsign": _operator(elements.activation("Softsign")),
    "Elu": _operator(elements.activation("Elu"), "alpha"),
    "LeakyRelu": _operator(elements.activation("LeakyRelu"), "alpha"),
    "HardSigmoid": _operator(elements.activation("HardSigmoid"), "alpha beta"),
    "ThresholdedRelu": _operator(elements.activation("ThresholdedRelu"), "alpha"),
    "Celu": _operator(elements.celu, "alpha"),
    "Selu": _operator(elements.selu, "alpha gamma"),
    "Mish": _operator(elements.mish),
    "HardSwish": _operator(elements.hard_swish),
    "Swish": _operator(elements.swish, "alpha"),
    "Gelu": _operator(elements.gelu, "approximate"),
    "PRelu": _operator(elements.prelu),
    "Exp": _operator(elements.curve("exp")),
    "Log": _operator(elements.curve("log")),
    "Sqrt": _operator(elements.curve("sqrt")),
    "Sin": _operator(elements.curve("sin")),
    "Cos": _operator(elements.curve("cos")),
    "Erf": _operator(elements.curve("erf")),
    "Sign": _operator(elements.sign),
    "Abs": _operator(elements.absolute),
    "Neg": _operator(elements.negative),
    "Add": _operator(elements.sums(1.0, 1.0)),
    "Sum": _operator(elements.sums(1.0, 1.0)),
    "Sub": _operator(elements.sums(1.0, -1.0)),
    "Mean": _operator(elements.mean),
    "Mul": _operator(elements.product),
    "Div": _operator(elements.quotient),
    "Reciprocal": _operator(elements.reciprocal),
    "Pow": _operator(elements.power),
    "Max": _operator(elements.bounds(LARGER)),
    "Min": _operator(elements.bounds(SMALLER)),
    "Clip": _operator(elements.clip),
    "Greater": _operator(elements.comparison(turned=False, equal=False)),
    "GreaterOrEqual": _operator(elements.comparison(turned=False, equal=True)),
    "Less": _operator(elements.comparison(turned=True, equal=False)),
    "LessOrEqual": _operator(elements.comparison(turned=True, equal=True)),
    "Equal": _operator(elements.equality),
    "Not": _operator(elements.negation),
    "And": _operator(elements.both),
    "Or": _operator(elements.either),
    "Where": _operator(elements.where),
    "MatMul": _operator(products.matmul),
    "Gemm": _operator(products.gemm, "alpha beta transA transB"),
    "Einsum": _operator(products.einsum, "equation"),
    "Conv": _operator(products.linear, _WINDOW),
    "AveragePool": _operator(products.linear, _WINDOW),
    "GlobalAveragePool": _operator(products.linear),
    "CumSum": _operator(products.linear, "exclusive reverse"),
    "Trilu": _operator(products.linear, "upper"),
    "ReduceSum": _operator(products.reduction(products.total), _REDUCED),
    "ReduceMean": _operator(products.reduction(products.average), _REDUCED),
    "ReduceSumSquare": _operator(products.reduction(products.total, "squares"), _REDUCED),
    "ReduceL2": _operator(products.reduction(products.root, "squares"), _REDUCED),
    "ReduceL1": _operator(products.reduction(products.total, "magnitudes"), _REDUCED),
    "ReduceLogSum": _operator(products.reduction(products.logarithm), _REDUCED),
    "ReduceLogSumExp": _operator(products.log_sum_exp, _REDUCED),
    "ReduceMax": _operator(products.extreme(1.0), _REDUCED),
    "ReduceMin": _operator(products.extreme(-1.0), _REDUCED),
    "Softmax": _operator(products.softmax, "axis"),
    "LogSoftmax": _operator(products.softmax, "axis"),
    "LayerNormalization": _operator(products.layer_norm, "axis epsilon stash_type"),
    "InstanceNormalization": _operator(products.instance_norm, "epsilon"),
    "BatchNormalization": _operator(products.batch_norm, "epsilon momentum training_mode"),
    "LpNormalization": _operator(products.unit_length, "axis p"),
    "LSTM": _operator(recurrent.lstm, f"{_RECURRENT} input_forget"),
    "GRU": _operator(recurrent.gru, f"{_RECURRENT} linear_before_reset"),
    "RNN": _operator(recurrent.rnn, _RECURRENT),
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
    if op in ("Cast", "Pad"):
        return [_cast(call) if op == "Cast" else _pad(call)]
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
        return _moved(call, found) if isinstance(found, Move) else found.run(call)
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
    """Between floating-point types nothing changes; what is true or false becomes 1 or 0."""
    if int(call.given.get("to", 1)) == BOOL:
        return _is_not_zero(call)
    if int(call.given.get("to", 1)) not in REAL:
        raise call.refuse(
            "casts numbers of a step to integers, where a step computes real ones; leave the Cast "
            "out, or make the integers an input"
        )
    return call.symbols(0)


def _is_not_zero(call: Call) -> Comparison:
    """What is true of numbers that are not 0."""
    if isinstance(call.args[0], Comparison):
        return call.args[0]
    x = call.symbols(0)
    far = call.leaves.each(LARGER, x, call.leaves.scale(x, -1.0))
    return Comparison(far, call.leaves.lift(0.0))


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


def _moved(call: Call, move: Move) -> list[Value]:
    """What only moves numbers, once for leaves and once for units."""
    at = [0, 2] if call.node.op_type.startswith("Scatter") else None
    if at is None:
        at = list(range(len(call.args)) if move.data is None else range(move.data))
    if any(not call.is_data(k) for k in at) and not any(call.is_data(k) for k in at):
        raise call.refuse(
            "picks numbers by indices that the step computes, where only constants may tell the "
            "place; multiply by weights that are 1 at the place, as Equal makes them of an input, "
            "and sum up"
        )
    data = [call.symbols(k) for k in at]
    rest = [call.constant(k, f"input {k}") for k in range(len(call.args)) if k not in at]
    count = sum(1 for _ in call.node.output)
    parts = [
        move.run([getattr(d, part) for d in data], rest, call.given, count)
        for part in ("leaf", "unit")
    ]
    return [Symbols(leaf, unit) for leaf, unit in zip(*parts, strict=True)]


def _pad(call: Call) -> Value:
    """Numbers around: a constant, or those that are there."""
    value = call.symbols(0)
    mode = str(call.given.get("mode", "constant"))
    pads = call.constant(1, "pads")
    if mode not in ("constant", "edge", "reflect", "wrap"):
        raise call.refuse(f"pads in mode {mode!r}; expected constant, edge, reflect or wrap")
    axes = call.constant(3, "axes")
    at = np.arange(len(value.shape)) if axes is None else np.asarray(axes).reshape(-1)
    widths = np.zeros((len(value.shape), 2), np.int64)
    widths[at] = np.asarray(pads).reshape(2, -1).T
    if mode != "constant":
        return value.moved(lambda a: np.pad(a, widths, mode=mode))  # type: ignore[call-overload]
    filler = call.constant(2, "value")
    number = 0.0 if filler is None else np.asarray(filler).reshape(-1)[0]
    zero = call.leaves.lift(np.full(1, float(number)))
    return Symbols(
        np.pad(value.leaf, widths, constant_values=int(zero.leaf[0])),
        np.pad(value.unit, widths, constant_values=0),
    )
