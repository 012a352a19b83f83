"""Entries of a manifest that follow from a program: what goes in and out, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from lstm_edge.emit.formats_comment import formats
from lstm_edge.emit.memory import c_name
from lstm_edge.emit.ports import port_names
from lstm_edge.interpret.ports import describe_port
from lstm_edge.interpret.raw import RawInput
from lstm_edge.ir.program import Port, Program, StatePort
from lstm_edge.manifest import Manifest, PortEntry, StateEntry, StatePortEntry
from lstm_edge.passes.widths import ctype_of


def entries_of(program: Program, raws: Mapping[str, RawInput]) -> dict[str, Any]:
    """Keys of a manifest with what they say. raws: by input, what its raw integers stand for."""
    return {
        "steps": program.steps,
        "inputs": _ports(program, program.inputs, raws),
        "outputs": _ports(program, program.outputs, {}),
        "states": _states(program),
        "state_inputs": [_state_port(program, port) for port in program.state_inputs],
        "state_outputs": [_state_port(program, port) for port in program.state_outputs],
        "formats": formats(program),
    }


def said_otherwise(described: Manifest, program: Program, raws: Mapping[str, RawInput]) -> str:
    """The first key that says something else than the program, "" where none does."""
    known = json.loads(json.dumps({"scheme": program.scheme, **entries_of(program, raws)}))
    return next((key for key, each in known.items() if described.get(key) != each), "")


def _states(program: Program) -> list[StateEntry]:
    """What the code keeps from step to step and a caller may read and set."""
    found: list[StateEntry] = []
    for state in program.settable:
        value = program.values[state.name]
        fmt = value.format
        uniform = fmt.is_float or fmt.is_uniform
        scales, points = fmt.scales(value.length).tolist(), fmt.zero_points(value.length).tolist()
        found.append(
            {
                "name": state.name,
                "c_name": c_name(state.name),
                "size": value.length,
                "type": ctype_of(program, state.name),
                "format": fmt.describe(),
                "scale": scales[0] if uniform else scales,
                "zero_point": points[0] if uniform else points,
            }
        )
    return found


def _state_port(program: Program, port: StatePort) -> StatePortEntry:
    return {
        "name": port.name,
        "file_name": program.file_names.get(port.name, port.name),
        "shape": list(port.shape),
        "partner": port.partner or None,
        "states": list(port.places),
    }


def _ports(
    program: Program, ports: tuple[Port, ...], raws: Mapping[str, RawInput]
) -> list[PortEntry]:
    names = port_names(program)
    found: list[PortEntry] = []
    for port in ports:
        scale: Any = port.scale.astype(np.float32).tolist()
        zero_point: Any = port.zero_point.tolist()
        uniform = len(set(scale)) == 1 and len(set(zero_point)) == 1
        entry: PortEntry = {
            "name": port.name,
            "file_name": program.file_names.get(port.name, port.name),
            "c_name": names[port.name],
            "shape": list(port.shape),
            "axes": list(port.axes),
            "per_step": port.per_step,
            "size": program.values[port.value].length,
            "type": ctype_of(program, port.value),
            "format": describe_port(program, port),
            "kind": "integer" if port.limit else "real",
            "range": [0, port.limit - 1] if port.limit else None,
            "scale": scale[0] if uniform else scale,
            "zero_point": zero_point[0] if uniform else zero_point,
        }
        if port.every > 1:
            entry["every"] = port.every
        if port.before:
            entry["before"] = port.before
        if port.name in raws:
            raw = raws[port.name]
            entry["raw"] = {"scale": raw.scale, "zero": raw.zero}
        found.append(entry)
    return found
