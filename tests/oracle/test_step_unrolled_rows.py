"""Unrolled loops with rows of a batch, and with what enters them beside their sequence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lstm_edge.frontend import load
from tests.oracle.cell_graphs import Net, model
from tests.oracle.rewritten import assert_loaded, saved
from tests.oracle.unrolled_graphs import (
    CELLS,
    COUNTS,
    INPUTS,
    UNITS,
    Loop,
    dense,
    stacked,
    steps_of,
)

STEPS = 6
BATCHES: list[int | str] = [1, 2, UNITS, "rows"]
"""As many rows as a vector has units, too: sizes do not tell which axis is which. And any."""


def batched(net: Net, loop: Loop, batch: int | str, axis: int = 0) -> tuple[str, ...]:
    """States that are zero, of each row; `axis` of x counts these where there may be any."""
    if isinstance(batch, int):
        return tuple(net.constant(np.zeros((batch, UNITS))) for _ in range(COUNTS[loop.kind]))
    size = net.add("Shape", "x", start=axis, end=axis + 1)
    size = net.add("Concat", size, net.constant([UNITS]), axis=0)
    return tuple(net.add("ConstantOfShape", size) for _ in range(COUNTS[loop.kind]))


@pytest.mark.parametrize("how", ["gather0", "split1"])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("kind", CELLS)
def test_each_row_is_the_model(kind: str, batch: int | str, how: str, tmp_path: Path) -> None:
    net = Net()
    loop = Loop(net, kind)
    axis = int(how[-1])
    states = batched(net, loop, batch, 1 - axis)
    results, _ = loop.run(steps_of(net, how, STEPS), states)
    shape: list[int | str] = [batch, STEPS, INPUTS] if axis else [STEPS, batch, INPUTS]
    last = net.add("Unsqueeze", results[-1], net.constant([0]))  # [1, rows, units]
    outputs = [stacked(net, results, axis), dense(net, results[-1]), last]
    path = saved(model(net, {"x": shape}, outputs), tmp_path)
    assert_loaded(path)
    assert sum(bool(layer.op.cell.states) for layer in load(path).layers) == 1


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("kind", CELLS)
def test_states_may_be_inputs(kind: str, batch: int | str, tmp_path: Path) -> None:
    net = Net()
    loop = Loop(net, kind)
    names = tuple("hc"[: COUNTS[kind]])
    results, _ = loop.run(steps_of(net, "gather1", STEPS), names)
    inputs: dict[str, list[int | str]] = {"x": [batch, STEPS, INPUTS]}
    inputs |= {name: [batch, UNITS] for name in names}
    path = saved(model(net, inputs, [stacked(net, results, 1)]), tmp_path)
    assert_loaded(path)
    assert [port.name for port in load(path).state_inputs] == list(names)


def test_states_may_be_parts_of_an_input(tmp_path: Path) -> None:
    """h and c of two rows in one tensor [2, B, H]."""
    net = Net()
    loop = Loop(net, "coupled")
    names = tuple(net.add("Gather", "states", net.constant(k), axis=0) for k in range(2))
    results, _ = loop.run(steps_of(net, "gather1", STEPS), names)
    inputs: dict[str, list[int | str]] = {"x": [3, STEPS, INPUTS], "states": [2, 3, UNITS]}
    assert_loaded(saved(model(net, inputs, [results[-1]]), tmp_path))


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("kind", CELLS)
def test_a_vector_that_is_the_same_at_each_step(
    kind: str, batch: int | str, tmp_path: Path
) -> None:
    net = Net()
    loop = Loop(net, kind)
    weights = net.constant(np.random.default_rng(4).normal(size=(4, INPUTS)))
    steps = [
        net.add("Add", x, net.add("Tanh", net.add("MatMul", "z", weights)))
        for x in steps_of(net, "gather1", STEPS)
    ]
    results, _ = loop.run(steps, batched(net, loop, batch))
    inputs: dict[str, list[int | str]] = {"x": [batch, STEPS, INPUTS], "z": [batch, 4]}
    path = saved(model(net, inputs, [stacked(net, results, 1)]), tmp_path)
    assert_loaded(path)
    assert sum(bool(layer.op.cell.states) for layer in load(path).layers) >= 1


@pytest.mark.parametrize("read_again", [False, True])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_product_of_the_whole_sequence_is_the_steps_own(
    batch: int | str, read_again: bool, tmp_path: Path
) -> None:
    """As exporters write W x + b of all steps before the first; unless others read that, too."""
    net = Net()
    rng = np.random.default_rng(5)
    w, r = (net.constant(rng.normal(size=(n, UNITS)) * 0.5) for n in (INPUTS, UNITS))
    product = net.add("Add", net.add("MatMul", "x", w), net.constant(rng.normal(size=UNITS)))
    h, results = net.constant(np.zeros((batch, UNITS))), []
    for x in steps_of(net, "split1", STEPS, product):
        h = net.add("Tanh", net.add("Add", x, net.add("MatMul", h, r)))
        results.append(h)
    outputs = [stacked(net, results, 1), *([product] if read_again else [])]
    path = saved(model(net, {"x": [batch, STEPS, INPUTS]}, outputs), tmp_path)
    assert assert_loaded(path) == ({"dense": 1, "cell": 1} if read_again else {"rnn": 1})
