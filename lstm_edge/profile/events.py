"""Cortex-M0, M0+, M3 and M4: cycles of each instruction, and of the events that stall it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lstm_edge.profile.instructions import Insn
from lstm_edge.profile.timing import Timing

LOADS = frozenset(["ldr", "ldrpc", "vldr"])
STORES = frozenset(["str", "vstr"])
LISTS = frozenset(["ldm", "stm", "ldm_pc", "vldm", "vstm"])
BARRIERS = frozenset(["dsb", "dmb", "isb", "mrs", "msr"])
FLOATING = frozenset(["valu", "vmac", "vdiv", "vmov", "vstr"])
NO_ADDRESS_STALL = LOADS | STORES | {"ldrd", "ldm", "stm"}
"""Kinds whose result stalls an address that is made of it in another way, or not."""


def is_odd_wide(insn: Insn) -> bool:
    """32 bits at an odd halfword: fetched in two."""
    return insn.size == 4 and bool(insn.address & 2)


@dataclass(frozen=True)
class Events:
    """The model of one core: see `timing.toml`."""

    timing: Timing
    looks_back: int = 1

    def costs(self, block: Sequence[Insn], before: Sequence[Insn]) -> list[int]:
        """Cycles of each instruction of a block; before: what mostly runs before it."""
        costs: list[int] = []
        last = before[-1] if before else None
        odd_run = 0
        for insn in block:
            odd_run = odd_run + 1 if is_odd_wide(insn) else 0
            cycles = self._issue(insn) + self._stalls(insn, last)
            costs.append(cycles + (self._stall("third_wide") if odd_run == 3 else 0))
            last = insn
        return costs

    def jumps(self, block: Sequence[Insn], target: Insn | None, taken: int, missed: int) -> int:
        """Cycles on top of the block's, where it was left so often by a jump."""
        table = self.timing.taken
        if block[-1].kind not in table:
            return 0
        odd = target is not None and is_odd_wide(target)
        return taken * (table[block[-1].kind] + (table.get("wide_target", 0) if odd else 0))

    def _issue(self, insn: Insn) -> int:
        table = self.timing.issue
        kind = insn.kind
        if kind in LISTS:
            return insn.count + self.timing.list
        if kind == "sys" and insn.base in BARRIERS:
            kind = "barrier"
        elif kind == "mull":
            kind = "long_mul" if insn.base in ("smull", "umull") else "long_mac"
        elif insn.count == 2 and f"{kind}_two" in table:
            kind = f"{kind}_two"
        return table.get(kind, 1)

    def _stall(self, name: str) -> int:
        return self.timing.stall.get(name, 0)

    def _stalls(self, insn: Insn, last: Insn | None) -> int:
        cycles = 0
        if insn.kind in LOADS:
            cycles += self._load(insn, last)
        elif insn.kind in STORES:
            cycles += self._stall("store_indexed") if insn.indexed else 0
            if last is not None and last.kind in STORES:
                cycles += self._stall("store_after_store")
        if last is None:
            return cycles
        if last.kind not in NO_ADDRESS_STALL and last.writes & insn.bases:
            cycles += self._stall("address")
        floating = insn.kind in FLOATING and last.kind in ("valu", "vmac")
        if floating and last.writes & insn.reads:
            cycles += self._stall("float_result")
        return cycles

    def _load(self, insn: Insn, last: Insn | None) -> int:
        if last is None:
            return self._stall("load_group")
        depends = bool(last.writes & insn.bases)
        runs_on = last.kind in LOADS and not depends
        cycles = 0
        if not runs_on:
            cycles += self._stall("load_group")
        elif is_odd_wide(insn):
            cycles += self._stall("load_unaligned")
        if runs_on and insn.writeback and last.writeback:
            same = bool(last.bases & insn.bases) or "any_writeback" in self.timing.stall
            cycles += self._stall("load_writeback") if same else 0
        if depends and last.kind in LOADS | {"ldm", "ldrd"}:
            cycles += self._stall("load_address")
        if last.kind in STORES:
            cycles += self._stall("load_after_store")
        return cycles
