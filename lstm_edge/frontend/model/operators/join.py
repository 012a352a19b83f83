"""Concat, and Split, which takes its parts again."""

from __future__ import annotations

import math

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Axis, View, describe, size_of
from lstm_edge.frontend.model.operators.features import (
    align,
    grid_of,
    guess_inner,
    guess_time,
    of_one_kind,
    require_features,
    select,
    usual_role,
)
from lstm_edge.frontend.model.operators.grids import joined_inside
from lstm_edge.frontend.model.operators.move import regrouped
from lstm_edge.frontend.model.operators.pad import along_time
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.operators.rates import on_one_clock
from lstm_edge.frontend.model.operators.shifted import in_step
from lstm_edge.frontend.model.operators.side_by_side import beside, is_flat
from lstm_edge.frontend.model.operators.steps import Steps, take_steps
from lstm_edge.frontend.model.states import input_part
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.ir.expr import Cell, input_vector, join, param
from lstm_edge.ir.model import Floats


def axis_of(node: OnnxNode, rank: int, default: int = 0) -> int:
    """The attribute `axis`, from 0."""
    axis = int(node.attributes.get("axis", default))
    if not -rank <= axis < rank:
        raise node.error(f"attribute axis = {axis} does not fit {rank} axes")
    return axis % rank


def concat(walk: Walk, node: OnnxNode) -> list[Value]:
    """Vectors joined end to end, or counted by an axis of their own: states of several layers."""
    given = next(v for v in node.inputs if isinstance(v, View))
    axis = axis_of(node, len(given.axes))
    in_time = along_time(walk, node, axis) if len(node.inputs) == 2 else None
    if in_time is not None:
        return [in_time]
    parts = _with_constants(walk, node, axis)
    if len(parts) == 1:
        return [parts[0]]
    if axis == 1 and len(parts[0].axes) == 2 and any(is_flat(walk, part) for part in parts):
        return [beside(walk, node, parts)]
    again = _whole_again(walk, node, parts, axis)
    if again is not None:
        return [again]
    parts = tuple(settled(walk, part) for part in parts)
    if any(len(part.axes) != len(parts[0].axes) for part in parts):
        raise node.error("joins tensors of different ranks")
    align(walk, node, parts, skip=axis)
    parts = in_step(walk, of_one_kind(walk, node, parts), node.label)
    parts = on_one_clock(walk, parts, node.label)
    among = joined_inside(walk, parts, axis, node.label)
    if among is not None:
        return [among]
    if len(parts[0].axes) == 4 and not any(part.axes[axis] for part in parts):
        guess_time(walk, parts[0].axes[1:])
    sure = _joins_features(walk, node, parts, axis)
    inner = [_inner_atoms(walk, node, part, axis, sure) for part in parts]
    if any([a.size for a in rest] != [a.size for a in inner[0]] for rest in inner):
        raise _refused(walk, node, parts, axis)
    for part, rest in zip(parts, inner, strict=True):
        _check_size(walk, node, part, size_of(part.axes[axis]) * size_of(rest))
    tensor = walk.draft.concat([part.tensor for part in parts], node.label)
    total = sum(size_of(part.axes[axis]) for part in parts)
    new = walk.new_axis("joined", total, "layer" if inner[0] else "feature")
    axes = (*parts[0].axes[:axis], new, *parts[0].axes[axis + 1 :])
    return [View(tensor, axes, grid=(*new, *inner[0]) if inner[0] else ())]


def _with_constants(walk: Walk, node: OnnxNode, axis: int) -> tuple[View, ...]:
    """The data that a node joins, each with the constants before it, the last with those behind."""
    found: list[View] = []
    before: list[np.ndarray] = []
    for k, value in enumerate(node.inputs):
        if not isinstance(value, np.ndarray):
            found.append(_beside(walk, node, node.view(k), axis, before, []))
            before = []
        elif value.size:
            before.append(value)
    return (*found[:-1], _beside(walk, node, found[-1], axis, [], before))


def _beside(
    walk: Walk,
    node: OnnxNode,
    view: View,
    axis: int,
    before: list[np.ndarray],
    behind: list[np.ndarray],
) -> View:
    """A view with constants at both ends of its features, the same at each step."""
    if not before and not behind:
        return view
    usual_role(walk, view, axis)
    view = settled(walk, view)
    require_features(walk, node, view, view.axes[axis])
    size = size_of(view.axes[axis])
    parts = [input_vector("x")]
    params: dict[str, Floats] = {}
    for name, arrays in (("before", before), ("behind", behind)):
        numbers = [_row(node, array, view, axis) for array in arrays]
        if numbers:
            params[name] = np.concatenate(numbers).astype(np.float32)
            parts.insert(0 if name == "before" else len(parts), param(name))
    total = size + sum(len(array) for array in params.values())
    cell = Cell("beside_constants", {"y": join(*parts)})
    made = walk.draft.layer("joined", cell, view.tensor, total, params, node.label)
    new = walk.new_axis("joined", total, "feature")
    return View(made["y"], view.with_axis(axis, new).axes)


def _row(node: OnnxNode, array: np.ndarray, view: View, axis: int) -> np.ndarray:
    """A constant that is the same on all axes but one, along that one."""
    rows = np.moveaxis(array, axis, -1) if array.ndim == len(view.axes) else np.zeros((2, 1))
    rows = rows.reshape(-1, rows.shape[-1])
    if array.dtype.kind != "f" or not (rows == rows[0]).all() or not np.isfinite(rows).all():
        raise node.error(
            f"joins {describe(view.axes)} with constants {list(array.shape)} that differ from step "
            "to step, or are no numbers; make them an input"
        )
    return np.asarray(rows[0])


def _whole_again(walk: Walk, node: OnnxNode, parts: tuple[View, ...], axis: int) -> View | None:
    """An axis of an input in neighbouring parts of the same size, all of them, which are joined
    along an axis before it, as torch writes unfold: the input in another shape.
    """
    found = [walk.input_parts.get(part.tensor) for part in parts]
    first, size = found[0], size_of(parts[0].axes[axis + 1]) if axis + 1 < len(parts[0].axes) else 0
    fits = [
        part is not None
        and first is not None
        and (part.source, part.atom, part.begin) == (first.source, first.atom, k * size)
        and view.axes[axis : axis + 2] == ((), () if part.kept is None else (part.kept,))
        and not view.pending
        for k, (part, view) in enumerate(zip(found, parts, strict=True))
    ]
    if first is None or not all(fits) or size * len(parts) != first.atom.size:
        return None
    before, behind = parts[0].axes[:axis], parts[0].axes[axis + 2 :]
    whole = View(first.source, (*before, (first.atom,), *behind))
    shape = [*whole.shape[:axis], len(parts), size, *whole.shape[axis + 1 :]]
    return regrouped(walk, node, whole, shape)


def _joins_features(walk: Walk, node: OnnxNode, parts: tuple[View, ...], axis: int) -> bool:
    """Whether `axis` counts features, also of parts that have one only: those of another part tell
    it, or that it is the last of three.
    """
    counts = [walk.pieces(part.axes[axis]) for part in parts]
    for part, atoms in zip(parts, counts, strict=True):
        if [walk.roles.get(atom) for atom in atoms] == [None] and not part.grid:
            walk.assign(node, atoms, "feature")
    told = any(walk.roles.get(atom) == "feature" for atoms in counts for atom in atoms)
    return told or (axis == 2 and len(parts[0].axes) == 3)


def _inner_atoms(walk: Walk, node: OnnxNode, part: View, axis: int, sure: bool) -> Axis:
    """What numbers the features of a part apart from its atoms along `axis`, which come first.

    sure: these are features.
    """
    atoms = walk.pieces(part.axes[axis])
    grid = grid_of(walk, part)
    atoms_of = walk.pieces(part.atoms)
    unknown = not (sure or grid) and any(walk.roles.get(atom) is None for atom in atoms_of)
    if grid[: len(atoms)] != atoms or unknown:
        raise _refused(walk, node, (part,), axis)
    return grid[len(atoms) :]


def _refused(walk: Walk, node: OnnxNode, parts: tuple[View, ...], axis: int) -> ModelError:
    message = (
        f"joins {' and '.join(describe(p.axes) for p in parts[:4])} along axis {axis}: only "
        "features, the states of several layers or directions, and steps with constants beside "
        "them can be joined; compile what is before it and what is after as two networks"
    )
    atoms = (atom for part in parts for atom in walk.pieces(part.axes[axis]))
    steps = [atom for atom in atoms if walk.roles.get(atom) == "time"]
    return walk.taken_wrongly(node, steps, "feature", message)


def _check_size(walk: Walk, node: OnnxNode, part: View, size: int) -> None:
    """The features of a part; an input's become known here."""
    known = walk.draft.size(part.tensor)
    if known is None:
        walk.draft.features[part.tensor] = size
    elif known != size:
        raise node.error(
            f"joins {describe(part.axes)}, a vector of {known}, as {size}; transpose it"
        )


def split(walk: Walk, node: OnnxNode) -> list[Value]:
    """Parts of the features, of directions, or of an input that holds states; or all of it."""
    view = node.view(0)
    axis = axis_of(node, len(view.axes))
    size = size_of(view.axes[axis])
    sizes = _split_sizes(walk, node, view.axes[axis])
    if len(sizes) == 1:
        return [view]
    results: list[Value] = []
    view = settled(walk, view)
    time = walk.role(view.axes[axis]) == "time"
    if time:
        walk.fix_time(node)
    for k in range(len(sizes)):
        begin = sum(sizes[:k])
        wanted = list(range(begin, begin + sizes[k]))
        if time and wanted:
            steps = Steps(tuple(wanted), from_end=False)
            results.append(take_steps(walk, node, view, axis, steps, keep=True))
            continue
        guess_inner(walk, walk.pieces(view.axes[axis]))
        part = select(walk, view, axis, wanted, keep=True) if wanted else None
        if part is None and wanted:
            part = input_part(walk, view, axis, wanted, node.label)
        if part is None:
            raise node.error(
                f"splits an axis of {size} of {describe(view.axes)} into {len(sizes)} parts; only "
                "steps of a sequence, features, states and directions can be had apart: "
                "export with a batch of 1"
            )
        results.append(part)
    return results


def _split_sizes(walk: Walk, node: OnnxNode, axis: Axis) -> list[int]:
    """Sizes of the parts: given, or as equal as they can be."""
    size = size_of(axis)
    count = len(node.outputs)
    given = node.integers(1, "sizes")
    if given is None:
        each = math.ceil(size / count)
        given = [*[each] * (count - 1), size - each * (count - 1)]
    if len(given) != count or sum(given) != size or min(given) < 0:
        message = f"splits an axis of {size} into {count} parts, of {sum(given)} in all"
        raise walk.need_size(node, axis, max(1, sum(given)), message)
    return [int(n) for n in given]
