"""The error that `compile` tells is that of data which it has not seen: every trained model."""

from __future__ import annotations

import pytest

import lstm_edge
from lstm_edge.verify import verify
from tests.oracle.accuracy import told_by
from tests.oracle.accuracy_models import Trained, find_trained
from tests.oracle.accuracy_table import SHARED

KNOWN = SHARED if (SHARED / "models" / "manifest.json").is_file() else None
MOST = 3.5
"""dB between what is told and what unseen samples give: 3, and a bit for computers that sum floats
in another order.
"""
HEAVY = {"examples/activity": 7.0}
"""dB where one window of unseen data, of 192, holds half of the error: no samples tell that one is
to come, and more of them for calibration do not change what is told.
"""
LARGE = ("rtneural_lstm_torch", "rtneural_gru_torch", "dtln_model_1", "rnnoise_2018")
"""Four layers, or hundreds of units: seven to ten seconds each."""


def each_trained() -> list[pytest.ParameterSet]:
    """The models, those that take longest for `make long`."""
    return [
        pytest.param(each, id=each.name, marks=[pytest.mark.long] if each.name in LARGE else [])
        for each in find_trained(KNOWN)
    ]


@pytest.mark.all_cases
@pytest.mark.parametrize("trained", each_trained())
def test_compile_tells_what_unseen_samples_give(trained: Trained) -> None:
    """Where the figure hangs on one sample, the line says so, and it may be too low; never high."""
    model = lstm_edge.compile(trained.file, target="host", calibration=trained.calibration)
    found = verify(model.bundle, trained.test, (), stream=trained.stream).accuracy
    unseen = {output.name: output.error.sqnr_db for output in found.outputs}
    assert all(found.streams == len(trained.test[name]) or not trained.stream
               for name in trained.calibration)  # fmt: skip
    assert told_by(model).keys() == {port.name for port in model.program.outputs}
    for name, told in told_by(model).items():
        gap = told - (unseen[name] or 0.0)
        hangs = any("of one " in line for line in model.errors if f" {name}: " in line)
        assert gap < HEAVY.get(trained.name, MOST), (name, told, unseen[name])
        assert gap > -MOST or hangs, (name, told, unseen[name])
