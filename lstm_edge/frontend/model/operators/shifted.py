"""Sequences moved in time: differences of steps, constants in front, steps that see the next one.

Two ranges of one sequence that begin at different steps run in step where the earlier one is
delayed; what is put in front of a sequence is chosen by the number of the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lstm_edge.frontend.model.axes import View
from lstm_edge.frontend.model.convolution import over_window
from lstm_edge.frontend.model.walk import Walk
from lstm_edge.ir.clock import Window
from lstm_edge.ir.expr import Cell, constant, input_vector, within
from lstm_edge.ir.model import Concat, Layer, Node, Slice, Work, is_a
from lstm_edge.layers.window import delayed


def is_range(walk: Walk, tensor: str) -> bool:
    """Whether a tensor is a range of the steps of a sequence."""
    return _range(walk.draft.producer(tensor)) is not None


def _range(node: Node[Work] | None) -> Window | None:
    """The window of a layer that gives vectors of another sequence as they are."""
    if node is None or not is_a(node, Layer) or node.op.window is None:
        return None
    known = node.op.cell.name in ("kept", "delayed") and node.op.window.stride == 1
    return node.op.window if known else None


def in_step(walk: Walk, views: Sequence[View], source: str) -> tuple[View, ...]:
    """Ranges of sequences that are equally long and begin at different steps, the earlier ones
    delayed, so that they run together.
    """
    draft = walk.draft
    found = []
    for view in views:
        parts = draft.parts(view.tensor)
        windows = {_range(draft.producer(part)) for part in parts}
        found.append(windows.pop() if len(windows) == 1 else None)
    if any(window is None or window.kernel > 1 for window in found):
        return tuple(views)
    begins = [-window.left for window in found if window is not None]
    result = []
    for view, window, begin in zip(views, found, begins, strict=True):
        late = max(begins) - begin
        if late and window is not None:
            sight = Window(late + 1, 1, window.left, window.right + late)
            tensors = [
                over_window(draft, delayed(), _source(walk, part), sight, source)
                for part in draft.parts(view.tensor)
            ]
            view = replace(view, tensor=draft.concat(tensors, source))
        result.append(view)
    return tuple(result)


def _source(walk: Walk, tensor: str) -> str:
    node = walk.draft.producer(tensor)
    assert node is not None
    return node.inputs["x"]


def behind_constant(walk: Walk, x: str, count: int, number: float, source: str) -> str:
    """`x` with `count` vectors of one number before it."""
    draft = walk.draft
    moved = _earlier(walk, x, count)
    if moved is not None:
        y = within(constant(count), constant(number), input_vector("x"))
        made = draft.layer("padded", Cell("padded", {"y": y}), moved, None, {}, source)
        return made["y"]
    window = _range(draft.producer(x))
    if window is not None and window.kernel == 1 and 0 <= -window.left < count:
        x, late = _source(walk, x), count + window.left
        sight = Window(late + 1, 1, late, window.right + late)
        return over_window(draft, delayed(), x, sight, source, number)
    sight = Window(count + 1, 1, count, count)
    return over_window(draft, delayed(), x, sight, source, number)


def before_constant(walk: Walk, x: str, count: int, number: float, source: str) -> str:
    """`x` with `count` vectors of one number behind it."""
    draft, left, right = walk.draft, 0, count
    window = _range(draft.producer(x))
    if window is not None and window.kernel == 1 and window.right == 0:
        x, left = _source(walk, x), window.left
    sight = Window(1, 1, left, right)
    return over_window(draft, delayed(), x, sight, source, number)


def behind_first(walk: Walk, head: str, x: str, count: int, source: str) -> str | None:
    """`x` behind the first `count` vectors of the sequence `head`; None where they do not run in
    step then.
    """
    draft = walk.draft
    window = _range(draft.producer(head))
    if window is None or window.kernel > 1 or window.left:
        return None
    moved = behind_constant(walk, x, count, 0.0, source)
    y = within(constant(count), input_vector("x"), input_vector("z"))
    whole = _source(walk, head)
    cell = Cell("behind_first", {"y": y})
    return draft.layer("joined", cell, whole, None, {}, source, more={"z": moved})["y"]


def _earlier(walk: Walk, tensor: str, count: int) -> str | None:
    """A tensor that runs `count` ticks earlier: its vectors from `count` on are those of `tensor`
    from 0 on. None where what it is made of is not there yet.
    """
    draft, moved = walk.draft, dict[str, str]()
    for node in _moving(walk, tensor, count):
        window = _range(node)
        if window is not None and is_a(node, Layer):
            sight = replace(window, left=window.left + count)
            x = node.inputs["x"]
            moved[node.outputs["y"]] = over_window(draft, node.op.cell, x, sight, node.source)
            continue
        inputs = {name: moved[t] for name, t in node.inputs.items()}
        outputs = {name: draft.copy_of(t) for name, t in node.outputs.items()}
        draft.nodes.append(replace(node, inputs=inputs, outputs=outputs))
        moved.update(zip(node.makes, outputs.values(), strict=True))
    return moved.get(tensor)


def _moving(walk: Walk, tensor: str, count: int) -> list[Node[Work]]:
    """The nodes that have to run `count` ticks earlier for a tensor to do so, in their order; none
    where one of them cannot.
    """
    found, left = dict[str, Node[Work]](), [tensor]
    while left:
        node = walk.draft.producer(left.pop())
        window = _range(node)
        if node is None or (window is None and not _is_plain(node)):
            return []
        if window is not None and window.kernel - 1 - window.left < count:
            return []
        if node.makes[0] not in found:
            found[node.makes[0]] = node
            left += node.reads if window is None else ()
    return [node for node in walk.draft.nodes if node.makes[0] in found]


def _is_plain(node: Node[Work]) -> bool:
    """Whether each vector that a node makes depends on those of its own step alone."""
    if is_a(node, Layer):
        return not node.op.cell.states and node.op.window is None
    return isinstance(node.op, Concat | Slice)


def number_of(array: np.ndarray) -> float | None:
    """The one number that an array holds, None where it holds several."""
    same = array.size > 0 and bool((array == array.reshape(-1)[0]).all())
    return float(array.reshape(-1)[0]) if same else None
