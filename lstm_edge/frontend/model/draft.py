"""A model while a front end builds it: nodes and tensors get their final names at the end.

What no output needs is dropped by `finish.py`, so a front end may add nodes freely: a dense layer
whose bias comes two ONNX nodes later is simply made again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import ModelError
from lstm_edge.ir.clock import Length, Window
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    Floats,
    Folded,
    Layer,
    Node,
    Slice,
    Step,
    Work,
    is_a,
    numbered,
)
from lstm_edge.layers.over_time import REDUCTIONS, mean, running
from lstm_edge.layers.window import is_copy, kept
from lstm_edge.limits import MOST_DRAFTED, MOST_FEATURES, MOST_JOINED

Doubles = npt.NDArray[np.float64]
Names = tuple[str, ...]


def check_features(source: str, count: int) -> None:
    """ModelError of a vector with more numbers than are taken."""
    if count > MOST_FEATURES:
        raise ModelError(
            source,
            f"makes a vector of {count} numbers, more than the {MOST_FEATURES} that are accepted; "
            "make the network smaller, or compile parts of it",
        )


@dataclass
class Draft:
    """Nodes in an order of computation; tensors are numbered strings until `finish.py`.

    roots: tensor -> the graph input whose sequence it follows step by step, None for a tensor
    that exists once per sequence. features: tensor -> size, known at the end for inputs. folded:
    what `fold` was told.
    """

    nodes: list[Node[Work]] = field(default_factory=list)
    roots: dict[str, str | None] = field(default_factory=dict)
    features: dict[str, int | None] = field(default_factory=dict)
    likeness: dict[str, str] = field(default_factory=dict)
    folded: list[Folded] = field(default_factory=list)
    _makers: dict[str, Node[Work]] = field(default_factory=dict, init=False)
    _sources: dict[str, frozenset[str]] = field(default_factory=dict, init=False)
    _followed: dict[str, frozenset[str]] = field(default_factory=dict, init=False)
    _movers: dict[tuple[Work, tuple[str, ...]], Node[Work]] = field(
        default_factory=dict, init=False
    )
    _indexed: int = field(default=0, init=False)

    def _index(self) -> None:
        """Take in the nodes that came since the last time."""
        for node in self.nodes[self._indexed :]:
            self._makers.update(dict.fromkeys(node.makes, node))
            data = {read for key, read in node.inputs.items() if key != "length"}
            sources = {s for t in data for s in self._sources.get(t, (t,))}
            self._sources.update(dict.fromkeys(node.makes, frozenset(sources)))
            once = isinstance(node.op, Step) or (is_a(node, Layer) and node.op.over is not None)
            followed = {s for t in data for s in self._followed.get(t, (t,)) if not once}
            self._followed.update(dict.fromkeys(node.makes, frozenset(followed)))
            if isinstance(node.op, Step | Concat | Slice):
                self._movers.setdefault((node.op, node.reads), node)
        self._indexed = len(self.nodes)

    def tensor(self, root: str | None, features: int | None, like: str = "") -> str:
        """A new tensor; `features` None: as many as tensor `like`."""
        name = f"{len(self.roots)}"
        self.roots[name] = root
        self.features[name] = features
        unknown = like and self.features[like] is None
        self.likeness[name] = self.likeness[like] or like if unknown else like
        return name

    def copy_of(self, tensor: str) -> str:
        """A new tensor of the same kind and size."""
        return self.tensor(self.roots[tensor], self.features[tensor], like=tensor)

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
        begins: Mapping[str, str] | None = None,
        over: Length | None = None,
        follows: str = "",
        along: int = 1,
        times: int = 1,
        like: str = "",
    ) -> dict[str, str]:
        """Append a layer of the input x, and `more`; its result tensors by the cell's names.

        x: "" of a cell that reads states alone. units: sizes of results that are not `features`.
        begins: state -> the vector that it begins as. over: as in `Layer`. follows: the tensor
        whose sequence it goes through, x if "". along, times: as in `Layer`. like: the tensor
        that has as many features where their number is not known yet, x if "".
        """
        sizes = dict.fromkeys(cell.results, features) | dict(units or {})
        root = self.roots[follows or x]
        outputs = {result: self.tensor(root, sizes[result], like=like or x) for result in sizes}
        firsts = {state: f"{state}_begins" for state in begins or {}}
        inputs = {**({"x": x} if x else {}), **(more or {})}
        inputs |= {firsts[state]: tensor for state, tensor in (begins or {}).items()}
        works = (reverse, window, units or {}, firsts, over, along, times)
        layer = Layer(cell, params, initial or {}, *works)
        self.nodes.append(Node(kind, layer, inputs, outputs, source))
        if len(self.nodes) > MOST_DRAFTED:
            raise ModelError(
                source,
                f"is one of more than {MOST_DRAFTED} layers; make the network smaller, or compile "
                "parts of it",
            )
        return outputs

    def pair(
        self, kind: str, cell: Cell, x: str, y: str, like: str, source: str, follows: str = ""
    ) -> str:
        """Append a layer of two inputs; returns its result, as large as `like`. follows: as in
        `layer`.
        """
        output = self.tensor(self.roots[follows or x], None, like=like)
        self.nodes.append(Node(kind, Layer(cell), {"x": x, "y": y}, {"y": output}, source))
        return output

    def dense_over_time(self, x: str, weights: Floats, bias: Floats, source: str) -> str:
        """Append a dense layer over all steps flattened; weights [steps, units, features]."""
        output = self.tensor(None, len(bias))
        dense = DenseOverTime(weights, bias)
        self.nodes.append(Node("fc", dense, {"x": x}, {"y": output}, source))
        return output

    def again(self, node: Node[Work]) -> str:
        """A node of one result y once more, with other work; returns its new result."""
        output = self.tensor(self.roots[node.outputs["y"]], None, like=node.outputs["y"])
        self.nodes.append(replace(node, outputs={"y": output}))
        return output

    def last_step(self, x: str, source: str) -> str:
        """The vector of the last step of `x`."""
        return self.step(x, -1, source)

    def first_step(self, x: str, source: str) -> str:
        """The vector of the first step of `x`."""
        return self.step(x, 0, source)

    def step(self, x: str, at: int, source: str) -> str:
        """The vector of step `at` of `x`, see `Step`; one node however often it is asked for. Of an
        input, that of its copy.
        """
        if self.producer(x) is None and self.roots[x] == x:
            copies = [n for n in self.nodes if n.reads == (x,) and is_copy(n)]
            copy = copies[0].outputs if copies else self.layer("kept", kept(), x, None, {}, source)
            return self.step(copy["y"], at, source)
        step, parts = Step(at), self.parts(x)
        if len(parts) > 1 and all(self.producer(part) for part in parts):
            # each has its own last step: the joined sequence need not be kept
            return self.concat([self.step(part, at, source) for part in parts], source)
        return self._moved(step.called, step, (x,), None, self.features[x], source)

    def reduce(self, reduction: str, x: str, source: str) -> str:
        """`x` reduced over time: sum, mean, max or min; part by part where it joins several."""
        kind = "sum" if reduction == "mean" else reduction
        results = []
        for part in self.parts(x):
            last = self.last_step(self._so_far(kind, part, source, None), source)
            if reduction == "mean":
                last = self.layer("mean", mean(), last, self.features[part], {}, source)["y"]
            results.append(last)
        return self.concat(results, source)

    def so_far(self, kind: str, x: str, source: str, reverse: bool) -> str:
        """At each step the sum, max or min of the steps up to it, or from it on."""
        made = [self._so_far(kind, part, source, reverse) for part in self.parts(x)]
        return self.concat(made, source)

    def _so_far(self, kind: str, part: str, source: str, reverse: bool | None) -> str:
        start = {"y": np.full(1, REDUCTIONS[kind][1], np.float32)}
        features = self.features[part]
        return self.layer(kind, running(kind), part, features, {}, source, start, reverse)["y"]

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

    def concat(self, parts: Sequence[str], source: str) -> str:
        """The vectors `parts` as one, whose sizes are known: all per step, or none."""
        leaves: list[str] = []
        for part in parts:
            leaves += self.parts(part)
            if len(leaves) > MOST_JOINED:
                raise ModelError(source, f"joins more than {MOST_JOINED} vectors; join fewer")
        if len(leaves) == 1:
            return leaves[0]
        size = sum(self.size(leaf) or 0 for leaf in leaves)
        check_features(source, size)
        return self._moved("join", Concat(), tuple(leaves), self.roots[leaves[0]], size, source)

    def slice(self, x: str, begin: int, end: int, source: str) -> str:
        """Features [begin, end) of `x`; one node however often it is asked for."""
        return self._moved("part", Slice(begin, end), (x,), self.roots[x], end - begin, source)

    def _moved(
        self,
        name: str,
        op: Step | Concat | Slice,
        reads: Names,
        root: str | None,
        features: int | None,
        source: str,
    ) -> str:
        """The result of a node that moves numbers, which is made where there is none."""
        self._index()
        if (op, reads) in self._movers:
            return self._movers[op, reads].outputs["y"]
        output = self.tensor(root, features, like=reads[0])
        inputs = numbered(reads) if isinstance(op, Concat) else {"x": reads[0]}
        self.nodes.append(Node(name, op, inputs, {"y": output}, source))
        return output

    def parts(self, tensor: str) -> Names:
        """What `tensor` joins, itself where that is nothing."""
        node = self.producer(tensor)
        if node is not None and is_a(node, Concat):
            return node.reads
        step = self.step_of(tensor)
        whole = () if step is None else self.parts(step.inputs["x"])
        if step is None or len(whole) == 1:
            return (tensor,)
        return tuple(self.step(part, step.op.at, step.source) for part in whole)

    def step_of(self, tensor: str) -> Node[Step] | None:
        """The node that takes `tensor` from a sequence, None where nothing does."""
        node = self.producer(tensor)
        return node if node is not None and is_a(node, Step) else None

    def sources(self, tensor: str) -> frozenset[str]:
        """Inputs that `tensor` is computed from, those that count steps left out."""
        self._index()
        return self._sources.get(tensor, frozenset((tensor,)))

    def followed(self, tensor: str) -> frozenset[str]:
        """Inputs whose steps a tensor goes through: those of `sources` that are no vectors."""
        self._index()
        return self._followed.get(tensor, frozenset((tensor,)))

    def producer(self, tensor: str) -> Node[Work] | None:
        """The node that computes `tensor`, None for an input."""
        self._index()
        return self._makers.get(tensor)

    def size(self, tensor: str) -> int | None:
        """Features of a tensor, None while an input's are unknown."""
        known = self.features[tensor]
        like = self.likeness[tensor]
        return self.size(like) if known is None and like else known
