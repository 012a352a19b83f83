"""Model inputs in integers: each feature has its own scale and zero point, which weights take in.

What a layer of `layers/normalize.py` makes of an input are the same integers with another meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lstm_edge.formats import Format
from lstm_edge.ir.expr import Expr
from lstm_edge.ir.program import Value
from lstm_edge.layers.normalize import SCALE, number_of
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.rescale import unpack_input
from lstm_edge.passes.lower import Place

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LARGEST_ZERO_POINT = 2**24
"""Beyond it a model input is unpacked before a constant is added."""


@dataclass
class Inputs:
    """formats: value name -> what its integers mean. origins: a scaled input -> the input itself,
    which is what a program reads.
    """

    formats: dict[str, Format] = field(default_factory=dict)
    origins: dict[str, Value] = field(default_factory=dict)

    def origin(self, value: Value) -> Value:
        """The value that an operation reads in place of a scaled input; any other itself."""
        return self.origins.get(value.name, value)

    def unpacked(self, b: Builder, value: Value, name: str) -> Value:
        """A model input as fixed point with one scale; anything else as it is."""
        chosen = self.formats.get(value.name)
        if chosen is None:
            return value
        return unpack_input(b, self.origin(value), chosen, f"{name}_in")

    def meaning(self, value: Value) -> tuple[Doubles, Ints]:
        """Scale and zero point of each feature."""
        chosen = self.formats.get(value.name, value.format)
        return chosen.scales(value.length), chosen.zero_points(value.length)

    def stored(self, value: Value, real: float) -> Ints:
        """A real number as each feature stores it, limited to what it can."""
        scale, zero_point = self.meaning(value)
        stored = np.floor(real / scale + 0.5) + zero_point
        return np.clip(stored, value.format.low, value.format.high).astype(np.int64)

    def holds_zero(self, value: Value) -> bool:
        """True where each feature can store 0: its range may lie elsewhere."""
        _, zero_point = self.meaning(value)
        return bool(np.all(self.stored(value, 0.0) == zero_point))

    def scaled(self, node: Expr, args: list[Value], place: Place) -> Value | None:
        """A model input plus or times a constant: the same integers with another zero point or
        scale, which is no work. None for anything else, and where no integer is a zero point.
        """
        chosen = self.formats.get(args[0].name)
        if chosen is None or place.layer.cell.name != SCALE or node.kind not in ("add", "mul"):
            return None
        number = number_of(node.args[1], place.layer.params)
        scale, zero_point = self.meaning(args[0])
        if node.kind == "mul":
            if not np.all(number):
                return None
            chosen = chosen.with_meaning(scale * number, zero_point)
        else:
            point = zero_point - np.floor(number / scale + 0.5)
            if np.abs(point).max() > LARGEST_ZERO_POINT:
                return None
            chosen = chosen.with_meaning(scale, point.astype(np.int64))
        self.formats[place.name] = chosen
        self.origins[place.name] = self.origin(args[0])
        return replace(args[0], name=place.name)
