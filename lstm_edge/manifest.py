"""The manifest of a bundle, as types: all that is needed to use or reproduce it, in JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, NotRequired, TypedDict, cast

from lstm_edge.choices import SymbolKind
from lstm_edge.json_types import fault

MANIFEST = "manifest.json"

Calibration = Literal["file", "drawn", "alike"]
"""Data of the user's; made up; or data that are all one number, or one sample, and tell nothing."""


class Flash(TypedDict):
    """Bytes. code: None where the target's compiler was not installed."""

    code: int | None
    weights: int
    tables: int


class Ram(TypedDict):
    """Bytes of the state struct, and of what is needed during a call beside it; kept: those that
    keep all steps of a sequence, where there are any.
    """

    state: int
    scratch: int
    kept: NotRequired[int]


class Compiler(TypedDict):
    """Its name, and the flags that the C is meant for."""

    name: str
    recommended: list[str]


class PhaseEntry(TypedDict):
    """A loop over the units of a layer. kernel: what multiplies its matrices, None without one."""

    name: str
    units: int
    per_step: bool
    kernel: str | None


class RawEntry(TypedDict):
    """What raw integers of an input stand for: real = (raw - zero) * scale."""

    scale: float
    zero: float


class PortEntry(TypedDict):
    """An input or output: the user's array and the array in C. scale, zero_point: one, or one for
    each feature. file_name: what the model's file calls it. before: the curve of the file that is
    left out, with `--outputs logits`. every: steps for each vector of the user's array, where there
    are several.
    """

    name: str
    file_name: str
    c_name: str
    shape: list[int]
    axes: list[str]
    per_step: bool
    size: int
    type: str
    format: str
    kind: str
    range: list[int] | None
    scale: float | list[float]
    zero_point: int | list[int]
    raw: NotRequired[RawEntry]
    before: NotRequired[str]
    every: NotRequired[int]


class StateEntry(TypedDict):
    """A state that a caller may read and set."""

    name: str
    c_name: str
    size: int
    type: str
    format: str
    scale: float | list[float]
    zero_point: int | list[int]


class StatePortEntry(TypedDict):
    """An input or output that holds states. partner: what it is fed back from, or to."""

    name: str
    file_name: str
    shape: list[int]
    partner: str | None
    states: list[str]


class Proof(TypedDict):
    """Bits that the largest sum reaches, of 31."""

    accumulator_bits: float


class ErrorEntry(TypedDict):
    """An error against float: None where there is nothing to compare with. sqnr_db_without_mean: of
    the signal about the mean of each unit.
    """

    sqnr_db: float | None
    sqnr_db_without_mean: float | None
    max_abs: float | None


class AccuracyEntry(TypedDict):
    """What `compile` measured on some samples, by output, and by layer and value. streams: that the
    samples are calls of, None where each began at the reset state. inputs: which samples they are,
    held-back ones, or of the calibration set where none could be held back. in_turn: the error of
    outputs is that of all calibration samples, of which so many parts were held back in turn.
    """

    samples: int
    steps: int
    streams: int | None
    inputs: str
    in_turn: int | None
    outputs: dict[str, ErrorEntry]
    layers: dict[str, dict[str, ErrorEntry]]
    warnings: list[str]


class GainEntry(TypedDict):
    """What other widths bring: dB of the worst output on held-back samples, bytes of constants."""

    what: str
    before_db: float
    after_db: float
    bytes: int


class RemediesEntry(TypedDict):
    """What was tried against a low SQNR. gains: the best first; limit: why there are none."""

    gains: list[GainEntry]
    limit: str | None


class AttemptEntry(TypedDict):
    """Widths that a search tried. flash: bytes of constants."""

    options: str
    flash: int
    instructions: int
    sqnr_db: float
    points_lost: float | None
    chosen: bool


class PointEntry(TypedDict):
    """A point of a study. model: what the study calls it. sqnr_db: None where it is exact. flash:
    bytes of constants, and of code where the study has a compiler; ram: of states and scratch.
    percent_missed: of the worst score on labels. cycles: None where they were not counted.
    """

    trial: int
    model: str
    options: str
    sqnr_db: float | None
    points_lost: float | None
    percent_missed: float | None
    flash: int
    ram: int
    instructions: int | None
    cycles: int | None
    on_front: bool
    chosen: bool


class StudyEntry(TypedDict):
    """A study that the widths come from. tried: how many points had a result by then. error, drop:
    the bounds that it held points against. compiler: whose code flash counts, None without code.
    points: the front, and what was chosen.
    """

    tried: int
    objectives: list[str]
    error: float | None
    drop: float | None
    compiler: str | None
    points: list[PointEntry]


class BudgetEntry(TypedDict):
    """The limits that were asked for and held: bytes, instructions, cycles, dB, points; None for
    any number.
    """

    flash: int | None
    ram: int | None
    stack: int | None
    instructions: int | None
    cycles: int | None
    error: float | None
    drop: float | None


class ReplaceableEntry(TypedDict):
    """Weights that can be replaced: what is in their header, and what a later network is compiled
    with, so that the code stays. input_scale, input_zero: by name of an input, "" for all.
    """

    file: str
    layout: str
    proof: str
    revision: int
    unroll: str
    optimize: str
    state: str
    outputs: str
    max_stack: int | None
    input_scale: dict[str, float]
    input_zero: dict[str, float]


class Tool(TypedDict):
    """What made the bundle."""

    name: str
    version: str


class OfCore(TypedDict):
    """What a core gets: these keys differ from core to core. stack: bytes that any function may
    take below its caller's, at -O2; None where the compiler was not installed or there is no bound.
    """

    family: NotRequired[str]
    target: str
    layers: list[PhaseEntry]
    flash: Flash
    ram: Ram
    stack: int | None
    instructions: int | None
    compiler: Compiler


class SymbolsEntry(TypedDict):
    """Symbols of an input, ids or features of 0 and 1, of which calibration data never show some.

    first: of its columns, the one that holds the ids or the first feature.
    """

    input: str
    kind: SymbolKind
    first: int
    symbols: int
    never_seen: int


class Manifest(TypedDict):
    """Keys in the order of the file. cores: what each of several targets gets; then the keys of
    `OfCore` are there only once one of them is chosen. sha256: of each file; that of the manifest
    is its `seal`.
    """

    name: str
    model_sha256: str
    target: str
    scheme: str
    options: str
    steps: int | None
    inputs: list[PortEntry]
    outputs: list[PortEntry]
    states: list[StateEntry]
    state_inputs: list[StatePortEntry]
    state_outputs: list[StatePortEntry]
    formats: list[dict[str, Any]]
    layers: list[PhaseEntry]
    flash: Flash
    ram: Ram
    stack: int | None
    macs: float
    instructions: int | None
    compiler: Compiler
    proof: Proof | None
    cores: NotRequired[dict[str, OfCore]]
    accuracy: NotRequired[AccuracyEntry]
    widened: NotRequired[GainEntry]
    remedies: NotRequired[RemediesEntry]
    search: NotRequired[list[AttemptEntry]]
    study: NotRequired[StudyEntry]
    replaceable: NotRequired[ReplaceableEntry]
    budgets: BudgetEntry
    files: list[str]
    sha256: dict[str, str]
    tool: Tool
    calibration: Calibration
    symbols: NotRequired[list[SymbolsEntry]]
    warnings: list[str]


PER_CORE = tuple(key for key in OfCore.__annotations__ if key != "family")
"""Keys of what differs from core to core."""


def to_json(manifest: Manifest) -> bytes:
    """The text of the file; the same manifest gives the same bytes."""
    return (json.dumps(manifest, indent=2) + "\n").encode()


def sha256(data: bytes) -> str:
    """The checksum of a file, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def seal(manifest: Manifest) -> str:
    """The checksum of a manifest but for its own."""
    sums = {name: each for name, each in manifest["sha256"].items() if name != MANIFEST}
    return sha256(to_json(cast(Manifest, {**manifest, "sha256": sums})))


def sealed(manifest: Manifest) -> Manifest:
    """The same with the checksum of itself."""
    sums = {**manifest["sha256"], MANIFEST: seal(manifest)}
    return cast(Manifest, {**manifest, "sha256": sums})


def from_json(data: bytes) -> Manifest:
    """What `to_json` wrote; ValueError names what is missing or of another type."""
    found = json.loads(data)
    several = isinstance(found, dict) and "cores" in found
    optional = [key for key in PER_CORE if key != "target"] if several else []
    if wrong := fault(found, Manifest, "", optional):
        raise ValueError(wrong)
    if found.get("cores") == {}:
        raise ValueError("cores is empty")
    return cast(Manifest, found)


def of_core(manifest: Manifest, target: str) -> Manifest:
    """The manifest as if the model had been compiled for one of its targets alone."""
    own = manifest.get("cores", {}).get(target)
    return manifest if own is None else cast(Manifest, {**manifest, **own})
