"""What random models are made of, and how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_edge.cells import fast_grnn, gru, lstm, rnn
from lstm_edge.ir.clock import Window

CELLS = {
    "plain": lstm(),
    "peephole": lstm(peephole=True),
    "coupled": lstm(coupled=True),
    "peephole_coupled": lstm(peephole=True, coupled=True),
}
"""The LSTMs."""
OTHER_CELLS = {
    "gru": gru(),
    "gru_reset_after": gru(reset_after=True),
    "rnn": rnn(),
    "projected": lstm(projected=True),
    "fast_grnn": fast_grnn(),
}
ALL_CELLS = {**CELLS, **OTHER_CELLS}
DIRECTIONS = ("forward", "reverse", "both")
FRONTS: tuple[tuple[str, ...], ...] = (
    (),
    ("dense",),
    ("tanh",),
    ("dense", "relu"),
)
WINDOWS = {
    "conv": Window(3, 1, 1, 1),
    "causal_conv": Window(3, 1, 2, 0),
    "strided_conv": Window(2, 2),
    "max_pool": Window(3, 1, 1, 1),
    "strided_max_pool": Window(2, 2),
    "average_pool": Window(2),
}
"""Layers of a front that see several steps at once; never drawn."""
REDUCED = ("mean", "max", "min", "sum")
"""Reductions over time that a head may see; never drawn."""
READS = ("steps", "last", "flat", "joined")
"""What the head sees: each step, the last one, all of them flattened (a DenseOverTime), or the last
ones of all layers joined (a Concat).
"""
HEADS: tuple[tuple[str, ...], ...] = (
    (),
    ("dense",),
    ("dense", "relu", "dense"),
    ("dense", "softmax"),
    ("dense", "log_softmax"),
    ("dense", "sigmoid"),
    ("dense", "tanh", "dense"),
    ("sigmoid",),
    ("softmax",),
)
FUNCTIONS: dict[str, tuple[float, float]] = {
    "sigmoid": (0.0, 0.0),
    "tanh": (0.0, 0.0),
    "relu": (0.0, 0.0),
    "affine": (1.5, 0.25),
    "leakyrelu": (0.1, 0.0),
    "thresholdedrelu": (0.5, 0.0),
    "scaledtanh": (1.5, 0.7),
    "hardsigmoid": (0.6, 0.5),
    "elu": (0.8, 0.0),
    "softsign": (0.0, 0.0),
    "softplus": (0.0, 0.0),
}
"""Elementwise layers, with their alpha and beta."""
FUNCTION_HEADS = tuple(("dense", name) for name in list(FUNCTIONS)[3:])
ARGMAX_HEADS: tuple[tuple[str, ...], ...] = (
    ("argmax",),
    ("dense", "argmax"),
    ("dense", "softmax", "argmax"),
)
"""Heads of which the result is an integer; never drawn."""
NORM_HEADS = (
    ("layer_norm",),
    ("layer_norm", "dense", "softmax"),
    ("dense", "relu", "layer_norm"),
    ("scale", "tanh"),
    ("layer_norm", "scale", "log_softmax"),
)
"""Heads with a layer that brings a vector to another mean and scale."""
NORMS = ("", "", "", "", "layer_norm", "scale")
ALSO: tuple[tuple[str, ...], ...] = ((), ("hidden",), ("cell",), ("hidden", "cell"))
"""Results of the last LSTM that are outputs beside the head's."""
CUTS: tuple[tuple[str, ...], ...] = ((), ("input",), ("hidden",), ("input", "hidden"))
"""What is cut to some of its features: that which the recurrent layers read, and their results."""
LAYOUTS = {
    "batch_first": ("batch", "time", "feature"),
    "time_major": ("time", "batch", "feature"),
    "feature_first": ("batch", "feature", "time"),
}

PLAIN: dict[str, Any] = {
    "cell": "plain",
    "direction": "forward",
    "front": (),
    "read": "steps",
    "weights": "normal",
}
"""Choices of a usual LSTM, for tests of something else."""
MEASURED: dict[str, Any] = {
    **PLAIN,
    "features": 6,
    "hidden": (16,),
    "cut": (),
    "head": (),
    "classes": 5,
    "also": (),
    "initial": False,
}
"""Choices of models of which the signal to noise is held to a budget."""


@dataclass(frozen=True)
class Choices:
    """What a model is like.

    weights: "normal" (well-behaved), "wide" (rows and columns of very different magnitudes),
    "tiny", "huge" (saturated gates), "zero". initial: the states start at random values.
    norm: what comes before each recurrent layer and after the last one: "", "layer_norm", "scale";
    nothing where a `front` is given.
    steps: the sequence length that the model requires, where it needs whole sequences.
    direction: "both" joins a forward and a reverse layer at each level. rows: 0 for an input of
    real numbers; else that of a table in which each input is looked up, `ids` of them at a step,
    never drawn. lengths: the recurrent layers stop after as many steps as a second input says,
    never drawn.
    """

    features: int
    hidden: tuple[int, ...]
    cell: str
    direction: str
    front: tuple[str, ...]
    read: str
    head: tuple[str, ...]
    classes: int
    also: tuple[str, ...]
    initial: bool
    weights: str
    layout: str
    norm: str
    steps: int | None
    rows: int
    ids: int
    cut: tuple[str, ...]
    lengths: bool


def draw_choices(seed: int, **given: Any) -> Choices:
    """All choices of a random model; those that are given are kept."""
    rng = np.random.default_rng([seed, 1])

    def one_of(options: Sequence[Any]) -> Any:
        return options[int(rng.integers(len(options)))]

    drawn: dict[str, Any] = {
        "features": int(rng.integers(1, 10)),
        "hidden": tuple(int(n) for n in rng.integers(1, 12, one_of((1, 1, 2, 3)))),
        "cell": one_of((*CELLS, *CELLS, *OTHER_CELLS)),
        "direction": one_of(("forward",) * 4 + DIRECTIONS[1:]),
        "front": one_of((*FRONTS[:1] * 3, *FRONTS[1:])),
        "read": one_of(READS),
        "head": one_of((*HEADS, *HEADS, *FUNCTION_HEADS)),
        "classes": int(rng.integers(1, 7)),
        "also": one_of(ALSO),
        "initial": bool(rng.integers(2)),
        "weights": one_of(("normal", "normal", "normal", "wide", "tiny", "huge", "zero")),
        "layout": one_of(tuple(LAYOUTS)),
        "norm": "",
    }
    now = {**drawn, **given}
    whole = now["read"] == "flat" or now["direction"] != "forward"
    drawn["steps"] = int(rng.integers(1, 7)) if whole else None
    drawn |= {"rows": 0, "ids": 1, "lengths": False}
    drawn["cut"] = one_of((*CUTS[:1] * 5, *CUTS[1:]))
    drawn["norm"] = "" if "front" in given else one_of(NORMS)
    unknown = set(given) - set(drawn)
    if unknown:
        raise TypeError(f"unknown choices {sorted(unknown)}")
    return Choices(**{**drawn, **given})


def over_time(seed: int) -> dict[str, Any]:
    """Choices of a model in which something sees, counts or reduces several steps."""
    rng = np.random.default_rng([seed, 9])
    windows = [(), *((name,) for name in WINDOWS), ("conv", "relu", "strided_max_pool")]
    front = windows[seed % len(windows)]
    read = (*REDUCED, "steps", "last", "flat")[int(rng.integers(len(REDUCED) + 3))]
    is_open = read != "flat" and not any(name in WINDOWS and WINDOWS[name].right for name in front)
    return {
        "front": front,
        "read": read,
        "lengths": bool(rng.integers(2)),
        "weights": ("normal", "normal", "wide", "tiny")[int(rng.integers(4))],
        "direction": "forward",
        "hidden": tuple(int(n) for n in rng.integers(1, 6, int(rng.integers(1, 3)))),
        "steps": None if is_open and rng.integers(2) else int(rng.integers(5, 9)),
    }
