"""Cells by the text of an npz file: a name, and options as in a call, "ltc(unfolds=3)"."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from traceback import extract_tb
from typing import Any

import numpy as np

from lstm_edge.cells import BY_NAME
from lstm_edge.cells.shapes import Shapes
from lstm_edge.errors import ModelError
from lstm_edge.ir.expr import FUNCTIONS, Cell, Expr, walk
from lstm_edge.limits import MOST_OPERATIONS

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
            f"is {text!r}, expected one of {', '.join(known)}, with options in brackets, as "
            '"ltc(unfolds=3)", or one of your own, in a file that --cells names',
        )
    return name, options


def built(label: str, text: str, shapes: Shapes, known: Builders) -> tuple[str, Cell]:
    """The cell that a text names, and its name. shapes: of the arrays that its layer has; label: of
    the text. Raises ModelError where an option is wrong, or the function gives no cell that a layer
    can have.
    """
    name, options = name_and_options(label, text, known)
    build = known[name]
    takes = options_of(build)
    for option, value in options.items():
        _check_option(label, name, option, value, takes)
    missing = [p for p, each in takes.items() if each.default is each.empty and p not in options]
    if missing:
        raise ModelError(
            label, f'is {text!r}, but {name} needs {", ".join(missing)}: "{name}({missing[0]}=...)"'
        )
    if SHAPES in inspect.signature(build).parameters:
        options[SHAPES] = shapes
    if name in BY_NAME:
        return name, build(**options)
    cell = _called(name, build, options)
    _check(name, cell)
    return name, replace(cell, limited=True)


def _called(name: str, build: Callable[..., Cell], options: Mapping[str, Any]) -> Cell:
    """What a function of a user gives."""
    try:
        cell = build(**options)
    except (ModelError, KeyboardInterrupt):
        raise
    except BaseException as error:
        code = getattr(build, "__code__", None)
        raise ModelError(name, said(error, "" if code is None else code.co_filename)) from error
    if not isinstance(cell, Cell):
        raise ModelError(name, f"gives {type(cell).__name__}, expected a Cell")
    return cell


def said(error: BaseException, file: str) -> str:
    """An error in a file of a user in one line: where it happened there, and what."""
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        lines = [error.lineno]
    place = f"line {lines[-1]}: " if lines else ""
    try:
        shown = str(error.msg if isinstance(error, SyntaxError) else error)
    except Exception:  # its own text may be code of the user, too
        shown = ""
    text = (shown.splitlines() or [""])[0]
    return f"{place}{type(error).__name__}{': ' if text else ''}{text}"


def digest(sha256: str, used: Iterable[Cell]) -> str:
    """The SHA-256 of a file and of equations that are not in it."""
    found = hashlib.sha256(sha256.encode())
    for cell in used:
        number: dict[int, int] = {}
        for e in walk(*cell.results.values()):
            number[id(e)] = len(number)
            args = [number[id(a)] for a in e.args]
            found.update(repr((e.kind, args, e.name, e.value, e.matrices, e.units)).encode())
        shown = [(name, number[id(e)]) for name, e in cell.results.items()]
        found.update(repr((shown, sorted(cell.bounds.items()))).encode())
        for name, array in cell.fixed.items():
            found.update(name.encode() + array.tobytes())
    return found.hexdigest()


def options_of(build: Callable[..., Cell]) -> dict[str, inspect.Parameter]:
    """What a text may say of a cell: numbers and words, no functions."""
    takes = inspect.signature(build).parameters.items()
    return {name: p for name, p in takes if name != SHAPES and not inspect.isfunction(p.default)}


def _check_option(
    label: str, name: str, option: str, value: Any, takes: Mapping[str, inspect.Parameter]
) -> None:
    if option not in takes:
        expected = f"one of {', '.join(takes)}" if takes else "none"
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
    _check_results(name, cell)
    nodes = list(walk(*cell.results.values()))
    if len(nodes) > MOST_OPERATIONS:
        raise ModelError(
            name,
            f"has {len(nodes)} operations, more than the {MOST_OPERATIONS} that are accepted; "
            "write it with fewer",
        )
    if not cell.states:
        raise ModelError(
            name, "has no state: no result has the name of a state that the equations read"
        )
    lost = {e.name for e in nodes if e.kind == "state"} - set(cell.results)
    if lost:
        raise ModelError(name, f"reads the state {min(lost)!r}, but no result has this name")
    if cell.inputs not in ((), ("x",)):
        raise ModelError(
            name, f"reads {', '.join(cell.inputs)}; a cell of an npz file reads x only"
        )
    wrong = next((e.kind for e in nodes if e.kind in NEEDS_MORE), None)
    if wrong is not None or cell.windowed:
        raise ModelError(name, f"is {wrong or 'windowed'}, which a cell of an npz file cannot be")
    unknown = [e.name for e in nodes if e.kind == "apply" and e.name not in FUNCTIONS]
    if unknown:
        raise ModelError(
            name,
            f"applies {unknown[0]!r}; expected one of {', '.join(FUNCTIONS)}, or functions.py's",
        )
    read = Counter(matrix for e in nodes if e.kind == "affine" for matrix in (*e.matrices, e.name))
    both = next((e.name for e in nodes if e.kind == "param" and e.name in read), None)
    if both is not None:
        raise ModelError(name, f"reads {both!r} as a vector, too; give that another name")
    twice = next((matrix for matrix, count in read.items() if count > 1), None)
    if twice is not None:
        raise ModelError(
            name,
            f"multiplies by {twice} in two places; keep the product in a variable, or give the "
            "second one a name and an array of its own",
        )


def _check_bounds(name: str, cell: Cell) -> None:
    if not isinstance(cell.bounds, Mapping):
        raise ModelError(name, f"bounds {cell.bounds!r}, expected {{result: its magnitude, ...}}")
    for result, bound in cell.bounds.items():
        if result not in cell.results:
            raise ModelError(name, f"bounds {result!r}, but no result has this name")
        number = isinstance(bound, int | float | np.integer | np.floating)
        if not (number and 0.0 < bound < np.inf):
            raise ModelError(name, f"bounds {result!r} by {bound!r}, expected a number above 0")


def _check_results(name: str, cell: Cell) -> None:
    """Names and types, which Python has not checked."""
    if not isinstance(cell.results, Mapping) or not cell.results:
        raise ModelError(name, "has no results; expected Cell(name, {state: its next value, ...})")
    for result, value in cell.results.items():
        if not isinstance(value, Expr):
            raise ModelError(
                name, f"its result {result!r} is {type(value).__name__}, expected an expression"
            )
    words = [*cell.results, *cell.states, *cell.parameters]
    odd = next(
        (word for word in words if not (isinstance(word, str) and word.isidentifier())), None
    )
    if odd is not None:
        raise ModelError(
            name, f"has a vector or matrix called {odd!r}, expected letters and digits"
        )
    _check_bounds(name, cell)
    for parameter, array in cell.fixed.items():
        right = isinstance(array, np.ndarray) and array.dtype.kind in "iuf" and array.size
        if not (right and np.isfinite(array).all()):
            raise ModelError(name, f"fixed {parameter!r}: expected an array of finite numbers")
