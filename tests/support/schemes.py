"""Every combination of scheme and widths, and small models that hold every cell and layer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from lstm_edge.ir.model import DenseOverTime, Layer, Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.options import Options, Widths
from lstm_edge.passes.prove import prove
from tests.support.choices import ALL_CELLS
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized

STORED = tuple(product((False, True), (4, 8, 16)))
"""(scales are powers of two, bits of a weight)."""
KEPT = tuple(product((8, 12, 16), (16, 32)))
"""(bits of an activation, bits of the cell state)."""
COMBINATIONS = tuple(
    Options(activations, cell_state, weights, power_of_two)
    for (power_of_two, weights), (activations, cell_state) in product(STORED, KEPT)
)
"""All 36 of them."""
KINDS: tuple[Mapping[str, Any], ...] = (
    {"read": "steps", "head": ("dense",), "also": ("hidden", "cell")},
    {"read": "last", "head": ("dense", "softmax"), "rows": 7, "ids": 2, "front": ()},
    {"read": "flat", "head": ("sigmoid",), "steps": 5, "front": ()},
    {"read": "mean", "front": ("conv",), "steps": 8, "head": ("dense", "log_softmax")},
    {"read": "joined", "direction": "both", "steps": 4, "head": ("dense", "relu", "dense")},
    {"read": "steps", "front": ("strided_max_pool",), "steps": 8, "head": ("softmax",)},
    {"read": "last", "front": ("dense", "relu"), "weights": "huge", "initial": True, "head": ()},
    {"read": "steps", "norm": "scale", "head": ("layer_norm", "dense"), "weights": "wide"},
    {"read": "max", "front": ("causal_conv",), "lengths": True, "steps": 6, "head": ("dense",)},
    {"read": "steps", "direction": "reverse", "steps": 5, "head": ("dense", "tanh", "dense")},
    {"read": "steps", "front": ("tanh",), "cut": ("hidden",), "weights": "tiny", "head": ()},
)
"""Choices of models; eleven of them and nine cells meet all 36 combinations in all orders."""


def sampled_model(number: int, **choices: Any) -> Model:
    """A model of a few units: kinds and cells come by as the number goes on, with these choices."""
    kind = {"weights": "normal", "direction": "forward", **KINDS[number % len(KINDS)]}
    cell = list(ALL_CELLS)[number % len(ALL_CELLS)]
    hidden = ((3,), (4, 3), (5,), (2, 3))[number % 4]
    sizes = {"hidden": hidden, "features": 1 + number % 5, "classes": 1 + number % 4}
    return random_model(900 + number, cell=cell, **{**sizes, **kind, **choices})


def mixed(model: Model, options: Options, number: int = 0) -> Options:
    """The same with other widths in every second layer that has weights."""
    named = [n.name for n in model.nodes if isinstance(n.op, Layer | DenseOverTime)]
    widths = [Widths(w, a) for w in (16, 4, 8) for a in (12, 16, 8)]
    chosen = {name: widths[(number + k) % 9] for k, name in enumerate(named) if k % 2}
    return Options(
        options.activations, options.cell_state, options.weights, options.power_of_two, chosen
    )


def program_of(model: Model, options: Options, *, from_data: bool = True) -> Program:
    """The integer program, calibrated on a few random sequences, and proved."""
    program = quantized(model, random_inputs(model, 6), options, from_data=from_data)
    prove(program)
    return program


def described(options: Options) -> str:
    """The name of a test case."""
    scheme = "fixed" if options.power_of_two else "int8"
    widths = f"w{options.weights}-a{options.activations}-c{options.cell_state}"
    return f"{scheme}-{widths}"
