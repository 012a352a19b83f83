"""Sequences of inputs that come more slowly than others: one vector for several steps.

The model's steps are those of the fastest input. A slow one is held: at each step a caller gives
the vector that came last. So it is there at any step until the next one comes, and repeated for all
steps of it without any work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lstm_edge.frontend.model.axes import Atom, View, size_of
from lstm_edge.frontend.model.convolution import over_window
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.frontend.model.walk import OnnxNode, RateNeeded, Walk
from lstm_edge.ir.clock import EVERY_TICK, Clock, Window
from lstm_edge.ir.model import Concat, Layer, Node, Slice, Work, is_a
from lstm_edge.layers.window import delayed, hold, kept


def at_its_rate(walk: Walk, name: str, view: View) -> View:
    """The view of an input's vectors as they come."""
    every = steps_of_each(walk, name)
    if every == 1:
        return view
    for k, axis in enumerate(view.axes):
        if (name, k) in walk.rates:
            walk.roles.update(dict.fromkeys(axis, "time"))
            walk.derived.update(axis)
    slow = over_window(walk.draft, kept(), view.tensor, Window(1, every), f"input {name!r}")
    walk.slow[slow] = (view.tensor, every)
    return replace(view, tensor=slow)


def as_held(walk: Walk, view: View) -> View:
    """The view of an input as it is given at each step."""
    return replace(view, tensor=walk.slow.get(view.tensor, (view.tensor, 1))[0])


def steps_of_each(walk: Walk, name: str) -> int:
    """Steps of the model for each vector of an input."""
    return max((n for (owner, _), n in walk.rates.items() if owner == name), default=1)


def repeated_steps(walk: Walk, node: OnnxNode, view: View, axis: int, times: int) -> View | None:
    """A slow input's vectors, each at so many steps; None for any other sequence. Of an input that
    may be one the visit starts again.
    """
    atoms = walk.pieces(view.axes[axis])
    if len(atoms) != 1 or times < 2:
        return None
    fast = fastest(walk, atoms[0].size * times)
    if fast is None or view.pending:
        return None
    if view.tensor in walk.slow and walk.slow[view.tensor][1] == times:
        take_for_time(walk, fast)
        return replace(view.with_axis(axis, (fast,)), tensor=walk.slow[view.tensor][0])
    if atoms[0] in walk.input_atoms and walk.draft.producer(view.tensor) is None:
        raise RateNeeded(node.label, "repeats steps", _place(walk, atoms[0]), times)
    return None


def fastest(walk: Walk, size: int) -> Atom | None:
    """The axis of an input's `size` steps that come one by one, as far as an operator told."""
    alike = [a for a in walk.input_atoms if a.size == size and a not in walk.derived]
    return next((a for a in alike if walk.roles.get(a) in (None, "time")), None)


def take_for_time(walk: Walk, atom: Atom) -> None:
    """An axis that must be that of steps where no operator has told."""
    if walk.roles.get(atom) is None:
        walk.roles[atom] = "time"
        walk.guessed.add(atom)


def at_different_rates(walk: Walk, times: Sequence[Atom]) -> None:
    """Where one input has several times as many steps as others, the visit starts again."""
    most = max(atom.size for atom in times)
    for atom in times:
        if atom.size < most and most % atom.size == 0 and atom in walk.input_atoms:
            message = f"has a vector for each {most // atom.size} steps"
            raise RateNeeded("graph", message, _place(walk, atom), most // atom.size)


def _place(walk: Walk, atom: Atom) -> tuple[str, int]:
    name, _, _ = atom.name.rpartition(" ")
    return name, walk.input_atoms[atom]


def repeats(wanted: Sequence[int], size: int) -> int:
    """How often each of `size` steps is wanted, one after the other; 0 in any other order."""
    times, rest = divmod(len(wanted), size)
    plain = not rest and times > 1 and np.array_equal(wanted, np.repeat(np.arange(size), times))
    return times if plain else 0


def on_one_clock(walk: Walk, views: Sequence[View], source: str) -> tuple[View, ...]:
    """Sequences of one length, where there are slow inputs: the others wait for the last of them.
    Each held vector is read at the tick at which the others are there.
    """
    draft = walk.draft
    if not (walk.slow or walk.holds) or not all(draft.roots[view.tensor] for view in views):
        return tuple(views)
    steps = _steps_of_all(walk, 0)
    clocks = [clock_of(draft, view.tensor, steps.size if steps else 0) for view in views]
    late = max(clocks, key=lambda clock: clock.first)
    result = []
    for view, clock in zip(views, clocks, strict=True):
        moved = None
        if clock != late and clock.stride == late.stride:
            ticks, extra = late.first - clock.first, late.extra - clock.extra
            moved = _moved(walk, view.tensor, ticks, extra)
            if moved is None and ticks == extra and ticks % clock.stride == 0:
                moved = _later(walk, view.tensor, ticks // clock.stride, source)
        result.append(view if moved is None else replace(view, tensor=moved))
    return tuple(result)


def held_steps(walk: Walk, view: View, axis: int, times: int, source: str) -> View | None:
    """A computed sequence, each vector at so many steps, where it takes as many steps of the
    model's sequence until the next one comes; None for any other.
    """
    draft, count = walk.draft, size_of(view.axes[axis]) * times
    steps = None if any(a.open for a in view.axes[axis]) else _steps_of_all(walk, count)
    clock = None if steps is None else _clocks(draft, steps.size).get(view.tensor)
    if steps is None or clock is None or clock.stride % times:
        return None
    take_for_time(walk, steps)
    tensors = []
    for part in draft.parts(view.tensor):
        # in a place of its own, which nothing else takes until the next one comes
        last = over_window(draft, kept(), part, Window(1), source)
        tensors.append(draft.layer("hold", hold(), last, None, {}, source, times=times)["y"])
    walk.holds = True
    walk.fixed_by = walk.fixed_by or source
    longer = steps if count == steps.size else walk.new_time(count, view.axes[axis])
    return replace(view.with_axis(axis, (longer,)), tensor=draft.concat(tensors, source))


def _steps_of_all(walk: Walk, count: int) -> Atom | None:
    """The axis of the model's steps, as far as it is known: else one of `count` steps."""
    known = (a for a in walk.input_atoms if walk.roles.get(a) == "time" and a not in walk.derived)
    return next(known, None) or fastest(walk, count)


def _clocks(draft: Draft, steps: int) -> dict[str, Clock]:
    """When the vectors are computed of all tensors that are there in the first sweep, over so many
    steps.
    """
    found = {t: EVERY_TICK for t, root in draft.roots.items() if root == t}
    for node in draft.nodes:
        clocks = {found.get(t) for t in node.reads}
        clock = clocks.pop() if len(clocks) == 1 else None
        if clock is None:
            continue
        if is_a(node, Layer):
            if node.op.reverse or node.op.over is not None:
                continue
            clock = _behind(node.op, clock, steps)
        elif not isinstance(node.op, Concat | Slice):
            continue
        found.update(dict.fromkeys(node.makes, clock))
    return found


def _behind(layer: Layer, clock: Clock, steps: int) -> Clock:
    """When a layer runs that reads the vectors of a clock."""
    if layer.times > 1:
        return clock.held(layer.times, steps)
    return clock if layer.window is None else clock.then(layer.window)


def clock_of(draft: Draft, tensor: str, steps: int) -> Clock:
    """When the vectors of a sequence are computed, in one sweep over so many steps."""
    node = draft.producer(tensor)
    if node is None:
        return EVERY_TICK
    read = [t for t in node.reads if draft.roots[t]]
    before = clock_of(draft, read[0], steps) if read else EVERY_TICK
    return _behind(node.op, before, steps) if is_a(node, Layer) else before


def _moved(walk: Walk, tensor: str, ticks: int, extra: int) -> str | None:
    """The same sequence so many ticks later, `extra` more of them after the end; None where it is
    made of others than slow inputs.
    """
    slow = _slow_inputs(walk, tensor)
    rates = {walk.slow[each][1] for each in slow or ()}
    if slow is None or len(rates) != 1 or ticks < 0:
        return None
    (every,) = rates
    whole, first = divmod(ticks, every)
    right = extra - whole * every
    if not first - every < right <= first:  # else it would have more vectors, or fewer
        return None
    made = {
        t: over_window(walk.draft, kept(), walk.slow[t][0], Window(1, every, -first, right), "")
        for t in slow
    }
    moved = _rebuilt(walk.draft, tensor, made)
    return _later(walk, moved, whole, "") if whole else moved


def _later(walk: Walk, tensor: str, steps: int, source: str) -> str:
    """The same sequence so many of its steps later."""
    return over_window(walk.draft, delayed(), tensor, Window(steps + 1, 1, 0, steps), source)


def _slow_inputs(walk: Walk, tensor: str) -> tuple[str, ...] | None:
    """The slow inputs that a sequence is made of; None where there are others."""
    if tensor in walk.slow:
        return (tensor,)
    node = walk.draft.producer(tensor)
    steps = [t for t in node.reads if walk.draft.roots[t]] if node is not None else []
    found = [_slow_inputs(walk, t) for t in steps]
    if not steps or any(each is None for each in found):
        return None
    return tuple(dict.fromkeys(t for each in found for t in each or ()))


def _rebuilt(draft: Draft, tensor: str, made: dict[str, str]) -> str:
    """A sequence once more, of others in place of those in `made`, which it takes in."""
    if tensor in made or not draft.roots[tensor]:
        return made.get(tensor, tensor)
    node = draft.producer(tensor)
    assert node is not None
    inputs = {name: _rebuilt(draft, t, made) for name, t in node.inputs.items()}
    outputs = {name: draft.copy_of(t) for name, t in node.outputs.items()}
    copy: Node[Work] = replace(node, inputs=inputs, outputs=outputs)
    draft.nodes.append(copy)
    made.update(zip(node.outputs.values(), outputs.values(), strict=True))
    return made[tensor]
