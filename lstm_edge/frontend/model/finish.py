"""From a draft to the model: what outputs need, under names for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.tensor import check_finite
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.ir.model import (
    Concat,
    Floats,
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
    arrays_of,
    is_a,
)
from lstm_edge.models.first_steps import first_steps
from lstm_edge.models.look_up_again import look_up_again
from lstm_edge.models.name import NUMBERED, named
from lstm_edge.models.prune import prune
from lstm_edge.models.read_at_once import read_at_once
from lstm_edge.models.through import through


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
    nodes = [replace(n, name=f"{n.name}{NUMBERED}{k}") for k, n in enumerate(draft.nodes)]
    layers = {tensor: node.name for node in nodes for tensor in node.makes}
    per_step = _per_step(nodes, timed)
    names = [*(port.tensor for port in inputs), *layers]
    whole = Model(
        name="",
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        tensors={name: Tensor(name, draft.size(name) or 0, name in per_step) for name in names},
        nodes=tuple(nodes),
        steps=steps,
        sha256=sha256,
        warnings=tuple(warnings),
        state_inputs=_state_ports(states[0], layers),
        state_outputs=_state_ports(states[1], layers),
        folded=tuple(draft.folded),
    )
    used = prune(whole).nodes
    # A filter of constants alone has no weights, and its state is what it is for.
    if not any(arrays_of(node.op) or _keeps(node.op) for node in used):
        raise ModelError(
            "graph",
            "no layer with weights leads to an output: nothing was trained; give a network with "
            "recurrent, convolutional or dense layers",
        )
    for node in used:
        for array in _numbers_of(node.op):
            check_finite(node.source, array)
    return through(prune(look_up_again(first_steps(whole))), read_at_once, named)


def _keeps(op: Work) -> bool:
    """Whether it is a layer with states."""
    return isinstance(op, Layer) and bool(op.cell.states)


def _numbers_of(op: Work) -> Iterator[Floats]:
    """Everything that a file gives: weights, first states and what stands in equations."""
    yield from arrays_of(op).values()
    if isinstance(op, Layer):
        yield from op.initial.values()
        yield np.array([e.value for e in op.cell.nodes])


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
    """With the layers that make the states."""
    return tuple(
        StatePort(
            port.name,
            port.shape,
            tuple(StatePart(layers[tensor], state, places) for tensor, state, places in port.parts),
            port.partner,
        )
        for port in ports
    )


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


def _per_step(nodes: Sequence[Node[Work]], timed: frozenset[str]) -> set[str]:
    """Tensors that exist at each step; `timed`: such inputs."""
    found = set(timed)
    for node in nodes:
        moving = isinstance(node.op, Layer | Concat | Slice)
        begun = is_a(node, Layer) and node.op.over is not None
        if begun or (moving and found.intersection(node.reads)):
            found.update(node.makes)
    return found
