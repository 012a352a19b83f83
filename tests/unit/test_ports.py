"""Between a user's arrays and stored vectors: layouts, quantizing, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.errors import DataError
from lstm_edge.formats import FLOAT32, saturated
from lstm_edge.interpret.ports import (
    dequantize,
    from_vectors,
    quantize,
    quantizing_constants,
    read_inputs,
    to_vectors,
)
from lstm_edge.ir.program import FORWARD, Port, Program, Value

Array = npt.NDArray[Any]

SAMPLES, STEPS, FEATURES = 3, 5, 2

LAYOUTS = {
    "batch first": (("batch", "time", "feature"), (1, -1, 2), "nbtf"),
    "batch first, fixed": (("batch", "time", "feature"), (1, 5, 2), "nbtf"),
    "time major": (("time", "batch", "feature"), (-1, 1, 2), "ntbf"),
    "feature before time": (("batch", "feature", "time"), (1, 2, -1), "nbft"),
    "no batch": (("time", "feature"), (-1, 2), "ntf"),
    "with a unit axis": (("batch", "unit", "time", "feature"), (1, 1, -1, 2), "nbutf"),
}
each_layout = pytest.mark.parametrize("layout", LAYOUTS)


def port(axes: tuple[str, ...], shape: tuple[int, ...], per_step: bool = True) -> Port:
    ones, zeros = np.ones(FEATURES), np.zeros(FEATURES, np.int64)
    return Port("x", "x", axes, shape, per_step, ones, zeros)


def program(p: Port, bits: int = 12, *, is_float: bool = False) -> Program:
    fmt = FLOAT32 if is_float else saturated(1.0, bits)
    values = {p.value: Value(p.value, len(p.scale), fmt)}
    scheme = "float32" if is_float else "int8"
    return Program("net", scheme, (p,), (), (), values, {}, (FORWARD,), (), None)


def numbered() -> Array:
    """Vectors [samples, steps, features] of which each number tells its place."""
    return np.arange(SAMPLES * STEPS * FEATURES).reshape(SAMPLES, STEPS, FEATURES)


def laid_out(order: str) -> Array:
    """The same as a user's file has it, by the order of its axes."""
    vectors = numbered()[:, None, None]  # n b u t f
    dropped = tuple(k for k, axis in enumerate("nbutf") if axis not in order)
    kept = [axis for axis in "nbutf" if axis in order]
    return np.transpose(np.squeeze(vectors, dropped), [kept.index(axis) for axis in order])


@each_layout
def test_an_array_of_any_layout_becomes_vectors(layout: str) -> None:
    axes, shape, order = LAYOUTS[layout]
    assert np.array_equal(to_vectors(port(axes, shape), laid_out(order)), numbered())


@each_layout
def test_vectors_become_an_array_of_any_layout(layout: str) -> None:
    axes, shape, order = LAYOUTS[layout]
    found = from_vectors(port(axes, shape), numbered())
    assert found.shape == laid_out(order).shape
    assert np.array_equal(found, laid_out(order))


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        (("batch", "feature"), (1, 2)),
        (("feature",), (2,)),
        (("unit", "batch", "feature"), (1, 1, 2)),
    ],
)
def test_a_vector_after_the_last_step_has_no_time_axis(
    axes: tuple[str, ...], shape: tuple[int, ...]
) -> None:
    found = from_vectors(port(axes, shape, per_step=False), numbered()[:, 0])
    assert found.shape == (SAMPLES, *shape)
    assert np.array_equal(found.reshape(SAMPLES, FEATURES), numbered()[:, 0])


def test_all_steps_flattened_are_one_axis() -> None:
    p = port(("batch", "time*feature"), (1, STEPS * FEATURES))
    assert np.array_equal(from_vectors(p, numbered()).reshape(numbered().shape), numbered())


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((1, -1, 2), (3, 5, 2)),
        ((1, -1, 2), (3, 1, 5, 4)),
        ((1, -1, 2), (3, 2, 5, 2)),
        ((1, 5, 2), (3, 1, 4, 2)),
        ((1, -1, 2), (2,)),
    ],
)
def test_an_array_that_does_not_fit_is_refused_with_both_shapes(
    shape: tuple[int, ...], found: tuple[int, ...]
) -> None:
    p = port(("batch", "time", "feature"), shape)
    with pytest.raises(DataError) as caught:
        to_vectors(p, np.zeros(found))
    text = str(caught.value)
    assert "'x'" in text
    assert str(list(found)) in text
    assert f"[samples, {', '.join('any' if n < 0 else str(n) for n in shape)}]" in text
    assert "\n" not in text


PORT = port(("batch", "time", "feature"), (1, -1, 2))
GOOD = np.zeros((SAMPLES, 1, STEPS, FEATURES), np.float32)


def refusal(arrays: dict[str, Array], p: Program | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read_inputs(p or program(PORT), arrays)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_by_the_name_of_the_array(bad: float) -> None:
    array = GOOD.copy()
    array[1, 0, 3, 1] = bad
    assert "'x' holds NaN, infinite numbers" in refusal({"x": array})


def test_numbers_too_large_for_float32_are_refused() -> None:
    """They would become infinite on the way in."""
    refusal({"x": np.full(GOOD.shape, 1e300)})


@pytest.mark.parametrize("kind", [np.str_, np.complex64, object, np.bool_])
def test_an_array_of_other_things_than_numbers_is_refused(kind: type) -> None:
    assert "'x'" in refusal({"x": GOOD.astype(kind)})


def test_a_missing_array_is_named_with_those_that_are_there() -> None:
    text = refusal({"b": GOOD, "a": GOOD})
    assert "'x'" in text
    assert "a, b" in text
    assert "nothing" in refusal({})


@pytest.mark.parametrize("shape", [(0, 1, 5, 2), (3, 1, 0, 2)])
def test_no_samples_or_no_steps_are_refused(shape: tuple[int, ...]) -> None:
    assert "at least 1" in refusal({"x": np.zeros(shape)})


@pytest.mark.parametrize("other", [(2, 1, 5, 2), (3, 1, 4, 2)])
def test_inputs_that_disagree_in_length_are_refused(other: tuple[int, ...]) -> None:
    second = replace(PORT, name="z", value="z")
    two = replace(program(PORT), inputs=(PORT, second))
    assert "disagree" in refusal({"x": GOOD, "z": np.zeros(other)}, two)


@pytest.mark.parametrize("kind", [np.float64, np.float16, np.int8, np.uint8, np.int64])
def test_any_real_type_is_read_as_float32(kind: type) -> None:
    found = read_inputs(program(PORT), {"x": (GOOD + 3).astype(kind)})
    assert found["x"].dtype == np.float32
    assert np.all(found["x"] == 3.0)


SENSORS = replace(PORT, scale=np.array([0.25, 2.0**-7 / 3.0]), zero_point=np.array([-100, 7]))


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_quantizing_goes_to_the_nearest_stored_number_of_each_feature(bits: int) -> None:
    p = program(SENSORS, bits)
    rng = np.random.default_rng(0)
    low, high = p.values["x"].format.low, p.values["x"].format.high
    inside = rng.uniform(low - SENSORS.zero_point, high - SENSORS.zero_point, (1000, 2))
    real = (inside * SENSORS.scale).astype(np.float32)
    q = quantize(p, SENSORS, real)
    assert q.dtype == np.int64
    assert q.min() >= low
    assert q.max() <= high
    error = SENSORS.scale * (q - SENSORS.zero_point) - real
    assert np.all(np.abs(error) <= SENSORS.scale * (0.5 + 2.0**-8 + 2.0**-24 * high * 4))


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_stored_numbers_survive_being_real(bits: int) -> None:
    p = program(SENSORS, bits)
    fmt = p.values["x"].format
    q = np.stack([np.arange(fmt.low, fmt.high + 1)] * 2, axis=-1)
    real = (SENSORS.scale * (q - SENSORS.zero_point)).astype(np.float32)
    assert np.array_equal(quantize(p, SENSORS, real), q)


def test_quantizing_saturates_at_both_ends_however_far_away() -> None:
    p = program(SENSORS, 12)
    far = np.array([[1e3, 1e3], [-1e3, -1e3], [3e38, 3e38], [-3e38, -3e38]], np.float32)
    assert quantize(p, SENSORS, far).tolist() == [[2047] * 2, [-2048] * 2] * 2


def test_halves_between_two_stored_numbers_go_up() -> None:
    p = program(PORT, 8)
    real = np.array([[0.5, -0.5], [1.5, -1.5], [126.5, -127.5]], np.float32)
    assert quantize(p, PORT, real).tolist() == [[1, 0], [2, -1], [127, -127]]


def test_the_real_number_at_stored_zero_is_the_centre() -> None:
    centre, units = quantizing_constants(SENSORS)
    assert centre.tolist() == [25.0, float(np.float32(-7 * SENSORS.scale[1]))]
    assert units.tolist() == [1024.0, float(np.float32(256 / SENSORS.scale[1]))]
    assert centre.dtype == units.dtype == np.float32


def test_outputs_become_real_by_their_scale() -> None:
    p = replace(PORT, scale=np.array([0.5, 2.0**-15]))
    real = dequantize(program(p), p, np.array([[3, -32768], [-1, 1]]))
    assert real.dtype == np.float32
    assert real.tolist() == [[1.5, -1.0], [-0.5, 2.0**-15]]


def test_float_programs_take_and_give_numbers_as_they_are() -> None:
    p = program(PORT, is_float=True)
    real = np.array([[0.1, -1e30]], np.float32)
    assert np.array_equal(quantize(p, PORT, real), real)
    assert np.array_equal(dequantize(p, PORT, real), real)
