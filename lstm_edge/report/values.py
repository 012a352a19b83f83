"""What a report shows: figures that compile, verify and profile found, nothing of how they look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from lstm_edge.ir.chosen import FormatLine
from lstm_edge.profile.energy import Energy
from lstm_edge.profile.results import Band
from lstm_edge.profile.timing import Timing
from lstm_edge.verify import Verified

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Identity:
    """Which model, compiled how, by what. tool: name and version."""

    name: str
    target: str
    scheme: str
    options: str
    sha256: str
    tool: str
    calibrated: bool


@dataclass(frozen=True)
class Node:
    """A box of the network's picture. role: input, layer, output or state.

    kind: of a layer, what its cell is. backward: it goes from the last step to the first.
    recurrent: it keeps states. units: numbers of a vector. macs, instructions, cycles: of a step,
    or of a run where there is no step; None where that is not known.
    """

    key: str
    role: str
    name: str
    kind: str = ""
    units: int = 0
    backward: bool = False
    recurrent: bool = False
    macs: float = 0.0
    instructions: float | None = None
    cycles: float | None = None


@dataclass(frozen=True)
class Network:
    """nodes: in an order of computation. edges: keys of who is read, and who reads.

    outside: instructions of a call that belong to no layer.
    """

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    outside: float | None

    @property
    def layers(self) -> tuple[Node, ...]:
        """Those that compute."""
        return tuple(node for node in self.nodes if node.role == "layer")


@dataclass(frozen=True)
class CoreCost:
    """What the model takes on one core. Bytes; None is not known.

    library: of compiler and C library functions. stack: a bound; stack_note: how it comes about,
    or why there is none. call: `step` or `run`, of `steps` steps. counted: instructions are those
    of an emulated core, else estimated. most, most_cycles: of the longest call.
    """

    target: str
    code: int | None
    library: int
    weights: int
    tables: int
    state: int
    scratch: int
    stack: int | None
    stack_note: str
    call: str
    steps: int
    macs: float
    counted: bool
    instructions: float | None
    most: float | None = None
    cycles: Band | None = None
    most_cycles: float | None = None
    timing: Timing | None = None
    energy: Energy | None = None

    @property
    def flash(self) -> int:
        """Of what is known."""
        return (self.code or 0) + self.library + self.weights + self.tables

    @property
    def ram(self) -> int:
        """State and scratch; the stack is the caller's."""
        return self.state + self.scratch


@dataclass(frozen=True)
class Limits:
    """What was asked for; None where nothing was. flash, ram, stack: bytes. error: the least SQNR
    in dB. drop: points that a score may lose.
    """

    flash: float | None = None
    ram: float | None = None
    stack: float | None = None
    instructions: float | None = None
    cycles: float | None = None
    error: float | None = None
    drop: float | None = None


@dataclass(frozen=True)
class PortLine:
    """An input or output in words: shape in the file, numbers in C, how they are stored."""

    name: str
    shape: str
    numbers: str
    stored: str


@dataclass(frozen=True)
class Trace:
    """An output on the first samples: real, ours [samples, steps, units], one step of what exists
    after the last one. integers: it gives whole numbers, such as classes.
    """

    output: str
    real: Array
    ours: Array
    per_step: bool
    integers: bool


@dataclass(frozen=True)
class Tried:
    """Widths, or a point of a study, that were tried. flash: bytes of constants, and of code where
    the study counts it. sqnr_db: infinite where it is exact. missed: percent of the labels. beaten:
    it is not on the study's front.
    """

    options: str
    flash: int
    instructions: float | None
    sqnr_db: float | None
    points_lost: float | None = None
    chosen: bool = False
    ram: int | None = None
    missed: float | None = None
    beaten: bool = False
    cycles: float | None = None


@dataclass(frozen=True)
class Study:
    """What points were tried for. tried: how many; of them `ReportValues.tried` has the front.
    trial: the number of the chosen one. error, drop: bounds in dB and in points of a score. code:
    flash counts it.
    """

    tried: int
    trial: int
    objectives: tuple[str, ...]
    error: float | None = None
    drop: float | None = None
    code: bool = False


@dataclass(frozen=True)
class ReportValues:
    """All of one report. costs: by core, the first is the one whose layers are shown. drawn:
    the samples were drawn, not given.
    """

    identity: Identity
    network: Network
    costs: tuple[CoreCost, ...]
    limits: Limits
    verified: Verified
    traces: tuple[Trace, ...]
    tried: tuple[Tried, ...]
    warnings: tuple[str, ...]
    ports: tuple[PortLine, ...]
    study: Study | None = None
    formats: tuple[FormatLine, ...] = ()
