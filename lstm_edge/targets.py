"""Targets: what `templates/targets/<name>/target.toml` says, checked, as frozen values.

A new target is a new folder with a `target.toml`; nothing else in the project lists the targets by
name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lstm_edge.errors import TargetError
from lstm_edge.resources import templates_dir

BASES = ("armv6m", "armv7m", "rv32im")
"""Base instructions of cores; Armv8-M Mainline has those of armv7m."""
FEATURES = (*BASES, "dsp", "fpu", "mve")
"""What a core may have: its base instructions, and more."""


@dataclass(frozen=True)
class Region:
    """A piece of memory: first address and size in bytes."""

    origin: int
    size: int


@dataclass(frozen=True)
class Board:
    """The board that QEMU emulates for a target.

    qemu         arguments that select machine and CPU
    flash, ram   what the program and its data lie in
    emulator     name of the program of QEMU
    startup      the file in firmware/common that a program starts with
    link         options of the linker that select the C library
    cpuid        expected value of the CPUID register, where `cpuid_mask` has ones; None where the
                 CPU has no such register
    vectors      where the CPU reads its vector table, or its first instruction, if that is not the
                 start of `flash`
    """

    qemu: tuple[str, ...]
    flash: Region
    ram: Region
    emulator: str = "qemu-system-arm"
    startup: str = "startup.c"
    link: tuple[str, ...] = ("-specs=nano.specs",)
    cpuid: int | None = None
    cpuid_mask: int = 0
    vectors: Region | None = None


@dataclass(frozen=True)
class Target:
    """A core to generate code for and the tools that build and run it.

    name         folder of the target, and its name on the command line
    order        position in lists
    flags        compiler flags that select the core and keep float32 exact
    recommended  flags that were measured to be best for it: `python -m benchmarks flags`
    features     some of `FEATURES`
    default_flash_budget   bytes of flash of a typical part
    board        None where the program runs on this computer
    """

    name: str
    order: int
    title: str
    compiler: str
    flags: tuple[str, ...]
    recommended: tuple[str, ...]
    features: tuple[str, ...]
    default_flash_budget: int
    board: Board | None = None

    @property
    def is_arm(self) -> bool:
        """True for the cores that run Thumb instructions."""
        base = any(name in self.features for name in ("armv6m", "armv7m"))
        return base or self.compiler.startswith("arm-")

    @property
    def tools(self) -> tuple[str, ...]:
        """Programs that build for it and run the result."""
        return (self.compiler,) if self.board is None else (self.compiler, self.board.emulator)

    @property
    def has_vmla(self) -> bool:
        """An FPU of Armv7E-M or Armv8-M: its VMLA.F32 rounds the product, and then the sum."""
        return "fpu" in self.features and "armv7m" in self.features


def load_target(name: str) -> Target:
    """Read one target. Unknown names and mistakes in its file raise TargetError."""
    path = templates_dir() / "targets" / name / "target.toml"
    if name not in _known_names():
        known = ", ".join(target.name for target in all_targets())
        raise TargetError(f"unknown target {name!r}; known targets are {known}")
    return read_target(path)


def all_targets() -> tuple[Target, ...]:
    """Every target, in the order in which they are listed to users."""
    folder = templates_dir() / "targets"
    found = [read_target(folder / name / "target.toml") for name in _known_names()]
    return tuple(sorted(found, key=lambda target: (target.order, target.name)))


def read_target(path: Path) -> Target:
    """Read a `target.toml`; the folder that holds it gives the target its name."""
    try:
        return _target(path, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TargetError(f"{path}: {error}") from error


@cache
def _target(path: Path, text: str) -> Target:
    """What a file says. Each compilation reads all targets: the same text is understood once."""
    table: Mapping[str, object] = tomllib.loads(text)
    values = _take(path, "", table, _TARGET_KEYS, optional=("board",))
    unknown = [feature for feature in values["features"] if feature not in FEATURES]
    if unknown:
        raise TargetError(f"{path}: features has {unknown[0]!r}, expected some of {FEATURES}")
    if "board" in values:
        board = _take(path, "board.", values["board"], _BOARD_KEYS, optional=_BOARD_OPTIONAL)
        if ("cpuid" in board) != ("cpuid_mask" in board):
            raise TargetError(f"{path}: board.cpuid and board.cpuid_mask belong together")
        for key in ("vectors", "flash", "ram"):
            if key in board:
                board[key] = Region(**_take(path, f"board.{key}.", board[key], _REGION_KEYS))
        values["board"] = Board(**board)
    return Target(name=path.parent.name, **values)


def _known_names() -> tuple[str, ...]:
    folder = templates_dir() / "targets"
    return tuple(sorted(path.parent.name for path in folder.glob("*/target.toml")))


def _take(
    path: Path,
    prefix: str,
    table: Mapping[str, object],
    keys: Mapping[str, Callable[[object], Any]],
    optional: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The entries of a table, each read by its function in `keys`; nothing more, nothing less."""
    for key in table:
        if key not in keys:
            raise TargetError(f"{path}: unknown key {prefix + key!r}")
    values = {}
    for key, read in keys.items():
        if key not in table:
            if key in optional:
                continue
            raise TargetError(f"{path}: missing key {prefix + key!r}")
        try:
            values[key] = read(table[key])
        except TypeError as error:
            raise TargetError(
                f"{path}: {prefix + key} is {table[key]!r}, expected {error}"
            ) from error
    return values


def _integer(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**32:
        raise TypeError("an integer of 32 bits, without sign")
    return value


def _size(value: object) -> int:
    if type(value) is not int or value <= 0:
        raise TypeError("a number of bytes above 0")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("a string that is not empty")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("a list of strings")
    return tuple(_text(entry) for entry in value)


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError("a table")
    return value


_TARGET_KEYS: Mapping[str, Callable[[object], Any]] = {
    "order": _integer,
    "title": _text,
    "compiler": _text,
    "flags": _texts,
    "recommended": _texts,
    "features": _texts,
    "default_flash_budget": _size,
    "board": _table,
}
_BOARD_KEYS: Mapping[str, Callable[[object], Any]] = {
    "qemu": _texts,
    "emulator": _text,
    "startup": _text,
    "link": _texts,
    "cpuid": _integer,
    "cpuid_mask": _integer,
    "vectors": _table,
    "flash": _table,
    "ram": _table,
}
_BOARD_OPTIONAL = ("emulator", "startup", "link", "cpuid", "cpuid_mask", "vectors")
_REGION_KEYS: Mapping[str, Callable[[object], Any]] = {"origin": _integer, "size": _size}
