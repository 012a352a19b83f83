"""Networks of several layers, of random weights: what costs are measured on (`costs.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from benchmarks.networks import GATES, Array, save

SAMPLES, STEPS = 8, 6
ROWS = 20
"""Of the table of an embedding."""
KERNEL = 3
"""Of a convolution."""
DENSE = "dense"
OPERATORS = {
    "relu": ("Relu", {}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
    "softmax": ("Softmax", {"axis": -1}),
    "argmax": ("ArgMax", {"axis": -1}),
}


@dataclass(frozen=True)
class Stack:
    """Recurrent layers of one kind, of `units` each, and what is before and behind them.

    kind: of GATES, or gru_before: a GRU that resets before its product. front: "", "conv" or
    "embedding". head: layers at each step, DENSE with `classes` outputs or one of OPERATORS.
    """

    kind: str
    inputs: int
    units: tuple[int, ...]
    head: tuple[str, ...] = ()
    classes: int = 5
    front: str = ""

    def write(self, folder: Path) -> tuple[Path, Path]:
        """The ONNX file and the npz with calibration data."""
        made = _Made(np.random.default_rng(0), {}, [])
        steps: str | int = STEPS if self.front == "conv" else "T"
        read: list[Any] = [steps, 1, self.inputs]
        shape = (SAMPLES, STEPS, 1, self.inputs)
        x: Array = made.rng.uniform(-1, 1, shape).astype(np.float32)
        name = "x"
        if self.front == "embedding":
            read, name = ["T", 1], made.node("Gather", made.weight(ROWS, self.inputs), "x")
            x = made.rng.integers(0, ROWS, shape[:3])
        if self.front == "conv":
            name = made.convolution(self.inputs)
        below = self.inputs
        for units in self.units:
            name, below = made.recurrent(self.kind, name, below, units), units
        for layer in self.head:
            if layer == DENSE:
                product = made.node("MatMul", name, made.weight(below, self.classes))
                name, below = made.node("Add", product, made.weight(self.classes)), self.classes
            else:
                kind, attributes = OPERATORS[layer]
                name = made.node(kind, name, **attributes)
                below = 1 if layer == "argmax" else below
        steps = steps if self.front != "conv" else STEPS - KERNEL + 1
        made.nodes[-1].output[0] = "y"
        ports = {"x": read}, {"y": [steps, 1, below]}
        files = save(folder, "stack", made.nodes, made.constants, *ports, {"x": x})
        _with_integers(files[0], x=self.front == "embedding", y="argmax" in self.head)
        return files


@dataclass
class _Made:
    rng: np.random.Generator
    constants: dict[str, Array]
    nodes: list[onnx.NodeProto]

    def weight(self, *shape: int) -> str:
        """A constant drawn within 1 / sqrt(its last length)."""
        most = 1 / np.sqrt(shape[-1])
        name = f"w{len(self.constants)}"
        self.constants[name] = self.rng.uniform(-most, most, shape).astype(np.float32)
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """An operator with one result."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def recurrent(self, kind: str, x: str, inputs: int, units: int) -> str:
        """A layer, its h at each step."""
        after: dict[str, Any] = {"linear_before_reset": 1} if kind == "gru" else {}
        plain = kind.removesuffix("_before")
        rows = GATES[plain] * units
        weights = (
            self.weight(1, rows, inputs),
            self.weight(1, rows, units),
            self.weight(1, 2 * rows),
        )
        every = self.node(plain.upper(), x, *weights, hidden_size=units, **after)
        self.constants["axis"] = np.array([1], np.int64)
        return self.node("Squeeze", every, "axis")

    def convolution(self, features: int) -> str:
        """Over time, as many features again."""
        x = self.node("Transpose", "x", perm=[1, 2, 0])
        y = self.node("Conv", x, self.weight(features, features, KERNEL), kernel_shape=[KERNEL])
        return self.node("Transpose", y, perm=[2, 0, 1])


def _with_integers(path: Path, *, x: bool, y: bool) -> None:
    """The file with ports of integers."""
    if not x and not y:
        return
    model = onnx.load(path)
    for port, wanted in ((model.graph.input[0], x), (model.graph.output[0], y)):
        if wanted:
            port.type.tensor_type.elem_type = onnx.TensorProto.INT64
    onnx.save(model, path)


def stacks() -> Iterator[tuple[Stack, dict[str, Any]]]:
    """What costs are measured on, with the options of `compile`."""
    for kind in (*GATES, "gru_before"):
        for inputs, units in ((3, 5), (9, 20), (16, 32), (40, 64)):
            yield Stack(kind, inputs, (units,)), {}
        for weights, activations in ((4, 12), (8, 8), (16, 16), (16, 8), (4, 8), (8, 16)):
            yield Stack(kind, 12, (24,)), {"weights": weights, "activations": activations}
        for weights, activations in ((8, 8), (16, 16)):
            yield Stack(kind, 4, (6,)), {"weights": weights, "activations": activations}
        for activations in (8, 12):
            yield Stack(kind, 10, (18,)), {"scheme": "fixed", "activations": activations}
        yield Stack(kind, 8, (16, 16)), {}
        yield Stack(kind, 7, (12,), front="embedding"), {}
        yield Stack(kind, 6, (12,), front="conv"), {}
    heads = [(DENSE,), (DENSE, "softmax"), (DENSE, "argmax"), (DENSE, "relu", DENSE)]
    heads += [(DENSE, "tanh"), (DENSE, "sigmoid"), (DENSE, "softmax", "argmax")]
    for head in heads:
        for classes in (3, 16):
            yield Stack("lstm", 8, (12,), head, classes), {}
    yield Stack("lstm", 8, (12,), (DENSE,), 16), {"activations": 8}
    yield Stack("lstm", 8, (12,), (DENSE,), 16), {"weights": 4, "activations": 16}
