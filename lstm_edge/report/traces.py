"""Outputs of both programs on the first samples, to be drawn beside each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.bundle import Bundle
from lstm_edge.interpret.feed import Feed, run_numpy, stored_feed
from lstm_edge.interpret.given import feeds_of, given, together
from lstm_edge.interpret.ports import dequantize
from lstm_edge.interpret.streams import in_a_row, stream_of
from lstm_edge.ir.program import Port, Program
from lstm_edge.report.values import Trace

Array = npt.NDArray[Any]

MOST_SAMPLES, MOST_STEPS = 32, 256


def traces_of(bundle: Bundle, arrays: Any = None, *, stream: bool = False) -> tuple[Trace, ...]:
    """A trace of each output. arrays: the model's inputs; None for the held-back samples.
    stream: as for `verify`.
    """
    program, reference = bundle.program, bundle.reference
    feed = _first(reference, _feed(bundle, arrays, stream))
    real = run_numpy(reference, feed)
    ours = run_numpy(program, stored_feed(program, feed))
    found = []
    for mine, theirs in zip(program.outputs, reference.outputs, strict=True):
        name = mine.name
        found.append(
            Trace(
                name,
                _steps(reference, theirs, real.outputs[name]),
                _steps(program, mine, ours.outputs[name]),
                mine.per_step,
                bool(mine.limit),
            )
        )
    return tuple(found)


def _feed(bundle: Bundle, arrays: Any, stream: bool) -> Feed:
    """Real numbers; held-back samples are whole streams where the model streams."""
    reference = bundle.reference
    if arrays is None:
        found = given(reference, bundle.held_back)
        return in_a_row(reference, together(reference, feeds_of(reference, found)))
    found = given(reference, arrays)
    if stream and not found.recordings:
        return stream_of(reference, found)
    return together(reference, feeds_of(reference, found))


def _first(program: Program, feed: Feed) -> Feed:
    """As many as are drawn, in a run of moderate length."""
    feed = feed.first_steps(program, MOST_STEPS)
    streams, calls, steps = feed.shape
    calls = min(calls, max(1, MOST_STEPS // steps))
    feed = feed.pick(np.arange(min(streams, MOST_SAMPLES)))
    inputs = {name: array[:, :calls] for name, array in feed.inputs.items()}
    return Feed(inputs, {name: array[:, :calls] for name, array in feed.states.items()})


def _steps(program: Program, port: Port, stored: Array) -> Array:
    """[streams, calls, (steps,) n] in real numbers, as [streams, calls * steps, n]."""
    real = dequantize(program, port, stored)
    return real.reshape(len(real), -1, real.shape[-1]).astype(np.float64)
