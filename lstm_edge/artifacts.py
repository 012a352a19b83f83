"""The files of a bundle: what a compilation found out, written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from lstm_edge import __version__, bundle
from lstm_edge.archive import array_bytes
from lstm_edge.built import Built
from lstm_edge.bundle import Bundle
from lstm_edge.data import Data
from lstm_edge.emit.blob import file_of
from lstm_edge.emit.entries import entries_of
from lstm_edge.emit.render import Rendered
from lstm_edge.emit.testing import Vector, render_selftest, selftest_vectors
from lstm_edge.families import Cores, family_of
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.feed import Feed
from lstm_edge.interpret.ports import quantize as stored_numbers
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Port, Program
from lstm_edge.ir.serialize import to_bytes
from lstm_edge.manifest import (
    MANIFEST,
    AttemptEntry,
    BudgetEntry,
    GainEntry,
    Manifest,
    OfCore,
    PhaseEntry,
    Proof,
    Ram,
    RemediesEntry,
    ReplaceableEntry,
    StudyEntry,
    SymbolsEntry,
    Tool,
    sealed,
    sha256,
    to_json,
)
from lstm_edge.measured import MeasuredError
from lstm_edge.passes.prove import Proof as Bounds
from lstm_edge.sizes import Sizes

Array = npt.NDArray[Any]

SELFTEST_STEPS = 16
"""Steps that the self-test runs, where any number will do."""


@dataclass(frozen=True)
class Compilation:
    """Everything that a compilation found out. cores: what the C is for; built: for each of them
    what it gets. banner: lines that open each file; described: the options in a line. tests: tables
    of the self-test; proof: the certificate, "" of float32. tried: widths that a search tried, the
    chosen one among them. widened: what is wider than the default, to hold what that does not;
    remedies: what was tried against a low SQNR. replaceable: of weights that can be replaced, what
    an update keeps.
    """

    model: Model
    reference: Program
    program: Program
    bounds: Bounds
    data: Data
    cores: Cores
    sources: Mapping[str, str]
    built: tuple[Built, ...]
    measured: MeasuredError
    banner: tuple[str, ...]
    described: str
    tests: list[Vector]
    proof: str
    tried: tuple[AttemptEntry, ...]
    budgets: BudgetEntry
    warnings: tuple[str, ...]
    study: StudyEntry | None = None
    widened: GainEntry | None = None
    remedies: RemediesEntry | None = None
    replaceable: ReplaceableEntry | None = None


def bundle_of(made: Compilation) -> Bundle:
    """The bundle of a compilation: C files, self-test, manifest, and what verifying needs."""
    program = made.program
    blob = made.built[0].rendered.blob
    macros = None if blob is None else blob.tests
    selftest = render_selftest(program, made.banner, made.tests, macros)
    sources = {**made.sources, f"{program.name}_selftest.c": selftest}
    files = {name: text.encode() for name, text in sources.items()}
    files[bundle.PROGRAM] = to_bytes(program)
    files[bundle.REFERENCE] = to_bytes(made.reference)
    files[bundle.HELD_BACK] = array_bytes(made.data.raw_held_back)
    if made.measured.report:
        files[bundle.REPORT] = made.measured.report.encode()
    if made.proof:
        files[bundle.PROOF] = made.proof.encode()
    if blob is not None:
        files[file_of(program.name)] = blob.data
    described = manifest_of(made, files)
    files[MANIFEST] = to_json(described)
    return Bundle(described, program, made.reference, made.cores.targets, files)


def manifest_of(made: Compilation, files: Mapping[str, bytes]) -> Manifest:
    """What the manifest says beside these files; of several cores, `cores` says what each gets."""
    program, first = made.program, made.built[0]
    several = made.cores.several
    views = zip(program.inputs, first.rendered.inputs, strict=True)
    raws = {port.name: view.raw.stands_for for port, view in views if view.raw is not None}
    found: dict[str, Any] = {
        "name": program.name,
        "model_sha256": made.model.sha256,
        "target": made.cores.name,
        "scheme": program.scheme,
        "options": made.described,
        **entries_of(program, raws),
        "macs": round(first.cost.macs, 2),
        "proof": _proof(made),
    }
    if several:
        found["cores"] = {b.target.name: _in_set(b) for b in made.built}
    else:
        found |= _of_core(first)
    if made.measured.summary is not None:
        found["accuracy"] = made.measured.summary
    if made.widened is not None:
        found["widened"] = made.widened
    if made.remedies is not None:
        found["remedies"] = made.remedies
    if made.tried:
        found["search"] = list(made.tried)
    if made.study is not None:
        found["study"] = made.study
    if made.replaceable is not None:
        found["replaceable"] = made.replaceable
    found["budgets"] = made.budgets
    found["files"] = [*files, MANIFEST]
    found["sha256"] = {name: sha256(data) for name, data in files.items()}
    found["tool"] = Tool(name="lstm-edge", version=__version__)
    found["calibration"] = made.data.origin
    known = made.data.from_file and not program.is_float
    if known and (symbols := _symbols(made.data)):
        found["symbols"] = symbols
    found["warnings"] = list(made.warnings)
    return sealed(cast(Manifest, found))


def _symbols(data: Data) -> list[SymbolsEntry]:
    """Of those that data never show in part."""
    return [
        {
            "input": each.port,
            "kind": each.kind,
            "first": int(each.columns[0]),
            "symbols": each.total,
            "never_seen": len(each.unseen),
        }
        for each in data.symbols
        if len(each.unseen)
    ]


def _in_set(built: Built) -> OfCore:
    return {"family": family_of(built.target).feature, **_of_core(built)}


def _of_core(built: Built) -> OfCore:
    """What one core gets."""
    sizes, rendered, instructions = built.sizes, built.rendered, built.cost.instructions
    phases: list[PhaseEntry] = [
        {
            "name": phase.name,
            "units": phase.units,
            "per_step": phase.per_step,
            "kernel": _kernel(rendered, phase.name),
        }
        for phase in rendered.selection.schedule.phases
    ]
    return {
        "target": built.target.name,
        "layers": phases,
        "flash": {"code": sizes.code, "weights": sizes.weights, "tables": sizes.tables},
        "ram": _ram(sizes),
        "stack": sizes.stack,
        "instructions": None if instructions is None else round(instructions),
        "compiler": {"name": built.target.compiler, "recommended": list(built.target.recommended)},
    }


def _ram(sizes: Sizes) -> Ram:
    found: Ram = {"state": sizes.state, "scratch": sizes.scratch}
    return {**found, "kept": sizes.kept} if sizes.kept else found


def _proof(made: Compilation) -> Proof | None:
    if made.program.is_float:
        return None
    return {"accumulator_bits": round(made.bounds.accumulator_bits, 2)}


def _kernel(rendered: Rendered, phase: str) -> str | None:
    kernel = rendered.selection.kernel(phase)
    return None if kernel is None else kernel.name


def selftest_tables(program: Program, data: Data, steps: int | None = None) -> list[Vector]:
    """What the self-test gives and expects. steps: as many as those of another program had."""
    over_time = any(state.accumulator for state in program.states)
    limit = program.steps if over_time else max(SELFTEST_STEPS, program.least_steps)
    inputs = {
        port.name: stored_numbers(program, port, _one_call(port, data.held_back, steps or limit))
        for port in program.inputs
    }
    if steps is not None:  # a sample of fewer steps is given again
        inputs = {
            port.name: np.take(a, np.arange(steps), axis=1, mode="wrap") if port.per_step else a
            for port, a in zip(program.inputs, inputs.values(), strict=True)
        }
    outputs, _ = run(program, inputs)
    first = ({name: a[0] for name, a in arrays.items()} for arrays in (inputs, outputs))
    return selftest_vectors(program, *first)


def _one_call(port: Port, feed: Feed, limit: int | None) -> Array:
    """The first sample of an input, cut to a number of steps."""
    call = feed.inputs[port.name][:1, 0]
    return call[:, :limit] if port.per_step else call
