"""Quantized graphs as the float networks that they stand for: weights keep the values they give.

Read are Q/DQ pairs, operators on integers (ONNX's and those of onnxruntime's quantizers), and
integers that move between them. What stays unread is refused by the table of operators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from onnx import NodeProto

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of, label_of
from lstm_edge.frontend.rewrite.quantized.flow import MOVES, Flow, input_of, number_of
from lstm_edge.frontend.rewrite.quantized.forms import FORMS
from lstm_edge.frontend.rewrite.quantized.grids import Array, Grid, dequantize, make_grid, quantize
from lstm_edge.frontend.rewrite.quantized.products import PRODUCTS
from lstm_edge.frontend.rewrite.quantized.values import Factor, Live, Stored, alike, storable

Reader = Callable[[Flow, NodeProto], bool]
"""Reads a node; tells whether the node has gone. One that stays may be left unread, and drops."""


def read_quantized(sketch: Graph) -> None:
    """Replace integers and operators on them by floats.

    Raises ModelError by the node's name for scales, zero points and shapes that cannot be.
    """
    if not any(node.op_type in MARKS for node in sketch.nodes):
        return
    flow = Flow.of(sketch)
    for node in sketch.nodes:
        reader = _reader(node)
        if reader is None or not reader(flow, node):
            flow.keep(node)
    flow.finish()


def _reader(node: NodeProto) -> Reader | None:
    first = node.output[0] if node.output else ""
    if not node.input or not (first or node.op_type == "DynamicQuantizeLSTM"):
        return None
    if node.domain == "com.microsoft":
        return MICROSOFT.get(node.op_type)
    return READERS.get(node.op_type) if node.domain in ("", "ai.onnx") else None


def _quantize(flow: Flow, node: NodeProto) -> bool:
    axis = int(number_of(node, "axis", 1))
    grid = flow.grid(node, 1, 2, axis=axis)
    kind = attributes_of(node).get("output_dtype", 0)
    if not isinstance(grid, Grid) or (kind not in (0, 2) and not input_of(node, 2)):
        return False
    values = flow.constant(node, 0)
    if values is not None:
        flow.sketch.constants[node.output[0]] = quantize(label_of(node), values, grid)
        return True
    if storable(grid):
        value = flow.saturate(node, node.input[0], grid)
        flow.stored[node.output[0]] = Stored(value, grid)
    return False


def _dequantize(flow: Flow, node: NodeProto) -> bool:
    axis = int(number_of(node, "axis", 1))
    numbers = flow.numbers(node, (0, 1, 2), axis)
    if numbers is not None:
        flow.sketch.constants[node.output[0]] = numbers
        return True
    value = flow.real(node, (0, 1, 2), axis) or _looked_up(flow, node)
    if value is None:
        return False
    flow.rename(node, value)
    return True


def _looked_up(flow: Flow, node: NodeProto) -> str | None:
    """Rows that a Gather takes from a table of integers, moved to other places or not."""
    gather = flow.sketch.producer(node.input[0])
    moves: list[NodeProto] = []
    while gather is not None and gather.op_type in MOVES - {"Gather", "MaxPool", "Split"}:
        moves.insert(0, gather)
        gather = flow.sketch.producer(gather.input[0])
    if gather is None or gather.op_type != "Gather":
        return None
    table = flow.constant(gather, 0)
    if table is None:
        return None
    grid = flow.grid(node, 1, 2, table.dtype.name)
    if not isinstance(grid, Grid) or not grid.single:
        return None
    name = flow.sketch.add_constant(dequantize(label_of(node), table, grid))
    value = flow.emit(gather, "Gather", [name, gather.input[1]], copied=gather.attribute)
    for moved in moves:
        inputs = [value, *list(moved.input)[1:]]
        value = flow.emit(moved, moved.op_type, inputs, copied=moved.attribute)
    return value


def _dynamic(flow: Flow, node: NodeProto) -> bool:
    integers, scale, zero = node.output
    flow.stored[integers] = Stored(flow.names.get(node.input[0], node.input[0]), Live(scale, zero))
    flow.factors[scale] = Factor(scale, np.ones((), np.float64))
    flow.rounded = True
    return False


def _move(flow: Flow, node: NodeProto) -> bool:
    """Integers in other places stand for their floats in other places."""
    stored = flow.stored.get(input_of(node, 0))
    if stored is None or (node.op_type == "MaxPool" and len(node.output) > 1):
        return False
    outputs = [flow.sketch.fresh(name) for name in node.output]
    rest = list(node.input)[1:]
    flow.emit(node, node.op_type, [stored.value, *rest], outputs, node.attribute)
    for name, value in zip(node.output, outputs, strict=True):
        flow.stored[name] = Stored(value, stored.grid)
    return False


def _concat(flow: Flow, node: NodeProto) -> bool:
    parts = [flow.stored.get(name) for name in node.input]
    first = parts[0]
    if first is None or not all(p is not None and alike(first.grid, p.grid) for p in parts):
        return False
    values = [part.value for part in parts if part is not None]
    joined = flow.emit(node, "Concat", values, copied=node.attribute)
    flow.stored[node.output[0]] = Stored(joined, first.grid)
    return False


def _lstm(flow: Flow, node: NodeProto) -> bool:
    """DynamicQuantizeLSTM: W [D, I, 4H] and R [D, H, 4H] are an LSTM's, transposed."""
    label = label_of(node)
    weights = [_lstm_weights(flow, node, k, at) for k, at in ((1, 8), (2, 10))]
    if any(array is None for array in weights):
        return False
    names = [flow.sketch.add_constant(array) for array in weights if array is not None]
    if len(node.output) > 3:
        raise ModelError(label, f"has {len(node.output)} outputs, expected at most 3")
    inputs = [node.input[0], *names, *list(node.input)[3:8]]
    flow.emit(node, "LSTM", inputs, node.output, node.attribute)
    flow.rounded = True
    return True


def _lstm_weights(flow: Flow, node: NodeProto, k: int, at: int) -> Array | None:
    """Weights [D, 4H, inputs] of integers [D, inputs, 4H] with scales [D] or [D, 4H]."""
    label, which = label_of(node), "WR"[k - 1]
    stored, scale = flow.constant(node, k), flow.constant(node, at)
    zero = flow.constant(node, at + 1)
    if stored is None or scale is None or (zero is None and input_of(node, at + 1)):
        return None
    if stored.ndim != 3:
        raise ModelError(label, f"input {which} is {list(stored.shape)}, expected three axes")
    directions, _, rows = stored.shape
    if scale.shape not in ((directions,), (directions, rows)):
        raise ModelError(
            label,
            f"the scale of input {which} is {list(scale.shape)}, expected [{directions}] or "
            f"[{directions}, {rows}]; quantize the model again",
        )
    grid = make_grid(label, scale, np.zeros(scale.shape, stored.dtype) if zero is None else zero)
    if grid.zero.shape != grid.scale.shape:
        raise ModelError(
            label,
            f"the zero point of input {which} is {list(grid.zero.shape)}, but its scale "
            f"{list(grid.scale.shape)}; quantize the model again",
        )
    parts = [
        dequantize(label, stored[d], Grid(grid.scale[d : d + 1].reshape(-1), grid.zero[d : d + 1]))
        if scale.ndim == 1
        else dequantize(label, stored[d], Grid(grid.scale[d], grid.zero[d], axis=1))
        for d in range(directions)
    ]
    return np.stack(parts).transpose(0, 2, 1)


READERS: Mapping[str, Reader] = {
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "DynamicQuantizeLinear": _dynamic,
    "Concat": _concat,
    **dict.fromkeys(sorted(MOVES), _move),
    **PRODUCTS,
    **FORMS[""],
}
"""Operators of ONNX itself."""

MICROSOFT: Mapping[str, Reader] = {
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "DynamicQuantizeLSTM": _lstm,
    **FORMS["com.microsoft"],
}
"""Operators of onnxruntime; others of that domain are refused by name."""

MARKS = frozenset(MICROSOFT) | {"DynamicQuantizeLinear", "MatMulInteger", "ConvInteger"}
MARKS |= frozenset(FORMS[""])
"""Operators that only a quantized graph has."""
