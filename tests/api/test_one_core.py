"""A compilation, and a point of a search, take one core of the matrix library, and give the others
back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import lstm_edge
from lstm_edge.search import evaluate
from lstm_edge.search.evaluate import Bench
from lstm_edge.search.limits import Limits
from lstm_edge.search.points import Candidate, Choices, Space
from lstm_edge.targets import load_target
from tests.support.command import DIGITS
from tests.support.tools import skip_or_fail

ROWS: Any = np.random.default_rng(0).normal(size=(40, 8, 8)).astype(np.float32)


def threads() -> list[int]:
    """Of each matrix library that is loaded; some have no threads."""
    found = [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
    return found or skip_or_fail("a matrix library whose threads can be told")


def test_products_run_on_one_core_while_a_model_is_compiled() -> None:
    seen: list[int] = []

    def progress(done: int, total: int) -> None:
        seen.extend(threads())

    with threadpool_limits(2, "blas"):
        lstm_edge.compile(
            DIGITS / "digits.onnx", target="cortex-m4", calibration=ROWS, progress=progress
        )
        assert set(threads()) == {2}
    assert set(seen) == {1}


def test_points_of_a_search_are_tried_on_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibration and pricing, which are at both ends of it."""
    seen: dict[str, list[int]] = {}

    def watch(name: str) -> None:
        function: Callable[..., Any] = getattr(evaluate, name)

        def watched(*given: Any, **named: Any) -> Any:
            seen[name] = threads()
            return function(*given, **named)

        monkeypatch.setattr(evaluate, name, watched)

    watch("calibrate")
    watch("price_of")
    model = lstm_edge.load(DIGITS / "digits.onnx").model
    bench = Bench(model, {"rows": ROWS[:, None]}, None, load_target("cortex-m4"))
    choices = Choices(weights=(8,), activations=(12,), cell_state=(32,))
    (point,) = Space((Candidate(model.sha256, "a", bench.layers),), choices).uniform()
    with threadpool_limits(2, "blas"):
        assert bench.evaluate(point, Limits()).whole
        assert set(threads()) == {2}
    assert seen.keys() == {"calibrate", "price_of"}
    assert {count for counts in seen.values() for count in counts} == {1}
