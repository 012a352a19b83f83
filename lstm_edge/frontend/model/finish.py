"""From a draft to the model: what outputs need, under names for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.frontend.names import identifier, unique
from lstm_edge.ir.model import (
    Concat,
    Layer,
    Model,
    Node,
    Port,
    Slice,
    StatePart,
    StatePort,
    Step,
    Tensor,
    Work,
    is_a,
)
from lstm_edge.layers.embedding import is_embedding


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
    if not any(is_a(n, Layer) and n.op.cell.states for n in nodes):
        raise ModelError(
            "graph", "no recurrent layer leads to an output; lstm-edge compiles recurrent networks"
        )
    final, nodes = _named(nodes, inputs)
    layers = {
        tensor: renamed.name
        for node, renamed in zip(whole, nodes, strict=True)
        for tensor in node.makes
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
    kept: list[Node[Work]] = []
    for node in draft.nodes:
        node = node.on(same)
        if is_a(node, Step) and draft.roots[node.inputs["x"]] not in timed:
            same[node.outputs["y"]] = node.inputs["x"]
        else:
            kept.append(node)
    ports = [replace(port, tensor=same.get(port.tensor, port.tensor)) for port in outputs]
    return replace(draft, nodes=kept), ports


def _per_step(nodes: Sequence[Node[Work]], timed: set[str]) -> set[str]:
    """Tensors that exist at each step, of nodes with their final names; `timed`: such inputs."""
    found = set(timed)
    for node in nodes:
        moving = isinstance(node.op, Layer | Concat | Slice)
        if moving and found.intersection(node.reads):
            found.update(node.makes)
    return found


def _needed(nodes: Sequence[Node[Work]], wanted: set[str]) -> list[Node[Work]]:
    """Nodes that the `wanted` tensors depend on, which become all that they read."""
    kept: list[Node[Work]] = []
    for node in reversed(nodes):
        if wanted.intersection(node.makes):
            wanted.update(node.reads)
            kept.append(node)
    return kept[::-1]


def _without_unused(node: Node[Work], wanted: set[str]) -> Node[Work]:
    """The node without the outputs that nobody reads."""
    if not is_a(node, Layer):
        return node
    return replace(node, outputs={r: t for r, t in node.outputs.items() if t in wanted})


def _looked_up_again(draft: Draft, inputs: set[str]) -> list[Node[Work]]:
    """All nodes, where layers that run backward have embeddings of their own that do, too: to look
    a vector up again takes less than to keep those of all steps.
    """
    again: dict[str, str] = {}
    result: list[Node[Work]] = []
    for node in draft.nodes:
        if not is_a(node, Layer) or not node.op.reverse:
            result.append(node)
            continue
        for tensor in node.inputs.values():
            source = draft.producer(tensor)
            if tensor not in again and is_embedding(source) and inputs.issuperset(source.reads):
                again[tensor] = draft.tensor(draft.roots[tensor], None, like=tensor)
                backward = replace(source.op, reverse=True)
                result.append(replace(source, op=backward, outputs={"y": again[tensor]}))
        result.append(node.on(again))
    return result


def _named(
    nodes: Sequence[Node[Work]], inputs: Sequence[Port]
) -> tuple[dict[str, str], list[Node[Work]]]:
    """Final names of tensors, and the nodes with final names: lstm, lstm2, fc ..."""
    taken: set[str] = set()
    final = {p.tensor: unique(identifier(p.name, "x"), taken) for p in inputs}
    renamed = []
    for node in nodes:
        name = unique(node.name, taken)
        for result, tensor in node.outputs.items():
            step = f"{final[node.inputs['x']]}_{node.op.called}" if is_a(node, Step) else ""
            final[tensor] = unique(step or f"{name}_{result}", taken)
        outputs = {key: final[t] for key, t in node.outputs.items()}
        renamed.append(replace(node.on(final), name=name, outputs=outputs))
    return final, renamed
