"""Walk the model layer by layer; what an expression becomes is the rules' business.

`lower_real.py` and `lower_integer.py` supply the rules. The names of the values that enter and
leave a layer are the same in both, so that what calibration saw in the one is found by the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from lstm_edge import ir
from lstm_edge.choices import Scheme
from lstm_edge.errors import ModelError
from lstm_edge.formats import Format
from lstm_edge.ir.clock import Length
from lstm_edge.ir.expr import Expr, sees_several, walk
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    Floats,
    Layer,
    Model,
    Node,
    Port,
    Slice,
    Step,
    Work,
    is_a,
)
from lstm_edge.ir.program import LATEST, ONCE, Program, Settings, Value, verify
from lstm_edge.layers.dense import dense
from lstm_edge.passes.builder import Builder
from lstm_edge.passes.moves import copied
from lstm_edge.passes.naming import describe, name_expressions
from lstm_edge.passes.sweeps import Sweeps, Turn, is_plain_dense

REDUCTIONS = {"argmax": "argmax", "total": "sum", "largest": "max"}
"""Kinds of expressions that make one number of all units -> their operations."""


@dataclass(frozen=True)
class Place:
    """Where an expression stands: its layer, the name of its value, its text; length: of the
    sequence that the layer reads.
    """

    layer: Node[Layer]
    name: str
    comment: str
    length: Length = Length()  # noqa: RUF009

    @property
    def inner(self) -> str:
        """What the names of a softmax's own values begin with: in a layer of nothing else its name;
        else that of its result, so that no other expression has them.
        """
        kinds = {e.kind for e in self.layer.op.cell.nodes}
        alone = kinds <= {"input", "softmax", "log_softmax"}
        return f"{self.layer.name}." if alone else f"{self.name}_"


class Operand(Protocol):
    """What an expression becomes, as far as walking over a model needs to know."""

    @property
    def name(self) -> str:
        """The value that is kept where this is a state."""

    @property
    def length(self) -> int:
        """Numbers of the vector."""


V = TypeVar("V", bound=Operand)


class Rules(Protocol[V]):
    """How expressions become operations in one number system, on operands V."""

    builder: Builder
    scheme: Scheme

    def input(self, port: Port, features: int) -> V:
        """The value of a model input."""

    def state(self, layer: Node[Layer], name: str, units: int, inputs: Mapping[str, V]) -> V:
        """The value that a state has at the start of a step; `inputs`: those of the cell."""

    def restarted(self, state: V, first: Floats) -> V:
        """A state that starts anew with each window, at its first step what it starts from."""

    def expression(self, node: Expr, args: list[V], place: Place) -> V:
        """The value of one node from those of its operands."""

    def result(self, value: V, result: str, place: Place) -> V:
        """The value as the layer keeps or passes it on."""

    def initial(self, layer: Node[Layer], name: str, state: V) -> Floats:
        """The stored form of a state's first value."""

    def given(self, layer: Node[Layer], name: str, state: V) -> str:
        """The value that a caller sets a state by, with the operations that this takes."""

    def begun(self, layer: Node[Layer], name: str, state: V, first: V, before: int) -> str:
        """The value that a state takes from `first` before a sweep, made in a block of its own."""

    def concat(self, node: Node[Concat], parts: list[V]) -> V:
        """Vectors joined end to end."""

    def step_at(self, name: str, value: V, n: int) -> V:
        """One step of a per-step value."""

    def part(self, node: Node[Slice], x: V) -> V:
        """Some features of a vector."""

    def recent(self, layer: Node[Layer], x: V, kernel: int, ends: int, node: Expr) -> V:
        """The last vectors of x, as `node` wants them, kept in a state; x ends `ends` ticks after
        the last.
        """

    def dense_over_time(self, node: Node[DenseOverTime], x: V, turn: Turn) -> V:
        """The value of a dense layer over all steps."""

    def port(self, port: Port, value: V, per_step: bool) -> ir.program.Port:
        """The description of an input or output."""


def lower(model: Model, rules: Rules[V], settings: Settings) -> Program:
    """The program of `model` under `rules`, verified."""
    builder = rules.builder
    known: dict[str, V] = {}
    sweeps = Sweeps(model)
    for port in model.inputs:
        known[port.tensor] = rules.input(port, model.tensors[port.tensor].features)
    for node in model.nodes:
        turn = sweeps.of(node)
        if is_a(node, Step):
            known[node.outputs["y"]] = _step(node, known, rules, sweeps.ends_with(node), turn)
        elif is_a(node, DenseOverTime) and is_plain_dense(node):
            _lower_layer(_plain_dense(node), known, rules)
        elif is_a(node, DenseOverTime):
            known[node.outputs["y"]] = rules.dense_over_time(node, known[node.inputs["x"]], turn)
        elif is_a(node, Slice):
            known[node.outputs["y"]] = rules.part(node, known[node.inputs["x"]])
        elif is_a(node, Concat):
            known[node.outputs["y"]] = rules.concat(node, [known[t] for t in node.reads])
        elif is_a(node, Layer):
            _lower_layer(node, known, rules, turn, sweeps.length_of(node))
        builder.close_block(node.name, turn.sweep, turn.clock, turn.before)
    per_step_of = {t.name: t.per_step for t in model.tensors.values()}
    inputs, outputs = (
        tuple(rules.port(p, known[p.tensor], per_step_of[p.tensor]) for p in ports)
        for ports in (model.inputs, model.outputs)
    )
    program = verify(
        Program(
            name=model.name,
            scheme=rules.scheme,
            inputs=inputs,
            outputs=outputs,
            states=tuple(builder.states),
            values=builder.values,
            constants=builder.constants,
            sweeps=sweeps.directions,
            lengths=sweeps.lengths,
            blocks=tuple(builder.blocks),
            steps=model.steps,
            settings=settings,
            state_inputs=_state_ports(model.state_inputs),
            state_outputs=_state_ports(model.state_outputs),
            file_names=dict(model.file_names),
        )
    )
    if model.steps is None and not program.streams:
        raise ModelError(
            next((n.label for n in model.nodes if _looks_back(n)), model.name),
            "needs the whole sequence, which is kept in memory, so its length must be known; "
            "say it with --steps",
        )
    return program


def _state_ports(ports: tuple[ir.model.StatePort, ...]) -> tuple[ir.program.StatePort, ...]:
    return tuple(
        ir.program.StatePort(
            port.name,
            port.shape,
            {f"{part.layer}.{part.state}": part.places for part in port.parts},
            port.partner,
        )
        for port in ports
    )


def integers(port: Port) -> Format:
    """The format of a port of integers, the same in both number systems."""
    return Format("int32", 1.0, 0, port.limit - 1)


def _step(
    node: Node[Step], known: Mapping[str, V], rules: Rules[V], wanted: int | None, turn: Turn
) -> V:
    """A step of a sequence: what its sweep computed last as it is, where nothing reads it at each
    step of a later one, for which it has to stay.
    """
    x = known[node.inputs["x"]]
    if wanted is not None:
        return rules.step_at(node.name, x, wanted)
    if turn.before == LATEST:
        return x
    whole = Node(node.name, Slice(0, x.length), node.inputs, node.outputs, node.source)
    return rules.part(whole, x)


def _looks_back(node: Node[Work]) -> bool:
    if isinstance(node.op, Step):
        return node.op.at != -1
    return is_a(node, Layer) and bool(node.op.reverse) and bool(node.op.cell.states)


def _plain_dense(node: Node[DenseOverTime]) -> Node[Layer]:
    layer = Layer(dense(), {"W_y": node.op.weights[0], "b_y": node.op.bias})
    return Node(node.name, layer, node.inputs, node.outputs, node.source)


def _lower_layer(
    layer: Node[Layer],
    known: dict[str, V],
    rules: Rules[V],
    turn: Turn = Turn(ONCE),  # noqa: B008
    length: Length = Length(),  # noqa: B008
) -> None:
    """Lower a layer; one of which the results are its inputs only copies."""
    if all(root.kind == "input" for root in layer.op.cell.results.values()):
        _copy(layer, known, rules)
    else:
        _lower_equations(layer, known, rules, turn, length)


def _lower_equations(
    layer: Node[Layer], known: dict[str, V], rules: Rules[V], turn: Turn, length: Length
) -> None:
    """Lower the equations result by result; a later one reads what an earlier one stored."""
    cell = layer.op.cell
    names = name_expressions(cell)
    rules.builder.keep(layer.name, (*names.values(), *cell.results))
    values: dict[int, V] = {}
    inputs = {name: known[tensor] for name, tensor in layer.inputs.items()}
    states = {
        name: rules.state(layer, name, state_units(layer, name, inputs), inputs)
        for name in cell.states
    }
    vectors = _recent(layer, inputs, rules, turn)
    begun = {name: _begun(layer, name, value, rules) for name, value in states.items()}
    begins = {
        name: rules.begun(layer, name, states[name], inputs[first], turn.sweep)
        for name, first in layer.op.begins.items()
    }
    stored: dict[str, V] = {}
    read = {name: e for name, e in cell.results.items() if name in states or name in layer.outputs}
    for result, root in read.items():
        for node in walk(root):
            if id(node) in values:
                continue
            if node.kind == "input":
                values[id(node)] = inputs[node.name]
            elif node.kind == "state":
                values[id(node)] = begun[node.name]
            elif node.kind == "recent" and vectors is not None:
                values[id(node)] = vectors
            else:
                name = rules.builder.enter(f"{layer.name}.{names[id(node)]}")
                place = Place(layer, name, describe(node, names), length)
                args = [values[id(e)] for e in node.args]
                values[id(node)] = rules.expression(node, args, place)
        place = Place(layer, rules.builder.enter(f"{layer.name}.{names[id(root)]}", result), "")
        stored[result] = values[id(root)] = rules.result(values[id(root)], result, place)
        if result in layer.outputs:
            known[layer.outputs[result]] = stored[result]
    for name, value in states.items():
        initial = rules.initial(layer, name, value)
        first = begins.get(name, "")
        along = layer.op.along
        fixed = cell.windowed or first or along > 1
        given = "" if fixed else rules.given(layer, name, value)
        state = ir.program.State(
            value.name, stored[name].name, initial, cell.windowed, given, first, along
        )
        rules.builder.states.append(state)


def _recent(layer: Node[Layer], inputs: Mapping[str, V], rules: Rules[V], turn: Turn) -> V | None:
    """The last vectors of a layer that sees several of them."""
    window = layer.op.window
    if window is None or not sees_several(layer.op.cell):
        return None
    ends = turn.taking.extra - turn.taking.stride * window.right
    node = next(e for e in walk(*layer.op.cell.results.values()) if e.kind == "recent")
    vectors = rules.recent(layer, next(iter(inputs.values())), window.kernel, ends, node)
    rules.builder.close_block(layer.name, turn.sweep, turn.taking)
    return vectors


def _copy(layer: Node[Layer], known: dict[str, V], rules: Rules[V]) -> None:
    """Results that are inputs: the same numbers, of the steps at which the layer runs."""
    for result, root in layer.op.cell.results.items():
        x = known[layer.inputs[root.name]]
        outputs = {"y": layer.outputs[result]}
        whole = Node(layer.name, Slice(0, x.length), {"x": layer.inputs[root.name]}, outputs)
        known[layer.outputs[result]] = rules.part(whole, x)


def tapped(node: Expr, place: Place, vectors: Operand) -> range:
    """The numbers of a window that are one vector."""
    window = place.layer.op.window
    assert window is not None
    count = vectors.length // window.kernel
    return range(int(node.value) * count, (int(node.value) + 1) * count)


def own_result(b: Builder, x: Value, made: str, place: Place) -> Value:
    """The value of a result under its own name: what is none of the layer's operations, a state as
    it was, an input or a constant, is copied, as later steps and layers change it or know another.
    made: the name that it has in the float program so far.
    """
    return x if made == place.name else copied(b, x, place.name)


def _begun(layer: Node[Layer], name: str, state: V, rules: Rules[V]) -> V:
    """What a step reads of a state."""
    if not layer.op.cell.windowed:
        return state
    return rules.restarted(state, rules.initial(layer, name, state))


def restart(b: Builder, state: Value, first: Floats) -> Value:
    """The operation of `Rules.restarted`."""
    start = b.vector(f"{state.name}_start", first[:1], state.format)
    return b.emit("restart", f"{state.name}_so_far", (state, start), state.format)


def state_units(layer: Node[Layer], state: str, inputs: Mapping[str, V]) -> int:
    """Length of a state: as the layer says, or its first value; what its matrix takes, what the
    layer's gates give, or its input's.
    """
    if state in layer.op.units:
        return layer.op.units[state]
    first = layer.op.initial.get(state, ())
    if len(first) > 1 and not layer.op.cell.windowed:
        return len(first)
    for e in layer.op.cell.nodes:
        for matrix, operand in zip(e.matrices, e.args, strict=False):
            if operand.kind == "state" and operand.name == state:
                return int(layer.op.params[matrix].shape[1])
    biases = [len(a) for name, a in layer.op.params.items() if name.startswith("b_")]
    return biases[0] if biases else next(iter(inputs.values())).length
