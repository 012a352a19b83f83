"""States that are inputs and outputs of a file, call by call as onnxruntime computes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.interpret.feed import feed_of, run_numpy
from tests.oracle import state_packings as packings
from tests.oracle.graphs import graph, node
from tests.oracle.state_graphs import (
    Case,
    H,
    N,
    T,
    compare,
    one_step_each,
    single,
    user_arrays,
    weights,
)
from tests.support.exactness import assert_same_bits, every

pytest.importorskip("onnxruntime")

OPS = ("LSTM", "GRU", "RNN")

PACKED = {
    **{f"sliced-{op}-{n}": packings.sliced(op, n) for op in OPS for n in (1, 2, 3)},
    **{f"gathered-{op}": packings.gathered(op, 2) for op in OPS},
    **{f"divided-{op}-{n}": packings.divided(op, n) for op in OPS for n in (2, 3)},
    **{
        f"packed-{op}-{''.join(map(str, order))}": packings.packed(op, 2, order)
        for op in OPS
        for order in packings.orders()
    },
    "packed-one-layer": packings.packed("LSTM", 1, (0, 1, 2, 3)),
    **{f"flat-{op}": packings.flat(op, 2) for op in OPS},
    **{f"flat_split-{op}": packings.flat_split(op, 2) for op in OPS},
    **{f"rows-{op}": packings.sliced(op, 2, rows=3) for op in OPS},
    "rows-open": packings.sliced("LSTM", 2, rows=3, opened=True),
    "rows-divided": packings.divided("GRU", 2, rows=3),
    "rows-flat": packings.flat("LSTM", 2, rows=3),
    "rows-flat-split": packings.flat_split("LSTM", 2, rows=3),
}


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("steps", [1, T])
@pytest.mark.parametrize("given", [True, False], ids=["init", "zero"])
def test_one_layer_goes_on_where_its_states_end(
    op: str, rows: int, steps: int, given: bool, tmp_path: Path
) -> None:
    compare(single(op, rows=rows, steps=steps), tmp_path, given=given)


@pytest.mark.parametrize("name", PACKED)
def test_states_are_found_however_they_are_packed(name: str, tmp_path: Path) -> None:
    compare(PACKED[name], tmp_path)


@pytest.mark.parametrize("name", ["sliced-LSTM-2", "packed-GRU-0123", "flat-LSTM"])
def test_several_steps_at_once_are_the_same_integers_as_one_by_one(
    name: str, tmp_path: Path
) -> None:
    compared = compare(PACKED[name], tmp_path)
    for program in (compared.real, compared.program):
        feed = feed_of(program, compared.arrays, stream=True)
        whole, steps = every(run_numpy(program, feed)), every(run_numpy(program, one_step_each(feed)))
        streams, calls, length = feed.shape
        for port in program.outputs:
            wanted = whole.pop(port.name)
            found = steps.pop(port.name).reshape(streams, calls, length, -1)
            assert np.array_equal(found, wanted)
        last = {n: a[:, length - 1 :: length] for n, a in steps.items()}
        assert_same_bits(whole, last)
