"""Sums of what a step multiplies, and quotients by roots of them: all bits of int32 count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.oracle.entire import SAMPLES, entire
from tests.oracle.step_cells import CELLS, INPUTS, Builder, Result
from tests.oracle.step_graphs import rolled

SIZE, STEPS = 4, 20


def linear_attention(b: Builder, x: str, s: Sequence[str]) -> Result:
    """Gated linear attention (Yang et al. 2024): a memory [4, 4], and an RMS norm written out."""
    q, k, v, g, gate = (b.dense(x, INPUTS, SIZE) for _ in range(5))
    column, row = b.constant([2]), b.constant([1])
    new = b.add("MatMul", b.add("Unsqueeze", k, column), b.add("Unsqueeze", v, row))
    open_ = b.add("Unsqueeze", b.add("Sigmoid", g), column)
    memory = b.sum(b.add("Mul", open_, s[0]), new)
    o = b.add("Squeeze", b.add("MatMul", b.add("Unsqueeze", q, row), memory), row)
    mean = b.add("ReduceMean", b.add("Pow", o, b.constant(2.0)), row, keepdims=1)
    size = b.add("Sqrt", b.add("Add", mean, b.constant(1e-5)))
    o = b.add("Mul", b.add("Mul", o, b.add("Reciprocal", size)), b.drawn(SIZE, low=0.5))
    gated = b.add("Mul", o, b.add("Mul", gate, b.add("Sigmoid", gate)))
    return b.head(gated, SIZE), [memory]


def test_small_vectors_beside_large_ones_are_normed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With squares in the 16 bits of a matrix product, and 1 / size in those of a factor, 19 dB."""
    monkeypatch.setitem(CELLS, "attention", (linear_attention, [(1, SIZE, SIZE)]))
    x = np.random.default_rng(1).normal(size=(SAMPLES, STEPS, 1, INPUTS)).astype(np.float32)
    entire(rolled("attention", "scan"), tmp_path, least=40.0, steps=STEPS, data={"x": x})
