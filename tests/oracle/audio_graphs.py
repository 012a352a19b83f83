"""More ways to begin with samples: frames that a file cuts out, DFT, pre-emphasis, pads."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import onnx

from tests.oracle.graphs import node
from tests.oracle.spectrum_graphs import (
    BINS,
    FRAME,
    HOP,
    STEPS,
    Arrays,
    Part,
    basis,
    network,
    parts,
    stft,
    window,
)

SAMPLES = HOP * STEPS
SHORT = 50
"""Samples of a frame that has zeros behind them."""


def indices(seen: int, hop: int = HOP, samples: int = SAMPLES) -> np.ndarray:
    """Which samples are in each frame."""
    count = (samples - seen) // hop + 1
    return np.arange(count)[:, None] * hop + np.arange(seen)


def frames(seen: int = FRAME, hop: int = HOP) -> Part:
    """fr [1, frames, samples] of x, times the window's numbers."""
    arrays = {"places": indices(seen, hop), "win": window()[:seen]}
    return [node("Gather", "x places", "g", axis=1), node("Mul", "g win", "fr")], arrays


def transformed(front: Part, *, axis: int | None = 2, length: int | None = None) -> Part:
    """The power of the DFT of fr; axis: the attribute up to opset 19, else an input."""
    nodes, arrays = front
    told = {} if axis is None else {"axis": axis}
    arrays |= {
        "behind": np.array([-1]),
        "0": np.array(0),
        "1": np.array(1),
        "two": np.array(2.0, np.float32),
        "end": np.array([-1]),
        "minus": np.array(-2),
        **({} if length is None else {"length": np.array(length)}),
    }
    read = "real" if length is None and axis is not None else f"real {'length' if length else '-'}"
    read += "" if axis is not None else " minus"
    return (
        [
            *nodes,
            node("Unsqueeze", "fr behind", "real"),
            node("DFT", read, "z", onesided=1, **told),
            *parts(),
            node("Add", "re2 im2", "sum"),
            node("Transpose", "sum", "p", perm=[0, 2, 1]),
        ],
        arrays,
    )


def whole_frames() -> Part:
    """Frames side by side, by a Reshape."""
    arrays: Arrays = {"shape": np.array([1, -1, FRAME]), "win": window()}
    return [node("Reshape", "x shape", "g"), node("Mul", "g win", "fr")], arrays


def products(*, together: bool) -> Part:
    """MatMul with cosines and with sines, the window in them."""
    nodes, arrays = frames()
    cosines, sines = (half[:, 0].T for half in basis())
    if together:
        arrays |= {"K": np.concatenate([cosines, sines], axis=1), "two": np.array(2, np.float32)}
        arrays |= {k: np.array([n]) for k, n in (("0", 0), ("b", BINS), ("e", 2**40), ("a", 2))}
        made = [
            node("MatMul", "g K", "both"),
            node("Slice", "both 0 b a", "re"),
            node("Slice", "both b e a", "im"),
        ]
    else:
        arrays |= {"C": cosines, "S": sines, "two": np.array(2, np.float32)}
        made = [node("MatMul", "g S", "im"), node("MatMul", "g C", "re")]
    end = [
        node("Mul", "re re", "re2"),
        node("Pow", "im two", "im2"),
        node("Add", "re2 im2", "sum"),
        node("Transpose", "sum", "p", perm=[0, 2, 1]),
    ]
    return [nodes[0], *made, *end], arrays


def from_tensorflow() -> Part:
    """tf.signal.stft and tf.abs: frames of parts that all of them are made of, RFFT as a product of
    constants with both parts in front, the magnitude of these.
    """
    part = 8  # divides the frame and the hop
    arrays = {
        "pieces": np.array([1, -1, part]),
        "places": indices(FRAME // part, HOP // part, SAMPLES // part),
        "shape": np.array([1, (SAMPLES - FRAME) // HOP + 1, FRAME]),
        "win": window(),
        "K": basis()[:, :, 0] / np.where(window(), window(), 1.0),
        "0": np.array([0]),
        "1": np.array([1]),
        "two": np.array([2.0], np.float32),
    }
    nodes = [
        node("Reshape", "x pieces", "cut"),
        node("Gather", "cut places", "taken", axis=1),
        node("Reshape", "taken shape", "g"),
        node("Mul", "g win", "fr"),
        node("Transpose", "fr", "turned", perm=[0, 2, 1]),
        node("MatMul", "K turned", "both"),
        node("Transpose", "both", "z", perm=[0, 2, 1]),
        node("Gather", "z 0", "re", axis=0),
        node("Gather", "z 1", "im", axis=0),
        node("Pow", "re two", "re2"),
        node("Pow", "im two", "im2"),
        node("Add", "re2 im2", "sum"),
        node("Sqrt", "sum", "root"),
        node("Transpose", "root", "p", perm=[0, 2, 1]),
    ]
    return nodes, arrays


def of_part(*before: onnx.NodeProto, **arrays: npt.ArrayLike) -> Part:
    """The power of the STFT of wave, which the nodes make of x."""
    nodes, known = stft(node("ReduceSumSquare", "z", "p", axes=[3], keepdims=0))
    nodes[0] = node("STFT", "wave step win length", "bins", onesided=1)
    made = {name: np.asarray(array) for name, array in arrays.items()}
    return [*before, *nodes], known | made


def emphasized(way: str) -> Part:
    """x[t] - 0.95 x[t - 1], nothing being before the first sample."""
    some = {"a": np.float32(0.95), "zero": [0], "one": [1], "back": [-1], "far": [2**40]}
    tails = (
        node("Slice", "x one far one", "later"),
        node("Slice", "x zero back one", "earlier"),
        node("Mul", "earlier a", "less"),
        node("Sub", "later less", "rest"),
    )
    if way == "joined":
        head = node("Slice", "x zero one one", "head")
        return of_part(head, *tails, node("Concat", "head rest", "wave", axis=1), **some)
    if way == "assigned":
        places = np.stack([np.zeros(SAMPLES - 1, int), np.arange(1, SAMPLES)], axis=-1)[None]
        put = node("ScatterND", "x places rest", "wave")
        return of_part(*tails, put, places=places, **some)
    if way == "padded":
        nodes = (
            node("Pad", "x pads", "moved"),
            node("Slice", "moved zero back one", "before"),
            node("Mul", "before a", "less"),
            node("Sub", "x less", "wave"),
        )
        return of_part(*nodes, pads=[0, 1, 0, 0], **some)
    filtered = (
        node("Unsqueeze", "x one", "line"),
        node("Conv", "line K", "c", pads=[1, 0]),
        node("Squeeze", "c one", "wave"),
    )
    return of_part(*filtered, K=np.array([[[-0.95, 1.0]]], np.float32), **some)


def padded(before: int, behind: int) -> Part:
    """Zeros around the samples."""
    return of_part(node("Pad", "x pads", "wave"), pads=[0, before, 0, behind])


def short_basis() -> Part:
    """A convolution of a basis for frames with zeros behind, of fewer bins."""
    kept = basis()[:, : BINS - 3, :, :SHORT]
    arrays = {"C": kept[0], "S": kept[1], "channel": np.array([1])}
    nodes = [
        node("Unsqueeze", "x channel", "wave"),
        node("Conv", "wave C", "re", strides=[HOP]),
        node("Conv", "wave S", "im", strides=[HOP]),
        node("Mul", "re re", "re2"),
        node("Mul", "im im", "im2"),
        node("Add", "im2 re2", "some"),
        node("Pad", "some pads", "p"),
    ]
    return nodes, arrays | {"pads": np.array([0, 0, 0, 0, 3, 0])}


def scaled() -> Part:
    """A spectrum times a number, as a normalized window has it."""
    return stft(
        node("Mul", "z half", "less"),
        node("ReduceL2", "less", "l", axes=[-1], keepdims=0),
        node("Pow", "l two", "p"),
    )


FRONTS: Mapping[str, Callable[[], Part]] = {
    "dft": lambda: transformed(frames()),
    "dft-with-zeros-behind": lambda: transformed(frames(SHORT), length=FRAME),
    "dft-of-frames-side-by-side": lambda: transformed(whole_frames()),
    "products": lambda: products(together=False),
    "one-product": lambda: products(together=True),
    "tensorflow": from_tensorflow,
    "joined": lambda: emphasized("joined"),
    "assigned": lambda: emphasized("assigned"),
    "padded": lambda: emphasized("padded"),
    "filtered": lambda: emphasized("filtered"),
    "zeros-before": lambda: padded(FRAME - HOP, 0),
    "zeros-around": lambda: padded(FRAME // 2, FRAME // 2),
    "short-basis": short_basis,
    "scaled": scaled,
}
"""By what makes p of x."""
HOPS = {"dft-of-frames-side-by-side": FRAME}
"""Other than HOP."""


def model(front: str) -> onnx.ModelProto:
    """x [1, samples] -> p -> logarithms of bands -> GRU, as in spectrum_graphs."""
    nodes, arrays = FRONTS[front]()
    return network(nodes, arrays, HOPS.get(front, HOP) * STEPS)
