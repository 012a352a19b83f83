"""Between a user's arrays and the stored vectors of a program: layout, quantizing, and back.

The float32 arithmetic is the same, operation by operation, as in the generated C helpers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import DataError
from lstm_edge.formats import Format
from lstm_edge.interpret.shapes import described, whole
from lstm_edge.ir.program import Port, Program

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

LIMIT = np.float32(2.0**30)
"""Scaled inputs are limited to this before they become integers."""


def quantizing_constants(port: Port) -> tuple[Floats, Floats]:
    """Per feature: the real number at stored 0, and 256 times the stored units per real unit."""
    centre = (-port.scale * port.zero_point).astype(np.float32)
    with np.errstate(over="ignore"):  # of outputs alone, of which none is divided
        return centre, (256.0 / port.scale).astype(np.float32)


def describe_port(program: Program, port: Port) -> str:
    """The stored form of an input or output in a few words."""
    if port.limit:
        return f"int32, 0 .. {port.limit - 1}"
    fmt = program.values[port.value].format
    return fmt.describe() if program.is_float else meant(port, fmt).describe()


def meant(port: Port, fmt: Format) -> Format:
    """The format of a value as a port means it: an output may be an input that was scaled."""
    return fmt.with_meaning(port.scale, port.zero_point)


def quantize(program: Program, port: Port, real: Array) -> Array:
    """Stored numbers of real ones [..., features]: to nearest, limited to the stored range; the
    lowest of what is no number.

    Integers are stored as they are.
    """
    if port.limit:
        return real.astype(np.int64)
    if program.is_float:
        return real.astype(np.float32)
    centre, units = quantizing_constants(port)
    with np.errstate(over="ignore"):
        scaled = (real.astype(np.float32) - centre) * units
    scaled = np.where(np.isnan(scaled), -LIMIT, scaled)
    limited = np.clip(scaled, -LIMIT, LIMIT).astype(np.int32).astype(np.int64)
    fmt = program.values[port.value].format
    return np.asarray(np.clip((limited + 128) >> 8, fmt.low, fmt.high))


def dequantize(program: Program, port: Port, stored: Array) -> Array:
    """Real numbers of stored ones [..., features] in float32; integers as int64."""
    if port.limit:
        return stored.astype(np.int64)
    if program.is_float:
        return stored.astype(np.float32)
    centred = (stored - port.zero_point).astype(np.float32)
    return np.asarray(centred * port.scale.astype(np.float32))


def quantize_state(program: Program, state: str, real: Array) -> Array:
    """Stored numbers of a state's real ones: to nearest, limited to its format."""
    if program.is_float:
        return real.astype(np.float32)
    return program.values[state].format.stored(real.astype(np.float64))


def dequantize_state(program: Program, state: str, stored: Array) -> Floats:
    """Real numbers of a state's stored ones."""
    if program.is_float:
        return stored.astype(np.float32)
    return program.values[state].format.real(stored).astype(np.float32)


def to_vectors(port: Port, array: Array) -> Array:
    """A user's array [samples, *port.shape] as [samples, steps, features].

    An axis of size 1 may be missing from `port.axes`. Raises DataError, naming port, found and
    expected shape, where the array does not fit.
    """
    features = len(port.scale)
    expected = tuple(port.shape)
    found = array.shape[1:]
    fits = len(found) == len(expected) and all(
        e in (-1, f) for e, f in zip(expected, found, strict=True)
    )
    if not fits:
        streams = array.ndim > 2 and array.size > 0 and whole(port, array[0, 0]) is not None
        hint = f"; with --stream it is {len(array)} streams of {found[0]} calls" if streams else ""
        raise DataError(
            f"array {port.name!r} is {list(array.shape)}, expected "
            f"{described(port, ('samples',))}: one leading axis of samples before the model's "
            f"input shape{hint}"
        )
    flat = next((k for k, axis in enumerate(port.axes) if "*" in axis), None)
    others = math.prod(n for n, axis in zip(found, port.axes, strict=True) if axis == "feature")
    each = features // max(1, others)
    if flat is not None and found[flat] % each:
        raise DataError(
            f"array {port.name!r} has {found[flat]} numbers on an axis of steps of {each}; "
            f"give a multiple of {each}, such as its first {found[flat] // each * each}"
        )
    if "time*feature" in port.axes:
        return array.reshape(len(array), -1, features)
    if "feature*time" in port.axes:
        return np.swapaxes(array.reshape(len(array), features, -1), 1, 2)
    order = [k + 1 for axis in ("time", "feature") for k, a in enumerate(port.axes) if a == axis]
    rest = [k for k in range(1, array.ndim) if k not in order]
    steps = found[port.axes.index("time")] if "time" in port.axes else 1
    return np.transpose(array, [0, *order, *rest]).reshape(len(array), steps, features)


def from_vectors(port: Port, vectors: Array) -> Array:
    """[samples, steps, features] or [samples, features] as the file shapes it."""
    shape = list(port.shape)
    steps = vectors.shape[1] if vectors.ndim == 3 else 1
    if "time" in port.axes:
        at = port.axes.index("time")
        each = vectors.reshape(len(vectors), steps, *shape[:at], *shape[at + 1 :])
        return np.moveaxis(each, 1, at + 1)
    if "feature*time" in port.axes:
        vectors = np.swapaxes(vectors, 1, 2)
    return vectors.reshape(len(vectors), *shape)


def checked_numbers(port: Port, array: Array, what: str) -> Array:
    """Numbers that an input takes, of any shape: float32, or integers of one that takes those;
    truth values where the file's input is of these.

    DataError, which begins with `what`, for others.
    """
    if array.dtype == bool and port.kind == "bool":
        array = array.astype(np.float32)
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
        raise DataError(f"{what} has type {array.dtype}, expected numbers")
    return _integers(port, array, what) if port.limit else _reals(array, what)


def _reals(array: Array, what: str) -> Array:
    with np.errstate(over="ignore"):
        real = array.astype(np.float32)
    if not np.all(np.isfinite(real)):
        raise DataError(f"{what} holds NaN, infinite numbers or some too large for float32")
    return real


def _integers(port: Port, array: Array, what: str) -> Array:
    """Whole numbers from 0 to below the port's limit, of any numeric type."""
    wrong = ~((array >= 0) & (array < port.limit) & (array == np.trunc(array)))
    if np.any(wrong):
        at = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise DataError(
            f"{what} holds {array[at]} at {list(at)}, expected whole numbers from 0 "
            f"to {port.limit - 1}: they number rows of a table, or count steps"
        )
    return array.astype(np.int64)


def read_inputs(program: Program, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Vectors of every model input, [samples, steps, features], or [samples, features] of one that
    is a vector for a whole sequence; DataError names what is missing or does not fit.
    """
    found: dict[str, Array] = {}
    for port in program.inputs:
        if port.name not in arrays:
            names = ", ".join(sorted(arrays)) or "nothing"
            raise DataError(f"no array {port.name!r} for the model's input; the file has {names}")
        array = arrays[port.name]
        checked = checked_numbers(port, array, f"array {port.name!r}")
        vectors = np.repeat(to_vectors(port, checked), port.every, axis=1)
        found[port.name] = vectors if port.per_step else vectors[:, 0]
    each_step = {port.name for port in program.inputs if port.per_step}
    sizes = {name: (len(a), a.shape[1]) for name, a in found.items() if name in each_step}
    if len(set(sizes.values())) > 1 or len({len(a) for a in found.values()}) > 1:
        counts = {name: len(a) for name, a in found.items()}
        raise DataError(f"inputs disagree in samples or steps: {counts | sizes}")
    samples, steps = next(iter(sizes.values()))
    if samples == 0 or steps == 0:
        raise DataError(f"the inputs hold {samples} samples of {steps} steps; at least 1 of each")
    return found
