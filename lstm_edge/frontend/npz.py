"""The npz front end: a PyTorch state_dict saved as it is.

    np.savez("w.npz", **{k: v.numpy() for k, v in model.state_dict().items()})

What is read, under any prefix, in the order of the file, which is the order in which the module
made its parts; sizes must chain:

    <prefix>weight_ih_l<k> [4H, I]   <prefix>weight_hh_l<k> [4H, H]    nn.LSTM, layer k, gates ifgo
                           [3H, I]                          [3H, H]    nn.GRU, gates rzn
                           [H, I]                           [H, H]     nn.RNN
    <prefix>bias_ih_l<k> [4H]        <prefix>bias_hh_l<k> [4H]         both, or neither (bias=False)
    <prefix>weight_hr_l<k> [P, H]    with weight_hh [4H, P]            nn.LSTM with proj_size=P
    <prefix>weight_ih_l<k> [H, I]    <prefix>weight_hh_l<k> [H, H]     FastGRNN: shared by gate and
                                                                       candidate, biases [H]
    <prefix>bias_z_l<k> [H]          <prefix>bias_n_l<k> [H]           of gate and candidate
    <prefix>zeta_l<k> [1] or [H]     <prefix>nu_l<k> [1] or [H]        0 to 1: after their sigmoid
    all of them with _reverse                                          the other direction
    <prefix>.weight [out, in]        <prefix>.bias [out]               nn.Linear, bias optional
    <prefix>.weight [V, E]           first in the file, without bias   nn.Embedding, where its sizes
                                     fit the next layer or, if those of a Linear fit as well, its
                                     name has "emb" in it

A state_dict does not say what `forward` does between and after these. The model is: input x of
shape [1, T, I], or `tokens` of shape [1, T], integers 0 .. V - 1; the recurrent layers, then each
Linear at each step without an activation; output y of shape [1, T, out]. T is open unless `steps`
is given. Strings in the same file say otherwise, as in
`np.savez("w.npz", **weights, **{"lstm_edge.head": "last"})`:

    lstm_edge.head          "per_step" (default), or "last": what follows the last recurrent layer
                            runs on the last step only, y[:, -1], and the result is [1, out]; or
                            "final": on its final states, h_n[-1] or cat(h_n[-2], h_n[-1])
    lstm_edge.activations   one word for each Linear, in order, after which it runs: "relu,softmax"
                            of relu, tanh, sigmoid, softmax, log_softmax, none
    lstm_edge.nonlinearity  of nn.RNN: "tanh" (default) or "relu"
    lstm_edge.input         "real" or "ids": whether the first array is a Linear or an Embedding,
                            where its sizes fit both
    lstm_edge.order         prefixes in the order of computation, where the file has another one:
                            "lstm,fc1,fc2"

Any other array is refused by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.draft import Draft, finish
from lstm_edge.frontend.layout import Array
from lstm_edge.frontend.npz_file import read_npz, text_of
from lstm_edge.frontend.npz_parts import Part, is_embedding, layers_of, ordered, parts_of
from lstm_edge.frontend.npz_recurrent import kind_of, recurrent_layer
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import Model, Port
from lstm_edge.layers.activation import (
    ELEMENTWISE,
    activation,
    log_softmax_layer,
    softmax_layer,
)
from lstm_edge.layers.dense import dense
from lstm_edge.layers.embedding import embedding

_CHOICES = {
    "lstm_edge.head": ("per_step", "last", "final"),
    "lstm_edge.nonlinearity": ("tanh", "relu"),
    "lstm_edge.input": ("real", "ids"),
}
_SCHEMA = (*_CHOICES, "lstm_edge.activations", "lstm_edge.order")


def load_npz(path: Path, steps: int | None) -> Model:
    """Read a state_dict; see the module for its names. The model has no name yet."""
    arrays, sha256 = read_npz(path)
    words = {key: text_of(f"array {key!r}", arrays.pop(key)) for key in _SCHEMA if key in arrays}
    _check_schema(arrays)
    for key, known in _CHOICES.items():
        if words.get(key, known[0]) not in known:
            raise ModelError(f"array {key!r}", f"is {words[key]!r}, expected {' or '.join(known)}")
    layers = layers_of(ordered(parts_of(arrays), words.get("lstm_edge.order")))
    if not any(parts[0].layer is not None for parts in layers):
        raise ModelError(
            path.name,
            "holds no LSTM, GRU or RNN: no array is named like weight_ih_l0; save a state_dict",
        )
    draft = Draft()
    x = draft.input(None)
    looked_up = is_embedding(layers, words.get("lstm_edge.input"))
    tensor, features = _chain(draft, layers, x, words, looked_up)
    first = layers[0][0].arrays.get("weight_ih", layers[0][0].arrays.get("weight"))
    assert first is not None
    length = -1 if steps is None else steps
    sequence = ("batch", "time", "feature")
    if looked_up:
        draft.features[x] = 1
        port_x = Port("tokens", x, ("batch", "time"), (1, length), limit=len(first))
    else:
        draft.features[x] = first.shape[1]
        port_x = Port("x", x, sequence, (1, length, first.shape[1]))
    port_y = Port("y", tensor, sequence, (1, length, features))
    if draft.roots[tensor] is None:
        port_y = Port("y", tensor, ("batch", "feature"), (1, features))
    warnings = _guesses(words, layers)
    return finish(draft, [port_x], [port_y], frozenset((x,)), steps, sha256, warnings)


def _chain(
    draft: Draft, layers: list[list[Part]], x: str, words: dict[str, str], looked_up: bool
) -> tuple[str, int]:
    """Append all layers, each to the one before; returns the result and its features.

    looked_up: the first one is an Embedding.
    """
    head = words.get("lstm_edge.head", "per_step")
    tensor, features = x, None
    if looked_up:
        tensor, features = _embedding(draft, layers[0][0], x)
        layers = layers[1:]
    linears = [parts[0] for parts in layers if parts[0].layer is None]
    functions = _functions(words.get("lstm_edge.activations"), linears)
    last = max(k for k, parts in enumerate(layers) if parts[0].layer is not None)
    for k, parts in enumerate(layers):
        if parts[0].layer is None:
            tensor, features = _linear(draft, parts[0], tensor, features, functions.pop(0))
            continue
        for part in parts:
            part.require("weight_ih", "weight_hh")
            _check_features(part, "weight_ih", features)
        nonlinearity = words.get("lstm_edge.nonlinearity", "tanh")
        tensor, ends, features = recurrent_layer(draft, parts, tensor, nonlinearity)
        if k == last and head == "last":
            tensor = draft.last_step(tensor, "lstm_edge.head")
        elif k == last and head == "final":
            tensor = draft.concat(ends, "lstm_edge.head")
    assert features is not None
    return tensor, features


def _check_schema(arrays: dict[str, Array]) -> None:
    for name in arrays:
        if name.startswith("lstm_edge."):
            raise ModelError(f"array {name!r}", f"unknown; expected one of {', '.join(_SCHEMA)}")


def _guesses(words: dict[str, str], layers: list[list[Part]]) -> list[str]:
    """What the file does not say and had to be assumed."""
    looked_up = is_embedding(layers, words.get("lstm_edge.input"))
    linear = any(parts[0].layer is None for parts in layers[looked_up:])
    simple = any(parts[0].layer is not None and kind_of(parts[0]) == "rnn" for parts in layers)
    guesses = []
    table = layers[0][0]
    if looked_up and "lstm_edge.input" not in words and "emb" not in table.prefix.lower():
        guesses.append(f'{table.label} is taken for an Embedding (lstm_edge.input = "ids")')
    if linear and "lstm_edge.head" not in words:
        guesses.append('each Linear is taken to run at every step (lstm_edge.head = "per_step")')
    if linear and "lstm_edge.activations" not in words:
        guesses.append("no activation is taken to follow a Linear (lstm_edge.activations)")
    if simple and "lstm_edge.nonlinearity" not in words:
        guesses.append('nn.RNN is taken to use tanh (lstm_edge.nonlinearity = "tanh" or "relu")')
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


def _embedding(draft: Draft, part: Part, x: str) -> tuple[str, int]:
    table = np.ascontiguousarray(part.arrays["weight"], np.float32)
    units = table.shape[1]
    return draft.layer("embedding", embedding(), x, units, {"E": table}, part.label)["y"], units


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
