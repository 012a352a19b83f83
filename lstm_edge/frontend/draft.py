"""A model while a front end builds it: nodes and tensors get their final names at the end.

What no output needs is dropped, so a front end may add nodes freely: a dense layer whose bias
comes two ONNX nodes later is simply made again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.names import identifier, unique
from lstm_edge.ir.clock import Window
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    FirstStep,
    Floats,
    LastStep,
    Layer,
    Model,
    Node,
    Port,
    Slice,
    StatePart,
    StatePort,
    Tensor,
)
from lstm_edge.layers.over_time import REDUCTIONS, mean, running


@dataclass
class Draft:
    """Nodes in an order of computation; tensors are numbered strings until `finish`.

    roots: tensor -> the graph input whose sequence it follows step by step, None for a tensor
    that exists once per sequence. features: tensor -> size, known at the end for inputs.
    """

    nodes: list[Node] = field(default_factory=list)
    roots: dict[str, str | None] = field(default_factory=dict)
    features: dict[str, int | None] = field(default_factory=dict)
    likeness: dict[str, str] = field(default_factory=dict)

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
    ) -> dict[str, str]:
        """Append a layer of the input x, and `more`; its result tensors by the cell's names."""
        outputs = {result: self.tensor(self.roots[x], features, like=x) for result in cell.results}
        inputs = {"x": x, **(more or {})}
        layer = Layer(kind, cell, inputs, outputs, params, initial or {}, source, reverse, window)
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

    def _step(self, kind: type[LastStep | FirstStep], name: str, x: str, source: str) -> str:
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
        """Inputs that `tensor` is computed from."""
        found, waiting = set(), [tensor]
        for name in waiting:
            node = self.producer(name)
            if node is None:
                found.add(name)
            else:
                waiting.extend(t for t in operands_of(node) if t not in waiting)
        return found

    def producer(self, tensor: str) -> Node | None:
        """The node that computes `tensor`, None for an input."""
        return next((n for n in reversed(self.nodes) if tensor in results_of(n)), None)

    def size(self, tensor: str) -> int | None:
        """Features of a tensor, None while an input's are unknown."""
        known = self.features[tensor]
        like = self.likeness[tensor]
        return self.size(like) if known is None and like else known


def operands_of(node: Node) -> tuple[str, ...]:
    """Tensors that a node reads."""
    if isinstance(node, Layer):
        return tuple(node.inputs.values())
    return node.inputs if isinstance(node, Concat) else (node.input,)


def results_of(node: Node) -> tuple[str, ...]:
    """Tensors that a node computes."""
    return tuple(node.outputs.values()) if isinstance(node, Layer) else (node.output,)


@dataclass(frozen=True)
class DraftState:
    """An input that sets states, or an output that shows them, before layers have names.

    parts: (tensor of the layer's result, the state's name, places).
    """

    name: str
    shape: tuple[int, ...]
    parts: tuple[tuple[str, str, tuple[int, ...]], ...]
    partner: str = ""


def finish(
    draft: Draft,
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    timed: frozenset[str],
    steps: int | None,
    sha256: str,
    warnings: Sequence[str] = (),
    states: tuple[Sequence[DraftState], Sequence[DraftState]] = ((), ()),
) -> Model:
    """The model of what `outputs` and state outputs need, with names for people.

    `timed`: inputs that are sequences. The caller names the model.
    """
    draft, outputs = _without_steps(draft, outputs, timed)
    wanted = {port.tensor for port in outputs}
    wanted |= {tensor for port in states[1] for tensor, _, _ in port.parts}
    nodes = _needed(_looked_up_again(draft, {port.tensor for port in inputs}), wanted)
    if not any(isinstance(n, Layer) and n.cell.states for n in nodes):
        raise ModelError(
            "graph", "no recurrent layer leads to an output; lstm-edge compiles recurrent networks"
        )
    final, nodes = _named(nodes, inputs)
    owners = {id(n.cell): n.name for n in nodes if isinstance(n, Layer)}
    layers = {
        tensor: owners.get(id(n.cell), "")
        for n in draft.nodes
        if isinstance(n, Layer)
        for tensor in n.outputs.values()
    }
    tensors = {}
    per_step = _per_step(nodes, {final[t] for t in timed if t in final})
    for old, new in final.items():
        features = draft.size(old)
        assert features is not None
        tensors[new] = Tensor(new, features, new in per_step)
    return Model(
        name="",
        inputs=tuple(replace(port, tensor=final[port.tensor]) for port in inputs),
        outputs=tuple(replace(port, tensor=final[port.tensor]) for port in outputs),
        tensors=tensors,
        nodes=tuple(nodes),
        steps=steps,
        sha256=sha256,
        warnings=tuple(warnings),
        state_inputs=_state_ports(states[0], layers),
        state_outputs=_state_ports(states[1], layers),
    )


def _state_ports(ports: Sequence[DraftState], layers: Mapping[str, str]) -> tuple[StatePort, ...]:
    """With the layers' names, those that nothing needs left out."""
    found = []
    for port in ports:
        parts = tuple(StatePart(layers[t], state, at) for t, state, at in port.parts if layers[t])
        if parts:
            found.append(StatePort(port.name, port.shape, parts, port.partner))
    return tuple(found)


def _without_steps(
    draft: Draft, outputs: Sequence[Port], timed: frozenset[str]
) -> tuple[Draft, list[Port]]:
    """The draft without the last or first steps of what is no sequence: they are the vector."""
    same: dict[str, str] = {}
    kept: list[Node] = []
    for node in draft.nodes:
        node = _reading(node, same)
        if isinstance(node, LastStep | FirstStep) and draft.roots[node.input] not in timed:
            same[node.output] = node.input
        else:
            kept.append(node)
    ports = [replace(port, tensor=same.get(port.tensor, port.tensor)) for port in outputs]
    return replace(draft, nodes=kept), ports


def _reading(node: Node, same: Mapping[str, str]) -> Node:
    """The node with its inputs replaced by what they are the same as."""
    if not any(t in same for t in operands_of(node)):
        return node
    if isinstance(node, Layer):
        return replace(node, inputs={k: same.get(t, t) for k, t in node.inputs.items()})
    if isinstance(node, Concat):
        return replace(node, inputs=tuple(same.get(t, t) for t in node.inputs))
    return replace(node, input=same.get(node.input, node.input))


def _per_step(nodes: Sequence[Node], timed: set[str]) -> set[str]:
    """Tensors that exist at each step, of nodes with their final names; `timed`: such inputs."""
    found = set(timed)
    for node in nodes:
        moving = isinstance(node, Layer | Concat | Slice)
        if moving and found.intersection(operands_of(node)):
            found.update(results_of(node))
    return found


def _needed(nodes: Sequence[Node], wanted: set[str]) -> list[Node]:
    """Nodes that the `wanted` tensors depend on, without the outputs that nobody reads."""
    kept: list[Node] = []
    for node in reversed(nodes):
        used = [t for t in results_of(node) if t in wanted]
        if used:
            wanted |= set(operands_of(node))
            kept.append(_without_unused(node, wanted))
    return kept[::-1]


def _without_unused(node: Node, wanted: set[str]) -> Node:
    if not isinstance(node, Layer):
        return node
    return replace(node, outputs={r: t for r, t in node.outputs.items() if t in wanted})


def _looked_up_again(draft: Draft, inputs: set[str]) -> list[Node]:
    """All nodes, where layers that run backward have embeddings of their own that do, too: to look
    a vector up again takes less than to keep those of all steps.
    """
    again: dict[str, str] = {}
    result: list[Node] = []
    for node in draft.nodes:
        if not isinstance(node, Layer) or not node.reverse:
            result.append(node)
            continue
        for tensor in node.inputs.values():
            source = draft.producer(tensor)
            if tensor not in again and _looks_up(source, inputs):
                assert isinstance(source, Layer)
                again[tensor] = draft.tensor(draft.roots[tensor], None, like=tensor)
                result.append(replace(source, outputs={"y": again[tensor]}, reverse=True))
        read = {name: again.get(tensor, tensor) for name, tensor in node.inputs.items()}
        result.append(replace(node, inputs=read))
    return result


def _looks_up(node: Node | None, inputs: set[str]) -> bool:
    """Whether a node is an embedding of one of `inputs`."""
    embedding = isinstance(node, Layer) and node.cell.name == "embedding"
    return embedding and isinstance(node, Layer) and inputs.issuperset(node.inputs.values())


def _named(nodes: Sequence[Node], inputs: Sequence[Port]) -> tuple[dict[str, str], list[Node]]:
    """Final names of tensors, and the nodes with final names: lstm, lstm2, fc ..."""
    taken: set[str] = set()
    final = {p.tensor: unique(identifier(p.name, "x"), taken) for p in inputs}
    renamed: list[Node] = []
    for node in nodes:
        name = unique(node.name, taken)
        if isinstance(node, Layer):
            for result, tensor in node.outputs.items():
                final[tensor] = unique(f"{name}_{result}", taken)
            renamed.append(
                replace(
                    node,
                    name=name,
                    inputs={key: final[t] for key, t in node.inputs.items()},
                    outputs={key: final[t] for key, t in node.outputs.items()},
                )
            )
            continue
        if isinstance(node, Concat):
            final[node.output] = unique(f"{name}_y", taken)
            parts = tuple(final[t] for t in node.inputs)
            renamed.append(replace(node, name=name, inputs=parts, output=final[node.output]))
            continue
        if isinstance(node, DenseOverTime | Slice):
            base = f"{name}_y"
        else:
            end = "last" if isinstance(node, LastStep) else "first"
            base = f"{final[node.input]}_{end}"
        final[node.output] = unique(base, taken)
        renamed.append(replace(node, name=name, input=final[node.input], output=final[node.output]))
    return final, renamed
