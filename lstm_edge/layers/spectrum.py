"""Layers of frames of samples: the spectrum of a frame, and the power of its bins."""

from lstm_edge.ir.expr import Cell, input_vector, power, recent, spectrum

WINDOW = "window"
"""The name of the window's numbers [frame]."""


def frame_spectrum(several: bool) -> Cell:
    """Real and imaginary parts of the bins of a frame times `window`: the first numbers of the
    vectors that the layer's window sees, or of one vector.
    """
    x = input_vector("x")
    return Cell("spectrum", {"y": spectrum(WINDOW, recent(x) if several else x)})


def bin_power() -> Cell:
    """The power of each bin of a spectrum."""
    return Cell("bin_power", {"y": power(input_vector("x"))})
