"""Products in which each axis has a letter: Einsum, and MatMul of weights with several matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.letters import LETTERS, spelled_out
from lstm_edge.frontend.model.axes import Axis, View, describe, size_of
from lstm_edge.frontend.model.operators.arithmetic import scaled
from lstm_edge.frontend.model.operators.attention import MOST_ROWS, named_product, product
from lstm_edge.frontend.model.operators.features import grid_of, select, usual_role
from lstm_edge.frontend.model.operators.linear import contract, times_matrix
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.operators.reduce import over_axes
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk

Doubles = npt.NDArray[np.float64]


def einsum(walk: Walk, node: OnnxNode) -> list[Value]:
    """A MatMul of which the axes have names: of data and one array of weights, or of two data."""
    equation = str(node.attributes.get("equation", ""))
    views = [k for k, value in enumerate(node.inputs) if isinstance(value, View)]
    ranks = [
        v.ndim if isinstance(v, np.ndarray) else len(node.view(k).axes)
        for k, v in enumerate(node.inputs)
    ]
    names, shown = spelled_out(equation, ranks)
    if len(names) != 2 or len(node.inputs) != 2:
        raise _refused(node, equation)
    if len(views) == 2:
        return [named_product(walk, node, (names[0], names[1]), shown)]
    weights = node.weights(1 - views[0], "matrix")
    own, other = names[views[0]], names[1 - views[0]]
    assert weights is not None
    if len(other) != weights.ndim or any(len(n) != len({*n}) for n in (own, other, shown)):
        raise _refused(node, equation)
    made = weighed(walk, node, node.view(views[0]), own, (weights, other), shown)
    if made is None:
        raise _refused(node, equation)
    return [made]


def matmul(walk: Walk, node: OnnxNode) -> list[Value]:
    """A dense layer without bias, its weights on either side; a product of two computed tensors."""
    if all(isinstance(value, View) for value in node.inputs):
        return [product(walk, node, node.view(0), node.view(1))]
    k = 0 if isinstance(node.inputs[1], View) else 1
    view, weights = node.view(1 - k), node.weights(k, "matrix")
    assert weights is not None
    rank = len(view.axes)
    if weights.ndim > 2 and weights.ndim <= rank and set(weights.shape[:-2]) == {1}:
        weights = weights.reshape(weights.shape[-2:])
    summed = view.axes[-1 if k or rank < 2 else -2] if rank else ()
    in_time = weights.ndim == 2 and _are_steps(walk, view, summed)
    if weights.ndim in (1, 2) and not in_time:
        return [times_matrix(walk, node, view, weights, on_left=k == 0)]
    if weights.ndim == 0 or rank < 2:
        raise ModelError(
            node.label,
            f"multiplies {describe(view.axes)} by weights of shape {list(weights.shape)}; expected "
            "a matrix: use Mul, or a layer for each",
        )
    most = max(rank, weights.ndim)
    outer = LETTERS[: most - 2]
    inner = ("mk", "kn") if k else ("kn", "mk")
    own, other = (outer[most - n :] + i for n, i in zip((rank, weights.ndim), inner, strict=True))
    made = weighed(walk, node, view, own, (weights, other), outer + "mn")
    if made is None:
        message = (
            f"multiplies {describe(view.axes)} by weights of shape {list(weights.shape)}, which "
            "are others for each step or row; use a layer for each"
        )
        steps = [atom for atom in walk.pieces(summed) if walk.roles.get(atom) == "time"]
        raise walk.taken_wrongly(node, steps, "feature", message)
    return [made]


def weighed(
    walk: Walk, node: OnnxNode, view: View, own: str, given: tuple[Doubles, str], result: str
) -> View | None:
    """Data times weights, summed over what the result does not have. Letters name the axes of both:
    `own` of the data. None where that is no layer.
    """
    weights, other = given
    axes = dict(zip(own, view.axes, strict=True))
    for at, name in reversed([*enumerate(other)]):
        size, inner = weights.shape[at], name in own and name not in result
        if name in own and axes[name] and size not in (1, size_of(axes[name])):
            message = f"weights have {size} numbers along an axis of {size_of(axes[name])}"
            raise walk.need_size(node, axes[name], size, message)
        if name in own:
            usual_role(walk, view, own.index(name))
        if inner and axes[name]:
            weights = np.repeat(weights, size_of(axes[name]) // size, at)
        elif inner or size == 1 or (name in own and axes[name] and _alike(weights, at)):
            rows = np.moveaxis(weights, at, 0)
            weights = np.add.reduce(rows) if inner else rows[0]  # a sum over one place of the data
            other = other.replace(name, "")
    own = "".join(n for n in own if axes[n])
    if any(n not in (*result, *other) for n in own):
        return None
    view = replace(view, axes=tuple(axes[name] for name in own))
    letters = Letters(
        "".join(n for n in own if n in other and n in result),
        "".join(n for n in own if n in other and n not in result),
        "".join(n for n in other if n not in own),
    )
    if not {*letters.units} <= {*result}:
        return None
    order = letters.shared + letters.summed + letters.units
    weights = weights.transpose([other.index(n) for n in order])
    made = _by_letters(walk, node, view, own, letters, weights)
    return None if made is None else _shown(made, result)


def _alike(weights: Doubles, at: int) -> bool:
    return bool((weights == weights.take([0], axis=at)).all())


@dataclass(frozen=True)
class Letters:
    """Axes of weights, in this order: of the data and the result, of the data, of the result."""

    shared: str
    summed: str
    units: str


Found = tuple[View, str]
"""A view, and the letters of its axes."""


def _shown(made: Found, result: str) -> View:
    view, names = made
    axes = dict(zip(names, view.axes, strict=True))
    return replace(view, axes=tuple(axes.get(name, ()) for name in result))


def _by_letters(
    walk: Walk, node: OnnxNode, view: View, own: str, letters: Letters, weights: Doubles
) -> Found | None:
    if letters.shared:
        way = _by_heads if letters.units else _multiplied
    elif not letters.summed:
        return None if letters.units else _multiplied(walk, node, view, own, letters, weights)
    else:
        last = tuple(atom for n in letters.summed for atom in view.axes[own.index(n)])
        in_time = _by_rows if letters.units else _multiplied
        way = in_time if _are_steps(walk, view, last) else _by_matrix
    return way(walk, node, view, own, letters, weights)


def _are_steps(walk: Walk, view: View, axis: Axis) -> bool:
    """Whether an axis counts the steps of a sequence of several features, and nothing else."""
    several = (walk.draft.size(view.tensor) or size_of(grid_of(walk, view))) != 1
    return several and walk.role(walk.pieces(axis)) == "time"


def _multiplied(
    walk: Walk, node: OnnxNode, view: View, own: str, letters: Letters, weights: Doubles
) -> Found:
    """Number by number, then a sum."""
    along = letters.shared + letters.summed
    atoms = tuple(a for n in along for a in walk.pieces(view.axes[own.index(n)]))
    made = scaled(walk, node, view, weights.reshape(-1), None, atoms)
    axes = sorted(own.index(n) for n in letters.summed)
    made = over_axes(walk, replace(node, op="ReduceSum"), made, axes, keep=False)
    return made, "".join(n for n in own if n not in letters.summed)


def _by_matrix(
    walk: Walk, node: OnnxNode, view: View, own: str, letters: Letters, weights: Doubles
) -> Found:
    """A dense layer."""
    rest = "".join(n for n in own if n not in letters.summed)
    axes = {n: view.axes[own.index(n)] for n in own}
    last = tuple(atom for n in letters.summed for atom in axes[n])
    sizes = weights.shape[len(letters.summed) :]
    data = replace(view, axes=(*(axes[n] for n in rest), last))
    made = contract(walk, node, data, weights.reshape(-1, math.prod(sizes)), None)
    units = made.axes[-1]
    apart = _unit_axes(walk, sizes) if len(sizes) > 1 else (units,)
    flat = tuple(atom for axis in apart for atom in axis)
    if len(sizes) > 1:
        old = made.grid or units
        grid = tuple(atom for one in old for atom in (flat if (one,) == units else (one,)))
        made = replace(made, grid=grid)
    shown = apart if sizes else ()
    return replace(made, axes=(*made.axes[:-1], *shown)), rest + letters.units


def _unit_axes(walk: Walk, sizes: Sequence[int]) -> tuple[Axis, ...]:
    roles = ["layer"] * (len(sizes) - 1) + ["feature"]
    return tuple(walk.new_axis("units", n, r) for n, r in zip(sizes, roles, strict=True))


def _by_rows(
    walk: Walk, node: OnnxNode, view: View, own: str, letters: Letters, weights: Doubles
) -> Found | None:
    """Sums over the steps, one for each unit, of each feature: end to end."""
    sizes = weights.shape[1:]
    if math.prod(sizes) > MOST_ROWS:
        return None
    alone = Letters("", letters.summed, "")
    rows = weights.reshape(len(weights), -1).T
    made = [_multiplied(walk, node, view, own, alone, row) for row in rows]
    return _joined(walk, node, made, sizes, letters.units)


def _by_heads(
    walk: Walk, node: OnnxNode, view: View, own: str, letters: Letters, weights: Doubles
) -> Found | None:
    """Weights of its own for each place along an axis of features."""
    name, rest = letters.shared[0], replace(letters, shared=letters.shared[1:])
    axis, view = own.index(name), settled(walk, view)
    made = []
    for k, own_weights in enumerate(weights if len(weights) <= MOST_ROWS else ()):
        part = select(walk, view, axis, [k], keep=False)
        without = own.replace(name, "")
        found = part and _by_letters(walk, node, part, without, rest, own_weights)
        if not found:
            return None
        made.append(found)
    return _joined(walk, node, made, (len(made),), name) if made else None


def _joined(
    walk: Walk, node: OnnxNode, made: Sequence[Found], sizes: Sequence[int], names: str
) -> Found:
    """Views alike end to end, counted by new axes in front."""
    views = [settled(walk, view) for view, _ in made]
    grid = grid_of(walk, views[0])
    new = _unit_axes(walk, sizes)
    flat = tuple(atom for axis in new for atom in axis)
    walk.roles.update(dict.fromkeys(flat if grid else (), "layer"))
    tensor = walk.draft.concat([view.tensor for view in views], node.label)
    axes, all_atoms = (*new, *views[0].axes), (*flat, *grid)
    return View(tensor, axes, grid=all_atoms if len(all_atoms) > 1 else ()), names + made[0][1]


def _refused(node: OnnxNode, equation: str) -> ModelError:
    return ModelError(
        node.label,
        f"attribute equation = {equation!r}: only the product of data and one matrix of weights, "
        "as bti,ij->btj, one for each head, as bthi,hij->bthj, sums of data times weights, as "
        "bti,ti->bi, and the product of two computed tensors are supported; write it with "
        "nn.Linear, Mul and ReduceSum",
    )
