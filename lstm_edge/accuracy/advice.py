"""What is wrong with a model's accuracy, where it comes from, and which data would mend it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log10

from lstm_edge.accuracy.results import Accuracy, InputAccuracy, LayerAccuracy, OutputAccuracy
from lstm_edge.accuracy.tally import Error
from lstm_edge.ir.program import Program

LOW_SQNR = 28.0
"""dB below which an output is worth a warning."""
NOTICEABLE_SHARE, NOTICEABLE_EXCESS = 1e-3, 0.1
"""Numbers beyond a range are noticeable where they are this share, or one is out by this part of
the range.
"""
DRIFT, DRIFT_DB = 3.0, 6.0
"""The error drifts where it grows by this factor, and by so much more than the value itself."""
DRIFT_MATTERS = 30.0
"""dB above which a drift is not worth a warning."""
CALIBRATE = "calibrate with data that covers this"
MADE_UP = "give --calibration FILE.npz"


def advice(
    accuracy: Accuracy, program: Program, *, calibrated: bool, only_noticeable: bool = False
) -> tuple[str, ...]:
    """Warnings, one line each: inputs first, then layers, then outputs.

    calibrated: the formats come from the user's data. only_noticeable: say nothing of a few numbers
    that are a little beyond a range.
    """
    if program.is_float:
        return ()
    found = [
        *_inputs(accuracy, calibrated, only_noticeable),
        *_clipped(accuracy, calibrated, only_noticeable),
        *_low_outputs(accuracy, calibrated),
        *_drifts(accuracy),
    ]
    return tuple(found)


def share(count: int, numbers: int) -> str:
    """`12 of 4,000 numbers (0.3 %)`."""
    return f"{count:,} of {numbers:,} numbers ({100.0 * count / numbers:.2g} %)"


def _inputs(accuracy: Accuracy, calibrated: bool, only_noticeable: bool) -> Iterator[str]:
    for each in accuracy.inputs:
        if not each.beyond or (only_noticeable and not _noticeable(each)):
            continue
        remedy = CALIBRATE if calibrated else MADE_UP
        yield (
            f"input {each.name}: {share(each.beyond, each.numbers)} beyond the stored range, the "
            f"farthest {each.farthest:.4g} in feature {each.feature}, which is stored from "
            f"{each.low:.4g} to {each.high:.4g}: {remedy}"
        )


def _noticeable(each: InputAccuracy) -> bool:
    excess = max(each.low - each.farthest, each.farthest - each.high)
    far = excess > NOTICEABLE_EXCESS * (each.high - each.low)
    return far or each.beyond > NOTICEABLE_SHARE * each.numbers


def _clipped(accuracy: Accuracy, calibrated: bool, only_noticeable: bool) -> Iterator[str]:
    for layer in accuracy.layers:
        for name, count in layer.saturations.items():
            numbers = layer.numbers[name]
            if not count or (only_noticeable and count <= NOTICEABLE_SHARE * numbers):
                continue
            remedy = CALIBRATE if calibrated else MADE_UP
            yield f"layer {layer.name}: {share(count, numbers)} of {name} saturate: {remedy}"


def low_outputs(accuracy: Accuracy) -> list[OutputAccuracy]:
    """Outputs of real numbers whose SQNR is below LOW_SQNR."""
    return [
        output
        for output in accuracy.outputs
        if output.agreement is None
        and output.error.sqnr_db is not None
        and output.error.sqnr_db < LOW_SQNR
    ]


def _low_outputs(accuracy: Accuracy, calibrated: bool) -> Iterator[str]:
    for output in low_outputs(accuracy):
        sqnr = output.error.sqnr_db
        limit = _limit(output)
        cause = f"; {limit}" if limit else _cause(accuracy, output, calibrated)
        yield f"output {output.name}: SQNR {sqnr:.1f} dB, below {LOW_SQNR:.0f} dB{cause}"


def _limit(output: OutputAccuracy) -> str:
    """That no widths help, where the output's own format is the cause."""
    if not output.limit or output.rounding_db is None:
        return ""
    return (
        f"its format is the limit, as its numbers are about {output.error.signal:.2g} and rounding "
        f"them alone leaves {output.rounding_db:.1f} dB at best: {output.limit}"
    )


def _noise(error: Error | None) -> float:
    """Noise to signal; 0 where there is none, or it cannot be told."""
    return 0.0 if error is None or error.sqnr_db is None else 10.0 ** (-error.sqnr_db / 10.0)


def _through(accuracy: Accuracy) -> dict[str, tuple[float, float]]:
    """Noise to signal before and after each input and each layer."""
    found = {f"input {each.name}": (0.0, _noise(each.error)) for each in accuracy.inputs}
    for layer in accuracy.layers:
        before = max((found[name][1] for name in layer.reads if name in found), default=0.0)
        after = max((_noise(value.error) for value in layer.values), default=before)
        found[layer.name] = before, after
    return found


def _sources(layers: Mapping[str, LayerAccuracy], last: str) -> list[str]:
    """A layer and all layers and inputs before it."""
    found, wanted = [], [last]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.append(name)
            wanted += layers[name].reads if name in layers else ()
    return found


def _cause(accuracy: Accuracy, output: OutputAccuracy, calibrated: bool) -> str:
    """Where the noise of an output grows most, and the data that mend it where data do. Which
    widths help is known once they were tried.
    """
    layers = {layer.name: layer for layer in accuracy.layers}
    through = _through(accuracy)
    sources = [name for name in _sources(layers, output.layer) if name in through]
    if not sources:
        return ""
    worst = max(sources, key=lambda name: through[name][1] - through[name][0])
    before, after = through[worst]
    what = worst if worst.startswith("input ") else f"layer {worst}"
    fall = f"{_decibels(before)} before it, {_decibels(after)} after"
    beyond = [f"input {e.name}" for e in accuracy.inputs if e.beyond]
    cut = [n for n in through if n in sources and (n in beyond or _saturates(layers.get(n)))]
    remedy = ""
    if cut:
        remedy = f": {cut[0]} saturates, so {CALIBRATE if calibrated else MADE_UP}"
    elif not calibrated:
        remedy = f": {MADE_UP}"
    return f"; the error arises in {what} ({fall}){remedy}"


def _saturates(layer: LayerAccuracy | None) -> bool:
    return layer is not None and any(layer.saturations.values())


def _decibels(noise: float) -> str:
    return "exact" if noise == 0.0 else f"{-10.0 * log10(noise):.1f} dB"


def _drifts(accuracy: Accuracy) -> Iterator[str]:
    """The layers whose error grows with the steps, faster than their values."""
    for layer in accuracy.layers:
        for value in layer.values:
            error = value.error
            if error.drift is None or error.sqnr_drop is None or error.sqnr_db is None:
                continue
            grows = error.drift >= DRIFT and error.sqnr_drop >= DRIFT_DB
            if grows and error.sqnr_db < DRIFT_MATTERS:
                yield (
                    f"layer {layer.name}: the error of {value.name} drifts, it is "
                    f"{error.drift:.1f} times as large in the last quarter of the steps as in the "
                    "first"
                )
                break
