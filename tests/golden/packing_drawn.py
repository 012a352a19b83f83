"""What packs matrix products, given phases that are drawn: where operands lie, what is called for
them, which kernels fit and how they are unrolled.

Only what is asked of a program or a phase is there: whole ones have few of these forms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from lstm_edge.emit.names import LocalNames
from lstm_edge.emit.nibbles import packed
from lstm_edge.emit.parameters import Parameters
from lstm_edge.emit.products import Products
from lstm_edge.ir.program import Program, State
from lstm_edge.kernels import KERNELS, mve
from lstm_edge.kernels.kernel import Kernel, Product
from lstm_edge.operations.call import Op
from lstm_edge.passes.operands import BEHIND, Arrays, Run, with_takes
from lstm_edge.passes.schedule import Phase, Schedule
from lstm_edge.passes.select import Tiles
from lstm_edge.passes.tiles import RowSet, group_of, product_of
from tests.golden.drawn import Draw


def _phase(name: str, **more: Any) -> Phase:
    fields = ("matvecs", "ops", "reductions", "loads", "whole", "scalars", "stores")
    return Phase(name, **{"sweep": 0, "units": 4, **dict.fromkeys(fields, ()), **more})


def placed(d: Draw) -> object:
    """Operands of some phases, some of them states, before or after the step."""
    names = ("lstm.h", "lstm.c", "x", "y", "gru.h", "lstm_y", "lstm.0_x")
    values = {name: SimpleNamespace(length=d.whole(1, 6)) for name in (*names, "h2", "c2", "g2")}
    nexts = {"lstm.h": "h2", "lstm.c": "c2", "gru.h": "g2"}
    states = [State(name, new, np.zeros(1), along=d.one(1, 1, 1, 2)) for name, new in nexts.items()]
    facts = SimpleNamespace(states=states, values=values, streams=d.one(True, False))
    program = cast(Program, facts)
    phases = tuple(_phase(f"lstm.{k}", sweep=d.whole(0, 1)) for k in range(2))
    phases += (_phase("behind", sweep=BEHIND[0], clock=BEHIND[1], before=BEHIND[2]),)
    double = frozenset(name for name in nexts if d.one(True, False))
    plan = Schedule(phases, (), double)
    some = [name for name in (*nexts.values(), "y") if d.one(True, True, False)]
    made = {name: d.one(*phases).when for name in some}
    arrays, align, found = Arrays(program, plan, made), d.one(1, 2, 4), []
    wanted = [tuple(d.one(*values) for _ in range(d.one(1, 1, 2, 3))) for _ in range(3)]
    for operands in (*wanted, *wanted):
        if any({name, new} <= {*operands} for name, new in nexts.items() if name not in double):
            continue  # a schedule has two buffers of such a state
        phase = d.one(*phases)
        padded = lambda n: -(-n // align) * align  # noqa: E731
        runs = arrays.runs(phase, operands, d.one("int8_t", "int16_t"), padded)
        found.append((operands, runs))
    takes = arrays.takes()
    read = tuple({entry.value for _, _, entry in takes})
    whole = tuple(replace(phase, whole=read) for phase in phases)
    order = [p.name for p in with_takes(Schedule(whole, (), double), takes).phases]
    sizes = [(a.length, a.has_state) for a in arrays.found.values()]
    return found, [*arrays.found.values()], takes, order, sizes


def _tiles(d: Draw, kernel: Kernel | None, over_time: bool) -> tuple[Tiles, tuple[Op, ...]]:
    """Some sets of rows, whose operands lie in one array or in several."""
    sets, runs, number = [], [], 0
    bits = kernel.weight_bits if kernel is not None else 8
    for k in range(d.whole(1, 3)):
        matvecs, operands = [], tuple(f"x{k}{j}" for j in range(d.one(1, 1, 2)))
        for _ in range(d.whole(1, 5)):
            kind = "matvec_over_time" if over_time and k == 0 else "matvec"
            matrices = ("W",) * len(operands)
            matvecs.append(Op(kind, f"s{number}", operands, n=bits, bias="b", matrices=matrices))
            number += 1
        sets.append(RowSet(operands, tuple(matvecs)))
        parts, at = [], d.one(0, 0, 8)
        for _ in operands:
            length, step = 8 * d.whole(1, 3), d.one(0, 0, 3)
            parts.append(Run(d.one("a", "a", "b"), at, length, d.one(False, False, True), 1, step))
            at += length
        runs.append(tuple(parts))
    units = d.whole(1, 9)
    group = 1 if kernel is None else group_of(tuple(sets), units)
    inner = d.one(group, 1, *[each.units for each in sets if 0 < each.units < group])
    made = Tiles(kernel, tuple(sets), tuple(runs), group, {}, inner)
    return made, tuple(op for each in sets for op in each.matvecs)


def called(d: Draw) -> object:
    """The lines of C around products, and where each sum is."""
    kernels = [k for k in KERNELS.values() if k.pack is not None]
    kernel = d.one(None, *kernels)
    over_time = d.one(True, False, False) and kernel is not None and not kernel.streams
    tiles, matvecs = _tiles(d, kernel, over_time)
    curves = tuple(
        Op("sigmoid", f"g{k}", (op.dest,)) for k, op in enumerate(matvecs) if d.one(0, 1)
    )
    phase = _phase("layer.0", units=d.whole(1, 9), matvecs=matvecs, ops=curves)
    every = dict.fromkeys(run for runs in tiles.runs for run in runs)
    pointers = {run: f"p{k}" for k, run in enumerate(every)}
    types = {name: d.one("int8_t", "int16_t") for name in pointers.values()}
    read = {op.args[0]: f"r{k}" for k, op in enumerate(matvecs)}
    given = cast(Parameters, SimpleNamespace(runs=pointers, types=types, read=read))
    constants = {"W": d.rng.integers(-1, 2, (9, 24)), "b": d.rng.integers(-99, 99, 9)}
    is_float = kernel is not None and (kernel.is_float or kernel.weight_bits == 0)
    facts = SimpleNamespace(name="net", is_float=is_float, constants=constants, values={})
    made = Products(cast(Program, facts), phase, tiles, given, LocalNames("layer", "net"))
    for op in matvecs:
        made.names.of(op.dest)
    if kernel is None:
        return made.straight(0), made.unused, made.sums(0), [*made.opening()]
    lines = [*made.opening()], made.kept_tiles(), made.tiles_at_once(), made.tiles_at_once(1)
    tiles_of = made.kept, made.used_at_once, sorted(made.copied, key=repr), tiles.sums
    sums = [made.sums(k, index) for k in range(tiles.inner) for index in ("", "unit")]
    functions = {} if kernel.streams else dict(made.functions)
    return lines, tiles_of, sums, functions, made.group, made.inner


def unrolled(d: Draw) -> object:
    """The form of a kernel for operands of some lengths, and what it takes."""
    kernel = d.one(*(k for k in KERNELS.values() if k.pack is not None))
    lengths = tuple(kernel.padded(d.whole(1, 2 ** d.whole(2, 10))) for _ in range(d.one(1, 1, 2)))
    form = kernel.form(lengths, d.one(True, False), d.one(True, False))
    asked = Product(d.one(0, 4, 8, 16), d.whole(7, 33), 2 ** d.whole(20, 32), 2 ** d.whole(14, 32))
    return form, kernel.instructions(max(lengths), form), kernel.fits(asked)


def in_registers(d: Draw) -> object:
    """Pieces of a vector, and a block of rows over them."""
    most = {mve.Role.LOW: 16, mve.Role.HIGH: 16, mve.Role.BOTH: 8}
    roles = [d.one(*mve.Role) for _ in range(d.whole(1, 9))]
    pieces = tuple(mve.Piece(d.whole(1, most[role]), role) for role in roles)
    bits, halves = d.one(4, 8, 16), d.one(True, False)
    rows = mve.Rows(bits, halves, 7, pieces, d.one(True, False), d.one(True, False))
    limit = 2 ** (bits - 1) - 1
    weights = d.rng.integers(-limit, limit, (4, rows.columns), endpoint=True)
    biases = d.rng.integers(-(2**24), 2**24, 4)
    facts = rows.skips, rows.aside, rows.instructions
    words = mve.pack(weights, biases, rows) if rows.columns % 2 == 0 or bits == 4 else None
    return mve.cut(pieces), facts, words, packed(weights.clip(-7, 7))


def bounded(d: Draw) -> object:
    """What a kernel is asked about rows."""
    columns, positions = tuple(d.whole(1, 3) for _ in range(d.one(1, 2))), d.one(1, 1, 2)
    names = [f"x{k}" for k in range(len(columns))]
    matrices = tuple(f"W{k}" for k in range(len(columns)))
    ops = tuple(
        Op("matvec", f"y{k}", tuple(names), 8, bias="b", matrices=matrices, positions=positions)
        for k in range(d.whole(1, 2))
    )
    values = {name: SimpleNamespace(format=d.fixed(bits=16)) for name in (*names, "y0", "y1")}
    constants = {"b": d.rng.integers(-999, 999, 2)}
    for name, n in zip(matrices, columns, strict=True):
        constants[name] = d.rng.integers(-127, 127, (2, n))
    more = {"is_float": d.one(True, False, False), "decisions": d.one({}, {}, {"a": 1})}
    program = cast(Program, SimpleNamespace(values=values, constants=constants, **more))
    rows = RowSet(tuple(names), ops)
    return product_of(program, rows), rows.units, [rows.tiles(k) for k in (1, 2, 4)]


PACKING: Mapping[str, Callable[[Draw], object]] = {
    "places of operands": placed,
    "products in C": called,
    "forms of kernels": unrolled,
    "registers of Helium": in_registers,
    "bounds of products": bounded,
}
