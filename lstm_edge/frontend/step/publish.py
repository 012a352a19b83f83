"""What a node `Repeat` gives, and the tensors of the file that are made of it.

A result has the axis of rows of a batch first, if there is one, then those of what a step gives,
among them the axis of steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lstm_edge.frontend.graph.patch import Patch
from lstm_edge.frontend.step.finder import End
from lstm_edge.frontend.step.region import Region
from lstm_edge.frontend.step.repetition import RepeatedResult


@dataclass(frozen=True)
class Publisher:
    """Makes the tensor of the file that `end` is."""

    patch: Patch
    end: End
    region: Region
    backward: bool

    @property
    def _order(self) -> list[int]:
        """The axes of the tensor of the file as the node has them: the batch first."""
        axes = list(range(len(self.end.result.shape)))
        batch = self.region.batch.get(self.end.name)
        return axes if batch is None else [batch, *(a for a in axes if a != batch)]

    @property
    def _axis(self) -> int | None:
        """The axis of steps in that order."""
        axis = self.end.parts.axis
        return None if axis is None else self._order.index(axis)

    def result(self) -> RepeatedResult:
        """What the node gives for the end: all steps, or the last one's numbers alone."""
        numbers = self.end.result.moved(lambda a: a.transpose(self._order))
        if axis := self._axis_of_one(numbers.shape):
            numbers = numbers.moved(lambda a: a.squeeze(axis[0]))
        if self.region.rows:
            numbers = numbers.moved(lambda a: a[0])
        if self._axis is not None:
            return RepeatedResult(numbers, self._axis)
        single = self.end.parts.times[0] == self.region.steps - 1
        return RepeatedResult(numbers, None if single else 0)

    def _axis_of_one(self, shape: Sequence[int]) -> list[int]:
        """The axis of steps where each is alone in it."""
        return [] if self._axis is None or shape[self._axis] > 1 else [self._axis]

    def shape(self, result: RepeatedResult) -> list[int | str]:
        """The shape that the node gives a result."""
        rows = [self.region.opened or self.region.rows] if self.region.rows else []
        shape = [*rows, *result.numbers.shape]
        if result.axis is not None:
            shape.insert(result.axis, self.region.steps)
        return shape

    def publish(self, name: str, result: RepeatedResult) -> None:
        """Make the tensor of the file of a result of the node, which is called `name`."""
        patch, steps, parts = self.patch, self.region.steps, self.end.parts
        times = [steps - 1 - t if self.backward else t for t in parts.times]
        if result.axis is not None and self._axis is None:
            name = patch.gather(name, times[0])
        elif result.axis is not None and times != list(range(steps)):
            name = self._sliced(name, result.axis, times)
        shape = [self.end.result.shape[axis] for axis in self._order]
        if self._axis is not None and shape[self._axis] > 1:
            shape[self._axis] *= len(times)
            if self.region.rows:
                shape[0] = -1
            name = patch.add("Reshape", [name, patch.constant(shape)])
        if self._order == sorted(self._order):
            patch.add("Identity", [name], self.end.name)
        else:
            patch.transpose(name, np.argsort(self._order).tolist(), self.end.name)

    def _sliced(self, name: str, axis: int, times: Sequence[int]) -> str:
        """Some steps, evenly apart, in an order."""
        apart = times[1] - times[0]
        end = times[-1] + (1 if apart > 0 else -1)
        bounds = ([times[0]], [end if end >= 0 else -(2**63)], [axis], [apart])
        return self.patch.add("Slice", [name, *map(self.patch.constant, bounds)])
