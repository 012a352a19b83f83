"""The input sequence_lens of LSTM, GRU and RNN: all steps, a constant number, or an input's.

Front ends may also give a mask there, [batch, time, 1], or [time, batch, 1] as X: 1 for each step
that counts, 0 for those that are skipped, which no file of ONNX can say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_edge import cells
from lstm_edge.frontend.model.axes import View, describe, size_of
from lstm_edge.frontend.model.operators.features import require_features
from lstm_edge.frontend.model.operators.pending import settled
from lstm_edge.frontend.model.recurrent.weights import Sequence
from lstm_edge.frontend.model.walk import Foreign, OnnxNode, Walk
from lstm_edge.ir.expr import Cell

ANY_LENGTH = 2**31 - 1
"""The limit of lengths where that of the sequence is open."""


@dataclass(frozen=True)
class Length:
    """How many steps count: `steps`, or what input tensor `tensor` says, or those of which tensor
    `mask` is 1; none of these: all. ends: the mask is 1 for the first steps, then 0.
    """

    steps: int | None = None
    tensor: str = ""
    mask: str = ""
    ends: bool = False

    def stop(self, cell: Cell) -> Cell:
        """The cell as it runs for this length."""
        if self.mask:
            return cells.masked(cell, ends=self.ends)
        if self.steps is None and not self.tensor:
            return cell
        return cells.until(cell, self.steps)

    @property
    def inputs(self) -> dict[str, str]:
        """What the stopped cell reads besides x."""
        found = {"length": self.tensor, "mask": self.mask}
        return {name: tensor for name, tensor in found.items() if tensor}


def length_of(walk: Walk, node: OnnxNode, x: Sequence) -> Length:
    """The length that a node says; refuses one beyond the sequence, or that differs by row."""
    given = node.inputs[4] if len(node.inputs) > 4 else None
    if given is None:
        return Length()
    if isinstance(given, View) and given.ids is None and len(given.axes) == 3:
        return Length(mask=_mask(walk, node, x, given))
    counted = given.counts if isinstance(given, Foreign) else given
    if isinstance(counted, View) and counted.tensor in walk.counts and not counted.pending:
        return Length(mask=_counted(walk, node, counted), ends=True)
    if isinstance(given, View):
        return Length(tensor=_from_input(walk, node, x, given))
    lengths = node.integers(4, "input sequence_lens") or []
    steps = size_of(x.time)
    if len(set(lengths)) != 1:
        raise node.error(
            f"input sequence_lens = {lengths[:8]} differs from row to row of the batch; export "
            "with a batch of 1, or make the lengths an input"
        )
    if all(length == steps for length in lengths):
        walk.fix_time(node)
        return Length()
    if not 0 <= lengths[0] < steps:
        raise node.error(
            f"input sequence_lens = {lengths[:8]}, expected 0 to {steps}, the sequence's length"
        )
    return Length(steps=lengths[0])


def _mask(walk: Walk, node: OnnxNode, x: Sequence, view: View) -> str:
    """The tensor of a mask, of one number for each step of X."""
    view = settled(walk, view)
    time = view.axes[1 if node.attributes.get("layout", 0) else 0]
    walk.assign(node, time, "time")
    require_features(walk, node, view, view.axes[2])
    if size_of(time) != size_of(x.time) or walk.draft.size(view.tensor) != 1:
        raise node.error(
            f"its mask {describe(view.axes)} has not one number for each step of "
            f"{describe(x.view.axes)}"
        )
    if walk.draft.roots[view.tensor] is None:
        raise node.error("its mask is the same at each step; give it one with a time axis")
    return view.tensor


def _counted(walk: Walk, node: OnnxNode, view: View) -> str:
    """The tensor of a mask of which `view` is the sum over all steps of X."""
    walk.warnings.append(
        f"{node.label} runs for as many steps as a mask has ones; the C skips those where it is 0, "
        "which is the same where the ones come first: give it such masks"
    )
    return walk.counts[view.tensor]


def _from_input(walk: Walk, node: OnnxNode, x: Sequence, view: View) -> str:
    """The tensor of lengths that are an input of the graph, one for each row of the batch."""
    computed = walk.draft.producer(view.tensor) is not None
    if view.ids is None or computed or len(view.axes) != 1:
        raise node.error(
            f"input sequence_lens {describe(view.axes)} is no input of the graph of integers, one "
            "for each row of the batch, no sum of a mask over its steps and no constant; make it "
            "an input"
        )
    (rows,) = view.axes
    walk.assign(node, rows, "batch")
    longest = None if any(a.open for a in x.time) else size_of(x.time)
    tried = np.arange(1024 if longest is None else longest + 1, dtype=np.int64)
    if not np.array_equal(view.ids(tried), tried):
        raise node.error("input sequence_lens is computed from an input; feed it as it is")
    limit = ANY_LENGTH if longest is None else longest + 1
    walk.limits[view.tensor] = min(limit, walk.limits.get(view.tensor, limit))
    return view.tensor
