"""Models that read inputs in each way, and inputs that are anything that their C type holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.program import Program
from lstm_edge.passes.options import Options
from lstm_edge.passes.widths import ctype_of
from tests.support.models import random_model
from tests.support.schemes import program_of

COMMON: dict[str, Any] = {"weights": "normal", "norm": "", "also": (), "front": (), "rows": 0}
READERS: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "plain", "direction": "forward", "read": "steps", "head": ("dense",)},
    "grus": {"cell": "gru", "hidden": (3, 5), "direction": "forward", "read": "last", "head": ()},
    "both": {"cell": "gru_reset_after", "direction": "both", "steps": 4, "read": "joined"},
    "flat": {"cell": "rnn", "direction": "forward", "steps": 3, "read": "flat", "head": ()},
    "tanh": {"front": ("tanh",), "direction": "forward", "read": "steps", "head": ()},
    "dense": {"front": ("dense", "relu"), "direction": "forward", "read": "steps", "head": ()},
    "conv": {"front": ("conv",), "direction": "forward", "steps": 6, "read": "mean", "head": ()},
    "pool": {"front": ("max_pool",), "direction": "forward", "steps": 6, "read": "last"},
    "parts": {"cut": ("input",), "features": 6, "direction": "forward", "read": "steps"},
    "norm": {"norm": "layer_norm", "direction": "forward", "read": "steps", "head": ()},
}
"""Choices of models, by what reads the input: kernels, loops, windows, other sweeps."""


def reader(name: str, activations: int = 12, power_of_two: bool = False) -> Program:
    """The program of one of them."""
    choices = {"features": 5, "hidden": (5,), **COMMON, **READERS[name]}
    options = Options(activations, 32, 8, power_of_two)
    return program_of(random_model(77, **choices), options)


def anything(program: Program, seed: int = 0, calls: int = 4, steps: int = 6) -> Feed:
    """[4 streams]: random numbers of the C type, both of its ends, the ends of the format and just
    beyond them; states before each call likewise, where a caller can set them.
    """
    rng = np.random.default_rng([seed, 21])
    length = program.steps or steps

    def numbers(value: str, lead: tuple[int, ...]) -> np.ndarray[Any, Any]:
        fmt, size = program.values[value].format, program.values[value].length
        bits = int(ctype_of(program, value).removeprefix("int").removesuffix("_t"))
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        shape = (*lead, size)
        ends = [low, high, fmt.low, fmt.high, max(low, fmt.low - 1), min(high, fmt.high + 1)]
        every = rng.integers(low, high, shape, endpoint=True)
        return np.where(rng.random(shape) < 0.5, every, rng.choice(ends, shape))

    inputs = {}
    for port in program.inputs:
        assert port.per_step
        inputs[port.name] = numbers(port.value, (4, calls, length))
    settable = program.settable if program.streams else ()
    return Feed(inputs, {s.name: numbers(s.name, (4, calls)) for s in settable})
