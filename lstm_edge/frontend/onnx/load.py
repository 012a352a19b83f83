"""The ONNX front end: from a file to a Model, for any sequence length where the file allows it.

A size that the file leaves open gets a stand-in, a prime that occurs nowhere else. What comes out
must be the same for two different stand-ins. A batch is followed like any other axis and found to
be treated row by row; the model is one row of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from lstm_edge.errors import InternalError, ModelError
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import label_of
from lstm_edge.frontend.model.visit import visit
from lstm_edge.frontend.model.walk import (
    HopNeeded,
    RateNeeded,
    RoleNeeded,
    SameSize,
    SizeNeeded,
    Walk,
)
from lstm_edge.frontend.onnx.file import read_onnx
from lstm_edge.frontend.onnx.fingerprint import fingerprint
from lstm_edge.frontend.onnx.learnt import Learnt
from lstm_edge.frontend.rewrite import rewrite
from lstm_edge.frontend.step.pairs import PairsNeeded
from lstm_edge.ir.expr import walk as walk_expressions
from lstm_edge.ir.model import Model, Port, Step, is_a
from lstm_edge.ir.verify_model import verify
from lstm_edge.limits import MOST_PORTS

STAND_INS = (
    (1009, 1013, 1019, 1021, 1031, 1033),
    (1087, 1091, 1093, 1097, 1103, 1109),
)

"""Sizes for open axes in the order of their names, and others to compare with."""

KNOWN = frozenset(("lstm", "gru"))
"""Cells of which the states are told by their equations; a simple RNN's are a dense layer's, too.
"""
MOST_WAYS = 24
"""In which four states may be paired."""

Sizes = dict[tuple[str, int], int]
"""Sizes chosen for axes of inputs: (input, axis) -> size."""


def load_onnx(path: Path, steps: int | None, pairs: Mapping[str, str] | None = None) -> Model:
    """Read an ONNX file; see `frontend.load`. The model has no name yet."""
    try:
        return model_of(path.name, read_onnx(path), steps, pairs)
    except PairsNeeded as error:
        found = _with_known_cells(path, steps, dict(pairs or {}), error)
        if found is None:
            raise
        return found


def _with_known_cells(
    path: Path, steps: int | None, pairs: dict[str, str], error: PairsNeeded
) -> Model | None:
    """The only way to pair states by which each step is a LSTM or a GRU; None where there is none,
    or several: equations tell what names do not.
    """
    found = []
    for way in islice(error.ways(), MOST_WAYS):
        try:
            model = model_of(path.name, read_onnx(path), steps, pairs | way)
        except ModelError:
            continue
        kinds = [node.op.cell.name for node in model.layers if node.op.cell.states]
        if kinds and {*kinds} <= KNOWN:
            found.append(model)
    return found[0] if len(found) == 1 else None


def model_of(
    name: str,
    graph: Graph,
    steps: int | None,
    pairs: Mapping[str, str] | None = None,
    told: Mapping[str, str] | None = None,
) -> Model:
    """The model of a graph, which messages call `name`. told: what axes of inputs are, "x 1" ->
    "time", where the file says so.
    """
    known = dict(told or {})
    for what, found in (("inputs", graph.inputs), ("outputs", graph.outputs)):
        if len(found) > MOST_PORTS:
            raise ModelError(
                name,
                f"has {len(found)} {what}, more than the {MOST_PORTS} that are accepted; put "
                "numbers that belong together into one",
            )
    rewrite(graph, pairs)
    standing = {label_of(node) for node in graph.nodes}
    graph.warnings += [
        f"{error}; as it is, each step is compiled by itself, which costs as much as all of them"
        for error in graph.unlike
        if error.node in standing
    ]
    sizes: Sizes = {}
    try:
        model, walk = _solve(graph, sizes, steps, STAND_INS[0], known)
    except ModelError as error:
        raise graph.unread.get(error.node, error) from error
    if walk.open_axes:
        other, _ = _solve(graph, dict(sizes), steps, STAND_INS[1], known)
        if fingerprint(model) != fingerprint(other):
            if steps is not None:
                return _resized(graph, walk, None, steps, known)
            raise ModelError(
                name, "computes something else for each sequence length; fix it with --steps"
            )
    if steps is None or steps == model.steps:
        return model
    fixed = model.steps is not None and (walk.fixed_by or walk.one_step or _counts(model))
    if not walk.derived and not fixed:
        return _with_steps(model, steps)
    return _resized(graph, walk, model.steps, steps, known)


def _solve(
    graph: Graph,
    sizes: Sizes,
    steps: int | None,
    stand_ins: tuple[int, ...],
    known: Mapping[str, str],
) -> tuple[Model, Walk]:
    """Visit the graph, choosing sizes for open axes where a node turns out to need one.

    Where the graph is wrong for a batch or a sequence of any length, a batch of 1 and `steps` are
    tried. `sizes` receives what was chosen.
    """
    learnt = Learnt(dict(known), known)
    rows: list[tuple[str, int]] = []
    wrong: ModelError | None = None
    while True:
        walk = Walk()
        learnt.tell(walk)
        try:
            model = visit(graph, walk, sizes, stand_ins)
            _check_rows(model, rows, wrong)
            if learnt.turned:
                _check_turned(model, walk)
                model = replace(model, warnings=(*model.warnings, *learnt.how_turned()))
            return model, walk
        except ModelError as error:
            if isinstance(error, SizeNeeded) and not learnt.turned:
                if error.axis in sizes:
                    raise _without_stand_ins(walk, error) from error
                sizes[error.axis] = error.size
                continue
            if isinstance(error, SameSize) and not learnt.turned:
                learnt.alike.append(error.axes)
                continue
            if isinstance(error, HopNeeded | RateNeeded | RoleNeeded) and learnt.take(error):
                continue
            failed, walk = learnt.failed(walk, error)
            if learnt.turn():
                continue
            told = isinstance(failed, HopNeeded | RateNeeded | RoleNeeded)
            if told or not (
                _choose(walk, sizes, "batch", 1) or _choose(walk, sizes, "time", steps)
            ):
                raise _without_stand_ins(walk, failed) from error
            rows, wrong = _usual_rows(walk), _without_stand_ins(walk, failed)
            learnt.first = None


def _check_rows(model: Model, rows: Sequence[tuple[str, int]], wrong: ModelError | None) -> None:
    """Raise `wrong` where axes that were taken for rows, of which one is compiled, are steps."""
    steps = {(p.name, k) for p in model.inputs for k, axis in enumerate(p.axes) if axis == "time"}
    if wrong is not None and not steps.isdisjoint(rows):
        raise wrong


def _check_turned(model: Model, walk: Walk) -> None:
    """ModelError where axes that were taken the other way round make no model, or one
    without steps, of which a call would be a whole sequence.
    """
    try:
        verify(model)
    except InternalError as error:
        raise ModelError("graph", str(error)) from error


def _without_stand_ins(walk: Walk, error: ModelError) -> ModelError:
    """The error with ? where it shows a size that the file leaves open: the numbers in their place
    are primes that no file has.
    """
    primes = [atom.size for atom in walk.open_axes]

    def shown(found: re.Match[str]) -> str:
        number, marks = int(found[0]), []
        for prime in primes:
            if number and number % prime == 0:
                marks.append("?")
                number //= prime
        return " * ".join([*marks, *([str(number)] if number != 1 or not marks else [])])

    message = str(error).removeprefix(f"{error.node}: ")
    return ModelError(error.node, re.sub(r"(?<![\w.'])\d{4,}(?![\w.'])", shown, message))


def _choose(walk: Walk, sizes: Sizes, role: str, size: int | None) -> bool:
    """Fix the open axes of a role; tells whether there were any."""
    axes = [place for atom, place in walk.open_axes.items() if walk.roles.get(atom) == role]
    axes += _usual_rows(walk) if role == "batch" else []
    if size is None or not axes:
        return False
    sizes.update(dict.fromkeys(axes, size))
    return True


def _usual_rows(walk: Walk) -> list[tuple[str, int]]:
    """First axes of inputs of which nothing tells what they count, the only open ones beside two
    or more: those of the batch, unless they turn out to be steps.
    """
    ranks = Counter(atom.name.rpartition(" ")[0] for atom in walk.input_atoms)
    opened = Counter(name for name, _ in walk.open_axes.values())
    return [
        (name, k)
        for atom, (name, k) in walk.open_axes.items()
        if atom not in walk.roles and k == 0 and ranks[name] > 2 and opened[name] == 1
    ]


def _counts(model: Model) -> bool:
    """Whether a node knows the number of a step, or of steps before the end."""
    layers = [node.op for node in model.layers]
    inner = [node.op.at for node in model.nodes if is_a(node, Step) and node.op.at not in (0, -1)]
    counted = any(
        e.kind == "step" for op in layers for e in walk_expressions(*op.cell.results.values())
    )
    return bool(inner) or counted or any(op.window is not None for op in layers)


def _with_steps(model: Model, steps: int) -> Model:
    """The same network for another length of the sequence, on which no node depends."""

    def resize(port: Port) -> Port:
        features = model.tensors[port.tensor].features
        flat = steps * features
        sizes = {"time": steps, "time*feature": flat, "feature*time": flat}
        shape = (sizes.get(a, s) for a, s in zip(port.axes, port.shape, strict=True))
        return replace(port, shape=tuple(shape))

    return replace(
        model,
        steps=steps,
        inputs=tuple(resize(port) for port in model.inputs),
        outputs=tuple(resize(port) for port in model.outputs),
    )


def _resized(
    graph: Graph, walk: Walk, found: int | None, steps: int, known: Mapping[str, str]
) -> Model:
    """The network as if its inputs had been declared with another sequence length.

    Raises ModelError by the node that is right for the file's own length only.
    """
    why: ModelError | None = None
    for sizes in _time_axes(graph, walk) if not walk.late else ():
        chosen = {place: steps // walk.rates.get(place, 1) for place in sizes}
        try:
            model, _ = _solve(graph, chosen, steps, STAND_INS[0], known)
        except ModelError as error:
            why = error
            continue
        if model.steps == steps:
            return model
    if found is None and why is not None:
        raise why
    raise ModelError(
        walk.late or walk.fixed_by or walk.one_step or "graph",
        f"is right for a sequence of length {found} only, not {steps}; export the model with the "
        "length that you need, or with a dynamic time axis",
    )


def _time_axes(graph: Graph, walk: Walk) -> Iterator[list[tuple[str, int]]]:
    """Input axes that are time; where time has one step, each axis of 1 that could be."""
    timed = [atom.name for atom, role in walk.roles.items() if role == "time"]
    declared = [
        (value.name, k, dim.dim_value)
        for value in graph.inputs
        for k, dim in enumerate(value.type.tensor_type.shape.dim)
    ]
    if timed:
        yield [(name, k) for name, k, _ in declared if f"{name} {k}" in timed]
        return
    for name, k, size in declared:
        if size == 1:
            yield [(name, k)]
