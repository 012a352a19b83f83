"""`--outputs logits`: outputs give the sum before their last curve, in place of what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lstm_edge.errors import ModelError
from lstm_edge.ir.expr import Cell, Expr
from lstm_edge.ir.model import (
    Concat,
    FirstStep,
    LastStep,
    Layer,
    Model,
    Node,
    Slice,
    Tensor,
    operands_of,
    results_of,
)
from lstm_edge.passes.shown import is_curve, without_limits

SUFFIX = "_logits"


def with_logits(model: Model) -> Model:
    """The model without the sigmoid, softmax, log_softmax or exp that its outputs end in; any other
    output stays. ModelError where there is none.
    """
    walk = _Walk(dict(model.tensors), {n: node for node in model.nodes for n in results_of(node)})
    outputs = []
    for port in model.outputs:
        found = walk.before(port.tensor)
        if found is not None:
            port = replace(port, tensor=found, before=walk.curves_of(port.tensor))
        outputs.append(port)
    if not any(port.before for port in outputs):
        names = ", ".join(port.name for port in outputs) or "none"
        raise ModelError(
            "--outputs logits",
            f"no output of {model.name} ends in sigmoid, softmax, log_softmax or exp (its "
            f"outputs: {names}), so what they give is before any such curve already; leave it out",
        )
    nodes = [made for node in model.nodes for made in walk.in_place_of(node)]
    changed = replace(model, outputs=tuple(outputs), tensors=walk.tensors, nodes=tuple(nodes))
    return _without_unread(changed, {n for node in model.nodes for n in results_of(node)})


@dataclass
class _Walk:
    """Goes back from outputs. maker: tensor -> the node that makes it. found: tensor -> that before
    its curve. curves: tensor -> the curve that makes it. added: name of a node -> what stands
    behind it. wider: layers with one result more.
    """

    tensors: dict[str, Tensor]
    maker: Mapping[str, Node]
    found: dict[str, str] = field(default_factory=dict)
    added: dict[str, Node] = field(default_factory=dict)
    wider: dict[str, Layer] = field(default_factory=dict)
    curves: dict[str, str] = field(default_factory=dict)

    def before(self, tensor: str) -> str | None:
        """The tensor before the curve that `tensor` ends in, made where there is none; None where
        it ends in no curve.
        """
        node = self.maker.get(tensor)
        if node is not None and tensor not in self.found:
            found = self._behind(node, tensor)
            if found is None:
                return None
            self.found[tensor] = found
        return self.found.get(tensor)

    def curves_of(self, tensor: str) -> str:
        """`sigmoid`, or several: `sigmoid and softmax`."""
        if tensor in self.curves:
            return self.curves[tensor]
        parts = [self.curves_of(part) for part in operands_of(self.maker[tensor])]
        return " and ".join(dict.fromkeys(parts))

    def in_place_of(self, node: Node) -> list[Node]:
        """The node, maybe with a result more, and what was added behind it."""
        added = self.added.get(node.name)
        kept = self.wider.get(node.name, node)
        return [kept] if added is None else [kept, added]

    def _behind(self, node: Node, tensor: str) -> str | None:
        if isinstance(node, Layer):
            return self._in_layer(node, tensor)
        if isinstance(node, Concat):
            parts = [self.before(part) for part in node.inputs]
            inputs = tuple(part for part in parts if part is not None)
            if len(inputs) < len(parts):
                return None
            return self._moved(replace(node, inputs=inputs))
        if isinstance(node, LastStep | FirstStep | Slice):
            part = self.before(node.input)
            return None if part is None else self._moved(replace(node, input=part))
        return None

    def _moved(self, node: Concat | LastStep | FirstStep | Slice) -> str:
        """The node again, on what is before the curve."""
        output = self._like(node.output)
        self.added[node.name] = replace(node, name=f"{node.name}{SUFFIX}", output=output)
        return output

    def _in_layer(self, layer: Layer, tensor: str) -> str | None:
        result = next(name for name, made in layer.outputs.items() if made == tensor)
        curve = without_limits(layer.cell.results[result])
        if result in layer.cell.states:
            return None
        if curve.kind == "input":
            return self.before(layer.inputs[curve.name])
        if not (is_curve(curve) or curve.kind == "log_softmax" or curve.name == "exp"):
            return None
        self.curves[tensor] = curve.name or curve.kind
        operand = curve.args[0]
        if operand.kind == "input":
            before = layer.inputs[operand.name]
            return before if before in self.maker else None
        return self._shown(layer, result, operand)

    def _shown(self, layer: Layer, result: str, operand: Expr) -> str:
        """The operand as a result of its own."""
        layer, name = self.wider.get(layer.name, layer), f"{result}{SUFFIX}"
        output = self._like(layer.outputs[result])
        cell = replace(layer.cell, results={name: operand, **layer.cell.results})
        outputs = {**layer.outputs, name: output}
        self.wider[layer.name] = replace(layer, cell=cell, outputs=outputs)
        return output

    def _like(self, tensor: str) -> str:
        name = f"{tensor}{SUFFIX}"
        self.tensors[name] = replace(self.tensors[tensor], name=name)
        return name


def _without_unread(model: Model, before: set[str]) -> Model:
    """The model without results that nothing reads any more."""
    read = {port.tensor for port in model.outputs}
    shown = {part.layer for port in model.state_outputs for part in port.parts}
    kept: list[Node] = []
    for node in reversed(model.nodes):
        if isinstance(node, Layer):
            node = _of_read(node, read)
        wanted = read.intersection(results_of(node))
        if wanted or node.name in shown or (isinstance(node, Layer) and node.cell.states):
            kept.append(node)
            read.update(operands_of(node))
    read.update(name for node in kept for name in results_of(node))
    tensors = {name: t for name, t in model.tensors.items() if name in read or name not in before}
    return replace(model, nodes=tuple(reversed(kept)), tensors=tensors)


def _of_read(layer: Layer, read: set[str]) -> Layer:
    """The layer with those results that something reads, and its states."""
    unread = [n for n, tensor in layer.outputs.items() if tensor not in read]
    dropped = {n for n in unread if n not in layer.cell.states}
    if not dropped or len(dropped) == len(layer.cell.results):
        return layer
    results = {n: e for n, e in layer.cell.results.items() if n not in dropped}
    cell: Cell = replace(layer.cell, results=results)
    outputs = {n: t for n, t in layer.outputs.items() if n not in dropped}
    return replace(layer, cell=cell, outputs=outputs)
