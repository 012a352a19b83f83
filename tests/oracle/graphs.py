"""Small ONNX graphs for tests, put together by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, np.ndarray]


def lstm_weights(
    inputs: int, hidden: int, seed: int = 0, prefix: str = "", **more: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Random W, R, B, and what `more` asks for by name and shape."""
    rng = np.random.default_rng(seed)
    shapes = {
        "W": (1, 4 * hidden, inputs),
        "R": (1, 4 * hidden, hidden),
        "B": (1, 8 * hidden),
        **more,
    }
    return {f"{prefix}{k}": rng.normal(size=s).astype(np.float32) * 0.6 for k, s in shapes.items()}


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Sequence[str],
    weights: Weights,
    opset: int = 17,
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    """A model; outputs have no declared shape."""
    return helper.make_model(
        helper.make_graph(
            nodes,
            "test",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
            [numpy_helper.from_array(np.asarray(w), name) for name, w in weights.items()],
        ),
        opset_imports=[
            helper.make_opsetid("", opset),
            *(helper.make_opsetid(f.domain, 1) for f in functions),
        ],
        ir_version=8,
        functions=functions,
    )


def side_by_side(models: Sequence[onnx.ModelProto]) -> onnx.ModelProto:
    """One model with the outputs of all, numbered: of the same inputs, and nodes that are the same
    stand once.
    """
    made: dict[tuple[object, ...], Sequence[str]] = {}
    arrays: dict[tuple[str, bytes], onnx.TensorProto] = {}
    nodes, outputs = [], []
    for number, model in enumerate(models):
        names = {value.name: value.name for value in model.graph.input} | {"": ""}
        for array in model.graph.initializer:
            own = onnx.TensorProto()
            own.CopyFrom(array)
            taken = any(name == array.name for name, _ in arrays)
            own.name = f"{array.name}_{number}" if taken else array.name
            kept = arrays.setdefault((array.name, array.raw_data), own)
            names[array.name] = kept.name
        for each in model.graph.node:
            copy = onnx.NodeProto()
            copy.CopyFrom(each)
            copy.input[:] = [names[name] for name in each.input]
            copy.output[:] = [f"{name}_{number}" if name else "" for name in each.output]
            attributes = tuple(a.SerializeToString() for a in each.attribute)
            key = (each.domain, each.op_type, tuple(copy.input), len(copy.output), attributes)
            if key not in made:
                made[key] = list(copy.output)
                nodes.append(copy)
            names.update(zip(each.output, made[key], strict=True))
        outputs += [names[value.name] for value in model.graph.output]
    first = models[0]
    inputs = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in first.graph.input
    }
    constants = {own.name: numpy_helper.to_array(own) for own in arrays.values()}
    return graph(
        nodes, inputs, list(dict.fromkeys(outputs)), constants, opset=first.opset_import[0].version
    )


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """A node; names in one string, "-" for an absent one."""
    ins, outs = ([n.replace("-", "") for n in text.split()] for text in (inputs, outputs))
    return helper.make_node(op, ins, outs, **attributes)


def saved(model: onnx.ModelProto, folder: Path, name: str = "model.onnx") -> Path:
    """Write the model into a folder."""
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path
