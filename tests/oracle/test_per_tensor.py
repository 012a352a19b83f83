"""The simulation of the per-tensor scheme against one LSTM written out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lstm_edge import frontend
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.feed import Feed
from lstm_edge.operations.curves_float import sigmoid, tanh
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.per_tensor import PerTensor, int8_between, int16_to
from tests.support.programs import Array

FEATURES, UNITS, STEPS, SAMPLES, CLASSES = 3, 4, 40, 32, 2
GATES = "ifgo"


def test_a_tiny_lstm_equals_the_scheme_written_out_by_hand(tmp_path: Path) -> None:
    """Units 4, features 3: int8 x and h, int8 matrices, Q3.12, Q0.15, an int16 cell state."""
    rng = np.random.default_rng(5)
    weights = {
        "lstm.weight_ih_l0": rng.normal(0.0, 1.0, (4 * UNITS, FEATURES)),
        "lstm.weight_hh_l0": rng.normal(0.0, 1.0, (4 * UNITS, UNITS)),
        "lstm.bias_ih_l0": rng.normal(0.0, 0.5, 4 * UNITS),
        "lstm.bias_hh_l0": np.zeros(4 * UNITS),
        "fc.weight": rng.normal(0.0, 1.0, (CLASSES, UNITS)),
        "fc.bias": rng.normal(0.0, 0.5, CLASSES),
    }
    weights = {name: array.astype(np.float32) for name, array in weights.items()}
    np.savez(tmp_path / "tiny.npz", **weights)  # type: ignore[arg-type]
    program = lower_real(frontend.load(tmp_path / "tiny.npz"))
    (port,) = program.inputs
    seen, x = rng.normal(0.3, 1.0, (2, SAMPLES, STEPS, FEATURES)).astype(np.float32)
    ranges = calibrate(program, Feed.of_samples({port.name: seen}), from_data=True)
    scheme = PerTensor(program, ranges)
    outputs, _ = run(program, {port.name: x}, instead=scheme.functions())
    low, high = (
        {short: float(pick(table[f"lstm.{short}"])) for short in "hc"}
        for table, pick in ((ranges.low, np.min), (ranges.high, np.max))
    )
    cell = max(-low["c"], high["c"])
    h_range = (low["h"], high["h"])
    wanted = _by_hand(weights, x, (float(seen.min()), float(seen.max())), h_range, cell)
    (found,) = outputs.values()
    assert found.dtype == np.float32
    assert np.array_equal(found.reshape(wanted.shape), wanted)
    real, _ = run(program, {port.name: x})
    assert 15.0 < _decibels(next(iter(real.values())), found) < 45.0


def _by_hand(
    weights: dict[str, Array],
    x: Array,
    x_range: tuple[float, float],
    h_range: tuple[float, float],
    cell: float,
) -> Array:
    """x [samples, steps, features] to y [samples, steps, classes], in loops over integers."""
    x_scale, x_zero = _asymmetric(*x_range)
    h_scale, h_zero = _asymmetric(*h_range)
    c_scale = 2.0 ** (np.ceil(np.log2(cell)) - 15)
    gates = {}
    for k, gate in enumerate(GATES):
        rows = slice(k * UNITS, (k + 1) * UNITS)
        gates[gate] = (
            *_symmetric(weights["lstm.weight_ih_l0"][rows]),
            *_symmetric(weights["lstm.weight_hh_l0"][rows]),
            weights["lstm.bias_ih_l0"][rows],
        )
    w_y, s_y = _symmetric(weights["fc.weight"])
    result = np.zeros((*x.shape[:2], CLASSES), np.float32)
    for sample in range(len(x)):
        h_q = np.full(UNITS, h_zero)
        c = np.zeros(UNITS, np.float32)
        for t in range(STEPS):
            x_q = _clip8(np.rint(x[sample, t].astype(np.float64) / x_scale) + x_zero)
            now = {}
            for gate, (w, s_w, r, s_r, bias) in gates.items():
                unit = x_scale * s_w
                total = np.rint(bias.astype(np.float64) / unit) * unit
                total = total + unit * ((x_q - x_zero) @ w.T)
                total = total + (h_scale * s_r) * ((h_q - h_zero) @ r.T)
                p = np.float32(_clip16(np.rint(total * 4096.0)) / 4096.0)
                curve = tanh(p) if gate == "g" else sigmoid(p)
                now[gate] = _q15(curve)
            c = now["f"] * c + now["i"] * now["g"]
            c = np.float32(_clip16(np.rint(c / c_scale)) * c_scale)
            h = now["o"] * _q15(tanh(c))
            h_q = _clip8(np.rint(h.astype(np.float64) / h_scale) + h_zero)
            unit = h_scale * s_y
            y = np.rint(weights["fc.bias"].astype(np.float64) / unit) * unit
            result[sample, t] = y + unit * ((h_q - h_zero) @ w_y.T)
    return result


def _asymmetric(low: float, high: float) -> tuple[float, int]:
    """Scale and zero point of int8."""
    scale = (max(high, 0.0) - min(low, 0.0)) / 255.0
    return scale, round(-128.0 - min(low, 0.0) / scale)


def _symmetric(matrix: Array) -> tuple[Array, float]:
    """int8 weights and their scale."""
    scale = float(np.abs(matrix).max()) / 127.0
    return np.rint(matrix.astype(np.float64) / scale), scale


def _clip8(q: Array) -> Array:
    return np.clip(q, -128, 127)


def _clip16(q: Array) -> Array:
    return np.clip(q, -32768, 32767)


def _q15(curve: Array) -> Array:
    return np.asarray(_clip16(np.rint(curve * 32768.0)) / 32768.0, np.float32)


def _decibels(real: Array, ours: Array) -> float:
    noise = np.sum((real.astype(np.float64) - ours.reshape(real.shape)) ** 2)
    return float(10.0 * np.log10(np.sum(real.astype(np.float64) ** 2) / noise))


def test_int8_covers_its_range_and_holds_zero_exactly() -> None:
    """Zero is padding and the first state, so it must not move."""
    grid = int8_between(0.5, 3.0)
    assert grid.stored(np.array([0.0, 3.0])).tolist() == [-128.0, 127.0]
    grid = int8_between(-1.0, 3.0)
    assert grid.rounded(np.zeros(1)).tolist() == [0.0]
    assert grid.stored(np.array([-9.0, 9.0])).tolist() == [-128.0, 127.0]


@pytest.mark.parametrize(("largest", "scale"), [(0.9, 2.0**-15), (1.1, 2.0**-14), (77.0, 2.0**-8)])
def test_a_cell_state_takes_the_power_of_two_that_covers_it(largest: float, scale: float) -> None:
    """int16: -32768 .. 32767 times the scale."""
    assert int16_to(largest).scale == scale
