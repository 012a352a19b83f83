"""One node of a step with what it reads: symbols, or numbers that are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.fold import fold
from lstm_edge.frontend.step.leaves import Leaves
from lstm_edge.frontend.step.symbols import Symbols

Array = npt.NDArray[Any]


Value = Symbols | Array | tuple[Symbols, ...]
"""What a tensor, or a list of them, of a step is."""


@dataclass(frozen=True, eq=False)
class Call:
    """A node whose inputs `args` (None: absent) are known; label: how messages name it."""

    leaves: Leaves
    node: NodeProto
    label: str
    args: tuple[Value | None, ...]
    given: Mapping[str, Any]

    def refuse(self, why: str) -> ModelError:
        """The error of a node that does what no cell can."""
        return ModelError(self.label, why)

    def has(self, k: int) -> bool:
        """Whether input `k` is there."""
        return k < len(self.args) and self.args[k] is not None

    def symbols(self, k: int) -> Symbols:
        """Input `k` as symbols; what is true is 1, what is false 0."""
        value = self.args[k]
        if value is None:
            raise self.refuse(f"has no input {k}, which {self.node.op_type} needs; export it again")
        if isinstance(value, tuple):
            raise self.refuse(
                f"its input {k} is a list of tensors; expected one of them: take it out by "
                "Slice, or Gather"
            )
        return self.leaves.lift(value)

    def is_data(self, k: int) -> bool:
        """True where input `k` is not known."""
        return k < len(self.args) and isinstance(self.args[k], Symbols)

    def constant(self, k: int, what: str) -> Array | None:
        """Input `k`, which must be known; None where it is absent."""
        value = self.args[k] if k < len(self.args) else None
        if isinstance(value, Symbols):
            known = self.leaves.numbers_of(value)
            if known is not None:
                return known
        if isinstance(value, Symbols | tuple):
            raise self.refuse(
                f"its {what} is computed by the step; expected a constant: write "
                "it with numbers, or make the result an input"
            )
        return value

    def computed(self, numbers: Array) -> Array:
        """What the node makes of numbers in the place of its first input."""
        rest = [a if isinstance(a, np.ndarray) else None for a in self.args[1:]]
        return fold(self.label, self.node, [np.asarray(numbers, np.float32), *rest])[0]
