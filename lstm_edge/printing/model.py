"""What a model file holds: layers, shapes and equations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    Folded,
    Layer,
    Model,
    Node,
    Port,
    Slice,
    StatePort,
    Step,
    Work,
    arrays_of,
    is_a,
)
from lstm_edge.passes.naming import equation, name_expressions

KINDS = {Concat: "concat", Slice: "slice", DenseOverTime: "dense_over_time"}


def model(m: Model) -> str:
    """Layers, shapes and equations of a model."""
    lines = [f"{m.name}: SHA-256 {m.sha256}"]
    lines += [f"  input  {_port(m, p)}" for p in m.inputs]
    lines += [f"  scaled {_folded(m, f)}" for f in m.folded]
    for node in m.nodes:
        lines += _lines(node)
    lines += [f"  output {_port(m, p)}" for p in m.outputs]
    lines += [_state_port(m, "state in ", p) for p in m.state_inputs]
    lines += [_state_port(m, "state out", p) for p in m.state_outputs]
    lines.append(f"  steps  {m.steps or 'any number'}")
    return "\n".join(lines)


def _lines(node: Node[Work]) -> list[str]:
    if is_a(node, Layer):
        return _layer(node)
    reads = " and ".join(node.reads)
    match node.op:
        case Step(at):
            what = f"{_which(at)} of {reads}"
        case Slice(begin, end):
            what = f"features {begin} to {end - 1} of {reads}"
        case DenseOverTime(weights):
            steps, units, features = weights.shape
            what = f"dense over all {steps} steps of {features}, {units} units"
        case _:
            what = f"{reads}, end to end"
    return [f"  {node.name}: {what}"]


def _which(at: int) -> str:
    if at >= 0:
        return f"step {at + 1}" if at else "first step"
    return "last step" if at == -1 else f"step {-at} from the end"


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
    return next(node.name for node in m.nodes if tensor in node.makes)


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


def _layer(layer: Node[Layer]) -> list[str]:
    count = sum(a.size for a in layer.op.params.values())
    names = name_expressions(layer.op.cell)
    lines = [
        f"  {layer.name}: {layer.op.cell.name}, {count} parameters, from {layer.source or '-'}"
    ]
    lines += [f"    {names[id(e)]} = {equation(e, names)}" for e in layer.op.cell.results.values()]
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


def _node_json(m: Model, node: Node[Work]) -> dict[str, Any]:
    return {
        "name": node.name,
        "kind": _kind(node.op),
        "units": m.tensors[node.makes[0]].features,
        "parameters": sum(array.size for array in arrays_of(node.op).values()),
        "source": node.source,
    }


def _kind(op: Work) -> str:
    match op:
        case Layer(cell):
            return cell.name
        case Step(-1):
            return "last_step"
        case Step(0):
            return "first_step"
        case Step():
            return "step"
    return KINDS[type(op)]
