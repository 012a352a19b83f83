"""Random layers of cells that an npz file names, with random options, against their papers."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from lstm_edge.cells import BY_NAME
from lstm_edge.cells.named import name_and_options
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import Feed, feed_of, run_numpy
from lstm_edge.interpret.ports import dequantize
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from lstm_edge.targets import load_target
from tests.oracle.random_check import LEAST_DB, Outcome
from tests.oracle.textbook_cells import TEXTBOOK, run
from tests.support.drawn_cells import drawn_arrays, saved
from tests.support.exactness import UNROLLS, assert_bit_exact, stored_streams

SAMPLES, STEPS = 24, 12


def drawn_text(choose: random.Random) -> str:
    """A cell with options."""
    name = choose.choice(sorted(TEXTBOOK))
    options: dict[str, list[str]] = {
        "min_gru": ["", "positive=True"],
        "sru": ["projected=True", "projected=True, squashed=True", "projected=True, alpha=0.7"],
        "ind_rnn": ['function="tanh"', ""],
        "slstm": ["", "exponential=True"],
        "cfc": ["", "layers=2", "layers=0", 'mode="no_gate"', 'mode="pure"', 'function="silu"'],
        "ltc": ["unfolds=1", "unfolds=2", "unfolds=3"],
        "lmu": ["", "theta=7.5, order=3", "theta=30, order=6"],
    }
    said = choose.choice(options.get(name, [""]))
    return f"{name}({said})" if said else name


def check_named(choose: random.Random, folder: Path, boards: tuple[str, ...] = ()) -> Outcome:
    """Float, integers and C of a layer; raises AssertionError where one is wrong."""
    text = drawn_text(choose)
    name, options = name_and_options("text", text, BY_NAME)
    units = choose.choice([1, 2, 3, 5, 8, 13])
    features = units if name == "ssm" else choose.choice([1, 2, 3, 5, 7])
    rng = np.random.default_rng(choose.randint(0, 2**32))
    arrays = drawn_arrays(text, features, units, rng)
    model = load(saved(text, arrays, folder))
    real, (layer,) = lower_real(model), model.layers
    x = rng.normal(size=(SAMPLES, STEPS, features)).astype(np.float32)
    p = {key: array.astype(np.float64) for key, array in arrays.items()}
    sizes = dict(layer.op.units)
    wanted = np.stack([run(name, options, p, each.astype(np.float64), sizes) for each in x])
    reach = max(1.0, float(np.abs(wanted).max()))
    error = float(np.abs(_shown(real, x) - wanted).max())
    assert error <= 1e-5 * reach, f"{text}: the float program is wrong by {error}"
    known = rng.normal(size=(SAMPLES, STEPS, features)).astype(np.float32)
    ranges = calibrate(real, feed_of(real, {"x": known[:, None]}, stream=False), from_data=True)
    program = lower_integer(model, ranges, Options())
    prove(program)
    noise = float(np.square(_shown(program, x) - wanted).mean())
    decibels = 10 * np.log10(max(float(np.square(wanted).mean()), 1e-4) / max(noise, 1e-20))
    assert decibels >= LEAST_DB, f"{text}, {features} -> {units}: {decibels:.1f} dB"
    exact = lower_integer(model, ranges, Options(*choose.choice([(12, 32), (8, 32), (16, 16)])))
    feed, unroll = Feed(stored_streams(exact, 30, units)), choose.choice(UNROLLS)
    for target in ("host", *boards):
        assert_bit_exact(exact, load_target(target), unroll, folder / target, feed)
    return Outcome("", decibels, {"y": decibels}, ("host", *boards))


def _shown(program: Program, x: np.ndarray) -> np.ndarray:
    """Outputs [samples, steps, units] in real numbers."""
    results = run_numpy(program, feed_of(program, {"x": x[:, None]}, stream=False))
    y = dequantize(program, program.outputs[0], results.outputs["y"])
    return y.reshape(*x.shape[:2], -1)
