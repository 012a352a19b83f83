"""Some steps of a sequence: one of them, a range, every second, or any list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lstm_edge.frontend.model.axes import Axis, View, size_of
from lstm_edge.frontend.model.convolution import over_window
from lstm_edge.frontend.model.operators.features import size_known, usual_role
from lstm_edge.frontend.model.operators.pending import settled, settled_along
from lstm_edge.frontend.model.operators.rates import held_steps, repeated_steps, repeats
from lstm_edge.frontend.model.walk import OnnxNode, Walk
from lstm_edge.ir.clock import Window
from lstm_edge.layers.over_time import held
from lstm_edge.layers.window import delayed, kept

PICKED = "picked"
"""The role of an axis that counts steps in any order."""
MOST_LAST = 64
"""Last steps of a sequence of any length that are taken as vectors, each of which is kept."""


@dataclass(frozen=True)
class Steps:
    """Steps of a sequence, all of them in the order in which they are wanted. from_end: counted
    from the end, in the file: -1 is the last. left_out: steps at the end that are left out,
    whatever the length; None where that depends on it.
    """

    wanted: tuple[int, ...]
    from_end: bool
    left_out: int | None = None


def take_steps(walk: Walk, node: OnnxNode, view: View, axis: int, steps: Steps, keep: bool) -> View:
    """`view` at some steps of its time axis, which stays unless one is wanted and not `keep`."""
    times = repeats(steps.wanted, size_of(view.axes[axis]))
    held = repeated_steps(walk, node, view, axis, times)
    if held is not None:
        return held
    view = settled_along(walk, view, axis)
    held = held_steps(walk, view.plain, axis, times, node.label) if times else None
    if held is not None:
        return replace(view.with_axis(axis, held.axes[axis]), tensor=held.tensor)
    time = view.axes[axis]
    if len(steps.wanted) == 1:
        tensor = one_step(walk, view, time, steps, node.label)
        return replace(view.with_axis(axis, *[()] * keep), tensor=tensor)
    strides = {b - a for a, b in zip(steps.wanted, steps.wanted[1:], strict=False)}
    if len(strides) == 1 and min(strides) > 0:
        return _cropped(walk, node, view, axis, steps)
    walk.fix_time(node)
    return _listed(walk, view, axis, steps.wanted, node.label)


def one_step(walk: Walk, view: View, time: Axis, steps: Steps, source: str) -> str:
    """The vector of one step: where it is neither the first nor the last, kept from its time on, or
    found in a window that reaches back to it.
    """
    draft, (k,), x = walk.draft, steps.wanted, view.tensor
    size, opened = size_of(time), any(atom.open for atom in time)
    if k in (0, size - 1) and not (opened and k == 0 and size > 1):
        return draft.step(x, -1 if k else 0, source)
    if not opened:
        window = Window(1, 1, -k, k + 1 - size)
        return draft.step(over_window(draft, kept(), x, window, source), -1, source)
    if steps.from_end:
        return _from_end(walk, x, size - k, source)
    parts = [draft.layer("held", held(k), part, None, {}, source)["y"] for part in draft.parts(x)]
    return draft.step(draft.concat(parts, source), -1, source)


def _from_end(walk: Walk, x: str, back: int, source: str) -> str:
    """The vector of the last step (1), of the one before it (2), ..., whatever the length is."""
    window = Window(back, 1, back - 1)
    late = over_window(walk.draft, delayed(), x, window, source) if back > 1 else x
    return walk.draft.step(late, -1, source)


def _cropped(walk: Walk, node: OnnxNode, view: View, axis: int, steps: Steps) -> View:
    """Steps in order, the same number of steps apart: a sequence of its own."""
    time, wanted = view.axes[axis], steps.wanted
    size = size_of(time)
    opened = any(atom.open for atom in time)
    if opened and steps.from_end and len(wanted) <= MOST_LAST:
        return _listed(walk, view, axis, [k - size for k in wanted], node.label)
    if opened and (steps.from_end or steps.left_out is None):
        which = f"the steps from {wanted[0] - size} to {wanted[-1] - size}"
        raise node.error(
            f"takes {which if steps.from_end else 'some steps'} of a sequence of any length, where "
            "these begin depends on it; give the length with --steps"
        )
    behind = steps.left_out if opened and steps.left_out is not None else size - 1 - wanted[-1]
    return crop(walk, view, axis, Window(1, wanted[1] - wanted[0], -wanted[0], -behind), node.label)


def crop(walk: Walk, view: View, axis: int, window: Window, source: str) -> View:
    """The sequence without steps at its ends, or every n-th of them."""
    view = settled_along(walk, view, axis)
    time = view.axes[axis]
    tensor = over_window(walk.draft, kept(), view.tensor, window, source)
    count = (size_of(time) + window.left + window.right - 1) // window.stride + 1
    atom = walk.new_time(count, time, any(a.open for a in time))
    return replace(view.with_axis(axis, (atom,)), tensor=tensor)


def _listed(walk: Walk, view: View, axis: int, wanted: Sequence[int], source: str) -> View:
    """Steps in any order: as long as each step is for itself, those of the sequence itself. Below
    0 they are counted from the end of a sequence of any length.
    """
    view = settled(walk, view)
    new = walk.new_axis("picked", len(wanted), PICKED)
    walk.ranges.update((atom, old) for atom in new for old in walk.pieces(view.axes[axis]))
    return replace(view.with_axis(axis, new), picked=tuple(wanted))


def all_steps(walk: Walk, view: View, axis: int, source: str) -> View | None:
    """All steps as vectors side by side: of the whole sequence, once. None where they are too many,
    or of any number.
    """
    time = view.axes[axis]
    if any(atom.open for atom in time) or size_of(time) > MOST_LAST:
        return None
    walk.fixed_by = walk.fixed_by or source
    return side_by_side(walk, _listed(walk, view, axis, range(size_of(time)), source), source)


def one_picked(walk: Walk, view: View, axis: int, k: int, keep: bool, source: str) -> View:
    """One of the steps that a view shows in any order, of which the axis stays if `keep`."""
    view, at = settled_along(walk, view, axis), view.picked[k]
    step = walk.draft.step(view.tensor, at, source) if at >= 0 else ""
    tensor = step or _from_end(walk, view.tensor, -at, source)
    return replace(view.with_axis(axis, *[()] * keep), tensor=tensor, picked=())


def in_time(walk: Walk, view: View, axis: int) -> View | None:
    """The sequence in its own order, where the view shows each step of it, one as often as another:
    so for what is the same in any order. None where it does not.
    """
    (atom,) = view.axes[axis]
    time = walk.ranges.get(atom)
    counts = Counter(view.picked)
    if time is None or set(counts) != set(range(time.size)) or len(set(counts.values())) > 1:
        return None
    return replace(view.with_axis(axis, (time,)), picked=())


def side_by_side(walk: Walk, view: View, source: str) -> View:
    """Steps that were picked in any order as vectors side by side: of the whole sequence, once."""
    if not view.picked:
        return view
    view = settled(walk, view)
    for k in range(len(view.axes)):
        usual_role(walk, view, k)
    size_known(walk, view)
    draft = walk.draft
    steps = [
        draft.step(view.tensor, k, source) if k >= 0 else _from_end(walk, view.tensor, -k, source)
        for k in view.picked
    ]
    atoms = walk.pieces(view.atoms)
    old = next(atom for atom in atoms if walk.roles.get(atom) == PICKED)
    new = walk.new_axis("picked", len(view.picked), "layer")
    units = tuple(a for a in atoms if walk.roles.get(a) in ("feature", "layer"))
    axes = tuple(
        tuple(atom for part in walk.pieces(axis) for atom in (new if part == old else (part,)))
        for axis in view.axes
    )
    grid = (*new, *units)
    return replace(view, tensor=draft.concat(steps, source), axes=axes, grid=grid, picked=())
