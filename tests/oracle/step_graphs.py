"""Files of a recurrent step: the step alone, or in the body of a Loop or a Scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.oracle.step_cells import CELLS, INPUTS, Builder

Shapes = Sequence[tuple[int, ...]]


def value(name: str, shape: Sequence[int | str] | None, kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def file_of(
    b: Builder,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    opset: int = 20,
) -> onnx.ModelProto:
    """The model of a builder's nodes."""
    stored = [numpy_helper.from_array(a, name) for name, a in b.constants.items()]
    graph = helper.make_graph(b.nodes, "test", inputs, outputs, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def single(cell: str, seed: int = 0) -> onnx.ModelProto:
    """One step: x, s0, s1 ... -> y, s0_next, s1_next ..."""
    make, shapes = CELLS[cell]
    b = Builder(np.random.default_rng(seed))
    before = [f"s{k}" for k in range(len(shapes))]
    y, after = make(b, "x", before)
    for made, name in zip((y, *after), ("y", *(f"{s}_next" for s in before)), strict=True):
        b.nodes.append(helper.make_node("Identity", [made], [name], name=f"is_{name}"))
    states = [value(n, s) for n, s in zip(before, shapes, strict=True)]
    results = [
        value("y", None),
        *(value(f"{n}_next", s) for n, s in zip(before, shapes, strict=True)),
    ]
    return file_of(b, [value("x", [1, INPUTS]), *states], results)


@dataclass(frozen=True)
class Body:
    """The step of a cell in a graph of its own, and what its states start from."""

    builder: Builder
    names: list[str]
    shapes: Shapes
    y: str
    after: Sequence[str]
    starts: list[np.ndarray]

    @classmethod
    def of(cls, cell: str, seed: int = 0, prefix: str = "") -> Body:
        """A cell with random states to start from; its x is called `{prefix}x_t`."""
        make, shapes = CELLS[cell]
        b = Builder(np.random.default_rng(seed))
        names = [f"{prefix}s{k}" for k in range(len(shapes))]
        y, after = make(b, f"{prefix}x_t", names)
        starts = [b.rng.uniform(-0.5, 0.5, s).astype(np.float32) for s in shapes]
        return cls(b, names, shapes, y, after, starts)

    def graph(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> onnx.GraphProto:
        """The body with its constants inside."""
        stored = [numpy_helper.from_array(a, n) for n, a in self.builder.constants.items()]
        return helper.make_graph(self.builder.nodes, "body", inputs, outputs, stored)

    def values(self) -> list[Any]:
        """Its states as inputs."""
        return [value(n, s) for n, s in zip(self.names, self.shapes, strict=True)]


def scanned(outer: Builder, cell: str, x: str, seed: int = 0, backward: bool = False) -> list[str]:
    """A Scan over x [T, 1, I] in a graph; the states after the last step, then y [T, 1, O]."""
    body = Body.of(cell, seed)
    outs = [value(n, None) for n in (*body.after, body.y)]
    graph = body.graph([*body.values(), value("x_t", [1, INPUTS])], outs)
    starts = [outer.constant(a) for a in body.starts]
    ways = {"scan_input_directions": [1], "scan_output_directions": [1]} if backward else {}
    made = outer.add("Scan", *starts, x, outputs=len(outs), body=graph, num_scan_inputs=1, **ways)
    return list(made)


def looped(outer: Builder, cell: str, x: str, seed: int = 0) -> list[str]:
    """A Loop over x [T, 1, I] that counts its steps; the states, then y of each step."""
    body = Body.of(cell, seed)
    b = body.builder
    b.nodes.insert(0, helper.make_node("Gather", [x, "i"], ["x_t"], axis=0, name="read"))
    outs = [
        value("on_next", [], TensorProto.BOOL),
        *(value(n, None) for n in (*body.after, body.y)),
    ]
    b.nodes.append(helper.make_node("Identity", ["on"], ["on_next"], name="goes_on"))
    kinds = [value("i", [], TensorProto.INT64), value("on", [], TensorProto.BOOL)]
    graph = body.graph([*kinds, *body.values()], outs)
    steps = outer.add("Gather", outer.add("Shape", x), outer.constant(0), axis=0)
    outer.constants["true"] = np.array(True)
    starts = [outer.constant(a) for a in body.starts]
    made = outer.add("Loop", steps, "true", *starts, outputs=len(outs) - 1, body=graph)
    return list(made)


def written_out(cell: str, steps: int, started: bool, seed: int = 0) -> onnx.ModelProto:
    """A cell over x [1, T, I] -> y [1, T, O], step by step, from states that are zero or not."""
    outer = Builder(np.random.default_rng(seed))
    body = Body.of(cell, seed)
    states = [outer.constant(a if started else np.zeros_like(a)) for a in body.starts]
    results = []
    for step in range(steps):
        x = outer.add("Gather", "x", outer.constant(step), axis=1)
        b = Builder(np.random.default_rng(seed), outer.nodes, outer.constants)  # the same weights
        y, states = CELLS[cell][0](b, x, states)
        results.append(outer.add("Unsqueeze", y, outer.constant([1])))
    outer.nodes.append(helper.make_node("Concat", results, ["y"], axis=1))
    return file_of(outer, [value("x", [1, steps, INPUTS])], [value("y", None)])


def rolled(cell: str, way: str, seed: int = 0) -> onnx.ModelProto:
    """A cell over x [T, 1, I] -> y [T, 1, O], by a Loop or a Scan."""
    outer = Builder(np.random.default_rng(seed))
    make = looped if way == "loop" else scanned
    y = make(outer, cell, "x", seed)[-1]
    outer.nodes.append(helper.make_node("Identity", [y], ["y"]))
    return file_of(outer, [value("x", ["T", 1, INPUTS])], [value("y", None)])
