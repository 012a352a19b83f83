"""What a network takes, told before there is any data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lstm_edge
from lstm_edge import estimate
from lstm_edge.errors import DataError, QuantizationError, TargetError
from lstm_edge.interpret.feed import Feed
from tests.support.command import DIGITS, done

MODEL = DIGITS / "digits.onnx"


def network(folder: Path, size: float = 1.0) -> Path:
    """An LSTM of 3 inputs and 4 units, with weights up to about `size`."""
    shapes = {"weight_ih": (16, 3), "weight_hh": (16, 4), "bias_ih": (16,), "bias_hh": (16,)}
    rng = np.random.default_rng(0)
    arrays = {f"rnn.{name}_l0": size * rng.normal(size=s) for name, s in shapes.items()}
    path = folder / "net.npz"
    np.savez(path, allow_pickle=False, **{n: a.astype(np.float32) for n, a in arrays.items()})
    return path


@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m0"])
def test_it_is_what_a_compilation_without_data_tells(target: str) -> None:
    found = lstm_edge.load(MODEL).estimate(target)
    assert found == lstm_edge.compile(MODEL, target=target).cost


def test_macs_of_any_length_are_those_of_its_steps(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = {"conv.weight": (4, 3, 5), "lstm.weight_ih_l0": (16, 4), "lstm.weight_hh_l0": (16, 4)}
    arrays = {name: rng.normal(size=s).astype(np.float32) for name, s in shapes.items()}
    order = {"lstm_edge.order": np.array("conv:conv1d(stride=2),lstm")}
    np.savez(tmp_path / "net.npz", allow_pickle=False, **arrays, **order)
    net = lstm_edge.load(tmp_path / "net.npz")
    assert net.macs == (4 * 5 * 3 + 16 * 8) * 14 / 32
    assert net.macs == pytest.approx(net.estimate().macs, abs=0.01)


def test_a_long_sequence_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[tuple[int, ...]] = []
    calibrate = estimate.calibrate

    def watched(program: Any, feed: Feed, **options: Any) -> Any:
        fed.append(feed.shape)
        return calibrate(program, feed, **options)

    monkeypatch.setattr(estimate, "calibrate", watched)
    long = lstm_edge.load(network(tmp_path), steps=100_000).estimate()
    short = lstm_edge.load(network(tmp_path)).estimate()
    assert [shape[2] <= 64 for shape in fed] == [True, True]
    assert (long.weights, long.macs) == (short.weights, short.macs)


def test_what_the_file_holds_is_told_where_no_integers_hold_it(tmp_path: Path) -> None:
    path = network(tmp_path, 1e30)
    with pytest.raises(QuantizationError, match="no fixed-point format holds"):
        lstm_edge.load(path).estimate()
    result = done("inspect", path)
    assert "128 parameters" in result.stdout
    assert "as int8" not in result.stdout
    assert result.stderr.startswith("Warning: no estimate as int8: array 'rnn.weight_ih_l0'")
    assert json.loads(done("inspect", path, "--json").stdout)["estimate"] is None


def test_a_target_that_is_no_core_is_refused() -> None:
    loaded = lstm_edge.load(MODEL)
    with pytest.raises(DataError, match="an estimate is for one core; choose one of cortex-m55"):
        loaded.estimate("cortex-m")
    with pytest.raises(TargetError, match="cortex-m99"):
        loaded.estimate("cortex-m99")
