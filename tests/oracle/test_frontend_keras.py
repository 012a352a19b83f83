"""Files of Keras 2 and 3, .keras and .h5, against what Keras itself computed from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.model_reference import run_model
from tests.support.keras_files import MODELS, expected, placed

STEPS = 6


@pytest.mark.parametrize(("version", "name"), MODELS)
def test_every_file_computes_what_keras_did(version: str, name: str, tmp_path: Path) -> None:
    path = placed(tmp_path, version, name)
    wanted = {
        key.split("/")[1]: array
        for key, array in expected(version).items()
        if key.startswith(f"{path.stem}/")
    }
    tolerance = 2e-2 if path.stem == "half" else 1e-5
    model = load(path, name="net", steps=STEPS)
    ports = {port.name: port for port in (*model.inputs, *model.outputs)}
    assert set(ports) == set(wanted)
    inputs = {port.name: wanted[port.name] for port in model.inputs}
    for port in (*model.inputs, *model.outputs):
        assert port.shape == (1, *wanted[port.name].shape[1:])
    floats, _ = run(lower_real(model), inputs)
    for port in model.outputs:
        np.testing.assert_allclose(floats[port.name], wanted[port.name], 1e-5, tolerance)
        for k, row in enumerate(wanted[port.name]):
            exact = run_model(model, {name: x[k : k + 1] for name, x in inputs.items()})
            np.testing.assert_allclose(exact[port.name][0], row, 1e-5, tolerance)
    assert not model.warnings
