"""Published and counted figures of other libraries, from data/; each file says where from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.networks import SHAPES, Shape

DATA = Path(__file__).resolve().parent / "data"
GRU_OF_LSTM = 3 / 4
"""CMSIS-NN has no GRU: three gates of the four are what it would take."""


@dataclass(frozen=True)
class Baseline:
    """Instructions of one LSTM step by shape, and how it was compiled."""

    options: str
    instructions: Mapping[Shape, int]


@cache
def read(name: str) -> Mapping[str, Any]:
    """data/<name>.json."""
    table: Mapping[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return table


def cmsis_nn(table: str) -> dict[str, Baseline]:
    """By core, one table of data/cmsis_nn.json: s8_gcc, s8_other_compiler, s16_gcc or f32_gcc."""
    said = read("cmsis_nn")
    shapes = [f"I{inputs}_H{units}" for inputs, units in SHAPES]
    if said["shapes"] != shapes:
        raise ValueError(f"data/cmsis_nn.json has the shapes {said['shapes']}, expected {shapes}")
    return {
        core: Baseline(figures["options"], dict(zip(SHAPES, figures["instructions"], strict=True)))
        for core, figures in said[table].items()
    }
