"""Steps that jump: by their own number, by time, by what they round. Against onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.oracle.compared import against_onnxruntime
from tests.oracle.entire import entire
from tests.oracle.graphs import saved
from tests.oracle.in_float import in_float
from tests.oracle.step_cells import INPUTS, UNITS, Builder
from tests.oracle.step_graphs import file_of, value

H = (1, UNITS)
PERIODS, AHEAD = [1, 2, 2, 3, 4], [0, 0, 1, 1, 3]
KINDS = {"i": ([], TensorProto.INT64), "t": ([1, 1], TensorProto.FLOAT)}


def opened(b: Builder, is_open: str, x: str, h: str) -> str:
    """A simple RNN of which a unit moves where its clock says so."""
    new = b.add("Tanh", b.sum(b.dense(x, INPUTS, UNITS), b.times(h, UNITS, UNITS)))
    return str(b.add("Where", is_open, new, h))


def whole(b: Builder, count: str) -> str:
    """(i + a) % period == 0, of the number of the step."""
    left = b.add("Mod", b.add("Add", count, b.constant(AHEAD)), b.constant(PERIODS))
    return str(b.add("Equal", left, b.constant(0)))


def real(b: Builder, count: str) -> str:
    """The same of a real number."""
    ahead, periods = (b.constant(np.array(a, np.float32)) for a in (AHEAD, PERIODS))
    left = b.add("Mod", b.add("Add", count, ahead), periods, fmod=1)
    return str(b.add("Less", left, b.constant(0.5)))


def phase(b: Builder, time: str) -> str:
    """(t - s) % tau < 1 of a phased LSTM, of periods that no number of steps has."""
    d = b.add("Sub", time, b.drawn(UNITS, low=0.0, high=1.0))
    tau = b.drawn(UNITS, low=1.5, high=4.0)
    turns = b.add("Floor", b.add("Div", d, tau))
    return str(b.add("Less", b.add("Sub", d, b.add("Mul", turns, tau)), b.constant(1.0)))


def body(b: Builder, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.GraphProto:
    stored = [numpy_helper.from_array(a, n) for n, a in b.constants.items()]
    shapes = {"h": H, "x_t": [1, INPUTS], "t_t": [1, 1]}
    given = [value(n, *KINDS.get(n, (shapes.get(n, []), TensorProto.FLOAT))) for n in inputs]
    return helper.make_graph(b.nodes, "body", given, [value(n, None) for n in outputs], stored)


def looped(clock: str, steps: int | str) -> onnx.ModelProto:
    """A Loop over x [T, 1, I] whose clock reads the number of the step, or a Cast of it."""
    b, outer = (Builder(np.random.default_rng(k)) for k in range(2))
    x = b.add("Gather", "x", "i", axis=0)
    count = "i" if clock == "whole" else b.add("Cast", "i", to=TensorProto.FLOAT)
    h = opened(b, {"whole": whole, "real": real, "phase": phase}[clock](b, count), x, "h")
    graph = body(b, ["i", "on", "h"], ["on", h, b.head(h)])
    graph.input[1].type.tensor_type.elem_type = TensorProto.BOOL
    graph.output[0].type.tensor_type.elem_type = TensorProto.BOOL
    trips = outer.add("Gather", outer.add("Shape", "x"), outer.constant(0), axis=0)
    outer.constants["true"] = np.array(True)
    start = outer.constant(np.full(H, 0.3))
    made = outer.add("Loop", trips, "true", start, outputs=2, body=graph)
    outer.nodes.append(helper.make_node("Identity", [made[1]], ["y"]))
    return file_of(outer, [value("x", [steps, 1, INPUTS])], [value("y", None)])


def scanned(way: str, steps: int | str, backward: bool = False) -> onnx.ModelProto:
    """A Scan over x [T, 1, I] whose time is a state that counts, or a constant for each step."""
    b, outer = (Builder(np.random.default_rng(k)) for k in range(2))
    time = "t" if way == "state" else "t_t"
    h = opened(b, (real if way == "state" else phase)(b, time), "x_t", "h")
    if way == "state":
        after = b.add("Add", b.constant(1.0), "t")
        graph = body(b, ["t", "h", "x_t"], [after, h, b.head(h)])
        read = [outer.constant(np.zeros((1, 1)))]
    else:
        graph = body(b, ["h", "x_t", "t_t"], [h, b.head(h)])
        read = []
    read += [outer.constant(np.full(H, 0.3)), "x"]
    read += [] if way == "state" else [outer.constant(np.arange(11.0)[:, None, None])]
    count = 1 if way == "state" else 2
    ways = {"scan_input_directions": [1] * count, "scan_output_directions": [1]}
    made = outer.add(
        "Scan",
        *read,
        outputs=len(graph.output),
        body=graph,
        num_scan_inputs=count,
        **(ways if backward else {}),
    )
    outer.nodes.append(helper.make_node("Identity", [made[-1]], ["y"]))
    return file_of(outer, [value("x", [steps, 1, INPUTS])], [value("y", None)])


def test_clocks_that_come_round_are_exact_for_any_length(tmp_path: Path) -> None:
    """A Clockwork RNN, in C beyond the 12 steps after which all clocks come round."""
    network = entire(scanned("state", "T"), tmp_path, least=40.0, steps=30)
    assert network.model.steps is None
    assert sorted(len(a) for a in network.model.layers[0].op.initial.values()) == [2, 2, 3, 4, 5]


@pytest.mark.parametrize("clock", ["whole", "real"])
def test_the_number_of_a_step_opens_gates(clock: str, tmp_path: Path) -> None:
    assert against_onnxruntime(looped(clock, "T"), tmp_path).steps is None


@pytest.mark.parametrize(
    "model",
    [looped("phase", 11), scanned("table", 11), scanned("table", 11, True)],
    ids=["Loop", "Scan", "backward"],
)
def test_other_numbers_of_steps_are_a_table_of_a_window(
    model: onnx.ModelProto, tmp_path: Path
) -> None:
    assert in_float(model, tmp_path).steps == 11


def test_numbers_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    path = saved(looped("phase", "T"), tmp_path)
    with pytest.raises(ModelError, match="grows without end in sequences of any length; say how"):
        load(path)
    assert load(path, steps=9).steps == 9


def test_constants_say_how_long_a_sequence_is(tmp_path: Path) -> None:
    assert load(saved(scanned("table", "T"), tmp_path)).steps == 11


def test_sequence_of_another_length_than_its_constants_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has numbers for 11 steps, and a sequence of 9"):
        load(saved(scanned("table", 9), tmp_path))
