"""The profile of a bundle: what a step and a run of the compiled model cost on its target."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lstm_edge.bundle import Bundle
from lstm_edge.emit.testing import pack_input
from lstm_edge.errors import TargetError
from lstm_edge.interpret.feed import Feed
from lstm_edge.passes.macs import macs_by_layer
from lstm_edge.profile import sampling
from lstm_edge.profile.attribution import Owners, by_owner, owners_of
from lstm_edge.profile.counting import Executable, build_program, count_calls
from lstm_edge.profile.cycles import BlockCost, NoModel, block_costs, model_of
from lstm_edge.profile.energy import Energy, energy_of, load_part
from lstm_edge.profile.instructions import disassemble
from lstm_edge.profile.memory import flash_of
from lstm_edge.profile.results import Band, CallCost, Cost, Flash, FunctionCost, LayerCost, Ram
from lstm_edge.profile.stack import Bound, stack_bound, stack_seen
from lstm_edge.profile.systick import build_timed, timed_calls
from lstm_edge.profile.timing import Timing, find_timing
from lstm_edge.progress import Tell, quiet
from lstm_edge.targets import Target, load_target
from lstm_edge.toolchain.process import find_tool


@dataclass(frozen=True)
class Profile:
    """made_up: the samples that were counted were drawn, not given by the user. exact: counted one
    by one; else by SysTick, totals only, because this computer has no compiler for the plugin.
    step: None where the model needs whole sequences. energy: of a step, or else of a run, None
    without a part. timing: None where there is no table for the core, and then no cycles either.
    """

    name: str
    target: str
    core: str
    timing: Timing | None
    made_up: bool
    exact: bool
    step: CallCost | None
    run: CallCost
    flash: Flash
    ram: Ram
    energy: Energy | None

    @property
    def main(self) -> CallCost:
        """The step, or the run of a model that has no step."""
        return self.step or self.run

    def band(self, cycles: float | None) -> Band | None:
        """Cycles with the model's band."""
        if cycles is None or self.timing is None:
            return None
        return Band(cycles, cycles * (1 - self.timing.band), cycles * (1 + self.timing.band))


@dataclass(frozen=True)
class _Measured:
    """A call with what else is known of its program."""

    cost: CallCost
    bound: Bound
    seen: int | None
    executable: Executable


def profile_targets(
    bundle: Bundle, board: str | None = None, tell: Tell = quiet
) -> tuple[Profile, ...]:
    """`profile_bundle` for each target that has an emulated board; for the only one, as it says.
    `tell` is told which one runs.

    TargetError for a board where there are several targets: a part has one core.
    """
    if len(bundle.targets) == 1 or not bundle.emulated:
        tell(f"instructions on {bundle.name}")
        return (profile_bundle(bundle, board),)
    names = [target.name for target in bundle.emulated]
    if board is not None:
        raise TargetError(
            f"--board {board} is a part with one core, the bundle is for {', '.join(names)}; "
            "choose one of them with --target, or .on(TARGET) of Python"
        )
    found = []
    for name in names:
        tell(f"instructions on {name}")
        found.append(profile_bundle(bundle.on(name)))
    return tuple(found)


def profile_bundle(bundle: Bundle, board: str | None = None) -> Profile:
    """Build the bundle for its target, run some held-back samples under QEMU, and count.

    board: a part of `boards.toml`, for energy. TargetError for a target without an emulated board,
    and for a part that is unknown or has another core; ToolchainError for a missing tool; DataError
    for a damaged bundle.
    """
    target, program = bundle.target, bundle.program
    core = core_of(target)
    table = find_timing(core)
    part = None if board is None else load_part(board, core)
    sample = sampling.sample_of(bundle)
    host = load_target("host").compiler
    exact = shutil.which(host) is not None
    if not exact and (part is not None or not target.is_arm):
        find_tool(host)  # neither energy nor another clock: says what to install
    with tempfile.TemporaryDirectory(prefix="lstm-edge-") as temporary:
        folder = Path(temporary)
        kind = "step" if program.streams else "run"
        main = sampling.render_main(bundle)
        measured = [_measure(bundle, kind, sample.feed, main, exact, folder / kind)]
        if program.streams:
            main = sampling.render_run(bundle, sample.run.shape[2])
            measured.append(_measure(bundle, "run", sample.run, main, exact, folder / "run"))
        reached = frozenset(name for m in measured for name in m.bound.reached)
        flash = flash_of(bundle, measured[0].executable, reached, folder / "objects")
    profile = Profile(
        program.name,
        target.name,
        core,
        table,
        bundle.made_up,
        exact,
        measured[0].cost if program.streams else None,
        measured[-1].cost,
        flash,
        _ram(bundle, measured),
        None,
    )
    cycles = profile.band(profile.main.mean.cycles)
    if part is None or cycles is None:
        return profile
    return replace(profile, energy=energy_of(part, cycles))


def core_of(target: Target) -> str:
    """The core that a target's compiler is told: `cortex-m33` of -mcpu=cortex-m33+nodsp; the name
    of the target where it is told instructions only.
    """
    if target.board is None:
        raise TargetError(
            f"the bundle is for {target.name}, which has no emulated board to count on; compile it "
            "for a target that has one, such as cortex-m4"
        )
    found = re.search(r"-mcpu=([\w-]+)", " ".join(target.flags))
    return found[1] if found else target.name


def _measure(
    bundle: Bundle, kind: str, feed: Feed, main: str, exact: bool, folder: Path
) -> _Measured:
    folder.mkdir()
    (folder / "main.c").write_text(main)
    (folder / "input.bin").write_bytes(pack_input(bundle.program, feed))
    code = folder / "model"
    sources, includes = [*bundle.unpack(code), folder / "main.c"], [code]
    function = f"{bundle.program.name}_{kind}"
    if not exact:
        executable = build_timed(bundle.target, sources, includes, folder, function)
        bound = stack_bound(
            disassemble(bundle.target, executable.path), executable.symbols, function
        )
        calls = timed_calls(executable)
        cost = _total(bundle, function, kind, feed, calls)
        return _Measured(cost, bound, None, executable)
    executable = build_program(bundle.target, sources, includes, folder)
    return _counted(bundle, executable, function, kind, feed)


def _counted(
    bundle: Bundle, executable: Executable, function: str, kind: str, feed: Feed
) -> _Measured:
    code = disassemble(bundle.target, executable.path)
    owners = owners_of(executable, code, bundle.program)
    counted = count_calls(executable, function, owners.ranges)
    core = core_of(bundle.target)
    known = find_timing(core) is not None
    model = model_of(core) if known else NoModel()
    costs = block_costs(model, code, counted.blocks)
    calls = len(counted.calls)
    mean = Cost(counted.mean, sum(cost.cycles for cost in costs) / calls)
    most = mean
    if counted.most != counted.mean:
        worst = counted.calls.index(counted.most)
        alone = count_calls(executable, function, owners.ranges, only=worst)
        spent = sum(cost.cycles for cost in block_costs(model, code, alone.blocks))
        most = Cost(counted.most, spent)
    macs = _macs(bundle, kind, feed)
    layers, outside = _layers(owners, by_owner(owners, costs, calls), macs)
    steps = 1 if kind == "step" else feed.shape[2]
    functions = _functions(executable, costs, calls)
    cost = CallCost(function, steps, calls, sum(macs), mean, most, layers, outside, functions)
    cost = cost if known else cost.without_cycles()
    bound = stack_bound(code, executable.symbols, function)
    seen = stack_seen(code, executable.symbols, counted.first_store)
    return _Measured(cost, bound, seen, executable)


def _total(bundle: Bundle, function: str, kind: str, feed: Feed, calls: Sequence[int]) -> CallCost:
    """Without the plugin: instructions only."""
    mean = Cost(sum(calls) / len(calls), None)
    steps = 1 if kind == "step" else feed.shape[2]
    macs = sum(_macs(bundle, kind, feed))
    return CallCost(function, steps, len(calls), macs, mean, Cost(max(calls), None))


def _macs(bundle: Bundle, kind: str, feed: Feed) -> tuple[float, ...]:
    """By layer, of a call on the mean: what runs once a sequence counts in its share of steps."""
    steps = feed.shape[2]
    per_call = macs_by_layer(bundle.program, steps)
    return tuple(macs / steps for macs in per_call) if kind == "step" else per_call


def _layers(
    owners: Owners, costs: Sequence[Cost], macs: Sequence[float]
) -> tuple[tuple[LayerCost, ...], Cost]:
    made = zip(owners.layers, macs, costs[1:], strict=True)
    layers = tuple(LayerCost(*each) for each in made)
    return tuple(layer for layer in layers if layer.macs or layer.cost.instructions), costs[0]


def _functions(
    executable: Executable, costs: Sequence[BlockCost], calls: int
) -> tuple[FunctionCost, ...]:
    sums: dict[str, tuple[int, int]] = {}
    for cost in costs:
        name = executable.symbols.function_at(cost.block.start)
        instructions, cycles = sums.get(name, (0, 0))
        instructions += cost.block.instructions * cost.block.runs
        sums[name] = (instructions, cycles + cost.cycles)
    ordered = sorted(sums.items(), key=lambda item: (-item[1][0], item[0]))
    return tuple(FunctionCost(name, Cost(n / calls, c / calls)) for name, (n, c) in ordered)


def _ram(bundle: Bundle, measured: Sequence[_Measured]) -> Ram:
    sizes = bundle.manifest["ram"]
    unbounded = next((m.bound.why for m in measured if m.bound.bytes is None), "")
    deepest = max(measured, key=lambda m: m.bound.bytes or 0).bound
    seen = [m.seen for m in measured if m.seen is not None]
    return Ram(
        sizes["state"],
        sizes["scratch"],
        None if unbounded else deepest.bytes,
        deepest.path,
        unbounded,
        max(seen) if seen and len(seen) == len(measured) else None,
    )
