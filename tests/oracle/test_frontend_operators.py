"""Each operator and attribute that the ONNX front end takes, against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.ir.model import DenseOverTime, Layer, is_a
from tests.oracle.compared import against_onnxruntime
from tests.oracle.entire import entire
from tests.oracle.graphs import graph, lstm_weights, node, saved
from tests.oracle.model_reference import run_model

N, H, T = 3, 5, 7
X = {"x": (T, 1, N)}
LSTM = node("LSTM", "x W R B", "Y", hidden_size=H)
LSTM_H = node("LSTM", "x W R B", "- Yh", hidden_size=H)
RNG = np.random.default_rng(5)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


LSTM_CASES = {
    "all_outputs": (node("LSTM", "x W R B", "Y Yh Yc", hidden_size=H), {}),
    "only_c": (node("LSTM", "x W R B", "- - Yc", hidden_size=H), {}),
    "no_bias": (node("LSTM", "x W R", "Y", hidden_size=H), {}),
    "peepholes": (node("LSTM", "x W R B - - - P", "Y Yh", hidden_size=H), {"P": (1, 3 * H)}),
    "coupled": (node("LSTM", "x W R B", "Y Yc", hidden_size=H, input_forget=1), {}),
    "coupled_peepholes": (
        node("LSTM", "x W R B - - - P", "Y", hidden_size=H, input_forget=1),
        {"P": (1, 3 * H)},
    ),
    "initial_states": (
        node("LSTM", "x W R B - h c", "Y Yh Yc", hidden_size=H),
        {"h": (1, 1, H), "c": (1, 1, H)},
    ),
    "only_initial_c": (node("LSTM", "x W R B - - c", "Y", hidden_size=H), {"c": (1, 1, H)}),
    "activations": (
        node("LSTM", "x W R B", "Y", hidden_size=H, activations=["sigmoid", "TANH", "Tanh"]),
        {},
    ),
    "forward": (node("LSTM", "x W R B", "Y", hidden_size=H, direction="forward", layout=0), {}),
}


@pytest.mark.parametrize("case", LSTM_CASES)
def test_lstm(case: str, tmp_path: Path) -> None:
    lstm, more = LSTM_CASES[case]
    outputs = [name for name in lstm.output if name]
    against_onnxruntime(graph([lstm], X, outputs, lstm_weights(N, H, 1, **more)), tmp_path)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 1, 4), (4, 1, 1), (1, 6, 5), (3, 2, 3)])
def test_sizes_of_one_are_not_confused(sizes: tuple[int, int, int], tmp_path: Path) -> None:
    inputs, hidden, steps = sizes
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("LSTM", "t W R B", "Y Yh", hidden_size=hidden),
        node("Squeeze", "Y one", "s"),
        node("Transpose", "s", "y", perm=[1, 0, 2]),
        node("Squeeze", "Yh", "all"),
    ]
    weights = {**lstm_weights(inputs, hidden), "one": ints(1)}
    model = graph(nodes, {"x": (1, steps, inputs)}, ["y", "all"], weights)
    loaded = against_onnxruntime(model, tmp_path)
    assert loaded.steps == steps
    assert loaded.inputs[0].axes == ("batch", "time", "feature")


def test_hidden_size_may_be_absent(tmp_path: Path) -> None:
    weights = lstm_weights(N, H)
    bare = load(saved(graph([node("LSTM", "x W R B", "Y")], X, ["Y"], weights), tmp_path))
    full = against_onnxruntime(graph([LSTM], X, ["Y"], weights), tmp_path)
    x = {"x": floats(T, 1, N)}
    np.testing.assert_array_equal(run_model(bare, x)["Y"], run_model(full, x)["Y"])


def test_layout_1_is_batch_first(tmp_path: Path) -> None:
    weights = lstm_weights(N, H, h=(1, 1, H))
    turned = node("LSTM", "x W R B - h", "Y Yh Yc", hidden_size=H, layout=1)
    plain = node("LSTM", "x W R B - h", "Y Yh Yc", hidden_size=H)
    first = load(saved(graph([turned], {"x": (1, T, N)}, ["Y", "Yh", "Yc"], weights), tmp_path))
    model = graph([plain], X, ["Y", "Yh", "Yc"], weights)
    second = against_onnxruntime(model, tmp_path)
    x = floats(T, N)
    a, b = (run_model(m, {"x": x.reshape(m.inputs[0].shape)}) for m in (first, second))
    assert a["Y"].shape == (1, T, 1, H)
    for name in a:
        np.testing.assert_array_equal(a[name].ravel(), b[name].ravel())


def test_lengths_that_say_all_steps_are_no_restriction(tmp_path: Path) -> None:
    weights = {**lstm_weights(N, H), "lens": np.array([T], np.int32)}
    lstm = node("LSTM", "x W R B lens", "Y", hidden_size=H)
    against_onnxruntime(graph([lstm], X, ["Y"], weights), tmp_path)


def gemm_case(**attributes: float) -> tuple[onnx.NodeProto, dict[str, np.ndarray]]:
    shape = (4, H) if attributes.get("transB") else (H, 4)
    return node("Gemm", "v w b", "z", **attributes), {"w": floats(*shape), "b": floats(4)}


HEADS = {
    "gemm": gemm_case(),
    "gemm_trans_b": gemm_case(transB=1, alpha=0.5, beta=2.0),
    "gemm_no_bias": (node("Gemm", "v w", "z", alpha=3.0), {"w": floats(H, 4)}),
    "gemm_scalar_bias": (node("Gemm", "v w b", "z"), {"w": floats(H, 4), "b": floats()}),
    "gemm_row_bias": (node("Gemm", "v w b", "z"), {"w": floats(H, 4), "b": floats(1, 4)}),
    "matmul": (node("MatMul", "v w", "z"), {"w": floats(H, 4)}),
    "matmul_vector": (node("MatMul", "v w", "z"), {"w": floats(H)}),
    "relu": (node("Relu", "v", "z"), {}),
    "sigmoid": (node("Sigmoid", "v", "z"), {}),
    "tanh": (node("Tanh", "v", "z"), {}),
    "softmax": (node("Softmax", "v", "z", axis=1), {}),
    "log_softmax": (node("LogSoftmax", "v", "z"), {}),
    "identity": (node("Identity", "v", "z"), {}),
    "cast": (node("Cast", "v", "z", to=1), {}),
    "dropout": (node("Dropout", "v", "z"), {}),
    "expand": (node("Expand", "v s", "z"), {"s": ints(1, 1, H)}),
}


@pytest.mark.parametrize("case", HEADS)
def test_head_on_the_last_state(case: str, tmp_path: Path) -> None:
    head, weights = HEADS[case]
    nodes = [LSTM_H, node("Squeeze", "Yh zero", "v"), head]
    model = graph(nodes, X, ["z"], {**lstm_weights(N, H), "zero": ints(0), **weights})
    against_onnxruntime(model, tmp_path)


PRODUCT = node("MatMul", "s w", "m")
STEP_HEADS = {
    "matmul_add": [PRODUCT, node("Add", "m b", "z")],
    "add_first": [PRODUCT, node("Add", "b m", "z")],
    "sub": [PRODUCT, node("Sub", "m b", "z")],
    "sub_from": [PRODUCT, node("Sub", "b m", "z")],
    "mul": [PRODUCT, node("Mul", "m b", "z")],
    "div": [PRODUCT, node("Div", "m b", "z")],
    "scaled_then_biased": [
        PRODUCT,
        node("Mul", "m two", "n"),
        node("Add", "n b", "o"),
        node("Div", "o two", "p"),
        node("Softmax", "p", "z"),
    ],
    "scale_before": [node("Mul", "s two", "n"), node("MatMul", "n w", "z")],
    "shift_before": [node("Sub", "s h", "n"), node("MatMul", "n w", "m"), node("Add", "m b", "z")],
    "left_matrix": [
        node("Transpose", "s", "t", perm=[0, 2, 1]),
        node("MatMul", "wt t", "m"),
        node("Transpose", "m", "z", perm=[0, 2, 1]),
    ],
    "bias_after_last_step": [
        PRODUCT,
        node("Gather", "m minus", "g", axis=0),
        node("Add", "g b", "z"),
    ],
    "flat_head": [
        node("Reshape", "s flat", "f"),
        node("MatMul", "f wflat", "m"),
        node("Add", "m b", "z"),
    ],
    "scaled_flat_head": [
        node("Sub", "s h", "n"),
        node("Div", "n two", "d"),
        node("Transpose", "d", "t", perm=[1, 0, 2]),
        node("Flatten", "t", "f"),
        node("Gemm", "f wflat b", "z"),
    ],
}


@pytest.mark.parametrize("case", STEP_HEADS)
def test_head_at_each_step(case: str, tmp_path: Path) -> None:
    weights = {
        **lstm_weights(N, H),
        "one": ints(1),
        "w": floats(H, 4),
        "wt": floats(4, H),
        "wflat": floats(T * H, 4),
        "b": floats(4) + 3,
        "h": floats(H),
        "two": np.float32([2]),
        "minus": np.int64(-1),
        "flat": ints(1, T * H),
    }
    nodes = [LSTM, node("Squeeze", "Y one", "s"), *STEP_HEADS[case]]
    loaded = against_onnxruntime(graph(nodes, X, ["z"], weights), tmp_path)
    dense = [n for n in loaded.nodes if is_a(n, DenseOverTime)]
    assert len(dense) == ("flat" in case)
    assert sum(n.name.startswith("fc") for n in loaded.nodes) == 1


def test_normalized_input_is_folded_into_the_lstm(tmp_path: Path) -> None:
    weights = {**lstm_weights(N, H), "mean": floats(1, 1, N), "std": np.float32([0.5, 2.0, 4.0])}
    nodes = [
        node("Sub", "x mean", "a"),
        node("Div", "a std", "n"),
        node("LSTM", "n W R B", "Y", hidden_size=H),
    ]
    loaded = against_onnxruntime(graph(nodes, X, ["Y"], weights), tmp_path)
    assert [n.name for n in loaded.nodes] == ["lstm"]
    weights["mean"] = np.full((1, 1, N), 100, np.float32)
    loaded = against_onnxruntime(graph(nodes, X, ["Y"], weights), tmp_path)
    assert [n.name for n in loaded.nodes] == ["scale", "lstm"]


def test_dense_before_the_lstm(tmp_path: Path) -> None:
    weights = {**lstm_weights(4, H), "w": floats(N, 4), "b": floats(4)}
    nodes = [
        node("MatMul", "x w", "m"),
        node("Add", "m b", "a"),
        node("Relu", "a", "r"),
        node("LSTM", "r W R B", "Y", hidden_size=H),
    ]
    loaded = against_onnxruntime(graph(nodes, X, ["Y"], weights), tmp_path)
    assert [n.name for n in loaded.nodes] == ["fc", "relu", "lstm"]


@pytest.mark.parametrize("opset", [7, 9, 11, 12, 13, 17, 20])
def test_opsets_since_7(opset: int, tmp_path: Path) -> None:
    old = opset < 13
    squeeze = node("Squeeze", "Y", "s", axes=[1]) if old else node("Squeeze", "Y one", "s")
    part = node("Slice", "s", "l", starts=[-1], ends=[2**31 - 1], axes=[0])
    if opset >= 10:
        part = node("Slice", "s minus big zero", "l")
    nodes = [LSTM, squeeze, part, node("Softmax", "l", "z", axis=2)]
    weights = lstm_weights(N, H) | {
        "one": ints(1),
        "minus": ints(-1),
        "big": ints(2**31 - 1),
        "zero": ints(0),
    }
    against_onnxruntime(graph(nodes, X, ["z"], weights, opset=opset), tmp_path)


def test_old_softmax_flattens_what_follows_its_axis(tmp_path: Path) -> None:
    nodes = [LSTM, node("Squeeze", "Y", "s", axes=[1]), node("Softmax", "s", "z", axis=1)]
    weights = lstm_weights(N, H)
    loaded = against_onnxruntime(graph(nodes, X, ["z"], weights, opset=11), tmp_path)
    assert loaded.nodes[-1].name == "softmax"
    nodes[-1] = node("Softmax", "s", "z", axis=0)
    entire(graph(nodes, X, ["z"], weights, opset=11), tmp_path)
    nodes[1:] = [node("Squeeze", "Y one", "s"), node("Softmax", "s", "z", axis=1)]
    with pytest.raises(ModelError, match="attribute axis = 1"):
        load(saved(graph(nodes, X, ["z"], weights | {"one": ints(1)}), tmp_path))


def test_two_inputs(tmp_path: Path) -> None:
    weights = lstm_weights(N, H) | lstm_weights(2, 4, 7, "k")
    nodes = [LSTM, node("LSTM", "u kW kR kB", "Z Zh", hidden_size=4)]
    model = graph(nodes, {"x": (T, 1, N), "u": (T, 1, 2)}, ["Y", "Zh"], weights)
    loaded = against_onnxruntime(model, tmp_path)
    assert [n.name for n in loaded.nodes] == ["lstm", "lstm2", "last"]


def test_flat_input_is_cut_into_steps(tmp_path: Path) -> None:
    weights = lstm_weights(N, H) | {"shape": ints(T, 1, N)}
    nodes = [node("Reshape", "u shape", "x"), LSTM]
    loaded = against_onnxruntime(graph(nodes, {"u": (1, T * N)}, ["Y"], weights), tmp_path)
    assert loaded.inputs[0].axes == ("batch", "time*feature")
    assert loaded.inputs[0].shape == (1, T * N)


def test_an_input_that_nothing_reads_is_a_warning(tmp_path: Path) -> None:
    model = graph([LSTM], {**X, "h0": (1, 1, H)}, ["Y"], lstm_weights(N, H))
    loaded = load(saved(model, tmp_path))
    assert [p.name for p in loaded.inputs] == ["x"]
    assert len(loaded.warnings) == 1
    assert "'h0'" in loaded.warnings[0]


def test_initializers_may_double_as_inputs(tmp_path: Path) -> None:
    weights = lstm_weights(N, H)
    inputs = {**X, **{name: w.shape for name, w in weights.items()}}
    loaded = against_onnxruntime(graph([LSTM], inputs, ["Y"], weights, opset=8), tmp_path)
    assert [p.name for p in loaded.inputs] == ["x"]
    assert not loaded.warnings


def test_nodes_that_no_output_needs_are_ignored(tmp_path: Path) -> None:
    nodes = [LSTM, node("ReduceMean", "Y", "unused")]
    against_onnxruntime(graph(nodes, X, ["Y"], lstm_weights(N, H)), tmp_path)


def test_local_functions_are_inlined(tmp_path: Path) -> None:
    function = helper.make_function(
        "mine",
        "Head",
        ["v", "w"],
        ["z"],
        [node("MatMul", "v w", "m"), node("Relu", "m", "z")],
        [helper.make_opsetid("", 17)],
    )
    call = node("Head", "Y w", "z", domain="mine")
    weights = lstm_weights(N, H) | {"w": floats(H, 4)}
    model = graph([LSTM, call], X, ["z"], weights, functions=[function])
    loaded = against_onnxruntime(model, tmp_path)
    assert [n.name for n in loaded.nodes] == ["lstm", "fc", "relu"]


def test_gates_of_torch_dynamo_at_48_units_are_reordered_in_the_graph(tmp_path: Path) -> None:
    """Slice x4, Concat, Unsqueeze on an initializer: constant folding must do it."""
    weights = lstm_weights(N, H)
    ifgo = weights.pop("W")[0]
    starts = {f"s{k}": ints(k * H) for k in range(5)} | {"axis": ints(0)}
    nodes = [node("Slice", f"w s{k} s{k + 1} axis", f"g{k}") for k in range(4)]
    nodes += [
        node("Concat", "g0 g3 g1 g2", "iofc", axis=0),
        node("Unsqueeze", "iofc axis", "W"),
        LSTM,
    ]
    model = graph(nodes, X, ["Y"], weights | starts | {"w": ifgo})
    loaded = against_onnxruntime(model, tmp_path)
    layer = loaded.nodes[0]
    assert is_a(layer, Layer)
    np.testing.assert_array_equal(layer.op.params["W_o"], ifgo[3 * H :])


def test_batch_and_time_may_be_open_without_a_name(tmp_path: Path) -> None:
    model = graph([LSTM], {"x": ("", "", N)}, ["Y"], lstm_weights(N, H))
    loaded = against_onnxruntime(model, tmp_path)
    assert loaded.steps is None
    assert loaded.inputs[0].shape == (-1, 1, N)


def test_shape_of_a_large_open_input_takes_no_memory(tmp_path: Path) -> None:
    weights = lstm_weights(700, H) | {"rest": ints(H), "one": ints(1)}
    nodes = [
        node("Shape", "x", "s", start=1, end=2),
        node("Concat", "one s rest", "shape", axis=0),
        node("ConstantOfShape", "shape", "h0"),
        node("LSTM", "x W R B - h0", "Y", hidden_size=H),
    ]
    model = graph(nodes, {"x": ("t", "b", 700)}, ["Y"], weights)
    assert load(saved(model, tmp_path)).steps is None


def test_features_may_be_open_too(tmp_path: Path) -> None:
    model = graph([LSTM], {"x": ("t", "b", "f")}, ["Y"], lstm_weights(N, H))
    assert load(saved(model, tmp_path)).inputs[0].shape == (-1, 1, N)


def test_a_batch_of_one_may_be_baked_in_where_the_input_leaves_it_open(tmp_path: Path) -> None:
    weights = lstm_weights(N, H) | {"flat": ints(1, T * H), "w": floats(T * H, 4)}
    nodes = [LSTM, node("Reshape", "Y flat", "f"), node("MatMul", "f w", "z")]
    for shape in ((T, "b", N), ("t", 1, N), ("t", "b", N)):
        loaded = against_onnxruntime(graph(nodes, {"x": shape}, ["z"], weights), tmp_path)
        assert loaded.steps == T
        assert loaded.inputs[0].shape == (T, 1, N)


def test_a_number_that_is_right_for_one_length_refuses_another(tmp_path: Path) -> None:
    weights = lstm_weights(N, H) | {"last": np.int64(T - 1)}
    nodes = [LSTM, node("Gather", "Y last", "z", axis=0)]
    path = saved(graph(nodes, X, ["z"], weights), tmp_path)
    assert load(path, steps=T).steps == T
    with pytest.raises(ModelError, match="right for a sequence of length 7 only"):
        load(path, steps=T + 1)


def test_stacked_lstms_with_dropout_between(tmp_path: Path) -> None:
    weights = lstm_weights(N, H) | lstm_weights(H, 4, 2, "k") | {"one": ints(1)}
    nodes = [
        LSTM,
        *(node("Squeeze", "Y one", "s"), node("Dropout", "s", "d")),
        node("LSTM", "d kW kR kB", "Z Zh", hidden_size=4),
        node("LSTM", "d kW kR kB", "- - Zc", hidden_size=4),
    ]
    loaded = against_onnxruntime(graph(nodes, X, ["Z", "Zh", "Zc"], weights), tmp_path).nodes
    assert [n.name for n in loaded][:2] == ["lstm", "lstm2"]
