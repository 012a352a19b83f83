"""The float graph: what a front end makes of a file, before any number is quantized.

Every tensor is one vector: of each step (`per_step`), or of the whole sequence. Batch and layout
axes are gone; they survive in the ports only, which say how a user's array maps to vectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Self, TypeGuard, TypeVar

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import Format
from lstm_edge.ir.clock import Length, Window
from lstm_edge.ir.expr import Cell

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Tensor:
    """A vector of `features` numbers, one per time step or one per sequence."""

    name: str
    features: int
    per_step: bool


@dataclass(frozen=True)
class Port:
    """An input or output as the user's file names and shapes it.

    axes: one of "batch" (size 1), "unit" (size 1), "time", "feature" per axis of `shape`, or
    "time*feature" or "feature*time" for the two flattened into one, the outer first; several
    "feature" where the vector is shaped; "layer" where it joins the states of several layers, which
    have an axis of their own. shape: sizes; -1 for a time axis of any length. limit: 0 for real
    numbers; n > 0 for integers 0 .. n - 1. before: the curve that the file puts an output to, where
    the numbers are those before it. stored: of an input, the format that it was said to have; None
    for the one that calibration gives. kind: of an input of integers that are data, their type in
    the file, as `int16` or `bool`; "" for real numbers and for ids. every: of an input, steps of
    the model for each vector of a user's array; at each of them the vector is given again.
    """

    name: str
    tensor: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    limit: int = 0
    before: str = ""
    stored: Format | None = None
    kind: str = ""
    every: int = 1


@dataclass(frozen=True)
class StatePart:
    """Numbers of a state port that are one state: unit k of `state` is number `places[k]` of the
    user's array, flattened.
    """

    layer: str
    state: str
    places: tuple[int, ...]


@dataclass(frozen=True)
class StatePort:
    """An input of the file that sets states, or an output that shows them.

    partner: for an input, the output that shows the same states in the same places; fed back, it
    makes the network go on. "" where there is none: then each call brings its own.
    """

    name: str
    shape: tuple[int, ...]
    parts: tuple[StatePart, ...]
    partner: str = ""


@dataclass(frozen=True)
class Layer:
    """A cell with its weights, applied to each vector of its inputs, which are named as the cell
    names them; so are its outputs.

    params: the cell's parameter name -> array; W_g [units, features], R_g [units, units],
    b_g and P_g [units], the table E [rows, units] of an embedding. initial: state name -> [units],
    zero where absent. reverse: the steps are taken from the last to the first, results keep their
    step's place; None where either order will do; of a layer without states that is only when its
    work is done. window: what an expression of kind recent sees. units: state or result name ->
    its number of units, where the equations do not tell: a state that no matrix reads, of another
    size than gates have. begins: state name -> the node's input that is its first value, for each
    sequence anew; a vector, and no input of the cell. over: of a layer that reads no sequence and
    makes one, the length of it. along: positions of an inner axis that the states go along within
    each step, in place of steps: each position begins with what the one before made of them.
    times: of a layer that gives what it reads, of which each vector comes at so many times as many
    steps, how many steps of its own each one is there.
    """

    cell: Cell
    params: Mapping[str, Floats] = field(default_factory=dict)
    initial: Mapping[str, Floats] = field(default_factory=dict)
    reverse: bool | None = False
    window: Window | None = None
    units: Mapping[str, int] = field(default_factory=dict)
    begins: Mapping[str, str] = field(default_factory=dict)
    over: Length | None = None
    along: int = 1
    times: int = 1


@dataclass(frozen=True)
class Step:
    """The vector of one step of a sequence x: no work, only a name.

    at: 0 the first step, 1 the second, ...; -1 the last, -2 the one before, ...
    """

    at: int

    @property
    def called(self) -> str:
        """first, step1, step2, ...; last, last2, ..."""
        if self.at >= 0:
            return f"step{self.at}" if self.at else "first"
        return "last" if self.at == -1 else f"last{-self.at}"


@dataclass(frozen=True)
class DenseOverTime:
    """A dense layer over all steps of x flattened, computed as the steps go by.

    y = bias + sum over t of weights[t] @ x[t]; weights [steps, units, features], bias [units].
    """

    weights: Floats
    bias: Floats


@dataclass(frozen=True)
class Concat:
    """Vectors joined end to end, in the order of the inputs: no work of its own, each is written
    where it belongs.
    """


@dataclass(frozen=True)
class Slice:
    """Features [begin, end) of a vector x: no work, they are read where they are."""

    begin: int
    end: int


Work = Layer | Step | DenseOverTime | Concat | Slice
"""What a node may do."""


def arrays_of(op: Work) -> Mapping[str, Floats]:
    """The weights of a node's work by their names."""
    if isinstance(op, DenseOverTime):
        return {"W": op.weights, "b": op.bias}
    return op.params if isinstance(op, Layer) else {}


W = TypeVar("W", bound=Work, covariant=True)


@dataclass(frozen=True)
class Node(Generic[W]):
    """Something done with tensors.

    inputs, outputs: name -> tensor; the names are the cell's where `op` is a layer, else x and y,
    and numbers for the inputs of a Concat. source: the node or layer of the file.
    """

    name: str
    op: W
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    source: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        """Tensors that the node reads."""
        return tuple(self.inputs.values())

    @property
    def makes(self) -> tuple[str, ...]:
        """Tensors that the node computes."""
        return tuple(self.outputs.values())

    @property
    def label(self) -> str:
        """What an error calls the node."""
        return self.source or self.name

    def on(self, tensors: Mapping[str, str]) -> Self:
        """The node reading other tensors, old -> new; those that are not listed stay."""
        if not any(t in tensors for t in self.reads):
            return self
        return replace(self, inputs={k: tensors.get(t, t) for k, t in self.inputs.items()})


K = TypeVar("K", bound=Work)


def is_a(node: Node[Work], kind: type[K]) -> TypeGuard[Node[K]]:
    """Whether a node does this kind of work; of a union of kinds ask `node.op` itself."""
    return isinstance(node.op, kind)


def numbered(tensors: Iterable[str]) -> dict[str, str]:
    """The inputs of a Concat."""
    return {str(k): tensor for k, tensor in enumerate(tensors)}


@dataclass(frozen=True)
class Folded:
    """Arithmetic of the file that is done inside: `scale * numbers + offset` of a tensor.

    tensor: whose numbers. scale, offset: the smallest and the largest of its features. source: the
    node or layer of the file. An input is given as it is before this.
    """

    tensor: str
    scale: tuple[float, float]
    offset: tuple[float, float]
    source: str


@dataclass(frozen=True)
class Model:
    """A network: `nodes` in an order of computation. steps: sequence length, None if any.
    file_names: name of an input, output or state -> what the file calls it, where that differs.
    folded: scales and offsets of the file, which weights or layers of their own do.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    tensors: Mapping[str, Tensor]
    nodes: tuple[Node[Work], ...]
    steps: int | None
    sha256: str
    warnings: tuple[str, ...] = ()
    state_inputs: tuple[StatePort, ...] = ()
    state_outputs: tuple[StatePort, ...] = ()
    file_names: Mapping[str, str] = field(default_factory=dict)
    folded: tuple[Folded, ...] = ()

    @property
    def layers(self) -> tuple[Node[Layer], ...]:
        """Nodes that apply a cell."""
        return tuple(node for node in self.nodes if is_a(node, Layer))
