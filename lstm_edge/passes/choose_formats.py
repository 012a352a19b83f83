"""Which format each kept value gets: from a proved bound where one is close, else calibrated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.choices import Why
from lstm_edge.formats import Format, saturated
from lstm_edge.ir.bound import proved_bound
from lstm_edge.ir.model import Layer, Model, Node, Port
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.decisions import Decisions, by_name
from lstm_edge.passes.formats import (
    Chosen,
    Formats,
    activation,
    as_json,
    checked,
    of_json,
    seen,
    with_units,
)
from lstm_edge.passes.given_formats import check_stored
from lstm_edge.passes.input_formats import (
    AS_THEY_ARE,
    WIDER,
    calibrated_format,
    drawn_format,
    power_of_two_format,
    samples_format,
)
from lstm_edge.passes.lower import integers
from lstm_edge.passes.multiplied import Multiplied, multiplied
from lstm_edge.passes.options import Options
from lstm_edge.passes.readers import (
    only_gates_read,
    read_at_positions,
    reading_layers,
    reading_weights,
    reads_frames,
    scaling_of,
)
from lstm_edge.rounding import MARGIN, bits_above, bits_with_headroom, eight_bits

PROVED: Why = "proved"
MOST_TABLE_BITS = 14
"""Bits that rows of an embedding may have, both ends of their range included."""
GIVEN_STATE = {8: 2.0, 16: 4.0}
"""Without data: how far beyond its own bound a state may be set; 12 bits have their headroom."""


@dataclass(frozen=True)
class CellRange:
    """How far a cell state may go: a multiple of what was seen, and at least `least`."""

    margin: float
    least: float


CELL_RANGES = {
    # (bits, calibrated on the user's data)
    (32, True): CellRange(8.0, 2048.0),
    (32, False): CellRange(8.0, 2048.0),
    (16, True): CellRange(2.0, 1.0),
    (16, False): CellRange(4.0, 16.0),
}
"""The int32 cell state has room for 2,048 steps that each add 1."""


def choose_formats(
    model: Model, ranges: Ranges, options: Options, decisions: Decisions | None = None
) -> Formats:
    """The formats of a model for these widths, from what calibration saw; those of `decisions`
    where they are known.
    """
    decisions = decisions or Decisions()
    made = _chosen(model, ranges, options)

    def kept(which: str, chosen: Mapping[str, Chosen]) -> Mapping[str, Chosen]:
        texts = {name: as_json(each) for name, each in chosen.items()}
        found = decisions.keep(
            f"formats of {which}",
            lambda: texts,
            by_name(lambda name, each: checked(each, ranges, name), texts),
        )
        return {name: of_json(each) for name, each in found.items()}

    return replace(
        made,
        inputs=kept("inputs", made.inputs),
        states=kept("states", made.states),
        narrow=kept("narrow", made.narrow),
        tables=kept("tables", made.tables),
        decisions=decisions,
    )


def _chosen(model: Model, ranges: Ranges, options: Options) -> Formats:
    layers = model.layers
    choice = _Choice(model, ranges, options, multiplied(model))
    kept = [(layer, name) for layer in layers for name in choice.states_of(layer)]
    states, narrow = {}, {}
    for layer, name in kept:
        known, chosen = f"{layer.name}.{name}", choice.of_state(layer, name)
        if choice.reads.mixed(layer, name):
            states[known] = choice.of_mixed(chosen)
            narrow[known] = choice.of_product(layer, name)
        else:
            alone = choice.reads.alone(layer, name)
            states[known] = choice.of_product(layer, name) if alone else chosen
    windows = [layer.op.window for layer in layers if layer.op.window]
    return Formats(
        options=options,
        from_data=ranges.from_data,
        ranges=ranges,
        inputs={port.tensor: choice.of_input(port) for port in model.inputs},
        states=states,
        narrow=narrow,
        tables=dict(choice.of_tables(layers)),
        steps=model.steps,
        padding=sum(max(0, w.left + w.right + 1 - w.kernel) for w in windows),
    )


@dataclass(frozen=True)
class _Choice:
    """What formats are chosen from; reads: what enters matrix products."""

    model: Model
    ranges: Ranges
    options: Options
    reads: Multiplied

    def of_input(self, port: Port) -> Chosen:
        """A model input: integers as the model says or the file has them, else a scale and zero
        point per feature.
        """
        if port.limit:
            return Chosen(integers(port), "given")
        if port.stored is not None:
            check_stored(port, self._of_features(port.tensor), self.ranges, self.options)
            return Chosen(port.stored, "given")
        if port.kind in AS_THEY_ARE:
            return Chosen(AS_THEY_ARE[port.kind], "given")
        if port.kind in WIDER and self.ranges.from_data:
            stored = AS_THEY_ARE["int16"]
            if self.ranges.largest(port.tensor) <= stored.high:
                return Chosen(stored, "calibrated")
        if reads_frames(self.model, port.tensor):
            largest = self.ranges.largest(port.tensor) if self.ranges.from_data else 1.0
            return Chosen(samples_format(largest), seen(self.ranges.from_data))
        return Chosen(self._of_features(port.tensor), seen(self.ranges.from_data))

    def _of_features(self, tensor: str) -> Format:
        features = self.model.tensors[tensor].features
        columns, recurrent = reading_weights(self.model, tensor)
        activations = self._width_of_input(tensor)
        scaling, fine = scaling_of(self.model, tensor), not len(columns)
        if fine:
            columns = np.zeros(features) if scaling is None else scaling.gain
        alike = read_at_positions(self.model, tensor)
        if alike:
            columns = np.full(len(columns), columns.max(initial=0.0))
        if not self.ranges.from_data:
            only_gates = only_gates_read(self.model, tensor)
            drawn = drawn_format(columns, only_gates, activations, scaling)
            return power_of_two_format(drawn, features) if self.options.power_of_two else drawn
        hidden_unit = 2.0 ** (1 - activations)
        balanced = hidden_unit * float(recurrent.max(initial=0.0))
        low, high = self.ranges.low[tensor], self.ranges.high[tensor]
        if alike:
            low, high = np.full(features, low.min()), np.full(features, high.max())
        chosen = calibrated_format(low, high, columns, balanced, activations, fine)
        return power_of_two_format(chosen, features) if self.options.power_of_two else chosen

    def _width_of_input(self, tensor: str) -> int:
        """The most bits that any reader wants."""
        readers = reading_layers(self.model, tensor)
        return max(self.options.of(name).activations for name in readers or ("",))

    def states_of(self, layer: Node[Layer]) -> tuple[str, ...]:
        """Those with a format of their own: what belongs to a window has that of its operations."""
        return () if layer.op.cell.windowed else tuple(layer.op.cell.states)

    def of_state(self, layer: Node[Layer], name: str) -> Chosen:
        """A state that enters a matrix product is an activation, any other a cell state."""
        largest = self.ranges.largest(f"{layer.name}.{name}")
        if self.reads.result(layer, name):
            bound = _bound_of(layer, name)
            if self._is_given(layer, name) and np.isfinite(bound):
                return self._of_given(largest, bound, layer.name)
            return self._of_activation(largest, bound, layer.name)
        room = CELL_RANGES[self.options.cell_state, self.ranges.from_data]
        reach = largest * room.margin
        why = seen(self.ranges.from_data and reach >= room.least)
        return Chosen(self._kept(max(reach, room.least)), why)

    def of_product(self, layer: Node[Layer], name: str) -> Chosen:
        """What products read of a state: of 8 bits, with units of their own where that pays, unless
        they meet the same weights at several positions.
        """
        chosen, bound = self.of_state(layer, name), _bound_of(layer, name)
        if any(e.positions > 1 for e in layer.op.cell.nodes):
            return chosen
        known = f"{layer.name}.{name}"
        if self.ranges.largest(known) > bound:  # a caller sets it beyond what the layer makes
            bound = float("inf")
        return with_units(chosen, self.ranges, known, bound, self.options.power_of_two)

    def of_mixed(self, narrow: Chosen) -> Chosen:
        """The wide form of a state that products read as `narrow`: errors add up over the steps,
        so it has more bits.
        """
        return Chosen(self._kept(narrow.format.magnitude * narrow.format.unit), narrow.why)

    def _kept(self, reach: float) -> Format:
        """A state that no matrix reads. In int32 it has 31 bits: the sum that makes it anew then
        fits as it is, at the scale of the state.
        """
        bits = min(self.options.cell_state, 31)
        return saturated(2.0 ** (bits_above(reach) - bits + 1), bits)

    def _is_given(self, layer: Node[Layer], name: str) -> bool:
        """True where an input of the model, or another layer, sets the state."""
        if name in layer.op.begins:
            return True
        parts = [part for port in self.model.state_inputs for part in port.parts]
        return any((part.layer, part.state) == (layer.name, name) for part in parts)

    def _of_given(self, largest: float, bound: float, layer: str) -> Chosen:
        """A state that stays within `bound` by itself and that a caller may set beyond it."""
        bits, from_data = self.options.of(layer).activations, self.ranges.from_data
        stored = bits_with_headroom(bits) if bits > 8 else 8
        within = largest <= bound * 2.0 ** (stored - bits)
        reach, why = (bound, PROVED) if within else (largest * MARGIN, seen(from_data))
        if not from_data and bits in GIVEN_STATE and reach < GIVEN_STATE[bits] * bound:
            reach, why = GIVEN_STATE[bits] * bound, seen(from_data)
        if bits == 8:
            return Chosen(eight_bits(reach, self.options.power_of_two), why)
        return Chosen(saturated(2.0 ** (bits_above(reach) + 1 - bits), stored, "int16"), why)

    def _of_activation(self, largest: float, bound: float, layer: str) -> Chosen:
        bits, p2 = self.options.of(layer).activations, self.options.power_of_two
        return activation(bits, largest, bound, power_of_two=p2, from_data=self.ranges.from_data)

    def of_tables(self, layers: tuple[Node[Layer], ...]) -> Iterator[tuple[str, Chosen]]:
        """Tables of embeddings: all of their rows fit, nothing is clipped."""
        for layer in layers:
            for e in layer.op.cell.nodes:
                if e.kind == "lookup":
                    largest = float(np.abs(layer.op.params[e.name].astype(np.float64)).max())
                    fmt = self._of_table(layer.outputs["y"], largest, layer.name)
                    yield f"{layer.name}.{e.name}", Chosen(fmt, PROVED)

    def _of_table(self, tensor: str, largest: float, layer: str) -> Format:
        """Rows with entries up to `largest`, finer as far as MOST_TABLE_BITS go where that lets
        the tensor share accumulators with a state.
        """
        coarsest = self._of_activation(largest, largest, layer).format
        columns, recurrent = reading_weights(self.model, tensor)
        bits = self.options.of(layer).activations
        room = MOST_TABLE_BITS - bits if bits > 8 else 0
        if room <= 0 or not len(recurrent):
            return coarsest
        if not columns.max() > 0.0 or not recurrent.max() > 0.0:
            return coarsest
        balanced = 2.0 ** (1 - bits) * float(recurrent.max()) / float(columns.max())
        steps = int(np.clip(np.rint(np.log2(coarsest.unit / balanced)), 0, room))
        unit = coarsest.unit * 2.0**-steps
        return Format("int16", unit, coarsest.low << steps, coarsest.high << steps)


def _bound_of(layer: Node[Layer], name: str) -> float:
    """What a state cannot exceed."""
    first = float(np.abs(layer.op.initial.get(name, np.zeros(1))).max())
    known = layer.op.cell.bounds.get(name, float("inf"))
    return max(min(proved_bound(layer.op.cell.results[name]), known), first)
