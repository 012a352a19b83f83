"""Data as people have them become arrays by name: what a user gives to calibrate on, run or score.

    ndarray, tensor       [N, T, F] of a model with one input
    dict                  arrays by the names of inputs
    list of these         recordings, each a stream of its own, of any length
    .npz, .npy            the same in a file; recordings are arrays x__0, x__1 ...
    any other iterable    batches of samples, as a DataLoader or a generator gives them: arrays,
                          dicts by name, or tuples (x, y), of which x is taken

Batches are read up to LARGEST_GIVEN bytes, kept once and in float32; what is beyond is left unread,
and said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.archive import read_data
from lstm_edge.errors import DataError
from lstm_edge.files import read_bytes
from lstm_edge.interpret.batches import joined, named, numbers
from lstm_edge.interpret.feed import Feed, Results, calls_of, feed_of, state_arrays
from lstm_edge.interpret.ports import dequantize, from_vectors
from lstm_edge.interpret.shapes import FIRST, by_name, described, fitted, in_kind, whole
from lstm_edge.ir.program import Program
from lstm_edge.limits import LARGEST_DATA

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

_NUMBERED = re.compile(r"(?P<name>.*)__(?P<number>\d{1,6})\Z")


@dataclass(frozen=True)
class Given:
    """Arrays of samples by name; or, of recordings, the arrays of each, and then `arrays` is empty.
    notes: what the user has to be told.
    """

    arrays: Arrays
    recordings: tuple[Arrays, ...] = ()
    notes: tuple[str, ...] = ()


def given(program: Program, data: Any) -> Given:
    """What `data` holds for the model's inputs; see the module. DataError where it is none of
    these, or does not fit.
    """
    if isinstance(data, Given):
        return data
    if isinstance(data, str | Path):
        return _by_number(program, read_file(Path(data)))
    if isinstance(data, Mapping):
        return _of_mapping(program, data)
    if is_array(data):
        return Given(by_name(program, named(data)))
    if isinstance(data, list) and data and not isinstance(data[0], tuple):
        parts = tuple(by_name(program, named(each)) for each in data)
        _check_no_batches(program, parts)
        return Given({}, parts)
    if isinstance(data, tuple):
        raise DataError(
            f"a tuple of {len(data)} was given; expected the inputs alone: an array, a dict of "
            "arrays by name, or a list of recordings"
        )
    if isinstance(data, Iterable):
        arrays, notes = joined(data, lambda batch: by_name(program, named(batch)))
        return Given(arrays, (), notes)
    raise DataError(
        f"{type(data).__name__} was given; expected an array, a dict of arrays, a list of "
        "recordings, a path, or an iterable of batches"
    )


def read_file(path: Path) -> dict[str, Array]:
    """Arrays of an .npz or .npy file by name; DataError for anything else."""
    try:
        return read_data(read_bytes(path, LARGEST_DATA), LARGEST_DATA)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}); expected an .npz or .npy file"
        ) from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def numbered(arrays: Arrays, known: Iterable[str] | None = None) -> dict[str, dict[int, Array]]:
    """name -> number -> array, of those called `x__0`, `x__1` ...; known: names that count."""
    found: dict[str, dict[int, Array]] = {}
    names = None if known is None else set(known)
    for each, array in arrays.items():
        match = _NUMBERED.match(each)
        if match and (names is None or match["name"] in names):
            found.setdefault(match["name"], {})[int(match["number"])] = array
    return found


def feeds_of(program: Program, data: Given, stream: bool = False) -> tuple[Feed, ...]:
    """What is fed: one feed of samples, or one of each recording, a stream of its own."""
    if not data.recordings:
        return (feed_of(program, data.arrays, stream),)
    return tuple(_recording(program, k, each).feed for k, each in enumerate(data.recordings))


def comes_bare(program: Program, data: Given, stream: bool = False) -> bool:
    """True where no input came with its batch axis: outputs are to have none then."""
    if not data.recordings:
        return fitted(program, data.arrays, 2 if stream else 1)[1]
    return all(_recording(program, k, each).bare for k, each in enumerate(data.recordings))


def answers(
    program: Program,
    data: Given,
    run: Callable[[Feed], Results],
    *,
    stream: bool = False,
    raw: bool = False,
) -> dict[str, Array]:
    """What a program gives for a user's data, in kind: arrays of samples, [streams, calls, ...]
    with `stream`, or y__0, y__1 ... of recordings. run: how it is run, numpy or C. raw: stored
    numbers, not float32.
    """
    if not data.recordings:
        results = run(feed_of(program, data.arrays, stream))
        bare = comes_bare(program, data, stream)
        return in_calls(program, results, raw=raw, bare=bare, one_call=not stream)
    found: dict[str, Array] = {}
    for k, arrays in enumerate(data.recordings):
        each = _recording(program, k, arrays)
        made = in_calls(program, run(each.feed), raw=raw, bare=each.bare, one_call=each.one_call)
        found |= {f"{name}__{k}": array[0] for name, array in made.items()}
    return found


def in_calls(
    program: Program, results: Results, *, raw: bool, bare: bool, one_call: bool
) -> dict[str, Array]:
    """Outputs as the file names and shapes them, [streams, calls, ...], or [streams, ...] of one
    call each. bare: without their batch axis.
    """
    found = {}
    for port in program.outputs:
        stored = results.outputs[port.name]
        vectors = stored.reshape(-1, *stored.shape[2:])
        shaped = from_vectors(port, vectors if raw else dequantize(program, port, vectors))
        array = shaped.reshape(*stored.shape[:2], *shaped.shape[1:])
        found[port.name] = in_kind(port, array, 2) if bare else array
    found |= state_arrays(program, results, raw)
    return {name: array[:, 0] if one_call else array for name, array in found.items()}


def together(program: Program, feeds: Sequence[Feed]) -> Feed:
    """Recordings cut to one length, those that are shorter left out: as many numbers as can be
    without padding, for what needs streams of one length.
    """
    if len(feeds) == 1:
        return feeds[0]
    shapes = [feed.shape[1:] for feed in feeds]
    cuts = program.steps is None and not program.length_ports
    best = max(
        ((calls, steps) for calls, _ in shapes for _, steps in shapes),
        key=lambda cut: (cut[0] * cut[1] * sum(_reaches(s, cut, cuts) for s in shapes), *cut),
    )
    kept = [f for f, s in zip(feeds, shapes, strict=True) if _reaches(s, best, cuts)]
    calls, steps = best
    inputs = {
        name: np.concatenate(
            [
                f.inputs[name][:, :calls, :steps] if a.ndim == 4 else f.inputs[name][:, :calls]
                for f in kept
            ]
        )
        for name, a in kept[0].inputs.items()
    }
    names = [name for name in kept[0].states if all(name in f.states for f in kept)]
    states = {name: np.concatenate([f.states[name][:, :calls] for f in kept]) for name in names}
    return Feed(inputs, states, apart=True)


def _reaches(shape: tuple[int, ...], cut: tuple[int, int], cuts: bool) -> bool:
    return shape[0] >= cut[0] and (shape[1] >= cut[1] if cuts else shape[1] == cut[1])


@dataclass(frozen=True)
class _Recording:
    """A stream. bare: inputs came without their batch axis. one_call: and without one of calls."""

    feed: Feed
    bare: bool
    one_call: bool


def _recording(program: Program, number: int, arrays: Arrays) -> _Recording:
    """One stream of calls, [calls, *shape], or a single call, which may have any length."""
    full, bare, single = dict(arrays), [], []
    for port in program.inputs:
        if port.name not in arrays:
            continue
        array = arrays[port.name]
        one = whole(port, array) if array.ndim <= len(port.shape) else None
        calls, without = fitted(program, {port.name: array}, 1)
        fits = calls[port.name] is not array or array.ndim > len(port.shape)
        if one is not None and (-1 in port.shape or not fits):
            full[port.name] = one[None]
        else:
            full[port.name], one = calls[port.name], None
            if not fits:
                raise DataError(
                    f"recording {number}: array {port.name!r} is {list(array.shape)}, expected "
                    f"{described(port, ('calls',))}, or one call without the first axis"
                )
        single.append(one is not None)
        bare.append(without if one is None else array.ndim < len(port.shape))
    streams = {name: array[None] for name, array in full.items()}
    try:
        feed = calls_of(program, streams, stream=True)
    except DataError as error:
        raise DataError(f"recording {number}: {error}") from None
    return _Recording(
        Feed(feed.inputs, feed.states, apart=True), bool(bare) and all(bare), all(single)
    )


def _check_no_batches(program: Program, parts: Sequence[Arrays]) -> None:
    """A list of batches looks like recordings of several calls. A model of a fixed length whose
    states nobody sets is hardly meant to go on from call to call.
    """
    sequences = [p for p in program.inputs if "time" in p.axes]
    fixed = all(p.shape[p.axes.index("time")] > 1 for p in sequences)
    if program.state_inputs or not sequences or not fixed:
        return
    for k, arrays in enumerate(parts):
        calls = _recording(program, k, arrays).feed.shape[1]
        if calls > 1:
            name = next(iter(arrays))
            raise DataError(
                f"item {k} of the list holds {calls} samples, or is a recording of {calls} calls; "
                "for samples give one array (numpy.concatenate) or a generator of batches, for "
                f"recordings a dict of arrays {name}__0, {name}__1 ..."
            )


def is_array(data: Any) -> bool:
    """An array of numpy, or a tensor of another library."""
    return hasattr(data, "__array__") or hasattr(data, "detach")


def _of_mapping(program: Program, data: Mapping[Any, Any]) -> Given:
    """A dict of arrays, or of lists: a recording each."""
    lists = {str(name): each for name, each in data.items() if isinstance(each, list)}
    ragged = {name: each for name, each in lists.items() if each and is_array(each[0])}
    if not ragged:
        return _by_number(program, named(data))
    if len(ragged) != len(data):
        raise DataError("some inputs are lists of recordings and some are not; give lists of all")
    flat = {
        f"{name}__{k}": numbers(array)
        for name, arrays in ragged.items()
        for k, array in enumerate(arrays)
    }
    return _by_number(program, flat)


def _by_number(program: Program, arrays: dict[str, Array]) -> Given:
    """Arrays x__0, x__1 ... as recordings; others as samples."""
    ports = [p.name for p in program.inputs] + [p.name for p in program.state_inputs]
    usual = [*ports, *(old for new, old in program.file_names.items() if new in ports)]
    known = [*usual, *(FIRST + name for name in usual)]
    found = numbered(arrays, known)
    if not found and len(program.inputs) == 1:
        every = numbered(arrays)
        found = every if len(every) == 1 and len(arrays) == len(next(iter(every.values()))) else {}
    if not found:
        return Given(by_name(program, arrays))
    both = next((name for name in arrays if name in usual), None)
    if both is not None:
        first = next(iter(found))
        raise DataError(
            f"array {both!r} is samples, {first}__0 a recording; give samples or recordings, not "
            "both"
        )
    count = max(len(each) for each in found.values())
    for name, each in found.items():
        missing = next((k for k in range(count) if k not in each), None)
        if missing is not None or len(each) != count:
            raise DataError(
                f"recordings of {name!r} are numbered {sorted(each)}, expected 0 to {count - 1}, "
                "as of every input"
            )
    parts = ({name: each[k] for name, each in found.items()} for k in range(count))
    return Given({}, tuple(by_name(program, each) for each in parts))
