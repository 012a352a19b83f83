"""Prove that nothing leaves int32: interval analysis over the integer program and its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lstm_edge.errors import InternalError
from lstm_edge.formats import INT32_MAX, INT32_MIN
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS, repeats
from lstm_edge.operations.call import Op
from lstm_edge.operations.product import any_piece
from lstm_edge.operations.record import Bounds, Ints


@dataclass(frozen=True)
class Proof:
    """bounds: value -> (smallest, largest) it can take; accumulators: matvec -> bound of any
    partial sum, in any order of summation: |bias| plus the sum of |w| |x|.
    """

    bounds: Mapping[str, tuple[int, int]]
    accumulators: Mapping[str, int]

    @property
    def accumulator_bits(self) -> float:
        """log2 of the largest accumulator; int32 has 31."""
        return float(np.log2(max(self.accumulators.values(), default=1)))


def prove(program: Program) -> Proof:
    """Bounds of every value, or InternalError naming the value that could leave its range.

    Inductive over the steps: states start within their declared formats, and each step is shown
    to put them back there.
    """
    if program.is_float:
        return Proof({}, {})
    constants = {name: array.astype(np.int64) for name, array in program.constants.items()}
    bounds: dict[str, Bounds] = {}
    for name, value in program.values.items():
        if name in constants:
            bounds[name] = (constants[name], constants[name])
        else:
            limits = (value.format.low, value.format.high)
            low, high = (np.full(value.length, limit, np.int64) for limit in limits)
            bounds[name] = (low, high)
    accumulators: dict[str, int] = {}
    for block in program.blocks:
        for op in block.ops:
            length = program.values[op.dest].length
            args = [_as_long(program, op, name, bounds[name], length) for name in op.args]
            _check_operands(program, op, args, constants)
            record = OPERATIONS[op.kind]
            assert record.bounds is not None, f"{op.kind} is no integer operation"
            result = record.bounds(op, args, constants)
            if record.multiplies:
                accumulators[op.dest] = _any_order(program, op, args, constants)
            _check_result(program, op, result)
            low, high = (np.broadcast_to(r, (length,)) for r in result)
            bounds[op.dest] = (low, high)
    _check_states(program, bounds)
    ends = {name: (int(b[0].min()), int(b[1].max())) for name, b in bounds.items()}
    return Proof(ends, accumulators)


def _as_long(program: Program, op: Op, name: str, bounds: Bounds, length: int) -> Bounds:
    """Those of a constant that repeats are as long as the result."""
    if not repeats(op, name, program.constants, length):
        return bounds
    times = length // len(bounds[0])
    return np.tile(bounds[0], times), np.tile(bounds[1], times)


def _check_operands(
    program: Program, op: Op, args: list[Bounds], constants: Mapping[str, Ints]
) -> None:
    """Each operand lies in the range that its operation wants, and so does what C makes of them on
    the way to the result.
    """
    way = OPERATIONS[op.kind].on_the_way
    if way is not None:
        low, high = way(op, args, constants)
        if low.min() < INT32_MIN or high.max() > INT32_MAX:
            raise InternalError(f"{program.name}: {op.dest} may leave int32 on the way")
    for want, (low, high) in zip(OPERATIONS[op.kind].wants, args, strict=False):
        if want is not None and (low.min() < want.low or high.max() > want.high):
            raise InternalError(f"{program.name}: {op.dest} needs {want.text}")


def _any_order(program: Program, op: Op, args: list[Bounds], constants: Mapping[str, Ints]) -> int:
    """Bound of any partial sum of a matvec."""
    operands = args[OPERATIONS[op.kind].running :]
    reach = np.abs(constants[op.bias])
    for matrix, (low, high) in zip(op.matrices, operands, strict=True):
        weights = np.abs(constants[matrix])
        low, high = any_piece(op, (low, high), weights.shape[-1])
        columns = (weights * np.maximum(np.abs(low), np.abs(high))).sum(axis=-1)
        reach = reach + (columns.sum(axis=0) if columns.ndim == 2 else columns)
    if reach.max() > INT32_MAX:
        raise InternalError(f"{program.name}: {op.dest} may leave int32 ({int(reach.max())})")
    return int(reach.max())


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
