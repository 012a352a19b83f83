"""What `make prove` compares at all numbers, at those of 16 bits and some others here."""

from __future__ import annotations

from pathlib import Path

from tests.proofs.lockstep import HIGHEST, Compiled, helpers

SHORT = 1 << 16
PIECES = 256


def test_numpy_and_c_agree(tmp_path: Path) -> None:
    """Operands of 16 bits, those around powers of two, the largest, and pieces in between."""
    for helper in helpers():
        compiled, lowest = Compiled(helper, tmp_path), helper.parts[0][0]
        apart = (HIGHEST + 1 - lowest) // PIECES
        parts = [
            (max(lowest, -SHORT // 2), SHORT),
            (HIGHEST + 1 - SHORT, SHORT),
            (5 << 22, SHORT),  # each with a fraction of its own in `le_log`
            *(((1 << places) - 100, 200) for places in range(15, 31)),
            *((lowest + piece * apart, 500) for piece in range(PIECES)),
        ]
        for first, count in parts:
            assert compiled.first_difference(first, count) is None, helper.name
