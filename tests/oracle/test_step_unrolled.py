"""Unrolled loops over any cell become layers: against onnxruntime, step by step and at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.ir.model import Model
from tests.oracle.cell_graphs import Net, model
from tests.oracle.entire import entire
from tests.oracle.in_float import in_float
from tests.oracle.step_graphs import written_out
from tests.oracle.unrolled_graphs import CELLS, INPUTS, UNITS, Loop, dense, stacked, steps_of

STEPS = 7
SIZES = {"0": [STEPS, 1, INPUTS], "1": [1, STEPS, INPUTS]}


def layers_with_states(loaded: Model) -> int:
    """How many layers of a model have states."""
    return sum(bool(node.op.cell.states) for node in loaded.layers)


def compiled(net: Net, outputs: Sequence[str], folder: Path, shape: list[int]) -> Model:
    """Load the net over x, which must give what onnxruntime gives."""
    return in_float(model(net, {"x": shape}, list(outputs)), folder)


@pytest.mark.parametrize("how", ["gather0", "gather1", "slice0", "slice1", "split0", "split1"])
@pytest.mark.parametrize("kind", CELLS)
def test_every_cell_and_way_to_take_a_step(kind: str, how: str, tmp_path: Path) -> None:
    net = Net()
    loop = Loop(net, kind)
    results, _ = loop.run(steps_of(net, how, STEPS), loop.states())
    loaded = compiled(net, [stacked(net, results, int(how[-1]))], tmp_path, SIZES[how[-1]])
    assert layers_with_states(loaded) == 1


@pytest.mark.parametrize("kind", CELLS)
def test_steps_from_the_last_to_the_first(kind: str, tmp_path: Path) -> None:
    net = Net()
    loop = Loop(net, kind)
    results, _ = loop.run(steps_of(net, "gather1", STEPS)[::-1], loop.states())
    y = stacked(net, results[::-1], 1)
    loaded = compiled(net, [y, results[-1]], tmp_path, SIZES["1"])
    (layer,) = [node for node in loaded.layers if node.op.cell.states]
    assert layer.op.reverse


FOLDED = ("mlstm", "lmu_of_rows", "delay", "slstm", "erased", "turned", "raised", "parted")
"""Cells with products of states, of which much of the first step is known beforehand."""


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("kind", FOLDED)
def test_first_steps_that_are_folded(kind: str, started: bool, tmp_path: Path) -> None:
    loaded = in_float(written_out(kind, STEPS, started), tmp_path)
    assert layers_with_states(loaded)


@pytest.mark.parametrize("which", ["last", "all and last", "some", "every second", "backwards"])
@pytest.mark.parametrize("kind", CELLS)
def test_what_is_read_of_the_steps(kind: str, which: str, tmp_path: Path) -> None:
    net = Net()
    loop = Loop(net, kind)
    results, states = loop.run(steps_of(net, "split0", STEPS), loop.states())
    outputs = {
        "last": [results[-1]],
        "all and last": [stacked(net, results, 0), *states],
        "some": [results[2], stacked(net, results[3:], 0)],
        "every second": [stacked(net, results[::2], 0)],
        "backwards": [stacked(net, results[::-1], 0)],
    }[which]
    compiled(net, outputs, tmp_path, SIZES["0"])


@pytest.mark.parametrize("op", ["ReduceMax", "ReduceMean"])
@pytest.mark.parametrize("backward", [False, True])
def test_what_is_reduced_over_the_steps(op: str, backward: bool, tmp_path: Path) -> None:
    """All steps of a few know the first one; they are steps apart all the same."""
    net = Net()
    loop, steps = Loop(net, "ugrnn"), steps_of(net, "gather0", 3)
    results, _ = loop.run(steps[::-1] if backward else steps, loop.states())
    y = net.add(op, stacked(net, results, 0), net.constant([0]), keepdims=0)
    loaded = compiled(net, [dense(net, y)], tmp_path, [3, 1, INPUTS])
    assert layers_with_states(loaded) == 2  # the cell, and the reduction so far


@pytest.mark.parametrize("given", [True, False])
def test_steps_beside_those_of_the_input(given: bool, tmp_path: Path) -> None:
    """Channels first: the input, or what is computed of it, is turned once for the loop, and once
    for what goes around it. Of the first choice a part is known, as the first state is.
    """
    net, wide = Net(), INPUTS + UNITS
    rng = np.random.default_rng(2)
    w = net.constant(rng.normal(size=(wide, UNITS)) * 0.4)
    v = net.constant(rng.normal(size=(wide, 2)))
    low, half = net.constant(0.1), net.constant(0.5)
    read = "x" if given else net.add("Relu", "x")
    turned = [net.add("Transpose", read, perm=[2, 0, 1]) for _ in range(2)]
    state, states = net.constant(np.zeros((1, UNITS))), []
    for k in range(STEPS):
        both = net.add(
            "Concat", net.add("Gather", turned[0], net.constant(np.int64(k)), axis=0), state, axis=1
        )
        chosen = net.add("Where", net.add("Greater", both, low), both, half)
        state = net.add("Tanh", net.add("MatMul", chosen, w))
        states.append(state)
    beside = net.add("Concat", turned[1], stacked(net, states, 0), axis=2)
    loaded = compiled(net, [net.add("MatMul", beside, v)], tmp_path, [1, INPUTS, STEPS])
    assert layers_with_states(loaded) == 1


def test_steps_of_sequences_of_one_another(tmp_path: Path) -> None:
    """A selective state space: what enters it was computed of all steps before, one of the other,
    and a state is a matrix.
    """
    net, wide = Net(), 3
    rng = np.random.default_rng(4)

    def weights(*shape: int) -> str:
        return net.constant(rng.normal(size=shape) * 0.4)

    u = net.add("Sigmoid", net.add("MatMul", "x", weights(INPUTS, UNITS)))
    delta = net.add("Softplus", net.add("MatMul", u, weights(UNITS, UNITS)))
    into = net.add("MatMul", u, weights(UNITS, wide))
    one, two = (net.constant(np.array([axis])) for axis in (1, 2))
    decay = net.constant(-np.abs(rng.normal(size=(UNITS, wide))))
    state, states = net.constant(np.zeros((1, UNITS, wide))), []
    for k in range(STEPS):
        d, b, v = (
            net.add("Gather", s, net.constant(np.int64(k)), axis=1) for s in (delta, into, u)
        )
        rate = net.add("Exp", net.add("Mul", net.add("Unsqueeze", d, two), decay))
        new = net.add("Unsqueeze", net.add("Mul", d, v), two)
        new = net.add("Mul", new, net.add("Unsqueeze", b, one))
        state = net.add("Add", net.add("Mul", rate, state), new)
        states.append(net.add("ReduceSum", state, two, keepdims=0))
    y = net.add("MatMul", stacked(net, states, 1), weights(UNITS, 2))
    loaded = compiled(net, [y], tmp_path, [1, STEPS, INPUTS])
    assert layers_with_states(loaded) == 1


@pytest.mark.parametrize("where", ["every step", "after the stack", "the last step"])
def test_heads(where: str, tmp_path: Path) -> None:
    net = Net()
    loop = Loop(net, "ugrnn")
    results, _ = loop.run(steps_of(net, "slice1", STEPS), loop.states())
    w, b = dense_weights(net)

    def head(x: str) -> str:
        return net.add("Softmax", net.add("Gemm", x, w, b), axis=-1)

    if where == "every step":
        y = stacked(net, [head(r) for r in results], 1)
    elif where == "the last step":
        y = head(results[-1])
    else:
        y = net.add("Softmax", net.add("Add", net.add("MatMul", stacked(net, results, 1), w), b))
    loaded = compiled(net, [y], tmp_path, SIZES["1"])
    assert layers_with_states(loaded) == 1


@pytest.mark.parametrize("kind", CELLS)
def test_initial_states_that_are_not_zero(kind: str, tmp_path: Path) -> None:
    net = Net()
    loop = Loop(net, kind)
    start = np.linspace(-0.9, 0.7, UNITS)
    results, states = loop.run(steps_of(net, "gather1", STEPS), loop.states(start))
    loaded = compiled(net, [stacked(net, results, 1), *states], tmp_path, SIZES["1"])
    (layer,) = [node for node in loaded.layers if node.op.cell.states]
    for initial in layer.op.initial.values():
        np.testing.assert_allclose(initial, start, atol=1e-5)


@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("kinds", [("ugrnn", "coupled"), ("delayed", "summed")])
def test_layers_on_each_other(kinds: tuple[str, str], joined: bool, tmp_path: Path) -> None:
    """The second reads the first one's steps, or cuts the tensor to which they were joined."""
    net = Net()
    first, second = Loop(net, kinds[0]), Loop(net, kinds[1], inputs=UNITS, seed=1)
    if kinds[1] == "coupled":
        second = Loop(net, "ugrnn", inputs=UNITS, seed=1)
    results, _ = first.run(steps_of(net, "gather1", STEPS), first.states())
    if joined:
        results = steps_of(net, "split1", STEPS, stacked(net, results, 1))
    results, last = second.run(results, second.states())
    loaded = compiled(net, [stacked(net, results, 1), last[0]], tmp_path, SIZES["1"])
    assert layers_with_states(loaded) == 2


def test_a_layer_after_what_works_on_the_sequence(tmp_path: Path) -> None:
    """A convolution before, a dense layer over all steps between, one after."""
    net = Net()
    turned = net.add("Transpose", "x", perm=[0, 2, 1])
    kernel = net.constant(np.random.default_rng(3).normal(size=(INPUTS, INPUTS, 3)))
    front = net.add("Transpose", net.add("Conv", turned, kernel, pads=[2, 0]), perm=[0, 2, 1])
    loop = Loop(net, "ugrnn")
    results, _ = loop.run(steps_of(net, "gather1", STEPS, front), loop.states())
    middle = net.add("Relu", dense(net, stacked(net, results, 1), outputs=4))
    other = Loop(net, "summed", inputs=4, seed=5)
    results, _ = other.run(steps_of(net, "split1", STEPS, middle), other.states())
    loaded = compiled(net, [dense(net, stacked(net, results, 1))], tmp_path, SIZES["1"])
    assert layers_with_states(loaded) == 2


@pytest.mark.parametrize("joined", ["after", "every step", "every step and a head"])
@pytest.mark.parametrize("kind", ["ugrnn", "coupled"])
def test_both_directions(kind: str, joined: str, tmp_path: Path) -> None:
    net = Net()
    there, back = Loop(net, kind), Loop(net, kind, seed=1)
    steps = steps_of(net, "gather1", STEPS)
    one, last = there.run(steps, there.states())
    other, first = back.run(steps[::-1], back.states())
    other = other[::-1]
    if joined == "after":
        y = net.add("Concat", stacked(net, one, 1), stacked(net, other, 1), axis=2)
    else:
        both = [net.add("Concat", a, b, axis=1) for a, b in zip(one, other, strict=True)]
        if joined != "every step":
            w, b = dense_weights(net, 2 * UNITS)
            both = [net.add("Tanh", net.add("Gemm", each, w, b)) for each in both]
        y = stacked(net, both, 1)
    end = net.add("Concat", last[0], first[0], axis=1)
    loaded = compiled(net, [y, end], tmp_path, SIZES["1"])
    assert sorted(bool(n.op.reverse) for n in loaded.layers if n.op.cell.states) == [False, True]


def test_several_loops_over_several_inputs(tmp_path: Path) -> None:
    """One reads two inputs at each step; another one a third."""
    net = Net()
    loop = Loop(net, "ugrnn", inputs=INPUTS + 2)
    pairs = zip(steps_of(net, "gather1", STEPS), steps_of(net, "split1", STEPS, "u"), strict=True)
    results, _ = loop.run([net.add("Concat", a, b, axis=1) for a, b in pairs], loop.states())
    other = Loop(net, "coupled", seed=3)
    _, last = other.run(steps_of(net, "slice1", STEPS, "v"), other.states())
    sizes = {"x": [1, STEPS, INPUTS], "u": [1, STEPS, 2], "v": [1, STEPS, INPUTS]}
    outputs = [stacked(net, results, 1), *last]
    loaded = in_float(model(net, dict(sizes), outputs), tmp_path)
    assert layers_with_states(loaded) == 2


def test_two_dimensional_input(tmp_path: Path) -> None:
    """x is [1, T], one feature; results are side by side on the same axis."""
    net = Net()
    loop = Loop(net, "ugrnn", inputs=1)
    first = net.add("Split", "x", net.constant([1] * STEPS), outputs=STEPS, axis=1)
    results, _ = loop.run([f"{first[:-1]}{k}" for k in range(STEPS)], loop.states())
    w, b = dense_weights(net, UNITS, 1)
    y = net.add("Concat", *(net.add("Gemm", r, w, b) for r in results), axis=1)
    compiled(net, [y], tmp_path, [1, STEPS])


def dense_weights(net: Net, inputs: int = UNITS, outputs: int = 2) -> tuple[str, str]:
    """A matrix [I, O] and a bias."""
    rng = np.random.default_rng(8)
    return net.constant(rng.normal(size=(inputs, outputs))), net.constant(rng.normal(size=outputs))


@pytest.mark.parametrize("kind", CELLS)
def test_integers_and_c(kind: str, tmp_path: Path) -> None:
    net = Net()
    loop = Loop(net, kind)
    results, _ = loop.run(steps_of(net, "gather1", STEPS), loop.states())
    outputs = [stacked(net, results, 1), dense(net, results[-1])]
    entire(model(net, {"x": SIZES["1"]}, outputs), tmp_path)


@pytest.mark.parametrize("shown", ["all", "what follows"])
@pytest.mark.parametrize("kind", ["ugrnn", "coupled", "delayed"])
def test_steps_that_go_on_with_their_own_output(kind: str, shown: str, tmp_path: Path) -> None:
    """After the sequence, what the network gives is what it reads next."""
    net = Net()
    loop = Loop(net, kind)
    w, b = dense_weights(net, UNITS, INPUTS)
    states, results = loop.states(), []
    steps = steps_of(net, "gather1", STEPS)
    for k in range(STEPS + 4):
        y, states = loop.step(steps[k] if k < STEPS else results[-1], states)
        results.append(net.add("Gemm", y, w, b))
    outputs = results if shown == "all" else results[STEPS:]
    compiled(net, [net.add("Concat", *outputs, axis=1)], tmp_path, SIZES["1"])


def test_a_threshold_that_only_comparisons_read(tmp_path: Path) -> None:
    """Neurons whose threshold adapts: a sum of a state and the spike before it starts from another
    number than 0, which no slope shows.
    """
    net, rng = Net(), np.random.default_rng(0)
    w, b = net.constant(rng.normal(size=(INPUTS, UNITS))), net.constant(rng.normal(size=UNITS))
    r = net.constant(rng.normal(size=(UNITS, UNITS)) * 0.5)
    decays = [net.constant(number) for number in (0.85, 0.93, 0.07, 0.5, 0.4)]
    keep, slow, fast, rise, rest = decays
    m = a = k = net.constant(np.zeros((1, UNITS)))
    results = []
    for x in steps_of(net, "gather1", STEPS):
        threshold = net.add("Add", rest, net.add("Mul", rise, a))
        driven = net.add("Add", net.add("Gemm", x, w, b), net.add("MatMul", k, r))
        m = net.add("Add", net.add("Mul", keep, m), driven)
        m = net.add("Sub", m, net.add("Mul", k, threshold))
        k = net.add("Cast", net.add("Greater", m, threshold), to=1)
        a = net.add("Add", net.add("Mul", slow, a), net.add("Mul", fast, k))
        results.append(m)
    compiled(net, [stacked(net, results, 1)], tmp_path, SIZES["1"])
