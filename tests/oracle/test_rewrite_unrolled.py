"""Known cells that were written out step by step become the layers that they are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.ir.model import Model
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.cell_graphs import (
    CELLS,
    HIDDEN,
    INPUTS,
    Net,
    lstm,
    model,
    read_step,
    rnn,
    stack,
    unrolled,
    weights,
)
from tests.oracle.compared import as_in_file
from tests.oracle.rewritten import RECURRENT, assert_loaded, ops_of, saved

STEPS = 4
TIME_FIRST = {"x": [STEPS, 2, INPUTS]}
BATCH_FIRST = {"x": [2, STEPS, INPUTS]}
FIXTURES = sorted((Path(__file__).resolve().parents[1] / "fixtures" / "loops").glob("*.onnx"))
LAYERS = {"two": 2, "bi": 2}


@pytest.mark.parametrize("file", FIXTURES, ids=lambda f: f.stem)
def test_loop_of_torch_becomes_layers_and_nothing_else(file: Path) -> None:
    layers = assert_loaded(file)
    count = next((n for word, n in LAYERS.items() if word in file.stem), 1)
    assert layers.pop(file.stem.split("_")[0]) == count
    assert set(layers) <= {"dense"}


def test_fixtures_were_found() -> None:
    assert len(FIXTURES) >= 10


@pytest.mark.parametrize("how", ["gather0", "gather1", "slice0", "slice1", "split"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_way_to_read_a_step_is_known(cell: str, how: str, tmp_path: Path) -> None:
    net, results, _ = unrolled(cell, STEPS, how=how)
    y = stack(net, results, 1)
    path = saved(model(net, BATCH_FIRST if "1" in how else TIME_FIRST, [y]), tmp_path)
    assert assert_loaded(path) == {CELLS[cell][0].lower(): 1}
    assert load(path).steps == STEPS


@pytest.mark.parametrize("cell", CELLS)
def test_steps_from_last_to_first_are_a_reverse_layer(cell: str, tmp_path: Path) -> None:
    order = list(range(STEPS))[::-1]
    net, results, last = unrolled(cell, STEPS, order)
    y = stack(net, results[::-1], 0)
    path = saved(model(net, TIME_FIRST, [y, last[0]]), tmp_path)
    assert assert_loaded(path) == {CELLS[cell][0].lower(): 1}
    (layer,) = load(path).layers
    assert layer.op.reverse


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_last_and_first_states_are_there_again(cell: str, tmp_path: Path) -> None:
    net, results, last = unrolled(cell, STEPS)
    outputs = [results[0], results[2], last[0], *([last[1]] if cell == "lstm" else [])]
    path = saved(model(net, TIME_FIRST, outputs), tmp_path)
    kinds = Counter(layer.op.cell.name for layer in assert_rows(path).layers)
    assert kinds[CELLS[cell][0].lower()] == 1


def test_cells_on_top_of_each_other_are_layers(tmp_path: Path) -> None:
    net = Net()
    below, above = weights(net, "LSTM"), weights(net, "RNN", HIDDEN, 1, "_above")
    zero = net.constant(np.zeros((2, HIDDEN)))
    state, top, results = (zero, zero), (zero, zero), []
    read = read_step(net, "gather0", STEPS)
    for k in range(STEPS):
        state = lstm(net, below, read(k), state)
        top = rnn(net, above, state[0], top)
        results.append(top[0])
    path = saved(model(net, TIME_FIRST, [stack(net, results, 0)]), tmp_path)
    assert assert_loaded(path) == {"lstm": 1, "rnn": 1}


def test_dense_layers_before_and_after_each_step_run_over_the_sequence(tmp_path: Path) -> None:
    net = Net()
    rng = np.random.default_rng(3)
    p, zero = weights(net, "LSTM"), net.constant(np.zeros((2, HIDDEN)))
    first, last = net.constant(rng.normal(size=(INPUTS, INPUTS))), rng.normal(size=(2, HIDDEN))
    head, bias = net.constant(last), net.constant(rng.normal(size=2))
    state, results = (zero, zero), []
    read = read_step(net, "gather0", STEPS)
    for k in range(STEPS):
        state = lstm(net, p, net.add("Relu", net.add("MatMul", read(k), first)), state)
        made = net.add("Gemm", state[0], head, bias, transB=1, alpha=0.5)
        results.append(net.add("Softmax", made, axis=1))
    path = saved(model(net, TIME_FIRST, [stack(net, results, 1)]), tmp_path)
    assert assert_loaded(path) == {"before": 1, "lstm": 1, "head": 1}


def test_what_is_done_with_each_step_is_a_layer(tmp_path: Path) -> None:
    net, results, _ = unrolled("gru", STEPS)
    scale = net.constant(np.random.default_rng(1).normal(size=HIDDEN))
    results = [net.add("LayerNormalization", h, scale, axis=-1) for h in results]
    path = saved(model(net, TIME_FIRST, [stack(net, results, 0)]), tmp_path)
    assert assert_loaded(path) == {"gru": 1, "head": 1}


def test_zeros_of_an_open_batch_are_no_initial_state(tmp_path: Path) -> None:
    net, _, last = unrolled("gru", STEPS, how="gather1")
    sizes = net.constant([HIDDEN])
    head = [
        helper.make_node("Shape", ["x"], ["shape"], start=0, end=1),
        helper.make_node("Concat", ["shape", sizes], ["size"], axis=0),
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
    ]
    for node in net.nodes:
        node.input[:] = ["zeros" if name == "constant_4" else name for name in node.input]
    net.nodes[:0] = head
    path = saved(model(net, {"x": ["batch", STEPS, INPUTS]}, [last[0]]), tmp_path)
    assert "zeros" in {i for n in net.nodes for i in n.input}
    assert assert_loaded(path) == {"gru": 1}
    assert not load(path).layers[0].op.initial


@pytest.mark.parametrize("cell", ["lstm", "gru", "gru_before"])
def test_one_step_between_inputs_and_outputs_is_a_layer_of_one_step(
    cell: str, tmp_path: Path
) -> None:
    net = Net()
    kind, make = CELLS[cell]
    outputs = make(net, weights(net, kind), "x", ("h", "c"))
    pairs = {"h": outputs[0]} | ({"c": outputs[1]} if cell == "lstm" else {})
    inputs: dict[str, list[int | str]] = {"x": [2, INPUTS], **{name: [2, HIDDEN] for name in pairs}}
    path = saved(model(net, inputs, list(pairs.values())), tmp_path)
    for told in (pairs, None):  # which state is which, no name and no shape says, but equations do
        (layer,) = load(path, state_pairs=told).layers
        assert layer.op.cell.name == kind.lower()
    if cell != "lstm":
        assert assert_loaded(path) == {"gru": 1}


def test_a_dense_layer_over_two_vectors_is_no_recurrent_layer(tmp_path: Path) -> None:
    net = Net()
    h, _ = rnn(net, weights(net, "RNN"), "x", ("h", ""))
    y = net.add("MatMul", h, net.constant(np.ones((HIDDEN, 2))))
    path = saved(model(net, {"x": [2, INPUTS], "h": [2, HIDDEN]}, [y]), tmp_path)
    assert not set(RECURRENT) & set(ops_of(path))


@pytest.mark.parametrize("start", ["input", "constant", "rows"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_states_that_are_not_zero_are_kept(cell: str, start: str, tmp_path: Path) -> None:
    net = Net()
    kind, make = CELLS[cell]
    p = weights(net, kind)
    rng = np.random.default_rng(5)
    inputs: dict[str, list[int | str]] = dict(TIME_FIRST)
    if start == "input":
        state = ("h", "c") if cell == "lstm" else ("h", "")
        inputs |= {name: [2, HIDDEN] for name in state if name}
    else:
        row = rng.normal(size=(2 if start == "rows" else 1, HIDDEN)) * np.ones((2, 1))
        state = (net.constant(row), net.constant(row / 2))
    read = read_step(net, "gather0", STEPS)
    for k in range(STEPS):
        state = make(net, p, read(k), state)
    path = saved(model(net, inputs, [state[0]]), tmp_path)
    if start == "rows":
        with pytest.raises(ModelError, match="something else for each row of a batch"):
            load(path)
        return
    assert assert_loaded(path) == {kind.lower(): 1}
    loaded = load(path)
    given = [port.name for port in loaded.state_inputs]
    assert given == (["h", "c"][: len(given)] if start == "input" else [])
    assert set(loaded.layers[0].op.initial) == set() if start == "input" else {"h", "c"}


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_a_state_that_was_folded_into_the_first_bias_is_found_again(
    cell: str, tmp_path: Path
) -> None:
    net = Net()
    kind, make = CELLS[cell]
    p = weights(net, kind)
    h0 = np.random.default_rng(6).normal(size=HIDDEN)
    net.constant(h0 @ net.constants[p.r] + net.constants[p.rb], "folded")
    read = read_step(net, "gather0", STEPS)
    zero = net.constant(np.zeros((2, HIDDEN)))
    state = make(net, p, read(0), (zero, zero))
    first = next(n for n in net.nodes if p.rb in n.input)
    reader = next(n for n in net.nodes if first.output[0] in n.input)
    reader.input[:] = ["folded" if i == first.output[0] else i for i in reader.input]
    for k in range(1, STEPS):
        state = make(net, p, read(k), state)
    path = saved(model(net, TIME_FIRST, [state[0]]), tmp_path)
    assert assert_loaded(path) == {kind.lower(): 1}
    assert load(path).layers[0].op.initial["h"] == pytest.approx(h0, abs=1e-5)


def hard(slope: float, offset: float, top: float, net: Net, name: str) -> str:
    """min(max(x * slope + offset, 0), top) / top."""
    line = net.add("Mul", name, net.constant(slope)) if slope != 1.0 else name
    line = net.add("Add", line, net.constant(offset))
    clipped = net.add("Clip", line, net.constant(0.0), net.constant(top))
    return net.add("Mul", clipped, net.constant(1 / top)) if top != 1.0 else clipped


FUNCTIONS: dict[str, Callable[[Net, str], str]] = {
    "keras3": lambda net, x: hard(1.0, 3.0, 6.0, net, x),
    "keras2": lambda net, x: hard(0.2, 0.5, 1.0, net, x),
    "onnx": lambda net, x: net.add("HardSigmoid", x, alpha=0.3),
    "elu": lambda net, x: net.add("Elu", x, alpha=0.7),
    "leaky": lambda net, x: net.add("LeakyRelu", x),
    "relu": lambda net, x: net.add("Relu", x),
    "softsign": lambda net, x: net.add("Softsign", x),
    "softplus": lambda net, x: net.add("Softplus", x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_of_a_gate_is_found(name: str, tmp_path: Path) -> None:
    net, make = Net(), FUNCTIONS[name]
    p = weights(net, "RNN")
    h = net.constant(np.zeros((2, HIDDEN)))
    read = read_step(net, "gather0", STEPS)
    for k in range(STEPS):
        h = make(net, net.add("Add", net.add("MatMul", h, p.r), net.add("MatMul", read(k), p.w)))
    path = saved(model(net, TIME_FIRST, [h]), tmp_path)
    assert assert_loaded(path) == {"rnn": 1}


def other_weight(net: Net, results: list[str]) -> None:
    """The third step has another recurrent matrix."""
    node = [n for n in net.nodes if n.op_type == "MatMul" and "r" in n.input][2]
    node.input[1] = net.constant(net.constants["r"] * 1.001)


def other_bias(net: Net, results: list[str]) -> None:
    node = [n for n in net.nodes if n.op_type == "Add" and "b" in n.input][3]
    node.input[1] = net.constant(net.constants["b"] + 0.5)


def other_function(net: Net, results: list[str]) -> None:
    [n for n in net.nodes if n.op_type == "Tanh"][-1].op_type = "Softsign"


def inner_value_is_read(net: Net, results: list[str]) -> None:
    """A gate of the second step is an output of the model."""
    gates = [n for n in net.nodes if n.op_type in ("Sigmoid", "Add")]
    results.append(gates[len(gates) // 2].output[0])


def state_is_not_handed_on(net: Net, results: list[str]) -> None:
    """The third step starts from the state after the first."""
    for node in net.nodes:
        if results[1] in node.input and node.op_type in ("MatMul", "Sub", "Mul"):
            node.input[:] = [results[0] if i == results[1] else i for i in node.input]


BREAKS = (other_weight, other_bias, other_function, inner_value_is_read, state_is_not_handed_on)


@pytest.mark.parametrize("change", BREAKS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_what_is_no_layer_stays_as_it_is(cell: str, change, tmp_path: Path) -> None:
    net, results, _ = unrolled(cell, STEPS)
    change(net, results)
    assert_untouched(saved(model(net, TIME_FIRST, [*results[STEPS - 1 :]]), tmp_path))


ORDERS = {
    "skipped": [0, 1, 3],
    "first_left_out": [1, 2, 3],
    "last_left_out": [0, 1, 2],
    "exchanged": [0, 2, 1, 3],
    "twice": [0, 1, 1, 2, 3],
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_steps_that_are_not_all_in_order_stay_as_they_are(
    cell: str, order: list[int], tmp_path: Path
) -> None:
    net, _, last = unrolled(cell, STEPS, order)
    assert_untouched(saved(model(net, TIME_FIRST, [last[0]]), tmp_path))


def test_weights_of_two_sequences_do_not_mix(tmp_path: Path) -> None:
    """Steps 0 and 1 of x, then 2 and 3 of another input: no layer over either."""
    net, _, last = unrolled("lstm", STEPS)
    for node in net.nodes:
        if node.op_type == "Gather" and int(net.constants[node.input[1]]) > 1:
            node.input[0] = "other"
    inputs = TIME_FIRST | {"other": TIME_FIRST["x"]}
    assert_untouched(saved(model(net, inputs, [last[0]]), tmp_path))


def assert_untouched(path: Path) -> None:
    """The file is refused in one line, or what is made of it computes what the file does."""
    try:
        assert_rows(path)
    except ModelError as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said


def assert_rows(path: Path) -> Model:
    """The float program computes each row of the batch, of which outputs have one vector each, or
    all rows at once; returns the model.
    """
    onnxruntime = pytest.importorskip("onnxruntime")
    loaded = load(path)
    program = lower_real(as_in_file(loaded))
    session = onnxruntime.InferenceSession(str(path))
    names = [value.name for value in session.get_outputs()]
    rng = np.random.default_rng(7)
    feeds = {
        value.name: rng.normal(size=value.shape).astype(np.float32)
        for value in session.get_inputs()
    }
    if [*loaded.inputs[0].shape] == session.get_inputs()[0].shape:
        rows = {name: array[None] for name, array in feeds.items()}
    else:
        rows = {name: np.moveaxis(array, 1, 0)[:, :, None] for name, array in feeds.items()}
    found = run_numpy(program, feed_of(program, rows, stream=False)).outputs
    for name, wanted in zip(names, session.run(names, feeds), strict=True):
        np.testing.assert_allclose(found[name].reshape(wanted.shape), wanted, atol=1e-5)
    return loaded


@pytest.mark.all_cases
def test_hundreds_of_steps_load_in_a_few_seconds(tmp_path: Path) -> None:
    net, results, _ = unrolled("lstm", 500)
    y = stack(net, results, 0)
    path = saved(model(net, {"x": [500, 2, INPUTS]}, [y]), tmp_path)
    start = time.process_time()
    assert load(path).steps == 500
    assert time.process_time() - start < 20.0  # 5 to 12, by machine
