"""The forms of a model between passes, for `--dump-ir`."""

from __future__ import annotations

from lstm_edge.artifacts import Compilation
from lstm_edge.emit.render import Rendered
from lstm_edge.errors import DataError
from lstm_edge.ir.chosen import format_lines
from lstm_edge.ir.program import LATEST, LOAD, ONCE, Program
from lstm_edge.printing.model import model

DUMPS = ("model", "real", "formats", "integer", "schedule")
_WHEN_SET = "when a state is set"


def dump(result: Compilation, which: str) -> str:
    """The form of the model after a pass."""
    if which not in DUMPS:
        raise DataError(f"--dump-ir {which}: expected one of {', '.join(DUMPS)}")
    if which == "model":
        return model(result.model)
    if which == "real":
        return program(result.reference)
    if which == "formats":
        return formats(result.program)
    if which == "integer":
        return program(result.program)
    lines = []
    for built in result.built:
        lines += [f"on {built.target.name}:"] if len(result.built) > 1 else []
        lines += _schedule(built.rendered)
    return "\n".join(lines)


def _schedule(made: Rendered) -> list[str]:
    """The phases of the C for one target."""
    lines = []
    for phase in made.selection.schedule.phases:
        when = "each step" if phase.per_step else "last step"
        when = when if phase.before == LATEST else f"before pass {phase.before + 1}"
        when = _WHEN_SET if phase.sweep == LOAD else when
        lines.append(f"{phase.name}: {phase.units} units, {when}")
        lines.append(f"  matvecs {', '.join(op.dest for op in phase.matvecs) or '-'}")
        lines.append(f"  reads   {', '.join((*phase.whole, *phase.loads, *phase.scalars)) or '-'}")
        lines.append(f"  stores  {', '.join(phase.stores) or '-'}")
    return lines


def formats(p: Program) -> str:
    """What was chosen of the formats, one a line, and where its range comes from."""
    lines = []
    for line in format_lines(p):
        least, most = line.scales
        scales = "" if least == most else f", {least:.3g} to {most:.3g}"
        lines.append(f"{line.name} [{line.length}]: {line.format}{scales}; {line.why}")
    return "\n".join(lines) if lines else "float32: no format was chosen"


def program(p: Program) -> str:
    """Every operation, one a line, with its format."""
    lines = []
    for block in p.blocks:
        when = (
            "after the last step" if block.before == LATEST else f"before pass {block.before + 1}"
        )
        if block.sweep != ONCE:
            when = _WHEN_SET if block.sweep == LOAD else f"each step, {p.sweeps[block.sweep]}"
        lines.append(f"{block.layer}: {when}")
        for op in block.ops:
            value = p.values[op.dest]
            extra = [str(op.n)] if op.n else []
            args = ", ".join((*op.args, *op.matrices, *((op.table,) if op.table else ()), *extra))
            made = f"  {op.dest} = {op.kind}({args})"
            lines.append(f"{made:76} [{value.length}] {value.format.describe()}")
    for state in p.states:
        lines.append(f"state {state.name} <- {state.next}")
    return "\n".join(lines)
