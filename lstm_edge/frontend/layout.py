"""Gate orders and layouts of the sources of weights, normalised here and nowhere else.

A cell names its parameters after its gates: `W_i` [units, features], `R_i` [units, units], `b_i`
and `P_i` [units]. Files stack the gates along the first axis, each framework in its own order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.model import Floats

Array = npt.NDArray[np.floating]

ONNX_LSTM = "iofg"
"""Gate order of W, R and B; ONNX calls the candidate g "c"."""

ONNX_LSTM_PEEPHOLES = "iof"
"""Gate order of P; P_o acts on the new cell state."""

TORCH_LSTM = "ifgo"


def split_gates(prefix: str, stacked: Array, order: Sequence[str]) -> dict[str, Floats]:
    """Cut an array [gates * units, ...] into `{prefix}_{gate}` [units, ...], one for each gate."""
    units = stacked.shape[0] // len(order)
    return {
        f"{prefix}_{gate}": np.ascontiguousarray(
            stacked[k * units : (k + 1) * units], dtype=np.float32
        )
        for k, gate in enumerate(order)
    }


def sum_biases(input_bias: Array | None, recurrent_bias: Array | None, rows: int) -> Floats:
    """Wb + Rb [rows], added in float64 and rounded once; an absent bias is zero."""
    total = np.zeros(rows, dtype=np.float64)
    for bias in (input_bias, recurrent_bias):
        if bias is not None:
            total += bias.astype(np.float64)
    return total.astype(np.float32)


def lstm_params(
    input_weights: Array, recurrent_weights: Array, bias: Floats, order: Sequence[str]
) -> dict[str, Floats]:
    """Parameters of `cells.lstm`: W [4H, I], R [4H, H] and the summed bias [4H], split by gate."""
    return {
        **split_gates("W", input_weights, order),
        **split_gates("R", recurrent_weights, order),
        **split_gates("b", bias, order),
    }
