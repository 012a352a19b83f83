"""An operation that one call of a helper function does, as a C function."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lstm_edge.emit.memory import c_name
from lstm_edge.emit.parameters import Parameters
from lstm_edge.emit.spell import spell
from lstm_edge.emit.speller import Speller
from lstm_edge.emit.view import Constant, PhaseView
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import CalledArray
from lstm_edge.passes.schedule import Phase, Schedule


def calling_view(
    program: Program, phase: Phase, function: str, given: Parameters, speller: Speller
) -> PhaseView:
    """The view of a phase of one call; a result that lies in several arrays is copied."""
    op = phase.ops[0]
    (result, ctype), *others = given.written[op.dest]
    arrays = {array.name.rstrip("0123456789"): name for array, name in _arrays(program, op)}
    taps, taken = np.atleast_2d(program.constants.get(op.bias, np.zeros(0))).shape
    text = spell(
        op,
        [given.read[name] for name in op.args],
        is_float=program.is_float,
        result=result,
        units=phase.units,
        inputs=program.values[op.args[0]].length,
        frame=op.count,
        first=op.stride,
        taps=taps,
        taken=taken,
        **arrays,
    )
    speller.called(op)
    copies = (
        f"(void)memcpy({name}, {result}, {phase.units}u * sizeof {name}[0]);" for name, _ in others
    )
    return PhaseView(
        function,
        f"{phase.name}: {phase.units} units of {ctype}, by one call",
        given.declared,
        given.arguments,
        given.sides,
        (f"{text};", *copies),
        (),
    )


def called_arrays(program: Program, plan: Schedule) -> list[Constant]:
    """What calls read in flash, once where several of them share it."""
    found: dict[str, Constant] = {}
    for op in (op for phase in plan.phases for op in phase.ops):
        for array, name in _arrays(program, op):
            numbers = array.numbers
            found[name] = Constant(name, array.ctype, numbers.shape, numbers, array.comment)
    return list(found.values())


def _arrays(program: Program, op: Op) -> Iterator[tuple[CalledArray, str]]:
    """The arrays of an operation, if it has any, with their C names."""
    made = OPERATIONS[op.kind].arrays
    for array in () if made is None else made(op, program.constants, program.is_float):
        own = array.name if array.shared else f"{c_name(op.dest)}_{array.name}"
        yield array, f"{program.name}_{own}"
