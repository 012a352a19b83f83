"""A program as bytes and back: one npz file with its arrays and a JSON description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.archive import array_bytes, read_arrays
from lstm_edge.errors import DataError, LstmEdgeError
from lstm_edge.formats import format_of
from lstm_edge.ir.clock import Clock, Length
from lstm_edge.ir.program import Block, Port, Program, Settings, State, StatePort, Value, verify
from lstm_edge.limits import MOST_WEIGHTS
from lstm_edge.operations.call import Op

Array = npt.NDArray[Any]

DESCRIPTION = "program.json"
LARGEST_PROGRAM = 2**29
"""Bytes that the arrays of a program may unpack to."""

MOST_NUMBERS = 3 * MOST_WEIGHTS
"""Of a program: weights with all that is beside them, each an int64 once it is read."""


def to_bytes(program: Program) -> bytes:
    """Deterministic: equal programs give equal bytes."""
    arrays = {f"constant/{name}": _compact(a) for name, a in program.constants.items()}
    arrays |= {f"initial/{s.name}": s.initial for s in program.states}
    for kind, ports in (("input", program.inputs), ("output", program.outputs)):
        for port in ports:
            arrays[f"{kind}_scale/{port.name}"] = port.scale
            arrays[f"{kind}_zero_point/{port.name}"] = port.zero_point
    description = {
        "name": program.name,
        "scheme": program.scheme,
        "steps": program.steps,
        "settings": asdict(program.settings),
        "sweeps": list(program.sweeps),
        "lengths": [asdict(length) for length in program.lengths],
        "values": [asdict(v) for v in program.values.values()],
        "blocks": [asdict(b) for b in program.blocks],
        "states": [
            {
                "name": s.name,
                "next": s.next,
                "accumulator": s.accumulator,
                "given": s.given,
                "begins": s.begins,
                **({"along": s.along} if s.along > 1 else {}),
            }
            for s in program.states
        ],
        "state_inputs": [asdict(p) for p in program.state_inputs],
        "state_outputs": [asdict(p) for p in program.state_outputs],
        "inputs": [_port(p) for p in program.inputs],
        "outputs": [_port(p) for p in program.outputs],
        "stands_for": dict(program.stands_for),
        "chosen": dict(program.chosen),
        "file_names": dict(program.file_names),
        **({"decisions": dict(program.decisions)} if program.decisions else {}),
    }
    text = json.dumps(description, indent=1).encode()
    return array_bytes({DESCRIPTION: np.frombuffer(text, np.uint8), **arrays})


def from_bytes(data: bytes) -> Program:
    """The program that `to_bytes` wrote; DataError where the bytes are something else."""
    try:
        arrays = read_arrays(data, LARGEST_PROGRAM)
        count = sum(array.size for array in arrays.values())
        if count > MOST_NUMBERS:
            raise DataError(f"it has {count} numbers, more than {MOST_NUMBERS}")
        return verify(_program(json.loads(bytes(arrays[DESCRIPTION])), arrays))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, LstmEdgeError) as error:
        raise DataError(f"not a program written by this version of lstm-edge: {error}") from None


def _compact(array: Array) -> Array:
    """Integers in the smallest type that holds them; interpreters widen them again."""
    if array.dtype.kind == "f":
        return array
    for kind in (np.int8, np.int16, np.int32):
        limits = np.iinfo(kind)
        if array.min(initial=0) >= limits.min and array.max(initial=0) <= limits.max:
            return array.astype(kind)
    return array


def _port(port: Port) -> dict[str, Any]:
    return {
        "name": port.name,
        "value": port.value,
        "axes": port.axes,
        "shape": port.shape,
        "per_step": port.per_step,
        "limit": port.limit,
        "before": port.before,
        "kind": port.kind,
        "every": port.every,
    }


def _program(d: Mapping[str, Any], arrays: Mapping[str, Array]) -> Program:
    kind = np.float32 if d["scheme"] == "float32" else np.int64

    def ports(which: str) -> tuple[Port, ...]:
        return tuple(
            Port(
                p["name"],
                p["value"],
                tuple(p["axes"]),
                tuple(p["shape"]),
                p["per_step"],
                arrays[f"{which}_scale/{p['name']}"],
                arrays[f"{which}_zero_point/{p['name']}"],
                p["limit"],
                p["before"],
                p["kind"],
                p["every"],
            )
            for p in d[f"{which}s"]
        )

    def op(o: Mapping[str, Any]) -> Op:
        return Op(
            o["kind"],
            o["dest"],
            tuple(o["args"]),
            o["n"],
            o["table"],
            o["bias"],
            tuple(o["matrices"]),
            o["count"],
            o["positions"],
            o["stride"],
        )

    values = [
        Value(v["name"], v["length"], format_of(v["format"]), v["comment"]) for v in d["values"]
    ]
    prefix = "constant/"
    return Program(
        name=d["name"],
        scheme=d["scheme"],
        inputs=ports("input"),
        outputs=ports("output"),
        states=tuple(
            State(
                s["name"],
                s["next"],
                arrays[f"initial/{s['name']}"].astype(kind),
                s["accumulator"],
                s["given"],
                s["begins"],
                s.get("along", 1),
            )
            for s in d["states"]
        ),
        values={v.name: v for v in values},
        constants={
            name.removeprefix(prefix): a.astype(kind)
            for name, a in arrays.items()
            if name.startswith(prefix)
        },
        sweeps=tuple(d["sweeps"]),
        lengths=tuple(Length(**length) for length in d["lengths"]),
        blocks=tuple(
            Block(
                b["layer"],
                b["sweep"],
                tuple(op(o) for o in b["ops"]),
                Clock(**b["clock"]),
                b["before"],
            )
            for b in d["blocks"]
        ),
        steps=d["steps"],
        settings=Settings(**d["settings"]),
        state_inputs=_state_ports(d["state_inputs"]),
        state_outputs=_state_ports(d["state_outputs"]),
        stands_for={str(k): str(v) for k, v in d["stands_for"].items()},
        chosen=dict(d["chosen"]),
        file_names={str(k): str(v) for k, v in d["file_names"].items()},
        decisions=dict(d.get("decisions", {})),
    )


def _state_ports(found: list[Mapping[str, Any]]) -> tuple[StatePort, ...]:
    return tuple(
        StatePort(
            p["name"],
            tuple(p["shape"]),
            {state: tuple(places) for state, places in p["places"].items()},
            p["partner"],
        )
        for p in found
    )
