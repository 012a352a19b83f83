"""Instructions of an ELF file, as far as models of cycles and stack need them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lstm_edge.profile import operands, riscv
from lstm_edge.profile.symbols import tool
from lstm_edge.targets import Target
from lstm_edge.toolchain.process import run_tool

TIMEOUT = 120.0
CONDITIONS = (
    *("eq", "ne", "cs", "hs", "cc", "lo", "mi", "pl", "vs", "vc"),
    *("hi", "ls", "ge", "lt", "gt", "le", "al"),
)
LINE = re.compile(
    r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{4} ?)+|[0-9a-f]{8})\s*\t(\S+)[^\S\n]*(.*)$", re.MULTILINE
)
TARGET = re.compile(r"([0-9a-f]+) <")
LITERAL = re.compile(r"[@;] \(([0-9a-f]+)")


@dataclass(frozen=True)
class Insn:
    """One instruction. kind: see `operands.py`.

    base: its name without condition, width and the s of `adds`. condition: of a branch, or inside
    an IT block. target: where a direct branch goes. literal: the word that it loads from beside the
    code. For the others see `Effect`.
    """

    address: int
    size: int
    text: str
    base: str
    condition: str | None
    sets_flags: bool
    operands: tuple[str, ...]
    target: int | None
    kind: str
    writes: frozenset[str]
    reads: frozenset[str]
    bases: frozenset[str]
    count: int
    writeback: bool
    indexed: bool
    literal: int | None = None

    @property
    def end(self) -> int:
        """The address behind it."""
        return self.address + self.size

    @property
    def narrow(self) -> bool:
        """True for 16 bits."""
        return self.size == 2


def disassemble(target: Target, program: Path) -> Mapping[int, Insn]:
    """Every instruction of an ELF file by its address; data between them is left out."""
    command: list[str | Path] = [tool(target, "objdump"), "-d", "-z"]
    if "mve" in target.features:
        command += ["-m", "armv8.1-m.main"]
    output = run_tool([*command, program.resolve()], working_dir=program.parent, timeout=TIMEOUT)
    lines = LINE.findall(output)
    if not target.is_arm:
        every = (parse_riscv(int(a, 16), _size(code), *line) for a, code, *line in lines)
        return {insn.address: insn for insn in every if not insn.base.startswith(".")}
    data = {int(a, 16): int(words, 16) for a, _, name, words in lines if name == ".word"}
    found = {}
    for address, code, name, words in lines:
        if name == ".short" and words.startswith("0xbf"):
            name, words = "it", "al"  # an IT AL: padding
        if not name.startswith("."):
            insn = parse(int(address, 16), _size(code), name, words)
            at = LITERAL.search(words) if insn.kind == "ldrpc" else None
            literal = data.get(int(at[1], 16)) if at else None
            found[insn.address] = replace(insn, literal=literal) if literal is not None else insn
    return found


def parse(address: int, size: int, name: str, words: str) -> Insn:
    """One line of objdump: `adds`, `r0, r1, #4`."""
    words = re.sub(r"\s*[;@].*$", "", words)
    aim = TARGET.search(words)
    base, condition, sets_flags = split_name(name)
    parts = split_operands(re.sub(r"\s*<.*$", "", words))
    effect = operands.effect(name if base.startswith("v") else base, condition, parts)
    return Insn(
        address,
        size,
        f"{name} {words}".strip(),
        base,
        condition,
        sets_flags,
        parts,
        int(aim[1], 16) if aim else None,
        effect.kind,
        effect.writes,
        effect.reads,
        effect.bases,
        effect.count,
        effect.writeback,
        effect.indexed,
    )


def parse_riscv(address: int, size: int, name: str, words: str) -> Insn:
    """The same on a RISC-V: `sw`, `ra,12(sp)`."""
    base, parts, effect, target = riscv.read(name, words)
    return Insn(
        address,
        size,
        f"{name} {words}".strip(),
        base,
        None,
        False,
        parts,
        target,
        effect.kind,
        effect.writes,
        effect.reads,
        effect.bases,
        effect.count,
        effect.writeback,
        effect.indexed,
    )


def _size(code: str) -> int:
    """Bytes of an instruction that is printed so."""
    return len(code.replace(" ", "")) // 2


def split_name(name: str) -> tuple[str, str | None, bool]:
    """`addseq.w` is add, under the condition eq, and sets flags."""
    if name.startswith("v"):
        return name.split(".")[0], None, False
    name = name.replace(".n", "").replace(".w", "")
    if name in operands.NAMES:
        return name, None, False
    for condition in CONDITIONS:
        if name.endswith(condition) and name.removesuffix(condition) in operands.NAMES:
            return name.removesuffix(condition), condition, False
    if name.endswith("s") and name[:-1] in operands.NAMES:
        return name[:-1], None, True
    for condition in CONDITIONS:
        stem = name.removesuffix(condition)
        if stem != name and stem.endswith("s") and stem[:-1] in operands.NAMES:
            return stem[:-1], condition, True
    return name, None, False


def split_operands(words: str) -> tuple[str, ...]:
    """At commas, but not inside brackets and braces."""
    parts, depth = [""], 0
    for character in words:
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return tuple(part.strip() for part in parts if part.strip())
