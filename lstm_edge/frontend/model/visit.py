"""Visit the nodes of an ONNX graph in order, for one choice of the sizes that the file leaves open.

Every shape is known then: constant folding leaves no Shape or Expand behind, and what remains is
data, followed axis by axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.amounts import SHAPE_ONLY
from lstm_edge.frontend.graph.fold import FOLDABLE, check_result, fold, stand_in
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of, captured, label_of
from lstm_edge.frontend.model.axes import Atom, Axis, Cut, View, size_of
from lstm_edge.frontend.model.finish import DraftState, finish
from lstm_edge.frontend.model.operators.features import laid_out, settle_roles
from lstm_edge.frontend.model.operators.ids import INTEGERS, check_ids, fill_masks, integers
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.operators.rates import as_held, at_its_rate, steps_of_each
from lstm_edge.frontend.model.operators.side_by_side import as_vector
from lstm_edge.frontend.model.operators.steps import side_by_side
from lstm_edge.frontend.model.operators.table import is_known, run_node, unsupported
from lstm_edge.frontend.model.ports import feature_count, has_time, is_timed, make_port, time_axis
from lstm_edge.frontend.model.states import (
    check_parts,
    check_sequences,
    is_sequence,
    pair,
    state_inputs,
    state_output,
)
from lstm_edge.frontend.model.walk import Foreign, OnnxNode, RoleNeeded, Value, Walk
from lstm_edge.ir.model import Model, Port
from lstm_edge.ir.needed import needed_nodes
from lstm_edge.layers.embedding import is_embedding

MOVES = ("Pad", "Resize")
"""What may make far more numbers than it reads, beside what constants are folded by."""
LONGEST_AXIS = 2**24
"""Elements along one axis of an input."""


def visit(
    graph: Graph, walk: Walk, sizes: Mapping[tuple[str, int], int], stand_ins: tuple[int, ...]
) -> Model:
    """The model, with `sizes` for axes that they name and `stand_ins` for other open ones.

    `walk` starts empty and shows what became known, also when a ModelError ends the visit.
    """
    _bind_inputs(graph, walk, sizes, stand_ins)
    walk.values.update(graph.constants)
    walk.repetitions = tuple(graph.repetitions)
    for node in graph.nodes:
        _visit_node(walk, node)
    return _model(graph, walk)


def _bind_inputs(
    graph: Graph, walk: Walk, sizes: Mapping[tuple[str, int], int], stand_ins: tuple[int, ...]
) -> None:
    known_names: dict[str, int] = {}
    symbols = _symbols(graph, walk)
    for value in graph.inputs:
        kind = value.type.tensor_type.elem_type
        known = kind in (TensorProto.FLOAT, TensorProto.BOOL) or kind in INTEGERS
        if not value.type.HasField("tensor_type") or not known:
            names = {v: k for k, v in TensorProto.DataType.items()}
            walk.values[value.name] = Foreign(value.name, names.get(kind, "unknown").lower())
            continue
        if not value.type.tensor_type.HasField("shape"):
            raise ModelError(f"input {value.name!r}", "has no shape; export it with one")
        axes: list[Axis] = []
        for k, dim in enumerate(value.type.tensor_type.shape.dim):
            size = sizes.get((value.name, k), dim.dim_value)
            opened = size < 1
            if opened:
                key = symbols[value.name, k]
                at = known_names.setdefault(key, len(known_names))
                size = stand_ins[at % len(stand_ins)]
            axes.append(_input_axis(walk, value.name, k, size, opened, sizes))
        shown = integers(kind) if kind in INTEGERS else None
        tensor = walk.draft.input(None)
        if shown is not None:
            walk.kinds[tensor] = INTEGERS[kind]
        truth = kind == TensorProto.BOOL
        if truth:
            walk.kinds[tensor] = np.bool_
            walk.real.add(tensor)
            walk.truths.add(tensor)
        whole = View(tensor, tuple(axes), ids=shown)
        walk.values[value.name] = at_its_rate(walk, value.name, whole)


def _symbols(graph: Graph, walk: Walk) -> dict[tuple[str, int], str]:
    """(input, axis) -> the name of its size, one for all axes that an earlier visit found alike."""
    symbols = {
        (value.name, k): dim.dim_param or f"{value.name} {k}"
        for value in graph.inputs
        for k, dim in enumerate(value.type.tensor_type.shape.dim)
    }
    for first, other in walk.alike_sizes:
        old, new = symbols[other], symbols[first]
        symbols = {place: new if name == old else name for place, name in symbols.items()}
    return symbols


def _input_axis(
    walk: Walk,
    name: str,
    k: int,
    size: int,
    opened: bool,
    sizes: Mapping[tuple[str, int], int],
) -> Axis:
    """One atom, or those of hops and their samples, where `sizes` tells hops."""
    hop = walk.hops.get((name, k), 1)
    if hop > 1 and (name, k) not in sizes and not opened:
        if size % hop or size < 2 * hop:
            raise ModelError(
                f"input {name!r}",
                f"has {size} samples, which are read by hops of {hop}; export the model with a "
                f"multiple of that, {max(2, -(-size // hop)) * hop} for instance",
            )
        size //= hop
    if size > LONGEST_AXIS:
        raise ModelError(
            f"input {name!r}",
            f"axis {k} has {size} elements: too many; export a shorter one",
        )
    if size == 1:
        return ()
    atom = Atom(f"{name} {k}", size, opened)
    walk.input_atoms[atom] = k
    if opened:
        walk.open_axes[atom] = (name, k)
    elif atom.name in walk.first_cuts:
        walk.cut(Cut(atom, walk.first_cuts[atom.name]))
    parts = walk.parts(atom)
    walk.roles.update((part, walk.told[part.name]) for part in parts if part.name in walk.told)
    if hop > 1:
        walk.roles[atom] = "time"
        return (atom, *walk.new_axis(f"{name} {k} hop", hop, "feature"))
    return parts


def _visit_node(walk: Walk, proto: NodeProto) -> None:
    label = label_of(proto)
    inputs = tuple(_input(walk, label, name) for name in proto.input)
    known = [v for v in inputs if isinstance(v, np.ndarray)]
    present = [v for v in inputs if v is not None]
    plain = proto.domain in ("", "ai.onnx") and proto.op_type in FOLDABLE
    shape_only = proto.op_type in SHAPE_ONLY and isinstance(inputs[0], View)
    if proto.op_type == "Identity" and plain and len(known) == 1:
        results: list[Value] = [known[0]]
    elif plain and (shape_only or len(known) == len(present)):
        arrays = [stand_in(v.shape) if isinstance(v, View) else v for v in inputs]
        results = list(fold(label, proto, arrays))  # type: ignore[arg-type]
    elif len(known) == len(present) and not _captures_data(walk, proto):
        if not is_known(proto.op_type, proto.domain):
            raise unsupported(label, proto.op_type, proto.domain)
        results = list(fold(label, proto, list(inputs)))  # type: ignore[arg-type]
    else:
        if plain or proto.op_type in MOVES:
            arrays = [stand_in(_known(v)) if isinstance(v, View) else v for v in inputs]
            check_result(label, proto, arrays)  # type: ignore[arg-type]
        node = OnnxNode(
            proto.op_type,
            label,
            inputs,
            tuple(proto.input),
            tuple(proto.output),
            attributes_of(proto),
        )
        results = run_node(walk, node, proto.domain)
    names = (
        list(proto.output)
        if len(results) == len(proto.output)
        else [name for name in proto.output if name]
    )
    walk.values.update(pair for pair in zip(names, results, strict=False) if pair[0])


def _known(view: View) -> tuple[int, ...]:
    """Sizes of the axes, of which open ones, whose size is made up, have 1."""
    return tuple(size_of(tuple(atom for atom in axis if not atom.open)) for axis in view.axes)


def _captures_data(walk: Walk, proto: NodeProto) -> bool:
    """True for a node with a body that reads data from outside."""
    return any(isinstance(walk.values.get(name), View) for name in captured(proto))


def _input(walk: Walk, label: str, name: str) -> Value | None:
    if not name:
        return None
    if name not in walk.values:
        raise ModelError(label, f"reads {name!r}, which nothing computes; export it again")
    return walk.values[name]


def _model(graph: Graph, walk: Walk) -> Model:
    fill_masks(walk)
    settle_roles(walk)
    walk.check_beside("graph", walk.beside)
    _check_rows(walk)
    check_sequences(walk)
    views = {i.name: walk.values[i.name] for i in graph.inputs}
    sources = {
        name: replace(as_held(walk, v), grid=walk.columns.get(v.tensor, v.grid))
        for name, v in views.items()
        if isinstance(v, View)
    }
    time = time_axis(walk)
    timed = frozenset(v.tensor for v in sources.values() if is_timed(walk, v))
    if not timed and time is None:  # a network of vectors: each call is a step of its own
        timed = frozenset(v.tensor for v in sources.values())
    state_ins, state_outs = _states(walk, graph, sources)
    shown = {port.name for port in state_outs}
    names = [output.name for output in graph.outputs]
    others = [name for name in names if name not in shown]
    if not others:  # states are all that the network gives
        others, state_outs = names, []
    wanted = {view.tensor for name in others if isinstance(view := walk.values.get(name), View)}
    check_parts(walk, _read(walk, wanted))
    outputs = [_output(walk, name, timed) for name in others]
    read = _read(walk, {port.tensor for port in outputs})
    set_by = {port.name for port in state_ins}
    inputs = []
    for name, view in sources.items():
        if name in set_by:
            _check_state_only(name, view, read)
        elif view.tensor in read:
            walk.draft.features[view.tensor] = feature_count(walk, view)
            label = f"input {name!r}"
            port = make_port(walk, label, name, view, view.tensor in timed)
            limit = _limit(walk, label, view)
            kind = walk.kinds.get(view.tensor)
            data = view.tensor in walk.real and (not limit or kind is np.bool_)
            name_of_kind = np.dtype(kind).name if kind and data else ""
            every = steps_of_each(walk, name)
            inputs.append(replace(port, limit=limit, kind=name_of_kind, every=every))
    used = {port.name for port in inputs} | set_by
    steps = 1 if time is None else (None if time.open else time.size)
    return finish(
        walk.draft,
        inputs,
        outputs,
        timed,
        steps,
        graph.sha256,
        [
            *graph.warnings,
            *_unused(name for name in views if name not in used),
            *_batch(walk),
            *_in_step(walk),
            *walk.warnings,
        ],
        (state_ins, state_outs),
    )


def _check_rows(walk: Walk) -> None:
    """Start again where rows that a layer treats alike are groups of features of one step."""
    for atom, whole in walk.cut_from.items():
        inside = any(walk.roles.get(part) == "feature" for part in walk.parts(whole))
        if inside and walk.roles.get(atom) == "batch" and whole in walk.input_atoms:
            cut = (whole.name, walk.cuts[whole][0].size)
            message = f"treats {atom.size} groups of features alike; compile what one of them needs"
            raise RoleNeeded("graph", message, atom.name, "feature", cut)


def _states(
    walk: Walk, graph: Graph, sources: Mapping[str, View]
) -> tuple[list[DraftState], list[DraftState]]:
    """Inputs that set states, and the outputs that are their partners."""
    one_step = time_axis(walk) is None
    found = ((o.name, walk.values.get(o.name)) for o in graph.outputs)
    views = {name: view for name, view in found if isinstance(view, View)}
    ports = {name: state_output(walk, name, view, one_step) for name, view in views.items()}
    given = state_inputs(walk, dict(sources))
    renewed = {p.name: p for p in _renewed(graph, given) if p.name in ports}
    shown = [port for port in {**ports, **renewed}.values() if port is not None]
    # of one step, the sequence shows the state as well: it is the partner where nothing else is
    whole = {p.name for p in shown if p.name not in renewed and is_sequence(walk, views[p.name])}
    sequences_last = sorted(shown, key=lambda port: port.name in whole)
    inputs = pair(given, sequences_last)
    partners = {port.partner for port in inputs}
    return inputs, [port for port in shown if port.name in partners]


def _renewed(graph: Graph, given: list[DraftState]) -> list[DraftState]:
    """The next values of a single step's states, whatever parts these were cut into."""
    known = {port.name: port for port in given}
    found = []
    for node in graph.nodes:
        if node.op_type == "Step":
            for before, after in zip(node.input, attributes_of(node)["after"], strict=True):
                port = known.get(before)
                whole = port is not None and sum(len(p[2]) for p in port.parts) == prod(port.shape)
                found += [replace(port, name=after)] if port is not None and whole else []
    return found


def _read(walk: Walk, outputs: set[str]) -> set[str]:
    """Tensors that the outputs are computed from, directly or not."""
    wanted = outputs | {given.result for given in walk.given_states}
    return needed_nodes(walk.draft.nodes, wanted)[1]


def _check_state_only(name: str, view: View, read: set[str]) -> None:
    if view.tensor in read:
        raise ModelError(
            f"input {name!r}",
            "gives a state its first value and is read as data, too; make two inputs of it, "
            "and give both the same numbers",
        )


def _limit(walk: Walk, label: str, view: View) -> int:
    """The limit of an input of integers, 0 for real numbers; refuses one that is both."""
    limit = walk.limits.get(view.tensor, 0)
    readers = [n for n in walk.draft.nodes if view.tensor in n.reads]
    looked_up = [is_embedding(n) or n.inputs.get("length") == view.tensor for n in readers]
    if (limit or view.ids is not None) and view.tensor in walk.real and not any(looked_up):
        return 0
    if (limit or view.ids is not None) and not all(looked_up):
        other = readers[looked_up.index(False)]
        raise ModelError(
            label,
            f"holds integers for an embedding, but {other.source} reads it, too; give that an "
            "input of float32 of its own, with the same numbers",
        )
    return limit


def _unused(names: Any) -> list[str]:
    return [
        f"input {name!r} has no influence on any output and was left out; correct the model where "
        "it should have one, and export it again"
        for name in names
    ]


def _in_step(walk: Walk) -> list[str]:
    """A warning of sequences that the file lets differ in length."""
    timed = {place for atom, place in walk.open_axes.items() if walk.roles.get(atom) == "time"}
    return [
        f"inputs {first[0]!r} and {other[0]!r} are sequences whose lengths the file calls by two "
        "names; they run in step here: give both the same number of steps"
        for first, other in walk.alike_sizes
        if {first, other} <= timed
    ]


def _batch(walk: Walk) -> list[str]:
    sizes = {a.size for a, r in walk.roles.items() if r == "batch" and not a.open}
    return [
        f"the file has a batch of {size}, the model computes one row; call the C for each row"
        for size in sizes
    ]


def _output(walk: Walk, name: str, timed: frozenset[str]) -> Port:
    view = walk.values.get(name)
    label = f"output {name!r}"
    if not isinstance(view, View):
        raise ModelError(
            label, "depends on no input; it is always the same: store its numbers instead"
        )
    vector = as_vector(walk, view, label) if view.parts else None
    if vector is not None:
        view, walk.fixed_by = vector, walk.fixed_by or label
    elif view.parts:
        raise ModelError(
            label,
            "shows all steps of a sequence and other numbers on one axis; make an output of each",
        )
    view = laid_out(walk, side_by_side(walk, settled(walk, view), label), label)
    root = walk.draft.roots[view.tensor]
    per_step = root is not None and root in timed
    limit = 0 if view.ids is None else check_ids(walk, label, view)
    port = replace(make_port(walk, label, name, view, per_step), limit=limit)
    if per_step and not has_time(port):
        last = replace(view, tensor=walk.draft.last_step(view.tensor, label))
        return replace(make_port(walk, label, name, last, per_step=False), limit=limit)
    return port
