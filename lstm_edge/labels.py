"""Score a model on labels, in float and in integers, and tell which samples are decided otherwise.

Labels are arrays named like an output, or `label__` and its name; of a model with one output also
`label`, or anything where it is the only array that is no input. Integers [N] are the class of
each sample, at an output's last step; [N, T] those of each step; where the class is below 0, it
does not count. Floats in the output's own shape are what it should be: their score is R2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.accuracy.results import Measured
from lstm_edge.errors import DataError
from lstm_edge.interpret.feed import Feed, Results
from lstm_edge.interpret.ports import dequantize, to_vectors
from lstm_edge.interpret.shapes import FIRST, by_name
from lstm_edge.ir.program import Port, Program

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
PREFIX, ALONE = "label__", "label"


@dataclass(frozen=True)
class Labels:
    """What one output should be. numbers: classes [N, 1] (of the last step) or [N, T], or real
    numbers [N, T, n]. array: the name in the file.
    """

    output: str
    array: str
    numbers: Array

    @property
    def are_classes(self) -> bool:
        """Classes, not real numbers."""
        return self.numbers.ndim == 2


@dataclass(frozen=True)
class Change:
    """A sample that float and integers decide otherwise. step: None of one label a sample."""

    sample: int
    step: int | None
    label: int
    float_class: int
    integer_class: int


@dataclass(frozen=True)
class Score:
    """Of one output: percent of right classes, or R2 in percent. changed: samples whose class
    differs. float_rmse, integer_rmse: against labels that are real numbers, else None.
    """

    name: str
    kind: str
    float_percent: float
    integer_percent: float
    changed: tuple[Change, ...] = ()
    float_rmse: float | None = None
    integer_rmse: float | None = None

    @property
    def points(self) -> float:
        """By how much the integers are better, in points of percent; below 0 worse."""
        return self.integer_percent - self.float_percent


def holds_inputs(program: Program, arrays: Arrays) -> bool:
    """True where a file of labels holds the inputs that they belong to."""
    arrays = by_name(program, arrays, alone=False)
    return any(port.name in arrays for port in program.inputs)


def paired_inputs(program: Program, labels: Arrays, inputs: Arrays | None) -> Arrays:
    """The inputs that labels belong to: those in the file of labels, or `inputs`, from a file of
    their own; DataError where there are both, or none.
    """
    labels = by_name(program, labels, alone=False)
    names = [p.name for p in program.inputs] + [p.name for p in program.state_inputs]
    first = [FIRST + port.name for port in program.state_inputs]
    found = {name: labels[name] for name in (*names, *first) if name in labels}
    if found and inputs is not None:
        raise DataError(
            f"the file of labels holds the input {next(iter(found))!r} itself; leave --inputs out"
        )
    if found:
        return found
    if inputs is None:
        raise DataError(
            f"the file of labels holds no input {' or '.join(map(repr, names))}; add it, sample by "
            "sample, or give --inputs"
        )
    return inputs


def read_labels(program: Program, arrays: Arrays) -> tuple[Labels, ...]:
    """The labels of a file, in the order of the outputs; DataError where there are none, or one
    does not fit its output.
    """
    outputs = [port.name for port in program.outputs]
    arrays = by_name(program, arrays, alone=False)
    for name in arrays:
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in outputs:
            raise DataError(
                f"labels {name!r} belong to no output; the model's are: {', '.join(outputs)}"
            )
    found = []
    for port in program.outputs:
        alone = [ALONE] if len(outputs) == 1 else []
        known = (PREFIX + port.name, port.name, *alone, *_alone(program, arrays))
        names = [n for n in dict.fromkeys(known) if n in arrays]
        if len(names) > 1:
            raise DataError(
                f"{names[0]!r} and {names[1]!r} are both labels of {port.name!r}; leave one out"
            )
        found += [_labels(program, port, name, arrays[name]) for name in names]
    if not found:
        raise DataError(
            f"no labels among the arrays {', '.join(sorted(arrays)) or '(none)'}; name them like "
            f"an output, with {PREFIX} before it or not: {', '.join(outputs)}"
        )
    return tuple(found)


def _alone(program: Program, arrays: Arrays) -> list[str]:
    """The array that is labels whatever its name: the only one that is no input, of one output."""
    known = {p.name for p in program.inputs} | {p.name for p in program.state_inputs}
    others = [name for name in arrays if name not in known and not name.startswith(FIRST)]
    return others if len(program.outputs) == len(others) == 1 else []


def _labels(program: Program, port: Port, name: str, array: Array) -> Labels:
    if array.dtype.kind == "f" and not port.limit:
        return _real(port, name, array)
    if array.dtype.kind not in "iub":
        wanted = "integers" if port.limit else "integers, or floats in the output's shape"
        raise DataError(f"labels {name!r} are of {array.dtype}, expected {wanted}")
    if array.ndim not in (1, 2) or array.size == 0:
        raise DataError(
            f"labels {name!r} are {list(array.shape)}, expected classes [samples], or "
            "[samples, steps]"
        )
    if array.ndim == 2 and not port.per_step and array.shape[1] != 1:
        raise DataError(
            f"labels {name!r} are {list(array.shape)}, but output {port.name!r} exists after the "
            "last step only; expected [samples]"
        )
    units = len(port.scale)
    classes = port.limit or max(units, 2)
    if port.limit and units > 1:
        raise DataError(
            f"labels {name!r}: output {port.name!r} is a vector of {units} integers, which one "
            "class cannot be compared with; label another output"
        )
    wrong = array >= classes
    if wrong.any():
        at = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise DataError(
            f"labels {name!r} hold {int(array[at])} at {list(at)}, expected classes 0 to "
            f"{classes - 1}"
        )
    return Labels(port.name, name, array.astype(np.int64).reshape(len(array), -1))


def _real(port: Port, name: str, array: Array) -> Labels:
    """Real numbers in the output's own shape; axes of size 1 may be missing."""
    if [n for n in array.shape[1:] if n != 1] == [n for n in port.shape if n != 1]:
        array = array.reshape(-1, *port.shape)
    expected = ", ".join("any" if n < 0 else str(n) for n in port.shape)
    fits = array.ndim == len(port.shape) + 1 and all(
        n in (-1, found) for n, found in zip(port.shape, array.shape[1:], strict=True)
    )
    if not fits or array.size == 0:
        raise DataError(
            f"labels {name!r} are {list(array.shape)} of {array.dtype}, expected [samples, "
            f"{expected}] like the output, or integers for classes"
        )
    if not np.isfinite(array).all():
        raise DataError(f"labels {name!r} hold NaN or infinite numbers; expected finite ones")
    vectors = to_vectors(port, array.astype(np.float64))
    return Labels(port.name, name, vectors)


def check_usable(labels: tuple[Labels, ...]) -> tuple[Labels, ...]:
    """The same, of the samples that count; DataError where they say nothing."""
    for each in labels:
        name, numbers = each.array, each.numbers
        if each.are_classes and (numbers < 0).all():
            raise DataError(
                f"labels {name!r} are all below 0, which do not count; expected classes"
            )
        if not each.are_classes and np.all(numbers == numbers[:1, :1]):
            raise DataError(
                f"labels {name!r} are all alike, so R2 says nothing; expected numbers that differ"
            )
    return labels


def check_samples(labels: tuple[Labels, ...], feed: Feed) -> None:
    """Each sample that is fed has a label; DataError names both."""
    streams, calls, _ = feed.shape
    inputs = ", ".join(feed.inputs)
    for each in labels:
        if len(each.numbers) != streams * calls:
            raise DataError(
                f"labels {each.array!r} are of {len(each.numbers)} samples, input {inputs} of "
                f"{streams * calls}; expected one for each"
            )


def scores_of(
    program: Program, reference: Program, labels: tuple[Labels, ...], measured: Measured
) -> tuple[Score, ...]:
    """The score of each labelled output, from what was measured of both programs."""
    return scores_from(program, reference, labels, (measured.real, measured.ours))


def scores_from(
    program: Program,
    reference: Program,
    labels: tuple[Labels, ...],
    results: tuple[Results, Results],
) -> tuple[Score, ...]:
    """The same from what the reference and the program gave."""
    found = []
    for each in labels:
        ports = (
            next(p for p in which.outputs if p.name == each.output)
            for which in (reference, program)
        )
        stored = tuple(result.outputs[each.output] for result in results)
        real, ours = (
            _vectors(dequantize(which, port, array), port)
            for which, port, array in zip((reference, program), ports, stored, strict=True)
        )
        steps = real.shape[1]
        one = 1 if each.are_classes else steps
        if each.numbers.shape[1] not in (one, steps):
            raise DataError(
                f"labels {each.array!r} are of {each.numbers.shape[1]} steps, output "
                f"{each.output!r} has {steps}; expected as many, or one label a sample"
            )
        rate = _classified if each.are_classes else _regressed
        limit = next(p.limit for p in program.outputs if p.name == each.output)
        found.append(rate(each, real, ours, limit))
    return tuple(found)


def decided_by(labels: Labels, program: Program, results: Results) -> Array:
    """The real numbers [samples, steps, n] of the labelled output that classes are decided by."""
    port = next(p for p in program.outputs if p.name == labels.output)
    vectors = _vectors(dequantize(program, port, results.outputs[port.name]), port)
    return np.asarray(vectors[:, -1:] if labels.numbers.shape[1] == 1 else vectors, np.float64)


def threshold_of(real: Array) -> float:
    """Above which an output of one number is class 1: half for what is a share, else 0."""
    return 0.5 if real.min() >= 0.0 and real.max() <= 1.0 else 0.0


def _vectors(array: Array, port: Port) -> Array:
    """[streams, calls, ...] as [samples, steps, n]; a single step after the last one."""
    flat = array.reshape(-1, *array.shape[2:])
    return flat if port.per_step else flat[:, None]


def _classified(labels: Labels, real: Array, ours: Array, limit: int) -> Score:
    """The share of right classes. One label a sample is that of the last step."""
    wanted, counted = labels.numbers, labels.numbers >= 0
    last_only = wanted.shape[1] == 1
    if last_only:
        real, ours = real[:, -1:], ours[:, -1:]
    threshold = threshold_of(real)
    first, second = (_classes(a, limit, threshold) for a in (real, ours))
    changed = tuple(
        Change(
            int(n),
            None if last_only else int(t),
            int(wanted[n, t]),
            int(first[n, t]),
            int(second[n, t]),
        )
        for n, t in np.argwhere((first != second) & counted)
    )
    before, after = (100.0 * float(np.mean((a == wanted)[counted])) for a in (first, second))
    return Score(labels.output, "accuracy", before, after, changed)


def _classes(vectors: Array, limit: int, threshold: float) -> Array:
    """Classes [N, T] of vectors [N, T, n]; of one number, whether it is above the threshold."""
    if limit:
        return np.asarray(vectors[..., 0])
    if vectors.shape[-1] == 1:
        return np.asarray(vectors[..., 0] > threshold).astype(np.int64)
    return np.asarray(vectors.argmax(axis=-1))


def _regressed(labels: Labels, real: Array, ours: Array, limit: int) -> Score:
    """R2 over all numbers, against the mean of each feature."""
    wanted = labels.numbers
    spread = float(np.sum((wanted - wanted.mean(axis=(0, 1))) ** 2))
    squares = [float(np.sum((a.astype(np.float64) - wanted) ** 2)) for a in (real, ours)]
    first, second = (100.0 * (1.0 - s / spread) for s in squares)
    rmse = [float(np.sqrt(s / wanted.size)) for s in squares]
    return Score(labels.output, "r2", first, second, (), rmse[0], rmse[1])
