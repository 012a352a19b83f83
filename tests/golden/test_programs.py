"""What lowering makes of small models, and how far each number in it reaches: the proof as a text,
a checksum of each constant, and of what comes out, as they are in the repository.

Every format, every constant and every bound of a program is in it. Whether they are good is for
other tests to say: this one says which of them a change of the compiler moves. `--update-golden`
writes the files anew: look at the difference.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.interpret.execute import run
from lstm_edge.ir.program import Program
from lstm_edge.passes.certificate import certificate
from lstm_edge.passes.prove import prove
from tests.golden.cases import ALL, program_of
from tests.support.programs import extremes

FOLDER = Path(__file__).resolve().parent / "programs"


def short(numbers: float | tuple[float, ...]) -> str:
    """A number, or a checksum of several."""
    if not isinstance(numbers, tuple):
        return f"{numbers:.9g}"
    return f"{len(numbers)} of {zlib.crc32(' '.join(f'{n:.9g}' for n in numbers).encode()):08x}"


def results(program: Program) -> Iterator[str]:
    """What it computes of the two ends of its inputs' formats."""
    outputs, states = run(program, extremes(program, 4, program.steps or 5))
    for name, array in {**outputs, **states}.items():
        crc = zlib.crc32(np.ascontiguousarray(array, "<i8").tobytes())
        yield f"  {name} {list(array.shape)} {array.min()} .. {array.max()}: {crc:08x}"


def described(program: Program) -> str:
    """The certificate, and what the program consists of beside its operations."""
    lines = [certificate(program, prove(program)), "Constants"]
    for name, array in program.constants.items():
        crc = zlib.crc32(np.ascontiguousarray(array, "<i8").tobytes())
        lines.append(f"  {name} {list(array.shape)} {array.dtype}: {crc:08x}")
    lines += ["", "Scales and zero points"]
    for name, value in program.values.items():
        lines.append(f"  {name}: {short(value.format.scale)}, {short(value.format.zero_point)}")
    lines += ["", "States"]
    lines += [f"  {s.name} <- {s.next}: {s.initial.tolist()}" for s in program.states]
    lines += [f"decided {name}: {value}" for name, value in program.decisions.items()]
    lines += ["", "Results", *results(program)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("case", ALL)
def test_programs_are_the_golden_ones(case: str, update_golden: bool) -> None:
    text = described(program_of(case))
    path = FOLDER / f"{case.replace(' ', '_')}.txt"
    if update_golden:
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text)
    assert text.splitlines() == path.read_text().splitlines(), "see --update-golden"
