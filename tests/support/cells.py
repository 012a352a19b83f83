"""Cells of tests/fixtures/cells.npz, with the weights that a module of PyTorch has there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from lstm_edge.frontend import load
from lstm_edge.ir.model import Floats, Layer, Model

FILE = Path(__file__).resolve().parents[1] / "fixtures" / "cells.npz"


@dataclass(frozen=True)
class NamedCell:
    """text: of `lstm_edge.cell`. arrays: parameter -> array. x, y: what went in and what PyTorch
    gave [samples, steps, features or units].
    """

    text: str
    arrays: dict[str, Floats]
    x: Floats
    y: Floats

    def saved(self, folder: Path, **changed: np.ndarray) -> Path:
        """An npz file of the cell alone."""
        path = folder / "net.npz"
        named = {f"cell.{name}": array for name, array in (self.arrays | changed).items()}
        np.savez(path, **named, **{"lstm_edge.cell": np.array(self.text)})
        return path

    def model(self, folder: Path) -> Model:
        return load(self.saved(folder))


@cache
def named_cells() -> dict[str, NamedCell]:
    """By the text of `lstm_edge.cell`; a remark may follow behind a comma and a space."""
    found: dict[str, dict[str, Floats]] = {}
    with np.load(FILE) as arrays:
        for key, array in arrays.items():
            case, _, name = key.rpartition("/")
            found.setdefault(case, {})[name] = array
    return {
        case: NamedCell(case.removesuffix(", real"), parts, parts.pop("x"), parts.pop("y"))
        for case, parts in found.items()
    }


def layer_of(model: Model) -> Layer:
    """The layer with the cell."""
    return next(n.op for n in model.layers if n.op.cell.states)
