"""Cortex-M7: two instructions a cycle, arithmetic early or late, jumps that are predicted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lstm_edge.profile.effect import normal
from lstm_edge.profile.events import LISTS, LOADS, STORES
from lstm_edge.profile.instructions import Insn
from lstm_edge.profile.operands import words
from lstm_edge.profile.scoreboard import reads_flags, sets_flags
from lstm_edge.profile.timing import Timing

EARLY = words("add sub addw subw mov movw movt adr lsl lsr asr ror")
SHIFTS = ("lsl", "lsr", "asr", "ror", "rrx")
REVERSALS = frozenset(["rev", "rev16", "revsh", "rbit"])
EXTEND_ADD = frozenset(["sxtab", "uxtab", "sxtah", "uxtah"])
ALONE = LISTS | {"ldrd", "strd", "div", "sys", "tbb", "vdiv"}
PRODUCTS = frozenset(["mul", "mac", "mull"])
FLOATING = frozenset(["valu", "vmac", "vmov"])
DATA = STORES | {"strd", "stm", "vstm"}
WHOLE = "*"


@dataclass
class _Progress:
    """What is known while instructions are issued. ready: register -> stage -> cycle."""

    ready: dict[str, Mapping[str, int]] = field(default_factory=dict)
    last: Insn | None = None
    issued: int = -1
    paired: bool = False
    end: int = 0

    def at(self, register: str, stage: str) -> int:
        """The cycle from which a stage can use a register."""
        stages = self.ready.get(register)
        return -9 if stages is None else stages.get(stage, stages["L"])


@dataclass(frozen=True)
class DualIssue:
    """The model of one core: see `timing.toml`."""

    timing: Timing
    looks_back: int = 24

    def costs(self, block: Sequence[Insn], before: Sequence[Insn]) -> list[int]:
        """Cycles of each instruction of a block; before: what mostly runs before it."""
        progress = _Progress()
        ends = [0, *(self._issue(progress, insn) for insn in (*before, *block))]
        return [ends[k + 1] - ends[k] for k in range(len(before), len(ends) - 1)]

    def jumps(self, block: Sequence[Insn], target: Insn | None, taken: int, missed: int) -> int:
        """Cycles on top of the block's: of jumps that were not foreseen, and of returns."""
        kind = block[-1].kind
        if kind in ("bcc", "cbz"):
            return missed * self.timing.missed
        return taken * self.timing.taken.get(kind, 0)

    def _issue(self, p: _Progress, insn: Insn) -> int:
        """The cycle after the last one in which it occupies the issue slots."""
        need = _operands_at(p, insn)
        occupancy = self._occupancy(insn)
        if (
            p.last is not None
            and not p.paired
            and _may_pair(p.last, insn)
            and not p.last.writes & insn.writes
            and p.issued >= need
        ):
            issue, p.paired = p.issued, True
            p.end = max(p.end, issue + occupancy)
        else:
            issue, p.paired = max(p.end, need), False
            p.end = issue + occupancy
        self._results(p, insn, issue, occupancy)
        p.last, p.issued = insn, issue
        return p.end

    def _occupancy(self, insn: Insn) -> int:
        if insn.kind in LISTS:
            return max(1, (insn.count + 1) // 2)
        return self.timing.occupancy.get(insn.kind, 1)

    def _results(self, p: _Progress, insn: Insn, issue: int, occupancy: int) -> None:
        early = _is_early(p, insn, issue)
        for register in insn.writes:
            since = issue
            kind = _ready_kind(insn, register, early)
            if kind == "ldm":
                since += occupancy - 1
            elif kind in ("div", "vldm"):
                since += occupancy
            stages = self.timing.ready[kind]
            p.ready[register] = {stage: since + cycles for stage, cycles in stages.items()}
        if sets_flags(insn):
            p.ready["flags"] = {"L": issue + 1}


def _is_early(p: _Progress, insn: Insn, issue: int) -> bool:
    """True where simple arithmetic has its operands early enough for the early stage."""
    if insn.kind != "alu" or insn.base not in EARLY:
        return False
    in_time = all(p.at(register, "E") <= issue for register in insn.reads)
    return in_time and (not p.paired or insn.base in ("lsl", "lsr", "asr", "ror"))


def _ready_kind(insn: Insn, register: str, early: bool) -> str:
    """The line of `ready` in the table."""
    kind = insn.kind
    back = insn.writeback and register in insn.bases
    if early or kind in ("str", "strd", "stm") or (back and kind in READS_BACK):
        return "alu_early"
    if kind in ("alusft", "dsp", "bitf"):
        return _shift_kind(insn)
    if kind in ("ldr", "ldrpc"):
        return "ldr" if insn.base == "ldr" else "ldr_part"
    if kind == "vmov" and register[0] == "r":
        return "vmov_core"
    return RESULTS.get(kind, "alu")


READS_BACK = frozenset(["ldr", "ldrpc", "ldrd", "ldm", "ldm_pc"])
RESULTS = {
    **dict.fromkeys(("ldrd", "ldm", "ldm_pc"), "ldm"),
    **dict.fromkeys(PRODUCTS, "mul"),
    **{kind: kind for kind in ("div", "vldr", "vldm", "valu", "vmac", "vmov", "vdiv")},
}


def _shift_kind(insn: Insn) -> str:
    if insn.base in REVERSALS:
        return "reverse"
    saturates = insn.base.startswith(("q", "uq", "ssat", "usat", "usad"))
    return "saturate" if insn.kind == "dsp" and saturates else "shift"


def _operands_at(p: _Progress, insn: Insn) -> int:
    """The first cycle in which all operands are there, each at the stage that reads it."""
    needs = [p.at(register, "E") for register in insn.bases]
    shifted = _shifted_register(insn)
    for register in insn.reads:
        if not (register in insn.bases and insn.kind in LOADS):
            needs.append(p.at(register, _stage(insn, register, shifted)))
    if reads_flags(insn) and insn.kind not in ("bcc", "it") and "flags" in p.ready:
        needs.append(p.at("flags", "L"))
    return max(needs, default=0)


def _stage(insn: Insn, register: str, shifted: str) -> str:
    kind = insn.kind
    if kind in DATA and register not in insn.bases:
        return "S"
    if kind in PRODUCTS:
        own = kind != "mul" and register in insn.writes
        fourth = kind == "mac" and len(insn.operands) > 3
        return "A" if own or (fourth and register == normal(insn.operands[3])) else "M"
    if shifted in (WHOLE, register):
        return "E"
    return "VA" if kind == "vmac" and register in insn.writes else "L"


def _shifted_register(insn: Insn) -> str:
    """The register that goes through the shifter; WHOLE for all, empty for none."""
    parts = insn.operands
    if insn.kind == "alusft" and parts:
        return _bare(parts[-2] if parts[-1].startswith(SHIFTS) else parts[-1])
    if insn.kind != "bitf":
        return ""
    if insn.base in REVERSALS | {"sbfx", "ubfx"}:
        return WHOLE
    if insn.base in EXTEND_ADD and len(parts) > 2 and not parts[2].startswith(("ror", "#")):
        return _bare(parts[2])
    return _bare(parts[1]) if insn.base in EXTEND_ADD | {"bfi"} else ""


def _bare(part: str) -> str:
    return normal(re.sub(r"[^a-z0-9].*", "", part))


def _may_pair(first: Insn, second: Insn) -> bool:
    kinds = first.kind, second.kind
    if first.kind in ALONE or second.kind in ALONE or second.kind in ("dsp", "bitf"):
        return False
    if first.kind in ("dsp", "bitf") and second.kind == "alusft" and first.kind == "bitf":
        return first.base in ("uxtb", "uxth", "sxtb", "sxth")
    if _same_unit(*kinds):
        return False
    if first.kind in LOADS and second.kind in LOADS:
        return _other_bank(first, second)
    return first.kind not in ("b", "bl", "bx")


def _same_unit(first: str, second: str) -> bool:
    """True for two instructions that need the same part of the core."""
    both = {first, second}
    if first == second == "alusft" or (both & PRODUCTS and both & STORES):
        return True
    for unit in (PRODUCTS, STORES, FLOATING):
        if first in unit and second in unit:
            return True
    return "vmac" in both and bool(both & {"vldr", "vstr"})


def _other_bank(first: Insn, second: Insn) -> bool:
    """Two loads go together from words of different parity."""
    indexed = first.indexed or second.indexed
    if first.bases != second.bases or indexed or first.writeback:
        return True
    return bool((_offset(first) ^ _offset(second)) >> 2 & 1)


def _offset(insn: Insn) -> int:
    address = next(part for part in insn.operands if part.startswith("["))
    found = re.search(r"#(-?\d+)", address)
    return int(found[1]) if found else 0
