"""Which layer executed what: its own loop, wherever it was inlined, and the helpers it calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lstm_edge.emit.memory import c_name
from lstm_edge.ir.program import Program
from lstm_edge.passes.schedule import schedule
from lstm_edge.profile.counting import Executable
from lstm_edge.profile.cycles import BlockCost
from lstm_edge.profile.instructions import Insn
from lstm_edge.profile.plugin import Range
from lstm_edge.profile.results import Cost
from lstm_edge.profile.symbols import inlined, plain_name


@dataclass(frozen=True)
class Owners:
    """layers: names, in the order of execution. by_address: instructions of the model's own
    functions -> 0 for none of the layers, or 1 + the number of one. ranges: the same for the
    plugin, which gives helpers to the owner that ran last.
    """

    layers: tuple[str, ...]
    by_address: Mapping[int, int]
    ranges: tuple[Range, ...]


def owners_of(executable: Executable, code: Mapping[int, Insn], program: Program) -> Owners:
    """From debug information: a layer's function may be inlined into the step."""
    phases = tuple(phase.name for phase in schedule(program).phases)
    heads = {f"{program.name}_{c_name(name)}_": k for k, name in enumerate(phases, 1)}
    mine = [a for s in executable.symbols.functions if s.name.startswith(f"{program.name}_")
            for a in range(s.address & ~1, (s.address & ~1) + s.size, 2) if a in code]  # fmt: skip
    stacks = inlined(executable.target, executable.path, mine)
    by_address = {}
    for address, stack in zip(mine, stacks, strict=True):
        around = (*stack, executable.symbols.function_at(address))
        found = (layer_of(heads, plain_name(name)) for name in around)
        by_address[address] = next((owner for owner in found if owner), 0)
    return Owners(phases, by_address, _ranges(by_address, code))


def by_owner(owners: Owners, costs: Sequence[BlockCost], calls: int) -> list[Cost]:
    """Instructions and cycles of a call on the mean: of no layer, then of each."""
    instructions = [0] * (1 + len(owners.layers))
    cycles = [0] * (1 + len(owners.layers))
    for cost in costs:
        runs, owner = cost.block.runs, cost.block.owner
        for insn, spent in zip(cost.code, cost.costs, strict=True):
            owner = owners.by_address.get(insn.address, cost.block.owner)
            instructions[owner] += runs
            cycles[owner] += runs * spent
        cycles[owner] += cost.jumps
    return [Cost(n / calls, c / calls) for n, c in zip(instructions, cycles, strict=True)]


def layer_of(heads: Mapping[str, int], function: str) -> int:
    """The owner of a layer's function, or of one that prepares something for it, such as
    `net_lstm_..._take_units`: of several layers the one with the longest name. 0 for any other.
    """
    if not function.endswith("_units"):
        return 0
    fitting = [head for head in heads if function.startswith(head)]
    return heads[max(fitting, key=len)] if fitting else 0


def _ranges(by_address: Mapping[int, int], code: Mapping[int, Insn]) -> tuple[Range, ...]:
    found: list[Range] = []
    for address in sorted(by_address):
        owner, last = by_address[address], code[address].end - 1
        if found and found[-1].owner == owner and found[-1].last == address - 1:
            found[-1] = Range(found[-1].first, last, owner)
        else:
            found.append(Range(address, last, owner))
    return tuple(found)
