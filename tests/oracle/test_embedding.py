"""Integers that are looked up in tables, as onnxruntime computes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from lstm_edge.errors import DataError
from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import dequantize, quantize, read_inputs
from lstm_edge.ir.model import Model
from lstm_edge.operations.call import Op
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.targets import load_target
from tests.oracle.embedding_graphs import (
    FORMS,
    LAST,
    LOGITS,
    E,
    Form,
    H,
    T,
    V,
    computed,
    expected,
    feeds,
    network,
    swapped,
    table,
)
from tests.oracle.graphs import lstm_weights, node, saved
from tests.oracle.model_reference import run_model
from tests.support.exactness import assert_bit_exact, rendered, stored_streams
from tests.support.programs import quantized, sqnr_db


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


def test_ids_are_numbers_beside_their_rows(tmp_path: Path) -> None:
    nodes = (
        node("Gather", "E ids", "g"),
        node("Cast", "ids", "f", to=TensorProto.FLOAT),
        node("Unsqueeze", "f last", "u"),
        node("Mul", "g u", "mul"),
        swapped("mul"),
    )
    form = Form(nodes, constants={"last": np.array([-1])})
    path = saved(network(form, LAST, LOGITS), tmp_path)
    model = load(path)
    inputs = feeds(form)
    wanted = expected(path, inputs)["logits"]
    np.testing.assert_allclose(computed(lower_real(model), inputs)["logits"], wanted, atol=1e-5)
    program = quantized(model, {"ids": np.arange(4 * T).reshape(4, 1, T) % V})
    assert_bit_exact(
        program, load_target("host"), "gates", tmp_path / "c", stored_streams(program, 60)
    )


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


def rows_of(model: Model, count: int) -> np.ndarray:
    """What integers look up for each of the first `count` ids, as real numbers."""
    ids = np.arange(count)[None, :, None]
    program = quantized(model, {"ids": ids})
    rows: list[np.ndarray] = []

    def observe(op: Op, _: tuple[np.ndarray, ...], y: np.ndarray) -> None:
        if op.dest == "embedding.y":
            rows.append(y)

    run(program, {"ids": ids}, observe=observe)
    return np.concatenate(rows) * program.values["embedding.y"].format.unit


@pytest.mark.parametrize("width", [4, 16, 64])
def test_rows_alone_have_forty_decibels(width: int, tmp_path: Path) -> None:
    """The looked-up rows against the float table: int8 with a scale per row permits this."""
    form = Form(FORMS["int64"].nodes, constants={"E": table(7, 200, width)}, width=width, limit=200)
    model = load(saved(network(form, LAST, LOGITS), tmp_path))
    layer = next(n for n in model.layers if n.op.cell.name == "embedding")
    assert sqnr_db(layer.op.params["E"], rows_of(model, 200)) >= 40.0


def test_one_hot_vectors_are_exact(tmp_path: Path) -> None:
    model = load(saved(network(FORMS["one hot"], LAST, LOGITS), tmp_path))
    assert np.array_equal(rows_of(model, V), np.eye(V))


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
