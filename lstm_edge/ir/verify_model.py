"""The rules of a model, checked: what passes and front ends may rely on, and must keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lstm_edge.errors import InternalError
from lstm_edge.ir.clock import EVERY_TICK, Length
from lstm_edge.ir.expr import walk
from lstm_edge.ir.model import (
    Concat,
    DenseOverTime,
    Floats,
    Layer,
    Model,
    Node,
    Port,
    Slice,
    StatePort,
    Step,
    Tensor,
    Work,
    is_a,
)
from lstm_edge.ir.sizes import Misfit, Sizes


def verify(model: Model) -> Model:
    """The model, if it keeps these rules; else InternalError, which names the node or port.

    Every tensor is made once, before it is read, or is an input. Sizes of vectors, weights and
    states fit together. Parameters are there and finite. What reads a sequence is one, all but the
    last vectors of one. Ports and state ports name what exists, each another name. Steps that are
    taken, or have weights of their own, exist where the length is known.
    """
    check = _Check(model, {port.tensor for port in model.inputs}, {})
    _unlike("tensors", [t.name for t in model.tensors.values()], model.tensors)
    check.steps("model", model.steps is None or model.steps >= 1, f"{model.steps} steps")
    for port in model.inputs:
        check.lengths[port.tensor] = Length()
        check.port("input", port)
    for node in model.nodes:
        check.node(node)
    _once("nodes", [node.name for node in model.nodes])
    for port in model.outputs:
        check.port("output", port)
    _once("inputs", [port.name for port in (*model.inputs, *model.state_inputs)])
    _once("outputs", [port.name for port in (*model.outputs, *model.state_outputs)])
    for state_port in (*model.state_inputs, *model.state_outputs):
        check.state_port(state_port)
    check.partners()
    for folded in model.folded:
        _rule(f"folded by {folded.source}", folded.tensor in check.made, "of no tensor")
    return model
