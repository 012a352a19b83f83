"""A report measures with the tools that are there, and says what it did without."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import lstm_edge
from lstm_edge import bundle
from lstm_edge.bundle import Bundle
from lstm_edge.errors import ToolchainError
from lstm_edge.report import report
from lstm_edge.report.measured import measured
from lstm_edge.report.page import page
from lstm_edge.targets import load_target
from tests.support.command import DIGITS, done, refused


@pytest.fixture(scope="module")
def m4(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("m4") / "digits"
    data = ("--calibration", DIGITS / "calibration.npz")
    done("compile", DIGITS / "digits.onnx", "--target", "cortex-m4", *data, "-o", folder)
    return bundle.read(folder)


def without(patch: pytest.MonkeyPatch, *tools: str) -> None:
    """As on a computer that lacks them."""
    which: Callable[[str], str | None] = shutil.which
    patch.setattr(shutil, "which", lambda name: None if name in tools else which(name))


def test_with_all_tools_bits_are_compared_and_instructions_counted(
    m4: Bundle, target_or_skip: Callable[..., None]
) -> None:
    target_or_skip(load_target("host"))
    target_or_skip(m4.target)
    labels = bundle.read_arrays(DIGITS / "test.npz")
    found = measured(m4, None, labels, "stm32l4r5")
    assert found.verified.exact == {"host": True, "qemu": True}
    (cost,) = found.costs
    assert cost.counted
    assert cost.energy is not None
    counted = sum(node.instructions or 0.0 for node in found.network.layers)
    assert counted + (found.network.outside or 0.0) == pytest.approx(cost.instructions)
    assert len(found.traces[0].real) == 32
    assert found.verified.accuracy.samples == len(labels["rows"])
    assert "No energy" not in page(found)


@pytest.mark.all_cases
def test_one_of_several_cores_can_be_told_the_energy_of(
    target_or_skip: Callable[..., None], tmp_path: Path
) -> None:
    target_or_skip(load_target("cortex-m4"))
    files = (DIGITS / "digits.onnx", "--calibration", DIGITS / "calibration.npz")
    done("compile", *files, "--target", "cortex-m4,cortex-m0", "-o", tmp_path)
    board = ("--board", "stm32l4r5")
    assert "choose one of them with --target" in refused(1, "report", tmp_path, *board)
    done("report", tmp_path, *board, "--target", "cortex-m4")
    text = (tmp_path / "report.html").read_text()
    assert "µJ" in text
    assert "cortex-m0" not in text
    done("report", tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "cortex-m0" in text
    assert "No energy: a report of one core" in text


def test_without_tools_the_page_says_what_is_missing(
    m4: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without(monkeypatch, "cc", "qemu-system-arm", "arm-none-eabi-gcc")
    text = report(m4)
    assert "Bits not compared" in text
    assert "made without a profile" in text
    with pytest.raises(ToolchainError):
        report(m4, board="stm32l4r5")


def test_batches_that_come_one_by_one_are_a_report_of_their_samples(
    m4: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "cc", "qemu-system-arm", "arm-none-eabi-gcc")
    rows = bundle.read_arrays(DIGITS / "test.npz")["rows"]
    found = measured(m4, (rows[k : k + 2] for k in range(0, 6, 2)), None, None)
    whole = measured(m4, rows[:6], None, None)
    assert np.array_equal(found.traces[0].ours, whole.traces[0].ours)
    assert found.verified.accuracy.samples == 6


def test_traces_are_of_the_inputs_beside_labels_by_any_of_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "cc")
    net = lstm_edge.load(DIGITS / "digits.onnx", rename={"rows": "x"})
    made = lstm_edge.compile(net, target="host", calibration=DIGITS / "calibration.npz").bundle
    test = bundle.read_arrays(DIGITS / "test.npz")
    few = {name: array[:7] for name, array in test.items()}
    (trace,) = measured(made, None, few, None).traces
    assert len(trace.real) == 7
