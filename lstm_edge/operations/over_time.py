"""Operations that depend on the number of the step within the window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_edge.operations.bounds import either, with_zero
from lstm_edge.operations.call import Array, Call, Constants, Op
from lstm_edge.operations.record import (
    Bounds,
    Floats,
    Form,
    Ints,
    Operation,
    Reads,
    Spelling,
    Timing,
    WideSpelling,
    long_of,
)


def restart(a: Array, first: Array, is_first: bool) -> Array:
    """`first` at the first step of a window, else a."""
    return np.broadcast_to(first, a.shape) if is_first else a


def _operands_and_first(call: Call) -> tuple[Any, ...]:
    return *call.args, call.moment.first


def within(a: Array, b: Array, length: Array, step: int) -> Array:
    """a where the step is below the length, else b."""
    return np.where(length > step, a, b)


def _operands_and_step(call: Call) -> tuple[Any, ...]:
    return *call.args, call.moment.step


def step_number(n: int, step: int, samples: int) -> Array:
    """The number of the step, n at most, for each sample."""
    return np.full((samples, 1), min(step, n), np.int64)


def _n_and_moment(call: Call) -> tuple[Any, ...]:
    return call.op.n, call.moment.step, call.moment.samples


def _up_to_n(op: Op, _: list[Bounds], __: Constants) -> Bounds:
    return np.zeros(1, np.int64), np.full(1, op.n, np.int64)


def _one_number(_: Op, length: int, lengths: Sequence[int], __: Constants) -> str:
    return long_of(length, lengths, fits=length == 1 and not lengths)


def mean_over_steps(a: Ints, count: int) -> Ints:
    """a // count, floor."""
    return a // count


def mean_over_steps_float(a: Floats, count: int) -> Floats:
    """a / count."""
    return a / np.float32(count)


def _operand_and_count(call: Call) -> tuple[Any, ...]:
    return call.args[0], call.count


def slide(window: Array, x: Array, pad: Array, is_first: bool, is_past: bool, op: Op) -> Array:
    """The window moved by one vector, x behind it; `pad` is what lies before and behind all x."""
    size = x.shape[-1]
    full = np.broadcast_to(pad, window.shape)
    before = full if is_first else window
    if op.positions > 1:
        return _slide_each(before, np.broadcast_to(pad, x.shape) if is_past else x, op)
    return np.concatenate([before[..., size:], full[..., -size:] if is_past else x], axis=-1)


def _slide_each(window: Array, x: Array, op: Op) -> Array:
    """The same at each position; padded ones around them stay as they are."""
    new = x.reshape(*x.shape[:-1], op.positions, -1)
    size = new.shape[-1]
    places = window.reshape(*window.shape[:-1], -1, op.stride).copy()
    inner = slice(op.count, op.count + op.positions)
    places[..., inner, :-size] = places[..., inner, size:]
    places[..., inner, -size:] = new
    return places.reshape(window.shape)


def _operands_first_and_past(call: Call) -> tuple[Any, ...]:
    return *call.args, call.moment.first, call.moment.behind >= call.op.n, call.op


def _slide(op: Op, args: list[Bounds], __: Constants) -> Bounds:
    """Each place holds what the one behind it held, the last the vector that enters; or padding."""
    (low, high), (least, most), pad = args
    if op.positions > 1:
        (pad_low,), (pad_high,) = pad
        low, high = _slide_each(low, least, op), _slide_each(high, most, op)
        return np.minimum(low, pad_low), np.maximum(high, pad_high)
    size = len(least)
    ends = (np.broadcast_to(end, low.shape) for end in pad)
    pad_low, pad_high = (np.concatenate([end[size:], end[-size:]]) for end in ends)
    return (
        np.minimum(np.concatenate([low[size:], least]), pad_low),
        np.maximum(np.concatenate([high[size:], most]), pad_high),
    )


def _whole_vectors(op: Op, length: int, lengths: Sequence[int], __: Constants) -> str:
    if op.positions > 1:
        size, end = lengths[1] // op.positions, (op.count + op.positions) * op.stride
        whole = lengths[1] % op.positions == op.stride % size == length % op.stride == 0
        fits = whole and lengths[0] == length >= end and lengths[2] == 1
        return long_of(length, lengths, fits=fits)
    fits = length == lengths[0] and length % lengths[1] == 0 and lengths[2] in (1, length)
    return long_of(length, lengths, fits=fits)


RESTART = Spelling("step == 0 ? {1} : {0}")
ENTERING = Spelling("{behind}{1}")
"""What enters a window."""

RECORDS = (
    Operation(
        "restart",
        integer=restart,
        real=restart,
        bind=_operands_and_first,
        bounds=either,
        c=RESTART,
        c_float=RESTART,
        c_wide=WideSpelling(RESTART.text),
        timing=Timing.FIRST,
    ),
    Operation(
        "within",
        integer=within,
        real=within,
        bind=_operands_and_step,
        bounds=either,
        c=Spelling("step < {2} ? {0} : {1}"),
        c_float=Spelling("step < (int32_t){2} ? {0} : {1}"),
        c_wide=WideSpelling("", number="step < {2} ? {0} : {1}"),
        timing=Timing.STEP,
        length=2,
    ),
    # n: the largest number
    Operation(
        "step",
        integer=step_number,
        real=step_number,
        bind=_n_and_moment,
        bounds=_up_to_n,
        misfit=_one_number,
        c=Spelling("step < {n} ? step : {n}"),
        c_float=Spelling("(float)(step < {n} ? step : {n})"),
        timing=Timing.STEP,
    ),
    # n, count: offset and stride of the Length that counts the steps
    Operation(
        "mean_over_steps",
        integer=mean_over_steps,
        real=mean_over_steps_float,
        bind=_operand_and_count,
        bounds=with_zero,
        c=Spelling("le_mean({0}, {steps})", ("le_mean",)),
        c_float=Spelling("{0} / (float)({steps})"),
        timing=Timing.COUNT,
    ),
    # n: so many ticks after the last step, padding enters in place of the second operand; where it
    # has several positions, each has `stride` numbers in the window, behind `count` padded ones
    Operation(
        "slide",
        integer=slide,
        real=slide,
        bind=_operands_first_and_past,
        bounds=_slide,
        misfit=_whole_vectors,
        c=ENTERING,
        c_float=ENTERING,
        form=Form.WINDOW,
        reads=Reads.SHIFTED,
        timing=Timing.FIRST,
    ),
)
