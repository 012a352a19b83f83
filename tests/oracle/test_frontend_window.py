"""Convolution and pooling along time: as onnxruntime computes them, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from lstm_edge.errors import DataError, ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.ports import quantize
from lstm_edge.ir.model import Layer, is_a
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from tests.oracle import state_graphs
from tests.oracle.graphs import graph, node, saved
from tests.oracle.window_graphs import (
    MODELS,
    UNITS,
    C,
    H,
    T,
    calls,
    compare,
    conv,
    kernel,
    layer,
    network,
    plain,
)
from tests.support.compiling import compile_file

pytest.importorskip("onnxruntime")

CONVS: dict[str, tuple[tuple[int, int, int], dict[str, Any]]] = {
    "kernel-1": ((UNITS, C, 1), {}),
    "kernel-5": ((UNITS, C, 5), {}),
    "stride": ((UNITS, C, 3), {"strides": [2]}),
    "stride-beyond-kernel": ((UNITS, C, 2), {"strides": [4]}),
    "dilation": ((UNITS, C, 3), {"dilations": [3]}),
    "causal": ((UNITS, C, 3), {"pads": [2, 0]}),
    "padding-behind": ((UNITS, C, 3), {"pads": [0, 2]}),
    "padding": ((UNITS, C, 4), {"pads": [1, 3]}),
    "padding-stride-dilation": (
        (UNITS, C, 3),
        {"pads": [2, 1], "strides": [3], "dilations": [2]},
    ),
    "groups": ((UNITS, C // 2, 3), {"group": 2}),
    "depthwise": ((2 * C, 1, 3), {"group": C, "pads": [1, 1]}),
    "same-upper": ((UNITS, C, 4), {"auto_pad": "SAME_UPPER"}),
    "same-lower": ((UNITS, C, 4), {"auto_pad": "SAME_LOWER"}),
    "same-upper-stride": ((UNITS, C, 4), {"auto_pad": "SAME_UPPER", "strides": [3]}),
    "same-lower-stride": ((UNITS, C, 3), {"auto_pad": "SAME_LOWER", "strides": [2]}),
    "valid": ((UNITS, C, 3), {"auto_pad": "VALID"}),
    "all-zero-pads": ((UNITS, C, 3), {"pads": [0, 0], "kernel_shape": [3]}),
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", CONVS)
def test_a_convolution_of_every_attribute(name: str, bias: bool, tmp_path: Path) -> None:
    shape, attributes = CONVS[name]
    arrays = kernel(*shape)
    front = [node("Conv", "x K k" if bias else "x K", "v", **attributes)]
    if not bias:
        del arrays["k"]
    compare(network(front, arrays, inputs=shape[0]), tmp_path)


@pytest.mark.parametrize("unit", [2, 3])
def test_a_second_spatial_axis_of_one(unit: int, tmp_path: Path) -> None:
    """[B, C, 1, T] and [B, C, T, 1], as exporters write a 1-d convolution for old runtimes."""
    shape = [1, 3] if unit == 2 else [3, 1]
    sizes = {"strides": [1, 2] if unit == 2 else [2, 1]}
    pads = {"pads": [0, 1, 0, 1] if unit == 2 else [1, 0, 1, 0]}
    front = [
        node("Unsqueeze", "x at", "p"),
        conv("p", "q", **sizes, **pads),
        node("MaxPool", "q", "r", kernel_shape=shape),
        node("Squeeze", "r at", "v"),
    ]
    arrays = kernel(UNITS, C, *shape) | {"at": np.array([unit], np.int64)}
    compare(network(front, arrays), tmp_path)


POOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "max": ("MaxPool", {"kernel_shape": [3]}),
    "max-stride": ("MaxPool", {"kernel_shape": [2], "strides": [2]}),
    "max-padded": ("MaxPool", {"kernel_shape": [3], "strides": [2], "pads": [1, 2]}),
    "max-same": ("MaxPool", {"kernel_shape": [4], "strides": [3], "auto_pad": "SAME_LOWER"}),
    "max-ceil-that-changes-nothing": (
        "MaxPool",
        {"kernel_shape": [3], "strides": [2], "ceil_mode": 1},
    ),
    "average": ("AveragePool", {"kernel_shape": [4], "strides": [2]}),
    "average-one": ("AveragePool", {"kernel_shape": [1]}),
    "average-padded": (
        "AveragePool",
        {"kernel_shape": [3], "strides": [2], "pads": [2, 1], "count_include_pad": 1},
    ),
}


@pytest.mark.parametrize("low", [0.0, -10.0, 10.0])
@pytest.mark.parametrize("name", POOLS)
def test_a_pooling_of_the_input(name: str, low: float, tmp_path: Path) -> None:
    """-10: all are below 0, so that padding is not the largest by chance. An offset of 10, which is
    taken away again, costs four of the bits.
    """
    op, attributes = POOLS[name]
    front = [node(op, "x", "p", **attributes), node("Add", "p shift", "v")]
    arrays = {"shift": np.full(1, -low, np.float32)}
    compare(network(front, arrays, inputs=C), tmp_path, low=low, budget=18 if low else 30)


@pytest.mark.parametrize("name", POOLS)
def test_a_pooling_behind_a_convolution(name: str, tmp_path: Path) -> None:
    op, attributes = POOLS[name]
    front = [conv("x", "p", pads=[1, 1]), node(op, "p", "v", **attributes)]
    compare(network(front, kernel(UNITS, C, 3)), tmp_path)


@pytest.mark.parametrize("op", ["GlobalAveragePool", "GlobalMaxPool"])
def test_a_pooling_over_all_steps_of_fewer(op: str, tmp_path: Path) -> None:
    more = [
        node("Transpose", "y", "channels", perm=[1, 2, 0]),
        node(op, "channels", "pooled"),
        node("Flatten", "pooled", "z"),
    ]
    arrays = kernel(UNITS, C, 3)
    front = [conv("x", "v", strides=[2])]
    compare(network(front, arrays, more=more, outputs=("z",)), tmp_path)


@pytest.mark.parametrize("name", MODELS)
def test_a_network_with_windows(name: str, tmp_path: Path) -> None:
    opened = name.endswith("open")
    length = MODELS[name].graph.input[0].type.tensor_type.shape.dim[2].dim_value
    compare(MODELS[name], tmp_path, lengths=(9, 15, 17, 23) if opened else (length,))


@pytest.mark.parametrize("op", ["LSTM", "GRU"])
@pytest.mark.parametrize("direction", ["reverse", "bidirectional"])
def test_a_convolution_before_a_layer_that_runs_backward(
    op: str, direction: str, tmp_path: Path
) -> None:
    front = [conv("x", "v", strides=[2], pads=[1, 2])]
    compare(network(front, kernel(UNITS, C, 4), op=op, direction=direction), tmp_path)


def test_a_convolution_behind_a_bidirectional_layer(tmp_path: Path) -> None:
    first, arrays = layer("a", "x", "LSTM", C, direction="bidirectional")
    front = [
        *first,
        node("Transpose", "ay", "ab", perm=[1, 2, 0]),
        conv("ab", "v", strides=[2], pads=[1, 0]),
    ]
    compare(network(front, {**arrays, **kernel(UNITS, 2 * H, 3)}), tmp_path)


@pytest.mark.parametrize("length", [4, 5, 12])
def test_a_length_that_the_user_gives(length: int, tmp_path: Path) -> None:
    """Padding behind needs the length, which the file leaves open."""
    open_time = plain("time", pads=[1, 2], strides=[2])
    path = saved(open_time, tmp_path)
    compare(open_time, tmp_path, steps=length, lengths=(length,))
    with pytest.raises(ModelError, match="--steps"):
        compile_file(path, "host")


@pytest.mark.parametrize("activations", [8, 12, 16])
def test_padding_of_an_input_whose_range_does_not_contain_zero(
    activations: int, tmp_path: Path
) -> None:
    """0 is what pads, though no stored number of the input means 0."""
    low = {8: 10.0, 12: 100.0, 16: 400.0}[activations]
    arrays = kernel(UNITS, C, 3)
    arrays["K"] *= np.float32(3.0 / low)
    front = [conv("x", "v", pads=[2, 1], strides=[2])]
    options, budget = Options(activations), 12.0 if activations == 8 else 20.0
    model = network(front, arrays)
    program = compare(model, tmp_path, low=low, options=options, budget=budget).program
    (port,) = program.inputs
    zero = quantize(program, port, np.zeros(C, np.float32))
    assert np.all(zero != port.zero_point)


def test_eight_bits(tmp_path: Path) -> None:
    for name, model in MODELS.items():
        if not name.endswith("open"):
            length = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
            compare(model, tmp_path, lengths=(length,), options=Options(8), budget=18.0)


def test_states_live_on_while_windows_start_anew(tmp_path: Path) -> None:
    """Call by call as onnxruntime does with the states fed back: a call is a window."""
    arrays = state_graphs.weights("LSTM", inputs=UNITS) | kernel(UNITS, C, 3)
    nodes = [
        conv("x", "v", pads=[2, 0], strides=[2]),
        node("Transpose", "v", "t", perm=[2, 0, 1]),
        node("LSTM", "t W R B - h0 c0", "y hn cn", hidden_size=H),
    ]
    inputs = {"x": (1, C, 6), "h0": (1, 1, H), "c0": (1, 1, H)}
    model = graph(nodes, inputs, ["y", "hn", "cn"], arrays)
    case = state_graphs.Case(model, {"h0": "hn", "c0": "cn"}, steps=6)
    state_graphs.compare(case, tmp_path)


def test_a_length_of_steps_counts_those_that_the_convolution_leaves(tmp_path: Path) -> None:
    arrays = kernel(UNITS, C, 3) | {"length": np.array([3], np.int32)}
    model = network([conv("x", "v", strides=[2])], arrays)
    recurrent = next(n for n in model.graph.node if n.op_type == "LSTM")
    recurrent.input.append("length")
    compare(model, tmp_path)


def test_a_sum_has_room_for_the_steps_that_padding_adds(tmp_path: Path) -> None:
    """Of two steps a window with padding at both sides makes six: each adds to the sum."""
    front = [conv("x", "v", pads=[4, 4], dilations=[2])]
    more = [node("ReduceSum", "y axes", "total", keepdims=0)]
    arrays = kernel(UNITS, C, 3) | {"axes": np.array([0], np.int64), "k": np.full(UNITS, 9.0)}
    arrays["k"] = arrays["k"].astype(np.float32)
    model = network(front, arrays, (1, C, 2), more=more, outputs=("total",))
    compare(model, tmp_path, lengths=(2,))


@pytest.mark.parametrize("length", [2, 5])
def test_lengths_that_an_input_says_count_what_padding_adds(length: int, tmp_path: Path) -> None:
    arrays = kernel(UNITS, C, 3)
    model = network([conv("x", "v", pads=[2, 2], dilations=[1])], arrays, (1, C, length))
    recurrent = next(n for n in model.graph.node if n.op_type == "LSTM")
    recurrent.input.append("lens")
    model.graph.input.append(
        onnx.helper.make_tensor_value_info("lens", onnx.TensorProto.INT32, [1])
    )
    real = lower_real(load(saved(model, tmp_path), name="net"))
    x = np.random.default_rng(0).normal(size=(4, 1, C, length)).astype(np.float32)
    lens = np.array([[1], [2], [length + 1], [length + 2]], np.int32)
    session = state_graphs.session_of(model)
    found = calls(real, {"x": x, "lens": lens})
    for row in range(4):
        y, last = session.run(["y", "last"], {"x": x[row], "lens": lens[row]})
        np.testing.assert_allclose(found["y"][row], y, atol=1e-5)
        np.testing.assert_allclose(found["last"][row], last, atol=1e-5)
    with pytest.raises(DataError, match="'lens' holds"):
        calls(real, {"x": x, "lens": lens + 1})


@pytest.mark.parametrize("length", [T, "time"])
def test_lengths_are_drawn_within_the_steps_that_a_stride_leaves(
    length: int | str, tmp_path: Path
) -> None:
    model = plain(length, strides=[3])
    recurrent = next(n for n in model.graph.node if n.op_type == "LSTM")
    recurrent.input.append("lens")
    model.graph.input.append(
        onnx.helper.make_tensor_value_info("lens", onnx.TensorProto.INT32, [1])
    )
    assert compile_file(saved(model, tmp_path), "host").manifest["calibration"] == "drawn"


def refusal(model: onnx.ModelProto, folder: Path, **options: Any) -> str:
    with pytest.raises(ModelError) as caught:
        compile_file(saved(model, folder), "host", **options)
    return str(caught.value)


def pooled(op: str, shape: tuple[int, ...] = (1, C, T), **attributes: Any) -> onnx.ModelProto:
    return network([node(op, "x", "v", **attributes)], {}, shape, inputs=C)


def test_a_convolution_over_three_axes_is_refused(tmp_path: Path) -> None:
    arrays = kernel(UNITS, C, 3, 3, 3) | {"shape": np.array([0, UNITS, -1], np.int64)}
    front = [conv("x", "p", pads=[1] * 6), node("Reshape", "p shape", "v")]
    assert "moves over several axes of each step" in refusal(
        network(front, arrays, (1, C, 5, 4, T), UNITS), tmp_path
    )


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (pooled("MaxPool", kernel_shape=[2], strides=[2], ceil_mode=1), "ceil_mode"),
        (pooled("MaxPool", kernel_shape=[2], dilations=[2]), "dilations"),
        (pooled("MaxPool", kernel_shape=[2], storage_order=1), "storage_order"),
        (pooled("MaxPool", kernel_shape=[T + 1]), "sees 12 steps of 11"),
        (pooled("MaxPool", kernel_shape=[2], pads=[2, 0]), "pads"),
        (pooled("MaxPool", kernel_shape=[2], auto_pad="SOMETIMES"), "auto_pad"),
        (plain(pads=[3, 0]), "pads 3 and 0 steps, as many as it sees"),
        (plain(pads=[-1, 0]), "pads"),
        (plain(group=3), "group = 3"),
        (plain(strides=[0]), "strides 0"),
        (plain(dilations=[6]), "sees 13 steps of 11"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_is_not_supported_is_refused_by_name(
    model: onnx.ModelProto, words: str, tmp_path: Path
) -> None:
    assert words in refusal(model, tmp_path)


def test_an_output_of_indices_is_refused(tmp_path: Path) -> None:
    front = [node("MaxPool", "x", "v indices", kernel_shape=[2])]
    model = network(front, {}, inputs=C)
    assert "Indices" in refusal(model, tmp_path)


def test_sequences_of_different_lengths_cannot_be_added(tmp_path: Path) -> None:
    arrays = kernel(C, C, 3) | {f"b{n}": a for n, a in kernel(C, C, 3, seed=5).items()}
    front = [
        conv("x", "p", strides=[2]),
        conv("x", "q", "b", strides=[2], pads=[1, 1]),
        node("Add", "p q", "v"),
    ]
    assert refusal(network(front, arrays, inputs=C), tmp_path)


def test_what_is_kept_of_a_window_is_its_own_length() -> None:
    """13 steps of a dilated kernel are kept as 5: two between those that it sees."""
    model = plain(dilations=[2])
    window = next(n.op.window for n in _loaded(model).nodes if is_a(n, Layer) and n.op.window)
    assert (window.kernel, window.left, window.right) == (5, 0, 0)


def _loaded(model: onnx.ModelProto) -> Any:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return load(saved(model, Path(folder)), name="net")


@pytest.mark.parametrize("name", ["flushed", "same-behind", "residual", "two-outputs", "behind"])
def test_which_of_them_run_step_by_step(name: str, tmp_path: Path) -> None:
    """Padding behind comes after the last step: a result of each step would come late."""
    streams = name in ("flushed", "two-outputs", "behind")
    length = MODELS[name].graph.input[0].type.tensor_type.shape.dim[2].dim_value
    assert compare(MODELS[name], tmp_path, lengths=(length,)).program.streams == streams
