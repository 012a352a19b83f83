"""Directions, layers and skip connections: the ways to join, pick and split them, and residuals.

Each graph must give in float what onnxruntime gives, in integers nearly that.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import dequantize, from_vectors, quantize, read_inputs
from lstm_edge.ir.model import Layer, Model
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.choose_formats import Options
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.prove import prove
from tests.oracle.graphs import graph, node, saved
from tests.oracle.model_reference import run_model

N, H, T = 3, 5, 7
X = {"x": (T, 1, N)}
RNG = np.random.default_rng(8)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.5)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def weights(prefix: str, gates: int, inputs: int, ways: int = 2) -> dict[str, np.ndarray]:
    rows = gates * H
    shapes = {"W": (ways, rows, inputs), "R": (ways, rows, H), "B": (ways, 2 * rows)}
    return {f"{prefix}{name}": floats(*shape) for name, shape in shapes.items()}


CONSTANTS = {
    **weights("l", 4, N),
    **weights("g", 3, N, 1),
    **weights("m", 4, 2 * H),
    **{f"i{k}": np.int64(k) for k in (0, 1, 2)},
    "last": np.int64(-1),
    "last2": np.int64(-2),
    "zero": ints(0),
    "one": ints(1),
    "two": ints(2),
    "neg": ints(-1),
    "end": ints(2**40),
    "h": ints(H),
    "hh": ints(2 * H),
    "swap": ints(1, 0),
    "keep": ints(0, 0, -1),
    "layers": ints(2, 2, 1, H),
    "flat": ints(1, T * 2 * H),
    "row": ints(1, -1),
    "wh": floats(H, 4),
    "w2h": floats(2 * H, 4),
    "wflat": floats(T * 2 * H, 4),
    "b2h": floats(2 * H),
    "wskip": floats(H + N, 4),
    "wx": floats(N, H),
    "lo": np.float32(-0.3),
    "hi": np.float32(0.2),
}
BOTH = node("LSTM", "x lW lR lB", "Y Yh Yc", hidden_size=H, direction="bidirectional")
GRU = node("GRU", "x gW gR gB", "G Gh", hidden_size=H, linear_before_reset=1)
MERGED = [BOTH, node("Transpose", "Y", "t", perm=[0, 2, 1, 3]), node("Reshape", "t keep", "m")]
SECOND = [
    *MERGED,
    node("LSTM", "m mW mR mB", "Z Zh", hidden_size=H, direction="bidirectional"),
]
SEQUENCE = [GRU, node("Squeeze", "G one", "s")]


def program_results(loaded: Model, feeds: dict[str, np.ndarray], seed: int) -> dict[str, float]:
    """Float results equal the reference's; the integers' signal to noise by output."""
    real = lower_real(loaded)
    inputs = read_inputs(real, {name: a[None] for name, a in feeds.items()})
    result, _ = run(real, inputs)
    reference = run_model(loaded, feeds)
    for port in real.outputs:
        found = from_vectors(port, result[port.name])[0]
        np.testing.assert_allclose(found, reference[port.name], atol=1e-5, err_msg=port.name)
    rng = np.random.default_rng(seed)
    data, test = (
        {n: rng.normal(size=(16, *a.shape[1:])).astype(np.float32) for n, a in inputs.items()}
        for _ in range(2)
    )
    program = lower_integer(loaded, calibrate(real, data, from_data=True), Options())
    prove(program)
    wanted, _ = run(real, test)
    stored = {p.name: quantize(program, p, test[p.name]) for p in program.inputs}
    found_, _ = run(program, stored)
    ratios = {}
    for port in program.outputs:
        noise = np.square(wanted[port.name] - dequantize(program, port, found_[port.name])).sum()
        ratios[port.name] = 10 * np.log10(np.square(wanted[port.name]).sum() / max(noise, 1e-9))
    return ratios


def against_onnxruntime(model: onnx.ModelProto, folder: Path) -> Model:
    onnxruntime = pytest.importorskip("onnxruntime")
    loaded = load(saved(model, folder), name="net")
    rng = np.random.default_rng(3)
    feeds = {p.name: rng.normal(size=p.shape).astype(np.float32) for p in loaded.inputs}
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [o.name for o in loaded.outputs]
    results = run_model(loaded, feeds)
    for name, expected in zip(names, session.run(names, feeds), strict=True):
        assert results[name].shape == expected.shape
        np.testing.assert_allclose(results[name], expected, atol=1e-5, err_msg=name)
    assert min(program_results(loaded, feeds, 4).values()) > 30
    return loaded


CASES: dict[str, tuple[list[onnx.NodeProto], str]] = {
    "everything": ([BOTH], "Y Yh Yc"),
    "merged_by_transpose_and_reshape": (MERGED, "m"),
    "two_layers": (SECOND, "Z Zh"),
    "batch_major": ([*MERGED, node("Transpose", "m", "y", perm=[1, 0, 2])], "y"),
    "one_direction_gathered": ([BOTH, node("Gather", "Y i1", "z", axis=1)], "z"),
    "directions_swapped": ([BOTH, node("Gather", "Yh swap", "z", axis=0)], "z"),
    "directions_split": ([BOTH, node("Split", "Y", "p q", axis=1)], "p q"),
    "merged_split": ([*MERGED, node("Split", "m", "p q", axis=2)], "p q"),
    "merged_sliced": ([*MERGED, node("Slice", "m h end two", "z")], "z"),
    "last_forward_and_first_reverse": (
        [
            *MERGED,
            node("Slice", "m zero h two", "f"),
            node("Slice", "m h hh two", "r"),
            node("Gather", "f last", "a", axis=0),
            node("Gather", "r i0", "b", axis=0),
            node("Concat", "a b", "z", axis=-1),
            node("MatMul", "z w2h", "y"),
        ],
        "y",
    ),
    "last_step_of_both": (
        [*MERGED, node("Gather", "m last", "g", axis=0), node("Gemm", "g w2h", "z")],
        "z",
    ),
    "first_step_sliced": ([*SEQUENCE, node("Slice", "s zero one zero", "z")], "z"),
    "final_states_concatenated": (
        [
            *SECOND,
            node("Concat", "Yh Zh", "hn", axis=0),
            node("Gather", "hn last2", "a", axis=0),
            node("Gather", "hn last", "b", axis=0),
            node("Concat", "a b", "c", axis=1),
            node("Gemm", "c w2h", "z"),
        ],
        "z hn",
    ),
    "final_states_by_layer_and_direction": (
        [
            *SECOND,
            node("Concat", "Yh Zh", "hn", axis=0),
            node("Reshape", "hn layers", "v"),
            node("Gather", "v last", "top", axis=0),
            node("Transpose", "top", "t2", perm=[1, 0, 2]),
            node("Reshape", "t2 row", "z"),
            node("Gather", "v i0", "forward", axis=1),
        ],
        "z forward",
    ),
    "hn_merged": (
        [BOTH, node("Transpose", "Yh", "t", perm=[1, 0, 2]), node("Reshape", "t row", "z")],
        "z",
    ),
    "bias_on_both": ([*MERGED, node("Add", "m b2h", "n"), node("MatMul", "n w2h", "z")], "z"),
    "softmax_over_both": ([*MERGED, node("Softmax", "m", "z", axis=-1)], "z"),
    "flattened_over_time": (
        [*MERGED, node("Reshape", "m flat", "f"), node("MatMul", "f wflat", "z")],
        "z",
    ),
    "residual_of_two_layers": (
        [
            *SECOND,
            node("Transpose", "Z", "t2", perm=[0, 2, 1, 3]),
            node("Add", "t2 t", "r"),
            node("Reshape", "r keep", "z"),
        ],
        "z",
    ),
    "residual_of_the_input": (
        [*SEQUENCE, node("MatMul", "x wx", "p"), node("Add", "s p", "z")],
        "z",
    ),
    "product_of_two": (
        [*SEQUENCE, node("Sigmoid", "s", "g"), node("Mul", "g s", "a"), node("Sub", "a s", "z")],
        "z a",
    ),
    "difference_of_final_states": (
        [BOTH, node("Split", "Yh", "p q", axis=0), node("Sub", "p q", "z")],
        "z",
    ),
    "elu": ([*SEQUENCE, node("Elu", "s", "z", alpha=0.7)], "z"),
    "leaky_relu": ([*SEQUENCE, node("LeakyRelu", "s", "z")], "z"),
    "hard_sigmoid": ([*SEQUENCE, node("HardSigmoid", "s", "z", alpha=0.9, beta=0.3)], "z"),
    "softplus": ([*SEQUENCE, node("Softplus", "s", "z")], "z"),
    "softsign": ([*SEQUENCE, node("Softsign", "s", "z")], "z"),
    "clip": ([*SEQUENCE, node("Clip", "s lo hi", "z")], "z"),
    "clip_above": ([*SEQUENCE, node("Clip", "s - hi", "z")], "z"),
    "relu_of_both": ([*MERGED, node("Relu", "m", "r"), node("MatMul", "r w2h", "z")], "z"),
    "joined_twice": (
        [*SEQUENCE, node("Concat", "s s", "c", axis=2), node("MatMul", "c w2h", "z")],
        "z",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_graph_computes_what_onnxruntime_does(case: str, tmp_path: Path) -> None:
    nodes, outputs = CASES[case]
    against_onnxruntime(graph(nodes, X, outputs.split(), CONSTANTS), tmp_path)


SKIPS: dict[str, tuple[list[onnx.NodeProto], str]] = {
    "skip_from_the_input": (
        [*SEQUENCE, node("Concat", "s x", "c", axis=2), node("MatMul", "c wskip", "z")],
        "z",
    ),
    "skip_on_the_last_step": (
        [
            *SEQUENCE,
            node("Concat", "x s", "c", axis=2),
            node("Gather", "c last", "g", axis=0),
            node("MatMul", "g wskip", "z"),
        ],
        "z",
    ),
    "input_added": ([*SEQUENCE, node("MatMul", "s w53", "p"), node("Add", "x p", "z")], "z"),
}


@pytest.mark.parametrize("case", SKIPS)
def test_the_input_itself_may_be_joined(case: str, tmp_path: Path) -> None:
    nodes, outputs = SKIPS[case]
    constants = CONSTANTS | {"w53": floats(H, N)}
    against_onnxruntime(graph(nodes, X, outputs.split(), constants), tmp_path)


REFUSED: dict[str, tuple[list[onnx.NodeProto], str]] = {
    "dense_on_each_direction": ([BOTH, node("MatMul", "Y wh", "z")], "MatMul.*several axes"),
    "features_before_directions": (
        [
            BOTH,
            node("Transpose", "Y", "t", perm=[0, 2, 3, 1]),
            node("Reshape", "t keep", "r"),
            node("MatMul", "r w2h", "z"),
        ],
        "MatMul.*another order",
    ),
    "directions_before_time": (
        [BOTH, node("Transpose", "Y", "z", perm=[1, 0, 2, 3])],
        "output 'z'.*in the order layer, time",
    ),
    "softmax_on_each_direction": ([BOTH, node("Softmax", "Y", "z", axis=-1)], "Softmax"),
    "part_of_a_part": ([*MERGED, node("Slice", "m one h two", "z")], "Slice.*whole parts"),
    "features_of_one_layer": ([*SEQUENCE, node("Slice", "s zero two two", "z")], "Slice"),
    "unequal_split": ([*MERGED, node("Split", "m sizes", "p z", axis=2)], "Split.*parts of a"),
    "middle_step": ([*SEQUENCE, node("Gather", "s i2", "z", axis=0)], "index 2 of the time axis"),
    "joined_in_time": ([*SEQUENCE, node("Concat", "s s", "z", axis=0)], "Concat.*along axis 0"),
    "broadcast": (
        [*SEQUENCE, node("Gather", "s zero", "g", axis=0), node("Add", "s g", "z")],
        "Add.*shapes differ",
    ),
    "divided": ([*SEQUENCE, node("Div", "s s", "z")], "Div of two computed"),
    "joined_with_a_constant": ([*SEQUENCE, node("Concat", "s one_row", "z", axis=2)], "constant"),
    "clip_crossed": ([*SEQUENCE, node("Clip", "s hi lo", "z")], "Clip.*above"),
    "elu_nan": ([*SEQUENCE, node("Elu", "s", "z", alpha=float("nan"))], "Elu.*not finite"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_work_or_wrong_is_refused(case: str, tmp_path: Path) -> None:
    nodes, message = REFUSED[case]
    constants = CONSTANTS | {"sizes": ints(4, 6), "one_row": floats(T, 1, 2)}
    with pytest.raises(ModelError, match=message) as caught:
        load(saved(graph(nodes, X, ["z"], constants), tmp_path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_direction_that_nobody_reads_is_not_computed(tmp_path: Path) -> None:
    nodes = [BOTH, node("Gather", "Y i0", "z", axis=1)]
    loaded = load(saved(graph(nodes, X, ["z"], CONSTANTS), tmp_path))
    assert [n.name for n in loaded.nodes] == ["lstm"]


def test_a_reverse_layer_needs_a_known_length(tmp_path: Path) -> None:
    path = saved(graph([BOTH], {"x": ("t", 1, N)}, ["Yh"], CONSTANTS), tmp_path)
    with pytest.raises(ModelError, match=r"LSTM of 'Y'.*backward in time.*--steps T"):
        load(path)
    assert load(path, steps=9).steps == 9


def test_two_inputs_may_be_added_before_anything_tells_their_axes(tmp_path: Path) -> None:
    nodes = [node("Add", "x u", "a"), node("GRU", "a gW gR gB", "G", hidden_size=H)]
    shapes = {"x": (T, 1, N), "u": (T, 1, N)}
    loaded = against_onnxruntime(graph(nodes, shapes, ["G"], CONSTANTS), tmp_path)
    assert [p.axes for p in loaded.inputs] == [("time", "batch", "feature")] * 2


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("hidden", [1, 2])
def test_sizes_of_one_and_two_are_not_confused(steps: int, hidden: int, tmp_path: Path) -> None:
    nodes = [
        node("LSTM", "x W R B", "Y Yh", hidden_size=hidden, direction="bidirectional"),
        node("Transpose", "Y", "t", perm=[0, 2, 1, 3]),
        node("Reshape", "t keep", "m"),
        node("LSTM", "m V S B", "Z Zh", hidden_size=hidden, direction="bidirectional"),
        node("Concat", "Yh Zh", "hn", axis=0),
        node("Gather", "hn last2", "z", axis=0),
    ]
    rows = 4 * hidden
    more = {
        "W": floats(2, rows, 2),
        "R": floats(2, rows, hidden),
        "B": floats(2, 2 * rows),
        "V": floats(2, rows, 2 * hidden),
        "S": floats(2, rows, hidden),
    }
    model = graph(nodes, {"x": (steps, 1, 2)}, ["Z", "hn", "z"], CONSTANTS | more)
    loaded = against_onnxruntime(model, tmp_path)
    assert sum(isinstance(n, Layer) for n in loaded.nodes) == 4
