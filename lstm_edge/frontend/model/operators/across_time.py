"""A vector of the whole sequence where there are steps: repeated, or read at each of them.

Behind an encoder, a mean over time or the largest of all scores a second pass over the steps reads
it; a vector that is an input is there from the first step on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from lstm_edge.frontend.model.axes import Atom, Axis, Cut, View, describe, size_of, substitute
from lstm_edge.frontend.model.operators.features import grid_of, usual_role
from lstm_edge.frontend.model.walk import OnnxNode, Walk
from lstm_edge.ir.clock import Length, Window
from lstm_edge.ir.expr import Cell, Expr, apply, input_vector, larger
from lstm_edge.layers.attention import all_steps as steps_end_to_end
from lstm_edge.layers.functions import SMALLEST_NORM
from lstm_edge.layers.window import at_each_step


def has_steps(walk: Walk, view: View) -> bool:
    """Whether an axis of a view counts steps."""
    return any(walk.roles.get(atom) == "time" for atom in walk.pieces(view.atoms))


def vector_of(walk: Walk, view: View, source: str) -> str:
    """The tensor of a view without steps: of what has one step, that one."""
    draft = walk.draft
    root = draft.roots[view.tensor]
    return view.tensor if root is None else draft.last_step(view.tensor, source)


def read_at_each_step(walk: Walk, views: Sequence[View], source: str) -> tuple[View, ...]:
    """Views of one rank; those that have no steps where others have take their time axis, and are
    vectors that are read at each step.
    """
    for k in range(len(views[0].axes)):
        timed = [v for v in views if v.axes[k] and usual_role(walk, v, k) == "time"]
        if not timed or len(timed) == len(views):
            continue
        views = tuple(
            replace(v.with_axis(k, timed[0].axes[k]), tensor=vector_of(walk, v, source))
            if not v.axes[k] and not has_steps(walk, v)
            else v
            for v in views
        )
    return tuple(views)


MOST_KEPT = 2**16
"""Numbers of a sequence that are kept to be read as one vector."""


def all_steps(walk: Walk, node: OnnxNode, view: View) -> View:
    """A settled sequence as one vector of the whole of it, its steps end to end, which are an axis
    of features then.
    """
    for k in range(len(view.axes)):
        usual_role(walk, view, k)
    time = next(a for a in walk.pieces(view.atoms) if walk.roles.get(a) == "time")
    if time.open:
        raise node.error(
            f"reads all steps of {describe(view.axes)} at each step, which have to be kept in "
            "memory; give their number with --steps",
        )
    walk.fix_time(node)
    made, steps = _end_to_end(walk, node, view, Window(time.size))
    axes = substitute(view.axes, lambda a: steps if a == time else walk.parts(a))
    return replace(made, axes=axes, tensor=walk.draft.last_step(made.tensor, node.label))


def grouped_steps(walk: Walk, node: OnnxNode, view: View, cut: Cut) -> View:
    """A settled sequence with its time axis cut: several steps in a row, which are an axis of
    features, are one of a sequence that has so many times fewer.
    """
    time, count = cut.atom, cut.atom.size // cut.outer
    for k in range(len(view.axes)):
        usual_role(walk, view, k)
    made, steps = _end_to_end(walk, node, view, Window(count, count))
    fewer = (walk.new_time(cut.outer, (time,)), *steps)
    return replace(made, axes=substitute(view.axes, lambda a: fewer if a == time else (a,)))


def _end_to_end(walk: Walk, node: OnnxNode, view: View, window: Window) -> tuple[View, Axis]:
    """The steps that a window sees as one vector, and the axis of features that counts them."""
    grid, draft = grid_of(walk, view), walk.draft
    if draft.size(view.tensor) is None:  # an input's, known from its axes
        draft.features[view.tensor] = size_of(grid)
    size = (draft.size(view.tensor) or 1) * window.kernel
    if size > MOST_KEPT:
        raise node.error(f"keeps {size} numbers of {describe(view.axes)}; too many")
    cell = steps_end_to_end()
    made = draft.layer(cell.name, cell, view.tensor, size, {}, node.label, window=window)
    steps = walk.new_axis("steps", window.kernel, "feature")
    return replace(view, tensor=made["y"], grid=(*steps, *grid)), steps


def one_time_axis(walk: Walk, node: OnnxNode, views: Sequence[View]) -> tuple[View, ...]:
    """Views of one rank; a sequence whose steps another one has on an earlier axis, or counts as
    features that a matrix made of them, is a vector.
    """
    times = [k for view in views for k in range(len(view.axes)) if _shows_steps(walk, view, k)]
    made = [k for k in times if any(_made_at(walk, v, k) for v in views)]
    late = [
        any(_shows_steps(walk, v, k) for k in times if k > min(times) or k in made) for v in views
    ]
    return tuple(
        all_steps(walk, node, view) if other else view
        for view, other in zip(views, late, strict=True)
    )


def sequence_among(walk: Walk, views: Sequence[View]) -> View:
    """The view of which the steps are computed one by one, the first where there is none."""
    followed = (v for v in views if has_steps(walk, v) and walk.draft.roots[v.tensor])
    return next(followed, views[0])


def repeated_over_time(walk: Walk, node: OnnxNode, view: View, axis: int, size: int) -> View:
    """A vector at each of `size` steps, which `axis` counts: as many as the model's sequence has,
    or another number.
    """
    if has_steps(walk, view):
        raise node.error(
            f"repeats {describe(view.axes)}, a sequence, along another axis; only a vector of the "
            "whole sequence can be repeated, once for each step"
        )
    if view.axes:
        walk.assign(node, walk.pieces(view.axes[-1]), "feature")
    tensor = vector_of(walk, view, node.label)
    time, over, root = steps_of(walk, node, size)
    made = walk.draft.layer(
        "each_step", at_each_step(), tensor, None, {}, node.label, reverse=None, over=over
    )
    walk.draft.roots[made["y"]] = root
    return replace(view.with_axis(axis, (time,)), tensor=made["y"])


def softmax_over_time(walk: Walk, view: View, source: str, logarithm: bool = False) -> View:
    """exp(x - largest) / total of each feature over all steps: the largest is known after one pass,
    the total after another.
    """
    draft, x = walk.draft, view.tensor
    largest = draft.reduce("max", x, source)
    less, power = _cell("sub", lambda x, y: x - y), _cell("exp", lambda x, y: apply("exp", x - y))
    raised = draft.layer("exp", power, x, None, {}, source, reverse=None, more={"y": largest})["y"]
    total = draft.reduce("sum", raised, source)
    if not logarithm:
        share = _cell("divide", lambda x, y: x / y)
        y = draft.layer("share", share, raised, None, {}, source, reverse=None, more={"y": total})
        return replace(view, tensor=y["y"])
    log = Cell("log", {"y": apply("log", input_vector("x"))}, limited=True)
    total = draft.layer("log", log, total, None, {}, source)["y"]
    below = draft.layer("sub", less, x, None, {}, source, reverse=None, more={"y": largest})["y"]
    y = draft.layer("sub", less, below, None, {}, source, reverse=None, more={"y": total})
    return replace(view, tensor=y["y"])


def standardized(walk: Walk, view: View, epsilon: float, source: str) -> View:
    """(x - mean) / sqrt(variance + epsilon) of each feature over all steps."""
    draft, x = walk.draft, view.tensor
    less, share = _cell("sub", lambda x, y: x - y), _cell("divide", lambda x, y: x / y)
    average = draft.reduce("mean", x, source)
    distance = draft.layer("sub", less, x, None, {}, source, reverse=None, more={"y": average})["y"]
    square = Cell("square", {"y": input_vector("x") * input_vector("x")}, limited=True)
    squares = draft.layer("square", square, distance, None, {}, source)["y"]
    deviation = deviation_of(walk, draft.reduce("mean", squares, source), epsilon, source)
    y = draft.layer("share", share, distance, None, {}, source, reverse=None, more={"y": deviation})
    return replace(view, tensor=y["y"])


def deviation_of(walk: Walk, variance: str, epsilon: float, source: str) -> str:
    """sqrt(variance + epsilon)."""
    root = Cell("deviation", {"y": apply("sqrt", input_vector("x") + epsilon)}, limited=True)
    return walk.draft.layer("deviation", root, variance, None, {}, source)["y"]


def shares(walk: Walk, x: str, norm: str, source: str) -> str:
    """Each step divided by a vector of the whole sequence, of lengths."""
    share = _cell("share", lambda x, y: x / larger(y, SMALLEST_NORM))
    more = {"y": norm}
    return walk.draft.layer("share", share, x, None, {}, source, reverse=None, more=more)["y"]


def _cell(name: str, function: Callable[[Expr, Expr], Expr]) -> Cell:
    return Cell(name, {"y": function(input_vector("x"), input_vector("y"))}, limited=True)


def steps_of(walk: Walk, node: OnnxNode, size: int) -> tuple[Atom, Length, str]:
    """The axis of `size` steps, its length, and the input whose sequence the model goes through."""
    times = times_of_inputs(walk)
    if not times:
        raise node.error(
            "repeats a vector over steps where no input is a sequence yet; give the network an "
            "input with a time axis"
        )
    owner = walk.values[times[0].name.rpartition(" ")[0]]
    assert isinstance(owner, View)
    alike = [atom for atom in times if atom.size == size]
    if alike:
        if not alike[0].open:  # another length of the input's is none of what is made
            walk.fix_time(node)
        return alike[0], Length(), owner.tensor
    if any(atom.open for atom in times):
        raise node.error(
            f"repeats a vector over {size} steps where the input's sequence has any length, which "
            "has to be kept in memory; give its length with --steps"
        )
    walk.fix_time(node)
    return walk.new_time(size), Length(size - times[0].size - 1), owner.tensor


def times_of_inputs(walk: Walk) -> list[Atom]:
    """Axes of inputs that count steps, or usually do where no operator has told anything."""
    found = [a for a, r in walk.roles.items() if r == "time" and a not in walk.derived]
    if found:
        return found
    views = [v for v in walk.values.values() if isinstance(v, View) and len(v.axes) == 3]
    owners = [v for v in views if v.axes[1] and v.axes[1][0] in walk.input_atoms]
    return [v.axes[1][0] for v in owners if usual_role(walk, v, 1) == "time"]


def _made_at(walk: Walk, view: View, k: int) -> bool:
    """Whether an axis of a vector of the whole sequence counts numbers that the model computes."""
    atoms = walk.pieces(view.axes[k])
    inside = all(walk.roles.get(a) in ("feature", "layer") for a in atoms)
    known = all(a.open or a in walk.roles for a in walk.pieces(view.atoms))
    whole = inside and known and not has_steps(walk, view)
    return bool(atoms) and whole and walk.input_atoms.keys().isdisjoint(atoms)


def _shows_steps(walk: Walk, view: View, k: int) -> bool:
    """Whether an operator has told that an axis counts steps."""
    return any(walk.roles.get(atom) == "time" for atom in walk.pieces(view.axes[k]))
