"""What a cell, a layer or a pattern takes and loses, with random weights and drawn inputs."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

import lstm_edge
from lstm_edge import functions
from lstm_edge.api.network import Network
from lstm_edge.cells import BY_NAME, named
from lstm_edge.functions import ACTIVATIONS
from lstm_edge.ir.clock import Window
from lstm_edge.ir.expr import Cell, input_vector, param
from lstm_edge.ir.model import Floats, Layer, Model, is_a
from lstm_edge.ir.program import Program
from lstm_edge.layers.activation import activation, log_softmax_layer, softmax_layer
from lstm_edge.layers.dense import dense
from lstm_edge.layers.functions import ALONE, REDUCED, one_number
from lstm_edge.layers.normalize import layer_normalization, scale_layer
from lstm_edge.layers.window import average_pool, conv1d, max_pool
from tests.support.choices import FUNCTIONS, PLAIN
from tests.support.drawn_cells import drawn_model
from tests.support.models import random_inputs, random_model
from tests.support.open_cells import step_model

FEATURES, UNITS, SAMPLES, STEPS, SEEDS = 8, 16, 60, 40, 3
PRODUCTS = ("mul", "mulw", "mulw_up", "square")
TEXTS = {"lmu": "lmu(theta=20, order=8)"}
"""Options of cells that need some."""
MORE = (
    "min_gru(positive=True)",
    "sru(projected=True)",
    "slstm(exponential=True)",
    'cfc(mode="no_gate")',
    'cfc(mode="pure", layers=0)',
    "ltc(unfolds=1)",
)
"""Cells with other options."""


@dataclass(frozen=True)
class Case:
    """What is measured: `make` gives it with the weights of a seed. kind: the table that it is in.
    units: of what the operations are counted by. arrays: what a file has of it.
    """

    kind: str
    name: str
    make: Callable[[int], Model]
    units: int = UNITS
    arrays: str = ""


@dataclass(frozen=True)
class Row:
    """Of one step and unit: multiply-accumulates, products beside them, curves and divisions, all
    other operations, and about how many instructions on a Cortex-M4. decibels: of y.
    """

    macs: float
    products: float
    curves: float
    others: float
    instructions: float | None
    decibels: float


def cases() -> Iterator[Case]:
    yield from _cells()
    yield from _layers()
    yield from _patterns()


def measured(case: Case) -> Row:
    """The first seed's operations; the mean of the decibels of all seeds."""
    made = [_compiled(case.make(seed), seed) for seed in range(SEEDS)]
    first = made[0]
    counted = operations(first.program)
    ratios = [each.manifest["accuracy"]["outputs"]["y"]["sqnr_db"] for each in made]
    instructions = first.cost.instructions
    return Row(
        first.cost.macs / case.units,
        counted["products"] / case.units,
        counted["curves"] / case.units,
        counted["others"] / case.units,
        None if instructions is None else instructions / case.units,
        mean(ratio for ratio in ratios if ratio is not None),
    )


def operations(program: Program) -> Counter[str]:
    """How many numbers the operations of a step make, by kind; those of matrix products apart."""
    counted: Counter[str] = Counter()
    for block in program.blocks:
        for op in block.ops:
            length = program.values[op.dest].length
            if op.kind in ("matvec", "matvec_over_time", "concat", "slice", "step_at"):
                continue
            if op.kind in PRODUCTS:
                counted["products"] += length
            elif "table" in op.kind or op.kind in ("divide", "rsqrt", "lookup"):
                counted["curves"] += length
            else:
                counted["others"] += length
    return counted


def _compiled(model: Model, seed: int) -> lstm_edge.Compiled:
    inputs = random_inputs(model, SAMPLES, model.steps or STEPS, seed)
    return lstm_edge.compile(Network(model), target="cortex-m4", calibration=inputs)


def _cells() -> Iterator[Case]:
    for name in (*BY_NAME, *MORE):
        text = TEXTS.get(name, name)
        features = UNITS if name in ("sru", "ssm") else FEATURES

        def make(seed: int, text: str = text, features: int = features) -> Model:
            with tempfile.TemporaryDirectory() as folder:
                return drawn_model(text, features, UNITS, seed, Path(folder))

        (layer,) = (node.op for node in make(0).nodes if is_a(node, Layer))
        given = [p for p in layer.cell.parameters if p not in layer.cell.fixed]
        yield Case("cell", text, make, arrays=" ".join(given))


def options_of(name: str) -> str:
    """The options of a cell and their defaults."""
    return ", ".join(f"{k}={v.default!r}" for k, v in named.options_of(BY_NAME[name]).items())


def said_of(name: str) -> str:
    """What a cell is, and where it is from: how its function begins."""
    text = " ".join((getattr(BY_NAME[name], "func", BY_NAME[name]).__doc__ or "").split())
    return re.split(r"[:.](?: |$)", text.replace("et al.", "et al"), maxsplit=1)[0].replace(
        "et al", "et al."
    )


def _alone(cell: Cell, params: Callable[[np.random.Generator], Mapping[str, Any]]) -> Any:
    """Models of one layer of 16 features."""

    def make(seed: int) -> Model:
        rng = np.random.default_rng([seed, 31])
        weights = {k: np.asarray(v, np.float32) for k, v in params(rng).items()}
        return step_model(cell, weights, {"y": UNITS}, {}, UNITS)

    return make


def _nothing(_: np.random.Generator) -> dict[str, Floats]:
    return {}


def _matrix(rng: np.random.Generator, columns: int = UNITS) -> dict[str, Any]:
    weights = rng.normal(size=(UNITS, columns)) / np.sqrt(columns)
    return {"W_y": weights, "b_y": rng.normal(size=UNITS) * 0.3}


def _vectors(*names: str) -> Callable[[np.random.Generator], dict[str, Any]]:
    return lambda rng: {name: rng.uniform(0.5, 1.5, UNITS) for name in names}


OF_SOME_NUMBERS = ("log", "sqrt", "reciprocal", "acosh", "atanh", "tan")


def _layers() -> Iterator[Case]:
    yield Case("layer", "dense", _alone(dense(), _matrix))
    for name in ACTIVATIONS:
        yield Case("layer", name, _alone(activation(name, *FUNCTIONS[name.lower()]), _nothing))
    for name, function in ALONE.items():
        if name not in OF_SOME_NUMBERS:
            yield Case("layer", name, _alone(one_number(name, function), _nothing))
    prelu = Cell("prelu", {"y": functions.prelu(input_vector("x"), param("slope"))})
    yield Case("layer", "prelu", _alone(prelu, _vectors("slope")))
    yield Case("layer", "softmax", _alone(softmax_layer(), _nothing))
    yield Case("layer", "log_softmax", _alone(log_softmax_layer(), _nothing))
    norm = layer_normalization(1e-5)
    yield Case("layer", "layer normalization", _alone(norm, _vectors(*norm.parameters)))
    numbers = np.random.default_rng(3).normal(size=(2, UNITS))
    cell, params = scale_layer(numbers[0], numbers[1])
    yield Case("layer", "batch normalization", _alone(cell, lambda _: params))
    for name in REDUCED:
        if name not in ("log_sum", "log_sum_exp"):
            yield Case("layer", name, _number(one_number(name, REDUCED[name])))
    for name, cell, window in (
        ("convolution over 3 steps", conv1d(), Window(3, 1, 2, 0)),
        ("maximum of 3 steps", max_pool(3), Window(3)),
        ("mean of 3 steps", average_pool(3), Window(3)),
    ):
        params_of = (lambda rng: _matrix(rng, 3 * UNITS)) if cell.parameters else _nothing
        yield Case("layer", name, _windowed(_alone(cell, params_of), window))


def _number(cell: Cell) -> Callable[[int], Model]:
    return lambda _: step_model(cell, {}, {"y": 1}, {}, UNITS)


def _windowed(make: Callable[[int], Model], window: Window) -> Callable[[int], Model]:
    def made(seed: int) -> Model:
        model = make(seed)
        (node,) = model.nodes
        assert is_a(node, Layer)
        return replace(model, nodes=(replace(node, op=replace(node.op, window=window)),))

    return made


PATTERNS: dict[str, dict[str, Any]] = {
    "LSTM and a dense layer at each step": {"head": ("dense",)},
    "the same at the last step, softmax": {"read": "last", "head": ("dense", "softmax")},
    "two LSTMs, dense": {"hidden": (UNITS, UNITS), "head": ("dense",)},
    "GRU forward and backward, dense": {
        "cell": "gru_reset_after",
        "direction": "both",
        "steps": 20,
    },
    "all steps of an LSTM flattened, dense": {"read": "flat", "steps": 20},
    "mean of an LSTM over time, dense": {"read": "mean", "head": ("dense",)},
    "maximum over time, dense": {"read": "max", "head": ("dense",)},
    "convolution, ReLU, LSTM, dense": {"front": ("causal_conv", "relu"), "head": ("dense",)},
    "layer normalization around an LSTM": {"norm": "layer_norm", "head": ("dense",)},
    "embedding, LSTM, dense": {"rows": 30, "head": ("dense",)},
    "final states of two LSTMs joined": {"hidden": (UNITS, UNITS), "read": "joined"},
}
"""Choices of random models; 16 units in each LSTM or GRU, 8 features, 5 outputs."""
USUAL = {
    **PLAIN,
    **{"features": FEATURES, "hidden": (UNITS,), "cut": (), "head": (), "classes": 5, "also": ()},
    **{"initial": False, "norm": "", "layout": "batch_first", "steps": None},
}


def _patterns() -> Iterator[Case]:
    for name, choices in PATTERNS.items():
        given = {**USUAL, **choices}
        if "front" in choices:
            del given["norm"]
        yield Case("pattern", name, lambda seed, given=given: random_model(seed, **given))
