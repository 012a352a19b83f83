"""Operations of Keras 3 that compute numbers: `x + y`, `2 * x`, `keras.ops.mean(x, 1)`.

Most are formulas. To support one, write its formula, or what does it, with its options into a
table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from onnx import TensorProto

from lstm_edge.frontend.keras.config import finite, shown, snake_case
from lstm_edge.frontend.keras.functions import GATES, OTHERS, Formula, X, apply, written
from lstm_edge.frontend.keras.moves import of_steps, together
from lstm_edge.frontend.keras.net import Array, Call, Shape, Value, in_order, shown_shape

PAIRS: Mapping[str, Formula] = {
    **{kind: (kind, "a", "b") for kind in ("Add", "Greater", "Less", "Equal")},
    "Subtract": ("Sub", "a", "b"),
    "Multiply": ("Mul", "a", "b"),
    "Divide": ("Div", "a", "b"),
    "TrueDivide": ("Div", "a", "b"),
    "Power": ("Pow", "a", "b"),
    "Maximum": ("Max", "a", "b"),
    "Minimum": ("Min", "a", "b"),
    "GreaterEqual": ("GreaterOrEqual", "a", "b"),
    "LessEqual": ("LessOrEqual", "a", "b"),
    "NotEqual": ("Not", ("Equal", "a", "b")),
    "Mod": ("Mod", "a", "b"),
    "FloorDivide": ("Floor", ("Div", "a", "b")),
    "LogicalAnd": ("And", "a", "b"),
    "LogicalOr": ("Or", "a", "b"),
    "LogicalXor": ("Xor", "a", "b"),
    "Where": ("Where", "a", "b", "c"),
}
"""Operations of two tensors, or three, of which some may be arrays."""

_SAME = [
    "Ceil",
    "Cos",
    "Cosh",
    "Erf",
    "Exp",
    "Floor",
    "Log",
    "Reciprocal",
    "Sign",
    "Sin",
    "Sinh",
    "Sqrt",
    "Tan",
]

SINGLE: Mapping[str, Formula] = {
    **{kind: (kind, X) for kind in _SAME},
    "LogicalNot": ("Not", X),
    "Absolute": ("Abs", X),
    "Abs": ("Abs", X),
    "Negative": ("Neg", X),
    "Rsqrt": ("Reciprocal", ("Sqrt", X)),
    "Expm1": ("Sub", ("Exp", X), 1.0),
    "Exp2": ("Pow", 2.0, X),
    "Log1p": ("Log", ("Add", X, 1.0)),
    "Log2": ("Mul", ("Log", X), 1.0 / np.log(2.0)),
    "Log10": ("Mul", ("Log", X), 1.0 / np.log(10.0)),
    "Square": ("Mul", X, X),
    "Trunc": ("Mul", ("Sign", X), ("Floor", ("Abs", X))),
    "Copy": X,
    "StopGradient": X,
    "HardSilu": ("HardSwish", X),
    "HardSigmoid": ("HardSigmoid", X, {"alpha": 1.0 / 6.0, "beta": 0.5}),
}
"""Operations of one tensor."""

_DISTANCE = ("Sub", X, ("ReduceMean", X, "axes", {"keepdims": 1}))
_VARIANCE = ("ReduceMean", ("Mul", _DISTANCE, _DISTANCE), "axes", {"keepdims": "keep"})
_TRUTH = ("Cast", X, {"to": TensorProto.FLOAT})


def _over(op: str, x: Formula = X) -> Formula:
    return (op, x, "axes", {"keepdims": "keep"})


REDUCED: Mapping[str, Formula] = {
    "Mean": _over("ReduceMean"),
    "Sum": _over("ReduceSum"),
    "Max": _over("ReduceMax"),
    "Min": _over("ReduceMin"),
    "Amax": _over("ReduceMax"),
    "Amin": _over("ReduceMin"),
    "Logsumexp": _over("ReduceLogSumExp"),
    "Any": _over("ReduceMax", _TRUTH),
    "All": _over("ReduceMin", _TRUTH),
    "Var": _VARIANCE,
    "Std": ("Sqrt", _VARIANCE),
}
"""Reductions over some axes."""

FUNCTIONS = (
    *("Relu", "Relu6", "Sigmoid", "SparseSigmoid", "Softplus", "Softsign", "SoftShrink"),
    *("SparsePlus", "Silu", "Squareplus", "LogSigmoid", "LeakyRelu", "Elu", "Selu", "Gelu"),
    *("Celu", "TanhShrink", "HardTanh", "HardShrink", "Softmax", "LogSoftmax", "Tanh"),
)
"""Operations that are activations, too."""

_ASKED: Mapping[str, Callable[[Array, Array], Array]] = {
    "Equal": np.equal,
    "NotEqual": np.not_equal,
    "Greater": np.greater,
    "GreaterEqual": np.greater_equal,
}
"""Questions that masks are made of."""


def combined(call: Call, op: str, values: Sequence[Value]) -> Value:
    """The first op the second, and so on with the others."""
    result = values[0]
    for value in values[1:]:
        (a, b), made = _operands(call, [result, value], 2)
        result = replace(made, name=call.add(op, a, b).name)
    return result


def _operands(call: Call, arguments: Sequence[Any], count: int) -> tuple[list[Any], Value]:
    """Tensors and constants, and a value of the shape that all of them give together."""
    known = call.net.constants
    arguments = [known.get(a.name, a) if isinstance(a, Value) else a for a in arguments]
    values = [a for a in arguments if isinstance(a, Value)]
    if len(arguments) != count or not values:
        found = shown(["tensor" if isinstance(a, Value) else a for a in arguments])
        raise call.error(
            f"has arguments {found}, expected {count}, of which one is computed; "
            "store what depends on no input"
        )
    values = together(call, values)
    first, rest = values[0], iter(values)
    given = [next(rest) if isinstance(a, Value) else _numbers(call, a, first) for a in arguments]
    widest = max((a.shape[-1] for a in given if isinstance(a, np.ndarray) and a.ndim), default=1)
    shape, ones = first.shape, np.ones((1, widest), np.float32)
    for k, one in enumerate(given):
        if isinstance(one, Value) and one.shape[-1:] == (1,) and widest > 1:
            given[k] = call.add("MatMul", one, ones)
        shape = _broadcast(call, shape, one.shape)
    alike = all(v.flat == first.flat for v in values)
    return given, replace(first, shape=shape, flat=first.flat if alike else ())


def _numbers(call: Call, argument: object, like: Value) -> Array:
    """An argument that is a number or an array of numbers, without an axis of the batch."""
    array: Array = finite(call.config.label, "its argument", argument)
    rank = len(like.shape)
    if array.ndim == rank + 1 and len(array) == 1:
        array = array[0]
    if array.ndim > rank:
        raise call.error(
            f"has an argument {list(array.shape)}, which differs by rows of the batch; rows are "
            "all treated alike"
        )
    if like.turned and array.ndim == rank:
        array = in_order(like, array) if rank == 1 else array[::-1]
    whole = call.net.is_integer(like) and (array == np.floor(array)).all()
    return array.astype(np.int64) if whole else array


def _broadcast(call: Call, ours: Shape, theirs: Shape) -> Shape:
    """The shape of which axes of size 1 count as often as needed."""
    theirs = (*(1 for _ in ours[len(theirs) :]), *theirs)
    for a, b in zip(ours, theirs, strict=True):
        if a != b and 1 not in (a, b) and None not in (a, b):
            raise call.error(f"combines {shown_shape(ours)} and {shown_shape(theirs)}")
    return tuple(b if a == 1 else a for a, b in zip(ours, theirs, strict=True))


def paired(call: Call, *arguments: Any) -> Value:
    """Two or three tensors, number by number."""
    kind = call.config.kind
    given, made = _operands(call, arguments, 3 if kind == "Where" else 2)
    y = written(call, PAIRS[kind], **dict(zip("abc", given, strict=False)))
    source, number = arguments[0], given[1]
    if kind in _ASKED and isinstance(source, Value) and isinstance(number, np.ndarray):
        call.net.truths[y.name] = (source.name, lambda ids: _ASKED[kind](ids, number))
    return replace(made, name=y.name)


def reduced(call: Call, x: Value) -> Value:
    """A reduction over some axes, which stay with the size of 1 where keepdims says so."""
    given = call.config.keys.get("axis")
    listed: list[Any] = given if isinstance(given, list) else [given]
    rank = len(x.shape) + 1
    if not all(type(k) is int and -rank <= k < rank and k % rank for k in listed) or not listed:
        raise call.config.unexpected("axis", "axes behind that of the batch")
    axes, keep = sorted({int(k) % rank for k in listed}), call.config.flag("keepdims")
    sizes = [(k, 1 if k in axes else n) for k, n in enumerate(x.shape, start=1)]
    y = written(call, REDUCED[call.config.kind], x=x, axes=call.axes(*axes), keep=int(keep))
    shape = tuple(n for k, n in sizes if keep or k not in axes)
    return of_steps(y.name, shape, x.turned and 1 not in axes)


def function(call: Call, x: Value) -> Value:
    """An activation by the name of its operation."""
    name, config = snake_case(call.config.kind), call.config
    for key, *allowed in (("axis", -1, len(x.shape)), ("threshold", 0.5), ("b", 4)):
        if config.keys.get(key) not in (None, *allowed):
            raise config.unexpected(key, f"{allowed[0]}")
    formula = GATES[name] if name in GATES else OTHERS[name]
    for key in ("alpha", "negative_slope"):
        if config.keys.get(key) is not None:
            op = "Celu" if name == "celu" else formula[0]
            formula = (op, X, {"alpha": config.number(key, 1.0)})
    if name == "gelu":
        form = "tanh" if config.flag("approximate", True) else "none"
        formula = ("Gelu", X, {"approximate": form})
    return apply(call, x, formula)


def product(call: Call, x: Value, by: object) -> Value:
    """A tensor times a matrix, or, row by row of the batch, another tensor."""
    if isinstance(by, Value):
        pair = call.straight(x), call.straight(by)
        ranks = {len(v.shape) for v in pair}
        if call.config.kind != "Matmul" or ranks != {2} or pair[0].shape[1] != pair[1].shape[0]:
            raise call.error(
                f"multiplies {shown_shape(x)} by {shown_shape(by)}; expected keras.ops.matmul of "
                "[batch, rows, n] and [batch, n, columns]"
            )
        made = call.add("MatMul", *pair)
        return Value(made.name, (pair[0].shape[0], pair[1].shape[1]))
    matrix = finite(call.config.label, "its argument", by)
    if matrix.ndim != 2 or x.shape[-1:] != matrix.shape[:1]:
        raise call.error(f"multiplies {shown_shape(x)} by {list(matrix.shape)}")
    y = call.add("MatMul", call.straight(x) if x.flat else x, matrix)
    return Value(y.name, (*x.shape[:-1], matrix.shape[1]), x.turned)


def like(call: Call, x: Value) -> Value:
    """A number in the shape of a tensor, of which it has the features; steps are all alike."""
    number = np.full(call.features(x), call.config.kind == "OnesLike", np.float32)
    return replace(x, name=call.net.constant(number))


def rounded(call: Call, x: Value) -> Value:
    """The nearest number with so many decimals; of two the even one."""
    scale = 10.0 ** call.config.number("decimals", 0.0)
    nearest = ("Div", ("Round", ("Mul", X, scale)), scale)
    return apply(call, x, ("Round", X) if scale == 1.0 else nearest)


def clip(call: Call, x: Value, *bounds: object) -> Value:
    """Numbers within two bounds."""
    bounds = bounds or (call.config.keys.get("x_min"), call.config.keys.get("x_max"))
    return call.add("Clip", x, *(_numbers(call, bound, Value("", ())) for bound in bounds))


def cast(call: Call, x: Value) -> Value:
    """A change to real numbers."""
    if call.config.keys.get("dtype") not in ("float32", "float64", "float16", "bfloat16"):
        raise call.config.unexpected("dtype", "a type of real numbers")
    return call.add("Cast", x, to=TensorProto.FLOAT)


def unit_vectors(call: Call, x: Value) -> Value:
    """Vectors of length 1."""
    return call.add("LpNormalization", x, axis=-1, p=2)


OPERATIONS: Mapping[str, tuple[str, Callable[..., Value]]] = {
    **dict.fromkeys(PAIRS, ("", paired)),
    **dict.fromkeys(SINGLE, ("dtype", lambda call, x: apply(call, x, SINGLE[call.config.kind]))),
    **dict.fromkeys(REDUCED, ("axis keepdims dtype initial=null", reduced)),
    **dict.fromkeys(FUNCTIONS, ("axis alpha negative_slope approximate threshold b", function)),
    **dict.fromkeys(("Matmul", "Dot"), ("", product)),
    **dict.fromkeys(("ZerosLike", "OnesLike"), ("dtype", like)),
    "Clip": ("x_min x_max", clip),
    "Cast": ("dtype", cast),
    "Round": ("decimals", rounded),
    "Normalize": ("axis=-1 order=2 epsilon=1e-12", unit_vectors),
}
"""By the class of the operation: its options, and what does it with its arguments."""
