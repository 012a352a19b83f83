"""What enters a recurrent step: steps of sequences, vectors and states, as symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import Axis, View, size_of
from lstm_edge.frontend.model.operators.across_time import all_steps, vector_of
from lstm_edge.frontend.model.operators.features import (
    places_of,
    refuse_one_vector,
    reordered,
    require_features,
    usual_role,
)
from lstm_edge.frontend.model.operators.ids import of_step
from lstm_edge.frontend.model.operators.pending import foldable, settled
from lstm_edge.frontend.model.walk import OnnxNode, Walk
from lstm_edge.frontend.step.evaluate import drawn
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.rows import NotRows
from lstm_edge.frontend.step.symbols import Symbols, together


class Entering:
    """What the symbols of a step are in the model, while a step is read."""

    def __init__(self, walk: Walk, node: OnnxNode, timed: bool) -> None:
        self.walk, self.node, self.timed = walk, node, timed
        self.time: Axis = ()
        self.batch: Axis = ()
        self.rows = 0
        """Rows of a batch of a fixed size, each with leaves of its own; 1 of one of any size, where
        rows are known to be alike; 0 where there is no batch.
        """
        self.trial: dict[str, npt.NDArray[np.float64]] | None = None
        """Numbers in the place of inputs, while a step is run on them."""
        self._beside = set(walk.beside)
        self.again()

    def again(self) -> None:
        """Forget what was read, to read it once more."""
        self.walk.beside = set(self._beside)
        self.leaves = Leaves()
        self.inputs: dict[int, str] = {}
        self.tensors: dict[str, str] = {}
        self._known: dict[tuple[str, str], Symbols] = {}
        self._own: dict[int, tuple[int, str]] = {}
        self._batches: list[Axis] = []

    def data(self, view: View, time: int | None) -> Symbols:
        """One step of a view as an input of the step; time: the axis of steps, which goes, None for
        a vector that each step reads, or for the only step.
        """
        walk, node = self.walk, self.node
        view = of_step(walk, node, view)
        key = (view.tensor, repr((view.axes, time)))
        if key in self._known:
            return self._known[key]
        if time is not None:
            walk.assign(node, view.axes[time], "time")
            self.time = view.axes[time]
        vector = time is None and self.timed
        if vector:
            view = self._vector(view)
        if not vector and (time is None or not view.axes[time]):
            walk.one_step = node.label
        left = [axis for k, axis in enumerate(view.axes) if k != time]
        if self.rows:
            self._take_batch(left)
        self.open_batch(left if self.rows == 1 else (*left, self.batch))
        view = foldable(walk, view)
        view = self._features(view, left)
        if not vector and walk.draft.roots[view.tensor] is None:
            refuse_one_vector(walk, node, () if time is None else walk.pieces(view.axes[time]))
        walk.sequences |= walk.draft.followed(view.tensor)
        value = f"input {len(self.tensors)}"
        shape = [size_of(axis) for axis in left]
        if walk.draft.size(view.tensor) is None:  # an input's, known from its axes
            walk.draft.features[view.tensor] = int(np.prod(shape, dtype=np.int64))
        made = self._in_rows("input", value, shape)
        self.inputs[int(made.leaf.flat[0])] = value
        self.tensors[value] = view.tensor
        if view.scale is not None:
            made = self.leaves.scale(made, self._of_features(view.scale, shape))
        if view.offset is not None:
            made = self.leaves.combine(made, self._of_features(view.offset, shape), 1.0, 1.0)
        self._known[key] = made
        return made

    def _take_batch(self, left: list[Axis]) -> None:
        """Take the first of the axes of a step, which counts rows."""
        if not left or (self.rows != 1 and size_of(left[0]) != self.rows):
            raise NotRows("another size")
        self.batch = left.pop(0)
        self._batches.append(self.batch)

    def _vector(self, view: View) -> View:
        """What is read at each step that has no steps."""
        if any(usual_role(self.walk, view, k) == "time" for k in range(len(view.axes))):
            return all_steps(self.walk, self.node, settled(self.walk, view))
        return replace(view, tensor=vector_of(self.walk, view, self.node.label))

    def _in_rows(self, kind: Literal["input", "state"], name: str, shape: Sequence[int]) -> Symbols:
        """A vector of the step, one for each row; its numbers in a trial."""
        if self.trial is not None:
            array = self.trial.setdefault(name, drawn(len(self.trial), shape))
            return self.leaves.lift(np.stack([array] * self.rows) if self.rows else array)
        if not self.rows:
            return self.leaves.named(kind, name, shape)
        made = [self.leaves.named(kind, name, shape) for _ in range(self.rows)]
        self._own |= {int(m.leaf.flat[0]): (row, name) for row, m in enumerate(made)}
        return together(made, np.stack)

    @staticmethod
    def _of_features(numbers: npt.NDArray[np.float64], shape: Sequence[int]) -> npt.ArrayLike:
        """A scalar, or one number for each feature, as the step's tensor has them."""
        flat = np.broadcast_to(numbers.reshape(-1), (int(np.prod(shape, dtype=np.int64)),))
        return flat.reshape(shape)

    def open_batch(self, axes: Sequence[Axis]) -> None:
        """A step has one row of a batch: the size of open axes is 1."""
        for axis in axes:
            for atom in axis:
                if atom.open:
                    raise self.walk.need_size(
                        self.node,
                        (atom,),
                        1,
                        f"is a recurrent step of {atom.size} rows of a batch; export it with a "
                        "batch of 1",
                    )

    def _features(self, view: View, left: Sequence[Axis]) -> View:
        """The view with its features explained: all axes but time, the outermost first."""
        walk, node = self.walk, self.node
        full = [axis for axis in left if axis]
        if len(full) <= 1 and not view.grid:
            require_features(walk, node, view, full[0] if full else ())
            return view
        atoms = tuple(a for axis in full for a in walk.pieces(axis))
        made = walk.draft.producer(view.tensor) is not None
        if not view.grid and not made:
            for axis in full:
                for atom in walk.pieces(axis):
                    walk.assign(node, (atom,), "feature")
            walk.columns[view.tensor] = atoms
            return replace(view, grid=atoms)
        if places_of(walk, view, atoms) is not None:
            view = reordered(walk, settled(walk, view), atoms, node.label)
        require_features(walk, node, view, atoms)
        return view
