"""Phases: loops over units that compute what the list of operations computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lstm_edge.interpret.execute import run
from lstm_edge.ir.program import FORWARD, ONCE, Program, State
from lstm_edge.operations import OPERATIONS, functions, multiplied
from lstm_edge.operations.call import Call, Moment, Op
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.schedule import Phase, schedule
from tests.support.models import random_inputs, random_model
from tests.support.programs import quantized, stored

Array = npt.NDArray[Any]


def program_of(seed: int, **choices: Any) -> Program:
    model = random_model(seed, **choices)
    return quantized(model, random_inputs(model, 4))


def shape(program: Program) -> list[tuple[str, int, bool]]:
    return [(p.name, p.units, p.per_step) for p in schedule(program).phases]


PLAIN = {
    "direction": "forward",
    "hidden": (5,),
    "cell": "plain",
    "front": (),
    "also": (),
    "classes": 3,
    "features": 2,
}


@pytest.mark.parametrize("cell", ["plain", "peephole", "coupled", "peephole_coupled"])
def test_an_lstm_layer_is_one_phase_and_its_dense_head_another(cell: str) -> None:
    program = program_of(0, **{**PLAIN, "cell": cell}, read="last", head=("dense",))
    assert shape(program) == [("lstm0", 5, True), ("fc1", 3, False)]


@pytest.mark.parametrize("cell", ["plain", "peephole", "gru_reset_after", "rnn"])
def test_each_layer_of_a_stack_is_one_phase(cell: str) -> None:
    """What a layer makes of its states alone waits for what the layer below gives."""
    program = program_of(0, **{**PLAIN, "hidden": (5, 4, 3), "cell": cell}, read="steps", head=())
    phases = [(p.sweep, p.units) for p in schedule(program).phases if p.per_step]
    assert phases == [(0, 5), (0, 4), (0, 3)]


def test_what_a_vector_is_made_of_stays_before_the_loop_that_reads_it_whole() -> None:
    """The reset gate of a GRU, and of the update gate what is at hand then."""
    program = program_of(0, **{**PLAIN, "hidden": (5, 4), "cell": "gru"}, read="steps", head=())
    phases = [p.units for p in schedule(program).phases if p.per_step]
    assert phases == [5, 5, 4, 4]


def test_a_dense_layer_and_its_activation_are_one_phase() -> None:
    program = program_of(0, **PLAIN, read="last", head=("dense", "relu", "dense", "sigmoid"))
    assert shape(program) == [("lstm0", 5, True), ("fc1", 3, False), ("fc3", 3, False)]


def test_a_softmax_is_three_phases() -> None:
    program = program_of(0, **PLAIN, read="last", head=("softmax",))
    names = [(phase.name, len(phase.reductions)) for phase in schedule(program).phases]
    softmax = [item for item in names if item[0].startswith("softmax")]
    assert len(softmax) >= 3
    assert sum(n for _, n in softmax) == 2


def test_the_hidden_state_has_two_buffers_and_the_cell_state_one() -> None:
    program = program_of(0, **{**PLAIN, "hidden": (5, 4)}, read="steps", head=())
    assert schedule(program).double_buffered == {"lstm0.h", "lstm1.h"}


def test_a_dense_layer_over_all_steps_sums_in_place() -> None:
    program = program_of(0, **PLAIN, read="flat", steps=3, head=())
    assert schedule(program).double_buffered == {"lstm0.h"}
    assert shape(program) == [("lstm0", 5, True), ("flat", 3, True), ("flat_2", 3, False)]


def test_a_last_step_that_is_an_output_is_copied_once() -> None:
    program = program_of(0, **PLAIN, read="last", head=())
    copies = [p for p in schedule(program).phases if p.is_copy]
    assert [(p.per_step, p.units, p.loads) for p in copies] == [
        (False, 5, ("lstm0.h_next_stored",))
    ]


SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_operation_is_in_one_phase(seed: int) -> None:
    program = program_of(seed, weights="normal")
    placed = [op for p in schedule(program).phases for op in (*p.matvecs, *p.ops, *p.reductions)]
    expected = [
        op for block in program.blocks for op in block.ops if not OPERATIONS[op.kind].placed
    ]
    assert sorted(op.dest for op in placed) == sorted(op.dest for op in expected)
    assert len({p.name for p in schedule(program).phases}) == len(schedule(program).phases)


class Machine:
    """Runs a schedule as the C code does: unit after unit, with states and buffers in memory.

    history: every step of the values that other sweeps, step_at or the caller read.
    """

    def __init__(self, program: Program, steps: int) -> None:
        self.program = program
        self.cut = cut = schedule(program)
        self.table = functions(is_float=program.is_float)
        self.memory = {s.name: s.initial.copy() for s in program.states}
        self.lengths = {v.name: v.length for v in program.values.values()}
        self.lengths |= {p.name: program.values[p.value].length for p in program.outputs}
        self.home = {s.next: s.name for s in program.states if s.name not in cut.double_buffered}
        kept = [*program.sequences(), *(p.value for p in program.outputs if p.per_step)]
        kept += [p.value for p in program.inputs]
        self.history: dict[str, list[Array]] = {name: [np.zeros(0)] * steps for name in kept}
        self.steps = steps

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs of one sequence [steps, features] for each input."""
        made = self.program.sweep_of()
        ended: dict[str, Array] = {}
        for port in self.program.inputs:
            self.history[port.value] = list(inputs[port.name])
        for sweep, direction in enumerate(self.program.sweeps):
            order = range(self.steps)
            for t in order if direction == FORWARD else reversed(order):
                read = [n for n in self.history if made.get(n, ONCE) in range(-1, sweep)]
                self.memory.update({name: self.history[name][t] for name in read})
                self.phases(sweep, t)
                for name in self.history:
                    if made.get(name, ONCE) == sweep:
                        self.history[name][t] = self.memory[name].copy()
                self.swap_buffers([s for s in self.program.states if made[s.next] == sweep])
            ended |= {n: a for n, a in self.memory.items() if made.get(n, ONCE) == sweep}
        self.memory |= ended
        self.phases(ONCE, self.steps - 1)
        return {
            p.name: np.array(self.history[p.value]) if p.per_step else self.output(p.name)
            for p in self.program.outputs
        }

    def phases(self, sweep: int, t: int) -> None:
        for phase in self.cut.phases:
            if phase.sweep == sweep:
                self.loop(phase, t)

    def swap_buffers(self, states: list[State]) -> None:
        for state in states:
            if state.name in self.cut.double_buffered:
                self.memory[state.name] = self.memory[state.next].copy()

    def loop(self, phase: Phase, t: int) -> None:
        running: dict[str, Array] = {}
        for move in phase.moves:
            if move.step is not None:
                self.memory[move.value] = self.history[move.value][move.step]
        for unit in range(phase.units):
            local = {name: self.element(name, unit) for name in (*phase.loads, *phase.scalars)}
            for op in (*phase.matvecs, *phase.ops, *phase.reductions):
                self.apply(op, local, unit, t, running)
            for move in phase.moves:
                self.put(move.into, move.offset + unit, local[move.value])
            for name in () if phase.is_copy else phase.stores:
                self.store(name, unit, local[name])
        self.memory.update(running)

    def element(self, name: str, unit: int) -> Array:
        array = self.program.constants.get(name)
        array = self.memory[name] if array is None else array
        return array[:1] if len(array) == 1 else array[unit : unit + 1]

    def store(self, name: str, unit: int, number: Array) -> None:
        """Where the value lies, which is its state where that has one buffer, and in all that it
        is a part of.
        """
        self.put(name, unit, number)
        if name in self.home:
            self.put(self.home[name], unit, number)
        for move in self.cut.joined:
            if move.value == name:
                self.store(move.into, move.offset + unit, number)

    def put(self, name: str, unit: int, number: Array) -> None:
        length = self.lengths[name]
        self.memory.setdefault(name, np.zeros(length, number.dtype))[unit] = number[0]

    def output(self, name: str) -> Array:
        """What the caller finds: a copy under the output's own name, or the value."""
        value = next(p.value for p in self.program.outputs if p.name == name)
        return self.memory[name if name in self.memory else value].copy()

    def apply(
        self, op: Op, local: dict[str, Array], unit: int, t: int, running: dict[str, Array]
    ) -> None:
        constants, function = self.program.constants, self.table[op.kind]
        record = OPERATIONS[op.kind]
        if record.reduces:
            new = local[op.args[0]]
            pair = np.concatenate([running[op.dest], new]) if op.dest in running else new
            running[op.dest] = function(pair)
            return
        args = [local[a] if a in local else self.element(a, unit) for a in op.args]
        if record.multiplies:
            rows = {m: constants[m][..., unit : unit + 1, :] for m in op.matrices}
            constants = {**rows, op.bias: constants[op.bias][unit : unit + 1]}
            args[record.running :] = [self.memory[name] for name in multiplied(op)]
        if op.kind == "slice":
            op, args = replace(op, n=op.n + unit, count=1), [self.memory[op.args[0]]]
        moment = Moment(t, t == 0, -1, self.steps)
        local[op.dest] = function(*record.bind(Call(op, tuple(args), constants, moment)))


@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("seed", SEEDS)
def test_running_the_phases_unit_by_unit_gives_the_program_s_numbers(
    seed: int, scheme: str
) -> None:
    model = random_model(seed)
    data = random_inputs(model, 4, model.steps or 4)
    program = quantized(model, data) if scheme == "int8" else lower_real(model)
    inputs = {name: a[:1] for name, a in stored(program, data).items()}
    expected, _ = run(program, inputs)
    one = {name: a[0] for name, a in inputs.items()}
    found = Machine(program, len(next(iter(one.values())))).run(one)
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert np.array_equal(found[name], array[0]), name
