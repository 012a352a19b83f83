"""Sequences moved in time: differences of steps, padding, what comes before and behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.passes.lower_real import lower_real
from tests.oracle.entire import entire
from tests.oracle.graphs import graph, node

N, H, T = 3, 5, 8
RNG = np.random.default_rng(31)
FOREVER = 2**63 - 1


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.6)


def cut(x: str, y: str, start: int, end: int) -> tuple[onnx.NodeProto, dict[str, np.ndarray]]:
    named = {f"{y}_b": start, f"{y}_e": end, f"{y}_a": 1}
    constants = {name: np.array([value]) for name, value in named.items()}
    return node("Slice", " ".join([x, *constants]), y), constants


LATER, LATER_C = cut("x", "later", 1, FOREVER)
EARLIER, EARLIER_C = cut("x", "earlier", 0, -1)
HEAD, HEAD_C = cut("x", "head", 0, 1)
CONSTANTS = {
    **LATER_C,
    **EARLIER_C,
    **HEAD_C,
    "W": floats(1, 4 * H, N),
    "R": floats(1, 4 * H, H),
    "B": floats(1, 8 * H),
    "W2": floats(1, 4 * H, 2 * N),
    "null": np.zeros((1, 1, N), np.float32),
    "three": np.full((1, 3, N), 0.7, np.float32),
    "front": np.array([0, 1, 0, 0, 0, 0]),
    "behind": np.array([0, 0, 0, 0, 1, 0]),
    "both": np.array([0, 2, 0, 0, 3, 0]),
    "less": np.array([0, -2, 0, 0, -1, 0]),
    "moved": np.array([0, 1, 0, 0, -1, 0]),
    "fill": np.float32(0.4),
}
DIFFERENCE = [LATER, EARLIER, node("Sub", "later earlier", "d")]


def with_lstm(*nodes: onnx.NodeProto, last: str, weights: str = "W") -> list[onnx.NodeProto]:
    return [
        *nodes,
        node("Transpose", last, "t", perm=[1, 0, 2]),
        node("LSTM", f"t {weights} R B", "Y Yh", hidden_size=H),
    ]


CASES: dict[str, list[onnx.NodeProto]] = {
    "difference": with_lstm(*DIFFERENCE, last="d"),
    "difference behind zeros": with_lstm(*DIFFERENCE, node("Pad", "d front", "p"), last="p"),
    "difference behind a constant": with_lstm(
        *DIFFERENCE, node("Concat", "null d", "p", axis=1), last="p"
    ),
    "difference behind the first step": with_lstm(
        *DIFFERENCE, HEAD, node("Concat", "head d", "p", axis=1), last="p"
    ),
    "with its difference": with_lstm(
        *DIFFERENCE,
        node("Pad", "d front", "p"),
        node("Concat", "x p", "q", axis=2),
        last="q",
        weights="W2",
    ),
    "with the step before": with_lstm(
        node("Pad", "x moved", "p"),
        node("Concat", "x p", "q", axis=2),
        last="q",
        weights="W2",
    ),
    "with the first step twice": with_lstm(
        HEAD,
        EARLIER,
        node("Concat", "head earlier", "p", axis=1),
        node("Sub", "x p", "q"),
        last="q",
    ),
    "pairs of steps": with_lstm(
        LATER, EARLIER, node("Concat", "earlier later", "q", axis=2), last="q", weights="W2"
    ),
    "difference then zeros": with_lstm(*DIFFERENCE, node("Pad", "d behind", "p"), last="p"),
    "zeros in front": with_lstm(node("Pad", "x front", "p"), last="p"),
    "zeros behind": with_lstm(node("Pad", "x behind", "p"), last="p"),
    "a number on both sides": with_lstm(node("Pad", "x both fill", "p"), last="p"),
    "cropped by a Pad": with_lstm(node("Pad", "x less", "p"), last="p"),
    "behind a constant": with_lstm(node("Concat", "three x", "p", axis=1), last="p"),
    "before a constant": with_lstm(node("Concat", "x three", "p", axis=1), last="p"),
    "absolute difference": with_lstm(
        LATER,
        EARLIER,
        node("Sub", "later earlier", "d"),
        node("Abs", "d", "e"),
        node("Pad", "e front", "p"),
        last="p",
    ),
}


def shifted_model(case: str) -> onnx.ModelProto:
    """An LSTM of a sequence that was moved in time."""
    return graph(CASES[case], {"x": (1, T, N)}, ["Yh"], CONSTANTS)


@pytest.mark.parametrize("case", CASES)
def test_moved_in_time(case: str, tmp_path: Path) -> None:
    network = entire(shifted_model(case), tmp_path)
    assert lower_real(network.model).streams


@pytest.mark.parametrize("case", ["zeros in front", "difference behind zeros", "difference"])
def test_outputs_of_each_step(case: str, tmp_path: Path) -> None:
    entire(graph(CASES[case], {"x": (1, T, N)}, ["Y"], CONSTANTS), tmp_path)


@pytest.mark.parametrize(
    "case", ["with its difference", "difference behind the first step", "difference"]
)
def test_of_any_length(case: str, tmp_path: Path) -> None:
    model = graph(CASES[case], {"x": ("b", "T", N)}, ["Yh"], CONSTANTS)
    entire(model, tmp_path)
