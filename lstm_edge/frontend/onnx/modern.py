"""Every node of a file in the form that it has today, whatever opset it was written for.

What was an attribute once and is an input now becomes a constant; what had another meaning is
written out. Behind this there is one opset: nothing else asks which one a file has. What changed
after opset 21 only added to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, helper, numpy_helper

from lstm_edge.errors import ModelError
from lstm_edge.frontend.graph.node import attributes_of, is_standard, label_of
from lstm_edge.frontend.graph.shapes import shapes_of

Names = tuple[str, ...]
_REDUCTIONS = "L1 L2 LogSum LogSumExp Max Mean Min Prod SumSquare"

_SOFTMAX = ("Softmax", "LogSoftmax", "Hardmax")

INPUTS: Mapping[str, tuple[int, Names, str]] = {
    **{f"Reduce{kind}": (18, ("axes",), "int64") for kind in _REDUCTIONS.split()},
    "ReduceSum": (13, ("axes",), "int64"),
    "Squeeze": (13, ("axes",), "int64"),
    "Unsqueeze": (13, ("axes",), "int64"),
    "Split": (13, ("split",), "int64"),
    "Slice": (10, ("starts", "ends", "axes"), "int64"),
    "Pad": (11, ("pads", "value"), "int64 float32"),
    "Clip": (11, ("min", "max"), "float32"),
    "Dropout": (12, ("ratio",), "float32"),
    "TopK": (10, ("k",), "int64"),
    "Upsample": (9, ("scales",), "float32"),
}
"""(opset, names, types) of attributes that became the inputs behind the first one."""


def modernize(graph: GraphProto, opset: int) -> None:
    """Bring all nodes of a graph, and those of bodies, to the newest form, in place.

    Raises ModelError for nodes that have none.
    """
    ranks = _ranks(graph, opset) if opset < 13 else {}
    _graph(_Upgrade(opset, _names(graph), ranks), graph)


def _ranks(graph: GraphProto, opset: int) -> Mapping[str, int]:
    """How many axes tensors have, as far as onnx can infer it and an old operator asks for it."""
    if not any(n.op_type in (*_SOFTMAX, "QLinearSoftmax") for n in graph.node):
        return {}
    copy = GraphProto()
    copy.CopyFrom(graph)
    shapes, _ = shapes_of(copy, opset)
    return {name: len(shape) for name, shape in shapes.items()}


@dataclass
class _Upgrade:
    """A file on its way. taken: names of tensors. stored: constants made for the graph at hand."""

    opset: int
    taken: set[str]
    ranks: Mapping[str, int]
    stored: dict[str, Any] = field(default_factory=dict)

    def fresh(self, base: str) -> str:
        name, count = base, 1
        while name in self.taken:
            count += 1
            name = f"{base}.{count}"
        self.taken.add(name)
        return name

    def constant(self, node: NodeProto, what: str, value: Any, kind: str) -> str:
        name = self.fresh(f"{node.output[0]}.{what}")
        self.stored[name] = np.asarray(value, kind)
        return name


def _names(graph: GraphProto) -> set[str]:
    """Names of tensors in a graph and its bodies."""
    found = {value.name for value in (*graph.input, *graph.initializer, *graph.output)}
    for node in graph.node:
        found.update(node.input, node.output, *(_names(body) for body in _bodies(node)))
    return found


def _bodies(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def _graph(upgrade: _Upgrade, graph: GraphProto) -> None:
    made: list[NodeProto] = []
    for node in graph.node:
        for body in _bodies(node):
            _graph(_Upgrade(upgrade.opset, upgrade.taken, upgrade.ranks), body)
        made += _node(upgrade, node)
    if len(made) > len(graph.node):
        copies = [copy for node in made if (copy := NodeProto()).CopyFrom(node) is None]
        del graph.node[:]
        graph.node.extend(copies)
    graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in upgrade.stored.items()
    )


def _node(upgrade: _Upgrade, node: NodeProto) -> list[NodeProto]:
    """The nodes that stand for one, which is changed itself where it will do."""
    if not is_standard(node):
        return _integer_softmax(upgrade, node) if node.op_type == "QLinearSoftmax" else [node]
    node.ClearField("domain")
    before, names, kinds = INPUTS.get(node.op_type, (0, (), ""))
    if upgrade.opset < before:
        _attributes_to_inputs(upgrade, node, names, kinds.split())
    before, change = _CHANGES.get(node.op_type, (0, _same))
    return change(upgrade, node) if upgrade.opset < before else [node]


def _same(upgrade: _Upgrade, node: NodeProto) -> list[NodeProto]:
    return [node]


def _attributes_to_inputs(
    upgrade: _Upgrade, node: NodeProto, names: Names, kinds: list[str]
) -> None:
    given = attributes_of(node)
    inputs = []
    for name, kind in zip(names, (kinds * len(names))[: len(names)], strict=True):
        value = given.get(name)
        if node.op_type == "Clip" and value is not None and math.isinf(value):
            value = None  # bounds nothing
        if node.op_type == "TopK":
            value = [value]
        inputs.append("" if value is None else upgrade.constant(node, name, value, kind))
    while inputs and not inputs[-1]:
        inputs.pop()
    node.input.extend(inputs)
    _drop(node, *names)


def _drop(node: NodeProto, *names: str) -> None:
    kept = [a for a in node.attribute if a.name not in names]
    del node.attribute[:]
    node.attribute.extend(kept)


def _set(node: NodeProto, **attributes: Any) -> None:
    _drop(node, *attributes)
    node.attribute.extend(helper.make_attribute(name, v) for name, v in attributes.items())


def _along_one_axis(upgrade: _Upgrade, node: NodeProto) -> list[NodeProto]:
    """Softmax and its kin ran over all axes from `axis` on together, by default from the second."""
    axis, rank = attributes_of(node).get("axis", 1), upgrade.ranks.get(node.input[0])
    _set(node, axis=-1)
    if axis == -1 or (rank is not None and axis == rank - 1):
        return [node]
    x, y = node.input[0], node.output[0]
    flat, result, shape = (upgrade.fresh(f"{y}.{what}") for what in ("flat", "result", "shape"))
    node.input[0], node.output[0], node.name = flat, result, node.name or y
    return [
        helper.make_node("Flatten", [x], [flat], axis=axis),
        node,
        helper.make_node("Shape", [x], [shape]),
        helper.make_node("Reshape", [result, shape], [y]),
    ]


def _integer_softmax(upgrade: _Upgrade, node: NodeProto) -> list[NodeProto]:
    """onnxruntime's Softmax of integers says itself which opset it follows."""
    given = attributes_of(node)
    old = isinstance(given.get("opset"), int) and given["opset"] < 13
    if old and given.get("axis", -1) in (-1, upgrade.ranks.get(node.output[0], 0) - 1):
        _set(node, axis=-1, opset=13)
    return [node]


def _equal_parts(upgrade: _Upgrade, node: NodeProto) -> list[NodeProto]:
    if len(node.input) < 2 or not node.input[1]:
        _set(node, num_outputs=len(node.output))
    return [node]


def _by_channel(upgrade: _Upgrade, node: NodeProto) -> list[NodeProto]:
    if attributes_of(node).get("spatial", 1) != 1:
        raise ModelError(
            label_of(node), "attribute spatial = 0 is not supported; export with opset 9"
        )
    _drop(node, "spatial")
    return [node]


def _other_scan(upgrade: _Upgrade, node: NodeProto) -> list[NodeProto]:
    raise ModelError(
        label_of(node), "a Scan of opset 8 is another operator; export with opset_version=17"
    )


def _resized(upgrade: _Upgrade, node: NodeProto) -> list[NodeProto]:
    """Upsample, and Resize before it had modes."""
    node.op_type = "Resize"
    node.input.insert(1, "")
    _set(node, coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    return [node]


def _renamed(upgrade: _Upgrade, node: NodeProto) -> list[NodeProto]:
    node.op_type = "ScatterElements"
    return [node]


def _half_a_pixel(upgrade: _Upgrade, node: NodeProto) -> list[NodeProto]:
    _set(node, coordinate_transformation_mode="output_half_pixel")
    return [node]


def _axis_of_transform(upgrade: _Upgrade, node: NodeProto) -> list[NodeProto]:
    axis = attributes_of(node).get("axis", 1)
    node.input.extend([""] * (2 - len(node.input)))
    node.input.append(upgrade.constant(node, "axis", axis, "int64"))
    _drop(node, "axis")
    return [node]


_CHANGES: Mapping[str, tuple[int, Callable[[_Upgrade, NodeProto], list[NodeProto]]]] = {
    **dict.fromkeys(_SOFTMAX, (13, _along_one_axis)),
    "Split": (18, _equal_parts),
    "BatchNormalization": (9, _by_channel),
    "Scan": (9, _other_scan),
    "Upsample": (10, _resized),
    "Resize": (11, _resized),
    "Scatter": (11, _renamed),
    "RoiAlign": (16, _half_a_pixel),
    "DFT": (20, _axis_of_transform),
}
"""(opset, function) of operators that meant something else before it."""
