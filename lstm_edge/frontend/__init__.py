"""Front ends: the file of a trained network becomes a `Model`, or a `ModelError` says why not."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from lstm_edge.cells.file import CellsLike, builders_of
from lstm_edge.errors import ModelError
from lstm_edge.files import unchanged
from lstm_edge.frontend.graph.fold import begin_folding
from lstm_edge.frontend.keras.load import load_keras
from lstm_edge.frontend.npz.load import load_npz
from lstm_edge.frontend.onnx.load import load_onnx
from lstm_edge.frontend.other_files import check_kind
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import Layer, Model, Step, is_a
from lstm_edge.limits import LARGEST_CALL, LONGEST_NAME, MOST_LAYERS, MOST_WEIGHTS
from lstm_edge.models.averages import averages
from lstm_edge.models.names import model_name
from lstm_edge.models.renaming import rename as renamed
from lstm_edge.models.renaming import sensible
from lstm_edge.models.through import through

_LOADERS: Mapping[str, Callable[[Path, int | None], Model]] = {
    ".onnx": load_onnx,
    ".npz": load_npz,
    ".keras": load_keras,
    ".h5": load_keras,
    ".hdf5": load_keras,
}


_KINDS = ".onnx, .npz, .keras or .h5"


@unchanged()
def load(
    path: Path,
    name: str | None = None,
    steps: int | None = None,
    rename: Mapping[str, str] | None = None,
    state_pairs: Mapping[str, str] | None = None,
    cells: CellsLike | None = None,
) -> Model:
    """Read a model from an ONNX file, a PyTorch state_dict saved as npz, or a Keras file.

    `name` becomes the prefix of all C symbols: a C identifier, by default made from the file's
    name. `steps` is the length of a sequence where the file leaves it open or fixed it by accident.
    `rename`: old name -> new name, of inputs, outputs and states, as in `renaming.py`.
    `state_pairs`: of a file of a single step, input -> the output that is its next value, by the
    file's names; "" for one that is data. `cells`: functions of cells that an npz file may name, or
    the Python file that has them.
    Raises ModelError, always with one line: what was found, what was expected, what to do. Raises
    DataError where a file changed meanwhile.
    """
    if steps is not None and steps < 1:
        raise ModelError(f"steps {steps}", "a sequence has at least one step")
    chosen = model_name(path.stem, name)
    check_kind(path)
    loader = _LOADERS.get(path.suffix.lower())
    if loader is None:
        raise ModelError(str(path), f"unknown kind of file {path.suffix!r}; expected {_KINDS}")
    _check_readable(path)
    begin_folding()
    try:
        if cells is not None:
            _check_takes_cells(path)
            model = load_npz(path, steps, builders_of(cells))
        elif state_pairs:
            model = _takes_pairs(path)(path, steps, state_pairs)
        else:
            model = loader(path, steps)
    except OSError as error:
        raise ModelError(str(path), f"cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        raise ModelError(str(path), "too large to be read in the memory there is") from error
    except RecursionError as error:
        raise ModelError(
            str(path),
            "nested too deeply to be read: a step in which each operation takes what the one "
            "before gives may be some hundreds of them deep; write it with fewer",
        ) from error
    _check_steps(model)
    _check_size(path, model)
    model = through(model, sensible, averages, lambda found: renamed(found, rename or {}))
    _check_names(model)
    return replace(model, name=chosen, warnings=(*model.warnings, *_baked_states(model)))


def _baked_states(model: Model) -> list[str]:
    """A warning of a network of one step whose states are numbers in the file: traced with states
    of its own, it would start from them at each step of each call in what exported it.
    """
    if model.steps != 1:
        return []
    layers = [
        (node.label, ", ".join(states))
        for node in model.layers
        if node.op.reverse is not None
        if (states := [s for s in node.op.cell.states if s in node.op.initial])
        if any(
            np.any(node.op.initial[name]) and not _comes_round(node.op.cell, name)
            for name in states
        )
    ]
    return [
        f"{label}: its state {states} starts from numbers in the file that are not 0, and a call "
        "has one step: a state kept in a buffer of the module becomes such a constant when it is "
        "exported; make it an input and an output of forward(), and export again. Where it is a "
        "learned first state, all is well"
        for label, states in layers
    ]


def _comes_round(cell: Cell, state: str) -> bool:
    """Whether a state is only moved, as phases are."""
    result = cell.results[state]
    return result.kind == "take" and (result.args[0].kind, result.args[0].name) == ("state", state)


def _check_takes_cells(path: Path) -> None:
    if path.suffix.lower() != ".npz":
        raise ModelError(
            str(path),
            "cells of your own are for an .npz file, which names one in lstm_edge.cell; the "
            f"steps of a {path.suffix} file are read as they are: leave the cells out",
        )


def _takes_pairs(path: Path) -> Callable[[Path, int | None, Mapping[str, str]], Model]:
    if path.suffix.lower() == ".npz":
        raise ModelError(
            str(path), "has layers, of which the states are known; leave state pairs out"
        )
    return load_onnx if path.suffix.lower() == ".onnx" else load_keras


def _check_steps(model: Model) -> None:
    """What runs backward in time, or keeps an early step, needs a buffer of a known length."""
    for node in model.nodes:
        backward = is_a(node, Layer) and node.op.reverse and node.op.cell.states
        early = is_a(node, Step) and node.op.at != -1
        if model.steps is None and (backward or early):
            what = "runs backward in time" if backward else "reads the first step"
            raise ModelError(
                node.label,
                f"{what}, so the whole sequence must be kept, but its length is open; give it "
                "with --steps T",
            )


def _check_size(path: Path, model: Model) -> None:
    """ModelError where there is more than anyone waits for, and than any board holds."""
    arrays = {id(a): a.size for node in model.layers for a in node.op.params.values()}
    found = {
        "weights": (sum(arrays.values()), MOST_WEIGHTS),
        "layers": (len(model.layers), MOST_LAYERS),
        "numbers in a call": (
            max(math.prod(abs(n) for n in p.shape) for p in (*model.inputs, *model.outputs)),
            LARGEST_CALL,
        ),
    }
    for what, (count, most) in found.items():
        if count > most:
            raise ModelError(
                str(path),
                f"has {count} {what}, more than the {most} that are accepted; make the network "
                "smaller, or compile parts of it",
            )


def _check_names(model: Model) -> None:
    """ModelError where a port has a name that no archive, and no reader, has room for."""
    ports = (model.inputs, model.outputs, model.state_inputs, model.state_outputs)
    for name in (port.name for some in ports for port in some):
        if len(name) > LONGEST_NAME:
            raise ModelError(
                f"{name[:16]!r}...",
                f"is a name of {len(name)} characters, expected {LONGEST_NAME} at most; give it a "
                "shorter one by its place: --rename input0=x, or output0=y",
            )


def _check_readable(path: Path) -> None:
    try:
        if not path.exists():
            raise ModelError(str(path), "no such file; check the path")
        if not path.is_file():
            raise ModelError(str(path), "is not a regular file")
        if path.stat().st_size == 0:
            raise ModelError(str(path), "is empty; export the model again")
    except (OSError, ValueError) as error:
        reason = "name too long" if getattr(error, "errno", 0) == errno.ENAMETOOLONG else error
        raise ModelError(str(path), f"cannot be read: {reason}") from error
