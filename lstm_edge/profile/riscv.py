"""Instructions of 32-bit RISC-V, in the words of `operands.py`: what stack and counts need of them.

Pseudo-instructions are read as objdump prints them. Some of its releases write `add` for `addi`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lstm_edge.profile.effect import Effect

REGISTER = re.compile(r"\b(zero|ra|sp|gp|tp|[sat]\d+)\b")
MEMORY = re.compile(r"(-?\d+)\((\w+)\)")
NUMBER = re.compile(r"-?(?:0x[0-9a-f]+|\d+)")
AIM = re.compile(r"([0-9a-f]+) <")
LOADS = frozenset(["lb", "lbu", "lh", "lhu", "lw"])
STORES = frozenset(["sb", "sh", "sw"])
CONDITIONS = ("eq", "ne", "lt", "ge", "gt", "le")
BRANCHES = frozenset(
    "b" + condition + ending for condition in CONDITIONS for ending in ("", "z", "u")
)
"""`bltz` and `bltu` are some of them; there is no `bequ`."""
PRODUCTS = frozenset(["mul", "mulh", "mulhu", "mulhsu"])
DIVISIONS = frozenset(["div", "divu", "rem", "remu"])


class Read(NamedTuple):
    """base, operands, effect, target: as in `Insn`."""

    base: str
    operands: tuple[str, ...]
    effect: Effect
    target: int | None


def read(name: str, words: str) -> Read:
    """One line of objdump: `sw`, `ra,12(sp)`."""
    aim = AIM.search(words)
    target = int(aim[1], 16) if aim else None
    plain = re.sub(r"\s*(#|<).*$", "", words)
    parts = tuple(_operand(part.strip()) for part in plain.split(",") if part.strip())
    if name in BRANCHES:
        return Read("b", parts, Effect("bcc", reads=_registers(*parts[:-1])), target)
    if name in ("j", "jal", "jr", "jalr", "ret"):
        return _jump(name, parts, target)
    if name in LOADS:
        return Read("ldr", parts, Effect("ldr", _registers(parts[0]), frozenset(),
                                         _registers(parts[-1]), 1), None)  # fmt: skip
    if name in STORES:
        return Read("str", parts, Effect("str", frozenset(), _registers(parts[0]),
                                         _registers(parts[-1]), 1), None)  # fmt: skip
    return _arithmetic(name, parts)


def _jump(name: str, parts: tuple[str, ...], target: int | None) -> Read:
    """A jump links where it keeps a return address: `jal f`, `jal ra,f`, `jalr a5`. `jr t1` with a
    known target is half of a far jump.
    """
    links = name in ("jal", "jalr") and parts[:1] != ("zero",)
    if target is not None:
        return Read("bl" if links else "b", parts, Effect("bl" if links else "b"), target)
    if name == "ret" or (name == "jr" and parts[-1] == "ra"):
        return Read("bx", ("lr",), Effect("bx", reads=frozenset(["ra"])), None)
    base = "blx" if links else "jr"
    return Read(base, parts[-1:], Effect("bx", reads=_registers(parts[-1])), None)


def _arithmetic(name: str, parts: tuple[str, ...]) -> Read:
    """Anything else writes its first operand. What sets sp from another register is a move."""
    kind = "mul" if name in PRODUCTS else "div" if name in DIVISIONS else "alu"
    effect = Effect(kind, _registers(*parts[:1]), _registers(*parts[1:]))
    base = {"addi": "add", "li": "mov", "mv": "mov", "slli": "lsl", "sll": "lsl"}.get(name, name)
    if name == "lui":
        base, parts = "mov", (parts[0], f"#{_wrapped(int(parts[1].strip('#')) << 12)}")
    if base == "add" and parts[0] == "sp" != parts[1]:
        base, parts = "mov", parts[:2]
    return Read(base, parts, effect, None)


def _operand(text: str) -> str:
    """As on Arm: `[sp, #12]` for 12(sp), `#16` for a number."""
    memory = MEMORY.fullmatch(text)
    if memory:
        return f"[{memory[2]}, #{memory[1]}]"
    return f"#{int(text, 0)}" if NUMBER.fullmatch(text) else text


def _wrapped(number: int) -> int:
    """As a signed word."""
    return (number + 2**31) % 2**32 - 2**31


def _registers(*parts: str) -> frozenset[str]:
    return frozenset(register for part in parts for register in REGISTER.findall(part))
