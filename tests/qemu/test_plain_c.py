"""Plain C, made for no core in particular, on cores: another compiler than the host's builds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import measure
from benchmarks.cases import Case
from benchmarks.networks import Network
from lstm_edge.targets import load_target
from lstm_edge.toolchain import execute, gcc


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4"])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_plain_c_gives_the_same_bits_on_a_core(
    core: str, kind: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """The self-test compares. gcc 12 left out the call of this GRU's units on M3 and M4, until the
    generated code told it not to.
    """
    target = load_target(core)
    tool_or_skip(target.compiler, "qemu-system-arm")
    made = measure.generate(Case(Network(kind, 16, 32), "portable"), tmp_path)
    program = gcc.build(target, [*made.sources, made.main], [made.folder], tmp_path / "built")
    execute(target, program, tmp_path, 60.0)
