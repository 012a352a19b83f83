"""How many units the vectors of a layer's equations have, and where these do not fit together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from lstm_edge.ir.expr import Expr
from lstm_edge.ir.model import Layer

FRAMES = tuple(2**k for k in range(4, 12))
"""Lengths of a frame whose spectrum is computed."""

Size = int | None
"""Units of a vector; None where nothing tells."""


class Misfit(Exception):
    """Two sizes of a layer that must be the same are not."""


@dataclass
class Sizes:
    """Sizes in one layer, whose parameters are all there. inputs: features of the vectors that it
    reads, by the cell's names.
    """

    layer: Layer
    inputs: Mapping[str, int]
    _known: dict[int, Size] = field(default_factory=dict)

    def results(self) -> dict[str, Size]:
        """Units of each result. Raises Misfit."""
        roots = self.layer.cell.results
        for e in self.layer.cell.nodes:
            self._known[id(e)] = self._of(e)
        found = {name: self._known[id(root)] for name, root in roots.items()}
        for name in self.layer.cell.states:
            same(f"state {name}", self.state(name), found[name])
        return {name: size or self.state(name) for name, size in found.items()}

    def state(self, name: str) -> Size:
        """Units of a state, as the layer, its first value or a matrix says."""
        first = self.layer.initial.get(name, ())
        told = [self.layer.units.get(name), len(first) if len(first) > 1 else None]
        for e in self.layer.cell.nodes:
            for operand, matrix in zip(e.args, e.matrices, strict=False):
                if operand.kind == "state" and operand.name == name and e.positions == 1:
                    told.append(self.layer.params[matrix].shape[1])
        known = [size for size in told if size is not None]
        for size in known:
            same(f"state {name}", size, known[0])
        return known[0] if known else None

    def _of(self, e: Expr) -> Size:
        args = [self._known[id(a)] for a in e.args]
        rule = _RULES.get(e.kind)
        return common(e, args) if rule is None else rule(self, e, args)

    def product(self, e: Expr, args: list[Size]) -> int:
        """Of an affine expression."""
        units = len(self.layer.params[e.name])
        for matrix, size in zip(e.matrices, args, strict=True):
            rows, columns = self.layer.params[matrix].shape
            same(f"rows of {matrix}", rows, units)
            if e.positions == 1:
                same(f"columns of {matrix}", columns, size)
            elif size is not None and (e.positions - 1) * e.stride + columns > size:
                raise Misfit(f"meets {size} numbers with {matrix} at {e.positions} positions")
        return units * e.positions

    def recent(self, e: Expr, args: list[Size]) -> Size:
        """Of all vectors of the window, with padded positions."""
        if args[0] is None:
            return None
        if args[0] % e.positions:
            raise Misfit(f"has {args[0]} numbers at {e.positions} positions")
        return args[0] // e.positions * (e.positions + sum(e.units)) * self.kernel()

    def bins(self, e: Expr, args: list[Size]) -> int:
        """Numbers of the spectrum of a frame."""
        frame = int(e.value)
        taps, window = np.atleast_2d(self.layer.params[e.name]).shape
        least = e.stride + window + taps - 1
        if args[0] is not None and args[0] < least:
            raise Misfit(f"has {args[0]} as samples of a frame, expected {least} or more")
        if not 1 <= window <= frame:
            raise Misfit(f"has a window of {window} numbers, expected 1 to {frame}")
        if frame not in FRAMES:
            raise Misfit(f"has {frame} as length of a frame, expected a power of two, 16 to 2048")
        return frame + 2

    def kernel(self) -> int:
        """Vectors of the layer's window."""
        if self.layer.window is None:
            raise Misfit("reads recent vectors and has no window")
        return self.layer.window.kernel


def same(what: str, size: Size, expected: Size) -> None:
    """Raise Misfit where two known sizes are not the same."""
    if size is not None and expected is not None and size != expected:
        raise Misfit(f"has {size} as {what}, expected {expected}")


def common(e: Expr, args: list[Size]) -> Size:
    """Of an elementwise operation: numbers go with vectors of any size, parameters repeat."""
    vectors = [size for size in args if size not in (1, None)]
    longest = max((size for size in vectors if size is not None), default=0)
    repeated = [
        a.kind == "param" and longest % (n or 1) == 0
        for a, n in zip(e.args[: len(args)], args, strict=True)
    ]
    whole = [n for n, again in zip(args, repeated, strict=True) if not (again and n != longest)]
    vectors = [size for size in whole if size not in (1, None)]
    for size in vectors:
        same(f"units of an operand of {e.name or e.kind}", size, vectors[0])
    if vectors:
        return vectors[0]
    return None if None in args else 1


def _within(_: Sizes, e: Expr, args: list[Size]) -> Size:
    same("units of a length", args[2], 1)
    return common(e, args[:2])


def _take(_: Sizes, e: Expr, args: list[Size]) -> Size:
    if args[0] is not None and max(e.units) >= args[0]:
        raise Misfit(f"takes unit {max(e.units)} of {args[0]}")
    return len(e.units)


def _join(_: Sizes, __: Expr, args: list[Size]) -> Size:
    known = [size for size in args if size is not None]
    return sum(known) if len(known) == len(args) else None


def _one(_: Sizes, __: Expr, ___: list[Size]) -> Size:
    return 1


_RULES: dict[str, Callable[[Sizes, Expr, list[Size]], Size]] = {
    "input": lambda sizes, e, _: sizes.inputs[e.name],
    "state": lambda sizes, e, _: sizes.state(e.name),
    "param": lambda sizes, e, _: len(sizes.layer.params[e.name]),
    "lookup": lambda sizes, e, _: int(sizes.layer.params[e.name].shape[1]),
    "affine": Sizes.product,
    "recent": Sizes.recent,
    "tap": lambda sizes, _, args: None if args[0] is None else args[0] // sizes.kernel(),
    "spectrum": Sizes.bins,
    "power": lambda _, __, args: None if args[0] is None else args[0] // 2,
    "constant": _one,
    "argmax": _one,
    "total": _one,
    "largest": _one,
    "within": _within,
    "take": _take,
    "join": _join,
}
"""Of kinds whose results have not just the size of their operands."""
