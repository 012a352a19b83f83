"""How TensorFlow Lite Micro and CMSIS-NN quantize a network, simulated: what ours is measured by.

- weights: symmetric int8, one scale for each matrix; W and R of every gate are matrices of their
  own. Biases: int32 in units of the first product;
- what a matrix reads (inputs, hidden states, results of layers): int8 with one scale and one zero
  point from the calibrated minimum and maximum, which include 0. So a GRU mixes an int8 state;
- pre-activations of gates: int16 with 12 fractional bits, fewer only where something else than
  sigmoid or tanh reads them and calibration saw more than +-8;
- gates: int16 with 15 fractional bits. Cell states: int16 by a power of two that covers what
  calibration saw.

Sums are exact, everything is rounded to the nearest number, and saturates. Where those libraries
store int8 and the list above does not say so, the number is left in float32, in favour of them:
results that no matrix reads, layers without matrix or state, vectors as parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil, log2
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.interpret.prepare import Functions
from lstm_edge.ir.program import Program
from lstm_edge.operations import OPERATIONS, functions, multiplied
from lstm_edge.operations.call import Op
from lstm_edge.passes.calibrate import Ranges

Array = npt.NDArray[Any]
FUNCTIONS = functions(is_float=True)
WEIGHT_LIMIT = 127
GATE_FRACTION, PRE_FRACTION = 15, 12
SQUASHING = ("sigmoid", "tanh", "softsign")
"""Functions whose results lie within +-1."""
MOVES = {"slice": 0, "step_at": 0, "slide": 1}
"""Operations whose result holds the numbers of one operand as they are, and which one."""


@dataclass(frozen=True)
class Grid:
    """Integers low .. high that stand for scale * (q - zero_point)."""

    scale: float
    zero_point: int
    low: int
    high: int

    def stored(self, real: Array) -> Array:
        """The nearest integers, as float64, in which sums of their products are exact."""
        nearest = np.rint(real.astype(np.float64) / self.scale) + self.zero_point
        return np.asarray(np.clip(nearest, self.low, self.high))

    def rounded(self, real: Array) -> Array:
        """The nearest real numbers that the integers stand for, in float32."""
        numbers = self.scale * (self.stored(real) - self.zero_point)
        return np.asarray(numbers, np.float32)


def int8_between(low: float, high: float) -> Grid:
    """Asymmetric int8 from `low` to `high` and 0."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255.0 or 1.0
    return Grid(scale, round(-128.0 - low / scale), -128, 127)


def int16_with(fraction: int) -> Grid:
    """Fixed point with so many fractional bits."""
    return Grid(2.0**-fraction, 0, -(2**15), 2**15 - 1)


def int16_to(largest: float) -> Grid:
    """The finest fixed point that covers +-largest, but for the one number 2**n itself."""
    return int16_with(15 - ceil(log2(largest)) if largest > 0.0 else 15)


def weight_scale(matrix: Array) -> float:
    """The scale of a weight tensor: its largest number becomes 127."""
    return float(np.abs(matrix).max()) / WEIGHT_LIMIT or 1.0


@dataclass(frozen=True)
class PerTensor:
    """The scheme for the float program of a model that ran on calibration data."""

    program: Program
    ranges: Ranges

    def functions(self) -> Functions:
        """For `execute.run` of the float program: what computes each of its values."""
        return dict(self._functions())

    def output_grid(self, value: str) -> Grid:
        """How an output of the model is stored: int8, for softmax and sigmoid in steps of 1/256."""
        kinds = {op.dest: op.kind for block in self.program.blocks for op in block.ops}
        match kinds.get(value):
            case "divide" | "sigmoid":
                return int8_between(0.0, 255.0 / 256.0)
            case "tanh":
                return int8_between(-1.0, 127.0 / 128.0)
            case _:
                return self._int8(value)

    def _functions(self) -> Iterator[tuple[str, Callable[..., Array]]]:
        recurrent = self._recurrent()
        for block in self.program.blocks:
            for op in block.ops:
                grid = self._grid(op, block.layer in recurrent)
                if OPERATIONS[op.kind].multiplies:
                    yield op.dest, partial(self._matvec(op), grid)
                elif op.kind == "lookup":
                    yield op.dest, partial(_lookup, self._table(op), grid)
                elif grid is not None:
                    yield op.dest, partial(_then_rounded, FUNCTIONS[op.kind], grid)

    def _grid(self, op: Op, is_recurrent: bool) -> Grid | None:
        """The format that a result is kept in; None for float32, as for sums over time."""
        states = {s.next: s for s in self.program.states}
        if op.dest in states and states[op.dest].accumulator:
            return None
        if self._tensor(op.dest) in self._multiplied():
            return self._int8(op.dest)
        if op.dest in states:
            return int16_to(self.ranges.largest(states[op.dest].name))
        if is_recurrent and op.kind == "matvec":
            return self._pre_activation(op.dest)
        if is_recurrent and op.kind in SQUASHING:
            return int16_with(GATE_FRACTION)
        return None

    def _pre_activation(self, name: str) -> Grid:
        readers = {op.kind for b in self.program.blocks for op in b.ops if name in op.args}
        if readers <= {"sigmoid", "tanh"}:
            return int16_with(PRE_FRACTION)
        return max(
            int16_with(PRE_FRACTION), int16_to(self.ranges.largest(name)), key=lambda g: g.scale
        )

    def _matvec(self, op: Op) -> Callable[..., Array]:
        """bias + sum of W x, by `grid` and the arguments of a matvec in a program."""
        constants = self.program.constants
        scales = [weight_scale(constants[m]) for m in op.matrices]
        grids = [self._int8(name) for name in multiplied(op)]

        def product(
            grid: Grid | None, bias: Array, terms: list[tuple[Array, Array]], positions: int = 1
        ) -> Array:
            total = bias.astype(np.float64)
            if op.kind == "matvec":
                total = _nearest(bias, grids[0].scale * scales[0])
            for (weights, x), scale, operand in zip(terms, scales, grids, strict=True):
                rows = np.rint(weights.astype(np.float64) / scale)
                exact = (operand.stored(x) - operand.zero_point) @ rows.T
                total = total + (operand.scale * scale) * exact
            if positions > 1:
                total = total.reshape(*total.shape[:-2], -1)
            return total.astype(np.float32) if grid is None else grid.rounded(total)

        return product

    def _table(self, op: Op) -> Array:
        """The rows of an embedding as int8 stores them."""
        rows = self.program.constants[op.matrices[0]]
        scale = weight_scale(rows)
        return np.asarray(scale * np.rint(rows.astype(np.float64) / scale), np.float32)

    def _int8(self, value: str) -> Grid:
        name = self._tensor(value)
        sources = {op.dest: op for b in self.program.blocks for op in b.ops}
        if name in sources and sources[name].kind == "lookup":
            scale = weight_scale(self.program.constants[sources[name].matrices[0]])
            return Grid(scale, 0, -WEIGHT_LIMIT, WEIGHT_LIMIT)
        return int8_between(float(self.ranges.low[name].min()), float(self.ranges.high[name].max()))

    def _tensor(self, value: str) -> str:
        """Values that are the same numbers at another place or time share a format: its owner."""
        owners = {s.next: s.name for s in self.program.states if not s.accumulator}
        for block in self.program.blocks:
            for op in block.ops:
                if op.kind in MOVES:
                    owners[op.dest] = op.args[MOVES[op.kind]]
        while value in owners:
            value = owners[value]
        return value

    def _multiplied(self) -> set[str]:
        """Tensors that a matrix reads."""
        every = (op for b in self.program.blocks for op in b.ops)
        products = [op for op in every if OPERATIONS[op.kind].multiplies]
        return {self._tensor(name) for op in products for name in multiplied(op)}

    def _recurrent(self) -> set[str]:
        """Layers whose state lives on from step to step."""
        kept = {s.next for s in self.program.states if not s.accumulator}
        return {b.layer for b in self.program.blocks for op in b.ops if op.dest in kept}


def _nearest(real: Array, scale: float) -> Array:
    """Multiples of the scale that int32 counts."""
    return np.asarray(
        scale * np.clip(np.rint(real.astype(np.float64) / scale), -(2**31), 2**31 - 1)
    )


def _then_rounded(function: Callable[..., Array], grid: Grid, *arguments: Any) -> Array:
    return grid.rounded(function(*arguments))


def _lookup(table: Array, grid: Grid | None, ids: Array, rows: Array, n: int) -> Array:
    found = FUNCTIONS["lookup"](ids, table, n)
    return found if grid is None else grid.rounded(found)
