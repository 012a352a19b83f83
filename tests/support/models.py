"""Random models, made directly in the IR: every cell, layer and port that a front end can make.

    random_model(7)                                        anything
    random_model(7, hidden=(4, 3), head=("dense",))        anything with these choices

A choice that is not given is drawn from the seed; the same seed and choices give the same model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lstm_edge.cells import fast_grnn, gru, lstm, rnn
from lstm_edge.ir.expr import Cell, Expr, walk
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    FirstStep,
    Floats,
    LastStep,
    Layer,
    Model,
    Node,
    Port,
    Slice,
    Tensor,
)
from lstm_edge.layers.activation import (
    activation,
    argmax_layer,
    log_softmax_layer,
    softmax_layer,
)
from lstm_edge.layers.dense import dense
from lstm_edge.layers.embedding import embedding
from lstm_edge.layers.normalize import layer_normalization, scale_layer

CELLS = {
    "plain": lstm(),
    "peephole": lstm(peephole=True),
    "coupled": lstm(coupled=True),
    "peephole_coupled": lstm(peephole=True, coupled=True),
}
"""The LSTMs."""
OTHER_CELLS = {
    "gru": gru(),
    "gru_reset_after": gru(reset_after=True),
    "rnn": rnn(),
    "projected": lstm(projected=True),
    "fast_grnn": fast_grnn(),
}
ALL_CELLS = {**CELLS, **OTHER_CELLS}
DIRECTIONS = ("forward", "reverse", "both")
FRONTS: tuple[tuple[str, ...], ...] = (
    (),
    ("dense",),
    ("tanh",),
    ("dense", "relu"),
)
READS = ("steps", "last", "flat", "joined")
"""What the head sees: each step, the last one, all of them flattened (a DenseOverTime), or the last
ones of all layers joined (a Concat).
"""
HEADS: tuple[tuple[str, ...], ...] = (
    (),
    ("dense",),
    ("dense", "relu", "dense"),
    ("dense", "softmax"),
    ("dense", "log_softmax"),
    ("dense", "sigmoid"),
    ("dense", "tanh", "dense"),
    ("sigmoid",),
    ("softmax",),
)
FUNCTIONS: dict[str, tuple[float, float]] = {
    "sigmoid": (0.0, 0.0),
    "tanh": (0.0, 0.0),
    "relu": (0.0, 0.0),
    "affine": (1.5, 0.25),
    "leakyrelu": (0.1, 0.0),
    "thresholdedrelu": (0.5, 0.0),
    "scaledtanh": (1.5, 0.7),
    "hardsigmoid": (0.6, 0.5),
    "elu": (0.8, 0.0),
    "softsign": (0.0, 0.0),
    "softplus": (0.0, 0.0),
}
"""Elementwise layers, with their alpha and beta."""
FUNCTION_HEADS = tuple(("dense", name) for name in list(FUNCTIONS)[3:])
ARGMAX_HEADS: tuple[tuple[str, ...], ...] = (
    ("argmax",),
    ("dense", "argmax"),
    ("dense", "softmax", "argmax"),
)
"""Heads of which the result is an integer; never drawn."""
NORM_HEADS = (
    ("layer_norm",),
    ("layer_norm", "dense", "softmax"),
    ("dense", "relu", "layer_norm"),
    ("scale", "tanh"),
    ("layer_norm", "scale", "log_softmax"),
)
"""Heads with a layer that brings a vector to another mean and scale."""
NORMS = ("", "", "", "", "layer_norm", "scale")
ALSO: tuple[tuple[str, ...], ...] = ((), ("hidden",), ("cell",), ("hidden", "cell"))
"""Results of the last LSTM that are outputs beside the head's."""
CUTS: tuple[tuple[str, ...], ...] = ((), ("input",), ("hidden",), ("input", "hidden"))
"""What is cut to some of its features: that which the recurrent layers read, and their results."""
LAYOUTS = {
    "batch_first": ("batch", "time", "feature"),
    "time_major": ("time", "batch", "feature"),
    "feature_first": ("batch", "feature", "time"),
}


@dataclass(frozen=True)
class Choices:
    """What a model is like.

    weights: "normal" (well-behaved), "wide" (rows and columns of very different magnitudes),
    "tiny", "huge" (saturated gates), "zero". initial: the states start at random values.
    norm: what comes before each recurrent layer and after the last one: "", "layer_norm", "scale";
    nothing where a `front` is given.
    steps: the sequence length that the model requires, where it needs whole sequences.
    direction: "both" joins a forward and a reverse layer at each level. rows: 0 for an input of
    real numbers; else that of a table in which each input is looked up, `ids` of them at a step,
    never drawn.
    """

    features: int
    hidden: tuple[int, ...]
    cell: str
    direction: str
    front: tuple[str, ...]
    read: str
    head: tuple[str, ...]
    classes: int
    also: tuple[str, ...]
    initial: bool
    weights: str
    layout: str
    norm: str
    steps: int | None
    rows: int
    ids: int
    cut: tuple[str, ...]


@dataclass
class _Draft:
    """A model while layers are added to it; `top` is the last tensor."""

    choices: Choices
    rng: np.random.Generator
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    top: str = "x"

    def tensor(self, name: str, features: int, per_step: bool) -> str:
        self.tensors[name] = Tensor(name, features, per_step)
        return name

    def layer(
        self,
        kind: str,
        cell: Cell,
        units: int,
        params: dict[str, Floats] | None = None,
        **more: Any,
    ) -> Layer:
        """Append a layer that reads `top` and becomes it; its last result is passed on."""
        below = self.tensors[self.top]
        name = f"{kind}{sum(isinstance(n, Layer) for n in self.nodes)}"
        result = list(cell.results)[-1]
        out = self.tensor(f"{name}_{result}", units, below.per_step)
        params = self.params(cell, below.features, units) if params is None else params
        made = Layer(name, cell, {"x": self.top}, {result: out}, params, **more)
        self.nodes.append(made)
        self.top = out
        return made

    def params(self, cell: Cell, features: int, units: int) -> dict[str, Floats]:
        """Weights and biases of all gates, in a stable order; a projected LSTM has more inner
        units than results.
        """
        inner = units + EXTRA_UNITS * ("hr" in projections(cell))
        found: dict[str, Floats] = {}
        for e in walk(*cell.results.values()):
            if e.kind == "param":
                found[e.name] = self.vector(e.name, inner)
            rows = units if e.name == "b_hr" else inner
            for name, operand in zip(e.matrices, e.args, strict=False):
                columns = {"input": features, "state": units}.get(operand.kind, inner)
                found[name] = self.matrix(rows, columns)
            if e.kind == "affine":
                found[e.name] = self.vector(e.name, rows)
        return found

    def vector(self, name: str, units: int) -> Floats:
        """A bias, a peephole, or the shares of a FastGRNN."""
        if name in ("zeta", "nu"):
            return self.rng.uniform(0.1, 0.9, units).astype(np.float32)
        if name == "gain":
            return self.rng.uniform(-1.5, 1.5, units).astype(np.float32)
        if name.startswith("P_"):
            return self.matrix(units, 1)[:, 0] * np.float32(0.5)
        numbers = self.rng.normal(size=units) * 0.3 + (1.0 if name == "b_f" else 0.0)
        return np.asarray(numbers * (self.choices.weights != "zero"), np.float32)

    def matrix(self, rows: int, columns: int) -> Floats:
        """Weights of variance 1 / columns, spoiled as the choice of weights says."""
        numbers = self.rng.normal(size=(rows, columns)) / np.sqrt(columns)
        match self.choices.weights:
            case "wide":
                numbers *= 10.0 ** self.rng.uniform(-3.0, 1.0, (rows, 1))
                numbers *= 10.0 ** self.rng.uniform(-1.5, 0.5, (1, columns))
            case "tiny" | "huge" | "zero" as name:
                numbers *= {"tiny": 1e-4, "huge": 30.0, "zero": 0.0}[name]
        return np.asarray(numbers, np.float32)


EXTRA_UNITS = 2
"""How many more units the cell state of a projected LSTM has than its h."""


def projections(cell: Cell) -> set[str]:
    """Affine parts of a cell that read none of its inputs and states."""

    def is_inner(e: Expr) -> bool:
        return e.kind == "affine" and all(a.kind not in ("input", "state") for a in e.args)

    return {e.name.removeprefix("b_") for e in walk(*cell.results.values()) if is_inner(e)}


def draw_choices(seed: int, **given: Any) -> Choices:
    """All choices of a random model; those that are given are kept."""
    rng = np.random.default_rng([seed, 1])

    def one_of(options: Sequence[Any]) -> Any:
        return options[int(rng.integers(len(options)))]

    drawn: dict[str, Any] = {
        "features": int(rng.integers(1, 10)),
        "hidden": tuple(int(n) for n in rng.integers(1, 12, one_of((1, 1, 2, 3)))),
        "cell": one_of((*CELLS, *CELLS, *OTHER_CELLS)),
        "direction": one_of(("forward",) * 4 + DIRECTIONS[1:]),
        "front": one_of((*FRONTS[:1] * 3, *FRONTS[1:])),
        "read": one_of(READS),
        "head": one_of((*HEADS, *HEADS, *FUNCTION_HEADS)),
        "classes": int(rng.integers(1, 7)),
        "also": one_of(ALSO),
        "initial": bool(rng.integers(2)),
        "weights": one_of(("normal", "normal", "normal", "wide", "tiny", "huge", "zero")),
        "layout": one_of(tuple(LAYOUTS)),
        "norm": "",
    }
    now = {**drawn, **given}
    whole = now["read"] == "flat" or now["direction"] != "forward"
    drawn["steps"] = int(rng.integers(1, 7)) if whole else None
    drawn |= {"rows": 0, "ids": 1}
    drawn["cut"] = one_of((*CUTS[:1] * 5, *CUTS[1:]))
    drawn["norm"] = "" if "front" in given else one_of(NORMS)
    unknown = set(given) - set(drawn)
    if unknown:
        raise TypeError(f"unknown choices {sorted(unknown)}")
    return Choices(**{**drawn, **given})


def random_model(seed: int, **choices: Any) -> Model:
    """A model with all weights drawn from the seed; `choices` are the fields of `Choices`."""
    c = draw_choices(seed, **choices)
    draft = _Draft(c, np.random.default_rng([seed, 2]))
    draft.tensor("x", c.ids if c.rows else c.features, True)
    if c.rows:
        _add_embedding(draft)
    for kind in c.front:
        _add(draft, kind)
    if "input" in c.cut:
        draft.top = _cut(draft, draft.top)
    last = _add_recurrent(draft)
    extra = {"hidden": (draft.top, True)} if "hidden" in c.also else {}
    if "cell" in c.also and "c" in last.cell.results:
        units = c.hidden[-1] + EXTRA_UNITS * (c.cell == "projected")
        cell_state = draft.tensor(f"{last.name}_c", units, True)
        at = draft.nodes.index(last)
        draft.nodes[at] = replace(last, outputs={**last.outputs, "c": cell_state})
        extra["cell"] = (_end(draft, draft.nodes[at], cell_state), False)
    if "hidden" in c.cut:
        draft.top = _cut(draft, draft.top)
    _add_reader(draft)
    for kind in c.head:
        _add(draft, kind)
    per_step = draft.tensors[draft.top].per_step
    outputs = {"y": (draft.top, per_step), **extra}
    _drop_unread(draft, {tensor for tensor, _ in outputs.values()})
    return Model(
        name="net",
        inputs=(_port("x", "x", True, draft),),
        outputs=tuple(_port(name, t, steps, draft) for name, (t, steps) in outputs.items()),
        tensors=draft.tensors,
        nodes=tuple(draft.nodes),
        steps=c.steps,
        sha256="0" * 64,
    )


def random_inputs(
    model: Model, samples: int, steps: int | None = None, seed: int = 0
) -> dict[str, Floats]:
    """Normal vectors [samples, steps, features] for every input, correlated over time.

    steps: by default those that the model requires, or 12.
    """
    rng = np.random.default_rng([seed, 3])
    length = steps or model.steps or 12
    found = {}
    for port in model.inputs:
        features = model.tensors[port.tensor].features
        if port.limit:
            found[port.name] = rng.integers(0, port.limit, (samples, length, features))
            continue
        numbers = rng.normal(size=(samples, length, features))
        for t in range(1, length):
            numbers[:, t] = 0.6 * numbers[:, t - 1] + 0.8 * numbers[:, t]
        found[port.name] = numbers.astype(np.float32)
    return found


def _add_embedding(draft: _Draft) -> None:
    """A vector of `features` numbers for each id of a step, end to end."""
    c, parts = draft.choices, []
    table = draft.matrix(c.rows, c.features) * np.float32(np.sqrt(c.features))
    for k in range(c.ids):
        name = f"embedding{k}"
        parts.append(draft.tensor(f"{name}_y", c.features, True))
        outputs, params = {"y": parts[-1]}, {"E": table}
        draft.nodes.append(Layer(name, embedding(k), {"x": "x"}, outputs, params))
    draft.top = parts[0]
    if c.ids > 1:
        draft.top = draft.tensor("embedded", c.features * c.ids, True)
        draft.nodes.append(Concat("embedded", tuple(parts), draft.top))


def _add_recurrent(draft: _Draft) -> Layer:
    """The stack of recurrent layers; the last one."""
    c = draft.choices
    for level, units in enumerate(c.hidden):
        _add_norm(draft)
        below = draft.top
        parts = []
        for reverse in {"forward": (False,), "reverse": (True,)}.get(c.direction, (False, True)):
            draft.top = below
            cell = ALL_CELLS[c.cell]
            layer = draft.layer(cell.name, cell, units, reverse=reverse)
            draft.nodes[-1] = layer = replace(layer, initial=_initial(draft, layer, units))
            parts.append(draft.top)
        if len(parts) > 1:
            draft.top = draft.tensor(f"both{level}", units * len(parts), True)
            draft.nodes.append(Concat(f"both{level}", tuple(parts), draft.top))
    if c.read != "joined":
        _add_norm(draft)
    return layer


def _add_norm(draft: _Draft) -> None:
    """Not the norm of one number, which is always the same."""
    norm = draft.choices.norm
    if norm == "scale" or (norm and draft.tensors[draft.top].features > 1):
        _add(draft, norm)


def _initial(draft: _Draft, layer: Layer, units: int) -> dict[str, Floats]:
    if not draft.choices.initial:
        return {}
    extra = EXTRA_UNITS * (draft.choices.cell == "projected")
    drawn = {
        "h": draft.rng.uniform(-0.9, 0.9, units),
        "c": draft.rng.normal(size=units + extra),
    }
    return {name: drawn[name].astype(np.float32) for name in layer.cell.states}


def _add_reader(draft: _Draft) -> None:
    c, below = draft.choices, draft.tensors[draft.top]
    if c.read == "last":
        out = draft.tensor("last_y", below.features, False)
        draft.nodes.append(LastStep("last", draft.top, out))
        draft.top = out
    elif c.read == "joined":
        layers = [n for n in draft.nodes if isinstance(n, Layer) and n.cell.states]
        parts = [_end(draft, n, n.outputs["h"]) for n in layers]
        if "hidden" in c.cut:
            parts = [_cut(draft, part) for part in parts]
        width = sum(draft.tensors[part].features for part in parts)
        draft.top = draft.tensor("joined", width, False)
        draft.nodes.append(Concat("join", tuple(parts), draft.top))
    elif c.read == "flat":
        assert c.steps is not None, "a model with a DenseOverTime needs `steps`"
        out = draft.tensor("flat_y", c.classes, False)
        weights = draft.matrix(c.classes, c.steps * below.features)
        stacked = weights.reshape(c.classes, c.steps, below.features).transpose(1, 0, 2)
        bias = draft.rng.normal(size=c.classes).astype(np.float32)
        draft.nodes.append(DenseOverTime("flat", draft.top, out, stacked.copy(), bias))
        draft.top = out


def _cut(draft: _Draft, tensor: str) -> str:
    """About half of the features, from the middle; of a Concat, of each of its parts, joined."""
    joined = next((n for n in draft.nodes if isinstance(n, Concat) and n.output == tensor), None)
    if joined is not None:
        parts = tuple(_cut(draft, part) for part in joined.inputs)
        sizes = [draft.tensors[part].features for part in parts]
        output = draft.tensor(f"{tensor}_cut", sum(sizes), draft.tensors[tensor].per_step)
        draft.nodes.append(Concat(output, parts, output))
        return output
    whole = draft.tensors[tensor]
    begin = whole.features // 4
    end = max(begin + 1, whole.features * 3 // 4)
    output = draft.tensor(f"{tensor}_cut", end - begin, whole.per_step)
    draft.nodes.append(Slice(output, tensor, output, begin, end))
    return output


def _drop_unread(draft: _Draft, read: set[str]) -> None:
    """Without joins and cuts that nobody reads, as a front end leaves them."""
    for node in reversed(list(draft.nodes)):
        if isinstance(node, Concat | Slice) and node.output not in read:
            draft.nodes.remove(node)
            del draft.tensors[node.output]
        elif isinstance(node, Layer):
            read.update(node.inputs.values())
        else:
            read.update(node.inputs if isinstance(node, Concat) else (node.input,))


def _end(draft: _Draft, layer: Node, tensor: str) -> str:
    """The vector with which a layer ends: of the first step where it runs in reverse."""
    assert isinstance(layer, Layer)
    kind = FirstStep if layer.reverse else LastStep
    out = draft.tensor(f"end_{tensor}", draft.tensors[tensor].features, False)
    draft.nodes.append(kind(f"end_{tensor}", tensor, out))
    return out


def _add(draft: _Draft, kind: str) -> None:
    """A dense layer or an activation on top."""
    features = draft.tensors[draft.top].features
    if kind == "dense":
        draft.layer("fc", dense(), draft.choices.classes)
    elif kind in FUNCTIONS:
        draft.layer(kind, activation(kind, *FUNCTIONS[kind]), features)
    elif kind == "argmax":
        draft.layer(kind, argmax_layer(), 1)
    elif kind == "scale":
        gain = draft.rng.uniform(0.2, 3.0, features) * draft.rng.choice([-1.0, 1.0], features)
        offset = draft.rng.normal(size=features) * draft.rng.choice([0.1, 1.0, 300.0])
        cell, params = scale_layer(gain, offset)
        draft.layer(kind, cell, features, params)
    else:
        vectors = {
            "softmax": softmax_layer,
            "log_softmax": log_softmax_layer,
            "layer_norm": lambda: layer_normalization(1e-5),
        }
        cell = vectors[kind]()
        draft.layer(kind, cell, features)


def _port(name: str, tensor: str, per_step: bool, draft: _Draft) -> Port:
    axes = LAYOUTS[draft.choices.layout] if per_step else ("batch", "feature")
    sizes = {"batch": 1, "time": draft.choices.steps or -1}
    sizes["feature"] = draft.tensors[tensor].features
    return Port(name, tensor, axes, tuple(sizes[a] for a in axes), _limit(name, tensor, draft))


def _limit(name: str, tensor: str, draft: _Draft) -> int:
    """What the integers of a port are below, 0 for real numbers."""
    if name == "x":
        return draft.choices.rows
    makers = {t: n for n in draft.nodes if isinstance(n, Layer) for t in n.outputs.values()}
    maker = makers.get(tensor)
    if maker is None or maker.cell.name != "argmax":
        return 0
    return draft.tensors[maker.inputs["x"]].features
