"""Which array a user means, and how its axes fit: names, axes of size 1 that are missing, streams.

A model's input has the shape [1, T, F]; everybody's array is [N, T, F]. Axes of a fixed size 1 may
be missing, as long as what is left fits in one way. Outputs then come back in kind: without their
batch axis, where no input had it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import DataError
from lstm_edge.ir.program import Port, Program, StatePort

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
FIRST = "init__"
"""Before the name of a state input: its state before the first call of a stream."""


def by_name(program: Program, arrays: Arrays, *, alone: bool = True) -> dict[str, Array]:
    """The arrays by the names of the program's ports: an array may have the name that its input has
    in the model's file. alone: a single array needs no name where there is a single input.

    Raises DataError where two arrays are one port's.
    """
    files = {old: new for new, old in program.file_names.items()}
    ports = {port.name for port in (*program.inputs, *program.outputs)}
    ports |= {port.name for port in (*program.state_inputs, *program.state_outputs)}
    found: dict[str, Array] = {}
    for name, array in arrays.items():
        new = name
        for prefix in ("", FIRST, "label__"):
            old = name.removeprefix(prefix)
            if name.startswith(prefix) and name not in ports and old in files:
                new = prefix + files[old]
        if new in found:
            raise DataError(f"array {name!r} is the same as {new!r}, which is there, too")
        found[new] = array
    only = next(iter(found), "")
    nameless = only not in ports and not only.startswith((FIRST, "label__"))
    if alone and len(found) == 1 and len(program.inputs) == 1 and nameless:
        return {program.inputs[0].name: found[only]}
    return found


def fitted(
    program: Program, arrays: Arrays, lead: int, prefix: str = ""
) -> tuple[dict[str, Array], bool]:
    """Arrays of inputs with all axes, behind `lead` axes of samples, or streams and calls; and True
    where none of them had its batch axis. Arrays that do not fit stay as they are.

    Raises DataError where an array fits in two ways. prefix: of its message.
    """
    found, bare = dict(arrays), []
    for port in program.inputs:
        if port.name not in arrays:
            continue
        array = arrays[port.name]
        if array.ndim == lead + len(port.shape):
            bare.append(False)
            continue
        shape, dropped = _filled(port, array.shape[lead:])
        if not shape:
            continue
        _check_one_meaning(port, array, lead, shape, prefix)
        found[port.name] = array.reshape(*array.shape[:lead], *shape)
        bare.append("batch" in [port.axes[k] for k in dropped])
    first = next((found[p.name].shape for p in program.inputs if p.name in found), ())
    for state in program.state_inputs:
        for name, axes in ((state.name, lead), (FIRST + state.name, lead - 1)):
            if name in arrays and axes >= 0:
                found[name] = _state(state, arrays[name], first[:axes])
    return found, bool(bare) and all(bare)


def in_kind(port: Port, array: Array, lead: int) -> Array:
    """An output without its batch axis; lead: axes before the output's shape."""
    if "batch" not in port.axes:
        return array
    return array.reshape(np.delete(array.shape, lead + port.axes.index("batch")))


def whole(port: Port, array: Array) -> Array | None:
    """An array without an axis of samples as the shape of one call, None where it does not fit."""
    shape, _ = _filled(port, array.shape)
    return array.reshape(shape) if shape else None


def described(port: Port, lead: Sequence[str]) -> str:
    """`[samples, any, 3] or [samples, 1, any, 3]`."""
    full = [*lead, *(_size(n) for n in port.shape)]
    if "batch" not in port.axes:
        return f"[{', '.join(full)}]"
    short = [s for k, s in enumerate(full) if k != len(lead) + port.axes.index("batch")]
    return f"[{', '.join(short)}] or [{', '.join(full)}]"


def _filled(port: Port, found: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """`found` with the axes of size 1 that it lacks, and which these are; empty where it does not
    fit. An open axis is never one that may be missing.
    """
    places = [k for k, n in enumerate(port.shape) if n == 1]
    missing = len(port.shape) - len(found)
    if not 0 <= missing <= len(places):
        return (), ()
    for dropped in combinations(places, missing):
        kept = [n for k, n in enumerate(port.shape) if k not in dropped]
        if all(n in (-1, size) for n, size in zip(kept, found, strict=True)):
            sizes = iter(found)
            shape = tuple(1 if k in dropped else next(sizes) for k in range(len(port.shape)))
            return shape, dropped
    return (), ()


def _check_one_meaning(
    port: Port, array: Array, lead: int, shape: tuple[int, ...], prefix: str
) -> None:
    """Refuse an array that is as well one call without an axis of samples, of other numbers."""
    if lead != 1 or len(array) == 1:
        return
    other, _ = _filled(port, array.shape)
    if not other:
        return
    raise DataError(
        f"{prefix}array {port.name!r} is {list(array.shape)}, which is {len(array)} samples of "
        f"{list(shape)}, or one sample of {list(other)}: give it as "
        f"{[len(array), *shape]} or {[1, *other]}"
    )


def _state(port: StatePort, array: Array, lead: tuple[int, ...]) -> Array:
    """A state with its axes of size 1 where it lacks them."""
    rest = [n for n in array.shape[len(lead) :] if n != 1]
    lacks = array.shape[: len(lead)] == lead and array.ndim < len(lead) + len(port.shape)
    fits = lacks and rest == [n for n in port.shape if n != 1]
    return array.reshape(*lead, *port.shape) if fits else array


def _size(n: int) -> str:
    return "any" if n < 0 else str(n)
