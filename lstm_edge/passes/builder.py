"""Collects the parts of a program while a pass writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.choices import Why
from lstm_edge.errors import InternalError
from lstm_edge.formats import FLOAT32, Format
from lstm_edge.ir.clock import EVERY_TICK, Clock
from lstm_edge.ir.program import LATEST, Block, State, Value
from lstm_edge.operations.call import Op
from lstm_edge.passes.decisions import Decisions

Array = npt.NDArray[Any]


class Builder:
    """The growing program; the only mutable value of the lowering passes."""

    def __init__(self, decisions: Decisions | None = None) -> None:
        self.decisions = decisions or Decisions()
        self.values: dict[str, Value] = {}
        self.constants: dict[str, Array] = {}
        self.states: list[State] = []
        self.chosen: dict[str, Why] = {}
        """Value whose format was chosen, not computed -> where its range comes from."""
        self.blocks: list[Block] = []
        self._ops: list[Op] = []
        self._kept: set[str] = set()
        self._given: dict[str, str] = {}
        self.replaceable: set[str] = set()
        """Constants that are weights, which an update changes."""
        self._own = ""

    def value(self, name: str, length: int, fmt: Format, comment: str = "") -> Value:
        """Declare a value that no operation makes: an input or a state."""
        if name in self.values:
            raise InternalError(f"{name} is declared twice")
        self.values[name] = Value(name, length, fmt, comment)
        return self.values[name]

    def given(self, state: Value, comment: str) -> Value:
        """Declare the value that a caller sets a state by, in the state's own format."""
        return self.value(self.given_name(state), state.length, state.format, comment)

    def given_name(self, state: Value) -> str:
        """The name of that value, also before it is declared."""
        if state.name not in self._given:
            self._given[state.name] = self._fresh(f"{state.name}_given")
            self._kept.add(self._given[state.name])
        return self._given[state.name]

    def emit(
        self,
        kind: str,
        name: str,
        args: tuple[Value, ...],
        fmt: Format = FLOAT32,
        *,
        length: int | None = None,
        comment: str = "",
        **fields: Any,
    ) -> Value:
        """Append an operation; its length is that of the longest operand unless given."""
        size = max(v.length for v in args) if length is None else length
        value = self.value(self._fresh(name), size, fmt, comment)
        self._ops.append(Op(kind, value.name, tuple(v.name for v in args), **fields))
        return value

    def store(self, value: Value, fmt: Format) -> Value:
        """Declare that memory holds the value as `fmt`, which has its scale and its range."""
        self.values[value.name] = replace(value, format=fmt)
        return self.values[value.name]

    def constant(self, name: str, array: Array) -> str:
        """Store a matrix, bias or table; an equal array under the same name is stored once."""
        known = self.constants.get(name, array)
        if known is not array and not np.array_equal(known, array):
            raise InternalError(f"constant {name} is defined twice")
        self.constants[name] = array
        return name

    def vector(self, name: str, array: Array, fmt: Format) -> Value:
        """A constant that operations read like any value."""
        self.constant(name, array)
        if name not in self.values:
            self.value(name, len(array), fmt)
        return self.values[name]

    def integers(
        self, name: str, numbers: npt.ArrayLike, scale: float = 1.0, storage: str = "int32"
    ) -> Value:
        """A constant of one integer, or several, whose range is theirs."""
        stored = np.atleast_1d(np.asarray(numbers, np.int64))
        ends = int(stored.min()), int(stored.max())
        return self.vector(name, stored, Format(storage, scale, *ends))

    def close_block(
        self, layer: str, sweep: int, clock: Clock = EVERY_TICK, before: int = LATEST
    ) -> None:
        """End the operations of one layer."""
        if self._ops:
            self.blocks.append(Block(layer, sweep, tuple(self._ops), clock, before))
        self._ops = []

    @contextmanager
    def apart(self, layer: str, sweep: int, before: int = LATEST) -> Iterator[None]:
        """Operations that are a block of their own, in the middle of another."""
        outer, self._ops = self._ops, []
        yield
        self.close_block(layer, sweep, before=before)
        self._ops = outer

    def keep(self, layer: str, names: Iterable[str]) -> None:
        """Names of a cell's expressions, by which calibration knows them: no step on the way to
        another one gets them.
        """
        self._kept.update(f"{layer}.{name}" for name in names)

    def enter(self, name: str, result: str = "") -> str:
        """What is emitted from now on makes the expression `name`, which may have its name, or that
        of the layer's `result`. Returns `name`.
        """
        self._own = f"{name.rpartition('.')[0]}.{result}" if result else name
        return name

    def _fresh(self, name: str) -> str:
        unique, k = name, 2
        while unique in self.values or (unique in self._kept and unique != self._own):
            unique, k = f"{name}_{k}", k + 1
        return unique
