"""Gather and Slice of data: the first or last step, whole parts, everything, or a refusal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.frontend.model.axes import View, describe, size_of
from lstm_edge.frontend.model.draft import check_features
from lstm_edge.frontend.model.operators.features import guess_inner, select, usual_role
from lstm_edge.frontend.model.operators.join import axis_of
from lstm_edge.frontend.model.operators.move import FOREVER, regrouped
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.operators.steps import (
    PICKED,
    Steps,
    one_picked,
    side_by_side,
    take_steps,
)
from lstm_edge.frontend.model.states import input_part
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk


def gather(walk: Walk, node: OnnxNode) -> list[Value]:
    """y[:, -1] and h_n[-1]: steps, directions, layers, or along an axis of size 1."""
    view = node.inputs[0]
    if not isinstance(view, View):
        raise node.error(
            f"looks up {node.input_names[1]!r} in a table, which holds real numbers that the model "
            "computes; only integers of an input, and those of ArgMax, can be looked up"
        )
    axis = axis_of(node, len(view.axes))
    indices = node.constant(1, "indices")
    if indices is None or indices.dtype.kind not in "iu":
        raise node.error("its indices are no integers")
    check_features(node.label, indices.size)
    size = size_of(view.axes[axis])
    wanted = [int(i) + size if i < 0 else int(i) for i in indices.reshape(-1)]
    if not all(0 <= k < size for k in wanted):
        raise node.error(f"index {wanted} is outside of an axis of {size}")
    given = [int(i) for i in indices.reshape(-1)]
    _note_length(walk, node, view, axis, [i for i in given if i not in (0, -1)])
    from_end = bool(indices.size) and bool((indices < 0).all())
    steps = Steps(tuple(wanted), from_end)
    taken = _take(walk, node, view, axis, steps, indices.ndim > 0)
    if indices.ndim < 2:
        return [taken]
    shape = [*taken.shape[:axis], *indices.shape, *taken.shape[axis + 1 :]]
    return [regrouped(walk, node, taken, shape)]


def gather_nd(walk: Walk, node: OnnxNode) -> list[Value]:
    """Indices of one axis, one in each row: as torch.export writes x[..., [3, 1]]."""
    indices, axis = node.constant(1, "indices"), node.attributes.get("batch_dims", 0)
    if indices is None or indices.ndim != 2 or indices.shape[1] != 1 or axis != 0:
        raise node.error("picks numbers by several indices each; index one axis after the other")
    inputs = (node.inputs[0], indices[:, 0])
    return gather(walk, replace(node, op="Gather", inputs=inputs, attributes={}))


def slice_(walk: Walk, node: OnnxNode) -> list[Value]:
    """y[:, -1:], y[..., :H] and slices that keep everything."""
    starts, ends, axes, steps = _arguments(node)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise node.error("starts, ends, axes and steps differ in length")
    view = node.view(0)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if not -len(view.axes) <= axis < len(view.axes):
            raise node.error(f"axis {axis} does not fit {len(view.axes)} axes")
        if sum(axis % len(view.axes) == other % len(view.axes) for other in axes) > 1:
            raise node.error(f"cuts axis {axis} twice; cut it once, or by two Slices")
        view = _slice_axis(walk, node, view, axis % len(view.axes), (start, end, step))
    return [view]


def _slice_axis(
    walk: Walk, node: OnnxNode, view: View, axis: int, bounds: tuple[int, int, int]
) -> View:
    start, end, step = bounds
    if step == 0:
        raise node.error("steps holds 0")
    size = size_of(view.axes[axis])
    limited = slice(*(int(np.clip(b, -FOREVER, FOREVER)) for b in bounds))
    forever = end >= FOREVER and (start in (0, -1) or start <= -FOREVER)
    if not forever and (start, end) != (0, 1):
        _note_length(walk, node, view, axis, [b for b in (start, end) if b < FOREVER])
    wanted = tuple(range(size)[limited])
    left_out = 0 if end >= FOREVER else -end if -FOREVER < end < 0 else None
    steps = Steps(wanted, -FOREVER < start < 0, left_out)
    return _take(walk, node, view, axis, steps, keep=True)


def _note_length(walk: Walk, node: OnnxNode, view: View, axis: int, indices: list[int]) -> None:
    """Record indices that depend on the length, where the axis may be time. Those that are counted
    from the farther end may have been counted from the other before the file was written: they are
    right for no other length.
    """
    size = size_of(view.axes[axis])
    if size == 1 or not indices or walk.role(view.axes[axis]) not in ("time", ""):
        return
    walk.fix_time(node)
    if any(2 * k >= size or -2 * k > size for k in indices if k > -FOREVER):
        walk.late = walk.late or node.label


def _take(walk: Walk, node: OnnxNode, view: View, axis: int, steps: Steps, keep: bool) -> View:
    """Indices of one axis, which goes unless `keep`."""
    picked, wanted = view.axes[axis], list(steps.wanted)
    if wanted == list(range(size_of(picked))):
        return view.with_axis(axis, *[picked] * keep)
    neighbours = wanted == list(range(wanted[0], wanted[0] + len(wanted))) if wanted else True
    guess = usual_role if axis > 0 or not neighbours else _known_role
    role = guess(walk, view, axis)
    if role == PICKED and len(wanted) == 1:
        return one_picked(walk, view, axis, wanted[0], keep, node.label)
    if role == PICKED:
        view = side_by_side(walk, view, node.label)
    if role == "time" and wanted:
        usual_role(walk, view, len(view.axes) - 1)  # while three axes tell
        return take_steps(walk, node, view, axis, steps, keep)
    if role == "batch" and len(wanted) == 1:
        raise walk.need_size(
            node, picked, 1, f"picks row {wanted[0]} of the batch; export with a batch of 1"
        )
    guess_inner(walk, walk.pieces(picked))
    part = select(walk, settled(walk, view), axis, wanted, keep) if wanted else None
    alike = all(a is None or a.size == 1 for a in (view.scale, view.offset))
    if part is None and wanted and alike:
        part = input_part(walk, view.plain, axis, wanted, node.label)
        if part is not None:
            part = replace(part, scale=view.scale, offset=view.offset, pending=view.pending)
        if part is not None and not keep:
            part = part.with_axis(axis)
    if part is None:
        raise node.error(
            f"{node.op} takes {_text(wanted)} of the {role or 'input'} axis of {size_of(picked)} "
            f"of {describe(view.axes)}; only steps of a sequence, features and states can be "
            "taken: export with a batch of 1"
        )
    return part


def _known_role(walk: Walk, view: View, axis: int) -> str:
    return walk.role(walk.pieces(view.axes[axis]))


def _text(wanted: list[int]) -> str:
    if not wanted:
        return "nothing"
    if len(wanted) == 1:
        return f"index {wanted[0]}"
    return f"{len(wanted)} indices from {wanted[0]} to {wanted[-1]}"


def _arguments(node: OnnxNode) -> tuple[list[int], list[int], list[int], list[int]]:
    """starts, ends, axes, steps."""
    starts = node.integers(1, "starts") or []
    ends = node.integers(2, "ends") or []
    chosen = node.integers(3, "axes")
    steps = node.integers(4, "steps")
    return (
        starts,
        ends,
        list(range(len(starts))) if chosen is None else chosen,
        [1] * len(starts) if steps is None else steps,
    )
