"""What rearranges: axes in another order or shape, steps put to a sequence or taken off, one index
or some, tensors end to end. Layers and operations of keras.ops share it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from lstm_edge.frontend.keras.config import shown
from lstm_edge.frontend.keras.net import Call, Shape, Value, shown_shape

MOST_STEPS = 2**20
"""Steps that are added or taken away."""

_WHOLE = slice(None)
_BACK = slice(None, None, -1)


def reshaped(call: Call, x: Value, target: Shape) -> Value:
    """The same numbers in the same order, [1, *target]; an open axis stays where it was."""
    shape = _completed(call, x.shape, target)
    if shape == x.shape:
        return x
    if len(shape) != 1:
        x = call.straight(x)
        call.net.moved = True
    y = call.add("Reshape", x, call.axes(1, *(-1 if n is None else n for n in shape)))
    return Value(y.name, shape, x.turned, x.shape if len(shape) == 1 else ())


def _completed(call: Call, own: Shape, target: Shape) -> Shape:
    """The target with its -1 filled in: None where an open size is left for it."""
    left = [k for k, n in enumerate(target) if n in (-1, None)]
    given = math.prod(n for n in target if n is not None and n != -1)
    opened = None in own
    total = math.prod(n for n in own if n is not None)
    fits = len(left) <= 1 and given > 0 and all(n is None or n >= -1 for n in target)
    if fits and opened:
        fits = len(left) == 1
    elif fits:
        fits = total % given == 0 if left else total == given
    if not fits:
        raise call.error(
            f"reshapes {shown_shape(own)} to {shown_shape(target)}: the numbers do not fit; where "
            "the length is open, give --steps"
        )
    return tuple(
        (None if opened else total // given) if k in left else n for k, n in enumerate(target)
    )


def permuted(call: Call, x: Value, order: Sequence[int]) -> Value:
    """Axes in another order, which counts from 1; the batch stays where it is."""
    if sorted(order) != list(range(1, len(x.shape) + 1)):
        count = len(x.shape)
        raise call.error(
            f"moves axes to {[*order]}, expected the numbers 1 to {count} in any order"
        )
    call.net.moved = True
    y = call.add("Transpose", call.straight(x), perm=[0, *order])
    return Value(y.name, tuple(x.shape[k - 1] for k in order))


def of_steps(name: str, shape: Shape, turned: bool) -> Value:
    """A tensor of which the first axis is still that of steps, also where it is the only one."""
    return Value(name, shape, turned, (*shape, 1) if turned and len(shape) == 1 else ())


def _two(call: Call, x: Value, key: str) -> tuple[int, int]:
    """An option of two whole numbers from 0, or of one for both, in the order of the graph."""
    value = call.config.keys.get(key, 1)
    both = [value, value] if isinstance(value, int) else value
    good = isinstance(both, list) and len(both) == 2
    if not good or not all(type(n) is int and 0 <= n < MOST_STEPS for n in both):
        raise call.config.unexpected(key, "two whole numbers from 0")
    return (both[1], both[0]) if x.turned else (both[0], both[1])


def zero_padding(call: Call, x: Value) -> Value:
    """ZeroPadding1D: steps of zeros before and behind."""
    (steps, features), (left, right) = call.sequence(x).shape, _two(call, x, "padding")
    y = call.add("Pad", x, call.axes(0, left, 0, 0, right, 0))
    return replace(y, shape=(None if steps is None else steps + left + right, features))


def cropping(call: Call, x: Value) -> Value:
    """Cropping1D: without some steps at the begin and the end."""
    (steps, features), (left, right) = call.sequence(x).shape, _two(call, x, "cropping")
    if steps is not None and steps <= left + right:
        raise call.error(f"crops {left + right} steps of {steps}, expected some that stay")
    y = call.sliced(x, 1, slice(left, -right if right else None))
    return replace(y, shape=(None if steps is None else steps - left - right, features))


def upsampling(call: Call, x: Value) -> Value:
    """UpSampling1D: each step several times."""
    (steps, features), times = call.sequence(x).shape, call.config.count("size")
    if steps is None or steps * times > MOST_STEPS:
        raise call.error(
            f"repeats steps of a sequence of {steps or 'open length'}; give the length with --steps"
        )
    y = call.add("Gather", call.straight(x), np.repeat(np.arange(steps), times), axis=1)
    return replace(y, shape=(steps * times, features))


def repeated(call: Call, x: Value) -> Value:
    """RepeatVector: a vector at each of `n` steps."""
    steps, features = call.config.count("n"), x.shape[0] if len(x.shape) == 1 else None
    if features is None:
        raise call.error(
            f"repeats a vector of known size, its input is {shown_shape(x)}; give it the last step "
            "of a sequence, or its mean"
        )
    if steps > MOST_STEPS:
        raise call.error(
            f"repeats a vector {steps} times, at most {MOST_STEPS} are supported; repeat it "
            "less often"
        )
    y = call.add("Expand", _of_one_step(call, x), call.axes(1, steps, features))
    return replace(y, shape=(steps, features))


def _of_one_step(call: Call, x: Value) -> Value:
    y = call.add("Unsqueeze", call.straight(x), call.axes(1))
    return replace(y, shape=(1, *x.shape), flat=())


def together(call: Call, values: Sequence[Value]) -> list[Value]:
    """Values in one order of time, of as many axes: a vector beside a sequence is at each step."""
    most = max((len(value.shape) for value in values), default=0)
    if any(len(value.shape) not in (1, most) for value in values):
        shapes = " and ".join(shown_shape(v) for v in values[:4])
        raise call.error(f"combines {shapes}, which have not the same axes; reshape one of them")
    if most == 2:
        values = [v if len(v.shape) == most else _of_one_step(call, v) for v in values]
    if len({(v.turned, v.flat if v.turned else ()) for v in values}) > 1:
        return [call.straight(value) for value in values]
    return [*values]


def joined(call: Call, values: Sequence[Value], axis: int) -> Value:
    """Tensors end to end along an axis, which counts from 1."""
    values = together(call, values)
    if len(values) == 1:
        return values[0]
    if axis == 1:  # steps, or all of a vector
        values = [call.straight(value) for value in values]
    first = values[0]
    others = [(*v.shape[: axis - 1], *v.shape[axis:]) for v in values]
    if any(o != others[0] and None not in (*o, *others[0]) for o in others):
        shapes = " and ".join(shown_shape(v) for v in values[:4])
        what = "features; the steps" if axis == len(first.shape) else "steps; the features"
        raise call.error(f"joins {shapes} along the {what} differ; expected the same")
    sizes = [value.shape[axis - 1] for value in values]
    total = None if None in sizes else sum(n or 0 for n in sizes)
    y = call.add("Concat", *values, axis=-1 if axis == len(first.shape) else axis)
    return replace(y, shape=(*first.shape[: axis - 1], total, *first.shape[axis:]), flat=())


def expanded(call: Call, x: Value, axis: int) -> Value:
    """With an axis of 1 before `axis`."""
    x = call.straight(x) if axis <= len(x.shape) else x
    y = call.add("Unsqueeze", x, call.axes(axis))
    return Value(y.name, (*x.shape[: axis - 1], 1, *x.shape[axis - 1 :]), x.turned)


def is_index(number: object) -> bool:
    """A whole number that an axis may have."""
    return type(number) is int and abs(number) < 2**31


def taken(call: Call, x: Value, axis: int, key: int | slice) -> Value:
    """One index of an axis, which goes, or a slice of it. The axis counts from 1."""
    if key == _WHOLE:
        return x
    size, before = x.shape[axis - 1], x.shape[: axis - 1]
    if len(x.shape) == 1:
        x = call.straight(x)
    timed = axis == 1 and len(x.shape) > 1
    if isinstance(key, int):
        if size is not None and not -size <= key < size:
            raise call.error(f"takes index {key} of an axis of {size}, which has none; correct it")
        at = -1 - key if timed and x.turned else key
        y = call.add("Gather", x, np.array(at, np.int64), axis=axis)
        return of_steps(y.name, (*before, *x.shape[axis:]), x.turned and not timed)
    if key.step == 0:
        raise call.error("takes every 0th index, expected a step that is not 0")
    if timed and key == _BACK:
        return replace(x, turned=not x.turned, flat=())
    length = _length(key, size)
    if length is not None and length < 1:
        raise call.error(f"takes nothing of an axis of {size or '?'}, expected at least one index")
    if timed and x.turned:
        found = range(size)[key] if size is not None else range(0)
        if found.step == 1 and found:  # neighbours are neighbours in either order
            assert size is not None
            key = slice(size - found.stop, size - found.start)
        else:
            x = call.straight(x)
    y = call.sliced(x, axis, key)
    return Value(y.name, (*before, length, *x.shape[axis:]), x.turned)


def _length(key: slice, size: int | None) -> int | None:
    """How many indices a slice takes, None where that is open."""
    if size is not None:
        return len(range(size)[key])
    start, stop = key.start or 0, key.stop
    if (key.step or 1) != 1 or stop is None:
        return -start if start < 0 and (key.step or 1) == 1 else None
    return max(0, stop - start) if (start < 0) == (stop < 0) else None


def get_item(call: Call, x: Value, given: object) -> Value:
    """Numbers and slices of axes: x[:, -1], x[:, -5:], x[..., 1:3]."""
    listed = given if isinstance(given, list) else [given]
    keys = [_key(call, key) for key in listed]
    count = sum(key is not None and key is not ... for key in keys)
    if keys.count(...) > 1 or count > len(x.shape) + 1:
        raise call.error(
            f"takes {shown(listed)} of {shown_shape(x)}, more axes than it has; leave some out"
        )
    rest = [_WHOLE] * (len(x.shape) + 1 - count)
    at = keys.index(...) if ... in keys else len(keys)
    keys = [*keys[:at], *rest, *keys[at + 1 :]]
    if keys[0] != _WHOLE:
        raise call.error(
            f"takes {shown(listed)}: rows of the batch are all alike, take all of them"
        )
    axis = 1
    for key in keys[1:]:
        x = expanded(call, x, axis) if key is None else taken(call, x, axis, key)
        axis += not isinstance(key, int)
    return x


def _key(call: Call, key: object) -> Any:
    """A number, a slice, None or an ellipsis."""
    if isinstance(key, Mapping) and key.get("class_name") == "__ellipsis__":
        return ...
    bounds = key.get("config") if isinstance(key, Mapping) else None
    if (
        isinstance(bounds, Mapping)
        and isinstance(key, Mapping)
        and key.get("class_name") == "__slice__"
    ):
        numbers = [bounds.get(name) for name in ("start", "stop", "step")]
        if all(n is None or is_index(n) for n in numbers):
            return slice(*numbers)
    if key is None or is_index(key):
        return key
    raise call.error(f"takes {shown(key)} of a tensor, expected numbers and slices")


def squeezed(call: Call, x: Value) -> Value:
    """Without axes of 1."""
    x = call.straight(x)
    ones = [k for k, n in enumerate(x.shape, start=1) if n == 1]
    if call.config.keys.get("axis") is not None:
        ones = [call.axis(x)]
    left = tuple(n for k, n in enumerate(x.shape, start=1) if k not in ones)
    return Value(call.add("Squeeze", x, call.axes(*ones)).name, left)


def new_shape(call: Call, x: Value) -> Value:
    """keras.ops.reshape, which counts the batch."""
    shape = call.config.shape("newshape")
    sizes = (math.prod(n or 1 for n in s) for s in (x.shape, shape[1:]))
    known = None not in x.shape and len(set(sizes)) > 1
    if not shape or shape[0] not in (None, -1) or (shape[0] == -1 and known):
        raise call.config.unexpected("newshape", "-1, the batch, and then the sizes of all else")
    return reshaped(call, x, shape[1:])


def transposed(call: Call, x: Value) -> Value:
    """keras.ops.transpose, which counts the batch, and swapaxes."""
    axes, rank = call.config.keys.get("axes"), len(x.shape) + 1
    if call.config.kind == "Swapaxes":
        a, b = (call.axis(x, key) for key in ("axis1", "axis2"))
        axes = [{a: b, b: a}.get(k, k) for k in range(rank)]
    if not isinstance(axes, list) or not axes or not all(map(is_index, axes)) or axes[0] % rank:
        raise call.config.unexpected("axes", "a list of whole numbers, the batch, 0, first")
    return permuted(call, x, [n % rank for n in axes[1:]])


def of_list(call: Call, values: object) -> Value:
    """keras.ops.concatenate and stack, of a list of tensors."""
    if not isinstance(values, list) or not values or not all(isinstance(v, Value) for v in values):
        raise call.error("expects a list of tensors; call it with one, and save the model again")
    stacks = call.config.kind == "Stack"
    axis = call.axis(values[0], more=int(stacks))
    if stacks:
        values = [expanded(call, value, axis) for value in values]
    return joined(call, values, axis)


def parts(call: Call, x: Value) -> list[Value]:
    """keras.ops.split, into parts of one size or up to given indices, and unstack, into indices."""
    axis, given = call.axis(x), call.config.keys.get("indices_or_sections")
    size = x.shape[axis - 1]
    if size is None or size > MOST_STEPS:
        raise call.error(f"takes apart an axis of {size or 'open size'}; give --steps")
    if call.config.kind == "Unstack":
        return [taken(call, x, axis, k) for k in range(size)]
    if type(given) is int and 0 < given <= size and size % given == 0:
        given = list(range(size // given, size, size // given))
    if not isinstance(given, list) or not all(type(n) is int and 0 <= n <= size for n in given):
        raise call.config.unexpected("indices_or_sections", f"parts of an axis of {size}")
    return [taken(call, x, axis, slice(a, b)) for a, b in pairwise([0, *given, size])]


def take(call: Call, x: Value, wanted: object) -> Value:
    """Indices of an axis, in any order."""
    axis = call.axis(x)
    if type(wanted) is int and is_index(wanted):
        return taken(call, x, axis, wanted)
    if not isinstance(wanted, list) or not wanted or not all(map(is_index, wanted)):
        raise call.error(
            f"takes {shown(wanted)}, expected a list of indices that are constant; make what is "
            "taken an input"
        )
    y = call.add("Gather", call.straight(x), call.axes(*wanted), axis=axis)
    return Value(y.name, (*x.shape[: axis - 1], len(wanted), *x.shape[axis:]))


def differences(call: Call, x: Value) -> Value:
    """Each along an axis less the one before it."""
    x = call.straight(x)
    axis = call.axis(x)
    after, before = (taken(call, x, axis, part) for part in (slice(1, None), slice(None, -1)))
    return call.add("Sub", after, before)


MOVES: Mapping[str, tuple[str, Callable[..., Value | list[Value]]]] = {
    "GetItem": ("", get_item),
    "ExpandDims": ("axis", lambda c, x: expanded(c, x, c.axis(x, more=1))),
    "Squeeze": ("axis", squeezed),
    "Reshape": ("newshape", new_shape),
    "Transpose": ("axes", transposed),
    "Swapaxes": ("axis1 axis2", transposed),
    "Flip": ("axis", lambda c, x: taken(c, x, c.axis(x), _BACK)),
    "Concatenate": ("axis", of_list),
    "Stack": ("axis", of_list),
    "Split": ("indices_or_sections axis", parts),
    "Unstack": ("axis num", parts),
    "Take": ("axis", take),
    "Diff": ("n=1 axis", differences),
}
"""Operations by their class: their options, and what does them with their arguments."""
