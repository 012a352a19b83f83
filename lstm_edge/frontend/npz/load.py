"""The npz front end: a PyTorch state_dict saved as it is.

    np.savez("w.npz", **{k: v.numpy() for k, v in model.state_dict().items()})

What is read, under any prefix, in the order of the file, which is the order in which the module
made its parts; sizes must chain:

    <prefix>weight_ih_l<k> [4H, I]   <prefix>weight_hh_l<k> [4H, H]    nn.LSTM, layer k, gates ifgo
                           [3H, I]                          [3H, H]    nn.GRU, gates rzn
                           [H, I]                           [H, H]     nn.RNN
    <prefix>bias_ih_l<k> [4H]        <prefix>bias_hh_l<k> [4H]         both, or neither (bias=False)
    <prefix>weight_hr_l<k> [P, H]    with weight_hh [4H, P]            nn.LSTM with proj_size=P
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
    lstm_edge.cell          a cell by its name in `cells.BY_NAME`, with options of its function:
                            "fast_grnn", "ltc(unfolds=3)". Its arrays, one prefix for each layer,
                            are named like the parameters of its equations: <prefix>.W_g [H, I],
                            <prefix>.R_g [H, H], <prefix>.b_g [H] (zero if not there), and
                            <prefix>.<name> for any other vector, in one axis or row by row
    lstm_edge.nonlinearity  of nn.RNN: "tanh" (default) or "relu"
    lstm_edge.input         "real" or "ids": whether the first array is a Linear or an Embedding,
                            where its sizes fit both
    lstm_edge.order         prefixes in the order of computation, where the file has another one:
                            "lstm,fc1,fc2"; a BatchNorm, LayerNorm or Conv1d is read where this
                            says where it is, see `placed.py`
    lstm_edge.use           what buffers are for: scales, means, first states, see `placed.py`

Any other array is refused by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lstm_edge.cells import BY_NAME
from lstm_edge.cells.named import Builders, digest, name_and_options
from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.frontend.model.finish import finish
from lstm_edge.frontend.model.layout import Array
from lstm_edge.frontend.npz.file import read_npz, text_of
from lstm_edge.frontend.npz.own import own_layer
from lstm_edge.frontend.npz.parts import Part, is_embedding, layers_of, ordered, parts_of
from lstm_edge.frontend.npz.placed import (
    ORDER,
    USE,
    Item,
    Placed,
    placed,
    placed_layer,
    scaled_port,
    with_first_states,
)
from lstm_edge.frontend.npz.recurrent import kind_of, recurrent_layer
from lstm_edge.ir.clock import Length
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import Layer, Model, Port, is_a
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
_CELL = "lstm_edge.cell"
_LABEL = f"array {_CELL!r}"
_SCHEMA = (*_CHOICES, _CELL, "lstm_edge.activations", ORDER, USE)


def load_npz(path: Path, steps: int | None, own: Builders | None = None) -> Model:
    """Read a state_dict; see the module for its names. own: cells beside those of `cells.BY_NAME`.
    The model has no name yet.
    """
    builders = {**BY_NAME, **(own or {})}
    name = ""
    arrays, sha256 = read_npz(path)
    words = {key: text_of(f"array {key!r}", arrays.pop(key)) for key in _SCHEMA if key in arrays}
    _check_schema(arrays)
    for key, known in _CHOICES.items():
        if words.get(key, known[0]) not in known:
            raise ModelError(f"array {key!r}", f"is {words[key]!r}, expected {' or '.join(known)}")
    if _CELL in words:
        name, _ = name_and_options(_LABEL, words[_CELL], builders)
    given = placed(arrays, words)
    parts = parts_of(arrays, named=_CELL in words)
    layers = layers_of(ordered(parts, given.prefixes))
    if not any(parts[0].layer is not None for parts in layers):
        raise ModelError(
            path.name,
            "holds no LSTM, GRU or RNN: no array is named like weight_ih_l0; save a state_dict",
        )
    if _CELL in words and all(part[0].is_torch for part in layers):
        raise ModelError(
            _LABEL,
            f"is {words[_CELL]!r}, but all arrays are of layers of PyTorch; name those of the "
            "cell like the parameters of its equations, behind a prefix and a dot",
        )
    draft = Draft()
    x = draft.input(None)
    looked_up = is_embedding(layers, words.get("lstm_edge.input"))
    chain = _Chain(draft, words, builders, given)
    tensor, features = chain.append(layers, x, looked_up)
    with_first_states(draft, given)
    length = -1 if steps is None else steps
    made = -1 if steps is None else chain.length.of(steps)
    sequence = ("batch", "time", "feature")
    if looked_up:
        draft.features[x] = 1
        rows = len(layers[0][0].arrays["weight"])
        port_x = Port("tokens", x, ("batch", "time"), (1, length), limit=rows)
    else:
        size = draft.features[x] or _first_matrix(layers[0][0]).shape[1]
        draft.features[x] = size
        port_x = Port("x", x, sequence, (1, length, size))
    port_y = Port("y", tensor, sequence, (1, made, features))
    if draft.roots[tensor] is None:
        port_y = Port("y", tensor, ("batch", "feature"), (1, features))
    warnings = [*_guesses(words, layers), *given.guesses]
    if name not in BY_NAME and name:
        sha256 = digest(sha256, (node.op.cell for node in draft.nodes if is_a(node, Layer)))
    return finish(draft, [port_x], [port_y], frozenset((x,)), steps, sha256, warnings)


@dataclass
class _Chain:
    """Parts appended one after the other. length: of the sequence so far."""

    draft: Draft
    words: dict[str, str]
    builders: Builders
    given: Placed
    length: Length = field(default_factory=Length)

    def append(self, layers: list[list[Part]], x: str, looked_up: bool) -> tuple[str, int]:
        """Append all, each to the one before; returns the result and its features.

        looked_up: the first one is an Embedding.
        """
        draft, head = self.draft, self.words.get("lstm_edge.head", "per_step")
        tensor, features = x, None
        if looked_up:
            tensor, features = _embedding(draft, layers[0][0], x)
            layers = layers[1:]
        elif self.given.scales("input"):
            known = self.given.inputs
            features = draft.features[x] = known or _first_matrix(layers[0][0]).shape[1]
            tensor = scaled_port(draft, x, features, self.given, "input")
        linears = [parts[0] for parts in layers if parts[0].layer is None]
        functions = _functions(self.words.get("lstm_edge.activations"), linears)
        every = self._in_order(layers)
        last = max(k for k, each in enumerate(every) if _is_recurrent(each))
        for k, each in enumerate(every):
            if isinstance(each, Item):
                tensor, features = self._item(each, tensor, features)
                continue
            if each[0].layer is None:
                tensor, features = _linear(draft, each[0], tensor, features, functions.pop(0))
                continue
            tensor, ends, features = _recurrent(
                draft, each, tensor, features, self.words, self.builders
            )
            if k == last and head == "last":
                tensor = draft.last_step(tensor, "lstm_edge.head")
            elif k == last and head == "final":
                tensor = draft.concat(ends, "lstm_edge.head")
        assert features is not None
        return scaled_port(draft, tensor, features, self.given, "output"), features

    def _in_order(self, layers: list[list[Part]]) -> list[list[Part] | Item]:
        """Layers, and between them what `lstm_edge.order` places there."""
        if not self.given.items:
            return list(layers)
        found: list[list[Part] | Item] = []
        for item in self.given.items:
            if item.kind:
                found.append(item)
            else:
                found += [p for p in layers if p[0].prefix.rstrip(".") == item.prefix]
        return found

    def _item(self, item: Item, x: str, features: int | None) -> tuple[str, int | None]:
        if not item.prefix:
            made = self.draft.layer(item.kind, _cell(item.kind), x, None, {}, ORDER)
            return made["y"], features
        arrays = self.given.parts[item.prefix]
        y, features, self.length = placed_layer(self.draft, item, arrays, x, self.length)
        return y, features


def _is_recurrent(each: list[Part] | Item) -> bool:
    return not isinstance(each, Item) and each[0].layer is not None


def _recurrent(
    draft: Draft,
    parts: list[Part],
    x: str,
    features: int | None,
    words: dict[str, str],
    builders: Builders,
) -> tuple[str, list[str], int]:
    if _CELL in words and not parts[0].is_torch:
        return own_layer(draft, parts[0], _LABEL, words[_CELL], builders, x)
    for part in parts:
        part.require("weight_ih", "weight_hh")
        _check_features(part, "weight_ih", features)
    return recurrent_layer(draft, parts, x, words.get("lstm_edge.nonlinearity", "tanh"))


def _first_matrix(part: Part) -> Array:
    """The matrix of the first layer that meets the input: it has as many columns as features."""
    found = (a for what, a in part.arrays.items() if what.startswith("weight"))
    matrix = next(found, None)
    if matrix is None:
        raise ModelError(part.label, "has no matrix of weights beside it")
    return part.arrays.get("weight_ih", matrix)


def _check_schema(arrays: dict[str, Array]) -> None:
    for name in arrays:
        if name.startswith("lstm_edge."):
            raise ModelError(f"array {name!r}", f"unknown; expected one of {', '.join(_SCHEMA)}")


def _guesses(words: dict[str, str], layers: list[list[Part]]) -> list[str]:
    """What the file does not say and had to be assumed."""
    looked_up = is_embedding(layers, words.get("lstm_edge.input"))
    linear = any(parts[0].layer is None for parts in layers[looked_up:])
    named = _CELL in words
    simple = not named and any(p[0].layer is not None and kind_of(p[0]) == "rnn" for p in layers)
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
    return [
        f"a state_dict does not say what forward() does: {guess}; save an array of that name in "
        "the file to say it"
        for guess in guesses
    ]


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
