"""Files made to take all memory or all time, each with the command that meets it."""

from tests.fuzz.large import bundles, computed, graphs, initializers, keras, npz, samples, sized
from tests.fuzz.large.base import CASES

FILES = (npz, samples, computed, graphs, initializers, keras, bundles, sized)
"""Each adds its own when it is imported."""

__all__ = ("CASES", "FILES")
