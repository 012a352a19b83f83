"""C types of stored values."""

from __future__ import annotations

from lstm_edge.ir.program import Program

CTYPES = {"int8": "int8_t", "int16": "int16_t", "int32": "int32_t", "float32": "float"}
UNSIGNED, WIDER = {"uint8": "uint8_t"}, "int16_t"
"""Types of inputs alone, and the one in which everything else keeps their numbers."""


def ctype_of(program: Program, value: str) -> str:
    """The C type of a stored value; a state's new value has the state's type."""
    if any(port.limit for port in (*program.inputs, *program.outputs) if port.value == value):
        return "int32_t"
    stored = program.values[value].format.stored_as
    if stored in UNSIGNED:
        given = any(port.value == value for port in program.inputs)
        return UNSIGNED[stored] if given else WIDER
    for state in program.states:
        if value in (state.name, state.next, state.given):
            return CTYPES[program.values[state.name].format.storage]
    return CTYPES[stored]


def narrowest(program: Program, values: tuple[str, ...]) -> str:
    """The narrowest C type that holds all of these values."""
    order = list(CTYPES.values())
    types = [ctype_of(program, value) for value in values]
    return max((WIDER if t in UNSIGNED.values() else t for t in types), key=order.index)
