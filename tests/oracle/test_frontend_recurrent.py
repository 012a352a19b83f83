"""Attributes of LSTM, GRU and RNN: parameters of functions, stacks, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import from_vectors, read_inputs
from lstm_edge.ir.model import Layer, is_a
from lstm_edge.passes.lower_real import lower_real
from tests.oracle.entire import SAMPLES, entire
from tests.oracle.graphs import graph, node, saved
from tests.oracle.model_reference import run_model
from tests.oracle.onnx_recurrent import run_operator

N, H, T = 3, 5, 7
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
RNG = np.random.default_rng(11)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.5)


def weights(op: str, ways: int = 1, inputs: int = N, **more: tuple[int, ...]) -> dict[str, Any]:
    rows = GATES[op] * H
    shapes = {"W": (ways, rows, inputs), "R": (ways, rows, H), "B": (ways, 2 * rows), **more}
    return {name: floats(*shape) for name, shape in shapes.items()}


def model(op: str, arrays: dict[str, Any], inputs: str = "x W R B", **attributes: Any) -> Any:
    recurrent = node(op, inputs, "Y", hidden_size=H, **attributes)
    return graph([recurrent], {"x": (T, 1, N)}, ["Y"], arrays)


def results(proto: onnx.ModelProto, folder: Path, x: np.ndarray) -> np.ndarray:
    """Y of the float program, [T, D, 1, H]."""
    loaded = load(saved(proto, folder), name="net")
    outputs, _ = run(lower_real(loaded), {"x": x.reshape(1, T, N)})
    return outputs["Y"].reshape(T, -1, 1, H)


MIXED = ["HardSigmoid", "leakyrelu", "SCALEDTANH", "Sigmoid", "Elu", "Affine"]
FUNCTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "lists_in_the_order_of_those_that_take_them": (
        "LSTM",
        {
            "direction": "bidirectional",
            "activations": MIXED,
            "activation_alpha": [0.3, 0.1, 0.9, 0.7, 0.8],
            "activation_beta": [0.4, 0.8, 0.1],
        },
    ),
    "gate_functions_of_a_gru": (
        "GRU",
        {"activations": ["HardSigmoid", "Softsign"], "activation_alpha": [0.3]}
        | {"activation_beta": [0.6], "linear_before_reset": 1},
    ),
    "two_directions_of_an_rnn": (
        "RNN",
        {"direction": "bidirectional", "activations": ["Relu", "Softplus"]},
    ),
}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_functions_take_their_parameters(case: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    op, attributes = FUNCTIONS[case]
    arrays = weights(op, 2 if "direction" in attributes else 1)
    proto, x = model(op, arrays, **attributes), floats(T, 1, N)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    found = results(proto, tmp_path, x)
    np.testing.assert_allclose(found, session.run(None, {"x": x})[0], atol=1e-5)
    np.testing.assert_allclose(found, run_operator(op, x, arrays, attributes)["Y"], atol=1e-5)


@pytest.mark.parametrize("function", ["LeakyRelu", "HardSigmoid", "Elu", "ThresholdedRelu"])
def test_absent_parameters_are_those_of_the_specification(function: str, tmp_path: Path) -> None:
    attributes = {"activations": ["Sigmoid", function]}
    arrays, x = weights("GRU"), floats(T, 1, N) * 3
    proto = model("GRU", arrays, **attributes)
    found = results(proto, tmp_path, x)
    expected = run_operator("GRU", x, arrays, attributes)["Y"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    warnings = load(saved(proto, tmp_path)).warnings
    assert all("onnxruntime takes 0" in text for text in warnings)
    assert len(warnings) == (2 if function == "HardSigmoid" else 1)


@pytest.mark.parametrize("clip", [0.0, 1e9, float("inf")])
def test_a_clip_of_zero_or_beyond_all_bounds_nothing(clip: float, tmp_path: Path) -> None:
    arrays, x = weights("RNN"), floats(T, 1, N) * 9
    found = results(model("RNN", arrays, clip=clip), tmp_path, x)
    np.testing.assert_array_equal(found, results(model("RNN", arrays), tmp_path, x))


def test_stack_of_all_three_operators(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    arrays: dict[str, Any] = {"one": np.array([1], np.int64), "keep": np.array([0, 0, -1])}
    for op, ways, inputs in (("LSTM", 2, N), ("GRU", 1, 2 * H), ("RNN", 1, H)):
        arrays |= {f"{op}{k}": v for k, v in weights(op, ways, inputs).items()}
    nodes = [
        node("LSTM", "x LSTMW LSTMR LSTMB", "a", hidden_size=H, direction="bidirectional"),
        node("Transpose", "a", "b", perm=[0, 2, 1, 3]),
        node("Reshape", "b keep", "c"),
        node("GRU", "c GRUW GRUR GRUB", "d", hidden_size=H, direction="reverse"),
        node("Squeeze", "d one", "e"),
        node("RNN", "e RNNW RNNR RNNB", "Y", hidden_size=H),
    ]
    proto, x = graph(nodes, {"x": (T, 1, N)}, ["Y"], arrays), floats(T, 1, N)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    expected = session.run(None, {"x": x})[0]
    np.testing.assert_allclose(results(proto, tmp_path, x), expected, atol=1e-5)
    names = [n.name for n in load(saved(proto, tmp_path)).nodes if is_a(n, Layer)]
    assert names == ["lstm", "lstm_reverse", "gru_reverse", "rnn"]


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "direction": ("GRU", {"direction": "Forward"}, r"direction = 'Forward', expected one of"),
    "layout": ("RNN", {"layout": 2}, "attribute layout = 2"),
    "reset": ("GRU", {"linear_before_reset": 3}, "linear_before_reset = 3"),
    "clip": ("LSTM", {"clip": -1.0}, "attribute clip = -1"),
    "clip_nan": ("GRU", {"clip": float("nan")}, "attribute clip = nan"),
    "unknown": ("RNN", {"activations": ["Gelu"]}, r"activations = \['Gelu'\]"),
    "too_few": ("LSTM", {"activations": ["Sigmoid"]}, "expected 3 of"),
    "affine": ("RNN", {"activations": ["Affine"]}, "activation_alpha is absent, but Affine"),
    "half_of_affine": (
        "RNN",
        {"activations": ["Affine"], "activation_alpha": [1.0]},
        "activation_beta is absent",
    ),
    "too_many_alphas": (
        "GRU",
        {"activations": ["Sigmoid", "LeakyRelu"], "activation_alpha": [0.1, 0.2]},
        "activation_alpha has 2 entries, but 1",
    ),
    "alpha_of_tanh": ("RNN", {"activation_alpha": [0.1]}, "1 entries, but 0"),
    "alpha_nan": (
        "RNN",
        {"activations": ["Elu"], "activation_alpha": [float("nan")]},
        "is not finite",
    ),
    "both_directions_want_all_functions": (
        "RNN",
        {"direction": "bidirectional", "activations": ["Relu"]},
        "expected 2 of",
    ),
    "weights_of_one_direction": ("GRU", {"direction": "bidirectional"}, r"R is \[1, 15, 5\]"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_attribute_outside_of_the_specification_is_refused(case: str, tmp_path: Path) -> None:
    op, attributes, message = REFUSED[case]
    with pytest.raises(ModelError, match=f"{op} of 'Y'.*{message}"):
        load(saved(model(op, weights(op), **attributes), tmp_path))


WAYS = ("forward", "reverse", "bidirectional")


def with_lengths(op: str, direction: str, lens: int | None) -> onnx.ModelProto:
    """Y, Y_h and Y_c of a layer that stops after `lens` steps, None: what its input says."""
    ways = 2 if direction == "bidirectional" else 1
    arrays = weights(op, ways) | ({} if lens is None else {"lens": np.array([lens], np.int32)})
    names = ["Y", "Y_h", *(["Y_c"] if op == "LSTM" else [])]
    layer = node(op, "x W R B lens", " ".join(names), hidden_size=H, direction=direction)
    proto = graph([layer], {"x": (T, 1, N)}, names, arrays)
    if lens is None:
        proto.graph.input.append(helper.make_tensor_value_info("lens", TensorProto.INT32, [1]))
    return proto


def check_lengths(proto: onnx.ModelProto, folder: Path, given: int | None) -> None:
    """All outputs of the float program and of the reference are onnxruntime's."""
    onnxruntime = pytest.importorskip("onnxruntime")
    loaded, x = load(saved(proto, folder), name="net"), floats(T, 1, N) * 3
    more = {} if given is None else {"lens": np.array([given], np.int32)}
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    names = [value.name for value in session.get_outputs()]
    wanted = dict(zip(names, session.run(None, {"x": x, **more}), strict=True))
    program = lower_real(loaded)
    stored = read_inputs(program, {name: a[None] for name, a in {"x": x, **more}.items()})
    found, _ = run(program, stored)
    said = run_model(loaded, {"x": x, **more})
    assert {port.name for port in program.outputs} == set(wanted)
    for port in program.outputs:
        result = from_vectors(port, found[port.name])[0]
        assert result.shape == said[port.name].shape == wanted[port.name].shape, port.name
        np.testing.assert_allclose(result, wanted[port.name], atol=1e-5, err_msg=port.name)
        np.testing.assert_allclose(said[port.name], wanted[port.name], atol=1e-5)


@pytest.mark.parametrize("lens", [1, 2, T - 1, T])
@pytest.mark.parametrize("direction", WAYS)
@pytest.mark.parametrize("op", GATES)
def test_a_constant_length_stops_a_layer(
    op: str, direction: str, lens: int, tmp_path: Path
) -> None:
    check_lengths(with_lengths(op, direction, lens), tmp_path, None)


@pytest.mark.parametrize("direction", WAYS)
@pytest.mark.parametrize("op", GATES)
def test_a_length_given_at_run_time_stops_a_layer(op: str, direction: str, tmp_path: Path) -> None:
    proto = with_lengths(op, direction, None)
    for lens in (1, 3, T):
        check_lengths(proto, tmp_path, lens)


@pytest.mark.parametrize("direction", WAYS)
@pytest.mark.parametrize("op", GATES)
def test_a_length_of_zero_gives_zeros(op: str, direction: str, tmp_path: Path) -> None:
    """As the specification says; onnxruntime refuses it or leaves its output as it was."""
    x = floats(T, 1, N)
    for lens in (0, None):
        loaded = load(saved(with_lengths(op, direction, lens), tmp_path), name="net")
        inputs = {"x": x} | ({} if lens == 0 else {"lens": np.array([0], np.int32)})
        program = lower_real(loaded)
        stored = read_inputs(program, {name: a[None] for name, a in inputs.items()})
        outputs, _ = run(program, stored)
        for name in ("Y", "Y_h", *(["Y_c"] if op == "LSTM" else [])):
            assert not outputs[name].any(), name


@pytest.mark.parametrize("lens", [T + 1, -1])
def test_a_length_beyond_the_sequence_is_refused(lens: int, tmp_path: Path) -> None:
    arrays = weights("GRU") | {"lens": np.array([lens], np.int32)}
    with pytest.raises(ModelError, match=f"sequence_lens = .{lens}.*expected 0 to {T}"):
        load(saved(model("GRU", arrays, "x W R B lens"), tmp_path))


def test_a_layer_over_constants_goes_on_from_what_another_leaves(tmp_path: Path) -> None:
    """The same vector at each of its steps, as a decoder has that reads nothing."""
    rng = np.random.default_rng(5)
    arrays = {
        name: rng.normal(size=shape).astype(np.float32) * 0.5
        for name, shape in {
            "W": (1, 9, 2),
            "R": (1, 9, 3),
            "V": (1, 3, 4),
            "Q": (1, 3, 3),
        }.items()
    }
    arrays["k"] = np.tile(rng.normal(size=(1, 1, 4)).astype(np.float32), (6, 1, 1))
    nodes = [
        helper.make_node("GRU", ["x", "W", "R"], ["", "h"], hidden_size=3),
        helper.make_node("RNN", ["k", "V", "Q", "", "", "h"], ["y", ""], hidden_size=3),
    ]
    data = {"x": rng.normal(size=(SAMPLES, 6, 1, 2)).astype(np.float32)}
    entire(graph(nodes, {"x": (6, 1, 2)}, ["y"], arrays), tmp_path, data=data)
