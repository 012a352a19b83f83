"""ArgMax: the index that onnxruntime finds, which may be looked up again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.targets import load_target
from tests.oracle.embedding_graphs import (
    FORMS,
    LAST,
    C,
    Form,
    H,
    T,
    V,
    computed,
    expected,
    feeds,
    ints,
    network,
    table,
)
from tests.oracle.graphs import lstm_weights, node, saved
from tests.oracle.model_reference import run_model
from tests.support.exactness import assert_bit_exact, stored_streams
from tests.support.programs import quantized

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
