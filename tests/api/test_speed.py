"""Networks of the size that boards hold compile within seconds and some hundred megabytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

STEPS, FEATURES, SAMPLE = 20_000, 64, 100
MEGABYTES = 300
PROGRAM = """
import resource, sys
import lstm_edge
lstm_edge.compile(sys.argv[1], target="cortex-m4", calibration=sys.argv[2])
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def network(units: int, folder: Path) -> Path:
    """An LSTM with a dense layer, drawn as PyTorch does, twice as large."""
    rng, most = np.random.default_rng(0), 2.0 * units**-0.5
    shapes = {
        "rnn.weight_ih_l0": (4 * units, FEATURES),
        "rnn.weight_hh_l0": (4 * units, units),
        "rnn.bias_ih_l0": (4 * units,),
        "rnn.bias_hh_l0": (4 * units,),
        "fc.weight": (10, units),
        "fc.bias": (10,),
    }
    drawn = {n: rng.uniform(-most, most, shape).astype(np.float32) for n, shape in shapes.items()}
    path = folder / "net.npz"
    np.savez(path, allow_pickle=False, **drawn)
    return path


def samples(streams: int, folder: Path) -> Path:
    noise = np.random.default_rng(1).normal(size=(streams, STEPS // streams, FEATURES))
    for step in range(1, noise.shape[1]):
        noise[:, step] = 0.9 * noise[:, step - 1] + 0.44 * noise[:, step]
    path = folder / "samples.npz"
    np.savez(path, allow_pickle=False, x=noise[:, None].astype(np.float32))
    return path


@pytest.mark.long
@pytest.mark.parametrize(
    ("units", "streams", "seconds"),
    [(256, 1, 10.0), (256, STEPS // SAMPLE, 5.0), (512, 1, 30.0), (512, STEPS // SAMPLE, 14.0)],
)
def test_a_network_compiles_in_time(
    units: int, streams: int, seconds: float, tmp_path: Path
) -> None:
    """Of processors, which may be half as fast as the one that the limits were found on."""
    words = [network(units, tmp_path), samples(streams, tmp_path)]
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    took, megabytes = map(float, result.stdout.split())
    assert took < 2.0 * seconds
    assert megabytes < MEGABYTES
