"""Which networks, cores and widths are measured: all shapes in the default, all widths for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.networks import SHAPES, Network, dense
from lstm_edge.profile.timing import find_timing
from lstm_edge.targets import Target, all_targets

MAIN, MAIN_SHAPE = "cortex-m4", (16, 32)
HELIUM = "cortex-m55"
"""All widths are measured on this core at this shape."""
RECURRENT = ("lstm", "gru", "rnn")
DENSE_SHAPES = ((16, 32), (64, 64), (128, 128))
"""Of dense layers on cores other than MAIN."""
HEAD = (32, 32)
WEIGHTS, ACTIVATIONS = (4, 8, 16), (8, 12, 16)


@dataclass(frozen=True)
class Case:
    """A network on a core, and the options of `compile` in which it differs from the default."""

    network: Network
    target: str
    weights: int = 8
    activations: int = 12
    scheme: str = "int8"

    @property
    def widths(self) -> str:
        """The options of `compile`, in words."""
        scheme = f" --scheme {self.scheme}" if self.scheme != "int8" else ""
        return f"--weights int{self.weights} --activations {self.activations}{scheme}"

    @property
    def title(self) -> str:
        """One line for people."""
        return f"{self.network.name} {self.target} {self.widths}"


Widths = Mapping[str, Any]
"""Fields of a Case."""
DEFAULT: Widths = {}
SOME_WIDTHS: tuple[Widths, ...] = (
    {"weights": 4},
    {"activations": 8},
    {"activations": 16},
    {"weights": 16, "activations": 16},
    {"scheme": "fixed"},
)
"""On the cores other than MAIN, where the LSTM is measured."""
COMPARED_WIDTHS: tuple[Widths, ...] = (
    {"weights": 4},
    {"activations": 8},
    {"weights": 16, "activations": 16},
)
"""At all shapes on MAIN: what is held against other libraries, or against the default."""
FLOAT_KINDS = ("lstm", "gru")
"""At all shapes on MAIN in float32, beside a library that has nothing else; the LSTM on HELIUM."""


def cores() -> tuple[Target, ...]:
    """All that a board is emulated for and whose cycles are known."""
    emulated = (target for target in all_targets() if target.board is not None)
    return tuple(target for target in emulated if find_timing(target.name) is not None)


def everything() -> list[Case]:
    """All cases, each once; those that take longest are not all at the end."""
    return list(dict.fromkeys([*_shapes(), *_widths()]))


def _shapes() -> Iterator[Case]:
    for core in (target.name for target in cores()):
        for shape in SHAPES:
            for kind in RECURRENT:
                yield Case(Network(kind, *shape), core)
        for shape in (*(SHAPES if core == MAIN else DENSE_SHAPES), HEAD):
            for network in dense(*shape):
                yield Case(network, core)


def _widths() -> Iterator[Case]:
    networks = [*(Network(kind, *MAIN_SHAPE) for kind in RECURRENT), *dense(*HEAD)]
    for network in networks:
        case = Case(network, MAIN)
        for weights in WEIGHTS:
            for activations in ACTIVATIONS:
                yield replace(case, weights=weights, activations=activations)
        yield replace(case, scheme="fixed")
    for shape in SHAPES:
        for changed in COMPARED_WIDTHS:
            yield replace(Case(Network("lstm", *shape), MAIN), **changed)
        for kind in FLOAT_KINDS:
            yield Case(Network(kind, *shape), MAIN, scheme="float32")
        yield Case(Network("lstm", *shape), HELIUM, scheme="float32")
        for kind in FLOAT_KINDS:
            yield Case(Network(kind, *shape), HELIUM, activations=8)
    for core in (target.name for target in cores()):
        for changed in SOME_WIDTHS:
            yield replace(Case(Network("lstm", *MAIN_SHAPE), core), **changed)
