"""One random network against onnxruntime, and its C against numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import Feed, feed_of, run_numpy
from lstm_edge.interpret.prepare import Functions
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.operations import functions
from lstm_edge.operations.record import Function
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from lstm_edge.targets import load_target
from tests.oracle.graphs import saved
from tests.oracle.random_net import Arrays, Net
from tests.oracle.state_graphs import session_of, user_arrays
from tests.support.exactness import UNROLLS, assert_bit_exact, assert_same_bits, every
from tests.support.states import drawn

BATCHES, CALIBRATION = 8, 32
LEAST_DB, LEAST_DB_OF_JUMPS = 20.0, 5.0
WIDE = Options(16, 32, 16)
TRIALS = 12
"""Draws of half a quantum at most in weights and states, to see what a network makes of them."""

NOT_SUPPORTED = (
    "slides a kernel",  # over the one step that --steps or a window leaves
    "combines sequences of different lengths",
    "has outputs at different rates",
)
"""What a random network may be refused for: it is documented as not supported."""


@dataclass(frozen=True)
class Outcome:
    """refused: why a network was, "" otherwise. decibels: of the worst output. targets: where its
    C ran.
    """

    refused: str = ""
    decibels: float = 0.0
    ratios: Mapping[str, float] = field(default_factory=dict)
    targets: tuple[str, ...] = ()


def check(net: Net, folder: Path, boards: tuple[str, ...] = ()) -> Outcome:
    """Float, integers and C of a network; raises AssertionError where one is wrong."""
    try:
        model = load(
            saved(net.model(), folder), name="net", steps=net.steps if net.needs_steps else None
        )
        real = lower_real(model)
    except ModelError as error:
        if any(text in str(error) for text in NOT_SUPPORTED):
            return Outcome(refused=str(error))
        raise
    arrays, wanted = _expected(net, model, BATCHES, 1)
    feed = feed_of(real, arrays, stream=False)
    _compare_float(net, real, feed, wanted)
    known = inputs_of(net, model, CALIBRATION, 2)
    ranges = calibrate(real, feed_of(real, known, stream=False), from_data=True)
    program = lower_integer(model, ranges, Options())
    prove(program)
    ratios = _ratios(net, program, arrays, wanted)
    if min(ratios.values(), default=LEAST_DB) < LEAST_DB and not net.jumps:
        amplified = _amplified(net, real, program, feed, wanted)
        assert all(db >= min(LEAST_DB, amplified[n]) for n, db in ratios.items()), amplified
        # What amplifies half a quantum does so with the little that leaves calibrated ranges.
        wide = _ratios(net, lower_integer(model, ranges, WIDE), arrays, wanted)
        assert all(db >= min(LEAST_DB, amplified[n]) for n, db in wide.items()), (ratios, wide)
    assert min(ratios.values(), default=LEAST_DB) >= LEAST_DB_OF_JUMPS, ratios
    other = net.choose.choice(["float", (8, 32), (12, 32), (12, 16), (16, 32)])
    exact = real if other == "float" else lower_integer(model, ranges, Options(*other))
    prove(exact)
    targets = _run_compiled(net, exact, arrays, folder, boards)
    return Outcome("", min(ratios.values(), default=np.inf), ratios, targets)


def inputs_of(net: Net, model: Model, batches: int, seed: int) -> Arrays:
    """Drawn inputs as ours, [samples, *port]."""
    drawn = [net.draw(seed * 1000 + k) for k in range(batches)]
    return _joined(net, model, drawn)


def _joined(net: Net, model: Model, drawn: list[Arrays]) -> Arrays:
    ports = {p.name: p.shape for p in (*model.inputs, *model.state_inputs)}
    return {
        name: np.concatenate([_rows(batch[name], feed.batch) for batch in drawn])
        for name, feed in net.feeds.items()
        if name in ports
    }


def _expected(net: Net, model: Model, batches: int, seed: int) -> tuple[Arrays, Arrays]:
    """Our inputs [samples, *port], and onnxruntime's outputs in the same form."""
    drawn = [net.draw(seed * 1000 + k) for k in range(batches)]
    arrays = _joined(net, model, drawn)
    session = session_of(net.model(oracle=True))
    read = {value.name for value in session.get_inputs()}
    names = [value.name for value in session.get_outputs()]
    found = [
        dict(
            zip(
                names,
                session.run(names, {n: a for n, a in batch.items() if n in read}),
                strict=True,
            )
        )
        for batch in drawn
    ]
    axes = {n: s.batch for n, s in net.shown.items()}
    axes |= {s.scores: s.batch for s in net.shown.values() if s.scores}
    wanted = {n: np.concatenate([_rows(f[n], axes[n]) for f in found]) for n in names}
    return arrays, wanted


def _rows(array: np.ndarray, batch: int) -> np.ndarray:
    """[rows, ...] each with a batch of one."""
    return np.stack([array.take([k], axis=batch) for k in range(array.shape[batch])])


def _compare_float(net: Net, real: Program, feed: Feed, wanted: Arrays) -> None:
    found = user_arrays(real, run_numpy(real, feed))
    assert set(found) == set(net.shown), (set(found), set(net.shown))
    for name, shown in net.shown.items():
        ours, theirs = found[name][:, 0], wanted[name]
        assert ours.shape == theirs.shape, (name, ours.shape, theirs.shape)
        if shown.integer:
            assert _same_choice(ours, wanted[shown.scores], 1e-4), name
            continue
        scale = max(1.0, float(np.abs(theirs).max()))
        error = float(np.abs(ours - theirs).max())
        assert error <= 1e-5 * scale, f"{name} of the float program is wrong by {error}"


def _same_choice(ours: np.ndarray, scores: np.ndarray, margin: float) -> bool:
    """Whether each chosen score is the largest, but for a margin."""
    chosen = np.take_along_axis(scores, ours[..., None].astype(np.int64), axis=-1)[..., 0]
    return bool(np.all(chosen >= scores.max(axis=-1) - margin))


def _ratios(net: Net, program: Program, arrays: Arrays, wanted: Arrays) -> dict[str, float]:
    """Signal to noise in dB by output; of ArgMax, whether the choice is nearly the best."""
    results = run_numpy(program, feed_of(program, arrays, stream=False))
    return _ratios_of(net, user_arrays(program, results), wanted)


def _ratios_of(net: Net, found: Arrays, wanted: Arrays, choices: bool = True) -> dict[str, float]:
    """choices: whether what ArgMax chose has to be nearly the best."""
    ratios = {}
    for name, shown in net.shown.items():
        ours, theirs = found[name][:, 0], wanted[name]
        if shown.integer and not choices:
            continue
        if shown.integer:
            spread = float(wanted[shown.scores].std()) + 0.1
            assert _same_choice(ours, wanted[shown.scores], 0.3 * spread), name
            continue
        power = float(np.square(theirs.astype(np.float64)).mean())
        if shown.scores:
            power = max(power, float(np.square(wanted[shown.scores].astype(np.float64)).mean()))
        noise = float(np.square(theirs - ours.astype(np.float64)).mean())
        ratios[name] = 10 * np.log10(max(power, 1e-4) / max(noise, 1e-20))
    return ratios


def _amplified(
    net: Net, real: Program, program: Program, feed: Feed, wanted: Arrays
) -> dict[str, float]:
    """How near a float program comes whose weights and states are off as those of the integers are:
    in dB the worst of some draws, by output. Networks that grow from step to step amplify that, and
    one sample that grew alone makes the quanta of a state coarse for all.
    """
    found: dict[str, float] = {}
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        constants = {n: a + _half_a_quantum(a, rng) for n, a in real.constants.items()}
        off = replace(real, constants=constants)
        results = run_numpy(off, feed, instead=_states_off(off, program, rng))
        ratios = _ratios_of(net, user_arrays(off, results), wanted, choices=False)
        for name, db in ratios.items():
            found[name] = min(db, found.get(name, np.inf))
    return found


def _states_off(real: Program, program: Program, rng: np.random.Generator) -> Functions:
    """What makes the next states, half a quantum off at most."""
    quanta = {s.name: np.max(program.values[s.name].format.scale) for s in program.states}
    ops = {op.dest: op for block in real.blocks for op in block.ops}
    table = functions(is_float=True)

    def off(state: str, made: Function) -> Function:
        def computed(*args: Any) -> np.ndarray:
            result = np.asarray(made(*args))
            noise = quanta[state] * rng.uniform(-0.5, 0.5, result.shape)
            return result + noise.astype(result.dtype)

        return computed

    known = [s for s in real.states if s.name in quanta and s.next in ops]
    return {s.next: off(s.name, table[ops[s.next].kind]) for s in known}


def _half_a_quantum(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What rounding to 8 bits changes, for rows of a matrix; nothing of anything else."""
    if array.ndim != 2:
        return np.zeros_like(array)
    quantum = np.abs(array).max(axis=1, keepdims=True) / 127
    return (quantum * rng.uniform(-0.5, 0.5, array.shape)).astype(array.dtype)


def _run_compiled(
    net: Net, program: Program, arrays: Arrays, folder: Path, boards: tuple[str, ...]
) -> tuple[str, ...]:
    """Bit for bit: on this computer as generated for it or for a DSP, and on boards."""
    unroll = net.choose.choice(UNROLLS[:2] if sum(_sizes(program)) > 2000 else UNROLLS)
    state = net.choose.choice(["kept", "explicit"]) if program.state_inputs else "kept"
    program = replace(program, settings=replace(program.settings, state=state))
    real = two_calls(feed_of(program, arrays, stream=False))
    feed = mixed(program, real, net.choose.choice(["each", "first", "none"]))
    host, other = load_target("host"), load_target(net.choose.choice(["host", "cortex-m4"]))
    assert_bit_exact(program, host, unroll, folder / "host", feed, rendered_for=other)
    for board in boards:
        assert_bit_exact(program, load_target(board), unroll, folder / board, feed)
    one_by_one(program, real)
    return ("host", *boards)


def _sizes(program: Program) -> list[int]:
    return [int(a.size) for a in program.constants.values()]


def two_calls(feed: Feed) -> Feed:
    """Half as many streams, of two calls each; states are given before each of them."""
    half = feed.shape[0] // 2
    inputs = {n: a[: 2 * half].reshape(half, 2, *a.shape[2:]) for n, a in feed.inputs.items()}
    states = {n: a[: 2 * half].reshape(half, 2, *a.shape[2:]) for n, a in feed.states.items()}
    return Feed(inputs, states)


def mixed(program: Program, real: Feed, given: str) -> Feed:
    """Streams of real data, and three of anything that C can hold, beyond the formats among it.

    given: whether states are before each call, the first one, or none.
    """
    rng = np.random.default_rng(5)
    _, calls, steps = real.shape
    inputs = {}
    for port in program.inputs:
        lead = (3, calls, steps) if port.per_step else (3, calls)
        if port.limit:
            numbers = rng.integers(-3, min(port.limit, 2**20) + 3, (*lead, 1))
        else:
            numbers = drawn(program, port.value, lead, rng)
        inputs[port.name] = np.concatenate([real.inputs[port.name], numbers])
    states = {}
    for name, array in real.states.items() if given != "none" else ():
        more = drawn(program, name, (3, calls), rng, beyond=True)
        both = np.concatenate([array, more])
        states[name] = both if given == "each" else both[:, :1]
    return Feed(inputs, states)


def one_by_one(program: Program, feed: Feed) -> None:
    """A stream of calls of one step is that of longer calls, where no step is counted."""
    lengths = any(not port.per_step for port in program.inputs)
    if not program.streams or program.counts_steps or lengths or feed.states:
        return
    if any(state.accumulator for state in program.states):
        return
    streams, calls, steps = feed.shape
    single = {n: a.reshape(streams, calls * steps, 1, -1) for n, a in feed.inputs.items()}
    whole, steps_ = every(run_numpy(program, feed)), every(run_numpy(program, Feed(single)))
    for port in program.outputs:
        if port.per_step:
            assert_same_bits(
                {port.name: whole.pop(port.name)},
                {port.name: steps_.pop(port.name).reshape(streams, calls, steps, -1)},
            )
    assert_same_bits(whole, {n: a[:, steps - 1 :: steps] for n, a in steps_.items()})
