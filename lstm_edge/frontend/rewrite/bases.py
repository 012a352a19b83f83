"""Products with cosines and sines, as spectra of what they multiply.

    Conv(x, window * cos), Conv(x, window * sin)     a convolution of a Fourier basis: STFT(x)
    MatMul(frames, cos), MatMul(frames, sin)         a product with one: DFT(frames * window)
    MatMul([cos, sin], frames transposed)            the same, as tf2onnx writes RFFT

The parts of the spectrum take the place of each product. One whose weights are no Fourier basis
stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, helper

from lstm_edge.frontend.graph.bounds import slice_bounds
from lstm_edge.frontend.graph.graph import Graph
from lstm_edge.frontend.graph.node import OWN_DOMAIN, attributes_of, is_standard
from lstm_edge.ir.sizes import FRAMES

Doubles = npt.NDArray[np.float64]
Part = tuple[int, bool]
"""Which part of a spectrum, 0 the real one, and whether it is minus that."""

NEAR = 1e-3
"""How far weights may be from a Fourier basis, of the window's largest number: what angles in
float32 make of it.
"""


def fourier_bases(sketch: Graph) -> None:
    """Replace each convolution of a Fourier basis, and each product with one."""
    found = [n for n in sketch.nodes if n.op_type in ("Conv", "MatMul") and is_standard(n)]
    bases = _Bases(sketch)
    for node in sorted(found, key=bases.is_of_sines):
        if node.op_type == "Conv":
            bases.convolution(node)
        elif sketch.constant(node.input[1]) is not None:
            bases.product(node)
        else:
            bases.turned_product(node)


@dataclass(frozen=True)
class _Basis:
    """What rows of weights are: `parts` of the first `bins` bins of frames of `frame` numbers, the
    first of which are multiplied by `window`.
    """

    window: Doubles
    frame: int
    bins: int
    parts: tuple[Part, ...]


@dataclass
class _Bases:
    """Products that are spectra. known: what is transformed, how, with which window, and the
    spectrum that was made of it.
    """

    sketch: Graph
    known: list[tuple[tuple[str, int, int], _Basis, str]] = field(default_factory=list)

    def convolution(self, node: NodeProto) -> None:
        """Of a signal [batch, 1, samples] the parts [batch, bins, frames]."""
        given, weights = attributes_of(node), self.sketch.constant(node.input[1])
        if weights is None or weights.ndim != 3 or weights.shape[1] != 1:
            return
        strides = list(given.get("strides", [1]))
        plain = given.get("auto_pad", "NOTSET") in ("NOTSET", "VALID") and len(strides) == 1
        moves = any(given.get("pads", [])) or list(given.get("dilations", [1])) != [1]
        if not plain or moves or given.get("group", 1) != 1 or not self._has_no_bias(node):
            return
        hop, made = int(strides[0]), list[NodeProto]()
        basis = self._basis(weights[:, 0].astype(np.float64), node.input[0], hop)
        if basis is None:
            return

        def transform(label: str) -> str:
            signal, spectrum, moved = (self.sketch.fresh(node.output[0]) for _ in range(3))
            window = self.sketch.add_constant(basis.window.astype(np.float32))
            how: dict[str, Any] = {"hop": hop, "begin": 0, "frame": basis.frame, "frames": 0}
            make = helper.make_node
            made.extend(
                [
                    make("Transpose", [node.input[0]], [signal], name=label, perm=[0, 2, 1]),
                    make("Frames", [signal, window], [spectrum], label, domain=OWN_DOMAIN, **how),
                    make("Transpose", [spectrum], [moved], name=label, perm=[0, 2, 1, 3]),
                ]
            )
            return self._some_bins(moved, basis, made, label, 1)

        z = self._once((node.input[0], hop, basis.frame), basis, transform, node)
        self._parts(node, z, basis, made, axis=1)

    def product(self, node: NodeProto) -> None:
        """Of frames [..., samples] the parts [..., bins]."""
        weights, made = self.sketch.constant(node.input[1]), list[NodeProto]()
        if weights is None or weights.ndim != 2:
            return
        basis = self._basis(weights.T.astype(np.float64), node.input[0], 0)
        if basis is not None:
            z = self._of_frames(node, node.input[0], basis, made)
            self._parts(node, z, basis, made, axis=-1)

    def turned_product(self, node: NodeProto) -> None:
        """Of frames [samples, frames], or [1, samples, frames], both parts [2, bins, frames]."""
        weights, shape = self.sketch.constant(node.input[0]), self.sketch.shape(node.input[1])
        if weights is None or weights.ndim != 3 or len(weights) != 2 or shape is None:
            return
        if len(shape) != 2 and not (len(shape) == 3 and shape[0] == 1):
            return
        rows = weights.reshape(-1, weights.shape[2]).astype(np.float64)
        basis = self._basis(rows, node.input[1], 0)
        if basis is None or basis.parts != ((0, False), (1, False)):
            return
        label, made = node.name or node.output[0], list[NodeProto]()
        frames = self.sketch.fresh(node.input[1])
        turn = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
        made.append(helper.make_node("Transpose", [node.input[1]], [frames], name=label, perm=turn))
        z = self._of_frames(node, frames, basis, made)
        if len(shape) == 3:
            axis, whole = self.sketch.add_constant(np.array([0])), z
            z = self.sketch.fresh(z)
            made.append(helper.make_node("Squeeze", [whole, axis], [z], name=label))
        made.append(helper.make_node("Transpose", [z], [node.output[0]], label, perm=[2, 1, 0]))
        self.sketch.replace([node], made)

    def _once(
        self,
        key: tuple[str, int, int],
        basis: _Basis,
        transform: Callable[[str], str],
        node: NodeProto,
    ) -> str:
        """A spectrum, made where it is not known yet."""
        same = [
            z
            for k, other, z in self.known
            if k == key and other.window is basis.window and other.bins == basis.bins
        ]
        if not same:
            same = [transform(node.name or node.output[0])]
            self.known.append((key, basis, same[0]))
        return same[0]

    def _of_frames(self, node: NodeProto, x: str, basis: _Basis, made: list[NodeProto]) -> str:
        """The spectrum of frames [..., samples], as [..., all bins, 2]."""
        sketch = self.sketch

        def transform(label: str) -> str:
            weighted, real, z = (sketch.fresh(node.output[0]) for _ in range(3))
            arrays = (basis.window.astype(np.float32), [-1], basis.frame, -2)
            window, last, frame, axis = (sketch.add_constant(np.array(a)) for a in arrays)
            make = helper.make_node
            made.extend(
                [
                    make("Mul", [x, window], [weighted], name=label),
                    make("Unsqueeze", [weighted, last], [real], name=label),
                    make("DFT", [real, frame, axis], [z], name=label, onesided=1),
                ]
            )
            return self._some_bins(z, basis, made, label, -2)

        return self._once((x, 0, basis.frame), basis, transform, node)

    def _parts(
        self, node: NodeProto, z: str, basis: _Basis, made: list[NodeProto], axis: int
    ) -> None:
        """The parts of a spectrum in place of a product that has its bins on `axis`."""
        sketch, label = self.sketch, node.name or node.output[0]
        names = []
        for which, negative in basis.parts:
            name, index = sketch.fresh(node.output[0]), sketch.add_constant(np.array(which))
            made.append(helper.make_node("Gather", [z, index], [name], name=label, axis=-1))
            if negative:
                made.append(helper.make_node("Neg", [name], [name := sketch.fresh(name)], label))
            names.append(name)
        if len(names) == 1:
            made.append(helper.make_node("Identity", names, [node.output[0]], name=label))
        else:
            made.append(helper.make_node("Concat", names, [node.output[0]], label, axis=axis))
        cuts = [(n, self._cut(n, basis.bins, axis)) for n in sketch.users(node.output[0])]
        sketch.replace([node], made)
        for reader, part in cuts if len(names) > 1 else ():
            if part is not None:
                copy = helper.make_node("Identity", [names[part]], [reader.output[0]])
                sketch.replace([reader], [copy])

    def _some_bins(
        self, name: str, basis: _Basis, made: list[NodeProto], label: str, axis: int
    ) -> str:
        """The first bins, where the basis has not all."""
        if basis.bins == basis.frame // 2 + 1:
            return name
        bounds = [self.sketch.add_constant(np.array([n])) for n in (0, basis.bins, axis)]
        part = self.sketch.fresh(name)
        made.append(helper.make_node("Slice", [name, *bounds], [part], name=label))
        return part

    def _basis(self, rows: Doubles, x: str, hop: int) -> _Basis | None:
        """What weights [rows, samples] are of a signal or of frames; None where they are no
        cosines and sines times a window.
        """
        seen = rows.shape[1]
        for frame in (n for n in FRAMES if n >= seen > 0 and np.isfinite(rows).all()):
            for count in (1, 2):
                bins = len(rows) // count
                if not 3 <= bins <= frame // 2 + 1 or len(rows) % count:
                    continue
                halves = np.split(rows, count)
                there = [b.window for key, b, _ in self.known if key == (x, hop, frame)]
                for window in (*there, *(_window(half, frame) for half in halves)):
                    parts = [_part_of(half, window, frame) for half in halves]
                    if None not in parts:
                        kept = tuple(part for part in parts if part is not None)
                        return _Basis(window, frame, bins, kept)
        return None

    def is_of_sines(self, node: NodeProto) -> bool:
        """Whether the window cannot be seen at bin 0: such products come last."""
        weights = self.sketch.constant(node.input[1])
        first = None if weights is None or weights.ndim < 2 or not weights.size else weights
        if first is not None:
            first = first[0] if node.op_type == "Conv" else first[:, 0]
        return first is None or not np.any(first)

    def _has_no_bias(self, node: NodeProto) -> bool:
        if len(node.input) < 3 or not node.input[2]:
            return True
        bias = self.sketch.constant(node.input[2])
        return bias is not None and not np.any(bias)

    def _cut(self, node: NodeProto, bins: int, axis: int) -> int | None:
        """Which half of the rows a Slice takes, None where it takes others."""
        if node.op_type != "Slice":
            return None
        bounds = slice_bounds(self.sketch, node)
        if not bounds or len(bounds) != 1:
            return None
        where, start, end, step = bounds[0]
        rank = len(self.sketch.shape(node.input[0]) or ())
        if where not in (axis, axis % max(1, rank)) or step != 1:
            return None
        if (start, end) == (0, bins):
            return 0
        return 1 if start in (bins, -bins) and end >= 2 * bins else None


def _window(rows: Doubles, frame: int) -> Doubles:
    """What multiplies cosines, as bin 0 has it, or sines, from bins that have no common 0."""
    if np.abs(rows[0]).max() > NEAR * np.abs(rows).max():
        return np.array(rows[0])
    angles = 2.0 * np.pi * np.arange(rows.shape[1]) / frame
    sines = np.stack([np.sin(k * angles) for k in range(1, len(rows) - 1)])
    sign = np.sign((rows[1] * sines[0]).sum())
    return np.array(
        sign * (rows[1:-1] * sines).sum(axis=0) / np.maximum((sines**2).sum(axis=0), 1e-9)
    )


def _part_of(rows: Doubles, window: Doubles, frame: int) -> Part | None:
    """Which part of a spectrum rows of weights give, and whether it is minus that."""
    if window.shape != rows.shape[1:]:
        return None
    for some in (rows[:3], rows):  # most weights are no basis, as the first rows tell
        turns = np.outer(np.arange(len(some)), np.arange(rows.shape[1])) % frame
        angles = 2.0 * np.pi * turns / frame
        near = NEAR * np.abs(window).max()
        exact = {0: np.cos(angles) * window, 1: -np.sin(angles) * window}
        found = [
            (which, negative)
            for which, numbers in exact.items()
            for negative in (False, True)
            if np.abs(some - (-numbers if negative else numbers)).max() <= near
        ]
        if not found:
            return None
    return found[0]
