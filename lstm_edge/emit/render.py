"""Render a program as C files for a target."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from lstm_edge import __version__
from lstm_edge.emit import formats_comment
from lstm_edge.emit.clocks import has_clocks
from lstm_edge.emit.code import common_helpers, dialect_code, kernel_code, wide_code, wide_helpers
from lstm_edge.emit.constants import function_tables, table_uses
from lstm_edge.emit.dialects import dialect_of
from lstm_edge.emit.dialects.tables import stored_tables
from lstm_edge.emit.header import macros, state_macros, step_notes
from lstm_edge.emit.memory import Memory, allocate, c_name
from lstm_edge.emit.opening import looked_up
from lstm_edge.emit.phase_printer import PhasePrinter
from lstm_edge.emit.ports import PortView, port_names, port_view
from lstm_edge.emit.spell import float_literal, literal
from lstm_edge.emit.speller import Speller
from lstm_edge.emit.states import KeptState, kept_states
from lstm_edge.emit.ticks import emits, sweep_views, wrap
from lstm_edge.emit.view import Constant, PhaseView
from lstm_edge.emit.wide_rows import WideCode
from lstm_edge.families import Cores
from lstm_edge.ir.program import ONCE, Program
from lstm_edge.operations import curves, curves_float
from lstm_edge.passes.left import operations_of
from lstm_edge.passes.schedule import Schedule
from lstm_edge.passes.select import Selection, select
from lstm_edge.resources import templates_dir
from lstm_edge.targets import Target

WIDTH = 100


@dataclass(frozen=True)
class Rendered:
    """Generated files by name, and what the manifest says about them."""

    files: Mapping[str, str]
    memory: Memory
    selection: Selection
    constants: tuple[Constant, ...]
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]


def environment() -> jinja2.Environment:
    """The templates; an undefined name is an error. One and the same for all that is rendered: to
    compile a template takes longer than to fill it in.
    """
    return _environment(templates_dir())


@cache
def _environment(folder: Path) -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    env.filters["initializer"] = initializer
    return env


def initializer(constant: Constant) -> str:
    """Nested braces, 100 columns wide."""
    is_float = constant.ctype == "float"
    return _braces(constant.numbers, is_float, "")


def _braces(numbers: Any, is_float: bool, indent: str) -> str:
    inner = f"{indent}    "
    if numbers.ndim > 1:
        rows = (f"{inner}{_braces(row, is_float, inner)},\n" for row in numbers)
        return "{\n" + "".join(rows) + indent + "}"
    texts = [literal(n, is_float) for n in numbers]
    if sum(len(t) + 2 for t in texts) + len(inner) < WIDTH - 4:
        return "{" + ", ".join(texts) + "}"
    width = max(len(t) for t in texts)
    per_line = max(1, (WIDTH - len(inner)) // (width + 2))
    lines = [
        inner + ", ".join(t.rjust(width) for t in texts[k : k + per_line]) + ",\n"
        for k in range(0, len(texts), per_line)
    ]
    return "{\n" + "".join(lines) + indent + "}"


def render(
    program: Program,
    target: Target,
    unroll: str,
    banner: tuple[str, ...],
    optimize: str = "speed",
    stack: int | None = None,
    *,
    alone: bool = True,
) -> Rendered:
    """The model's header, code and weights. `banner`: the lines of the first comment. stack: bytes
    that a call may take, None for any. alone: for this target only; else it is a part of C that
    chooses by core.
    """
    selection = select(program, target, unroll, optimize, stack)
    plan = selection.schedule
    names = port_names(program)
    memory = allocate(program, selection, names)
    printer = _printer(program, target, selection, memory, unroll)
    printed = [printer.print(phase) for phase in plan.phases]
    phases = tuple(view for view, _ in printed)
    inputs, outputs, constants = _ports(program, names)
    tables = (
        *function_tables(program, plan, printer.speller.tables, selection.wide),
        *looked_up(program, plan),
    )
    constants = [*tables, *(c for p in phases for c in p.constants), *constants]
    initial, more = _initial(program, memory, plan)
    constants += more
    kept = kept_states(program, memory, plan, phases)
    model = _model(program, memory, phases, (inputs, outputs), kept)
    model |= _ticking(program, memory, plan, phases)
    model |= {"constants": constants, "initial": initial, "banner": banner}
    model |= {"small": optimize == "size", "alone": alone}
    portable = [products for _, products in printed if products is not None]
    model |= {"unrolled": any("LE_UNROLLED" in line for view in phases for line in view.lines)}
    called = "\n".join(line for view in phases for line in view.lines)
    kernels = kernel_code(selection.forms, portable, called) + wide_code(printer.wide)
    model |= {"wide": printer.wide.phases}
    files = _files(program, target, model, printer, kernels)
    return Rendered(files, memory, selection, tuple(constants), inputs, outputs)


def _printer(
    program: Program, target: Target, selection: Selection, memory: Memory, unroll: str
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
    return PhasePrinter(program, memory, selection, speller, fused, unroll == "full", WideCode())


def _ports(
    program: Program, names: Mapping[str, str]
) -> tuple[tuple[PortView, ...], tuple[PortView, ...], list[Constant]]:
    constants: list[Constant] = []
    views: list[list[PortView]] = [[], []]
    for group, ports in zip(views, (program.inputs, program.outputs), strict=True):
        for port in ports:
            view, arrays = port_view(program, port, names[port.name])
            group.append(view)
            constants += arrays
    return tuple(views[0]), tuple(views[1]), constants


def _initial(
    program: Program, memory: Memory, plan: Schedule
) -> tuple[list[dict[str, str]], list[Constant]]:
    """Arrays that reset copies into states that do not start at zero."""
    copies, constants = [], []
    for state in program.states:
        if state.accumulator or not np.any(state.initial):
            continue
        arrays: dict[str, str] = {}
        for home in memory.current[state.name]:
            if home.ctype not in arrays:
                more = f"_{home.ctype.removesuffix('_t')}" if arrays else ""
                array = arrays[home.ctype] = f"{program.name}_{c_name(state.name)}_initial{more}"
                numbers = state.initial
                constants.append(
                    Constant(array, home.ctype, numbers.shape, numbers, "initial state")
                )
            target = re.sub(r"\[state->current\w*\]", "[0]", home.text)
            copies.append({"target": target, "source": arrays[home.ctype]})
    return copies, constants


def _ticking(
    program: Program, memory: Memory, plan: Schedule, phases: tuple[PhaseView, ...]
) -> dict[str, Any]:
    """What the templates need to know of sweeps and clocks."""
    passes = sweep_views(program, plan.phases, phases)
    return {
        "passes": passes,
        "ticking": has_clocks(program),
        "extra_ticks": passes[0].extra if program.streams else 0,
        "sides": sorted({m.suffix for m in memory.states if m.buffers == 2}),
        "final_sides": _final_sides(memory, phases),
        "other_sides": sorted({m.suffix for m in memory.states} - {""}),
        "emits": emits(program),
        "least_steps": program.least_steps,
        "wrap": wrap(program),
    }


def _final_sides(memory: Memory, phases: tuple[PhaseView, ...]) -> list[str]:
    """Suffixes of the sides that the phases after the last step read."""
    texts = [text for phase in phases if phase.sweep == ONCE for text in phase.arguments]
    sides = sorted({m.suffix for m in memory.states if m.buffers == 2})
    return [side for side in sides if any(f"[next{side}]" in text for text in texts)]


def _model(
    program: Program,
    memory: Memory,
    phases: tuple[PhaseView, ...],
    ports: tuple[tuple[PortView, ...], tuple[PortView, ...]],
    kept: list[KeptState],
) -> dict[str, Any]:
    inputs, outputs = ports
    state = f"{program.name}_state *state"
    given = [f"const {p.ctype} *{p.name}" for p in inputs]
    taken = [f"{p.ctype} *{p.name}" for p in outputs]
    given_states = [f"const {s.ctype} *{s.name}_in" for s in kept if program.explicit]
    taken_states = [f"{s.ctype} *{s.name}_out" for s in kept if program.explicit]
    final = [p.name for p in outputs if not p.per_step]
    arguments = ["state"]
    arguments += [f"&{p.name}[t * {p.length}]" if p.per_step else p.name for p in inputs]
    place = "written" if emits(program) else "t"
    for p in outputs:
        last = f"t == steps - 1 ? {p.name} : NULL"
        arguments.append(f"&{p.name}[{place} * {p.length}]" if p.per_step else last)
    return {
        "name": program.name,
        "upper": program.name.upper(),
        "is_float": program.is_float,
        "states": memory.states,
        "scratch": memory.scratch,
        "counts_steps": memory.counts_steps,
        "open_window": memory.counts_steps and program.streams and program.steps is None,
        "steps": program.steps,
        "streams": program.streams,
        "inputs": inputs,
        "outputs": outputs,
        "phases": phases,
        "final_outputs": final,
        "double_buffered": any(m.buffers == 2 for m in memory.states),
        "cleared": [f"state->{m.name}" for m in memory.states],
        "kept": kept,
        "explicit": program.explicit,
        "advance_parameters": [state, *given, *taken],
        "step_parameters": [state, *given, *given_states, *taken, *taken_states],
        "run_parameters": [state, *given, *given_states, "int32_t steps", *taken, *taken_states],
        "advance_arguments": ["state", *(p.name for p in (*inputs, *outputs))],
        "run_arguments": arguments,
        "step_notes": step_notes(program, inputs, outputs),
        "formats": formats_comment.comment(program),
        "macros": [*macros(program, inputs, outputs), *state_macros(program, kept)],
    }


def _files(
    program: Program, target: Target, model: dict[str, Any], printer: PhasePrinter, kernels: str
) -> dict[str, str]:
    env = environment()
    speller = printer.speller
    own = dialect_code(env, speller, printer.wide)
    operations = "common/ops_float.c.j2" if program.is_float else "common/ops.c.j2"
    context = {
        "model": model | {"dialect": speller.dialect.name},
        "kernels": kernels,
        "operations": env.get_template(operations).render(
            helpers=common_helpers(speller, own),
            dialect=speller.dialect.name,
            ln2_q15=curves.LN2_Q15,
            **_float_constants(),
        )
        + own
        + wide_helpers(env, speller, printer.wide),
    }
    name = program.name
    return {
        f"{name}.h": env.get_template("common/model.h.j2").render(context),
        f"{name}.c": env.get_template("common/model.c.j2").render(context),
        f"{name}_weights.c": env.get_template("common/weights.c.j2").render(context),
    }


def curves_of_float(dialect: str, helpers: set[str]) -> str:
    """The functions of these names in float32, alone."""
    template = environment().get_template("common/ops_float.c.j2")
    return template.render(helpers=helpers, dialect=dialect, **_float_constants())


def _float_constants() -> dict[str, Any]:
    f = curves_float

    def text(number: Any) -> str:
        return float_literal(float(number))

    return {
        "bits": _float_bits(),
        "limit": text(f.EXP_LIMIT),
        "log2e": text(f.LOG2E),
        "ln2_high": text(f.LN2_HIGH),
        "ln2_low": text(f.LN2_LOW),
        "exp_coefficients": [text(c) for c in f.EXP_COEFFICIENTS],
        "log_coefficients": [text(c) for c in f.LOG_COEFFICIENTS],
        "tanh_small": text(f.TANH_SMALL),
        "tanh_coefficients": [text(c) for c in f.TANH_COEFFICIENTS],
        "sqrt_half_bits": int(f.SQRT_HALF_BITS),
        "rsqrt_limits": [float_literal(float(limit)) for limit in f.RSQRT_LIMITS],
        "rsqrt_bits": int(f.RSQRT_BITS),
        "rsqrt_rounds": f.RSQRT_ROUNDS,
    }


def _float_bits() -> dict[str, Any]:
    """The same as words, for assembly. twice: without the sign, as LSLS #1 leaves a number."""
    f = curves_float

    def word(number: Any) -> str:
        return f"0x{int(np.float32(number).view(np.uint32)):08x}"

    return {
        "limit": word(f.EXP_LIMIT),
        "minus_limit": word(-f.EXP_LIMIT),
        "log2e": word(f.LOG2E),
        "ln2_high": word(f.LN2_HIGH),
        "ln2_low": word(f.LN2_LOW),
        "exp_coefficients": [word(c) for c in f.EXP_COEFFICIENTS],
        "twice_tanh_small": f"0x{2 * int(f.TANH_SMALL.view(np.uint32)):08x}",
        "tanh_coefficients": [word(c) for c in f.TANH_COEFFICIENTS],
    }


def banner(program: Program, sha256: str, target: Target | Cores, options: str) -> tuple[str, ...]:
    """The first comment of every file."""
    return (
        f"{program.name}: generated by lstm-edge {__version__}; do not edit.",
        f"model SHA-256 {sha256}",
        f"target {target.name} ({target.title})",
        f"options {options}",
    )
