"""`--outputs logits`: outputs give the sum before their last curve, in place of what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lstm_edge.errors import ModelError
from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import Concat, Layer, Model, Node, Slice, Step, Tensor, Work, is_a
from lstm_edge.ir.verify_model import verify
from lstm_edge.models.prune import prune
from lstm_edge.passes.shown import is_curve, without_limits

SUFFIX = "_logits"


def with_logits(model: Model) -> Model:
    """The model without the sigmoid, softmax, log_softmax or exp that its outputs end in; any other
    output stays. ModelError where there is none.
    """
    walk = _Walk(dict(model.tensors), {n: node for node in model.nodes for n in node.makes})
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
    before = {node.name: node for node in nodes}
    pruned = prune(changed)
    kept = tuple(_narrowed(node, before[node.name]) for node in pruned.nodes)
    return verify(replace(pruned, nodes=kept))


@dataclass
class _Walk:
    """Goes back from outputs. maker: tensor -> the node that makes it. found: tensor -> that before
    its curve. curves: tensor -> the curve that makes it. added: name of a node -> what stands
    behind it. wider: layers with one result more.
    """

    tensors: dict[str, Tensor]
    maker: Mapping[str, Node[Work]]
    found: dict[str, str] = field(default_factory=dict)
    added: dict[str, Node[Work]] = field(default_factory=dict)
    wider: dict[str, Node[Layer]] = field(default_factory=dict)
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
        parts = [self.curves_of(part) for part in self.maker[tensor].reads]
        return " and ".join(dict.fromkeys(parts))

    def in_place_of(self, node: Node[Work]) -> list[Node[Work]]:
        """The node, maybe with a result more, and what was added behind it."""
        added = self.added.get(node.name)
        kept = self.wider.get(node.name, node)
        return [kept] if added is None else [kept, added]

    def _behind(self, node: Node[Work], tensor: str) -> str | None:
        if is_a(node, Layer):
            return self._in_layer(node, tensor)
        if not isinstance(node.op, Concat | Step | Slice):
            return None
        parts = [self.before(part) for part in node.reads]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            return None
        output = self._like(node.outputs["y"])
        inputs = dict(zip(node.inputs, found, strict=True))
        name = f"{node.name}{SUFFIX}"
        self.added[node.name] = replace(node, name=name, inputs=inputs, outputs={"y": output})
        return output

    def _in_layer(self, layer: Node[Layer], tensor: str) -> str | None:
        result = next(name for name, made in layer.outputs.items() if made == tensor)
        curve = without_limits(layer.op.cell.results[result])
        if result in layer.op.cell.states:
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

    def _shown(self, layer: Node[Layer], result: str, operand: Expr) -> str:
        """The operand as a result of its own."""
        layer, name = self.wider.get(layer.name, layer), f"{result}{SUFFIX}"
        output = self._like(layer.outputs[result])
        cell = replace(layer.op.cell, results={name: operand, **layer.op.cell.results})
        outputs = {**layer.outputs, name: output}
        self.wider[layer.name] = replace(layer, op=replace(layer.op, cell=cell), outputs=outputs)
        return output

    def _like(self, tensor: str) -> str:
        name = f"{tensor}{SUFFIX}"
        self.tensors[name] = replace(self.tensors[tensor], name=name)
        return name


def _narrowed(node: Node[Work], before: Node[Work]) -> Node[Work]:
    """Without the equations of results that nothing reads any more, but for states."""
    if not is_a(node, Layer):
        return node
    dropped = before.outputs.keys() - node.outputs.keys() - set(node.op.cell.states)
    if not dropped or len(dropped) == len(node.op.cell.results):
        return node
    results = {n: e for n, e in node.op.cell.results.items() if n not in dropped}
    return replace(node, op=replace(node.op, cell=replace(node.op.cell, results=results)))
