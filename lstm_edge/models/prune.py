"""Leave out what no output needs."""

from __future__ import annotations

from dataclasses import replace

from lstm_edge.ir.model import Model, Node, StatePort, Work
from lstm_edge.ir.needed import needed_nodes


def prune(model: Model) -> Model:
    """The model without nodes and results that neither outputs nor state outputs depend on, and
    without state inputs of layers that go.
    """
    wanted = {port.tensor for port in model.outputs}
    wanted.update(tensor for port in model.state_outputs for tensor in _shown(model, port))
    nodes, read = needed_nodes(model.nodes, wanted)
    nodes = [_with_results(node, read) for node in nodes]
    made = {tensor for node in nodes for tensor in node.makes}
    made.update(port.tensor for port in model.inputs)
    layers = {node.name for node in nodes}
    return replace(
        model,
        nodes=tuple(nodes),
        tensors={name: tensor for name, tensor in model.tensors.items() if name in made},
        state_inputs=_of(layers, model.state_inputs),
        state_outputs=_of(layers, model.state_outputs),
        folded=tuple(f for f in model.folded if f.tensor in made),
    )


def _shown(model: Model, port: StatePort) -> set[str]:
    """Results that are the states of a port; all of a layer that does not give a state away."""
    nodes = {node.name: node for node in model.nodes}
    found: set[str] = set()
    for part in port.parts:
        outputs = nodes[part.layer].outputs
        found.update([outputs[part.state]] if part.state in outputs else outputs.values())
    return found


def _with_results(node: Node[Work], read: set[str]) -> Node[Work]:
    if read.issuperset(node.makes):
        return node
    return replace(node, outputs={r: t for r, t in node.outputs.items() if t in read})


def _of(layers: set[str], ports: tuple[StatePort, ...]) -> tuple[StatePort, ...]:
    """The ports with those parts that are states of `layers`."""
    kept = (
        replace(port, parts=tuple(part for part in port.parts if part.layer in layers))
        for port in ports
    )
    return tuple(port for port in kept if port.parts)
