"""Figures of one case out of all results: the better build, and dense layers by difference."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.cases import DEFAULT, Case, Widths
from benchmarks.markdown import decimal, whole
from benchmarks.measure import Figures, better
from benchmarks.networks import Network, Shape, dense
from benchmarks.runner import Results


@dataclass(frozen=True)
class Chosen:
    """The better build of a layer, and its multiply-accumulates."""

    macs: int
    figures: Figures

    @property
    def per_mac(self) -> float:
        """Instructions."""
        return self.figures.instructions / self.macs

    @property
    def cycles_per_mac(self) -> float:
        """By the model of the core."""
        return self.figures.cycles / self.macs

    def cells(self) -> list[str]:
        """As COLUMNS."""
        f = self.figures
        return [
            whole(self.macs),
            whole(f.instructions),
            decimal(self.per_mac),
            whole(f.cycles),
            decimal(self.cycles_per_mac),
            whole(f.code),
            whole(f.flash),
            whole(f.ram),
            whole(f.stack),
            f.optimize,
        ]


COLUMNS = (
    "MACs", "instructions", "per MAC", "cycles", "per MAC", "code", "flash", "RAM", "stack", "flags"
)  # fmt: skip


def recurrent(
    results: Results, kind: str, shape: Shape, core: str, widths: Widths = DEFAULT
) -> Chosen | None:
    """A step of a recurrent layer; None where it was not measured."""
    case = Case(Network(kind, *shape), core, **widths)
    builds = results.get(case)
    return Chosen(case.network.macs, better(builds)) if builds else None


def dense_layer(
    results: Results, shape: Shape, core: str, widths: Widths = DEFAULT
) -> Chosen | None:
    """What a dense layer adds to the LSTM in front of it. Its stack is that of both."""
    both, alone = (Case(n, core, **widths) for n in dense(*shape))
    if both not in results or alone not in results:
        return None
    builds = [_less(a, b) for a, b in zip(results[both], results[alone], strict=True)]
    return Chosen(shape[0] * shape[1], better(builds))


def layer(
    results: Results, kind: str, shape: Shape, core: str, widths: Widths = DEFAULT
) -> Chosen | None:
    """Either, by its kind."""
    if kind == "dense":
        return dense_layer(results, shape, core, widths)
    return recurrent(results, kind, shape, core, widths)


def _less(both: Figures, alone: Figures) -> Figures:
    return Figures(
        both.optimize,
        both.instructions - alone.instructions,
        both.cycles - alone.cycles,
        both.code - alone.code,
        both.flash - alone.flash,
        both.ram - alone.ram,
        both.stack,
    )
