"""Inputs of LSTM, GRU and RNN other than X, checked and cut into directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.axes import Axis, View, describe, size_of
from lstm_edge.frontend.model.operators.across_time import steps_of
from lstm_edge.frontend.model.operators.features import (
    check_guess,
    grid_of,
    guess_time,
    refuse_one_vector,
    reordered,
    require_features,
)
from lstm_edge.frontend.model.operators.linear import in_order
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.operators.sight import INNER
from lstm_edge.frontend.model.recurrent.attributes import Kind, Settings
from lstm_edge.frontend.model.recurrent.constant import same_at_each_step
from lstm_edge.frontend.model.states import computed_vectors, given_places, is_computed
from lstm_edge.frontend.model.walk import OnnxNode, RoleNeeded, Walk
from lstm_edge.ir.clock import Length
from lstm_edge.ir.model import Floats

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sequence:
    """Axes of the input X, whatever the layout. constant: [features] of what is no data and the
    same at each step; over: how many steps these are. order: what the columns of W have to be put
    into, None as they are. places: of an inner axis of each step; at each the layer has states of
    its own, or, where `along`, they go along these places, and `time` is that axis. alone: a vector
    and no sequence, as of a decoder's step.
    """

    view: View
    time: Axis
    batch: Axis
    features: Axis
    constant: Doubles | None = None
    over: Length | None = None
    order: list[int] | None = None
    places: int = 1
    along: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Weights:
    """Of all directions: W [D, G*H, I], R [D, G*H, H], both biases [D, G*H], P [D, 3H] or None."""

    input: Doubles
    recurrent: Doubles
    input_bias: Doubles
    recurrent_bias: Doubles
    peepholes: Doubles | None
    hidden: int


def sequence_of(walk: Walk, node: OnnxNode, batch_first: bool) -> Sequence:
    """The input X, its axes assigned their roles."""
    given = node.inputs[0] if node.inputs else None
    if isinstance(given, np.ndarray):
        return _constant_sequence(walk, node, given, batch_first)
    view = node.view(0)
    if len(view.axes) != 3:
        raise node.error(f"input X {describe(view.axes)} has not three axes")
    time, batch, features = view.axes
    if batch_first:
        time, batch = batch, time
    _guess_inner(walk, (time, batch))
    along, rows = ({walk.roles.get(a) for a in walk.pieces(axis)} for axis in (time, batch))
    if along & INNER or ("time" in rows and "time" not in along):
        return _inside(walk, node, view, (time, batch, features), along=True)
    if rows & INNER:
        return _inside(walk, node, view, (time, batch, features), along=False)
    walk.assign(node, time, "time")
    walk.assign(node, batch, "batch")
    view, order = in_order(walk, view, features, node.label)
    features = features if order is None else grid_of(walk, view)
    require_features(walk, node, view, features)
    if walk.draft.roots[view.tensor] is None:
        if time:
            refuse_one_vector(walk, node, walk.pieces(time))
        check_guess(walk, node, ())
        return Sequence(view, time, batch, features, order=order, alone=True)
    walk.sequences |= walk.draft.followed(view.tensor)
    if not time:
        walk.one_step = node.label
    return Sequence(view, time, batch, features, order=order)


def _guess_inner(walk: Walk, axes: tuple[Axis, Axis]) -> None:
    """Where the rows of X are no batch, as its input has an axis of 1 or an open one for that."""
    atoms = [atom for axis in axes for atom in walk.pieces(axis)]
    owners = {atom.name.rpartition(" ")[0] for atom in atoms}
    owner = walk.values.get(owners.pop()) if len(owners) == 1 else None
    if len(atoms) != 2 or not isinstance(owner, View) or len(owner.axes) < 4:
        return
    outermost = owner.axes[0]
    if not any(atom in outermost for atom in atoms):
        guess_time(walk, sorted(axes, key=lambda axis: walk.input_atoms.get(axis[0], 0)))


def _inside(
    walk: Walk, node: OnnxNode, view: View, axes: tuple[Axis, Axis, Axis], along: bool
) -> Sequence:
    """An X whose rows are places of each step, or whose steps are these places: each place has all
    of its features end to end.
    """
    time, batch, features = axes
    inner, outer = (time, batch) if along else (batch, time)
    if along and walk.draft.roots[view.tensor] is None:
        check_guess(walk, node, walk.pieces(inner))
    if along and not any(walk.roles.get(a) in (None, "time") for a in walk.pieces(outer)):
        walk.assign(node, outer, "batch")
    else:
        walk.guessed.update(a for a in walk.pieces(outer) if a not in walk.roles)
        walk.assign(node, outer, "time")
        walk.sequences |= walk.draft.followed(view.tensor)
    for atom in walk.pieces((*inner, *features)):
        if walk.roles.get(atom) not in INNER:
            walk.assign(node, (atom,), "feature")
    if walk.draft.size(view.tensor) is None:  # an input's, known from its axes
        walk.draft.features[view.tensor] = size_of(grid_of(walk, view))
    wanted = walk.pieces((*inner, *features))
    if walk.draft.size(view.tensor) != size_of(wanted) and along:
        # what was before took these places for steps of their own: it is told what they are
        places = [atom for atom in walk.pieces(inner) if atom.name not in walk.told]
        message = f"goes along an inner axis of each step, {describe(view.axes)}"
        error = walk.taken_wrongly(node, places, "feature", message)
        if isinstance(error, RoleNeeded):
            raise error
        walk.assign(node, time, "time")  # refuses it
    view = settled(walk, view)
    if set(wanted) != set(grid_of(walk, view)) or walk.draft.size(view.tensor) != size_of(wanted):
        raise node.error(
            f"reads {describe(view.axes)}, whose vectors have further axes; only one inner axis "
            "beside the features is supported: reshape the others to features or steps",
        )
    view = reordered(walk, view, wanted, node.label)
    return Sequence(view, time, batch, features, places=size_of(inner), along=along)


def _constant_sequence(
    walk: Walk, node: OnnxNode, given: npt.NDArray[Any], batch_first: bool
) -> Sequence:
    """An X of constants: its steps are those of the model, or more, or fewer; the tensor of its
    view is the input that they follow. A single step that goes on from computed states is alone.
    """
    x = same_at_each_step(node.label, node.numbers(given, "input X"))
    steps = given.shape[1 if batch_first else 0]
    features = walk.new_axis("constant", len(x), "feature")
    state = node.inputs[5] if len(node.inputs) > 5 else None
    if steps == 1 and isinstance(state, View) and is_computed(walk, state):
        return Sequence(View(state.tensor, ((), (), features)), (), (), features, x, alone=True)
    time, over, owner = steps_of(walk, node, steps)
    return Sequence(View(owner, ((time,), (), features)), (time,), (), features, x, over)


def weights_of(walk: Walk, node: OnnxNode, x: Sequence, kind: Kind, count: int) -> Weights:
    """W, R, B and P of `count` directions in float64."""
    weights, recurrent = node.weights(1, "input W"), node.weights(2, "input R")
    if weights is None or recurrent is None:
        raise node.error("has no weights W and R")
    hidden = int(node.attributes.get("hidden_size", recurrent.shape[-1] if recurrent.ndim else 0))
    if hidden < 1:
        raise node.error(f"attribute hidden_size = {hidden}, expected 1 or more")
    state = node.inputs[6] if len(node.inputs) > 6 else None
    if isinstance(state, View | np.ndarray):
        refuse_projection(node.label, state.shape, hidden)
    rows = len(kind.gates) * hidden
    _check_shape(node, "R", recurrent, (count, rows, hidden))
    if weights.ndim == 3 and weights.shape[2] != size_of(x.features):
        message = f"W {list(weights.shape)} takes {weights.shape[2]} features, but X is " + (
            describe(x.view.axes)
        )
        raise walk.need_size(node, x.features, weights.shape[2], message)
    _check_shape(node, "W", weights, (count, rows, size_of(x.features)))
    weights = weights if x.order is None else weights[..., x.order]
    both = node.weights(3, "input B")
    if both is None:
        both = np.zeros((count, 2 * rows))
    _check_shape(node, "B", both, (count, 2 * rows))
    peepholes = node.weights(7, "input P")
    if peepholes is not None:
        _check_shape(node, "P", peepholes, (count, 3 * hidden))
    return Weights(weights, recurrent, both[:, :rows], both[:, rows:], peepholes, hidden)


def refuse_projection(label: str, initial_c: tuple[int, ...], hidden: int) -> None:
    """torch's dynamo exporter writes proj_size as hidden_size and loses the projection.

    Only the shape of initial_c gives it away.
    """
    if len(initial_c) == 3 and initial_c[2] > hidden:
        raise ModelError(
            label,
            f"input initial_c has {initial_c[2]} units where hidden_size is {hidden}: an LSTM "
            "with proj_size, of which torch's exporter lost the projection, so this file is "
            "wrong; save the state_dict as npz and compile that, or train with proj_size=0",
        )


def _check_shape(node: OnnxNode, name: str, array: Doubles, expected: tuple[int, ...]) -> None:
    if array.shape == expected:
        return
    hint = "; are gates and features swapped?" if array.size == np.prod(expected) else ""
    raise node.error(f"input {name} is {list(array.shape)}, expected {list(expected)}{hint}")


@dataclass(frozen=True)
class FirstStates:
    """For each direction, by the cell's names: states that do not start at zero, those that an
    input gives, as (input tensor, places of the units), and those that begin as a computed vector.
    """

    constant: list[dict[str, Floats]]
    given: list[dict[str, tuple[str, tuple[int, ...]]]]
    computed: list[dict[str, str]]


def initial_states(
    walk: Walk, node: OnnxNode, x: Sequence, kind: Kind, settings: Settings, hidden: int
) -> FirstStates:
    """Initial states of every direction."""
    given: list[dict[str, tuple[str, tuple[int, ...]]]] = [{} for _ in settings.directions]
    computed: list[dict[str, str]] = [{} for _ in settings.directions]
    found: list[dict[str, Floats]] = [{} for _ in settings.directions]
    for k, state in enumerate(kind.states, start=5):
        name = f"initial_{state}"
        value = node.inputs[k] if k < len(node.inputs) else None
        if isinstance(value, View):
            axes = _state_axes(walk, node, x, name, value, (settings, hidden))
            if is_computed(walk, value):
                vectors = computed_vectors(walk, node, value, name, axes)
                for begins, tensor in zip(computed, vectors, strict=True):
                    begins[state] = tensor
                continue
            root, places = given_places(walk, node, value, name, axes)
            for from_input, units in zip(given, places, strict=True):
                from_input[state] = (root, units)
            continue
        array = node.weights(k, f"input {name}")
        if array is not None:
            rows = _state_vectors(walk, node, x, name, array, (settings, hidden))
            for states, vector in zip(found, rows, strict=True):
                if vector.any():
                    states[state] = vector.astype(np.float32)
    return FirstStates(found, given, computed)


def _state_axes(
    walk: Walk, node: OnnxNode, x: Sequence, name: str, view: View, shape: tuple[Settings, int]
) -> tuple[Axis, Axis, Axis]:
    """The axes of an initial state: directions, batch, units."""
    settings, hidden = shape
    axes = view.axes
    if len(axes) == 3 and settings.batch_first:
        axes = (axes[1], axes[0], axes[2])
    expected = (len(settings.directions), size_of(x.batch), hidden)
    if len(axes) == 3 and not _same_rows(axes[1], x.batch):
        found, rows = describe((axes[1],)), describe((x.batch,))
        message = f"input {name} has a batch of {found}, but X has one of {rows}; make them equal"
        grows, size = (x.batch, size_of(axes[1])) if _is_open(x.batch) else (axes[1], expected[1])
        raise walk.need_size(node, grows, size, message)
    if len(axes) != 3 or (size_of(axes[0]), size_of(axes[2])) != (expected[0], hidden):
        message = f"input {name} is {describe(view.axes)}, expected {_texts(expected, x.batch)}"
        raise walk.need_size(node, axes[-1] if axes else (), hidden, message)
    return axes[0], axes[1], axes[2]


def _same_rows(axis: Axis, batch: Axis) -> bool:
    """Two open axes, named the same or not, are of one size: no call could differ in them."""
    return size_of(axis) == size_of(batch) or (_is_open(axis) and _is_open(batch))


def _is_open(axis: Axis) -> bool:
    return any(atom.open for atom in axis)


def _texts(sizes: tuple[int, int, int], batch: Axis) -> str:
    return f"[{sizes[0]}, {'?' if _is_open(batch) else sizes[1]}, {sizes[2]}]"


def _state_vectors(
    walk: Walk,
    node: OnnxNode,
    x: Sequence,
    name: str,
    array: Doubles,
    shape: tuple[Settings, int],
) -> Doubles:
    """[D, H] from [D, B, H], or from [B, D, H] where the layout is 1."""
    settings, hidden = shape
    if settings.batch_first and array.ndim == 3:
        array = array.transpose(1, 0, 2)
    rows = array.shape[1] if array.ndim == 3 and array.size else size_of(x.batch)
    if rows != size_of(x.batch):
        message = f"input {name} has {rows} batch rows, but X has {size_of(x.batch)}"
        raise walk.need_size(node, x.batch, rows, message)
    _check_shape(node, name, array, (len(settings.directions), rows, hidden))
    if not (array == array[:, :1]).all():
        raise node.error(f"input {name} differs from batch row to row; export with a batch of 1")
    return array[:, 0]
