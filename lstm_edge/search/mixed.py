"""Widths of which some matrices have 8 bits and the others 4."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from lstm_edge.ir.program import Program
from lstm_edge.passes.options import Options, Widths
from lstm_edge.search.sensitivity import Piece

NARROW, WIDE = 4, 8
BYTES_OF_A_ROW = 6
"""A sum of its own has a bias of four bytes and a multiplier of two."""


@dataclass(frozen=True)
class Mixed:
    """Matrices of a float program, those first that matter most for a byte."""

    reference: Program
    pieces: tuple[Piece, ...]

    @property
    def noises(self) -> tuple[float, ...]:
        """What each of them does to the outputs in few bits."""
        return tuple(piece.noise for piece in self.pieces)

    def options(self, usual: Options, wide: Collection[int]) -> Options:
        """The options with 8 bits for these of them, and 4 for all others; what would take more
        bytes by itself than it saves is as wide as what it shares a sum with.
        """
        chosen = {(self.pieces[k].layer, self.pieces[k].matrix) for k in wide}
        chosen |= self._not_worth_it(chosen)
        layers: dict[str, Widths] = {}
        for layer in dict.fromkeys(piece.layer for piece in self.pieces):
            every = tuple(p.matrix for p in self.pieces if p.layer == layer)
            own = tuple(matrix for matrix in every if (layer, matrix) in chosen)
            widths = replace(usual.of(layer), weights=NARROW, doubled=())
            if len(own) == len(every):
                widths = replace(widths, weights=WIDE)
            elif own:
                widths = replace(widths, doubled=tuple(sorted(own)))
            layers[layer] = widths
        weights = WIDE if all(w.weights == WIDE for w in layers.values()) else NARROW
        own_widths = Widths(weights, usual.activations)
        kept = {layer: widths for layer, widths in layers.items() if widths != own_widths}
        return replace(usual, weights=weights, layers=kept)

    def _not_worth_it(self, chosen: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Narrow matrices beside wide ones, with fewer bytes in a row than a sum of its own."""
        found = set()
        for block in self.reference.blocks:
            for op in block.ops:
                names = {m: (block.layer, m.removeprefix(f"{block.layer}.")) for m in op.matrices}
                if not any(name in chosen for name in names.values()):
                    continue
                narrow = [m for m, name in names.items() if name not in chosen]
                columns = sum(self.reference.constants[m].shape[-1] for m in narrow)
                if narrow and columns // 2 <= BYTES_OF_A_ROW:
                    found |= {names[m] for m in narrow}
        return found
