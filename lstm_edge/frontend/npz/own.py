"""Layers of cells that the file names, from arrays named like the parameters of the equations."""

from __future__ import annotations

import numpy as np

from lstm_edge.cells.named import Builders, built
from lstm_edge.cells.sizes import Sizes, sizes_of
from lstm_edge.errors import ModelError
from lstm_edge.frontend.model.draft import Draft
from lstm_edge.frontend.npz.parts import Part
from lstm_edge.ir.expr import Cell, walk
from lstm_edge.ir.model import Floats


def own_layer(
    draft: Draft, part: Part, label: str, text: str, known: Builders, x: str
) -> tuple[str, list[str], int]:
    """Append a layer of the cell that `text` names among `known`; label: of the text.

    The last of its results is the layer's. Returns as `recurrent_layer` does. A bias that is not
    there is zero. Raises ModelError by the array that is missing, unknown or of a wrong shape.
    """
    shapes = {what: array.shape for what, array in part.arrays.items()}
    try:
        name, cell = built(label, text, shapes, known)
        sizes = _checked(part, name, cell, draft.size(x))
    except ModelError as error:  # parts of a file have names of their own
        if error.node not in part.arrays:
            raise
        raise ModelError(part.names[error.node], error.reason) from error
    params = {what: _array(part, cell, what, shape) for what, shape in sizes.shapes.items()}
    if draft.size(x) is None:
        draft.features[x] = sizes.features
    result = list(cell.results)[-1]
    units = {state: sizes.units[state] for state in cell.states}
    made = draft.layer(name, cell, x, None, params, part.label, units=units)
    for each, tensor in made.items():
        draft.features[tensor] = sizes.units[each]
    return made[result], [draft.last_step(made[result], part.label)], sizes.units[result]


def _array(part: Part, cell: Cell, what: str, shape: tuple[int, ...]) -> Floats:
    """A parameter as the layer has it: a vector in one axis, zeros where there is none."""
    array = cell.fixed.get(what, part.arrays.get(what, np.zeros(shape)))
    return np.ascontiguousarray(array if len(shape) == 2 else array.reshape(-1), np.float32)


def _checked(part: Part, name: str, cell: Cell, features: int | None) -> Sizes:
    biases = {e.name for e in walk(*cell.results.values()) if e.kind == "affine"}
    for what in part.arrays:
        if what in cell.fixed:
            raise ModelError(
                what, f"comes with the options of {name}; leave the array out, or them"
            )
        if what not in cell.parameters:
            raise ModelError(
                what, f"is no parameter of {name}; its equations read {', '.join(cell.parameters)}"
            )
    part.require(*(p for p in cell.parameters if p not in biases and p not in cell.fixed))
    matrices = {m for e in walk(*cell.results.values()) for m in e.matrices}
    for what in matrices & part.arrays.keys():
        if part.arrays[what].ndim != 2:
            raise ModelError(what, f"has shape {list(part.arrays[what].shape)}, expected 2 axes")
    given = {what: array.shape for what, array in (part.arrays | dict(cell.fixed)).items()}
    sizes = sizes_of(cell, features, given, name)
    if features not in (None, sizes.features):
        first = next((w for w in part.arrays if w.startswith("W_")), next(iter(part.arrays)))
        raise ModelError(
            first,
            f"takes {sizes.features} features, but the layer before it gives {features}; if layers "
            "run in another order than in the file, say so in lstm_edge.order",
        )
    return sizes
