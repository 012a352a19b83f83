"""Run a bundle's C code on stored numbers, on the host or in QEMU."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from lstm_edge.bundle import Bundle
from lstm_edge.emit.testing import pack_input, render_harness, unpack_output
from lstm_edge.errors import TargetError, ToolchainError
from lstm_edge.interpret.feed import Feed, Results
from lstm_edge.ir.program import Program
from lstm_edge.resources import firmware_dir
from lstm_edge.targets import Target, load_target
from lstm_edge.toolchain import execute, gcc

TIMEOUT = 600.0
"""Seconds that a program may run."""


def run_compiled(bundle: Bundle, where: str, feed: Feed, optimize: str = "-O2") -> Results:
    """What the bundle's C code makes of `feed`: `where` is "host" or "qemu", the latter for the
    first of its targets that has a board.
    """
    target = next(iter(bundle.emulated), bundle.target)
    if where == "qemu" and target.board is None:
        raise TargetError(
            f"the bundle is for {bundle.name}, which has no emulated board; compile it for one of "
            "the Cortex-M targets, or run it on the host"
        )
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
        if where == "host":
            target = load_target("host")
        code = Path(temporary) / "model"
        return run_sources(
            bundle.program, target, bundle.unpack(code), [code], Path(temporary), feed, optimize
        )


def run_sources(
    program: Program,
    target: Target,
    sources: tuple[Path, ...],
    includes: list[Path],
    folder: Path,
    feed: Feed,
    optimize: str = "-O2",
    **options: Any,
) -> Results:
    """Build generated sources with the harness in `folder`, run them there, read the outputs."""
    harness = folder / "harness.c"
    harness.write_text(render_harness(program, target))
    if target.board is None:
        includes = [*includes, firmware_dir() / "host"]
    built = gcc.build(target, [*sources, harness], includes, folder, optimize=optimize, **options)
    (folder / "input.bin").write_bytes(pack_input(program, feed))
    execute(target, built, folder, TIMEOUT)
    shape = feed.shape
    data = (folder / "output.bin").read_bytes()
    try:
        return unpack_output(program, data, shape)
    except ValueError:
        raise ToolchainError(
            f"the program on {target.name} wrote {len(data)} bytes, not the outputs of "
            f"{shape[0]} streams; it may have been stopped"
        ) from None
