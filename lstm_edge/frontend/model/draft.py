"""A model while a front end builds it: nodes and tensors get their final names at the end.

What no output needs is dropped, so a front end may add nodes freely: a dense layer whose bias
comes two ONNX nodes later is simply made again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lstm_edge.ir.clock import Window
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    FirstStep,
    Floats,
    Folded,
    LastStep,
    Layer,
    Node,
    Slice,
    operands_of,
    results_of,
)
from lstm_edge.layers.over_time import REDUCTIONS, mean, running

Doubles = npt.NDArray[np.float64]


@dataclass
class Draft:
    """Nodes in an order of computation; tensors are numbered strings until `finish.py`.

    roots: tensor -> the graph input whose sequence it follows step by step, None for a tensor
    that exists once per sequence. features: tensor -> size, known at the end for inputs. folded:
    what `fold` was told.
    """

    nodes: list[Node] = field(default_factory=list)
    roots: dict[str, str | None] = field(default_factory=dict)
    features: dict[str, int | None] = field(default_factory=dict)
    likeness: dict[str, str] = field(default_factory=dict)
    folded: list[Folded] = field(default_factory=list)

    def tensor(self, root: str | None, features: int | None, like: str = "") -> str:
        """A new tensor; `features` None: as many as tensor `like`."""
        name = f"{len(self.roots)}"
        self.roots[name] = root
        self.features[name] = features
        self.likeness[name] = like
        return name

    def input(self, features: int | None) -> str:
        """A new input, the root of a sequence of its own."""
        name = self.tensor(None, features)
        self.roots[name] = name
        return name

    def layer(
        self,
        kind: str,
        cell: Cell,
        x: str,
        features: int | None,
        params: Mapping[str, Floats],
        source: str,
        initial: Mapping[str, Floats] | None = None,
        reverse: bool | None = False,
        more: Mapping[str, str] | None = None,
        window: Window | None = None,
        units: Mapping[str, int] | None = None,
    ) -> dict[str, str]:
        """Append a layer of the input x, and `more`; its result tensors by the cell's names.

        units: sizes of results that are not `features`.
        """
        sizes = dict.fromkeys(cell.results, features) | dict(units or {})
        outputs = {result: self.tensor(self.roots[x], sizes[result], like=x) for result in sizes}
        inputs = {"x": x, **(more or {})}
        layer = Layer(
            kind, cell, inputs, outputs, params, initial or {}, source, reverse, window, units or {}
        )
        self.nodes.append(layer)
        return outputs

    def pair(self, kind: str, cell: Cell, x: str, y: str, source: str) -> str:
        """Append a layer of two inputs of the same size and kind; returns its result."""
        output = self.tensor(self.roots[x], None, like=x)
        self.nodes.append(Layer(kind, cell, {"x": x, "y": y}, {"y": output}, {}, {}, source))
        return output

    def dense_over_time(self, x: str, weights: Floats, bias: Floats, source: str) -> str:
        """Append a dense layer over all steps flattened; weights [steps, units, features]."""
        output = self.tensor(None, len(bias))
        self.nodes.append(DenseOverTime("fc", x, output, weights, bias, source))
        return output

    def last_step(self, x: str, source: str) -> str:
        """The vector of the last step of `x`; one node however often it is asked for."""
        return self._step(LastStep, "last", x, source)

    def first_step(self, x: str, source: str) -> str:
        """The vector of the first step of `x`; one node however often it is asked for."""
        return self._step(FirstStep, "first", x, source)

    def reduce(self, reduction: str, x: str, source: str) -> str:
        """`x` reduced over time: sum, mean, max or min; part by part where it joins several."""
        kind = "sum" if reduction == "mean" else reduction
        results = []
        for part in self.parts(x):
            start = {"y": np.full(1, REDUCTIONS[kind][1], np.float32)}
            features = self.features[part]
            so_far = self.layer(kind, running(kind), part, features, {}, source, start, None)["y"]
            last = self.last_step(so_far, source)
            if reduction == "mean":
                last = self.layer("mean", mean(), last, features, {}, source)["y"]
            results.append(last)
        return self.concat(results, source)

    def fold(self, tensor: str, scale: Doubles, offset: Doubles, source: str, was: str) -> None:
        """Note that scale * was + offset is `tensor`, whose weights were made anew, or, where
        `tensor` is `was`, that it goes into those that read it. An offset that comes right after
        weights is their bias.
        """
        plain, earlier = bool((scale == 1.0).all()), []
        if tensor != was:
            earlier = [replace(f, tensor=tensor) for f in self.folded if f.tensor == was]
        self.folded += earlier
        bias = tensor != was and plain and not earlier
        if not bias and not (plain and (offset == 0.0).all()):
            ends = [(float(a.min()), float(a.max())) for a in (scale, offset)]
            self.folded.append(Folded(tensor, ends[0], ends[1], source))

    def _step(self, kind: type[LastStep | FirstStep], name: str, x: str, source: str) -> str:
        parts = self.parts(x)
        if len(parts) > 1 and all(self.producer(part) for part in parts):
            # each has its own last step: the joined sequence need not be kept
            return self.concat([self._step(kind, name, part, source) for part in parts], source)
        for node in self.nodes:
            if isinstance(node, kind) and node.input == x:
                return node.output
        output = self.tensor(None, self.features[x], like=x)
        self.nodes.append(kind(name, x, output, source))
        return output

    def concat(self, parts: Sequence[str], source: str) -> str:
        """The vectors `parts` as one, whose sizes are known: all per step, or none."""
        leaves = tuple(leaf for part in parts for leaf in self.parts(part))
        if len(leaves) == 1:
            return leaves[0]
        for node in self.nodes:
            if isinstance(node, Concat) and node.inputs == leaves:
                return node.output
        output = self.tensor(self.roots[leaves[0]], sum(self.size(leaf) or 0 for leaf in leaves))
        self.nodes.append(Concat("join", leaves, output, source))
        return output

    def slice(self, x: str, begin: int, end: int, source: str) -> str:
        """Features [begin, end) of `x`; one node however often it is asked for."""
        for node in self.nodes:
            if isinstance(node, Slice) and (node.input, node.begin, node.end) == (x, begin, end):
                return node.output
        output = self.tensor(self.roots[x], end - begin)
        self.nodes.append(Slice("part", x, output, begin, end, source))
        return output

    def parts(self, tensor: str) -> tuple[str, ...]:
        """What `tensor` joins, itself where that is nothing."""
        node = self.producer(tensor)
        if isinstance(node, Concat):
            return node.inputs
        if isinstance(node, LastStep | FirstStep):
            step = self.last_step if isinstance(node, LastStep) else self.first_step
            whole = self.parts(node.input)
            return (tensor,) if len(whole) == 1 else tuple(step(p, node.source) for p in whole)
        return (tensor,)

    def sources(self, tensor: str) -> set[str]:
        """Inputs that `tensor` is computed from, those that count steps left out."""
        found, waiting = set(), [tensor]
        for name in waiting:
            node = self.producer(name)
            if node is None:
                found.add(name)
            else:
                counts = node.inputs.get("length") if isinstance(node, Layer) else None
                waiting.extend(t for t in operands_of(node) if t not in (*waiting, counts))
        return found

    def producer(self, tensor: str) -> Node | None:
        """The node that computes `tensor`, None for an input."""
        return next((n for n in reversed(self.nodes) if tensor in results_of(n)), None)

    def size(self, tensor: str) -> int | None:
        """Features of a tensor, None while an input's are unknown."""
        known = self.features[tensor]
        like = self.likeness[tensor]
        return self.size(like) if known is None and like else known
