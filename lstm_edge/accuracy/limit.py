"""What the format of an output allows: no widths of anything else make it better than that."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lstm_edge.ir.program import Port, Program
from lstm_edge.operations.call import Op

NEAR_DB = 8.0
"""An output whose error is so near to what rounding alone makes is limited by its format: one that
is rounded down has 6 dB less than one that is rounded to nearest.
"""
MOVED = ("slice", "gather", "concat", "step_at", "larger", "smaller")
"""Operations that leave a curve's numbers as they are, or limit them."""
LOGITS = "give --outputs logits, for the sum before its last curve"
LARGER = "let the network give larger numbers"


def rounding_db(port: Port, signal: float) -> float | None:
    """The SQNR with no error but rounding to the format of an output whose real numbers have the
    mean square `signal`; None where there is none, or of integers.
    """
    noise = float(np.mean(port.scale.astype(np.float64) ** 2)) / 12.0
    if port.limit or not (signal > 0.0 and np.isfinite(signal)):
        return None
    return 10.0 * float(np.log10(signal / noise))


def is_limit(found: float | None, rounding: float | None) -> bool:
    """True where an SQNR is that of rounding, or nearly so."""
    return found is not None and rounding is not None and found >= rounding - NEAR_DB


def remedy(program: Program, reference: Program, output: str) -> str:
    """What helps an output that its format limits; "" where wider activations may. reference: the
    float program.
    """
    made = {op.dest: op for block in reference.blocks for op in block.ops}
    port = next(port for port in reference.outputs if port.name == output)
    op = made.get(port.value)
    while op is not None and op.kind in MOVED:
        op = made.get(op.args[0])
    if op is not None and (op.kind in ("sigmoid", "exp") or _is_share(op, made)):
        return LOGITS
    return LARGER if program.settings.activations == 16 else ""


def _is_share(op: Op, made: Mapping[str, Op]) -> bool:
    """True for a softmax: an exponential divided by a sum of them."""
    above = made.get(op.args[0])
    return op.kind == "divide" and above is not None and above.kind == "exp"
