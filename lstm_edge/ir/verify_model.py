"""The rules of a model, checked: what passes and front ends may rely on, and have to keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite, prod

import numpy as np

from lstm_edge.errors import InternalError
from lstm_edge.ir.clock import EVERY_TICK, Length
from lstm_edge.ir.expr import sees_several
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    Floats,
    Layer,
    Model,
    Node,
    Port,
    Slice,
    StatePort,
    Step,
    Tensor,
    Work,
    is_a,
)
from lstm_edge.ir.sizes import Misfit, Size, Sizes

FLAT = ("time*feature", "feature*time")
AXES = frozenset(("batch", "unit", "time", "feature", *FLAT, "layer"))


Seen = dict[int, tuple[Layer, dict[str, int], dict[str, Size]]]
"""By the identity of a layer that was looked at: it, so that it stays the only one of its identity,
the features that it read, its results."""


def verify(model: Model, seen: Seen | None = None) -> Model:
    """The model, if it keeps these rules; else InternalError, which names the node or port. seen:
    layers of models before it, which need not be looked at again; those of this one are added.

    - Every tensor is an input, or is made by one node before others read it.
    - Sizes of vectors, weights and states fit the equations; parameters are there and finite.
    - What comes of a sequence is one, but for the step that is taken of it.
    - A step that is taken, or that has weights of its own, exists where the length is known.
    - Ports and state ports name tensors and states that exist, with axes of their sizes.
    - Names of nodes, of inputs and of outputs differ.
    """
    check = _Check(model, {} if seen is None else seen)
    wrong = [name for name, tensor in model.tensors.items() if tensor.name != name]
    check.rule("tensors", not wrong, f"{wrong} are called otherwise")
    check.rule("model", model.steps is None or model.steps >= 1, f"has {model.steps} steps")
    for port in model.inputs:
        check.make(f"input {port.name}", port.tensor, Length())
        check.port(f"input {port.name}", port)
    for node in model.nodes:
        check.node(node)
    for port in model.outputs:
        check.port(f"output {port.name}", port)
    for state_port in (*model.state_inputs, *model.state_outputs):
        check.state_port(state_port)
    check.partners()
    check.differ("nodes", [node.name for node in model.nodes])
    check.differ("inputs", [*map(_name, model.inputs), *map(_name, model.state_inputs)])
    check.differ("outputs", [*map(_name, model.outputs), *map(_name, model.state_outputs)])
    for folded in model.folded:
        check.rule(f"folded {folded.source}", folded.tensor in check.lengths, "is of no tensor")
    return model


def _name(port: Port | StatePort) -> str:
    return port.name


@dataclass
class _Check:
    """The model as far as it was looked at. lengths: of the sequence that each tensor is, or that
    it comes of. states: (layer, state) -> units.
    """

    model: Model
    seen: Seen
    lengths: dict[str, Length] = field(default_factory=dict)
    states: dict[tuple[str, str], Size] = field(default_factory=dict)

    def rule(self, where: str, holds: bool, what: str) -> None:
        """Raise InternalError where a rule is broken."""
        if not holds:
            raise InternalError(f"model {self.model.name}: {where} {what}")

    def differ(self, what: str, names: Iterable[str]) -> None:
        """No name twice."""
        twice = [name for name, count in Counter(names).items() if count > 1]
        self.rule(what, not twice, f"{twice} have one name")

    def make(self, where: str, tensor: str, length: Length) -> None:
        """A tensor is made."""
        self.rule(where, tensor in self.model.tensors, f"makes {tensor}, which is no tensor")
        self.rule(where, tensor not in self.lengths, f"makes {tensor} again")
        features = self.model.tensors[tensor].features
        self.rule(where, features >= 1, f"makes {tensor} of {features} features")
        self.lengths[tensor] = length

    def node(self, node: Node[Work]) -> None:
        """What it reads is there; what it makes has the sizes that its work gives."""
        where = f"node {node.name}"
        for tensor in node.reads:
            made = tensor in self.lengths
            self.rule(where, made, f"reads {tensor}, which is not made before it")
        self.rule(where, bool(node.reads), "reads nothing")
        if is_a(node, Layer):
            sizes = self._layer(where, node)
        else:
            self.rule(where, [*node.outputs] == ["y"], f"makes {[*node.outputs]}, expected y")
            sizes = {"y": self._other(where, node)}
        reads = [self.model.tensors[t] for t in node.reads]
        sequence = any(t.per_step for t in reads) and not isinstance(node.op, Step | DenseOverTime)
        length = next((self.lengths[t.name] for t in reads if t.per_step), self._behind(node))
        if is_a(node, Layer):
            over = node.op.over
            self.rule(where, over is None or not sequence, "reads a sequence and has a length")
            if over is not None:
                sequence, length = True, over
            if node.op.window is not None:
                length = length.then(EVERY_TICK.then(node.op.window).length)
            self.rule(where, sequence or node.op.times == 1, "repeats steps of no sequence")
            length = self._longer(where, node.op, length)
        for result, tensor in node.outputs.items():
            self.make(where, tensor, length)
            made_of = self.model.tensors[tensor]
            units, size = made_of.features, sizes[result]
            fits = size is None or size == units
            self.rule(where, fits, f"makes {tensor} of {units} features, expected {size}")
            kind = "a sequence" if sequence else "one vector"
            self.rule(where, made_of.per_step == sequence, f"makes {tensor}, expected {kind}")

    def _longer(self, where: str, layer: Layer, length: Length) -> Length:
        """The length of what comes several times as often as what it is made of."""
        steps, copies = self.model.steps, all(e.kind == "input" for e in layer.cell.nodes)
        if layer.times == 1:
            return length
        self.rule(where, copies, "repeats steps and does more than to copy them")
        self.rule(where, steps is not None, "repeats steps of a sequence of any length")
        return Length(length.of(steps or 0) * layer.times - (steps or 0) - 1)

    def _behind(self, node: Node[Work]) -> Length:
        return self.lengths[node.reads[0]]

    def _layer(self, where: str, node: Node[Layer]) -> dict[str, Size]:
        """Units of the results of a layer whose parameters fit its equations."""
        layer, cell = node.op, node.op.cell
        missing = [name for name in cell.inputs if name not in node.inputs]
        self.rule(where, not missing, f"lacks the inputs {missing} of its cell")
        self._begins(where, node)
        unknown = [name for name in node.outputs if name not in cell.results]
        self.rule(where, not unknown, f"has the outputs {unknown}, which its cell does not give")
        features = {name: self.model.tensors[t].features for name, t in node.inputs.items()}
        before = self.seen.get(id(layer))
        if before is None or before[1] != features:
            self.seen[id(layer)] = (layer, features, self._results(where, layer, features))
        found = self.seen[id(layer)][2]
        self.states |= {(node.name, name): found[name] for name in cell.states}
        return found

    def _results(self, where: str, layer: Layer, features: dict[str, int]) -> dict[str, Size]:
        """Units of the results of a layer that reads vectors of these features."""
        self._parameters(where, layer)
        several = layer.window is not None and layer.window.kernel > 1
        looks_back = sees_several(layer.cell)
        self.rule(where, looks_back or not several, "has a window of several vectors and reads one")
        has_window = layer.window is not None or not looks_back
        self.rule(where, has_window, "reads recent vectors and has no window")
        try:
            return Sizes(layer, features).results()
        except Misfit as error:
            raise InternalError(f"model {self.model.name}: {where} {error}") from None

    def _begins(self, where: str, node: Node[Layer]) -> None:
        """States begin as vectors of their size, which the cell itself does not read."""
        begins, cell = node.op.begins, node.op.cell
        self.rule(where, set(begins) <= set(cell.states), f"begins {[*begins]}, not all states")
        read = sorted(set(begins.values()) - (node.inputs.keys() - set(cell.inputs)))
        self.rule(where, not read, f"begins with {read}, no inputs or those of its cell")
        for state, name in begins.items():
            tensor = self.model.tensors[node.inputs[name]]
            self.rule(where, not tensor.per_step, f"begins {state} with a sequence")
            known = Sizes(node.op, {}).state(state)
            fits = known in (None, tensor.features)
            self.rule(where, fits, f"begins {state} with {tensor.features} units, not {known}")

    def _parameters(self, where: str, layer: Layer) -> None:
        """All that the equations name, finite, matrices and vectors where they are expected."""
        dims: dict[str, int] = {}
        for e in layer.cell.nodes:
            self.rule(where, isfinite(e.value), f"has {e.value} in the equation of a {e.kind}")
            dims |= dict.fromkeys(e.matrices, 2)
            if e.kind in ("affine", "param", "lookup"):
                dims[e.name] = 2 if e.kind == "lookup" else 1
        for name, axes in dims.items():
            self.rule(where, name in layer.params, f"lacks the parameter {name}")
            self._array(where, name, layer.params[name], axes)
        known = {*layer.cell.states, "recent"}
        for name, first in layer.initial.items():
            self.rule(where, name in known, f"starts {name}, which is no state")
            self._array(where, f"the first {name}", first, 1)
        other = layer.units.keys() - layer.cell.results.keys()
        self.rule(where, not other, f"tells the units of {sorted(other)}, which it does not have")

    def _array(self, where: str, name: str, array: Floats, axes: int) -> None:
        self.rule(where, array.ndim == axes, f"has {name} of {array.ndim} axes, expected {axes}")
        self.rule(where, bool(np.isfinite(array).all()), f"has {name} with numbers not finite")

    def _other(self, where: str, node: Node[Work]) -> int:
        """Features of what a node makes that is no layer."""
        reads = [self.model.tensors[t] for t in node.reads]
        if isinstance(node.op, Concat):
            alike = len({t.per_step for t in reads}) == 1
            self.rule(where, alike, "joins sequences and vectors")
            return sum(t.features for t in reads)
        self.rule(where, [*node.inputs] == ["x"], f"reads {[*node.inputs]}, expected x")
        (x,) = reads
        match node.op:
            case Slice(begin, end):
                inside = 0 <= begin < end <= x.features
                self.rule(where, inside, f"takes features {begin} to {end - 1} of {x.features}")
                return end - begin
            case Step(at):
                self._sequence(where, x)
                steps = self._steps(x.name)
                inside = steps is None or -steps <= at < steps
                self.rule(where, inside, f"takes step {at} of {steps}")
                return x.features
            case DenseOverTime(weights, bias):
                self._sequence(where, x)
                self._array(where, "weights", weights, 3)
                self._array(where, "bias", bias, 1)
                expected = (self._steps(x.name) or len(weights), len(bias), x.features)
                fits = weights.shape == expected
                self.rule(where, fits, f"has weights {weights.shape}, expected {expected}")
                return len(bias)
        raise AssertionError(node.op)

    def _sequence(self, where: str, x: Tensor) -> None:
        self.rule(where, x.per_step, f"reads {x.name}, which is no sequence")

    def _steps(self, tensor: str) -> int | None:
        """The length of a sequence, None where it is open."""
        return None if self.model.steps is None else self.lengths[tensor].of(self.model.steps)

    def port(self, where: str, port: Port) -> None:
        """Its axes are those of its tensor."""
        self.rule(where, port.tensor in self.lengths, f"is {port.tensor}, which nothing makes")
        self.rule(where, set(port.axes) <= AXES, f"has axes {port.axes}")
        self.rule(where, len(port.axes) == len(port.shape), f"has {port.axes} of {port.shape}")
        self.rule(where, port.limit >= 0, f"has the limit {port.limit}")
        tensor, sizes = self.model.tensors[port.tensor], [*zip(port.axes, port.shape, strict=True)]
        timed = not {"time", *FLAT}.isdisjoint(port.axes)
        self.rule(where, tensor.per_step or not timed, "has a time axis and is no sequence")
        if not set(FLAT).intersection(port.axes):
            found = prod(size for axis, size in sizes if axis in ("feature", "layer"))
            wanted = tensor.features
            self.rule(where, found == wanted, f"has {found} features, expected {wanted}")
        steps = self._steps(port.tensor)
        known = [size * port.every for axis, size in sizes if axis == "time" and size >= 0]
        fits = steps is None or all(size == steps for size in known)
        self.rule(where, fits, f"has {known} steps, expected {steps}")

    def state_port(self, port: StatePort) -> None:
        """Its parts are states; where they are shown, each number has a place of its own."""
        where = f"state port {port.name}"
        places = [place for part in port.parts for place in part.places]
        self.rule(where, bool(port.parts), "has no parts")
        alone = len(set(places)) == len(places) or port in self.model.state_inputs
        self.rule(where, alone, "has two numbers in one place")
        inside = all(0 <= place < prod(port.shape) for place in places)
        self.rule(where, inside, f"has places outside of {port.shape}")
        for part in port.parts:
            state = f"{part.state} of {part.layer}"
            self.rule(where, (part.layer, part.state) in self.states, f"has {state}, no state")
            units = self.states[part.layer, part.state]
            fits = units in (None, len(part.places))
            self.rule(where, fits, f"has {len(part.places)} numbers of {state}, expected {units}")

    def partners(self) -> None:
        """What is fed back has the states in the same places."""
        outputs = {port.name: port for port in self.model.state_outputs}
        known = {"", *outputs, *(port.name for port in self.model.outputs)}
        for port in self.model.state_inputs:
            where, partner = f"state port {port.name}", outputs.get(port.partner)
            self.rule(where, port.partner in known, f"has the partner {port.partner}, no output")
            alike = partner is None or set(partner.parts) == set(port.parts)
            self.rule(where, alike, f"has other states than {port.partner}")
