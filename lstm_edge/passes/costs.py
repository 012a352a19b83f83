"""What a step costs: instructions of kernels, counted, and of what is around them, estimated.

The instructions of a tile are known to the last one (`Kernel.instructions`). What is around it is
counted in pieces of code (`workload.py`), each with a cost on a core (`costs.toml`), which
`python -m benchmarks costs` measures. Nothing is rendered or compiled for it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lstm_edge.ir.program import LOAD, Program
from lstm_edge.passes.macs import macs_of_step, times
from lstm_edge.passes.select import Selection
from lstm_edge.passes.workload import pieces_of, workload
from lstm_edge.targets import Target

Prices = Mapping[str, float]
"""Piece of code -> instructions."""
BASES = ("mve", "dsp", "armv7m", "armv6m")
"""Features with code of their own, the best first."""
MEASURED_ON = {
    "mve": "cortex-m55",
    "dsp": "cortex-m4",
    "armv7m": "cortex-m3",
    "armv6m": "cortex-m0",
}
"""By code, the core whose table another core without one takes."""
PORTABLE, FLOAT, FLOAT_HELIUM = "portable", "float", "float with Helium"
PLAIN = ("rv32im",)
"""Features that have plain C, and costs of their own."""
TOLERANCE, FEW = 0.05, 25
"""How far an estimate may be from what is counted at -O2 with the kernels of a core, as a share, or
in instructions where a step has few; a test holds both.
"""


@dataclass(frozen=True)
class Cost:
    """Of a step, on the mean over a sequence. instructions: None where nothing is known."""

    macs: float
    instructions: float | None

    @property
    def per_mac(self) -> float | None:
        """Instructions of a multiply-accumulate, with all that belongs to it."""
        return self.instructions / self.macs if self.instructions and self.macs else None


def cost_of_step(program: Program, selection: Selection, target: Target, steps: int) -> Cost:
    """What a step costs on the mean over a sequence of so many."""
    macs = macs_of_step(program, selection.schedule.phases, steps)
    base = base_of(program, target)
    if base is None:
        return Cost(macs, None)
    tiles, pieces = pieces_around(program, selection, base, steps)
    prices = prices_of(base, target.name)
    return Cost(macs, tiles + sum(prices[piece] * count for piece, count in pieces.items()))


def pieces_around(
    program: Program, selection: Selection, base: str, steps: int
) -> tuple[float, Prices]:
    """Of a step on the mean: instructions of its tiles, and the pieces of code around them."""
    phases = (phase for phase in selection.schedule.phases if phase.sweep != LOAD)
    fuses, pairs = base in BASES, base in ("mve", "dsp")
    return pieces_of(
        (
            workload(program, selection, phase, fuses=fuses, pairs=pairs),
            times(program, phase, steps) / steps,
        )
        for phase in phases
    )


def base_of(program: Program, target: Target) -> str | None:
    """The code of a target. float32 without hardware for it is not known."""
    if program.is_float:
        helium = target.has_vmla and "mve" in target.features
        return (FLOAT_HELIUM if helium else FLOAT) if "fpu" in target.features else None
    return next((base for base in (*BASES, *PLAIN) if base in target.features), PORTABLE)


@cache
def prices_of(base: str, core: str = "") -> Prices:
    """The table of a core, or of another one with the same code; what that lacks costs what it does
    in plain C, or else 2.
    """
    every = tomllib.loads(Path(__file__).with_name("costs.toml").read_text(encoding="utf-8"))
    same = every.get(base, every.get(MEASURED_ON.get(base, ""), {}))
    own = every.get(core, {}) if base in BASES else {}
    return _Prices({**every.get(PORTABLE, {}), **same, **own})


class _Prices(dict[str, float]):
    """An operation that was never measured is about two instructions."""

    def __missing__(self, piece: str) -> float:
        return 2.0
