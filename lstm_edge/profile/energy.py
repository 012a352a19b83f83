"""Energy of cycles on parts whose figure has a source: see `boards.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lstm_edge.errors import TargetError
from lstm_edge.profile.results import Band

ABOVE_HEADLINE = Band(2.0, 1.5, 2.5)
"""Energy of inference over that of a data sheet's headline: a typical part, least, most."""


@dataclass(frozen=True)
class Part:
    """A microcontroller and how it runs. pj_per_cycle: picojoules, with the band they are known to.
    kind: measured or headline.
    """

    name: str
    core: str
    title: str
    mhz: float
    volts: float
    kind: str
    source: str
    pj_per_cycle: Band


@dataclass(frozen=True)
class Energy:
    """Of one step, or one run: microjoules, and microseconds at the part's clock."""

    part: Part
    microjoules: Band
    microseconds: Band


def load_part(name: str, core: str) -> Part:
    """A part by its name; TargetError where it is not known or has another core."""
    found = _tables().get(name)
    fitting = ", ".join(n for n, entry in _tables().items() if entry["core"] == core)
    offered = f"for {core} there are {fitting}" if fitting else f"there is none for {core}"
    if found is None:
        raise TargetError(f"--board {name}: no part with a sourced energy figure; {offered}")
    part = _part(name, found)
    if part.core != core:
        raise TargetError(
            f"--board {name} has a {part.core}, the bundle is for {core}: compile the model for "
            f"{part.core}; {offered}"
        )
    return part


def all_parts() -> tuple[Part, ...]:
    """Every part."""
    return tuple(_part(name, entry) for name, entry in _tables().items())


def energy_of(part: Part, cycles: Band) -> Energy:
    """Energy of so many cycles; the ends of both bands together."""
    pj = part.pj_per_cycle
    return Energy(
        part,
        Band(*(c * p * 1e-6 for c, p in zip(cycles, pj, strict=True))),
        Band(*(c / part.mhz for c in cycles)),
    )


def _part(name: str, entry: Mapping[str, Any]) -> Part:
    if entry["kind"] == "measured":
        low, high = entry["pj_per_cycle"]
        band = Band((low + high) / 2, low, high)
    else:
        nominal = entry["ua_per_mhz"] * entry["volts"]
        band = Band(*(nominal * factor for factor in ABOVE_HEADLINE))
    known = ("core", "title", "mhz", "volts", "kind", "source")
    return Part(name, pj_per_cycle=band, **{key: entry[key] for key in known})


@cache
def _tables() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(Path(__file__).with_name("boards.toml").read_text(encoding="utf-8"))
