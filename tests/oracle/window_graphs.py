"""Graphs with convolution and pooling, and their comparison with onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from lstm_edge.frontend import load
from lstm_edge.interpret.feed import feed_of, run_numpy
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from tests.oracle.graphs import graph, node, saved
from tests.oracle.state_graphs import Compared, floats, session_of, user_arrays, weights
from tests.support.programs import sqnr_db

C, H, T, UNITS = 4, 5, 11, 6
Arrays = dict[str, np.ndarray]
Nodes = Sequence[onnx.NodeProto]


def kernel(units: int, inner: int, *shape: int, seed: int = 0) -> Arrays:
    """Weights K and bias k of a convolution."""
    return {
        "K": floats(units, inner, *shape, seed=seed + 1),
        "k": floats(units, seed=seed + 2),
    }


def layer(
    prefix: str, x: str, op: str = "LSTM", inputs: int = UNITS, **attributes: Any
) -> tuple[list[onnx.NodeProto], Arrays]:
    """A recurrent layer on [B, C, T]; its Y is <prefix>y [T, B, H], its Y_h <prefix>h."""
    ways = 2 if attributes.get("direction") == "bidirectional" else 1
    read = f"{prefix}t {prefix}W {prefix}R {prefix}B"
    nodes = [
        node("Transpose", x, f"{prefix}t", perm=[2, 0, 1]),
        node(op, read, f"{prefix}Y {prefix}h", hidden_size=H, **attributes),
        node("Transpose", f"{prefix}Y", f"{prefix}turned", perm=[0, 2, 1, 3]),
        node("Reshape", f"{prefix}turned {prefix}shape", f"{prefix}y"),
    ]
    arrays = weights(op, prefix, inputs, ways, H)
    return nodes, arrays | {f"{prefix}shape": np.array([0, 0, ways * H], np.int64)}


def network(
    front: Nodes,
    arrays: Mapping[str, np.ndarray],
    shape: Sequence[int | str] = (1, C, T),
    inputs: int = UNITS,
    outputs: Sequence[str] = ("y", "last"),
    more: Nodes = (),
    op: str = "LSTM",
    **attributes: Any,
) -> onnx.ModelProto:
    """`front` computes v [B, units, T'] of x; an LSTM reads it: y is of each step, last its end."""
    nodes, own = layer("", "v", op, inputs, **attributes)
    end = [node("Gather", "y minus_one", "last", axis=0)]
    constants = {**arrays, **own, "minus_one": np.array(-1, np.int64)}
    return graph([*front, *nodes, *end, *more], {"x": shape}, outputs, constants)


def compare(
    model: onnx.ModelProto,
    folder: Path,
    steps: int | None = None,
    lengths: Sequence[int] = (T,),
    budget: float = 30.0,
    options: Options | None = None,
    low: float = 0.0,
) -> Compared:
    """Float results equal onnxruntime's for sequences of every length, integers nearly.

    low: added to the normal numbers of the input; of 10 its range does not contain 0.
    """
    loaded = load(saved(model, folder), name="net", steps=steps)
    real = lower_real(loaded)
    session = session_of(model)
    names = [o.name for o in session.get_outputs()]
    program = None
    for length in lengths:
        arrays = drawn(loaded, length, 12, 1, low)
        rows = [session.run(names, {n: a[k] for n, a in arrays.items()}) for k in range(12)]
        expected = {name: np.stack([r[k] for r in rows]) for k, name in enumerate(names)}
        found = calls(real, arrays)
        assert sorted(found) == sorted(expected)
        for name, array in found.items():
            assert array.shape == expected[name].shape, name
            np.testing.assert_allclose(array, expected[name], atol=1e-5, err_msg=name)
        if program is None:
            known = feed_of(real, drawn(loaded, length, 48, 2, low), stream=False)
            ranges = calibrate(real, known, from_data=True)
            program = lower_integer(loaded, ranges, options or Options())
            prove(program)
        ours = calls(program, arrays)
        ratios = {name: sqnr_db(array, ours[name]) for name, array in expected.items()}
        assert min(ratios.values()) > budget, ratios
    assert program is not None
    return Compared(loaded, real, program, arrays, expected)


def drawn(model: Model, length: int, samples: int, seed: int, low: float = 0.0) -> Arrays:
    rng = np.random.default_rng(seed)
    shapes = {p.name: [length if n < 0 else n for n in p.shape] for p in model.inputs}
    return {
        name: (rng.normal(size=(samples, *shape)) + low).astype(np.float32)
        for name, shape in shapes.items()
    }


def calls(program: Program, arrays: Arrays) -> Arrays:
    """Outputs [samples, ...] as the file shapes them."""
    found = user_arrays(program, run_numpy(program, feed_of(program, arrays, stream=False)))
    return {name: array[:, 0] for name, array in found.items()}


def conv(x: str, y: str, prefix: str = "", **attributes: Any) -> onnx.NodeProto:
    return node("Conv", f"{x} {prefix}K {prefix}k", y, **attributes)


def chain() -> onnx.ModelProto:
    """conv, ReLU, pool, conv, LSTM."""
    arrays = kernel(8, C, 3) | {f"b{n}": a for n, a in kernel(UNITS, 8, 2, seed=9).items()}
    front = [
        conv("x", "p"),
        node("Relu", "p", "q"),
        node("MaxPool", "q", "r", kernel_shape=[2], strides=[2]),
        conv("r", "v", "b"),
    ]
    return network(front, arrays, (1, C, 15))


def residual(length: int | str = T) -> onnx.ModelProto:
    """x plus a convolution of x that keeps its length."""
    front = [conv("x", "p", pads=[1, 1]), node("Add", "p x", "v")]
    return network(front, kernel(C, C, 3), (1, C, length), inputs=C)


def behind(length: int | str = T, **attributes: Any) -> onnx.ModelProto:
    """A GRU, a convolution of it, an LSTM."""
    first, arrays = layer("a", "x", "GRU", C)
    front = [*first, node("Transpose", "ay", "ab", perm=[1, 2, 0]), conv("ab", "v", **attributes)]
    return network(front, {**arrays, **kernel(UNITS, H, 3)}, (1, C, length))


def two_outputs() -> onnx.ModelProto:
    """Two outputs of each step at half the rate, and one after the last step."""
    front = [conv("x", "v", strides=[2])]
    more = [node("MatMul", "y D", "scores"), node("Tanh", "scores", "z")]
    arrays = {**kernel(UNITS, C, 3), "D": floats(H, 3, seed=20)}
    return network(front, arrays, outputs=("z", "y", "last"), more=more)


def flushed(length: int = T) -> onnx.ModelProto:
    """Padding behind, and only what comes after the last step: it can be run step by step."""
    front = [conv("x", "v", pads=[1, 2], strides=[2])]
    return network(front, kernel(UNITS, C, 4), (1, C, length), outputs=("last",))


def averaged(length: int | str = T) -> onnx.ModelProto:
    """The mean over all steps of what an LSTM makes of every third mean of three steps."""
    front = [node("AveragePool", "x", "v", kernel_shape=[3], strides=[3])]
    more = [node("ReduceMean", "y", "mean", axes=[0], keepdims=0)]
    return network(front, {}, (1, C, length), C, ("mean",), more)


def plain(length: int | str = T, **attributes: Any) -> onnx.ModelProto:
    """One convolution before an LSTM."""
    attributes = {"strides": [1], **attributes}
    return network([conv("x", "v", **attributes)], kernel(UNITS, C, 3), (1, C, length))


MODELS: dict[str, onnx.ModelProto] = {
    "plain": plain(),
    "plain-open": plain("time"),
    "strided": plain(strides=[2]),
    "strided-open": plain("time", strides=[3], pads=[2, 0]),
    "dilated": plain(dilations=[2], pads=[1, 0], strides=[2]),
    "chain": chain(),
    "behind": behind(strides=[2]),
    "behind-open": behind("time", strides=[2], pads=[1, 0]),
    "residual": residual(),
    "same-behind": behind(pads=[1, 1]),
    "both": plain(pads=[1, 1]),
    "two-outputs": two_outputs(),
    "flushed": flushed(),
    "averaged": averaged(),
    "averaged-open": averaged("time"),
}
"""Streaming and not, of a fixed length and of any."""
