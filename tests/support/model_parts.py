"""Parts of a random model: recurrent layers, what stands before and behind them, and heads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.cells import until
from lstm_edge.ir.clock import Clock
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    Floats,
    Layer,
    Node,
    Slice,
    Step,
    Work,
    is_a,
    numbered,
)
from lstm_edge.layers.activation import activation, argmax_layer, log_softmax_layer, softmax_layer
from lstm_edge.layers.dense import dense
from lstm_edge.layers.elementwise import pair
from lstm_edge.layers.embedding import embedding
from lstm_edge.layers.normalize import layer_normalization, scale_layer
from lstm_edge.layers.over_time import REDUCTIONS, mean, running
from lstm_edge.layers.over_time import numbered as number_of_the_step
from lstm_edge.layers.window import LOWEST, average_pool, conv1d, max_pool
from tests.support.choices import ALL_CELLS, FUNCTIONS, REDUCED, WINDOWS
from tests.support.draft import EXTRA_UNITS, Draft


def add_embedding(draft: Draft) -> None:
    """A vector of `features` numbers for each id of a step, end to end."""
    c, parts = draft.choices, []
    table = draft.matrix(c.rows, c.features) * np.float32(np.sqrt(c.features))
    for k in range(c.ids):
        name = f"embedding{k}"
        parts.append(draft.tensor(f"{name}_y", c.features, True))
        outputs, params = {"y": parts[-1]}, {"E": table}
        draft.nodes.append(Node(name, Layer(embedding(k), params), {"x": "x"}, outputs))
    draft.top = parts[0]
    if c.ids > 1:
        draft.top = draft.tensor("embedded", c.features * c.ids, True)
        draft.nodes.append(_joined("embedded", parts, draft.top))


def _joined(name: str, parts: list[str], output: str) -> Node[Concat]:
    return Node(name, Concat(), numbered(parts), {"y": output})


def add_recurrent(draft: Draft) -> Node[Layer]:
    """The stack of recurrent layers; the last one."""
    c = draft.choices
    for level, units in enumerate(c.hidden):
        _add_norm(draft)
        below = draft.top
        parts = []
        for reverse in {"forward": (False,), "reverse": (True,)}.get(c.direction, (False, True)):
            draft.top = below
            cell = until(ALL_CELLS[c.cell]) if c.lengths else ALL_CELLS[c.cell]
            layer = draft.layer(cell.name, cell, units, reverse=reverse)
            started = replace(layer.op, initial=_initial(draft, layer, units))
            draft.nodes[-1] = layer = replace(layer, op=started)
            parts.append(draft.top)
        if len(parts) > 1:
            draft.top = draft.tensor(f"both{level}", units * len(parts), True)
            draft.nodes.append(_joined(f"both{level}", parts, draft.top))
    if c.read != "joined":
        _add_norm(draft)
    return layer


def _add_norm(draft: Draft) -> None:
    """Not the norm of one number, which is always the same."""
    norm = draft.choices.norm
    if norm == "scale" or (norm and draft.tensors[draft.top].features > 1):
        add(draft, norm)


def _initial(draft: Draft, layer: Node[Layer], units: int) -> dict[str, Floats]:
    if not draft.choices.initial:
        return {}
    extra = EXTRA_UNITS * (draft.choices.cell == "projected")
    drawn = {
        "h": draft.rng.uniform(-0.9, 0.9, units),
        "c": draft.rng.normal(size=units + extra),
    }
    return {name: drawn[name].astype(np.float32) for name in layer.op.cell.states}


def add_reader(draft: Draft) -> None:
    c, below = draft.choices, draft.tensors[draft.top]
    if c.read == "last":
        out = draft.tensor("last_y", below.features, False)
        draft.nodes.append(Node("last", Step(-1), {"x": draft.top}, {"y": out}))
        draft.top = out
    elif c.read in REDUCED:
        _reduce(draft, c.read)
    elif c.read == "joined":
        layers = [n for n in draft.nodes if is_a(n, Layer) and n.op.cell.states]
        parts = [end(draft, n, n.outputs["y" if c.lengths else "h"]) for n in layers]
        if "hidden" in c.cut:
            parts = [cut(draft, part) for part in parts]
        width = sum(draft.tensors[part].features for part in parts)
        draft.top = draft.tensor("joined", width, False)
        draft.nodes.append(_joined("join", parts, draft.top))
    elif c.read == "flat":
        assert c.steps is not None, "a model with a DenseOverTime needs `steps`"
        out = draft.tensor("flat_y", c.classes, False)
        steps = draft.length.of(c.steps)
        weights = draft.matrix(c.classes, steps * below.features)
        stacked = weights.reshape(c.classes, steps, below.features).transpose(1, 0, 2)
        bias = draft.rng.normal(size=c.classes).astype(np.float32)
        flat = DenseOverTime(stacked.copy(), bias)
        draft.nodes.append(Node("flat", flat, {"x": draft.top}, {"y": out}))
        draft.top = out


def _reduce(draft: Draft, reduction: str) -> None:
    """A reduction over time, of which the last step is read; a mean is a sum first."""
    kind = "sum" if reduction == "mean" else reduction
    first = {"y": np.full(1, REDUCTIONS[kind][1], np.float32)}
    units = draft.tensors[draft.top].features
    layer = draft.layer(kind, running(kind), units, {}, initial=first, reverse=None)
    draft.top = end(draft, layer, draft.top)
    if reduction == "mean":
        draft.layer("mean", mean(), units, {})


def _add_window(draft: Draft, kind: str) -> None:
    """A convolution or a pooling along time."""
    window = WINDOWS[kind]
    features = draft.tensors[draft.top].features
    if "conv" in kind:
        units = draft.choices.classes
        params = {"W_y": draft.matrix(units, features * window.kernel)}
        draft.layer(
            "conv", conv1d(), units, params | {"b_y": draft.vector("b_y", units)}, window=window
        )
    elif "max" in kind:
        first = {"recent": np.full(1, LOWEST, np.float32)}
        draft.layer("pool", max_pool(window.kernel), features, {}, initial=first, window=window)
    else:
        draft.layer("pool", average_pool(window.kernel), features, {}, window=window)
    draft.length = draft.length.then(Clock().then(window).length)


def _add_by_step(draft: Draft) -> None:
    """A vector of its own for each step, added."""
    steps, below = draft.choices.steps, draft.top
    assert steps is not None, "numbers of steps need `steps`"
    features = draft.tensors[below].features
    draft.layer("step", number_of_the_step(steps), 1, {})
    draft.layer("table", embedding(), features, {"E": draft.matrix(steps, features)})
    added = draft.layer("added", pair("add"), features, {})
    draft.nodes[-1] = replace(added, inputs={"x": below, "y": added.inputs["x"]})


def cut(draft: Draft, tensor: str) -> str:
    """About half of the features, from the middle; of a Concat, of each of its parts, joined."""
    joined = next((n for n in draft.nodes if is_a(n, Concat) and tensor in n.makes), None)
    if joined is not None:
        parts = [cut(draft, part) for part in joined.reads]
        sizes = [draft.tensors[part].features for part in parts]
        output = draft.tensor(f"{tensor}_cut", sum(sizes), draft.tensors[tensor].per_step)
        draft.nodes.append(_joined(output, parts, output))
        return output
    whole = draft.tensors[tensor]
    begin = whole.features // 4
    end = max(begin + 1, whole.features * 3 // 4)
    output = draft.tensor(f"{tensor}_cut", end - begin, whole.per_step)
    draft.nodes.append(Node(output, Slice(begin, end), {"x": tensor}, {"y": output}))
    return output


def drop_unread(draft: Draft, read: set[str]) -> None:
    """Without joins and cuts that nobody reads, as a front end leaves them."""
    for node in reversed(list(draft.nodes)):
        if isinstance(node.op, Concat | Slice) and not read.intersection(node.makes):
            draft.nodes = [n for n in draft.nodes if n is not node]
            del draft.tensors[node.outputs["y"]]
        else:
            read.update(node.reads)


def end(draft: Draft, layer: Node[Work], tensor: str) -> str:
    """The vector with which a layer ends: of the first step where it runs in reverse."""
    assert is_a(layer, Layer)
    step = Step(0 if layer.op.reverse else -1)
    out = draft.tensor(f"end_{tensor}", draft.tensors[tensor].features, False)
    draft.nodes.append(Node(f"end_{tensor}", step, {"x": tensor}, {"y": out}))
    return out


def add(draft: Draft, kind: str) -> None:
    """A dense layer or an activation on top."""
    features = draft.tensors[draft.top].features
    if kind == "dense":
        draft.layer("fc", dense(), draft.choices.classes)
    elif kind in WINDOWS:
        _add_window(draft, kind)
    elif kind == "by_step":
        _add_by_step(draft)
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
