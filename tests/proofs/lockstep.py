"""numpy and C in lockstep: helpers of one operand, compared at every number that they take."""

from __future__ import annotations

import ctypes
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstm_edge.operations import curves
from lstm_edge.operations.record import Ints
from lstm_edge.operations.shifts import headroom
from lstm_edge.passes import tables
from tests.proofs.helpers import Claim
from tests.proofs.spellings import models, rendered

CHUNK = 1 << 14
"""Numbers at once: those of a processor's cache, a third of the time of 2^24."""
HIGHEST = (1 << 31) - 1
PLACES = 16
"""Of `le_table` here: it clamps at half of the numbers of 16 + 9 bits."""


@dataclass(frozen=True)
class Helper:
    """call: in C, of `entries` and the operand `a`; numpy: what defines it; parts: of the operands,
    the first of each and how many; text: the helper in C; kind: of entries.
    """

    name: str
    call: str
    numpy: Callable[[Ints, Ints], Ints]
    entries: Ints
    parts: tuple[tuple[int, int], ...]
    text: str
    kind: str = "int16_t"


def helpers() -> tuple[Helper, ...]:
    """Those whose entries matter have those of the compiler, `le_table` any."""
    log, root = (np.asarray(made, np.int64) for made in (tables.log_table(), tables.rsqrt_table()))
    any_entries = np.random.default_rng(1).integers(-(1 << 14), 1 << 14, curves.TABLE_SEGMENTS + 1)
    positive = ((1, HIGHEST),)
    return (
        _common("le_headroom", "a", lambda a, _: headroom(a), log, positive),
        _common("le_log", "entries, a", curves.log, log, positive),
        _common("le_rsqrt", "entries, a", curves.rsqrt, root, positive),
        _common(
            "le_table",
            f"entries, a, {PLACES}",
            lambda a, entries: curves.table(a, entries, PLACES),
            any_entries,
            ((-HIGHEST - 1, 2 * HIGHEST + 2),),
        ),
    )


def _common(
    name: str,
    given: str,
    numpy: Callable[[Ints, Ints], Ints],
    entries: Ints,
    parts: tuple[tuple[int, int], ...],
) -> Helper:
    context = {"ln2_q15": curves.LN2_Q15}
    text = rendered("common/ops.c.j2", Claim(name, "", context=context))
    return Helper(name, f"{name}({given})", numpy, entries, parts, text)


class Compiled:
    """A helper in C."""

    def __init__(self, helper: Helper, folder: Path) -> None:
        self.helper = helper
        file = re.sub(r"\W+", "_", helper.name)
        source, library = folder / f"{file}.c", folder / f"{file}.so"
        source.write_text(
            f"#include <stdint.h>\n#include <string.h>\n{models()}\n{helper.text}\n"
            f"void each(const {helper.kind} *entries, int32_t first, int32_t count,\n"
            "          int32_t *to)\n{\n"
            "    (void)entries;\n    for (int32_t k = 0; k < count; k++) {\n"
            f"        const int32_t a = first + k;\n        to[k] = {helper.call};\n    }}\n}}\n",
            encoding="utf-8",
        )
        command = ["cc", "-O2", "-w", "-shared", "-fPIC", str(source), "-o", str(library)]
        subprocess.run(command, check=True)
        self._each = ctypes.CDLL(str(library)).each
        self._entries = np.ascontiguousarray(helper.entries, helper.kind.removesuffix("_t"))

    def first_difference(self, first: int, count: int) -> int | None:
        """The first operand of first .. first + count - 1 at which the two differ."""
        made = np.empty(count, np.int32)
        pointers = (array.ctypes.data_as(ctypes.c_void_p) for array in (self._entries, made))
        entries, to = pointers
        self._each(entries, ctypes.c_int32(first), ctypes.c_int32(count), to)
        operands = np.arange(first, first + count, dtype=np.int64)
        differ = np.flatnonzero(self.helper.numpy(operands, self.helper.entries) != made)
        return first + int(differ[0]) if len(differ) else None


def differing(compared: Iterable[Helper], folder: Path) -> Iterator[str]:
    """Names of helpers that differ at some operand; prints each."""
    for helper in compared:
        compiled, start = Compiled(helper, folder), time.monotonic()
        found = None
        for lowest, numbers in helper.parts:
            for first in range(lowest, lowest + numbers, CHUNK):
                if found is None:
                    left = lowest + numbers - first
                    found = compiled.first_difference(first, min(CHUNK, left))
        said = "equal" if found is None else f"DIFFERS at {found}"
        count, seconds = sum(part[1] for part in helper.parts), time.monotonic() - start
        print(f"  {helper.name}: {said}, {count} numbers, {seconds:.0f} s", flush=True)
        if found is not None:
            yield helper.name
