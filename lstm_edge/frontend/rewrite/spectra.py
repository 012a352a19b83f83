"""Spectra and their power, however they are written, as STFT and Power of it.

    Conv(x, window * cos), Conv(x, window * sin)     a convolution of a Fourier basis: STFT(x)
    ReduceSum(z * z), ReduceL2(z)**2                 of all parts of a spectrum z: Power(z)
    z[..., 0]**2 + z[..., 1]**2                      the same, part by part
    ReduceL2(z), Sqrt of any of them                 Sqrt(Power(z))

Power is an operator of our own domain. A convolution whose weights are no Fourier basis, and what
else reads a spectrum, stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, helper

from lstm_edge.frontend.graph.bounds import slice_bounds
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import attributes_of, is_standard
from lstm_edge.frontend.graph.pattern import Found, Pattern, axis, number, op, square, var
from lstm_edge.ir.sizes import FRAMES

Doubles = npt.NDArray[np.float64]

DOMAIN = "lstm_edge"
NEAR = 1e-3
"""How far weights may be from a Fourier basis, of the window's largest number: what angles in
float32 make of it.
"""


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
ROOT = op("Sqrt", POWER) | op("Pow", POWER, number(0.5)) | LENGTH


def spectra(sketch: Graph) -> None:
    """Replace each convolution of a Fourier basis, and the power of each spectrum."""
    bases = _Bases(sketch)
    convolutions = [n for n in sketch.nodes if n.op_type == "Conv" and is_standard(n)]
    for node in sorted(convolutions, key=bases.is_of_sines):
        bases.replace(node)
    for pattern, rooted in ((POWER, False), (ROOT, True)):
        for node in [n for n in sketch.nodes if n.op_type in pattern.ops and is_standard(n)]:
            found = _of_spectrum(sketch, node, pattern)
            if found is not None:
                sketch.replace([node], _power(sketch, node, found["z"], rooted=rooted))


def _of_spectrum(sketch: Graph, node: NodeProto, pattern: Pattern) -> Found | None:
    """What a tensor is the power of, where that is a spectrum with its parts on the last axis."""
    for found in pattern.fits(sketch, node.output[0], {}):
        rank = _spectrum_rank(sketch, found["z"])
        axes = {value for name, value in found.items() if name.startswith("axis")}
        if rank and axes <= {-1, rank - 1}:
            return found
    return None


def _spectrum_rank(sketch: Graph, name: str) -> int:
    """The number of axes of a spectrum whose last axis is still its last; 0 of anything else."""
    while (node := sketch.producer(name)) is not None and node.op_type in ("Transpose", "Identity"):
        perm = attributes_of(node).get("perm")
        if node.op_type == "Transpose" and (not perm or perm[-1] != len(perm) - 1):
            return 0
        name = node.input[0]
    return 4 if node is not None and node.op_type == "STFT" else 0


def _power(sketch: Graph, node: NodeProto, z: str, *, rooted: bool) -> list[NodeProto]:
    label = node.name or node.output[0]
    name = sketch.fresh(node.output[0]) if rooted else node.output[0]
    made = [helper.make_node("Power", [z], [name], name=label, domain=DOMAIN)]
    if rooted:
        made.append(helper.make_node("Sqrt", [name], [node.output[0]], name=label))
    return made


@dataclass
class _Bases:
    """Convolutions that are spectra. known: signals, hops, windows, and the spectrum
    that was made of each.
    """

    sketch: Graph
    known: list[tuple[str, int, Doubles, str]] = field(default_factory=list)

    def replace(self, node: NodeProto) -> None:
        """Make the parts of a spectrum of a convolution, where it is one."""
        found = self._basis(node)
        if found is None:
            return
        window, hop, parts = found
        sketch, frame = self.sketch, len(window)
        made: list[NodeProto] = []
        same = [z for *key, w, z in self.known if key == [node.input[0], hop] and w is window]
        spectrum = same[0] if same else self._transform(node, window, hop, made)
        if not same:
            self.known.append((node.input[0], hop, window, spectrum))
        names = [self._one(node, spectrum, part, made) for part in parts]
        if len(names) == 1:
            made.append(helper.make_node("Identity", names, [node.output[0]], name=node.name))
        else:
            made.append(helper.make_node("Concat", names, [node.output[0]], name=node.name, axis=1))
        cuts = [(n, self._cut(n, frame // 2 + 1)) for n in sketch.users(node.output[0])]
        sketch.replace([node], made)
        for reader, part in cuts if len(names) > 1 else ():
            if part is not None:
                copy = helper.make_node("Identity", [names[part]], [reader.output[0]])
                sketch.replace([reader], [copy])

    def _transform(self, node: NodeProto, window: Doubles, hop: int, made: list[NodeProto]) -> str:
        """The spectrum of a signal [batch, 1, samples], as [batch, bins, frames, 2]."""
        sketch, label = self.sketch, node.name or node.output[0]
        signal, spectrum, moved = (sketch.fresh(node.output[0]) for _ in range(3))
        inputs = [
            sketch.add_constant(np.array(hop)),
            sketch.add_constant(window.astype(np.float32)),
            sketch.add_constant(np.array(len(window))),
        ]
        made += [
            helper.make_node("Transpose", [node.input[0]], [signal], name=label, perm=[0, 2, 1]),
            helper.make_node("STFT", [signal, *inputs], [spectrum], name=label, onesided=1),
            helper.make_node("Transpose", [spectrum], [moved], name=label, perm=[0, 2, 1, 3]),
        ]
        return moved

    def _one(
        self, node: NodeProto, spectrum: str, part: tuple[int, bool], made: list[NodeProto]
    ) -> str:
        """One part of a spectrum [batch, bins, frames], or minus that."""
        sketch, label = self.sketch, node.name or node.output[0]
        which, negative = part
        name = sketch.fresh(node.output[0])
        index = sketch.add_constant(np.array(which))
        made.append(helper.make_node("Gather", [spectrum, index], [name], name=label, axis=3))
        if negative:
            made.append(helper.make_node("Neg", [name], [name := sketch.fresh(name)], name=label))
        return name

    def _basis(self, node: NodeProto) -> tuple[Doubles, int, tuple[tuple[int, bool], ...]] | None:
        """The window, the hop, and the parts (which, whether negative) of a convolution whose
        weights are cosines and sines times a window; None of any other.
        """
        given = attributes_of(node)
        weights = self.sketch.constant(node.input[1])
        if weights is None or weights.ndim != 3 or weights.shape[1] != 1:
            return None
        frame = weights.shape[2]
        if frame not in FRAMES or any(given.get("pads", [])) or given.get("group", 1) != 1:
            return None
        strides = list(given.get("strides", [1]))
        plain = given.get("auto_pad", "NOTSET") in ("NOTSET", "VALID") and len(strides) == 1
        if not plain or list(given.get("dilations", [1])) != [1] or not self._has_no_bias(node):
            return None
        bins, rows = frame // 2 + 1, weights[:, 0].astype(np.float64)
        if len(rows) not in (bins, 2 * bins):
            return None
        halves = np.split(rows, len(rows) // bins)
        hop = int(strides[0])
        there = [w for *key, w, _ in self.known if key == [node.input[0], hop]]
        for window in (*there, *(_window(half) for half in halves)):
            parts = [_part_of(half, window) for half in halves]
            if None not in parts:
                return window, hop, tuple(part for part in parts if part is not None)
        return None

    def is_of_sines(self, node: NodeProto) -> bool:
        """Whether the window cannot be seen at bin 0: such convolutions come last."""
        weights = self.sketch.constant(node.input[1])
        return weights is None or not weights.size or not np.any(weights[0])

    def _has_no_bias(self, node: NodeProto) -> bool:
        if len(node.input) < 3 or not node.input[2]:
            return True
        bias = self.sketch.constant(node.input[2])
        return bias is not None and not np.any(bias)

    def _cut(self, node: NodeProto, bins: int) -> int | None:
        """Which half of the rows a Slice takes, None where it takes others."""
        if node.op_type != "Slice":
            return None
        bounds = slice_bounds(self.sketch, node)
        if not bounds or len(bounds) != 1:
            return None
        where, start, end, step = bounds[0]
        if where not in (1, -2) or step != 1:
            return None
        if (start, end) == (0, bins):
            return 0
        return 1 if start in (bins, -bins) and end >= 2 * bins else None


def _window(rows: Doubles) -> Doubles:
    """What multiplies cosines, as bin 0 has it, or sines, from two bins that have no common 0."""
    frame = rows.shape[1]
    if np.abs(rows[0]).max() > NEAR * np.abs(rows).max():
        return np.array(rows[0])
    angles = 2.0 * np.pi * np.arange(frame) / frame
    sines = np.stack([np.sin(k * angles) for k in range(1, len(rows) - 1)])
    sign = np.sign((rows[1] * sines[0]).sum())
    return np.array(
        sign * (rows[1:-1] * sines).sum(axis=0) / np.maximum((sines**2).sum(axis=0), 1e-9)
    )


def _part_of(rows: Doubles, window: Doubles) -> tuple[int, bool] | None:
    """Which part of a spectrum rows of weights give, and whether it is minus that."""
    frame = rows.shape[1]
    if window.shape != (frame,):
        return None
    turns = np.outer(np.arange(len(rows)), np.arange(frame)) % frame
    angles = 2.0 * np.pi * turns / frame
    parts = {0: np.cos(angles) * window, 1: -np.sin(angles) * window}
    for which, exact in parts.items():
        for negative in (False, True):
            distance = np.abs(rows - (-exact if negative else exact)).max()
            if distance <= NEAR * np.abs(window).max():
                return which, negative
    return None
