"""The generated functions' array arguments: names, types, and how real numbers are stored."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lstm_edge.emit.dialects.term import in_parentheses
from lstm_edge.emit.memory import c_name
from lstm_edge.emit.names import argument
from lstm_edge.emit.raw_ports import RawView, raw_view
from lstm_edge.emit.spell import float_literal
from lstm_edge.emit.view import Constant
from lstm_edge.interpret.ports import LIMIT, quantizing_constants
from lstm_edge.interpret.raw import RawInput
from lstm_edge.ir.program import Port, Program
from lstm_edge.passes.widths import ctype_of

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PortView:
    """An input or output in C. Texts hold literals, or array elements where features differ.

    type: the name of its C type in the header. converts: it holds real numbers. raw: how integers
    of a converter are stored, None where it takes none.
    """

    name: str
    type: str
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
    raw: RawView | None


def port_names(program: Program) -> dict[str, str]:
    """A C identifier for each input and output, by its name in the file."""
    names: dict[str, str] = {}
    ends = ("", "_in", "_out", "_state")
    taken = {f"{c_name(s.name)}{end}".upper() for s in program.settable for end in ends}
    taken |= {"WEIGHTS"} if program.decisions else set()  # <NAME>_WEIGHTS_SIZE is that of the block
    for port in (*program.inputs, *program.outputs):
        base = argument(port.name, program.name)
        name, k = base, 2
        while name.upper() in taken:
            name, k = f"{base}_{k}", k + 1
        taken.add(name.upper())
        names[port.name] = name
    return names


def type_of(program: Program, port_name: str) -> str:
    """The C type of a port's numbers; a name in the header, whatever the number format is."""
    return f"{program.name}_{port_name}_t"


def port_view(
    program: Program, port: Port, name: str, raw: RawInput | None = None
) -> tuple[PortView, list[Constant]]:
    """The view of a port, and the arrays that its conversion needs."""
    fmt = program.values[port.value].format
    centre, units = quantizing_constants(port)
    centre, at_zero = centre + np.float32(0), "real number stored as 0, per feature"  # no -0
    scale = port.scale.astype(np.float32)
    constants: list[Constant] = []

    def text(numbers: Floats, what: str, comment: str) -> str:
        if np.all(numbers == numbers[0]):
            return float_literal(float(numbers[0]))
        array = f"{program.name}_{name}_{what}"
        constants.append(Constant(array, "float", numbers.shape, numbers, comment))
        return f"{array}[k]"

    is_input = any(p is port for p in program.inputs)
    view = PortView(
        name=name,
        type=type_of(program, name),
        ctype=ctype_of(program, port.value),
        length=program.values[port.value].length,
        per_step=port.per_step,
        converts=not port.limit,
        centre=in_parentheses(text(centre, "centre", at_zero)) if is_input else "",
        units_per_256=text(units, "units", "256 / scale, per feature") if is_input else "",
        scale=text(scale, "scale", "real value of 1") if not is_input else "",
        stored="" if is_input else _stored_text(program, port, name, constants),
        low=fmt.low,
        high=fmt.high,
        limit=float_literal(float(LIMIT)),
        raw=None,
    )
    constants = [] if program.is_float or port.limit else constants
    if raw is None:
        return view, constants
    given, arrays = raw_view(program, port, name, raw)
    return replace(view, raw=given), [*constants, *arrays]


def _stored_text(program: Program, port: Port, name: str, constants: list[Constant]) -> str:
    """A stored number of an output less its zero point: only an input passed through has one."""
    points = port.zero_point
    if not np.any(points):
        return "stored[k]"
    array = f"{program.name}_{name}_zero_point"
    constants.append(Constant(array, "int32_t", points.shape, points, "stored value of real 0"))
    return f"(stored[k] - {array}[k])"
