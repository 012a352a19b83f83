"""A network that grows node by node, in two forms: the file, and what onnxruntime is given.

The two differ where onnxruntime cannot run what the specification allows: layout 1, an absent
hidden_size, defaults of alpha and beta.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Arrays = dict[str, np.ndarray]
KINDS = {"real": TensorProto.FLOAT, "state": TensorProto.FLOAT, "ids": TensorProto.INT64}
KINDS |= {"length": TensorProto.INT32}


@dataclass(frozen=True)
class Feed:
    """An input: its declared shape, the true one, which axis is the batch, and what it holds.

    limit: integers are below it. scale: real numbers are so wide.
    """

    declared: tuple[int | str, ...]
    shape: tuple[int, ...]
    batch: int
    kind: str = "real"
    limit: int = 0
    scale: float = 1.0


@dataclass(frozen=True)
class Shown:
    """An output: which axis is the batch, and how it is compared.

    scores: an output of the oracle only; of ArgMax what is compared, of functions that may be flat
    what the noise is measured against.
    """

    batch: int
    scores: str = ""
    integer: bool = False


@dataclass(frozen=True)
class Flow:
    """A tensor of the network: its axes, of "TBC" in some order or "BC"; features; steps."""

    name: str
    axes: str
    features: int
    steps: int


@dataclass
class Net:
    """The network so far. choose: every decision comes from it."""

    choose: random.Random
    opset: int
    rows: int
    steps: int
    open_batch: bool
    open_time: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    oracle: list[onnx.NodeProto] = field(default_factory=list)
    weights: Arrays = field(default_factory=dict)
    feeds: dict[str, Feed] = field(default_factory=dict)
    shown: dict[str, Shown] = field(default_factory=dict)
    also: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    needs_steps: bool = False
    """Whether the front end must be told how many steps there are."""
    jumps: bool = False
    """Whether the smallest difference may become a large one."""

    def __post_init__(self) -> None:
        self.numbers = np.random.default_rng(self.choose.randint(0, 2**32))
        self.count = 0

    def maybe(self, chance: float) -> bool:
        return self.choose.random() < chance

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def weight(self, array: Any, stem: str = "w") -> str:
        name = self.name(stem)
        self.weights[name] = np.asarray(array)
        return name

    def floats(self, *shape: int, scale: float = 1.0, stem: str = "w") -> str:
        return self.weight((self.numbers.normal(size=shape) * scale).astype(np.float32), stem)

    def ints(self, *values: int) -> str:
        return self.weight(np.array(values, np.int64), "i")

    def add(self, op: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> str:
        """A node of both forms; the name of its (first) output."""
        names = [self.name(op.lower()) for _ in range(outputs)]
        made = helper.make_node(op, inputs, names, **attributes)
        self.nodes.append(made)
        self.oracle.append(made)
        return names[0]

    def feed(self, name: str, axes: str, features: int, **more: Any) -> None:
        """An input with axes of "TBCD", D being one of size 1 or 2 that `more` gives."""
        ways = more.pop("ways", 1)
        sizes = {"T": self.steps, "B": self.rows, "C": features, "D": ways}
        declared: dict[str, int | str] = dict(sizes)
        declared |= {"B": "batch"} if self.open_batch else {}
        declared |= {"T": "time"} if self.open_time else {}
        shape, names = tuple(sizes[a] for a in axes), tuple(declared[a] for a in axes)
        self.feeds[name] = Feed(names, shape, axes.index("B"), **more)

    def show(self, name: str, batch: int, **more: Any) -> None:
        self.shown[name] = Shown(batch, **more)

    def turned(self, flow: Flow, axes: str) -> Flow:
        """The flow with its axes in another order."""
        if flow.axes == axes:
            return flow
        perm = [flow.axes.index(a) for a in axes]
        return replace(flow, name=self.add("Transpose", [flow.name], perm=perm), axes=axes)

    def model(self, oracle: bool = False) -> onnx.ModelProto:
        """The file, or what onnxruntime runs in its place."""
        nodes = self.oracle if oracle else self.nodes
        read = set(_read_by(nodes))
        inputs = [
            helper.make_tensor_value_info(n, KINDS[f.kind], f.declared)
            for n, f in self.feeds.items()
            if n in read
        ]
        integers = {n for n, s in self.shown.items() if s.integer}
        outputs = [
            helper.make_tensor_value_info(n, TensorProto.INT64 if n in integers else 1, None)
            for n in (*self.shown, *(self.also if oracle else ()))
        ]
        weights = [numpy_helper.from_array(a, n) for n, a in self.weights.items() if n in read]
        graph = helper.make_graph(nodes, "random", inputs, outputs, weights)
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def draw(self, seed: int) -> Arrays:
        """One batch of every input."""
        rng = np.random.default_rng([seed, 11])
        found = {}
        for name, feed in self.feeds.items():
            if feed.kind == "real":
                found[name] = (rng.normal(size=feed.shape) * feed.scale).astype(np.float32)
            elif feed.kind == "state":
                found[name] = rng.uniform(-0.8, 0.8, feed.shape).astype(np.float32)
            elif feed.kind == "length":
                found[name] = rng.integers(1, feed.limit, feed.shape).astype(np.int32)
            else:
                found[name] = rng.integers(0, feed.limit, feed.shape)
        return found


def _read_by(nodes: Iterable[onnx.NodeProto]) -> Iterator[str]:
    """Names that nodes read, those inside of loops too."""
    for node in nodes:
        yield from node.input
        for attribute in node.attribute:
            yield from _read_by(attribute.g.node)


def attributes_text(attributes: Mapping[str, Any]) -> str:
    return ", ".join(f"{k}={v}" for k, v in attributes.items())
