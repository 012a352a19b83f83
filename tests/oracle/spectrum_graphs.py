"""Graphs that begin with samples: STFT and Fourier bases as exporters write them, before a GRU."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from tests.oracle.graphs import graph, node
from tests.oracle.state_graphs import weights
from tests.support.spectra import hann, mel_weights

FRAME, HOP, BANDS, HIDDEN = 64, 24, 6, 5
BINS = FRAME // 2 + 1
STEPS = 12
Arrays = dict[str, np.ndarray]
Nodes = Sequence[onnx.NodeProto]
Part = tuple[list[onnx.NodeProto], Arrays]
"""Nodes that make p [batch, bins, frames] of x, and their constants."""


def window() -> np.ndarray:
    """Not symmetric, and 0 nowhere: a wrong order of samples shows."""
    ramp = np.linspace(0.5, 1.5, FRAME)
    return ((hann(FRAME) + 0.1) * ramp).astype(np.float32)


def basis(sign: float = -1.0) -> np.ndarray:
    """Cosines and, times `sign`, sines of each bin, times the window; [2, bins, 1, frame]."""
    turns = np.outer(np.arange(BINS), np.arange(FRAME)) * 2.0 * np.pi / FRAME
    both = np.stack([np.cos(turns), sign * np.sin(turns)]) * window()
    return both[:, :, None].astype(np.float32)


def stft(*behind: onnx.NodeProto, **more: Any) -> Part:
    """z [batch, bins, frames, 2] as torch writes it, and what makes p of it."""
    constants = {
        "step": np.array(more.pop("hop", HOP)),
        "win": more.pop("win", window()),
        "length": np.array(FRAME),
        "two": np.array(2.0, np.float32),
        "half": np.array(0.5, np.float32),
        "end": np.array([-1]),
        "0": np.array(0),
        "1": np.array(1),
    }
    nodes = [
        node("STFT", "x step win length", "bins", onesided=1, **more),
        node("Transpose", "bins", "z", perm=[0, 2, 1, 3]),
        *behind,
    ]
    return nodes, constants


def parts(first: str = "0", second: str = "1") -> Nodes:
    """Real and imaginary part of z."""
    return (
        node("Gather", f"z {first}", "re", axis=3),
        node("Gather", f"z {second}", "im", axis=-1),
        node("Mul", "re re", "re2"),
        node("Pow", "im two", "im2"),
    )


def one_basis() -> Part:
    """One convolution for both parts."""
    arrays = {
        "K": basis().reshape(2 * BINS, 1, FRAME),
        "channel": np.array([1]),
        "zero": np.array([0]),
        "bins": np.array([BINS]),
        "end": np.array([2**62]),
        "two": np.array(2.0, np.float32),
    }
    nodes = [
        node("Unsqueeze", "x channel", "wave"),
        node("Conv", "wave K", "c", strides=[HOP]),
        node("Slice", "c zero bins channel", "re"),
        node("Slice", "c bins end channel", "im"),
        node("Mul", "re re", "re2"),
        node("Pow", "im two", "im2"),
        node("Add", "re2 im2", "p"),
    ]
    return nodes, arrays


def two_bases(sign: float = 1.0) -> Part:
    """A convolution for each part, the sines first, as layers in front of networks have them."""
    cosines, sines = basis(sign)
    arrays = {"C": cosines, "S": sines, "channel": np.array([1])}
    nodes = [
        node("Unsqueeze", "x channel", "wave"),
        node("Conv", "wave S", "im", strides=[HOP]),
        node("Conv", "wave C", "re", strides=[HOP]),
        node("Mul", "re re", "re2"),
        node("Mul", "im im", "im2"),
        node("Add", "im2 re2", "sum"),
        node("Sqrt", "sum", "p"),
    ]
    return nodes, arrays


def stacked(axis: int) -> Part:
    """Minus the sines and the cosines on an axis of their own, that squares are summed over."""
    nodes, arrays = two_bases(-1.0)
    more = [
        node("Unsqueeze", "im place", "im4"),
        node("Unsqueeze", "re place", "re4"),
        node("Concat", "re4 im4", "z", axis=axis),
        node("ReduceSumSquare", "z", "p", axes=[axis], keepdims=0),
    ]
    return [*nodes[:3], *more], {**arrays, "place": np.array([axis])}


def difference(sign: float) -> Part:
    """Sines less cosines, as they are: their signs show."""
    nodes, arrays = two_bases(sign)
    return [*nodes[:3], node("Sub", "im re", "p")], arrays


FRONTS: Mapping[str, Callable[[], Part]] = {
    "squares-summed": lambda: stft(
        node("Pow", "z two", "squares"), node("ReduceSum", "squares end", "p", keepdims=0)
    ),
    "sum-of-squares": lambda: stft(node("ReduceSumSquare", "z", "p", axes=[3], keepdims=0)),
    "length-squared": lambda: stft(
        node("ReduceL2", "z", "l", axes=[-1], keepdims=0), node("Pow", "l two", "p")
    ),
    "magnitude": lambda: stft(node("ReduceL2", "z", "p", axes=[-1], keepdims=0)),
    "parts": lambda: stft(*parts(), node("Add", "re2 im2", "p")),
    "root-of-parts": lambda: stft(
        *parts(), node("Add", "im2 re2", "sum"), node("Pow", "sum half", "p")
    ),
    "real-part": lambda: stft(node("Gather", "z 0", "p", axis=3)),
    "one-square": lambda: stft(*parts(), node("Identity", "im2", "p")),
    "hop-of-a-frame": lambda: stft(
        node("ReduceSumSquare", "z", "p", axes=[3], keepdims=0), hop=FRAME
    ),
    "gaps": lambda: stft(node("ReduceSumSquare", "z", "p", axes=[3], keepdims=0), hop=FRAME + 7),
    "one-basis": one_basis,
    "two-bases": two_bases,
    "two-bases-minus": lambda: two_bases(-1.0),
    "stacked-first": lambda: stacked(1),
    "stacked-last": lambda: stacked(-1),
    "sines-less-cosines": lambda: difference(1.0),
    "minus-sines-less-cosines": lambda: difference(-1.0),
}
"""By what makes p of x."""
HOPS = {"hop-of-a-frame": FRAME, "gaps": FRAME + 7}
"""Other than HOP."""
LINEAR = ("real-part", "one-square", "sines-less-cosines", "minus-sines-less-cosines")
"""What may be below 0, or is read as it is."""


def model(front: str, samples: int | str | None = None, *, mel: bool = True) -> onnx.ModelProto:
    """x [1, samples] -> p -> mel bands and their logarithm, or p as it is -> GRU -> y, last."""
    nodes, arrays = FRONTS[front]()
    return network(nodes, arrays, samples or HOPS.get(front, HOP) * STEPS, mel=mel)


def network(
    front: Nodes, arrays: Arrays, samples: int | str, *, mel: bool = True
) -> onnx.ModelProto:
    """What makes p of x, and a GRU behind it."""
    middle = [node("Transpose", "p", "f", perm=[0, 2, 1])]
    if mel:
        middle += [
            node("MatMul", "f mel", "m"),
            node("Clip", "m least", "clipped"),
            node("Log", "clipped", "f2"),
        ]
    end = [
        node("Mul", f"{'f2' if mel else 'f'} small", "features"),
        node("Transpose", "features", "t", perm=[1, 0, 2]),
        node("GRU", "t gW gR gB", "Y h", hidden_size=HIDDEN),
        node("Squeeze", "Y axis1", "s"),
        node("Transpose", "s", "y", perm=[1, 0, 2]),
        node("Squeeze", "h axis0", "last"),
    ]
    more = {
        "mel": mel_weights(BANDS, FRAME).T,
        "least": np.array(1e-4, np.float32),
        "small": np.array(0.2 if mel else 0.03, np.float32),
        "axis0": np.array([0]),
        "axis1": np.array([1]),
        **weights("GRU", "g", BANDS if mel else BINS, 1, HIDDEN),
    }
    return graph([*front, *middle, *end], {"x": (1, samples)}, ("y", "last"), {**arrays, **more})
