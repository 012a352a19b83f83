"""What a step gives: states to the next one, and results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.frontend.model.axes import View


@dataclass(frozen=True, eq=False)
class StateIn:
    """A tensor that a step leaves for the next.

    start: constants, or an input's view. before, after: its names in the step. shown: whether it is
    kept where nothing needs it.
    """

    name: str
    start: npt.NDArray[np.floating] | View
    before: str
    after: str
    shown: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of its axes."""
        return tuple(self.start.shape)


@dataclass(frozen=True)
class Out:
    """A result of a step: its name there, or what is left `last`; time: the axis of steps."""

    name: str
    last: bool
    time: int = 0
