"""What a program is fed and what it gives, in stored numbers: streams, calls, steps."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.errors import DataError
from lstm_edge.interpret.execute import Result, Tick, drained, initial_state, set_state, walk
from lstm_edge.interpret.ports import dequantize_state, quantize, quantize_state, read_inputs
from lstm_edge.interpret.prepare import Functions, Observer, prepare
from lstm_edge.interpret.shapes import by_name, described, fitted
from lstm_edge.ir.program import Program, StatePort, length_read
from lstm_edge.operations import OPERATIONS
from lstm_edge.operations.record import Timing

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

LONG = 2**13
"""Steps of a fixed length from which on the first of them stand for all."""


@dataclass(frozen=True)
class Feed:
    """inputs: name -> [streams, calls, steps, n], or [streams, calls, n] for one vector of a whole
    call. states: settable state -> [streams, k, n], given before the first call (k = 1) or before
    each of them. The state lives on over the calls of a stream where the program can be run step
    by step.
    """

    inputs: Arrays
    states: Arrays = field(default_factory=dict)
    apart: bool = False
    """Streams are recordings: one does not go on where another ends."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Streams, calls, and steps of a call."""
        shapes = (a.shape for a in self.inputs.values() if a.ndim == 4)
        streams, calls, steps, _ = next(shapes)
        return streams, calls, steps

    @classmethod
    def of_samples(cls, inputs: Arrays) -> Feed:
        """Inputs [samples, steps, n], each sample a stream of one call."""
        return cls({name: a[:, None] for name, a in inputs.items()})

    def first_steps(self, program: Program, most: int) -> Feed:
        """Cut to so many steps, where the model takes any number of them, or so many that nobody
        waits for all, and a step asks for no number of its own.
        """
        _, _, steps = self.shape
        fixed = program.steps is not None and steps <= LONG
        if fixed or steps <= most or not is_cut(program):
            return self
        cut = {name: a[:, :, :most] if a.ndim == 4 else a for name, a in self.inputs.items()}
        return replace(self, inputs=cut)

    def pick(self, samples: Array) -> Feed:
        """Some of the streams."""
        return replace(
            self,
            inputs={name: a[samples] for name, a in self.inputs.items()},
            states={name: a[samples] for name, a in self.states.items()},
        )


def is_cut(program: Program) -> bool:
    """Whether the first steps of a sequence can stand for all: no step asks for its number."""
    if program.steps is None or program.length_ports:
        return not program.length_ports
    ops = (op for block in program.blocks for op in block.ops)
    return program.streams and all(OPERATIONS[op.kind].timing is not Timing.STEP for op in ops)


@dataclass(frozen=True)
class Results:
    """outputs: name -> [streams, calls, steps, n], or [streams, calls, n] for what exists after the
    last step of a call. states: settable state -> [streams, calls, n] after each call.
    """

    outputs: Arrays
    states: Arrays


def run_numpy(
    program: Program,
    feed: Feed,
    observe: Observer | None = None,
    *,
    exact: bool = True,
    instead: Functions | None = None,
    gives: bool = True,
) -> Results:
    """The program in numpy, call by call; `exact` and `instead` as for `execute.run`; gives: False
    leaves the outputs out, for who only looks at what is inside.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return drained(
            walk_calls(program, feed, observe, exact=exact, instead=instead, gives=gives)
        )


def walk_calls(
    program: Program,
    feed: Feed,
    observe: Observer | None = None,
    *,
    exact: bool = True,
    instead: Functions | None = None,
    gives: bool = True,
) -> Generator[tuple[int, Tick], None, Results]:
    """The same tick by tick, as `execute.walk`: yields the number of the call and the tick."""
    streams, calls, _ = feed.shape
    prepared = prepare(program, exact, instead, gives)
    state = initial_state(program, streams)
    parts, after = [], []
    for call in range(calls):
        if not prepared.streams:
            state = initial_state(program, streams)
        given = {name: a[:, call] for name, a in feed.states.items() if call < a.shape[1]}
        if given:
            state = set_state(program, state, given)
        inputs = {name: a[:, call] for name, a in feed.inputs.items()}
        walked = walk(prepared, inputs, state, observe)
        outputs, state = yield from _numbered(call, walked)
        parts.append(outputs)
        after.append(state)
    return Results(
        {name: _calls_of([p.pop(name) for p in parts]) for name in list(parts[0])},
        {s.name: _calls_of([p[s.name] for p in after]) for s in program.settable},
    )


def _calls_of(parts: list[Array]) -> Array:
    """What each call gave, [streams, calls, ...]."""
    return parts[0][:, None] if len(parts) == 1 else np.stack(parts, axis=1)


def _numbered(
    call: int, walked: Generator[Tick, None, Result]
) -> Generator[tuple[int, Tick], None, Result]:
    while True:
        try:
            tick = next(walked)
        except StopIteration as end:
            result: Result = end.value
            return result
        yield call, tick


def feed_of(program: Program, arrays: Arrays, stream: bool) -> Feed:
    """A user's arrays as stored numbers; DataError names what is missing or does not fit.

    Names and missing axes as in `shapes.py`.
    """
    if stream and not program.streams:
        raise DataError(
            "--stream: this model needs whole sequences, so nothing lives on from call to call; "
            "run it without --stream"
        )
    arrays, _ = fitted(program, by_name(program, arrays), 2 if stream else 1)
    return calls_of(program, arrays, stream)


def calls_of(program: Program, arrays: Arrays, stream: bool) -> Feed:
    """The same of arrays with the program's names and all axes."""
    _check_first(program, arrays, stream)
    shape = _calls(program, arrays) if stream else None
    flat = _flattened(program, arrays) if stream else arrays
    vectors = read_inputs(program, flat)
    _check_lengths(program, vectors)
    _check_steps(program, vectors)
    stored = {port.name: quantize(program, port, vectors[port.name]) for port in program.inputs}
    samples = len(next(iter(stored.values())))
    lead = shape or (samples, 1)
    inputs = {name: a.reshape(*lead, *a.shape[1:]) for name, a in stored.items()}
    states: dict[str, Array] = {}
    for port in program.state_inputs:
        states |= _states(program, port, arrays, lead if stream else (samples,))
    return Feed(inputs, states)


def stored_feed(program: Program, feed: Feed) -> Feed:
    """A feed of real numbers as the program stores them."""
    return replace(
        feed,
        inputs={p.name: quantize(program, p, feed.inputs[p.name]) for p in program.inputs},
        states={name: quantize_state(program, name, a) for name, a in feed.states.items()},
    )


def _check_first(program: Program, arrays: Arrays, stream: bool) -> None:
    """Every `init__<input>` belongs to a state input, which is not fed for each call as well."""
    known = [port.name for port in program.state_inputs]
    for name in arrays:
        state = name.removeprefix("init__")
        if state == name or any(port.name == name for port in program.inputs):
            continue
        if state not in known:
            raise DataError(
                f"array {name!r} belongs to no input that sets a state; the model's are: "
                f"{', '.join(known) or 'none'}"
            )
        if not stream:
            raise DataError(
                f"array {name!r} is for --stream; for samples that each start anew, name it "
                f"{state!r}"
            )
        if state in arrays:
            raise DataError(
                f"array {name!r} gives the state before the first call, {state!r} before each: "
                "leave one out"
            )


def _check_steps(program: Program, vectors: Arrays) -> None:
    """Steps enough for what is known behind the last of them."""
    steps = min(len(vectors[port.name][0]) for port in program.inputs if port.per_step)
    if steps < program.least_steps and not all(port.per_step for port in program.outputs):
        raise DataError(
            f"the inputs have {steps} steps, of which an output behind the last one needs "
            f"{program.least_steps}; give longer ones"
        )


def _check_lengths(program: Program, vectors: Arrays) -> None:
    """No sequence counts more steps than it has; none at all only where states start at 0, since
    ONNX lets a state end at 0 then.
    """
    steps = next(vectors[p.name].shape[1] for p in program.inputs if p.per_step)
    kept = any(np.any(s.initial) for s in program.states if s.goes_on)
    least = 1 if kept or program.state_inputs else 0
    for port in program.length_ports:
        most = counted_steps(program, port.value, steps)
        wrong = (vectors[port.name] > most) | (vectors[port.name] < least)
        if wrong.any():
            raise DataError(
                f"array {port.name!r} holds the length {int(vectors[port.name][wrong][0])}, "
                f"expected {least} to {most}, the steps of the sequences"
            )


def counted_steps(program: Program, length: str, steps: int) -> int:
    """The steps of the shortest sequence that `length` cuts: a convolution may come before it."""
    return min(
        program.lengths[block.sweep].then(block.clock.length).of(steps)
        for block in program.blocks
        if any(length_read(op) == length for op in block.ops)
    )


def _calls(program: Program, arrays: Arrays) -> tuple[int, int]:
    """Streams and calls, which all inputs share."""
    calls = set()
    for port in program.inputs:
        array = arrays.get(port.name)
        if array is None or array.ndim != len(port.shape) + 2:
            found = "missing" if array is None else str(list(array.shape))
            raise DataError(
                f"--stream: array {port.name!r} is {found}, expected "
                f"{described(port, ('streams', 'calls'))}"
            )
        calls.add(array.shape[:2])
    if len(calls) != 1:
        raise DataError(f"--stream: inputs disagree in streams and calls: {sorted(calls)}")
    streams, count = calls.pop()
    return streams, count


def _flattened(program: Program, arrays: Arrays) -> dict[str, Array]:
    """[streams, calls, ...] as [samples, ...]."""
    given = {port.name: arrays[port.name] for port in program.inputs}
    return {n: a.reshape(math.prod(a.shape[:2]), *a.shape[2:]) for n, a in given.items()}


def _states(
    program: Program, port: StatePort, arrays: Arrays, lead: tuple[int, ...]
) -> dict[str, Array]:
    """What an input gives to states: before each call, or `init__<name>` before the first."""
    first = f"init__{port.name}"
    once = len(lead) == 2 and first in arrays
    name = first if once else port.name
    if name not in arrays:
        if not port.partner:
            raise DataError(
                f"no array {port.name!r} for the model's state input, which no output feeds back"
            )
        return {}
    lead = lead[:1] if once else lead
    array = arrays[name]
    if array.shape != (*lead, *port.shape) or array.dtype.kind not in "fiu":
        raise DataError(
            f"array {name!r} is {list(array.shape)} of {array.dtype}, expected "
            f"{[*lead, *port.shape]} of float32"
        )
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise DataError(f"array {name!r} holds NaN, infinite numbers or some too large for float32")
    rows = array.reshape(lead[0], -1, int(np.prod(port.shape)))
    return {
        state: quantize_state(program, state, rows[..., list(places)])
        for state, places in port.places.items()
    }


def state_arrays(program: Program, results: Results, raw: bool) -> dict[str, Array]:
    """The state outputs as the file shapes them, [streams, calls, *shape]."""
    found = {}
    for port in program.state_outputs:
        first = next(iter(results.states.values()))
        kind = np.float32 if not raw or program.is_float else np.int64
        flat = np.zeros((*first.shape[:2], int(np.prod(port.shape))), kind)
        for state, places in port.places.items():
            stored = results.states[state]
            numbers = stored if raw else dequantize_state(program, state, stored)
            flat[..., list(places)] = numbers
        found[port.name] = flat.reshape(*first.shape[:2], *port.shape)
    return found
