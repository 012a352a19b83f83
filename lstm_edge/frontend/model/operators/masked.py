"""Scores that a constant takes far below all others before a softmax, as masks of attention do.

Beside -1e9 an integer has no bits left for the scores that count, so they are chosen by step
instead: what softmax makes of those far below is 0, however far.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Axis, View, size_of
from lstm_edge.frontend.model.operators.features import grid_of
from lstm_edge.frontend.model.operators.pending import (
    resolved,
    settled,
    step_table,
    steps_counted,
)
from lstm_edge.frontend.model.walk import Walk
from lstm_edge.ir.expr import Cell, Expr, constant, input_vector, select
from lstm_edge.ir.model import Concat, Layer, Node, Step, Work, is_a
from lstm_edge.layers.elementwise import where

FAR = 1000.0
"""So far below the largest constant none counts: scores do not differ that much."""
ABSORBS = -(2.0**27)
"""Where all are at this or below, float32 has no bits left for scores: they are the same."""
NEAREST = 1024.0
"""A mask that differs by less than one part in this from one that takes nothing away takes nothing
away: its rounding does as much, and -1e9 would make it large.
"""
MASKED = -2048.0
"""A score that does not count."""

_NAN = "{} makes weights of scores that are all -inf, where the file has NaN"
_MOVED = {"input", "take", "recent"}
"""Expressions of layers that move numbers."""


def masked(walk: Walk, view: View, over: Axis, source: str) -> View:
    """`view`, of which a softmax along `over` is taken, without constants that are far below."""
    view = _of_data(walk, resolved(walk, view), source)
    grid, atoms = grid_of(walk, view), walk.pieces(over)
    if view.offset is None or not atoms or view.offset.size == 1:
        return view
    steps = view.offset.shape[:-1]
    shape = (*steps, *(atom.size for atom in grid))
    features = (*steps, size_of(grid))
    numbers = np.broadcast_to(view.offset, features).reshape(shape)
    axes = tuple(len(steps) + grid.index(a) for a in atoms if a in grid)
    if len(axes) < len(atoms):  # over the steps
        axes = (0,)
    if len(axes) != len(atoms) or (len(shape) == len(grid) and not set(atoms) <= set(grid)):
        return view
    most = numbers.max(axis=axes, keepdims=True)
    if np.isneginf(most).any():
        raise ModelError(source, "takes -inf alone in some row, of which it makes NaN; mask less")
    less = numbers - most
    counts = ((less > -FAR) & (most > ABSORBS)).reshape(features)
    if counts.all() or ((most < -FAR) & (most > ABSORBS)).any():
        return view
    scale = None if view.scale is None else np.where(counts, view.scale, 1.0)
    near = np.where(counts, less.reshape(features), 0.0 if steps else MASKED)
    view = replace(view, scale=scale, offset=near)
    if not steps:
        return view
    x = settled(walk, view).tensor
    cell = Cell("masked", {"y": where(input_vector("y"), input_vector("x"), constant(MASKED))})
    table = step_table(walk, view, steps_counted(walk, view, steps[0]), counts)
    made = walk.draft.layer(cell.name, cell, x, None, {}, source, more={"y": table})
    return replace(view.plain, tensor=made["y"])


def _of_data(walk: Walk, view: View, source: str) -> View:
    """`view` without constants far below that data choose, or that are added to scores times a
    mask of data.
    """
    node = walk.draft.producer(view.tensor)
    if node is None or not is_a(node, Layer) or node.op.cell.states or view.offset is not None:
        return view
    scale = 1.0 if view.scale is None else float(view.scale.min())
    if scale <= 0.0:
        return view
    (result,) = node.op.cell.results.values()
    made, low = None, MASKED / scale
    if result.kind == "select":
        far = [e.kind == "constant" and e.value * scale <= -FAR for e in result.args]
        args = [constant(low) if is_far else e for e, is_far in zip(result.args, far, strict=True)]
        made = replace(result, args=tuple(args)) if any(far) else None
        if any(np.isneginf(e.value) for e in result.args):
            walk.warnings.append(_NAN.format(source))
    elif result.kind == "add" and all(e.kind == "input" for e in result.args):
        x, y = sorted(result.args, key=lambda e: _reach(walk, node.inputs[e.name]))
        reach = _reach(walk, node.inputs[y.name])
        if reach == np.inf:
            walk.warnings.append(_NAN.format(source))
            inputs = dict(node.inputs) | {y.name: _bounded(walk, node.inputs[y.name], low)}
            return replace(view, tensor=walk.draft.again(replace(node, inputs=inputs)))
        if reach * scale >= -ABSORBS and _reach(walk, node.inputs[x.name]) * scale < FAR:
            near = reach / NEAREST
            walk.warnings.append(
                f"{source} reads scores and numbers times {reach:g}, which are taken for a mask: "
                f"those of less than {near:g} take nothing away"
            )
            made = select(constant(-near), y, low, x + select(y, near, -low, 0.0))
    if made is None:
        return view
    op = replace(node.op, cell=replace(node.op.cell, results={"y": made}))
    return replace(view, tensor=walk.draft.again(replace(node, op=op)))


def _reach(walk: Walk, tensor: str) -> float:
    """The largest number in the equations of the layer that makes a tensor, and has no weights."""
    node = _maker(walk, tensor)
    if node is None or node.op.params or node.op.cell.states:
        return 0.0
    return max(abs(e.value) for e in node.op.cell.nodes if e.kind in ("constant", "input"))


def _maker(walk: Walk, tensor: str) -> Node[Layer] | None:
    """The layer that makes a tensor, behind those that keep or repeat its numbers."""
    node = walk.draft.producer(tensor)
    while node is not None and _keeps(node):
        node = walk.draft.producer(node.reads[0])
    return node if node is not None and is_a(node, Layer) else None


def _keeps(node: Node[Work]) -> bool:
    """Whether a node's results are numbers of the one tensor that it reads, whatever they are."""
    if is_a(node, Layer) and not {e.kind for e in node.op.cell.nodes} <= _MOVED:
        return False
    return isinstance(node.op, Layer | Step | Concat) and len({*node.reads}) == 1


def _bounded(walk: Walk, tensor: str, low: float) -> str:
    """A tensor again with `low` in place of -inf."""
    node = walk.draft.producer(tensor)
    assert node is not None
    if _keeps(node):
        inputs = dict.fromkeys(node.inputs, _bounded(walk, node.reads[0], low))
        return walk.draft.again(replace(node, inputs=inputs))
    assert is_a(node, Layer)
    (result,) = node.op.cell.results.values()
    return walk.draft.again(_with_low(node, result, low))


def _with_low(node: Node[Layer], result: Expr, low: float) -> Node[Layer]:
    args = tuple(constant(low) if np.isneginf(e.value) else e for e in result.args)
    cell = replace(node.op.cell, results={"y": replace(result, args=args)})
    return replace(node, op=replace(node.op, cell=cell))
