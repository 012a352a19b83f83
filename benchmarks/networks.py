"""Networks of random weights, as ONNX files, with the data to calibrate them on.

The same seed gives the same weights and data, so figures change with the compiler alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
SAMPLES, STEPS = 40, 16
"""How much there is to calibrate on."""
OPSET, IR_VERSION = 17, 8

Shape = tuple[int, int]
SHAPES: tuple[Shape, ...] = ((16, 32), (28, 20), (9, 32), (64, 64), (128, 128), (40, 100))
"""Inputs and units: those of the baselines."""


@dataclass(frozen=True)
class Network:
    """A recurrent layer of `units`, its weights drawn within 1 / sqrt(units); a GRU resets after.

    head: outputs of a dense layer behind it at each step; 0: the output is h.
    """

    kind: str
    inputs: int
    units: int
    head: int = 0

    @property
    def name(self) -> str:
        """A C identifier."""
        head = f"_{self.head}" if self.head else ""
        return f"{self.kind}_{self.inputs}_{self.units}{head}"

    @property
    def macs(self) -> int:
        """Multiply-accumulates of matrix products in one step."""
        recurrent = GATES[self.kind] * self.units * (self.inputs + self.units)
        return recurrent + self.head * self.units

    def write(self, folder: Path) -> tuple[Path, Path]:
        """The ONNX file and the npz with calibration data."""
        rng = np.random.default_rng(0)
        most, rows = 1 / np.sqrt(self.units), GATES[self.kind] * self.units

        def drawn(*shape: int) -> Array:
            return rng.uniform(-most, most, shape).astype(np.float32)

        constants = {
            "W": drawn(1, rows, self.inputs),
            "R": drawn(1, rows, self.units),
            "B": drawn(1, 2 * rows),
            "axis": np.array([1], np.int64),
        }
        after: dict[str, Any] = {"linear_before_reset": 1} if self.kind == "gru" else {}
        nodes = [
            helper.make_node(
                self.kind.upper(), ["x", "W", "R", "B"], ["all"], hidden_size=self.units, **after
            ),
            helper.make_node("Squeeze", ["all", "axis"], ["h" if self.head else "y"]),
        ]
        if self.head:
            constants |= {"D": drawn(self.units, self.head), "b": drawn(self.head)}
            nodes += [
                helper.make_node("MatMul", ["h", "D"], ["product"]),
                helper.make_node("Add", ["product", "b"], ["y"]),
            ]
        x = rng.uniform(-1, 1, (SAMPLES, STEPS, 1, self.inputs)).astype(np.float32)
        ports = {"x": ["T", 1, self.inputs]}, {"y": ["T", 1, self.head or self.units]}
        return save(folder, self.name, nodes, constants, *ports, {"x": x})


def dense(inputs: int, outputs: int) -> tuple[Network, Network]:
    """A dense layer behind an LSTM, and the LSTM alone: the difference is the dense layer."""
    return Network("lstm", 16, inputs, outputs), Network("lstm", 16, inputs)


def save(
    folder: Path,
    name: str,
    nodes: list[onnx.NodeProto],
    constants: dict[str, Array],
    inputs: dict[str, list[Any]],
    outputs: dict[str, list[Any]],
    calibration: dict[str, Any],
) -> tuple[Path, Path]:
    """Write a graph of float32 ports and its calibration data."""
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        [numpy_helper.from_array(array, n) for n, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    folder.mkdir(parents=True, exist_ok=True)
    files = folder / f"{name}.onnx", folder / f"{name}.npz"
    onnx.save(model, files[0])
    np.savez(files[1], **calibration)
    return files
