"""A trained network, read and understood: what `load` gives and `compile` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge import frontend
from lstm_edge.api.sources import as_file
from lstm_edge.cells.file import CellsLike
from lstm_edge.cost import Cost, cost_of_built
from lstm_edge.errors import ModelError
from lstm_edge.estimate import estimate, usual_steps
from lstm_edge.ir.model import Model
from lstm_edge.ir.weights import float_weights
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.macs import macs_by_layer
from lstm_edge.printing.fitted import NARROW, fitted
from lstm_edge.printing.model import model as model_text
from lstm_edge.printing.model import model_json


@dataclass(frozen=True)
class Network:
    """The float network of a file or of an object in memory. model: its graph of layers."""

    model: Model

    @property
    def name(self) -> str:
        """What prefixes all names in C."""
        return self.model.name

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape, -1 for a sequence of any length."""
        return {port.name: port.shape for port in self.model.inputs}

    @property
    def outputs(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape, -1 for a sequence of any length."""
        return {port.name: port.shape for port in self.model.outputs}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may not be as the user means it, each with its remedy."""
        return self.model.warnings

    @property
    def parameters(self) -> int:
        """Trained numbers."""
        return sum(array.size for layer in self.model.layers for array in layer.op.params.values())

    @property
    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """Its matrices, by the names that `Compiled.weights` has."""
        return float_weights(self.model)

    @property
    def macs(self) -> float:
        """Multiply-accumulates of a step, on the mean over a sequence."""
        program = lower_real(self.model)
        steps = usual_steps(program)
        return sum(macs_by_layer(program, steps)) / steps

    def estimate(self, target: str = "cortex-m4") -> Cost:
        """What it will take on a core as int8, before there is any data to calibrate on.

        DataError for a target that is several cores, TargetError for one that is unknown,
        QuantizationError where no integers hold the network.
        """
        return cost_of_built(estimate(self.model, target))

    def to_json(self) -> dict[str, Any]:
        """What `lstm-edge inspect --json` prints, without the estimate."""
        found = model_json(self.model)
        return {**found, "parameters": self.parameters, "macs": round(self.macs, 2)}

    def __str__(self) -> str:
        total = f"  total  {self.parameters:,} parameters, {self.macs:,.10g} MACs a step"
        return fitted(f"{model_text(self.model)}\n{total}", NARROW)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def load(
    source: object,
    *,
    name: str | None = None,
    steps: int | None = None,
    example: object = None,
    rename: Mapping[str, str] | None = None,
    state_pairs: Mapping[str, str] | None = None,
    cells: CellsLike | None = None,
) -> Network:
    """Read a trained network.

    source: the path of an .onnx, .npz, .keras or .h5 file; an `onnx.ModelProto`; a
    `torch.nn.Module`, which needs `example`; a `keras.Model`; or a dict of arrays as a state_dict
    has them. name: the prefix of all names in C, by default that of the file or object. steps: the
    length of a sequence where the file leaves it open. rename: old name -> new name, of inputs,
    outputs and states; an old name may be a place, as input0 or output0. example: inputs of the
    module, a tensor or a tuple of them, as `torch.onnx.export` takes them. state_pairs: where a
    file has a single step and its names do not tell, input -> the output that is its next value;
    "" for an input that is data. cells: a Python file with functions that give cells, or such
    functions by name, for an npz file or arrays that name one in `lstm_edge.cell`.

    ModelError where the network cannot be compiled: what was found, what was expected, what to do.
    """
    if isinstance(source, Network):
        given = {"name": name, "steps": steps, "rename": rename or None, "cells": cells}
        _refuse(source.name, **given, example=example, state_pairs=state_pairs or None)
        return source
    if isinstance(source, str | Path):
        _refuse(str(source), example=example)
        return Network(frontend.load(Path(source), name, steps, rename, state_pairs, cells))
    with as_file(source, example) as path:
        return Network(frontend.load(path, name, steps, rename, state_pairs, cells))


def _refuse(what: str, **given: object) -> None:
    """ModelError for arguments that would change nothing."""
    wrong = next((argument for argument, value in given.items() if value is not None), None)
    if wrong is not None:
        kind = "a torch.nn.Module" if wrong == "example" else "what a network is read from"
        raise ModelError(what, f"load(..., {wrong}=...) is for {kind}; leave it out here")
