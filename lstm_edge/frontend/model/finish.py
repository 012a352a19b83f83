"""From a draft to the model: what outputs need, under names for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.frontend.names import identifier, unique
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    FirstStep,
    LastStep,
    Layer,
    Model,
    Node,
    Port,
    Slice,
    StatePart,
    StatePort,
    Tensor,
    operands_of,
    results_of,
)


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
    _check_names([*inputs, *states[0]], [*outputs, *states[1]])
    draft, outputs = _without_steps(draft, outputs, timed)
    wanted = {port.tensor for port in outputs}
    wanted |= {tensor for port in states[1] for tensor, _, _ in port.parts}
    whole = _needed(_looked_up_again(draft, {port.tensor for port in inputs}), wanted)
    nodes = [_without_unused(node, wanted) for node in whole]
    if not any(isinstance(n, Layer) and n.cell.states for n in nodes):
        raise ModelError(
            "graph", "no recurrent layer leads to an output; lstm-edge compiles recurrent networks"
        )
    final, nodes = _named(nodes, inputs)
    layers = {
        tensor: renamed.name
        for node, renamed in zip(whole, nodes, strict=True)
        for tensor in results_of(node)
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
        folded=tuple(replace(f, tensor=final[f.tensor]) for f in draft.folded if f.tensor in final),
    )


def _check_names(inputs: Sequence[Port | DraftState], outputs: Sequence[Port | DraftState]) -> None:
    """A name stands for one array, in an npz file and among the C functions' arguments."""
    given = {port.name for port in inputs}
    taken: set[str] = set()
    for port in outputs:
        if port.name in given:
            raise ModelError(
                f"output {port.name!r}",
                "is the input of that name, passed through; remove it, or rename it by an Identity",
            )
        if port.name in taken:
            raise ModelError(f"output {port.name!r}", "is listed twice; list it once")
        taken.add(port.name)


def _state_ports(ports: Sequence[DraftState], layers: Mapping[str, str]) -> tuple[StatePort, ...]:
    """With the layers' names, those that nothing needs left out."""
    found = []
    for port in ports:
        parts = tuple(StatePart(layers[t], state, at) for t, state, at in port.parts if t in layers)
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
    """Nodes that the `wanted` tensors depend on, which become all that they read."""
    kept: list[Node] = []
    for node in reversed(nodes):
        if wanted.intersection(results_of(node)):
            wanted.update(operands_of(node))
            kept.append(node)
    return kept[::-1]


def _without_unused(node: Node, wanted: set[str]) -> Node:
    """The node without the outputs that nobody reads."""
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
