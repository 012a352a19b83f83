"""The automatic choice of widths, on attempts whose cost and error are made up."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import pytest

from lstm_edge.errors import BudgetError, QuantizationError
from lstm_edge.passes.options import Options, Widths
from lstm_edge.search.fitting import best_within
from lstm_edge.search.widths import (
    Attempt,
    Bound,
    Judged,
    Mix,
    Space,
    describe,
    judged_text,
    missed,
    search,
)

SIZES = {"lstm": 1000, "fc": 100}
"""Weights of the layers of a made-up model."""
SPACE = Space(Options(), (4, 8, 16), (8, 12, 16), ("lstm", "fc"))


def attempt(options: Options) -> Attempt[str]:
    """Each layer brings the noise of its widths; 8-bit activations take more instructions."""
    noise, flash, instructions = 0.0, 0, 0
    for layer, size in SIZES.items():
        widths = options.of(layer)
        noise += size * (4.0**-widths.weights + 4.0**-widths.activations)
        flash += size * widths.weights // 8
        instructions += size * (3 if widths.activations == 8 else 2)
    return Attempt(options, describe(options), flash, instructions, 0, Judged(-noise))


def refused(nearest: Attempt[str]) -> Attempt[str]:
    raise missed(nearest, Bound(50.0), "give more")


def found(bound: float, space: Space = SPACE) -> Attempt[str]:
    best, _ = search(space, Bound(bound), attempt, lambda _, __: None, refused)
    return best


def error(options: Options) -> float:
    return attempt(options).judged.decibels


def test_the_narrowest_weights_that_hold_are_taken_and_then_the_fewest_instructions() -> None:
    assert found(-1e9).options == Options(weights=4, activations=12, layers={})
    assert found(error(Options(weights=8, activations=12))).options.weights == 8


def test_a_layer_is_narrower_where_the_bound_leaves_room_for_it() -> None:
    mixed = Options(weights=8, activations=12, layers={"fc": Widths(4, 12)})
    assert error(Options(weights=4, activations=16)) < error(mixed)
    assert found(error(mixed)).options == mixed
    assert found(error(mixed) + 1e-9).options == Options(weights=8, activations=12)


def test_the_result_holds_the_bound_and_no_layer_could_be_narrower() -> None:
    for decibels in (-5.0, -1.0, -0.5, -0.1, -0.01):
        best = found(decibels)
        assert best.judged.decibels >= decibels
        for layer in SIZES:
            now = best.options.of(layer)
            for bits in (b for b in SPACE.weights if b < now.weights):
                layers = {**best.options.layers, layer: Widths(bits, now.activations)}
                narrower = attempt(
                    Options(best.options.activations, 32, best.options.weights, layers=layers)
                )
                assert narrower.judged.decibels < decibels


def test_a_layer_is_half_as_wide_with_some_of_its_matrices_doubled() -> None:
    def noisy(options: Options) -> Attempt[str]:
        """All of the noise comes from one matrix."""
        own = options.of("lstm")
        wide = own.weights == 16 or "R_f" in own.doubled
        flash = 1000 * own.weights // 8 + 100 * len(own.doubled)
        return Attempt(options, "", flash, 0, 0, Judged(50.0 if wide else 20.0))

    space = Space(Options(), (8, 16), (12,), ("lstm",), {"lstm": (("R_f",), ("W_f",))})
    best, tried = search(space, Bound(40.0), noisy, lambda _, __: None, refused)
    assert best.options.of("lstm") == Widths(8, 12, ("R_f",))
    assert len(tried) <= space.most_attempts
    assert describe(best.options).endswith(" lstm:weights=int8 lstm.R_f:weights=int16")


def test_what_holds_otherwise_is_taken_where_no_width_does() -> None:
    wide = attempt(Options(weights=16, activations=16))
    better = replace(wide, judged=Judged(60.0))
    best, tried = search(SPACE, Bound(50.0), attempt, lambda _, __: None, lambda _: better)
    assert best is better
    assert best in tried


def test_what_is_given_stays_as_it_is() -> None:
    only = Space(Options(weights=16, activations=8), (16,), (8,), ("lstm", "fc"))
    best = found(-1e9, only)
    assert (best.options.weights, best.options.activations, best.options.layers) == (16, 8, {})


def test_all_that_was_tried_is_listed_and_told_as_progress() -> None:
    told: list[tuple[int, int]] = []
    best, tried = search(
        SPACE, Bound(-0.5), attempt, lambda done, most: told.append((done, most)), refused
    )
    assert [done for done, _ in told] == list(range(1, len(tried) + 1))
    assert all(most == SPACE.most_attempts >= len(tried) for _, most in told)
    assert best in tried


def test_a_bound_that_nothing_holds_names_the_best() -> None:
    with pytest.raises(BudgetError) as caught:
        search(SPACE, Bound(50.0), attempt, lambda _, __: None, refused)
    text = str(caught.value)
    assert "no widths hold an SQNR of 50 dB" in text
    assert "weights=int16 activations=16" in text


def not_in(*bits: int) -> Callable[[Options], Attempt[str]]:
    """Attempts of a network that weights of these bits do not hold in any layer."""

    def made(options: Options) -> Attempt[str]:
        if any(options.of(layer).weights in bits for layer in SIZES):
            raise QuantizationError("scale the weights down")
        return attempt(options)

    return made


def test_widths_that_hold_no_network_are_passed_over() -> None:
    def no_mix() -> Mix:
        raise QuantizationError("scale the weights down")

    for space in (SPACE, replace(SPACE, mix=no_mix)):
        best, tried = search(space, Bound(-1e9), not_in(4), lambda _, __: None, refused)
        assert best.options == Options(weights=8, activations=12)
        best, fitting = best_within(10_000, space, not_in(4), lambda _, __: None)
        assert best.options == Options(weights=16, activations=16)
        assert not any(each.options.weights == 4 for each in (*tried, *fitting))


def test_where_no_width_holds_a_network_it_is_said_why() -> None:
    with pytest.raises(QuantizationError, match="scale the weights down"):
        search(SPACE, Bound(-1e9), not_in(4, 8, 16), lambda _, __: None, refused)
    with pytest.raises(QuantizationError, match="scale the weights down"):
        best_within(10_000, SPACE, not_in(4, 8, 16), lambda _, __: None)


def test_widths_that_were_given_are_not_said_to_be_all() -> None:
    text = str(missed(attempt(Options()), Bound(50.0), "give more", given=True))
    assert text.startswith("weights=int8 activations=12 do not hold an SQNR of 50 dB: the worst ")


@pytest.mark.parametrize(
    ("bound", "judged", "holds"),
    [
        (Bound(40.0), Judged(40.0), True),
        (Bound(40.0), Judged(39.9), False),
        (Bound(None, 1.0), Judged(0.0, 1.0), True),
        (Bound(None, 1.0), Judged(99.0, 1.01), False),
        (Bound(40.0, 1.0), Judged(39.0, 0.0), False),
        (Bound(40.0, 1.0), Judged(41.0, 2.0), False),
        (Bound(40.0, 1.0), Judged(41.0, -2.0), True),
    ],
)
def test_both_bounds_have_to_hold(bound: Bound, judged: Judged, holds: bool) -> None:
    assert judged.holds(bound) is holds


def test_widths_are_described_as_on_the_command_line() -> None:
    layers = {"lstm": Widths(8, 8), "fc": Widths(4, 12)}
    text = describe(Options(12, 32, 8, layers=layers))
    assert text == "weights=int8 activations=12 lstm:activations=8 fc:weights=int4"
    assert judged_text(Judged(44.25)) == "44.2 dB"
    assert judged_text(Judged(44.0, -0.5)) == "44.0 dB, -0.50 points lost"


def test_what_is_neither_smaller_nor_faster_than_the_default_is_never_taken() -> None:
    def padded(options: Options) -> Attempt[str]:
        """Rows of 4 bits are padded to the size of those of 8, and take longer."""
        made = attempt(options)
        slow = 2 if options.weights == 4 else 1
        return Attempt(options, "", 1000, made.instructions * slow, 0, Judged(0.0))

    best, tried = search(SPACE, Bound(-1.0), padded, lambda _, __: None, refused)
    assert best.options == Options(weights=8, activations=12)
    assert len(tried) <= SPACE.most_attempts


@dataclass(frozen=True)
class Rows:
    """Ten matrices, each with half of the noise of the one before."""

    noises: tuple[float, ...] = tuple(2.0**-k for k in range(10))

    def options(self, usual: Options, wide: Collection[int]) -> Options:
        names = tuple(str(k) for k in sorted(wide))
        return replace(usual, weights=4, layers={"lstm": Widths(4, usual.activations, names)})


def of_matrices(options: Options) -> Attempt[str]:
    """The noise of those that have 4 bits."""
    own = options.of("lstm")
    narrow = [k for k in range(10) if own.weights == 4 and str(k) not in own.doubled]
    noise = sum(Rows().noises[k] for k in narrow)
    return Attempt(options, "", 2000 - 100 * len(narrow), 0, 0, Judged(-noise))


@pytest.mark.parametrize("count", [0, 1, 4, 9, 10])
def test_as_few_matrices_as_possible_have_8_bits(count: int) -> None:
    space = Space(Options(), (4, 8), (12,), ("lstm",), mix=Rows)
    bound = -sum(Rows().noises[count:]) if count else -9.0
    best, tried = search(space, Bound(bound), of_matrices, lambda _, __: None, refused)
    own = best.options.of("lstm")
    assert own == {
        0: Widths(4, 12),
        10: Widths(8, 12),
    }.get(count, Widths(4, 12, tuple(str(k) for k in range(count))))
    assert len(tried) <= space.most_attempts


def test_a_matrix_that_can_be_spared_is_narrow_after_all() -> None:
    def odd(options: Options) -> Attempt[str]:
        """The third does nothing, and the fourth is needed."""
        made = of_matrices(options)
        own = options.of("lstm")
        holds = own.weights == 8 or {"0", "1", "3"} <= set(own.doubled)
        return replace(made, judged=Judged(50.0 if holds else 0.0))

    space = Space(Options(), (4, 8), (12,), ("lstm",), mix=Rows)
    best, _ = search(space, Bound(40.0), odd, lambda _, __: None, refused)
    assert best.options.of("lstm").doubled == ("0", "1", "3")


def test_a_score_is_held_where_it_is_likely_to_be_held_elsewhere() -> None:
    def scored(options: Options) -> Attempt[str]:
        """4 bits lose nothing here, and will elsewhere."""
        likely = {4: 0.9, 8: 0.3, 16: 0.2}[options.weights]
        return replace(attempt(options), judged=Judged(50.0, 0.0, 0.0, "", likely))

    space = Space(Options(), (4, 8, 16), (12,), ())
    for points, weights in ((1.0, 4), (0.5, 8), (0.1, 8), (0.0, 8)):
        best, _ = search(space, Bound(None, points), scored, lambda _, __: None, refused)
        assert best.options.weights == weights, points


def test_the_best_that_fits_has_as_many_matrices_of_8_bits_as_there_is_room_for() -> None:
    space = Space(Options(), (4, 8), (12,), ("lstm",), mix=Rows)
    for room, wide in ((1000, 0), (1250, 2), (1900, 9)):
        best, tried = best_within(room, space, of_matrices, lambda _, __: None)
        assert best.flash <= room
        assert best.options.of("lstm").doubled == tuple(str(k) for k in range(wide))
        assert len(tried) <= space.most_attempts
    best, _ = best_within(2000, space, of_matrices, lambda _, __: None)
    assert best.options == Options()


def test_what_does_not_fit_in_any_width_says_how_small_it_is() -> None:
    space = Space(Options(), (4, 8), (12,), ("lstm",), mix=Rows)
    with pytest.raises(BudgetError, match=r"weights=int4 activations=12, take 1,000 bytes") as told:
        best_within(999, space, of_matrices, lambda _, __: None)
    assert "--max-flash leaves 999 beside the code" in str(told.value)
