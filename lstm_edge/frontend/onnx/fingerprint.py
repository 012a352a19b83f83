"""All that a model is, as a value: two visits of one graph are held against each other by it."""

from __future__ import annotations

from lstm_edge.ir.expr import Cell, Expr
from lstm_edge.ir.model import DenseOverTime, Layer, Model, Node, Work


def fingerprint(model: Model) -> object:
    """All that a model is, as a value that can be compared."""
    return (
        model.inputs,
        model.outputs,
        sorted((t.name, t.features, t.per_step) for t in model.tensors.values()),
        [_node_fingerprint(node) for node in model.nodes],
        model.steps,
        model.state_inputs,
        model.state_outputs,
    )


def _node_fingerprint(node: Node[Work]) -> object:
    return (node.name, dict(node.inputs), dict(node.outputs), _work_fingerprint(node.op))


def _work_fingerprint(op: Work) -> object:
    match op:
        case DenseOverTime(weights, bias):
            return (weights.shape, weights.tobytes(), bias.tobytes())
        case Layer(cell, params, initial):
            arrays = [(k, a.shape, a.tobytes()) for k, a in (*params.items(), *initial.items())]
            ways = (op.reverse, op.window, op.over, dict(op.units), dict(op.begins))
            return (cell.name, ways, _equations(cell), arrays)
    return op


def _equations(cell: Cell) -> tuple[object, ...]:
    """All that the expressions of a cell say, operands by their places among them."""
    places = {id(e): k for k, e in enumerate(cell.nodes)}

    def said(e: Expr) -> tuple[object, ...]:
        operands = tuple(places[id(operand)] for operand in e.args)
        own = (e.kind, e.name, e.value, e.matrices, e.units, e.positions, e.stride)
        return (*own, operands)

    results = tuple((name, places[id(e)]) for name, e in cell.results.items())
    return (results, *(said(e) for e in cell.nodes))
