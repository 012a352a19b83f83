"""Choose kernels: which one multiplies for each phase, in which tiles, and where its operands lie.

Whatever is said of kernels elsewhere (manifest, sizes, search, what is printed) is read from the
result. A target's features decide which kernels there are, their order which is preferred.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from lstm_edge.choices import Optimize, Unroll
from lstm_edge.errors import TargetError
from lstm_edge.ir.program import Program
from lstm_edge.kernels import KERNELS, best_part
from lstm_edge.kernels.kernel import ROWS, Form, Kernel
from lstm_edge.operations import OPERATIONS
from lstm_edge.passes.operands import Arrays, Entry, OperandArray, Run, with_takes
from lstm_edge.passes.scales import Scaling, scalings
from lstm_edge.passes.schedule import Phase, Schedule, schedule
from lstm_edge.passes.tiles import RowSet, columns_of, group_of, product_of, row_sets
from lstm_edge.passes.wide import Wide, can_be_wide, wide_of
from lstm_edge.passes.widths import narrowest
from lstm_edge.targets import Target

SHORT = 6
"""Up to so many operations of a unit are written once for each unit of a group, so that all sums
stay in registers. More would make four copies of much code.
"""


@dataclass(frozen=True)
class Tiles:
    """How a phase's products are computed.

    kernel: None for straight-line code. runs: per row set, the parts of its operand. group: units
    at a time. scalings: of sums that the kernel scales itself. inner: units of a group whose sums
    are used together; all of them where little is done with each.
    """

    kernel: Kernel | None
    sets: tuple[RowSet, ...]
    runs: tuple[tuple[Run, ...], ...]
    group: int
    scalings: Mapping[str, Scaling]
    inner: int

    @property
    def is_wide(self) -> bool:
        """True where the kernel multiplies rows of four units at a time."""
        return self.kernel is not None and self.kernel.pack is None

    @property
    def at_once(self) -> tuple[bool, ...]:
        """For each row set: whether its sums are used as soon as they are there; others are kept
        until the units of the group are done.
        """
        whole = self.inner == self.group
        return tuple(
            whole or (rows.units > 0 and self.inner % rows.units == 0) for rows in self.sets
        )

    @property
    def sums(self) -> int:
        """Sums of a group that are kept in the state."""
        if self.kernel is None or not self.kernel.streams:
            return 0
        kept = zip(self.sets, self.runs, self.at_once, strict=True)
        tiles = (rows.tiles(self.group) * len(parts) for rows, parts, once in kept if not once)
        return ROWS * sum(tiles)


@dataclass(frozen=True)
class Selection:
    """Kernels for a schedule.

    schedule: with the phases that copy operands. tiles: by phase, of those that multiply. arrays:
    by name. takes: copying phase -> the array and the place that it fills. forms: kernel -> how far
    it is unrolled. wide: phases on vectors of units.
    """

    schedule: Schedule
    tiles: Mapping[str, Tiles]
    arrays: Mapping[str, OperandArray]
    takes: Mapping[str, tuple[str, Entry]]
    forms: Mapping[str, Form]
    wide: Mapping[str, Wide]

    def kernel(self, phase: str) -> Kernel | None:
        """The kernel of a phase, if it has one."""
        tiles = self.tiles.get(phase)
        return None if tiles is None else tiles.kernel


def select(
    program: Program,
    target: Target,
    unroll: Unroll,
    optimize: Optimize = "speed",
    stack: int | None = None,
) -> Selection:
    """Kernels, tiles, operands. unroll: "none", "gates", "full"; optimize: "speed" or "size".

    stack: bytes that a call may take: tiles are smaller where their sums would take more.
    """
    small = optimize == "size"
    plan = schedule(program)
    made = {
        name: phase.when
        for phase in plan.phases
        if not phase.is_copy
        for name in (*phase.stores, *(op.dest for op in phase.reductions))
    }
    made |= {m.into: made[m.value] for m in plan.joined if m.value in made}
    made |= {m.into: p.when for p in plan.phases for m in p.moves}
    arrays = Arrays(program, plan, made)
    tiles = {}
    for phase in plan.phases:
        if phase.matvecs:
            chosen = _tiles(program, target, unroll, phase, arrays)
            tiles[phase.name] = replace(chosen, inner=1) if small else chosen
    wide = {
        phase.name: wide_of(program, phase, *_sets_of(tiles.get(phase.name)), stack)
        for phase in plan.phases
        if _is_wide(program, target, unroll, phase, tiles.get(phase.name))
    }
    takes = arrays.takes()
    forms = _forms(tiles, unroll != "none" and not small)
    tiles = {name: _as_the_kernel_scales(each, forms) for name, each in tiles.items()}
    return Selection(
        with_takes(plan, takes),
        tiles,
        arrays.found,
        {phase.name: (array, entry) for phase, array, entry in takes},
        forms,
        wide,
    )


def _is_wide(
    program: Program, target: Target, unroll: Unroll, phase: Phase, tiles: Tiles | None
) -> bool:
    """True for a phase on vectors: with a kernel for these, or without products."""
    if "mve" not in target.features or program.is_float or unroll == "full":
        return False
    return tiles.is_wide if tiles is not None else can_be_wide(phase)


def _sets_of(
    tiles: Tiles | None,
) -> tuple[tuple[RowSet, ...], tuple[tuple[Run, ...], ...]]:
    return ((), ()) if tiles is None else (tiles.sets, tiles.runs)


def _forms(tiles: Mapping[str, Tiles], unrolled: bool) -> dict[str, Form]:
    """Kernel -> its form, which all phases share, since its code is there once.

    It scales where all of them want that.
    """
    users: dict[str, list[Tiles]] = {}
    for each in tiles.values():
        if each.kernel is not None and not each.is_wide:
            users.setdefault(each.kernel.name, []).append(each)
    forms = {}
    for name, found in users.items():
        lengths = tuple(run.length for each in found for runs in each.runs for run in runs)
        scaled = KERNELS[name].streams and all(each.scalings for each in found)
        forms[name] = KERNELS[name].form(lengths, unrolled, scaled)
    return forms


def _as_the_kernel_scales(tiles: Tiles, forms: Mapping[str, Form]) -> Tiles:
    form = forms.get(tiles.kernel.name) if tiles.kernel is not None else None
    scaled = form is not None and form.scaled
    return tiles if scaled else replace(tiles, scalings={})


def _tiles(program: Program, target: Target, unroll: Unroll, phase: Phase, arrays: Arrays) -> Tiles:
    sets = row_sets(program, phase)
    over_time = any(OPERATIONS[op.kind].running for op in phase.matvecs)
    straight = unroll == "full" and not over_time
    wide = "mve" in target.features and not program.is_float and can_be_wide(phase)
    kernel = None
    if not straight:
        # float32 is summed in one order: a sum that goes on, over the steps or in another array,
        # is plain C, which starts from what is there.
        goes_on = program.is_float and (
            over_time or not _in_one_array(program, phase, sets, arrays)
        )
        kernel = _kernel(program, target, sets, portable=unroll == "full" or goes_on, wide=wide)
    placed = {}
    for k in _longest_first(sets):
        ctype = kernel.ctype if kernel is not None and kernel.ctype else ""
        ctype = ctype or narrowest(program, sets[k].operands)
        padded = (lambda n: n) if kernel is None else kernel.padded
        placed[k] = _runs(program, arrays, phase, sets[k], ctype, padded)
    runs = [placed[k] for k in range(len(sets))]
    group = 1 if kernel is None else group_of(sets, phase.units)
    whole = all(len(parts) == 1 for parts in runs)
    scaled = scalings(program, phase) if whole else {}
    return Tiles(kernel, sets, tuple(runs), group, scaled, _inner(phase, sets, group))


def _runs(
    program: Program,
    arrays: Arrays,
    phase: Phase,
    rows: RowSet,
    ctype: str,
    padded: Callable[[int], int],
) -> tuple[Run, ...]:
    """Where the operands of rows lie. At several positions each is a run of its own, of which a
    kernel reads some numbers at a time; behind the last of them there is room for what it reads.
    """
    if rows.positions == 1:
        return arrays.runs(phase, rows.operands, ctype, padded)
    found: list[Run] = []
    for operand, columns in zip(rows.operands, columns_of(program, rows), strict=True):
        end = (rows.positions - 1) * rows.stride + padded(columns)
        room = partial(_padded_to, padded, end)
        (run,) = arrays.runs(phase, (operand,), ctype, room)
        found.append(replace(run, length=padded(columns), step=rows.stride))
    return tuple(found)


def _padded_to(padded: Callable[[int], int], least: int, length: int) -> int:
    return padded(max(length, least))


def _longest_first(sets: tuple[RowSet, ...]) -> list[int]:
    """Numbers of the sets as `Arrays.runs` wants to be asked."""
    return sorted(range(len(sets)), key=lambda k: -len(sets[k].operands))


def _in_one_array(program: Program, phase: Phase, sets: tuple[RowSet, ...], arrays: Arrays) -> bool:
    """Whether the float32 operands of each set follow each other; all kernels place them alike."""
    return all(
        len(_runs(program, arrays, phase, rows, narrowest(program, rows.operands), int)) == 1
        for rows in (sets[k] for k in _longest_first(sets))
    )


def _inner(phase: Phase, sets: tuple[RowSet, ...], group: int) -> int:
    """Units whose sums are used together: all of a group where little is done with each, else so
    many as fill a tile of some rows.
    """
    running = any(OPERATIONS[op.kind].running for op in phase.matvecs)
    if len(phase.ops) - len(phase.matvecs) <= SHORT and not (phase.reductions or running):
        return group
    filling = [rows.units for rows in sets if 0 < rows.units < group]
    return max(filling, default=1)


def _kernel(
    program: Program, target: Target, sets: tuple[RowSet, ...], *, portable: bool, wide: bool
) -> Kernel:
    """The first kernel that the target has and that fits all products of a phase.

    Of the parts for cores only the best counts: a file of C has one, since parts differ in what an
    operand is. portable: only plain C counts. TargetError where there is none.
    """
    parts = ["portable"]
    if program.is_float:
        parts += ["fpu"] if target.has_vmla and not portable else []
    elif not portable:
        parts += [best_part(target.features), *(["mve"] if wide else [])]
    products = [product_of(program, rows) for rows in sets]
    for kernel in KERNELS.values():
        there = kernel.part in parts and kernel.needs in ("", *target.features)
        if there and all(kernel.fits(product) for product in products):
            return kernel
    bits = products[0].weight_bits
    raise TargetError(f"no kernel of {target.name} multiplies weights of {bits} bits")
