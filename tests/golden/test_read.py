"""What files are read as: layers with their equations, checksums of weights, inputs and outputs.

That it computes what other frameworks do is for oracles to say: this one says which of it a change
of the compiler moves, names and warnings too. `--update-golden` writes the file anew: look at the
difference.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from lstm_edge.frontend import load
from lstm_edge.ir.expr import Cell
from lstm_edge.ir.model import DenseOverTime, Layer, Model
from tests.oracle.graphs import graph, saved
from tests.support.keras_files import placed

FOLDER = Path(__file__).resolve().parent / "read"
FIXTURES = FOLDER.parents[1] / "fixtures"
H, N, T = 2, 3, 4
OPERATORS = {"LSTM": (4, 3), "GRU": (3, 2), "RNN": (1, 1)}
"""Gates and functions."""
FILES = {
    "torch": (
        "two_layers.legacy.onnx",
        "head_flat_open.dynamo.onnx",
        "learned_state.legacy.onnx",
        "lstm_time_major.dynamo.onnx",
        "two_layers.npz",
    ),
    "keras": ("two_ways.keras", "gru.h5", "states_of_cells.keras", "fed_states.keras", "masked.h5"),
}


def numbers(*shape: int, start: int = 0) -> np.ndarray[Any, Any]:
    """Multiples of 1/16."""
    k = np.arange(start, start + int(np.prod(shape)))
    return ((k * k * 7 + k * 3) % 41 - 20).reshape(shape).astype(np.float32) / np.float32(16)


def recurrent(folder: Path, op: str, direction: str, given: str, **options: Any) -> Model:
    """A layer with the inputs that are said, whose outputs are all shown."""
    gates, _ = OPERATORS[op]
    ways = 2 if direction == "bidirectional" else 1
    arrays = {
        "W": numbers(ways, gates * H, N),
        "R": numbers(ways, gates * H, H, start=100),
        "B": numbers(ways, 2 * gates * H, start=200),
        "h": numbers(ways, 1, H, start=300),
        "c": numbers(ways, 1, H, start=310),
        "P": numbers(ways, 3 * H, start=320),
        "fixed": np.array([T - 1], np.int32),
    }
    names = ["" if name == "_" else name for name in given.split()]
    outputs = ["Y", "Y_h", *(["Y_c"] if op == "LSTM" else [])]
    said = {"hidden_size": H, "direction": direction, **options}
    layer = helper.make_node(op, names, outputs, **said)
    batch_first = options.get("layout") == 1
    shape = {"x": (1, T, N) if batch_first else (T, 1, N), "h0": (ways, 1, H)}
    inputs = {name: shape[name] for name in ("x", "h0") if name in names}
    used = {name: array for name, array in arrays.items() if name in names}
    proto = graph([layer], inputs, outputs, used)
    if "lens" in names:
        proto.graph.input.append(helper.make_tensor_value_info("lens", TensorProto.INT32, [1]))
    return load(saved(proto, folder), name="net")


LAYERS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "plain": ("LSTM", "forward", "x W R", {}),
    "of_no_size": ("RNN", "forward", "x W R", {"hidden_size": None}),
    "peepholes": ("LSTM", "bidirectional", "x W R B _ h c P", {"clip": 3.0}),
    "coupled": ("LSTM", "reverse", "x W R B", {"input_forget": 1}),
    "batch_first": ("LSTM", "bidirectional", "x W R B lens", {"layout": 1}),
    "before": ("GRU", "forward", "x W R B _ h0", {"linear_before_reset": 0}),
    "after": ("GRU", "bidirectional", "x W R B fixed", {"linear_before_reset": 1}),
    "functions": (
        "RNN",
        "bidirectional",
        "x W R B _ h",
        {"activations": ["LeakyRelu", "Relu"], "activation_alpha": [0.25]},
    ),
    "scaled": (
        "GRU",
        "forward",
        "x W R B",
        {"activations": ["HardSigmoid", "ScaledTanh"], "activation_alpha": [0.25, 1.5],
         "activation_beta": [0.5, 0.75]},
    ),
}  # fmt: skip


def equations(cell: Cell) -> Iterator[str]:
    """A line for each node of a cell, which names those before it by their numbers."""
    places: dict[int, int] = {}
    for node in cell.nodes:
        more = [str(p) for p in (node.name, *node.matrices, *node.units) if p != ""]
        more += [f"{node.value:.9g}"] * (node.kind in ("constant", "layer_norm", "lookup"))
        more += [f"x{node.positions} by {node.stride}"] * (node.positions > 1)
        operands = [f"%{places[id(arg)]}" for arg in node.args]
        places[id(node)] = len(places)
        yield f"%{places[id(node)]} = {' '.join([node.kind, *operands, *more])}"
    yield ", ".join(f"{name} = %{places[id(root)]}" for name, root in cell.results.items())
    yield f"bounds {dict(cell.bounds)}, windowed {cell.windowed}, limited {cell.limited}"


def array(name: str, numbers: np.ndarray[Any, Any]) -> str:
    crc = zlib.crc32(np.ascontiguousarray(numbers).astype("<f4").tobytes())
    return f"{name} {list(numbers.shape)} {crc:08x}"


def described(model: Model) -> Iterator[str]:
    """All of a model as text."""
    for port in (*model.inputs, *model.outputs):
        yield f"{port}"
    for node in model.nodes:
        op = node.op
        yield f"{node.name} ({node.source}): {dict(node.inputs)} -> {dict(node.outputs)}"
        if isinstance(op, Layer):
            settings = (op.reverse, op.window, dict(op.units), dict(op.begins), op.over, op.along)
            yield f"  {op.cell.name} {settings}"
            yield from (f"  {line}" for line in equations(op.cell))
            yield from (f"  {array(n, a)}" for n, a in {**op.params, **op.initial}.items())
        elif isinstance(op, DenseOverTime):
            yield from (f"  {array('W', each)}" for each in (*op.weights, op.bias))
        else:
            yield f"  {op}"
    yield from (f"{t.name}: {t.features} {t.per_step}" for t in model.tensors.values())
    yield from map(str, (*model.state_inputs, *model.state_outputs))
    yield f"{model.steps} steps, {dict(model.file_names)}, {model.folded}"
    yield from model.warnings


def read(case: str, folder: Path) -> Iterator[tuple[str, Model]]:
    if case == "onnx":
        for name, (op, direction, given, options) in LAYERS.items():
            yield name, recurrent(folder, op, direction, given, **options)
        return
    for name in FILES[case]:
        path = placed(folder, "keras3", name) if case == "keras" else FIXTURES / name
        yield name, load(path, name="net")


@pytest.mark.parametrize("case", ["onnx", *FILES])
def test_files_are_read_as_the_golden_ones(case: str, tmp_path: Path, update_golden: bool) -> None:
    lines = []
    for name, model in read(case, tmp_path):
        lines += [f"== {name}", *described(model)]
    path = FOLDER / f"{case}.txt"
    if update_golden:
        FOLDER.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    assert "\n".join(lines).splitlines() == path.read_text().splitlines(), "see --update-golden"
