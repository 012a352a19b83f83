"""Windows as flat vectors, constants of each step, what is joined after a flattening, horizons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend import load
from tests.oracle.entire import entire
from tests.oracle.graphs import graph, node, saved

N, H, T, U, OUT = 3, 5, 7, 4, 2
RNG = np.random.default_rng(51)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) * np.float32(0.5)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


CONSTANTS = {
    "W": floats(1, 4 * H, N),
    "R": floats(1, 4 * H, H),
    "B": floats(1, 8 * H),
    "one": ints(1),
    "window": ints(1, T, N),
    "channels": ints(1, N, T),
    "mean": floats(T * N) + np.float32(20),
    "std": np.abs(floats(T * N)) + np.float32(0.5),
    "places": floats(T, N),
    "weights_of_steps": floats(T, 1),
    "wflat": floats(T * H, OUT),
    "wjoined": floats(T * H + U, OUT),
    "wboth": floats(T * H + T * N, OUT),
    "b": floats(OUT),
    "gain": floats(T * H),
    "shift": floats(T * H),
    "middle": floats(T * H),
    "spread": np.abs(floats(T * H)) + np.float32(0.5),
    "jgain": floats(T * H + U),
    "jshift": floats(T * H + U),
    "jmiddle": floats(T * H + U),
    "jspread": np.abs(floats(T * H + U)) + np.float32(0.5),
    "w12": floats(H, 12),
    "b12": floats(12),
    "horizon": ints(1, 4, 3),
    "all": ints(-1),
    "zero": ints(0),
    "each": ints(1, T, 4, 3),
    "cell": floats(4, 3),
    "row": ints(1, -1),
    "neg": np.float32(0.01),
    "frames": ints(1, 4, 6),
    "pairs": ints(1, 4, 2, 3),
    "three": np.array([0.5, 2.0, -1.5], np.float32),
    "wframe": floats(6, N),
    "w12o": floats(12, OUT),
    "Wf": floats(1, 4 * H, 6),
}
SEQUENCE = [
    node("Transpose", "w", "t", perm=[1, 0, 2]),
    node("LSTM", "t W R B", "Y Yh", hidden_size=H),
    node("Squeeze", "Y one", "s0"),
    node("Transpose", "s0", "s", perm=[1, 0, 2]),
]
FLAT = [*SEQUENCE, node("Flatten", "s", "f", axis=1)]
X, FLAT_X, WITH_U = {"w": (1, T, N)}, {"x": (1, T * N)}, {"w": (1, T, N), "u": (1, U)}

WINDOWS: dict[str, tuple[list[onnx.NodeProto], dict[str, tuple[int, ...]], str]] = {
    "scaler of a flat window": (
        [
            node("Sub", "x mean", "c"),
            node("Div", "c std", "e"),
            node("Reshape", "e window", "w"),
            *SEQUENCE,
        ],
        FLAT_X,
        "Yh",
    ),
    "scaler of a flat window, channels first": (
        [
            node("Sub", "x mean", "c"),
            node("Mul", "c std", "e"),
            node("Reshape", "e channels", "v"),
            node("Transpose", "v", "w", perm=[0, 2, 1]),
            *SEQUENCE,
        ],
        FLAT_X,
        "Yh",
    ),
    "constants of each step added": (
        [
            node("Add", "v places", "w"),
            *SEQUENCE,
        ],
        {"v": (1, T, N)},
        "Yh",
    ),
    "steps weighted": (
        [
            *SEQUENCE,
            node("Mul", "s weights_of_steps", "m"),
            node("ReduceSum", "m one", "y", keepdims=0),
        ],
        X,
        "y",
    ),
    "flattened, a dense layer": ([*FLAT, node("Gemm", "f wflat b", "y")], X, "y"),
    "flattened, then BatchNormalization": (
        [
            *FLAT,
            node("BatchNormalization", "f gain shift middle spread", "g"),
            node("Relu", "g", "r"),
            node("MatMul", "r wflat", "y"),
        ],
        X,
        "y",
    ),
    "flattened, then constants": (
        [
            *FLAT,
            node("Mul", "f gain", "g"),
            node("Add", "g shift", "h"),
            node("MatMul", "h wflat", "y"),
        ],
        X,
        "y",
    ),
    "flattened beside a vector": (
        [*FLAT, node("Concat", "f u", "j", axis=1), node("Gemm", "j wjoined b", "y")],
        WITH_U,
        "y",
    ),
    "flattened beside a vector, normalized": (
        [
            *FLAT,
            node("Concat", "f u", "j", axis=1),
            node("BatchNormalization", "j jgain jshift jmiddle jspread", "g"),
            node("LeakyRelu", "g", "r"),
            node("MatMul", "r wjoined", "y"),
        ],
        WITH_U,
        "y",
    ),
    "flattened beside the flattened input": (
        [
            *FLAT,
            node("Flatten", "w", "g", axis=1),
            node("Concat", "f g", "j", axis=1),
            node("Dropout", "j", "k"),
            node("MatMul", "k wboth", "y"),
        ],
        X,
        "y",
    ),
    "a horizon": (
        [
            *SEQUENCE,
            node("Squeeze", "Yh zero", "h"),
            node("Gemm", "h w12 b12", "g"),
            node("Reshape", "g horizon", "y"),
        ],
        X,
        "y",
    ),
    "a horizon, scaled": (
        [
            *SEQUENCE,
            node("Squeeze", "Yh zero", "h"),
            node("Gemm", "h w12 b12", "g"),
            node("Reshape", "g horizon", "r"),
            node("Mul", "r cell", "m"),
            node("Tanh", "m", "y"),
        ],
        X,
        "y",
    ),
    "a horizon of each step": (
        [*SEQUENCE, node("MatMul", "s w12", "g"), node("Reshape", "g each", "y")],
        X,
        "y",
    ),
    "frames of several steps, features outside": (
        [
            node("Reshape", "x8 pairs", "p"),
            node("Transpose", "p", "v", perm=[0, 1, 3, 2]),
            node("Reshape", "v frames", "q"),
            node("Transpose", "q", "t", perm=[1, 0, 2]),
            node("LSTM", "t Wf R B", "Y Yh", hidden_size=H),
        ],
        {"x8": (1, 8, N)},
        "Yh",
    ),
    "frames scaled, features outside, a dense layer": (
        [
            node("Mul", "x8 three", "m"),
            node("Reshape", "m pairs", "p"),
            node("Transpose", "p", "v", perm=[0, 1, 3, 2]),
            node("Reshape", "v frames", "q"),
            node("MatMul", "q wframe", "d"),
            node("Transpose", "d", "t", perm=[1, 0, 2]),
            node("LSTM", "t W R B", "Y Yh", hidden_size=H),
        ],
        {"x8": (1, 8, N)},
        "Yh",
    ),
    "a horizon, turned": (
        [
            *SEQUENCE,
            node("Squeeze", "Yh zero", "h"),
            node("Gemm", "h w12 b12", "g"),
            node("Reshape", "g horizon", "r"),
            node("Transpose", "r", "y", perm=[0, 2, 1]),
        ],
        X,
        "y",
    ),
    "a horizon, turned, then a dense layer": (
        [
            *SEQUENCE,
            node("Squeeze", "Yh zero", "h"),
            node("Gemm", "h w12 b12", "g"),
            node("Tanh", "g", "a"),
            node("Reshape", "a horizon", "r"),
            node("Transpose", "r", "u", perm=[0, 2, 1]),
            node("Reshape", "u row", "v"),
            node("MatMul", "v w12o", "y"),
        ],
        X,
        "y",
    ),
    "frames of several steps": (
        [
            node("Reshape", "x8 frames", "q"),
            node("Transpose", "q", "t", perm=[1, 0, 2]),
            node("LSTM", "t Wf R B", "Y Yh", hidden_size=H),
        ],
        {"x8": (1, 8, N)},
        "Yh",
    ),
}


def window_model(case: str) -> onnx.ModelProto:
    nodes, inputs, output = WINDOWS[case]
    return graph(nodes, inputs, [output], CONSTANTS)


@pytest.mark.parametrize("case", WINDOWS)
def test_window(case: str, tmp_path: Path) -> None:
    entire(window_model(case), tmp_path)


def test_horizon_of_an_open_batch(tmp_path: Path) -> None:
    nodes = [
        *SEQUENCE,
        node("Squeeze", "Yh zero", "h"),
        node("MatMul", "h w12", "g"),
        node("Reshape", "g rest", "y"),
    ]
    model = graph(nodes, {"w": ("b", T, N)}, ["y"], CONSTANTS | {"rest": ints(-1, 4, 3)})
    network = entire(model, tmp_path)
    assert network.outputs == {"y": (1, 4, 3)}


@pytest.mark.parametrize("names", [("b", "b"), ("b", "batch"), ("first", "second")])
def test_two_inputs_with_batches_of_their_own(names: tuple[str, str], tmp_path: Path) -> None:
    nodes = [
        *SEQUENCE,
        node("Squeeze", "Yh zero", "h"),
        node("Concat", "h u", "j", axis=1),
        node("MatMul", "j wu", "y"),
    ]
    inputs = {"w": (names[0], T, N), "u": (names[1], U)}
    entire(graph(nodes, inputs, ["y"], CONSTANTS | {"wu": floats(H + U, OUT)}), tmp_path)


def test_sizes_that_a_file_leaves_open_are_told_as_such(tmp_path: Path) -> None:
    nodes = [*SEQUENCE, node("Reshape", "s odd", "y")]
    model = graph(nodes, {"w": ("b", "t", N)}, ["y"], CONSTANTS | {"odd": ints(-1, 5, 2)})
    with pytest.raises(ModelError) as caught:
        load(saved(model, tmp_path))
    assert not any(prime in str(caught.value) for prime in ("1009", "1013", "10090"))


def test_ids_of_bytes_are_looked_up(tmp_path: Path) -> None:
    nodes = [
        node("Cast", "ids", "i", to=TensorProto.INT64),
        node("Gather", "table i", "e"),
        node("LSTM", "e W R B", "Y", hidden_size=H),
    ]
    model = graph(nodes, {"ids": (T, 1)}, ["Y"], CONSTANTS | {"table": floats(9, N)})
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    data = RNG.integers(0, 9, (24, T, 1)).astype(np.uint8)
    assert entire(model, tmp_path, data={"ids": data}).model.inputs[0].limit == 9


def test_quantized_table_behind_a_transpose(tmp_path: Path) -> None:
    table = RNG.integers(0, 255, (9, N)).astype(np.uint8)
    nodes = [
        node("Gather", "table ids", "g"),
        node("Transpose", "g", "t", perm=[1, 0, 2]),
        node("DequantizeLinear", "t scale middle", "e"),
        node("LSTM", "e W R B", "Y", hidden_size=H),
    ]
    more = {"table": table, "scale": np.float32(0.01), "middle": np.uint8(120)}
    model = graph(nodes, {"ids": (1, T)}, ["Y"], CONSTANTS | more)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    data = RNG.integers(0, 9, (24, 1, T))
    entire(model, tmp_path, data={"ids": data})


def test_constants_alone_are_computed(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Gemm", ["cell", "square"], ["g"]),
        node("Softplus", "g", "h"),
        node("Flatten", "h", "k", axis=0),
        *SEQUENCE,
        node("Squeeze", "Yh zero", "e"),
        node("MatMul", "e w12", "m"),
        node("Add", "m k", "y"),
    ]
    entire(graph(nodes, X, ["y"], CONSTANTS | {"square": floats(3, 3)}), tmp_path)
