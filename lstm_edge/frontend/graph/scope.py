"""What matchers ask about a graph: who makes a tensor, what is constant, which shapes are known.

A snapshot: it stays as the graph was when it was taken. Bodies of loops have scopes of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, numpy_helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.fold import FOLDABLE, fold
from lstm_edge.frontend.graph.node import attributes_of, captured, is_standard, label_of
from lstm_edge.frontend.graph.shapes import Shape, shapes_of
from lstm_edge.frontend.graph.sketch import Sketch

Array = npt.NDArray[Any]
ADDED = ("Squeeze", "Unsqueeze")
SIZED = ("Slice", "Split", "Reshape", "Expand", "Squeeze", "Unsqueeze")


@dataclass
class Scope:
    """makers and readers of each tensor by name; `shapes` as far as they could be inferred.

    kinds: ONNX's numbers of types of elements. constants: arrays by name, completed by what is
    folded. outer: the scope around a body. final: whether
    a body wants another step.
    """

    nodes: tuple[NodeProto, ...]
    constants: dict[str, Array]
    shapes: Mapping[str, Shape]
    kinds: Mapping[str, int]
    outputs: frozenset[str]
    inputs: tuple[str, ...] = ()
    outer: Scope | None = None
    final: str = ""
    makers: dict[str, NodeProto] = field(default_factory=dict)
    readers: dict[str, list[NodeProto]] = field(default_factory=dict)
    foldable: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)
    canonical: dict[str, str] = field(default_factory=dict)
    memo: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.nodes:
            self.makers.update((o, node) for o in node.output if o)
            for name in dict.fromkeys([*node.input, *captured(node)]):
                self.readers.setdefault(name, []).append(node)
            if not is_standard(node) or node.op_type not in FOLDABLE:
                continue
            if node.op_type == "Shape":
                self._keep_shape(node)
            elif all(self.is_constant(i) for i in node.input if i):
                self.foldable.update(o for o in node.output if o)

    def _keep_shape(self, node: NodeProto) -> None:
        """A shape without open sizes is a constant."""
        shape = self.shape(node.input[0])
        if shape is not None and all(isinstance(size, int) for size in shape):
            given = attributes_of(node)
            sizes = shape[slice(given.get("start"), given.get("end"))]
            self.constants[node.output[0]] = np.array(sizes, np.int64)

    @classmethod
    def of(cls, sketch: Sketch) -> Scope:
        """The graph of a sketch as it is now."""
        graph = sketch.file().graph
        kept = {name for node in graph.node for name in node.output}
        nodes = tuple(n for n in sketch.nodes if kept.intersection(n.output))
        outputs = frozenset(o.name for o in sketch.outputs)
        inputs = tuple(i.name for i in sketch.inputs)
        known = shapes_of(graph)
        scope = cls(nodes, dict(sketch.constants), *known, outputs, inputs)
        computed = scope._computed_bounds()
        if not computed:
            return scope
        for name, array in computed.items():
            graph.initializer.append(numpy_helper.from_array(array, name))
        left = [n for n in graph.node if not computed.keys() & set(n.output)]
        del graph.node[:]
        graph.node.extend(left)
        known = shapes_of(graph)
        return cls(nodes, dict(sketch.constants), *known, outputs, inputs)

    def _computed_bounds(self) -> dict[str, Array]:
        """Bounds and sizes that exporters compute from shapes: onnx does not follow all of them."""
        if not any(n.op_type == "Shape" and n.output[0] in self.constants for n in self.nodes):
            return {}
        names = (i for n in self.nodes if n.op_type in SIZED for i in n.input[1:])
        found = ((name, self.constant(name)) for name in dict.fromkeys(names))
        return {name: array for name, array in found if array is not None and name in self.foldable}

    def is_constant(self, name: str) -> bool:
        """True where a tensor depends on constants only."""
        if name in self.constants or name in self.foldable:
            return True
        return self.outer is not None and self._is_outside(name) and self.outer.is_constant(name)

    def _is_outside(self, name: str) -> bool:
        """True for what a body takes from the graph around it."""
        return name not in self.makers and name not in self.inputs

    def constant(self, name: str) -> Array | None:
        """The numbers of a tensor that depends on constants only; None for any other."""
        if name in self.constants:
            return self.constants[name]
        if name not in self.foldable:
            known = self.outer is not None and self._is_outside(name)
            return self.outer.constant(name) if known and self.outer is not None else None
        node = self.makers[name]
        inputs = [self.constant(i) if i else None for i in node.input]
        outputs = [o for o in node.output if o]
        try:
            results = fold(label_of(node), node, inputs)
        except ModelError:  # whoever needs the numbers will say so
            self.foldable.difference_update(outputs)
            return None
        self.constants.update(zip(outputs, results, strict=True))
        return self.constants[name]

    def digest(self, name: str) -> str:
        """The same for constants of the same numbers and shape, whatever their names."""
        if name not in self.digests:
            array = self.constant(name)
            if array is None:
                return name
            content = f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes()
            self.digests[name] = hashlib.sha256(content).hexdigest()
        return self.digests[name]

    def scalar(self, name: str) -> float | None:
        """A constant of one element as a number."""
        array = self.constant(name) if name else None
        return float(array.reshape(-1)[0]) if array is not None and array.size == 1 else None

    def integers(self, name: str) -> list[int] | None:
        """A constant list of integers."""
        array = self.constant(name) if name else None
        if array is None or array.dtype.kind not in "iu" or array.ndim > 1:
            return None
        return [int(v) for v in array.reshape(-1)]

    def maker(self, name: str, *ops: str) -> NodeProto | None:
        """The node that makes a tensor, where it is one of the standard operators `ops`."""
        node = self.makers.get(name)
        return node if node is not None and is_standard(node) and node.op_type in ops else None

    def shape(self, name: str) -> Shape | None:
        """The shape of a tensor as far as known; None where not even the rank is."""
        array = self.constants.get(name)
        if array is not None:
            return array.shape
        if name in self.shapes or self.outer is None:
            return self.shapes.get(name)
        return self.outer.shape(name)

    def width(self, name: str) -> int | None:
        """The size of the last axis."""
        shape = self.shape(name)
        return shape[-1] if shape and isinstance(shape[-1], int) else None

    def axes(self, node: NodeProto) -> list[int] | None:
        """Constant axes of a Squeeze, Unsqueeze or reduction, from 0; None where not given."""
        given = self.integers(node.input[1]) if len(node.input) > 1 else None
        if given and min(given) < 0:
            shape = self.shape(node.input[0])
            if shape is None:
                return None
            rank = len(shape) + (len(given) if node.op_type == "Unsqueeze" else 0)
            given = [a % rank for a in given]
        return given

    def strip(self, name: str) -> str:
        """The tensor behind nodes that add or remove leading axes of 1, or do nothing at all.

        Equal constants have one name.
        """
        while True:
            if self.is_constant(name):
                return self.canonical.setdefault(self.digest(name), name)
            node = self.makers.get(name)
            if node is None or not is_standard(node) or name != node.output[0]:
                return name
            if not self._keeps_rows(node):
                return name
            name = node.input[0]

    def _keeps_rows(self, node: NodeProto) -> bool:
        if node.op_type in ("Identity", "Dropout"):
            return node.op_type == "Identity" or len(node.input) < 3
        axes = self.axes(node) if node.op_type in ADDED else None
        if axes is not None:
            return sorted(axes) == list(range(len(axes)))
        if node.op_type not in ("Squeeze", "Reshape", "Flatten"):
            return False
        before, after = self.shape(node.input[0]), self.shape(node.output[0])
        return before is not None and after is not None and _same_rows(before, after)


def _same_rows(before: Shape, after: Shape) -> bool:
    cut = [list(shape) for shape in (before, after)]
    for sizes in cut:
        while len(sizes) > 1 and sizes[0] == 1:
            del sizes[0]
    return cut[0] == cut[1] and None not in cut[0]


def inner_nodes(scope: Scope, ends: Iterable[str], stops: set[str]) -> list[NodeProto]:
    """The nodes that compute `ends` from `stops` and constants."""
    found: dict[int, NodeProto] = {}
    waiting = list(ends)
    while waiting:
        name = waiting.pop()
        node = scope.makers.get(name)
        if node is None or name in stops or scope.is_constant(name) or id(node) in found:
            continue
        found[id(node)] = node
        waiting.extend(node.input)
    return list(found.values())
