"""Steps of cells as plain nodes, put together by hand: unrolled, or as the body of a Loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

INPUTS, HIDDEN = 3, 5
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


@dataclass
class Net:
    """Nodes and constants as they come; names are made of a prefix and a number."""

    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        names = [f"{op.lower()}_{len(self.nodes)}_{k}" for k in range(outputs)]
        made = helper.make_node(op, list(inputs), names, name=f"node_{len(self.nodes)}")
        made.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
        self.nodes.append(made)
        return names[0]

    def constant(self, value: object, name: str = "") -> str:
        name = name or f"constant_{len(self.constants)}"
        array = np.asarray(value)
        self.constants[name] = array.astype(np.float32) if array.dtype.kind == "f" else array
        return name

    def parts(self, name: str, count: int) -> list[str]:
        sizes = self.constant([HIDDEN] * count)
        first = self.add("Split", name, sizes, outputs=count, axis=-1)
        return [first[:-1] + str(k) for k in range(count)]


@dataclass(frozen=True)
class Weights:
    """Of one layer, as constants of a net: W [I, G*H], R [H, G*H] and both biases."""

    w: str
    r: str
    b: str
    rb: str


def weights(net: Net, kind: str, inputs: int = INPUTS, seed: int = 0, tag: str = "") -> Weights:
    rng = np.random.default_rng(seed)
    width = GATES[kind] * HIDDEN
    shapes = {"w": (inputs, width), "r": (HIDDEN, width), "b": (width,), "rb": (width,)}
    names = {k: net.constant(rng.normal(size=s) * 0.6, f"{k}{tag}") for k, s in shapes.items()}
    return Weights(**names)


State = tuple[str, str]
Cell = Callable[[Net, Weights, str, State], State]


def lstm(net: Net, p: Weights, x: str, state: State) -> State:
    """Gates in the order of PyTorch: i, f, g, o."""
    h, c = state
    mine = net.add("Add", net.add("MatMul", x, p.w), p.b)
    total = net.add("Add", mine, net.add("Add", net.add("MatMul", h, p.r), p.rb))
    i, f, g, o = net.parts(total, 4)
    kept = net.add("Mul", net.add("Sigmoid", f), c)
    new = net.add("Mul", net.add("Sigmoid", i), net.add("Tanh", g))
    c = net.add("Add", kept, new)
    return net.add("Mul", net.add("Sigmoid", o), net.add("Tanh", c)), c


def gru(net: Net, p: Weights, x: str, state: State) -> State:
    """PyTorch's: r, z, n, the reset gate after the product; h' = (h - n) * z + n."""
    h, c = state
    mine = net.parts(net.add("Add", net.add("MatMul", x, p.w), p.b), 3)
    theirs = net.parts(net.add("Add", net.add("MatMul", h, p.r), p.rb), 3)
    r, z = (net.add("Sigmoid", net.add("Add", mine[k], theirs[k])) for k in (0, 1))
    n = net.add("Tanh", net.add("Add", mine[2], net.add("Mul", r, theirs[2])))
    return net.add("Add", net.add("Mul", net.add("Sub", h, n), z), n), c


def gru_before(net: Net, p: Weights, x: str, state: State) -> State:
    """Keras' with reset_after=False: z, r, h; h' = z * h + (1 - z) * n."""
    h, c = state
    mine = net.parts(net.add("Add", net.add("MatMul", x, p.w), p.b), 3)
    matrix = net.constants[p.r]
    both = net.constant(matrix[:, : 2 * HIDDEN], f"{p.r}_zr")
    last = net.constant(matrix[:, 2 * HIDDEN :], f"{p.r}_h")
    theirs = net.parts(net.add("MatMul", h, both), 2)
    z, r = (net.add("Sigmoid", net.add("Add", mine[k], theirs[k])) for k in (0, 1))
    acted = net.add("MatMul", net.add("Mul", r, h), last)
    n = net.add("Tanh", net.add("Add", mine[2], acted))
    rest = net.add("Sub", net.constant(1.0), z)
    return net.add("Add", net.add("Mul", z, h), net.add("Mul", rest, n)), c


def rnn(net: Net, p: Weights, x: str, state: State) -> State:
    h, c = state
    mine = net.add("Add", net.add("MatMul", x, p.w), p.b)
    theirs = net.add("Add", net.add("MatMul", h, p.r), p.rb)
    return net.add("Tanh", net.add("Add", theirs, mine)), c


CELLS: dict[str, tuple[str, Cell]] = {
    "lstm": ("LSTM", lstm),
    "gru": ("GRU", gru),
    "gru_before": ("GRU", gru_before),
    "rnn": ("RNN", rnn),
}


def read_step(net: Net, how: str, steps: int) -> Callable[[int], str]:
    """Ways to take step k of input x, which is [T, B, I], or [B, T, I] for those with a 1."""
    if how == "split":
        sizes = net.constant([1] * steps)
        first = net.add("Split", "x", sizes, outputs=steps, axis=0)
        axes = net.constant([0])
        return lambda k: net.add("Squeeze", f"{first[:-1]}{k}", axes)
    axis = int(how[-1])
    if how.startswith("gather"):
        return lambda k: net.add("Gather", "x", net.constant(k), axis=axis)

    def sliced(k: int) -> str:
        bounds = (net.constant([v]) for v in (k, k + 1, axis))
        return net.add("Squeeze", net.add("Slice", "x", *bounds), net.constant([axis]))

    return sliced


def stack(net: Net, outputs: list[str], axis: int) -> str:
    """All steps side by side."""
    axes = net.constant([axis])
    lifted = [net.add("Unsqueeze", name, axes) for name in outputs]
    return net.add("Concat", *lifted, axis=axis)


def model(
    net: Net, inputs: dict[str, list[int | str]], outputs: list[str], opset: int = 18
) -> onnx.ModelProto:
    """The model; outputs have no declared shape."""
    graph = helper.make_graph(
        net.nodes,
        "test",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
        [numpy_helper.from_array(w, name) for name, w in net.constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def unrolled(
    cell: str, steps: int, order: list[int] | None = None, how: str = "gather0", batch: int = 2
) -> tuple[Net, list[str], State]:
    """A cell over the steps of x in an order; the net, all h in that order, and the last state."""
    net = Net()
    kind, make = CELLS[cell]
    p = weights(net, kind)
    state = (net.constant(np.zeros((batch, HIDDEN))), net.constant(np.zeros((batch, HIDDEN))))
    read, results = read_step(net, how, steps), []
    for k in order if order is not None else range(steps):
        state = make(net, p, read(k), state)
        results.append(state[0])
    return net, results, state
