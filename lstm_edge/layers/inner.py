"""Layers along an inner axis of each vector, whose places have all channels each, end to end.

A product or an elementwise operation is done at several positions of the axis: its weights are
there once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeGuard

import numpy as np

from lstm_edge.ir.expr import (
    Cell,
    Expr,
    at_positions,
    constant,
    input_vector,
    join,
    larger,
    param,
    products,
    recent,
    take,
)
from lstm_edge.ir.model import Floats, Layer, Node, Work, is_a
from lstm_edge.layers.window import CONV1D

CONV = "conv2d"
"""The name of a cell that has weights for each channel that it makes."""


@dataclass(frozen=True)
class Inner:
    """What is seen of an inner axis: `kernel` neighbours of `places`, `stride` further on each
    time; pad: places before and behind. channels: numbers of a place. frames: vectors of the
    layer's window, 0 where it has none.
    """

    places: int
    channels: int
    kernel: int
    stride: int = 1
    pad: tuple[int, int] = (0, 0)
    frames: int = 0

    @property
    def positions(self) -> int:
        """How often the kernel fits."""
        return (self.places + sum(self.pad) - self.kernel) // self.stride + 1

    @property
    def apart(self) -> int:
        """Numbers between what two neighbouring positions see."""
        return self.stride * self.of_place

    @property
    def of_place(self) -> int:
        """Numbers of a place, of all frames."""
        return self.channels * max(self.frames, 1)

    @property
    def seen(self) -> Expr:
        """Everything that is there, place by place, frame by frame in each."""
        x = input_vector("x")
        if self.frames:
            return recent(x, self.places, self.pad)
        zeros = [[take(constant(0.0), [0] * n * self.channels)] if n else [] for n in self.pad]
        return join(*zeros[0], x, *zeros[1]) if any(self.pad) else x

    def piece(self, place: int, number: int, count: int, everything: Expr) -> Expr:
        """At each position `count` numbers of what is seen, from `number` of a place on."""
        starts = np.arange(self.positions) * self.apart + place * self.of_place + number
        return take(everything, (starts[:, None] + np.arange(count)).ravel())


def convolution(inner: Inner) -> Cell:
    """W_y [units, kernel * frames * channels] and b_y [units]; units end to end, position by
    position.
    """
    seen = inner.seen
    if inner.positions == 1:
        return Cell(CONV, {"y": products("b_y", W_y=seen)})
    return Cell(CONV, {"y": at_positions(inner.positions, inner.apart, "b_y", W_y=seen)})


def depthwise(inner: Inner, frames: tuple[int, ...], places: tuple[int, ...]) -> Cell:
    """Each channel for itself: w_0, w_1, ... [channels], place by place, of those that are seen,
    frame by frame in each; and b_y [channels].
    """
    seen = inner.seen
    pairs = [(place, frame) for place in places for frame in frames]
    terms = [
        inner.piece(place, frame * inner.channels, inner.channels, seen) * param(f"w_{k}")
        for k, (place, frame) in enumerate(pairs)
    ]
    return Cell(CONV, {"y": reduce(_plus, terms) + param("b_y")})


def is_convolution(node: Node[Work] | None) -> TypeGuard[Node[Layer]]:
    """Whether a node is a layer of `convolution` or `depthwise`, or a convolution along time: of
    rows or numbers for each unit of a position.
    """
    return node is not None and is_a(node, Layer) and node.op.cell.name in (CONV, CONV1D)


def _plus(a: Expr, b: Expr) -> Expr:
    return a + b


def pooling(inner: Inner, largest: bool) -> Cell:
    """The largest of neighbouring places, channel by channel, or their mean, padding included. What
    pads a maximum is a place of the same window.
    """
    if not largest:
        seen = inner.seen
        parts = [inner.piece(k, 0, inner.channels, seen) for k in range(inner.kernel)]
        return Cell("average_pool2d", {"y": reduce(_plus, parts) * (1.0 / inner.kernel)})
    x = input_vector("x")
    starts = np.arange(inner.positions) * inner.stride - inner.pad[0]
    each = []
    for k in range(inner.kernel):
        last = np.minimum(starts + inner.kernel - 1, inner.places - 1)
        place = np.clip(starts + k, np.maximum(starts, 0), last)
        units = place[:, None] * inner.channels + np.arange(inner.channels)
        each.append(take(x, units.ravel()))
    combine: Callable[[Expr, Expr], Expr] = larger
    return Cell("max_pool2d", {"y": reduce(combine, each)})


def at_each_place(
    cell: Cell, params: Mapping[str, Floats], places: int
) -> tuple[Cell, dict[str, Floats]]:
    """A cell that does the same at each place, with weights that are there once: its vectors are
    those of all places end to end. What it multiplies is a product for each operand then.
    """
    more: dict[str, Floats] = {}

    def product(e: Expr, args: tuple[Expr, ...]) -> Expr:
        terms = []
        for k, (matrix, operand) in enumerate(zip(e.matrices, args, strict=True)):
            bias = f"{e.name}_{matrix}" if k else e.name
            more.update({bias: np.zeros_like(params[e.name])} if k else {})
            stride = params[matrix].shape[1]
            terms.append(at_positions(places, stride, bias, **{matrix: operand}))
        return reduce(_plus, terms)

    made: dict[int, Expr] = {}
    for e in cell.nodes:
        args = tuple(made[id(arg)] for arg in e.args)
        made[id(e)] = product(e, args) if e.kind == "affine" else replace(e, args=args)
    results = {name: made[id(root)] for name, root in cell.results.items()}
    return replace(cell, results=results), {**params, **more}


def padded(units: list[int], features: int, number: float) -> Cell:
    """Numbers of a vector of so many features in another order, some of them again or not at all;
    -1 stands for `number`.
    """
    x = input_vector("x")
    if min(units) >= 0:
        return Cell("padded", {"y": take(x, units)})
    whole = join(x, take(constant(number), [0]))
    return Cell("padded", {"y": take(whole, [features if k < 0 else k for k in units])})


def ordered(units: list[int]) -> Cell:
    """Numbers of a vector in another order."""
    return Cell("ordered", {"y": take(input_vector("x"), units)})
