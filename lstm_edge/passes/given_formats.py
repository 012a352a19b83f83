"""Inputs that are stored as those of another program are, instead of as calibration says."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lstm_edge.errors import DataError, QuantizationError
from lstm_edge.formats import Format
from lstm_edge.ir.model import Model, Port
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.input_formats import power_of_two_format
from lstm_edge.passes.options import Options
from lstm_edge.rounding import Doubles

SAME = "inputs-like"


def with_stored_inputs(model: Model, other: Program) -> Model:
    """The model with inputs of real numbers as a program with inputs of the same names has them.

    DataError where an input is missing there, or another one.
    """
    if other.is_float:
        raise DataError(
            f"{SAME}: {other.name} is float32, whose inputs are stored as they are; give a model "
            "in integers"
        )
    ports = {port.name: port for port in other.inputs}
    found = []
    for port in model.inputs:
        features = model.tensors[port.tensor].features
        if port.name not in ports:
            raise DataError(
                f"{SAME}: {other.name} has no input {port.name!r}; it has {', '.join(ports)}: "
                "rename that of this model, or leave the option out"
            )
        its = ports[port.name]
        length = other.values[its.value].length
        if (its.limit, length) != (port.limit, features):
            raise DataError(
                f"{SAME}: input {port.name!r} has {_words(port.limit, features)}, but "
                f"{_words(its.limit, length)} in {other.name}; give a model with the same inputs"
            )
        fmt = other.values[its.value].format
        found.append(port if port.limit else replace(port, stored=fmt))
    return replace(model, inputs=tuple(found))


def check_stored(port: Port, own: Format, ranges: Ranges, options: Options) -> None:
    """QuantizationError where the format that an input is said to have is none of these options',
    DataError where calibration data are beyond its range. own: what it would have. Some bits more
    or less beside a layer's are no fault: two layers of different widths may read an input, too.
    """
    given = port.stored
    assert given is not None
    if given.storage != own.storage:
        raise QuantizationError(
            f"{SAME}: input {port.name!r} is stored in {given.storage} there, and in {own.storage} "
            "with these options; give the --activations that the other model has"
        )
    features = len(ranges.low[port.tensor])
    if options.power_of_two and power_of_two_format(given, features) != given:
        raise QuantizationError(
            f"{SAME}: input {port.name!r} has scales there that are no powers of two; the other "
            "model has to be one of --scheme fixed"
        )
    if not ranges.from_data:
        return
    far = outside(given, ranges.low[port.tensor], ranges.high[port.tensor])
    if far is not None:
        raise DataError(
            f"{SAME}: calibration data of input {port.name!r} go from {far.low:g} to "
            f"{far.high:g} in feature {far.feature}, but its range there is {far.least:g} to "
            f"{far.most:g}; leave the option "
            "out, so that the input gets a range of its own"
        )


class Outside(NamedTuple):
    """What of a feature data have, and what its format holds."""

    feature: int
    low: float
    high: float
    least: float
    most: float


def outside(fmt: Format, low: Doubles, high: Doubles) -> Outside | None:
    """The first feature of which data, `low` to `high`, are not what a format holds, nor what
    rounds to it.
    """
    scale, points = fmt.scales(len(low)), fmt.zero_points(len(low))
    least, most = scale * (fmt.low - points), scale * (fmt.high - points)
    beyond = np.flatnonzero((low < least - scale) | (high > most + scale))
    if not len(beyond):
        return None
    k = int(beyond[0])
    return Outside(k, *(float(each[k]) for each in (low, high, least, most)))


def _words(limit: int, features: int) -> str:
    kind = f"integers below {limit}" if limit else "real numbers"
    return f"{features} features of {kind}"
