"""Compiles and links C for a target, and measures the result."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lstm_edge.errors import ToolchainError
from lstm_edge.resources import firmware_dir
from lstm_edge.targets import Board, Region, Target
from lstm_edge.toolchain.process import run_tool

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")
"""The language and the warnings that all C of this project is held to."""

TIMEOUT = 600.0
"""Seconds that one call of a compiler may take: straight-line cells are long functions."""

_BOARD_SOURCES = ("semihosting.c", "edge_io_semihosting.c")
_HOST_SOURCES = ("edge_io_stdio.c",)
_VECTORS_SIZE = 256
"""Bytes at the start of flash for the vector table of startup.c, 64 words, or for the first
instructions of another start-up file.
"""

_SECTIONS = {
    "text": (".text", ".vectors", ".ARM.exidx", ".ARM.extab"),
    "rodata": (".rodata", ".srodata"),
    "data": (".data", ".sdata"),
    "bss": (".bss", ".sbss"),
}


def build(
    target: Target,
    sources: Sequence[Path],
    include_dirs: Sequence[Path],
    output_dir: Path,
    *,
    optimize: str = "-O2",
    defines: Sequence[str] = (),
    extra_flags: Sequence[str] = (),
    compiler: str | None = None,
) -> Path:
    """Compile `sources` and what the target needs to run them; the executable, `program.elf`.

    Adds the implementation of `edge_io.h` and, for a board, start-up code and linker script.
    defines are `NAME` or `NAME=value`; compiler replaces the target's. A warning is an error.
    Everything is written to `output_dir`. Failures raise ToolchainError.
    """
    common = firmware_dir() / "common"
    added = _HOST_SOURCES if target.board is None else (target.board.startup, *_BOARD_SOURCES)
    objects = compile_objects(
        target,
        [*sources, *(common / name for name in added)],
        [*include_dirs, common],
        output_dir,
        optimize=optimize,
        defines=(*board_defines(target), *defines),
        extra_flags=extra_flags,
        compiler=compiler,
    )
    program = output_dir / "program.elf"
    command: list[str | Path] = [
        compiler or target.compiler,
        *target.flags,
        optimize,
        *extra_flags,
        *objects,
        *_link_flags(target, output_dir),
        *("-o", program),
    ]
    run_tool([_word(word) for word in command], working_dir=output_dir, timeout=TIMEOUT)
    return program


def compile_objects(
    target: Target,
    sources: Sequence[Path],
    include_dirs: Sequence[Path],
    output_dir: Path,
    *,
    optimize: str = "-O2",
    defines: Sequence[str] = (),
    extra_flags: Sequence[str] = (),
    compiler: str | None = None,
) -> tuple[Path, ...]:
    """Compile each source to `output_dir/<stem>.o`, several at a time, in the order given."""
    output_dir.mkdir(parents=True, exist_ok=True)
    objects = tuple(output_dir / f"{source.stem}.o" for source in sources)
    if len(set(objects)) != len(objects):
        names = ", ".join(source.name for source in sources)
        raise ToolchainError(f"two sources would become the same object file: {names}")
    common = [
        compiler or target.compiler,
        *target.flags,
        *WARNINGS,
        optimize,
        *("-ffunction-sections", "-fdata-sections"),
        *(f"-D{define}" for define in defines),
        *(f"-I{folder.resolve()}" for folder in include_dirs),
        *extra_flags,
    ]

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(lambda each: compile_one(common, *each), zip(sources, objects, strict=True)))
    return objects


def compile_one(common: Sequence[str], source: Path, result: Path) -> None:
    """Compile one source to an object with a command that several share."""
    command: list[str | Path] = [*common, "-c", source, "-o", result]
    run_tool([_word(word) for word in command], working_dir=result.parent, timeout=TIMEOUT)


def link_alone(target: Target, made: Path) -> Path:
    """An object with what it needs of the compiler's libraries and nothing else: it cannot run, but
    calls have their addresses. What is defined elsewhere, such as weights, is at address 0.
    """
    result = made.with_suffix(".elf")
    library = target.board.link if target.board else ()
    only = ("-nostartfiles", "-Wl,--no-gc-sections", "-Wl,--unresolved-symbols=ignore-all")
    command = [target.compiler, *target.flags, str(made.resolve()), *library, *only]
    run_tool([*command, "-o", str(result.resolve())], working_dir=made.parent, timeout=TIMEOUT)
    return result


def section_sizes(target: Target, files: Path | Sequence[Path]) -> dict[str, int]:
    """Bytes of `text`, `rodata`, `data` and `bss` in an executable, or in objects together.

    Flash holds the first three, RAM the last two.
    """
    paths = [files] if isinstance(files, Path) else list(files)
    tool = re.sub(r"[^-]+$", "size", target.compiler)
    sizes = dict.fromkeys(_SECTIONS, 0)
    for path in paths:
        output = run_tool([tool, "-A", path.resolve()], working_dir=path.parent, timeout=TIMEOUT)
        for name, size in re.findall(r"^(\.\S+)\s+(\d+)\s+\d+$", output, re.MULTILINE):
            for kind, prefixes in _SECTIONS.items():
                if any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes):
                    sizes[kind] += int(size)
    return sizes


def linker_script(board: Board) -> str:
    """`link.ld.in` with the memory of a board."""
    text = (firmware_dir() / "common" / "link.ld.in").read_text(encoding="utf-8")
    vectors, flash = board.vectors, board.flash
    if vectors is None:
        vectors = Region(flash.origin, _VECTORS_SIZE)
        flash = Region(flash.origin + _VECTORS_SIZE, flash.size - _VECTORS_SIZE)
    for name, region in (("VECTORS", vectors), ("FLASH", flash), ("RAM", board.ram)):
        text = text.replace(f"@{name}_ORIGIN@", f"{region.origin:#010x}")
        text = text.replace(f"@{name}_SIZE@", f"{region.size:#010x}")
    return text


def _link_flags(target: Target, output_dir: Path) -> tuple[str, ...]:
    if target.board is None:
        return ("-Wl,--gc-sections",)
    script = output_dir / "link.ld"
    script.write_text(linker_script(target.board), encoding="utf-8")
    own = ("-nostartfiles", "-Wl,--gc-sections", "-T", str(script.resolve()))
    return (*target.board.link, *own)


def board_defines(target: Target) -> tuple[str, ...]:
    """What start-up code is told of the CPU that it has to find."""
    if target.board is None or target.board.cpuid is None:
        return ()
    return (
        f"EDGE_CPUID={target.board.cpuid:#010x}u",
        f"EDGE_CPUID_MASK={target.board.cpuid_mask:#010x}u",
    )


def _word(word: str | Path) -> str:
    """A path in a command is absolute, since the command may run in another folder."""
    return str(word.resolve()) if isinstance(word, Path) else word
