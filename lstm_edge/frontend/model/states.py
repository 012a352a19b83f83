"""States that come from the graph's inputs and go to its outputs: h0 and c0, hn and cn.

An input of which every number is the first value of one unit of one state is no data: it sets the
state. An output that shows the same numbers in the same places is its partner; fed back, it makes
the network go on, which the generated code does by itself.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Atom, Axes, Axis, View, describe, size_of
from lstm_edge.frontend.model.finish import DraftState
from lstm_edge.frontend.model.operators.across_time import vector_of
from lstm_edge.frontend.model.operators.features import grid_of, laid_out
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.walk import InputPart, OnnxNode, RoleNeeded, Walk
from lstm_edge.ir.model import Step
from lstm_edge.ir.needed import needed_nodes
from lstm_edge.layers.window import is_copy

Places = tuple[int, ...]


def input_part(walk: Walk, view: View, axis: int, wanted: list[int], source: str) -> View | None:
    """Neighbouring indices of an input's axis that no operator has explained yet, which stays.

    None where the axis is not that of an input, or is explained.
    """
    atoms = walk.pieces(view.axes[axis])
    unknown = [a for a in atoms if a in walk.input_atoms and walk.roles.get(a) in (None, "layer")]
    contiguous = wanted == list(range(wanted[0], wanted[0] + len(wanted)))
    made = walk.draft.producer(view.tensor) is not None and view.tensor not in walk.input_parts
    if len(atoms) != 1 or not unknown or not contiguous or made:
        return None
    begin, end = wanted[0], wanted[-1] + 1
    tensor = walk.draft.slice(view.tensor, begin, end, source)
    if tensor not in walk.input_parts:
        kept = Atom(f"{atoms[0].name}[{begin}:{end}]", end - begin) if end - begin > 1 else None
        walk.draft.features[tensor] = None  # known once the axis is, not by how many the input has
        walk.draft.likeness[tensor] = ""
        walk.input_parts[tensor] = InputPart(view.tensor, atoms[0], begin, kept)
        if kept is not None:
            walk.input_atoms[kept] = walk.input_atoms[atoms[0]]
            walk.alike.append((atoms[0], kept, source))
    kept = walk.input_parts[tensor].kept
    new: Axis = () if kept is None else (kept,)
    return View(tensor, view.with_axis(axis, new).axes)


def check_sequences(walk: Walk) -> None:
    """Parts of an input of which the axis turned out to be that of time are steps."""
    for part in walk.input_parts.values():
        if part.kept is not None and walk.roles.get(part.atom) == "time":
            name = part.atom.name.rsplit(" ", 1)[0]
            raise RoleNeeded(f"input {name!r}", "takes some of its steps", part.atom.name, "time")


def check_parts(walk: Walk, needed: set[str]) -> None:
    """Parts of inputs that layers read must be parts of their features."""
    for tensor, part in walk.input_parts.items():
        pieces = walk.parts(part.kept) if part.kept in walk.cuts else ()
        if tensor in needed and any(walk.roles.get(atom) == "time" for atom in pieces):
            name = part.atom.name.rsplit(" ", 1)[0]
            raise ModelError(
                f"input {name!r}",
                f"has a sequence and other numbers on one axis of {part.atom.size}; only a whole "
                "axis can be a sequence: make two inputs of it, one for the sequence",
            )
        if tensor in needed and _explained(walk, part) != "feature":
            name, axis = part.atom.name.rsplit(" ", 1)
            made = walk.draft.producer(tensor)
            known = walk.roles.get(part.atom)
            usual = part.atom.name.rsplit(" ", 1)[1] != "2" and part.atom.name not in walk.told
            if known == "time" or (known is None and usual):
                raise RoleNeeded(name, "takes steps of an input", part.atom.name, "time")
            which = f"the {known} axis" if known else f"axis {axis}"
            raise ModelError(
                f"input {name!r}" if made is None else made.source,
                f"takes index {part.begin} of {which} of {part.atom.size} of input {name!r} as "
                "data; only features and states can be taken apart; if it is a step of a loop over "
                "cells, its steps are not all alike and in order: export nn.LSTM, nn.GRU or nn.RNN",
            )
        walk.draft.features[tensor] = 1 if part.kept is None else part.kept.size


def _explained(walk: Walk, part: InputPart) -> str | None:
    """The role of the axis that a part was taken of. What no operator says, where single numbers
    are taken and nothing else counts features: these are the features.
    """
    owner = part.atom.name.rsplit(" ", 1)[0]
    others = {a.name.rsplit(" ", 1)[0] for a, r in walk.roles.items() if r == "feature"}
    if part.kept is None and owner not in others and part.atom not in walk.cuts:
        walk.roles.setdefault(part.atom, "feature")
    return walk.roles.get(part.atom)


def given_places(
    walk: Walk, node: OnnxNode, view: View, name: str, axes: tuple[Axis, Axis, Axis]
) -> tuple[str, list[Places]]:
    """The input behind an initial state, and the places of each direction's units in it.

    axes: of directions, batch and units, as the view has them.
    """
    _tell(walk, node, view, name, axes)
    root, found = given_vector(walk, node.label, view, name)
    each = size_of(walk.pieces(axes[2]))
    return root, [found[k : k + each] for k in range(0, len(found), each)]


def is_computed(walk: Walk, view: View) -> bool:
    """Whether an initial state is computed by the model, and is no input."""
    root, _ = _root(walk, view.tensor)
    return walk.draft.producer(root) is not None or bool(view.pending)


def computed_vectors(
    walk: Walk, node: OnnxNode, view: View, name: str, axes: tuple[Axis, Axis, Axis]
) -> list[str]:
    """The tensors of a computed initial state, one for each direction; axes as there."""
    directions, _, units = (walk.pieces(axis) for axis in axes)
    _take_for_layers(walk, node.label, view.tensor)
    _tell(walk, node, view, name, axes)
    tensor, size = computed_vector(walk, node.label, view, name).tensor, size_of(units)
    if not directions:
        return [tensor]
    cut = walk.draft.slice
    return [cut(tensor, d * size, (d + 1) * size, node.label) for d in range(size_of(directions))]


def computed_vector(walk: Walk, label: str, view: View, name: str) -> View:
    """A computed initial state, of one batch row, as a vector whose numbers lie in the order in
    which the axes show them.
    """
    _take_for_layers(walk, label, view.tensor)
    view = laid_out(walk, settled(walk, view), label)
    shown = _of_one_row(walk, view)
    if shown != grid_of(walk, view):
        raise ModelError(
            label,
            f"its first state {name} {describe(view.axes)} is computed, and its vectors have other "
            "numbers; is a transpose or reshape missing?",
        )
    return replace(view, tensor=vector_of(walk, view, label))


def _tell(walk: Walk, node: OnnxNode, view: View, name: str, axes: tuple[Axis, Axis, Axis]) -> None:
    """Axes of an initial state are directions, batch and units."""
    for axis, role in zip(axes, ("layer", "batch", "feature"), strict=True):
        for atom in walk.pieces(axis):
            known = walk.roles.setdefault(atom, role)
            if known != role:
                raise node.error(
                    f"takes the {known} axis of {name} {describe(view.axes)} as {role}"
                )


def given_vector(walk: Walk, label: str, view: View, name: str) -> tuple[str, Places]:
    """The input behind an initial state, and the place in it of each number of the view, of one
    batch row.
    """
    kept = _of_one_row(walk, view)
    for atom in walk.pieces(view.atoms):
        role = "batch" if atom not in kept else "feature" if atom == kept[-1] else "layer"
        known = walk.roles.setdefault(atom, role)
        if known != role and {known, role} != {"feature", "layer"}:
            raise ModelError(
                label, f"takes the {known} axis of {name} {describe(view.axes)} as {role}"
            )
    root, fixed = _root(walk, view.tensor)
    source = next(v for v in walk.values.values() if isinstance(v, View) and v.tensor == root)
    return root, tuple(_places(walk, source.axes, fixed, kept))


def _of_one_row(walk: Walk, view: View) -> Axis:
    """The atoms of a state but for that of the batch."""
    atoms = walk.pieces(view.atoms)
    return tuple(a for a in atoms if not a.open and walk.roles.get(a) != "batch")


def _take_for_layers(walk: Walk, label: str, tensor: str) -> None:
    """Start again where a state was cut out of an input along what was taken for time, as usual:
    it counts layers, or, of an input of four axes, nothing is to be taken for time. Not of an input
    that is read as a sequence, nor of what reduces its steps.
    """
    cut, sources = _cut_from(walk, tensor) - walk.sequences, walk.draft.sources(tensor)
    for atom in sorted(walk.guessed, key=lambda each: each.name):
        owner = atom.name.rsplit(" ", 1)[0]
        view = walk.values.get(owner)
        if walk.roles.get(atom) != "time" or not isinstance(view, View):
            continue
        if len(view.axes) > 3 and view.tensor in sources:
            raise RoleNeeded(label, "takes a state of an input", owner, "state")
        if view.tensor in cut:
            raise RoleNeeded(label, "takes a state of an input", atom.name, "layer")


def _cut_from(walk: Walk, tensor: str) -> set[str]:
    """Inputs that one step is taken of, as they are, for what a tensor is computed from."""
    wanted = needed_nodes(walk.draft.nodes, {tensor})[0]
    copies = {node.outputs["y"]: node.inputs["x"] for node in wanted if is_copy(node)}
    steps = [node.inputs["x"] for node in wanted if isinstance(node.op, Step)]
    return {copies[x] for x in steps if x in copies}


def _root(walk: Walk, tensor: str) -> tuple[str, dict[Atom, tuple[Atom | None, int]]]:
    """The input that a tensor is part of, and the parts: its atom -> the atom kept of it, begin."""
    fixed: dict[Atom, tuple[Atom | None, int]] = {}
    while tensor in walk.input_parts:
        part = walk.input_parts[tensor]
        inner, begin = part.kept, part.begin
        if inner in fixed:
            inner, offset = fixed.pop(inner)
            begin += offset
        fixed[part.atom] = (inner, begin)
        tensor = part.source
    return tensor, fixed


def _places(
    walk: Walk, source: Axes, fixed: dict[Atom, tuple[Atom | None, int]], order: Axis
) -> list[int]:
    """Places in the flattened source, of one batch row, as the atoms of `order` count."""
    strides: dict[Atom, int] = {}
    start, stride = 0, 1
    atoms = [a for axis in source for whole in axis for a in _cut(walk, whole, fixed)]
    for atom in reversed(atoms):
        if walk.roles.get(atom) == "batch":
            continue
        kept, begin = fixed.get(atom, (atom, 0))
        start += begin * stride
        step = stride
        for piece in reversed(walk.pieces(() if kept is None else (kept,))):
            strides[piece] = step
            step *= piece.size
        stride *= atom.size
    same = tuple(_same(walk, atom, strides) for atom in order)
    return [start + offset for offset in _offsets(same, strides)]


def _same(walk: Walk, atom: Atom, known: dict[Atom, int]) -> Atom:
    """The atom of `known` that this is: another one where a Concat put inputs in line."""
    alike = {atom}
    for _ in walk.alike:
        for a, b, _ in walk.alike:
            if a in alike or b in alike:
                alike |= {a, b}
    found = [k for k in known if k in alike]
    if len(found) != 1 or found[0].size != atom.size:
        raise ModelError(
            f"input {next(iter(known), atom).name.rsplit(' ', 1)[0]!r}",
            f"its axis of {atom.size} that a state takes cannot be found after a Concat or a "
            "Reshape; give each layer's state as an input of its own, or all in one",
        )
    return found[0]


def _cut(walk: Walk, atom: Atom, fixed: dict[Atom, tuple[Atom | None, int]]) -> Axis:
    """An atom in its pieces, but for one that a part was taken of."""
    if atom in fixed or atom not in walk.cuts:
        return (atom,)
    return tuple(p for part in walk.cuts[atom] for p in _cut(walk, part, fixed))


def _offsets(order: Axis, strides: dict[Atom, int]) -> list[int]:
    return [
        sum(k * strides[atom] for k, atom in zip(index, order, strict=True))
        for index in product(*(range(atom.size) for atom in order))
    ]


def state_inputs(walk: Walk, inputs: dict[str, View]) -> list[DraftState]:
    """The graph's inputs that set states."""
    found = []
    for name, view in inputs.items():
        given = [g for g in walk.given_states if g.input == view.tensor]
        if given:
            parts = tuple((g.result, g.state, g.places) for g in given)
            found.append(DraftState(name, _shape(walk, view), parts))
    return found


def state_output(walk: Walk, name: str, view: View, one_step: bool) -> DraftState | None:
    """An output that shows states after the last step, and nothing else; None for any other."""
    parts, start = [], 0
    grid = grid_of(walk, view)
    strides: dict[Atom, int] = {}
    stride = 1
    for atom in reversed(walk.pieces(view.atoms)):
        if walk.roles.get(atom) != "batch":
            strides[atom] = stride
            stride *= atom.size
    if view.pending or any(atom not in strides for atom in grid):
        return None
    places = _offsets(grid, strides)
    for tensor in walk.draft.parts(view.tensor):
        end = walk.ends.get(tensor)
        if end is None or (tensor == end[0] and not one_step):
            return None
        size = walk.draft.size(tensor) or 0
        parts.append((*end, tuple(places[start : start + size])))
        start += size
    return DraftState(name, _shape(walk, view), tuple(parts))


def is_sequence(walk: Walk, view: View) -> bool:
    """True for a layer's result at each step, not after the last one."""
    return any(walk.ends[tensor][0] == tensor for tensor in walk.draft.parts(view.tensor))


def pair(inputs: list[DraftState], outputs: list[DraftState]) -> list[DraftState]:
    """The inputs with their partners: the first output that shows the same in the same places."""
    free = list(outputs)
    paired = []
    for port in inputs:
        same = [o for o in free if o.shape == port.shape and set(o.parts) == set(port.parts)]
        if same:
            free.remove(same[0])
        paired.append(replace(port, partner=same[0].name if same else ""))
    return paired


def _shape(walk: Walk, view: View) -> tuple[int, ...]:
    """Sizes with a batch of one row."""
    return tuple(
        size_of(tuple(a for a in walk.pieces(axis) if walk.roles.get(a) != "batch"))
        for axis in view.axes
    )
