"""Recurrent cells as plain ONNX nodes with random weights.

Each cell is a function of a builder, the name of x [1, I] and those of its states; it gives the
name of y and those of its states after the step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import NodeProto, helper

INPUTS, UNITS, OUTPUTS = 3, 5, 2
STEPS = 7
"""Of the sequences that tests run."""

Result = tuple[str, Sequence[str]]


@dataclass
class Builder:
    """Nodes in order, and constants by name."""

    rng: np.random.Generator
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """A node; the name of its output, or names where there are several."""
        made = [f"{op.lower()}_{len(self.nodes)}_{k}" for k in range(outputs)]
        node = helper.make_node(op, inputs, made, name=f"node_{len(self.nodes)}", **attributes)
        self.nodes.append(node)
        return made[0] if outputs == 1 else made

    def constant(self, value: object) -> str:
        """The name of a constant, float32 or int64."""
        array = np.asarray(value)
        name = f"constant_{len(self.constants)}"
        self.constants[name] = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
        return name

    def drawn(self, *shape: int, low: float = -0.6, high: float = 0.6) -> str:
        """The name of random numbers."""
        return self.constant(self.rng.uniform(low, high, shape))

    def dense(self, x: str, inputs: int, units: int) -> str:
        """x W + b, as torch writes it."""
        return str(self.add("Gemm", x, self.drawn(units, inputs), self.drawn(units), transB=1))

    def times(self, x: str, inputs: int, units: int) -> str:
        """x W."""
        return str(self.add("MatMul", x, self.drawn(inputs, units)))

    def chunks(self, x: str, count: int, size: int = UNITS) -> list[str]:
        """Parts of the last axis."""
        found = self.add("Split", x, self.constant([size] * count), outputs=count, axis=-1)
        return list(found)

    def sum(self, *parts: str) -> str:
        """All added."""
        total = parts[0]
        for part in parts[1:]:
            total = self.add("Add", total, part)
        return total

    def mix(self, gate: str, a: str, b: str) -> str:
        """gate * a + (1 - gate) * b."""
        rest = self.add("Sub", self.constant(1.0), gate)
        return str(self.add("Add", self.add("Mul", gate, a), self.add("Mul", rest, b)))

    def head(self, h: str, units: int = UNITS) -> str:
        """y."""
        return self.dense(h, units, OUTPUTS)


def min_gru(b: Builder, x: str, s: Sequence[str]) -> Result:
    h = b.mix(b.add("Sigmoid", b.dense(x, INPUTS, UNITS)), b.dense(x, INPUTS, UNITS), s[0])
    return b.head(h), [h]


def sru(b: Builder, x: str, s: Sequence[str]) -> Result:
    c = s[0]
    u, v, w = b.chunks(b.times(x, INPUTS, 3 * UNITS), 3)
    f, r = (
        b.add("Sigmoid", b.sum(g, b.add("Mul", b.drawn(UNITS), c), b.drawn(UNITS))) for g in (u, v)
    )
    c = b.mix(f, c, w)
    h = b.mix(r, b.add("Tanh", c), b.times(x, INPUTS, UNITS))
    return b.head(h), [c]


def ind_rnn(b: Builder, x: str, s: Sequence[str]) -> Result:
    h = b.add("Relu", b.sum(b.dense(x, INPUTS, UNITS), b.add("Mul", b.drawn(UNITS), s[0])))
    return b.head(h), [h]


def ugrnn(b: Builder, x: str, s: Sequence[str]) -> Result:
    both = b.sum(b.dense(x, INPUTS, 2 * UNITS), b.dense(s[0], UNITS, 2 * UNITS))
    g, c = b.chunks(both, 2)
    h = b.mix(b.add("Sigmoid", g), s[0], b.add("Tanh", c))
    return b.head(h), [h]


def cfc(b: Builder, x: str, s: Sequence[str]) -> Result:
    both = b.dense(b.add("Concat", x, s[0], axis=1), INPUTS + UNITS, 8)
    z = b.add("Mul", b.add("Tanh", b.add("Mul", both, b.constant(0.666))), b.constant(1.7159))
    f1, f2, t, u = (b.dense(z, 8, UNITS) for _ in range(4))
    h = b.mix(b.add("Sigmoid", b.sum(t, u)), b.add("Tanh", f2), b.add("Tanh", f1))
    return b.head(h), [h]


def coupled_peephole(b: Builder, x: str, s: Sequence[str]) -> Result:
    h, c = s
    i, g, o = b.chunks(b.sum(b.dense(x, INPUTS, 3 * UNITS), b.times(h, UNITS, 3 * UNITS)), 3)
    i = b.add("Sigmoid", b.sum(i, b.add("Mul", b.drawn(UNITS), c)))
    c = b.mix(i, b.add("Tanh", g), c)
    o = b.add("Sigmoid", b.sum(o, b.add("Mul", b.drawn(UNITS), c)))
    h = b.add("Mul", o, b.add("Tanh", c))
    return b.head(h), [h, c]


def norm(b: Builder, x: str, size: int, plain: bool = False) -> str:
    """Layer normalization, as an operator or written out."""
    gain, offset = b.drawn(size, low=0.5, high=1.5), b.drawn(size)
    if plain:
        axes = b.constant([-1])
        apart = b.add("Sub", x, b.add("ReduceMean", x, axes, keepdims=1))
        mean = b.add("ReduceMean", b.add("Pow", apart, b.constant(2.0)), axes, keepdims=1)
        root = b.add("Sqrt", b.sum(mean, b.constant(1e-5)))
        return b.sum(b.add("Mul", b.add("Div", apart, root), gain), offset)
    return str(b.add("LayerNormalization", x, gain, offset, axis=-1))


def norm_lstm(b: Builder, x: str, s: Sequence[str]) -> Result:
    h, c = s
    mine, theirs = b.times(x, INPUTS, 4 * UNITS), b.times(h, UNITS, 4 * UNITS)
    i, f, g, o = b.chunks(b.sum(norm(b, mine, 4 * UNITS), norm(b, theirs, 4 * UNITS)), 4)
    kept = b.add("Mul", b.add("Sigmoid", f), c)
    c = b.sum(kept, b.add("Mul", b.add("Sigmoid", i), b.add("Tanh", g)))
    h = b.add("Mul", b.add("Sigmoid", o), b.add("Tanh", norm(b, c, UNITS, plain=True)))
    return b.head(h), [h, c]


def fast_grnn(b: Builder, x: str, s: Sequence[str]) -> Result:
    shared = b.sum(b.times(x, INPUTS, UNITS), b.times(b.times(s[0], UNITS, 2), 2, UNITS))
    z = b.add("Sigmoid", b.sum(shared, b.drawn(UNITS)))
    n = b.add("Tanh", b.sum(shared, b.drawn(UNITS)))
    rest = b.add("Mul", b.constant(0.8), b.add("Sub", b.constant(1.0), z))
    h = b.sum(b.add("Mul", b.sum(rest, b.constant(0.1)), n), b.add("Mul", z, s[0]))
    return b.head(h), [h]


def ltc(b: Builder, x: str, s: Sequence[str]) -> Result:
    """Liquid time constant with two unfolds; its state has 4 numbers."""
    units, v = 4, s[0]
    axes, sums = b.constant([2]), b.constant([1])

    def synapses(source: str, count: int) -> tuple[str, str]:
        each = b.add("Sub", b.add("Unsqueeze", source, axes), b.drawn(count, units))
        open_ = b.add("Sigmoid", b.add("Mul", b.drawn(count, units, low=1.0, high=3.0), each))
        act = b.add("Mul", b.drawn(count, units, low=0.1, high=1.0), open_)
        signed = b.add("Mul", act, b.drawn(count, units, low=-1.0, high=1.0))
        return tuple(b.add("ReduceSum", a, sums, keepdims=0) for a in (signed, act))  # type: ignore[return-value]

    mine, total = synapses(x, INPUTS)
    capacity, leak = (b.drawn(units, low=0.4, high=0.9) for _ in range(2))
    for _ in range(2):
        up, down = synapses(v, units)
        over = b.sum(b.add("Mul", capacity, v), b.drawn(units), up, mine)
        v = b.add("Div", over, b.sum(b.sum(capacity, leak), down, total))
    return b.head(v, units), [v]


def lmu(b: Builder, x: str, s: Sequence[str]) -> Result:
    """Legendre memory unit: states of two sizes."""
    h, m = s
    u = b.sum(b.times(x, INPUTS, 1), b.times(h, UNITS, 1), b.times(m, 4, 1))
    m = b.sum(b.times(m, 4, 4), b.times(u, 1, 4))
    total = b.sum(b.dense(x, INPUTS, UNITS), b.times(h, UNITS, UNITS), b.times(m, 4, UNITS))
    h = b.add("Tanh", total)
    return b.head(h), [h, m]


def lmu_of_rows(b: Builder, x: str, s: Sequence[str]) -> Result:
    """The same with a memory of 3 rows, a state [3, 4]."""
    h, m = s
    mine = b.add("Reshape", b.times(x, INPUTS, 3), b.constant([3, 1]))
    m = b.sum(b.times(m, 4, 4), b.times(b.sum(mine, b.times(m, 4, 1)), 1, 4))
    flat = b.add("Reshape", m, b.constant([1, 12]))
    total = b.sum(b.dense(x, INPUTS, UNITS), b.times(h, UNITS, UNITS), b.times(flat, 12, UNITS))
    h = b.add("Tanh", total)
    return b.head(h), [h, m]


def s4d(b: Builder, x: str, s: Sequence[str]) -> Result:
    h = b.add("Mul", b.drawn(UNITS, low=0.3, high=0.95), s[0])
    h = b.sum(h, b.times(x, INPUTS, UNITS))
    y = b.sum(b.add("Mul", h, b.drawn(UNITS)), b.times(x, INPUTS, UNITS))
    return b.head(b.add("Gelu", y)), [h]


def mamba(b: Builder, x: str, s: Sequence[str]) -> Result:
    """Selective state space: states [1, 5, 4]."""
    n = 4
    inner = b.dense(x, INPUTS, UNITS)
    inner = b.add("Mul", inner, b.add("Sigmoid", inner))
    delta = b.add("Softplus", b.dense(inner, UNITS, UNITS))
    into, out = (b.times(inner, UNITS, n) for _ in range(2))
    column, row = b.constant([2]), b.constant([1])
    wide = b.add("Unsqueeze", delta, column)
    rate = b.add("Exp", b.add("Mul", wide, b.drawn(UNITS, n, low=-2.0, high=-0.2)))
    new = b.add("Mul", b.add("Mul", delta, inner), b.drawn(UNITS))
    new = b.add("Mul", b.add("Unsqueeze", new, column), b.add("Unsqueeze", into, row))
    h = b.sum(b.add("Mul", rate, s[0]), new)
    y = b.add("MatMul", h, b.add("Unsqueeze", out, column))
    y = b.sum(b.add("Squeeze", y, column), b.add("Mul", inner, b.drawn(UNITS)))
    return b.head(y), [h]


def slstm(b: Builder, x: str, s: Sequence[str]) -> Result:
    """Exponential gates with a running maximum."""
    h, c, n, m = s
    total = b.sum(b.dense(x, INPUTS, 4 * UNITS), b.times(h, UNITS, 4 * UNITS))
    i, f, z, o = b.chunks(total, 4)
    forget = b.add("Neg", b.add("Softplus", b.add("Neg", f)))
    most = b.add("Max", b.sum(forget, m), i)
    i = b.add("Exp", b.add("Sub", i, most))
    f = b.add("Exp", b.add("Sub", b.sum(forget, m), most))
    c = b.sum(b.add("Mul", f, c), b.add("Mul", i, b.add("Tanh", z)))
    n = b.sum(b.add("Mul", f, n), i)
    h = b.add("Mul", b.add("Sigmoid", o), b.add("Div", c, b.sum(n, b.constant(1.0))))
    return b.head(h), [h, c, n, most]


def mlstm(b: Builder, x: str, s: Sequence[str]) -> Result:
    """A memory of a matrix [1, 3, 3] and a normalizer."""
    size, (memory, n) = 3, s
    q, k, v = (b.dense(x, INPUTS, size) for _ in range(3))
    i, f = (b.add("Sigmoid", b.dense(x, INPUTS, 1)) for _ in range(2))
    column, row = b.constant([2]), b.constant([1])
    outer = b.add("MatMul", b.add("Unsqueeze", v, column), b.add("Unsqueeze", k, row))
    wide = [b.add("Unsqueeze", g, column) for g in (i, f)]
    memory = b.sum(b.add("Mul", wide[1], memory), b.add("Mul", wide[0], outer))
    n = b.sum(b.add("Mul", f, n), b.add("Mul", i, k))
    over = b.add("Squeeze", b.add("MatMul", memory, b.add("Unsqueeze", q, column)), column)
    dot = b.add("ReduceSum", b.add("Mul", n, q), row, keepdims=1)
    h = b.add("Div", over, b.add("Max", b.add("Abs", dot), b.constant(1.0)))
    return b.head(h, size), [memory, n]


def lstm_step(b: Builder, x: str, h: str, c: str, inputs: int = INPUTS) -> tuple[str, str]:
    """torch's LSTMCell."""
    total = b.sum(b.dense(x, inputs, 4 * UNITS), b.dense(h, UNITS, 4 * UNITS))
    i, f, g, o = b.chunks(total, 4)
    kept = b.add("Mul", b.add("Sigmoid", f), c)
    c = b.sum(kept, b.add("Mul", b.add("Sigmoid", i), b.add("Tanh", g)))
    return b.add("Mul", b.add("Sigmoid", o), b.add("Tanh", c)), c


def gru_step(b: Builder, x: str, h: str, inputs: int = INPUTS) -> str:
    """torch's GRUCell."""
    mine = b.chunks(b.dense(x, inputs, 3 * UNITS), 3)
    theirs = b.chunks(b.dense(h, UNITS, 3 * UNITS), 3)
    r, z = (b.add("Sigmoid", b.sum(mine[k], theirs[k])) for k in range(2))
    n = b.add("Tanh", b.sum(mine[2], b.add("Mul", r, theirs[2])))
    return b.sum(n, b.add("Mul", z, b.add("Sub", h, n)))


def lstm(b: Builder, x: str, s: Sequence[str]) -> Result:
    h, c = lstm_step(b, x, s[0], s[1])
    return b.head(h), [h, c]


def packed_lstm(b: Builder, x: str, s: Sequence[str]) -> Result:
    """h and c in one tensor [1, 2 H]."""
    before = b.chunks(s[0], 2)
    h, c = lstm_step(b, x, before[0], before[1])
    return b.head(h), [b.add("Concat", h, c, axis=1)]


def gru(b: Builder, x: str, s: Sequence[str]) -> Result:
    h = gru_step(b, x, s[0])
    return b.head(h), [h]


def stack(b: Builder, x: str, s: Sequence[str]) -> Result:
    """A GRU, a layer normalization, an LSTM, and both added."""
    first = gru_step(b, x, s[0])
    h, c = lstm_step(b, norm(b, first, UNITS), s[1], s[2], UNITS)
    y = b.add("Softmax", b.head(b.sum(first, h)), axis=-1)
    return y, [first, h, c]


def delay(b: Builder, x: str, s: Sequence[str]) -> Result:
    """A causal convolution of 3 steps, in front of a GRU: the last inputs are a state [2, I]."""
    row = b.add("Reshape", x, b.constant([1, INPUTS]))
    window = b.add("Concat", s[0], row, axis=0)
    seen = b.dense(b.add("Reshape", window, b.constant([1, 3 * INPUTS])), 3 * INPUTS, UNITS)
    kept = b.add("Slice", window, b.constant([1]), b.constant([3]), b.constant([0]))
    h = gru_step(b, b.add("Relu", seen), s[1], UNITS)
    return b.head(h), [kept, h]


H = (1, UNITS)


def clocked(b: Builder, x: str, s: Sequence[str]) -> Result:
    """A clock that opens gates, and a count of steps for the head: no input renews them."""
    h, phase, count = s
    phase = b.add("Add", b.add("Mul", b.constant(0.8), phase), b.drawn(UNITS, low=0.1, high=0.2))
    count = b.add("Add", b.add("Mul", b.constant(0.9), count), b.constant(1.0))
    new = b.add("Tanh", b.sum(b.dense(x, INPUTS, UNITS), b.times(h, UNITS, UNITS)))
    h = b.mix(phase, new, h)
    return b.head(b.add("Div", h, count)), [h, phase, count]


def grouped(b: Builder, x: str, s: Sequence[str]) -> Result:
    """Two groups of units, each normalized, as torch's GroupNorm writes it."""
    z = b.sum(b.dense(x, INPUTS, 8), b.times(s[0], 8, 8))
    rows = b.add("Reshape", z, b.constant([1, 2, -1]))
    gain = b.drawn(2, low=0.5, high=1.5)
    rows = b.add("InstanceNormalization", rows, gain, b.drawn(2), epsilon=1e-3)
    h = b.add("Tanh", b.add("Reshape", rows, b.constant([1, 8])))
    return b.head(h, 8), [h]


def erased(b: Builder, x: str, s: Sequence[str]) -> Result:
    """A memory [1, 3, 4] that a key of the last state opens, erases and writes."""
    h, memory = s
    column, row = b.constant([2]), b.constant([1])
    key = b.add("Unsqueeze", b.dense(h, UNITS, 4), column)
    open_ = b.add("Softmax", b.add("Squeeze", b.add("MatMul", memory, key), column), axis=-1)
    read = b.add("Squeeze", b.add("MatMul", b.add("Unsqueeze", open_, row), memory), row)
    h = b.add("Tanh", b.dense(b.add("Concat", x, read, h, axis=1), INPUTS + 4 + UNITS, UNITS))
    wide = b.add("Unsqueeze", open_, column)
    gone, new = (b.add("Unsqueeze", b.dense(h, UNITS, 4), row) for _ in range(2))
    memory = b.mix(b.add("Mul", wide, b.add("Sigmoid", gone)), b.add("Tanh", new), memory)
    return b.head(b.add("Concat", h, read, axis=1), UNITS + 4), [h, memory]


def turned(b: Builder, x: str, s: Sequence[str]) -> Result:
    """A state of length 1 that the input turns, of pairs, and what was read before."""
    angle, pairs = b.dense(x, INPUTS, 2), b.chunks(s[0], 2, 2)[::-1]
    moved = b.add("Concat", *(b.add("Mul", angle, pair) for pair in pairs), axis=1)
    moved = b.sum(s[0], b.add("Mul", moved, b.constant([0.4, 0.4, -0.4, -0.4])), b.drawn(4))
    return b.head(s[0], 4), [b.add("Div", moved, b.add("ReduceL2", moved, b.constant([1])))]


def raised(b: Builder, x: str, s: Sequence[str]) -> Result:
    """Powers, each with an exponent of its own, and the logarithm of a sum of exponentials."""
    power = b.add("Mul", x, x)
    mean = b.sum(b.add("Mul", s[0], b.constant(0.8)), b.add("Mul", power, b.constant(0.2)))
    low = b.add("Pow", b.sum(b.add("Abs", mean), b.constant(0.3)), b.drawn(INPUTS, low=0.3))
    total = b.add("ReduceLogSumExp", b.add("Div", power, low), b.constant([1]))
    return b.head(b.add("Sub", low, total), INPUTS), [mean]


def parted(b: Builder, x: str, s: Sequence[str]) -> Result:
    """Parts of a list, a column that is written, and functions that torch has operators for."""
    both = b.sum(b.dense(x, INPUTS, 2 * UNITS), b.times(s[0], UNITS, 2 * UNITS))
    parts = b.add("SplitToSequence", both, b.constant([UNITS, UNITS]), axis=1)
    first, second = (b.add("SequenceAt", parts, b.constant(k)) for k in (0, -1))
    h = b.sum(b.add("Tanh", b.add("Celu", first, alpha=0.7)), b.add("Mul", s[0], b.constant(0.5)))
    column = b.add("Slice", b.add("Sign", second), *map(b.constant, ([1], [2], [1])))
    h = b.add("ScatterElements", h, b.constant([[3]]), column, axis=1)
    return b.head(h), [b.add("Reshape", h, b.constant([1, UNITS]))]


CELLS: dict[str, tuple[Callable[[Builder, str, Sequence[str]], Result], list[tuple[int, ...]]]] = {
    "min_gru": (min_gru, [H]),
    "sru": (sru, [H]),
    "ind_rnn": (ind_rnn, [H]),
    "ugrnn": (ugrnn, [H]),
    "cfc": (cfc, [H]),
    "coupled_peephole": (coupled_peephole, [H, H]),
    "norm_lstm": (norm_lstm, [H, H]),
    "fast_grnn": (fast_grnn, [H]),
    "ltc": (ltc, [(1, 4)]),
    "lmu": (lmu, [H, (1, 4)]),
    "lmu_of_rows": (lmu_of_rows, [H, (3, 4)]),
    "s4d": (s4d, [H]),
    "mamba": (mamba, [(1, UNITS, 4)]),
    "slstm": (slstm, [H, H, H, H]),
    "mlstm": (mlstm, [(1, 3, 3), (1, 3)]),
    "packed_lstm": (packed_lstm, [(1, 2 * UNITS)]),
    "lstm": (lstm, [H, H]),
    "gru": (gru, [H]),
    "stack": (stack, [H, H, H]),
    "delay": (delay, [(2, INPUTS), H]),
    "clocked": (clocked, [H, H, (1, 1)]),
    "grouped": (grouped, [(1, 8)]),
    "erased": (erased, [H, (1, 3, 4)]),
    "turned": (turned, [(1, 4)]),
    "raised": (raised, [(1, INPUTS)]),
    "parted": (parted, [H]),
}
"""Name -> how it is built, and the shapes of its states."""
