"""LayerNormalization, a layer, and BatchNormalization, a scale and an offset for each feature."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import View, describe
from lstm_edge.frontend.model.operators.across_time import deviation_of, shares, standardized
from lstm_edge.frontend.model.operators.arithmetic import along, arithmetic, scaled
from lstm_edge.frontend.model.operators.features import (
    grid_of,
    guess,
    places_of,
    require_features,
    tell_features,
    usual_role,
)
from lstm_edge.frontend.model.operators.grids import in_groups, is_part, take_for_features
from lstm_edge.frontend.model.operators.join import axis_of
from lstm_edge.frontend.model.operators.pending import fit_steps, settled
from lstm_edge.frontend.model.operators.reduce import over_axes
from lstm_edge.frontend.model.walk import OnnxNode, Value, Walk
from lstm_edge.ir.model import Floats
from lstm_edge.layers.functions import ALONE, NORMS, normalized, one_number
from lstm_edge.layers.normalize import layer_normalization

Doubles = npt.NDArray[np.float64]


def layer_norm(walk: Walk, node: OnnxNode) -> list[Value]:
    """Mean 0 and variance 1 over the features, then scale and offset.

    It runs over all axes from `axis` on, which must be the features; with the attribute
    single_axis, which a rewrite sets, over that one.
    """
    view = settled(walk, node.view(0))
    extra = [name for name in node.outputs[1:] if name]
    if extra:
        raise node.error(f"output {extra[0]!r} (mean or deviation) is for training only; remove it")
    if node.attributes.get("stash_type", 1) != 1:
        raise node.error(
            f"attribute stash_type = {node.attributes['stash_type']}; expected 1: mean and "
            "variance are computed in float32"
        )
    epsilon = epsilon_of(node)
    axis = axis_of(node, len(view.axes), -1)
    last = axis + 1 if node.attributes.get("single_axis", 0) else len(view.axes)
    for k in range(axis, last):
        usual_role(walk, view, k)
    over = tuple(atom for one in view.axes[axis:last] for atom in one)
    shape, atoms = view.shape[axis:last], walk.pieces(over)
    if any(walk.roles.get(atom) == "time" for atom in atoms):
        return [_over_steps(walk, node, view, range(axis, last), epsilon)]
    take_for_features(walk, node, view, over)
    if is_part(walk, view, atoms):
        run = _normalization(walk, node, epsilon, shape, None)
        return [in_groups(walk, node, view, atoms, run)]
    places = places_of(walk, view, atoms)
    features = walk.draft.size(view.tensor)
    if places is None:
        if atoms != grid_of(walk, view) and (len(over) > 1 or (not over and features != 1)):
            message = (
                f"attribute axis = {axis}: normalizes {[a.size for a in over]} of "
                f"{describe(view.axes)} together; only the features of each step, or all of "
                "a sequence of known length, are supported: give the length with --steps"
            )
            time = [a for a in atoms if walk.roles.get(a) == "time"]
            raise walk.taken_wrongly(node, time, "feature", message)
        require_features(walk, node, view, over)
    return [replace(view, tensor=_normalization(walk, node, epsilon, shape, places)(view.tensor))]


def _over_steps(
    walk: Walk, node: OnnxNode, view: View, chosen: Sequence[int], epsilon: float
) -> View:
    """Mean 0 and variance 1 over the steps, of each feature or of several together."""
    counted, atoms = node.weights(1, "Scale"), walk.pieces(sum((view.axes[k] for k in chosen), ()))
    if counted is not None and counted.size > 1 and len(chosen) == 1:
        fit_steps(walk, node, (view.axes[chosen[0]],), counted.size)
    shape = tuple(view.shape[k] for k in chosen)
    given = [_vector(node, k, name, shape) for k, name in ((1, "Scale"), (2, "B"))]
    if len(atoms) == 1:
        view = standardized(walk, view, epsilon, node.label)
    else:
        view = _together(walk, node, view, chosen, epsilon)
    gain, offset = (None if a is None else a.astype(np.float64) for a in given)
    if gain is offset is None:
        return view
    return scaled(walk, node, view, gain, offset, atoms)


def _together(
    walk: Walk, node: OnnxNode, view: View, chosen: Sequence[int], epsilon: float
) -> View:
    """Mean 0 and variance 1 over all numbers along some axes, that of time among them or not."""
    axes = [
        ((atom,), k in chosen) for k, axis in enumerate(view.axes) for atom in walk.pieces(axis)
    ]
    over = [k for k, (_, one) in enumerate(axes) if one]
    apart = replace(view, axes=tuple(axis for axis, _ in axes))

    def run(op: str, *inputs: View) -> View:
        (made,) = arithmetic(walk, replace(node, op=op, inputs=inputs))
        assert isinstance(made, View)
        return made

    def mean(x: View) -> View:
        return settled(walk, over_axes(walk, replace(node, op="ReduceMean"), x, over, keep=True))

    distance = run("Sub", apart, mean(apart))
    square = one_number("square", ALONE["square"])
    squares = walk.draft.layer("square", square, distance.tensor, None, {}, node.label)["y"]
    variance = mean(replace(distance, tensor=squares))
    deviation = deviation_of(walk, variance.tensor, epsilon, node.label)
    return replace(run("Div", distance, replace(variance, tensor=deviation)), axes=view.axes)


def _normalization(
    walk: Walk, node: OnnxNode, epsilon: float, shape: tuple[int, ...], places: list[int] | None
) -> Callable[[str], str]:
    """A layer of vectors, which lie in memory in another order where `places` are given: so do
    their weights then.
    """
    given = {"gain": _vector(node, 1, "Scale", shape), "offset": _vector(node, 2, "B", shape)}
    order = slice(None) if places is None else np.argsort(places)
    params = {name: array[order] for name, array in given.items() if array is not None}
    cell = layer_normalization(epsilon, "gain" in params, "offset" in params)

    def run(x: str) -> str:
        return walk.draft.layer("layer_norm", cell, x, None, params, node.label)["y"]

    return run


def instance_norm(walk: Walk, node: OnnxNode) -> list[Value]:
    """Each channel, at axis 1, of mean 0 and variance 1 over all that is behind it, then scale and
    offset.
    """
    view = settled(walk, node.view(0))
    if len(view.axes) < 3:
        raise node.error(
            f"normalizes {describe(view.axes)}; only channels of a sequence have a mean"
        )
    gain, offset = (
        _channels(node, k, name, view.shape[1]) for k, name in enumerate(("scale", "B"), start=1)
    )
    channels = walk.pieces(view.axes[1])
    behind = [atom for axis in view.axes[2:] for atom in walk.pieces(axis)]
    guess(walk, tuple(part for atom in channels for part in walk.whole(atom)), "feature")
    if len(behind) == 1 and walk.roles.setdefault(behind[0], "time") == "time":
        require_features(walk, node, view, view.axes[1])
        view = standardized(walk, view, epsilon_of(node), node.label)
        return [scaled(walk, node, view, gain, offset)]
    view = _together(walk, node, view, range(2, len(view.axes)), epsilon_of(node))
    return [scaled(walk, node, view, gain, offset, channels)]


def lp_norm(walk: Walk, node: OnnxNode) -> list[Value]:
    """Each vector divided by the sum of its magnitudes (p = 1), or by its length (p = 2). Along the
    axis of time the numbers of each feature are one.
    """
    p = node.attributes.get("p", 2)
    if p not in (1, 2):
        raise node.error(f"attribute p = {p}, expected 1 or 2")
    view = settled(walk, node.view(0))
    axis = axis_of(node, len(view.axes), -1)
    if usual_role(walk, view, axis) != "time":
        return [divided_by_norm(walk, node, view, axis, f"l{p}")]
    norm = over_axes(walk, replace(node, op=f"ReduceL{p}"), view, [axis], keep=True)
    return [replace(view, tensor=shares(walk, view.tensor, norm.tensor, node.label))]


def ml_scaler(walk: Walk, node: OnnxNode) -> list[Value]:
    """(x - offset) * scale, of a number each or of one for each feature."""
    view = node.view(0)
    given = {k: np.asarray(node.attributes.get(k, d), np.float64) for k, d in _SCALER.items()}
    for what, numbers in given.items():
        if not np.isfinite(numbers).all():
            raise node.error(f"attribute {what} holds numbers that are not finite")
    moved, _, view = along(walk, node, -given["offset"], view)
    shifted = scaled(walk, node, view, None, moved, along(walk, node, moved, view)[1])
    factor, atoms, shifted = along(walk, node, given["scale"], shifted)
    return [scaled(walk, node, shifted, factor, None, atoms)]


_SCALER = {"offset": 0.0, "scale": 1.0}


def ml_normalizer(walk: Walk, node: OnnxNode) -> list[Value]:
    """Each vector divided by the largest of its magnitudes, by their sum, or by its length."""
    norm = str(node.attributes.get("norm", "MAX")).lower()
    if norm not in NORMS:
        raise node.error(f"attribute norm = {norm!r}, expected MAX, L1 or L2")
    view = settled(walk, node.view(0))
    usual_role(walk, view, len(view.axes) - 1)
    return [divided_by_norm(walk, node, view, len(view.axes) - 1, norm)]


def divided_by_norm(walk: Walk, node: OnnxNode, view: View, axis: int, norm: str) -> View:
    """Each vector of features, which `axis` numbers, divided by one of `NORMS` of it."""
    atoms, cell = walk.pieces(view.axes[axis]), normalized(norm)

    def run(x: str) -> str:
        return walk.draft.layer(cell.name, cell, x, None, {}, node.label)["y"]

    if is_part(walk, view, atoms):
        return in_groups(walk, node, view, atoms, run)
    require_features(walk, node, view, view.axes[axis])
    return replace(view, tensor=run(view.tensor))


def epsilon_of(node: OnnxNode) -> float:
    """The attribute `epsilon`, which keeps the variance from being 0."""
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    if not 0.0 <= epsilon < math.inf:
        raise node.error(f"attribute epsilon = {epsilon:g} is not a number from 0 on")
    return epsilon


def _vector(node: OnnxNode, k: int, what: str, shape: tuple[int, ...]) -> Floats | None:
    """Input `k` as one number for each feature; None where it is absent."""
    numbers = node.weights(k, what)
    if numbers is None:
        return None
    try:
        every = np.broadcast_to(numbers, shape)
    except ValueError:
        raise node.error(f"its {what} is {list(numbers.shape)}, expected {list(shape)}") from None
    return every.reshape(-1).astype(np.float32)


def batch_norm(walk: Walk, node: OnnxNode) -> list[Value]:
    """scale * (x - mean) / sqrt(variance + epsilon) + B for each feature, at axis 1."""
    view = node.view(0)
    extra = [name for name in node.outputs[1:] if name]
    if node.attributes.get("training_mode", 0) or extra:
        raise node.error("is in training mode; export after model.eval(), or with training=EVAL")
    epsilon = epsilon_of(node)
    if len(view.axes) < 2:
        raise node.error(f"its input is {describe(view.axes)}, expected 2 axes or more")
    names = ("scale", "B", "mean", "variance")
    counted = node.weights(1, "scale")
    if counted is not None:
        fit_steps(walk, node, (view.axes[1],), counted.size)
    gain, offset, mean, variance = (
        _channels(node, k, name, view.shape[1]) for k, name in enumerate(names, start=1)
    )
    if (variance + epsilon <= 0.0).any():
        raise node.error("its variance is not positive")
    scale = gain / np.sqrt(variance + epsilon)
    atoms = walk.pieces(view.axes[1])
    guess(walk, atoms, "feature")
    several = is_part(walk, view, atoms) or (not atoms and bool(grid_of(walk, view)))
    if several or any(walk.roles.get(atom) == "time" for atom in atoms):
        return [scaled(walk, node, view, scale, offset - mean * scale, atoms)]
    tell_features(walk, node, view, view.axes[1])
    return [scaled(walk, node, view, scale, offset - mean * scale)]


def _channels(node: OnnxNode, k: int, what: str, size: int) -> Doubles:
    numbers = node.weights(k, what)
    if numbers is None or numbers.shape != (size,):
        found = "absent" if numbers is None else list(numbers.shape)
        raise node.error(f"its {what} is {found}, expected [{size}]")
    return numbers
