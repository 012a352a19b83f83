"""QEMU with the plugin that counts executed instructions: build it once, run, read its figures."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lstm_edge.errors import InternalError, ToolchainError
from lstm_edge.resources import firmware_dir
from lstm_edge.targets import Board, load_target
from lstm_edge.toolchain import qemu
from lstm_edge.toolchain.process import run_tool

FLAGS = ("-std=c99", "-O2", "-fPIC", "-shared", "-fvisibility=hidden")
TIMEOUT = 600.0
"""Seconds that the compiler, and one run of a program, may take."""


@dataclass(frozen=True)
class Range:
    """Instructions from the address `first` to `last` count for an owner, a small number."""

    first: int
    last: int
    owner: int


@dataclass(frozen=True)
class Request:
    """What to count: calls of the function at `entry`.

    stack: lowest address of the stack and the one behind its highest. owners: sorted by address;
    code outside of them counts for the owner that ran last, 0 at first. only: the call, from 0,
    whose blocks count, instead of all calls.
    """

    entry: int
    stack: tuple[int, int]
    owners: tuple[Range, ...] = ()
    only: int | None = None


@dataclass(frozen=True)
class Block:
    """Instructions that run one after the other, as QEMU cut them.

    start: first address. instructions, size: their number, and bytes. runs: how often. taken: how
    often a jump followed, and not the instruction behind. missed: how often a two-bit predictor
    would have missed which.
    """

    start: int
    instructions: int
    size: int
    owner: int
    runs: int
    taken: int
    missed: int


@dataclass(frozen=True)
class Counts:
    """calls: executed instructions of each call. first_store: the first instruction that wrote to
    the stack, and by how many bytes the lowest address written lies below its own; None where none
    did. returned: False where the last call did not come back.
    """

    calls: tuple[int, ...]
    blocks: tuple[Block, ...]
    first_store: tuple[int, int] | None
    returned: bool


def plugin(emulator: str) -> Path:
    """The plugin for a QEMU that is installed; compiled on first use, then kept.

    ToolchainError where there is no compiler for this computer.
    """
    source = firmware_dir() / "profile" / "count.c"
    version = interface_version(emulator)
    flags = [*FLAGS, f"-DPLUGIN_VERSION={version}"]
    if sys.platform == "darwin":
        flags += ["-undefined", "dynamic_lookup"]
    digest = hashlib.sha256(repr(flags).encode())
    for path in (source, source.with_name("qemu_plugin.h")):
        digest.update(path.read_bytes())
    name = f"count-{digest.hexdigest()[:16]}.so"
    kept = cache_dir() / name
    if kept.is_file():
        return kept
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        made = Path(folder) / name
        command: list[str | Path] = [load_target("host").compiler, *flags, source, "-o", made]
        run_tool(command, working_dir=Path(folder), timeout=TIMEOUT)
        made.replace(kept)
    return kept


def cache_dir() -> Path:
    """A folder of the user that may be deleted at any time; one in /tmp where there is no home."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(base).expanduser() / "lstm-edge"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="lstm-edge-"))


def interface_version(emulator: str) -> int:
    """The version of QEMU's plugin interface: 2 since QEMU 9, and what is used is the same."""
    text = run_tool([emulator, "--version"], working_dir=Path.cwd(), timeout=TIMEOUT)
    found = re.search(r"version (\d+)", text)
    return 2 if found and int(found[1]) >= 9 else 1


def run(board: Board, program: Path, folder: Path, request: Request) -> Counts:
    """Run a program in `folder` and count; ToolchainError as for `toolchain.qemu.run`."""
    out = folder / "counts.txt"
    arguments = [
        f"out={out.resolve()}",
        f"entry={request.entry:#x}",
        f"stack_low={request.stack[0]:#x}",
        f"stack_high={request.stack[1]:#x}",
    ]
    if request.owners:
        owners = folder / "owners.txt"
        owners.write_text("".join(f"{r.first:x} {r.last:x} {r.owner}\n" for r in request.owners))
        arguments.append(f"owners={owners.resolve()}")
    if request.only is not None:
        arguments.append(f"only={request.only}")
    words = ",".join([str(plugin(board.emulator)), *arguments])
    command = [*qemu.command_line(board, program.resolve()), "-plugin", words]
    run_tool(command, working_dir=folder, timeout=TIMEOUT)
    if not out.is_file():
        raise ToolchainError(
            f"{board.emulator} ran without its plugin; it may be built without plugins"
        )
    return read_counts(out.read_text().splitlines())


def read_counts(lines: Sequence[str]) -> Counts:
    """What the plugin wrote; see `firmware/profile/count.c`."""
    calls: list[int] = []
    blocks: list[Block] = []
    first_store, returned = None, True
    for line in lines:
        kind, *words = line.split()
        match kind:
            case "C":
                calls.append(int(words[0]))
            case "B":
                start, *numbers = words
                blocks.append(Block(int(start, 16), *map(int, numbers)))
            case "S":
                first_store = (int(words[0], 16), int(words[1]))
            case "U":
                returned = False
            case _:
                raise InternalError(f"the counting plugin wrote {line!r}")
    blocks.sort(key=lambda b: (b.start, b.size, b.owner))
    return Counts(tuple(calls), tuple(blocks), first_store, returned)
