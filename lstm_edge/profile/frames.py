"""How deep one function takes the stack, from its instructions; naked functions as any other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lstm_edge.profile.instructions import Insn

DEEPEST = 1 << 20
"""Bytes of a frame that no function for a microcontroller has: a loop pushes without end."""
IMMEDIATE = re.compile(r"#(-?\d+)")
RETURNS = frozenset(["lr", "r14"])


@dataclass(frozen=True)
class Call:
    """A call, or a jump to another function, from where the stack is so deep."""

    target: int
    depth: int


@dataclass(frozen=True)
class Frame:
    """deepest: bytes below the stack pointer at entry. depths: before each instruction that is
    reached. unknown: why there is no bound, or empty.
    """

    deepest: int
    calls: tuple[Call, ...]
    depths: Mapping[int, int]
    unknown: str


@dataclass
class _Walk:
    """The state of one analysis: the largest depth seen before each instruction."""

    code: Mapping[int, Insn]
    first: int
    end: int
    case_helpers: frozenset[int]
    depths: dict[int, int] = field(default_factory=dict)
    todo: list[tuple[int, int]] = field(default_factory=list)
    calls: dict[int, int] = field(default_factory=dict)
    deepest: int = 0
    computed: int = -1
    by_register: Insn | None = None
    unknown: str = ""


def frame_of(
    code: Mapping[int, Insn],
    first: int,
    end: int,
    case_helpers: frozenset[int] = frozenset(),
    entry: int | None = None,
) -> Frame:
    """The frame of the function from `first` to before `end`, which is entered at its begin or at
    `entry`, as parts of libgcc are.

    All paths are followed, and the largest depth counts. A computed jump (`add pc, rN`, tbb, a jump
    table) stays inside its function: code that nothing else reaches is taken to be its target.
    `jr rN` of RISC-V may leave as well; it is taken to do so where there is no such code.
    case_helpers: functions of libgcc that jump by a table behind their call.
    """
    walk = _Walk(code, first, end, case_helpers, todo=[(first if entry is None else entry, 0)])
    found_targets = False
    while True:
        _follow(walk)
        jumped = walk.computed
        walk.computed = -1
        if jumped < 0:
            break
        left = [a for a in range(first, end, 2) if a in code and a not in walk.depths]
        found_targets = found_targets or bool(left)
        insn = walk.by_register
        if insn is not None and not found_targets:
            walk.unknown = f"an indirect jump, {insn.text!r} at {insn.address:#x}"
        walk.todo = [(address, jumped) for address in left]
    calls = tuple(Call(target, depth) for target, depth in sorted(walk.calls.items()))
    return Frame(walk.deepest, calls, walk.depths, walk.unknown)


def _follow(walk: _Walk) -> None:
    while walk.todo:
        address, depth = walk.todo.pop()
        insn = walk.code.get(address)
        if insn is None or walk.depths.get(address, -1) >= depth:
            continue
        walk.depths[address] = depth
        if depth > DEEPEST:
            walk.unknown = f"a loop that pushes, at {address:#x}"
            return
        after = depth + _grown(walk, insn)
        walk.deepest = max(walk.deepest, after)
        _go_on(walk, insn, after)


def _grown(walk: _Walk, insn: Insn) -> int:
    """By how many bytes an instruction lowers the stack pointer."""
    if "sp" not in insn.writes and insn.kind not in ("vldm", "vstm"):
        return 0
    grown = _moved(insn)
    if grown is None:
        grown = _by_constant(walk, insn)
    if grown is None:
        grown = 0
        if not (insn.base == "mov" and _saved_in(walk, insn.operands[-1])):
            walk.unknown = (
                walk.unknown or f"{insn.text!r} at {insn.address:#x} moves sp by a variable"
            )
    return 0 if insn.condition is not None and grown < 0 else grown


def _moved(insn: Insn) -> int | None:
    """The same; None where it depends on a register."""
    if insn.kind in ("stm", "ldm", "ldm_pc"):
        return 4 * insn.count * (1 if insn.kind == "stm" else -1)
    if insn.kind in ("vldm", "vstm"):
        on_stack = insn.base in ("vpush", "vpop") or insn.operands[0] == "sp!"
        return 4 * insn.count * (1 if insn.kind == "vstm" else -1) if on_stack else 0
    found = IMMEDIATE.search(insn.operands[-1]) if insn.operands else None
    if found is None:
        return None
    bytes_ = int(found[1])
    if insn.base in ("sub", "subw"):
        return bytes_
    return -bytes_ if insn.base in ("add", "addw") or insn.writeback else None


def _by_constant(walk: _Walk, insn: Insn) -> int | None:
    """The same for `add sp, r4`, as Armv6-M has it for large frames: r4 is a constant, made in the
    instructions before.
    """
    register = insn.operands[-1]
    if insn.base not in ("add", "sub"):
        return None
    value: int | None = None
    for before in (i for i in _body(walk) if i.address < insn.address):
        if register in before.writes:
            value = _constant(before, value)
    if value is None:
        return None
    value = (value + 2**31) % 2**32 - 2**31
    return -value if insn.base == "add" else value


def _constant(insn: Insn, before: int | None) -> int | None:
    """What an instruction puts into its register; None where that is no constant."""
    if insn.literal is not None:
        return insn.literal
    if len(insn.operands) == 3 and insn.operands[0] != insn.operands[1]:
        return None
    found = IMMEDIATE.fullmatch(insn.operands[-1])
    number = int(found[1]) if found else None
    match insn.base:
        case "mov" | "movw" if number is not None:
            return number
        case "lsl" if number is not None and before is not None:
            return before << number
        case "add" if number is not None and before is not None:
            return before + number
        case "neg" if before is not None:
            return -before
        case "rsb" if number == 0 and before is not None:
            return -before
    return None


def _saved_in(walk: _Walk, register: str) -> bool:
    """True where the function makes a frame pointer of it: then sp goes back to where it was."""
    return any(
        register in insn.writes and "sp" in insn.reads and insn.base in ("mov", "add", "addw")
        for insn in _body(walk)
    )


def _body(walk: _Walk) -> list[Insn]:
    return [walk.code[a] for a in range(walk.first, walk.end, 2) if a in walk.code]


def _go_on(walk: _Walk, insn: Insn, depth: int) -> None:
    """What runs next."""
    conditional = insn.condition is not None or insn.kind in ("bcc", "cbz", "lob", "bl")
    match insn.kind:
        case "b" | "bcc" | "cbz" | "lob" if insn.target is not None:
            _jump(walk, insn.target, depth)
        case "bl" if insn.target in walk.case_helpers:
            walk.computed = max(walk.computed, depth)
            return
        case "bl" if insn.target is not None and walk.first < insn.target < walk.end:
            walk.todo.append((insn.target, depth))  # a far jump of Armv6-M
            return
        case "bl" if insn.target is not None:
            _call(walk, insn.target, depth)
        case "bx" | "tbb" | "ldr_to_pc":
            conditional = _leave(walk, insn, depth) or conditional
        case "ldm_pc":
            pass
        case _:
            conditional = True
    if conditional:
        walk.todo.append((insn.end, depth))


def _leave(walk: _Walk, insn: Insn, depth: int) -> bool:
    """A jump by a register: a return, a computed jump, or a call; True where it comes back."""
    register = insn.operands[-1]
    if insn.base == "blx":
        walk.unknown = walk.unknown or f"an indirect call, {insn.text!r} at {insn.address:#x}"
        return True
    if insn.kind == "ldr_to_pc":
        if "sp" not in insn.bases:
            walk.computed = max(walk.computed, depth)
    elif register not in RETURNS and insn.base == "bx":
        if not _holds_return(walk, register):
            walk.unknown = walk.unknown or f"an indirect jump, {insn.text!r} at {insn.address:#x}"
    elif register not in RETURNS:
        walk.computed = max(walk.computed, depth)
        if insn.base == "jr":
            walk.by_register = insn
    return False


def _holds_return(walk: _Walk, register: str) -> bool:
    """True where the function puts its return address into the register: pop {r3}; bx r3."""
    return any(
        register in insn.writes
        and (insn.kind == "ldm" or (insn.base == "mov" and insn.operands[-1] in RETURNS))
        for insn in _body(walk)
    )


def _jump(walk: _Walk, target: int, depth: int) -> None:
    if walk.first <= target < walk.end:
        walk.todo.append((target, depth))
    else:
        _call(walk, target, depth)


def _call(walk: _Walk, target: int, depth: int) -> None:
    walk.calls[target] = max(walk.calls.get(target, 0), depth)
