"""What parts of lowering are given: operands of all widths, scales and signs, drawn by a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import Format, fixed
from lstm_edge.ir.program import Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.decisions import Decisions
from lstm_edge.passes.fixed.shifts import constant_vector
from lstm_edge.passes.numbers import Number, number

T = TypeVar("T")


class Draw:
    """One case: what is drawn for it, and the builder that parts emit into."""

    def __init__(self, seed: Sequence[int]) -> None:
        self.rng = np.random.default_rng(seed)
        self.b = Builder()

    def one(self, *of: T) -> T:
        return of[int(self.rng.integers(len(of)))]

    def whole(self, low: int, high: int) -> int:
        """Both ends are drawn, too."""
        return int(self.rng.integers(low, high, endpoint=True))

    def real(self, low: int, high: int, *shape: int) -> npt.NDArray[Any]:
        """Numbers of 7 bits between powers of two: sums of their products are exact."""
        mantissas = self.rng.integers(64, 127, shape, endpoint=True) / 64.0
        signs = self.rng.choice([-1.0, 1.0], shape)
        return np.asarray(signs * mantissas * 2.0 ** self.rng.integers(low, high, shape))

    def ends(self, bits: int) -> tuple[int, int]:
        """A range that needs so many bits: on both sides of 0, on one, or far from it."""
        half = 2 ** (bits - 1)
        a, b = sorted((self.whole(-half, half - 1), self.whole(-half, half - 1)))
        some = (-half, half - 1), (0, half - 1), (-half, 0), (a, b), (1 - half, half - 1)
        return self.one(*some, some[0])

    def fixed(self, low: int = -6, high: int = 30, bits: int = 32) -> Format:
        """With `low` to `high` fractional bits."""
        return fixed(self.whole(low, high), *self.ends(self.whole(2, bits)), "int32")

    def format(self, bits: int = 32) -> Format:
        """A scale that is a power of two, or not."""
        if self.one(True, False):
            return self.fixed(bits=bits)
        low, high = self.ends(self.whole(2, bits))
        return Format("int32", float(np.abs(self.real(-24, 3))), low, high)

    def value(self, fmt: Format, length: int = 0) -> Value:
        name = f"x{len(self.b.values)}"
        return self.b.value(name, length or self.one(1, 2, 5), fmt)

    def operand(self, length: int = 0) -> Value:
        """A value of any kind, or a constant now and then."""
        if self.whole(0, 4) == 0:
            return self.constant(length)
        return self.value(self.fixed(0, 24), length)

    def constant(self, length: int = 0) -> Value:
        numbers = self.real(-8, 8, length or self.one(1, 2, 5)) * self.one(1.0, 1.0, 1.0, 0.0)
        return constant_vector(self.b, f"c{len(self.b.values)}", numbers)

    def number(self, length: int = 0) -> Number:
        return number(self.operand(length))

    def updatable(self) -> None:
        """Weights of what is emitted may be replaced."""
        self.b.decisions = Decisions(updatable=True)
