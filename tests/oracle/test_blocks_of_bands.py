"""Parts of speech enhancers and taggers that work on bands, as exporters write them, in float."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx

from lstm_edge.frontend import load
from tests.oracle.compared import difference
from tests.oracle.graphs import graph, node, saved

T, F, C = 6, 8, 3


class Block:
    """A graph as it grows, of x [1, 2, T, F]; first a convolution to C channels."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(8)
        self.arrays: dict[str, np.ndarray] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.channels = self.add(
            "Conv", f"x {self.drawn(C, 2, 3, 3)}", kernel_shape=[3, 3], pads=[2, 1, 0, 1]
        )

    def store(self, array: Any) -> str:
        name = f"w{len(self.arrays)}"
        self.arrays[name] = np.asarray(array)
        return name

    def drawn(self, *shape: int) -> str:
        return self.store((self.rng.normal(size=shape) * 0.4).astype(np.float32))

    def ints(self, *numbers: int) -> str:
        return self.store(np.array(numbers, np.int64))

    def add(self, op: str, inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(node(op, inputs, name, **attributes))
        return name

    def reshaped(self, x: str, *shape: int) -> str:
        return self.add("Reshape", f"{x} {self.ints(*shape)}")

    def is_right(self, y: str, folder: Path) -> None:
        self.nodes.append(node("Identity", y, "y"))
        path = saved(graph(self.nodes, {"x": (1, 2, T, F)}, ["y"], self.arrays), folder)
        assert difference(path, load(path)) < 1e-5


def test_channels_shuffled(tmp_path: Path) -> None:
    """Two halves of channels in turn, as of grouped convolutions: the output's axis is of both."""
    b = Block()
    both = b.add("Concat", f"{b.channels} {b.add('Tanh', b.channels)}", axis=1)
    halves = b.add("Transpose", b.reshaped(both, 1, 2, C, T, F), perm=[0, 2, 1, 3, 4])
    b.is_right(b.reshaped(halves, 1, 2 * C, T, F), tmp_path)


def test_features_in_groups_of_another_size(tmp_path: Path) -> None:
    """Bands of channels are one vector, and its groups are no groups of bands or of channels."""
    b = Block()
    rows = b.reshaped(b.add("Transpose", b.channels, perm=[0, 2, 1, 3]), 1, T, F, C)
    b.is_right(b.add("MatMul", f"{rows} {b.drawn(C, 2)}"), tmp_path)


def test_neighbours_of_each_band(tmp_path: Path) -> None:
    """What exporters make of unfold along the bands, of an input that nothing has told of yet."""
    b = Block()
    around = b.add("Pad", f"x {b.ints(0, 0, 0, 1, 0, 0, 0, 1)}")
    near = b.add("Gather", f"{around} {b.store(np.arange(F) + np.arange(3)[:, None])}", axis=3)
    turned = b.add("Transpose", near, perm=[0, 1, 3, 2, 4])
    x = b.reshaped(turned, 1, 6, T, F)
    y = b.add("Conv", f"{x} {b.drawn(C, 6, 1, 5)}", kernel_shape=[1, 5], pads=[0, 2, 0, 2])
    del b.nodes[0]  # the convolution is the first layer
    b.is_right(y, tmp_path)


def test_heads_of_their_own_for_each_band(tmp_path: Path) -> None:
    """A layer along four bands, then of each a normalization and other weights: no unrolled step
    that keeps what it reads until the last one.
    """
    b, heads = Block(), []
    bands = b.add("Slice", f"{b.channels} {b.ints(0)} {b.ints(4)} {b.ints(3)}")
    x = b.reshaped(b.add("Transpose", bands, perm=[3, 2, 0, 1]), 4, T, C)
    weights = [b.drawn(1, 3 * C, C), b.drawn(1, 3 * C, C)]
    y = b.add("GRU", f"{x} {' '.join(weights)}", hidden_size=C, linear_before_reset=1)
    back = b.add("Transpose", b.reshaped(y, 4, 1, T, C), perm=[1, 2, 0, 3])
    one = b.store(np.ones(C, np.float32))
    for k in range(4):
        part = b.add("Gather", f"{back} {b.store(np.array(k))}", axis=2)
        normal = b.add("LayerNormalization", f"{part} {one}", axis=-1)
        made = b.add("MatMul", f"{normal} {b.drawn(C, 2 * (1 + k))}")
        heads.append(b.reshaped(made, 1, T, 1 + k, 2))
    joined = b.add("Concat", " ".join(heads), axis=2)
    b.is_right(b.add("Transpose", joined, perm=[0, 2, 1, 3]), tmp_path)
