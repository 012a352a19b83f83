"""What would take all memory or all time is refused by name, or done in part, and said."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from onnx import NodeProto

import lstm_edge
from lstm_edge import driver, frontend
from lstm_edge.bundle import read_arrays
from lstm_edge.data import load_data
from lstm_edge.errors import DataError, ModelError
from lstm_edge.files import read_bytes
from lstm_edge.frontend import load
from lstm_edge.frontend.graph import fold, tensor
from lstm_edge.frontend.model import draft
from lstm_edge.interpret.feed import Feed
from lstm_edge.ir.program import Program
from lstm_edge.passes.lower_real import lower_real
from tests.fuzz.large import CASES
from tests.fuzz.large.graphs import looped
from tests.fuzz.large.initializers import product
from tests.oracle.graphs import graph, lstm_weights, node, saved
from tests.support.keras_files import contents

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
SIZED = (
    "Conv_of_constants ConvTranspose Expand Gemm_transposed HannWindow LSTM Resize_fair ScatterND"
)
REFUSED = {
    "functions_40": "has 549755813888 nodes, more than the 50000 that are accepted",
    "function_that_calls_itself": "function 'f[01]': calls itself",
    "onnx_Range": "Range of 'r': computes an array that is too large",
    "onnx_Pad": "Pad of 'y': computes an array that is too large",
    "onnx_Pad_features": "too large",
    "onnx_Upsample_features": "too large",
    "onnx_doubling_Concat": "joins more than 65536 vectors",
    "onnx_Tile_of_data": "too large",
    "onnx_Expand_data": "too large|no layer with weights",
    "onnx_Gemm": "too large",
    "onnx_Einsum": "too large|more constants than are accepted",
    **dict.fromkeys(
        (f"sized_{name}" for name in SIZED.split()),
        "of 'a': computes an array that is too large for a microcontroller",
    ),
    "external_sparse_file_of_2_gb": "'w.data' is larger than the 128 MB",
    "onnx_sparse_file_of_2_gb": "is larger than the 128 MB",
    "h5_sparse_file": "is larger than the 128 MB",
    "npz_of_many_axes": "dimension",
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_hostile_model_is_refused_before_it_is_made(case: str, tmp_path: Path) -> None:
    path = Path(CASES[case](tmp_path)[1])
    began = time.monotonic()
    with pytest.raises(ModelError, match=REFUSED[case]) as refusal:
        load(path)
    assert "\n" not in str(refusal.value)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("trips", [10**9, 2**62])
def test_a_loop_of_any_number_of_steps_is_read_or_refused_at_once(
    trips: int, tmp_path: Path
) -> None:
    for kept in (False, True):
        with pytest.raises(ModelError):
            load(saved(looped(trips, kept), tmp_path))


def test_a_heap_of_hdf5_that_never_ends_is_refused(tmp_path: Path) -> None:
    content = contents("keras3")["lstm.h5"]
    heap = content.index(b"GCOL")
    free = content.index(b"\0" * 8 + (128).to_bytes(8, "little"), heap)
    path = tmp_path / "m.h5"
    path.write_bytes(content)
    assert load(path)
    path.write_bytes(content[: free + 8] + bytes(8) + content[free + 16 :])
    with pytest.raises(ModelError, match="heap that never ends"):
        load(path)


def test_empty_nodes_are_counted(tmp_path: Path) -> None:
    content = product().SerializeToString()
    nodes = b"\x0a\x00" * 60_000
    size = bytes([len(nodes) & 127 | 128, len(nodes) >> 7 & 127 | 128, len(nodes) >> 14])
    (tmp_path / "m.onnx").write_bytes(content + b"\x3a" + size + nodes)
    with pytest.raises(ModelError, match="has 60001 nodes"):
        load(tmp_path / "m.onnx")


def test_constants_of_one_file_have_one_limit(tmp_path: Path) -> None:
    names = [f"a{k}" for k in range(12)]
    big = {"big": np.array([2**23 + 2**22])}
    nodes = [
        *(node("ConstantOfShape", "big", name) for name in names),
        node("Sum", " ".join(names), "s"),
        node("ReduceMean", "s", "m"),
        node("Add", "x m", "y"),
    ]
    model = graph(nodes, {"x": [1, 4, 3]}, ["y"], big, opset=13)
    with pytest.raises(ModelError, match="more constants than are accepted"):
        load(saved(model, tmp_path))


@pytest.mark.parametrize("what", ["MOST_WEIGHTS", "MOST_LAYERS", "LARGEST_CALL"])
def test_a_model_may_have_so_much_only(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = FIXTURES / "two_layers.npz"
    assert load(path, steps=10)
    monkeypatch.setattr(frontend, what, 1)
    with pytest.raises(ModelError, match="more than the 1 that are accepted"):
        load(path, steps=10)


@pytest.mark.parametrize(
    "moving", [[node("Gather", "x i", "v", axis=2)], [node("Concat", "x x", "v", axis=2)]]
)
def test_a_vector_that_is_put_together_has_so_many_numbers_only(
    moving: list[NodeProto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = {**lstm_weights(6, 4), "i": np.array([2, 0, 1, 2, 1, 0])}
    nodes = [*moving, node("LSTM", "v W R B", "y", hidden_size=4)]
    path = saved(graph(nodes, {"x": [7, 1, 3]}, ["y"], weights), tmp_path)
    assert load(path)
    monkeypatch.setattr(draft, "MOST_FEATURES", 5)
    with pytest.raises(ModelError, match="makes a vector of 6 numbers, more than the 5"):
        load(path)


def test_an_array_has_no_more_numbers_than_a_model_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensor, "MOST_WEIGHTS", 5)
    with pytest.raises(ModelError, match="initializer 'W': has 6 numbers, more than the 5 weights"):
        load(saved(product(), tmp_path))


def test_axes_of_any_size_make_no_result_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = {"W": np.ones((6, 4), np.float32)}
    monkeypatch.setattr(fold, "LARGEST_DATA", 100)
    for steps in ("T", 50):
        model = graph([node("MatMul", "x W", "y")], {"x": ["N", steps, 6]}, ["y"], weights)
        if steps == "T":
            assert load(saved(model, tmp_path))
            continue
        with pytest.raises(ModelError, match="too large"):
            load(saved(model, tmp_path))


def test_only_so_many_layers_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "MOST_COMPILED", 1)
    network = lstm_edge.load(FIXTURES / "two_layers.npz", steps=10)
    with pytest.raises(ModelError, match="has 3 layers, more than the 1 that are compiled"):
        lstm_edge.compile(network, target="host")


def test_only_whole_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(DataError, match="is not a regular file"):
            read_arrays(path)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**33)
    with pytest.raises(DataError, match="is larger than the 256 MB"):
        read_arrays(tmp_path / "sparse")
    (tmp_path / "four").write_bytes(b"abcd")
    assert read_bytes(tmp_path / "four", 4) == b"abcd"
    with pytest.raises(DataError, match="larger"):
        read_bytes(tmp_path / "four", 3)


def sequence(steps: int, direction: str, folder: Path) -> Program:
    nodes = [
        node("LSTM", "x W R B", "v", hidden_size=4, direction=direction),
        node("Squeeze", "v one", "y"),
    ]
    weights = {**lstm_weights(3, 4), "one": np.array([1])}
    model = graph(nodes, {"x": [steps, 1, 3]}, ["y"], weights)
    return lower_real(load(saved(model, folder), "net"))


def test_of_a_million_steps_the_first_stand_for_all(tmp_path: Path) -> None:
    program = sequence(10**6, "forward", tmp_path)
    data = load_data(None, program)
    assert data.calibration.shape[0] == 4
    assert data.calibration.shape[2] < 50_000
    assert data.raw_held_back["x"].shape == (1, 10**6, 1, 3)
    with pytest.raises(ModelError, match="needs whole sequences of 1000000 steps at once, at most"):
        load_data(None, sequence(10**6, "reverse", tmp_path))


def test_steps_that_are_left_out_are_told() -> None:
    program = lower_real(load(FIXTURES / "two_layers.npz", "net"))
    inputs = len(program.inputs[0].scale)
    x = np.random.default_rng(0).normal(size=(5, 100_000, inputs)).astype(np.float32)
    data = load_data({"x": x}, program)
    assert 2048 <= data.calibration.shape[2] < 100_000
    assert f"samples have 100000 steps, of which the first {data.calibration.shape[2]}" in str(
        data.notes
    )
    short = load_data({"x": x[:, :2048]}, program)
    assert short.calibration.shape[2] == 2048
    assert not short.notes


def test_a_network_that_asks_for_the_step_is_not_cut(tmp_path: Path) -> None:
    feed = Feed({"x": np.zeros((1, 1, 9000, 3), np.float32)})
    assert feed.first_steps(sequence(9000, "forward", tmp_path), 64).shape[2] == 64
    assert feed.first_steps(sequence(9000, "reverse", tmp_path), 64).shape[2] == 9000


def test_recordings_without_steps_are_refused() -> None:
    program = lower_real(load(FIXTURES / "lstm_open.legacy.onnx", "net"))
    inputs = len(program.inputs[0].scale)
    for shape in ((1, 0, inputs), (0, 1, 5, inputs), (0, 1, 0, inputs)):
        with pytest.raises(DataError):
            load_data({"x__0": np.zeros(shape, np.float32)}, program)
