"""What the header of a model says of its arrays: macros, and notes at the step function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_edge.emit.memory import c_name
from lstm_edge.emit.ports import PortView
from lstm_edge.emit.spell import float_literal
from lstm_edge.emit.states import scale_text
from lstm_edge.formats import whole_range
from lstm_edge.interpret.ports import describe_port
from lstm_edge.ir.program import Port, Program


@dataclass(frozen=True)
class Macro:
    """A line `#define name value`, with a comment behind it where there is one."""

    name: str
    value: str
    comment: str


def step_notes(
    program: Program, inputs: tuple[PortView, ...], outputs: tuple[PortView, ...]
) -> list[str]:
    """What a caller has to know of each array of a step."""
    notes = []
    for view, port in zip((*inputs, *outputs), (*program.inputs, *program.outputs), strict=True):
        form = describe_port(program, port)
        if port.limit and view in inputs:
            form += "; any other counts as the nearest"
        elif view in inputs and _is_limited(program, port, view):
            form += f"; one beyond {view.low} .. {view.high} counts as the nearest"
        notes.append(f"{view.name}: {view.length} numbers, {form}")
        if port.every > 1:
            notes.append(f"{view.name}: those that came last; new ones every {port.every} steps")
        if port.before:
            notes.append(
                f"{view.name}: logits, the sums before the {port.before} of the network, which is "
                "left out"
            )
    final = [p.name for p in outputs if not p.per_step]
    if final and program.streams:
        names = " and ".join(final)
        both = ", all or none of them" if len(final) > 1 else ""
        notes.append(f"{names}: NULL{both} at steps whose result is not wanted, to save its work")
    if program.steps is not None and final:
        notes.append(f"A sequence has {program.steps} steps.")
    return notes


def state_macros(program: Program) -> list[Macro]:
    """Sizes and scales of the states that an input or an output of the model shows."""
    shown = {s for p in (*program.state_inputs, *program.state_outputs) for s in p.places}
    macros: list[Macro] = []
    for state in (s.name for s in program.settable if s.name in shown):
        base, value = f"{program.name}_{c_name(state)}".upper(), program.values[state]
        macros.append(Macro(f"{base}_SIZE", str(value.length), "numbers of the state"))
        if scale := scale_text(value.format):
            macros.append(Macro(f"{base}_SCALE", scale, "real value of 1"))
    return macros


def macros(
    program: Program, inputs: tuple[PortView, ...], outputs: tuple[PortView, ...]
) -> list[Macro]:
    """Sizes, scales and zero points of the arrays."""
    upper = program.name.upper()
    found: list[Macro] = []
    if program.steps is not None:
        found.append(Macro(f"{upper}_STEPS", str(program.steps), "time steps of a sequence"))
    for view, port in zip((*inputs, *outputs), (*program.inputs, *program.outputs), strict=True):
        base = f"{upper}_{view.name.upper()}"
        given = any(view is one for one in inputs)
        what = "per step" if view.per_step else "a sequence" if given else "after the last step"
        found.append(Macro(f"{base}_SIZE", str(view.length), f"numbers {what}"))
        scale, zero = port.scale.astype(np.float32), port.zero_point
        if port.limit:
            found.append(Macro(f"{base}_LIMIT", str(port.limit), "integers from 0 to below this"))
        if view.converts and np.all(scale == scale[0]) and np.all(zero == zero[0]):
            found.append(Macro(f"{base}_SCALE", float_literal(float(scale[0])), "real value of 1"))
            if zero[0] != 0:
                found.append(Macro(f"{base}_ZERO_POINT", str(zero[0]), "stored value of real 0"))
    return found


def _is_limited(program: Program, port: Port, view: PortView) -> bool:
    """True for integers of which the type holds more than the program is proved for."""
    if program.is_float:
        return False
    return (view.low, view.high) != whole_range(view.ctype)
