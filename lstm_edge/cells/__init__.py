"""Every recurrent cell, as its textbook equation.

Adding a cell is adding a function to a file of its family and its name to `BY_NAME`; where files
have its gates in one matrix, their order goes into `frontend/model/layout.py`.
x is the layer's input, h the hidden state, c the cell state. Sizes in docstrings: I features of x,
H units. The last result of a cell is what its layer gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from lstm_edge.cells.classic import gru, lstm, rnn
from lstm_edge.cells.continuous import cfc, ltc
from lstm_edge.cells.gated import fast_grnn, ind_rnn, mgu, min_gru, sru, ugrnn
from lstm_edge.cells.memory import lmu, ssm
from lstm_edge.cells.normed import layer_norm_lstm, slstm
from lstm_edge.cells.stopped import masked, until
from lstm_edge.ir.expr import Cell

__all__ = [
    "BY_NAME",
    "cfc",
    "fast_grnn",
    "gru",
    "ind_rnn",
    "layer_norm_lstm",
    "lmu",
    "lstm",
    "ltc",
    "masked",
    "mgu",
    "min_gru",
    "rnn",
    "slstm",
    "sru",
    "ssm",
    "ugrnn",
    "until",
]

BY_NAME: Mapping[str, Callable[..., Cell]] = {
    "lstm": lstm,
    "peephole_lstm": partial(lstm, peephole=True),
    "coupled_lstm": partial(lstm, coupled=True),
    "gru": gru,
    "gru_reset_after": partial(gru, reset_after=True),
    "rnn": rnn,
    "fast_grnn": fast_grnn,
    "mgu": mgu,
    "min_gru": min_gru,
    "sru": sru,
    "ind_rnn": ind_rnn,
    "ugrnn": ugrnn,
    "layer_norm_lstm": layer_norm_lstm,
    "slstm": slstm,
    "cfc": cfc,
    "ltc": ltc,
    "lmu": lmu,
    "ssm": ssm,
}
"""Cells that an npz file can bring by this name, with arrays named like their parameters."""
