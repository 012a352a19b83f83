"""Random graphs of convolutions over time and an inner axis, in front of a recurrent layer."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from tests.oracle.graphs import graph, node

H = 5
Arrays = dict[str, np.ndarray]


@dataclass
class Net:
    """A graph as it grows: x is the tensor [1, channels, time, places] so far, or places first."""

    choose: random.Random
    time_first: bool
    channels: int
    steps: int
    places: int
    x: str = "x"
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    arrays: Arrays = field(default_factory=dict)

    def floats(self, *shape: int) -> np.ndarray:
        """Weights of about the size that keeps what they make near 1."""
        rng = np.random.default_rng(self.choose.randrange(2**31))
        fan = max(1, int(np.prod(shape[1:])))
        return (rng.normal(size=shape) / np.sqrt(fan)).astype(np.float32)

    def add(self, op: str, inputs: str = "", **attributes: Any) -> str:
        """A node of the tensor so far, and `inputs`; its result is the next."""
        name = f"n{len(self.nodes)}"
        self.nodes.append(node(op, f"{self.x} {inputs}", name, **attributes))
        self.x = name
        return name

    def store(self, array: np.ndarray) -> str:
        """A constant's name."""
        name = f"w{len(self.arrays)}"
        self.arrays[name] = array
        return name

    def pair(self, time: int, place: int) -> list[int]:
        """Two numbers in the order of the axes."""
        return [time, place] if self.time_first else [place, time]

    def moved(self, largest: int, padded: bool, dilated: bool) -> dict[str, Any]:
        """Attributes of a kernel that fits, and what they leave."""
        c = self.choose
        kernel, strides, dilations, pads = [], [], [], []
        sizes = (self.steps, self.places)
        left = []
        for size in sizes:
            k = c.randint(1, min(largest, size))
            d = c.choice([1, 1, 2]) if dilated and (k - 1) * 2 < size else 1
            seen = (k - 1) * d + 1
            s = c.choice([1, 1, 2, 3])
            before, behind = (c.randint(0, seen - 1) if padded else 0 for _ in range(2))
            after = (size + before + behind - seen) // s + 1
            if size is self.steps and after < 2:
                s, after = 1, size + before + behind - seen + 1
            if after < (2 if len(left) == 0 else 1):
                k, s, d, before, behind, after = 1, 1, 1, 0, 0, size
            kernel.append(k)
            strides.append(s)
            dilations.append(d)
            pads.append((before, behind))
            left.append(after)
        self.steps, self.places = left
        begins, ends = zip(*pads, strict=True)
        found = {
            "kernel_shape": self.pair(*kernel),
            "strides": self.pair(*strides),
            "pads": [*self.pair(*begins), *self.pair(*ends)],
        }
        return found | ({"dilations": self.pair(*dilations)} if dilated else {})


def conv(net: Net) -> None:
    """A convolution, plain, grouped or depthwise."""
    c = net.choose
    attributes = net.moved(4, padded=c.random() < 0.5, dilated=True)
    groups = c.choice([1, 1, 1, net.channels, *(g for g in (2, 3) if net.channels % g == 0)])
    units = groups * c.randint(1, 4) if groups < net.channels else groups
    kernel = attributes.pop("kernel_shape")
    weights = net.store(net.floats(units, net.channels // groups, *kernel))
    bias = net.store(net.floats(units, 1).reshape(-1)) if c.random() < 0.7 else ""
    net.add("Conv", f"{weights} {bias}", group=groups, kernel_shape=kernel, **attributes)
    net.channels = units


def pool(net: Net) -> None:
    """A maximum or a mean."""
    c = net.choose
    largest = c.random() < 0.6
    attributes = net.moved(3, padded=c.random() < 0.3, dilated=False)
    more = {} if largest else {"count_include_pad": 1}
    net.add("MaxPool" if largest else "AveragePool", **attributes, **more)


def norm(net: Net) -> None:
    """A BatchNormalization of the channels."""
    n = net.channels
    rng = np.random.default_rng(net.choose.randrange(2**31))
    parts = (
        rng.uniform(0.5, 1.5, n),
        rng.normal(size=n) / 2,
        rng.normal(size=n) / 2,
        rng.uniform(0.5, 2.0, n),
    )
    names = " ".join(net.store(part.astype(np.float32)) for part in parts)
    net.add("BatchNormalization", names)


def activation(net: Net) -> None:
    """A function of each number."""
    net.add(net.choose.choice(["Relu", "Relu", "Tanh", "Sigmoid", "LeakyRelu", "HardSigmoid"]))


def dense(net: Net) -> None:
    """A matrix along the last axis, whatever that is, or along the channels."""
    if net.time_first and net.choose.random() < 0.5:
        units = net.choose.randint(1, 5)
        net.add("MatMul", net.store(net.floats(units, net.places).T.copy()))
        net.places = units
        return
    units = net.choose.randint(1, 5)
    net.add("Transpose", perm=[0, 2, 3, 1])
    net.add("MatMul", net.store(net.floats(units, net.channels).T.copy()))
    net.add("Transpose", perm=[0, 3, 1, 2])
    net.channels = units


def scale(net: Net) -> None:
    """A number, or one for each channel, times or plus."""
    shape = net.choose.choice([(), (1, net.channels, 1, 1)])
    net.add(net.choose.choice(["Mul", "Add"]), net.store(net.floats(*(shape or (1,)))))


def some(net: Net) -> None:
    """Some of the channels, every other one."""
    if net.channels < 3:
        return
    names = [net.store(np.array([n], np.int64)) for n in (0, net.channels, 1, 2)]
    net.add("Slice", " ".join(names))
    net.channels = -(-net.channels // 2)


def more_places(net: Net) -> None:
    """A transposed convolution, or each place twice."""
    c = net.choose
    if net.places > 8:
        return
    if c.random() < 0.4:
        mode = c.choice(["asymmetric", "half_pixel"])
        scales = net.store(np.array([1, 1, *net.pair(1, 2)], np.float32))
        net.add("Resize", f"- {scales}", mode="nearest", coordinate_transformation_mode=mode)
        net.places *= 2
        return
    groups = c.choice([1, net.channels])
    k, s, d, own = c.randint(1, 4), c.choice([1, 2, 3]), c.choice([1, 1, 2]), c.randint(1, 3)
    pads, more = [c.randint(0, k - 1) for _ in range(2)], c.randint(0, s - 1)
    after = (net.places - 1) * s + (k - 1) * d + 1 - sum(pads) + more
    if after < 1:
        return
    net.add(
        "ConvTranspose",
        net.store(net.floats(net.channels, own, *net.pair(1, k))),
        group=groups,
        strides=net.pair(1, s),
        dilations=net.pair(1, d),
        pads=[*net.pair(0, pads[0]), *net.pair(0, pads[1])],
        output_padding=net.pair(0, more),
    )
    net.channels, net.places = own * groups, after


def joined(net: Net) -> None:
    """All channels beside what a function makes of them."""
    before = net.x
    net.add("Tanh")
    net.add("Concat", before, axis=1)
    net.channels *= 2


def reduced(net: Net) -> None:
    """A sum, mean or maximum over places or channels, which become one."""
    over_places = net.choose.random() < 0.6
    axis = 1 if not over_places else 3 if net.time_first else 2
    op = net.choose.choice(["ReduceMean", "ReduceMean", "ReduceSum", "ReduceMax"])
    if op == "ReduceSum":
        net.add(op, net.store(np.array([axis], np.int64)))
    else:
        net.add(op, axes=[axis])
    if over_places:
        net.places = 1
    else:
        net.channels = 1


LAYERS = (
    *(conv, conv, conv, pool, norm, activation, activation),
    *(dense, scale, some, reduced, joined, more_places),
)


def drawn(seed: int, channels: int | None = None) -> onnx.ModelProto:
    """Up to six layers, then an LSTM or GRU along time and a dense layer of its last step."""
    c = random.Random(seed)
    first = channels or c.choice([1, 1, 2, 3])
    net = Net(c, c.random() < 0.6, first, c.randint(6, 14), c.randint(4, 12))
    if first > 1:
        net.time_first = False
    shape = [1, first, *net.pair(net.steps, net.places)]
    conv(net)
    for layer in c.choices(LAYERS, k=c.randint(0, 5)):
        layer(net)
    order = c.choice(["channels", "places"])
    axes = [1, 3] if net.time_first else [1, 2]
    axes = axes if order == "channels" else axes[::-1]
    net.add("Transpose", perm=[2 if net.time_first else 3, 0, *axes])
    features = net.channels * net.places
    net.add("Reshape", net.store(np.array([net.steps, 1, features], np.int64)))
    op, gates = c.choice([("LSTM", 4), ("GRU", 3)])
    names = " ".join(
        net.store(net.floats(1, gates * H, n).reshape(1, gates * H, n) if n else array)
        for n, array in ((features, None), (H, None))
    )
    more = {"linear_before_reset": 1} if op == "GRU" else {}
    net.nodes.append(node(op, f"{net.x} {names}", "Y", hidden_size=H, **more))
    last = net.store(np.array(-1, np.int64))
    net.nodes.append(node("Gather", f"Y {last}", "last", axis=0))
    net.nodes.append(node("Reshape", f"last {net.store(np.array([1, H], np.int64))}", "flat"))
    net.nodes.append(node("Gemm", f"flat {net.store(net.floats(3, H))}", "out", transB=1))
    return graph(net.nodes, {"x": shape}, ["out"], net.arrays)
