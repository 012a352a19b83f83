"""Exact numbers of executed instructions: of a bundle, or of any C for a target.

Kernels, other libraries and bundles are counted the same way::

    from lstm_edge.profile.counting import count_program
    from lstm_edge.targets import load_target

    counted = count_program(
        load_target("cortex-m4"),
        sources=[Path("kernel.c"), Path("main.c")],     # main() calls what is to be counted
        include_dirs=[Path("include")],
        entries=["kernel_a", "kernel_b"],
        extra_flags=["-w"],                             # for C that warns
    )
    counted["kernel_a"].calls        # (812, 812, 830): instructions of each call
    counted["kernel_a"].functions    # {"kernel_a": 2380, "memcpy": 74}: of all calls together

`main` may read `input.bin` and print by firmware/common/edge_io.h; it returns 0. A call counts from
the first instruction of the entry to its return, with all that it calls, and without the caller's
own instructions. An entry must be a function of its own in the program: not `static`, or else with
`__attribute__((noinline, used))`. Calls of an entry by itself or below itself count as one.

A bundle, on its own data, by layer and with all that follows from counts::

    from lstm_edge import bundle
    from lstm_edge.profile.bundle_profile import profile_bundle

    profile_bundle(bundle.read(Path("build/digits"))).step.mean.instructions
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lstm_edge.errors import TargetError, ToolchainError
from lstm_edge.profile import plugin
from lstm_edge.profile.plugin import Block, Range
from lstm_edge.profile.symbols import Symbols, read_symbols
from lstm_edge.targets import Board, Target
from lstm_edge.toolchain import gcc


@dataclass(frozen=True)
class Executable:
    """A program for a target's board. folder: where it runs, and finds its files."""

    target: Target
    board: Board
    path: Path
    symbols: Symbols

    @property
    def folder(self) -> Path:
        """Where it is, where it runs, and where the files are that it opens."""
        return self.path.parent


@dataclass(frozen=True)
class Counted:
    """What the calls of one function executed.

    calls: instructions of each call, in their order. functions: instructions of all calls by
    function, of inlined ones in the function around them; most first. blocks, first_store: as the
    plugin reports them (`plugin.Counts`), for models of cycles and stack.
    """

    entry: str
    calls: tuple[int, ...]
    functions: Mapping[str, int]
    blocks: tuple[Block, ...]
    first_store: tuple[int, int] | None

    @property
    def total(self) -> int:
        """Instructions of all calls."""
        return sum(self.calls)

    @property
    def mean(self) -> float:
        """Instructions of a call."""
        return self.total / len(self.calls)

    @property
    def most(self) -> int:
        """Instructions of the longest call."""
        return max(self.calls)


def count_program(
    target: Target,
    sources: Sequence[Path],
    include_dirs: Sequence[Path],
    entries: Sequence[str],
    *,
    files: Mapping[str, bytes] | None = None,
    optimize: str = "-O2",
    flags: Sequence[str] | None = None,
    defines: Sequence[str] = (),
    extra_flags: Sequence[str] = (),
    compiler: str | None = None,
    folder: Path | None = None,
) -> dict[str, Counted]:
    """Build C, run it under QEMU, and count each of the functions `entries`; see above.

    files: put beside the program, such as `input.bin`. flags: instead of the target's, such as
    another -mcpu. extra_flags: behind all others. compiler: instead of the target's. folder: to
    build in and to keep; a temporary one without it. ToolchainError where a tool is missing or
    fails, or an entry is not there, is never called, or does not return.
    """
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
        place = folder or Path(temporary)
        executable = build_program(
            target,
            sources,
            include_dirs,
            place,
            optimize=optimize,
            flags=flags,
            defines=defines,
            extra_flags=extra_flags,
            compiler=compiler,
        )
        for name, data in (files or {}).items():
            (place / name).write_bytes(data)
        return {entry: count_calls(executable, entry) for entry in entries}


def build_program(
    target: Target,
    sources: Sequence[Path],
    include_dirs: Sequence[Path],
    folder: Path,
    *,
    optimize: str = "-O2",
    flags: Sequence[str] | None = None,
    defines: Sequence[str] = (),
    extra_flags: Sequence[str] = (),
    compiler: str | None = None,
) -> Executable:
    """Build a program with start-up code and debug information, which changes no instruction."""
    if target.board is None:
        raise TargetError(
            f"{target.name} has no emulated board, on which instructions could be counted; take "
            "a target that has one, such as cortex-m4"
        )
    built_for = target if flags is None else replace(target, flags=tuple(flags))
    path = gcc.build(
        built_for,
        sources,
        include_dirs,
        folder,
        optimize=optimize,
        defines=defines,
        extra_flags=("-g", *extra_flags),
        compiler=compiler,
    )
    return Executable(target, target.board, path, read_symbols(target, path))


def count_calls(
    executable: Executable, entry: str, owners: tuple[Range, ...] = (), only: int | None = None
) -> Counted:
    """Run the program and count the calls of one function; owners and only as `plugin.Request`."""
    symbols = executable.symbols
    found = symbols.by_name.get(entry)
    if found is None or not found.is_function:
        raise ToolchainError(
            f"{entry} is no function of the program; give the name of one that is not inlined"
        )
    stack = (symbols.by_name["__bss_end"].address, symbols.by_name["__stack_top"].address)
    request = plugin.Request(found.address & ~1, stack, owners, only)
    counts = plugin.run(executable.board, executable.path, executable.folder, request)
    if not counts.calls:
        raise ToolchainError(f"{entry} was never called; main() has to call it")
    if not counts.returned:
        raise ToolchainError(f"{entry} did not return to its caller before the program ended")
    functions = by_function(symbols, counts.blocks)
    return Counted(entry, counts.calls, functions, counts.blocks, counts.first_store)


def by_function(symbols: Symbols, blocks: Sequence[Block]) -> dict[str, int]:
    """Executed instructions by function, most first."""
    sums: dict[str, int] = {}
    for block in blocks:
        name = symbols.function_at(block.start)
        sums[name] = sums.get(name, 0) + block.instructions * block.runs
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))
