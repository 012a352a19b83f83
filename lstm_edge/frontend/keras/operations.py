"""Operations of Keras 3 on tensors outside of layers: `x + y`, `2 * x`, `keras.ops.mean(x, 1)`.

To support one, write its handler, let it check its options with `check_known`, and add a line to
the table. What takes tensors apart or moves their axes is in `operations_move.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from onnx import TensorProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import finite, shown, snake_case
from lstm_edge.frontend.keras.layers_activation import FUNCTIONS, OTHERS, apply
from lstm_edge.frontend.keras.layers_dense import unit_vectors
from lstm_edge.frontend.keras.layers_move import shown_shape
from lstm_edge.frontend.keras.net import Array, Call, Operand, Shape, Value
from lstm_edge.frontend.keras.operations_move import MOVES

Handler = Callable[[Call, list[Any]], Value]
"""From arguments, tensors and others, to the result."""


def apply_operation(call: Call, arguments: list[Any], options: Mapping[str, Any]) -> list[Value]:
    """The results of an operation; `options`: arguments by name."""
    keys = {**call.config.keys, **options}
    call = replace(call, layer=replace(call.layer, config=replace(call.config, keys=keys)))
    moves, handler = MOVES.get(call.layer.kind), OPERATIONS.get(call.layer.kind)
    if moves is not None:
        results = moves(call, arguments)
    elif handler is not None:
        results = [handler(call, arguments)]
    else:
        raise ModelError(
            call.label,
            "is an operation that is not supported; docs/networks.md lists those that are",
        )
    return [replace(result, mask="") for result in results]  # only layers pass masks on


def _operands(call: Call, arguments: list[Any], count: int) -> tuple[list[Operand], Value]:
    """Names and constants, and a value of the shape that all of them give together."""
    known = call.net.constants
    arguments = [known.get(a.name, a) if isinstance(a, Value) else a for a in arguments]
    values = [a for a in arguments if isinstance(a, Value)]
    if len(arguments) != count or not values:
        raise ModelError(call.label, f"has arguments {_text(arguments)}, expected {count}")
    first = values[0]
    for value in values:
        if len(value.shape) != len(first.shape):
            shapes = " and ".join(shown_shape(v.shape) for v in values)
            raise ModelError(call.label, f"combines {shapes}, which have not the same axes")
        if value.turned != first.turned:
            call.straight(replace(first, turned=True))
    shape = first.shape
    names: list[Operand] = []
    widest = max((_last(a) for a in arguments if not isinstance(a, Value)), default=1)
    for argument in arguments:
        if isinstance(argument, Value):
            repeats = argument.shape[-1:] == (1,) and widest > 1
            name = argument.name
            if repeats:
                name = call.add("MatMul", name, np.ones((1, widest), np.float32))
            names.append(name)
            shape = _together(call, shape, argument.shape)
        else:
            array = _numbers(call, argument, len(first.shape))
            if call.net.is_integer(first) and (array == np.floor(array)).all():
                array = array.astype(np.int64)
            if array.ndim > 1 and array.shape[-2] > 1:
                call.straight(first)
            names.append(array)
            shape = _together(call, shape, array.shape[-len(shape) :] if shape else ())
    return names, Value("", shape, first.turned, first.flat if len(values) == 1 else ())


def _last(argument: object) -> int:
    """The size of the last axis of an array, 1 of a number."""
    value = argument.get("config", argument) if isinstance(argument, Mapping) else argument
    value = value.get("value") if isinstance(value, Mapping) else value
    while isinstance(value, list) and value and isinstance(value[0], list):
        value = value[0]
    return len(value) if isinstance(value, list | np.ndarray) and np.ndim(value) == 1 else 1


def _numbers(call: Call, argument: object, rank: int) -> Array:
    """An argument that is a number or an array of numbers, without an axis of the batch."""
    array = finite(call.label, "its argument", argument)
    if array.ndim == rank + 1 and len(array) == 1:
        array = array[0]
    if array.ndim > rank:
        raise ModelError(
            call.label, f"has an argument {list(array.shape)}, which differs by rows of the batch"
        )
    return array


def _together(call: Call, ours: Shape, theirs: Shape) -> Shape:
    """The shape of which axes of size 1 count as often as needed."""
    theirs = (*(1 for _ in ours[len(theirs) :]), *theirs)
    for a, b in zip(ours, theirs, strict=True):
        if a != b and 1 not in (a, b) and None not in (a, b):
            raise ModelError(call.label, f"combines {shown_shape(ours)} and {shown_shape(theirs)}")
    return tuple(b if a == 1 else a for a, b in zip(ours, theirs, strict=True))


def _text(arguments: Sequence[object]) -> str:
    return shown(["tensor" if isinstance(a, Value) else a for a in arguments])


def _pair(op: str, negated: bool = False) -> Handler:
    """An operator of two tensors, or of one and an array."""

    def run(call: Call, arguments: list[Any]) -> Value:
        call.config.check_known()
        names, made = _operands(call, arguments, 2)
        y = call.add(op, *names)
        y = call.add("Not", y) if negated else y
        source, number = arguments[0], names[1]
        if op in _ASKED and isinstance(source, Value) and isinstance(number, np.ndarray):
            asked = _ASKED[op]
            call.net.truths[y] = (source.name, lambda ids: asked(ids, number) != negated)
        return replace(made, name=y)

    return run


_ASKED: Mapping[str, Callable[[Array, Array], Array]] = {
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
}
"""Questions that masks are made of."""


def _one(*ops: str) -> Handler:
    """Operators of one tensor, one after the other."""

    def run(call: Call, arguments: list[Any]) -> Value:
        call.config.check_known("dtype")
        x = call.only(arguments)
        y = x.name
        for op in ops:
            y = call.add(op, y)
        return replace(x, name=y)

    return run


def _with(op: str, number: float, first: bool = False, before: str = "") -> Handler:
    """An operator of one tensor and a number, which may come first; `before`: one before it."""

    def run(call: Call, arguments: list[Any]) -> Value:
        call.config.check_known("dtype")
        x = call.only(arguments)
        y = call.add(before, x.name) if before else x.name
        y = call.add(op, number, y) if first else call.add(op, y, number)
        return replace(x, name=y)

    return run


def _square(call: Call, arguments: list[Any]) -> Value:
    call.config.check_known()
    x = call.only(arguments)
    return replace(x, name=call.add("Mul", x.name, x.name))


def _logarithm_of_more(call: Call, arguments: list[Any]) -> Value:
    call.config.check_known()
    x = call.only(arguments)
    return replace(x, name=call.add("Log", call.add("Add", x.name, 1.0)))


def _like(number: float) -> Handler:
    """A number in the shape of a tensor, of which it has the features; steps are all alike."""

    def run(call: Call, arguments: list[Any]) -> Value:
        call.config.check_known("dtype")
        x = call.only(arguments)
        name = call.net.constant(np.full(call.features(x), number, np.float32))
        return replace(x, name=name)

    return run


def _where(call: Call, arguments: list[Any]) -> Value:
    """The second where the first is true, else the third."""
    call.config.check_known()
    names, made = _operands(call, arguments, 3)
    return replace(made, name=call.add("Where", *names))


def _clip(call: Call, arguments: list[Any]) -> Value:
    call.config.check_known("x_min x_max")
    x, *rest = arguments
    bounds = rest or [call.config.keys.get("x_min"), call.config.keys.get("x_max")]
    low, high = (_numbers(call, bound, 0) for bound in bounds)
    return replace(call.only([x]), name=call.add("Clip", x.name, low, high))


def _cast(call: Call, arguments: list[Any]) -> Value:
    call.config.check_known("dtype")
    x = call.only(arguments)
    if call.config.text("dtype") not in ("float32", "float64", "float16", "bfloat16"):
        raise call.config.unexpected("dtype", "a type of real numbers")
    return replace(x, name=call.add("Cast", x.name, to=TensorProto.FLOAT))


def _function(call: Call, arguments: list[Any]) -> Value:
    """An activation by the name of its operation."""
    x, name = call.only(arguments[:1]), snake_case(call.layer.kind)
    options = "axis alpha negative_slope approximate threshold b"
    call.config.check_known(options)
    given = {k: v for k in options.split() if (v := call.config.keys.get(k)) is not None}
    defaults = {"axis": (-1, len(x.shape)), "threshold": (0.5,), "b": (4,)}
    for key, value in given.items():
        if key in defaults and value not in defaults[key]:
            raise call.config.unexpected(key, f"{defaults[key][0]}")
    if name == "gelu":
        form = "tanh" if call.config.flag("approximate", True) else "none"
        return replace(x, name=call.add("Gelu", x.name, approximate=form))
    if name in OTHERS:
        return replace(x, name=OTHERS[name](call, x.name))
    function = FUNCTIONS[name]
    for key in ("alpha", "negative_slope"):
        if key in given:
            options_of = (("alpha", call.config.number(key, 1.0)),)
            function = replace(function, options=options_of)
    return replace(x, name=apply(call, function, x.name))


def _hard(call: Call, arguments: list[Any]) -> Value:
    call.config.check_known()
    x = call.only(arguments)
    if call.layer.kind == "HardSilu":
        return replace(x, name=call.add("HardSwish", x.name))
    return replace(x, name=call.add("HardSigmoid", x.name, alpha=1.0 / 6.0, beta=0.5))


def _reduced(op: str, of_truth: bool = False) -> Handler:
    """A reduction over some axes."""

    def run(call: Call, arguments: list[Any]) -> Value:
        call.config.check_known("axis keepdims dtype initial")
        call.config.refuse("initial", instead="leave it out")
        x = call.only(arguments)
        axes, shape = _axes(call, x)
        keep = call.config.flag("keepdims")
        name = call.add("Cast", x.name, to=TensorProto.FLOAT) if of_truth else x.name
        y = call.add(op, name, call.axes(*axes), keepdims=int(keep))
        return _without(x, y, axes, shape, keep)

    return run


def _spread(root: bool) -> Handler:
    """The variance over some axes, or its root."""

    def run(call: Call, arguments: list[Any]) -> Value:
        call.config.check_known("axis keepdims")
        x = call.only(arguments)
        axes, shape = _axes(call, x)
        keep = call.config.flag("keepdims")
        mean = call.add("ReduceMean", x.name, call.axes(*axes), keepdims=1)
        distance = call.add("Sub", x.name, mean)
        square = call.add("Mul", distance, distance)
        y = call.add("ReduceMean", square, call.axes(*axes), keepdims=int(keep))
        return _without(x, call.add("Sqrt", y) if root else y, axes, shape, keep)

    return run


def _axes(call: Call, x: Value) -> tuple[list[int], Shape]:
    """The axes of a reduction, from 1 on, and the shape with these of size 1."""
    given = call.config.keys.get("axis")
    listed = given if isinstance(given, list | tuple) else [given]
    rank = len(x.shape) + 1
    if not all(type(k) is int and -rank <= k < rank and k % rank for k in listed) or not listed:
        raise call.config.unexpected("axis", "axes behind that of the batch")
    axes = sorted({int(str(k)) % rank for k in listed})
    return axes, tuple(1 if k in axes else n for k, n in enumerate(x.shape, start=1))


def _without(x: Value, name: str, axes: list[int], shape: Shape, keep: bool) -> Value:
    turned = x.turned and 1 not in axes and len(x.shape) > 1
    if keep:
        return Value(name, shape, turned)
    left = tuple(n for k, n in enumerate(shape, start=1) if k not in axes)
    return Value(name, left, turned)


def _product(call: Call, arguments: list[Any]) -> Value:
    """A tensor times a matrix."""
    call.config.check_known()
    x = call.only(arguments[:1])
    if len(arguments) != 2 or isinstance(arguments[1], Value):
        raise ModelError(call.label, "multiplies two computed tensors (attention?): not supported")
    matrix = finite(call.label, "its argument", arguments[1])
    if matrix.ndim != 2 or x.shape[-1:] != matrix.shape[:1]:
        raise ModelError(call.label, f"multiplies {shown_shape(x.shape)} by {list(matrix.shape)}")
    y = call.add("MatMul", call.straight(x).name if x.flat else x.name, matrix)
    return Value(y, (*x.shape[:-1], matrix.shape[1]), x.turned)


def _normalize(call: Call, arguments: list[Any]) -> Value:
    call.config.check_known("axis order epsilon")
    call.config.refuse("order", 2, instead="only lengths, of order 2, are")
    call.config.refuse("epsilon", 1e-12, instead="leave it at its default")
    return unit_vectors(call, call.only(arguments))


_FUNCTIONS = (
    *("Relu", "Relu6", "Sigmoid", "SparseSigmoid", "Softplus", "Softsign", "SoftShrink"),
    *("SparsePlus", "Silu", "Squareplus", "LogSigmoid", "LeakyRelu", "Elu", "Selu", "Gelu"),
    *("Celu", "TanhShrink", "HardTanh", "HardShrink", "Softmax", "LogSoftmax", "Tanh"),
)
"""Operations that are activations, too."""

OPERATIONS: Mapping[str, Handler] = {
    "Add": _pair("Add"),
    "Subtract": _pair("Sub"),
    "Multiply": _pair("Mul"),
    "Divide": _pair("Div"),
    "TrueDivide": _pair("Div"),
    "Power": _pair("Pow"),
    "Maximum": _pair("Max"),
    "Minimum": _pair("Min"),
    "Greater": _pair("Greater"),
    "GreaterEqual": _pair("GreaterOrEqual"),
    "Less": _pair("Less"),
    "LessEqual": _pair("LessOrEqual"),
    "Equal": _pair("Equal"),
    "NotEqual": _pair("Equal", negated=True),
    "LogicalAnd": _pair("And"),
    "LogicalOr": _pair("Or"),
    "LogicalXor": _pair("Xor"),
    "LogicalNot": _one("Not"),
    "Absolute": _one("Abs"),
    "Abs": _one("Abs"),
    "Negative": _one("Neg"),
    "Reciprocal": _one("Reciprocal"),
    "Sign": _one("Sign"),
    "Sqrt": _one("Sqrt"),
    "Rsqrt": _one("Sqrt", "Reciprocal"),
    "Exp": _one("Exp"),
    "Expm1": _with("Sub", 1.0, before="Exp"),
    "Exp2": _with("Pow", 2.0, first=True),
    "Log": _one("Log"),
    "Log1p": _logarithm_of_more,
    "Log2": _with("Mul", 1.0 / np.log(2.0), before="Log"),
    "Log10": _with("Mul", 1.0 / np.log(10.0), before="Log"),
    "Sin": _one("Sin"),
    "Cos": _one("Cos"),
    "Erf": _one("Erf"),
    "Square": _square,
    "ZerosLike": _like(0.0),
    "OnesLike": _like(1.0),
    "Copy": _one(),
    "StopGradient": _one(),
    "Where": _where,
    "Clip": _clip,
    "Cast": _cast,
    "Mean": _reduced("ReduceMean"),
    "Sum": _reduced("ReduceSum"),
    "Max": _reduced("ReduceMax"),
    "Min": _reduced("ReduceMin"),
    "Amax": _reduced("ReduceMax"),
    "Amin": _reduced("ReduceMin"),
    "Logsumexp": _reduced("ReduceLogSumExp"),
    "Any": _reduced("ReduceMax", of_truth=True),
    "All": _reduced("ReduceMin", of_truth=True),
    "Var": _spread(root=False),
    "Std": _spread(root=True),
    "Matmul": _product,
    "Dot": _product,
    "Normalize": _normalize,
    "HardSigmoid": _hard,
    "HardSilu": _hard,
    **dict.fromkeys(_FUNCTIONS, _function),
}
"""What computes numbers, by the class of the operation."""
