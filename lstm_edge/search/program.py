"""The program that a search finds: quantized, judged, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from lstm_edge.choices import Optimize, Unroll
from lstm_edge.data import Data, steps_of
from lstm_edge.emit.constants import constant_bytes, constants_of
from lstm_edge.emit.memory import allocate
from lstm_edge.emit.ports import port_names
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.costs import cost_of_step
from lstm_edge.passes.lower_integer import lowered
from lstm_edge.passes.options import Options
from lstm_edge.passes.quantize import quantize
from lstm_edge.passes.real_run import RealRun
from lstm_edge.passes.select import select
from lstm_edge.search.judge import Judge
from lstm_edge.search.widths import Attempt, Bound, Space, search
from lstm_edge.sizes import ram_of
from lstm_edge.stopwatch import Stopwatch
from lstm_edge.targets import Target


@dataclass(frozen=True)
class Calibrated:
    """A model with what calibration saw of its data."""

    model: Model
    reference: Program
    ranges: Ranges
    data: Data
    watch: Stopwatch = field(default_factory=Stopwatch)

    def program(self, options: Options) -> Program:
        """The integer program of the given widths."""
        return quantize(self.model, self.ranges, options, self._real, self.watch)

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
    """What a search may choose from, and what it has to hold."""

    options: Options
    weights: tuple[int, ...]
    activations: tuple[int, ...]
    bound: Bound


@dataclass(frozen=True)
class Code:
    """How C is written: `--unroll`, `--optimize` and, in bytes, `--max-stack`."""

    unroll: Unroll = "gates"
    optimize: Optimize = "speed"
    stack: int | None = None


@dataclass(frozen=True)
class Price:
    """What a program takes, without any C. flash: bytes of weights and tables; ram: of states and
    scratch; instructions: about so many a step, None where nothing is known.
    """

    flash: int
    ram: int
    instructions: int | None


def find_program(
    calibrated: Calibrated,
    wanted: Wanted,
    judge: Judge,
    target: Target,
    code: Code,
    progress: Callable[[int, int], None],
) -> tuple[Attempt[Program], tuple[Attempt[Program], ...]]:
    """The cheapest program that holds the bound, and all that were tried."""

    def attempt(options: Options) -> Attempt[Program]:
        program = calibrated.program(options)
        with calibrated.watch.lap("price"):
            price = price_of(program, target, code, steps_of(program, calibrated.data))
        with calibrated.watch.lap("judge"):
            judged = judge.judged(program)
        return Attempt(options, program, price.flash, price.instructions or 0, price.ram, judged)

    layers = layers_of(calibrated.reference)
    space = Space(wanted.options, wanted.weights, wanted.activations, layers)
    return search(space, wanted.bound, attempt, progress)


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
    )


def layers_of(reference: Program) -> tuple[str, ...]:
    """Layers with weights, those with most of them first."""
    numbers: dict[str, int] = {}
    for block in reference.blocks:
        for op in block.ops:
            if op.matrices:
                own = sum(reference.constants[m].size for m in op.matrices)
                numbers[block.layer] = numbers.get(block.layer, 0) + own
    return tuple(sorted(numbers, key=lambda layer: (-numbers[layer], layer)))
