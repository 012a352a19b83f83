"""Rows of four units give numpy's sums, and copies of operands are what rows take."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lstm_edge.emit.wide_rows import WideCode
from lstm_edge.kernels.mve import REGISTERS, Role, Rows
from lstm_edge.targets import Target, load_target
from lstm_edge.toolchain import gcc
from lstm_edge.toolchain.process import run_tool
from tests.kernels.wide_rows import chains, helpers, run_jobs
from tests.support.exactness import sanitized

HOST, M55 = load_target("host"), load_target("cortex-m55")


@pytest.mark.all_cases
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_rows_and_copies_on_this_computer(
    compiler: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """Arrays have no byte more than they need, and sanitizers watch their ends. Optimizers take
    minutes for the stand-ins of so many functions.
    """
    tool_or_skip(compiler)
    options = {"optimize": "-O0", **sanitized(compiler)}
    jobs, wrong = run_jobs(HOST, tmp_path, len(compiler), 4, **options)
    assert len(jobs) > 2500
    assert wrong == []


def test_rows_and_copies_on_a_board(
    tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target_or_skip(M55)
    _, wrong = run_jobs(M55, tmp_path, 9, 6)
    assert wrong == []


def every_rows() -> list[Rows]:
    return list(dict.fromkeys(rows for chain in chains() for rows in chain.calls))


def test_rows_of_all_kinds_are_tried() -> None:
    """Each width in lanes of each size; pieces of each length and role, in each place of a row."""
    every = every_rows()
    pieces = {(r.weight_bits, r.halves, p.role, p.columns) for r in every for p in r.pieces}
    bytes_ = {(b, False, role, n) for b in (4, 8) for role in Role for n in range(1, 17)}
    halves = {(b, True, Role.LOW, n) for b in (4, 8, 16) for n in range(1, 9)}
    assert pieces == bytes_ | halves
    for bits in (4, 8, 16):
        own = [rows for rows in every if rows.weight_bits == bits]
        assert {(rows.first, rows.last) for rows in own} == {
            (a, b) for a in (False, True) for b in (False, True)
        }
        assert {sum(p.registers for p in rows.pieces) for rows in own} == set(
            range(1, REGISTERS + 1)
        )
    roles = {tuple(dict.fromkeys(p.role for p in rows.pieces)) for rows in every}
    assert {(Role.LOW, Role.HIGH), (Role.HIGH, Role.LOW)} <= roles
    shifted = {r.places for r in every if any(p.role is Role.HIGH for p in r.pieces)}
    assert shifted == set(range(1, 8))


def test_rows_take_as_many_instructions_as_they_say(
    tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """What is disassembled, from the first load to the end of the loop."""
    tool_or_skip(M55.compiler, "arm-none-eabi-objdump")
    functions, code = WideCode(), []
    for k, rows in enumerate(every_rows()):
        parameters = "const int32_t *w, const int8_t *x, int32_t *sums, int32_t blocks"
        called = f"{functions.name(rows)}(w, x, sums, blocks)"
        code += [
            f"const int32_t *rows_{k}({parameters});",
            f"const int32_t *rows_{k}({parameters})",
        ]
        code += ["{", f"    return {called};", "}"]
    source = tmp_path / "rows.c"
    source.write_text("\n".join([helpers(functions), *code, ""]))
    (made,) = gcc.compile_objects(M55, [source], [], tmp_path)
    command = ["arm-none-eabi-objdump", "-d", "-m", "armv8.1-m.main", str(made.resolve())]
    text = run_tool(command, working_dir=tmp_path, timeout=60.0)
    found = {}
    for part in re.split(r"\n\n", text):
        name = re.search(r"<rows_(\d+)>:", part)
        lines = re.findall(r"^ *[0-9a-f]+:\t[0-9a-f ]+\t(\S+)\s*(.*)$", part, re.MULTILINE)
        if name is None:
            continue
        ops = [op for op, _ in lines]
        begin, end = ops.index("dls"), ops.index("le")
        taken = [op for op, args in lines[:begin] if op.startswith("vldrb") and "[r3]" in args]
        found[int(name[1])] = (len(taken) + 1, end - begin)
    expected = {k: rows.instructions for k, rows in enumerate(every_rows())}
    assert found == expected
