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

ONNX_GRU = "zrn"
"""ONNX calls the candidate n "h"."""

TORCH_LSTM = "ifgo"

TORCH_GRU = "rzn"

KERAS_LSTM = "ifgo"
"""Keras calls the candidate g "c"."""

KERAS_GRU = "zrn"
"""Keras calls the candidate n "h"."""

RNN = "h"
"""The one gate of a simple RNN, everywhere."""


def split_gates(prefix: str, stacked: Array, order: Sequence[str]) -> dict[str, Floats]:
    """Cut an array [gates * units, ...] into `{prefix}_{gate}` [units, ...], one for each gate."""
    units = stacked.shape[0] // len(order)
    return {
        f"{prefix}_{gate}": np.ascontiguousarray(
            stacked[k * units : (k + 1) * units], dtype=np.float32
        )
        for k, gate in enumerate(order)
    }


def layer_params(
    weights: Array, recurrent: Array, biases: tuple[Array, Array], order: Sequence[str]
) -> dict[str, Floats]:
    """Parameters of `cells.lstm` and `cells.rnn`, and of `cells.gru` with reset before.

    weights [G*H, I], recurrent [G*H, H], biases [G*H] of both in float64: their sum is rounded
    once.
    """
    return {
        **split_gates("W", weights, order),
        **split_gates("R", recurrent, order),
        **split_gates("b", biases[0] + biases[1], order),
    }


def gru_params(
    weights: Array,
    recurrent: Array,
    biases: tuple[Array, Array],
    order: Sequence[str],
    reset_after: bool,
) -> dict[str, Floats]:
    """Parameters of `cells.gru`; the recurrent bias of n stays apart where reset acts after R h."""
    params = layer_params(weights, recurrent, biases, order)
    if reset_after:
        params["R_hn"] = params.pop("R_n")
        params["b_n"] = split_gates("b", biases[0], order)["b_n"]
        params["b_hn"] = split_gates("b", biases[1], order)["b_n"]
    return params
