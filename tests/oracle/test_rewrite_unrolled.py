"""Loops over cells that were written out step by step become layers, or stay as they are."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
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
from tests.oracle.in_float import in_float
from tests.oracle.rewritten import RECURRENT, assert_same, attributes_of, nodes_of, ops_of, saved

STEPS = 4
TIME_FIRST = {"x": [STEPS, 2, INPUTS]}
BATCH_FIRST = {"x": [2, STEPS, INPUTS]}
FIXTURES = sorted((Path(__file__).resolve().parents[1] / "fixtures" / "loops").glob("*.onnx"))
LAYERS = {"two": 2, "bi": 2}


@pytest.mark.parametrize("file", FIXTURES, ids=lambda f: f.stem)
def test_loop_of_torch_becomes_layers_and_nothing_else(file: Path) -> None:
    ops = assert_same(file)
    kind = file.stem.split("_")[0].upper()
    layers = next((n for word, n in LAYERS.items() if word in file.stem), 1)
    assert {op: ops[op] for op in RECURRENT if ops[op]} == {kind: layers}
    assert not {"Split", "Sigmoid", "Tanh", "Mul"} & set(ops)


def test_fixtures_were_found() -> None:
    assert len(FIXTURES) >= 10


@pytest.mark.parametrize("how", ["gather0", "gather1", "slice0", "slice1", "split"])
@pytest.mark.parametrize("cell", CELLS)
def test_every_way_to_read_a_step_is_known(cell: str, how: str, tmp_path: Path) -> None:
    net, results, _ = unrolled(cell, STEPS, how=how)
    y = stack(net, results, 1)
    path = saved(model(net, BATCH_FIRST if "1" in how else TIME_FIRST, [y]), tmp_path)
    ops = assert_same(path)
    assert ops[CELLS[cell][0]] == 1
    assert set(ops) <= {CELLS[cell][0], "Transpose", "Squeeze", "Gather", "Identity"}
    assert load(path).steps == STEPS


@pytest.mark.parametrize("cell", CELLS)
def test_steps_from_last_to_first_are_a_reverse_layer(cell: str, tmp_path: Path) -> None:
    order = list(range(STEPS))[::-1]
    net, results, last = unrolled(cell, STEPS, order)
    y = stack(net, results[::-1], 0)
    path = saved(model(net, TIME_FIRST, [y, last[0]]), tmp_path)
    assert_same(path)
    layer = next(n for n in nodes_of(path) if n.op_type in RECURRENT)
    assert attributes_of(layer)["direction"] == b"reverse"
    load(path)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_last_and_first_states_are_there_again(cell: str, tmp_path: Path) -> None:
    net, results, last = unrolled(cell, STEPS)
    outputs = [results[0], results[2], last[0], *([last[1]] if cell == "lstm" else [])]
    path = saved(model(net, TIME_FIRST, outputs), tmp_path)
    assert assert_same(path)[CELLS[cell][0]] == 1


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
    ops = assert_same(path)
    assert (ops["LSTM"], ops["RNN"]) == (1, 1)
    load(path)


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
    ops = assert_same(path)
    assert (ops["LSTM"], ops["MatMul"], ops["Softmax"], ops["Relu"]) == (1, 2, 1, 1)
    load(path)


def test_what_is_done_with_each_step_is_called_by_its_name(tmp_path: Path) -> None:
    """LayerNormalization of each state; whether it is supported or not, its name is known."""
    net, results, _ = unrolled("gru", STEPS)
    scale = net.constant(np.random.default_rng(1).normal(size=HIDDEN))
    results = [net.add("LayerNormalization", h, scale, axis=-1) for h in results]
    name = net.nodes[-STEPS].name
    path = saved(model(net, TIME_FIRST, [stack(net, results, 0)]), tmp_path)
    ops = assert_same(path)
    assert (ops["GRU"], ops["LayerNormalization"]) == (1, 1)
    made = next(n for n in nodes_of(path) if n.op_type == "LayerNormalization")
    assert made.name.startswith(f"{name}/")


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
    assert assert_same(path)["GRU"] == 1
    assert "zeros" in {i for n in net.nodes for i in n.input}
    layer = next(n for n in nodes_of(path) if n.op_type == "GRU")
    assert len(layer.input) < 6
    load(path)


@pytest.mark.parametrize("cell", ["lstm", "gru", "gru_before"])
def test_one_step_between_inputs_and_outputs_is_a_layer_of_one_step(
    cell: str, tmp_path: Path
) -> None:
    net = Net()
    kind, make = CELLS[cell]
    outputs = make(net, weights(net, kind), "x", ("h", "c"))
    names = list(outputs) if cell == "lstm" else [outputs[0]]
    inputs = {"x": [2, INPUTS], "h": [2, HIDDEN]} | ({"c": [2, HIDDEN]} if cell == "lstm" else {})
    path = saved(model(net, inputs, names), tmp_path)
    assert assert_same(path)[kind] == 1


def test_state_is_the_later_input_where_sizes_do_not_tell(tmp_path: Path) -> None:
    net = Net()
    h, c = lstm(net, weights(net, "LSTM", HIDDEN), "x", ("h", "c"))
    inputs = {name: [2, HIDDEN] for name in ("x", "h", "c")}
    path = saved(model(net, inputs, [h, c]), tmp_path)
    assert_same(path)
    nodes = nodes_of(path)
    layer = next(n for n in nodes if n.op_type == "LSTM")
    made = {o: n for n in nodes for o in n.output}
    assert [made[layer.input[k]].input[0] for k in (0, 5, 6)] == ["x", "h", "c"]


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
    assert assert_same(path)[kind] == 1
    layer = next(n for n in nodes_of(path) if n.op_type == kind)
    assert layer.input[5]


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
    assert assert_same(path)[kind] == 1


def hard(slope: float, offset: float, top: float, net: Net, name: str) -> str:
    """min(max(x * slope + offset, 0), top) / top."""
    line = net.add("Mul", name, net.constant(slope)) if slope != 1.0 else name
    line = net.add("Add", line, net.constant(offset))
    clipped = net.add("Clip", line, net.constant(0.0), net.constant(top))
    return net.add("Mul", clipped, net.constant(1 / top)) if top != 1.0 else clipped


FUNCTIONS = {
    "keras3": (lambda net, x: hard(1.0, 3.0, 6.0, net, x), "HardSigmoid", (1 / 6, 0.5)),
    "keras2": (lambda net, x: hard(0.2, 0.5, 1.0, net, x), "HardSigmoid", (0.2, 0.5)),
    "onnx": (lambda net, x: net.add("HardSigmoid", x, alpha=0.3), "HardSigmoid", (0.3, 0.5)),
    "elu": (lambda net, x: net.add("Elu", x, alpha=0.7), "Elu", (0.7,)),
    "leaky": (lambda net, x: net.add("LeakyRelu", x), "LeakyRelu", (0.01,)),
    "relu": (lambda net, x: net.add("Relu", x), "Relu", ()),
    "softsign": (lambda net, x: net.add("Softsign", x), "Softsign", ()),
    "softplus": (lambda net, x: net.add("Softplus", x), "Softplus", ()),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_of_a_gate_is_found(name: str, tmp_path: Path) -> None:
    make, wanted, numbers = FUNCTIONS[name]
    net = Net()
    p = weights(net, "RNN")
    h = net.constant(np.zeros((2, HIDDEN)))
    read = read_step(net, "gather0", STEPS)
    for k in range(STEPS):
        h = make(net, net.add("Add", net.add("MatMul", h, p.r), net.add("MatMul", read(k), p.w)))
    path = saved(model(net, TIME_FIRST, [h]), tmp_path)
    assert assert_same(path)["RNN"] == 1
    layer = attributes_of(next(n for n in nodes_of(path) if n.op_type == "RNN"))
    found = (*layer.get("activation_alpha", ()), *layer.get("activation_beta", ()))
    assert layer["activations"] == [wanted]
    np.testing.assert_allclose(found, numbers, rtol=1e-6)


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
    """No layer of a known cell is found over all steps: the file is refused in one line, or what is
    made of it computes what the file does.
    """
    try:
        assert not set(RECURRENT) & set(ops_of(path))
        in_float(onnx.load(path), path.parent)
    except ModelError as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said


def test_a_thousand_steps_load_in_a_few_seconds(tmp_path: Path) -> None:
    net, results, _ = unrolled("lstm", 1000)
    y = stack(net, results, 0)
    path = saved(model(net, {"x": [1000, 2, INPUTS]}, [y]), tmp_path)
    start = time.perf_counter()
    assert load(path).steps == 1000
    assert time.perf_counter() - start < 20.0
