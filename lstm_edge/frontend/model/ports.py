"""Inputs and outputs of an ONNX graph as ports: what each axis of a user's array means."""

from __future__ import annotations

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Atom, Axes, Axis, View, size_of
from lstm_edge.frontend.model.operators.features import grid_of
from lstm_edge.frontend.model.operators.rates import at_different_rates
from lstm_edge.frontend.model.walk import RoleNeeded, SameSize, SizeNeeded, Walk
from lstm_edge.ir.model import Port


def time_axis(walk: Walk) -> Atom | None:
    """The time axis that all sequences share, None where sequences have one step or are none.

    Raises ModelError where two inputs are sequences of different lengths.
    """
    times = [atom for atom, role in walk.roles.items() if role == "time"]
    atoms = [atom for atom in times if atom not in walk.derived]
    sizes = {atom.size for atom in atoms}
    _check_one_of_each(walk, atoms)
    if len(sizes) > 1:
        at_different_rates(walk, atoms)
        named = [
            f"{atom.size} of {atom.name.rpartition(' ')[0]!r}"
            for atom in sorted(atoms, key=lambda each: each.size)
        ]
        message = (
            f"its inputs have sequences of different lengths, {' and '.join(named)}, which run in "
            "step in one model; compile the part of each as a model of its own: what one tells the "
            "other, as its last state, is an output there and an input here"
        )
        opened = [atom for atom in atoms if atom in walk.open_axes]
        if len(opened) == len(atoms):
            raise SameSize("graph", message, tuple(walk.open_axes[a] for a in opened[:2]))
        if opened:
            fixed = next(atom.size for atom in atoms if atom not in opened)
            raise SizeNeeded("graph", message, walk.open_axes[opened[0]], fixed)
        raise ModelError("graph", message)
    if atoms and walk.one_step:
        raise ModelError(
            walk.one_step,
            f"reads a sequence of one step, the others have {atoms[0].size} steps; give all of "
            "them the same number of steps, or compile them as two networks",
        )
    return atoms[0] if atoms else None


def _check_one_of_each(walk: Walk, atoms: list[Atom]) -> None:
    """An input has one axis of time: of two, one that was only taken for it is another."""
    known: dict[str, Atom] = {}
    for atom in atoms:
        owner = atom.name.rpartition(" ")[0]
        first = known.setdefault(owner, atom)
        if first == atom or first not in walk.input_atoms or atom not in walk.input_atoms:
            continue
        label, message = f"input {owner!r}", f"has two axes of time, {first.size} and {atom.size}"
        for each in (first, atom):
            if each in walk.guessed and each.name not in walk.told:
                raise RoleNeeded(label, message, each.name, "feature")
        raise ModelError(
            label,
            f"{message}: layers go along one and along the other; only one is a sequence: "
            "compile what goes along each as a network of its own",
        )


def is_timed(walk: Walk, view: View) -> bool:
    """Whether an input is a sequence: it has a time axis, or an LSTM reads its only step."""
    atoms = (part for axis in view.axes for atom in axis for part in walk.parts(atom))
    return view.tensor in walk.sequences or any(walk.roles.get(a) == "time" for a in atoms)


def make_port(walk: Walk, label: str, name: str, view: View, per_step: bool) -> Port:
    """The port of an input or output seen through `view`; a batch becomes one row."""
    axes: Axes = tuple(walk.pieces(axis) for axis in view.axes)
    kept: Axes = tuple(tuple(a for a in axis if _role(walk, label, a) != "batch") for axis in axes)
    _check_order(walk, label, view, kept)
    meanings = [
        _meaning(walk, label, axis) if axis else ("batch" if full else "")
        for axis, full in zip(kept, axes, strict=True)
    ]
    single_step = per_step and time_axis(walk) is None
    scalar = view.tensor in walk.limits and not view.grid
    return Port(name, view.tensor, _name_units(meanings, single_step, scalar), _shape(kept))


def has_time(port: Port) -> bool:
    """Whether one of the port's axes is the time axis."""
    return any("time" in axis for axis in port.axes)


def feature_count(walk: Walk, view: View) -> int:
    """Features of an input: the size of its feature axis, 1 where it has none."""
    if view.grid:
        return size_of(walk.pieces(view.grid))
    parts = walk.pieces(tuple(atom for axis in view.axes for atom in axis))
    return size_of(tuple(p for p in parts if walk.roles.get(p) == "feature"))


def _role(walk: Walk, label: str, atom: Atom) -> str:
    role = walk.roles.get(atom)
    if role is None and atom.open:
        return "batch"
    if role in ("feature", "layer") and atom.open:
        raise ModelError(
            label,
            f"has an axis that counts {role}s, of any size; export it with a fixed one: only steps "
            "and the batch may be open",
        )
    if role is None:
        raise ModelError(
            label,
            f"an axis of {atom.size} elements of which no layer says whether it counts steps, "
            "features or rows; export with a batch of 1, or reshape it into the features",
        )
    return role


def _meaning(walk: Walk, label: str, axis: Axis) -> str:
    roles = [walk.roles[atom] for atom in axis]
    if set(roles) == {"feature", "layer"}:
        roles = ["feature"]
    elif roles[-1] == "feature" and "batch" not in roles:
        roles = ["time", "feature"] if "time" in roles else ["feature"]
    elif roles[-1] == "time" and set(roles) == {"time", "feature"}:
        roles = ["feature", "time"]
    meaning = "*".join(dict.fromkeys(roles))
    if meaning not in ("time", "feature", "time*feature", "feature*time", "layer"):
        raise ModelError(
            label,
            f"an axis made of {meaning} cannot be an input or output; leave steps and features on "
            "axes of their own",
        )
    return meaning


def _check_order(walk: Walk, label: str, view: View, axes: Axes) -> None:
    """Vectors must lie in the order of their features; steps have an axis, or lie around or within
    all features on one.
    """
    atoms = [atom for axis in axes for atom in axis]
    pure = all(len({walk.roles.get(atom) == "time" for atom in axis}) < 2 for axis in axes)
    grid = [atom for atom in grid_of(walk, view) if atom in atoms]
    time = [atom for atom in atoms if walk.roles.get(atom) == "time"]
    apart = pure and len(time) == 1 and [a for a in atoms if a not in time] == grid
    if not apart and atoms not in ([*time, *grid], [*grid, *time]):
        raise ModelError(
            label,
            f"has its axes in the order {', '.join(walk.roles[a] for a in atoms)}; expected time, "
            "then directions or layers, then features: transpose it in the file",
        )


def _shape(axes: Axes) -> tuple[int, ...]:
    """Sizes, -1 where the length of the sequence is open."""
    shape = []
    for axis in axes:
        size = 1
        for atom in axis:
            size = -1 if atom.open or size < 0 else size * atom.size
        shape.append(size)
    return tuple(shape)


def _name_units(meanings: list[str], single_step: bool, scalar: bool) -> tuple[str, ...]:
    """Name axes of size 1, which mean nothing, as a reader would expect them.

    scalar: a step has one number, and no axis for it.
    """
    names = list(meanings)
    if "feature" not in "".join(names) and "layer" in names:
        names[len(names) - 1 - names[::-1].index("layer")] = "feature"
    if names and not scalar and not names[-1] and "feature" not in "".join(names):
        names[-1] = "feature"
    free = [k for k, name in enumerate(names) if not name]
    if single_step and free:
        names[free.pop(1 if len(free) > 1 and "batch" not in names else 0)] = "time"
    if free and "batch" not in names:
        names[free.pop(0)] = "batch"
    return tuple(name or "unit" for name in names)
