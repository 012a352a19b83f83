"""How many units the vectors of a layer's equations have, and where these do not fit together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lstm_edge.ir.expr import Expr, walk
from lstm_edge.ir.model import Layer

Size = int | None
"""Units of a vector; None where nothing tells."""

ELEMENTWISE = frozenset(
    "add sub mul divide larger smaller above select apply softmax log_softmax layer_norm".split()
)
"""Units of the result: as many as the operands have, of which some may be one number."""


class Misfit(Exception):
    """Two sizes of a layer that must be the same are not."""


@dataclass
class Sizes:
    """Sizes in one layer. inputs: features of the vectors that it reads, by the cell's names."""

    layer: Layer
    inputs: Mapping[str, int]
    _known: dict[int, Size] = field(default_factory=dict)

    def results(self) -> dict[str, Size]:
        """Units of each result. Raises Misfit."""
        roots = self.layer.cell.results
        for e in walk(*roots.values()):
            self._known[id(e)] = self._of(e)
        found = {name: self._known[id(root)] for name, root in roots.items()}
        for name in self.layer.cell.states:
            _same(f"state {name}", self.state(name), found[name])
        return {name: self.state(name) or size for name, size in found.items()}

    def state(self, name: str) -> Size:
        """Units of a state, as the layer, its first value or a matrix says."""
        first = self.layer.initial.get(name)
        told = [self.layer.units.get(name), len(first) if first is not None else None]
        told[1:] = [] if told[1] == 1 else told[1:]
        for e in walk(*self.layer.cell.results.values()):
            for operand, matrix in zip(e.args, e.matrices, strict=False):
                if e.kind == "affine" and operand.kind == "state" and operand.name == name:
                    told.append(self.layer.params[matrix].shape[1])
        known = [size for size in told if size is not None]
        for size in known:
            _same(f"state {name}", size, known[0])
        return known[0] if known else None

    def _of(self, e: Expr) -> Size:
        args = [self._known[id(a)] for a in e.args]
        params = self.layer.params
        if e.kind in ELEMENTWISE:
            return _common(e, args)
        match e.kind:
            case "input":
                return self.inputs[e.name]
            case "state":
                return self.state(e.name)
            case "param":
                return len(params[e.name])
            case "constant" | "argmax" | "total" | "largest":
                return 1
            case "affine":
                return self._product(e, args)
            case "lookup":
                return int(params[e.name].shape[1])
            case "recent":
                return None if args[0] is None else args[0] * self._kernel()
            case "tap":
                return None if args[0] is None else args[0] // self._kernel()
            case "within":
                _same("the length", args[2], 1)
                return _common(e, args[:2])
            case "mean_over_steps":
                return args[0]
            case "take":
                if args[0] is not None and max(e.units) >= args[0]:
                    raise Misfit(f"unit {max(e.units)} of {args[0]} is taken")
                return len(e.units)
            case "join":
                return None if None in args else sum(a for a in args if a is not None)
        return None

    def _product(self, e: Expr, args: list[Size]) -> int:
        params = self.layer.params
        units = len(params[e.name])
        for matrix, size in zip(e.matrices, args, strict=True):
            rows, columns = params[matrix].shape
            _same(f"rows of {matrix}", rows, units)
            _same(f"columns of {matrix}", columns, size)
        return units

    def _kernel(self) -> int:
        if self.layer.window is None:
            raise Misfit("it reads recent vectors and has no window")
        return self.layer.window.kernel


def _same(what: str, size: Size, other: Size) -> None:
    if size is not None and other is not None and size != other:
        raise Misfit(f"{what}: {size}, expected {other}")


def _common(e: Expr, args: list[Size]) -> Size:
    """The size of an elementwise operation: numbers go with vectors of any size."""
    vectors = [size for size in args if size not in (1, None)]
    for size in vectors:
        _same(f"an operand of {e.name or e.kind}", size, vectors[0])
    if vectors:
        return vectors[0]
    return None if None in args else 1
