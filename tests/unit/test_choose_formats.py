"""Formats are chosen before a program is made, and say where their ranges come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_edge.formats import Format
from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.chosen import format_lines
from lstm_edge.ir.model import Floats, Layer, Model, StatePart, StatePort, is_a
from lstm_edge.ir.serialize import from_bytes, to_bytes
from lstm_edge.passes.calibrate import Ranges, calibrate
from lstm_edge.passes.choose_formats import choose_formats
from lstm_edge.passes.formats import activation
from lstm_edge.passes.lower_integer import lowered
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from tests.support.choices import PLAIN
from tests.support.models import random_inputs, random_model
from tests.support.schemes import COMBINATIONS, mixed, sampled_model


def ranges_of(model: Model, from_data: bool, given: Mapping[str, Floats] | None = None) -> Ranges:
    feed = Feed.of_samples(given or random_inputs(model, 6))
    return calibrate(lower_real(model), feed, from_data=from_data)


def reach(fmt: Format) -> float:
    return fmt.magnitude * fmt.unit


def plain(**choices: Any) -> Model:
    return random_model(970, **{**PLAIN, "front": (), "cut": (), "also": (), **choices})


def starting_at(model: Model, first: np.float32) -> Model:
    """The model with a first value of h in its layer `lstm0`."""
    initial = {"h": np.full(4, first)}
    nodes = tuple(
        replace(n, op=replace(n.op, initial=initial)) if is_a(n, Layer) and n.name == "lstm0" else n
        for n in model.nodes
    )
    return replace(model, nodes=nodes)


@pytest.mark.parametrize("number", range(36))
def test_a_program_has_the_formats_that_were_chosen(number: int) -> None:
    model = sampled_model(number)
    options = mixed(model, COMBINATIONS[number * 7 % 36], number)
    ranges = ranges_of(model, number % 3 > 0)
    formats = choose_formats(model, ranges, options)
    program = lowered(model, ranges, options).program
    chosen = {**formats.inputs, **formats.states}
    chosen |= {f"{name}_narrow": each for name, each in formats.narrow.items()}
    assert chosen
    for name, each in chosen.items():
        if name in program.values:
            assert program.values[name].format == each.format
            assert program.chosen[name] == each.why
    for state in program.states:
        if state.name in chosen:
            made, wanted = program.values[state.next].format, chosen[state.name].format
            assert (made.scale, made.zero_point) == (wanted.scale, wanted.zero_point)
    assert program.chosen.keys() <= program.values.keys()
    assert from_bytes(to_bytes(program)).chosen == program.chosen


@pytest.mark.parametrize("from_data", [True, False])
def test_what_nothing_can_exceed_is_proved(from_data: bool) -> None:
    """o * tanh(c) is below 1; a learned state may start beyond that."""
    model = plain(cell="plain", hidden=(4,), initial=False)
    state = choose_formats(model, ranges_of(model, from_data), Options()).states
    assert state["lstm0.h"].why == "proved"
    assert reach(state["lstm0.h"].format) >= 1.0
    learned = starting_at(model, np.float32(3.0))
    state = choose_formats(learned, ranges_of(learned, from_data), Options()).states
    assert state["lstm0.h"].why == "proved"
    assert reach(state["lstm0.h"].format) >= 3.0


def test_what_nothing_bounds_is_calibrated_or_assumed() -> None:
    model = plain(cell="plain", hidden=(4,))
    given = {"x": random_inputs(model, 6)["x"] * np.float32(50.0)}
    for from_data, why in ((True, "calibrated"), (False, "assumed")):
        formats = choose_formats(model, ranges_of(model, from_data, given), Options())
        assert formats.inputs["x"].why == why
    fmt = choose_formats(model, ranges_of(model, True, given), Options()).inputs["x"].format
    length = given["x"].shape[-1]
    low = (fmt.low - fmt.zero_points(length)) * fmt.scales(length)
    high = (fmt.high - fmt.zero_points(length)) * fmt.scales(length)
    assert (low <= given["x"].min(axis=(0, 1))).all()
    assert (high >= given["x"].max(axis=(0, 1))).all()


@pytest.mark.parametrize(("largest", "why"), [(0.5, "calibrated"), (0.498, "assumed")])
def test_a_cell_state_of_16_bits_has_twice_what_was_seen_and_1_at_least(
    largest: float, why: str
) -> None:
    model = plain(cell="plain")
    ranges = ranges_of(model, from_data=True)
    ends = np.full(len(ranges.low["lstm0.c"]), largest)
    low, high = {**ranges.low, "lstm0.c": -ends}, {**ranges.high, "lstm0.c": ends}
    found = choose_formats(model, replace(ranges, low=low, high=high), Options(12, 16))
    chosen = found.states["lstm0.c"]
    assert (reach(chosen.format), chosen.why) == (1.0, why)


def test_a_running_sum_has_room_for_all_steps_and_those_that_padding_adds() -> None:
    model = plain()
    formats = choose_formats(model, ranges_of(model, from_data=True), Options())
    for steps, padding, bits in ((100, 28, 7), (100, 29, 8), (128, 0, 7), (None, 0, 12)):
        room = replace(formats, steps=steps, padding=padding)
        assert room.running(1.0, 2.0**-15, grows=True).format.unit == 2.0 ** (bits - 30)
        assert room.running(1.0, 0.3 * 2.0**-15, grows=False).format.unit == 2.0**-17


def test_an_int32_cell_state_has_the_room_that_is_assumed() -> None:
    model = plain(cell="plain", hidden=(4,))
    chosen = choose_formats(model, ranges_of(model, True), Options()).states["lstm0.c"]
    assert chosen.why == "assumed"
    assert reach(chosen.format) > 2047.0
    narrow = choose_formats(model, ranges_of(model, True), Options(cell_state=16)).states["lstm0.c"]
    assert reach(narrow.format) < 2047.0


def test_integers_are_as_the_file_says() -> None:
    model = plain(rows=7, ids=2)
    formats = choose_formats(model, ranges_of(model, True), Options())
    assert formats.inputs["x"].why == "given"
    assert formats.inputs["x"].format.high == 6
    assert {table.why for table in formats.tables.values()} == {"proved"}


@pytest.mark.parametrize(
    ("largest", "from_data", "bits", "why"),
    [
        (0.9, True, 12, "proved"),
        (9.0, True, 12, "calibrated"),
        (9.0, False, 12, "assumed"),
        (0.9, True, 8, "proved"),
        (0.9, False, 8, "assumed"),
    ],
)
def test_a_state_that_a_caller_sets_has_room_for_what_was_set(
    largest: float, from_data: bool, bits: int, why: str
) -> None:
    model = plain(cell="plain", hidden=(4,), initial=False)
    port = StatePort("h0", (1, 1, 4), (StatePart("lstm0", "h", (0, 1, 2, 3)),))
    seen = ranges_of(model, from_data)
    ends = {"lstm0.h": np.full(4, largest)}
    seen = replace(seen, low={**seen.low, **ends}, high={**seen.high, **ends})
    model = replace(model, state_inputs=(port,))
    chosen = choose_formats(model, seen, Options(bits)).states["lstm0.h"]
    assert chosen.why == why
    assert reach(chosen.format) >= largest


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_close_bound_is_taken_and_a_far_one_is_not(bits: int) -> None:
    assert activation(bits, 1.5, 1.6).why == "proved"
    assert activation(bits, 1.5, 1.6, from_data=False).why == "proved"
    assert activation(bits, 1.5, 100.0).why == "calibrated"
    assert activation(bits, 1.5, np.inf, from_data=False).why == "assumed"
    far = activation(bits, 1.5, 100.0, from_data=False)
    assert far.why == ("assumed" if bits == 8 else "proved")
    assert reach(activation(bits, 1.5, 1.6).format) >= 1.6 * 127 / 128


def test_a_mixed_state_is_listed_in_both_forms_and_a_renewed_one_once() -> None:
    model = plain(cell="gru", hidden=(4,))
    ranges = ranges_of(model, True)
    program = lowered(model, ranges, Options()).program
    names = [line.name for line in format_lines(program)]
    assert names[:3] == ["input x", "gru0.h", "gru0.h_narrow"]
    assert len(set(names)) == len(names)
    assert not [name for name in names if "_next" in name]
    assert format_lines(lower_real(model)) == ()
