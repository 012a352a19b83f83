"""The npz front end: a PyTorch state_dict saved as it is.

    np.savez("w.npz", **{k: v.numpy() for k, v in model.state_dict().items()})

What is read, under any prefix, in the order of the file, which is the order in which the module
made its parts; sizes must chain:

    <prefix>weight_ih_l<k> [4H, I]   <prefix>weight_hh_l<k> [4H, H]    nn.LSTM, layer k, gates ifgo
    <prefix>bias_ih_l<k> [4H]        <prefix>bias_hh_l<k> [4H]         both, or neither (bias=False)
    <prefix>.weight [out, in]        <prefix>.bias [out]               nn.Linear, bias optional

A state_dict does not say what `forward` does between and after these. The model is: input x of
shape [1, T, I], the LSTM layers, then each Linear at each step without an activation, output y of
shape [1, T, out]. T is open unless `steps` is given. Strings in the same file say otherwise, as in
`np.savez("w.npz", **weights, **{"lstm_edge.head": "last"})`:

    lstm_edge.head          "per_step" (default), or "last": what follows the last LSTM runs on the
                            last step only, and y has shape [1, out]
    lstm_edge.activations   one word for each Linear, in order, after which it runs: "relu,softmax"
                            of relu, tanh, sigmoid, softmax, log_softmax, none
    lstm_edge.order         prefixes in the order of computation, where the file has another one:
                            "lstm,fc1,fc2"

Any other array is refused by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lstm_edge import cells
from lstm_edge.errors import ModelError
from lstm_edge.frontend.draft import Draft, finish
from lstm_edge.frontend.layout import TORCH_LSTM, Array, lstm_params, sum_biases
from lstm_edge.frontend.npz_file import read_npz, text_of
from lstm_edge.frontend.npz_parts import Part, ordered, parts_of
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import Model, Port
from lstm_edge.layers.activation import (
    ELEMENTWISE,
    activation,
    log_softmax_layer,
    softmax_layer,
)
from lstm_edge.layers.dense import dense

_SCHEMA = ("lstm_edge.head", "lstm_edge.activations", "lstm_edge.order")


def load_npz(path: Path, steps: int | None) -> Model:
    """Read a state_dict; see the module for its names. The model has no name yet."""
    arrays, sha256 = read_npz(path)
    options = {key: text_of(f"array {key!r}", arrays.pop(key)) for key in _SCHEMA if key in arrays}
    _check_schema(arrays)
    parts = ordered(parts_of(arrays), options.get("lstm_edge.order"))
    recurrent = [k for k, part in enumerate(parts) if part.layer is not None]
    if not recurrent:
        raise ModelError(
            path.name, "holds no LSTM: no array is named like weight_ih_l0; save a state_dict"
        )
    head = options.get("lstm_edge.head", "per_step")
    if head not in ("per_step", "last"):
        raise ModelError("array 'lstm_edge.head'", f"is {head!r}, expected per_step or last")
    linears = [part for part in parts if part.layer is None]
    functions = _functions(options.get("lstm_edge.activations"), linears)
    draft = Draft()
    x = tensor = draft.input(None)
    features = None
    for k, part in enumerate(parts):
        if part.layer is None:
            tensor, features = _linear(draft, part, tensor, features, functions.pop(0))
        else:
            tensor, features = _lstm(draft, part, tensor, features)
        if k == recurrent[-1] and head == "last":
            tensor = draft.last_step(tensor, "lstm_edge.head")
    first = parts[0].arrays.get("weight_ih", parts[0].arrays.get("weight"))
    assert first is not None
    assert features is not None
    draft.features[x] = first.shape[1]
    length = -1 if steps is None else steps
    sequence = ("batch", "time", "feature")
    port_x = Port("x", x, sequence, (1, length, first.shape[1]))
    port_y = Port("y", tensor, sequence, (1, length, features))
    if head == "last":
        port_y = Port("y", tensor, ("batch", "feature"), (1, features))
    warnings = _guesses(options, linears)
    return finish(draft, [port_x], [port_y], frozenset((x,)), steps, sha256, warnings)


def _check_schema(arrays: dict[str, Array]) -> None:
    for name in arrays:
        if name.startswith("lstm_edge."):
            raise ModelError(f"array {name!r}", f"unknown; expected one of {', '.join(_SCHEMA)}")


def _guesses(options: dict[str, str], linears: Sequence[Part]) -> list[str]:
    """What the file does not say and had to be assumed."""
    guesses = []
    if linears and "lstm_edge.head" not in options:
        guesses.append('each Linear is taken to run at every step (lstm_edge.head = "per_step")')
    if linears and "lstm_edge.activations" not in options:
        guesses.append("no activation is taken to follow a Linear (lstm_edge.activations)")
    return [f"a state_dict does not say what forward() does: {guess}" for guess in guesses]


def _functions(text: str | None, linears: Sequence[Part]) -> list[str]:
    if text is None:
        return ["none"] * len(linears)
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    known = (*ELEMENTWISE, "softmax", "log_softmax", "none")
    unknown = [word for word in words if word not in known]
    if unknown or len(words) != len(linears):
        raise ModelError(
            "array 'lstm_edge.activations'",
            f"is {text!r}; expected {len(linears)} of {', '.join(known)}, one for each Linear",
        )
    return words


def _check_features(part: Part, what: str, features: int | None) -> None:
    takes = part.arrays[what].shape[1]
    if features is not None and takes != features:
        raise ModelError(
            part.names[what],
            f"takes {takes} features, but the layer before it gives {features}; if layers run in "
            "another order than in the file, say so in lstm_edge.order",
        )


def _lstm(draft: Draft, part: Part, x: str, features: int | None) -> tuple[str, int]:
    part.require("weight_ih", "weight_hh")
    weights, recurrent = part.arrays["weight_ih"], part.arrays["weight_hh"]
    hidden = recurrent.shape[1]
    _check_lstm(part, weights, recurrent, hidden)
    _check_features(part, "weight_ih", features)
    if "bias_ih" in part.arrays or "bias_hh" in part.arrays:
        part.require("bias_ih", "bias_hh")
    biases = [part.arrays.get(what) for what in ("bias_ih", "bias_hh")]
    for what, bias in zip(("bias_ih", "bias_hh"), biases, strict=True):
        if bias is not None and len(bias) != 4 * hidden:
            raise ModelError(part.names[what], f"has {len(bias)} entries, expected {4 * hidden}")
    total = sum_biases(biases[0], biases[1], 4 * hidden)
    params = lstm_params(weights, recurrent, total, TORCH_LSTM)
    results = draft.layer("lstm", cells.lstm(), x, hidden, params, part.label)
    return results["h"], hidden


def _check_lstm(part: Part, weights: Array, recurrent: Array, hidden: int) -> None:
    """R of an LSTM is [4H, H]; a GRU's is [3H, H], a simple RNN's [H, H]."""
    rows = recurrent.shape[0]
    kinds = {3 * hidden: "a GRU", hidden: "a simple RNN"}
    if rows in kinds:
        raise ModelError(
            part.names["weight_hh"],
            f"has shape {list(recurrent.shape)}, that of {kinds[rows]}, which is not supported "
            "yet; an LSTM has 4 rows for each unit",
        )
    if rows != 4 * hidden:
        raise ModelError(
            part.names["weight_hh"],
            f"has shape {list(recurrent.shape)}, expected [{4 * hidden}, {hidden}]",
        )
    if weights.shape[0] != rows:
        raise ModelError(
            part.names["weight_ih"], f"has {weights.shape[0]} rows, expected {rows} as weight_hh"
        )


def _linear(
    draft: Draft, part: Part, x: str, features: int | None, function: str
) -> tuple[str, int]:
    part.require("weight")
    _check_features(part, "weight", features)
    weights = part.arrays["weight"]
    units = len(weights)
    bias = part.arrays.get("bias", np.zeros(units))
    if len(bias) != units:
        raise ModelError(part.names["bias"], f"has {len(bias)} entries, expected {units}")
    params = {
        "W_y": np.ascontiguousarray(weights, np.float32),
        "b_y": bias.astype(np.float32),
    }
    y = draft.layer("fc", dense(), x, units, params, part.label)["y"]
    if function == "none":
        return y, units
    return draft.layer(function, _cell(function), y, None, {}, part.label)["y"], units


def _cell(function: str) -> Cell:
    if function == "softmax":
        return softmax_layer()
    return log_softmax_layer() if function == "log_softmax" else activation(function)
