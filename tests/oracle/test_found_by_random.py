"""What random networks found wrong, each as the smallest network that shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.frontend import load
from lstm_edge.interpret.execute import initial_state, set_state
from lstm_edge.interpret.feed import feed_of
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.targets import load_target
from tests.oracle.graphs import graph, node, saved
from tests.oracle.state_graphs import Case, floats, integers, weights
from tests.oracle.window_graphs import UNITS, C, Compared, H, T, compare, conv, kernel, layer
from tests.support.exactness import assert_bit_exact

pytest.importorskip("onnxruntime")

HOST = load_target("host")


def recurrent(
    front: list[onnx.NodeProto],
    arrays: dict[str, np.ndarray],
    inputs: dict[str, int],
    features: int,
    more: list[onnx.NodeProto],
    outputs: tuple[str, ...],
    op: str = "LSTM",
    hidden: int = H,
) -> onnx.ModelProto:
    """`front` makes v [T, B, features] of inputs [T, B, n]; y [T, B, hidden] is what follows."""
    nodes = [
        *front,
        node(op, "v W R B", "Y Yh", hidden_size=hidden),
        node("Squeeze", "Y one", "y"),
        *more,
    ]
    constants = weights(op, inputs=features, hidden=hidden) | {"one": np.array([1], np.int64)}
    shapes = {name: (7, "batch", n) for name, n in inputs.items()}
    return graph(nodes, shapes, outputs, {**constants, **arrays})


def checked(model: onnx.ModelProto, folder: Path, **options: object) -> Compared:
    return compare(_one_row(model), folder, lengths=(7,), **options)  # type: ignore[arg-type]


def _one_row(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with a batch of one, so that both take the same arrays."""
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[1].dim_value = 1
    return model


@pytest.mark.parametrize("second", [1, 3])
def test_inputs_of_one_feature_can_be_joined(second: int, tmp_path: Path) -> None:
    for joined in ("x u", "u x"):
        front = [node("Concat", joined, "v", axis=2)]
        model = recurrent(front, {}, {"x": 1, "u": second}, 1 + second, [], ("y",))
        checked(model, tmp_path)


def test_a_scaled_input_of_one_feature_can_be_joined(tmp_path: Path) -> None:
    front = [node("Mul", "x small", "s"), node("Concat", "s u", "v", axis=2)]
    arrays = {"small": np.float32(0.3)}
    checked(recurrent(front, arrays, {"x": 1, "u": 2}, 3, [], ("y",)), tmp_path)


def test_features_of_a_scaled_input_can_be_sliced(tmp_path: Path) -> None:
    front = [
        node("Mul", "x small", "s"),
        node("Add", "s shift", "m"),
        node("Slice", "m begin end axis", "v"),
    ]
    arrays = {"small": np.float32(0.5), "shift": np.float32(-0.25)}
    arrays |= {n: np.array([k], np.int64) for n, k in (("begin", 1), ("end", 4), ("axis", 2))}
    checked(recurrent(front, arrays, {"x": 6}, 3, [], ("y",)), tmp_path)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_two_softmaxes_of_different_sizes(op: str, tmp_path: Path) -> None:
    arrays: dict[str, np.ndarray] = {}
    more = []
    for units in (1, 3):
        arrays[f"D{units}"] = floats(H, units) * np.float32(3)
        more += [
            node("MatMul", f"y D{units}", f"s{units}"),
            node(op, f"s{units}", f"p{units}", axis=-1),
        ]
    front = [node("Identity", "x", "v")]
    outputs = ("p3",) if op == "LogSoftmax" else ("p1", "p3")  # the first one is 0 then
    checked(recurrent(front, arrays, {"x": 4}, 4, more, outputs), tmp_path)


def test_a_dense_layer_over_all_steps_of_one_unit(tmp_path: Path) -> None:
    more = [
        node("Transpose", "y", "turned", perm=[1, 0, 2]),
        node("Flatten", "turned", "flat"),
        node("Gemm", "flat D d", "z"),
    ]
    arrays = {"D": floats(7, 3), "d": floats(3, seed=4)}
    front = [node("Identity", "x", "v")]
    checked(recurrent(front, arrays, {"x": 4}, 4, more, ("z",), hidden=1), tmp_path)


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_a_pooling_of_single_steps(op: str, tmp_path: Path) -> None:
    for stride in (1, 2):
        front = [node(op, "x", "v", kernel_shape=[1], strides=[stride])]
        nodes, arrays = layer("", "v", "LSTM", C)
        compare(graph([*front, *nodes], {"x": (1, C, T)}, ["y"], arrays), tmp_path)


@pytest.mark.parametrize("activations", [8, 12])
@pytest.mark.parametrize("kind", ["ReduceMax", "ReduceMin"])
def test_a_reduction_of_a_small_range_with_few_bits(
    kind: str, activations: int, tmp_path: Path
) -> None:
    """8 bits have a unit that is no power of two, and int32 holds more than it needs."""
    front = [node("Identity", "x", "v")]
    more = [node(kind, "y", "m", axes=[0], keepdims=0), node("MatMul", "m D", "z")]
    arrays = {"D": floats(H, 3)}
    model = recurrent(front, arrays, {"x": 4}, 4, more, ("z",), op="RNN")
    checked(model, tmp_path, options=Options(activations), budget=20.0)


def stateful(units: int = UNITS) -> Case:
    """A GRU whose state is an input, then a convolution, then a layer that runs backward."""
    first = [
        node("Transpose", "x", "xt", perm=[2, 0, 1]),
        node("GRU", "xt aW aR aB - h0", "aY hn", hidden_size=H),
        node("Squeeze", "aY one", "ay"),
        node("Transpose", "ay", "ab", perm=[1, 2, 0]),
        conv("ab", "v"),
    ]
    nodes, own = layer("b", "v", "LSTM", units, direction="reverse")
    arrays = {**weights("GRU", "a", C), **own, **kernel(units, H, 4)}
    arrays["one"] = np.array([1], np.int64)
    inputs = {"x": (1, C, T), "h0": (1, 1, H)}
    model = graph([*first, *nodes], inputs, ["by", "hn"], arrays)
    return Case(model, {"h0": "hn"}, steps=T)


@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_a_state_before_a_convolution_is_that_after_the_last_step(
    scheme: str, tmp_path: Path
) -> None:
    """The backward layer goes over fewer steps, an odd number less."""
    case = stateful()
    model = load(saved(case.model, tmp_path), name="net")
    real = lower_real(model)
    program = real if scheme == "float32" else integers(model, real, case)
    rng = np.random.default_rng(3)
    arrays = {"x": rng.normal(size=(3, 1, C, T)), "h0": rng.uniform(-1, 1, (3, 1, 1, H))}
    feed = feed_of(program, {n: a.astype(np.float32) for n, a in arrays.items()}, stream=False)
    assert_bit_exact(program, HOST, "gates", tmp_path, feed)


def test_both_forms_of_a_state_start_as_if_the_wide_one_had_been_set(tmp_path: Path) -> None:
    """A learned state that is kept twice, beside one that is an input."""
    nodes = [
        node("GRU", "x aW aR aB - h0", "aY hn", hidden_size=H),
        node("Squeeze", "aY one", "ay"),
        node("GRU", "ay bW bR bB - learned", "bY", hidden_size=H),
    ]
    arrays = {**weights("GRU", "a", C), **weights("GRU", "b", H), "learned": floats(1, 1, H)}
    arrays["one"] = np.array([1], np.int64)
    model = graph(nodes, {"x": (T, 1, C), "h0": (1, 1, H)}, ["bY", "hn"], arrays)
    case = Case(model, {"h0": "hn"}, steps=T)
    loaded = load(saved(model, tmp_path), name="net")
    program = integers(loaded, lower_real(loaded), case)
    first = initial_state(program, 1)
    assert any(name.endswith("_narrow") for name in first)
    for name, array in set_state(program, first, {}).items():
        assert np.array_equal(array, first[name]), name


def test_what_only_ends_matter_of_is_not_computed_at_each_step(tmp_path: Path) -> None:
    """Y of a layer that stops early is not read, and C would say that it is unused."""
    nodes = [node("RNN", "x W R B length", "- end", hidden_size=H), node("Squeeze", "end one", "z")]
    constants = weights("RNN", inputs=C) | {"length": np.array([4], np.int32)}
    constants["one"] = np.array([0], np.int64)
    model = graph(nodes, {"x": (7, 1, C)}, ["z"], constants)
    compared = compare(model, tmp_path, lengths=(7,))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 7, 1, C)).astype(np.float32)
    for program in (compared.real, compared.program):
        feed = feed_of(program, {"x": x}, stream=False)
        assert_bit_exact(program, HOST, "full", tmp_path / program.scheme, feed)


def scanned(
    body: list[onnx.NodeProto], results: tuple[str, str], shown: int, *, back: bool = False
) -> onnx.NodeProto:
    """A Scan over v [T, 1, 3] with a state of 5 from s0: `end`, and `all` [T, 1, shown]."""

    def value(name: str, size: int) -> onnx.ValueInfoProto:
        return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, size])

    made = [value(results[0], 5), value(results[1], shown)]
    step = onnx.helper.make_graph(body, "step", [value("s", 5), value("now", 3)], made)
    ways = {"scan_input_directions": [1], "scan_output_directions": [1]} if back else {}
    return node("Scan", "s0 v", "end all", body=step, num_scan_inputs=1, **ways)


def of_a_step() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    return {
        "W": rng.normal(size=(3, 5)).astype(np.float32),
        "R": rng.normal(size=(5, 5)).astype(np.float32) * np.float32(0.3),
        "V": rng.normal(size=(5, 2)).astype(np.float32),
        "s0": np.zeros((1, 5), np.float32),
        "half": np.array(0.5, np.float32),
    }


SUM = [node("MatMul", "now W", "a"), node("MatMul", "s R", "b"), node("Add", "a b", "c")]


@pytest.mark.parametrize("place", [0, 3, -1])
def test_a_head_of_a_layer_that_runs_backward_is_that_of_its_step(
    place: int, tmp_path: Path
) -> None:
    """What a Scan shows of each step is a layer behind its states, which no order has."""
    body = [*SUM, node("Softsign", "c", "new"), node("MatMul", "new V", "shown")]
    nodes = [
        scanned(body, ("new", "shown"), 2, back=True),
        node("Gather", "all at", "y", axis=0),
    ]
    arrays = of_a_step() | {"at": np.array(place)}
    compare(graph(nodes, {"v": (7, 1, 3)}, ("y",), arrays), tmp_path, lengths=(7,))


def test_a_result_that_another_result_and_a_later_product_read(tmp_path: Path) -> None:
    """It lies off zero: products alone would read it with a zero point and scales of units."""
    body = [
        *SUM,
        node("Abs", "s", "d"),
        node("Add", "d half", "far"),
        node("Softsign", "c", "e"),
        node("Mul", "e far", "f"),
        node("Mul", "f half", "new"),
        node("MatMul", "far V", "shown"),
    ]
    last = [node("Gather", "all at", "y", axis=0)]
    nodes = [scanned(body, ("new", "shown"), 2), *last]
    arrays = of_a_step() | {"at": np.array(-1)}
    model = graph(nodes, {"v": (7, 1, 3)}, ("y",), arrays)
    for activations in (8, 12):
        compare(model, tmp_path, lengths=(7,), options=Options(activations, 32))


@pytest.mark.parametrize("op", ["LSTM", "GRU"])
def test_products_that_nothing_bounds_keep_their_digits(op: str, tmp_path: Path) -> None:
    functions = ["HardSigmoid", "LeakyRelu", *["LeakyRelu"] * (op == "LSTM")]
    options = {"activations": functions, "activation_alpha": [0.5] + [0.3] * (len(functions) - 1)}
    layer = node(op, "v W R B", "Y", hidden_size=H, **options)
    layer.input.extend(["", "", "", "P"] if op == "LSTM" else [])
    arrays = weights(op) | {"one": np.array([1], np.int64), "P": floats(1, 3 * H)}
    model = graph([layer, node("Squeeze", "Y one", "y")], {"v": (7, 1, 3)}, ("y",), arrays)
    compare(model, tmp_path, lengths=(7,), options=Options(weights=16), budget=56.0)
