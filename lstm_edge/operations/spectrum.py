"""Spectra of frames: their Fourier transform, its power, and weighted sums over bands of it.

The power of an integer program is in block floating point: mantissas of 31 bits, and behind them
the number e by which all of the spectrum was shifted left: a mantissa p is p * 4**-e units. So a
quiet frame has as many bits as a loud one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lstm_edge.formats import INT32_MAX
from lstm_edge.operations import fourier, spectrum_on_the_way
from lstm_edge.operations.call import Array, Call, Constants, Op
from lstm_edge.operations.limits import limited
from lstm_edge.operations.record import (
    NARROW,
    SYMMETRIC,
    Bounds,
    CalledArray,
    Floats,
    Form,
    Ints,
    Operation,
    Reads,
    Spelling,
    long_of,
)

MOST_PLACES = 30
"""The most that a spectrum is shifted left by."""
LOST_BITS = 18
"""Of 62 bits of power those that sums over bands leave out."""
MOST_WEIGHT_BITS = 17
"""The weights of a band sum up to so many bits."""
BAND_PLACES = 16
"""Pairs of bits that a sum over a band is shifted right by, at most."""
MOST_BAND_PLACES = MOST_PLACES + MOST_PLACES // 2 + BAND_PLACES


def rfft(x: Ints, window: Ints, op: Op) -> Ints:
    """The transform of `fourier.entering`, in which sums of products lose n bits, to nearest: [...,
    frame + 2], real and imaginary part in turn.
    """
    sums = fourier.entering(x, window, op.stride)
    numbers = _filled(sums + (1 << (op.n - 1)) >> op.n, op.count)
    angles = fourier.waves(op.count)
    return fourier.transformed(numbers, angles, fourier.turn_integers, lambda a: a >> 1)


def rfft_float(x: Floats, window: Floats, op: Op) -> Floats:
    """The same in float32, in the same order of operations."""
    numbers = _filled(fourier.entering(x, window, op.stride), op.count)
    angles = fourier.exact_waves(op.count).astype(np.float32)
    half = np.float32(0.5)
    return fourier.transformed(numbers, angles, fourier.turn_floats, lambda a: a * half)


def _filled(numbers: Array, frame: int) -> Array:
    """Zeros behind numbers [..., up to frame]."""
    missing = np.zeros((*numbers.shape[:-1], frame - numbers.shape[-1]), numbers.dtype)
    return np.concatenate([numbers, missing], axis=-1)


def rfft_reach(x: Ints, window: Ints, op: Op) -> int:
    """A bound of each number of the result of `rfft`, and of all numbers on the way.

    x: the largest magnitudes. A transform is at most the sum of the magnitudes of what it
    is made of. On the way there are twice the transforms of the even and the odd samples. A turned
    number is less than 3 off, so four times the error before and 9 are that of a step of four.
    """
    frame = (fourier.entering(x, np.abs(window), op.stride) + (1 << (op.n - 1)) >> op.n) + 1
    even, odd = int(frame[0::2].sum()), int(frame[1::2].sum())
    error, size = 0, 1
    while size < op.count // 2:
        error, size = 4 * error + 9, 4 * size
    return max(even + odd, 2 * even, 2 * odd) + 2 * error + 4


def _frame(call: Call) -> tuple[Any, ...]:
    return call.args[0], call.constants[call.op.bias], call.op


def _rfft(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    window = constants[op.bias]
    reach = rfft_reach(np.maximum(np.abs(args[0][0]), np.abs(args[0][1])), window, op)
    return np.full(op.count + 2, -reach), np.full(op.count + 2, reach)


def _is_transform(op: Op, length: int, lengths: Sequence[int], constants: Constants) -> str:
    taps, samples = np.atleast_2d(constants[op.bias]).shape
    fits = samples <= op.count == length - 2 and op.stride + samples + taps - 1 <= lengths[0]
    return long_of(length, lengths, fits=fits)


def _rfft_arrays(op: Op, constants: Constants, is_float: bool) -> tuple[CalledArray, ...]:
    window, n = constants[op.bias], op.count
    angles = fourier.exact_waves(n).astype(np.float32) if is_float else fourier.waves(n)
    kinds = ("float", "float") if is_float else ("int16_t", "int32_t")
    return (
        CalledArray("window", window.T.reshape(-1), "window of a frame", kinds[0]),
        CalledArray(f"waves{n}", angles, f"cosine and sine of k / {n} turns", kinds[1], True),
        CalledArray(f"places{n}", fourier.places(n // 2), "bits reversed", "int16_t", True),
    )


def raised_power(spectrum: Ints) -> Ints:
    """Squares of magnitudes [..., bins] of [..., 2 bins], and behind them the places e by which
    the spectrum was shifted left: (re**2 + im**2) >> 32 of that.
    """
    largest = np.maximum(np.abs(spectrum).max(axis=-1, keepdims=True), 1)
    places = MOST_PLACES - np.floor(np.log2(largest.astype(np.float64))).astype(np.int64)
    squares = (spectrum << places) ** 2
    return np.concatenate([squares[..., 0::2] + squares[..., 1::2] >> 32, places], axis=-1)


def power_float(spectrum: Floats) -> Floats:
    """Squares of magnitudes [..., bins] of [..., 2 bins]."""
    re, im = spectrum[..., 0::2], spectrum[..., 1::2]
    return re * re + im * im


def _raised_power(_: Op, args: list[Bounds], __: Constants) -> Bounds:
    """Shifted numbers are below 2**31, so the sum of two squares is below 2**63."""
    bins = len(args[0][0]) // 2
    most = np.full(bins + 1, INT32_MAX)
    most[bins] = MOST_PLACES
    return np.zeros(bins + 1, np.int64), most


def _is_raised(_: Op, length: int, lengths: Sequence[int], __: Constants) -> str:
    return long_of(length, lengths, fits=2 * (length - 1) == lengths[0])


def _is_half(_: Op, length: int, lengths: Sequence[int], __: Constants) -> str:
    return long_of(length, lengths, fits=2 * length == lengths[0])


def band_power(spectrum: Ints, weights: Ints) -> Ints:
    """Sums [..., rows] of the power of [..., 2 bins], weighted by weights [rows, bins]: mantissas,
    and behind them a number of places p for each, so that m * 4**(BAND_PLACES - p) is a sum.

    Power is that of the spectrum shifted left as far as it can be, without its LOST_BITS lowest
    bits; the sum of the magnitudes of a row's weights is at most 2**MOST_WEIGHT_BITS.
    """
    largest = np.maximum(np.abs(spectrum).max(axis=-1, keepdims=True), 1)
    places = MOST_PLACES - np.floor(np.log2(largest.astype(np.float64))).astype(np.int64)
    squares = (spectrum << places) ** 2
    power = squares[..., 0::2] + squares[..., 1::2] >> LOST_BITS
    total = _banded(power, weights)
    pairs = _pairs(np.abs(total))
    mantissas = np.where(
        pairs >= 0, total << np.maximum(2 * pairs, 0), total >> np.maximum(-2 * pairs, 0)
    )
    return np.concatenate([mantissas, places + pairs + BAND_PLACES], axis=-1)


def _pairs(magnitude: Ints) -> Ints:
    """By how many pairs of bits a number below 2**62 is shifted left, to have 30 or 31 bits."""
    bits = np.zeros(magnitude.shape, np.int64)
    left = magnitude.copy()
    for step in (32, 16, 8, 4, 2, 1):
        large = left >> step > 0
        bits += np.where(large, step, 0)
        left = np.where(large, left >> step, left)
    return (MOST_PLACES - bits) >> 1


def bands(x: Ints, weights: Ints, n: int) -> Ints:
    """(weights [rows, bins] @ x [..., bins]) >> n, to nearest, limited to int32."""
    total = _banded(x, weights)
    return limited(total + (1 << (n - 1)) >> n, -INT32_MAX - 1, INT32_MAX)


def _banded(x: Ints, weights: Ints) -> Ints:
    """Exact sums in int64, of the weights that are not 0."""
    total = np.zeros((*x.shape[:-1], len(weights)), np.int64)
    for row, first, last in spans(weights):
        total[..., row] = (x[..., first:last] * weights[row, first:last]).sum(axis=-1)
    return total


def spans(weights: Array) -> list[tuple[int, int, int]]:
    """(row, first, behind the last) of the weights of each row that are not 0."""
    found = []
    for row, numbers in enumerate(weights):
        there = np.flatnonzero(numbers)
        found.append((row, int(there[0]), int(there[-1]) + 1) if len(there) else (row, 0, 0))
    return found


def _weights(call: Call) -> tuple[Any, ...]:
    return call.args[0], call.constants[call.op.bias]


def _weights_and_n(call: Call) -> tuple[Any, ...]:
    return call.args[0], call.constants[call.op.bias], call.op.n


def _bands(op: Op, args: list[Bounds], constants: Constants) -> Bounds:
    weights = constants[op.bias]
    low, high = args[0]
    ends = weights * low, weights * high
    half = 1 << (op.n - 1)
    least, most = (np.minimum(*ends).sum(axis=1), np.maximum(*ends).sum(axis=1))
    edges = (least + half >> op.n, most + half >> op.n)
    return tuple(limited(e, -INT32_MAX - 1, INT32_MAX) for e in edges)  # type: ignore[return-value]


def _is_banded(op: Op, length: int, lengths: Sequence[int], constants: Constants) -> str:
    return long_of(length, lengths, fits=(length, lengths[0]) == constants[op.bias].shape)


def _band_power(op: Op, _: list[Bounds], constants: Constants) -> Bounds:
    """Power of 44 bits times weights of 17 are sums of 61; a mantissa has 31 bits."""
    weights = constants[op.bias]
    most = np.where(weights > 0, INT32_MAX, 0).max(axis=1)
    least = np.where(weights < 0, -INT32_MAX - 1, 0).min(axis=1)
    ends = np.zeros(len(weights), np.int64), np.full(len(weights), MOST_BAND_PLACES)
    return np.concatenate([least, ends[0]]), np.concatenate([most, ends[1]])


def _is_band_power(op: Op, length: int, lengths: Sequence[int], constants: Constants) -> str:
    rows, bins = constants[op.bias].shape
    return long_of(length, lengths, fits=(length, lengths[0]) == (2 * rows, 2 * bins))


def _bands_arrays(op: Op, constants: Constants, _: bool) -> tuple[CalledArray, ...]:
    weights = constants[op.bias]
    found = spans(weights)
    ends = np.array([(first, last - first) for _, first, last in found])
    kept = [weights[row, first:last] for row, first, last in found]
    return (
        CalledArray("bands", ends, "first bin and number of bins of a band", "int16_t"),
        CalledArray("weights", np.concatenate(kept), "weights of bands, end to end", "int16_t"),
    )


def _power_work(_: Op, __: Constants, length: int) -> dict[str, float]:
    return {"number looked through": 2 * length, "bin of power": length}


def _rfft_work(op: Op, __: Constants, _: int) -> dict[str, float]:
    count = op.count // 2
    steps = (count.bit_length() - 1) // 2
    pairs = {"pair of samples": count, "bin taken apart": count / 2}
    return {**pairs, "step of four": count / 4 * steps}


def _rfft_of_sums_work(op: Op, constants: Constants, length: int) -> dict[str, float]:
    taps, samples = np.atleast_2d(constants[op.bias]).shape
    return {**_rfft_work(op, constants, length), "product of a tap": (taps - 1) * samples}


def _band_power_work(op: Op, constants: Constants, _: int) -> dict[str, float]:
    weights = constants[op.bias]
    kept = sum(last - first for _, first, last in spans(weights))
    numbers = 2 * weights.shape[1]
    return {"number looked through": numbers, "weight of power": kept, "band": len(weights)}


def _bands_work(op: Op, constants: Constants, _: int) -> dict[str, float]:
    weights = constants[op.bias]
    kept = sum(last - first for _, first, last in spans(weights))
    return {"weight of a band": kept, "plain band": len(weights)}


FFT = ("le_fft", "le_fft_two", "le_fft_fours", "le_fft_four", "le_fft_apart", "le_turn")
RFFT = Spelling(
    "le_rfft(&{0}[{first}], {window}, {taken}, {waves}, {places}, {frame}, {n}, {result})",
    ("le_rfft", *FFT),
)
RFFT_OF_SUMS = Spelling(
    "le_rfft_of_sums(&{0}[{first}], {window}, {taps}, {taken}, {waves}, {places}, {frame}, {n}, "
    "{result})",
    ("le_rfft_of_sums", *FFT),
)
POWER = Spelling("le_power({0}, {units}, {result})", ("le_power", "le_spare"))
POWER_FLOAT = Spelling("le_power({0}, {units}, {result})", ("le_power",))

# bias: the window, of 16 bits; n: the bits that its products lose; count: the frame's length;
# stride: the first number of the operand that is read
_RFFT = Operation(
    "rfft",
    integer=rfft,
    real=rfft_float,
    bind=_frame,
    bounds=_rfft,
    on_the_way=spectrum_on_the_way.transformed(rfft_reach),
    wants=(NARROW,),
    misfit=_is_transform,
    c=RFFT,
    c_float=RFFT,
    form=Form.CALL,
    reads=Reads.WHOLE,
    arrays=_rfft_arrays,
    work=_rfft_work,
)
_RFFT_OF_SUMS = replace(
    _RFFT, name="rfft_of_sums", c=RFFT_OF_SUMS, c_float=RFFT_OF_SUMS, work=_rfft_of_sums_work
)
"""The same of a window [taps, samples]."""

RECORDS = (
    _RFFT,
    _RFFT_OF_SUMS,
    Operation(
        "raised_power",
        integer=raised_power,
        bounds=_raised_power,
        on_the_way=spectrum_on_the_way.squared,
        wants=(SYMMETRIC,),
        misfit=_is_raised,
        c=POWER,
        form=Form.CALL,
        reads=Reads.WHOLE,
        work=_power_work,
    ),
    Operation(
        "power",
        real=power_float,
        misfit=_is_half,
        c_float=POWER_FLOAT,
        form=Form.CALL,
        reads=Reads.WHOLE,
    ),
    # bias: weights [rows, bins] of 16 bits
    Operation(
        "band_power",
        integer=band_power,
        bind=_weights,
        bounds=_band_power,
        on_the_way=spectrum_on_the_way.weighed(LOST_BITS),
        wants=(SYMMETRIC,),
        misfit=_is_band_power,
        c=Spelling(
            "le_band_power({0}, {inputs}, {bands}, {weights}, {units}, {result})",
            ("le_band_power", "le_spare"),
        ),
        form=Form.CALL,
        reads=Reads.WHOLE,
        arrays=_bands_arrays,
        work=_band_power_work,
    ),
    # bias: weights [rows, bins] of 16 bits; n: the bits that sums lose
    Operation(
        "bands",
        integer=bands,
        bind=_weights_and_n,
        bounds=_bands,
        on_the_way=spectrum_on_the_way.banded,
        misfit=_is_banded,
        c=Spelling("le_bands({0}, {bands}, {weights}, {units}, {n}, {result})", ("le_bands",)),
        form=Form.CALL,
        reads=Reads.WHOLE,
        arrays=_bands_arrays,
        work=_bands_work,
    ),
)
