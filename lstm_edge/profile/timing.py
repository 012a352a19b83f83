"""The timing tables of `timing.toml`, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lstm_edge.errors import TargetError

Table = Mapping[str, int]


@dataclass(frozen=True)
class Timing:
    """The table of one core; what its entries mean is said in `timing.toml`."""

    core: str
    title: str
    model: str
    band: float
    status: str
    issue: Table
    list: int
    stall: Table
    taken: Table
    latency: Table
    occupancy: Table
    busy: Mapping[str, Table]
    ready: Mapping[str, Table]
    pairs_simple: bool
    missed: int


def timing(core: str) -> Timing:
    """The table of a core, which has the name of its target; TargetError where there is none."""
    found = find_timing(core)
    if found is None:
        known = ", ".join(_tables())
        raise TargetError(f"no timing table for {core!r}; there is one for {known}")
    return found


def find_timing(core: str) -> Timing | None:
    """The same; None where there is none."""
    found = _tables().get(core)
    if found is None:
        return None
    tables = ("issue", "stall", "taken", "latency", "occupancy", "busy", "ready")
    absent: dict[str, Any] = {name: {} for name in tables}
    return Timing(core, **{**absent, "list": 0, "pairs_simple": False, "missed": 0, **found})


@cache
def _tables() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(Path(__file__).with_name("timing.toml").read_text(encoding="utf-8"))
