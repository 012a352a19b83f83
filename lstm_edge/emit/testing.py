"""The programs that check generated code: the self-test, and the harness that `verify` runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lstm_edge.emit.clocks import length_text
from lstm_edge.emit.environment import environment
from lstm_edge.emit.memory import c_name
from lstm_edge.emit.ports import port_names, type_of
from lstm_edge.emit.states import state_type
from lstm_edge.emit.ticks import emits, output_bits, output_clocks
from lstm_edge.interpret.feed import Feed, Results
from lstm_edge.ir.program import Port, Program
from lstm_edge.passes.widths import ctype_of
from lstm_edge.targets import Target

Array = npt.NDArray[Any]

DTYPES = {"uint8_t": "<u1", "int8_t": "<i1", "int16_t": "<i2", "int32_t": "<i4", "float": "<f4"}


@dataclass(frozen=True)
class TestPort:
    """An array argument of the step function. written: of an output that comes at some steps, the C
    expression of whether it did; made: that of how many results a call has.
    """

    name: str
    type: str
    ctype: str
    length: int
    per_step: bool
    written: str = ""
    made: str = ""

    @property
    def suffix(self) -> str:
        """Behind the name of its counter, where others have counters of their own."""
        return f"_{self.name}" if "&" in self.written else ""


@dataclass(frozen=True)
class Vector:
    """A table of numbers in the self-test."""

    name: str
    type: str
    ctype: str
    dims: tuple[int, ...]
    numbers: Array


def test_ports(program: Program, ports: tuple[Port, ...]) -> list[TestPort]:
    """Names, types and sizes as the generated code has them."""
    names, bits = port_names(program), output_bits(program)
    some = "emitted" if emits(program) else ""
    return [
        TestPort(
            names[p.name],
            type_of(program, names[p.name]),
            ctype_of(program, p.value),
            program.values[p.value].length,
            p.per_step,
            f"(emitted & {bits[p.name]})" if p.name in bits else some if p.per_step else "",
            length_text(program.length_of(p.value), "size[2]"),
        )
        for p in ports
    ]


def _most_steps(program: Program) -> int:
    """Steps that an output has room for, of a program that needs whole sequences."""
    steps = program.steps or 1
    return max(steps, *(program.length_of(p.value).of(steps) for p in program.outputs))


@dataclass(frozen=True)
class TestedModel:
    """What the programs need to know of a model.

    most: steps that outputs have room for. states_given, no_states: arguments of states, with a
    comma before each.
    """

    name: str
    streams: bool
    explicit: bool
    steps: int | None
    open_window: bool
    emits: str
    inputs: tuple[TestPort, ...]
    outputs: tuple[TestPort, ...]
    kept: tuple[TestPort, ...]
    most: int

    @property
    def step_inputs(self) -> tuple[TestPort, ...]:
        """Inputs of each step."""
        return tuple(p for p in self.inputs if p.per_step)

    @property
    def once_inputs(self) -> tuple[TestPort, ...]:
        """Inputs of a sequence."""
        return tuple(p for p in self.inputs if not p.per_step)

    @property
    def final_outputs(self) -> tuple[TestPort, ...]:
        """Outputs that exist after the last step only."""
        return tuple(p for p in self.outputs if not p.per_step)

    @property
    def counted(self) -> tuple[TestPort, ...]:
        """Outputs that come at some steps, one of those that come at the same."""
        found = [p for p in self.outputs if p.written]
        return tuple(found if found and found[0].suffix else found[:1])

    @property
    def states_given(self) -> str:
        """States as arguments."""
        return "".join(f", state_{s.name}" for s in self.kept if self.explicit)

    @property
    def no_states(self) -> str:
        """No states as arguments."""
        return ", NULL" * len(self.kept) if self.explicit else ""


def tested_model(program: Program) -> TestedModel:
    """The view of a program."""
    inputs = test_ports(program, program.inputs)
    outputs = test_ports(program, program.outputs)
    kept = (
        TestPort(
            c_name(s.name),
            state_type(program, s.name),
            ctype_of(program, s.name),
            program.values[s.name].length,
            False,
        )
        for s in program.settable
    )
    return TestedModel(
        name=program.name,
        streams=program.streams,
        explicit=program.explicit,
        steps=program.steps,
        open_window=program.counts_steps and program.streams and program.steps is None,
        emits=emits(program),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        kept=tuple(kept),
        most=_most_steps(program),
    )


def render_harness(program: Program, target: Target, checks: int = 0) -> str:
    """A main() that reads `input.bin` and writes `output.bin`; see the template for the format.

    checks: of the interface, as many as `<name>_interface` writes; 0 without it.
    """
    template = environment().get_template("common/harness.c.j2")
    return template.render(model=tested_model(program), checks=checks)


def selftest_vectors(
    program: Program, inputs: Mapping[str, Array], outputs: Mapping[str, Array]
) -> list[Vector]:
    """The tables of the self-test: one sample, inputs [steps, n], outputs [steps, n] or [n]."""
    vectors = []
    for kind, ports, arrays in (
        ("given", program.inputs, inputs),
        ("expected", program.outputs, outputs),
    ):
        for port, info in zip(ports, test_ports(program, ports), strict=True):
            numbers = np.atleast_2d(arrays[port.name])
            vectors.append(
                Vector(f"{kind}_{info.name}", info.type, info.ctype, numbers.shape, numbers)
            )
    return vectors


def render_selftest(
    program: Program,
    banner: tuple[str, ...],
    vectors: Sequence[Vector],
    macros: Mapping[str, str] | None = None,
) -> str:
    """A function that repeats one sample. macros: of tables that lie in weights that can be
    replaced, the name of the member.
    """
    named = {vector.name: vector for vector in vectors}
    names = port_names(program)
    steps = next(len(named[f"given_{names[p.name]}"].numbers) for p in program.inputs if p.per_step)
    template = environment().get_template("common/selftest.c.j2")
    return template.render(
        model=tested_model(program),
        banner=banner,
        vectors=vectors,
        macros=macros,
        steps=steps,
        vectors_of={v.name.removeprefix("expected_"): v.dims[0] for v in vectors},
    )


def pack_input(program: Program, feed: Feed) -> bytes:
    """input.bin for what is fed."""
    streams, calls, steps = feed.shape
    columns = [
        _stored(program, port.value, feed.inputs[port.name])
        for per_step in (False, True)
        for port in program.inputs
        if port.per_step is per_step
    ]
    once = sum(not port.per_step for port in program.inputs)
    each = np.concatenate(columns[once:], axis=-1).reshape(streams, calls, -1)
    per_call = np.concatenate([*columns[:once], each], axis=-1)
    given = {s.name: feed.states[s.name] for s in program.settable if s.name in feed.states}
    states = {name: _stored(program, name, array) for name, array in given.items()}
    flags = [min(states[s.name].shape[1], 2) if s.name in states else 0 for s in program.settable]
    parts = [np.array([streams, calls, steps, *flags], "<i4").tobytes()]
    for stream in range(streams):
        for call in range(calls):
            parts += [a[stream, call].tobytes() for a in states.values() if call < a.shape[1]]
            parts.append(per_call[stream, call].tobytes())
    return b"".join(parts)


def _stored(program: Program, value: str, numbers: Array) -> Array:
    """The bytes of numbers as C stores a value, [..., bytes]."""
    kind = DTYPES[ctype_of(program, value)]
    return np.ascontiguousarray(numbers.astype(kind)).view(np.uint8)


def unpack_output(program: Program, data: bytes, shape: tuple[int, int, int]) -> Results:
    """output.bin as arrays, in stored numbers."""
    ports = list(zip(program.outputs, test_ports(program, program.outputs), strict=True))
    streams, calls, steps = shape
    kinds = {p.name: (DTYPES[i.ctype], (i.length,)) for p, i in ports}
    order = [(name, f"{name} {k}") for name, k in _given(program, steps)]
    final = [(p.name, DTYPES[i.ctype], (i.length,)) for p, i in ports if not i.per_step]
    states = [
        (s.name, DTYPES[ctype_of(program, s.name)], (program.values[s.name].length,))
        for s in program.settable
    ]
    call = np.dtype(
        [
            ("steps", np.dtype([(field, *kinds[name]) for name, field in order])),
            ("final", np.dtype(final)),
            ("states", np.dtype(states)),
        ]
    )
    records = np.frombuffer(data, call).reshape(streams, calls)
    found = {
        p.name: np.stack([records["steps"][f] for name, f in order if name == p.name], axis=2)
        for p, i in ports
        if i.per_step
    }
    found |= {name: records["final"][name] for name, _, _ in final}
    kind = np.float32 if program.is_float else np.int64
    return Results(
        {p.name: found[p.name].astype(kind) for p, _ in ports},
        {name: records["states"][name].astype(kind) for name, _, _ in states},
    )


def _given(program: Program, steps: int) -> list[tuple[str, int]]:
    """The outputs of steps in the order in which the harness writes them, each with its number."""
    clocks = output_clocks(program)
    if program.streams:
        ran = [(n, c, t) for t in range(steps) for n, c in clocks.items() if c.runs(t, steps)]
        return [(name, clock.step(t)) for name, clock, t in ran]
    lengths = {p.name: program.length_of(p.value).of(steps) for p in program.outputs}
    return [(name, k) for name in clocks for k in range(lengths[name])]
