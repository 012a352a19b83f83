"""The first step of a recurrent layer, where nothing else of it is asked for: no recurrence.

What a backward layer gives at the last step of a sequence is its first step, which sees one vector:
`y[:, -1]` of a bidirectional layer. The same holds of a forward layer at step 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lstm_edge.ir.expr import Cell, Expr, constant, param, walk
from lstm_edge.ir.model import Floats, Layer, Model, Node, Step, Tensor, Work, is_a
from lstm_edge.layers.window import kept
from lstm_edge.models.prune import prune

NULL_AT_0 = ("tanh", "softsign", "elu_tail", "sin", "erf", "sqrt")
"""Functions that are 0 at 0."""
ONE_STEP_ONLY = frozenset(("within", "recent", "tap", "mean_over_steps", "step"))
"""Kinds of expressions that depend on more than one step, or on its number."""


def first_steps(model: Model) -> Model:
    """The model with a layer of one step in place of each such Step, unless no recurrence would be
    left. What nobody reads any more stays, see `prune`.
    """
    held = {p.layer for port in (*model.state_inputs, *model.state_outputs) for p in port.parts}
    makers = {tensor: node for node in model.nodes for tensor in node.makes}
    tensors = dict(model.tensors)
    nodes: list[Node[Work]] = []
    for node in model.nodes:
        alone = None
        if is_a(node, Step):
            layer = makers.get(node.inputs["x"])
            if layer is not None and is_a(layer, Layer) and layer.name not in held:
                alone = _one_step(model, node, layer, tensors)
        nodes += [node] if alone is None else alone
    found = replace(model, nodes=tuple(nodes), tensors=tensors)
    return found if any(n.op.cell.states for n in prune(found).layers) else model


def _one_step(
    model: Model, node: Node[Step], layer: Node[Layer], tensors: dict[str, Tensor]
) -> list[Node[Work]] | None:
    """The nodes that compute it; None where it is no first step, or cannot be computed alone."""
    op = layer.op
    first = -1 if op.reverse else 0
    recurrent = bool(op.cell.states) and op.reverse is not None and op.window is None
    recurrent = recurrent and op.along == 1
    inside = all(model.tensors[t].per_step for t in layer.reads) and not op.cell.windowed
    if node.op.at != first or not (recurrent and inside):
        return None
    result = next(name for name, t in layer.outputs.items() if t == node.inputs["x"])
    unrolled = _Unrolled(op).cell(result)
    if unrolled is None:
        return None
    cell, params = unrolled
    made: list[Node[Work]] = []
    inputs = {}
    for name in cell.inputs:
        x = layer.inputs[name]
        if any(x == port.tensor for port in model.inputs):
            x = _added(made, tensors, f"kept.{node.name}.{name}", Layer(kept()), x, per_step=True)
        inputs[name] = _added(made, tensors, f"step.{node.name}.{name}", Step(first), x)
    alone = Layer(cell, params)
    called = f"{layer.name.partition('.')[0]}_step.{node.name}"
    made.append(Node(called, alone, inputs, {result: node.outputs["y"]}, layer.source))
    return made


def _added(
    nodes: list[Node[Work]],
    tensors: dict[str, Tensor],
    name: str,
    op: Work,
    x: str,
    per_step: bool = False,
) -> str:
    """Append a node of one input and one output; returns the tensor."""
    tensors[name] = Tensor(name, tensors[x].features, per_step)
    nodes.append(Node(name, op, {"x": x}, {"y": name}))
    return name


@dataclass
class _Unrolled:
    """A cell at its first step: its states are the numbers that they start from."""

    op: Layer

    def cell(self, result: str) -> tuple[Cell, dict[str, Floats]] | None:
        """The equations of a result and what they read of parameters; None where there are none."""
        whole = self.op.cell
        if any(e.kind in ONE_STEP_ONLY for e in walk(*whole.results.values())):
            return None
        self.params: dict[str, Floats] = dict(self.op.params)
        self.done: dict[int, Expr | None] = {}
        try:
            root = self._at_start(whole.results[result])
        except NotImplementedError:
            return None
        if root is None or root.kind in ("constant", "param", "input"):
            return None
        bounds = {k: v for k, v in whole.bounds.items() if k == result}
        cell = Cell(f"{whole.name}_step", {result: root}, bounds, limited=whole.limited)
        return cell, {name: self.params[name] for name in cell.parameters}

    def _at_start(self, e: Expr) -> Expr | None:
        """The expression without states; None for what is 0."""
        if id(e) not in self.done:
            self.done[id(e)] = self._made(e, [self._at_start(arg) for arg in e.args])
        return self.done[id(e)]

    def _made(self, e: Expr, args: list[Expr | None]) -> Expr | None:
        if e.kind == "state":
            return self._first(e.name)
        if e.kind == "affine":
            return self._affine(e, args)
        if not e.args or all(a is b for a, b in zip(args, e.args, strict=True)):
            return e
        null = [arg is None for arg in args]
        if e.kind == "mul" and any(null):
            return None
        if e.kind == "divide" and null[0]:
            return None
        if e.kind in ("add", "sub") and null[1]:
            return args[0]
        if e.kind == "add" and null[0]:
            return args[1]
        if e.kind == "apply" and null[0]:
            if e.name in NULL_AT_0:
                return None
            raise NotImplementedError
        return replace(e, args=tuple(constant(0.0) if arg is None else arg for arg in args))

    def _first(self, name: str) -> Expr | None:
        """What a state starts from: numbers in the file, or 0."""
        numbers = self.op.initial.get(name)
        if numbers is None or not np.any(numbers):
            return None
        self.params[f"first_{name}"] = numbers
        return param(f"first_{name}")

    def _affine(self, e: Expr, args: list[Expr | None]) -> Expr | None:
        """Without operands that are 0; those that are known go into the bias."""
        pairs = [(m, a) for m, a in zip(e.matrices, args, strict=True) if a is not None]
        known = [(m, a) for m, a in pairs if a.kind == "param"]
        others = [(m, a) for m, a in pairs if a.kind != "param"]
        bias = e.name
        if known:
            if e.positions > 1:
                raise NotImplementedError
            total = self.params[bias].astype(np.float64)
            for matrix, operand in known:
                total = total + self.params[matrix].astype(np.float64) @ self.params[operand.name]
            bias = f"{e.name}_first"
            self.params[bias] = total.astype(np.float32)
        if not others:
            return param(bias) if np.any(self.params[bias]) else None
        matrices, operands = zip(*others, strict=True)
        return replace(e, args=operands, name=bias, matrices=matrices)
