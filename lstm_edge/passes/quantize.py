"""From calibrated ranges to the integer program: lower, see what enters each product, lower again.

The first program rounds on what calibration saw in the float program. Those after it round on what
enters the products of the one before: the quantized outputs of earlier layers, and states with the
errors that they carry. The one nearest to the float program on samples kept for choosing is taken.
"""

from __future__ import annotations

import numpy as np

from lstm_edge.interpret.feed import Feed, Results, run_numpy, stored_feed
from lstm_edge.interpret.ports import dequantize
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import Ranges, parts_to_choose_by
from lstm_edge.passes.entering import entering, some_streams
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
    if not ranges.from_data:
        return best.program
    kept = _kept_for_choosing(reference, feed)
    real = run_numpy(reference, kept, exact=False)
    most = float(np.mean(output_decibels(best.program, real, kept)))
    for _ in range(ROUNDS):
        known = entering(reference, made.program, made.products, feed)
        if not known:
            break
        made = lowered(model, ranges, options, known)
        found = float(np.mean(output_decibels(made.program, real, kept)))
        if found > most:
            best, most = made, found
    return best.program


def _kept_for_choosing(reference: Program, feed: Feed) -> Feed:
    """Streams that no rounding is made from; all where there are too few to keep whole ones."""
    feed = some_streams(reference, feed)
    streams, _, _ = feed.shape
    parts = dict(parts_to_choose_by(feed, streams))
    return parts.get(True, parts[False])


def output_decibels(program: Program, real: Results, feed: Feed) -> list[float]:
    """Signal to noise of each output in dB; real: what the float program gives.

    Of an output of integers, the noise is the share that differs.
    """
    ours = run_numpy(program, stored_feed(program, feed)).outputs
    found = []
    for port in program.outputs:
        wanted, stored = real.outputs[port.name].astype(np.float64), ours[port.name]
        if port.limit:
            signal, noise = 1.0, float(np.mean(wanted != stored))
        else:
            error = wanted - dequantize(program, port, stored)
            signal, noise = float(np.mean(wanted**2)), float(np.mean(error**2))
        ratio = 10.0 * np.log10(signal / noise) if noise > 0.0 and signal > 0.0 else MOST_DECIBELS
        found.append(min(ratio, MOST_DECIBELS) if np.isfinite(noise + signal) else -MOST_DECIBELS)
    return found
