"""Layers of nn.LSTM, nn.GRU and nn.RNN from the arrays of a state_dict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lstm_edge import cells
from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.frontend.model.layout import (
    RNN,
    TORCH_GRU,
    TORCH_LSTM,
    Array,
    gru_params,
    layer_params,
)
from lstm_edge.frontend.npz.parts import Part
from lstm_edge.functions import relu
from lstm_edge.ir.expr import Cell, tanh
from lstm_edge.ir.model import Floats

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
"""Rows of weight_hh for each unit."""


def kind_of(part: Part) -> str:
    """lstm, gru or rnn, by the shape of weight_hh: the rows for each unit tell."""
    part.require("weight_ih", "weight_hh")
    rows, hidden = len(part.arrays["weight_hh"]), _hidden(part)
    if "weight_hr" in part.arrays:
        columns = part.arrays["weight_hh"].shape[1]
        if part.arrays["weight_hr"].shape[0] != columns or rows != 4 * hidden:
            raise ModelError(
                part.names["weight_hr"],
                f"has shape {list(part.arrays['weight_hr'].shape)}, but weight_hh "
                f"{list(part.arrays['weight_hh'].shape)}: expected [P, H] and [4H, P]",
            )
    for kind, gates in GATES.items():
        if rows == gates * hidden:
            return kind
    raise ModelError(
        part.names["weight_hh"],
        f"has shape {list(part.arrays['weight_hh'].shape)}, expected [{4 * hidden}, {hidden}] of "
        f"an LSTM, [{3 * hidden}, {hidden}] of a GRU or [{hidden}, {hidden}] of an RNN",
    )


def _hidden(part: Part) -> int:
    projection = part.arrays.get("weight_hr", part.arrays["weight_hh"])
    return int(projection.shape[1])


def recurrent_layer(
    draft: Draft, directions: Sequence[Part], x: str, nonlinearity: str
) -> tuple[str, list[str], int]:
    """Append one layer, of one direction or two.

    Returns its result y, the final hidden states by direction, and the features of y.
    """
    kinds = [kind_of(part) for part in directions]
    read = {part.arrays["weight_ih"].shape[1] for part in directions}
    if len(set(kinds)) > 1 or len(read) > 1 or directions[0].reverse:
        raise ModelError(
            directions[-1].label, "has no forward direction of the same kind and size beside it"
        )
    results, ends, features = [], [], 0
    for part, kind in zip(directions, kinds, strict=True):
        cell, params = _cell(part, kind, nonlinearity)
        units = part.arrays["weight_hh"].shape[1]
        name = f"{kind}_reverse" if part.reverse else kind
        made = draft.layer(name, cell, x, units, params, part.label, reverse=part.reverse)["h"]
        step = draft.first_step if part.reverse else draft.last_step
        results.append(made)
        ends.append(step(made, part.label))
        features += units
    return draft.concat(results, directions[0].label), ends, features


def _cell(part: Part, kind: str, nonlinearity: str) -> tuple[Cell, dict[str, Floats]]:
    rows = GATES[kind] * _hidden(part)
    weights, recurrent = part.arrays["weight_ih"], part.arrays["weight_hh"]
    if len(recurrent) != rows:
        raise ModelError(
            part.names["weight_hh"], f"has {len(recurrent)} rows, expected {rows} of a {kind}"
        )
    if len(weights) != rows:
        raise ModelError(
            part.names["weight_ih"], f"has {len(weights)} rows, expected {rows} as weight_hh"
        )
    biases = _biases(part, rows)
    if kind == "gru":
        params = gru_params(weights, recurrent, biases, TORCH_GRU, reset_after=True)
        return cells.gru(reset_after=True), params
    if kind == "rnn":
        function = relu if nonlinearity == "relu" else tanh
        return cells.rnn(candidate=function), layer_params(weights, recurrent, biases, RNN)
    params = layer_params(weights, recurrent, biases, TORCH_LSTM)
    projected = "weight_hr" in part.arrays
    if projected:
        projection = part.arrays["weight_hr"]
        params["R_hr"] = np.ascontiguousarray(projection, np.float32)
        params["b_hr"] = np.zeros(len(projection), np.float32)
    return cells.lstm(projected=projected), params


def _biases(part: Part, rows: int) -> tuple[Array, Array]:
    """Both biases, zeros where the layer has none."""
    if "bias_ih" in part.arrays or "bias_hh" in part.arrays:
        part.require("bias_ih", "bias_hh")
    for what in ("bias_ih", "bias_hh"):
        bias = part.arrays.get(what)
        if bias is not None and len(bias) != rows:
            raise ModelError(part.names[what], f"has {len(bias)} entries, expected {rows}")
    zeros = np.zeros(rows)
    return part.arrays.get("bias_ih", zeros), part.arrays.get("bias_hh", zeros)
