"""Cortex-M33 and M55: one instruction a cycle, some pairs of 16 bits in one; results take time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lstm_edge.profile.effect import normal
from lstm_edge.profile.events import LOADS, STORES, is_odd_wide
from lstm_edge.profile.instructions import Insn
from lstm_edge.profile.timing import Timing

COMPARES = frozenset(["cmp", "cmn", "tst", "teq"])
FORWARDS = frozenset(["mac", "mul", "mull", "alusft"]) | LOADS
SIMPLE = frozenset(["alu", "nop", "ldr", "str", "bitf"])
SPENDS_A_CYCLE = frozenset(["dls", "dlstp", "wls", "wlstp"])


def sets_flags(insn: Insn) -> bool:
    """True for comparisons and `adds`."""
    return insn.sets_flags or insn.base in COMPARES


def reads_flags(insn: Insn) -> bool:
    """True for conditions, carries and selects."""
    condition = insn.kind in ("bcc", "it") or insn.condition is not None
    return condition or insn.base in ("adc", "sbc") or insn.base.startswith("cs")


@dataclass
class _Progress:
    """What is known while instructions are issued. ready: register -> (issue, latency, who)."""

    ready: dict[str, tuple[int, int, Insn]] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)
    last: Insn | None = None
    issued: int = 0
    paired: bool = False
    end: int = 0


@dataclass(frozen=True)
class Scoreboard:
    """The model of one core: see `timing.toml`."""

    timing: Timing
    looks_back: int = 24

    def costs(self, block: Sequence[Insn], before: Sequence[Insn]) -> list[int]:
        """Cycles of each instruction of a block; before: what mostly runs before it."""
        progress = _Progress()
        ends = [self._issue(progress, insn) for insn in (*before, *block)]
        first = len(before)
        starts = [0, *ends]
        return [ends[k] - starts[k] for k in range(first, len(ends))]

    def jumps(self, block: Sequence[Insn], target: Insn | None, taken: int, missed: int) -> int:
        """Cycles on top of the block's, where it was left so often by a jump."""
        last, table = block[-1], self.timing.taken
        if last.kind == "lob":
            return taken * (0 if last.base in ("le", "letp") else table.get("loop_start", 0))
        cycles = table.get(last.kind, 0)
        if cycles and last.kind == "bcc" and last.narrow and len(block) > 1 and block[-2].narrow:
            cycles = table["after_flags"] if sets_flags(block[-2]) else table["bcc"]
        if cycles and target is not None and is_odd_wide(target):
            cycles += table["wide_target"]
        return taken * cycles

    def _issue(self, p: _Progress, insn: Insn) -> int:
        """The cycle after the last one in which it occupies the issue slot."""
        need = self._operands_at(p, insn)
        units = self.timing.busy.get(_busy_kind(insn), {})
        occupancy = self._occupancy(insn)
        if self._joins(p, insn, need) and all(p.busy.get(u, 0) <= p.issued for u in units):
            issue, p.paired = p.issued, True
            p.end = max(p.end, issue + occupancy) if occupancy > 1 else p.end
        else:
            issue = max([p.end, need, *(p.busy.get(u, 0) for u in units)])
            p.paired = False
            p.end = issue + occupancy
        for unit, cycles in units.items():
            p.busy[unit] = issue + cycles
        self._results(p, insn, issue)
        p.last, p.issued = insn, issue
        return p.end

    def _joins(self, p: _Progress, insn: Insn, need: int) -> bool:
        """True where it is issued together with the one before."""
        if p.last is None or p.paired or not self._may_pair(p.last, insn):
            return False
        return not _depends(p.last, insn) and p.issued >= need

    def _operands_at(self, p: _Progress, insn: Insn) -> int:
        need = 0
        for register in insn.reads | insn.bases:
            if register in p.ready:
                issued, latency, producer = p.ready[register]
                need = max(need, issued + _forwarded(producer, insn, register, latency))
        if reads_flags(insn) and "flags" in p.ready:
            need = max(need, sum(p.ready["flags"][:2]))
        return need

    def _results(self, p: _Progress, insn: Insn, issue: int) -> None:
        for register in insn.writes:
            back = insn.writeback and register in insn.bases and insn.kind not in ("ldm", "ldm_pc")
            p.ready[register] = (issue, 1 if back else self._latency(insn), insn)
        if sets_flags(insn):
            p.ready["flags"] = (issue, 1, insn)

    def _latency(self, insn: Insn) -> int:
        if insn.kind in ("ldrd", "ldm", "ldm_pc", "vldm"):
            return insn.count + 1
        if insn.kind == "bitf" and insn.base.startswith(("sxta", "uxta")):
            return self.timing.latency["extend_add"]
        return self.timing.latency.get(_busy_kind(insn), 1)

    def _occupancy(self, insn: Insn) -> int:
        table, kind = self.timing.occupancy, insn.kind
        if kind in ("ldm", "stm", "vldm", "vstm", "ldm_pc"):
            return max(1, insn.count)
        if kind == "mul" and insn.narrow:
            return table["narrow_mul"]
        if kind == "lob" and insn.base in SPENDS_A_CYCLE:
            return 1
        to_core = bool(insn.writes) and not any(
            register[1:].isdigit() and register[0] == "s" for register in insn.writes
        )
        two = insn.count == 2 and (kind in ("vldr", "vstr") or (kind == "vmov" and to_core))
        return 2 if two else table.get(_busy_kind(insn), 1)

    def _may_pair(self, first: Insn, second: Insn) -> bool:
        if not first.narrow:
            return False
        if self.timing.pairs_simple:
            return second.narrow and _second_of_m55(first, second)
        if second.kind == "it":
            return True
        if not second.narrow:
            return False
        if second.kind in ("bcc", "b", "cbz"):
            return True
        return "nop" in (first.kind, second.kind) and {first.kind, second.kind} <= SIMPLE


def _second_of_m55(first: Insn, second: Insn) -> bool:
    if second.kind in ("nop", "it", "b", "bcc", "cbz"):
        return True
    literal = any(part.startswith("#") for part in second.operands)
    simple = (second.base in ("add", "sub") and literal) or second.base in (
        *("mov", "uxtb", "uxth", "sxtb", "sxth"),
    )
    return simple and first.kind in ("alu", "ldr", "str", "bitf", "ldrpc")


def _busy_kind(insn: Insn) -> str:
    """Its kind; a gather or scatter where a vector of addresses is accessed."""
    if insn.indexed and insn.kind in ("mve_ld", "mve_st"):
        return "mve_gather" if insn.kind == "mve_ld" else "mve_scatter"
    return insn.kind


def _depends(first: Insn, second: Insn) -> bool:
    if second.kind in ("bcc", "it", "cbz", "b"):
        return bool(first.writes & second.reads)
    return bool(first.writes & (second.reads | second.bases | second.writes))


def _forwarded(producer: Insn, insn: Insn, register: str, latency: int) -> int:
    """A result is there earlier for accumulators and stored data."""
    accumulates = insn.kind in ("mac", "mull") and len(insn.operands) >= 4
    if accumulates and register == normal(insn.operands[-1]) and producer.kind in FORWARDS:
        return 1
    if insn.kind in STORES | {"strd", "stm"} and register in insn.reads - insn.bases:
        return 1
    if insn.kind == "vmac" and producer.kind == "vmac" and register in insn.writes:
        return 3
    return latency
