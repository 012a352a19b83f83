"""Cells that npz files name: against PyTorch and the papers' formulas; in integers and in C."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.cells import BY_NAME
from lstm_edge.cells.named import name_and_options
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import Feed, feed_of, run_numpy
from lstm_edge.interpret.ports import dequantize
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from lstm_edge.targets import Target, load_target
from tests.oracle.textbook_cells import TEXTBOOK, run
from tests.support.boards import combined
from tests.support.cells import layer_of, named_cells
from tests.support.exactness import assert_bit_exact, stored_streams

CASES = named_cells()
OLD = {"lstm", "peephole_lstm", "coupled_lstm", "gru", "gru_reset_after", "rnn", "fast_grnn", "mgu"}
"""Held against textbook formulas and onnxruntime elsewhere."""
LEAST_DB = 40.0
each_case = pytest.mark.parametrize("case", CASES)


def shown(program: Program, x: np.ndarray) -> np.ndarray:
    """Outputs [samples, steps, units] in real numbers."""
    results = run_numpy(program, feed_of(program, {"x": x[:, None]}, stream=False))
    y = dequantize(program, program.outputs[0], results.outputs["y"])
    return y.reshape(*x.shape[:2], -1)


def drawn(model: Model, samples: int, steps: int, seed: int) -> np.ndarray:
    features = model.inputs[0].shape[-1]
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, steps, features)).astype(np.float32)


def integers(model: Model, options: Options = Options()) -> Program:  # noqa: B008
    real = lower_real(model)
    known = feed_of(real, {"x": drawn(model, 48, 30, 1)[:, None]}, stream=False)
    program = lower_integer(model, calibrate(real, known, from_data=True), options)
    prove(program)
    return program


def test_every_cell_is_here() -> None:
    known = {name_and_options("text", cell.text, BY_NAME)[0] for cell in CASES.values()}
    assert known | OLD == set(BY_NAME)
    assert known == set(TEXTBOOK)


@each_case
def test_a_cell_computes_what_pytorch_does(case: str, tmp_path: Path) -> None:
    cell = CASES[case]
    found = shown(lower_real(cell.model(tmp_path)), cell.x)
    assert found.shape == cell.y.shape
    assert np.abs(found - cell.y).max() < 1e-5 * max(1.0, np.abs(cell.y).max())


@each_case
def test_a_cell_computes_what_its_paper_says(case: str, tmp_path: Path) -> None:
    """On other inputs, so that no two are held against each other through one file."""
    cell = CASES[case]
    model = cell.model(tmp_path)
    name, options = name_and_options("text", cell.text, BY_NAME)
    x = drawn(model, 2, 9, 5)
    p = {key: array.astype(np.float64) for key, array in cell.arrays.items()}
    units = dict(layer_of(model).units)
    expected = np.stack([run(name, options, p, each.astype(np.float64), units) for each in x])
    found = shown(lower_real(model), x)
    assert np.abs(found - expected).max() < 1e-5 * max(1.0, np.abs(expected).max())


@each_case
def test_another_weight_would_be_noticed(case: str, tmp_path: Path) -> None:
    """With any one array changed, what PyTorch gave is missed."""
    cell = CASES[case]
    for name, array in cell.arrays.items():
        if case.startswith("slstm") and name == "b_i":
            continue  # scales c and n alike
        other = array + np.float32(0.25) * np.sin(np.arange(array.size)).reshape(array.shape) + 0.1
        changed = cell.saved(tmp_path, **{name: other.astype(np.float32)})
        found = shown(lower_real(load(changed)), cell.x)
        assert np.abs(found - cell.y).max() > 1e-3, name


@each_case
def test_integers_are_near_the_float_program(case: str, tmp_path: Path) -> None:
    """On data that calibration has not seen, over more steps than any of it has."""
    model = CASES[case].model(tmp_path)
    x = drawn(model, 24, 60, 2)
    wanted, found = shown(lower_real(model), x), shown(integers(model), x)
    noise = np.square(wanted - found).mean()
    decibels = 10 * np.log10(np.square(wanted).mean() / noise)
    assert decibels > LEAST_DB


@each_case
def test_a_cell_is_exact_on_this_computer(
    case: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """Integers of all widths and float32; anything that C can hold."""
    tool_or_skip("cc")
    model = CASES[case].model(tmp_path)
    programs = {"real": lower_real(model)} | {
        f"{options.activations}": integers(model, options)
        for options in (Options(), Options(8, 16), Options(16, 32))
    }
    host = load_target("host")
    for number, (name, program) in enumerate(programs.items()):
        feed = Feed(stored_streams(program, 60, number))
        if program.is_float:
            feed = feed_of(program, {"x": drawn(model, 8, 30, 3)[:, None]}, stream=False)
        unroll = ("none", "gates", "full")[number % 3]
        assert_bit_exact(program, host, unroll, tmp_path / name, feed)


@pytest.mark.parametrize(("case", "board"), combined(CASES, ("cortex-m4", "cortex-m55"), of=2))
def test_a_cell_is_exact_on_boards(
    case: str, board: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target(board)
    target_or_skip(target)
    program = integers(CASES[case].model(tmp_path))
    assert_bit_exact(program, target, "gates", tmp_path, stored_streams(program, 40))
