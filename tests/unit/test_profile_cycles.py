"""The cycle models, against sequences computed by hand from the rules of their tables."""

from __future__ import annotations

import pytest

from lstm_edge.errors import InternalError, TargetError
from lstm_edge.profile.cycles import block_costs, model_of
from lstm_edge.profile.instructions import Insn, parse
from lstm_edge.profile.plugin import Block
from lstm_edge.profile.timing import find_timing, timing
from lstm_edge.targets import all_targets


def code(*lines: str, start: int = 0x100) -> tuple[Insn, ...]:
    """Instructions one behind the other; `.w` and names without 16-bit form take four bytes."""
    found, address = [], start
    for line in lines:
        name, _, words = line.partition(" ")
        wide = name.endswith(".w") or name.startswith(("smla", "sdiv", "v", "mla", "smull", "ldrd"))
        found.append(parse(address, 4 if wide else 2, name, words))
        address = found[-1].end
    return tuple(found)


def costs(core: str, *lines: str, start: int = 0x100) -> list[int]:
    return model_of(core).costs(code(*lines, start=start), ())


def test_cortex_m4_stalls_at_loads_stores_and_addresses() -> None:
    found = costs(
        "cortex-m4",
        "ldr r0, [r1, #0]",  # 1, and 1 for the first of a group of loads
        "ldr r2, [r1, #4]",  # runs on
        "adds r3, r0, r2",
        "ldr r4, [r3, #0]",  # 2, and 1 for an address from the instruction before
        "str r4, [r1, #8]",
        "str r4, [r1, #12]",  # 1, and 1 behind another store
        "ldr r5, [r1, #0]",  # 2, and 2 behind a store
        "smlad r0, r1, r2, r3",
        "sdiv r0, r0, r2",
        "push {r4, r5, r6, r7}",  # 1 for each, and 1
        "it ge",
        "movge r0, r1",
    )
    assert found == [2, 1, 1, 3, 1, 2, 4, 1, 6, 5, 0, 1]


def test_cortex_m3_multiplies_slower_than_cortex_m4() -> None:
    lines = ("mla r0, r1, r2, r3", "smull r4, r5, r6, r7", "smlal r4, r5, r6, r7")
    assert costs("cortex-m4", *lines) == [1, 1, 1]
    assert costs("cortex-m3", *lines) == [2, 3, 4]


def test_cortex_m4_fetches_wide_instructions_at_odd_halfwords_more_slowly() -> None:
    wide = ("add.w r0, r0, #1",) * 4
    assert costs("cortex-m4", *wide, start=0x100) == [1, 1, 1, 1]
    assert costs("cortex-m4", *wide, start=0x102) == [1, 1, 2, 1]


def test_cortex_m0_has_a_cycle_for_each_register_and_two_for_a_load() -> None:
    lines = ("ldr r0, [r1, #0]", "muls r0, r1", "push {r4, r5, lr}", "pop {r4, r5, pc}")
    assert costs("cortex-m0", *lines) == [2, 1, 4, 4]


@pytest.mark.parametrize(
    ("core", "line", "cycles"),
    [
        ("cortex-m0", "bne 100 <f>", 2),
        ("cortex-m0plus", "bne 100 <f>", 1),
        ("cortex-m0", "pop {r4, pc}", 3),
        ("cortex-m4", "bne 100 <f>", 1),
        ("cortex-m4", "add pc, r8", 2),
        ("cortex-m4", "tbb [pc, r0]", 4),
        ("cortex-m33", "bx lr", 2),
        ("cortex-m7", "bne 100 <f>", 0),
        ("cortex-m7", "bx lr", 1),
    ],
)
def test_a_jump_that_is_taken_costs_more(core: str, line: str, cycles: int) -> None:
    assert model_of(core).jumps(code(line), None, taken=10, missed=0) == 10 * cycles


def test_a_jump_to_a_wide_instruction_at_an_odd_halfword_costs_one_more() -> None:
    odd = code("add.w r0, r0, #1", start=0x102)[0]
    assert model_of("cortex-m4").jumps(code("b 102 <f>"), odd, taken=1, missed=0) == 2


def test_cortex_m33_waits_for_a_load_and_pairs_a_branch() -> None:
    assert costs("cortex-m33", "ldr r0, [r1, #0]", "adds r2, r0, #1") == [1, 2]
    assert costs("cortex-m33", "ldr r0, [r1, #0]", "adds r2, r3, #1") == [1, 1]
    assert costs("cortex-m33", "cmp r0, #1", "bne 100 <f>") == [1, 1]
    assert costs("cortex-m33", "cmp r0, #1", "mov r1, r2", "bne 100 <f>") == [1, 1, 0]
    assert costs("cortex-m33", "muls r0, r1") == [2]


def test_a_chain_of_accumulators_does_not_wait_on_cortex_m33() -> None:
    chain = ("smlad r0, r1, r2, r0", "smlad r0, r3, r4, r0")
    assert costs("cortex-m33", *chain) == [1, 1]
    assert costs("cortex-m33", chain[0], "smlad r5, r0, r4, r5") == [1, 2]


def test_cortex_m55_pairs_simple_instructions_that_cortex_m33_does_not() -> None:
    lines = ("ldr r0, [r1, #0]", "adds r2, r3, #1")
    assert costs("cortex-m55", *lines) == [1, 0]


def test_helium_units_are_busy_for_two_cycles() -> None:
    two_loads = ("vldrw.u32 q0, [r0]", "vldrw.u32 q1, [r1]")
    assert costs("cortex-m55", *two_loads) == [1, 2]
    assert costs("cortex-m55", two_loads[0], "vadd.i32 q2, q3, q4") == [1, 1]


def test_cortex_m7_issues_two_but_not_two_multiplications() -> None:
    assert costs("cortex-m7", "adds r0, r1, #1", "adds r2, r3, #1") == [1, 0]
    assert costs("cortex-m7", "mla r0, r1, r2, r0", "mla r3, r4, r5, r3") == [1, 1]
    assert costs("cortex-m7", "ldr r0, [r1, #0]", "ldr r2, [r1, #4]") == [1, 0]
    assert costs("cortex-m7", "ldr r0, [r1, #0]", "ldr r2, [r1, #8]") == [1, 1]


def test_cortex_m7_pays_for_jumps_that_are_not_foreseen() -> None:
    assert model_of("cortex-m7").jumps(code("bne 100 <f>"), None, taken=10, missed=2) == 14


def test_a_program_costs_its_blocks_and_its_jumps() -> None:
    """A loop of three instructions, 10 rounds, by hand: 10 * 3 and 9 jumps of one cycle."""
    loop = code("subs r0, #1", "adds r1, #1", "bne 100 <f>")
    block = Block(0x100, 3, 6, 0, runs=10, taken=9, missed=2)
    (cost,) = block_costs(model_of("cortex-m4"), {i.address: i for i in loop}, [block])
    assert cost.cycles == 39


def test_what_runs_before_a_block_counts() -> None:
    """The first load of a block does not begin a group where the block before ends with a load."""
    both = code("ldr r0, [r7, #0]", "ldr r1, [r7, #4]")
    blocks = [Block(i.address, 1, 2, 0, runs=5, taken=0, missed=0) for i in both]
    found = block_costs(model_of("cortex-m4"), {i.address: i for i in both}, blocks)
    assert [cost.costs for cost in found] == [(2,), (1,)]


def test_a_block_that_the_disassembly_does_not_have_is_our_fault() -> None:
    loop = {i.address: i for i in code("subs r0, #1")}
    for block in (Block(0x200, 1, 2, 0, 1, 0, 0), Block(0x100, 2, 2, 0, 1, 0, 0)):
        with pytest.raises(InternalError):
            block_costs(model_of("cortex-m4"), loop, [block])


def test_every_board_has_a_table_that_says_how_it_was_validated() -> None:
    boards = [target.name for target in all_targets() if target.board is not None]
    cores = [name for name in boards if find_timing(name) is not None]
    assert set(boards) - set(cores) == {"cortex-m85", "riscv32"}
    tables = [timing(core) for core in cores]
    assert all(table.status.startswith(("validated: ", "not validated: ")) for table in tables)
    assert [t.core for t in tables if t.status.startswith("not")] == ["cortex-m55"]
    bands = {table.core: table.band for table in tables}
    assert bands["cortex-m4"] == 0.10
    assert bands["cortex-m7"] == 0.15
    assert bands["cortex-m55"] == 0.20
    with pytest.raises(TargetError, match="no timing table"):
        timing("cortex-a53")


@pytest.mark.parametrize(
    ("line", "base", "condition", "sets", "kind"),
    [
        ("bls.n 100 <f>", "b", "ls", False, "bcc"),
        ("bl 100 <f>", "bl", None, False, "bl"),
        ("muls r0, r1", "mul", None, True, "mul"),
        ("addsne.w r0, r1, #2", "add", "ne", True, "alu"),
        ("teq r0, r1", "teq", None, False, "alu"),
        ("add.w r0, r1, r2, lsl #2", "add", None, False, "alusft"),
        ("add pc, r8", "add", None, False, "bx"),
        ("ldr.w pc, [r0, r1, lsl #2]", "ldr", None, False, "ldr_to_pc"),
        ("pop {r4, pc}", "pop", None, False, "ldm_pc"),
        ("sxtb16 r6, r6, ror #8", "sxtb16", None, False, "bitf"),
        ("vfma.f32 s0, s1, s2", "vfma", None, False, "vmac"),
        ("vmladava.s8 r0, q0, q1", "vmladava", None, False, "mve_mul"),
    ],
)
def test_an_instruction_is_read_from_its_text(
    line: str, base: str, condition: str | None, sets: bool, kind: str
) -> None:
    (insn,) = code(line)
    found = (insn.base, insn.condition, insn.sets_flags, insn.kind)
    assert found == (base, condition, sets, kind)


def test_registers_of_lists_addresses_and_accumulators() -> None:
    (insn,) = code("ldm.w r0!, {r6, r7, sl}")
    assert (insn.writes, insn.bases, insn.count) == ({"r0", "r6", "r7", "r10"}, {"r0"}, 3)
    (insn,) = code("ldr.w r10, [r1], #4")
    assert (insn.writes, insn.bases, insn.writeback) == ({"r10", "r1"}, {"r1"}, True)
    (insn,) = code("smlal r0, r1, r2, r3")
    assert insn.reads == {"r0", "r1", "r2", "r3"}
    (insn,) = code("vadd.f32 q1, q0, q2")
    assert insn.writes == {"s4", "s5", "s6", "s7"}
