"""Raw integers of a converter as stored numbers: real = (raw - zero) * scale, raw of 16 bits.

This is the definition of `<name>_quantize_<input>_from_int16`, in integers alone but for float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import DataError
from lstm_edge.ir.program import Port, Program

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

RAW_LOW, RAW_HIGH = -(2**15), 2**15 - 1
MOST_SHIFT = 46
MULTIPLIERS, OFFSETS = 2**31, 2**62
"""Bounds of a multiplier and an offset: the sum with a product of 47 bits has 63."""
MOST_ZERO = 2**30
EVERY = ""
"""The name of all inputs of real numbers."""


@dataclass(frozen=True)
class RawInput:
    """What the raw integers of an input stand for. zero: the raw number of real 0, whole or not."""

    scale: float
    zero: float = 0.0


@dataclass(frozen=True)
class RawConstants:
    """Per feature: stored = (raw * multiplier + offset) >> shift, limited to the port's range.

    The product is one of int64. The offset has the half that makes the shift one to nearest.
    """

    multipliers: Ints
    offsets: Ints
    shifts: Ints


def raw_constants(port: Port, raw: RawInput) -> RawConstants:
    """The constants of an integer program; DataError where a feature has none."""
    made = [
        _feature(port, raw, float(scale), int(zero))
        for scale, zero in zip(port.scale, port.zero_point, strict=True)
    ]
    multipliers, offsets, shifts = zip(*made, strict=True)
    return RawConstants(*(np.array(each, np.int64) for each in (multipliers, offsets, shifts)))


def _feature(port: Port, raw: RawInput, scale: float, zero_point: int) -> tuple[int, int, int]:
    """As many fractional bits as fit, so that the multiplier's own rounding does not show."""
    units, zero = Fraction(raw.scale) / Fraction(scale), Fraction(raw.zero)
    for shift in range(MOST_SHIFT, -1, -1):
        multiplier = _nearest(units * 2**shift)
        offset = _nearest((zero_point + Fraction(1, 2)) * 2**shift - zero * multiplier)
        if abs(multiplier) < MULTIPLIERS and abs(offset) < OFFSETS:
            return multiplier, offset, shift
    raise DataError(
        f"--input-scale {raw.scale:g}: one step of a raw number is {float(units):.3g} stored units "
        f"of input {port.name!r}; give the real value of one step"
    )


def _nearest(number: Fraction) -> int:
    return floor(number + Fraction(1, 2))


def quantize_int16(program: Program, port: Port, raw: RawInput, numbers: Array) -> Array:
    """Stored numbers [..., features] of raw ones of int16. Integer programs: to nearest, limited to
    the stored range. float32: the difference and the product, each rounded once.
    """
    given = np.asarray(numbers)
    inside = np.issubdtype(given.dtype, np.integer) and (
        given.size == 0 or (given.min() >= RAW_LOW and given.max() <= RAW_HIGH)
    )
    if not inside:
        raise DataError(
            f"raw numbers of input {port.name!r} are {given.dtype}, expected integers from "
            f"{RAW_LOW} to {RAW_HIGH}"
        )
    if program.is_float:
        centred = given.astype(np.float32) - np.float32(raw.zero)
        return np.asarray(centred * np.float32(raw.scale))
    made = raw_constants(port, raw)
    fmt = program.values[port.value].format
    shifted = (given.astype(np.int64) * made.multipliers + made.offsets) >> made.shifts
    return np.asarray(np.clip(shifted, fmt.low, fmt.high))


def named_numbers(option: str, texts: Iterable[str]) -> dict[str, float]:
    """Numbers by input, of texts such as `0.5`, which is for EVERY input, and `x=0.5`.

    DataError for what is no number, and for two of one input.
    """
    found: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            raise DataError(
                f"{option} {text}: expected a number, or NAME=NUMBER for one input"
            ) from None
        if name in found:
            raise DataError(f"{option} {text}: given twice; give one number for an input")
        found[name] = value
    return found


def raw_inputs(
    program: Program, scales: Mapping[str, float], zeros: Mapping[str, float]
) -> dict[str, RawInput]:
    """By input what its raw integers stand for; an input without a scale takes none.

    Both are by name of an input, EVERY for all of real numbers. DataError for unknown names,
    inputs of integers, a zero without a scale, and numbers with which every raw integer becomes the
    same stored one.
    """
    real = [port for port in program.inputs if not port.limit]
    for option, given in (("--input-scale", scales), ("--input-zero", zeros)):
        _check_names(program, option, given)
    found = {}
    for port in real:
        scale = scales.get(port.name, scales.get(EVERY))
        zero = zeros.get(port.name, zeros.get(EVERY))
        if scale is None and zero is not None:
            raise DataError(
                f"--input-zero {zero:g} has no meaning for input {port.name!r} without a scale; "
                f"give --input-scale, the real value of one step of a raw number"
            )
        if scale is not None:
            found[port.name] = _checked(program, port, RawInput(scale, zero or 0.0))
    return found


def _check_names(program: Program, option: str, given: Mapping[str, float]) -> None:
    ports = {port.name: port for port in program.inputs}
    real = [name for name, port in ports.items() if not port.limit]
    known = f"inputs of real numbers: {', '.join(real) or 'none'}"
    for name in given:
        if name == EVERY and not real:
            raise DataError(f"{option}: all inputs of this model are integers; leave it out")
        if name != EVERY and name not in ports:
            raise DataError(f"{option} {name}=...: no input {name!r}; {known}")
        if name != EVERY and ports[name].limit:
            raise DataError(
                f"{option} {name}=...: input {name!r} takes integers as they are; {known}"
            )


def _checked(program: Program, port: Port, raw: RawInput) -> RawInput:
    """The same, if it has a meaning."""
    of = f"of input {port.name!r}"
    smallest = float(np.finfo(np.float32).tiny)
    largest = float(np.finfo(np.float32).max) / 2.0**17
    if not smallest <= raw.scale <= largest:
        raise DataError(
            f"--input-scale {raw.scale:g} {of}: expected a positive number, the real value of one "
            f"step of a raw number"
        )
    if not abs(raw.zero) <= MOST_ZERO:
        raise DataError(
            f"--input-zero {raw.zero:g} {of}: expected the raw number that stands for real 0"
        )
    ends = np.array([[RAW_LOW], [RAW_HIGH]]).repeat(len(port.scale), axis=1)
    first, last = quantize_int16(program, port, raw, ends)
    if np.array_equal(first, last):
        raise DataError(
            f"--input-scale {raw.scale:g} and --input-zero {raw.zero:g} {of}: every raw number "
            f"would become the same one; a real number is (raw - zero) * scale"
        )
    return raw
