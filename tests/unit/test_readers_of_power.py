"""Power stays in block floating point where all that reads it takes it so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lstm_edge.ir.expr import (
    Cell,
    Expr,
    apply,
    constant,
    input_vector,
    larger,
    smaller,
    state,
    take,
    tanh,
)
from lstm_edge.ir.model import Layer, Model, Node, Port, Slice, Step, Tensor, Work
from lstm_edge.layers.dense import dense
from lstm_edge.layers.spectrum import WINDOW, bin_power, frame_spectrum
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from tests.support.programs import quantized, real_outputs, sqnr_db
from tests.support.spectra import hann, mel_model, mel_weights, speech

FRAME, HOP, BINS, ROWS = 32, 16, 17, 5
X = input_vector("x")
FULL = np.random.default_rng(0).uniform(0.1, 1.0, (ROWS, BINS)).astype(np.float32)
"""Weights of all bins in each row: no bands."""
SHARP = mel_weights(ROWS, FRAME)
SAMPLES = speech(2, 6, HOP, 0.7)


def reading(*nodes: Node[Work], ports: tuple[Port, ...] = ()) -> Model:
    """Power of samples that nodes read, the last of which makes the output."""
    model = mel_model(FRAME, HOP, ROWS)
    (top,) = nodes[-1].makes
    made = {t for node in nodes for t in node.makes}
    sizes = {t: ROWS if t == "rows" else BINS for t in made}
    tensors = {name: model.tensors[name] for name in ("x", "bins", "power")}
    tensors |= {name: Tensor(name, sizes[name], name != "last") for name in made}
    port = replace(model.outputs[0], tensor=top, shape=(1, -1, sizes[top]))
    nodes = (*model.nodes[:2], *nodes)
    return replace(model, outputs=(port, *ports), tensors=tensors, nodes=nodes)


def layer(y: Expr, **params: np.ndarray) -> Node[Work]:
    units = {"y": "rows"} if params else {"y": "y"}
    op = Layer(Cell("cell", {"y": y}, limited=True), params)
    return Node("reader", op, {"x": "power"}, units)


def weighted(weights: np.ndarray, bias: float = 0.0) -> Node[Work]:
    params = {"W_y": weights, "b_y": np.full(len(weights), bias, np.float32)}
    return Node("reader", Layer(dense(), params), {"x": "power"}, {"y": "rows"})


def stays(model: Model) -> bool:
    """Whether nothing brings power to one format where it is made."""
    program = quantized(model, {"x": SAMPLES}, Options(16))
    prove(program)
    made = [op.kind for block in program.blocks if block.layer == "power" for op in block.ops]
    return not {"lift", "drop"} & {*made}


POINT = apply("log", larger(X, 1e-4))
READERS: dict[str, tuple[bool, Node[Work]]] = {
    "bands": (True, weighted(SHARP)),
    "bands and a bias": (True, weighted(SHARP, 0.5)),
    "all bins": (True, weighted(FULL)),
    "all bins and a bias": (False, weighted(FULL, 0.5)),
    "logarithm": (True, layer(apply("log", X))),
    "root": (True, layer(apply("sqrt", X))),
    "curve": (False, layer(tanh(X))),
    "logarithm of a least": (True, layer(POINT)),
    "a least in front": (True, layer(larger(constant(1e-4), X))),
    "sum": (True, layer(X + 0.25)),
    "product": (True, layer(0.5 * X)),
    "difference": (False, layer(X - 0.25)),
    "smaller": (False, layer(smaller(X, 0.25))),
    "square": (False, layer(X * X)),
    "two kinds": (False, layer(apply("log", X) + tanh(X))),
    "two that take it": (True, layer(apply("log", X) + apply("sqrt", X))),
    "two of which the first": (False, layer(tanh(X) + apply("log", X))),
    "part": (False, Node("part", Slice(0, BINS), {"x": "power"}, {"y": "y"})),
    "last": (False, Node("last", Step(-1), {"x": "power"}, {"y": "last"})),
}


@pytest.mark.parametrize("case", READERS)
def test_power_is_in_one_format_where_a_reader_wants_it_so(case: str) -> None:
    expected, node = READERS[case]
    assert stays(reading(node)) == expected


def test_power_is_in_one_format_where_a_caller_sees_it_or_one_of_two_readers_wants_it_so() -> None:
    taken, other = weighted(SHARP), replace(layer(tanh(X)), name="other")
    seen = Port("power", "power", ("batch", "time", "feature"), (1, -1, BINS))
    assert not stays(reading(taken, ports=(seen,)))
    assert not stays(reading(taken, other))
    assert not stays(reading(other, taken))
    assert stays(reading(replace(layer(apply("sqrt", X)), name="other"), taken))


def test_power_that_a_state_begins_with_is_in_one_format() -> None:
    model = mel_model(FRAME, HOP, ROWS)
    frame = Layer(frame_spectrum(HOP, several=False), {WINDOW: hann(HOP)})
    cell = Cell("cell", {"h": state("h") * 0.5 + take(X, range(9))}, limited=True)
    nodes = (
        Node("last", Step(-1), {"x": "x"}, {"y": "last"}),
        Node("spectrum", frame, {"x": "last"}, {"y": "bins"}),
        Node("power", Layer(bin_power()), {"x": "bins"}, {"y": "power"}),
        Node(
            "begun",
            Layer(cell, begins={"h": "first"}, units={"h": 9}),
            {"x": "x", "first": "power"},
            {"h": "h"},
        ),
    )
    sizes = {"last": HOP, "bins": HOP + 2, "power": 9, "h": 9}
    tensors = {n: Tensor(n, size, n == "h") for n, size in sizes.items()}
    port = replace(model.outputs[0], tensor="h", shape=(1, 6, 9))
    begun = replace(
        model,
        inputs=(replace(model.inputs[0], shape=(1, 6, HOP)),),
        outputs=(port,),
        tensors={"x": model.tensors["x"], **tensors},
        nodes=nodes,
        steps=6,
    )
    assert not stays(begun)
    program = quantized(begun, {"x": SAMPLES}, Options(16))
    exact = real_outputs(lower_real(begun), {"x": SAMPLES})["y"]
    assert sqnr_db(exact, real_outputs(program, {"x": SAMPLES})["y"]) > 40.0
