"""What a score is likely to lose, of outputs and errors that are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_edge.formats import FLOAT32
from lstm_edge.interpret.feed import Results
from lstm_edge.ir.program import Port, Program, Value
from lstm_edge.labels import Labels
from lstm_edge.search.likely import Margins, likely_loss, margins_of
from tests.support.programs import Array

MANY = 20_000


def program(classes: int) -> Program:
    """An output `y` of so many real numbers; nothing is run."""
    one = np.ones(classes)
    out = Port("y", "v", ("batch", "feature"), (1, classes), False, one, 0.0 * one)
    return Program("net", "float32", (), (out,), (), {"v": Value("v", classes, FLOAT32)}, {}, (), 1)


def drawn(samples: int, classes: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0.0, 3.0, (samples, classes))


def margins(outputs: Array, labels: Array) -> Margins:
    reference = program(outputs.shape[-1])
    results = Results({"y": outputs[:, None].astype(np.float32)}, {})
    found = margins_of(Labels("y", "label", labels[:, None]), reference, results)
    assert found is not None
    return found


@pytest.mark.parametrize("error", [0.05, 0.3])
@pytest.mark.parametrize("classes", [2, 5])
def test_few_samples_say_what_many_lose(error: float, classes: int) -> None:
    """The loss of many is counted: it lies below what few told, and not far."""
    noise = np.random.default_rng(1)
    outputs = drawn(MANY, classes)
    labels = np.where(noise.random(MANY) < 0.9, outputs.argmax(axis=1), 0)
    ours = outputs + noise.normal(0.0, error, outputs.shape)
    lost = 100.0 * float(np.mean(outputs.argmax(1) == labels) - np.mean(ours.argmax(1) == labels))
    told = []
    for first in range(0, MANY, MANY // 40):
        few = slice(first, first + 150)
        one = margins(outputs[few], labels[few])
        told.append(likely_loss(one, one, ours[few, None]))
    assert lost > 0.2
    assert np.mean(np.array(told) > lost) > 0.7
    assert np.median(told) < lost + 4.0


def test_no_errors_lose_nothing_and_what_is_wrong_has_nothing_to_lose() -> None:
    outputs = drawn(200, 3)
    right = margins(outputs, outputs.argmax(axis=1))
    same = outputs[:, None].astype(np.float32).astype(np.float64)
    assert likely_loss(right, right, same) == 0.0
    wrong = margins(outputs, outputs.argmin(axis=1))
    noise = np.random.default_rng(2).normal(0.0, 0.5, outputs.shape)
    noisy = (outputs + noise)[:, None]
    assert likely_loss(wrong, wrong, noisy) < likely_loss(right, right, noisy)
    assert likely_loss(wrong, wrong, noisy) > 0.0, "chance may win less elsewhere"


def test_fewer_samples_ask_for_more_care() -> None:
    """None of the few is near a decision; of a score of many that would say more."""
    near = np.array([[3.0, 0.0], [0.0, 2.0], [4.0, 0.0], [0.0, 3.0]])
    noise = np.random.default_rng(3).normal(0.0, 0.1, (400, 2))
    few, many = near, np.tile(near, (100, 1))
    told = [
        likely_loss(one, one, (outputs + noise[: len(outputs)])[:, None])
        for outputs in (few, many)
        for one in (margins(outputs, outputs.argmax(axis=1)),)
    ]
    assert told[0] > told[1] > 0.0


def test_one_number_is_decided_by_its_threshold() -> None:
    outputs = np.array([[2.0], [-1.0], [0.5]])
    found = margins(outputs, np.array([1, 1, 0]))
    assert found.margin.tolist() == [2.0, 1.0, 0.5]
    assert found.stake.tolist() == [1, -1, -1]
    assert found.moved(np.array([[[-1.0]], [[-3.0]], [[0.0]]])).tolist() == [-1.0, 3.0, 0.0]


def test_regressions_have_no_margins() -> None:
    results = Results({"y": np.zeros((3, 1, 2), np.float32)}, {})
    assert margins_of(Labels("y", "y", np.zeros((3, 1, 2))), program(2), results) is None
