"""Operations of Keras 3 that move axes, or take tensors apart and put them together: `x[:, -1]`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.keras.config import shown
from lstm_edge.frontend.keras.layers_move import (
    MOST_STEPS,
    permuted,
    reshaped,
    shown_shape,
    sliced,
)
from lstm_edge.frontend.keras.net import Call, Shape, Value

Handler = Callable[[Call, list[Any]], list[Value]]

_WHOLE = slice(None)


def _get_item(call: Call, arguments: list[Any]) -> list[Value]:
    """Numbers and slices of axes: x[:, -1], x[:, -5:], x[..., 1:3]."""
    call.config.check_known()
    if len(arguments) != 2 or not isinstance(arguments[0], Value):
        raise ModelError(call.label, f"takes {shown(arguments[1:])} of a tensor")
    x: Value = arguments[0]
    given = arguments[1] if isinstance(arguments[1], list) else [arguments[1]]
    keys = [_key(call, key) for key in given]
    count = sum(key is not None and key is not ... for key in keys)
    if keys.count(...) > 1 or count > len(x.shape) + 1:
        raise ModelError(call.label, f"takes {shown(given)} of {shown_shape(x.shape)}")
    rest = [_WHOLE] * (len(x.shape) + 1 - count)
    at = keys.index(...) if ... in keys else len(keys)
    keys = [*keys[:at], *rest, *keys[at + 1 :]]
    if keys[0] != _WHOLE:
        raise ModelError(call.label, f"takes {shown(given)}: rows of the batch are all alike")
    axis = 1
    for key in keys[1:]:
        x = _expanded(call, x, axis) if key is None else _taken(call, x, axis, key)
        axis += not isinstance(key, int)
    return [x]


def _key(call: Call, key: object) -> Any:
    """A number, a slice, None or an ellipsis."""
    if isinstance(key, Mapping) and key.get("class_name") == "__ellipsis__":
        return ...
    if isinstance(key, Mapping) and key.get("class_name") == "__slice__":
        bounds = key.get("config")
        if isinstance(bounds, Mapping):
            key = slice(*(bounds.get(name) for name in ("start", "stop", "step")))
            if all(n is None or _is_index(n) for n in (key.start, key.stop, key.step)):
                return key
    if key is None or _is_index(key):
        return key
    raise ModelError(call.label, f"takes {shown(key)} of a tensor, which is not supported")


def _is_index(number: object) -> bool:
    return type(number) is int and abs(number) < 2**31


def _taken(call: Call, x: Value, axis: int, key: int | slice) -> Value:
    """One index of an axis, which goes, or a slice of it. The axis counts from 1."""
    if key == _WHOLE:
        return x
    size, before = x.shape[axis - 1], x.shape[: axis - 1]
    timed = x.turned and axis == 1 and len(x.shape) > 1
    if x.turned and len(x.shape) == 1:
        call.straight(x)
    if isinstance(key, int):
        if size is not None and not -size <= key < size:
            raise ModelError(call.label, f"takes index {key} of an axis of {size}")
        at = -1 - key if timed else key
        y = call.add("Gather", x.name, np.array(at, np.int64), axis=axis)
        return Value(y, (*before, *x.shape[axis:]), x.turned and not timed)
    if key.step == 0:
        raise ModelError(call.label, "takes every 0th index")
    length = _length(key, size)
    if length is not None and length < 1:
        raise ModelError(call.label, f"takes nothing of an axis of {size or '?'}")
    if timed:
        if (key.start, key.stop, key.step) == (None, None, -1):
            return replace(x, turned=False, flat=())
        key = _mirrored(call, key, size)
    elif axis == 1 and len(x.shape) > 1 and (key.start, key.stop, key.step) == (None, None, -1):
        return replace(x, turned=True, flat=())
    y = sliced(call, x.name, axis, key.start, key.stop, key.step or 1)
    return Value(y, (*before, length, *x.shape[axis:]), x.turned)


def _length(key: slice, size: int | None) -> int | None:
    """How many indices a slice takes, None where that is open."""
    if size is not None:
        return len(range(size)[key])
    start, stop = key.start or 0, key.stop
    if (key.step or 1) != 1 or stop is None:
        return -start if start < 0 and (key.step or 1) == 1 else None
    return max(0, stop - start) if (start < 0) == (stop < 0) else None


def _mirrored(call: Call, key: slice, size: int | None) -> slice:
    """The slice of the steps in their own order, of which Keras has the reversed order."""
    found = None if size is None else range(size)[key]
    if size is None or found is None or found.step != 1:
        raise ModelError(
            call.label,
            "takes some steps of a sequence that go_backwards left in reversed order: only "
            "neighbours in a sequence of known length are supported; give --steps",
        )
    return slice(size - found.stop, size - found.start)


def _expanded(call: Call, x: Value, axis: int) -> Value:
    """With an axis of 1 before `axis`."""
    if axis <= len(x.shape):
        call.straight(x)
    y = call.add("Unsqueeze", x.name, call.axes(axis))
    return Value(y, (*x.shape[: axis - 1], 1, *x.shape[axis - 1 :]), x.turned)


def _axis(call: Call, key: str, rank: int) -> int:
    """An option that is an axis behind that of the batch, from 1 on; `rank` counts the batch."""
    axis = call.config.keys.get(key)
    if type(axis) is not int or not -rank <= axis < rank or not axis % rank:
        raise call.config.unexpected(key, "an axis behind that of the batch")
    return axis % rank


def _expand(call: Call, arguments: list[Any]) -> list[Value]:
    call.config.check_known("axis")
    x = call.only(arguments)
    return [_expanded(call, x, _axis(call, "axis", len(x.shape) + 2))]


def _squeeze(call: Call, arguments: list[Any]) -> list[Value]:
    call.config.check_known("axis")
    x = call.straight(call.only(arguments))
    ones = [k for k, n in enumerate(x.shape, start=1) if n == 1]
    if call.config.keys.get("axis") is not None:
        ones = [_axis(call, "axis", len(x.shape) + 1)]
    left = tuple(n for k, n in enumerate(x.shape, start=1) if k not in ones)
    return [Value(call.add("Squeeze", x.name, call.axes(*ones)), left)]


def _reshape(call: Call, arguments: list[Any]) -> list[Value]:
    call.config.check_known("newshape")
    x = call.only(arguments[:1])
    shape = call.config.shape("newshape")
    if not shape or shape[0] not in (-1, None):
        raise call.config.unexpected("newshape", "-1, the batch, and then other sizes")
    if shape[0] == -1 and None not in x.shape:
        total, wanted = (math.prod(n or 1 for n in s) for s in (x.shape, shape[1:]))
        if total != wanted:
            raise call.config.unexpected("newshape", f"{total} numbers behind the batch")
    return [reshaped(call, x, shape[1:])]


def _transpose(call: Call, arguments: list[Any]) -> list[Value]:
    call.config.check_known("axes")
    x = call.only(arguments)
    rank = len(x.shape) + 1
    axes = [n % rank for n in call.config.integers("axes")]
    if not axes or axes[0]:
        raise call.config.unexpected("axes", "the batch, 0, first")
    return [permuted(call, x, axes[1:])]


def _swapaxes(call: Call, arguments: list[Any]) -> list[Value]:
    call.config.check_known("axis1 axis2")
    x = call.only(arguments)
    rank = len(x.shape) + 1
    a, b = (_axis(call, key, rank) for key in ("axis1", "axis2"))
    order = [{a: b, b: a}.get(k, k) for k in range(1, rank)]
    return [permuted(call, x, order)]


def _flip(call: Call, arguments: list[Any]) -> list[Value]:
    call.config.check_known("axis")
    x = call.only(arguments)
    axis = _axis(call, "axis", len(x.shape) + 1)
    return [_taken(call, x, axis, slice(None, None, -1))]


def _joined(call: Call, arguments: list[Any]) -> list[Value]:
    """Concatenate and Stack: of a list of tensors."""
    call.config.check_known("axis")
    found = arguments[0] if len(arguments) == 1 else None
    if not isinstance(found, list) or not found or not all(isinstance(v, Value) for v in found):
        raise ModelError(call.label, "expects a list of tensors")
    values: list[Value] = found
    stacks = call.layer.kind == "Stack"
    if len({len(v.shape) for v in values}) > 1:
        raise ModelError(call.label, "joins tensors of different ranks")
    axis = _axis(call, "axis", len(values[0].shape) + 1 + stacks)
    if stacks:
        values = [_expanded(call, value, axis) for value in values]
    if len({v.turned for v in values}) > 1 or axis == 1 or values[0].flat:
        for value in values:
            call.straight(value)
    sizes = [value.shape[axis - 1] for value in values]
    total = None if None in sizes else sum(n or 0 for n in sizes)
    first = values[0].shape
    y = call.add("Concat", *(v.name for v in values), axis=axis)
    return [Value(y, (*first[: axis - 1], total, *first[axis:]), values[0].turned)]


def _split(call: Call, arguments: list[Any]) -> list[Value]:
    call.config.check_known("indices_or_sections axis")
    x = call.only(arguments)
    axis = _axis(call, "axis", len(x.shape) + 1)
    size, given = x.shape[axis - 1], call.config.keys.get("indices_or_sections")
    if size is None:
        raise ModelError(call.label, "splits an axis of open size; give --steps")
    if type(given) is int and 0 < given <= size and size % given == 0:
        given = list(range(size // given, size, size // given))
    if not isinstance(given, list) or not all(type(n) is int and 0 <= n <= size for n in given):
        raise call.config.unexpected("indices_or_sections", f"parts of an axis of {size}")
    ends = [0, *given, size]
    return [_taken(call, x, axis, slice(a, b)) for a, b in pairwise(ends)]


def _unstack(call: Call, arguments: list[Any]) -> list[Value]:
    call.config.check_known("axis num")
    x = call.only(arguments)
    axis = _axis(call, "axis", len(x.shape) + 1)
    size = x.shape[axis - 1]
    if size is None or size > MOST_STEPS:
        raise ModelError(call.label, f"takes apart an axis of {size or 'open size'}")
    return [_taken(call, x, axis, k) for k in range(size)]


def _take(call: Call, arguments: list[Any]) -> list[Value]:
    """Indices of an axis, in any order."""
    call.config.check_known("axis")
    x = call.only(arguments[:1])
    axis = _axis(call, "axis", len(x.shape) + 1)
    wanted = arguments[1] if len(arguments) == 2 else None
    if _is_index(wanted):
        return [_taken(call, x, axis, int(str(wanted)))]
    if not isinstance(wanted, list) or not wanted or not all(_is_index(n) for n in wanted):
        raise ModelError(call.label, f"takes {shown(wanted)}, expected a list of indices")
    y = call.add("Gather", call.straight(x).name, call.axes(*wanted), axis=axis)
    shape: Shape = (*x.shape[: axis - 1], len(wanted), *x.shape[axis:])
    return [Value(y, shape)]


def _differences(call: Call, arguments: list[Any]) -> list[Value]:
    """Each along an axis less the one before it."""
    call.config.check_known("n axis")
    call.config.refuse("n", 1, instead="take differences again")
    x = call.straight(call.only(arguments))
    axis = _axis(call, "axis", len(x.shape) + 1)
    after, before = (_taken(call, x, axis, part) for part in (slice(1, None), slice(None, -1)))
    return [replace(after, name=call.add("Sub", after.name, before.name))]


MOVES: Mapping[str, Handler] = {
    "GetItem": _get_item,
    "ExpandDims": _expand,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Swapaxes": _swapaxes,
    "Flip": _flip,
    "Concatenate": _joined,
    "Stack": _joined,
    "Split": _split,
    "Unstack": _unstack,
    "Take": _take,
    "Diff": _differences,
}
"""By the class of the operation."""
