"""Cycles of what was executed: cost of each block by a core's model, and of the jumps behind it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lstm_edge.errors import InternalError
from lstm_edge.profile.dual_issue import DualIssue
from lstm_edge.profile.events import Events
from lstm_edge.profile.instructions import Insn
from lstm_edge.profile.plugin import Block
from lstm_edge.profile.scoreboard import Scoreboard
from lstm_edge.profile.timing import Timing, timing

Code = tuple[Insn, ...]

DIRECT = ("b", "bcc", "cbz", "bl", "lob")
"""Kinds of jumps whose target is in the instruction."""


class Model(Protocol):
    """A core's model. looks_back: how many instructions before a block it wants to know."""

    @property
    def looks_back(self) -> int:
        """Instructions."""

    def costs(self, block: Sequence[Insn], before: Sequence[Insn]) -> list[int]:
        """Cycles of each instruction."""

    def jumps(self, block: Sequence[Insn], target: Insn | None, taken: int, missed: int) -> int:
        """Cycles of all jumps behind a block."""


MODELS: Mapping[str, Callable[[Timing], Model]] = {
    "events": Events,
    "scoreboard": Scoreboard,
    "dual": DualIssue,
}


@dataclass(frozen=True)
class BlockCost:
    """A block, its instructions, the cycles of each in one run, and those of all its jumps."""

    block: Block
    code: Code
    costs: tuple[int, ...]
    jumps: int

    @property
    def cycles(self) -> int:
        """Of all its runs."""
        return sum(self.costs) * self.block.runs + self.jumps


class NoModel:
    """Of a core without a timing table: instructions are counted, and no cycles."""

    looks_back = 1

    def costs(self, block: Sequence[Insn], before: Sequence[Insn]) -> list[int]:
        """None."""
        return [0] * len(block)

    def jumps(self, block: Sequence[Insn], target: Insn | None, taken: int, missed: int) -> int:
        """None."""
        return 0


def model_of(core: str) -> Model:
    """The model of a core, which has the name of its target."""
    table = timing(core)
    return MODELS[table.model](table)


def block_costs(
    model: Model, code: Mapping[int, Insn], blocks: Sequence[Block]
) -> tuple[BlockCost, ...]:
    """Cycles of each block. InternalError where one is not in the disassembly."""
    codes = {(b.start, b.size): _code_of(code, b) for b in blocks}
    before = _before(model, blocks, codes)
    found = []
    for block in blocks:
        insns = codes[block.start, block.size]
        costs = model.costs(insns, before.get(block.start, ()))
        aim = insns[-1].target
        target = None if aim is None else code.get(aim)
        jumps = model.jumps(insns, target, block.taken, block.missed)
        found.append(BlockCost(block, insns, tuple(costs), jumps))
    return tuple(found)


def _code_of(code: Mapping[int, Insn], block: Block) -> Code:
    insns, address = [], block.start
    while address < block.start + block.size:
        insn = code.get(address)
        if insn is None:
            raise InternalError(f"no instruction at {address:#x} in the disassembly")
        insns.append(insn)
        address = insn.end
    if len(insns) != block.instructions:
        raise InternalError(
            f"the block at {block.start:#x} has {len(insns)} instructions in the disassembly, "
            f"{block.instructions} in QEMU"
        )
    return tuple(insns)


def _before(
    model: Model, blocks: Sequence[Block], codes: Mapping[tuple[int, int], Code]
) -> dict[int, Code]:
    """By the start of a block, the last instructions of the one that most often ran before it:
    falling through into it, or jumping to it directly. A model that looks back by one instruction
    sees those that fall through more often than not.
    """
    whole: Counter[tuple[int, int]] = Counter()
    taken: Counter[tuple[int, int]] = Counter()
    for b in blocks:
        whole[b.start, b.size] += b.runs
        taken[b.start, b.size] += b.taken
    reached: dict[int, list[tuple[int, Code]]] = defaultdict(list)
    through: Counter[int] = Counter()
    for (start, size), runs in whole.items():
        insns = codes[start, size]
        on = runs - taken[start, size]
        reached[start + size].append((on, insns))
        through[start + size] += on
        last = insns[-1]
        if model.looks_back > 1 and last.target is not None and last.kind in DIRECT:
            reached[last.target].append((taken[start, size], insns))
    found = {}
    for (start, _), runs in whole.items():
        ways = [way for way in reached[start] if way[0] > 0]
        if ways and (model.looks_back > 1 or 2 * through[start] > runs):
            found[start] = max(ways, key=lambda way: way[0])[1][-model.looks_back :]
    return found
