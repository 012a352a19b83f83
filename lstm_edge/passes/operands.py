"""Where the vectors that kernels multiply lie: end to end in arrays, as the rows read them.

A kernel reads one array from end to end, aligned and padded with zeros: [x; h] of an LSTM. A state
lives in its array; what comes from elsewhere (an input, another sweep) is copied there once a step,
by a phase of its own, a "take"; what another phase makes is written there, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from lstm_edge.ir.clock import EVERY_TICK
from lstm_edge.ir.program import LATEST, ONCE, Program
from lstm_edge.passes.schedule import Move, Phase, Schedule, When

BEHIND: When = (ONCE, EVERY_TICK, LATEST)
"""Behind all sweeps."""


@dataclass(frozen=True)
class Entry:
    """One value in an array, `padded` numbers from `offset` on. state: it is that state, before
    or after the step.
    """

    value: str
    offset: int
    padded: int
    state: bool


@dataclass(frozen=True)
class OperandArray:
    """Vectors end to end. double: its states are double-buffered, so it is, too.

    Then what is copied into it goes to the buffer that the step reads. when: a value that is no
    state is there for the phases of this time only.
    """

    name: str
    ctype: str
    when: When
    entries: tuple[Entry, ...]
    double: bool

    @property
    def length(self) -> int:
        """Numbers of one buffer."""
        return sum(entry.padded for entry in self.entries)

    @property
    def has_state(self) -> bool:
        """True where it lives from step to step."""
        return any(entry.state for entry in self.entries)


@dataclass(frozen=True)
class Run:
    """Some vectors of a row that follow each other in an array. after: of its other buffer, what
    this step has written there. values: how many of the row's operands these are. step: how many
    numbers further on each position of a repeated phase finds it.
    """

    array: str
    offset: int
    length: int
    after: bool
    values: int
    step: int = 0


@dataclass
class Arrays:
    """Arrays while they are found.

    ctype_of: value -> the C type it is stored in. made: value -> when a phase makes it.
    """

    program: Program
    schedule: Schedule
    made: Mapping[str, When]
    found: dict[str, OperandArray] = field(default_factory=dict)

    def runs(
        self, phase: Phase, operands: tuple[str, ...], ctype: str, padded: Callable[[int], int]
    ) -> tuple[Run, ...]:
        """Where these operands lie for the phase: one run if they can follow each other.

        ctype: of the kernel's operands. padded: the length that it wants for a vector. Ask for the
        longest lists first: shorter ones are then found inside their arrays.
        """
        when = phase.when
        run = self._run(when, operands, ctype, padded)
        if run is not None:
            return (run,)
        parts = self._compatible(when, operands)
        if len(parts) > 1:
            return tuple(r for part in parts for r in self.runs(phase, part, ctype, padded))
        self._create(when, phase.name, operands, ctype, padded)
        run = self._run(when, operands, ctype, padded)
        assert run is not None
        return (run,)

    def _state_of(self, when: When, value: str) -> tuple[str, bool] | None:
        """The state that a value is, and whether it is the one after the step.

        None where no buffer holds it when the phase reads it. A state's next value is in its array
        only once it was made at the same time, or after the last step; a double-buffered one of a
        program that does not stream is in either buffer then.
        """
        for state in self.program.states:
            if value == state.name:
                return state.name, False
            if state.along > 1:
                continue  # after the step it lies elsewhere
            double = state.name in self.schedule.double_buffered
            if value == state.next and self.made.get(value) == when:
                if not double or self.program.streams:
                    return state.name, double
                return None
            if value == state.next and self.program.streams and when == BEHIND:
                return state.name, double
        return None

    def _compatible(self, when: When, operands: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The operands cut where states meet that cannot share an array.

        An array has one pair of buffers, which change places when its states are renewed: states
        that are double-buffered and others, or states that are renewed at different times, are
        apart. A vector that occurs twice is in two arrays.
        """
        parts: list[tuple[str, ...]] = []
        kinds: list[tuple[bool, bool, When | None] | None] = []
        for value in operands:
            own = self._state_of(when, value)
            kind = None
            if own is not None and not own[1]:
                state = next(s for s in self.program.states if s.name == own[0])
                double = state.name in self.schedule.double_buffered
                kind = (double, own[1], self.made.get(state.next))
            fits = parts and (kind is None or kinds[-1] in (None, kind)) and value not in parts[-1]
            if fits:
                parts[-1] = (*parts[-1], value)
                kinds[-1] = kinds[-1] if kind is None else kind
            else:
                parts.append((value,))
                kinds.append(kind)
        return parts

    def _run(
        self, when: When, operands: tuple[str, ...], ctype: str, padded: Callable[[int], int]
    ) -> Run | None:
        """The operands where an array has them end to end already."""
        for array in self.found.values():
            if array.ctype != ctype:
                continue
            for after in (False, True):
                places = [self._entry(array, when, value, after) for value in operands]
                known = [p for p in places if p is not None]
                lengths = [padded(self._numbers(v)) for v in operands]
                if len(known) < len(places) or [p.padded for p in known] != lengths:
                    continue
                ends = [p.offset + p.padded for p in known]
                if [p.offset for p in known[1:]] == ends[:-1]:
                    return Run(array.name, known[0].offset, sum(lengths), after, len(operands))
        return None

    def _numbers(self, value: str) -> int:
        """Numbers of an operand; a state that goes along positions has room for one more."""
        along = next((s.along for s in self.program.states if s.name == value), 1)
        length = self.program.values[value].length
        return length + length // along if along > 1 else length

    def _entry(self, array: OperandArray, when: When, value: str, after: bool) -> Entry | None:
        own = self._state_of(when, value)
        for entry in array.entries:
            if entry.state:
                if own == (entry.value, after):
                    return entry
            elif entry.value == value and array.when == when and not after:
                return entry
        return None

    def _create(
        self,
        when: When,
        phase: str,
        operands: tuple[str, ...],
        ctype: str,
        padded: Callable[[int], int],
    ) -> None:
        entries: list[Entry] = []
        offset, double = 0, False
        for value in operands:
            own = self._state_of(when, value)
            if own is not None and own[1] and len(operands) > 1:
                own = None  # what the step makes of a state is in its other buffer: written twice
            length = padded(self._numbers(value))
            name = value if own is None else own[0]
            entries.append(Entry(name, offset, length, own is not None))
            double = double or (own is not None and own[0] in self.schedule.double_buffered)
            offset += length
        base = f"{phase.replace('.', '_')}_{'_'.join(_short(phase, e.value) for e in entries)}"
        taken = self.found.keys() | self._other_names({entry.value for entry in entries})
        name, k = base, 2
        while name in taken:
            name, k = f"{base}_{k}", k + 1
        self.found[name] = OperandArray(name, ctype, when, tuple(entries), double)

    def _other_names(self, own: set[str]) -> set[str]:
        """What other members of the state struct may be called: values, and sums of a phase."""
        values = (value for value in self.program.values if value not in own)
        sums = (f"{phase.name}_sums" for phase in self.schedule.phases)
        return {name.replace(".", "_") for name in (*values, *sums)}

    def takes(self) -> list[tuple[Phase, str, Entry]]:
        """Copies of what no phase of the same time makes: with the array and the place."""
        copies = []
        for array in self.found.values():
            for entry in array.entries:
                if entry.state or self.made.get(entry.value) == array.when:
                    continue
                units = self.program.values[entry.value].length
                name = f"{array.name}_take_{entry.offset}"
                value, (sweep, clock, before) = (entry.value,), array.when
                move = (Move(entry.value, array.name),)
                fields = ((), (), (), value, (), (), value, move, clock, before)
                copies.append((Phase(name, sweep, units, *fields), array.name, entry))
        return copies


def _short(phase: str, value: str) -> str:
    layer, _, rest = value.partition(".")
    return rest if rest and phase.startswith(layer) else value.replace(".", "_")


def with_takes(plan: Schedule, takes: list[tuple[Phase, str, Entry]]) -> Schedule:
    """The schedule with each take before the first phase of its time that reads what it copies."""
    phases = list(plan.phases)
    for take, _, entry in takes:
        first = next(
            k
            for k, phase in enumerate(phases)
            if phase.when == take.when and entry.value in phase.whole
        )
        phases.insert(first, take)
    return replace(plan, phases=tuple(phases))
