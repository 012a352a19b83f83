"""All arrays of constants of a program, packed as its kernels read them; no C is written for it."""

from __future__ import annotations

from collections.abc import Mapping

from lstm_edge.emit.dialects import dialect_of
from lstm_edge.emit.dialects.tables import StoredTable, stored_tables
from lstm_edge.emit.names import LocalNames
from lstm_edge.emit.opening import looked_up
from lstm_edge.emit.parameters import Parameters
from lstm_edge.emit.products import products_of
from lstm_edge.emit.records import records_of
from lstm_edge.emit.view import Constant
from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op
from lstm_edge.passes.left import operations_of
from lstm_edge.passes.schedule import Schedule
from lstm_edge.passes.select import Selection
from lstm_edge.targets import Target

_NOTHING = Parameters((), (), {}, {}, {}, {})
BYTES = {"int8_t": 1, "uint8_t": 1, "int16_t": 2, "int32_t": 4, "float": 4}


def constant_bytes(constants: tuple[Constant, ...]) -> tuple[int, int]:
    """Bytes of weights with all that belongs to them, and of tables of functions."""
    every = {c.name: int(c.numbers.size) * BYTES[c.ctype] for c in constants}
    tables = sum(size for name, size in every.items() if name.endswith("_table"))
    return sum(every.values()) - tables, tables


def constants_of(
    program: Program, target: Target, selection: Selection, *, straight: bool = False
) -> tuple[Constant, ...]:
    """Weights, constants of units and tables; not what converts ports, nor initial states.

    straight: weights are literals where no kernel multiplies.
    """
    dialect = dialect_of(target, program.is_float)
    plan, found = selection.schedule, []
    left: dict[str, tuple[Op, ...]] = {}
    for phase in plan.phases:
        tiles = selection.tiles.get(phase.name)
        left[phase.name] = operations_of(program, phase, tiles, fuses=dialect.fuses)
        if phase.is_copy:
            continue
        names = LocalNames(phase.name, program.name)
        products = products_of(program, phase, tiles, _NOTHING, names)
        literal = straight and products.kernel is None
        ops = left[phase.name]
        records = records_of(program, phase, ops, products, dialect, names, literal)
        found += [*products.constants(records.streamed), *records.arrays]
    stored = stored_tables(program, dialect, table_uses(plan, left))
    return (*function_tables(program, plan, stored), *looked_up(program, plan), *found)


def table_uses(plan: Schedule, left: Mapping[str, tuple[Op, ...]]) -> list[Op]:
    """All reads of tables that are worth words. left: by phase, what the code around kernels
    computes.

    A table of words takes twice the flash: it has to be read at each step to be worth that. What
    runs once and reads it, too, must find its fractional bits there.
    """
    reads = [
        (phase.per_step, op)
        for phase in plan.phases
        for op in left[phase.name]
        if op.kind in ("table", "half_table")
    ]
    often = {op.table for per_step, op in reads if per_step}
    return [op for _, op in reads if op.table in often]


def function_tables(
    program: Program, plan: Schedule, stored: Mapping[str, StoredTable]
) -> list[Constant]:
    """The tables of curved functions, as words where the dialect keeps them so."""
    names = dict.fromkeys(op.table for p in plan.phases for op in p.ops if op.table)
    found = []
    for name in names:
        table = stored.get(name)
        numbers = program.constants[name] if table is None else table.numbers
        what = f"{name.replace('_', ' ')}, Q0.15"
        what += "" if table is None else ", with the way to the next entry"
        ctype = "int16_t" if table is None else "int32_t"
        found.append(Constant(f"{program.name}_{name}", ctype, numbers.shape, numbers, what))
    return found
