"""A Keras model on its way into a graph of ONNX: nodes, constants and inputs as layers add them.

Rows of a batch are treated alike by every layer, so the graph has a batch of one row. What belongs
to a layer is labelled "layer 'x' (Dense)", which is how messages name it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.keras.config import Config, LayerConfig
from lstm_edge.frontend.keras.weights import Weights
from lstm_edge.models.names import unique

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

Shape = tuple[int | None, ...]
"""Sizes of a tensor behind its batch axis, None where one is open."""


Operand = str | Array | float
"""What a node reads: a tensor by its name ("" where it is absent), or a constant."""


@dataclass(frozen=True)
class Value:
    """A tensor of the graph and how Keras sees it.

    turned: Keras has the steps from the last to the first, the graph in their order. flat: what a
    vector was before it was flattened, [steps, features]. mask: the tensor [1, time, 1] of 1 for
    each step that counts and 0 for others, "" where all do.
    """

    name: str
    shape: Shape
    turned: bool = False
    flat: Shape = ()
    mask: str = ""


@dataclass
class Net:
    """The graph so far.

    steps: the length of all sequences where it was given. taken: the names of all tensors. made:
    results of nodes, and constants, by what they are. truths: of what is asked of an input [time],
    number by number, its name and the function. rows: of inputs that are looked up, those of the
    smallest table. moved: axes are not what they are for Keras.
    """

    steps: int | None
    inputs: dict[str, ValueInfoProto] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    truths: dict[str, tuple[str, Callable[[Array], Array]]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    made: dict[tuple[object, ...], list[str]] = field(default_factory=dict)
    count: int = 0
    moved: bool = False

    def input(self, name: str, shape: Shape, integers: bool) -> Value:
        """A new input [1, *shape]; of a sequence [time, features] with as many steps as wanted."""
        if len(shape) == 2:
            shape = (self.steps or shape[0], shape[1])
        kind = TensorProto.INT64 if integers else TensorProto.FLOAT
        known = unique(name or "x", self.taken)
        self.inputs[known] = helper.make_tensor_value_info(known, kind, _sizes(known, shape))
        return Value(known, shape)

    def ids(self, label: str, x: Value, rows: int) -> Value:
        """An input [time] that is looked up, as integers; Keras may have it as real numbers."""
        given = self.inputs.get(x.name)
        if given is None or len(x.shape) != 1:
            raise ModelError(
                label, "looks up what is no input of the model [batch, time]; not supported"
            )
        self.rows[x.name] = min(rows, self.rows.get(x.name, rows))
        shape = (self.steps or x.shape[0],)
        kind = given.type.tensor_type.elem_type
        self.inputs[x.name] = helper.make_tensor_value_info(x.name, kind, _sizes(x.name, shape))
        if self.is_integer(x):
            return Value(x.name, shape)
        return Value(self.add(label, "Cast", [x.name], 1, to=TensorProto.INT64)[0], shape)

    def is_integer(self, x: Value) -> bool:
        """Whether a value is an input of integers."""
        given = self.inputs.get(x.name)
        return given is not None and given.type.tensor_type.elem_type == TensorProto.INT64

    def output(self, name: str, value: Value) -> None:
        """Give a value as an output of this name, or of the next that is free."""
        name = unique(name or "y", self.taken)
        label = f"output {name!r}"
        if value.name in self.inputs:
            raise ModelError(label, "is an input of the model; leave it out")
        if value.turned:
            raise ModelError(
                label,
                "has its steps in reversed order (go_backwards with return_sequences): not "
                "supported; keras.ops.flip(y, axis=1) behind it gives the same steps in order",
            )
        self.outputs.append(name)
        self.nodes.append(helper.make_node("Identity", [value.name], [name], name=label))

    def add(self, label: str, op: str, inputs: Sequence[str], count: int, **options: Any) -> Any:
        """Append a node; the names of its `count` outputs. What is computed already is not computed
        again: masks are, where a file says for each layer which steps count.
        """
        key = (op, *inputs, repr(sorted(options.items())))
        if key not in self.made:
            results = [self._fresh(op) for _ in range(count)]
            self.nodes.append(helper.make_node(op, list(inputs), results, name=label, **options))
            self.made[key] = results
        return self.made[key]

    def constant(self, numbers: Array) -> str:
        """A constant. Numbers stay double where single precision would round them."""
        if numbers.dtype == np.float64:
            with np.errstate(over="ignore"):
                single = numbers.astype(np.float32)
            numbers = single if np.array_equal(single, numbers) else numbers
        digest = hashlib.sha256(np.ascontiguousarray(numbers).tobytes()).digest()
        key = (numbers.dtype.str, numbers.shape, digest)
        if key not in self.made:
            self.made[key] = [self._fresh("constant")]
            self.constants[self.made[key][0]] = numbers
        return self.made[key][0]

    def _fresh(self, base: str) -> str:
        self.count += 1
        return unique(f"/{base}.{self.count}", self.taken)

    def roles(self) -> dict[str, str]:
        """What the axes of sequences are, unless a layer moves axes itself."""
        return {
            f"{name} {k}": role
            for name, value in self.inputs.items()
            if len(value.type.tensor_type.shape.dim) == 3 and not self.moved
            for k, role in ((1, "time"), (2, "feature"))
        }

    def check_lengths(self, file: str) -> None:
        """Refuse sequences of several lengths, of which one is open."""
        found = {
            v.type.tensor_type.shape.dim[1].dim_value
            for v in self.inputs.values()
            if len(v.type.tensor_type.shape.dim) == 3
        }
        if len(found) == 2 and 0 in found:
            length = max(found)
            raise ModelError(
                file,
                f"has sequences of {length} steps and of open length; fix that with --steps "
                f"{length}",
            )

    def graph(self, sha256: str) -> Graph:
        """The graph as if it had been read from a file with this digest."""
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in self.outputs
        ]
        return Graph(self.nodes, [*self.inputs.values()], outputs, self.constants, sha256)


def _sizes(name: str, shape: Shape) -> list[int | str]:
    return [1, *(f"{name} {k}" if n is None else n for k, n in enumerate(shape))]


@dataclass(frozen=True)
class Call:
    """A layer that is applied: how the file describes it, its weights, the graph it appends to."""

    net: Net
    layer: LayerConfig
    weights: Weights
    each_step: bool = False
    """Whether it is within TimeDistributed, where it sees one step without the axis of time."""

    @property
    def config(self) -> Config:
        """The layer's options."""
        return self.layer.config

    @property
    def label(self) -> str:
        """How messages name the layer."""
        return self.layer.label

    def add(self, op: str, *inputs: Operand, **options: Any) -> str:
        """Append a node of one output, whose name it returns; numbers become constants."""
        return str(self.add_all(op, inputs, 1, **options)[0])

    def add_all(self, op: str, inputs: Sequence[Operand], count: int, **options: Any) -> list[str]:
        """Append a node of several outputs."""
        names = [i if isinstance(i, str) else self.net.constant(np.asarray(i)) for i in inputs]
        made: list[str] = self.net.add(self.label, op, names, count, **options)
        return made

    def only(self, arguments: list[Any]) -> Value:
        """The one argument of an operation, which must be a tensor."""
        if len(arguments) != 1 or not isinstance(arguments[0], Value):
            raise ModelError(self.label, f"has {len(arguments)} arguments, expected one tensor")
        return arguments[0]

    def last_axis(self, value: Value) -> int:
        """The number of the features' axis as the layer sees it; the batch is axis 0."""
        return len(value.shape) - self.each_step

    def axes(self, *axes: int) -> Array:
        """A list of integers as an operator takes it."""
        return np.array(axes, np.int64)

    def features(self, value: Value) -> int:
        """The size of the last axis, which must be known."""
        if not value.shape or value.shape[-1] is None:
            raise ModelError(
                self.label,
                "reads an input of open size, which only an Embedding or a Reshape makes a "
                "sequence of",
            )
        return value.shape[-1]

    def sequence(self, value: Value) -> Value:
        """A sequence, or the error that says that `value` is none."""
        if len(value.shape) != 2:
            raise ModelError(self.label, "expects a sequence [batch, time, features]")
        return value

    def mask_of(self, value: Value) -> str:
        """The mask that a tensor [time] of truth values is."""
        if len(value.shape) != 1 or value.turned:
            raise ModelError(self.label, "is called with a mask that is not [batch, time]")
        source, function = self.net.truths.get(value.name, ("", None))
        if function is not None and source in self.net.rows:
            rows = self.net.rows[source]
            ids = self.net.ids(self.label, Value(source, value.shape), rows)
            return self.add(
                "Gather", function(np.arange(rows)).astype(np.float32)[:, None], ids.name
            )
        real = self.add("Cast", value.name, to=TensorProto.FLOAT)
        return self.add("Unsqueeze", real, self.axes(2))

    def straight(self, value: Value) -> Value:
        """A value of which the numbers are in the order in which Keras has them."""
        if value.turned:
            raise ModelError(
                self.label,
                "reads a sequence that go_backwards left in reversed order: not supported here",
            )
        return value
