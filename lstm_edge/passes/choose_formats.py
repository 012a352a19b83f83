"""Which format each kept value gets: from a proved bound where one is close, else calibrated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_edge.formats import Format, saturated
from lstm_edge.ir.expr import Expr, walk
from lstm_edge.ir.model import Concat, DenseOverTime, FirstStep, LastStep, Layer, Model, Slice
from lstm_edge.passes.calibrate import Ranges
from lstm_edge.passes.input_formats import (
    calibrated_format,
    drawn_format,
    power_of_two_format,
)
from lstm_edge.passes.options import Options
from lstm_edge.passes.readers import (
    only_gates_read,
    reading_layers,
    reading_weights,
    scaling_of,
)
from lstm_edge.rounding import (
    BOUND_SLACK,
    HEADROOM_BITS,
    MARGIN,
    SMALLEST,
    activation_format,
    bits_above,
    eight_bits,
)

FACTOR_MARGIN = 4.0
"""How far beyond its calibrated range a 16-bit factor may go: a relu has no bound."""
GIVEN_STATE = {8: 2.0, 16: 4.0}
"""Without data: how far beyond its own bound a state may be set; 12 bits have their headroom."""
OPEN_STEPS = 2**12
"""Steps of a sequence of any length that a sum over time has room for before it saturates."""


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


@dataclass(frozen=True)
class FormatChoice:
    """Formats of one model; `multiplied` names the tensors that a matrix product reads."""

    model: Model
    ranges: Ranges
    options: Options
    multiplied: frozenset[str]

    def of_input(self, tensor: str, features: int) -> Format:
        """Scales and zero points of a model input."""
        columns, recurrent = reading_weights(self.model, tensor)
        activations = self._width_of_input(tensor)
        scaling, fine = scaling_of(self.model, tensor), not len(columns)
        if fine:
            columns = np.zeros(features) if scaling is None else scaling.gain
        if not self.ranges.from_data:
            only_gates = only_gates_read(self.model, tensor)
            drawn = drawn_format(columns, only_gates, activations, scaling)
            return power_of_two_format(drawn, features) if self.options.power_of_two else drawn
        hidden_unit = 2.0 ** (1 - activations)
        balanced = hidden_unit * float(recurrent.max()) if len(recurrent) else 0.0
        low, high = self.ranges.low[tensor], self.ranges.high[tensor]
        chosen = calibrated_format(low, high, columns, balanced, activations, fine)
        return power_of_two_format(chosen, features) if self.options.power_of_two else chosen

    def _width_of_input(self, tensor: str) -> int:
        """The most bits that any reader wants."""
        readers = reading_layers(self.model, tensor)
        return max(self.options.of(name).activations for name in readers or ("",))

    def of_state(self, layer: Layer, name: str) -> Format:
        """A state that enters a matrix product is an activation, any other a cell state."""
        largest = self.ranges.largest(f"{layer.name}.{name}")
        if self.is_multiplied(layer, name):
            first = float(np.abs(layer.initial.get(name, np.zeros(1))).max())
            known = layer.cell.bounds.get(name, float("inf"))
            bound = min(proved_bound(layer.cell.results[name]), known)
            if self.is_given(layer, name):
                return self.of_given(largest, max(bound, first), layer.name)
            return self.of_activation(largest, max(bound, first), layer.name)
        bits = self.options.cell_state
        room = CELL_RANGES[bits, self.ranges.from_data]
        reach = max(largest * room.margin, room.least)
        return self._kept(reach)

    def _kept(self, reach: float) -> Format:
        """A state that no matrix reads. In int32 it has 31 bits: the sum that makes it anew then
        fits as it is, at the scale of the state.
        """
        bits = min(self.options.cell_state, 31)
        return saturated(2.0 ** (bits_above(reach) - bits + 1), bits)

    def is_given(self, layer: Layer, name: str) -> bool:
        """True where an input of the model sets the state."""
        parts = [part for port in self.model.state_inputs for part in port.parts]
        return any((part.layer, part.state) == (layer.name, name) for part in parts)

    def of_given(self, largest: float, bound: float, layer: str) -> Format:
        """A state that stays within `bound` by itself and that a caller may set beyond it."""
        if not np.isfinite(bound):
            return self.of_activation(largest, bound, layer)
        bits = self.options.of(layer).activations
        stored = min(bits + HEADROOM_BITS, 16) if bits > 8 else 8
        room = bound * 2.0 ** (stored - bits)
        reach = bound if largest <= room else largest * MARGIN
        if not self.ranges.from_data and bits != 12:
            reach = max(reach, GIVEN_STATE[bits] * bound)
        if bits == 8:
            return eight_bits(reach, self.options.power_of_two)
        return saturated(2.0 ** (bits_above(reach) + 1 - bits), stored, "int16")

    def is_mixed(self, layer: Layer, name: str) -> bool:
        """True where a state enters matrix products and elementwise operations both."""
        mixed = any(
            operand.kind == "state" and operand.name == name
            for e in walk(*layer.cell.results.values())
            if e.kind != "affine"
            for operand in e.args
        )
        return mixed and self.is_multiplied(layer, name)

    def of_mixed(self, layer: Layer, name: str) -> Format:
        """The wide form of such a state: errors add up over the steps, so it has more bits."""
        narrow = self.of_state(layer, name)
        return self._kept(narrow.magnitude * narrow.unit)

    def of_running(self, reach: float, scale: float, grows: bool) -> Format:
        """What a reduction over time keeps, of numbers up to `reach` that count in `scale`.

        A sum is as fine as its room allows, which is that for all steps of the model, or for
        OPEN_STEPS of them, those that padding adds, and one bit more, so that adding to it takes
        no shift.
        """
        if not grows:
            return saturated(2.0 ** int(np.floor(np.log2(scale))), 32)
        windows = [n.window for n in self.model.nodes if isinstance(n, Layer) and n.window]
        added = sum(max(0, w.left + w.right + 1 - w.kernel) for w in windows)
        steps = (self.model.steps or OPEN_STEPS) + added
        return saturated(2.0 ** (bits_above(max(reach, SMALLEST) * steps) - 30), 31, "int32")

    def of_activation(self, largest: float, bound: float, layer: str) -> Format:
        """A vector that enters a matrix product; `largest` was seen, `bound` is proved."""
        bits = self.options.of(layer).activations
        close = bound <= BOUND_SLACK * largest or bound <= 1.0
        if bits > 8 and not close and not self.ranges.from_data and np.isfinite(bound):
            return saturated(2.0 ** (bits_above(bound) - 15), 16)
        return activation_format(bits, largest, bound, power_of_two=self.options.power_of_two)

    def of_embedding(self, tensor: str, largest: float, layer: str) -> Format:
        """Rows of a table whose entries are up to `largest`: all of them fit, nothing is clipped.

        Finer by up to HEADROOM_BITS where that lets the tensor share accumulators with a state.
        """
        coarsest = self.of_activation(largest, largest, layer)
        columns, recurrent = reading_weights(self.model, tensor)
        bits = self.options.of(layer).activations
        if bits != 12 or not len(recurrent) or not columns.max() > 0.0 or not recurrent.max() > 0.0:
            return coarsest
        balanced = 2.0 ** (1 - bits) * float(recurrent.max()) / float(columns.max())
        steps = int(np.clip(np.rint(np.log2(coarsest.unit / balanced)), 0, HEADROOM_BITS))
        unit = coarsest.unit * 2.0**-steps
        return Format("int16", unit, coarsest.low << steps, coarsest.high << steps)

    def of_factor(self, largest: float) -> Format:
        """A 16-bit factor of a product whose other factor is wide, from its calibrated range."""
        return saturated(2.0 ** (bits_above(max(largest, SMALLEST) * FACTOR_MARGIN) - 15), 16)

    def only_multiplied(self, tensor: str) -> bool:
        """True where nothing but matrix products of layers reads the tensor."""
        if any(port.tensor == tensor for port in self.model.outputs):
            return False
        for node in self.model.nodes:
            if not isinstance(node, Layer):
                reads = node.inputs if isinstance(node, Concat) else (node.input,)
                if tensor in reads:
                    return False
                continue
            names = {name for name, read in node.inputs.items() if read == tensor}
            for e in walk(*node.cell.results.values()):
                leaves = [a for a in e.args if a.kind == "input" and a.name in names]
                if e.kind != "affine" and leaves:
                    return False
        return True

    def is_read_by_matrix(self, tensor: str) -> bool:
        """True where a matrix product reads the tensor, at once or as a part or a step of it."""
        return tensor in self.multiplied

    def is_multiplied(self, layer: Layer, result: str) -> bool:
        """True where a matrix product of this layer or a later one reads the result."""
        tensor = layer.outputs.get(result)
        if tensor is not None and tensor in self.multiplied:
            return True
        return any(
            operand.kind == "state" and operand.name == result
            for e in walk(*layer.cell.results.values())
            if e.kind == "affine"
            for operand in e.args
        )


def proved_bound(node: Expr) -> float:
    """A bound from the equation alone: 1 for o * tanh(c), infinite where there is none."""
    if node.kind == "apply":
        return 1.0
    if node.kind == "constant":
        return abs(node.value)
    parts = [proved_bound(e) for e in node.args]
    if node.kind == "mul":
        return parts[0] * parts[1] if 0.0 not in parts else 0.0
    if node.kind in ("add", "sub"):
        return parts[0] + parts[1]
    if node.kind == "within":
        held = node.args[1].kind == "state"  # by an earlier step within the same bound
        return parts[0] if held else max(parts[:2])
    if node.kind == "smaller" and node.args[0].kind == "larger":
        return max(parts[1], proved_bound(node.args[0].args[1]))
    return float("inf")


def multiplied_tensors(model: Model) -> frozenset[str]:
    """Tensors that a matrix product reads, directly or as their last step."""
    found: set[str] = set()
    for node in reversed(model.nodes):
        if isinstance(node, DenseOverTime):
            found.add(node.input)
        elif isinstance(node, LastStep | FirstStep | Slice):
            if node.output in found:
                found.add(node.input)
        elif isinstance(node, Concat):
            if node.output in found:
                found.update(node.inputs)
        else:
            for e in walk(*node.cell.results.values()):
                if e.kind == "affine":
                    found.update(node.inputs[name] for name in inputs_among(e.args))
    return frozenset(found)


def inputs_among(operands: tuple[Expr, ...]) -> list[str]:
    """The cell's inputs that are operands, at once or through a window."""
    leaves = [e.args[0] if e.kind == "recent" else e for e in operands]
    return [e.name for e in leaves if e.kind == "input"]
