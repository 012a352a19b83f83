"""Run a bundle's C code on stored numbers, on the host or in QEMU."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lstm_edge.bundle import PROGRAM, Bundle
from lstm_edge.emit.blob import file_of
from lstm_edge.emit.entries import said_otherwise
from lstm_edge.emit.identity import Identity
from lstm_edge.emit.interface import Interface, interface_of, render_interface
from lstm_edge.emit.testing import pack_input, render_harness, unpack_output
from lstm_edge.errors import DataError, TargetError, ToolchainError
from lstm_edge.interpret.feed import Feed, Results
from lstm_edge.interpret.raw import raw_inputs
from lstm_edge.ir.program import Program
from lstm_edge.manifest import MANIFEST
from lstm_edge.resources import firmware_dir
from lstm_edge.targets import Target, load_target
from lstm_edge.toolchain import execute, gcc

TIMEOUT = 600.0
"""Seconds that a program may run."""
TRAPS = (
    "-fsanitize=bounds,float-cast-overflow,shift,signed-integer-overflow",
    "-fsanitize-undefined-trap-on-error",
)
"""What C leaves undefined ends the program: here it may give what it gives on no core. Other checks
take the compiler half as long again.
"""


def run_compiled(bundle: Bundle, where: str, feed: Feed, optimize: str = "-O2") -> Results:
    """What the bundle's C code makes of `feed`: `where` is "host" or "qemu", the latter for the
    first of its targets that has a board.
    """
    target = _target(bundle, where)
    with _folder() as folder:
        code = folder / "model"
        sources = bundle.unpack(code)
        return run_sources(bundle.program, target, sources, [code], folder, feed, optimize)


def run_checked(bundle: Bundle, where: str, feed: Feed) -> tuple[Results, dict[str, int]]:
    """The same, and what the C offers beside its results: how many numbers each check found that
    numpy gives otherwise.
    """
    target, checked = _target(bundle, where), _interface(bundle)
    with _folder() as folder:
        code = folder / "model"
        sources = (*bundle.unpack(code), code / "interface.c", code / bundle.selftest)
        sources[-1].write_bytes(bundle.files[bundle.selftest])
        sources[-2].write_text(render_interface(checked, roomy=target.board is None))
        size = 4 * len(checked.names)
        program, count = bundle.program, len(checked.names)
        traps = TRAPS if target.board is None else ()
        data = _output(
            program, target, sources, [code], folder, feed, checks=count, extra_flags=traps
        )
        wrong = np.frombuffer(data[-size:], "<i4")
        results = _unpacked(program, target, data[:-size], feed)
        return results, {n: int(k) for n, k in zip(checked.names, wrong, strict=True)}


def _interface(bundle: Bundle) -> Interface:
    """What C offers. DataError where the manifest says otherwise than the program."""
    described = bundle.manifest
    given = {entry["name"]: entry["raw"] for entry in described["inputs"] if "raw" in entry}
    scales, zeros = ({n: float(raw[k]) for n, raw in given.items()} for k in ("scale", "zero"))
    raws = raw_inputs(bundle.program, scales, zeros)
    if key := said_otherwise(described, bundle.program, raws):
        raise DataError(
            f"{MANIFEST} has other {key} than {PROGRAM}, so that one of them was changed; compile "
            "the model again"
        )
    version = described["tool"]["version"]
    replaceable = "replaceable" in described
    identity = Identity(described["model_sha256"], described["options"], version, replaceable)
    weights = b""
    if replaceable:
        name = file_of(bundle.program.name)
        if name not in bundle.files:
            raise DataError(f"{name} is missing; compile the model again")
        weights = bundle.files[name]
    return interface_of(bundle.program, raws, identity, weights)


def _target(bundle: Bundle, where: str) -> Target:
    """That of a place; TargetError where it has no emulated board."""
    if where == "host":
        return load_target("host")
    target = next(iter(bundle.emulated), bundle.target)
    if target.board is None:
        raise TargetError(
            f"the bundle is for {bundle.name}, which has no emulated board; compile it for one of "
            "the Cortex-M targets, or run it on the host"
        )
    return target


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
        yield Path(temporary)


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
    data = _output(program, target, sources, includes, folder, feed, optimize, **options)
    return _unpacked(program, target, data, feed)


def _output(
    program: Program,
    target: Target,
    sources: tuple[Path, ...],
    includes: list[Path],
    folder: Path,
    feed: Feed,
    optimize: str = "-O2",
    checks: int = 0,
    **options: Any,
) -> bytes:
    harness = folder / "harness.c"
    harness.write_text(render_harness(program, target, checks))
    if target.board is None:
        includes = [*includes, firmware_dir() / "host"]
    built = gcc.build(target, [*sources, harness], includes, folder, optimize=optimize, **options)
    (folder / "input.bin").write_bytes(pack_input(program, feed))
    execute(target, built, folder, TIMEOUT)
    return (folder / "output.bin").read_bytes()


def _unpacked(program: Program, target: Target, data: bytes, feed: Feed) -> Results:
    try:
        return unpack_output(program, data, feed.shape)
    except ValueError:
        raise ToolchainError(
            f"the program on {target.name} wrote {len(data)} bytes, not the outputs of "
            f"{feed.shape[0]} streams; it may have been stopped"
        ) from None
