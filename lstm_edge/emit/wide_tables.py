"""Tables of functions as vectors of units read them: by two gathers for each vector.

In segment k, which is a >> n, a table's line is entry + (way * (a - (k << n)) >> n), the same as
(entry - way * k) + (way * a >> n). So a segment has what its line is at a = 0, its start, and its
way, and no fraction is taken out of a. Where starts do not fit into 16 bits, entries are gathered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstm_edge.emit.view import Constant
from lstm_edge.ir.program import Program
from lstm_edge.operations.call import Op

Ints = npt.NDArray[np.int64]

MIDDLE = 256
"""The entry of a table for 0."""
RAISED = 9
"""Ways are stored shifted left by so many bits: a is brought to 23 bits within a segment, and the
upper half of a product of 32 bits is what counts.
"""


@dataclass(frozen=True)
class WideTable:
    """Arrays of a table, and the entries that a vector starts from. last: its last way."""

    arrays: tuple[Constant, ...]
    pointers: tuple[tuple[str, str], ...]
    lines: bool
    last: int

    def reader(self, op: Op) -> str:
        """The helper that reads it. A saturating shift leaves ones below the fraction of what is
        above the table, which counts where the last way is long.
        """
        how = "line" if self.lines else "table"
        return f"le_v_steep_{how}" if abs(self.last) >= 1 << op.n else f"le_v_{how}"


def wide_table(program: Program, name: str) -> WideTable:
    """A table for vectors."""
    entries = program.constants[name].astype(np.int64)
    ways = np.diff(entries)
    starts = entries[:-1] - ways * (np.arange(len(ways)) - MIDDLE)
    fits = np.abs(starts).max() < 2**15 and np.abs(ways).max() < 2 ** (31 - RAISED)
    array = f"{program.name}_{name}"
    short = array.removesuffix("_table")
    if not fits:
        what = f"{name.replace('_', ' ')}, Q0.15"
        constant = Constant(array, "int16_t", entries.shape, entries, what)
        entered = (("int16_t", f"{array}[{MIDDLE}]"), ("int16_t", f"{array}[{MIDDLE + 1}]"))
        return WideTable((constant,), entered, False, int(ways[-1]))
    arrays = (
        Constant(f"{short}_starts_table", "int16_t", starts.shape, starts, "lines at 0, Q0.15"),
        Constant(
            f"{short}_ways_table", "int32_t", ways.shape, ways << RAISED, "ways of lines, << 9"
        ),
    )
    pointers = tuple((a.ctype, f"{a.name}[{MIDDLE}]") for a in arrays)
    return WideTable(arrays, pointers, True, int(ways[-1]))
