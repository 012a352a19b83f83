"""Loops of which one step is another one are never wrong: told, or refused, by what differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import NodeProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.oracle.cell_graphs import Net, model
from tests.oracle.graphs import saved
from tests.oracle.in_float import in_float
from tests.oracle.unrolled_graphs import INPUTS, UNITS, Loop, stacked, steps_of
from tests.support.boards import combined

STEPS = 8
PRODUCTS = 4
"""Nodes with a matrix in a step of the cell."""


def loop(net: Net) -> list[str]:
    """A loop over x [1, T, I]."""
    cell = Loop(net, "ugrnn")
    return cell.run(steps_of(net, "gather1", STEPS), cell.states())[0]


def products(net: Net) -> list[NodeProto]:
    """Nodes with a matrix in order."""
    return [node for node in net.nodes if node.op_type in ("MatMul", "Gemm")]


@pytest.mark.parametrize(("step", "which"), combined([2, 3, 5, 6], range(PRODUCTS), of=2))
def test_another_matrix_in_one_step(step: int, which: int, tmp_path: Path) -> None:
    net = Net()
    results = loop(net)
    node = products(net)[step * PRODUCTS + which]
    changed = net.constants[node.input[1]].copy()
    changed[0, 0] += 0.25
    node.input[1] = net.constant(changed)
    whole = model(net, {"x": [1, STEPS, INPUTS]}, [stacked(net, results, 1)])
    (said,) = in_float(whole, tmp_path).warnings
    assert "each step is compiled by itself" in said
    assert f"{node.op_type} {node.name!r}: step {step + 1} of {STEPS} of an unrolled loop" in said
    assert "multiplies by another matrix (by up to 0.25)" in said


@pytest.mark.parametrize(
    ("step", "change"),
    combined(range(STEPS), ["matrix", "bias", "function", "sign", "skipped", "other step"]),
)
def test_no_change_of_one_step_is_ever_taken_for_the_others(
    change: str, step: int, tmp_path: Path
) -> None:
    """It is refused, or computes what the file does."""
    net = Net()
    results = loop(net)
    _change(net, change, step)
    whole = model(net, {"x": [1, STEPS, INPUTS]}, [stacked(net, results, 1), results[-1]])
    try:
        in_float(whole, tmp_path)
    except ModelError as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said


def _change(net: Net, change: str, step: int) -> None:
    """Make one step another one."""
    rng = np.random.default_rng(step)
    if change in ("matrix", "bias"):
        place = 1 if change == "matrix" else 2
        node = [n for n in products(net) if len(n.input) > place and n.op_type == "Gemm"][step]
        array = net.constants[node.input[place]]
        node.input[place] = net.constant(array + 0.01 * rng.normal(size=array.shape))
    elif change == "function":
        [n for n in net.nodes if n.op_type == "Tanh"][step].op_type = "Softsign"
    elif change == "sign":
        [n for n in net.nodes if n.op_type == "Sub"][step].op_type = "Add"
    elif change == "skipped":  # a step reads the state before the last one
        gemms = [n for n in net.nodes if n.op_type == "Gemm"]
        gemms[step].input[0] = gemms[max(step - 1, 0)].input[0]
    else:
        nodes = [n for n in net.nodes if n.op_type == "Gather"]
        nodes[step].input[1] = nodes[(step + 3) % STEPS].input[1]


def test_features_taken_one_by_one_are_no_steps(tmp_path: Path) -> None:
    """Each feature of a last state is taken and all are put together again, in another order."""
    net = Net()
    results = loop(net)
    parts = [net.add("Gather", results[-1], net.constant([k]), axis=1) for k in range(UNITS)]
    scaled = [net.add("Mul", part, net.constant(0.5 + k)) for k, part in enumerate(parts)]
    y = net.add("Concat", *scaled[::-1], axis=1)
    in_float(model(net, {"x": [1, STEPS, INPUTS]}, [y]), tmp_path)


def test_rows_of_a_batch_that_start_differently_are_told(tmp_path: Path) -> None:
    net = Net()
    cell = Loop(net, "ugrnn")
    (zero,) = cell.states()
    net.constants[zero] = np.linspace(0.0, 1.0, 2 * UNITS, dtype=np.float32).reshape(2, UNITS)
    results, _ = cell.run(steps_of(net, "gather1", STEPS), (zero,))
    path = saved(model(net, {"x": [2, STEPS, INPUTS]}, [stacked(net, results, 1)]), tmp_path)
    with pytest.raises(ModelError, match=r"something else for each row of a batch.*batch of 1"):
        load(path)


@pytest.mark.parametrize("shape", [["n", STEPS, "f"], [1, STEPS, "f"], ["f", STEPS, "f"]])
def test_features_of_any_size_are_not_taken_for_one(shape: list[str | int], tmp_path: Path) -> None:
    """An average goes with vectors of any size: nothing in the file says how many features."""
    net = Net()
    states = [net.constant(np.zeros((1, 1)))]
    for x in steps_of(net, "gather1", STEPS):
        kept = net.add("Mul", states[-1], net.constant(0.7))
        states.append(net.add("Tanh", net.add("Add", kept, net.add("Mul", x, net.constant(0.3)))))
    path = saved(model(net, {"x": shape}, [states[-1]]), tmp_path)
    with pytest.raises(ModelError, match=r"counts features, of any size; export it with a fixed"):
        load(path)
