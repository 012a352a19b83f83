"""The float graph: what a front end makes of a file, before any number is quantized.

Every tensor is one vector: of each step (`per_step`), or of the whole sequence. Batch and layout
axes are gone; they survive in the ports only, which say how a user's array maps to vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import Format
from lstm_edge.ir.clock import Window
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
    "time*feature" for the two flattened into one; "layer" where the feature vector joins the
    states of several layers, which have an axis of their own. shape: sizes; -1 for a time axis
    of any length. limit: 0 for real numbers; n > 0 for integers 0 .. n - 1. before: the curve that
    the file puts an output to, where the numbers are those before it. stored: of an input, the
    format that it was said to have; None for the one that calibration gives.
    """

    name: str
    tensor: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    limit: int = 0
    before: str = ""
    stored: Format | None = None


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
    """A cell with its weights, applied to each vector of its inputs.

    inputs: the cell's input name -> tensor. outputs: the cell's result name -> tensor.
    params: the cell's parameter name -> array; W_g [units, features], R_g [units, units],
    b_g and P_g [units], the table E [rows, units] of an embedding. initial: state name -> [units],
    zero where absent. reverse: the steps are taken from the last to the first, results keep their
    step's place; None where either order will do; of a layer without states that is only when its
    work is done. window: what an expression of kind recent sees. units: state -> its number of
    units, where the equations do not tell: no matrix reads it, and gates have another size.
    """

    name: str
    cell: Cell
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    params: Mapping[str, Floats] = field(default_factory=dict)
    initial: Mapping[str, Floats] = field(default_factory=dict)
    source: str = ""
    reverse: bool | None = False
    window: Window | None = None
    units: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class LastStep:
    """The vector of the last time step: no work, only a name."""

    name: str
    input: str
    output: str
    source: str = ""


@dataclass(frozen=True)
class FirstStep:
    """The vector of the first time step: where a reverse layer ends."""

    name: str
    input: str
    output: str
    source: str = ""


@dataclass(frozen=True)
class DenseOverTime:
    """A dense layer over all steps flattened, computed as the steps go by.

    y = bias + sum over t of weights[t] @ x[t]; weights [steps, units, features], bias [units].
    """

    name: str
    input: str
    output: str
    weights: Floats
    bias: Floats
    source: str = ""


@dataclass(frozen=True)
class Concat:
    """Vectors joined end to end: no work of its own, each is written where it belongs."""

    name: str
    inputs: tuple[str, ...]
    output: str
    source: str = ""


@dataclass(frozen=True)
class Slice:
    """Features [begin, end) of a vector: no work, they are read where they are."""

    name: str
    input: str
    output: str
    begin: int
    end: int
    source: str = ""


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


Node = Layer | LastStep | FirstStep | DenseOverTime | Concat | Slice


def operands_of(node: Node) -> tuple[str, ...]:
    """Tensors that a node reads."""
    if isinstance(node, Layer):
        return tuple(node.inputs.values())
    return node.inputs if isinstance(node, Concat) else (node.input,)


def results_of(node: Node) -> tuple[str, ...]:
    """Tensors that a node computes."""
    return tuple(node.outputs.values()) if isinstance(node, Layer) else (node.output,)


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
    nodes: tuple[Node, ...]
    steps: int | None
    sha256: str
    warnings: tuple[str, ...] = ()
    state_inputs: tuple[StatePort, ...] = ()
    state_outputs: tuple[StatePort, ...] = ()
    file_names: Mapping[str, str] = field(default_factory=dict)
    folded: tuple[Folded, ...] = ()
