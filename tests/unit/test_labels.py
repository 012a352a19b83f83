"""Scores on labels, in float and in integers, and labels that are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_edge.accuracy.measure import measure
from lstm_edge.accuracy.results import Accuracy, Measured
from lstm_edge.errors import DataError
from lstm_edge.formats import FLOAT32, Format
from lstm_edge.interpret.feed import Feed, Results
from lstm_edge.ir.program import Port, Program, Value
from lstm_edge.labels import (
    Score,
    check_samples,
    check_usable,
    paired_inputs,
    read_labels,
    scores_of,
)
from lstm_edge.passes.lower_real import lower_real
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized


def programs(n: int, per_step: bool = False, limit: int = 0) -> tuple[Program, Program]:
    """An output `y` of n numbers in halves, or of integers, and an input `x`; nothing is run."""
    shape = (1, -1, n) if per_step else (1, n)
    axes = ("batch", "time", "feature") if per_step else ("batch", "feature")
    scale = np.full(n, 1.0 if limit else 0.5)
    out = Port("y", "v", axes, shape, per_step, scale, np.zeros(n), limit)
    fed = Port("x", "x", ("batch", "time", "feature"), (1, -1, 1), True, np.ones(1), np.zeros(1))
    values = {"v": Value("v", n, Format("int32", scale[0])), "x": Value("x", 1, Format("int8"))}
    ours = Program("net", "int8", (fed,), (out,), (), values, {}, (), None)
    real_values = {name: replace(v, format=FLOAT32) for name, v in values.items()}
    return ours, replace(ours, scheme="float32", values=real_values)


def scored(which: tuple[Program, Program], labels: Any, real: Any, stored: Any) -> Score:
    """What float and the stored integers give: [samples, (steps,) n]."""
    ours, reference = which
    outputs = (Results({"y": np.asarray(a)[:, None]}, {}) for a in (stored, real))
    nothing = Accuracy(0, 0, (), (), (), {})
    measured = Measured(nothing, *outputs)
    (found,) = scores_of(ours, reference, read_labels(ours, {"y": np.asarray(labels)}), measured)
    return found


def test_the_class_is_the_place_of_the_largest_number() -> None:
    real = [[1.0, 2.0], [3.0, 0.0], [0.0, 1.0], [5.0, 4.0]]
    stored = [[2, 4], [6, 0], [3, 2], [8, 9]]
    found = scored(programs(2), [1, 0, 1, 1], np.float32(real), stored)
    assert (found.name, found.kind) == ("y", "accuracy")
    assert (found.float_percent, found.integer_percent, found.points) == (75.0, 75.0, 0.0)
    changed = [(c.sample, c.step, c.label, c.float_class, c.integer_class) for c in found.changed]
    assert changed == [(2, None, 1, 1, 0), (3, None, 1, 0, 1)]


def test_labels_of_samples_are_those_of_the_last_step_and_of_steps_each() -> None:
    real = np.float32([[[1, 0], [0, 1]], [[1, 0], [1, 0]]])
    stored = np.array([[[0, 1], [0, 1]], [[1, 0], [0, 1]]])
    which = programs(2, per_step=True)
    last = scored(which, [1, 0], real, stored)
    assert (last.float_percent, last.integer_percent) == (100.0, 50.0)
    each = scored(which, [[0, 1], [0, 0]], real, stored)
    assert (each.float_percent, each.integer_percent) == (100.0, 50.0)
    assert [(c.sample, c.step) for c in each.changed] == [(0, 0), (1, 1)]


def test_a_label_below_0_does_not_count() -> None:
    real = np.float32([[[1, 0], [0, 1]], [[1, 0], [1, 0]]])
    stored = np.array([[[0, 1], [0, 1]], [[1, 0], [0, 1]]])
    found = scored(programs(2, per_step=True), [[-1, 1], [0, 0]], real, stored)
    assert (found.float_percent, round(found.integer_percent, 3)) == (100.0, 66.667)
    assert [(c.sample, c.step) for c in found.changed] == [(1, 1)]


def test_one_number_is_a_class_above_a_half_where_it_is_a_share_and_above_0_elsewhere() -> None:
    share = scored(programs(1), [1, 0, 0], np.float32([[0.9], [0.4], [0.6]]), [[2], [0], [1]])
    assert (share.float_percent, round(share.integer_percent, 3)) == (pytest.approx(200 / 3), 100.0)
    assert [c.sample for c in share.changed] == [2]
    other = scored(programs(1), [1, 0, 1], np.float32([[1.1], [-0.4], [0.2]]), [[2], [-1], [1]])
    assert (other.float_percent, other.integer_percent) == (100.0, 100.0)


def test_integers_are_compared_as_they_are() -> None:
    found = scored(programs(1, limit=5), [4, 2, 0], [[4], [2], [1]], [[4], [3], [0]])
    assert found.float_percent == found.integer_percent == pytest.approx(200 / 3)
    assert [(c.sample, c.float_class, c.integer_class) for c in found.changed] == [
        (1, 2, 3),
        (2, 1, 0),
    ]


def test_real_numbers_are_scored_by_r2_and_rmse() -> None:
    labels = np.float32([[0.0], [2.0], [4.0]])
    found = scored(programs(1), labels, labels, [[0], [4], [6]])
    assert (found.kind, found.float_percent, found.float_rmse) == ("r2", 100.0, 0.0)
    assert found.integer_percent == pytest.approx(100.0 * (1.0 - 1.0 / 8.0))
    assert found.integer_rmse == pytest.approx(np.sqrt(1.0 / 3.0))
    assert found.changed == ()


def test_a_label_may_be_named_with_a_prefix_or_alone() -> None:
    ours, _ = programs(2)
    for name in ("y", "label__y", "label"):
        (found,) = read_labels(ours, {name: np.array([0, 1]), "other": np.zeros(3)})
        assert (found.output, found.array) == ("y", name)


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "none": (programs(2), {"z": [1], "w": [1]}, "no labels among the arrays w, z; .*: y"),
    "empty file": (programs(2), {}, r"no labels among the arrays \(none\)"),
    "unknown output": (programs(2), {"label__z": [1]}, "'label__z' belong to no output; .*: y"),
    "twice": (programs(2), {"y": [1], "label__y": [1]}, "'label__y' and 'y' .*leave one out"),
    "strings": (programs(2), {"y": ["a"]}, "are of <U1, expected integers, or floats"),
    "complex": (programs(2), {"y": [1j]}, "are of complex128"),
    "class": (programs(2), {"y": [0, 1, 2]}, r"hold 2 at \[2\], expected classes 0 to 1"),
    "class of one number": (programs(1), {"y": [0, 2]}, "expected classes 0 to 1"),
    "integer class": (programs(1, limit=5), {"y": [5]}, "hold 5 .* expected classes 0 to 4"),
    "floats for integers": (programs(1, limit=5), {"y": [[1.0]]}, "expected integers"),
    "vector of integers": (programs(3, limit=5), {"y": [1]}, "vector of 3 integers"),
    "no sample": (programs(2), {"y": np.zeros(0, int)}, r"are \[0\], expected classes"),
    "rank": (programs(2), {"y": np.zeros((1, 1, 1), int)}, "expected classes"),
    "steps of none": (programs(2), {"y": [[0, 1]]}, "exists after the last step only"),
    "not counted": (programs(2), {"y": [-1, -1]}, "all below 0"),
    "shape": (programs(2), {"y": [0.0, 1.0]}, r"are \[2\] of float64, expected \[samples, 1, 2\]"),
    "nan": (programs(2), {"y": [[np.nan, 1.0]]}, "NaN or infinite"),
    "alike": (programs(2), {"y": np.ones((3, 2))}, "all alike"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_labels_that_fit_no_output_are_refused(case: str) -> None:
    (ours, _), arrays, message = REFUSED[case]
    with pytest.raises(DataError, match=message) as refusal:
        check_usable(read_labels(ours, {name: np.asarray(a) for name, a in arrays.items()}))
    assert len(str(refusal.value).splitlines()) == 1


def test_labels_of_another_number_of_samples_name_both() -> None:
    ours, _ = programs(2)
    feed = Feed.of_samples({"x": np.zeros((5, 4, 1))})
    with pytest.raises(DataError, match="'y' are of 3 samples, input x of 5"):
        check_samples(read_labels(ours, {"y": np.array([0, 1, 0])}), feed)


def test_labels_of_another_number_of_steps_are_refused() -> None:
    which = programs(2, per_step=True)
    real = np.zeros((2, 4, 2), np.float32)
    with pytest.raises(DataError, match="'y' are of 3 steps, output 'y' has 4"):
        scored(which, np.zeros((2, 3), int), real, real)


def test_inputs_come_from_the_labels_file_or_from_their_own() -> None:
    ours, _ = programs(2)
    x, y = np.zeros((2, 4, 1)), np.array([0, 1])
    assert paired_inputs(ours, {"x": x, "y": y}, None) == {"x": x}
    assert paired_inputs(ours, {"y": y}, {"x": x}) == {"x": x}
    with pytest.raises(DataError, match="leave --inputs out"):
        paired_inputs(ours, {"x": x, "y": y}, {"x": x})
    with pytest.raises(DataError, match="give --inputs"):
        paired_inputs(ours, {"y": y}, None)


def test_scores_are_those_of_both_programs() -> None:
    model = random_model(
        2, hidden=(6,), direction="forward", read="last", head=("dense",), classes=3, also=()
    )
    inputs = random_inputs(model, 40)
    program, reference = quantized(model, inputs), lower_real(model)
    feed = Feed.of_samples(inputs)
    labels = read_labels(program, {"y": np.arange(40) % 3})
    check_samples(labels, feed)
    (found,) = scores_of(program, reference, labels, measure(program, reference, feed))
    assert found.name == "y"
    assert 0.0 < found.float_percent < 100.0
    assert abs(found.points) <= 100.0 * len(found.changed) / 40
