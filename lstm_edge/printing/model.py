"""What a model file holds: layers, shapes and equations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    FirstStep,
    Folded,
    LastStep,
    Layer,
    Model,
    Node,
    Port,
    Slice,
    StatePort,
    results_of,
)
from lstm_edge.passes.naming import equation, name_expressions

KINDS = {LastStep: "last_step", FirstStep: "first_step", Concat: "concat", Slice: "slice"}


def model(m: Model) -> str:
    """Layers, shapes and equations of a model."""
    lines = [f"{m.name}: SHA-256 {m.sha256}"]
    lines += [f"  input  {_port(m, p)}" for p in m.inputs]
    lines += [f"  scaled {_folded(m, f)}" for f in m.folded]
    for node in m.nodes:
        if isinstance(node, LastStep | FirstStep):
            which = "last" if isinstance(node, LastStep) else "first"
            lines.append(f"  {node.name}: {which} step of {node.input}")
        elif isinstance(node, Concat):
            lines.append(f"  {node.name}: {' and '.join(node.inputs)}, end to end")
        elif isinstance(node, Slice):
            lines.append(f"  {node.name}: features {node.begin} to {node.end - 1} of {node.input}")
        elif isinstance(node, DenseOverTime):
            steps, units, features = node.weights.shape
            lines.append(
                f"  {node.name}: dense over all {steps} steps of {features}, {units} units"
            )
        else:
            lines += _layer(node)
    lines += [f"  output {_port(m, p)}" for p in m.outputs]
    lines += [_state_port(m, "state in ", p) for p in m.state_inputs]
    lines += [_state_port(m, "state out", p) for p in m.state_outputs]
    lines.append(f"  steps  {m.steps or 'any number'}")
    return "\n".join(lines)


def _folded(m: Model, f: Folded) -> str:
    """`x plus -1 to 3, by Sub 'centre': give x as it is before`."""
    port = next((p for p in m.inputs if p.tensor == f.tensor), None)
    parts = [
        f"{word} {_ends(ends)}"
        for word, ends, idle in (("times", f.scale, (1.0, 1.0)), ("plus", f.offset, (0.0, 0.0)))
        if ends != idle
    ]
    what = port.name if port else f"result of {_maker(m, f.tensor)}"
    advice = f": give {port.name} as it is before" if port else ""
    return f"{what} {', '.join(parts)}, by {f.source}{advice}"


def _ends(ends: tuple[float, float]) -> str:
    low, high = ends
    return f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"


def _maker(m: Model, tensor: str) -> str:
    """The node that computes a tensor."""
    return next(node.name for node in m.nodes if tensor in results_of(node))


def _port(m: Model, port: Port) -> str:
    integers = f", integers 0 .. {port.limit - 1}" if port.limit else ""
    return f"{_named(m, port)} {shape_text(port.shape)} ({', '.join(port.axes)}){integers}"


def _named(m: Model, port: Port | StatePort) -> str:
    """`y (Identity:0 in the file)`."""
    old = m.file_names.get(port.name)
    return f"{port.name} ({old} in the file)" if old else port.name


def _state_port(m: Model, what: str, port: StatePort) -> str:
    states = " and ".join(f"{part.state} of {part.layer}" for part in port.parts)
    back = f", fed back from {port.partner}" if port.partner else ""
    return f"  {what} {_named(m, port)} {shape_text(port.shape)}: {states}{back}"


def shape_text(shape: Sequence[int]) -> str:
    """Sizes in brackets; any where a size is open."""
    return "[" + ", ".join("any" if n < 0 else str(n) for n in shape) + "]"


def _layer(layer: Layer) -> list[str]:
    count = sum(a.size for a in layer.params.values())
    names = name_expressions(layer.cell)
    lines = [f"  {layer.name}: {layer.cell.name}, {count} parameters, from {layer.source or '-'}"]
    lines += [f"    {names[id(e)]} = {equation(e, names)}" for e in layer.cell.results.values()]
    return lines


def model_json(m: Model) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "name": m.name,
        "sha256": m.sha256,
        "steps": m.steps,
        "inputs": [_port_json(m, p) for p in m.inputs],
        "outputs": [_port_json(m, p) for p in m.outputs],
        "state_inputs": [_state_json(m, p) for p in m.state_inputs],
        "state_outputs": [_state_json(m, p) for p in m.state_outputs],
        "layers": [_node_json(m, node) for node in m.nodes],
        "folded": [_folded_json(m, f) for f in m.folded],
        "warnings": list(m.warnings),
    }


def _port_json(m: Model, port: Port) -> dict[str, Any]:
    file_name = m.file_names.get(port.name, port.name)
    names = {"name": port.name, "file_name": file_name}
    return {**names, "shape": port.shape, "axes": port.axes, "limit": port.limit}


def _state_json(m: Model, port: StatePort) -> dict[str, Any]:
    file_name = m.file_names.get(port.name, port.name)
    names = {"name": port.name, "file_name": file_name}
    states = [{"layer": part.layer, "state": part.state} for part in port.parts]
    return {**names, "shape": port.shape, "partner": port.partner, "states": states}


def _folded_json(m: Model, f: Folded) -> dict[str, Any]:
    port = next((p.name for p in m.inputs if p.tensor == f.tensor), None)
    of = {"input": port, "layer": None if port else _maker(m, f.tensor)}
    return {**of, "scale": f.scale, "offset": f.offset, "source": f.source}


def _node_json(m: Model, node: Node) -> dict[str, Any]:
    if isinstance(node, Layer):
        kind, outputs = node.cell.name, list(node.outputs.values())
        parameters = int(sum(a.size for a in node.params.values()))
    elif isinstance(node, LastStep | FirstStep | Concat | Slice):
        kind = KINDS[type(node)]
        outputs, parameters = [node.output], 0
    else:
        kind, outputs = "dense_over_time", [node.output]
        parameters = int(node.weights.size + node.bias.size)
    units = [m.tensors[t].features for t in outputs]
    return {
        "name": node.name,
        "kind": kind,
        "units": units[0],
        "parameters": parameters,
        "source": node.source,
    }
