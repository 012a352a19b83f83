"""Functions and objects of an ELF file, and which function was inlined where."""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lstm_edge.targets import Target
from lstm_edge.toolchain.process import run_tool

TIMEOUT = 120.0
LINE = re.compile(r"^([0-9a-f]+)(?: ([0-9a-f]+))? (\w) (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Symbol:
    """A function, or an object. size: 0 where the file does not say it."""

    name: str
    address: int
    size: int
    is_function: bool


@dataclass(frozen=True)
class Symbols:
    """Those of one file, sorted by address."""

    all: tuple[Symbol, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Symbol]:
        """Every symbol by its name."""
        return {symbol.name: symbol for symbol in self.all}

    @cached_property
    def functions(self) -> tuple[Symbol, ...]:
        """Functions, sorted by address."""
        return tuple(symbol for symbol in self.all if symbol.is_function)

    @cached_property
    def _starts(self) -> list[int]:
        return [f.address for f in self.functions]

    def function_at(self, address: int) -> str:
        """Name of the function that holds an address; `?` where there is none."""
        at = bisect.bisect_right(self._starts, address) - 1
        return self.functions[at].name if at >= 0 else "?"


def tool(target: Target, name: str) -> str:
    """`arm-none-eabi-nm` for a target that `arm-none-eabi-gcc` compiles."""
    return re.sub(r"[^-]+$", name, target.compiler)


def read_symbols(target: Target, program: Path) -> Symbols:
    """All symbols of an ELF file that have an address; of several at one address the first."""
    command: list[str | Path] = [
        tool(target, "nm"),
        "-n",
        "-S",
        "--defined-only",
        program.resolve(),
    ]
    output = run_tool(command, working_dir=program.parent, timeout=TIMEOUT)
    found = []
    for address, size, kind, name in LINE.findall(output):
        if name.startswith("$"):
            continue
        is_function = kind in "tTwW"
        found.append(Symbol(name, int(address, 16), int(size or "0", 16), is_function))
    return Symbols(tuple(found))


def plain_name(name: str) -> str:
    """`f` of `f.constprop.0`, `f.part.0` and other names that gcc makes of f."""
    return name.partition(".")[0]


def inlined(target: Target, program: Path, addresses: Sequence[int]) -> list[tuple[str, ...]]:
    """For each address the functions that its instruction was written in, innermost first.

    The program needs debug information (-g).
    """
    if not addresses:
        return []
    command: list[str | Path] = [tool(target, "addr2line"), "-aife", program.resolve()]
    stacks = []
    for first in range(0, len(addresses), 4096):
        words = [f"{address:#x}" for address in addresses[first : first + 4096]]
        output = run_tool([*command, *words], working_dir=program.parent, timeout=TIMEOUT)
        for part in re.split(r"^0x[0-9a-f]+\n", output, flags=re.MULTILINE)[1:]:
            stacks.append(tuple(part.splitlines()[::2]))
    return stacks
