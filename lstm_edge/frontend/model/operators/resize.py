"""Resize, nearest or linear: other places of an inner axis of each step, other steps of a sequence.

Linear steps between vectors that are held, those of a slow input, are what was held on average
around each step. Of any other sequence all steps are kept, and each new step is the sum of all of
them times its row of a table.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.frontend.model.axes import View, describe, size_of
from lstm_edge.frontend.model.convolution import over_window
from lstm_edge.frontend.model.operators.by_table import by_table
from lstm_edge.frontend.model.operators.features import guess, guess_time
from lstm_edge.frontend.model.operators.neighbours import (
    COORDINATES,
    HALF_PIXEL,
    Neighbours,
    Resizing,
    neighbours,
)
from lstm_edge.frontend.model.operators.pending import settled, settled_along
from lstm_edge.frontend.model.operators.places import between, placed
from lstm_edge.frontend.model.operators.rates import (
    held_steps,
    repeated_steps,
    repeats,
)
from lstm_edge.frontend.model.operators.sight import INNER, other_axis
from lstm_edge.frontend.model.walk import OnnxNode, RoleNeeded, Value, Walk
from lstm_edge.ir.clock import Window
from lstm_edge.layers.resized import between_held, between_steps
from lstm_edge.layers.window import kept

MOST_PLACES = 2**20
"""Places that an axis may get."""
MOST_TAPS = 32
"""Steps of which a mean is made at each step; of more the table is cheaper."""


def resize(walk: Walk, node: OnnxNode) -> list[Value]:
    """Each axis that gets another size, one after the other."""
    view = node.view(0)
    wanted = _wanted(node, view)
    _check_form(node, view, wanted)
    for k, resizing in enumerate(wanted):
        if resizing.stays:
            continue
        _find_role(walk, view, k)
        atoms = walk.pieces(view.axes[k])
        roles = {walk.roles.get(a) for a in atoms}
        if atoms and roles <= INNER:
            view = _places(walk, node, view, k, resizing)
        elif roles == {"time"} and len(atoms) == 1:
            view = _steps(walk, node, view, k, resizing)
        else:
            message = (
                f"makes {resizing.count} places of axis {k} of {describe(view.axes)}, which counts "
                "neither steps nor numbers of each step; resize one of these"
            )
            error = other_axis(walk, node, atoms, message)
            raise (
                error
                if isinstance(error, RoleNeeded)
                else walk.need_size(node, atoms, resizing.count, message)
            )
    return [view]


def _wanted(node: OnnxNode, view: View) -> list[Resizing]:
    """What becomes of each axis: by sizes, or by scales; of some axes, or of all."""
    sizes = node.integers(3, "sizes")
    scales = None if sizes is not None else node.weights(2, "scales")
    given = sizes if sizes is not None else [] if scales is None else scales.tolist()
    rank = len(view.axes)
    axes = [k % rank for k in node.attributes.get("axes") or range(rank)]
    if len(given) != len(axes) or min(given, default=1) <= 0:
        raise node.error(
            f"resizes {describe(view.axes)} to {given}, expected a size or a scale above 0 for "
            "each axis",
        )
    found = [Resizing(n, n, 1.0) for n in view.shape]
    for k, number in zip(axes, given, strict=True):
        size = view.shape[k]
        count = int(number) if sizes is not None else int(np.float32(number) * np.float32(size))
        scale = count / size if sizes is not None else float(number)
        if count < 1:
            raise node.error(f"leaves nothing of axis {k} of {describe(view.axes)}")
        if count > max(MOST_PLACES, size):
            raise node.error(
                f"makes {count} places of axis {k} of {describe(view.axes)}, too many; make fewer"
            )
        found[k] = Resizing(size, count, scale)
    return found


def _check_form(node: OnnxNode, view: View, wanted: list[Resizing]) -> None:
    """Refuse other ways to resize than nearest and linear."""
    mode = node.attributes.get("mode", "nearest")
    counts = [resizing.count for resizing in wanted]
    coordinates = node.attributes.get("coordinate_transformation_mode", "half_pixel")
    if mode not in ("nearest", "linear"):
        raise node.error(
            f"resizes {describe(view.axes)} to {counts}, mode {mode!r}; only nearest and linear "
            "are supported: use one of these, or make the longer sequence an input"
        )
    if coordinates not in COORDINATES:
        raise node.error(
            f"attribute coordinate_transformation_mode = {coordinates!r} is not supported; export "
            f"one of {', '.join(COORDINATES)}"
        )
    others = {"antialias": 0, "keep_aspect_ratio_policy": "stretch"}
    for name, usual in others.items():
        if node.attributes.get(name, usual) != usual:
            raise node.error(
                f"attribute {name} = {node.attributes[name]!r} is not supported; export {usual!r}"
            )
    if mode == "nearest" and not all(resizing.times for resizing in wanted):
        raise node.error(
            f"resizes {describe(view.axes)} to {counts}, mode nearest; only whole multiples are "
            "supported, of which each place is there as often as the others: use mode linear, or "
            "a Gather of the places"
        )


def _find_role(walk: Walk, view: View, k: int) -> None:
    """Of axes of an input of which nothing is known: behind batch and channels comes time, or two
    axes of which one is that.
    """
    if len(view.axes) == 3 and k == 2:
        guess(walk, walk.pieces(view.axes[k]), "time")
    elif len(view.axes) == 4 and k >= 2:
        guess_time(walk, view.axes[2:])
    for j, axis in enumerate(view.axes if k > 1 else ()):
        if j != k:
            guess(walk, walk.pieces(axis), "feature" if j else "batch")


def _places(walk: Walk, node: OnnxNode, view: View, k: int, resizing: Resizing) -> View:
    """Other places of an inner axis."""
    found = neighbours(node, resizing)
    view = settled(walk, view)
    if found.alone:
        return placed(walk, view, k, found.low, 0.0, node.label)
    return between(walk, view, k, found, node.label)


def _steps(walk: Walk, node: OnnxNode, view: View, k: int, resizing: Resizing) -> View:
    """Other steps of a sequence: of a slow input, or of any other of known length."""
    found, times = neighbours(node, resizing), resizing.times
    view = settled_along(walk, view, k)
    sight = None if found.alone else _around(node, times)
    held = None
    if times and (not found.alone or repeats(found.low.tolist(), resizing.size) == times):
        held = repeated_steps(walk, node, view.plain, k, times)
        if held is None and (found.alone or sight is not None):
            held = held_steps(walk, view.plain, k, times, node.label)
    if held is None and resizing.count < resizing.size:
        apart = _apart(walk, node, view, k, found)
        if apart is not None:
            return apart
    if held is None or not (found.alone or sight is not None):
        return by_table(
            walk,
            node,
            settled(walk, view),
            k,
            resizing.count,
            lambda: found.matrix(resizing.size),
        )
    tensor = held.tensor
    if sight is not None:
        cell = between_held(times, sight.left, sight.right, resizing.count)
        tensor = over_window(walk.draft, cell, tensor, sight, node.label)
    walk.fix_time(node)
    return replace(view.with_axis(k, held.axes[k]), tensor=tensor)


def _around(node: OnnxNode, times: int) -> Window | None:
    """What a step sees of vectors that are held for `times` steps: the shares of both neighbours
    are those of the steps for which they were held there. None where that depends on the step.
    """
    if times > MOST_TAPS:
        return None
    if node.attributes.get("coordinate_transformation_mode", "half_pixel") in HALF_PIXEL:
        left = right = times // 2
    elif node.attributes["coordinate_transformation_mode"] == "asymmetric":
        left, right = 0, times - 1
    else:
        return None
    return Window(left + right + 1, 1, left, right)


def _apart(walk: Walk, node: OnnxNode, view: View, k: int, found: Neighbours) -> View | None:
    """Fewer steps of a sequence, all as far from each other and from their neighbours; None where
    they are not.
    """
    gaps, share = np.diff(found.low), found.share
    opened = any(atom.open for atom in view.axes[k])
    if opened or not len(gaps) or np.ptp(gaps) or np.ptp(share):
        return None
    cell = between_steps(float(share[0])) if share[0] else kept()
    kernel = 2 if share[0] else 1
    first, last = int(found.low[0]), int(found.low[-1]) + kernel
    sight = Window(kernel, int(gaps[0]), -first, last - size_of(view.axes[k]))
    tensor = over_window(walk.draft, cell, view.tensor, sight, node.label)
    walk.fix_time(node)
    return replace(view.with_axis(k, (walk.new_time(len(share), view.axes[k]),)), tensor=tensor)
