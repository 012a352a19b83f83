"""The graph of a network while it is read and rewritten: nodes, constants, shapes and edits.

Rewrites edit a graph; what they look at while they do is a snapshot, which stays as it was. The
body of a Loop or Scan is a graph of its own, inside another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.amounts import SHAPE_ONLY, numbers_made
from lstm_edge.frontend.graph.fold import fold, is_foldable, stand_in
from lstm_edge.frontend.graph.node import attributes_of, is_standard, label_of
from lstm_edge.frontend.graph.nodes import Nodes, needed
from lstm_edge.frontend.graph.order import in_order
from lstm_edge.frontend.graph.shapes import FAR, Shape, shapes_of, sizes_of
from lstm_edge.frontend.graph.tensor import check_finite, tensor_value
from lstm_edge.frontend.step.repetition import Repetition

Array = npt.NDArray[Any]
Inferred = tuple[Mapping[str, Shape], Mapping[str, int]]
"""Shapes of tensors as far as onnx could infer them, and its numbers of their types."""

MOST_STORED = 2**12
"""Numbers of a constant by which shapes may be decided."""
SIZED = ("Slice", "Split", "Reshape", "Expand", "Squeeze", "Unsqueeze")


@dataclass(eq=False)
class Graph:
    """Nodes in an order of computation, who makes and who reads each tensor, and constants.

    constants: arrays by name, completed by what is folded. warnings: for the user, of what a
    rewrite left out that the file says. pairs: input -> output that is its next value, as the user
    says. repetitions: the steps of nodes `Repeat`. unread: nodes of steps that are written out, and
    why these are read as no repetition. unlike: steps that are no repetition of others. shapes: of
    tensors for which no inference knows them. outer: the graph around a body; final: whether a body
    wants another step. inferred: shapes and kinds of tensors.
    """

    begun: InitVar[Iterable[NodeProto]]
    inputs: list[ValueInfoProto]
    outputs: list[ValueInfoProto]
    constants: dict[str, Array] = field(default_factory=dict)
    sha256: str = ""
    warnings: list[str] = field(default_factory=list)
    pairs: dict[str, str] = field(default_factory=dict)
    repetitions: list[Repetition] = field(default_factory=list)
    unread: dict[str, ModelError] = field(default_factory=dict)
    unlike: list[ModelError] = field(default_factory=list)
    shapes: list[ValueInfoProto] = field(default_factory=list)
    outer: Graph | None = None
    final: str = ""
    inferred: Inferred | None = None
    count: int = field(default=0, init=False)
    _open: set[str] = field(default_factory=set, init=False)

    def __post_init__(self, begun: Iterable[NodeProto]) -> None:
        self.nodes = list(begun)
        if self.inferred is not None:
            self._keep_shapes()

    @classmethod
    def of(cls, graph: GraphProto, sha256: str = "") -> Graph:
        """The part of a file that its outputs depend on.

        Raises ModelError for constants that are damaged or not finite.
        """
        nodes, read = needed(in_order(graph.node), [o.name for o in graph.output])
        stored = {t.name for t in graph.initializer}
        inputs = [i for i in graph.input if i.name not in stored]
        constants = {t.name: tensor_value(t) for t in graph.initializer if t.name in read}
        return cls(nodes, inputs, list(graph.output), constants, sha256)

    # nodes and edits

    @property
    def nodes(self) -> list[NodeProto]:
        """All nodes in order; to be set as a whole, or changed by `replace` and `remove`."""
        return self._nodes.all()

    @nodes.setter
    def nodes(self, nodes: Iterable[NodeProto]) -> None:
        self._nodes = Nodes(nodes)

    @property
    def makers(self) -> Mapping[str, NodeProto]:
        """Tensor -> the node that makes it."""
        return self._nodes.makers

    def producer(self, name: str) -> NodeProto | None:
        """The node that computes a tensor; None for inputs, constants and absent ones."""
        return self.makers.get(name)

    def maker(self, name: str, *ops: str) -> NodeProto | None:
        """The node that makes a tensor, where it is one of the standard operators `ops`."""
        node = self.makers.get(name)
        return node if node is not None and is_standard(node) and node.op_type in ops else None

    def users(self, name: str) -> list[NodeProto]:
        """The nodes that read a tensor, in order; see `is_output` for the graph's own outputs."""
        return self._nodes.readers(name)

    def is_read(self, name: str) -> bool:
        """True where a node reads the tensor, or it is an output."""
        return bool(name) and (bool(self.users(name)) or self.is_output(name))

    def changed(self) -> None:
        """Say that a node was changed in place."""
        self.nodes = self.nodes

    def replace(self, old: Iterable[NodeProto], new: Iterable[NodeProto]) -> None:
        """Put `new` where the last of `old` stood, or where the order allows; `old` goes."""
        self._nodes.replace(old, new)

    def remove(self, old: Iterable[NodeProto]) -> None:
        """Take nodes out of which nobody reads anything any more."""
        self._nodes.remove(old)

    def is_output(self, name: str) -> bool:
        """True where the tensor is an output of the graph."""
        return any(o.name == name for o in self.outputs)

    def is_input(self, name: str) -> bool:
        """True where the tensor is an input of the graph, or of a step of a body."""
        return any(i.name == name for i in self.inputs)

    def fresh(self, base: str) -> str:
        """A tensor name that nothing has yet."""
        while True:
            self.count += 1
            name = f"{base}.rewritten.{self.count}"
            if name not in self.constants and name not in self.makers:
                return name

    def add_constant(self, array: Array) -> str:
        """A new constant; returns its name."""
        name = self.fresh("constant")
        self.constants[name] = array
        return name

    # constants

    def varying(self) -> set[str]:
        """Names of tensors that constants alone do not decide."""
        found = {i.name for i in self.inputs}
        for node in self.nodes:
            if not is_foldable(node) or not found.isdisjoint(node.input):
                found.update(o for o in node.output if o and o not in self.constants)
        return found

    def is_constant(self, name: str) -> bool:
        """True where a tensor depends on constants only, and can be computed."""
        return self.constant(name) is not None

    def _around(self, name: str) -> Graph | None:
        """The graph that a body takes a tensor from; None for what is its own."""
        return None if name in self.makers or self.is_input(name) else self.outer

    def constant(self, name: str) -> Array | None:
        """The numbers of a tensor that depends on constants only; None for any other."""
        waiting = [name] if name else []
        while waiting:
            last = waiting[-1]
            node = self.makers.get(last)
            if last in self.constants or last in self._open:
                waiting.pop()
            elif node is None:
                self._take_from_outside(last)
            else:
                read = [i for i in node.input if i and i not in self.constants]
                if not is_foldable(node) or not self._open.isdisjoint(read):
                    self._open.update(node.output)
                elif read:
                    waiting += read
                else:
                    self._fold(node)
        return self.constants.get(name)

    def _take_from_outside(self, name: str) -> None:
        around = self._around(name)
        array = around.constant(name) if around is not None else None
        if array is None:
            self._open.add(name)
        else:
            self.constants[name] = array

    def _fold(self, node: NodeProto) -> None:
        outputs = [name for name in node.output if name]
        inputs = [self.constants[i] if i else None for i in node.input]
        try:
            results = fold(label_of(node), node, inputs)
        except ModelError:  # whoever needs the numbers will say so
            self._open.update(outputs)
        else:
            self.constants.update(zip(outputs, results, strict=True))

    def scalar(self, name: str) -> float | None:
        """A constant of one element as a number."""
        array = self.constant(name)
        return float(array.reshape(-1)[0]) if array is not None and array.size == 1 else None

    def integers(self, name: str) -> list[int] | None:
        """A constant list of integers, which is no longer than an axis may be."""
        array = self.constant(name)
        if array is None or array.dtype.kind not in "iu" or array.ndim > 1 or array.size > FAR:
            return None
        return [int(v) for v in array.reshape(-1).tolist()]

    # shapes

    @property
    def kinds(self) -> Mapping[str, int]:
        """ONNX's numbers of types of elements, as far as known."""
        return self._inference()[1]

    def _inference(self) -> Inferred:
        if self.inferred is None:
            self.inferred = self._shapes(self.proto())
        return self.inferred

    def shape(self, name: str) -> Shape | None:
        """The shape of a tensor as far as known; None where not even the rank is."""
        array = self.constants.get(name)
        if array is not None:
            return array.shape
        shapes = self._inference()[0]
        if name in shapes or self.outer is None:
            return shapes.get(name)
        return self.outer.shape(name)

    def tell_shape(self, name: str, shape: Shape | None) -> None:
        """Keep the shape of a tensor that a node of our own domain is going to make."""
        if shape is not None:
            info = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            self.shapes.append(info)

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

    # as a whole

    def snapshot(self) -> Graph:
        """What outputs need of the graph as it is now, which stays so. A shape without open sizes
        is a constant in it.
        """
        proto = self.proto()
        nodes = needed(self.nodes, [o.name for o in self.outputs])[0]
        taken = self._copy(nodes, self._shapes(proto))
        computed = taken._computed_bounds()
        if not computed:
            return taken
        left = [n for n in proto.node if not computed.keys() & set(n.output)]
        del proto.node[:]
        proto.node.extend(left)
        for name, array in computed.items():
            proto.initializer.append(numpy_helper.from_array(array, name))
        return self._copy(nodes, self._shapes(proto))

    def _shapes(self, proto: GraphProto) -> Inferred:
        """Of all tensors. What the graph computes may ask for more numbers than onnx can follow:
        then it infers shapes without.
        """
        told = [(n, sizes_of(n)) for n in self.nodes if is_standard(n)]
        makers = [n for n, sizes in told if any(name in self.makers for name in sizes)]
        if not makers:
            return shapes_of(proto)
        closed = GraphProto()
        closed.CopyFrom(proto)
        for value in closed.input:
            for size in value.type.tensor_type.shape.dim:
                size.dim_value = max(size.dim_value, 1)
        scope = self._copy(self.nodes, shapes_of(closed, numbers=False))
        return shapes_of(proto, numbers=not any(scope._made(n) > FAR for n in makers))

    def _made(self, node: NodeProto) -> int:
        """How many numbers a node makes, where its sizes are known; else 0."""
        sizes = sizes_of(node)
        told: list[Array | None] = []
        for name in node.input:
            shape = [n if isinstance(n, int) else 1 for n in self.shape(name) or ()]
            told.append(self.constant(name) if name in sizes else stand_in(tuple(shape)))
        return numbers_made(node, told)

    def _copy(self, nodes: Iterable[NodeProto], known: Inferred) -> Graph:
        return replace(self, begun=nodes, constants=dict(self.constants), inferred=known)

    def _keep_shapes(self) -> None:
        """A shape without open sizes is a constant, and so is what it counts."""
        for node in self.nodes:
            shape = self.shape(node.input[0]) if node.op_type in SHAPE_ONLY else None
            if shape is not None and all(isinstance(size, int) for size in shape):
                given = attributes_of(node)
                sizes = np.array(shape[slice(given.get("start"), given.get("end"))], np.int64)
                one = node.op_type == "Size"
                self.constants[node.output[0]] = np.array(sizes.prod()) if one else sizes

    def _computed_bounds(self) -> dict[str, Array]:
        """Bounds and sizes that exporters compute from shapes: onnx does not follow all of them."""
        if not any(n.op_type == "Shape" and n.output[0] in self.constants for n in self.nodes):
            return {}
        names = (i for n in self.nodes if n.op_type in SIZED for i in n.input[1:])
        made = (name for name in dict.fromkeys(names) if name in self.makers)
        found = ((name, self.constant(name)) for name in made)
        return {name: array for name, array in found if array is not None}

    def prune(self) -> None:
        """Keep what outputs need, in an order of computation.

        Raises ModelError for constants that are not finite.
        """
        self.nodes, read = needed(self.nodes, [o.name for o in self.outputs])
        kept = {n: a for n, a in self.constants.items() if n in read and n not in self.makers}
        for name, array in kept.items():
            check_finite(f"initializer {name!r}", array, mask=True)
        self.constants = kept

    def proto(self) -> GraphProto:
        """The graph as onnx has it: what outputs need. Of large constants it has the shapes only:
        its numbers are copied several times for whoever infers shapes of it.
        """
        nodes, read = needed(self.nodes, [o.name for o in self.outputs])
        graph = GraphProto()
        graph.name = "graph"
        graph.node.extend(nodes)
        graph.input.extend(self.inputs)
        graph.output.extend(self.outputs)
        for name, array in self.constants.items():
            if name not in read or name in self.makers:
                continue
            if array.size > MOST_STORED:
                kind = helper.np_dtype_to_tensor_dtype(array.dtype)
                graph.value_info.append(helper.make_tensor_value_info(name, kind, array.shape))
            else:
                stored = numpy_helper.from_array(np.array(array, order="C"), name)
                graph.initializer.append(stored)
        graph.value_info.extend(self.shapes)
        return graph
