"""Pad of data, and Concat along time: constants around a sequence, steps left out at its ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import View, describe, size_of
from lstm_edge.frontend.model.convolution import over_window
from lstm_edge.frontend.model.operators.features import align, usual_role
from lstm_edge.frontend.model.operators.grids import is_part
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.operators.places import placed
from lstm_edge.frontend.model.operators.shifted import (
    before_constant,
    behind_constant,
    behind_first,
    is_range,
    number_of,
)
from lstm_edge.frontend.model.operators.sight import INNER
from lstm_edge.frontend.model.operators.steps import crop
from lstm_edge.frontend.model.walk import OnnxNode, RoleNeeded, Value, Walk
from lstm_edge.ir.clock import Window
from lstm_edge.ir.model import Layer
from lstm_edge.layers.over_time import HELD_FIRST
from lstm_edge.layers.window import kept

Ints = npt.NDArray[np.int64]


def pad(walk: Walk, node: OnnxNode) -> list[Value]:
    """Vectors of one number around a sequence, or fewer steps where pads are negative."""
    view = settled(walk, node.view(0))
    mode = node.attributes.get("mode", "constant")
    pads = node.integers(1, "pads") or []
    given = node.constant(2, "value")
    axes = node.integers(3, "axes")
    axes = list(range(len(view.axes))) if axes is None else [a % len(view.axes) for a in axes]
    if len(pads) != 2 * len(axes):
        raise node.error(f"its pads {pads} do not fit {len(axes)} axes")
    number = 0.0 if given is None else number_of(given)
    for k, axis in enumerate(axes):
        before, behind = pads[k], pads[len(axes) + k]
        if not before and not behind:
            continue
        role = _padded_role(walk, node, view, axis, mode)
        if role in INNER and mode in MODES:
            size = size_of(view.axes[axis])
            if size + before + behind < 1 or (min(before, behind) < 0 and mode != "constant"):
                raise node.error(
                    f"pads axis {axis} of {describe(view.axes)} by {before} and {behind}, mode "
                    f"{mode}, which leaves nothing, or cuts; let a Slice cut",
                )
            places = MODES[mode](size, before, behind)
            fill = 0.0 if number is None else number
            view = placed(walk, view, axis, places, fill, node.label)
            continue
        if role != "time" or mode != "constant" or number is None:
            raise node.error(
                f"pads axis {axis} of {describe(view.axes)} by {before} and {behind}, mode "
                f"{mode}: only steps of a sequence can be padded, with one number; feed data that "
                "are padded so, or join constant features by Concat; samples before torch.stft are "
                "not padded with center=False"
            )
        view = _around(walk, node, view, axis, (before, behind), number)
    return [view]


def _constant(size: int, before: int, behind: int) -> Ints:
    """-1 around all places; fewer of these where a count is below 0."""
    there = np.arange(max(0, -before), size - max(0, -behind))
    return np.pad(there, (max(0, before), max(0, behind)), constant_values=-1)


def _mirrored(size: int, before: int, behind: int) -> Ints:
    return np.pad(np.arange(size), (before, behind), mode="reflect")


def _at_the_edge(size: int, before: int, behind: int) -> Ints:
    return np.pad(np.arange(size), (before, behind), mode="edge")


MODES: Mapping[str, Callable[[int, int, int], Ints]] = {
    "constant": _constant,
    "reflect": _mirrored,
    "edge": _at_the_edge,
}
"""Which places of an axis of features lie where in the padded one."""


def _padded_role(walk: Walk, node: OnnxNode, view: View, axis: int, mode: str) -> str:
    """The role of an axis; of one of an input that nothing has told of, time, or where only numbers
    inside of a step can be padded so, features.
    """
    atoms = walk.pieces(view.axes[axis])
    known = walk.role(atoms)
    if not known and is_part(walk, view, atoms):
        return "feature"
    if known or len(atoms) != 1 or atoms[0] not in walk.input_atoms:
        return known
    if mode != "constant" and len(view.axes) < 4:
        return known
    others = [walk.roles.get(a) for one in view.axes for a in walk.pieces(one) if a not in atoms]
    role = "time" if mode == "constant" and "time" not in others else "feature"
    walk.roles[atoms[0]] = role
    walk.guessed.add(atoms[0])
    return role


def _around(
    walk: Walk, node: OnnxNode, view: View, axis: int, pads: tuple[int, int], number: float
) -> View:
    before, behind = pads
    if min(before, behind) < 0:
        left, right = (min(0, n) for n in pads)
        if size_of(view.axes[axis]) + left + right < 1:
            raise node.error(f"leaves nothing of {describe(view.axes)}")
        view = crop(walk, view, axis, Window(1, 1, left, right), node.label)
    if behind > 0:
        tensor = before_constant(walk, view.tensor, behind, number, node.label)
        view = _longer(walk, view, axis, tensor, behind)
    if before > 0:
        tensor = behind_constant(walk, view.tensor, before, number, node.label)
        view = _longer(walk, view, axis, tensor, before)
    return view


def _longer(walk: Walk, view: View, axis: int, tensor: str, more: int) -> View:
    """A sequence of more steps. One as long as the model's is one of its steps again."""
    time = view.axes[axis]
    size = size_of(time) + more
    whole = [
        atom
        for atom, role in walk.roles.items()
        if role == "time" and atom not in walk.derived and atom.size == size
    ]
    atom = whole[0] if whole else walk.new_time(size, time, any(a.open for a in time))
    return replace(view.with_axis(axis, (atom,)), tensor=tensor)


def along_time(walk: Walk, node: OnnxNode, axis: int) -> View | None:
    """A Concat along time: a constant number, or the first steps of a sequence, before another one;
    None for any other.
    """
    views = [v for v in node.inputs if isinstance(v, View)]
    if len(views) == 2 and not _may_begin(walk, views[0]):
        return None  # before any role is guessed: these may be features
    if any(usual_role(walk, v, axis) not in ("time", "") for v in views) or len(node.inputs) != 2:
        return None
    first, second = node.inputs
    if isinstance(first, View) and isinstance(second, View):
        return _behind_first(walk, node, first, second, axis)
    view = first if isinstance(first, View) else second
    array = second if isinstance(first, View) else first
    if not isinstance(view, View) or not isinstance(array, np.ndarray):
        return None
    return _beside_constant(walk, node, view, array, axis, array is first)


def _beside_constant(
    walk: Walk, node: OnnxNode, view: View, array: npt.NDArray[np.float64], axis: int, before: bool
) -> View | None:
    number = number_of(array)
    fits = array.ndim == len(view.axes) and number is not None
    if not fits or usual_role(walk, view, axis) != "time" or number is None:
        return None
    view = settled(walk, view)
    count = array.shape[axis]
    return _around(walk, node, view, axis, (count, 0) if before else (0, count), number)


def _may_begin(walk: Walk, view: View) -> bool:
    """Whether a tensor holds some steps of a sequence, so that another may follow it in time."""
    known = view.tensor in walk.input_parts or walk.draft.step_of(view.tensor) is not None
    return known or is_range(walk, view.tensor)


def _behind_first(walk: Walk, node: OnnxNode, first: View, second: View, axis: int) -> View | None:
    if len(first.axes) != len(second.axes) or usual_role(walk, second, axis) != "time":
        return None
    part = walk.input_parts.get(first.tensor)
    if part is not None and walk.roles.get(part.atom) != "time":
        raise RoleNeeded(node.label, "joins steps of an input", part.atom.name, "time")
    first, second = (settled(walk, v) for v in (first, second))
    align(walk, node, (second, first), skip=axis)
    count = size_of(first.axes[axis])
    if not walk.draft.roots[first.tensor]:
        step = walk.draft.step_of(first.tensor)
        if step is None or count != 1:
            return None
        held = walk.draft.producer(step.inputs["x"])
        late = held is not None and isinstance(held.op, Layer) and held.op.cell.name == HELD_FIRST
        if step.op.at != 0 and not late:
            return None
        x = held.inputs["x"] if late and held is not None else step.inputs["x"]
        head = _first_of(walk, x, node.label)
    else:
        head = first.tensor
    tensor = behind_first(walk, head, second.tensor, count, node.label)
    return None if tensor is None else _longer(walk, second, axis, tensor, count)


def _first_of(walk: Walk, x: str, source: str) -> str:
    """The sequence of the first step alone."""
    return over_window(walk.draft, kept(), x, Window(1), source)
