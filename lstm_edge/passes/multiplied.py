"""What of a model enters matrix products: it is stored in 16 bits at most."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import Concat, DenseOverTime, Layer, Model, Node, Step, is_a


@dataclass(frozen=True)
class Multiplied:
    """tensors: those of `model` that a matrix product reads, at once or as a part or a step."""

    model: Model
    tensors: frozenset[str]

    def result(self, layer: Node[Layer], name: str) -> bool:
        """True where a matrix product of this layer or a later one reads the result."""
        tensor = layer.outputs.get(name)
        if tensor is not None and tensor in self.tensors:
            return True
        return _reads_state(layer, name, affine=True)

    def mixed(self, layer: Node[Layer], name: str) -> bool:
        """True where a state enters matrix products and elementwise operations both."""
        return _reads_state(layer, name, affine=False) and self.result(layer, name)

    def alone(self, layer: Node[Layer], name: str) -> bool:
        """True where nothing but matrix products of layers reads a result, at once or at a step,
        and each unit meets weights of its own.
        """
        cell = layer.op.cell
        inside = (e for e in cell.nodes if cell.results[name] in e.args)
        if _reads_state(layer, name, affine=False) or not all(map(_by_unit, inside)):
            return False
        tensor = layer.outputs.get(name)
        return tensor is None or self._alone(tensor)

    def _alone(self, tensor: str) -> bool:
        """The same of a tensor: as a part of others that only products read, too."""
        reading = [n for n in self.model.nodes if not is_a(n, Layer) and tensor in n.reads]
        steps = [n for n in reading if is_a(n, Step)]
        joined = [n for n in reading if is_a(n, Concat)]
        if len(steps) + len(joined) < len(reading):
            return False
        rest = replace(self.model, nodes=tuple(n for n in self.model.nodes if n not in reading))
        return (
            Multiplied(rest, self.tensors).only(tensor)
            and all(self._alone(node.outputs["y"]) for node in steps)
            and all(self.only(node.outputs["y"]) for node in joined)
        )

    def only(self, tensor: str) -> bool:
        """True where nothing but matrix products of layers reads the tensor, with weights for each
        unit.
        """
        if any(port.tensor == tensor for port in self.model.outputs):
            return False
        for node in self.model.nodes:
            if not is_a(node, Layer):
                if tensor in node.reads:
                    return False
                continue
            names = {name for name, read in node.inputs.items() if read == tensor}
            results = node.op.cell.results.values()
            if any(root.kind == "input" and root.name in names for root in results):
                return False
            for e in node.op.cell.nodes:
                leaves = [a for a in e.args if a.kind == "input" and a.name in names]
                if leaves and not _by_unit(e):
                    return False
        return True


def _by_unit(e: Expr) -> bool:
    """True for a product that has weights for each unit of its operands."""
    return e.kind == "affine" and e.positions == 1


def multiplied(model: Model) -> Multiplied:
    """What the matrix products of a model read."""
    found: set[str] = set()
    for node in reversed(model.nodes):
        if is_a(node, Layer):
            for e in node.op.cell.nodes:
                if e.kind == "affine":
                    found.update(node.inputs[name] for name in _inputs_among(e.args))
        elif is_a(node, DenseOverTime) or found.intersection(node.makes):
            found.update(node.reads)
    return Multiplied(model, frozenset(found))


def _inputs_among(operands: tuple[Expr, ...]) -> list[str]:
    """The cell's inputs that are operands, at once or through a window."""
    leaves = [e.args[0] if e.kind == "recent" else e for e in operands]
    return [e.name for e in leaves if e.kind == "input"]


def _reads_state(layer: Node[Layer], name: str, *, affine: bool) -> bool:
    """True where a product, or anything else, of a layer reads its state, or becomes it."""
    results = layer.op.cell.results.values()
    if not affine and any(root.kind == "state" and root.name == name for root in results):
        return True
    return any(
        operand.kind == "state" and operand.name == name
        for e in layer.op.cell.nodes
        if (e.kind == "affine") == affine
        for operand in e.args
    )
