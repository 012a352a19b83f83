"""Einsum of two tensors as the MatMul that it is, between transposes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import NodeProto, helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of, label_of


def einsums(sketch: Graph) -> None:
    """Replace each Einsum of two operands, one of which at least is data, by nodes that all know.

    Raises ModelError for an equation that no MatMul computes.
    """
    for node in [n for n in sketch.nodes if n.op_type == "Einsum" and not n.domain]:
        sketch.replace([node], _nodes(sketch, node))


@dataclass
class _Writer:
    """Nodes in the place of one."""

    sketch: Graph
    name: str
    nodes: list[NodeProto]

    def add(self, op: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        result = output or self.sketch.fresh(f"{self.name}.{op.lower()}")
        self.nodes.append(helper.make_node(op, inputs, [result], name=self.name, **attributes))
        return result

    def at(self, op: str, x: str, axes: list[int], output: str = "") -> str:
        """Squeeze or Unsqueeze of some axes, which may be none."""
        if not axes and not output:
            return x
        return self.add(op, [x, self.sketch.add_constant(np.array(axes, np.int64))], output)


def _nodes(sketch: Graph, node: NodeProto) -> list[NodeProto]:
    equation = attributes_of(node)["equation"].replace(" ", "")
    terms, arrow, result = equation.partition("->")
    operands = terms.split(",")
    label = label_of(node)
    if not arrow or "." in equation or len(operands) != 2 or len(operands) != len(node.input):
        raise _refused(label, equation, "it has two operands and names every axis")
    left, right = operands
    if any(len(set(term)) < len(term) for term in (left, right, result)):
        raise _refused(label, equation, "no axis comes twice in one operand")
    both = [axis for axis in left if axis in right]
    batch = [axis for axis in both if axis in result]
    summed = [axis for axis in both if axis not in result]
    rows = [axis for axis in left if axis not in right]
    columns = [axis for axis in right if axis not in left]
    if (
        any(axis not in result for axis in (*rows, *columns))
        or max(map(len, (summed, rows, columns))) > 1
    ):
        raise _refused(label, equation, "one axis of both is summed, and each has one of its own")
    write = _Writer(sketch, node.name or node.output[0], [])
    sides = []
    for name, term, order in (
        (node.input[0], left, [*batch, *rows, *summed]),
        (node.input[1], right, [*batch, *summed, *columns]),
    ):
        perm = [term.index(axis) for axis in order]
        sides.append(name if perm == sorted(perm) else write.add("Transpose", [name], perm=perm))
    first, end = len(batch), len(batch) + 1
    x = write.at("Unsqueeze", sides[0], [first] * (not rows) + [end] * (not summed))
    y = write.at("Unsqueeze", sides[1], [first] * (not summed) + [end] * (not columns))
    product = write.add("MatMul", [x, y])
    shown = write.at("Squeeze", product, [first] * (not rows) + [end] * (not columns))
    order = [*batch, *rows, *columns]
    write.add("Transpose", [shown], node.output[0], perm=[order.index(axis) for axis in result])
    return write.nodes


def _refused(label: str, equation: str, expected: str) -> ModelError:
    return ModelError(
        label,
        f"attribute equation = {equation!r}: only one that a MatMul computes is supported, where "
        f"{expected}; write it as MatMul, Mul and ReduceSum",
    )
