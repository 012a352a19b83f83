"""Scales and zero points of inputs, against those that their rules give by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_edge.formats import Format
from lstm_edge.passes.input_formats import (
    AS_THEY_ARE,
    calibrated_format,
    drawn_format,
    power_of_two_format,
    samples_format,
)
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.readers import Scaling
from lstm_edge.rounding import Doubles
from tests.golden.cases import scaled_places
from tests.support.models import random_inputs
from tests.support.programs import quantized, real_outputs, sqnr_db

ONE = np.ones(1)


def array(*numbers: float) -> Doubles:
    return np.array(numbers, np.float64)


def meant(fmt: Format, *scales: float, points: tuple[int, ...] | None = None) -> None:
    """A format has these scales and zero points, and the whole range of its type."""
    assert fmt.scales(len(scales)).tolist() == pytest.approx(scales, rel=1e-12)
    wanted = [0] * len(scales) if points is None else list(points)
    assert fmt.zero_points(len(scales)).tolist() == wanted


def ends(fmt: Format) -> tuple[str, int, int]:
    return fmt.storage, fmt.low, fmt.high


@pytest.mark.parametrize(
    ("largest", "unit"),
    [
        (0.25, 2.0**-15),
        (1.0, 2.0**-15),
        (1.001, 2.0**-13),
        (2.0, 2.0**-13),
        (2.001, 2.0**-12),
        (63.9, 2.0**-8),
        (64.0, 1.0),
        (32768.0, 1.0),
        (32768.5, 2.0),
        (70000.0, 4.0),
    ],
)
def test_samples_of_audio_have_one_scale_with_room(largest: float, unit: float) -> None:
    fmt = samples_format(largest)
    assert (fmt.scale, fmt.zero_point) == (unit, 0)
    assert ends(fmt) == ("int16", -32768, 32767)


def test_without_data_8_bits_hold_16_and_others_256() -> None:
    columns = array(1.0, 50.0)
    for only_gates in (True, False):
        fmt = drawn_format(columns, only_gates, 8)
        meant(fmt, 16.0 / 127, 16.0 / 127)
        assert ends(fmt) == ("int8", -128, 127)
    for activations in (12, 16):
        fmt = drawn_format(columns, False, activations)
        meant(fmt, 256.0 / 32767, 256.0 / 32767)
        assert ends(fmt) == ("int16", -32768, 32767)


def test_without_data_gates_are_driven_to_64_and_at_least_8_is_held() -> None:
    """A feature without weights holds 256; one that hardly has any no more than 2**16."""
    fmt = drawn_format(array(4.0, 0.0, 8.0, 64.0, 2.0**-12), True, 12)
    meant(fmt, *(half / 32767 for half in (16.0, 256.0, 8.0, 8.0, 65536.0)))


def test_without_data_what_scales_an_input_moves_its_range() -> None:
    scaling = Scaling(middle=array(0.0, 30.0), gain=array(4.0, 0.5))
    fmt = drawn_format(array(1.0, 1.0), False, 8, scaling)
    meant(fmt, 4.0 / 127, 32.0 / 127, points=(0, -119))
    fmt = drawn_format(array(1.0, 1.0), False, 12, scaling)
    meant(fmt, 64.0 / 32767, 512.0 / 32767, points=(0, -1920))


def test_8_bits_hold_half_as_much_again_as_was_seen() -> None:
    """Around the middle where that is more than a quarter of the way off, else around 0."""
    fmt = calibrated_format(array(-1.0), array(2.0), ONE, 0.0, 8)
    meant(fmt, 2.25 / 127, points=(-28,))
    assert ends(fmt) == ("int8", -128, 127)
    meant(calibrated_format(array(-1.5), array(2.5), ONE, 0.0, 8), 2.5 * 1.5 / 127)
    meant(calibrated_format(array(-2.0), array(1.5), ONE, 0.0, 8), 3.0 / 127)
    fmt = calibrated_format(array(-9.0), array(-7.0), ONE, 0.0, 8)
    meant(fmt, 1.5 / 127, points=(677,))


@pytest.mark.parametrize(("activations", "share"), [(8, 0.5), (12, 1.0), (16, 1.0)])
def test_a_feature_that_stood_still_may_move_a_gate(activations: int, share: float) -> None:
    """As far as the strongest one does, or half of that; one without weights as far as any."""
    low, high = array(-3.0, -0.01, -0.02), array(3.0, 0.01, 0.02)
    found = calibrated_format(low, high, array(2.0, 4.0, 0.0), 0.0, activations).scales(3)
    assert (found / found[0]).tolist() == pytest.approx([1.0, share * 0.5, 1.0])


def test_a_feature_that_is_never_moved_has_a_scale_all_the_same() -> None:
    nothing = np.zeros(2)
    fmt = calibrated_format(nothing, nothing, nothing, 0.0, 8)
    meant(fmt, *[2.0**-10 * 1.5 / 127] * 2)
    fmt = calibrated_format(nothing, nothing, array(2.0, 0.5), 0.0, 8)
    meant(fmt, 0.25 * 1.5 / 127, 1.5 / 127)


def test_more_bits_hold_three_times_what_was_seen_or_more() -> None:
    """512 steps at 12 bits, 8192 at 16: the finest scale is only taken where nothing multiplies."""
    low, high = array(-2.0), array(2.0)
    meant(calibrated_format(low, high, ONE, 0.0, 12), 2.0 / 512)
    meant(calibrated_format(low, high, ONE, 0.0, 16), 2.0 / 8192)
    meant(calibrated_format(low, high, ONE, 0.0, 12, fine=True), 6.0 / 8191)
    meant(calibrated_format(low, high, ONE, 0.0, 16, fine=True), 6.0 / 32767)
    assert ends(calibrated_format(low, high, ONE, 0.0, 12)) == ("int16", -8192, 8191)
    assert ends(calibrated_format(low, high, ONE, 0.0, 16)) == ("int16", -32768, 32767)


def test_a_scale_is_balanced_against_the_other_operand_within_limits() -> None:
    low, high, columns = array(-2.0), array(2.0), array(4.0)
    meant(calibrated_format(low, high, columns, 0.012, 12), 0.003)
    meant(calibrated_format(low, high, columns, 0.0008, 12), 6.0 / 8191)
    meant(calibrated_format(low, high, columns, 1.0, 12), 2.0 / 512)


def test_a_power_of_two_holds_no_less() -> None:
    given = Format("int16", (0.3, 0.25, 3.0), -128, 127, (10, -8, 0))
    fmt = power_of_two_format(given, 3)
    meant(fmt, 0.5, 0.25, 4.0, points=(6, -8, 0))
    assert ends(fmt) == ends(given)


def test_a_feature_that_is_multiplied_by_0_is_multiplied() -> None:
    """No scale of its integers means 0; all others are scaled without work."""
    for last in (0.1, -0.1, 0.0):
        model = scaled_places(last)
        samples = random_inputs(model, 8, 6)
        with np.errstate(divide="raise"):
            program = quantized(model, samples, Options(16))
        kinds = {op.kind for block in program.blocks if block.layer == "norm" for op in block.ops}
        assert ("mul" in kinds or "mulw" in kinds) == (last == 0.0)
        exact = real_outputs(lower_real(model), samples)
        for name, found in real_outputs(program, samples).items():
            assert sqnr_db(exact[name], found) > 40.0


def test_integers_are_stored_as_files_have_them() -> None:
    found = {name: (f.storage, f.scale, f.low, f.high) for name, f in AS_THEY_ARE.items()}
    assert found == {
        "bool": ("int8", 1.0, 0, 1),
        "int8": ("int8", 1.0, -128, 127),
        "uint8": ("uint8", 1.0, 0, 255),
        "int16": ("int16", 1.0, -32768, 32767),
    }
