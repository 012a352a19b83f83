"""Models with an inner axis per step, built by hand, and what they compute by plain loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_edge.ir.clock import Window
from lstm_edge.ir.expr import (
    Cell,
    Expr,
    at_positions,
    constant,
    input_vector,
    join,
    larger,
    param,
    recent,
    take,
)
from lstm_edge.ir.model import Layer, Model, Node, Port, Tensor, Work

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Conv:
    """A convolution over time and an inner axis of `places` with `channels` each.

    kernel, stride, pad: of the inner axis, pad on both sides; frames: how many it sees; hop: its
    stride along time; early: frames of zeros before the first. relu: what follows, as does a gain
    for each unit where `scaled`. pooled: then the largest of so many neighbours.
    """

    places: int = 10
    channels: int = 3
    units: int = 5
    kernel: int = 3
    stride: int = 1
    pad: tuple[int, int] = (0, 0)
    frames: int = 1
    hop: int = 1
    early: int = 0
    relu: bool = False
    scaled: bool = False
    pooled: int = 1

    @property
    def positions(self) -> int:
        """Results along the inner axis."""
        return (self.places + sum(self.pad) - self.kernel) // self.stride + 1

    @property
    def pools(self) -> int:
        """Results along the inner axis after pooling."""
        return self.positions // self.pooled


def weights_of(conv: Conv, seed: int = 0) -> tuple[Array, Array, Array]:
    """[units, frames, kernel, channels], bias and gain [units]."""
    rng = np.random.default_rng([seed, 11])
    shape = (conv.units, conv.frames, conv.kernel, conv.channels)
    weights = rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))
    bias, gain = rng.normal(size=conv.units) / 2, rng.uniform(0.3, 1.5, conv.units)
    return tuple(a.astype(np.float32) for a in (weights, bias, gain))  # type: ignore[return-value]


def by_loops(conv: Conv, x: Array, seed: int = 0) -> Array:
    """x [steps, places * channels] -> [steps after it, pools * units], number by number."""
    weights, bias, gain = (a.astype(np.float64) for a in weights_of(conv, seed))
    frames = x.reshape(len(x), conv.places, conv.channels).astype(np.float64)
    frames = np.pad(frames, ((conv.early, 0), conv.pad, (0, 0)))
    found = []
    for t in range(0, len(frames) - conv.frames + 1, conv.hop):
        row = np.zeros((conv.positions, conv.units))
        for p in range(conv.positions):
            for u in range(conv.units):
                at = p * conv.stride
                seen = frames[t : t + conv.frames, at : at + conv.kernel]
                row[p, u] = bias[u] + float((weights[u] * seen).sum())
                row[p, u] *= gain[u] if conv.scaled else 1.0
                row[p, u] = max(row[p, u], 0.0) if conv.relu else row[p, u]
        pooled = row[: conv.pools * conv.pooled].reshape(conv.pools, conv.pooled, conv.units)
        found.append(pooled.max(axis=1).ravel())
    return np.array(found)


def conv_node(conv: Conv, name: str, x: str, y: str, seed: int = 0) -> Node[Work]:
    """The convolution as a layer."""
    weights, bias, gain = weights_of(conv, seed)
    vector = input_vector("x")
    if conv.frames > 1:
        seen, apart = recent(vector, conv.places, conv.pad), conv.frames * conv.channels
    else:
        zeros = [take(constant(0.0), [0] * n * conv.channels) for n in conv.pad]
        parts = [zeros[0], vector, zeros[1]]
        seen = join(*(e for e in parts if e.kind == "input" or e.units))
        seen, apart = (vector if not any(conv.pad) else seen), conv.channels
    made: Expr = at_positions(conv.positions, conv.stride * apart, "b_y", W_y=seen)
    made = made * param("g") if conv.scaled else made
    made = larger(made, 0.0) if conv.relu else made
    if conv.pooled > 1:
        starts = np.arange(conv.pools) * conv.pooled * conv.units
        units = np.arange(conv.units)
        each = [
            take(made, (starts[:, None] + k * conv.units + units).ravel())
            for k in range(conv.pooled)
        ]
        made = each[0]
        for other in each[1:]:
            made = larger(made, other)
    matrix = weights.transpose(0, 2, 1, 3).reshape(conv.units, -1)
    params = {"W_y": matrix, "b_y": bias} | ({"g": gain} if conv.scaled else {})
    window = Window(conv.frames, conv.hop, conv.early, 0) if conv.frames > 1 else None
    layer = Layer(Cell("conv2d", {"y": made}), params, window=window)
    return Node(name, layer, {"x": x}, {"y": y})


def conv_model(*convs: Conv, steps: int | None = None) -> Model:
    """Convolutions one after the other."""
    features = convs[0].places * convs[0].channels
    tensors, nodes = {"x": Tensor("x", features, True)}, []
    last = "x"
    for k, conv in enumerate(convs):
        name = f"y{k}"
        tensors[name] = Tensor(name, conv.pools * conv.units, True)
        nodes.append(conv_node(conv, f"conv{k}", last, name, k))
        last = name
    shape = (1, -1 if steps is None else steps, features)
    axes = ("batch", "time", "feature")
    out = (1, -1, tensors[last].features)
    ports = Port("x", "x", axes, shape), Port("y", last, axes, out)
    return Model("net", ports[:1], ports[1:], tensors, tuple(nodes), steps, "0" * 64)
