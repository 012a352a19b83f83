"""From calibrated ranges to the integer program: lower, see what enters each product, lower again.

The first program rounds on what calibration saw in the float program. Those after it round on what
enters the products of the one before: the quantized outputs of earlier layers, and states with the
errors that they carry. The one nearest to the float program on samples kept for choosing is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lstm_edge.interpret.feed import Results
from lstm_edge.interpret.ports import dequantize
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.entering import entering
from lstm_edge.passes.finer import finer
from lstm_edge.passes.lower_integer import Lowered, lowered
from lstm_edge.passes.options import Options
from lstm_edge.passes.real_run import RealRun
from lstm_edge.stopwatch import Stopwatch

ROUNDS = 2
"""Programs that are made after the first one."""
MOST_DECIBELS = 120.0
"""An output without error counts as this exact."""


def quantize(
    model: Model,
    ranges: Ranges,
    options: Options,
    real: RealRun,
    watch: Stopwatch | None = None,
    known: Mapping[str, Any] | None = None,
) -> Program:
    """The integer program of a model; real: the float program on what it was calibrated on; watch:
    times each part; known: the decisions of a program with these options whose code is to stay.
    """
    watch = watch or Stopwatch()
    tried: Sequence[Options] = (options,)
    if known is None:
        with watch.lap("choose bits"):
            tried = finer(model, ranges, options)
    if not ranges.from_data or not real.chooses:
        with watch.lap("lower"):
            return lowered(model, ranges, tried[0], known=known).program
    with watch.lap("run float"):
        real.run()
    options, made = _nearest(model, ranges, tried, real, watch, known)
    best = made
    most = -np.inf
    for left in range(ROUNDS, -1, -1):
        with watch.lap("run integers"):
            entered = entering(real, made.program, made.products if left else ())
        found = _mean_decibels(made.program, real, entered.results)
        if found > most:
            best, most = made, found
        if not any(entered.moments.values()):
            break
        with watch.lap("lower"):
            made = lowered(model, ranges, options, entered.moments, known)
    return best.program


def _nearest(
    model: Model,
    ranges: Ranges,
    tried: Sequence[Options],
    real: RealRun,
    watch: Stopwatch,
    known: Mapping[str, Any] | None,
) -> tuple[Options, Lowered]:
    """The options whose program is nearest to the float program, with it."""
    with watch.lap("lower"):
        each = [(options, lowered(model, ranges, options, known=known)) for options in tried]
    if len(each) == 1:
        return each[0]
    with watch.lap("choose bits"):
        programs = [made.program for _, made in each]
        found = [_mean_decibels(p, real, entering(real, p).results) for p in programs]
    return each[int(np.argmax(found))]


def _mean_decibels(program: Program, real: RealRun, ours: Results) -> float:
    """Over the outputs."""
    found = decibels_of_each(program, real.outputs, ours, real.feed.shape, real.first or 0)
    return float(np.mean(found))


def decibels_of_each(
    program: Program, real: Results, ours: Results, shape: tuple[int, int, int], first: int = 0
) -> list[float]:
    """Signal to noise of each output in dB; of an output of integers, the noise is the share that
    differs. shape: of what was fed. first: the step, counted over all calls, from which on they
    count; of an output of fewer steps, its share of these.
    """
    (_, calls, steps), found = shape, []
    for port in program.outputs:
        arrays = (real.outputs[port.name].astype(np.float64), ours.outputs[port.name])
        if calls > 1:
            wanted, stored = (a[:, first // steps :] for a in arrays)
        else:
            begin = first * arrays[0].shape[2] // steps if port.per_step else 0
            wanted, stored = (a[:, :, begin:] if port.per_step else a for a in arrays)
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
