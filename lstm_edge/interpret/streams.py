"""Which models stream, and what a user gives of a stream: streams of calls, or samples in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import DataError
from lstm_edge.interpret.feed import Feed, feed_of
from lstm_edge.interpret.given import Given
from lstm_edge.interpret.shapes import FIRST, by_name, described, fitted
from lstm_edge.ir.program import Program

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

STREAM_STEPS = 2048
"""Samples in a row are streams of so many steps at most, so that many of them take no long time."""


def goes_on(program: Program) -> bool:
    """True where samples are calls of a stream: an output feeds a state back, or a call is one
    step, after which the C keeps its state.
    """
    if not program.streams:
        return False
    keeps = any(state.goes_on for state in program.states)
    return any(port.partner for port in program.state_inputs) or (program.steps == 1 and keeps)


def in_a_row(program: Program, feed: Feed) -> Feed:
    """Samples of a model that streams as whole streams: one, or, of many steps, some of
    STREAM_STEPS each. Samples that begin at states of their own, and recordings, stay as they are.
    """
    samples, calls, steps = feed.shape
    if calls > 1 or feed.apart or feed.states or not goes_on(program):
        return feed
    return cut_in_streams(feed, min(samples, max(1, STREAM_STEPS // steps)))


def cut_in_streams(feed: Feed, calls: int) -> Feed:
    """Samples of a call each as streams of so many calls; what is left at the end is left out."""
    samples, _, _ = feed.shape
    streams = samples // calls
    return Feed(
        {
            name: a[: streams * calls].reshape(streams, calls, *a.shape[2:])
            for name, a in feed.inputs.items()
        }
    )


def first_calls(feed: Feed, most: int) -> Feed:
    """Each stream cut to its first calls."""
    inputs = {name: a[:, :most] for name, a in feed.inputs.items()}
    return replace(feed, inputs=inputs, states={n: a[:, :most] for n, a in feed.states.items()})


def begins_anew(program: Program, feed: Feed) -> int:
    """How many samples begin at the reset state although the model streams; 0 where none does."""
    samples, calls, _ = feed.shape
    alone = calls == 1 and samples > 1 and not feed.apart and not feed.states
    return samples if alone and goes_on(program) else 0


def stream_of(program: Program, data: Given) -> Feed:
    """Samples as streams of calls, [streams, calls, *shape], or in a row, [calls, *shape], which
    are one stream; what fits as both, [samples, 1, ...], is in a row. DataError where the model
    needs whole sequences, or nothing fits.
    """
    arrays = by_name(program, data.arrays)
    if _is_row(program, arrays):
        arrays = {
            name: a if name.startswith(FIRST) else a[None]
            for name, a in fitted(program, arrays, 1)[0].items()
        }
    elif missing := _unfit(program, arrays):
        raise DataError(missing)
    return feed_of(program, arrays, stream=True)


def _is_row(program: Program, arrays: Arrays) -> bool:
    given = [(port, arrays[port.name]) for port in program.inputs if port.name in arrays]
    if not given:
        return False
    if all(_fits(program, port.name, array, 2) for port, array in given):
        calls = {array.shape[1] for _, array in given}
        if calls != {1}:
            return False
    return all(_fits(program, port.name, array, 1) for port, array in given)


def _fits(program: Program, name: str, array: Array, lead: int) -> bool:
    """An array with so many axes before the input's own fits, axes of size 1 left out or not."""
    port = next(port for port in program.inputs if port.name == name)
    if array.ndim < lead:
        return False
    try:
        full = fitted(program, {name: array}, lead)[0][name]
    except DataError:
        return False
    return full.ndim == lead + len(port.shape) and all(
        wanted in (-1, found) for wanted, found in zip(port.shape, full.shape[lead:], strict=True)
    )


def _unfit(program: Program, arrays: Arrays) -> str:
    """What is wrong with arrays that are neither; empty where they are streams."""
    for port in program.inputs:
        array = arrays.get(port.name)
        if array is None or not _fits(program, port.name, array, 2):
            found = "missing" if array is None else str(list(array.shape))
            return (
                f"--stream: array {port.name!r} is {found}, expected "
                f"{described(port, ('streams', 'calls'))}, or samples in a row, "
                f"{described(port, ('calls',))}"
            )
    return ""


def flat_labels(arrays: Arrays, lead: Sequence[int]) -> dict[str, Array]:
    """Labels [streams, calls, ...] as [samples, ...], in the order of the calls; lead: streams and
    calls. Others stay as they are.
    """
    flat = {}
    for name, array in arrays.items():
        both = array.ndim > 1 and tuple(array.shape[:2]) == tuple(lead)
        flat[name] = array.reshape(int(np.prod(lead)), *array.shape[2:]) if both else array
    return flat
