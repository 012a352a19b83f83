"""Stacks of recurrent layers whose states lie in the file in many ways."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import onnx

from tests.oracle.graphs import graph, node
from tests.oracle.state_graphs import Arrays, Case, H, N, T, ints, weights

Nodes = list[onnx.NodeProto]

CONSTANTS: Arrays = {
    **{f"i{k}": np.int64(k) for k in range(3)},
    **{f"a{k}": ints(k) for k in range(5)},
    "last": ints(-1),
}


def letters(op: str) -> str:
    """The states of a cell, one letter each."""
    return "hc" if op == "LSTM" else "h"


def stack(op: str, layers: int) -> Nodes:
    """Layers that read `h{k}` (and `c{k}`) of [1, B, H] and give `hn{k}`; the last gives y."""
    nodes, x = [], "x"
    for k in range(layers):
        ins = " ".join(f"{s}{k}" for s in letters(op))
        outs = " ".join(f"{s}n{k}" for s in letters(op))
        top = "y" if k == layers - 1 else f"x{k + 1}"
        nodes += [
            node(op, f"{x} {k}W {k}R {k}B - {ins}", f"Y{k} {outs}", hidden_size=H),
            node("Squeeze", f"Y{k} a1", top),
        ]
        x = top
    return nodes


def stack_weights(op: str, layers: int) -> Arrays:
    found = dict(CONSTANTS)
    for k in range(layers):
        found |= weights(op, f"{k}", inputs=H if k else N, seed=10 * k)
    return found


def build(
    op: str,
    layers: int,
    states: dict[str, tuple[int | str, ...]],
    around: tuple[Nodes, Nodes],
    rows: int = 1,
    more: Arrays | None = None,
) -> Case:
    """A stack between nodes that unpack its states and nodes that pack them; outputs "n" + name."""
    unpack, pack = around
    inputs = {"x": (T, "B" if "B" in sum(states.values(), ()) else rows, N), **states}
    outputs = ["y", *(f"n{name}" for name in states)]
    constants = stack_weights(op, layers) | (more or {})
    model = graph([*unpack, *stack(op, layers), *pack], inputs, outputs, constants)
    return Case(model, {name: f"n{name}" for name in states}, rows=rows)


def sliced(op: str, layers: int, rows: int = 1, opened: bool = False) -> Case:
    """[L, B, H], as torch has it: a Slice for each layer, a Concat of all."""
    unpack, pack = [], []
    for s in letters(op):
        unpack += [node("Slice", f"{s} a{k} a{k + 1} a0", f"{s}{k}") for k in range(layers)]
        pack.append(node("Concat", " ".join(f"{s}n{k}" for k in range(layers)), f"n{s}", axis=0))
    shape = (layers, "B" if opened else rows, H)
    return build(op, layers, dict.fromkeys(letters(op), shape), (unpack, pack), rows)


def gathered(op: str, layers: int, rows: int = 1) -> Case:
    """[L, B, H], a Gather and an Unsqueeze for each."""
    unpack, pack = [], []
    for s in letters(op):
        for k in range(layers):
            unpack += [
                node("Gather", f"{s} i{k}", f"{s}{k}flat", axis=0),
                node("Unsqueeze", f"{s}{k}flat a0", f"{s}{k}"),
            ]
        pack.append(node("Concat", " ".join(f"{s}n{k}" for k in range(layers)), f"n{s}", axis=0))
    return build(op, layers, dict.fromkeys(letters(op), (layers, rows, H)), (unpack, pack), rows)


def divided(op: str, layers: int, rows: int = 1) -> Case:
    """[B, L, H], transposed and split."""
    unpack, pack = [], []
    for s in letters(op):
        names = " ".join(f"{s}{k}" for k in range(layers))
        unpack += [
            node("Transpose", s, f"{s}t", perm=[1, 0, 2]),
            node("Split", f"{s}t", names, axis=0),
        ]
        ends = " ".join(f"{s}n{k}" for k in range(layers))
        pack += [
            node("Concat", ends, f"{s}joined", axis=0),
            node("Transpose", f"{s}joined", f"n{s}", perm=[1, 0, 2]),
        ]
    return build(op, layers, dict.fromkeys(letters(op), (rows, layers, H)), (unpack, pack), rows)


def packed(op: str, layers: int, order: tuple[int, int, int, int]) -> Case:
    """All in one tensor: [1, L, H, 2] with its axes in another order, 1 for a GRU's last axis.

    order: which axis of [1, L, H, 2] each axis of the file's tensor is.
    """
    count = len(letters(op))
    back = [int(k) for k in np.argsort(order)]
    unpack = [node("Transpose", "s", "st", perm=back)]
    pack = []
    for n, s in enumerate(letters(op)):
        unpack += [
            node("Slice", f"st a{n} a{n + 1} a3", f"{s}one"),
            node("Squeeze", f"{s}one a3", f"{s}all"),
        ]
        unpack += [node("Slice", f"{s}all a{k} a{k + 1} a1", f"{s}{k}") for k in range(layers)]
        ends = " ".join(f"{s}n{k}" for k in range(layers))
        pack += [
            node("Concat", ends, f"{s}joined", axis=1),
            node("Unsqueeze", f"{s}joined last", f"{s}wide"),
        ]
    wides = " ".join(f"{s}wide" for s in letters(op))
    pack += [
        node("Concat", wides, "together", axis=3),
        node("Transpose", "together", "ns", perm=list(order)),
    ]
    canonical = (1, layers, H, count)
    shape = tuple(canonical[k] for k in order)
    return build(op, layers, {"s": shape}, (unpack, pack))


def flat(op: str, layers: int, rows: int = 1) -> Case:
    """[B, L * 2 * H], one row of numbers, reshaped."""
    count = len(letters(op))
    unpack = [
        node("Reshape", "s parts", "sr"),
        node("Transpose", "sr", "st", perm=[1, 2, 0, 3]),
    ]
    names = []
    for k in range(layers):
        unpack.append(node("Gather", f"st i{k}", f"s{k}", axis=0))
        for n, s in enumerate(letters(op)):
            unpack.append(node("Slice", f"s{k} a{n} a{n + 1} a0", f"{s}{k}"))
            names.append(f"{s}n{k}")
    pack = [
        node("Concat", " ".join(names), "joined", axis=0),
        node("Transpose", "joined", "jt", perm=[1, 0, 2]),
        node("Reshape", "jt row", "ns"),
    ]
    width = layers * count * H
    more = {"parts": ints(rows, layers, count, H), "row": ints(rows, width)}
    return build(op, layers, {"s": (rows, width)}, (unpack, pack), rows, more)


def flat_split(op: str, layers: int, rows: int = 1) -> Case:
    """[B, L * 2 * H], split along its numbers."""
    names = [f"{s}{k}" for s in letters(op) for k in range(layers)]
    parts = " ".join(f"{name}flat" for name in names)
    unpack = [node("Split", "s", parts, axis=1)]
    unpack += [node("Unsqueeze", f"{name}flat a0", name) for name in names]
    ends = [f"{s}n{k}" for s in letters(op) for k in range(layers)]
    pack = [node("Squeeze", f"{name} a0", f"{name}flat") for name in ends]
    pack.append(node("Concat", " ".join(f"{name}flat" for name in ends), "ns", axis=1))
    width = layers * len(letters(op)) * H
    return build(op, layers, {"s": (rows, width)}, (unpack, pack), rows)


def orders() -> list[tuple[int, int, int, int]]:
    """Every order of the layers, units and states, the axis of size 1 moving along."""
    found = []
    for k, order in enumerate(permutations((1, 2, 3))):
        axes = list(order)
        axes.insert(k % 4, 0)
        found.append((axes[0], axes[1], axes[2], axes[3]))
    return found
