"""The tables that dialects store as words, in lockstep with numpy's: at each operand within them,
as many beyond, and at the ends of int32.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import numpy as np

from lstm_edge.emit.dialects import armv6m, armv7m, dsp
from lstm_edge.emit.dialects.dialect import Dialect
from lstm_edge.emit.dialects.tables import Reader, reader, stored_tables
from lstm_edge.ir.program import Program
from lstm_edge.operations import curves
from lstm_edge.operations.call import Op
from lstm_edge.operations.record import Ints
from tests.proofs.helpers import Claim
from tests.proofs.lockstep import HIGHEST, Helper
from tests.proofs.spellings import spellings_of

DIALECTS = (armv6m.DIALECT, armv7m.DIALECT, dsp.DIALECT)
PLACES = (8, 12)


@dataclass(frozen=True)
class _Table:
    entries: Ints
    dialect: Dialect
    op: Op


def word_tables() -> Iterator[Helper]:
    """Steep and gentle ones, with flat ends and without, in each spelling."""
    for dialect in DIALECTS:
        kinds = ("table",) if dialect.name == "armv6m" else ("table", "half_table")
        for kind in kinds:
            for n in PLACES:
                op = Op(kind, "y", ("a",), n=n, table="t")
                for steepest in (20, 1 << 13):
                    for flat in (False, True):
                        yield from _helpers(_Table(_entries(steepest, flat), dialect, op))


def _entries(steepest: int, flat: bool) -> Ints:
    """Drawn, from one to the next at most so far."""
    rng = np.random.default_rng(steepest)
    ways = rng.integers(-steepest, steepest + 1, curves.TABLE_SEGMENTS)
    if steepest > 1000:
        ways[1::2] = -ways[0::2]
    if flat:
        ways[0] = ways[-1] = 0
    return np.concatenate([[0], np.cumsum(ways)]).astype(np.int64)


def _helpers(table: _Table) -> Iterator[Helper]:
    program = cast(Program, SimpleNamespace(constants={"t": table.entries}))
    stored = stored_tables(program, table.dialect, [table.op])["t"]
    made: Reader = reader(table.dialect, stored, table.op)
    context = {"tables": (made,), "saturations": () if made.flat else ((made.reach, 0),)}
    claim = Claim(made.name, "", context=context)
    reach = 1 << made.reach
    ends = ((-reach, 2 * reach), (-HIGHEST - 1, 1 << 14), (HIGHEST + 1 - (1 << 14), 1 << 14))
    for spelling, text in spellings_of(table.dialect.name, claim):
        name = f"{made.name} ({spelling})"
        halves = table.dialect.name == "dsp"
        call = f"{made.name}(&entries[256], a)"
        yield Helper(
            name,
            f"(int16_t){call}" if halves else call,
            lambda a, _: curves.table(a >> int(made.of_half), table.entries, made.n),
            stored.numbers,
            ends,
            text,
            "int32_t",
        )
