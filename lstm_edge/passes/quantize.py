"""From calibrated ranges to the integer program: lower, see what enters each product, lower again.

The first program rounds on what calibration saw in the float program. Those after it round on what
enters the products of the one before: the quantized outputs of earlier layers, and states with the
errors that they carry. The one nearest to the float program on samples kept for choosing is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_edge.interpret.feed import Feed, Results, run_numpy, stored_feed
from lstm_edge.interpret.ports import dequantize
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import Ranges, choosing_from, parts_to_choose_by
from lstm_edge.passes.entering import Means, entering, some_streams
from lstm_edge.passes.lower_integer import lowered
from lstm_edge.passes.options import Options

ROUNDS = 2
"""Programs that are made after the first one."""
MOST_DECIBELS = 120.0
"""An output without error counts as this exact."""


def quantize(
    model: Model, reference: Program, ranges: Ranges, options: Options, feed: Feed
) -> Program:
    """The integer program of a model; `feed`: what `reference` was calibrated on."""
    best = made = lowered(model, ranges, options)
    kept = _kept_for_choosing(reference, feed)
    if not ranges.from_data or kept is None:
        return best.program
    real = run_numpy(reference, kept.feed, exact=False)
    most = kept.decibels(best.program, real)
    means: Means = {}
    for _ in range(ROUNDS):
        known = entering(reference, made.program, made.products, feed, means)
        if not any(known.values()):
            break
        made = lowered(model, ranges, options, known)
        found = kept.decibels(made.program, real)
        if found > most:
            best, most = made, found
    return best.program


@dataclass(frozen=True)
class _Kept:
    """What no rounding is made from: all of `feed`, or of few streams what comes from a step on,
    counted over all calls.
    """

    feed: Feed
    first: int

    def decibels(self, program: Program, real: Results) -> float:
        """The mean over the outputs."""
        found = output_decibels(program, real, self.feed, self.first)
        return float(np.mean(found))


def _kept_for_choosing(reference: Program, feed: Feed) -> _Kept | None:
    """None where all outputs follow from what roundings are made from."""
    feed = some_streams(reference, feed)
    streams, calls, _ = feed.shape
    first = choosing_from(feed)
    if first is None:
        parts = dict(parts_to_choose_by(feed, streams))
        return _Kept(parts[True], 0) if True in parts else None
    late = calls > 1 or all(port.per_step for port in reference.outputs)
    return _Kept(feed, first) if late else None


def output_decibels(program: Program, real: Results, feed: Feed, first: int = 0) -> list[float]:
    """Signal to noise of each output in dB; real: what the float program gives. first: the step,
    counted over all calls, from which on they count.

    Of an output of integers, the noise is the share that differs.
    """
    ours = run_numpy(program, stored_feed(program, feed)).outputs
    (_, calls, steps), found = feed.shape, []
    for port in program.outputs:
        arrays = (real.outputs[port.name].astype(np.float64), ours[port.name])
        if calls > 1:
            wanted, stored = (a[:, first // steps :] for a in arrays)
        else:
            wanted, stored = (a[:, :, first:] if port.per_step else a for a in arrays)
        if port.limit:
            signal, noise = 1.0, float(np.mean(wanted != stored))
        else:
            error = wanted - dequantize(program, port, stored)
            signal, noise = float(np.mean(wanted**2)), float(np.mean(error**2))
        found.append(_decibels(signal, noise))
    return found


def _decibels(signal: float, noise: float) -> float:
    """Within +-MOST_DECIBELS."""
    if not np.isfinite(signal + noise) or (noise > 0.0 and signal == 0.0):
        return -MOST_DECIBELS
    ratio = 10.0 * float(np.log10(signal / noise)) if noise > 0.0 else MOST_DECIBELS
    return min(ratio, MOST_DECIBELS)
