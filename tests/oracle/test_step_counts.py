"""Steps that jump: by their own number, by time, by what they round. Against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.frontend.step.trips import counting
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from tests.oracle.compared import against_onnxruntime
from tests.oracle.entire import SAMPLES, entire
from tests.oracle.graphs import saved
from tests.oracle.in_float import in_float
from tests.oracle.state_graphs import user_arrays
from tests.oracle.step_cells import CELLS, INPUTS, UNITS, Builder, Result, lstm_step
from tests.oracle.step_graphs import file_of, rolled, value, written_out
from tests.oracle.step_graphs import single as one_step
from tests.oracle.test_step_single import drawn, names_of, stepped, streamed
from tests.support.programs import sqnr_db

CellOf = Callable[[Builder, str, Sequence[str]], Result]
H = (1, UNITS)
PERIODS, AHEAD = [1, 2, 2, 3, 4], [0, 0, 1, 1, 3]
KINDS = {"i": ([], TensorProto.INT64), "t": ([1, 1], TensorProto.FLOAT)}


def opened(b: Builder, is_open: str, x: str, h: str) -> str:
    """A simple RNN of which a unit moves where its clock says so."""
    new = b.add("Tanh", b.sum(b.dense(x, INPUTS, UNITS), b.times(h, UNITS, UNITS)))
    return str(b.add("Where", is_open, new, h))


def whole(b: Builder, count: str) -> str:
    """(i + a) % period == 0, of the number of the step."""
    left = b.add("Mod", b.add("Add", count, b.constant(AHEAD)), b.constant(PERIODS))
    return str(b.add("Equal", left, b.constant(0)))


def short(b: Builder, count: str, kind: int) -> str:
    """The same of a type without room for many steps: after these it is no count any more."""
    number = b.add("Cast", b.add("Cast", count, to=kind), to=TensorProto.INT64)
    return whole(b, number)


def real(b: Builder, count: str) -> str:
    """The same of a real number."""
    ahead, periods = (b.constant(np.array(a, np.float32)) for a in (AHEAD, PERIODS))
    left = b.add("Mod", b.add("Add", count, ahead), periods, fmod=1)
    return str(b.add("Less", left, b.constant(0.5)))


def phase(b: Builder, time: str) -> str:
    """(t - s) % tau < 1 of a phased LSTM, of periods that no number of steps has."""
    d = b.add("Sub", time, b.drawn(UNITS, low=0.0, high=1.0))
    tau = b.drawn(UNITS, low=1.5, high=4.0)
    turns = b.add("Floor", b.add("Div", d, tau))
    return str(b.add("Less", b.add("Sub", d, b.add("Mul", turns, tau)), b.constant(1.0)))


CLOCKS: dict[str, Callable[[Builder, str], str]] = {
    "whole": whole,
    "real": real,
    "phase": phase,
    "bool": lambda b, count: short(b, count, TensorProto.BOOL),
    "uint8": lambda b, count: short(b, count, TensorProto.UINT8),
}


def body(b: Builder, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.GraphProto:
    stored = [numpy_helper.from_array(a, n) for n, a in b.constants.items()]
    shapes = {"h": H, "x_t": [1, INPUTS], "t_t": [1, 1]}
    given = [value(n, *KINDS.get(n, (shapes.get(n, []), TensorProto.FLOAT))) for n in inputs]
    return helper.make_graph(b.nodes, "body", given, [value(n, None) for n in outputs], stored)


def looped(clock: str, steps: int | str) -> onnx.ModelProto:
    """A Loop over x [T, 1, I] whose clock reads the number of the step, or a Cast of it."""
    b, outer = (Builder(np.random.default_rng(k)) for k in range(2))
    x = b.add("Gather", "x", "i", axis=0)
    count = b.add("Cast", "i", to=TensorProto.FLOAT) if clock in ("real", "phase") else "i"
    h = opened(b, CLOCKS[clock](b, count), x, "h")
    graph = body(b, ["i", "on", "h"], ["on", h, b.head(h)])
    graph.input[1].type.tensor_type.elem_type = TensorProto.BOOL
    graph.output[0].type.tensor_type.elem_type = TensorProto.BOOL
    trips = outer.add("Gather", outer.add("Shape", "x"), outer.constant(0), axis=0)
    outer.constants["true"] = np.array(True)
    start = outer.constant(np.full(H, 0.3))
    made = outer.add("Loop", trips, "true", start, outputs=2, body=graph)
    outer.nodes.append(helper.make_node("Identity", [made[1]], ["y"]))
    return file_of(outer, [value("x", [steps, 1, INPUTS])], [value("y", None)])


def scanned(way: str, steps: int | str, backward: bool = False) -> onnx.ModelProto:
    """A Scan over x [T, 1, I] whose time is a state that counts, or a constant for each step."""
    b, outer = (Builder(np.random.default_rng(k)) for k in range(2))
    time = "t_t" if way == "table" else "t"
    h = opened(b, (real if way == "state" else phase)(b, time), "x_t", "h")
    if time == "t":
        after = b.add("Add", b.constant(1.0), "t")
        graph = body(b, ["t", "h", "x_t"], [after, h, b.head(h)])
        read = [outer.constant(np.zeros((1, 1)))]
    else:
        graph = body(b, ["h", "x_t", "t_t"], [h, b.head(h)])
        read = []
    read += [outer.constant(np.full(H, 0.3)), "x"]
    read += [] if time == "t" else [outer.constant(np.arange(11.0)[:, None, None])]
    count = 1 if time == "t" else 2
    ways = {"scan_input_directions": [1] * count, "scan_output_directions": [1]}
    made = outer.add(
        "Scan",
        *read,
        outputs=len(graph.output),
        body=graph,
        num_scan_inputs=count,
        **(ways if backward else {}),
    )
    outer.nodes.append(helper.make_node("Identity", [made[-1]], ["y"]))
    return file_of(outer, [value("x", [steps, 1, INPUTS])], [value("y", None)])


def test_clocks_that_come_round_are_exact_for_any_length(tmp_path: Path) -> None:
    """A Clockwork RNN, in C beyond the 12 steps after which all clocks come round."""
    network = entire(scanned("state", "T"), tmp_path, least=40.0, steps=30)
    assert network.model.steps is None
    assert sorted(len(a) for a in network.model.layers[0].op.initial.values()) == [2, 2, 3, 4, 5]


@pytest.mark.parametrize("clock", ["whole", "real"])
def test_the_number_of_a_step_opens_gates(clock: str, tmp_path: Path) -> None:
    assert against_onnxruntime(looped(clock, "T"), tmp_path).steps is None


@pytest.mark.parametrize("by", ["number", "data"])
def test_a_branch_that_steps_decide(by: str, tmp_path: Path) -> None:
    """Where a third of the steps, or those of some data, go another way."""
    b, outer = (Builder(np.random.default_rng(k)) for k in range(2))
    x = b.add("Gather", "x", "i", axis=0)
    new = b.add("Tanh", b.sum(b.dense(x, INPUTS, UNITS), b.times("h", UNITS, UNITS)))
    if by == "number":
        is_open = b.add("Equal", b.add("Mod", "i", b.constant(3)), b.constant(0))
    else:
        mean = b.add("ReduceMean", "h", keepdims=0)
        is_open = b.add("Less", mean, b.constant(np.float32(0.2)))
    ways = [
        helper.make_graph([helper.make_node(*made)], way, [], [value(way, None)])
        for way, made in (
            ("then", ("Identity", [new], ["then"])),
            ("else", ("Mul", ["h", b.constant(np.float32(0.5))], ["else"])),
        )
    ]
    h = b.add("If", is_open, then_branch=ways[0], else_branch=ways[1])
    graph = body(b, ["i", "on", "h"], ["on", h, b.head(h)])
    graph.input[1].type.tensor_type.elem_type = TensorProto.BOOL
    graph.output[0].type.tensor_type.elem_type = TensorProto.BOOL
    outer.constants["true"] = np.array(True)
    trips = outer.add("Gather", outer.add("Shape", "x"), outer.constant(0), axis=0)
    made = outer.add("Loop", trips, "true", outer.constant(np.full(H, 0.3)), outputs=2, body=graph)
    outer.nodes.append(helper.make_node("Identity", [made[1]], ["y"]))
    inputs = [value("x", ["T", 1, INPUTS])]
    against_onnxruntime(file_of(outer, inputs, [value("y", None)]), tmp_path)


@pytest.mark.parametrize(
    "model",
    [looped("phase", 11), scanned("table", 11), scanned("table", 11, True)],
    ids=["Loop", "Scan", "backward"],
)
def test_other_numbers_of_steps_are_a_table_of_a_window(
    model: onnx.ModelProto, tmp_path: Path
) -> None:
    assert in_float(model, tmp_path).steps == 11


def test_numbers_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="grows without end"):
        load(saved(scanned("phases of a state", "T"), tmp_path))
    path = saved(looped("phase", "T"), tmp_path)
    with pytest.raises(ModelError, match="grows without end in sequences of any length; say how"):
        load(path)
    assert load(path, steps=9).steps == 9


@pytest.mark.parametrize("kind", ["bool", "uint8"])
def test_a_count_without_room_for_many_steps_is_refused(kind: str, tmp_path: Path) -> None:
    """Of 8 bits it is 0 after 255, where no period may end; as what is true it stays 1."""
    path = saved(looped(kind, "T"), tmp_path)
    with pytest.raises(ModelError, match="grows without end"):
        load(path)
    assert load(path, steps=9).steps == 9


@pytest.mark.parametrize(
    ("first", "by", "kept"),
    [(0, 1, True), (2**31 - 5, 1, False), (-(2**31) + 5, -1, False), (2**31 - 5, -1, True)],
)
def test_a_count_has_room_for_what_it_goes_up_by(first: int, by: int, kept: bool) -> None:
    for kind, at in ((np.int32, first), (np.float32, first >> 7)):
        counted = counting(np.array([[at]], kind), np.array([by], kind), 2)
        assert counted.by == (by if kept else None)


def test_a_count_that_goes_up_by_another_is_refused_by_name(tmp_path: Path) -> None:
    b, outer = (Builder(np.random.default_rng(k)) for k in range(2))
    after = [b.add("Add", "i", b.constant(1)), b.add("Add", "e", "i")]
    h = opened(b, whole(b, "e"), "x_t", "h")
    graph = body(b, ["i", "e", "h", "x_t"], [*after, h, b.head(h)])
    graph.input[1].type.tensor_type.elem_type = TensorProto.INT64
    starts = [outer.constant(0), outer.constant(0), outer.constant(np.full(H, 0.3))]
    made = outer.add("Scan", *starts, "x", outputs=4, body=graph, num_scan_inputs=1)
    outer.nodes.append(helper.make_node("Identity", [made[-1]], ["y"]))
    model = file_of(outer, [value("x", ["T", 1, INPUTS])], [value("y", None)])
    with pytest.raises(ModelError, match="carries 'e' of type int64 from step to step; only flo"):
        load(saved(model, tmp_path))


def test_constants_say_how_long_a_sequence_is(tmp_path: Path) -> None:
    assert load(saved(scanned("table", "T"), tmp_path)).steps == 11


def test_sequence_of_another_length_than_its_constants_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has numbers for 11 steps, and a sequence of 9"):
        load(saved(scanned("table", 9), tmp_path))


def single(clock: str, kind: int) -> onnx.ModelProto:
    """One step whose state t counts; y is 0 half of the time, which no state reads."""
    b = Builder(np.random.default_rng(0))
    h = opened(b, CLOCKS[clock](b, "t"), "x", "h")
    two = b.constant(2) if clock == "whole" else b.constant(2.0)
    half = b.add("Mod", "t", two, fmod=int(clock != "whole"))
    y = b.add("Mul", b.head(h), b.add("Cast", half, to=TensorProto.FLOAT))
    one = b.constant(1) if clock == "whole" else b.constant(1.0)
    for made, name in ((y, "y"), (h, "h_next"), (b.add("Add", "t", one), "t_next")):
        b.nodes.append(helper.make_node("Identity", [made], [name], name=f"is_{name}"))
    inputs = [value("x", [1, INPUTS]), value("h", H), value("t", [1, 1], kind)]
    return file_of(b, inputs, [value("y", None), value("h_next", H), value("t_next", [1, 1], kind)])


@pytest.mark.parametrize(("clock", "kind"), [("whole", "INT64"), ("real", "FLOAT")])
def test_a_state_that_counts_is_kept_as_phases(clock: str, kind: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model = single(clock, TensorProto.DataType.Value(kind))
    loaded = load(saved(model, tmp_path))
    assert [p.name for p in (*loaded.inputs, *loaded.state_inputs)] == ["x", "h"]
    (told,) = loaded.warnings
    assert told.startswith("'t' counts the steps: its phases are kept")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    x, h = np.random.default_rng(1).normal(size=(30, 1, INPUTS)), np.zeros(H, np.float32)
    wanted = []
    for k, row in enumerate(x.astype(np.float32)):
        t = np.full((1, 1), k, np.int64 if kind == "INT64" else np.float32)
        y, h, _ = session.run(["y", "h_next", "t_next"], {"x": row, "h": h, "t": t})
        wanted.append(y[0])
    np.testing.assert_allclose(streamed(loaded, x[:, 0].astype(np.float32)), wanted, atol=1e-6)


def aged(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with another name for the next count."""
    for node in model.graph.node:
        node.output[:] = ["age" if name == "t_next" else name for name in node.output]
    model.graph.output[-1].name = "age"
    return model


def test_a_time_that_the_caller_gives_is_no_count(tmp_path: Path) -> None:
    """Nothing but a name tells them apart; what a file says by another name is data."""
    model = aged(single("real", TensorProto.FLOAT))
    loaded = load(saved(model, tmp_path))
    assert [p.name for p in (*loaded.inputs, *loaded.state_inputs)] == ["x", "t", "h"]
    assert "age" in [p.name for p in loaded.outputs]
    for found in (
        load(saved(model, tmp_path), state_pairs={"t": "age", "h": "h_next"}),
        load(saved(aged(single("whole", TensorProto.INT64)), tmp_path)),
    ):
        (told,) = found.warnings
        assert told.startswith("'t' counts the steps: its phases are kept")


def test_an_integer_that_counts_stays_an_input_where_asked(tmp_path: Path) -> None:
    """In integers it is exact: t % period is."""
    onnxruntime = pytest.importorskip("onnxruntime")
    model = single("whole", TensorProto.INT64)
    path = saved(model, tmp_path)
    loaded = load(path, state_pairs={"t": "", "h": "h_next"})
    assert [p.name for p in (*loaded.inputs, *loaded.state_inputs)] == ["x", "t", "h"]
    assert loaded.warnings[0].startswith("output 't_next' is left out: it is 't', which the caller")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    x = np.random.default_rng(1).normal(size=(2, 12, 1, INPUTS)).astype(np.float32)
    t = np.random.default_rng(2).integers(0, 900, (2, 12, 1, 1))
    wanted = np.empty((2, 12, 1, 2), np.float32)
    for stream in range(2):
        h = np.zeros(H, np.float32)
        for k in range(12):
            feeds = {"x": x[stream, k], "t": t[stream, k], "h": h}
            wanted[stream, k], h, _ = session.run(["y", "h_next", "t_next"], feeds)
    real, arrays = lower_real(loaded), {"x": x, "t": t.astype(np.float32)}
    ranges = calibrate(real, feed_of(real, arrays, stream=True), from_data=True)
    for program, least in ((real, 120.0), (lower_integer(loaded, ranges, Options()), 35.0)):
        found = run_numpy(program, feed_of(program, arrays, stream=True))
        assert sqnr_db(wanted, user_arrays(program, found)["y"]) > least
    with pytest.raises(ModelError, match="state pair t=y: 't' holds integers; a state of integers"):
        load(path, state_pairs={"t": "y"})


def test_a_state_that_counts_without_end_is_refused(tmp_path: Path) -> None:
    path = saved(single("phase", TensorProto.FLOAT), tmp_path)
    with pytest.raises(ModelError, match="computes with t, which counts the steps without end"):
        load(path)


def rounded(b: Builder, x: str, s: Sequence[str]) -> Result:
    """A state of eighths, which is quantized in training."""
    eight = b.constant(8.0)
    new = b.add("Tanh", b.sum(b.dense(x, INPUTS, UNITS), b.times(s[0], UNITS, UNITS)))
    h = b.add("Div", b.add("Round", b.add("Mul", new, eight)), eight)
    return b.head(h), [h]


def cut_off(b: Builder, x: str, s: Sequence[str]) -> Result:
    """The same of eighths towards 0, as torch.trunc is exported."""
    eight = b.constant(8.0)
    new = b.add("Tanh", b.sum(b.dense(x, INPUTS, UNITS), b.times(s[0], UNITS, UNITS)))
    whole_ = b.add("Cast", b.add("Mul", new, eight), to=TensorProto.INT64)
    h = b.add("Div", b.add("Cast", whole_, to=TensorProto.FLOAT), eight)
    return b.head(h), [h]


def phased(b: Builder, x: str, s: Sequence[str]) -> Result:
    """Phased LSTM (Neil et al. 2016) of the time in the first feature."""
    time, rest = b.add("Split", x, b.constant([1, 2]), outputs=2, axis=1)
    tau, open_ = b.drawn(UNITS, low=1.0, high=4.0), 0.3
    d = b.add("Sub", time, b.drawn(UNITS, low=0.0, high=1.0))
    turns = b.add("Mul", b.add("Floor", b.add("Div", d, tau)), tau)
    phi = b.add("Div", b.add("Sub", d, turns), tau)
    up = b.add("Mul", phi, b.constant(2.0 / open_))
    down = b.add("Sub", b.constant(2.0), up)
    leak = b.add("Mul", phi, b.constant(0.01))
    rising, ending = (b.add("Less", phi, b.constant(a)) for a in (open_ / 2.0, open_))
    k = b.add("Where", rising, up, b.add("Where", ending, down, leak))
    h, c = lstm_step(b, rest, s[0], s[1], 2)
    h, c = b.mix(k, h, s[0]), b.mix(k, c, s[1])
    return b.head(h), [h, c]


def test_phased_lstm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CELLS, "phased", (phased, [H, H]))
    rng = np.random.default_rng(2)
    x = rng.normal(size=(SAMPLES, 7, 1, INPUTS))
    x[..., 0, 0] = np.cumsum(rng.uniform(0.3, 1.2, (SAMPLES, 7)), axis=1)
    entire(rolled("phased", "scan"), tmp_path, least=45.0, data={"x": x.astype(np.float32)})


@pytest.mark.parametrize("how", [rounded, cut_off])
@pytest.mark.parametrize("way", ["loop", "unrolled", "single"])
def test_a_state_that_is_rounded(
    way: str, how: CellOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CELLS, "rounded", (how, [H]))
    if way == "single":
        model, x = one_step("rounded"), drawn()
        loaded = load(saved(model, tmp_path))
        np.testing.assert_allclose(
            streamed(loaded, x), stepped(model, x, names_of("rounded")), atol=5e-6
        )
    else:
        model = rolled("rounded", way) if way == "loop" else written_out("rounded", 5, False)
        loaded = against_onnxruntime(model, tmp_path)
    assert len([n for n in loaded.layers if n.op.cell.states]) == 1
