"""Inputs of LSTM, GRU and RNN that do not fit: each is refused by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.oracle.graphs import graph, saved

N, H, T = 3, 5, 7
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def numbers(*shape: int) -> np.ndarray[Any, Any]:
    return (np.arange(np.prod(shape)).reshape(shape) % 7 / 8.0 - 0.375).astype(np.float32)


def refused(
    folder: Path,
    message: str,
    op: str = "LSTM",
    read: str = "x W R",
    given: tuple[int, ...] = (),
    ways: int = 1,
    attributes: dict[str, Any] | None = None,
    **arrays: Any,
) -> None:
    """read: the operator's inputs, _ for one that is left out. given: shape of an input of the
    model of that name.
    """
    rows = GATES[op] * H
    known = {"W": numbers(ways, rows, N), "R": numbers(ways, rows, H), **arrays}
    direction = "bidirectional" if ways == 2 else "forward"
    more = {"hidden_size": H, "direction": direction, **(attributes or {})}
    inputs = {"x": (T, 1, N), **({"given": given} if given else {})}
    used = {name: array for name, array in known.items() if name in read.split()}
    names = ["" if name == "_" else name for name in read.split()]
    layer = helper.make_node(op, names, ["Y"], **more)
    with pytest.raises(ModelError, match=message):
        load(saved(graph([layer], inputs, ["Y"], used), folder))


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "projection": (
        "initial_c has 8 units where hidden_size is 5: an LSTM with proj_size",
        {"read": "x W R _ _ h c", "h": numbers(1, 1, H), "c": numbers(1, 1, 8)},
    ),
    "projection_given": (
        "initial_c has 8 units where hidden_size is 5: an LSTM with proj_size",
        {"read": "x W R _ _ h given", "h": numbers(1, 1, H), "given": (1, 1, 8)},
    ),
    "fewer_units": (
        r"input initial_c is \[1, 1, 4\], expected \[1, 1, 5\]$",
        {"read": "x W R _ _ _ c", "c": numbers(1, 1, 4)},
    ),
    "swapped": (
        r"input initial_h is \[1, 5, 1\].*|initial_h has 5 batch rows, but X has 1",
        {"op": "GRU", "read": "x W R _ _ h", "h": numbers(1, 5, 1)},
    ),
    "one_direction_of_a_state": (
        r"input initial_h is \[1, 1, 5\], expected \[2, 1, 5\]",
        {"op": "RNN", "read": "x W R _ _ h", "h": numbers(1, 1, H), "ways": 2},
    ),
    "rows_of_a_state": (
        "input initial_h has 3 batch rows, but X has 1",
        {"op": "RNN", "read": "x W R _ _ h", "h": numbers(1, 3, H)},
    ),
    "given_units": (
        r"input initial_h is .*expected \[1, 1, 5\]",
        {"op": "GRU", "read": "x W R _ _ given", "given": (1, 1, 4)},
    ),
    "given_rows": (
        "input initial_h has a batch of .*2.*, but X has one of",
        {"op": "GRU", "read": "x W R _ _ given", "given": (1, 2, H)},
    ),
    "given_axes": (
        r"input initial_h is .*expected \[1, 1, 5\]",
        {"op": "GRU", "read": "x W R _ _ given", "given": (1, H)},
    ),
    "peepholes": (
        r"input P is \[1, 20\], expected \[1, 15\]$",
        {"read": "x W R _ _ _ _ P", "P": numbers(1, 20)},
    ),
    "bias": (
        r"input B is \[40\], expected \[1, 40\]; are gates and features swapped\?",
        {"read": "x W R B", "B": numbers(40)},
    ),
    "axes": (
        "input X .*has not three axes",
        {"op": "RNN", "read": "given W R", "given": (T, N)},
    ),
    "no_units": ("hidden_size = 0, expected 1 or more", {"attributes": {"hidden_size": 0}}),
    "features": (
        r"W \[1, 20, 4\] takes 4 features, but X is",
        {"W": numbers(1, 20, 4)},
    ),
    "lengths_of_rows": (
        r"sequence_lens = \[3, 4\] differs from row to row of the batch",
        {"read": "x W R _ lens", "lens": np.array([3, 4], np.int32)},
    ),
    "no_steps_and_a_state": (
        "sequence_lens = 0 beside an initial state, which has no effect then",
        {"read": "x W R _ lens h", "lens": np.array([0], np.int32), "h": numbers(1, 1, H)},
    ),
    "computed_lengths": (
        "input sequence_lens .*is no input of the graph of integers",
        {"read": "x W R _ given", "given": (1,)},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_input_that_does_not_fit_is_refused(case: str, tmp_path: Path) -> None:
    message, options = CASES[case]
    refused(tmp_path, message, **options)


@pytest.mark.parametrize("op", GATES)
def test_an_open_batch_of_a_state_is_that_of_the_sequence(op: str, tmp_path: Path) -> None:
    rows = GATES[op] * H
    arrays = {"W": numbers(1, rows, N), "R": numbers(1, rows, H)}
    layer = helper.make_node(op, ["x", "W", "R", "", "", "given"], ["Y", "Y_h"], hidden_size=H)
    inputs = {"x": (T, 1, N), "given": (1, "rows", H)}
    model = load(saved(graph([layer], inputs, ["Y", "Y_h"], arrays), tmp_path))
    assert [port.shape for port in model.state_inputs] == [(1, 1, H)]
