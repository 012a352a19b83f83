"""Models of the IR as ONNX graphs, so that onnxruntime can say what they compute.

Written from the ONNX specification and used by tests only. Inputs and outputs are named as the
model's ports and shaped [samples, steps, features], or [samples, features] after the last step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.ir.model import Concat, DenseOverTime, LastStep, Layer, Model

Array = npt.NDArray[Any]

GATES = "iofg"
"""The order in which ONNX stacks W, R and B; it calls the candidate c."""
PEEPHOLES = "iof"


class _Graph:
    """Nodes and weights of a graph for inputs of a given number of samples and steps."""

    def __init__(self, model: Model, samples: int, steps: int) -> None:
        self.model = model
        self.samples, self.steps = samples, steps
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, Array] = {}

    def add(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))

    def weight(self, name: str, array: Array) -> str:
        self.weights[name] = array
        return name

    def layer(self, layer: Layer) -> None:
        x, result = layer.inputs["x"], next(iter(layer.outputs.values()))
        match layer.cell.name:
            case "lstm":
                self.lstm(layer)
            case "dense":
                w = self.weight(f"{layer.name}.W", layer.params["W_y"].T.copy())
                b = self.weight(f"{layer.name}.b", layer.params["b_y"])
                self.add("MatMul", [x, w], [f"{layer.name}.product"])
                self.add("Add", [f"{layer.name}.product", b], [result])
            case name:
                vector = {"softmax": "Softmax", "log_softmax": "LogSoftmax"}
                plain = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu"}
                more = {"axis": -1} if name in vector else {}
                self.add({**vector, **plain}[name], [x], [result], **more)

    def lstm(self, layer: Layer) -> None:
        """Time major, as ONNX wants it by default; the forget gate of a coupled cell is noise."""
        p, name, units = layer.params, layer.name, len(layer.params["b_i"])
        coupled = "W_f" not in p
        noise = np.random.default_rng(0)

        def stack(prefix: str, gates: str) -> Array:
            like = p[f"{prefix}_i"]
            parts = [
                p.get(f"{prefix}_{gate}", noise.normal(size=like.shape).astype(np.float32))
                for gate in gates
            ]
            return np.concatenate(parts)[None]

        bias = stack("b", GATES)
        initial = [
            np.broadcast_to(
                layer.initial.get(s, np.zeros(units, np.float32)), (1, self.samples, units)
            ).copy()
            for s in ("h", "c")
        ]
        inputs = [
            f"{name}.x",
            self.weight(f"{name}.W", stack("W", GATES)),
            self.weight(f"{name}.R", stack("R", GATES)),
            self.weight(f"{name}.B", np.concatenate([bias, np.zeros_like(bias)], axis=1)),
            "",
            self.weight(f"{name}.initial_h", initial[0]),
            self.weight(f"{name}.initial_c", initial[1]),
        ]
        if "P_i" in p:
            inputs.append(self.weight(f"{name}.P", stack("P", PEEPHOLES)))
        outputs = [f"{name}.Y", f"{name}.Y_h", f"{name}.Y_c"]
        self.add("Transpose", [layer.inputs["x"]], [f"{name}.x"], perm=[1, 0, 2])
        more = {"input_forget": 1} if coupled else {}
        self.add("LSTM", inputs, outputs, hidden_size=units, **more)
        shape = self.weight(f"{name}.shape", np.array([self.steps, self.samples, units]))
        self.add("Reshape", [f"{name}.Y", shape], [f"{name}.time_major"])
        self.add("Transpose", [f"{name}.time_major"], [layer.outputs["h"]], perm=[1, 0, 2])

    def last_step(self, node: LastStep) -> None:
        owner = next(
            (
                n
                for n in self.model.nodes
                if isinstance(n, Layer) and n.outputs.get("c") == node.input
            ),
            None,
        )
        if owner is not None:
            axes = self.weight(f"{node.name}.axes", np.array([0]))
            self.add("Squeeze", [f"{owner.name}.Y_c", axes], [node.output])
            return
        last = self.weight(f"{node.name}.index", np.array(self.steps - 1))
        self.add("Gather", [node.input, last], [node.output], axis=1)

    def over_time(self, node: DenseOverTime) -> None:
        steps, units, features = node.weights.shape
        joined = node.weights.transpose(0, 2, 1).reshape(steps * features, units).copy()
        self.add("Flatten", [node.input], [f"{node.name}.flat"])
        w, b = self.weight(f"{node.name}.W", joined), self.weight(f"{node.name}.b", node.bias)
        self.add("Gemm", [f"{node.name}.flat", w, b], [node.output])


def to_onnx(model: Model, samples: int, steps: int) -> onnx.ModelProto:
    """The graph of a model whose tensors are [samples, steps, features]."""
    graph = _Graph(model, samples, steps)
    for node in model.nodes:
        match node:
            case LastStep():
                graph.last_step(node)
            case DenseOverTime():
                graph.over_time(node)
            case Concat():
                graph.add("Concat", list(node.inputs), [node.output], axis=-1)
            case _:
                graph.layer(node)
    for port in model.outputs:
        graph.add("Identity", [port.tensor], [f"out_{port.name}"])
    inputs = [
        helper.make_tensor_value_info(
            p.tensor, TensorProto.FLOAT, [samples, steps, model.tensors[p.tensor].features]
        )
        for p in model.inputs
    ]
    outputs = [
        helper.make_tensor_value_info(f"out_{p.name}", TensorProto.FLOAT, None)
        for p in model.outputs
    ]
    weights = [numpy_helper.from_array(a, name) for name, a in graph.weights.items()]
    made = helper.make_graph(graph.nodes, model.name, inputs, outputs, weights)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run_onnxruntime(model: Model, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Outputs of vectors [samples, steps, features], by port."""
    samples, steps, _ = next(iter(inputs.values())).shape
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        to_onnx(model, samples, steps).SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
    )
    feeds = {p.tensor: np.asarray(inputs[p.name], np.float32) for p in model.inputs}
    names = [f"out_{p.name}" for p in model.outputs]
    found = session.run(names, feeds)
    return {p.name: array for p, array in zip(model.outputs, found, strict=True)}
