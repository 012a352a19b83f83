"""C that checks what a model offers beside its results: conversions, states, macros, self-test.

Numbers go in as tables of bits, with those that numpy gives for them; each check counts what
differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.emit.blob import HEADER, LAYOUT_AT, checksum
from lstm_edge.emit.environment import environment
from lstm_edge.emit.header import Macro, macros, state_macros
from lstm_edge.emit.identity import Identity
from lstm_edge.emit.memory import c_name
from lstm_edge.emit.ports import port_names, port_view
from lstm_edge.emit.testing import DTYPES, TestedModel, test_ports, tested_model
from lstm_edge.emit.view import Constant
from lstm_edge.interpret.execute import initial_state, run, set_state
from lstm_edge.interpret.feed import is_cut
from lstm_edge.interpret.ports import dequantize, quantize
from lstm_edge.interpret.raw import (
    RAW_HIGH,
    RAW_LOW,
    RawInput,
    quantize_int16,
    raw_constants,
)
from lstm_edge.ir.program import Port, Program, State
from lstm_edge.passes.widths import ctype_of

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
Floats = npt.NDArray[np.float32]

MOST_NUMBERS = 2048
"""Of a table, where rows can be left out."""
MOST_OF_RUN = 8192
"""Numbers that go into and come out of a run."""
MOST_COPIED = 2**14
"""Bytes of a block of weights that a copy is made of on a board."""
STEPS = 32
"""Of a sequence, where any number will do."""
LAYOUT_WORDS = 8
"""Of the hash in the header of weights."""


@dataclass(frozen=True)
class Conversion:
    """A function from one vector to another, `given` and `expected` [rows, length] in C types."""

    function: str
    takes: str
    gives: str
    given: Array
    expected: Array


@dataclass(frozen=True)
class Kept:
    """A state, [1, length] each: what it is set to, what it is then, and what after a reset."""

    name: str
    ctype: str
    given: Array
    expected: Array
    initial: Array


@dataclass(frozen=True)
class Run:
    """What `_run` is given, what it gives, [steps, length] by port, and the states after it,
    [1, length].
    """

    steps: int
    given: Mapping[str, Array]
    expected: Mapping[str, Array]
    states: Mapping[str, Array]


@dataclass(frozen=True)
class Block:
    """Weights that can be replaced. header: its words; others: places of words that are changed in
    a copy, with what is found then, its checksum made anew where that would be found first.
    """

    size: int
    header: Array
    others: tuple[tuple[int, int, int, str], ...]


@dataclass(frozen=True)
class Interface:
    """All that is checked. runs: of any stored numbers, from a reset state, and from states that
    were set where the program streams; none where they would be too large. block: None where
    weights are part of the code.
    """

    model: TestedModel
    runs: tuple[Run, ...]
    conversions: tuple[Conversion, ...]
    states: tuple[Kept, ...]
    macros: tuple[Macro, ...]
    identity: str
    block: Block | None = None

    @property
    def names(self) -> list[str]:
        """What is checked, in the order of the counts."""
        states = [f"set_{s.name}" for s in self.states] if self.model.streams else []
        resets = [f"reset ({s.name})" for s in self.states]
        first, again = (["run"], ["run after reset"]) if self.runs else ([], [])
        going = ["run from states"] if len(self.runs) > 1 else []
        functions = [c.function for c in self.conversions]
        rest = ["macros", "identity", "selftest", *(["weights"] if self.block else [])]
        return [*functions, *first, *states, *going, *resets, *again, *rest]

    @property
    def ctypes(self) -> list[str]:
        """C types of what is taken or compared."""
        ports = (*self.model.inputs, *self.model.outputs)
        found = {c.takes for c in self.conversions} | {c.gives for c in self.conversions}
        return sorted(found | {p.ctype for p in ports} | {s.ctype for s in self.states})


def interface_of(
    program: Program, raws: Mapping[str, RawInput], identity: Identity, weights: bytes = b""
) -> Interface:
    """What a program offers. raws: what raw integers of inputs stand for; weights: the block of
    those that can be replaced.
    """
    names = port_names(program)
    views = [
        tuple(port_view(program, port, names[port.name])[0] for port in ports)
        for ports in (program.inputs, program.outputs)
    ]
    known = [m for m in identity.macros(program) if not m.value.startswith('"')]
    kept = tuple(_kept(program, state) for state in program.settable)
    return Interface(
        model=tested_model(program),
        runs=_runs(program, names, kept),
        conversions=tuple(_conversions(program, raws, names)),
        states=kept,
        macros=(*known, *macros(program, *views), *state_macros(program)),
        identity=identity.text(program),
        block=_block(weights) if weights else None,
    )


def _block(data: bytes) -> Block:
    """Of a block: its header, and what is wrong with it where a word is another one."""
    header = np.frombuffer(data[: HEADER.size], "<i4")
    places = {name: k for k, name in enumerate(("NONE", "CRC", "VERSION", "LENGTH"))}
    others = [(k, int(header[k]) ^ 1, int(header[1]), name) for name, k in places.items()]
    for place in (LAYOUT_AT, LAYOUT_AT + LAYOUT_WORDS - 1):
        layout = np.frombuffer(data, "<i4").copy()
        layout[place] ^= 1 << 30
        crc = np.array([checksum(layout.tobytes())], np.uint32).view(np.int32)
        others.append((place, int(layout[place]), int(crc[0]), "LAYOUT"))
    return Block(len(data), header, tuple(others))


def render_interface(checked: Interface, *, roomy: bool = False) -> str:
    """C of a function `<name>_interface` that writes how many numbers differ, check by check.
    roomy: there is room for a copy of any block of weights.
    """
    copied = checked.block is not None and (roomy or checked.block.size <= MOST_COPIED)
    return (
        environment()
        .get_template("common/interface.c.j2")
        .render(model=checked.model, checked=checked, table=_table, copied=copied)
    )


def _table(numbers: Array) -> Constant:
    """Numbers as those of their bits: no text rounds them, and NaN has some."""
    whole = np.atleast_2d(numbers)
    if whole.dtype == np.float32:
        whole = np.ascontiguousarray(whole).view(np.int32)
    return Constant("", "int32_t", whole.shape, whole.astype(np.int64), "")


def _runs(program: Program, names: Mapping[str, str], kept: tuple[Kept, ...]) -> tuple[Run, ...]:
    """None where sequences have lengths of their own, or too many numbers for arrays of all."""
    steps = program.steps or max(STEPS, program.least_steps)
    ports = (*program.inputs, *program.outputs)
    if program.length_ports or steps * sum(len(p.scale) for p in ports) > MOST_OF_RUN:
        return ()
    given = _drawn_inputs(program, steps)
    first = _run(program, names, given, initial_state(program, 1))
    if not program.streams or any(s.goes_on and not s.given for s in program.states):
        return (first,)
    # What ends with ticks of its own ends where the C has counted all steps, and not before.
    ends = any(block.clock.extra for block in program.blocks)
    odd = steps - 1 if steps > program.least_steps and is_cut(program) and not ends else steps
    given = {name: a[:, :odd] if a.ndim == 3 else a for name, a in given.items()}
    numbers = {s.name: k.given for s, k in zip(program.settable, kept, strict=True)}
    state = set_state(program, initial_state(program, 1), numbers)
    return (first, _run(program, names, given, state)) if kept else (first,)


def _run(
    program: Program, names: Mapping[str, str], given: Mapping[str, Array], state: Arrays
) -> Run:
    outputs, states = run(program, given, state)
    steps = max(a.shape[1] for a in given.values() if a.ndim == 3)
    return Run(
        steps,
        {names[p.name]: _of_type(program, p.value, given[p.name][0]) for p in program.inputs},
        {names[p.name]: _of_type(program, p.value, outputs[p.name][0]) for p in program.outputs},
        {c_name(s.name): _of_type(program, s.name, states[s.name][0]) for s in program.settable},
    )


def _drawn_inputs(program: Program, steps: int) -> dict[str, Array]:
    """Any stored numbers that an input may have, [1, steps, features]: of every three steps one has
    ends of the range only, which saturate, and one small numbers, whose rounding is seen.
    """
    rng, found = np.random.default_rng(0), {}
    for port in program.inputs:
        value = program.values[port.value]
        shape = (1, steps, value.length) if port.per_step else (1, value.length)
        if program.is_float:
            real = rng.normal(size=shape).astype(np.float32)
            found[port.name] = np.floor(real) % port.limit if port.limit else real
            continue
        low, high = (0, port.limit - 1) if port.limit else (value.format.low, value.format.high)
        numbers = rng.integers(low, high + 1, shape)
        if port.per_step and not port.limit:
            ends, small = rng.choice([low, high], shape), np.clip(numbers % 7 - 3, low, high)
            numbers[:, 1::3], numbers[:, 2::3] = ends[:, 1::3], small[:, 2::3]
        found[port.name] = numbers
    return found


def _of_type(program: Program, value: str, numbers: Array) -> Array:
    return np.atleast_2d(numbers).astype(DTYPES[ctype_of(program, value)])


def _conversions(
    program: Program, raws: Mapping[str, RawInput], names: Mapping[str, str]
) -> Iterator[Conversion]:
    for port, info in zip(program.inputs, test_ports(program, program.inputs), strict=True):
        if port.limit:
            continue
        name = f"quantize_{names[port.name]}"
        real = _real_numbers(program, port)
        stored = _of_type(program, port.value, quantize(program, port, real))
        yield Conversion(name, "float", info.ctype, real, stored)
        if port.name in raws:
            raw = _raw_numbers(program, port, raws[port.name])
            stored = quantize_int16(program, port, raws[port.name], raw)
            made = _of_type(program, port.value, stored)
            yield Conversion(f"{name}_from_int16", "int16_t", info.ctype, raw, made)
    for port, info in zip(program.outputs, test_ports(program, program.outputs), strict=True):
        if not port.limit:
            stored = _stored_numbers(program, port.value, 24)
            real = dequantize(program, port, stored.astype(np.float64 if program.is_float else int))
            name = f"dequantize_{names[port.name]}"
            yield Conversion(name, info.ctype, "float", stored, real.astype(np.float32))


def _raw_numbers(program: Program, port: Port, raw: RawInput) -> Array:
    """Ends, any others, and of each feature those that are nearest to being rounded otherwise."""
    length = len(port.scale)
    ends = np.array([RAW_LOW, RAW_HIGH, 0, -1, 1], np.int16)
    rows = _rows(length, np.concatenate([ends, _drawn(RAW_LOW, RAW_HIGH + 1, 24)]))
    if program.is_float:
        return rows.astype(np.int16)
    made = raw_constants(port, raw)
    every = np.arange(RAW_LOW, RAW_HIGH + 1)
    near = [
        every[np.argsort((every * m + offset) % (1 << shift))[[0, 1, 2, -3, -2, -1]]]
        for m, offset, shift in zip(made.multipliers, made.offsets, made.shifts, strict=True)
    ]
    return np.concatenate([rows, np.stack(near, axis=1)]).astype(np.int16)


def _rows(length: int, numbers: Array) -> Array:
    """Each number for each feature, in another order for each; few of them for a long vector."""
    count = max(4, min(len(numbers), MOST_NUMBERS // length))
    places = (np.arange(count)[:, None] * 7 + np.arange(length) * 5) % len(numbers)
    rows: Array = numbers[places]
    return rows


def _drawn(low: int, high: int, count: int) -> Array:
    return np.random.default_rng(1).integers(low, high, count)


def _real_numbers(program: Program, port: Port) -> Floats:
    """Ends of the range, halves between two stored numbers and what is next to them, and what is
    far outside or no number.
    """
    length = program.values[port.value].length
    if program.is_float:
        return _rows(length, np.array([0.0, -1.5, 3.25, 1e-30, -1e30], np.float32))
    fmt = program.values[port.value].format
    near = [fmt.low, fmt.low - 1, fmt.high, fmt.high + 1, 0, *_drawn(fmt.low, fmt.high, 6)]
    units = np.concatenate([np.array(near) + part for part in (0.0, 0.5, -0.5)])
    rows = _rows(length, units)
    real = ((rows - port.zero_point) * port.scale).astype(np.float32)
    beside = np.nextafter(real, np.float32(np.inf))
    far = np.array([np.inf, -np.inf, np.nan, 1e30, -1e30, -0.0], np.float32)
    return np.concatenate([real, beside, np.tile(far[:, None], (1, length))])


def _stored_numbers(program: Program, value: str, count: int) -> Array:
    length, fmt = program.values[value].length, program.values[value].format
    if program.is_float:
        return _rows(length, np.linspace(-3, 3, 7, dtype=np.float32))
    ends = np.array([fmt.low, fmt.high, 0])
    numbers = np.concatenate([ends, _drawn(fmt.low, fmt.high, count)])
    return _of_type(program, value, _rows(length, numbers))


def _kept(program: Program, state: State) -> Kept:
    """Set to any number of its type: those beyond what it may be count as the nearest."""
    value, ctype = program.values[state.name], ctype_of(program, state.name)
    kind = DTYPES[ctype]
    if program.is_float:
        given = np.linspace(-2, 2, value.length, dtype=np.float32)
        inside = given
    else:
        ends = np.iinfo(kind)
        given = np.resize(
            np.array([ends.min, value.format.low, value.format.high, ends.max, 0]), value.length
        )
        inside = np.clip(given, value.format.low, value.format.high)
    initial = np.zeros_like(state.initial) if state.accumulator else state.initial
    arrays = (np.atleast_2d(each).astype(kind) for each in (given, inside, initial))
    return Kept(c_name(state.name), ctype, *arrays)
