"""Inputs so small that the network does not notice them: they are in another unit, most likely."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.interpret.feed import Feed, Results, run_numpy
from lstm_edge.ir.program import Port, Program

SMALL = 1e-3
"""An input that moves less than this in each feature is looked at."""
NOTICED = 1e-3
"""Parts of an output, 60 dB: what changes it by less is lost beside the rounding of weights."""


def unmoved(reference: Program, feed: Feed) -> tuple[str, ...]:
    """A warning for each input of real numbers that changes no output, though it changes.
    reference: the float program.
    """
    small = [
        port for port in reference.inputs if not port.limit and 0.0 < _reach(port, feed) < SMALL
    ]
    if not small:
        return ()
    real = run_numpy(reference, feed, exact=False)
    found = []
    for port in small:
        array = feed.inputs[port.name]
        mean = array.mean(axis=tuple(range(array.ndim - 1)), keepdims=True, dtype=np.float64)
        steady = np.broadcast_to(mean.astype(array.dtype), array.shape)
        still = replace(feed, inputs={**feed.inputs, port.name: steady})
        change = _change(reference, real, run_numpy(reference, still, exact=False))
        if change < NOTICED:
            found.append(
                f"calibration: input {port.name} moves by {_reach(port, feed):.2g} at most, and "
                f"with its mean in its place outputs change by {change:.2g} of what they are: give "
                "it in the unit that the network was trained with, or leave it out of the network"
            )
    return tuple(found)


def _reach(port: Port, feed: Feed) -> float:
    """Between the least and the largest number of a feature, of the feature that moves most."""
    array = feed.inputs[port.name]
    rows = array.reshape(-1, array.shape[-1]).astype(np.float64)
    return float((rows.max(axis=0) - rows.min(axis=0)).max())


def _change(reference: Program, before: Results, after: Results) -> float:
    """Of the output that changes most, as a part of it; 1 where integers differ."""
    found = [0.0]
    for port in reference.outputs:
        old, new = (each.outputs[port.name].astype(np.float64) for each in (before, after))
        if port.limit:
            found.append(float(np.any(old != new)))
            continue
        size = float(np.sqrt(np.mean(old**2)))
        found.append(float(np.sqrt(np.mean((new - old) ** 2))) / size if size > 0.0 else 0.0)
    return max(found)
