"""Integers that are looked up in tables, and ArgMax: as onnxruntime computes them, or refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from lstm_edge.errors import DataError, ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import dequantize, from_vectors, quantize, read_inputs
from lstm_edge.ir.model import Layer
from lstm_edge.ir.program import Op, Program
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.targets import load_target
from tests.oracle.embedding_graphs import (
    FORMS,
    LAST,
    C,
    E,
    Form,
    H,
    T,
    V,
    feeds,
    ints,
    network,
    swapped,
    table,
)
from tests.oracle.graphs import lstm_weights, node, saved
from tests.oracle.model_reference import run_model
from tests.support.exactness import assert_bit_exact, rendered, stored_streams
from tests.support.programs import quantized, sqnr_db

LOGITS = {"logits": TensorProto.FLOAT}


def expected(path: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options)
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def computed(program: Program, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of one sample, in the shapes of the file."""
    vectors = read_inputs(program, {name: a[None] for name, a in inputs.items()})
    stored = {p.name: quantize(program, p, vectors[p.name]) for p in program.inputs}
    outputs, _ = run(program, stored)
    return {
        p.name: from_vectors(p, dequantize(program, p, outputs[p.name]))[0] for p in program.outputs
    }


@pytest.mark.parametrize("name", FORMS)
def test_lookup_computes_what_onnxruntime_does(name: str, tmp_path: Path) -> None:
    form = FORMS[name]
    path = saved(network(form, LAST, LOGITS), tmp_path)
    model = load(path)
    for seed in range(3):
        inputs = feeds(form, seed)
        wanted = expected(path, inputs)["logits"]
        for row, expected_row in enumerate(wanted):
            one = {n: a[row : row + 1] if len(wanted) > 1 else a for n, a in inputs.items()}
            found = run_model(model, one)["logits"]
            np.testing.assert_allclose(found[0], expected_row, atol=1e-5)
            real = computed(lower_real(model), one)["logits"]
            np.testing.assert_allclose(real[0], expected_row, atol=1e-5)


@pytest.mark.parametrize("name", FORMS)
def test_range_of_ids_is_that_of_the_tables_rows(name: str, tmp_path: Path) -> None:
    form = FORMS[name]
    model = load(saved(network(form, LAST, LOGITS), tmp_path))
    port = model.inputs[0]
    assert port.name == "ids"
    assert port.limit == form.limit
    assert model.tensors[port.tensor].features == (3 if name == "three ids" else 1)
    assert "time" in port.axes
    program = lower_real(model)
    inputs = {n: a[None] for n, a in feeds(form).items()}
    if name == "batch of three":
        inputs = {"ids": inputs["ids"][:, :1]}
    top = np.full_like(inputs["ids"], form.limit - 1)
    read_inputs(program, inputs | {"ids": top})
    for beyond in (top + 1, top * 0 - 1):
        with pytest.raises(DataError, match=f"'ids' holds .* from 0 to {form.limit - 1}"):
            read_inputs(program, inputs | {"ids": beyond})


@pytest.mark.parametrize("activations", [8, 12, 16])
@pytest.mark.parametrize("name", FORMS)
def test_int8_rows_cost_little(name: str, activations: int, tmp_path: Path) -> None:
    form = FORMS[name]
    model = load(saved(network(form, LAST, LOGITS), tmp_path))
    program = lower_real(model)
    batch = [feeds(form, seed, 20) for seed in range(40)]
    if name == "batch of three":
        batch = [{"ids": a["ids"][:1]} for a in batch]
    if name == "fixed length":
        batch = [{"ids": a["ids"]} for a in (feeds(form, seed) for seed in range(40))]
    arrays = {n: np.stack([sample[n] for sample in batch]) for n in batch[0]}
    vectors = read_inputs(program, arrays)
    calibration = {n: a[:30] for n, a in vectors.items()}
    held = {n: a[30:] for n, a in vectors.items()}
    integer = quantized(model, calibration, Options(activations=activations))
    wanted = run(program, held)[0]["logits"]
    stored = {p.name: quantize(integer, p, held[p.name]) for p in integer.inputs}
    found = dequantize(integer, integer.outputs[0], run(integer, stored)[0]["logits"])
    assert sqnr_db(wanted, found) > {8: 22.0, 12: 32.0, 16: 32.0}[activations]


@pytest.mark.parametrize("width", [4, 16, 64])
def test_rows_alone_have_forty_decibels(width: int, tmp_path: Path) -> None:
    """The looked-up rows against the float table: int8 with a scale per row permits this."""
    form = Form(FORMS["int64"].nodes, constants={"E": table(7, 200, width)}, width=width, limit=200)
    model = load(saved(network(form, LAST, LOGITS), tmp_path))
    ids = np.arange(200)[None, :, None]
    program = quantized(model, {"ids": ids})
    rows: list[np.ndarray] = []

    def observe(op: Op, _: tuple[np.ndarray, ...], y: np.ndarray) -> None:
        if op.dest == "embedding.y":
            rows.append(y)

    run(program, {"ids": ids}, observe=observe)
    found = np.concatenate(rows) * program.values["embedding.y"].format.scale
    layer = next(n for n in model.nodes if isinstance(n, Layer) and n.cell.name == "embedding")
    assert sqnr_db(layer.params["E"], found) >= 40.0


def test_one_hot_vectors_are_exact(tmp_path: Path) -> None:
    model = load(saved(network(FORMS["one hot"], LAST, LOGITS), tmp_path))
    ids = np.arange(V)[None, :, None]
    program = quantized(model, {"ids": ids})
    rows: list[np.ndarray] = []

    def observe(op: Op, _: tuple[np.ndarray, ...], y: np.ndarray) -> None:
        if op.dest == "embedding.y":
            rows.append(y)

    run(program, {"ids": ids}, observe=observe)
    found = np.concatenate(rows) * program.values["embedding.y"].format.scale
    assert np.array_equal(found, np.eye(V))


def test_equal_tables_are_stored_once(tmp_path: Path) -> None:
    form = FORMS["three ids"]
    model = load(saved(network(form, LAST, LOGITS), tmp_path))
    program = quantized(model, {"ids": np.arange(3 * V).reshape(1, V, 3) % V})
    arrays = rendered(program, load_target("host"), "gates").constants
    assert [c.dims for c in arrays if c.ctype == "int8_t"].count((V, E)) == 1


def test_table_shared_with_the_output_is_read_by_both(tmp_path: Path) -> None:
    """Weights of the output are the transposed table."""
    head = (
        node("Squeeze", "h front", "v"),
        node("Transpose", "E", "Et", perm=[1, 0]),
        node("MatMul", "v D", "d"),
        node("MatMul", "d Et", "logits"),
    )
    form = Form(FORMS["int64"].nodes, constants={"D": table(7, 5, E)})
    path = saved(network(form, head, LOGITS), tmp_path)
    model = load(path)
    assert model.outputs[0].shape == (1, V)
    inputs = feeds(form)
    np.testing.assert_allclose(
        computed(lower_real(model), inputs)["logits"], expected(path, inputs)["logits"], atol=1e-5
    )


ARGMAX: dict[str, tuple[list[onnx.NodeProto], int]] = {
    "last": ([node("ArgMax", "logits", "best", axis=1)], TensorProto.INT64),
    "negative axis": ([node("ArgMax", "logits", "best", axis=-1, keepdims=0)], TensorProto.INT64),
    "behind softmax": (
        [node("Softmax", "logits", "p", axis=-1), node("ArgMax", "p", "best", axis=1, keepdims=0)],
        TensorProto.INT64,
    ),
    "cast": (
        [node("ArgMax", "logits", "i", axis=1), node("Cast", "i", "best", to=TensorProto.INT32)],
        TensorProto.INT32,
    ),
    "cast to real": (
        [node("ArgMax", "logits", "i", axis=1), node("Cast", "i", "best", to=TensorProto.FLOAT)],
        TensorProto.FLOAT,
    ),
}


@pytest.mark.parametrize("name", ARGMAX)
def test_argmax_is_the_index_that_onnxruntime_finds(name: str, tmp_path: Path) -> None:
    nodes, kind = ARGMAX[name]
    path = saved(network(FORMS["int64"], (*LAST, *nodes), {"best": kind}), tmp_path)
    model = load(path)
    assert model.outputs[0].limit == C
    program = lower_real(model)
    seen = set()
    for seed in range(12):
        inputs = feeds(FORMS["int64"], seed)
        wanted, found = expected(path, inputs)["best"], computed(program, inputs)["best"]
        assert found.dtype == np.int64
        assert found.shape == wanted.shape
        assert np.array_equal(found, wanted)
        assert np.array_equal(run_model(model, inputs)["best"], wanted)
        seen |= set(found.reshape(-1).tolist())
    assert len(seen) > 1


@pytest.mark.parametrize("keepdims", [0, 1])
def test_argmax_of_each_step(keepdims: int, tmp_path: Path) -> None:
    head = (
        node("Squeeze", "y one", "v"),
        node("MatMul", "v fw", "logits"),
        node("ArgMax", "logits", "best", axis=2, keepdims=keepdims),
    )
    form = Form(FORMS["int64"].nodes, constants={"one": np.array([1])})
    path = saved(network(form, head, {"best": TensorProto.INT64}), tmp_path)
    model = load(path)
    assert model.tensors[model.outputs[0].tensor].per_step
    inputs = feeds(form)
    wanted = expected(path, inputs)["best"]
    assert wanted.shape[:2] == (T, 1)
    assert np.array_equal(computed(lower_real(model), inputs)["best"], wanted)
    assert np.array_equal(run_model(model, inputs)["best"], wanted)


@pytest.mark.parametrize("op", ["Gather", "Slice"])
def test_argmax_of_the_last_step(op: str, tmp_path: Path) -> None:
    take = {
        "Gather": node("Gather", "i last", "best", axis=0),
        "Slice": node("Slice", "i end forever zero", "best"),
    }
    head = (
        node("Squeeze", "y one", "v"),
        node("MatMul", "v fw", "logits"),
        node("ArgMax", "logits", "i", axis=2, keepdims=0),
        take[op],
    )
    constants = {"one": ints(1), "last": np.int64(-1), "end": ints(-1)}
    constants |= {"forever": ints(2**31 - 1), "zero": ints(0)}
    form = Form(FORMS["int64"].nodes, constants=constants)
    path = saved(network(form, head, {"best": TensorProto.INT64}), tmp_path)
    model = load(path)
    assert model.outputs[0].limit == C
    for seed in range(6):
        inputs = feeds(form, seed)
        wanted = expected(path, inputs)["best"]
        assert np.array_equal(computed(lower_real(model), inputs)["best"], wanted)


def test_an_index_may_be_looked_up_again(tmp_path: Path) -> None:
    """A second network behind the index that the first one finds at each step."""
    head = (
        node("Squeeze", "y one", "v"),
        node("MatMul", "v fw", "logits"),
        node("ArgMax", "logits", "i", axis=2, keepdims=0),
        node("Gather", "F i", "again"),
        node("LSTM", "again W2 R2 B2", "y2 h2", hidden_size=H),
    )
    second = lstm_weights(3, H, seed=1)
    constants = {"one": np.array([1]), "F": table(9, C, 3)}
    constants |= {f"{name}2": array for name, array in second.items()}
    form = Form(FORMS["int64"].nodes, constants=constants)
    path = saved(network(form, head, {"h2": TensorProto.FLOAT}), tmp_path)
    model = load(path)
    inputs = feeds(form)
    wanted = expected(path, inputs)["h2"]
    np.testing.assert_allclose(computed(lower_real(model), inputs)["h2"], wanted, atol=1e-5)
    program = quantized(model, {"ids": np.arange(80).reshape(4, 20, 1) % V})
    streams = stored_streams(program, 60)
    assert_bit_exact(program, load_target("host"), "gates", tmp_path / "c", streams)
    form = Form(form.nodes, constants=constants | {"F": table(9, C - 1, 3)})
    with pytest.raises(ModelError, match="index of ArgMax below 4 in a table of 3 rows"):
        load(saved(network(form, head, {"h2": TensorProto.FLOAT}), tmp_path))


def test_what_runs_backward_looks_up_again(tmp_path: Path) -> None:
    """No embedded vector is kept for all steps."""
    lstm = node("LSTM", "e Wb Rb Bb", "yb", hidden_size=H, direction="bidirectional")
    constants = {
        f"{name}b": np.concatenate([array, array[:, ::-1] * 0.9])
        for name, array in lstm_weights(E, H).items()
    }
    form = Form(FORMS["fixed length"].nodes, FORMS["fixed length"].inputs, constants)
    path = saved(network(form, (lstm,), {"yb": TensorProto.FLOAT}), tmp_path)
    model = load(path)
    inputs = feeds(form)
    wanted = expected(path, inputs)["yb"]
    np.testing.assert_allclose(computed(lower_real(model), inputs)["yb"], wanted, atol=1e-5)
    program = quantized(model, {"ids": np.arange(4 * T).reshape(4, T, 1) % V})
    assert not [name for name in program.sequences() if "embedding" in name]
    arrays = rendered(program, load_target("host"), "gates").constants
    assert [c.dims for c in arrays if c.ctype == "int8_t"].count((V, E)) == 1
    assert_bit_exact(
        program, load_target("host"), "gates", tmp_path / "c", stored_streams(program, 60)
    )


@pytest.mark.parametrize("name", ["fixed length", "flat", "three ids"])
def test_another_length_of_the_sequence(name: str, tmp_path: Path) -> None:
    form = FORMS[name]
    path = saved(network(form, LAST, LOGITS), tmp_path)
    model = load(path, steps=19)
    assert model.steps == 19
    assert model.inputs[0].shape[1] == 19
    longer = FORMS["int64"] if name == "fixed length" else form
    inputs = feeds(longer, steps=19)
    path = saved(network(longer, LAST, LOGITS), tmp_path)
    found = computed(lower_real(model), inputs)["logits"]
    np.testing.assert_allclose(found, expected(path, inputs)["logits"], atol=1e-5)


def refusal(
    tmp_path: Path,
    *nodes: onnx.NodeProto,
    head: tuple[onnx.NodeProto, ...] = LAST,
    **constants: np.ndarray,
) -> str:
    form = Form(nodes or FORMS["int64"].nodes, constants=constants)
    outputs = LOGITS if head is LAST else {"best": TensorProto.INT64}
    with pytest.raises(ModelError) as caught:
        load(saved(network(form, head, outputs), tmp_path))
    return str(caught.value)


def with_table(tmp_path: Path, entries: np.ndarray) -> str:
    return refusal(tmp_path, E=entries)


def test_table_with_nan_is_refused(tmp_path: Path) -> None:
    entries = table(1)
    entries[3, 2] = np.nan
    assert "NaN" in with_table(tmp_path, entries)


def test_table_of_a_million_rows_is_refused(tmp_path: Path) -> None:
    assert "rows" in with_table(tmp_path, np.zeros((2**20 + 1, E), np.float32))


def test_table_without_rows_is_refused(tmp_path: Path) -> None:
    assert "Gather" in with_table(tmp_path, np.zeros((0, E), np.float32))


def test_lookup_along_columns_is_refused(tmp_path: Path) -> None:
    nodes = (node("Gather", "Et ids", "g", axis=1), node("Transpose", "g", "e", perm=[2, 1, 0]))
    assert re.search(
        "Gather.*axis 1.*expected rows", refusal(tmp_path, *nodes, Et=table(1).T.copy())
    )


def test_arithmetic_with_ids_is_refused(tmp_path: Path) -> None:
    nodes = (
        node("Gather", "E ids", "g"),
        node("Cast", "ids", "f", to=TensorProto.FLOAT),
        node("Unsqueeze", "f last", "u"),
        node("Mul", "g u", "mul"),
        swapped("mul"),
    )
    assert re.search("Mul.*integers", refusal(tmp_path, *nodes, last=np.array([-1])))


def test_ids_as_numbers_beside_their_embedding_are_refused(tmp_path: Path) -> None:
    nodes = (
        node("Gather", "E ids", "g"),
        node("Cast", "ids", "f", to=TensorProto.FLOAT),
        node("Unsqueeze", "f last", "u"),
        node("Concat", "g u", "j", axis=-1),
        swapped("j"),
    )
    assert re.search("Concat.*integers", refusal(tmp_path, *nodes, last=np.array([-1])))


def test_ids_that_name_no_row_are_refused(tmp_path: Path) -> None:
    nodes = (node("Add", "ids hundred", "at"), node("Gather", "E at", "g"), swapped())
    assert "no number of a row" in refusal(tmp_path, *nodes, hundred=np.int64(100))


@pytest.mark.parametrize("kind", [TensorProto.STRING, TensorProto.BOOL, TensorProto.FLOAT])
def test_ids_that_become_something_else_are_refused(kind: int, tmp_path: Path) -> None:
    nodes = (node("Cast", "ids", "at", to=kind), node("Gather", "E at", "g"), swapped())
    assert "no number of a row" in refusal(tmp_path, *nodes)


def test_one_step_of_the_ids_is_refused(tmp_path: Path) -> None:
    nodes = (
        *FORMS["int64"].nodes[:1],
        node("Gather", "ids minus", "last", axis=1),
        node("Gather", "E last", "f"),
        node("Add", "g f", "s"),
        swapped("s"),
    )
    message = refusal(tmp_path, *nodes, minus=np.array([-1]))
    assert re.search("Gather|Add", message)


def test_one_hot_along_another_axis_is_refused(tmp_path: Path) -> None:
    nodes = (
        node("OneHot", "ids depth values", "g", axis=1),
        node("Transpose", "g", "e", perm=[2, 0, 1]),
    )
    more = {"depth": np.int64(E), "values": np.array([0, 1], np.float32)}
    assert re.search("OneHot.*last axis", refusal(tmp_path, *nodes, **more))
    nodes = (node("OneHot", "ids depth values", "g"), swapped())
    assert re.search("OneHot.*depth is -1", refusal(tmp_path, *nodes, **more | {"depth": ints(-1)}))


def test_computed_table_is_refused(tmp_path: Path) -> None:
    nodes = (
        *FORMS["int64"].nodes[:1],
        node("Squeeze", "g front", "rows"),
        node("Gather", "rows ids", "k"),
        swapped("k"),
    )
    assert "constant table" in refusal(tmp_path, *nodes, front=np.array([0]))


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ((node("ArgMax", "logits", "best", axis=1, select_last_index=1),), "select_last_index"),
        ((node("ArgMax", "logits", "best", axis=0),), "ArgMax"),
        ((node("TopK", "logits k", "top best", axis=1),), "TopK.*ArgMax"),
        ((node("ArgMin", "logits", "best", axis=1),), "ArgMin"),
        (
            (node("ArgMax", "logits", "i", axis=1), node("Add", "i k", "best")),
            "only the index itself",
        ),
    ],
    ids=["last index", "over the batch", "TopK", "ArgMin", "arithmetic"],
)
def test_other_searches_are_refused_by_name(
    nodes: tuple[onnx.NodeProto, ...], words: str, tmp_path: Path
) -> None:
    assert re.search(words, refusal(tmp_path, head=(*LAST, *nodes), k=np.array([1])))
