"""The ONNX operators LSTM, GRU and RNN: each attribute and input is implemented or refused by name.

A direction is a layer of its own; the features of Y are those of the directions end to end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lstm_edge import cells
from lstm_edge.frontend.model.axes import View, size_of
from lstm_edge.frontend.model.layout import (
    ONNX_GRU,
    ONNX_LSTM,
    ONNX_LSTM_PEEPHOLES,
    RNN,
    gru_params,
    layer_params,
    split_gates,
)
from lstm_edge.frontend.model.operators.features import refuse_one_vector
from lstm_edge.frontend.model.operators.pending import fold_pending, foldable
from lstm_edge.frontend.model.recurrent.attributes import Kind, Settings, settings_of
from lstm_edge.frontend.model.recurrent.constant import of_one_step, without_x
from lstm_edge.frontend.model.recurrent.lengths import Length, length_of
from lstm_edge.frontend.model.recurrent.weights import (
    Sequence,
    Weights,
    initial_states,
    sequence_of,
    weights_of,
)
from lstm_edge.frontend.model.walk import GivenState, OnnxNode, Value, Walk
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import Floats
from lstm_edge.layers.inner import at_each_place, ordered

LSTM = Kind("lstm", ONNX_LSTM, ("Sigmoid", "Tanh", "Tanh"), ("h", "c"))
GRU = Kind("gru", ONNX_GRU, ("Sigmoid", "Tanh"))
SIMPLE = Kind("rnn", RNN, ("Tanh",))


def lstm(walk: Walk, node: OnnxNode) -> list[Value]:
    """LSTM; Y is [T, D, B, H], Y_h and Y_c are [D, B, H]."""
    return _recurrent(walk, node, LSTM)


def gru(walk: Walk, node: OnnxNode) -> list[Value]:
    """GRU; Y is [T, D, B, H], Y_h is [D, B, H]."""
    return _recurrent(walk, node, GRU)


def rnn(walk: Walk, node: OnnxNode) -> list[Value]:
    """Simple RNN; Y is [T, D, B, H], Y_h is [D, B, H]."""
    return _recurrent(walk, node, SIMPLE)


def _recurrent(walk: Walk, node: OnnxNode, kind: Kind) -> list[Value]:
    settings = settings_of(walk, node, kind)
    x = sequence_of(walk, node, settings.batch_first)
    if x.places > 1:
        return _inside(walk, node, kind, settings, x)
    x = replace(x, view=foldable(walk, x.view))
    weights = weights_of(walk, node, x, kind, len(settings.directions))
    length = length_of(walk, node, x)
    initial = initial_states(walk, node, x, kind, settings, weights.hidden)
    if length.steps == 0 and any((*initial.constant, *initial.given, *initial.computed)):
        raise node.error(
            "input sequence_lens = 0 beside an initial state, which has no effect then"
        )
    results = []
    for d, reverse in enumerate(settings.directions):
        cell, params = _cell(node, kind, settings, weights, d, x)
        if x.constant is not None:
            cell, params = without_x(cell, params, x.constant)
            if not initial.computed[d]:
                raise node.error(
                    "is fed constants and starts from constants; make it an output that"
                    " is stored, as it depends on no input"
                )
        tensor = x.view.tensor if x.constant is None else ""
        if x.alone:
            begun = initial.computed[d]
            if set(begun) != set(kind.states) or length != Length():
                refuse_one_vector(walk, node, ())
            more = {f"{state}_before": first for state, first in begun.items()}
            where = (tensor, weights.hidden, params, node.label)
            follows = tensor or begun["h"]
            step = of_one_step(cell)
            results.append(walk.draft.layer(kind.name, step, *where, more=more, follows=follows))
            continue
        name = f"{kind.name}_reverse" if reverse else kind.name
        made = walk.draft.layer(
            name,
            length.stop(cell),
            tensor,
            weights.hidden,
            params,
            node.label,
            initial.constant[d],
            reverse,
            length.inputs,
            begins=initial.computed[d],
            over=x.over,
            follows=x.view.tensor,
        )
        for state, (given, places) in initial.given[d].items():
            walk.given_states.append(GivenState(given, made[state], state, places))
        results.append(made)
    return _outputs(walk, node, x, settings, results, weights.hidden)


def _inside(walk: Walk, node: OnnxNode, kind: Kind, settings: Settings, x: Sequence) -> list[Value]:
    """A layer over an inner axis of each step: with states of its own at each place of it, or along
    it, where each step begins anew.
    """
    if x.along and kind is GRU and not settings.linear_before_reset:
        raise node.error(
            "attribute linear_before_reset = 0 along an inner axis of each step, where only 1 is "
            "supported, as PyTorch has it and Keras with reset_after=True",
        )
    weights = weights_of(walk, node, x, kind, len(settings.directions))
    initial = initial_states(walk, node, x, kind, settings, weights.hidden)
    lengths = len(node.inputs) > 4 and node.inputs[4] is not None
    if lengths or any((*initial.given, *initial.computed)):
        what = "sequence_lens" if lengths else "an initial state that is no constant"
        message = (
            f"has {what}, and an inner axis of each step as its "
            f"{'sequence' if x.along else 'batch'}; leave it out, or, of a stream that comes in "
            "pieces of some steps, with states that are inputs and outputs, export one step a call"
        )
        raise walk.taken_wrongly(node, walk.pieces(x.time) if x.along else (), "time", message)
    draft, places = walk.draft, x.places
    size = places * weights.hidden

    def turned(tensor: str, features: int) -> str:
        units = np.arange(features).reshape(places, -1)[::-1].ravel().tolist()
        return draft.layer("ordered", ordered(units), tensor, features, {}, node.label)["y"]

    results = []
    for d, reverse in enumerate(settings.directions):
        cell, params = at_each_place(*_cell(node, kind, settings, weights, d, x), places)
        backward = x.along and reverse
        tensor = x.view.tensor
        made = draft.layer(
            f"{kind.name}_reverse" if reverse else kind.name,
            cell,
            turned(tensor, places * size_of(x.features)) if backward else tensor,
            size,
            params,
            node.label,
            {state: np.tile(first, places) for state, first in initial.constant[d].items()},
            reverse and not x.along,
            units=dict.fromkeys(cell.results, size),
            along=places if x.along else 1,
        )
        results.append({r: turned(t, size) for r, t in made.items()} if backward else made)
    return _outputs(walk, node, x, settings, results, weights.hidden)


def _cell(
    node: OnnxNode, kind: Kind, settings: Settings, weights: Weights, d: int, x: Sequence
) -> tuple[Cell, dict[str, Floats]]:
    """The cell of direction `d` and its parameters."""
    functions, clip = settings.functions[d], settings.clip
    folded, bias = fold_pending(x.view, weights.input[d], weights.input_bias[d])
    recurrent, biases = weights.recurrent[d], (bias, weights.recurrent_bias[d])
    if kind is GRU:
        after = settings.linear_before_reset
        params = gru_params(folded, recurrent, biases, kind.gates, after)
        return cells.gru(after, clip, *functions), params
    params = layer_params(folded, recurrent, biases, kind.gates)
    if kind is SIMPLE:
        return cells.rnn(clip, *functions), params
    peephole, coupled = weights.peepholes is not None, settings.input_forget
    if weights.peepholes is not None:
        params |= split_gates("P", weights.peepholes[d], ONNX_LSTM_PEEPHOLES)
    if coupled:
        params = {name: array for name, array in params.items() if not name.endswith("_f")}
    return cells.lstm(peephole, coupled, False, clip, *functions), params


def _outputs(
    walk: Walk,
    node: OnnxNode,
    x: Sequence,
    settings: Settings,
    results: list[dict[str, str]],
    hidden: int,
) -> list[Value]:
    """Views of Y, Y_h and Y_c, of those that the node has."""
    draft = walk.draft
    direction = walk.new_axis("directions", len(results), "layer")
    units = walk.new_axis("units", hidden, "feature")
    places = walk.pieces(x.time if x.along else x.batch) if x.places > 1 else ()
    grid = (*direction, *places, *units) if direction or places else ()
    ends = [draft.first_step if back else draft.last_step for back in settings.directions]
    if settings.batch_first:
        y, last = (x.batch, x.time, direction, units), (x.batch, direction, units)
    else:
        y, last = (x.time, direction, x.batch, units), (direction, x.batch, units)

    def whole() -> View:
        tensors = [result.get("y", result["h"]) for result in results]
        return View(draft.concat(tensors, node.label), y, grid=grid)

    def last_places(state: str) -> View:
        begins = [0 if back else (x.places - 1) * hidden for back in settings.directions]
        tensors = [
            draft.slice(result[state], begin, begin + hidden, node.label)
            for begin, result in zip(begins, results, strict=True)
        ]
        return View(
            draft.concat(tensors, node.label), last, grid=(*direction, *units) if direction else ()
        )

    def final(state: str) -> View:
        if x.along:
            return last_places(state)
        if x.alone:
            vectors = [result[state] for result in results]
            return View(draft.concat(vectors, node.label), last, grid=grid)
        pairs = zip(ends, results, strict=True)
        tensors = [end(result[state], node.label) for end, result in pairs]
        for tensor, result in zip(tensors, results, strict=True):
            if x.places == 1:
                walk.ends |= {tensor: (result[state], state), result[state]: (result[state], state)}
        return View(draft.concat(tensors, node.label), last, grid=grid)

    make: tuple[Callable[[], Value], ...] = (whole, lambda: final("h"), lambda: final("c"))
    return [make[k]() if name else View("", ()) for k, name in enumerate(node.outputs)]
