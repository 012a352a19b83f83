"""Files of a single step: any cell, its states paired by names, shapes or by what is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import lstm_edge
from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.frontend.step.equations import Equations
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.ir.model import Model
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.entire import decibels
from tests.oracle.graphs import graph, node, saved
from tests.oracle.step_cells import CELLS, INPUTS, STEPS, UNITS, Builder, gru_step
from tests.oracle.step_graphs import file_of, single, value

KNOWN = {"lstm": "lstm", "packed_lstm": "lstm", "gru": "gru", "min_gru": "min_gru", "sru": "sru"}
each_cell = pytest.mark.parametrize("cell", CELLS)


def stepped(model: onnx.ModelProto, x: np.ndarray, pairs: dict[str, str]) -> np.ndarray:
    """What onnxruntime gives step after step from states of zeros: y [T, O] of x [T, I]."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [o.name for o in session.get_outputs()]
    states = {i.name: np.zeros(i.shape, np.float32) for i in session.get_inputs()}
    results = []
    for step in x:
        fed = {name: states[name] for name in pairs}
        found = dict(zip(names, session.run(names, {"x": step[None], **fed}), strict=True))
        states = {i: found[o] for i, o in pairs.items()}
        results.append(found["y"][0])
    return np.stack(results)


def names_of(cell: str) -> dict[str, str]:
    return {f"s{k}": f"s{k}_next" for k in range(len(CELLS[cell][1]))}


def streamed(model: Model, x: np.ndarray) -> np.ndarray:
    """y [T, O] of the float program, its states kept from step to step."""
    program = lower_real(model)
    feed = feed_of(program, {"x": x[None, :, None]}, stream=True)
    return run_numpy(program, feed).outputs["y"].reshape(len(x), -1)


def drawn(steps: int = STEPS, samples: int = 1) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(samples * steps, INPUTS)).astype(np.float32)


@each_cell
def test_steps_are_those_of_onnxruntime(cell: str, tmp_path: Path) -> None:
    model, x = single(cell), drawn()
    loaded = load(saved(model, tmp_path))
    assert {p.name: p.partner for p in loaded.state_inputs} == names_of(cell)
    np.testing.assert_allclose(
        streamed(loaded, x), stepped(model, x, names_of(cell)), rtol=0, atol=5e-6
    )
    if cell in KNOWN:
        assert KNOWN[cell] in [node.name for node in loaded.nodes]


@pytest.mark.parametrize("cell", ["mamba", "mlstm", "delay", "packed_lstm", "ltc"])
def test_c_is_bit_exact(cell: str, tmp_path: Path) -> None:
    model, x = single(cell), drawn(samples=12)
    network = lstm_edge.load(saved(model, tmp_path))
    feeds = {"x": x[:, None]}
    compiled = lstm_edge.compile(network, target="cortex-m4", calibration=feeds)
    given = {"x": feeds["x"][None, :40]}
    found = compiled.run(given, stream=True)["y"].reshape(40, -1)
    assert decibels(stepped(model, x[:40], names_of(cell)), found) > 26.0
    assert compiled.compare({"x": feeds["x"][:40]}, on="host").ok


def test_a_filter_has_a_state_and_no_weights(tmp_path: Path) -> None:
    """A moving average of two constants: what a state is for needs no weights."""
    b = Builder(np.random.default_rng(0))
    after = b.add("Add", b.add("Mul", "s0", b.constant(0.9)), b.add("Mul", "x", b.constant(0.1)))
    b.nodes += [onnx.helper.make_node("Identity", [after], [n]) for n in ("y", "s0_next")]
    shown = [value(name, [1, INPUTS]) for name in ("x", "s0", "y", "s0_next")]
    model, x = file_of(b, shown[:2], shown[2:]), drawn()
    loaded = load(saved(model, tmp_path))
    wanted = stepped(model, x, {"s0": "s0_next"})
    np.testing.assert_allclose(streamed(loaded, x), wanted, rtol=0, atol=1e-6)
    assert np.ptp(wanted, axis=0).min() > 0.1


def test_states_that_callers_set(tmp_path: Path) -> None:
    """Places of a packed state are those of the file's array."""
    loaded = load(saved(single("packed_lstm"), tmp_path))
    (port,) = loaded.state_inputs
    assert sorted(p for part in port.parts for p in part.places) == list(range(10))
    assert {part.state: part.places for part in port.parts} == {
        "h": tuple(range(5)),
        "c": tuple(range(5, 10)),
    }


def renamed(model: onnx.ModelProto, names: dict[str, str]) -> onnx.ModelProto:
    """The file with other names of inputs and outputs."""
    for port in (*model.graph.input, *model.graph.output):
        port.name = names.get(port.name, port.name)
    for each in model.graph.node:
        each.input[:] = [names.get(n, n) for n in each.input]
        each.output[:] = [names.get(n, n) for n in each.output]
    return model


NAMES = [
    ("h0 c0", "hn cn"),
    ("h_in c_in", "h_out c_out"),
    ("hx cx", "hy cy"),
    ("h_prev c_prev", "h_new c_new"),
    ("h c", "new_h new_c"),
    ("state_h state_c", "next_state_h next_state_c"),
    ("inputState:h inputState:c", "outputState:h outputState:c"),
    ("h_0 c_0", "h_1 c_1"),
    ("h c", "h_t c_t"),
    ("h cache2", "h_out cache2_out"),
]


@pytest.mark.parametrize(("before", "after"), NAMES)
def test_names_that_tell_the_pairs(before: str, after: str, tmp_path: Path) -> None:
    names = dict(zip(["s0", "s1"], before.split(), strict=True))
    names |= dict(zip(["s0_next", "s1_next"], after.split(), strict=True))
    loaded = load(saved(renamed(single("lstm"), names), tmp_path))
    found = {p.name: p.partner for p in loaded.state_inputs}
    assert len(found) == 2
    model, x = single("lstm"), drawn()
    np.testing.assert_allclose(
        streamed(loaded, x), stepped(model, x, names_of("lstm")), rtol=0, atol=5e-6
    )


def test_one_state_of_its_own_shape_needs_no_name(tmp_path: Path) -> None:
    names = {"s0": "memory", "s0_next": "result"}
    loaded = load(saved(renamed(single("gru"), names), tmp_path))
    assert [(p.name, p.partner) for p in loaded.state_inputs] == [("memory", "result")]
    assert any("by their shapes; --state-pair memory=" in w for w in loaded.warnings)


def refused(model: onnx.ModelProto, folder: Path, **options: Any) -> str:
    with pytest.raises(ModelError) as error:
        load(saved(model, folder), **options)
    return str(error.value)


OTHER = {"s0": "a", "s1": "b", "s0_next": "p", "s1_next": "q"}


def test_what_names_and_shapes_do_not_tell_is_asked_for(tmp_path: Path) -> None:
    message = refused(renamed(single("norm_lstm"), OTHER), tmp_path)
    assert "inputs 'a', 'b' may be states" in message
    assert "--state-pair a=" in message


@pytest.mark.parametrize("told", [None, {"a": "p", "b": "q"}])
def test_equations_of_a_known_cell_tell_its_states(
    told: dict[str, str] | None, tmp_path: Path
) -> None:
    loaded = load(saved(renamed(single("lstm"), OTHER), tmp_path), state_pairs=told)
    assert {p.name: p.partner for p in loaded.state_inputs} == {"a": "p", "b": "q"}
    x = drawn()
    np.testing.assert_allclose(
        streamed(loaded, x), stepped(single("lstm"), x, names_of("lstm")), rtol=0, atol=5e-6
    )


WRONG = {
    "no input": ({"z": "p"}, "state pair z=p: 'z' is no input that can be a state; these are"),
    "no output": ({"a": "z"}, "state pair a=z: 'z' is no output; these are 'y', 'p', 'q'"),
    "twice": ({"a": "p", "b": "p"}, "state pair b=p: output 'p' is paired twice"),
    "shape": ({"x": "p"}, "input 'x' is [1, 3] and output 'p' is [1, 5]"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_pair_is_refused_with_what_there_is(case: str, tmp_path: Path) -> None:
    pairs, message = WRONG[case]
    model = renamed(single("lstm"), OTHER)
    assert message in refused(model, tmp_path, state_pairs=pairs)


def test_pair_of_an_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    np.savez(path, W=np.zeros(3))
    with pytest.raises(ModelError, match="leave state pairs out"):
        load(path, state_pairs={"h": "hn"})


@pytest.mark.parametrize(("before", "after"), [("audio_in", "audio_out"), ("input", "output")])
def test_names_of_data_are_no_states(before: str, after: str, tmp_path: Path) -> None:
    """A frame in and a frame out, of one shape, beside a state."""
    b = Builder(np.random.default_rng(0))
    h = gru_step(b, before, "state_in")
    for made, name in ((b.dense(h, UNITS, INPUTS), after), (h, "state_out")):
        b.nodes.append(onnx.helper.make_node("Identity", [made], [name], name=f"is_{name}"))
    inputs = [value(before, [1, INPUTS]), value("state_in", [1, UNITS])]
    outputs = [value(after, [1, INPUTS]), value("state_out", [1, UNITS])]
    loaded = load(saved(file_of(b, inputs, outputs), tmp_path))
    assert [(p.name, p.partner) for p in loaded.state_inputs] == [("state_in", "state_out")]
    assert [p.name for p in loaded.inputs] == [before]


def test_input_that_is_data_whatever_its_name(tmp_path: Path) -> None:
    """x and x_next of one shape: a forecast that is not fed back."""
    names = {"s0": "h", "s0_next": "h_next", "y": "x_next"}
    model = renamed(single("gru"), names)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = INPUTS
    loaded = load(saved(model, tmp_path), state_pairs={"h": "h_next", "x": ""})
    assert [p.name for p in loaded.inputs] == ["x"]


def fed_back(seed: int = 0) -> onnx.ModelProto:
    """A GRU that reads its last forecast x, and u: x_next is the next x."""
    b = Builder(np.random.default_rng(seed))
    h = gru_step(b, b.add("Concat", "x", "u", axis=1), "h", INPUTS + 2)
    for made, name in ((b.dense(h, UNITS, INPUTS), "x_next"), (h, "h_next")):
        b.nodes.append(onnx.helper.make_node("Identity", [made], [name], name=f"is_{name}"))
    shapes = {"x": [1, INPUTS], "u": [1, 2], "h": [1, UNITS]}
    inputs = [value(name, shape) for name, shape in shapes.items()]
    outputs = [value("x_next", [1, INPUTS]), value("h_next", [1, UNITS])]
    return file_of(b, inputs, outputs)


def test_output_that_is_the_next_input_is_a_state(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model = fed_back()
    assert "--state-pair x=x_next, or --state-pair x= if it is data" in refused(model, tmp_path)
    loaded = load(saved(model, tmp_path), state_pairs={"x": "x_next"})
    assert {p.name: p.partner for p in loaded.state_inputs} == {"x": "x_next", "h": "h_next"}
    u = np.random.default_rng(1).normal(size=(STEPS, 1, 2)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    x, h = np.zeros((1, INPUTS), np.float32), np.zeros((1, UNITS), np.float32)
    expected = []
    for step in u:
        x, h = session.run(None, {"x": x, "u": step, "h": h})
        expected.append(x[0])
    program = lower_real(loaded)
    found = run_numpy(program, feed_of(program, {"u": u[None]}, stream=True)).outputs["x_next"]
    np.testing.assert_allclose(found.reshape(STEPS, -1), expected, rtol=0, atol=5e-6)


def test_comparison_read_as_condition_and_as_number(tmp_path: Path) -> None:
    """What an input above 0 is: a choice of the step, and 1 or 0 in its products."""
    b = Builder(np.random.default_rng(0))
    high = b.add("Greater", "x", b.constant(0.0))
    number = b.add("Cast", high, to=onnx.TensorProto.FLOAT)
    last = b.add("Where", high, "x", "s0")
    given = b.add("Concat", b.add("Mul", number, last), number, "s1", axis=1)
    h = b.add("Tanh", b.dense(given, 2 * INPUTS + UNITS, UNITS))
    for made, name in ((b.head(h), "y"), (last, "s0_next"), (h, "s1_next")):
        b.nodes.append(onnx.helper.make_node("Identity", [made], [name], name=f"is_{name}"))
    sizes = {"x": INPUTS, "s0": INPUTS, "s1": UNITS}
    results = [value("y", None), value("s0_next", [1, INPUTS]), value("s1_next", [1, UNITS])]
    model, x = file_of(b, [value(n, [1, k]) for n, k in sizes.items()], results), drawn()
    found = streamed(load(saved(model, tmp_path)), x)
    expected = stepped(model, x, {"s0": "s0_next", "s1": "s1_next"})
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6)


def test_part_of_an_input_beside_all_of_it(tmp_path: Path) -> None:
    """A time in front of the features: a matrix reads these, the step reads all."""
    b = Builder(np.random.default_rng(0))
    part = b.add("Slice", "x", *(b.constant([k]) for k in (1, INPUTS, 1)))
    s = b.sum(b.dense(part, INPUTS - 1, UNITS), b.times("s0", UNITS, UNITS))
    s = b.add("Tanh", b.add("Mul", s, b.add("Sigmoid", b.dense("x", INPUTS, UNITS))))
    for made, name in ((b.head(s), "y"), (s, "s0_next")):
        b.nodes.append(onnx.helper.make_node("Identity", [made], [name], name=f"is_{name}"))
    inputs = [value("x", [1, INPUTS]), value("s0", [1, UNITS])]
    model = file_of(b, inputs, [value("y", None), value("s0_next", [1, UNITS])])
    found = streamed(load(saved(model, tmp_path)), drawn())
    expected = stepped(model, drawn(), {"s0": "s0_next"})
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6)


def test_step_without_any_input_is_refused(tmp_path: Path) -> None:
    b = Builder(np.random.default_rng(0))
    made = b.add("Tanh", b.dense("h", UNITS, UNITS))
    b.nodes.append(onnx.helper.make_node("Identity", [made], ["h_next"]))
    file = file_of(b, [value("h", [1, UNITS])], [value("h_next", [1, UNITS])])
    assert "in which no input of its steps is" in refused(file, tmp_path)


def test_layers_that_compute_other_numbers_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One step of the file and one of its layers are run on the same numbers."""
    plain = Equations._factor

    def wrong(self: Equations, *args: Any) -> Any:
        operand, matrix = plain(self, *args)
        return operand, matrix * np.float32(1.01)

    monkeypatch.setattr(Equations, "_factor", wrong)
    assert "its layers compute other numbers" in refused(single("ugrnn"), tmp_path)


@pytest.mark.parametrize("names", ["x u y", "sensor control forecast", "x price_last price"])
def test_a_dense_layer_of_two_inputs_may_be_a_step_or_none(names: str, tmp_path: Path) -> None:
    """tanh(W [x; u]) of the shape of u is a simple RNN if u is its state: only the user knows."""
    first, second, output = names.split()
    w = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    nodes = [
        node("Concat", f"{first} {second}", "j", axis=1),
        node("MatMul", "j w", "m"),
        node("Tanh", "m", output),
    ]
    model = graph(nodes, {first: [1, 4], second: [1, 3]}, [output], {"w": w})
    assert f"--state-pair {second}= " in refused(model, tmp_path)
    path = saved(model, tmp_path)
    assert not load(path, state_pairs={second: ""}).state_inputs
    assert load(path, state_pairs={second: output}).state_inputs
