"""Small models, of which golden files have what lowering and C make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lstm_edge.cells import gru
from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.expr import Cell, input_vector, join, larger, state, take, tanh
from lstm_edge.ir.model import Layer, Model, Node, Tensor
from lstm_edge.ir.program import Program
from lstm_edge.layers.inner import at_each_place
from lstm_edge.layers.normalize import scale_layer
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options, Widths
from tests.oracle.between_sweeps import (
    attention_pooling,
    gru_begun,
    other_length,
    shifted_by_first,
)
from tests.support.inner_axes import Conv, conv_model, conv_node
from tests.support.models import random_inputs, random_model
from tests.support.open_cells import Weights, open_model, step_model
from tests.support.spectra import mel_model

SMALL = {
    "features": 2,
    "classes": 3,
    "layout": "batch_first",
    "weights": "normal",
    "direction": "forward",
    "norm": "",
    "cut": (),
    "also": (),
    "initial": True,
    "front": (),
    "read": "last",
    "steps": None,
}
TAPS = np.array([[1, 2, 3, 4] * 8, [4, 3, 2, 1] * 8]) / 8
"""A window of two taps: frames are sums of two pieces."""
GRID = 32.0
"""Ranges that were seen are widened to multiples of 1 / GRID."""


def small(seed: int, **choices: object) -> Model:
    return random_model(seed, **{**SMALL, **choices})


def few() -> Model:
    """A step that does little with many products: tiles are used at once."""
    w, h, x = Weights(np.random.default_rng(13)), state("h"), input_vector("x")
    a, b, c = (w.matrix(g, 7, (v, n)) for g, v, n in (("a", x, 3), ("b", x, 3), ("c", h, 7)))
    return step_model(Cell("step", {"h": larger(a, b) + c * 0.25}), w.params, {"h": 7}, {"h": 7}, 3)


def taken() -> Model:
    """A step that reads its input and its state in another order."""
    w, h = Weights(np.random.default_rng(12)), state("h")
    x = input_vector("x")
    new = tanh(w.matrix("a", 3, (x, 3), (h, 3))) * 0.5 + take(x, (2, 0, 1)) * take(h, (1, 2, 0))
    out = join(take(new, (2, 0)), take(x, (1,)) - take(state("before"), (2,)))
    cell = Cell("step", {"h": new, "before": take(x, (1, 0, 2)), "out": out}, limited=True)
    return step_model(cell, w.params, {"out": 3}, {"h": 3, "before": 3}, 3)


def uneven(places: int) -> Model:
    """A GRU at each place of a step, whose units reach differently far."""
    drawn, params = np.random.default_rng(14), {}
    for gate in ("z", "r", "n", "hn"):
        sizes = np.array([0.3, 0.1, 0.03])[:, None] if "n" in gate else 1.0
        if gate != "hn":
            params[f"W_{gate}"] = (drawn.normal(size=(3, 2)) * sizes).astype(np.float32)
        if gate != "n":
            params[f"R_{gate}"] = (drawn.normal(size=(3, 3)) * sizes).astype(np.float32)
        params[f"b_{gate}"] = np.zeros(3, np.float32)
    cell, params = at_each_place(gru(reset_after=True), params, places)
    return step_model(cell, params, {"h": 3 * places}, {"h": 3 * places}, 2 * places)


def scaled_places(last: float = 0.1) -> Model:
    """Features brought to another scale each, then read at several positions."""
    conv = Conv(places=4, channels=1, units=2)
    plain = conv_model(conv)
    scale = Layer(*scale_layer(np.array([0.5, 1.0, 3.0, last]), np.full(4, 0.25)))
    norm = Node("norm", scale, {"x": "x"}, {"y": "n"})
    tensors = {**plain.tensors, "n": Tensor("n", 4, True)}
    return replace(plain, tensors=tensors, nodes=(norm, conv_node(conv, "conv0", "n", "y0")))


def lighter() -> Model:
    """Of an input that moves gates less than the state does."""
    model = small(15, cell="gru", hidden=(3,), head=("dense",))
    layer, *others = model.nodes
    assert isinstance(layer.op, Layer)
    params = {n: a / 4 if n.startswith("W_") else a for n, a in layer.op.params.items()}
    changed = replace(layer, op=replace(layer.op, params=params))
    return replace(model, nodes=(changed, *others))


CASES: dict[str, tuple[Callable[[], Model], Options]] = {
    "gru": (
        lambda: small(
            5,
            cell="gru_reset_after",
            hidden=(3,),
            front=("dense", "relu"),
            head=("layer_norm", "dense", "softmax"),
        ),
        Options(16, 32),
    ),
    "lstm": (
        lambda: small(
            6,
            cell="peephole",
            hidden=(2, 2),
            read="joined",
            direction="both",
            steps=4,
            head=("dense", "log_softmax"),
            cut=("input",),
        ),
        Options(12, 16, power_of_two=True),
    ),
    "over_time": (
        lambda: small(
            7,
            cell="rnn",
            hidden=(2,),
            front=("conv", "relu", "strided_max_pool"),
            read="mean",
            steps=8,
            head=("dense", "softplus", "scale", "argmax"),
            lengths=True,
        ),
        Options(8, 32, 4, power_of_two=True),
    ),
    "backward": (
        lambda: small(
            7,
            cell="rnn",
            hidden=(2,),
            direction="both",
            read="mean",
            steps=5,
            head=("dense",),
            lengths=True,
        ),
        Options(8, 16),
    ),
    "rows": (
        lambda: small(
            8,
            cell="fast_grnn",
            hidden=(2,),
            rows=5,
            ids=2,
            read="flat",
            steps=3,
            head=("elu", "softmax", "dense"),
        ),
        Options(12, 32, 16),
    ),
    "shifted": (
        lambda: small(10, cell="rnn", hidden=(2,), rows=4, head=("softsign", "softmax", "dense")),
        Options(12, 32, power_of_two=True),
    ),
    "doubled": (
        lambda: small(
            11,
            cell="plain",
            hidden=(2,),
            direction="both",
            read="steps",
            steps=3,
            head=("dense", "sigmoid"),
        ),
        Options(12, 32, layers={"lstm0": Widths(8, 12, ("R_i", "W_f"))}),
    ),
    "eight": (
        lambda: small(9, cell="coupled", hidden=(2,), front=("dense", "tanh"), head=("dense",)),
        Options(8, 16),
    ),
    "audio": (lambda: mel_model(32, 16, 3, least=0.01), Options(12, 32)),
    "positions": (
        lambda: conv_model(
            Conv(
                places=5,
                channels=2,
                units=2,
                pad=(1, 1),
                frames=2,
                relu=True,
                scaled=True,
                pooled=2,
            )
        ),
        Options(12, 32),
    ),
    "taken": (taken, Options(12, 32)),
    "scaled": (scaled_places, Options(12, 32)),
    "uneven": (lambda: uneven(1), Options(8, 16)),
    "places": (lambda: uneven(2), Options(8, 16)),
    "lighter": (lighter, Options(12, 32)),
    "updatable": (
        lambda: small(16, cell="peephole", hidden=(2,), rows=4, head=("dense", "softmax")),
        Options(12, 32, updatable=True),
    ),
    "few": (few, Options(8, 32, power_of_two=True)),
    "curves": (lambda: open_model("curves"), Options(12, 32)),
    "delayed": (lambda: open_model("delayed"), Options(8, 32, 16)),
    "ltc": (lambda: open_model("ltc"), Options(12, 16)),
    "spectrum": (lambda: mel_model(64, 32, 4, root=True), Options(12, 32)),
    "taps": (lambda: mel_model(32, 16, 3, kind="int", window=TAPS), Options(16, 32)),
    "projected": (
        lambda: small(
            13,
            cell="projected",
            hidden=(3,),
            features=5,
            cut=("input", "hidden"),
            also=("hidden", "cell"),
            head=("dense", "relu", "dense"),
        ),
        Options(16, 32, 8, power_of_two=True),
    ),
    "slstm": (lambda: open_model("slstm"), Options(16, 32)),
    "gru_begun": (lambda: gru_begun().model, Options(12, 32)),
    "other_length": (lambda: other_length().model, Options(8, 32)),
    "pooling": (lambda: attention_pooling().model, Options(12, 16)),
    "shifted_by_first": (lambda: shifted_by_first().model, Options(16, 32)),
}


SEEN = ("eight", "gru_begun", "slstm", "positions", "few", "uneven", "places", "lighter", "scaled")
"""Cases whose ranges are also taken from data, as with calibration."""
ALL = (*CASES, *(f"seen {name}" for name in SEEN))


def program_of(case: str) -> Program:
    """The integer program of a case; ranges that float sums have a part in are rounded, so that
    their order does not show: to powers of two where nothing was seen, else to this grid.
    """
    name = case.removeprefix("seen ")
    make, options = CASES[name]
    model = make()
    feed = Feed.of_samples(random_inputs(model, 8, None, 1))
    ranges = calibrate(lower_real(model), feed, from_data=name != case)
    if name != case:
        low = {k: np.floor(a * GRID) / GRID for k, a in ranges.low.items()}
        high = {k: np.ceil(a * GRID) / GRID for k, a in ranges.high.items()}
        without = {k: (low[k], high[k]) for k in low}
        ranges = replace(ranges, low=low, high=high, moments={}, without=without)
    return lower_integer(model, ranges, options)
