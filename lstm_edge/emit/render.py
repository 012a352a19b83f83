"""Render a program as C files for a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lstm_edge import __version__
from lstm_edge.choices import Optimize, Unroll
from lstm_edge.emit.blob import COVERED, CRC_TABLE, VERSION, Blob, Replaceable, blob_of
from lstm_edge.emit.calling import called_arrays
from lstm_edge.emit.code import (
    common_helpers,
    dialect_code,
    in_section,
    kernel_code,
    wide_code,
    wide_helpers,
)
from lstm_edge.emit.constants import function_tables, table_uses
from lstm_edge.emit.curves import float_constants
from lstm_edge.emit.dialects import dialect_of
from lstm_edge.emit.dialects.tables import stored_tables
from lstm_edge.emit.environment import environment, initializer
from lstm_edge.emit.identity import Identity
from lstm_edge.emit.memory import Memory, allocate
from lstm_edge.emit.model_view import ModelView, Printing, model_view
from lstm_edge.emit.opening import looked_up
from lstm_edge.emit.phase_printer import PhasePrinter
from lstm_edge.emit.ports import PortView, port_names, port_view
from lstm_edge.emit.remarks import remarks
from lstm_edge.emit.speller import Speller
from lstm_edge.emit.states import kept_states
from lstm_edge.emit.view import Constant
from lstm_edge.emit.wide_rows import WideCode
from lstm_edge.families import Cores
from lstm_edge.interpret.raw import RawInput
from lstm_edge.ir.program import Program
from lstm_edge.operations import curves, spectrum
from lstm_edge.passes.left import operations_of
from lstm_edge.passes.select import Selection, select
from lstm_edge.targets import Target

UNKNOWN = Identity()
"""Of a program that was made from no file."""


@dataclass(frozen=True)
class Rendered:
    """Generated files by name, and what the manifest says about them."""

    files: Mapping[str, str]
    memory: Memory
    selection: Selection
    constants: tuple[Constant, ...]
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]
    blob: Blob | None = None


def render(
    program: Program,
    target: Target,
    unroll: Unroll,
    banner: tuple[str, ...],
    optimize: Optimize = "speed",
    stack: int | None = None,
    *,
    alone: bool = True,
    identity: Identity = UNKNOWN,
    raw: Mapping[str, RawInput] | None = None,
    replaceable: Replaceable | None = None,
) -> Rendered:
    """The model's header, code and weights. `banner`: the lines of the first comment. stack: bytes
    that a call may take, None for any. alone: for this target only; else it is a part of C that
    chooses by core. identity: of the model. raw: by input, what integers of a converter stand for.
    replaceable: where weights are a block of their own, what goes with them.
    """
    selection = select(program, target, unroll, optimize, stack)
    plan = selection.schedule
    names = port_names(program)
    memory = allocate(program, selection, names)
    printer = _printer(program, target, selection, memory, unroll)
    printed = [printer.print(phase) for phase in plan.phases]
    phases = tuple(view for view, _ in printed)
    inputs, outputs, constants = _ports(program, names, raw or {})
    tables = function_tables(program, plan, printer.speller.tables, selection.wide)
    kept = {each.name for each in (*tables, *constants)}
    weights = (*looked_up(program, plan), *called_arrays(program, plan))
    constants = [*tables, *weights, *(c for p in phases for c in p.constants), *constants]
    states = kept_states(program, memory, plan, phases)
    dialect = printer.speller.dialect.name
    printing = Printing(banner, identity, dialect, alone, optimize == "size", printer.wide.phases)
    model = model_view(
        program, memory, plan, phases, (inputs, outputs), states, tuple(constants), printing
    )
    every = model.constants
    if replaceable is not None:
        model = replace(
            model,
            constants=tuple(c for c in every if c.name in kept),
            blob=blob_of(program.name, (c for c in every if c.name not in kept), replaceable),
        )
    portable = [products for _, products in printed if products is not None]
    called = "\n".join(line for view in phases for line in view.lines)
    kernels = kernel_code(selection.forms, portable, called) + wide_code(printer.wide)
    files, blob = _files(program, model, printer, kernels)
    return Rendered(files, memory, selection, every, inputs, outputs, blob)


def _printer(
    program: Program, target: Target, selection: Selection, memory: Memory, unroll: Unroll
) -> PhasePrinter:
    """What prints phases, with their operations as the target's dialect has them."""
    dialect = dialect_of(target, program.is_float)
    fused = {
        phase.name: operations_of(
            program, phase, selection.tiles.get(phase.name), fuses=dialect.fuses
        )
        for phase in selection.schedule.phases
    }
    uses = table_uses(program, selection.schedule, fused, selection.wide)
    speller = Speller(program, dialect, stored_tables(program, dialect, uses))
    straight = unroll == "full"
    return PhasePrinter(
        program, memory, selection, speller, fused, straight, WideCode(), remarks(program)
    )


def _ports(
    program: Program, names: Mapping[str, str], raw: Mapping[str, RawInput]
) -> tuple[tuple[PortView, ...], tuple[PortView, ...], list[Constant]]:
    constants: list[Constant] = []
    views: list[PortView] = []
    given = len(program.inputs)
    for k, port in enumerate((*program.inputs, *program.outputs)):
        stands_for = raw.get(port.name) if k < given else None
        view, arrays = port_view(program, port, names[port.name], stands_for)
        views.append(view)
        constants += arrays
    return tuple(views[:given]), tuple(views[given:]), constants


def _files(
    program: Program, model: ModelView, printer: PhasePrinter, kernels: str
) -> tuple[dict[str, str], Blob | None]:
    """The texts, and the block of weights that they read."""
    env = environment()
    speller = printer.speller
    own = dialect_code(env, speller, printer.wide)
    operations = "common/ops_float.c.j2" if program.is_float else "common/ops.c.j2"
    context = {
        "model": model,
        "blob_version": VERSION,
        "blob_covered": COVERED,
        "crc_table": CRC_TABLE,
        "kernels": in_section(kernels),
        "operations": in_section(
            env.get_template(operations).render(
                helpers=common_helpers(speller, own),
                dialect=speller.dialect.name,
                ln2_q15=curves.LN2_Q15,
                lost_bits=spectrum.LOST_BITS,
                band_places=spectrum.BAND_PLACES,
                **float_constants(),
            )
            + own
            + wide_helpers(env, speller, printer.wide)
        ),
    }
    name = program.name
    files = {
        f"{name}.h": env.get_template("common/model.h.j2").render(context),
        f"{name}_private.h": env.get_template("common/private.h.j2").render(context),
        f"{name}.c": env.get_template("common/model.c.j2").render(context),
    }
    blob = model.blob
    if blob is not None:
        blob = blob.read_by([*files.values(), *(initializer(each) for each in model.constants)])
        context["model"] = replace(model, blob=blob)
    template = "replaceable" if blob else "weights"
    files[f"{name}_weights.c"] = env.get_template(f"common/{template}.c.j2").render(context)
    return files, blob


def banner(program: Program, sha256: str, target: Target | Cores, options: str) -> tuple[str, ...]:
    """The first comment of every file. sha256: of the model's file; "" where weights that can be
    replaced say it.
    """
    return (
        f"{program.name}: generated by lstm-edge {__version__}; do not edit.",
        f"model SHA-256 {sha256}" if sha256 else "model: as the header of the weights in use says",
        f"target {target.name} ({target.title})",
        f"options {options}",
    )
