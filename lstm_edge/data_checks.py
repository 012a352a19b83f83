"""Is calibration data typical? What is wrong with it is told by name, each with what helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import DataError
from lstm_edge.interpret.feed import Feed
from lstm_edge.interpret.given import Given
from lstm_edge.interpret.symbols import Symbols
from lstm_edge.ir.program import Port, Program

Array = npt.NDArray[Any]

LEAST_MAGNITUDE = 1e-30
"""A feature that stays below this, and is not 0, has no scale that float32 can say."""
LEAST_STEPS = 48
"""Of fewer steps no weights can be rounded for the data: a quarter of them has to choose."""
REPEATED = 0.5
"""More than this share of what is held back was calibrated on, too."""
UNLIKE = 3.0
"""What is held back moves so many times as far as the rest, or so many times less."""
NAMED = 3
"""So many features that never change are named with their ranges, of more the number is told."""
RECORD = "record typical data, some hundred samples of every kind that there is"


@dataclass(frozen=True, eq=False)
class Still:
    """Features of an input that never change while others do, and what they are."""

    port: str
    features: Array
    values: Array


def check_magnitudes(program: Program, feeds: Sequence[Feed]) -> None:
    """DataError where a feature is too small for its scale to be a number of C."""
    for port in program.inputs:
        parts = [np.abs(feed.inputs[port.name]) for feed in feeds]
        most = np.max([part.reshape(-1, part.shape[-1]).max(axis=0) for part in parts], axis=0)
        small = np.flatnonzero((most > 0.0) & (most < LEAST_MAGNITUDE))
        if not port.limit and small.size:
            raise DataError(
                f"calibration: input {port.name} stays within {float(most[small[0]]):.2g} in "
                f"feature {small[0]}, too small for float32 to scale; expected at least "
                f"{LEAST_MAGNITUDE:g}: give it in another unit, or 0 where it is not in use"
            )


def says_nothing(program: Program, found: Given) -> tuple[tuple[str, ...], bool]:
    """Warnings of calibration data that have the shape of data and say nothing of real ones; and
    True where that is so of all inputs.
    """
    warnings, varied = [], False
    for port in program.inputs:
        given_to = [each.get(port.name) for each in found.recordings or (found.arrays,)]
        numeric = [a for a in given_to if a is not None and a.dtype.kind in "fiu" and a.size]
        if not numeric or port in program.length_ports:
            continue
        what = _alike(numeric, samples=not found.recordings)
        varied |= not what
        if what:
            warnings.append(
                f"calibration: input {port.name} {what}, so ranges and weights are made for that, "
                f"which says nothing of real data: {RECORD}"
            )
    return tuple(warnings), bool(warnings) and not varied


def _alike(parts: list[Array], *, samples: bool) -> str:
    """What is wrong with numbers that are all one, or samples that are; "" where they differ."""
    first = parts[0].flat[0]
    if all(np.all(part == first) for part in parts):
        return "is 0 throughout" if first == 0 else f"is {float(first):g} throughout"
    rows = list(parts[0]) if samples and len(parts) == 1 else parts
    if len(rows) > 1 and all(np.array_equal(row, rows[0]) for row in rows[1:]):
        return f"has {len(rows)} {'samples' if samples else 'recordings'} that are all the same"
    return ""


def told_of(
    program: Program, used: Sequence[Feed], back: Sequence[Feed], *, too_few: bool
) -> tuple[str, ...]:
    """Warnings of data that are too short, repeated, or unlike what is held back of them. used,
    back: to calibrate on, and held back; too_few: to hold any back, so that these are the same.
    """
    found = _short(used)
    if too_few and sum(feed.shape[0] for feed in used) == 1:
        found.append(
            "calibration: one sample, so none is held back, and the error that is told is that of "
            "what formats and weights were made from: give 5 or more"
        )
    if not too_few:
        repeated = list(_repeated(used, back))
        found += repeated or _unlike(program, used, back)
    return tuple(found)


def _short(used: Sequence[Feed]) -> list[str]:
    steps = sum(int(np.prod(feed.shape)) for feed in used)
    if steps >= LEAST_STEPS:
        return []
    return [
        f"calibration: {steps} step{'' if steps == 1 else 's'} to calibrate on, and below "
        f"{LEAST_STEPS} weights are rounded to nearest, and ranges may not cover real data: "
        f"{RECORD}"
    ]


def _repeated(used: Sequence[Feed], back: Sequence[Feed]) -> list[str]:
    known = {sample for feed in used for sample in _samples(feed)}
    held = [sample for feed in back for sample in _samples(feed)]
    seen = sum(sample in known for sample in held)
    if seen <= REPEATED * len(held):
        return []
    return [
        f"calibration: {seen:,} of {len(held):,} held-back samples were calibrated on, too, since "
        f"the data repeat themselves, so real data may have a larger error than is told: {RECORD}, "
        "each once"
    ]


def _samples(feed: Feed) -> list[bytes]:
    """Each sample, or each call of a recording, as the bytes of all inputs."""
    streams, calls, _ = feed.shape
    arrays = [np.ascontiguousarray(a) for a in feed.inputs.values()]
    return [
        b"".join(a[stream, call].tobytes() for a in arrays)
        for stream in range(streams)
        for call in range(calls)
    ]


def _unlike(program: Program, used: Sequence[Feed], back: Sequence[Feed]) -> list[str]:
    found = []
    for port in program.inputs:
        if port.limit:
            continue
        ratio = _moves(port, used, back)
        if 1.0 / UNLIKE <= ratio <= UNLIKE:
            continue
        far = f"{ratio:.3g} times as far" if ratio > 1.0 else f"only {ratio:.2g} times as far"
        found.append(
            f"calibration: input {port.name} moves {far} in the part that is held back as in the "
            "rest, so the error that is told is not that of typical data: give samples in another "
            "order, or recordings (x__0, x__1 ...) that are alike"
        )
    return found


def _moves(port: Port, used: Sequence[Feed], back: Sequence[Feed]) -> float:
    """How far what is held back moves, in the mean over features, against the rest; features
    count alike, whatever their unit.
    """
    rest, held = (
        np.concatenate(
            [a.reshape(-1, a.shape[-1]) for a in (feed.inputs[port.name] for feed in some)]
        ).astype(np.float64)
        for some in (used, back)
    )
    both = np.concatenate([rest, held])
    mean, spread = both.mean(axis=0), both.std(axis=0)
    spread[spread == 0.0] = np.inf
    squares = [float(np.mean(((part - mean) / spread) ** 2)) for part in (rest, held)]
    if squares[0] == 0.0:
        return 1.0 if squares[1] == 0.0 else float("inf")
    return float(np.sqrt(squares[1] / squares[0]))


def standing_still(
    program: Program, feeds: Sequence[Feed], symbols: Sequence[Symbols]
) -> tuple[Still, ...]:
    """Features that never change, but for those of symbols: what these may become is known."""
    found = []
    for port in program.inputs:
        if port.limit:
            continue
        parts = [a.reshape(-1, a.shape[-1]) for a in (f.inputs[port.name] for f in feeds)]
        first = parts[0][0]
        still = np.logical_and.reduce([(part == first).all(axis=0) for part in parts])
        known = [each.columns for each in symbols if each.port == port.name]
        asked = still.copy()
        asked[[column for columns in known for column in columns]] = False
        if asked.any() and not still.all():
            found.append(Still(port.name, np.flatnonzero(asked), first[asked]))
    return tuple(found)


def told_still(still: Still, program: Program) -> str:
    """The warning of features that never change: what is assumed of them, and what to do."""
    port = next(port for port in program.inputs if port.name == still.port)
    count, features = len(still.features), port.scale.size
    stored = program.values[port.value].format
    named = []
    for feature, value in zip(still.features[:NAMED], still.values, strict=False):
        scale, zero = float(port.scale[feature]), int(port.zero_point[feature])
        low, high = scale * (stored.low - zero), scale * (stored.high - zero)
        named.append(f"{feature} ({float(value):g}) from {low:.3g} to {high:.3g}")
    more = f" and {count - NAMED} more" if count > NAMED else ""
    return (
        f"calibration: input {still.port} never changes in {count} of {features} features, so how "
        f"far these go is assumed: {', '.join(named)}{more}; beyond that they saturate: give data "
        "in which they change, or leave them out of the network"
    )
