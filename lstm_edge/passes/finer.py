"""Give activations of 12 bits as many more as cost nothing.

Kernels multiply operands of up to 15 bits as fast as those of 12: what more bits can cost is an
accumulator. A hidden state that counts in finer units has larger weights beside the input's, and
the input has to be as much finer for both to share a scale. So more bits are looked at where the
program has no more operations than with 12 and sums have room for them. Which of these is best is
measured, but in large models, where all weights have to be as fine as with 12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lstm_edge.errors import QuantizationError
from lstm_edge.formats import INT32_MAX
from lstm_edge.ir.model import DenseOverTime, Layer, Model
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.call import Op
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.options import Options
from lstm_edge.rounding import Doubles, median

USUAL = 12
"""Bits that may become more."""
MORE = (14, 13)
"""What is tried. Helium holds a number of 15 bits in two bytes, and a bound that is reached takes
one of them.
"""
ROOM = {4: 2**27, 8: INT32_MAX // 2}
"""Bits of a weight -> how far a sum may go: that of int4 is the condition of a kernel; with int8 no
row needs a coarser scale. Weights of 16 bits use all the room that activations leave.
"""
ADDED = {4: 8}
"""What that kernel adds to each weight."""
SAME = 1.05
"""By so much a step may differ and still be as fine."""
MOST_LAYERS = 8
"""Of more layers all have the same bits."""
MOST_WEIGHTS = 2**17
"""Models with more are not measured: that takes its time."""


@dataclass(frozen=True)
class _Trial:
    """Widths of a model. most: operations that a program may have; steps: what the weights of each
    matrix may be rounded to. known: what was lowered before, as it is asked for twice.
    """

    model: Model
    ranges: Ranges
    options: Options
    most: int
    steps: Mapping[str, float]
    known: dict[tuple[tuple[str, int], ...], tuple[bool, bool]] = field(default_factory=dict)

    def is_free(self, layers: Mapping[str, int], *, as_fine: bool) -> bool:
        """True where so many bits of activations cost nothing; as_fine: neither do weights."""
        key = tuple(sorted(layers.items()))
        if key not in self.known:
            self.known[key] = self._costs_nothing(layers)
        free, fine = self.known[key]
        return free and (fine or not as_fine)

    def _costs_nothing(self, layers: Mapping[str, int]) -> tuple[bool, bool]:
        """Whether so many bits cost no operation and no room, and whether weights are as fine."""
        try:
            program = lower_integer(self.model, self.ranges, self.with_bits(layers))
        except QuantizationError:
            return False, False
        steps = _steps(program)
        has_room = all(_has_room(program, op) for op in program.products)
        as_fine = all(steps[name] <= SAME * most for name, most in self.steps.items())
        return _operations(program) <= self.most and has_room, as_fine

    def with_bits(self, layers: Mapping[str, int]) -> Options:
        """The options with so many bits for activations of layers."""
        own = {name: replace(self.options.of(name), activations=n) for name, n in layers.items()}
        return replace(self.options, layers={**self.options.layers, **own})


def finer(model: Model, ranges: Ranges, options: Options) -> tuple[Options, ...]:
    """The options with more bits for the activations of those layers where these are free: what is
    worth to be tried, one at least.
    """
    layers = [
        node.name
        for node in model.nodes
        if isinstance(node.op, Layer | DenseOverTime)
        and options.of(node.name).activations == USUAL
        and options.of(node.name).weights in ROOM
    ]
    if not layers or not ranges.from_data:
        return (options,)
    known = replace(ranges, moments={})
    usual = lower_integer(model, known, options)
    trial = _Trial(model, known, options, _operations(usual), _steps(usual))
    found = [_as_fine(layers, trial)]
    if sum(usual.constants[m].size for op in usual.products for m in op.matrices) <= MOST_WEIGHTS:
        every = [dict.fromkeys(layers, bits) for bits in MORE]
        found += [{}, *(each for each in every if trial.is_free(each, as_fine=False))]
    different = [each for k, each in enumerate(found) if each not in found[:k]]
    return tuple(trial.with_bits(each) for each in different)


def _as_fine(layers: Sequence[str], trial: _Trial) -> dict[str, int]:
    """Layer -> bits: as many for all as are free, then more for each that can have them."""
    found: dict[str, int] = {}
    for bits in MORE:
        every = dict.fromkeys(layers, bits)
        if trial.is_free(every, as_fine=True):
            found = every
            break
    if len(layers) == 1 or len(layers) > MOST_LAYERS:
        return found
    for name in layers:
        for bits in MORE:
            if bits > found.get(name, USUAL) and trial.is_free({**found, name: bits}, as_fine=True):
                found[name] = bits
                break
    return found


def _operations(program: Program) -> int:
    return sum(len(block.ops) for block in program.blocks)


def _steps(program: Program) -> dict[str, float]:
    """Matrix -> the real step of its weights, the median of its rows and columns."""
    found = {}
    for op in program.products:
        factors = op.args[OPERATIONS[op.kind].running :]
        row = median(_scales(program, op.dest))
        for name, matrix in zip(factors, op.matrices, strict=True):
            found[matrix] = row / median(_scales(program, name))
    return found


def _scales(program: Program, name: str) -> Doubles:
    value = program.values[name]
    return value.format.scales(value.length)


def _has_room(program: Program, op: Op) -> bool:
    """True where the sums of a product can grow by what its kernel adds."""
    values = sum(
        program.values[name].format.magnitude * program.constants[matrix].shape[-1]
        for name, matrix in zip(op.args[OPERATIONS[op.kind].running :], op.matrices, strict=True)
    )
    most = program.values[op.dest].format.high + ADDED.get(op.n, 0) * values
    return op.n not in ROOM or most < ROOM[op.n]
