"""The generated functions' array arguments: names, types, and how real numbers are stored."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.emit.memory import c_name
from lstm_edge.emit.names import is_reserved
from lstm_edge.emit.spell import float_literal
from lstm_edge.emit.view import Constant
from lstm_edge.interpret.ports import LIMIT, quantizing_constants
from lstm_edge.ir.program import Port, Program
from lstm_edge.passes.widths import ctype_of

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PortView:
    """An input or output in C. Texts hold literals, or array elements where features differ."""

    name: str
    ctype: str
    length: int
    per_step: bool
    converts: bool
    centre: str
    units_per_256: str
    scale: str
    stored: str
    low: int
    high: int
    limit: str


def port_names(program: Program) -> dict[str, str]:
    """A C identifier for each input and output, by its name in the file."""
    names: dict[str, str] = {}
    taken = {c_name(f"{s.name}_{end}").upper() for s in program.settable for end in ("in", "out")}
    for port in (*program.inputs, *program.outputs):
        base = re.sub(r"\W+", "_", port.name, flags=re.ASCII).strip("_") or "data"
        if base[0].isdigit():
            base = f"data_{base}"
        if is_reserved(base) or base.startswith(f"{program.name}_"):
            base = f"port_{base}"
        name, k = base, 2
        while name.upper() in taken:
            name, k = f"{base}_{k}", k + 1
        taken.add(name.upper())
        names[port.name] = name
    return names


def port_view(program: Program, port: Port, name: str) -> tuple[PortView, list[Constant]]:
    """The view of a port, and the arrays that its conversion needs."""
    fmt = program.values[port.value].format
    centre, units = quantizing_constants(port)
    scale = port.scale.astype(np.float32)
    constants: list[Constant] = []

    def text(numbers: Floats, what: str, comment: str) -> str:
        if np.all(numbers == numbers[0]):
            return float_literal(float(numbers[0]))
        array = f"{program.name}_{name}_{what}"
        constants.append(Constant(array, "float", numbers.shape, numbers, comment))
        return f"{array}[k]"

    is_input = any(p is port for p in program.inputs)
    converts = not (program.is_float or port.limit)
    view = PortView(
        name=name,
        ctype=ctype_of(program, port.value),
        length=program.values[port.value].length,
        per_step=port.per_step,
        converts=converts,
        centre=text(centre, "centre", "real number stored as 0, per feature") if is_input else "",
        units_per_256=text(units, "units", "256 / scale, per feature") if is_input else "",
        scale=text(scale, "scale", "real value of 1") if not is_input else "",
        stored="" if is_input else _stored_text(program, port, name, constants),
        low=fmt.low,
        high=fmt.high,
        limit=float_literal(float(LIMIT)),
    )
    return view, constants if converts else []


def _stored_text(program: Program, port: Port, name: str, constants: list[Constant]) -> str:
    """A stored number of an output less its zero point: only an input passed through has one."""
    points = port.zero_point
    if not np.any(points):
        return "stored[k]"
    array = f"{program.name}_{name}_zero_point"
    constants.append(Constant(array, "int32_t", points.shape, points, "stored value of real 0"))
    return f"(stored[k] - {array}[k])"
