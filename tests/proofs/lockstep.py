"""numpy and C in lockstep: helpers of one operand, compared at every number that they take."""

from __future__ import annotations

import ctypes
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstm_edge.operations import curves
from lstm_edge.operations.record import Ints
from lstm_edge.operations.shifts import headroom
from lstm_edge.passes import tables
from tests.proofs.helpers import Claim
from tests.proofs.spellings import rendered

CHUNK = 1 << 14
"""Numbers at once: those of a processor's cache, a third of the time of 2^24."""
HIGHEST = (1 << 31) - 1
PLACES = 16
"""Of `le_table` here: it clamps at half of the numbers of 16 + 9 bits."""


@dataclass(frozen=True)
class Helper:
    """call: in C, of `entries` and the operand `a`; numpy: what defines it; lowest: operand."""

    name: str
    call: str
    numpy: Callable[[Ints, Ints], Ints]
    entries: Ints
    lowest: int


def helpers() -> tuple[Helper, ...]:
    """Those whose entries matter have those of the compiler, `le_table` any."""
    log, root = (np.asarray(made, np.int64) for made in (tables.log_table(), tables.rsqrt_table()))
    any_entries = np.random.default_rng(1).integers(-(1 << 14), 1 << 14, curves.TABLE_SEGMENTS + 1)
    return (
        Helper("le_headroom", "le_headroom(a)", lambda a, _: headroom(a), log, 1),
        Helper("le_log", "le_log(entries, a)", curves.log, log, 1),
        Helper("le_rsqrt", "le_rsqrt(entries, a)", curves.rsqrt, root, 1),
        Helper(
            "le_table",
            f"le_table(entries, a, {PLACES})",
            lambda a, entries: curves.table(a, entries, PLACES),
            any_entries,
            -(1 << 31),
        ),
    )


class Compiled:
    """A helper in C."""

    def __init__(self, helper: Helper, folder: Path) -> None:
        self.helper = helper
        source, library = folder / f"{helper.name}.c", folder / f"{helper.name}.so"
        context = {"ln2_q15": curves.LN2_Q15}
        text = rendered("common/ops.c.j2", Claim(helper.name, "", context=context))
        source.write_text(
            f"#include <stdint.h>\n{text}\n"
            "void each(const int16_t *entries, int32_t first, int32_t count, int32_t *to)\n{\n"
            "    (void)entries;\n    for (int32_t k = 0; k < count; k++) {\n"
            f"        const int32_t a = first + k;\n        to[k] = {helper.call};\n    }}\n}}\n",
            encoding="utf-8",
        )
        command = ["cc", "-O2", "-w", "-shared", "-fPIC", str(source), "-o", str(library)]
        subprocess.run(command, check=True)
        self._each = ctypes.CDLL(str(library)).each
        self._entries = np.ascontiguousarray(helper.entries, np.int16)

    def first_difference(self, first: int, count: int) -> int | None:
        """The first operand of first .. first + count - 1 at which the two differ."""
        made = np.empty(count, np.int32)
        pointers = (array.ctypes.data_as(ctypes.c_void_p) for array in (self._entries, made))
        entries, to = pointers
        self._each(entries, ctypes.c_int32(first), ctypes.c_int32(count), to)
        operands = np.arange(first, first + count, dtype=np.int64)
        differ = np.flatnonzero(self.helper.numpy(operands, self.helper.entries) != made)
        return first + int(differ[0]) if len(differ) else None


def differing(only: str | None, folder: Path) -> Iterator[str]:
    """Names of helpers that differ at some number of 32 bits; prints each."""
    for helper in helpers():
        if only and only not in helper.name:
            continue
        compiled, start = Compiled(helper, folder), time.monotonic()
        for first in range(helper.lowest, HIGHEST + 1, CHUNK):
            found = compiled.first_difference(first, min(CHUNK, HIGHEST + 1 - first))
            if found is not None:
                break
        said = "equal" if found is None else f"DIFFERS at {found}"
        count, seconds = HIGHEST + 1 - helper.lowest, time.monotonic() - start
        print(f"  {helper.name}: {said}, {count} numbers, {seconds:.0f} s", flush=True)
        if found is not None:
            yield helper.name
