"""36 dB are held by default; what is given by hand is obeyed, with remedies that were tried."""

from __future__ import annotations

import re
from typing import Any

import pytest

import lstm_edge
from lstm_edge import BudgetError, Compiled
from lstm_edge.api.network import Network
from lstm_edge.passes.options import Options
from tests.support.poles import pole_inputs, pole_model

GAIN = re.compile(r"([\d.]+) -> ([\d.]+) dB(?: for ([\d,]+) bytes)?")


def compiled(pole: float = 1.0, **options: Any) -> Compiled:
    return lstm_edge.compile(
        Network(pole_model(pole)), target="cortex-m4", calibration=pole_inputs(), **options
    )


def decibels(made: Compiled) -> float:
    """Of the output, as `compile` measured it."""
    found = made.manifest["accuracy"]["outputs"]["y"]["sqnr_db"]
    assert found is not None
    return found


@pytest.fixture(scope="module")
def by_hand() -> Compiled:
    return compiled(weights=8)


@pytest.fixture(scope="module")
def default() -> Compiled:
    return compiled()


@pytest.mark.all_cases
@pytest.mark.parametrize("pole", [0.99, 1.0])
def test_a_pole_near_one_holds_36_decibels_by_default(pole: float) -> None:
    made = compiled(pole)
    assert decibels(made) >= 36.0
    assert made.manifest["widened"]["before_db"] < 36.0 <= made.manifest["widened"]["after_db"]
    assert made.warnings == ()


def test_what_was_widened_is_told_with_what_it_brought_and_cost(
    default: Compiled, by_hand: Compiled
) -> None:
    entry = default.manifest["widened"]
    line = next(line for line in str(default).splitlines() if line.startswith("  wider  "))
    assert entry["what"].startswith("weights ")
    assert f"{entry['before_db']:.1f} -> {entry['after_db']:.1f} dB" in " ".join(
        line.split() + str(default).split(line)[1].split()
    )
    assert default.cost.weights - by_hand.cost.weights == entry["bytes"] > 0


def test_weights_by_hand_are_obeyed_with_a_warning(by_hand: Compiled, default: Compiled) -> None:
    assert decibels(by_hand) < 36.0
    assert "widened" not in by_hand.manifest
    assert "int16" not in by_hand.manifest["options"]
    (text,) = [each for each in by_hand.warnings if "tried" in each]
    assert "below 36 dB that are held without --weights int8" in text
    entry = default.manifest["widened"]
    assert f"-> {entry['after_db']:.1f} dB for {entry['bytes']} bytes" in text
    after = [each["after_db"] for each in by_hand.manifest["remedies"]["gains"]]
    assert len(set(after)) == len(after)


def typed(what: str) -> dict[str, Any]:
    """The options of a remedy; none where some are to be left out."""
    words = [] if what.startswith("without") else what.split()
    return {
        name.removeprefix("--").replace("-", "_"): int(value.removeprefix("int"))
        for name, value in zip(words[::2], words[1::2], strict=True)
    }


@pytest.mark.all_cases
@pytest.mark.parametrize("given", [{"activations": 8}, {"weights": "auto", "max_error": 15.0}])
def test_a_remedy_beside_widths_that_are_chosen_or_free_is_what_it_says(
    given: dict[str, Any],
) -> None:
    gains = compiled(**given).manifest["remedies"]["gains"]
    assert any("--weights" in each["what"] for each in gains)
    for each in gains:
        left = {} if each["what"].startswith("without") else given
        made = compiled(**{**left, **typed(each["what"])})
        assert decibels(made) == pytest.approx(each["after_db"], abs=0.01)


def test_a_remedy_brings_what_it_says(by_hand: Compiled) -> None:
    gains = by_hand.manifest["remedies"]["gains"]
    assert 1 <= len(gains) <= 3
    for each in gains:
        assert each["after_db"] >= each["before_db"] + 1.0
        made = compiled(**typed(each["what"]))
        assert decibels(made) == pytest.approx(each["after_db"], abs=0.01)
        assert made.cost.weights + made.cost.tables - (
            by_hand.cost.weights + by_hand.cost.tables
        ) == pytest.approx(each["bytes"], abs=8)


def test_verify_says_what_compile_found(by_hand: Compiled) -> None:
    assert decibels(by_hand) < 28.0
    texts = by_hand.verify(on="host").warnings
    assert any(text.startswith("compile found: what helps, as tried: --") for text in texts)
    assert not any(" try --" in text for text in texts)


@pytest.mark.all_cases
def test_a_bound_that_is_missed_names_what_was_tried(default: Compiled) -> None:
    with pytest.raises(BudgetError, match=r"tried: .* dB for") as caught:
        compiled(weights=8, max_error=36.0)
    assert [float(after) for _, after, _ in GAIN.findall(str(caught.value))] >= [36.0]
    with pytest.raises(BudgetError, match="none of the wider numbers that were tried helps"):
        compiled(weights=16, activations=16, max_error=110.0)


def test_a_bound_below_is_enough(by_hand: Compiled) -> None:
    made = compiled(max_error=decibels(by_hand) - 1.0)
    assert "widened" not in made.manifest


@pytest.mark.all_cases
def test_what_has_no_room_within_the_limits_is_not_widened(by_hand: Compiled) -> None:
    most = by_hand.cost.flash
    made = compiled(max_flash=most)
    assert made.manifest["options"] == by_hand.manifest["options"]
    (text,) = [each for each in made.warnings if "below 36 dB" in each]
    assert f"what helps, as tried: without --max-flash {most}, weights" in text
    assert "; --" not in text
    assert "widened" in compiled(max_flash=10 * most).manifest


@pytest.mark.all_cases
def test_a_limit_that_has_room_is_not_blamed_for_a_bound_that_is_missed() -> None:
    with pytest.raises(BudgetError) as free:
        compiled(max_error=110.0)
    with pytest.raises(BudgetError) as bounded:
        compiled(max_error=110.0, max_flash=10**6)
    assert str(bounded.value) == str(free.value)


def test_all_is_widened_where_that_is_cheaper_than_a_part(default: Compiled) -> None:
    """Two products of 8 bits take more code and time than one of 16."""
    every = compiled(weights=16, activations=16)
    assert default.cost.flash <= every.cost.flash
    assert default.manifest["instructions"] <= every.manifest["instructions"]


@pytest.mark.all_cases
def test_the_same_data_widen_the_same(default: Compiled) -> None:
    assert compiled().files == default.files


@pytest.mark.all_cases
def test_auto_finds_what_the_default_finds_or_less(default: Compiled) -> None:
    made = compiled(weights="auto", max_error=36.0)
    assert decibels(made) >= 35.9
    assert made.cost.weights <= default.cost.weights


def test_other_networks_have_one_byte_for_a_weight() -> None:
    made = lstm_edge.compile(
        "examples/digits/digits.onnx",
        target="cortex-m4",
        calibration="examples/digits/calibration.npz",
    )
    assert "widened" not in made.manifest
    assert made.manifest["options"].startswith(f"scheme=int8 weights=int{Options().weights} ")
    assert "remedies" not in made.manifest


def test_the_same_program_is_not_named_twice() -> None:
    """Without `--weights int4` it is that of `--weights int8`."""
    with pytest.raises(BudgetError, match="--weights int8: ") as caught:
        lstm_edge.compile(
            "examples/digits/digits.onnx",
            target="cortex-m4",
            calibration="examples/digits/calibration.npz",
            weights=4,
            max_error=40.0,
        )
    assert "without --weights int4" not in str(caught.value)
