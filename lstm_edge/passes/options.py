"""What may be chosen about number formats: for the whole model, and layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Widths:
    """Bits of a layer's weights (4, 8 or 16) and of the activations that it makes (8, 12, 16).

    doubled: matrices of the layer, such as `R_i`, that have twice as many bits.
    """

    weights: int = 8
    activations: int = 12
    doubled: tuple[str, ...] = ()

    @property
    def in_parts(self) -> bool:
        """Whether a doubled matrix is two of `weights` bits, one of what the other leaves; those of
        8 bits beside 4 are as they are, in a loop of their own.
        """
        return self.weights > 4


@dataclass(frozen=True)
class Options:
    """Widths in bits: activations 8, 12 or 16; cell_state 16 or 32; weights 4, 8 or 16.

    power_of_two: every scale is one, so that shifts are all that rescales. layers: name of a
    layer -> its own widths. updatable: other weights of the same network need no other code.
    """

    activations: int = 12
    cell_state: int = 32
    weights: int = 8
    power_of_two: bool = False
    layers: Mapping[str, Widths] = field(default_factory=dict)
    updatable: bool = False

    def of(self, layer: str) -> Widths:
        """The widths of one layer."""
        return self.layers.get(layer, Widths(self.weights, self.activations))
