"""Cells by the text of an npz file: a name, and options as in a call, "ltc(unfolds=3)"."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lstm_edge import cells
from lstm_edge.cells.shapes import Shapes
from lstm_edge.errors import ModelError
from lstm_edge.ir.expr import Cell, walk

Builders = Mapping[str, Callable[..., Cell]]
SHAPES = "shapes"
NEEDS_MORE = ("recent", "tap", "within", "mean_over_steps", "lookup", "argmax")
"""Kinds of expressions that want more of a layer than its arrays."""


def name_and_options(label: str, text: str, known: Builders) -> tuple[str, dict[str, Any]]:
    """A name of `known`, and its options. Raises ModelError for anything else."""
    try:
        found = ast.parse(text.strip(), mode="eval").body
        call = found if isinstance(found, ast.Call) else ast.Call(found, [], [])
        name = call.func.id if isinstance(call.func, ast.Name) and not call.args else ""
        options = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        name, options = "", {}
    if name not in known:
        raise ModelError(
            label,
            f"is {text!r}, expected one of {', '.join(known)}, with options in "
            'brackets, as "ltc(unfolds=3)"',
        )
    return name, options


def built(label: str, text: str, shapes: Shapes, known: Builders) -> tuple[str, Cell]:
    """The cell that a text names, and its name. shapes: of the arrays that its layer has; label: of
    the text. Raises ModelError where an option is wrong, or the function gives no cell that a layer
    can have.
    """
    name, options = name_and_options(label, text, known)
    build = known[name]
    takes = inspect.signature(build).parameters
    for option, value in options.items():
        _check_option(label, name, option, value, takes)
    missing = [p for p, each in takes.items() if each.default is each.empty and p != SHAPES]
    missing = [p for p in missing if p not in options]
    if missing:
        raise ModelError(
            label, f'is {text!r}, but {name} needs {", ".join(missing)}: "{name}({missing[0]}=...)"'
        )
    if SHAPES in takes:
        options[SHAPES] = shapes
    cell = build(**options)
    if not isinstance(cell, Cell):
        raise ModelError(name, f"gives {type(cell).__name__}, expected a Cell")
    _check(name, cell)
    own = name not in cells.BY_NAME
    return name, replace(cell, limited=True) if own else cell


def _check_option(
    label: str, name: str, option: str, value: Any, takes: Mapping[str, inspect.Parameter]
) -> None:
    known = [each for each in takes if each != SHAPES]
    if option not in known:
        expected = f"one of {', '.join(known)}" if known else "none"
        raise ModelError(label, f"{name} has no option {option!r}; expected {expected}")
    default = takes[option].default
    number = isinstance(default, float) and isinstance(value, int | float)
    if isinstance(default, bool | int | float | str) and not (
        number or type(value) is type(default)
    ):
        raise ModelError(
            label, f"{name}({option}={value!r}): expected {type(default).__name__}, as {default!r}"
        )


def _check(name: str, cell: Cell) -> None:
    """Whether a layer that reads x can have the cell."""
    nodes = list(walk(*cell.results.values()))
    if not cell.states:
        raise ModelError(
            name, "has no state: no result has the name of a state that the equations read"
        )
    lost = {e.name for e in nodes if e.kind == "state"} - set(cell.results)
    if lost:
        raise ModelError(name, f"reads the state {min(lost)!r}, but no result has this name")
    if cell.inputs not in ((), ("x",)):
        raise ModelError(
            name, f"reads {', '.join(cell.inputs)}; a cell of an npz file reads x alone"
        )
    wrong = next((e.kind for e in nodes if e.kind in NEEDS_MORE), None)
    if wrong is not None:
        raise ModelError(name, f"uses {wrong}, which a cell of an npz file cannot")
    read = Counter(matrix for e in nodes if e.kind == "affine" for matrix in (*e.matrices, e.name))
    twice = next((matrix for matrix, count in read.items() if count > 1), None)
    if twice is not None:
        raise ModelError(
            name,
            f"multiplies by {twice} in two places; keep the product in a variable, "
            "or give the second one a name and an array of its own",
        )
