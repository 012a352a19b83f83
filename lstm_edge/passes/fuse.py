"""Join operations that a core does in one instruction: peepholes on the operations of a phase.

What is joined has a kind of its own (`operations/joined.py`) and just the value of what it stands
for. It happens after the proof, on the way to C only: programs and numpy never have joined
operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op


def fuse(program: Program, ops: tuple[Op, ...], kept: frozenset[str]) -> tuple[Op, ...]:
    """The same with joined operations, in the same order.

    kept: results that are wanted by themselves, too, so that nothing takes them in.
    """
    uses: dict[str, int] = dict.fromkeys(kept, 2)
    for op in ops:
        for name in op.args:
            uses[name] = uses.get(name, 0) + 1
    made: dict[str, Op] = {}
    for op in ops:
        once = {name: made[name] for name in op.args if name in made and uses[name] == 1}
        for taken, joined in _joins(program, op, once):
            made.pop(taken)
            for new in joined:
                made[new.dest] = new
            break
        else:
            made[op.dest] = op
    return tuple(made.values())


def _joins(
    program: Program, op: Op, once: Mapping[str, Op]
) -> Iterator[tuple[str, tuple[Op, ...]]]:
    """What takes in one of the operands that only `op` reads, and what stands for both then."""
    for name, source in once.items():
        others = [a for a in op.args if a != name]
        if op.kind == "add" and source.kind == "mulw":
            yield name, (Op("mulw_add", op.dest, (*others, *source.args)),)
        if source.kind == "mul" and op.kind == "round_shift":
            total = Op("mul_add", name, source.args, count=1 << (op.n - 1))
            yield name, (total, Op("shift", op.dest, (name,), op.n))
        if source.kind == "mul" and op.kind == "add":
            number = _number(program, others[0])
            if number is not None:
                yield name, (Op("mul_add", op.dest, source.args, count=number),)
        if source.kind == "mulw" and op.kind == "round_shift":
            total = Op("mulw_plus", name, source.args, count=1 << (op.n - 1))
            yield name, (total, Op("shift", op.dest, (name,), op.n))
        if op.kind == "saturate" and source.kind == "shift" and source.n > 0:
            yield name, (Op("saturate_shift", op.dest, source.args, op.n, count=source.n),)
        if op.kind == "saturate" and source.kind == "round_shift":
            total = Op("plus", name, source.args, count=1 << (source.n - 1))
            yield name, (total, Op("saturate_shift", op.dest, (name,), op.n, count=source.n))
        if op.kind == "table" and source.kind == "shift" and source.n == 1:
            yield name, (replace(op, kind="half_table", args=source.args),)


def _number(program: Program, name: str) -> int | None:
    """A constant that is the same for all units."""
    numbers = program.constants.get(name)
    if numbers is None or numbers.ndim != 1 or np.any(numbers != numbers[0]):
        return None
    if program.decisions and not program.is_number(name):
        return None
    return int(numbers[0])
