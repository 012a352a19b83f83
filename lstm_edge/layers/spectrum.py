"""Layers of frames of samples: the spectrum of a frame, and the power of its bins."""

from lstm_edge.ir.expr import (
    Cell,
    apply,
    constant,
    input_vector,
    larger,
    power,
    recent,
    select,
    smaller,
    spectrum,
    state,
    within,
)

WINDOW = "window"
"""The name of the window's numbers, [samples], or of several taps [taps, samples]."""


def frame_spectrum(frame: int, several: bool, first: int = 0) -> Cell:
    """Real and imaginary parts of the bins of a frame: of the vectors that the layer's window sees,
    or of one vector, from number `first` on, times `window`, and zeros behind them.
    """
    x = recent(input_vector("x")) if several else input_vector("x")
    return Cell("spectrum", {"y": spectrum(WINDOW, x, frame, first)})


def bin_power() -> Cell:
    """The power of each bin of a spectrum."""
    return Cell("bin_power", {"y": power(input_vector("x"))})


def log_average(weight: float, *, first: bool) -> Cell:
    """log of the average of exp(x) over the steps, x with this weight and all before with the rest:
    y' = log((1 - w) * exp(y) + w * exp(x)), what is larger of both taken out of the logarithm.
    first: whether the first step counts whole.
    """
    x, y = input_vector("x"), state("y")
    ahead = x - y
    other = apply("exp", smaller(ahead, y - x))
    inner = select(ahead, 0.0, other * (1.0 - weight) + weight, other * weight + (1.0 - weight))
    result = larger(x, y) + apply("log", inner)
    return Cell("log_average", {"y": within(constant(1), x, result) if first else result})
