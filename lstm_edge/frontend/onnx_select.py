"""Gather and Slice of data: the last step of a sequence, everything, or a refusal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.axes import View, size_of
from lstm_edge.frontend.onnx_join import pick
from lstm_edge.frontend.onnx_move import FOREVER, last_step
from lstm_edge.frontend.onnx_walk import Joined, OnnxNode, Value, Walk


def gather(walk: Walk, node: OnnxNode) -> list[Value]:
    """y[:, -1] and h_n[-1]: one index along time (the last) or along an axis of size 1."""
    if not isinstance(node.inputs[0], View | Joined):
        raise ModelError(
            node.label,
            f"looks up {node.input_names[1]!r} in a table (an embedding): not supported yet; feed "
            "the embedded vectors instead",
        )
    source = node.inputs[0]
    rank = len(source.shape)
    axis = int(node.attributes.get("axis", 0))
    if not -rank <= axis < rank:
        raise ModelError(node.label, f"attribute axis = {axis} does not fit {rank} axes")
    axis %= rank
    indices = node.constant(1, "indices")
    if indices is None or indices.dtype.kind not in "iu" or indices.ndim > 1:
        raise ModelError(node.label, "its indices are no integer and no list of integers")
    size = source.shape[axis]
    wanted = [int(i) + size if i < 0 else int(i) for i in indices.reshape(-1)]
    keep = indices.ndim == 1
    if not all(0 <= k < size for k in wanted):
        raise ModelError(node.label, f"index {wanted} is outside of an axis of {size}")
    if isinstance(source, Joined):
        return [pick(node, source, axis, wanted, keep)]
    if walk.role(source.axes[axis]) == "time" and min(indices.reshape(-1), default=0) >= 0:
        walk.fix_time(node)
    return [_gather_view(walk, node, source, axis, wanted, keep)]


def _gather_view(
    walk: Walk, node: OnnxNode, view: View, axis: int, wanted: list[int], keep: bool
) -> View:
    size = size_of(view.axes[axis])
    if keep and wanted == list(range(size)):
        return view
    if len(wanted) != 1:
        raise _refused(node, f"gathers indices {wanted[:8]} of an axis of {size}")
    return _one(walk, node, view, axis, wanted[0], keep)


def _one(walk: Walk, node: OnnxNode, view: View, axis: int, index: int, keep: bool) -> View:
    """One index of one axis."""
    picked = view.axes[axis]
    if not picked:
        kept = view.axes[: axis + 1] if keep else view.axes[:axis]
        return replace(view, axes=kept + view.axes[axis + 1 :])
    if walk.role(picked) == "time" and index == picked[0].size - 1:
        return last_step(walk, node, view, axis, keep)
    if walk.role(picked) == "batch":
        raise walk.need_size(
            node, picked, 1, f"picks row {index} of the batch; export with a batch of 1"
        )
    what = walk.role(picked) or "input"
    raise _refused(node, f"picks index {index} of the {what} axis of {picked[0].size}")


def _refused(node: OnnxNode, what: str) -> ModelError:
    return ModelError(
        node.label,
        f"{what}: not supported yet, only the last step (index -1) of a sequence is; if it comes "
        "from a loop over cells, export nn.LSTM instead",
    )


def slice_(walk: Walk, node: OnnxNode) -> list[Value]:
    """y[:, -1:] and slices that keep everything."""
    source = node.inputs[0]
    starts, ends, axes, steps = _arguments(node)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ModelError(node.label, "starts, ends, axes and steps differ in length")
    if isinstance(source, Joined) and len(axes) == 1:
        kept = _indices(node, len(source.parts), (starts[0], ends[0], steps[0]))
        return [pick(node, source, axes[0], kept, keep=True)]
    view = node.view(0)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if not -len(view.axes) <= axis < len(view.axes):
            raise ModelError(node.label, f"axis {axis} does not fit {len(view.axes)} axes")
        view = _slice_axis(walk, node, view, axis % len(view.axes), (start, end, step))
    return [view]


def _arguments(node: OnnxNode) -> tuple[list[int], list[int], list[int], list[int]]:
    """starts, ends, axes, steps: attributes before opset 10, then inputs."""
    if node.opset < 10:
        starts, ends = (list(node.attributes.get(k, [])) for k in ("starts", "ends"))
        axes = list(node.attributes.get("axes", range(len(starts))))
        return starts, ends, axes, [1] * len(starts)
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


def _slice_axis(
    walk: Walk, node: OnnxNode, view: View, axis: int, bounds: tuple[int, int, int]
) -> View:
    start, end, step = bounds
    size = size_of(view.axes[axis])
    kept = _indices(node, size, bounds)
    timed = walk.role(view.axes[axis]) == "time"
    if timed and (start > 0 or 0 <= end < FOREVER):
        walk.fix_time(node)
    if kept == list(range(size)):
        return view
    if timed and kept == [size - 1]:
        return last_step(walk, node, view, axis, keep=True)
    what = walk.role(view.axes[axis]) or "first or only"
    raise ModelError(
        node.label,
        f"takes {start}:{end}:{step} of the {what} axis of {size}: not supported yet, only the "
        "last step of a sequence or all of it is; if it comes from a loop over cells (nn.RNN), "
        "export nn.LSTM instead",
    )


def _indices(node: OnnxNode, size: int, bounds: tuple[int, int, int]) -> list[int]:
    """What start:end:step takes of `size` elements."""
    if bounds[2] == 0:
        raise ModelError(node.label, "steps holds 0")
    return list(range(size)[slice(*(int(np.clip(b, -FOREVER, FOREVER)) for b in bounds))])
