"""All arrays of constants of a program, packed as its kernels read them; no C is written for it."""

from __future__ import annotations

from collections.abc import Container, Mapping

from lstm_edge.emit.calling import called_arrays
from lstm_edge.emit.dialects import dialect_of
from lstm_edge.emit.dialects.tables import StoredTable, stored_tables
from lstm_edge.emit.names import LocalNames
from lstm_edge.emit.opening import looked_up
from lstm_edge.emit.parameters import Parameters
from lstm_edge.emit.products import products_of
from lstm_edge.emit.records import records_of
from lstm_edge.emit.view import Constant
from lstm_edge.emit.wide_phase import arrays_of
from lstm_edge.emit.wide_tables import wide_table
from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op
from lstm_edge.passes.left import operations_of
from lstm_edge.passes.schedule import Schedule
from lstm_edge.passes.select import Selection
from lstm_edge.targets import Target

_NOTHING = Parameters((), (), {}, {}, {}, {}, frozenset())
BYTES = {"int8_t": 1, "uint8_t": 1, "int16_t": 2, "int32_t": 4, "int64_t": 8, "float": 4}


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
    plan = selection.schedule
    found: list[Constant] = []
    left: dict[str, tuple[Op, ...]] = {}
    for phase in plan.phases:
        tiles = selection.tiles.get(phase.name)
        left[phase.name] = operations_of(program, phase, tiles, fuses=dialect.fuses)
        if phase.is_copy:
            continue
        if phase.name in selection.wide:
            found += arrays_of(program, phase, selection.wide[phase.name])
            continue
        names = LocalNames(phase.name, program.name)
        products = products_of(program, phase, tiles, _NOTHING, names)
        literal = straight and products.kernel is None
        ops = left[phase.name]
        records = records_of(program, phase, ops, products, dialect, names, literal)
        found += [*products.constants(records.streamed), *records.arrays]
    stored = stored_tables(program, dialect, table_uses(program, plan, left, selection.wide))
    return (
        *function_tables(program, plan, stored, selection.wide),
        *looked_up(program, plan),
        *called_arrays(program, plan),
        *found,
    )


def table_uses(
    program: Program,
    plan: Schedule,
    left: Mapping[str, tuple[Op, ...]],
    wide: Container[str],
) -> list[Op]:
    """All reads of tables that are worth words. left: by phase, what the code around kernels
    computes.

    A table of words takes twice the flash: it has to be read at each step to be worth that. What
    runs once and reads it, too, must find its fractional bits there. wide: phases on vectors; the
    entries that they gather stay as they are.
    """
    gathered = {
        op.table
        for phase in plan.phases
        if phase.name in wide
        for op in phase.ops
        if op.table and not wide_table(program, op.table).lines
    }
    reads = [
        (phase.per_step, op)
        for phase in plan.phases
        for op in left[phase.name]
        if op.kind in ("table", "half_table")
        and op.table not in gathered
        and phase.name not in wide
    ]
    often = {op.table for per_step, op in reads if per_step}
    return [op for _, op in reads if op.table in often]


def function_tables(
    program: Program, plan: Schedule, stored: Mapping[str, StoredTable], wide: Container[str]
) -> list[Constant]:
    """The tables of curved functions, as words where the dialect keeps them so.

    wide: phases on vectors, which have tables of their own.
    """
    uses = [(p.name in wide, op.table) for p in plan.phases for op in p.ops if op.table]
    gathered = dict.fromkeys(table for on_vectors, table in uses if on_vectors)
    found = [array for name in gathered for array in wide_table(program, name).arrays]
    made = {array.name for array in found}
    for name in dict.fromkeys(table for on_vectors, table in uses if not on_vectors):
        if f"{program.name}_{name}" in made:
            continue
        table = stored.get(name)
        numbers = program.constants[name] if table is None else table.numbers
        what = f"{name.replace('_', ' ')}, Q0.15"
        what += "" if table is None else ", with the way to the next entry"
        ctype = "int16_t" if table is None else "int32_t"
        found.append(Constant(f"{program.name}_{name}", ctype, numbers.shape, numbers, what))
    return found
