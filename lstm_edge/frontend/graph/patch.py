"""New nodes on their way into a graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto

from lstm_edge.frontend.graph.graph import Array, Graph


@dataclass
class Patch:
    """Nodes that one rewrite adds, in order. `name`: what messages call the layer among them."""

    sketch: Graph
    name: str
    nodes: list[NodeProto] = field(default_factory=list)

    def add(self, op: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        """A node of one output, whose name it returns."""
        result = output or self.sketch.fresh(op.lower())
        made = onnx.helper.make_node(op, inputs, [result], **attributes)
        self.nodes.append(made)
        return result

    def constant(self, array: Array | list[int]) -> str:
        """The name of a constant; a list is one of int64."""
        return self.sketch.add_constant(np.asarray(array))

    def squeeze(self, name: str, axes: list[int], output: str = "") -> str:
        """Take axes of 1 away."""
        return self._with_axes("Squeeze", name, axes, output)

    def unsqueeze(self, name: str, axes: list[int], output: str = "") -> str:
        """Put axes of 1 in."""
        return self._with_axes("Unsqueeze", name, axes, output)

    def transpose(self, name: str, perm: list[int], output: str = "") -> str:
        """Change the order of axes."""
        return self.add("Transpose", [name], output, perm=perm)

    def gather(self, name: str, index: int, output: str = "", keep: bool = False) -> str:
        """One index of the first axis, which goes unless `keep`."""
        return self.add("Gather", [name, self.index(index, keep)], output, axis=0)

    def index(self, index: int, keep: bool) -> str:
        """A constant that picks one index of an axis, which stays where `keep`."""
        return self.constant(np.array([index] if keep else index, np.int64))

    def flip(self, name: str, axis: int, output: str = "") -> str:
        """An axis from its last to its first element."""
        bounds = ([-1], [-(2**63)], [axis], [-1])
        return self.add("Slice", [name, *map(self.constant, bounds)], output)

    def _with_axes(self, op: str, name: str, axes: list[int], output: str) -> str:
        return self.add(op, [name, self.constant(axes)], output)
