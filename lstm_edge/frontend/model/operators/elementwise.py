"""What acts on each number of one tensor or several, whatever the axes: a layer of its own."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge import functions
from lstm_edge.frontend.graph.functions import COMPARED, FORMS, REMAINDERS, TRUTHS, divisors
from lstm_edge.frontend.model.axes import View
from lstm_edge.frontend.model.operators.across_time import sequence_among
from lstm_edge.frontend.model.operators.arithmetic import (
    along,
    along_features,
    fullest,
    paired,
    scaled,
)
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.ir.expr import Cell, Expr, constant, input_vector, param
from lstm_edge.layers.elementwise import PAIRS, where
from lstm_edge.layers.functions import one_number

Doubles = npt.NDArray[np.float64]
Combined = Callable[..., Expr]

_TOLD: Mapping[str, Callable[[float, float], bool]] = {
    "Greater": operator.gt,
    "GreaterOrEqual": operator.ge,
    "Less": operator.lt,
    "LessOrEqual": operator.le,
    "Equal": operator.eq,
}


def alone(walk: Walk, node: OnnxNode) -> list[Value]:
    """A function of each number, whatever the axes."""
    function = FORMS[node.op].of(node.label, node.attributes)
    name = {"HardSwish": "hard_swish"}.get(node.op, node.op.lower())
    name += "_tanh" if node.attributes.get("approximate") == "tanh" else ""
    return [_of_one(walk, node, name, function)]


def floor(walk: Walk, node: OnnxNode) -> list[Value]:
    """The largest whole number that is not above each; of a quotient by a constant exactly that."""
    view = node.view(0)
    alone_ = view.scale is not None and view.scale.size == 1 and view.offset is None
    by = divisors(view.scale) if alone_ and view.scale is not None else None
    if by is None:
        return alone(walk, node)
    operands = (view.plain, by, 1.0 / by)
    return [combined(walk, node, "floor", functions.floored_quotient, operands)]


def remainder(walk: Walk, node: OnnxNode) -> list[Value]:
    """Mod by constants above 0: of the sign of the divisor, or with fmod of the dividend."""
    by = node.inputs[1]
    if not isinstance(by, np.ndarray) or not (by > 0).all():
        raise node.error(
            "divides by what is no constant above 0; write it as x - b * Floor(x / b), or do it "
            "before the model"
        )
    made = REMAINDERS[int(node.attributes.get("fmod", 0))]
    inverse = np.asarray(1.0 / by.astype(np.float64))
    return [combined(walk, node, "mod", made, (node.view(0), by, inverse))]


def power(walk: Walk, node: OnnxNode) -> list[Value]:
    """x to a power, or a positive constant to the power of x. Powers that are no small whole number
    or differ want x > 0.
    """
    base, exponent = node.inputs
    if isinstance(base, np.ndarray):
        if not (base > 0.0).all():
            raise node.error(f"has a base of {base.min():g}, expected one above 0")
        if base.size == 1:
            number = float(base.reshape(-1)[0])
            return [_of_one(walk, node, "power", lambda x: functions.power_of(number, x), 1)]
        logarithms = np.log(base.astype(np.float64))
        scaled = (logarithms, exponent)
        return [combined(walk, node, "power", lambda p, x: functions.exponential(x * p), scaled)]
    if isinstance(exponent, np.ndarray) and exponent.size == 1:
        number = float(exponent.reshape(-1)[0])
        if number == 1.0:
            return [node.view(0)]
        if number == 0.0:
            raise node.error("has an exponent of 0, which gives 1 for any data; add 1")
        return [_of_one(walk, node, "power", lambda x: functions.power(x, number))]
    if isinstance(exponent, np.ndarray) and (exponent == np.round(exponent)).any():
        raise node.error(
            "has several exponents, and whole ones among them, which numbers below 0 may have: "
            "split its input by exponents"
        )
    return [combined(walk, node, "power", _raised, node.inputs)]


def _raised(x: Expr, exponent: Expr) -> Expr:
    return functions.exponential(functions.logarithm(x) * exponent)


def prelu(walk: Walk, node: OnnxNode) -> list[Value]:
    """x, or slope * x below 0; one slope, or one for each feature."""
    if isinstance(node.inputs[1], View):
        raise node.error("its slope is computed from the model's input; expected weights")
    return [combined(walk, node, "prelu", functions.prelu, node.inputs)]


def extreme(walk: Walk, node: OnnxNode) -> list[Value]:
    """Max and Min of any number of tensors and constants."""
    name = "larger" if node.op == "Max" else "smaller"
    views = [v for v in node.inputs if isinstance(v, View)]
    result = views[0]
    for other in [*views[1:], *(v for v in node.inputs if not isinstance(v, View))]:
        result = combined(walk, node, name, PAIRS[name], (result, other))
    return [result]


def compared(walk: Walk, node: OnnxNode) -> list[Value]:
    """Greater, Less and their kin: 1 for what is true. No number is infinite."""
    endless = [isinstance(v, np.ndarray) and bool(np.isinf(v).all()) for v in node.inputs]
    if any(endless):
        given = [v if isinstance(v, np.ndarray) else np.zeros(1) for v in node.inputs]
        ends = (float(v.reshape(-1)[0]) for v in given)
        answer = _TOLD[node.op](*ends)
        rank = max(len(v.axes) for v in node.inputs if isinstance(v, View))
        return [np.full((1,) * rank, answer)]
    name = COMPARED[node.op]
    return [walk.true(combined(walk, node, name, PAIRS[name], node.inputs))]


def never(walk: Walk, node: OnnxNode) -> list[Value]:
    """IsNaN and IsInf: no number of a network is one of these, its inputs may not be."""
    return [np.zeros((1,) * len(node.view(0).axes), bool)]


def chosen(walk: Walk, node: OnnxNode) -> list[Value]:
    """Where: numbers of the one or the other, of data or of constants."""
    condition = node.inputs[0]
    if isinstance(condition, np.ndarray) and condition.size == 1:
        return [node.view(1 if condition.any() else 2)]
    if isinstance(condition, View):
        return [combined(walk, node, "select", where, node.inputs)]
    views = [k for k in (1, 2) if isinstance(node.inputs[k], View)]
    if len(views) != 1:
        raise node.error(
            "its condition is constant: multiply each of the two by constants 0 and 1, and add them"
        )
    view, other = node.view(views[0]), np.asarray(node.inputs[3 - views[0]], np.float64)
    kept = np.asarray(condition, bool) == (views[0] == 1)
    factor, atoms, view = along(walk, node, kept.astype(np.float64), view)
    view = scaled(walk, node, view, factor, None, atoms)
    rest, atoms, view = along(walk, node, np.where(kept, 0.0, other), view)
    return [scaled(walk, node, view, None, rest, atoms) if rest.any() else view]


def negation(walk: Walk, node: OnnxNode) -> list[Value]:
    """Not: 1 - x."""
    return [walk.true(_of_one(walk, node, "not", lambda x: 1.0 - x))]


def logical(walk: Walk, node: OnnxNode) -> list[Value]:
    """And, Or, Xor of what is 1 or 0. A constant decides, or leaves the other as it is."""
    known = [v for v in node.inputs if isinstance(v, np.ndarray) and v.size == 1]
    if known and node.op != "Xor":
        decides = bool(known[0].any()) == (node.op == "Or")
        view = next(v for v in node.inputs if isinstance(v, View))
        return [known[0] if decides else view]
    return [walk.true(combined(walk, node, node.op.lower(), TRUTHS[node.op], node.inputs))]


def _of_one(
    walk: Walk, node: OnnxNode, name: str, function: Callable[[Expr], Expr], k: int = 0
) -> View:
    view = settled(walk, node.view(k))
    cell = replace(one_number(name, function), limited=node.op not in functions.ACTIVATIONS)
    return replace(
        view, tensor=walk.draft.layer(name, cell, view.tensor, None, {}, node.label)["y"]
    )


def combined(
    walk: Walk,
    node: OnnxNode,
    name: str,
    function: Combined,
    operands: Sequence[Value | None],
) -> View:
    """A layer `name` of one number of each operand: data, of the same shape or of one feature
    where others have several, and constants, each a number or one for each feature.
    """
    views = paired(walk, node, [v for v in operands if isinstance(v, View)])
    whole = like = fullest(walk, views)
    constants: dict[str, Doubles] = {}
    for k, value in enumerate(operands):
        if isinstance(value, np.ndarray):
            numbers = value.astype(np.float64) if value.dtype.kind in "bf" else None
            if numbers is None or np.isnan(numbers).any():
                raise node.error(f"its constant {node.input_names[k]!r} is no numbers")
            constants[f"c{k}"], whole = along_features(walk, node, numbers, whole)
    inputs = iter(f"x{k}" if k else "x" for k in range(len(views)))
    exprs = [
        _number(f"c{k}", constants[f"c{k}"]) if f"c{k}" in constants else input_vector(next(inputs))
        for k in range(len(operands))
    ]
    params = {n: a.astype(np.float32) for n, a in constants.items() if a.size > 1}
    names = {f"x{k}" if k else "x": view.tensor for k, view in enumerate(views)}
    cell = Cell(name, {"y": function(*exprs)}, limited=True)
    size = walk.draft.size(whole.tensor)
    first, follows = names.pop("x"), sequence_among(walk, views).tensor
    made = walk.draft.layer(
        name,
        cell,
        first,
        size,
        params,
        node.label,
        more=names,
        follows=follows,
        like=like.tensor,
    )
    return replace(whole, tensor=made["y"])


def _number(name: str, numbers: Doubles) -> Expr:
    return constant(float(numbers.reshape(-1)[0])) if numbers.size == 1 else param(name)
