"""The first screen: verdicts, and warnings with their remedies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lstm_edge
from lstm_edge.data import no_data
from lstm_edge.driver import TOO_FEW
from lstm_edge.labels import Score
from lstm_edge.report import ReportValues
from lstm_edge.report.head import verdicts, warned
from lstm_edge.report.template import coded
from lstm_edge.report.values import Limits
from tests.support.command import DIGITS, FIXTURES


def test_verdicts_name_what_is_wrong(full: ReportValues, plain: ReportValues) -> None:
    assert [verdict.state for verdict in verdicts(full)] == ["bad", "good", "bad"]
    assert [verdict.state for verdict in verdicts(plain)] == ["plain", "good", "plain"]
    strict = replace(plain, limits=Limits(error=60.0))
    assert verdicts(strict)[1].state == "warn"


def test_a_remedy_is_told_apart_only_where_advice_gave_it() -> None:
    known = warned("output y: SQNR 9 dB; the error arises in layer a (exact before it): try 16")
    assert known.remedy == "try 16"
    assert warned("--weights int4 makes it slower: 7 against 6").remedy == ""


@pytest.mark.parametrize(
    ("limits", "state", "text"),
    [
        (Limits(error=40.0), "good", "SQNR 46.6 dB, at least 40 dB"),
        (Limits(error=47.0), "bad", "SQNR 46.6 dB, at least 47 dB"),
        (Limits(drop=0.5), "good", "score 0.25 points lost of 0.5"),
        (Limits(drop=0.2), "bad", "score 0.25 points lost of 0.2"),
    ],
)
def test_bounds_of_error_and_score_are_budgets(
    limits: Limits, state: str, text: str, plain: ReportValues
) -> None:
    seen = replace(plain.verified, scores=(Score("logits", "accuracy", 90.0, 89.75),))
    verdict = verdicts(replace(plain, limits=limits, verified=seen))[2]
    assert (verdict.state, verdict.text) == (state, text)


def test_a_budget_of_what_was_not_measured_is_told_as_such(plain: ReportValues) -> None:
    assert verdicts(replace(plain, limits=Limits(stack=100.0)))[2].title == "Budget not measured"


def test_emulated_cores_are_listed_together(plain: ReportValues) -> None:
    exact = {"host": True, "qemu cortex-m4": True, "qemu cortex-m0": True}
    found = verdicts(replace(plain, verified=replace(plain.verified, exact=exact)))[0]
    assert found.text.startswith("numpy and the C on the host and in QEMU (cortex-m4, cortex-m0),")


def test_what_is_said_of_data_and_files_has_its_remedy_apart(plain: ReportValues) -> None:
    network = FIXTURES / "head_last.legacy.onnx"
    made = lstm_edge.compile(network, target="cortex-m4", scheme="float32")
    (slow,) = [text for text in made.warnings if "slower" in text]
    assert warned(slow).remedy == "leave it out where speed matters most"
    assert warned(no_data(made.program)).remedy == "give --calibration FILE.npz"
    assert warned(TOO_FEW).remedy == "give 5 or more"


def test_data_that_says_nothing_is_told_with_a_remedy() -> None:
    nothing = {"rows": np.zeros((20, 1, 8, 8), np.float32)}
    made = lstm_edge.compile(DIGITS / "digits.onnx", target="portable", calibration=nothing)
    found = [warned(text) for text in made.warnings]
    assert any(each.remedy.startswith("record typical data") for each in found)
    assert all(each.remedy for each in found)


def test_what_a_state_dict_does_not_say_can_be_said(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    shapes = {"rnn.weight_ih_l0": (4, 3), "rnn.weight_hh_l0": (4, 4), "fc.weight": (2, 4)}
    arrays = {name: generator.standard_normal(shape) for name, shape in shapes.items()}
    np.savez(tmp_path / "net.npz", **{k: v.astype(np.float32) for k, v in arrays.items()})
    found = [warned(text) for text in lstm_edge.load(tmp_path / "net.npz").warnings]
    assert len(found) == 3
    assert all(each.remedy.startswith("save an array of that name") for each in found)


def test_options_are_set_as_code_and_names_stay_text() -> None:
    assert coded("give --max-flash 8K, a--b") == (
        'give <code class="option">--max-flash</code> 8K, a--b'
    )
    assert coded("see `verify <x>`") == "see <code>verify &lt;x&gt;</code>"
    assert coded(f"--{'a' * 60}") == f"--{'a' * 60}"
