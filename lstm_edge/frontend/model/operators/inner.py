"""Layers along an inner axis of each step: convolution over time and frequency, or inside a frame,
pooling, and dense layers at each place. Vectors have all channels of a place end to end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import Axis, View, describe, several, size_of
from lstm_edge.frontend.model.convolution import (
    MOST_WEIGHTS,
    each_channel,
    is_depthwise,
    over_window,
    product_params,
    with_scale,
)
from lstm_edge.frontend.model.operators.features import grid_of, reordered, size_known
from lstm_edge.frontend.model.operators.pending import combined, foldable, settled
from lstm_edge.frontend.model.operators.sight import (
    Along,
    Sight,
    along_axis,
    groups_and_bias,
    in_sight,
    look_for_time,
    real_share,
    sees_all,
    time_sight,
)
from lstm_edge.frontend.model.walk import OnnxNode, Walk
from lstm_edge.ir.clock import Window
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import Floats
from lstm_edge.layers.inner import CONV, Inner, convolution, pooling
from lstm_edge.layers.window import LOWEST, average_pool, kept, max_pool

Doubles = npt.NDArray[np.float64]


def channels_last(walk: Walk, node: OnnxNode, view: View, inner: Axis, channels: Axis) -> View:
    """The view whose vectors have the places of an axis, each with all of its channels; nothing
    else may number their features.
    """
    wanted = (*inner, *channels)
    for axis in wanted:
        if walk.roles.get(axis) != "layer":
            walk.assign(node, (axis,), "feature")
    grid = grid_of(walk, view)
    if set(grid) != set(wanted):
        raise node.error(
            f"moves over an axis of {describe(view.axes)}, whose vectors have further axes; only "
            "channels and one inner axis are supported: reshape the others to channels or steps"
        )
    size_known(walk, view)
    return reordered(walk, view, wanted, node.label)


def per_channel(numbers: Doubles | None, channels: int) -> Doubles | None:
    """Numbers for each place and channel as those of a channel, where all places have the same;
    None where they differ.
    """
    if numbers is None or numbers.size == 1:
        return np.broadcast_to(np.zeros(1) if numbers is None else numbers, (channels,))
    rows = numbers.reshape(-1, channels)
    return rows[0] if bool((rows == rows[:1]).all()) else None


def conv_inside(walk: Walk, node: OnnxNode, view: View, weights: Doubles, axis: int) -> View:
    """A convolution along `axis`, whose numbers each step has, and along time where that is another
    axis. weights: [units, channels of a group, kernel ...].
    """
    units, own, *kernel = weights.shape
    channels = size_of(view.axes[1])
    groups, bias = groups_and_bias(node, weights, channels)
    seen = _seen(walk, node, view, kernel, axis)
    moved = np.moveaxis(weights, axis, -1).reshape(units, own, -1, kernel[axis - 2])
    atoms = walk.pieces(view.axes[axis])
    view = channels_last(walk, node, view, atoms, walk.pieces(view.axes[1]))
    place, window = seen.place, seen.window
    if not atoms and place.pad != (0, 0):  # of one place: what is around it is 0
        moved, place = _middle(node, moved, place)
        seen = replace(seen, place=place)
    frames = window.kernel if window is not None and window.kernel > 1 else 0
    inner = Inner(size_of(atoms), channels, place.seen, place.stride, place.pad, frames)
    if inner.positions < 1:
        raise node.error(f"sees {place.seen} places of {inner.places}; pad them")
    padded = any(place.pad) or (window is not None and (window.left or window.right))
    view, taps, bias = _folded(walk, node, view, moved, bias, padded=bool(padded))
    if own == 1 and is_depthwise(units, groups):
        cell, params = each_channel(inner, taps, bias, (seen.dilation, place.dilation))
    else:
        cell, params = _dense(node, inner, taps, bias, seen, groups)
    count = units * inner.positions
    made = walk.draft.layer(CONV, cell, view.tensor, count, params, node.label, window=window)
    return _view_after(walk, node, view, made["y"], seen, inner, units)


def _middle(node: OnnxNode, taps: Doubles, place: Along) -> tuple[Doubles, Along]:
    """The weights that meet the only place of an axis."""
    middle, rest = divmod(place.pad[0], place.dilation)
    if sum(place.pad) + 1 - place.seen >= place.stride or rest or middle >= place.kernel:
        raise node.error("makes several places of one, or none; not supported")
    return taps[..., middle : middle + 1], Along(1, 1, 1, (0, 0))


@dataclass(frozen=True)
class _Seen:
    """Of an inner axis and of time: dilation of the latter; None where there is no such axis, or a
    step sees itself alone, and each does.
    """

    axis: int
    place: Along
    sight: Sight | None

    @property
    def window(self) -> Window | None:
        """The layer's."""
        return None if self.sight is None else self.sight.window

    @property
    def dilation(self) -> int:
        """Steps between those that are seen."""
        return 1 if self.sight is None else self.sight.dilation


def _seen(walk: Walk, node: OnnxNode, view: View, kernel: list[int], axis: int) -> _Seen:
    """What a kernel sees along the inner axis and along time, which is the other one."""
    others = [
        k for k in range(2, len(view.axes)) if k != axis and (view.axes[k] or kernel[k - 2] > 1)
    ]
    place = along_axis(walk, node, view, axis, kernel[axis - 2])
    if not others:
        pads = list(node.attributes.get("pads", []))
        rank = len(kernel)
        if any(n for j, n in enumerate(pads) if j % rank != axis - 2):
            raise node.error(f"attribute pads = {pads} pads an axis of 1: not supported")
        return _Seen(axis, place, None)
    sight = time_sight(walk, node, view, others[0], kernel[others[0] - 2])
    window = sight.window
    plain = (window.kernel, window.stride, window.left, window.right) == (1, 1, 0, 0)
    return _Seen(axis, place, None if plain else sight)


def _view_after(
    walk: Walk, node: OnnxNode, view: View, tensor: str, seen: _Seen, inner: Inner, units: int
) -> View:
    """The result: new axes of places and channels, and of time where that has another length."""
    atoms = walk.pieces(view.axes[seen.axis])
    places = walk.new_axis("places", inner.positions, "feature")
    walk.ranges.update((new, old) for new in places for old in atoms[:1])
    channels = walk.new_axis("units", units, "feature")
    made = view.with_axis(seen.axis, places).with_axis(1, channels)
    made = replace(made, tensor=tensor, grid=several((*places, *channels)))
    if seen.sight is None:
        return made
    other = inner.positions > 1
    return in_sight(walk, node, made, seen.sight.axis, seen.sight, other)


def pool_inside(walk: Walk, node: OnnxNode, view: View, kernel: list[int], axis: int) -> View:
    """MaxPool and AveragePool along an inner axis, and along time: one after the other."""
    if node.attributes.get("storage_order", 0):
        raise node.error("attribute storage_order is not supported")
    seen = _seen(walk, node, view, kernel, axis)
    place, sight, largest = seen.place, seen.sight, node.op == "MaxPool"
    window = Window(1) if sight is None else sight.window
    if place.dilation > 1 or seen.dilation > 1:
        raise node.error("attribute dilations is not supported")
    if max(place.pad) >= place.kernel:
        raise node.error(
            f"pads {place.pad[0]} and {place.pad[1]} places, as many as it sees ({place.kernel}); "
            "let a Pad do it"
        )
    atoms, channels = (walk.pieces(view.axes[k]) for k in (axis, 1))
    view = channels_last(walk, node, settled(walk, view), atoms, channels)
    inner = Inner(size_of(atoms), size_of(channels), place.kernel, place.stride, place.pad)
    if inner.positions < 1:
        raise node.error(f"sees {place.seen} places of {inner.places}; pad them")
    tensor, count = view.tensor, inner.positions * inner.channels
    if (place.kernel, place.stride) != (1, 1):
        cell = pooling(inner, largest)
        tensor = walk.draft.layer(cell.name, cell, tensor, count, {}, node.label)["y"]
    if sight is not None and sees_all(view, sight):
        if inner.positions > 1:
            look_for_time(walk, node, view.axes[sight.axis])
        walk.fix_time(node)
        tensor = walk.draft.reduce("max" if largest else "mean", tensor, node.label)
        view = view.with_axis(sight.axis, ())
        seen = replace(seen, sight=None)
    elif sight is not None:
        cell = max_pool(window.kernel) if largest else average_pool(window.kernel)
        cell = kept() if window.kernel == 1 else cell
        start = LOWEST if largest else 0.0
        tensor = over_window(walk.draft, cell, tensor, window, node.label, start)
    made = _view_after(walk, node, view, tensor, seen, inner, inner.channels)
    grid = tuple(a for a in made.grid if a in walk.pieces(made.axes[axis]))
    # the same channels as before
    made = replace(made.with_axis(1, channels), grid=several((*grid, *channels)))
    if largest or node.attributes.get("count_include_pad", 0):
        return made
    made = _of_real(walk, node, view, made, axis, Window(place.kernel, place.stride, *place.pad))
    return made if sight is None else _of_real(walk, node, view, made, sight.axis, window)


def _of_real(walk: Walk, node: OnnxNode, view: View, made: View, axis: int, window: Window) -> View:
    """Means over windows along an axis of `view` as means over what is no padding."""
    if not (window.left or window.right):
        return made
    if any(atom.open for atom in view.axes[axis]):
        raise node.error(
            "attribute pads: a mean that leaves padding out, of a sequence of any length; give its "
            "length with --steps"
        )
    share = real_share(view.shape[axis], made.shape[axis], window)
    return combined(walk, made, share, np.zeros(1), walk.pieces(made.axes[axis]), node.label)


def _folded(
    walk: Walk, node: OnnxNode, view: View, taps: Doubles, bias: Doubles, padded: bool
) -> tuple[View, Doubles, Doubles]:
    """A scale and an offset of each channel that wait, in the weights; others by layers."""
    channels = size_of(walk.pieces(view.axes[1]))
    groups = int(node.attributes.get("group", 1))
    view = foldable(walk, view) if view.offset is None or not padded else view
    if padded and view.offset is not None and np.any(view.offset):
        view = settled(walk, view)
    if not view.pending:
        return view, taps, bias
    ones = np.ones(1) if view.scale is None else view.scale
    scale, offset = per_channel(ones, channels), per_channel(view.offset, channels)
    if scale is None or offset is None:
        return settled(walk, view), taps, bias
    return view.plain, *with_scale(taps, bias, groups, scale, offset)


def _dense(
    node: OnnxNode,
    inner: Inner,
    taps: Doubles,
    bias: Doubles,
    seen: _Seen,
    groups: int,
) -> tuple[Cell, dict[str, Floats]]:
    """One matrix for all positions, with zeros between what is seen and of other groups."""
    place = seen.place
    units, own = taps.shape[:2]
    frames = max(inner.frames, 1)
    if units * place.seen * frames * inner.channels > MOST_WEIGHTS:
        raise node.error(f"is a matrix of more than {MOST_WEIGHTS} weights")
    matrix = np.zeros((units, place.seen, frames, inner.channels))
    for unit in range(units):
        first = unit // (units // groups) * own
        for t in range(taps.shape[2]):
            at = t * seen.dilation
            rows = slice(None, None, place.dilation)
            matrix[unit, rows, at, first : first + own] = taps[unit, :, t].T
    flat = matrix.reshape(units, -1)
    if inner.positions == 1:  # the matrix meets all that is there
        everything = (inner.places + sum(inner.pad)) * inner.of_place
        flat = np.pad(flat, ((0, 0), (0, everything - flat.shape[1])))
    return convolution(inner), product_params(flat, bias)


def at_each_place(
    walk: Walk, node: OnnxNode, view: View, atoms: Axis, weights: Doubles, bias: Doubles
) -> View:
    """A dense layer along one of several axes of features, [units, features], at each place of the
    others; the axis, the last one, has its units then.
    """
    grid = grid_of(walk, view)
    rest = tuple(atom for atom in grid if atom not in atoms)
    view = reordered(walk, view, (*rest, *atoms), node.label)
    view = foldable(walk, view)
    columns = weights.shape[1]
    scale = per_channel(np.ones(1) if view.scale is None else view.scale, columns)
    offset = per_channel(view.offset, columns)
    if scale is None or offset is None:
        view = settled(walk, view)
    elif view.pending:
        bias, weights = bias + weights @ offset, weights * scale
    inner = Inner(size_of(rest), columns, 1)
    params = product_params(weights, bias)
    count = len(bias) * inner.positions
    made = walk.draft.layer("fc", convolution(inner), view.tensor, count, params, node.label)
    units = walk.new_axis("units", len(bias), "feature")
    axes = (*view.axes[:-1], units)
    return View(made["y"], axes, grid=(*rest, *units), picked=view.picked)
