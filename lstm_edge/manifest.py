"""The manifest of a bundle: all that is needed to use or reproduce it."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_edge.emit.formats_comment import formats
from lstm_edge.emit.memory import c_name
from lstm_edge.emit.ports import PortView
from lstm_edge.emit.render import Rendered
from lstm_edge.interpret.ports import describe_port
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Port, Program, StatePort
from lstm_edge.passes.costs import Cost
from lstm_edge.passes.prove import Proof
from lstm_edge.passes.widths import ctype_of
from lstm_edge.sizes import Sizes
from lstm_edge.targets import Target

PER_CORE = ("target", "layers", "flash", "ram", "instructions", "compiler")
"""Keys of what differs from core to core."""


def manifest(
    model: Model,
    program: Program,
    target: Target,
    rendered: Rendered,
    proof: Proof,
    sizes: Sizes,
    cost: Cost,
    options: str,
) -> dict[str, Any]:
    """A JSON object; keys in a fixed order. What differs from core to core is that of `target`."""
    return {
        "name": program.name,
        "model_sha256": model.sha256,
        "target": target.name,
        "scheme": program.scheme,
        "options": options,
        "steps": program.steps,
        "inputs": _ports(program, program.inputs, rendered.inputs),
        "outputs": _ports(program, program.outputs, rendered.outputs),
        "states": _states(program),
        "state_inputs": [_state_port(program, port) for port in program.state_inputs],
        "state_outputs": [_state_port(program, port) for port in program.state_outputs],
        "formats": formats(program),
        "layers": [
            {
                "name": phase.name,
                "units": phase.units,
                "per_step": phase.per_step,
                "kernel": _kernel(rendered, phase.name),
            }
            for phase in rendered.selection.schedule.phases
        ],
        "flash": {"code": sizes.code, "weights": sizes.weights, "tables": sizes.tables},
        "ram": {"state": sizes.state, "scratch": sizes.scratch},
        "macs": round(cost.macs, 2),
        "instructions": None if cost.instructions is None else round(cost.instructions),
        "compiler": {"name": target.compiler, "recommended": list(target.recommended)},
        "proof": None
        if program.is_float
        else {"accumulator_bits": round(proof.accumulator_bits, 2)},
    }


def _kernel(rendered: Rendered, phase: str) -> str | None:
    kernel = rendered.selection.kernel(phase)
    return None if kernel is None else kernel.name


def _states(program: Program) -> list[dict[str, Any]]:
    """What the code keeps from step to step and a caller may read and set."""
    found = []
    for state in program.settable:
        value = program.values[state.name]
        found.append(
            {
                "name": state.name,
                "c_name": c_name(state.name),
                "size": value.length,
                "type": ctype_of(program, state.name),
                "format": value.format.describe(),
                "scale": value.format.scale,
            }
        )
    return found


def _state_port(program: Program, port: StatePort) -> dict[str, Any]:
    return {
        "name": port.name,
        "file_name": program.file_names.get(port.name, port.name),
        "shape": list(port.shape),
        "partner": port.partner or None,
        "states": list(port.places),
    }


def _ports(
    program: Program, ports: tuple[Port, ...], views: tuple[PortView, ...]
) -> list[dict[str, Any]]:
    found = []
    for port, view in zip(ports, views, strict=True):
        scale: Any = port.scale.astype(np.float32).tolist()
        zero_point: Any = port.zero_point.tolist()
        uniform = len(set(scale)) == 1 and len(set(zero_point)) == 1
        found.append(
            {
                "name": port.name,
                "file_name": program.file_names.get(port.name, port.name),
                "c_name": view.name,
                "shape": list(port.shape),
                "axes": list(port.axes),
                "per_step": port.per_step,
                "size": view.length,
                "type": view.ctype,
                "format": describe_port(program, port),
                "kind": "integer" if port.limit else "real",
                "range": [0, port.limit - 1] if port.limit else None,
                "scale": scale[0] if uniform else scale,
                "zero_point": zero_point[0] if uniform else zero_point,
            }
        )
    return found
