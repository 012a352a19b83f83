"""A compilation takes one core of the matrix library, and gives the others back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import lstm_edge
from tests.support.command import DIGITS


def threads() -> list[int]:
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


def test_products_run_on_one_core_while_a_model_is_compiled() -> None:
    if not threads():
        pytest.skip("a matrix library without threads")
    seen: list[int] = []

    def progress(done: int, total: int) -> None:
        seen.extend(threads())

    rows: Any = np.random.default_rng(0).normal(size=(40, 8, 8)).astype(np.float32)
    with threadpool_limits(2, "blas"):
        lstm_edge.compile(
            DIGITS / "digits.onnx", target="cortex-m4", calibration=rows, progress=progress
        )
        assert set(threads()) == {2}
    assert set(seen) == {1}
