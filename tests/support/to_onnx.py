"""Models of the IR as ONNX graphs, so that onnxruntime can say what they compute.

Written from the ONNX specification and used by tests only. Inputs and outputs are named as the
model's ports and shaped [samples, steps, features], or [samples, features] after the last step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from lstm_edge.ir.model import Concat, DenseOverTime, Layer, Model, Node, Slice, Step, is_a

Array = npt.NDArray[Any]

PEEPHOLES = "iof"
GATES = {"lstm": "iofg", "gru": "zrn", "rnn": "h"}
"""The order in which ONNX stacks W, R and B; it calls the candidates c and h."""
FUNCTIONS = {
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "relu": ("Relu", {}),
    "leakyrelu": ("LeakyRelu", {"alpha": 0.1}),
    "thresholdedrelu": ("ThresholdedRelu", {"alpha": 0.5}),
    "hardsigmoid": ("HardSigmoid", {"alpha": 0.6, "beta": 0.5}),
    "elu": ("Elu", {"alpha": 0.8}),
    "softsign": ("Softsign", {}),
    "softplus": ("Softplus", {}),
    "softmax": ("Softmax", {"axis": -1}),
    "log_softmax": ("LogSoftmax", {"axis": -1}),
}
"""Layers that are an ONNX operator, with the attributes that `models.FUNCTIONS` gives them."""
NORM_WEIGHTS = ("gain", "offset")
KNOWN_CELLS = ("plain", "peephole", "coupled", "peephole_coupled", "gru", "gru_reset_after", "rnn")
"""Cells of `models.ALL_CELLS` that ONNX has."""


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

    def layer(self, layer: Node[Layer]) -> None:
        x, result = layer.inputs["x"], next(iter(layer.outputs.values()))
        match layer.op.cell.name:
            case "lstm" | "gru" | "rnn":
                self.recurrent(layer)
            case "dense":
                w = self.weight(f"{layer.name}.W", layer.op.params["W_y"].T.copy())
                b = self.weight(f"{layer.name}.b", layer.op.params["b_y"])
                self.add("MatMul", [x, w], [f"{layer.name}.product"])
                self.add("Add", [f"{layer.name}.product", b], [result])
            case "affine":
                alpha, beta = (self.weight(f"{layer.name}.{n}", np.float32(n)) for n in (1.5, 0.25))
                self.add("Mul", [x, alpha], [f"{layer.name}.scaled"])
                self.add("Add", [f"{layer.name}.scaled", beta], [result])
            case "scaledtanh":
                alpha, beta = (self.weight(f"{layer.name}.{n}", np.float32(n)) for n in (1.5, 0.7))
                self.add("Mul", [x, beta], [f"{layer.name}.inner"])
                self.add("Tanh", [f"{layer.name}.inner"], [f"{layer.name}.tanh"])
                self.add("Mul", [f"{layer.name}.tanh", alpha], [result])
            case "layer_norm":
                names = [self.weight(f"{layer.name}.{n}", layer.op.params[n]) for n in NORM_WEIGHTS]
                self.add("LayerNormalization", [x, *names], [result], axis=-1)
            case "scale":
                self.scale(layer, x, result)
            case name:
                kind, attributes = FUNCTIONS[name]
                self.add(kind, [x], [result], **attributes)

    def scale(self, layer: Node[Layer], x: str, result: str) -> None:
        """Sums and products with constants, as the cell has them."""
        e, chain = layer.op.cell.results["y"], []
        while e.args:
            number = e.args[1]
            array = layer.op.params.get(number.name, np.array([number.value], np.float32))
            chain.insert(0, (e.kind.capitalize(), array))
            e = e.args[0]
        for k, (kind, array) in enumerate(chain):
            out = result if k == len(chain) - 1 else f"{layer.name}.part{k}"
            self.add(kind, [x, self.weight(f"{layer.name}.{k}", array)], [out])
            x = out

    def stack(self, layer: Node[Layer], prefix: str, gates: str) -> Array:
        """The gates' arrays as ONNX wants them; those that a coupled cell lacks are noise."""
        like = layer.op.params[f"{prefix}_{gates[0]}"]
        noise = np.random.default_rng(0)
        parts = [
            layer.op.params.get(
                f"{prefix}_{gate}", noise.normal(size=like.shape).astype(np.float32)
            )
            for gate in gates
        ]
        return np.concatenate(parts)[None]

    def recurrent(self, layer: Node[Layer]) -> None:
        """Time major, as ONNX wants it by default."""
        p, name, kind = layer.op.params, layer.name, layer.op.cell.name
        gates = GATES[kind]
        units = len(p[f"b_{gates[0]}"])
        reset_after = "W_n" in p and "R_n" not in p
        if reset_after:
            layer = replace(layer, op=replace(layer.op, params={**p, "R_n": p["R_hn"]}))
        bias = self.stack(layer, "b", gates)
        other = np.zeros_like(bias)
        if reset_after:
            other[0, -units:] = p["b_hn"]
        inputs = [
            f"{name}.x",
            self.weight(f"{name}.W", self.stack(layer, "W", gates)),
            self.weight(f"{name}.R", self.stack(layer, "R", gates)),
            self.weight(f"{name}.B", np.concatenate([bias, other], axis=1)),
            "",
        ]
        for state in ("h", "c") if kind == "lstm" else ("h",):
            start = layer.op.initial.get(state, np.zeros(units, np.float32))
            tiled = np.broadcast_to(start, (1, self.samples, units)).copy()
            inputs.append(self.weight(f"{name}.initial_{state}", tiled))
        if "P_i" in p:
            inputs.append(self.weight(f"{name}.P", self.stack(layer, "P", PEEPHOLES)))
        more: dict[str, Any] = {"direction": "reverse"} if layer.op.reverse else {}
        if kind == "lstm" and "W_f" not in p:
            more["input_forget"] = 1
        if kind == "gru":
            more["linear_before_reset"] = int(reset_after)
        outputs = [f"{name}.Y", f"{name}.Y_h", *([f"{name}.Y_c"] if kind == "lstm" else [])]
        self.add("Transpose", [layer.inputs["x"]], [f"{name}.x"], perm=[1, 0, 2])
        self.add(kind.upper(), inputs, outputs, hidden_size=units, **more)
        shape = self.weight(f"{name}.shape", np.array([self.steps, self.samples, units]))
        self.add("Reshape", [f"{name}.Y", shape], [f"{name}.time_major"])
        self.add("Transpose", [f"{name}.time_major"], [layer.outputs["h"]], perm=[1, 0, 2])

    def one_step(self, node: Node[Step]) -> None:
        """Of the hidden states at that step, or the cell state with which its layer ends."""
        owner = next(
            (n for n in self.model.layers if n.outputs.get("c") == node.inputs["x"]),
            None,
        )
        if owner is not None:
            axes = self.weight(f"{node.name}.axes", np.array([0]))
            self.add("Squeeze", [f"{owner.name}.Y_c", axes], [*node.makes])
            return
        index = self.weight(f"{node.name}.index", np.array(node.op.at % self.steps))
        self.add("Gather", [*node.reads, index], [*node.makes], axis=1)

    def part(self, node: Node[Slice]) -> None:
        """Features [begin, end): along the last axis."""
        numbers = {"begin": node.op.begin, "end": node.op.end, "axis": -1}
        names = [self.weight(f"{node.name}.{k}", np.array([n])) for k, n in numbers.items()]
        self.add("Slice", [*node.reads, *names], [*node.makes])

    def over_time(self, node: Node[DenseOverTime]) -> None:
        steps, units, features = node.op.weights.shape
        joined = node.op.weights.transpose(0, 2, 1).reshape(steps * features, units).copy()
        self.add("Flatten", [*node.reads], [f"{node.name}.flat"])
        w, b = self.weight(f"{node.name}.W", joined), self.weight(f"{node.name}.b", node.op.bias)
        self.add("Gemm", [f"{node.name}.flat", w, b], [*node.makes])


def to_onnx(model: Model, samples: int, steps: int) -> onnx.ModelProto:
    """The graph of a model whose tensors are [samples, steps, features]."""
    graph = _Graph(model, samples, steps)
    for node in model.nodes:
        if is_a(node, Step):
            graph.one_step(node)
        elif is_a(node, DenseOverTime):
            graph.over_time(node)
        elif is_a(node, Slice):
            graph.part(node)
        elif is_a(node, Concat):
            graph.add("Concat", [*node.reads], [*node.makes], axis=-1)
        elif is_a(node, Layer):
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
    weights = [numpy_helper.from_array(np.asarray(a), name) for name, a in graph.weights.items()]
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
