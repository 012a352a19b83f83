"""Arrays of many numbers are printed as number by number they would be."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_edge.emit import numerals
from lstm_edge.emit.environment import initializer
from lstm_edge.emit.view import Constant


def one_by_one(numbers: np.ndarray, indent: str = "") -> str:
    inner = f"{indent}    "
    if numbers.ndim > 1:
        rows = "".join(f"{inner}{one_by_one(row, inner)},\n" for row in numbers)
        return f"{{\n{rows}{indent}}}"
    texts = [str(n) if n > -(2**31) else "(-2147483647 - 1)" for n in numbers.tolist()]
    if len(inner) + sum(len(t) + 2 for t in texts) < 96:
        return f"{{{', '.join(texts)}}}"
    width = max(map(len, texts))
    each = max(1, (100 - len(inner)) // (width + 2))
    texts = [t.rjust(width) for t in texts]
    lines = (f"{inner}{', '.join(texts[k : k + each])},\n" for k in range(0, len(texts), each))
    return f"{{\n{''.join(lines)}{indent}}}"


@pytest.mark.parametrize(
    "shape", [(1,), (99,), (100,), (5000,), (1, 300), (9, 31), (40, 17), (3, 120), (2, 5, 60)]
)
def test_integers_are_printed_as_one_by_one(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numerals, "_AT_ONCE", 256)
    rng = np.random.default_rng(len(shape) * 1000 + shape[-1])
    drawn = (
        rng.integers(-(2**31) + 1, 2**31, (12, *shape))
        >> rng.integers(0, 31, (12, 1))[(..., *[None] * (len(shape) - 1))]
    )
    drawn[0] = 0
    drawn[1] = np.abs(drawn[1])
    drawn[2] = -(2**31) * (rng.random(shape) < 0.1)
    for numbers in (*drawn, drawn[3].astype(np.int8), (drawn[4] & 255).astype(np.uint8)):
        constant = Constant("c", "int32_t", shape, numbers, "")
        assert initializer(constant) == one_by_one(numbers)
