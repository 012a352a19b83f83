"""States in integers: how they are kept, renewed, started and set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from lstm_edge.formats import signed_bits
from lstm_edge.ir.model import Floats, Layer, Node
from lstm_edge.ir.program import LOAD, ONCE, State, Value
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.fixed.rescale import convert
from lstm_edge.passes.formats import Chosen
from lstm_edge.passes.lower import Place
from lstm_edge.passes.lower_input import unpacked
from lstm_edge.passes.moves import copied
from lstm_edge.passes.multiplied import Multiplied
from lstm_edge.passes.numbers import Integer, Kept, Number, number, wide
from lstm_edge.passes.storing import Storing


@dataclass(frozen=True)
class States:
    """The states of the program that `storing` writes; reads: what enters matrix products.
    narrow_begins: narrow form of a state -> the value that it begins as, where a model tells it.
    """

    storing: Storing
    reads: Multiplied
    narrow_begins: dict[str, str] = field(default_factory=dict)

    def state(
        self, layer: Node[Layer], name: str, units: int, inputs: Mapping[str, Integer]
    ) -> Integer:
        """A state in the format that it is kept in. One that is also mixed unit by unit, as a
        GRU's h, is kept twice: wide, and as the activation that matrix products read.
        """
        seen, comment = f"{layer.name}.{name}", f"{name} of the last step"
        declared, formats = self.storing.declared, self.storing.formats
        if layer.op.cell.windowed:
            x = wide(next(iter(inputs.values())))
            running = self._running(x, layer.op.cell.results[name].kind == "add")
            value = declared(seen, units, running, f"{name} so far")
            return replace(number(value), is_state=True)
        value = declared(seen, units, formats.states[seen], comment)
        kept = replace(number(value), is_state=True)
        if seen not in formats.narrow:
            return kept
        narrow = declared(_narrow(seen), units, formats.narrow[seen], f"{comment}, rounded")
        return Kept(kept, self.storing.seen_as(number(narrow), seen))

    def _running(self, x: Number, grows: bool) -> Chosen:
        """The format of a reduction over time of x: as fine as x where int32 holds all steps."""
        scale, zero_point = x.meaning()
        most = (x.value.format.magnitude + np.abs(zero_point)) * np.abs(scale)
        return self.storing.formats.running(float(most.max()), float(np.abs(scale).min()), grows)

    def result(self, given: Integer, result: str, place: Place) -> Integer:
        """A state, or what a matrix product reads, in its stored format; anything else as it is."""
        layer, name, storing = place.layer, f"{place.name}_stored", self.storing
        x = wide(given)
        if x.is_scaled:
            return x
        if x.packed is not None:
            given = x = storing.seen_as(unpacked(storing.builder, x, place.name), place.name)
        seen = f"{layer.name}.{result}"
        if layer.op.cell.windowed:
            fmt = storing.builder.values[seen].format
            return storing.seen_as(storing.into(x, fmt, name), place.name)
        if seen in storing.formats.narrow:
            return self._mixed(x, result, place)
        if seen in storing.formats.states:
            kept = storing.converted(x, storing.formats.states[seen], name)
            return storing.seen_as(kept, place.name)
        if not self.reads.result(layer, result):
            return given
        stored = storing.storable(given, layer.name, self.reads.alone(layer, result))
        return storing.seen_as(wide(stored), place.name)

    def _mixed(self, x: Number, result: str, place: Place) -> Kept:
        """Both forms of a state that is kept twice."""
        storing, layer, seen = self.storing, place.layer, f"{place.layer.name}.{result}"
        formats, b = storing.formats, storing.builder
        kept = storing.converted(x, formats.states[seen], f"{place.name}_stored")
        narrow = storing.converted(kept, formats.narrow[seen], _narrow(place.name))
        before = b.values[_narrow(seen)]
        begins, first = self.narrow_begins.get(before.name, ""), first_value(layer, result, before)
        along = layer.op.along
        fixed = begins or along > 1
        given = "" if fixed else self._narrow_given(layer, b.values[seen], before)
        b.states.append(
            State(before.name, narrow.name, first, given=given, begins=begins, along=along)
        )
        return Kept(storing.seen_as(kept, place.name), storing.seen_as(narrow, place.name))

    def begun(self, layer: Node[Layer], state: Integer, first: Integer, before: int) -> str:
        """What a state begins as, in its format; of one that is kept twice in both."""
        storing, kept = self.storing, wide(state).value
        name, b = f"{kept.name}_begins", storing.builder
        with b.apart(layer.name, ONCE, before):
            numbers = unpacked(b, wide(first), f"{name}_of").value
            begins = _own(b, convert(b, numbers, kept.format, name), numbers, name)
            if isinstance(state, Kept):
                narrow = state.narrow.value
                called = _narrow(name)
                found = _own(b, convert(b, begins, narrow.format, called), begins, called)
                self.narrow_begins[narrow.name] = found.name
        storing.stands_for[begins.name] = name
        return begins.name

    def _narrow_given(self, layer: Node[Layer], kept: Value, narrow: Value) -> str:
        """The narrow form of a state that a caller sets by the wide one."""
        b = self.storing.builder
        given = Value(b.given_name(kept), kept.length, kept.format)
        name = f"{narrow.name}_given"
        with b.apart(layer.name, LOAD):
            if kept.format == narrow.format:
                bits = signed_bits(kept.format.low, kept.format.high)
                return b.emit("saturate", name, (given,), narrow.format, n=bits).name
            return convert(b, given, narrow.format, name).name

    def given(self, name: str, state: Value) -> str:
        """The value that a caller sets a state by, in the state's own format."""
        return self.storing.builder.given(state, f"{name}, set by the caller").name


def first_value(layer: Node[Layer], name: str, state: Value) -> Floats:
    """The given first values in the state's format, or zeros."""
    given = layer.op.initial.get(name)
    numbers = np.zeros(1) if given is None else given.astype(np.float64)
    return state.format.stored(np.broadcast_to(numbers, (state.length,)))


def _own(b: Builder, made: Value, of: Value, name: str) -> Value:
    """What conversion made, as a value of its own where there was nothing to do."""
    return copied(b, of, name) if made.name == of.name else made


def _narrow(name: str) -> str:
    return f"{name}_narrow"
