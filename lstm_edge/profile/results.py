"""The figures of a profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple


class Band(NamedTuple):
    """A figure, and the least and the most that it may be."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Cost:
    """Of one call, on the mean. cycles: None where there is no model, or no counts by block."""

    instructions: float
    cycles: float | None

    def without_cycles(self) -> Cost:
        """Instructions only."""
        return replace(self, cycles=None)


@dataclass(frozen=True)
class LayerCost:
    """A layer's part of a call, that of helpers which it calls included; macs on the mean."""

    name: str
    macs: float
    cost: Cost


@dataclass(frozen=True)
class FunctionCost:
    """A function's part of a call, without what it calls."""

    name: str
    cost: Cost


@dataclass(frozen=True)
class CallCost:
    """What calls of `_step` or `_run` cost.

    steps: time steps of a call. calls: how many were counted. mean, most: of a call; most is that
    of the call with most instructions. macs: on the mean. layers, functions: empty without the
    plugin; outside: what belongs to no layer.
    """

    function: str
    steps: int
    calls: int
    macs: float
    mean: Cost
    most: Cost
    layers: tuple[LayerCost, ...] = ()
    outside: Cost = Cost(0.0, 0.0)
    functions: tuple[FunctionCost, ...] = ()

    def without_cycles(self) -> CallCost:
        """Instructions only."""
        return replace(
            self,
            mean=self.mean.without_cycles(),
            most=self.most.without_cycles(),
            layers=tuple(replace(part, cost=part.cost.without_cycles()) for part in self.layers),
            outside=self.outside.without_cycles(),
            functions=tuple(replace(f, cost=f.cost.without_cycles()) for f in self.functions),
        )


@dataclass(frozen=True)
class Flash:
    """Bytes. code: of the model's own functions; library: of compiler and C library functions
    that they call; weights: with what belongs to them; tables: of curved functions.
    """

    code: int
    library: int
    weights: int
    tables: int


@dataclass(frozen=True)
class Ram:
    """Bytes. stack: a bound, None where there is none, for the reason `unbounded`; path: how it
    comes about. seen: the most that a counted call used, None where it is not known.
    """

    state: int
    scratch: int
    stack: int | None
    path: tuple[str, ...]
    unbounded: str
    seen: int | None
