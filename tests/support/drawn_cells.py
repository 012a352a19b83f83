"""Random weights for the cells that an npz file may name, as a trained one has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lstm_edge.cells import BY_NAME
from lstm_edge.cells.named import built, name_and_options
from lstm_edge.frontend import load
from lstm_edge.ir.model import Floats, Model

Arrays = dict[str, Floats]
Draw = Callable[[np.random.Generator, int, int, Mapping[str, Any]], Mapping[str, Any]]
BACKBONE, ORDER, STATES = 1.5, 6, 4
"""Rows of CfC's backbone for each unit; numbers of a Legendre memory; states of a feature."""


def _matrix(rng: np.random.Generator, rows: int, columns: int, gain: float = 1.0) -> Any:
    return rng.normal(size=(rows, columns)) * gain / np.sqrt(columns)


def _layer_norm_lstm(
    rng: np.random.Generator, features: int, units: int, _: Mapping[str, Any]
) -> Mapping[str, Any]:
    return {
        "W_x": _matrix(rng, 4 * units, features),
        "R_h": _matrix(rng, 4 * units, units),
        "gain_x": rng.uniform(0.7, 1.3, 4 * units),
        "gain_h": rng.uniform(0.3, 0.7, 4 * units),
        "b": rng.normal(size=4 * units) * 0.3,
        "gain_c": rng.uniform(0.7, 1.3, units),
    }


def _cfc(
    rng: np.random.Generator, features: int, units: int, options: Mapping[str, Any]
) -> Mapping[str, Any]:
    rows, layers = int(BACKBONE * units), options.get("layers", 1)
    pure = options.get("mode") == "pure"
    found: dict[str, Any] = {}
    for k in range(layers):
        number = k + 1 if k else ""
        found[f"b_v{number}"] = rng.normal(size=rows) * 0.3
        found[f"R_v{number}"] = _matrix(rng, rows, rows if k else units)
    if layers:
        found["W_v"] = _matrix(rng, rows, features)
    for head in ("f1",) if pure else ("f1", "f2", "t"):
        found[f"R_{head}"] = _matrix(rng, units, rows if layers else units)
    return found


def _ltc(
    rng: np.random.Generator, features: int, units: int, _: Mapping[str, Any]
) -> Mapping[str, Any]:
    """As the authors begin to train."""
    found: dict[str, Any] = {
        "c": rng.uniform(0.4, 0.6, units),
        "g_leak": rng.uniform(0.001, 1.0, units),
        "v_leak": rng.uniform(-0.2, 0.2, units),
    }
    for suffix, sources in (("_x", features), ("", units)):
        shape = (sources, units)
        found |= {
            f"w{suffix}": rng.uniform(0.001, 1.0, shape) * (rng.random(shape) < 0.8),
            f"mu{suffix}": rng.uniform(0.3, 0.8, shape),
            f"sigma{suffix}": rng.uniform(3.0, 8.0, shape),
            f"e{suffix}": rng.choice([-1.0, 1.0], shape),
        }
    return found


def _lmu(
    rng: np.random.Generator, features: int, units: int, options: Mapping[str, Any]
) -> Mapping[str, Any]:
    order, memories = int(options.get("order", ORDER)), int(rng.integers(1, 3))
    shapes = {"W_u": (memories, features), "R_u": (memories, units)}
    shapes |= {"R_um": (memories, order * memories), "R_hm": (units, order * memories)}
    found = {name: _matrix(rng, *shape) for name, shape in shapes.items()}
    found["R_um"] *= 0.05
    if not options:
        decay = np.diag(rng.uniform(0.5, 0.95, order * memories))
        found |= {"R_m": decay + np.eye(len(decay), k=1) * 0.1}
        found["R_mu"] = rng.uniform(0.1, 0.4, (order * memories, memories))
    return found


def _ssm(
    rng: np.random.Generator, features: int, units: int, options: Mapping[str, Any]
) -> Mapping[str, Any]:
    """S4D-Lin, or S4D-Real; x has as many features as there are units."""
    n, dt = np.arange(STATES)[:, None], np.exp(rng.uniform(-3.0, -1.0, units))
    real = bool(rng.integers(2))
    a = -(n + 1.0) / 2 if real else -0.5 + 1j * np.pi * n
    numbers = {"A": np.exp(a * dt), "B": (np.exp(a * dt) - 1.0) / a}
    numbers["C"] = rng.normal(size=(STATES, units)) + 1j * rng.normal(size=(STATES, units))
    found = {"D": rng.normal(size=units)} | {f"{k}_re": v.real for k, v in numbers.items()}
    return found if real else found | {f"{k}_im": v.imag for k, v in numbers.items()}


SPECIAL: dict[str, Draw] = {
    "layer_norm_lstm": _layer_norm_lstm,
    "cfc": _cfc,
    "ltc": _ltc,
    "lmu": _lmu,
    "ssm": _ssm,
}
WITHIN = {"zeta": (0.1, 0.9), "nu": (0.1, 0.9), "u": (-0.9, 0.9), "tau": (0.1, 1.0)}
"""Vectors that are no biases."""


def drawn_arrays(text: str, features: int, units: int, rng: np.random.Generator) -> Arrays:
    """Arrays by parameter of the cell that `text` names."""
    name, options = name_and_options("text", text, BY_NAME)
    found = dict(SPECIAL[name](rng, features, units, options)) if name in SPECIAL else {}
    _, cell = built("text", text, {k: np.shape(v) for k, v in found.items()}, BY_NAME)
    for parameter in cell.parameters:
        if parameter in found or parameter in cell.fixed:
            continue
        kind = parameter.partition("_")[0]
        if kind in ("W", "R"):
            found[parameter] = _matrix(rng, units, features if kind == "W" else units)
        elif parameter in WITHIN:
            found[parameter] = rng.uniform(*WITHIN[parameter], units)
        elif parameter not in ("b_u", "b_m", "b_x", "b_h") or name not in SPECIAL:
            found[parameter] = rng.normal(size=units) * 0.3
    return {parameter: np.asarray(array, np.float32) for parameter, array in found.items()}


def saved(text: str, arrays: Arrays, folder: Path) -> Path:
    """The npz file of one layer."""
    path = folder / "net.npz"
    named = {f"cell.{name}": array for name, array in arrays.items()}
    np.savez(path, **named, **{"lstm_edge.cell": np.array(text)})
    return path


def drawn_model(text: str, features: int, units: int, seed: int, folder: Path) -> Model:
    """A layer with random weights."""
    rng = np.random.default_rng([seed, 21])
    return load(saved(text, drawn_arrays(text, features, units, rng), folder))
