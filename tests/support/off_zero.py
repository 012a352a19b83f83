"""Networks of which each unit's state lies far off zero, and moves little there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_edge.ir.model import Layer, Model, Node, is_a
from tests.support.models import random_model

MOVED = {"b_o": 2.0, "b_i": 2.0, "b_g": 1.5, "b_n": 1.5, "b_z": 0.0}
"""Bias -> what is added to it, with a sign for each unit."""


def off_zero(cell: str, direction: str) -> Model:
    """Two layers and a dense one behind them; y is per step."""
    model = random_model(
        31,
        cell=cell,
        direction=direction,
        features=3,
        hidden=(6, 5) if direction == "forward" else (6,),
        front=(),
        also=(),
        cut=(),
        norm="",
        initial=False,
        weights="normal",
        read="steps",
        head=("dense",),
    )
    nodes = tuple(_moved(n) if is_a(n, Layer) and n.op.cell.states else n for n in model.nodes)
    return replace(model, nodes=nodes)


def _moved(layer: Node[Layer]) -> Node[Layer]:
    params = dict(layer.op.params)
    for name, by in MOVED.items():
        if name in params:
            signs = np.where(np.arange(len(params[name])) % 2, -1.0, 1.0)
            signs = signs if name in ("b_g", "b_n") else np.ones_like(signs)
            params[name] = (params[name] * 0.3 + by * signs).astype(np.float32)
    for name in params:
        if name[:2] in ("W_", "R_"):
            params[name] = (params[name] * np.float32(0.3)).astype(np.float32)
    return replace(layer, op=replace(layer.op, params=params))
