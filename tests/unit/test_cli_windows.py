"""`run` on models with a convolution: a call is a window, over which the layers' state lives on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.oracle.graphs import saved
from tests.oracle.window_graphs import MODELS, C
from tests.support.command import done, load, save

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(autouse=True)
def _tools(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")


@pytest.mark.parametrize("name", ["strided-open", "chain", "averaged", "flushed"])
def test_calls_of_a_stream_are_windows_everywhere(name: str, tmp_path: Path) -> None:
    length = MODELS[name].graph.input[0].type.tensor_type.shape.dim[2].dim_value or 14
    rng = np.random.default_rng(6)
    data = rng.normal(size=(40, 1, C, length)).astype(np.float32)
    path, bundle = saved(MODELS[name], tmp_path), tmp_path / "bundle"
    calibration = save(tmp_path / "calibration.npz", x=data)
    done("compile", path, "--target", "cortex-m0", "--calibration", calibration, "-o", bundle)
    inputs = save(tmp_path / "x.npz", x=data.reshape(8, 5, 1, C, length))
    each = save(tmp_path / "each.npz", x=data.reshape(8, 5, 1, C, length)[:, 0])
    found = {}
    for where in ("numpy", "host", "qemu"):
        output = tmp_path / f"{where}.npz"
        done("run", bundle, "--inputs", inputs, "--on", where, "--stream", "--raw", "-o", output)
        found[where] = load(output)
    first = tmp_path / "first.npz"
    done("run", bundle, "--inputs", each, "--on", "numpy", "--raw", "-o", first)
    for output, numbers in load(first).items():
        ours = found["numpy"][output]
        assert np.array_equal(ours[:, 0], numbers)
        assert not np.array_equal(ours[:, 1], numbers)
        for where in ("host", "qemu"):
            assert np.array_equal(found[where][output], ours), (where, output)
