"""Names for people: of layers and of what they make."""

from __future__ import annotations

from dataclasses import replace

from lstm_edge.ir.model import Model, Node, StatePort, Step, Work, is_a
from lstm_edge.models.names import identifier, unique

NUMBERED = "."
"""What comes before the number of a node that has no name yet."""


def named(model: Model) -> Model:
    """The model with the names lstm, lstm2, fc ... for nodes `lstm.0`, `lstm.4`, `fc.7`, and names
    after these for tensors.
    """
    taken: set[str] = set()
    final = {port.tensor: unique(identifier(port.name, "x"), taken) for port in model.inputs}
    nodes: list[Node[Work]] = []
    for node in model.nodes:
        name = unique(node.name.partition(NUMBERED)[0], taken)
        for result, tensor in node.outputs.items():
            step = f"{final[node.inputs['x']]}_{node.op.called}" if is_a(node, Step) else ""
            final[tensor] = unique(step or f"{name}_{result}", taken)
        outputs = {result: final[tensor] for result, tensor in node.outputs.items()}
        nodes.append(replace(node.on(final), name=name, outputs=outputs))
    layers = {old.name: new.name for old, new in zip(model.nodes, nodes, strict=True)}

    def state_port(port: StatePort) -> StatePort:
        parts = tuple(replace(part, layer=layers[part.layer]) for part in port.parts)
        return replace(port, parts=parts)

    return replace(
        model,
        inputs=tuple(replace(port, tensor=final[port.tensor]) for port in model.inputs),
        outputs=tuple(replace(port, tensor=final[port.tensor]) for port in model.outputs),
        tensors={new: replace(model.tensors[old], name=new) for old, new in final.items()},
        nodes=tuple(nodes),
        state_inputs=tuple(state_port(port) for port in model.state_inputs),
        state_outputs=tuple(state_port(port) for port in model.state_outputs),
        folded=tuple(replace(f, tensor=final[f.tensor]) for f in model.folded),
    )
