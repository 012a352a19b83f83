"""Networks that look integers up in tables, in the forms in which exporters write them, and what
they compute: by onnxruntime, and by a program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from lstm_edge.interpret.execute import run
from lstm_edge.interpret.ports import dequantize, from_vectors, quantize, read_inputs
from lstm_edge.ir.program import Program
from tests.oracle.graphs import lstm_weights, node

V, E, H, C, T = 11, 6, 5, 4, 7
"""Rows and width of the table, hidden units, classes, steps."""
KINDS = {"i4": TensorProto.INT32, "i8": TensorProto.INT64, "f4": TensorProto.FLOAT}

Shape = Sequence[int | str]


@dataclass(frozen=True)
class Form:
    """Nodes from the input `ids` to `e`, [T, 1, width], and what they need.

    limit: how many ids there are. inputs: name -> (kind, shape).
    """

    nodes: Sequence[NodeProto]
    inputs: Mapping[str, tuple[str, Shape]] = field(
        default_factory=lambda: {"ids": ("i8", (1, "T"))}
    )
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)
    limit: int = V
    width: int = E


def table(seed: int, rows: int = V, width: int = E) -> np.ndarray:
    """A random table."""
    return np.random.default_rng([seed, 8]).normal(size=(rows, width)).astype(np.float32)


def ints(*numbers: int, kind: str = "i8") -> np.ndarray:
    """A constant vector of integers."""
    return np.array(numbers, kind)


def swapped(e: str = "g") -> NodeProto:
    """[1, T, width] to [T, 1, width]."""
    return node("Transpose", e, "e", perm=[1, 0, 2])


PLAIN = (node("Gather", "E ids", "g"), swapped())
WRAPPED = (
    node("Less", "ids zero", "low"),
    node("Add", "ids rows", "more"),
    node("Where", "low more ids", "at"),
    node("Gather", "E at", "g", axis=0),
    swapped(),
)
PRODUCTS = (
    node("Cast", "ids", "f", to=TensorProto.FLOAT),
    node("Less", "f zero", "low"),
    node("Not", "low", "high"),
    node("Cast", "low", "low1", to=TensorProto.INT32),
    node("Cast", "high", "high1", to=TensorProto.INT32),
    node("Add", "ids rows", "more"),
    node("Mul", "low1 more", "a"),
    node("Mul", "ids high1", "b"),
    node("Add", "a b", "at"),
    node("Gather", "E at", "g"),
    swapped(),
)
TWO = {"ids": ("i8", (1, "T")), "x": ("f4", (1, "T", 3))}

FORMS: dict[str, Form] = {
    "int64": Form(PLAIN),
    "int32": Form(PLAIN, {"ids": ("i4", (1, "T"))}),
    "fixed length": Form(PLAIN, {"ids": ("i8", (1, T))}),
    "batch of three": Form(PLAIN, {"ids": ("i8", (3, "T"))}),
    "time first": Form([node("Gather", "E ids", "e")], {"ids": ("i4", ("T", 1))}),
    "cast to int64": Form(
        [node("Cast", "ids", "i", to=TensorProto.INT64), node("Gather", "E i", "g"), swapped()],
        {"ids": ("i4", (1, "T"))},
    ),
    "real numbers cast": Form(
        [node("Cast", "ids", "i", to=TensorProto.INT32), node("Gather", "E i", "g"), swapped()],
        {"ids": ("f4", (1, "T"))},
    ),
    "real numbers, time first": Form(
        [node("Cast", "ids", "i", to=TensorProto.INT64), node("Gather", "E i", "e")],
        {"ids": ("f4", ("T", 1))},
    ),
    "moved first": Form(
        [node("Transpose", "ids", "i", perm=[1, 0]), node("Gather", "E i", "e")],
    ),
    "one id in a vector": Form(
        [node("Squeeze", "ids last", "i"), node("Gather", "E i", "g"), swapped()],
        {"ids": ("i8", (1, "T", 1))},
        {"last": ints(-1)},
    ),
    "no batch": Form(
        [node("Gather", "E ids", "g"), node("Unsqueeze", "g one", "e")],
        {"ids": ("i8", ("T",))},
        {"one": ints(1)},
    ),
    "flat": Form(
        [
            node("Reshape", "ids all", "i"),
            node("Gather", "E i", "g"),
            node("Reshape", "g shape", "e"),
        ],
        constants={"all": ints(-1), "shape": ints(-1, 1, E)},
    ),
    "negative ones wrapped": Form(WRAPPED, constants={"zero": np.int64(0), "rows": np.int64(V)}),
    "negative ones wrapped by products": Form(
        PRODUCTS,
        {"ids": ("i4", (1, "T"))},
        {"zero": np.float32(0), "rows": np.int32(V)},
    ),
    "clipped": Form(
        [node("Clip", "ids low high", "at"), node("Gather", "E at", "g"), swapped()],
        constants={"low": np.int64(0), "high": np.int64(V - 1)},
    ),
    "one more": Form(
        [node("Add", "ids one", "at"), node("Gather", "E at", "g"), swapped()],
        constants={"one": ints(1)},
        limit=V - 1,
    ),
    "one less": Form(
        [node("Sub", "ids one", "at"), node("Gather", "E at", "g"), swapped()],
        constants={"one": np.int64(1)},
        limit=V + 1,
    ),
    "scaled": Form(
        [node("Gather", "E ids", "g"), node("Mul", "g root", "s"), swapped("s")],
        constants={"root": np.float32(np.sqrt(E))},
    ),
    "dense behind": Form(
        [*PLAIN[:1], node("MatMul", "g M", "d"), node("Tanh", "d", "n"), swapped("n")],
        constants={"M": table(2, E, E)},
    ),
    "three ids": Form(
        [node("Gather", "E ids", "g"), node("Reshape", "g shape", "r"), swapped("r")],
        {"ids": ("i8", (1, "T", 3))},
        {"shape": ints(1, -1, 3 * E)},
        width=3 * E,
    ),
    "one hot": Form(
        [node("OneHot", "ids depth values", "g"), swapped()],
        constants={"depth": np.int64(V), "values": np.array([0, 1], np.float32)},
        width=V,
    ),
    "one hot of integers, dense behind": Form(
        [
            node("OneHot", "ids depth values", "o"),
            node("Cast", "o", "f", to=TensorProto.FLOAT),
            node("MatMul", "f E", "g"),
            swapped(),
        ],
        constants={"depth": ints(V), "values": ints(0, 1)},
    ),
    "two tables": Form(
        [
            node("Gather", "E ids", "g"),
            node("Gather", "F ids", "f"),
            node("Concat", "g f", "j", axis=-1),
            swapped("j"),
        ],
        constants={"F": table(3, V + 4, 3)},
        width=E + 3,
    ),
    "sum of two inputs": Form(
        [
            node("Gather", "E ids", "g"),
            node("Gather", "F x", "f"),
            node("Add", "g f", "s"),
            swapped("s"),
        ],
        {"ids": ("i8", (1, "T")), "x": ("i4", (1, "T"))},
        {"F": table(4, 9)},
    ),
    "beside real numbers": Form(
        [node("Gather", "E ids", "g"), node("Concat", "g x", "j", axis=2), swapped("j")],
        TWO,
        width=E + 3,
    ),
}


def network(form: Form, head: Sequence[NodeProto], outputs: Mapping[str, int]) -> onnx.ModelProto:
    """The form, an LSTM (`h` of the last step [1, 1, H]), and a head that reads `h` or `y`."""
    weights = lstm_weights(form.width, H) | {"E": table(1), **form.constants}
    lstm = node("LSTM", "e W R B", "y h", hidden_size=H)
    used = {name for n in (*form.nodes, lstm, *head) for name in n.input}
    head_weights = {
        "fw": table(5, H, C),
        "fb": table(6, 1, C)[0],
        "front": ints(0),
    }
    return helper.make_model(
        helper.make_graph(
            [*form.nodes, lstm, *head],
            "test",
            [
                helper.make_tensor_value_info(name, KINDS[kind], shape)
                for name, (kind, shape) in form.inputs.items()
            ],
            [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
            [
                numpy_helper.from_array(np.asarray(a), name)
                for name, a in (weights | head_weights).items()
                if name in used
            ],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


LOGITS = {"logits": TensorProto.FLOAT}
LAST = (
    node("Squeeze", "h front", "v"),
    node("MatMul", "v fw", "m"),
    node("Add", "m fb", "logits"),
)
"""A dense head on the last step."""


def feeds(form: Form, seed: int = 0, steps: int = T) -> dict[str, np.ndarray]:
    """Random inputs of one sample, all ids within the range."""
    rng = np.random.default_rng([seed, 9])
    found = {}
    for name, (kind, shape) in form.inputs.items():
        sizes = [steps if n == "T" else n for n in shape]
        integers = rng.integers(0, form.limit if name == "ids" else 9, sizes)
        real = rng.normal(size=sizes)
        found[name] = (real if kind == "f4" and name == "x" else integers).astype(kind)
    return found


def expected(path: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options)
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def computed(program: Program, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of one sample, in the shapes of the file."""
    vectors = read_inputs(program, {name: a[None] for name, a in inputs.items()})
    stored = {p.name: quantize(program, p, vectors[p.name]) for p in program.inputs}
    outputs, _ = run(program, stored)
    return {
        p.name: from_vectors(p, dequantize(program, p, outputs[p.name]))[0] for p in program.outputs
    }
