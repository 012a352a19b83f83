"""The program that a search finds: quantized, judged, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from lstm_edge.choices import Optimize, Unroll
from lstm_edge.data import Data, some_samples, steps_of
from lstm_edge.emit.constants import constant_bytes, constants_of
from lstm_edge.emit.memory import allocate
from lstm_edge.emit.ports import port_names
from lstm_edge.ir.expr import walk
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.costs import cost_of_step
from lstm_edge.passes.lower_integer import lowered
from lstm_edge.passes.options import Options
from lstm_edge.passes.quantize import quantize
from lstm_edge.passes.real_run import RealRun
from lstm_edge.passes.select import select
from lstm_edge.search.fitting import best_within
from lstm_edge.search.judge import Judge
from lstm_edge.search.mixed import Mixed
from lstm_edge.search.sensitivity import pieces_of
from lstm_edge.search.widen import Matrices
from lstm_edge.search.widths import Attempt, Bound, Mix, Space, search
from lstm_edge.sizes import ram_of
from lstm_edge.stopwatch import Stopwatch
from lstm_edge.targets import Target

CODE_OF_A_KERNEL = 900
"""Bytes that a second kernel takes, with its loop: 500 on a Cortex-M55, 800 to 1,000 on a
Cortex-M4, 1,400 on a Cortex-M0, by the sizes of the digits example.
"""


@dataclass(frozen=True)
class Calibrated:
    """A model with what calibration saw of its data. known: decisions of a program whose code is to
    stay.
    """

    model: Model
    reference: Program
    ranges: Ranges
    data: Data
    watch: Stopwatch = field(default_factory=Stopwatch)
    known: Mapping[str, Any] | None = None

    def program(self, options: Options) -> Program:
        """The integer program of the given widths."""
        return quantize(self.model, self.ranges, options, self._real, self.watch, self.known)

    @cached_property
    def _real(self) -> RealRun:
        """The float program, run once for all widths."""
        return RealRun(self.reference, self.data.calibration, self.ranges.passed)

    def quick(self, options: Options) -> Program:
        """A program that costs as much, with weights that were rounded once."""
        with self.watch.lap("lower"):
            return lowered(self.model, self.ranges, options).program


@dataclass(frozen=True)
class Wanted:
    """What a search may choose from, and what it has to hold; room: else the bytes of weights and
    tables that the best is to fit in, where no bound is asked for.
    """

    options: Options
    weights: tuple[int, ...]
    activations: tuple[int, ...]
    bound: Bound
    room: int | None = None


@dataclass(frozen=True)
class Code:
    """How C is written: `--unroll`, `--optimize` and, in bytes, `--max-stack`."""

    unroll: Unroll = "gates"
    optimize: Optimize = "speed"
    stack: int | None = None


@dataclass(frozen=True)
class Price:
    """What a program takes, without any C. flash: bytes of weights and tables; ram: of states and
    scratch; instructions: about so many a step, None where nothing is known; kernels: how many
    there are.
    """

    flash: int
    ram: int
    instructions: int | None
    kernels: int


@dataclass(frozen=True)
class Attempts:
    """Makes programs of a model, judges them and tells what they cost on a target."""

    calibrated: Calibrated
    judge: Judge
    target: Target
    code: Code

    def at(self, options: Options) -> Attempt[Program]:
        """The program of some widths."""
        return self.of(options, self.calibrated.program(options))

    def of(self, options: Options, program: Program) -> Attempt[Program]:
        """The same of a program that was made before."""
        watch, steps = self.calibrated.watch, steps_of(program, self.calibrated.data)
        with watch.lap("price"):
            price = price_of(program, self.target, self.code, steps)
        with watch.lap("judge"):
            judged = self.judge.judged(program)
        instructions, code = price.instructions or 0, CODE_OF_A_KERNEL * max(price.kernels - 1, 0)
        return Attempt(options, program, price.flash, instructions, price.ram, judged, code)


def find_program(
    attempts: Attempts,
    wanted: Wanted,
    progress: Callable[[int, int], None],
    otherwise: Callable[[Attempt[Program]], Attempt[Program]],
) -> tuple[Attempt[Program], tuple[Attempt[Program], ...]]:
    """The cheapest program that holds the bound, and all that were tried; others as of `search`."""
    layers = matrices_of(attempts.calibrated)
    names, parts = tuple(each.layer for each in layers), {m.layer: m.parts for m in layers}
    mix = partial(mix_of, attempts.calibrated, wanted.options)
    space = Space(wanted.options, wanted.weights, wanted.activations, names, parts, mix)
    if wanted.room is not None:
        return best_within(wanted.room, space, attempts.at, progress)
    return search(space, wanted.bound, attempts.at, progress, otherwise)


def mix_of(calibrated: Calibrated, options: Options) -> Mix:
    """The matrices of a model, as `mixed` widths choose among them."""
    narrow = replace(options, weights=4, layers={})
    with calibrated.watch.lap("lower"):
        made = lowered(calibrated.model, calibrated.ranges, narrow)
    reference = calibrated.reference
    with calibrated.watch.lap("weigh matrices"):
        pieces = pieces_of(reference, made, some_samples(calibrated.data.calibration, reference))
    return Mixed(reference, pieces)


def price_of(program: Program, target: Target, code: Code, steps: int) -> Price:
    """What a program takes; steps: over which the costs of a step are taken on the mean."""
    unroll = "gates" if code.unroll == "full" else code.unroll
    selection = select(program, target, unroll, code.optimize, code.stack)
    constants = constants_of(program, target, selection)
    memory = allocate(program, selection, port_names(program))
    instructions = cost_of_step(program, selection, target, steps).instructions
    ram = ram_of(memory)
    return Price(
        sum(constant_bytes(constants)),
        ram["state"] + ram["scratch"],
        None if instructions is None else round(instructions),
        len({each.kernel.name for each in selection.tiles.values() if each.kernel is not None}),
    )


def matrices_of(calibrated: Calibrated) -> tuple[Matrices, ...]:
    """The matrices of all layers with weights, those with most weights first."""
    cells = {node.name: node.op.cell for node in calibrated.model.layers}
    found = []
    for layer in layers_of(calibrated.reference):
        affine = [
            e for e in (walk(*cells[layer].results.values()) if layer in cells else ())
            if e.kind == "affine"
        ]  # fmt: skip
        names = tuple(dict.fromkeys(name for e in affine for name in e.matrices))
        recurrent = tuple(name for name in names if name.startswith("R"))
        found.append(Matrices(layer, recurrent, tuple(n for n in names if n not in recurrent)))
    return tuple(found)


def layers_of(reference: Program) -> tuple[str, ...]:
    """Layers with weights, those with most of them first."""
    numbers: dict[str, int] = {}
    for block in reference.blocks:
        for op in block.ops:
            if op.matrices:
                own = sum(reference.constants[m].size for m in op.matrices)
                numbers[block.layer] = numbers.get(block.layer, 0) + own
    return tuple(sorted(numbers, key=lambda layer: (-numbers[layer], layer)))
