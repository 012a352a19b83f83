"""Prove that no number that the C makes leaves its type: interval analysis over the integer program
and its weights. `certificate.py` writes down what was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lstm_edge.errors import InternalError, ModelError
from lstm_edge.formats import INT32_MAX, INT32_MIN
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS, repeats
from lstm_edge.operations.call import Op
from lstm_edge.operations.intermediate import Intermediate
from lstm_edge.operations.product import PARTIAL_SUM
from lstm_edge.operations.record import Bounds, Ints


@dataclass(frozen=True)
class Proof:
    """bounds: value -> (smallest, largest) it can take. on_the_way: value -> what C makes before
    it. places: array over the steps -> so many numbers a step.
    """

    bounds: Mapping[str, tuple[int, int]]
    on_the_way: Mapping[str, tuple[Intermediate, ...]]
    places: Mapping[str, int]

    @property
    def accumulators(self) -> Mapping[str, int]:
        """Sum of products -> bound of any partial sum, in any order: |bias| + sum of |w| |x|."""
        found = ((name, way) for name, ways in self.on_the_way.items() for way in ways)
        return {name: way.high for name, way in found if way.text == PARTIAL_SUM}

    @property
    def accumulator_bits(self) -> float:
        """log2 of the largest accumulator; int32 has 31."""
        return float(np.log2(max(self.accumulators.values(), default=1)))

    @property
    def most_steps(self) -> int:
        """So many steps at a time have places that int32 counts."""
        return INT32_MAX // max(self.places.values(), default=1)


def prove(program: Program) -> Proof:
    """Bounds of every value, or InternalError naming the value that could leave its range.

    Inductive over the steps: states start within their declared formats, and each step is shown
    to put them back there.
    """
    if program.is_float:
        return Proof({}, {}, {})
    constants = {name: array.astype(np.int64) for name, array in program.constants.items()}
    bounds: dict[str, Bounds] = {}
    for name, value in program.values.items():
        if name in constants:
            bounds[name] = (constants[name], constants[name])
            _check_constant(program, name, constants[name])
        else:
            limits = (value.format.low, value.format.high)
            low, high = (np.full(value.length, limit, np.int64) for limit in limits)
            bounds[name] = (low, high)
    on_the_way: dict[str, tuple[Intermediate, ...]] = {}
    for block in program.blocks:
        for op in block.ops:
            length = program.values[op.dest].length
            args = [_as_long(program, op, name, bounds[name], length) for name in op.args]
            record = OPERATIONS[op.kind]
            assert record.bounds is not None, f"{op.kind} is no integer operation"
            _check_operands(program, op, args)
            ways = record.on_the_way(op, args, constants)
            _check_on_the_way(program, op, ways)
            if ways:
                on_the_way[op.dest] = ways
            result = record.bounds(op, args, constants)
            _check_result(program, op, result)
            low, high = (np.broadcast_to(r, (length,)) for r in result)
            bounds[op.dest] = (low, high)
    _check_states(program, bounds)
    ends = {name: (int(b[0].min()), int(b[1].max())) for name, b in bounds.items()}
    return Proof(ends, on_the_way, _places(program))


def _as_long(program: Program, op: Op, name: str, bounds: Bounds, length: int) -> Bounds:
    """Those of a constant that repeats are as long as the result."""
    if not repeats(op, name, program.constants, length):
        return bounds
    times = length // len(bounds[0])
    return np.tile(bounds[0], times), np.tile(bounds[1], times)


def _check_constant(program: Program, name: str, numbers: Ints) -> None:
    """A constant lies within its format, which says how C stores it."""
    low, high, declared = int(numbers.min()), int(numbers.max()), program.values[name].format
    if low < declared.low or high > declared.high:
        raise InternalError(
            f"{program.name}: constant {name} has [{low}, {high}], "
            f"declared [{declared.low}, {declared.high}]"
        )


def _check_operands(program: Program, op: Op, args: list[Bounds]) -> None:
    """Each operand lies in the range that its operation wants."""
    for want, (low, high) in zip(OPERATIONS[op.kind].wants, args, strict=False):
        if want is not None and (low.min() < want.low or high.max() > want.high):
            raise InternalError(f"{program.name}: {op.dest} needs {want.text}")


def _check_on_the_way(program: Program, op: Op, ways: tuple[Intermediate, ...]) -> None:
    """What C makes of operands before the result fits its type, too."""
    for way in ways:
        if not way.fits:
            raise InternalError(
                f"{program.name}: {op.dest} may leave {way.holder.text} on the way: {way.text} "
                f"reaches [{way.low}, {way.high}]"
            )


def _places(program: Program) -> dict[str, int]:
    """Numbers a step of what has all steps end to end, where C says `t * SIZE` in int32."""
    ports = [port.value for port in (*program.inputs, *program.outputs) if port.per_step]
    found = {n: program.values[n].length for n in dict.fromkeys((*ports, *program.sequences()))}
    for name, length in found.items():
        steps = program.steps or 1
        if steps * length > INT32_MAX:
            raise ModelError(
                name,
                f"{steps:,} steps of {length:,} numbers are more than int32 counts "
                f"({INT32_MAX:,}); give the model shorter sequences",
            )
    return found


def _check_result(program: Program, op: Op, result: Bounds) -> None:
    low, high = int(result[0].min()), int(result[1].max())
    if low < INT32_MIN or high > INT32_MAX:
        raise InternalError(f"{program.name}: {op.dest} may leave int32 ([{low}, {high}])")
    declared = program.values[op.dest].format
    if low < declared.low or high > declared.high:
        raise InternalError(
            f"{program.name}: {op.dest} reaches [{low}, {high}], "
            f"declared [{declared.low}, {declared.high}]"
        )


def _check_states(program: Program, bounds: Mapping[str, Bounds]) -> None:
    for state in program.states:
        declared = program.values[state.name].format
        made = [bounds[name] for name in (state.next, state.given) if name]
        low, high = min(int(b[0].min()) for b in made), max(int(b[1].max()) for b in made)
        inside = declared.low <= min(low, int(state.initial.min()))
        if not inside or max(high, int(state.initial.max())) > declared.high:
            raise InternalError(
                f"{program.name}: state {state.name} reaches [{low}, {high}], "
                f"declared [{declared.low}, {declared.high}]"
            )
