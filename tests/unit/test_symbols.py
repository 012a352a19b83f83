"""Ids and features of 0 and 1: which of them data never show, and data that have them all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from lstm_edge.data import load_data
from lstm_edge.data_checks import told_still
from lstm_edge.interpret.feed import Feed
from lstm_edge.interpret.symbols import SHARE, Symbols, all_unseen, symbols_of, with_unseen
from lstm_edge.ir.program import Program
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from tests.support.choices import PLAIN
from tests.support.models import random_model
from tests.support.programs import Array, quantized

RNG = np.random.default_rng(6)
STEPS = 10


def program_of(features: int) -> Program:
    return lower_real(random_model(3, **PLAIN, hidden=(4,), features=features, classes=2))


def one_hot(symbols: int, came: Sequence[int], samples: int = 12) -> Array:
    """[samples, 1, STEPS, symbols], each step one of those that came, which all do."""
    ids = np.resize(RNG.permutation(np.resize(came, samples * STEPS)), (samples, 1, STEPS))
    return np.eye(symbols, dtype=np.float32)[ids]


def noise(features: int, samples: int = 12) -> Array:
    return RNG.normal(size=(samples, 1, STEPS, features)).astype(np.float32)


def flags(features: int, samples: int = 12) -> Array:
    return RNG.integers(0, 2, (samples, 1, STEPS, features)).astype(np.float32)


def joined(*parts: Array) -> Array:
    return np.concatenate(parts, axis=-1)


def found_in(array: Array) -> list[tuple[str, list[int], list[int]]]:
    found = symbols_of(program_of(array.shape[-1]), [Feed({"x": array})])
    return [(each.kind, each.columns.tolist(), each.unseen.tolist()) for each in found]


ZEROS, ONES = np.zeros((12, 1, STEPS, 1), np.float32), np.ones((12, 1, STEPS, 1), np.float32)


@pytest.mark.parametrize(
    ("array", "wanted"),
    [
        (one_hot(6, (0, 2, 5)), [("one-hot", [0, 1, 2, 3, 4, 5], [1, 3, 4])]),
        (one_hot(5, (0, 2)) * flags(1), [("one-hot", [0, 1, 2, 3, 4], [1, 3, 4])]),
        (joined(flags(4), ZEROS, ONES), [("flags", [0, 1, 2, 3, 4, 5], [4, 5])]),
        (joined(noise(2), one_hot(4, (1, 2)), noise(1)), [("one-hot", [2, 3, 4, 5], [2, 5])]),
        (
            joined(noise(1), one_hot(3, (0, 1)), one_hot(3, (1, 2))),
            [("flags", [1, 2, 3, 4, 5, 6], [3, 4])],
        ),
        (joined(noise(3), flags(2), ZEROS), []),
        (joined(noise(3), flags(1), ZEROS), []),
        (joined(noise(4), ZEROS), []),
        (one_hot(6, (0, 2, 5)) * 0.5, []),
    ],
    ids=[
        "one-hot", "one-hot or none", "flags", "part of an input", "two parts side by side",
        "switches beside a dead sensor", "one switch", "a dead sensor", "halves",
    ],
)  # fmt: skip
def test_features_that_are_symbols(array: Array, wanted: list[object]) -> None:
    assert found_in(array) == wanted


def test_symbols_that_never_come_do_in_a_few_places() -> None:
    array = one_hot(9, (0, 1, 2, 3, 4, 5))
    (made,) = with_unseen(program_of(9), [Feed({"x": array})])
    changed = (made.inputs["x"] != array).any(axis=-1)
    assert np.all(made.inputs["x"].sum(axis=-1) == 1.0)
    counts = made.inputs["x"].reshape(-1, 9).sum(axis=0)
    assert counts[6:].min() >= 8
    assert counts[6:].max() <= 11
    assert changed.sum() == array[..., 0].size // SHARE
    (again,) = with_unseen(program_of(9), [Feed({"x": array})])
    assert np.array_equal(again.inputs["x"], made.inputs["x"])


def test_a_symbol_that_never_comes_is_no_more_frequent_than_others() -> None:
    array = one_hot(40, range(39))
    (made,) = with_unseen(program_of(40), [Feed({"x": array})])
    assert made.inputs["x"].reshape(-1, 40).sum(axis=0)[39] == 12 * STEPS // 39


def test_recordings_of_any_length_share_what_never_comes() -> None:
    given = [Feed({"x": one_hot(8, (0, 1, 2), n)[:1, :, : n % 7 + 1]}) for n in range(1, 30)]
    made = with_unseen(program_of(8), given)
    came = np.concatenate([feed.inputs["x"].reshape(-1, 8) for feed in made]).sum(axis=0)
    assert came.min() > 0
    assert [a.shape for a in made] == [a.shape for a in given]


def test_data_without_symbols_stay_as_they_are() -> None:
    feed = Feed({"x": noise(5)})
    assert with_unseen(program_of(5), [feed])[0] is feed
    assert all_unseen(program_of(5), [feed]) is None


@pytest.mark.parametrize("samples", [1, 2, 12])
def test_ranges_are_taken_over_all_that_never_come(samples: int) -> None:
    """However many they are, also of more symbols than there are steps."""
    feed = all_unseen(program_of(60), [Feed({"x": one_hot(60, (0, 7), samples)})])
    assert feed is not None
    assert feed.inputs["x"].reshape(-1, 60).any(axis=0).all()
    assert np.all(feed.inputs["x"].sum(axis=-1) == 1.0)


def test_a_flag_that_never_changes_does_beside_the_others() -> None:
    rows = joined(flags(3), ZEROS, ONES).reshape(-1, 5)
    each = Symbols("x", "flags", np.arange(5), np.array([3, 4]), 5)
    before = rows.copy()
    each.put(rows, np.array([0, 1]), np.array([3, 4]))
    assert rows[0].tolist() == [*before[0, :3], 1.0, 1.0]
    assert rows[1].tolist() == [*before[1, :3], 0.0, 0.0]


def still_warnings(array: Array, options: Options | None = None) -> list[str]:
    model = random_model(3, **PLAIN, hidden=(4,), features=array.shape[-1], classes=2)
    data = load_data({"x": array[:, 0]}, lower_real(model))
    program = quantized(model, {"x": array[:, 0]}, options)
    return [told_still(each, program) for each in data.still]


def test_features_that_never_change_are_named_with_what_is_assumed() -> None:
    array = joined(noise(2), ZEROS, noise(1), ONES * 25.0, ONES * -1.5, ONES, noise(1))
    (text,) = still_warnings(array)
    assert "input x never changes in 4 of 8 features" in text
    assert ": 2 (0) from -" in text
    assert "4 (25) from " in text
    assert "5 (-1.5) from " in text
    assert " and 1 more; beyond that they saturate: give data in which they change" in text
    low, high = (float(w) for w in text.partition("4 (25) from ")[2].split(", 5")[0].split(" to "))
    assert low < 24.0 < 26.0 < high


@pytest.mark.parametrize(
    "array",
    [one_hot(6, (0, 2, 5)), joined(noise(2), one_hot(4, (1, 2))), noise(3), joined(flags(3), ONES)],
)
def test_symbols_that_never_come_are_no_features_that_never_change(array: Array) -> None:
    assert still_warnings(array) == []
