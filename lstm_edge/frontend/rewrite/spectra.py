"""The power of spectra, however it is written, as Power of them.

    ReduceSum(z * z), ReduceL2(z)**2                 of all parts of a spectrum z: Power(z)
    z[..., 0]**2 + z[..., 1]**2                      the same, part by part
    ReduceL2(z), Sqrt of any of them                 Sqrt(Power(z))

z may also be its two parts, stacked again.

Power is an operator of our own domain, of a spectrum whose parts are on its last axis. What else
reads a spectrum stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import NodeProto, helper

from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import OWN_DOMAIN, attributes_of, is_standard
from lstm_edge.frontend.graph.pattern import Pattern, axis, number, op, square, var


def _part(which: int) -> Pattern:
    where, first, end = f"axis{which}", number(float(which)), number(which + 1.0)
    cut = op("Slice", var("z"), first, end, axis(where))
    picked = op("Gather", var("z"), first, axis=where) | op("Squeeze", cut, axis(where))
    return picked | op("Neg", picked)


_ALL = {"keepdims": 0, "noop_with_empty_axes": None}
LENGTH = op("ReduceL2", var("z"), axis("axis"), **_ALL)
POWER = (
    op("ReduceSumSquare", var("z"), axis("axis"), **_ALL)
    | op("ReduceSum", square(var("z")), axis("axis"), **_ALL)
    | square(LENGTH)
    | op("Add", square(_part(0)), square(_part(1)))
)
STACKED = op(
    "Concat",
    op("Unsqueeze", _part(0), axis("at")),
    op("Unsqueeze", _part(1), axis("at")),
    axis="at",
)
ROOT = op("Sqrt", POWER) | op("Pow", POWER, number(0.5)) | LENGTH


@dataclass(frozen=True)
class _Spectrum:
    """A tensor that is `gain` times the spectrum `source`, of which only some numbers are there
    where `cut` says so: the bounds of a Slice, and its axis. rank: how many axes it has; parts: on
    which its parts are. stacked: on which they are instead where they were taken apart and stacked,
    and either may be minus what it was.
    """

    source: str
    rank: int
    parts: int
    gain: float = 1.0
    cut: tuple[str, str, int] | None = None
    stacked: int | None = None

    @property
    def shown(self) -> int:
        """On which axis the tensor has the parts."""
        return self.parts if self.stacked is None else self.stacked


def spectra(sketch: Graph) -> None:
    """Replace the power of each spectrum."""
    if not any(n.op_type in ("Frames", "STFT", "DFT") for n in sketch.nodes):
        return
    for pattern, rooted in ((POWER, False), (ROOT, True)):
        scope = sketch.snapshot()
        for node in [n for n in sketch.nodes if n.op_type in pattern.ops and is_standard(n)]:
            for found in pattern.fits(sketch, node.output[0], {}):
                z = _spectrum(sketch, scope, found["z"])
                axes = {value for name, value in found.items() if name.startswith("axis")}
                if z is not None and axes <= {z.shown, z.shown - z.rank}:
                    shape = scope.shape(node.output[0])
                    sketch.tell_shape(node.output[0], shape)
                    kept = shape is not None and len(shape) == z.rank
                    sketch.replace([node], _power(sketch, node, z, rooted, kept))
                    break


def _spectrum(sketch: Graph, scope: Graph, name: str) -> _Spectrum | None:
    """What is known of a tensor that is a spectrum, of which axes may be moved; None of another."""
    node = sketch.producer(name)
    if node is None:
        return None
    if node.op_type in ("STFT", "Frames"):
        return _Spectrum(name, 4, 3)
    if node.op_type == "DFT":
        shape = scope.shape(node.input[0])
        return None if shape is None else _Spectrum(name, len(shape), len(shape) - 1)
    if node.op_type in ("Mul", "Div"):
        return _scaled(sketch, scope, node)
    if node.op_type == "Concat":
        return _stacked(sketch, scope, name)
    z = _spectrum(sketch, scope, node.input[0]) if node.op_type in _MOVES else None
    if z is None or (z.gain == 1.0 and z.cut is None and z.stacked is None):
        return None if z is None else _MOVES[node.op_type](sketch, node, z)
    return z if node.op_type == "Identity" else None


def _stacked(sketch: Graph, scope: Graph, name: str) -> _Spectrum | None:
    """Both parts of a spectrum on an axis of their own, wherever it is."""
    for found in STACKED.fits(sketch, name, {}):
        z, at = _spectrum(sketch, scope, found["z"]), int(found["at"])
        taken = {found["axis0"], found["axis1"]}
        if z is not None and z.stacked is None and taken <= {z.parts, z.parts - z.rank}:
            return replace(z, stacked=at % z.rank)
    return None


def _part_of(sketch: Graph, node: NodeProto, z: _Spectrum) -> _Spectrum | None:
    """Some bins, or frames."""
    axes = sketch.integers((*node.input, "", "")[3])
    if axes is None or len(axes) != 1 or len(node.input) > 4 or axes[0] % z.rank == z.parts:
        return None
    return replace(z, cut=(node.input[1], node.input[2], axes[0] % z.rank))


def _turned(_: Graph, node: NodeProto, z: _Spectrum) -> _Spectrum | None:
    perm = [*attributes_of(node).get("perm", [*range(z.rank)][::-1])]
    if sorted(perm) != [*range(z.rank)]:
        return None
    return _Spectrum(node.output[0], z.rank, perm.index(z.parts))


def _squeezed(sketch: Graph, node: NodeProto, z: _Spectrum) -> _Spectrum | None:
    gone = sketch.integers(node.input[1]) if len(node.input) > 1 else None
    places = {a % z.rank for a in gone or [z.parts]}
    before = sum(a < z.parts for a in places)
    rank = z.rank - len(places)
    return None if z.parts in places else _Spectrum(node.output[0], rank, z.parts - before)


_MOVES: Mapping[str, Callable[[Graph, NodeProto, _Spectrum], _Spectrum | None]] = {
    "Identity": lambda _, __, z: z,
    "Slice": _part_of,
    "Transpose": _turned,
    "Squeeze": _squeezed,
}


def _scaled(sketch: Graph, scope: Graph, node: NodeProto) -> _Spectrum | None:
    """A spectrum times one number."""
    for x, other in (node.input, node.input[::-1]):
        gain = sketch.scalar(other)
        z = _spectrum(sketch, scope, x) if gain else None
        if z is not None and gain and (node.op_type == "Mul" or x == node.input[0]):
            return replace(z, gain=z.gain * gain if node.op_type == "Mul" else z.gain / gain)
    return None


def _power(
    sketch: Graph, node: NodeProto, z: _Spectrum, rooted: bool, kept: bool
) -> list[NodeProto]:
    """The nodes that make the power of z, or its root. kept: with an axis of 1 for the parts."""
    label, name = node.name or node.output[0], z.source
    steps: list[tuple[str, list[str], dict[str, Any]]] = []
    if z.parts != z.rank - 1:
        perm = [k for k in range(z.rank) if k != z.parts]
        steps.append(("Transpose", [], {"perm": [*perm, z.parts]}))
    steps.append(("Power", [], {"domain": OWN_DOMAIN}))
    if z.cut is not None:
        start, end, axis = z.cut
        place = sketch.add_constant(np.array([axis - (axis > z.parts)]))
        steps.append(("Slice", [start, end, place], {}))
    if z.gain != 1.0:
        steps.append(("Mul", [sketch.add_constant(np.array(z.gain**2, np.float32))], {}))
    if rooted:
        steps.append(("Sqrt", [], {}))
    if kept:
        steps.append(("Unsqueeze", [sketch.add_constant(np.array([z.shown]))], {}))
    made = []
    for k, (kind, more, given) in enumerate(steps):
        result = node.output[0] if k == len(steps) - 1 else sketch.fresh(node.output[0])
        made.append(helper.make_node(kind, [name, *more], [result], name=label, **given))
        name = result
    return made
