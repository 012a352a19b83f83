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
from lstm_edge.frontend.keras.config import LayerConfig
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
        if len(shape) == 2 or (len(shape) == 3 and shape[0] is None):
            shape = (self.steps or shape[0], *shape[1:])
        return self.declare(unique(name or "x", self.taken), integers, shape)

    def declare(self, name: str, integers: bool, shape: Shape) -> Value:
        """An input of this name, or the one that there is with another shape."""
        kind = TensorProto.INT64 if integers else TensorProto.FLOAT
        sizes = [1, *(f"{name} {k}" if n is None else n for k, n in enumerate(shape))]
        self.inputs[name] = helper.make_tensor_value_info(name, kind, sizes)
        return Value(name, shape)

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
        self.outputs.append(name)
        self.nodes.append(helper.make_node("Identity", [value.name], [name], name=label))

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

    def roles(self, file: str) -> dict[str, str]:
        """What the axes of sequences are, unless a layer moves axes itself.

        Raises ModelError for sequences of several lengths, of which one is open.
        """
        shapes = {name: value.type.tensor_type.shape.dim for name, value in self.inputs.items()}
        lengths = {name: dims[1].dim_value for name, dims in shapes.items() if len(dims) == 3}
        if len({*lengths.values()}) == 2 and 0 in lengths.values():
            most = max(lengths.values())
            raise ModelError(
                file,
                f"has sequences of {most} steps and of open length; fix that with --steps {most}",
            )
        axes = ((1, "time"), (2, "feature")) if not self.moved else ()
        return {f"{name} {k}": role for name in lengths for k, role in axes}

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
    config: LayerConfig
    weights: Weights
    each_step: bool = False

    def error(self, message: str) -> ModelError:
        """An error that names the layer."""
        return self.config.error(message)

    def add(self, op: str, *inputs: Operand, **options: Any) -> Value:
        """Append a node of one output, which is seen like the first value that it reads."""
        (name,) = self.add_all(op, inputs, 1, **options)
        first = next((i for i in inputs if isinstance(i, Value)), Value("", ()))
        return replace(first, name=name)

    def add_all(self, op: str, inputs: Sequence[Operand], count: int, **options: Any) -> list[str]:
        """Append a node of several outputs; numbers become constants."""
        names = [i.name if isinstance(i, Value) else i for i in inputs]
        known = [n if isinstance(n, str) else self.net.constant(np.asarray(n)) for n in names]
        return self.net.add(self.config.label, op, known, count, options)

    def axes(self, *axes: int) -> Array:
        """A list of integers as an operator takes it."""
        return np.array(axes, np.int64)

    def last_axis(self, value: Value) -> int:
        """The number of the features' axis as the layer sees it; the batch is axis 0."""
        return len(value.shape) - self.each_step

    def axis(self, x: Value, key: str = "axis", more: int = 0, default: int | None = None) -> int:
        """An option that is an axis of x, or of a result with `more` axes, from 1 on; 0 is that of
        the batch, which it may not be.
        """
        axis, seen = self.config.keys.get(key, default), len(x.shape) + 1 + more - self.each_step
        if type(axis) is not int or not -seen <= axis < seen or not axis % seen:
            raise self.config.unexpected(key, "an axis behind that of the batch")
        return axis % seen + self.each_step

    def take(self, *names: str) -> list[Any]:
        """Weights by name; of "bias?use_bias", a flag, None where it is not set."""
        pairs = [name.partition("?")[::2] for name in names]
        wanted = [name for name, flag in pairs if not flag or self.config.flag(flag, True)]
        found = dict(zip(wanted, self.weights.take(*wanted), strict=True))
        return [found.get(name) for name, _ in pairs]

    def fits(self, name: str, array: Array, *shape: int) -> None:
        """Refuse an array of another shape."""
        if array.shape != shape:
            raise self.error(
                f"its {name} is {list(array.shape)}, expected {list(shape)}; were weights of "
                "another model loaded into it?"
            )

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

    def of_steps(self, value: Value) -> Value:
        """The same of steps that are vectors or have places with channels."""
        return value if len(value.shape) == 3 else self.sequence(value)

    def straight(self, value: Value) -> Value:
        """A value of which the numbers are in the order in which Keras has them."""
        if not value.turned:
            return value
        if None in value.flat[1:]:
            raise self.error("reads numbers of an open size; give it in keras.Input")
        steps = (1, -1, *(n or 1 for n in value.flat[1:]))
        y = self.add("Reshape", value, self.axes(*steps)) if value.flat else value
        y = self.sliced(y, 1, slice(None, None, -1))
        y = self.add("Reshape", y, self.axes(1, -1)) if value.flat else y
        return replace(y, turned=False)

    def sliced(self, x: Value, axis: int, key: slice) -> Value:
        """Indices of one axis as Python's slices count them; the shape is left as it is."""
        step = key.step or 1
        first, last = (-1, -(2**31)) if step < 0 else (0, 2**31 - 1)
        bounds = (first if key.start is None else key.start, last if key.stop is None else key.stop)
        return self.add("Slice", x, *(self.axes(n) for n in (*bounds, axis, step)))

    def ids(self, x: Value, rows: int) -> Value:
        """An input [time] that is looked up, as integers; Keras may have it as real numbers."""
        net, integers = self.net, self.net.is_integer(x)
        if x.name not in net.inputs or len(x.shape) != 1:
            raise self.error(
                "looks up what is no input of the model [batch, time]; look it up where the ids "
                "are made, outside of the model"
            )
        net.rows[x.name] = min(rows, net.rows.get(x.name, rows))
        ids = net.declare(x.name, integers, (net.steps or x.shape[0],))
        return ids if integers else self.add("Cast", ids, to=TensorProto.INT64)


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
