"""What C is made of small models, for cores of each kind: kernels, tiles, where operands lie, what
a step costs, and a checksum of each function, array and type, as they are in the repository.

That the C computes what numpy does is for tests on this computer and on boards to say: this one
says which of it a change of the compiler moves. `--update-golden` writes the files anew: look at
the difference, and with `python -m tests.golden.test_code CASE` before and after at the C itself.
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lstm_edge.emit.identity import Identity
from lstm_edge.emit.pieces import pieces
from lstm_edge.emit.render import Rendered, render
from lstm_edge.ir.program import Program
from lstm_edge.passes.costs import base_of, pieces_around
from lstm_edge.passes.operands import Run
from lstm_edge.passes.select import Selection, Tiles
from lstm_edge.passes.tiles import product_of
from lstm_edge.passes.wide import Wide
from lstm_edge.targets import Target, load_target
from tests.golden.cases import CASES, program_of
from tests.support.exactness import float_program

FOLDER = Path(__file__).resolve().parent / "code"
IDENTITY = Identity("0" * 64, version="0.0.0")
"""The files do not change with each version of the compiler."""
FORMS = {
    "gru": ("cortex-m4", "host none", "cortex-m55"),
    "lstm": ("cortex-m0",),
    "over_time": ("host none", "cortex-m4 none", "host full"),
    "backward": ("host none", "cortex-m4"),
    "rows": ("cortex-m55", "cortex-m3", "host none"),
    "shifted": ("cortex-m4", "host none", "cortex-m55"),
    "doubled": ("cortex-m0", "cortex-m55"),
    "eight": ("cortex-m4", "host full", "cortex-m0 none size"),
    "audio": ("cortex-m4", "cortex-m55"),
    "positions": ("cortex-m4", "host none", "cortex-m55"),
    "taken": ("cortex-m3", "cortex-m55", "cortex-m55 full"),
    "few": ("cortex-m4", "cortex-m0", "host none"),
    "seen gru_begun": ("cortex-m4", "cortex-m55"),
    "seen slstm": ("cortex-m0",),
    "float few": ("cortex-m4",),
    "projected": ("cortex-m4",),
    "delayed": ("cortex-m55", "host none"),
    "ltc": ("cortex-m4",),
    "spectrum": ("cortex-m4", "cortex-m55"),
    "taps": ("cortex-m0",),
    "gru_begun": ("cortex-m4", "host none"),
    "other_length": ("cortex-m3",),
    "pooling": ("cortex-m55",),
    "slstm": ("host none", "cortex-m55"),
    "float over_time": ("host none", "cortex-m4", "cortex-m55"),
}
"""Targets, with how far code is unrolled and what it is made small for. float: of float32."""


def rendered(case: str) -> Iterator[tuple[str, Program, Rendered]]:
    """The C of a case, form by form."""
    name = case.removeprefix("float ")
    program = program_of(name) if name == case else float_program(CASES[name][0]())
    for form in FORMS[case]:
        core, unroll, optimize = (*form.split(), "gates", "speed")[:3]
        made = render(program, load_target(core), unroll, (), optimize, identity=IDENTITY)
        yield form, program, made


def place(run: Run) -> str:
    """Where a part of an operand lies."""
    more = [f"step {run.step}"] * bool(run.step) + ["after"] * run.after
    return " ".join([f"{run.array}[{run.offset}:+{run.length}] of {run.values}", *more])


def multiplied(program: Program, tiles: Tiles) -> Iterator[str]:
    """How the products of a phase are computed."""
    name = "straight" if tiles.kernel is None else tiles.kernel.name
    scaled = [f"{k} to {v.result} by {v.multipliers}" for k, v in tiles.scalings.items()]
    yield f"{name}, {tiles.group} units, {tiles.inner} at once, {tiles.sums} sums {scaled}"
    for rows, runs in zip(tiles.sets, tiles.runs, strict=True):
        asked = product_of(program, rows)
        made = " ".join(op.dest for op in rows.matvecs)
        bound = f"{asked.weight_bits} x {asked.operand_bits}, {asked.sums}, {asked.values}"
        yield f"  {made}: {'; '.join(map(place, runs))} ({bound})"


def on_vectors(wide: Wide) -> Iterator[str]:
    """How a phase runs on vectors of units."""
    yield f"{wide.vectors} vectors, {wide.staged} bytes of operands"
    for each in wide.sets:
        for s in each.segments:
            held = f"{s.role.name} {s.places} {'halves' if s.halves else 'bytes'} at {s.at}"
            yield f"  {s.run.array}[{s.run.offset + s.offset}:+{s.columns}] {held}"
        for at, rows in each.calls:
            sizes = [piece.columns for piece in rows.pieces]
            yield f"  {at}: {sizes} {rows.places} {rows.halves} {rows.first} {rows.last}"


def selected(program: Program, chosen: Selection) -> Iterator[str]:
    """Phases, and the arrays of their operands."""
    for phase in chosen.schedule.phases:
        yield f"{phase.name}: {phase.units} x {phase.positions}, {phase.when}"
        if phase.name in chosen.tiles:
            yield from ("  " + line for line in multiplied(program, chosen.tiles[phase.name]))
        if phase.name in chosen.wide:
            yield from ("  " + line for line in on_vectors(chosen.wide[phase.name]))
    for array in chosen.arrays.values():
        parts = [f"{e.value}[{e.padded}]{'*' * e.state}" for e in array.entries]
        yield f"{array.ctype} {array.name}: {' '.join(parts)}{' twice' * array.double}"
    for name, (array, entry) in chosen.takes.items():
        yield f"{name}: {entry.value} to {array}[{entry.offset}]"
    for name, form in chosen.forms.items():
        yield f"{name}: {form}"


def checksums(text: str) -> Iterator[str]:
    """Of each piece of a C text that has a name, and of all others together."""
    found = pieces(text)
    named = [piece for piece in found if re.fullmatch(r"\w+( \d+)?", piece.name)]
    for piece in named:
        yield f"{piece.name} {zlib.crc32(piece.text.encode()):08x}"
    rest = "\n".join(piece.text for piece in found if piece not in named)
    yield f"and {zlib.crc32(rest.encode()):08x}"


def costs(program: Program, chosen: Selection, target: Target) -> str:
    """The pieces of code that a step runs, by which its instructions are estimated."""
    base = base_of(program, target)
    if base is None:
        return "no costs"
    tiles, pieces = pieces_around(program, chosen, base, program.steps or 6)
    counts = (f"{name} {count:.6g}" for name, count in sorted(pieces.items()))
    return f"costs {tiles:.6g}, {', '.join(counts)}"


def described(case: str) -> str:
    """All of a case as a text."""
    lines = []
    for form, program, made in rendered(case):
        target = load_target(form.split()[0])
        lines += [f"== {form}", *selected(program, made.selection)]
        lines.append(costs(program, made.selection, target))
        for name, text in made.files.items():
            lines.append(name.removeprefix(program.name))
            lines += [f"  {line}" for line in checksums(text)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("case", FORMS)
def test_code_is_the_golden_one(case: str, update_golden: bool) -> None:
    text, path = described(case), FOLDER / f"{case.replace(' ', '_')}.txt"
    if update_golden:
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text)
    assert text.splitlines() == path.read_text().splitlines(), "see --update-golden"


if __name__ == "__main__":
    for form, _, made in rendered(sys.argv[1]):
        print(f"== {form}", *made.files.values(), sep="\n")
