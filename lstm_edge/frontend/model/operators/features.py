"""Which axes of a tensor number its features: one of units, and those of directions and layers.

What computes on vectors must find the whole vector along one axis, in its order; what selects must
select whole parts of a Concat, for which there is no work to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Atom, Axis, View, describe, several, size_of
from lstm_edge.frontend.model.walk import OnnxNode, RoleNeeded, SameSize, Walk
from lstm_edge.layers.inner import ordered

MANY_PARTS = 8
"""From so many parts of a vector on they are no longer moved one by one."""


def grid_of(walk: Walk, view: View) -> Axis:
    """The atoms that number the features of a tensor, the outermost first, as far as known."""
    if view.grid:
        return walk.pieces(view.grid)
    atoms = walk.pieces(view.atoms)
    shown = [atom for atom in atoms if walk.roles.get(atom) == "feature"]
    whole = dict.fromkeys(part for atom in shown for part in walk.whole(atom))
    found = tuple(whole) if set(whole) == set(shown) else tuple(shown)
    return _as_in_input(walk, found) if len(found) > 1 else found


def _as_in_input(walk: Walk, atoms: Axis) -> Axis:
    """Atoms of one input in the order in which it has them, whatever moved them since."""
    owners = {atom.name.rpartition(" ")[0] for atom in atoms}
    owner = walk.values.get(next(iter(owners)))
    if (
        len(owners) > 1
        or not isinstance(owner, View)
        or any(a not in walk.input_atoms for a in atoms)
    ):
        return atoms
    given = walk.pieces(owner.atoms)
    inside = set(given).issuperset(atoms)
    return tuple(sorted(atoms, key=given.index)) if inside else atoms


def size_known(walk: Walk, view: View) -> int:
    """Features of the tensor behind a view, to be read; an input's are told by its axes."""
    walk.read_beside(view)
    if walk.draft.size(view.tensor) is None:
        walk.draft.features[view.tensor] = size_of(grid_of(walk, view))
    return walk.draft.size(view.tensor) or 0


def laid_out(walk: Walk, view: View, source: str) -> View:
    """A settled view whose features lie in memory in the order in which its axes show them."""
    grid = grid_of(walk, view)
    shown = tuple(a for a in walk.pieces(view.atoms) if a in grid)
    places = places_of(walk, view, shown)
    if places is None:
        return view
    return replace(view, tensor=in_this_order(walk, view, places, source), grid=shown)


def places_of(walk: Walk, view: View, atoms: Axis) -> list[int] | None:
    """Where the features lie that `atoms` number, all of them, in another order than memory has
    them; None where it is that order, or where they number others.
    """
    grid = grid_of(walk, view)
    if atoms == grid or len(grid) < 2 or set(atoms) != set(grid) or len(atoms) != len(grid):
        return None
    numbers = np.arange(size_of(grid)).reshape([atom.size for atom in grid])
    return [int(n) for n in numbers.transpose([grid.index(atom) for atom in atoms]).ravel()]


def reordered(walk: Walk, view: View, wanted: Axis, source: str) -> View:
    """The view whose features lie in memory as the atoms `wanted` number them, which are all."""
    places = places_of(walk, view, wanted)
    if places is None:
        return replace(view, grid=several(wanted))
    made = walk.draft.layer("ordered", ordered(places), view.tensor, len(places), {}, source)
    return replace(view, tensor=made["y"], grid=wanted)


def in_this_order(walk: Walk, view: View, places: list[int], source: str) -> str:
    """The vectors of a settled view with the features at `places` alone, each as often as there."""
    size_known(walk, view)
    return _of_ranges(walk, view.tensor, _ranges((), len(places), (), places), source)


def _is_long(walk: Walk, atom: Atom) -> bool:
    """Whether another input of three axes has as many steps as `atom`."""
    views = [v for v in walk.values.values() if isinstance(v, View) and len(v.axes) == 3]
    given = (v.axes[1] for v in views if walk.draft.producer(v.tensor) is None)
    return any(size_of(axis) == atom.size for axis in given)


def usual_role(walk: Walk, view: View, k: int, vectors: bool = False) -> str:
    """The role of axis `k`; of an input of three axes that no operator has told anything of, the
    usual one: features last, then time, and the batch first; behind features that are known, time.
    An operator that tells otherwise makes the visit start again. vectors: an input of two axes has
    one vector in each row.
    """
    atoms = walk.pieces(view.axes[k])
    role = walk.role(atoms)
    if role or len(atoms) != 1 or atoms[0] not in walk.input_atoms:
        return role
    if len(view.axes) == 2 and k == 1:
        # of one step of a sequence; of a mask as long as a sequence else
        step = walk.draft.step_of(view.tensor) is not None
        if step or vectors or _is_long(walk, atoms[0]):
            walk.roles[atoms[0]] = "feature" if step or not _is_long(walk, atoms[0]) else "time"
            walk.guessed.add(atoms[0])
        return walk.role(atoms)
    owner = walk.values.get(atoms[0].name.rpartition(" ")[0])
    if len(view.axes) not in (3, 4) or not isinstance(owner, View) or len(owner.axes) != 3:
        return role
    shown = {walk.input_atoms.get(a) for a in walk.pieces(view.atoms)}
    at = walk.input_atoms[atoms[0]]
    steps = 1 in shown or any(walk.roles.get(a) == "time" for a in walk.pieces(owner.axes[1]))
    known = [{walk.roles.get(a) for a in walk.pieces(axis)} for axis in owner.axes]
    channels = known[1] == {"feature"} and "time" not in known[0]
    role = "feature" if at == 2 and not channels else "batch" if at == 0 and steps else "time"
    if at == 1 and walk.whole(atoms[0])[0] != atoms[0]:
        role = "feature"  # of a frame, which has some steps of the file
    guess(walk, atoms, role)
    return role


def guess(walk: Walk, atoms: Axis, role: str) -> None:
    """Take an axis of an input that no operator has told anything of for what it usually is."""
    unknown = [atom for atom in atoms if atom in walk.input_atoms and atom not in walk.roles]
    walk.roles.update(dict.fromkeys(unknown, role))
    walk.guessed.update(unknown)
    walk.check_beside("graph", unknown)


def guess_time(walk: Walk, axes: Sequence[Axis]) -> None:
    """Of two axes of inputs, of which one is that of time and the other counts places of each step,
    the open one, or the first, is taken for time where nothing has told.
    """
    atoms = [atom for axis in axes for atom in walk.pieces(axis)]
    unknown = [atom for atom in atoms if atom not in walk.roles]
    others = {walk.roles[atom] for atom in atoms if atom in walk.roles}
    inside = all(atom in walk.input_atoms for atom in unknown)
    if len(atoms) != 2 or not unknown or not others <= {"feature"} or not inside:
        return
    opened = [atom for atom in unknown if atom.open]
    time = opened[0] if len(opened) == 1 else unknown[0]
    walk.roles.update((atom, "time" if atom == time else "feature") for atom in unknown)
    walk.guessed.update(unknown)


def guess_inner(walk: Walk, picked: Axis) -> None:
    """Of an input of four axes or more, the first of which is the batch: where some indices of an
    axis are taken, it counts features, and one of the others time.
    """
    if len(picked) != 1 or picked[0] not in walk.input_atoms or picked[0] in walk.roles:
        return
    name = picked[0].name.rpartition(" ")[0]
    owner = walk.values.get(name)
    if not isinstance(owner, View) or len(owner.axes) < 4 or not _is_batch(owner.axes[0]):
        return
    if walk.told.get(name) == "state":
        return
    guess_time(walk, [axis for axis in owner.axes[1:] if axis != picked])
    if any(walk.roles.get(atom) == "time" for axis in owner.axes for atom in axis):
        walk.roles[picked[0]] = "feature"
        walk.guessed.add(picked[0])


def _is_batch(axis: Axis) -> bool:
    """Whether the first axis of an input may be that of a batch of one row."""
    return all(atom.open for atom in axis)


def refuse_one_vector(walk: Walk, node: OnnxNode, time: Axis) -> None:
    """Of one vector where a sequence is wanted: where another axis than the one that was taken for
    time turns out to be it, the visit starts again.
    """
    check_guess(walk, node, time)
    raise node.error(_ONE_VECTOR)


_ONE_VECTOR = (
    "reads one vector (a last step) as a sequence; give it the sequence itself, or compile what is "
    "before it and what is after as two networks; a decoder that reads one vector at a time begins "
    "each step with all states of the step before (h0, c0)"
)


def check_guess(walk: Walk, node: OnnxNode, time: Axis) -> None:
    """Start again where another axis than `time` was only taken for that of time."""
    for atom in sorted(walk.guessed, key=lambda each: each.name):
        if walk.roles[atom] == "time" and atom not in time:
            raise RoleNeeded(node.label, _ONE_VECTOR, atom.name, "feature")


def tiled(walk: Walk, node: OnnxNode, view: View, k: int, count: int) -> View:
    """The features that axis `k` counts, `count` times end to end."""
    atoms, role = walk.pieces(view.axes[k]), usual_role(walk, view, k)
    numbers = list(range(size_of(atoms))) * count
    waits = any(a is not None and a.size > 1 for a in (view.scale, view.offset))
    found = None if waits or role != "feature" else select(walk, view, k, numbers, keep=True)
    if found is None:
        raise node.error(
            f"repeats the {role or 'unexplained'} axis {k} of {describe(view.axes)} {count} times; "
            "only features can be repeated: feed the data repeated, or let the layer that reads "
            "them have the sum of its weights"
        )
    return found


def require_features(walk: Walk, node: OnnxNode, view: View, axis: Axis) -> None:
    """Record that `node` reads `axis` as the feature vectors, whole and in order."""
    tell_features(walk, node, view, axis)
    walk.read_beside(view)


def tell_features(walk: Walk, node: OnnxNode, view: View, axis: Axis) -> None:
    """Record that `axis` has the feature vectors, whole and in order, which nothing reads yet."""
    atoms = walk.pieces(axis)
    if not view.grid:
        walk.assign(node, axis, "feature")
    grid = grid_of(walk, view)
    known = walk.draft.size(view.tensor)
    if known is None and not atoms:
        walk.draft.features[view.tensor] = 1
    if (grid and atoms != grid) or (known is not None and known != size_of(axis)):
        message = (
            f"takes an axis of {size_of(axis)} of {describe(view.axes)} for its features, but the "
            f"vectors behind it have {known or size_of(grid)} numbers in another order or on "
            "several axes; not supported: is a transpose or reshape missing?"
        )
        others = [atom for atom in grid if atom not in atoms]
        raise walk.taken_wrongly(node, others, "time", message)


def select(walk: Walk, view: View, axis: int, wanted: list[int], keep: bool) -> View | None:
    """Indices of an axis of directions, layers or features, None where it numbers none of them.

    The axis goes where one index is wanted and not `keep`.
    """
    atoms, grid = walk.pieces(view.axes[axis]), grid_of(walk, view)
    at = next((k for k in range(len(grid)) if grid[k : k + len(atoms)] == atoms), None)
    if at is None and atoms and set(atoms) < set(grid):  # apart, or in another order
        at = len(grid) - len(atoms)
        grid = (*(atom for atom in grid if atom not in atoms), *atoms)
        view = reordered(walk, view, grid, "")
    if at is None:
        return None
    inner = grid[at + len(atoms) :]
    size_known(walk, view)
    tensor = _of_ranges(walk, view.tensor, _ranges(grid[:at], size_of(atoms), inner, wanted), "")
    new = walk.new_axis("selected", len(wanted), "layer" if inner else "feature")
    left: Axis = (*grid[:at], *new, *inner)
    alone = len(left) < 2 and all(walk.roles[atom] == "feature" for atom in left)
    made = view.with_axis(axis, *[new] * keep)
    return replace(made, tensor=tensor, grid=() if alone else left)


def _ranges(outer: Axis, size: int, inner: Axis, wanted: list[int]) -> list[tuple[int, int]]:
    """Features that indices of an axis stand for, as [begin, end), neighbours merged."""
    block = size_of(inner)
    result: list[tuple[int, int]] = []
    for row in range(size_of(outer)):
        for index in wanted:
            begin = (row * size + index) * block
            if result and result[-1][1] == begin:
                result[-1] = (result[-1][0], begin + block)
            else:
                result.append((begin, begin + block))
    return result


def _of_ranges(walk: Walk, tensor: str, ranges: list[tuple[int, int]], source: str) -> str:
    """The vector that `ranges` of a tensor's features are: of many parts a layer puts it together,
    whose code is a loop.
    """
    if len(ranges) <= MANY_PARTS or walk.draft.producer(tensor) is None:
        return walk.draft.concat(_parts(walk, tensor, ranges), source)
    units = [k for begin, end in ranges for k in range(begin, end)]
    return walk.draft.layer("ordered", ordered(units), tensor, len(units), {}, source)["y"]


def _parts(walk: Walk, tensor: str, ranges: list[tuple[int, int]]) -> tuple[str, ...]:
    """The vectors that `ranges` of a tensor's features consist of: whole parts, or slices."""
    parts = walk.draft.parts(tensor)
    ends = list(accumulate(walk.draft.size(part) or 0 for part in parts))
    chosen: list[str] = []
    for begin, end in ranges:
        for part, stop in zip(parts, ends, strict=True):
            start = stop - (walk.draft.size(part) or 0)
            low, high = max(begin, start), min(end, stop)
            if (low, high) == (start, stop):
                chosen.append(part)
            elif low < high:
                chosen.append(walk.draft.slice(part, low - start, high - start, ""))
    return tuple(chosen)


def align(walk: Walk, node: OnnxNode, views: tuple[View, ...], skip: int = -1) -> None:
    """Prove that views of one rank have the same axes, apart from axis `skip`."""
    first = views[0]
    for view in views[1:]:
        if view.picked != first.picked:
            raise node.error(
                f"{node.op} pairs steps of sequences in different orders (one flipped, or picked); "
                "pick them afterwards"
            )
        for k in range(len(first.axes)):
            ours, theirs = (walk.pieces(v.axes[k]) for v in (first, view))
            if k != skip:
                _align_axis(walk, node, (first, view), ours, theirs)


def _align_axis(
    walk: Walk, node: OnnxNode, views: tuple[View, View], ours: Axis, theirs: Axis
) -> None:
    if [a.size for a in ours] != [a.size for a in theirs]:
        message = (
            f"{node.op} of {' and '.join(describe(v.axes) for v in views)}: the shapes differ, "
            f"{_why_apart(walk, ours, theirs)}"
        )
        both = (*ours, *theirs)
        if len(ours) == len(theirs) == 1 and all(a in walk.open_axes for a in both):
            raise SameSize(node.label, message, tuple(walk.open_axes[a] for a in both))
        raise node.error(message)
    for a, b in zip(ours, theirs, strict=True):
        known, other = walk.roles.get(a), walk.roles.get(b)
        if a != b and not known and not other:
            walk.alike.append((a, b, node.label))
        elif {known, other} == {"feature", "layer"} and _both_inside(walk, views, a, b):
            continue  # of vectors joined end to end, and of features: they number the same
        elif known and known != "layer":
            walk.assign(node, (b,), known)
        elif other and other != "layer":
            walk.assign(node, (a,), other)
        elif known != other:
            raise node.error(
                f"{node.op} pairs an axis of {a.size} layers or directions with one of an input; "
                "make an input for each"
            )


def _both_inside(walk: Walk, views: tuple[View, View], a: Atom, b: Atom) -> bool:
    """Whether atoms count along axes of features of their views."""
    return a in grid_of(walk, views[0]) and b in grid_of(walk, views[1])


def _why_apart(walk: Walk, ours: Axis, theirs: Axis) -> str:
    """What it means that two axes differ, and what to do."""
    longer = max(ours, theirs, key=len)
    if not (ours and theirs) and any(walk.roles.get(atom) == "time" for atom in longer):
        return (
            "as one is a vector of the whole sequence and the other has steps; what is known after "
            "the last step cannot be read at each of them: use what is known step by step, or "
            "compute it outside and make it an input"
        )
    if any(atom.open for atom in (*ours, *theirs)):
        return "and the file leaves a length open; export it with the lengths that it gets"
    return "which is not supported; if it is part of a layer normalization, export nn.LayerNorm"


def settle_roles(walk: Walk) -> None:
    """Carry roles over the pairs of atoms that are alike; refuses contradictions."""
    for _ in walk.alike:
        for a, b, label in walk.alike:
            role = walk.roles.get(a) or walk.roles.get(b)
            if role and {walk.roles.setdefault(a, role), walk.roles.setdefault(b, role)} != {role}:
                raise ModelError(label, "joins axes of different meaning; is a transpose missing?")


def of_one_kind(walk: Walk, node: OnnxNode, views: tuple[View, ...]) -> tuple[View, ...]:
    """Views of aligned axes, all of each step or all of the whole sequence.

    A sequence of one step is the vector of its last step.
    """
    draft = walk.draft
    if all(draft.roots[v.tensor] for v in views) or not any(draft.roots[v.tensor] for v in views):
        return views
    if any(walk.roles.get(a) == "time" for a in walk.pieces(views[0].atoms)):
        return views  # a vector that is read at each step
    return tuple(
        replace(v, tensor=draft.last_step(v.tensor, node.label)) if draft.roots[v.tensor] else v
        for v in views
    )
