"""A Keras model on its way into a graph of ONNX: nodes, constants and inputs as layers add them.

Rows of a batch are treated alike by every layer, so the graph has a batch of one row. What belongs
to a layer is labelled "layer 'x' (Dense)", which is how messages name it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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


Operand = Value | str | Array | float
"""What a node reads: a tensor, its name ("" where it is absent), or a constant."""


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
    moved: bool = False

    def input(self, name: str, shape: Shape, integers: bool) -> Value:
        """A new input [1, *shape]; of a sequence [time, features] with as many steps as wanted."""
        if len(shape) == 2:
            shape = (self.steps or shape[0], shape[1])
        known = unique(name or "x", self.taken)
        self._declare(known, TensorProto.INT64 if integers else TensorProto.FLOAT, shape)
        return Value(known, shape)

    def _declare(self, name: str, kind: int, shape: Shape) -> None:
        sizes = [1, *(f"{name} {k}" if n is None else n for k, n in enumerate(shape))]
        self.inputs[name] = helper.make_tensor_value_info(name, kind, sizes)

    def is_integer(self, x: Value) -> bool:
        """Whether a value is an input of integers."""
        given = self.inputs.get(x.name)
        return given is not None and given.type.tensor_type.elem_type == TensorProto.INT64

    def ids(self, label: str, x: Value, rows: int) -> Value:
        """An input [time] that is looked up, as integers; Keras may have it as real numbers."""
        if x.name not in self.inputs or len(x.shape) != 1:
            raise ModelError(
                label,
                "looks up what is no input of the model [batch, time]; look it up where the ids "
                "are made, outside of the model",
            )
        self.rows[x.name] = min(rows, self.rows.get(x.name, rows))
        shape = (self.steps or x.shape[0],)
        integers = self.is_integer(x)
        self._declare(x.name, TensorProto.INT64 if integers else TensorProto.FLOAT, shape)
        cast = {"to": TensorProto.INT64}
        return Value(x.name if integers else self.add(label, "Cast", [x.name], 1, cast)[0], shape)

    def output(self, name: str, value: Value) -> None:
        """Give a value as an output of this name, or of the next that is free."""
        name = unique(name or "y", self.taken)
        label = f"output {name!r}"
        if value.name in self.inputs:
            raise ModelError(label, "is an input of the model; leave it out")
        self.outputs.append(name)
        inner = self.straight(label, value).name
        self.nodes.append(helper.make_node("Identity", [inner], [name], name=label))

    def add(
        self, label: str, op: str, inputs: Sequence[str], count: int, options: dict[str, Any]
    ) -> list[str]:
        """Append a node; the names of its `count` outputs. What is computed already is not computed
        again: masks are, where a file says for each layer which steps count.
        """
        key = (op, *inputs, repr(sorted(options.items())))
        if key not in self.made:
            results = [unique(f"/{op}.{len(self.made)}", self.taken) for _ in range(count)]
            self.nodes.append(helper.make_node(op, list(inputs), results, name=label, **options))
            self.made[key] = results
        return self.made[key]

    def sliced(self, label: str, x: str, axis: int, key: slice) -> str:
        """Indices of one axis as Python's slices count them."""
        step = key.step or 1
        first, last = (-1, -(2**31)) if step < 0 else (0, 2**31 - 1)
        bounds = (first if key.start is None else key.start, last if key.stop is None else key.stop)
        numbers = (self.constant(np.array([n], np.int64)) for n in (*bounds, axis, step))
        return self.add(label, "Slice", [x, *numbers], 1, {})[0]

    def straight(self, label: str, value: Value) -> Value:
        """A value of which the numbers are in the order in which Keras has them."""
        if not value.turned:
            return value
        back, name = slice(None, None, -1), value.name
        if None in value.flat[1:]:
            raise ModelError(label, "reads numbers of an open size; give it in keras.Input")
        shapes = ((1, -1, *(n or 1 for n in value.flat[1:])), (1, -1))
        numbers = [self.constant(np.array(shape, np.int64)) for shape in shapes]
        if value.flat:
            name = self.add(label, "Reshape", [name, numbers[0]], 1, {})[0]
        name = self.sliced(label, name, 1, back)
        if value.flat:
            name = self.add(label, "Reshape", [name, numbers[1]], 1, {})[0]
        return replace(value, name=name, turned=False)

    def constant(self, numbers: Array) -> str:
        """A constant. Numbers stay double where single precision would round them."""
        if numbers.dtype == np.float64:
            with np.errstate(over="ignore"):
                single = numbers.astype(np.float32)
            numbers = single if np.array_equal(single, numbers) else numbers
        digest = hashlib.sha256(np.ascontiguousarray(numbers).tobytes()).digest()
        key = (numbers.dtype.str, numbers.shape, digest)
        if key not in self.made:
            self.made[key] = [unique(f"/constant.{len(self.made)}", self.taken)]
            self.constants[self.made[key][0]] = numbers
        return self.made[key][0]

    def roles(self) -> dict[str, str]:
        """What the axes of sequences are, unless a layer moves axes itself."""
        names = [n for n, sizes in self._sizes().items() if len(sizes) == 3 and not self.moved]
        return {f"{n} {k}": role for n in names for k, role in ((1, "time"), (2, "feature"))}

    def _sizes(self) -> dict[str, list[int]]:
        """The sizes of inputs, 0 for one that is open."""
        shapes = ((name, v.type.tensor_type.shape) for name, v in self.inputs.items())
        return {name: [dim.dim_value for dim in shape.dim] for name, shape in shapes}

    def check_lengths(self, file: str) -> None:
        """Refuse sequences of several lengths, of which one is open."""
        found = {sizes[1] for sizes in self._sizes().values() if len(sizes) == 3}
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


@dataclass(frozen=True)
class Call:
    """A layer that is applied: how the file describes it, its weights, the graph it appends to.

    each_step: it is within TimeDistributed, where it sees one step without the axis of time.
    """

    net: Net
    layer: LayerConfig
    weights: Weights
    each_step: bool = False

    @property
    def config(self) -> Config:
        """The layer's options."""
        return self.layer.config

    def error(self, message: str) -> ModelError:
        """An error that names the layer."""
        return ModelError(self.layer.label, message)

    def add(self, op: str, *inputs: Operand, **options: Any) -> Value:
        """Append a node of one output, which is seen like the first value that it reads."""
        (name,) = self.add_all(op, inputs, 1, **options)
        first = next((i for i in inputs if isinstance(i, Value)), Value("", ()))
        return replace(first, name=name)

    def add_all(self, op: str, inputs: Sequence[Operand], count: int, **options: Any) -> list[str]:
        """Append a node of several outputs; numbers become constants."""
        names = [
            i.name if isinstance(i, Value) else i if isinstance(i, str) else self._constant(i)
            for i in inputs
        ]
        return self.net.add(self.layer.label, op, names, count, options)

    def _constant(self, numbers: Array | float) -> str:
        return self.net.constant(np.asarray(numbers))

    def axes(self, *axes: int) -> Array:
        """A list of integers as an operator takes it."""
        return np.array(axes, np.int64)

    def last_axis(self, value: Value) -> int:
        """The number of the features' axis as the layer sees it; the batch is axis 0."""
        return len(value.shape) - self.each_step

    def axis(self, key: str, rank: int, default: int | None = None) -> int:
        """An option that is an axis behind that of the batch, from 1 on; `rank` counts the batch."""
        axis, seen = self.config.keys.get(key, default), rank - self.each_step
        if type(axis) is not int or not -seen <= axis < seen or not axis % seen:
            raise self.config.unexpected(key, "an axis behind that of the batch")
        return axis % seen + self.each_step

    def take(self, *names: str, unread: str = "") -> list[Doubles | None]:
        """Weights by name; of "bias?use_bias", a flag, None where it is not set."""
        pairs = [name.partition("?")[::2] for name in names]
        wanted = [name for name, flag in pairs if not flag or self.config.flag(flag, True)]
        found = dict(zip(wanted, self.weights.take(*wanted, unread=unread), strict=True))
        return [found.get(name) for name, _ in pairs]

    def fits(self, name: str, array: Array, *shape: int) -> None:
        """Refuse an array of another shape."""
        if array.shape != shape:
            raise self.error(f"its {name} is {list(array.shape)}, expected {list(shape)}")

    def features(self, value: Value) -> int:
        """The size of the last axis, which must be known."""
        if not value.shape or value.shape[-1] is None:
            raise self.error(
                "reads an input of open size, which only an Embedding or a Reshape makes a "
                "sequence of; give its size in keras.Input"
            )
        return value.shape[-1]

    def sequence(self, value: Value) -> Value:
        """A sequence, or the error that says that `value` is none."""
        if len(value.shape) != 2:
            raise self.error(
                f"expects a sequence [batch, time, features], its input is {shown_shape(value)}"
            )
        return value

    def straight(self, value: Value) -> Value:
        """A value of which the numbers are in the order in which Keras has them."""
        return self.net.straight(self.layer.label, value)

    def sliced(self, x: Value, axis: int, key: slice) -> Value:
        """Indices of one axis as Python's slices count them; the shape is left as it is."""
        return replace(x, name=self.net.sliced(self.layer.label, x.name, axis, key))


def in_order(x: Value, array: Doubles) -> Doubles:
    """What an array has for each number of a vector, along its first axis, in the order of the
    graph, where Keras has the steps of which they are the other way.
    """
    if not x.turned or not x.flat or len(array) == 1:
        return array
    steps = array.reshape(-1, math.prod(n or 1 for n in x.flat[1:]), *array.shape[1:])
    return steps[::-1].reshape(array.shape)


def shown_shape(value: Value | Shape) -> str:
    """A shape for a message."""
    shape = value.shape if isinstance(value, Value) else value
    return f"[{', '.join('?' if n is None else str(n) for n in shape)}]"
