"""What is widened, and what it is called, on attempts whose cost and error are made up."""

from __future__ import annotations

from dataclasses import replace
from math import log10

import pytest

from lstm_edge.errors import QuantizationError
from lstm_edge.passes.options import Options, Widths
from lstm_edge.search.widen import (
    EVERY,
    NOTHING,
    Kinds,
    Matrices,
    gain_of,
    gain_text,
    widened,
    wider_text,
)
from lstm_edge.search.widths import Attempt, Bound, Judged

LAYERS = (Matrices("lstm", ("R_i", "R_f"), ("W_i",)), Matrices("fc", (), ("W_y",)))
SIZES = {"R_i": 400, "R_f": 400, "W_i": 900, "W_y": 100}
USUAL = Options()


def attempt(options: Options, matrix: str = "R_f", states: float = 0.0) -> Attempt[str]:
    """Nearly all of the noise comes from one matrix, and from the states of the lstm."""
    noise, flash = 1e-6, 0
    for each in LAYERS:
        own = options.of(each.layer)
        for name in (*each.recurrent, *each.others):
            wide = own.weights == 16 or name in own.doubled
            noise += (1e-2 if name == matrix else 1e-5) / (4.0**8 if wide else 1.0)
            flash += SIZES[name] * (2 if wide else 1)
    noise += states if options.of("lstm").activations < 16 else 0.0
    return Attempt(options, "", flash, 0, 0, Judged(-10.0 * log10(noise)))


def found(bound: float, kinds: Kinds = EVERY, **noise: float) -> Attempt[str]:
    def one(options: Options) -> Attempt[str]:
        return attempt(options, **noise)  # type: ignore[arg-type]

    return widened(one(USUAL), Bound(bound), LAYERS, kinds, one)[0]


def test_nothing_is_widened_where_the_bound_holds() -> None:
    start = attempt(USUAL)
    best, tried = widened(start, Bound(19.0), LAYERS, EVERY, attempt)
    assert best is start
    assert tried == ()


def test_widths_that_hold_no_network_are_passed_over() -> None:
    def made(options: Options) -> Attempt[str]:
        if options.activations == 16:
            raise QuantizationError("scale the input down")
        return attempt(options)

    best, tried = widened(made(USUAL), Bound(36.0), LAYERS, EVERY, made)
    assert best.options == Options(layers={"lstm": Widths(doubled=("R_f",))})
    assert tried


def test_the_one_matrix_that_the_error_hangs_on_is_widened_and_no_other() -> None:
    best = found(36.0)
    assert best.options == Options(layers={"lstm": Widths(doubled=("R_f",))})
    assert best.judged.decibels > 36.0


def test_a_matrix_of_the_input_is_found_as_well() -> None:
    best, _ = widened(
        attempt(USUAL, "W_y"), Bound(36.0), LAYERS, EVERY, lambda o: attempt(o, "W_y")
    )
    assert best.options.layers == {"fc": Widths(16, 12)}


def test_weights_and_activations_go_together_where_neither_helps_alone() -> None:
    best = found(36.0, states=1e-2)
    assert best.options.of("lstm").activations == 16
    assert best.judged.decibels > 36.0
    assert best.options.of("fc") == Widths()


def test_all_at_once_is_taken_where_a_second_kernel_takes_more() -> None:
    def one(options: Options) -> Attempt[str]:
        mixed = any(own.doubled or own.weights == 16 for own in options.layers.values())
        return replace(attempt(options), code=2000 if mixed else 0)

    best, _ = widened(one(USUAL), Bound(36.0), LAYERS, EVERY, one)
    assert best.options == Options(weights=16, activations=16)


def test_all_at_once_is_taken_where_nothing_else_was_found_to_hold() -> None:
    def one(options: Options) -> Attempt[str]:
        every = options == Options(weights=16, activations=16)
        return attempt(options) if every else replace(attempt(USUAL), options=options)

    best, _ = widened(one(USUAL), Bound(36.0), LAYERS, EVERY, one, most=3)
    assert best.judged.decibels > 36.0


def test_what_may_not_be_widened_stays_as_it_is() -> None:
    assert found(36.0, NOTHING).options == USUAL
    only = found(36.0, Kinds(weights=True, activations=False), states=1e-3)
    assert only.options.of("lstm").activations == 12


def test_one_program_says_that_nothing_helps() -> None:
    def same(options: Options) -> Attempt[str]:
        return replace(attempt(USUAL), options=options)

    best, tried = widened(attempt(USUAL), Bound(36.0), LAYERS, EVERY, same)
    assert best.options == USUAL
    assert len(tried) == 1


def test_no_more_programs_are_made_than_allowed() -> None:
    _, tried = widened(attempt(USUAL), Bound(99.0), LAYERS, EVERY, attempt, most=4)
    assert len(tried) == 4


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ({"lstm": Widths(doubled=("R_i", "R_f"))}, "weights of lstm.R in 16 bits"),
        ({"lstm": Widths(doubled=("R_f",))}, "weights of lstm.R_f in 16 bits"),
        ({"lstm": Widths(16, 16)}, "weights and activations of lstm in 16 bits"),
        (
            {"lstm": Widths(8, 16, ("R_f",)), "fc": Widths(16, 12)},
            "weights of lstm.R_f and fc and activations of lstm in 16 bits",
        ),
        ({"lstm": Widths(16, 12), "fc": Widths(16, 12)}, "weights of all layers in 16 bits"),
    ],
)
def test_it_is_told_what_is_wider(layers: dict[str, Widths], text: str) -> None:
    assert wider_text(USUAL, Options(layers=layers), LAYERS) == text


def test_it_is_told_what_it_brings_and_costs() -> None:
    start, best = attempt(USUAL), found(36.0)
    text = gain_text(gain_of("weights of lstm.R_f in 16 bits", start, best))
    assert text == "weights of lstm.R_f in 16 bits: 20.0 -> 45.1 dB for 400 bytes"
