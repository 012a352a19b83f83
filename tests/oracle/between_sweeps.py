"""Models in which a later pass over the steps reads what an earlier one left, with what they
compute in float64: encoders and decoders, gates of the mean, attention over time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lstm_edge import cells
from lstm_edge.ir.clock import Length
from lstm_edge.ir.expr import Cell, Expr, apply, constant, input_vector, sigmoid
from lstm_edge.ir.model import Floats, Layer, Model, Node, Port, Step, Tensor, Work
from lstm_edge.layers.dense import dense
from lstm_edge.layers.over_time import LARGEST, mean, running

Doubles = npt.NDArray[np.float64]
FEATURES, H, OUT, T = 4, 6, 3, 9
"""Features, hidden units, outputs, steps."""


@dataclass(frozen=True)
class Case:
    """expected: x [T, FEATURES] -> y, in float64."""

    model: Model
    expected: Callable[[Doubles], Doubles]


class _Net:
    """A model while nodes are added, random weights for each, and the same in float64."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Node[Work]] = []
        self.tensors = {"x": Tensor("x", FEATURES, True)}

    def add(
        self, name: str, op: Work, inputs: Mapping[str, str], units: int, per_step: bool
    ) -> str:
        result = list(op.cell.results)[-1] if isinstance(op, Layer) else "y"
        self.tensors[name] = Tensor(name, units, per_step)
        self.nodes.append(Node(f"{name}_node", op, inputs, {result: name}))
        return name

    def lstm(self, features: int, units: int = H) -> Layer:
        params = {}
        for gate in "ifgo":
            if features:
                params[f"W_{gate}"] = self._normal(units, features)
            params[f"R_{gate}"] = self._normal(units, units)
            params[f"b_{gate}"] = self._normal(units)
        return Layer(cells.lstm(), params)

    def gru(self, features: int, units: int = H) -> Layer:
        params = {f"W_{g}": self._normal(units, features) for g in "zrn"}
        params |= {f"R_{g}": self._normal(units, units) for g in ("z", "r", "hn")}
        params |= {f"b_{g}": self._normal(units) for g in ("z", "r", "n", "hn")}
        return Layer(cells.gru(reset_after=True), params)

    def dense(self, units: int, features: int) -> Layer:
        return Layer(dense(), {"W_y": self._normal(units, features), "b_y": self._normal(units)})

    def _normal(self, *shape: int) -> Floats:
        return (self.rng.normal(size=shape) * 0.6).astype(np.float32)

    def model(self, output: str, steps: int = T) -> Model:
        tensor = self.tensors[output]
        port = Port("x", "x", ("time", "feature"), (T, FEATURES))
        if tensor.per_step:
            shown = Port("y", output, ("time", "feature"), (steps, tensor.features))
        else:
            shown = Port("y", output, ("feature",), (tensor.features,))
        tensors = dict(self.tensors)
        return Model("net", (port,), (shown,), tensors, tuple(self.nodes), T, "0" * 64)


def _sigmoid(x: Doubles) -> Doubles:
    return 1.0 / (1.0 + np.exp(-x))


def _lstm(layer: Layer, xs: Doubles, h: Doubles | None = None, c: Doubles | None = None) -> Doubles:
    """All hidden states of an LSTM in float64, and the last cell state at the end."""
    p = {name: a.astype(np.float64) for name, a in layer.params.items()}
    units = len(p["b_i"])
    h = np.zeros(units) if h is None else h
    c = np.zeros(units) if c is None else c
    hs = []
    for x in xs:
        i, f, g, o = (p[f"W_{k}"] @ x + p[f"R_{k}"] @ h + p[f"b_{k}"] for k in "ifgo")
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        hs.append(h)
    return np.array([*hs, c])


def _gru(layer: Layer, xs: Doubles, h: Doubles) -> Doubles:
    p = {name: a.astype(np.float64) for name, a in layer.params.items()}
    hs = []
    for x in xs:
        z = _sigmoid(p["W_z"] @ x + p["R_z"] @ h + p["b_z"])
        r = _sigmoid(p["W_r"] @ x + p["R_r"] @ h + p["b_r"])
        n = np.tanh(p["W_n"] @ x + p["b_n"] + r * (p["R_hn"] @ h + p["b_hn"]))
        h = (1.0 - z) * n + z * h
        hs.append(h)
    return np.array(hs)


def _affine(layer: Layer, x: Doubles) -> Doubles:
    return x @ layer.params["W_y"].astype(np.float64).T + layer.params["b_y"].astype(np.float64)


def autoencoder() -> Case:
    """The last hidden state at every step of a decoder."""
    net = _Net(1)
    enc, dec, out = net.lstm(FEATURES), net.lstm(H), net.dense(OUT, H)
    net.add("e", enc, {"x": "x"}, H, True)
    net.add("l", Step(-1), {"x": "e"}, H, False)
    net.add("d", replace(dec, over=Length()), {"x": "l"}, H, True)
    net.add("y", out, {"x": "d"}, OUT, True)

    def expected(x: Doubles) -> Doubles:
        last = _lstm(enc, x)[-2]
        return _affine(out, _lstm(dec, np.tile(last, (T, 1)))[:-1])

    return Case(net.model("y"), expected)


def other_length() -> Case:
    """A decoder of five steps, which begins where the encoder ended, with both states."""
    net = _Net(2)
    enc, dec, out = net.lstm(FEATURES), net.lstm(H), net.dense(OUT, H)
    net.tensors |= {"e": Tensor("e", H, True), "c": Tensor("c", H, True)}
    net.nodes.append(Node("enc", enc, {"x": "x"}, {"h": "e", "c": "c"}))
    net.add("l", Step(-1), {"x": "e"}, H, False)
    net.add("m", Step(-1), {"x": "c"}, H, False)
    begun = replace(dec, begins={"h": "h0", "c": "c0"}, over=Length(5 - T - 1))
    net.add("d", begun, {"x": "l", "h0": "l", "c0": "m"}, H, True)
    net.add("y", out, {"x": "d"}, OUT, True)

    def expected(x: Doubles) -> Doubles:
        hs = _lstm(enc, x)
        return _affine(out, _lstm(dec, np.tile(hs[-2], (5, 1)), hs[-2], hs[-1])[:-1])

    return Case(net.model("y", 5), expected)


def gru_begun() -> Case:
    """A GRU over the input again, whose first state a dense layer makes of the encoder's last."""
    net = _Net(3)
    enc, bridge, dec = net.lstm(FEATURES), net.dense(H, H), net.gru(FEATURES)
    net.add("e", enc, {"x": "x"}, H, True)
    net.add("l", Step(-1), {"x": "e"}, H, False)
    net.add("b", bridge, {"x": "l"}, H, False)
    net.add("y", replace(dec, begins={"h": "h0"}), {"x": "x", "h0": "b"}, H, True)
    return Case(net.model("y"), lambda x: _gru(dec, x, _affine(bridge, _lstm(enc, x)[-2])))


def squeeze_and_excite() -> Case:
    """Features weighted by a gate of their mean over all steps."""
    net = _Net(4)
    enc, gate, out = net.lstm(FEATURES), net.dense(H, H), net.dense(OUT, H)
    net.add("e", enc, {"x": "x"}, H, True)
    start = {"y": np.zeros(1, np.float32)}
    net.add("s", Layer(running("sum"), {}, start, None), {"x": "e"}, H, True)
    net.add("sl", Step(-1), {"x": "s"}, H, False)
    net.add("m", Layer(mean()), {"x": "sl"}, H, False)
    net.add("g", gate, {"x": "m"}, H, False)
    net.add("q", Layer(Cell("sigmoid", {"y": sigmoid(input_vector("x"))})), {"x": "g"}, H, False)
    times = Cell("mul", {"y": input_vector("x") * input_vector("y")})
    net.add("w", Layer(times), {"x": "e", "y": "q"}, H, True)
    net.add("y", out, {"x": "w"}, OUT, True)

    def expected(x: Doubles) -> Doubles:
        hs = _lstm(enc, x)[:-1]
        return _affine(out, _sigmoid(_affine(gate, hs.mean(axis=0))) * hs)

    return Case(net.model("y"), expected)


def attention_pooling() -> Case:
    """Steps weighted by a softmax over time of a score, with the largest taken away first."""
    net = _Net(5)
    enc, score, out = net.lstm(FEATURES), net.dense(1, H), net.dense(OUT, H)
    net.add("e", enc, {"x": "x"}, H, True)
    net.add("s", score, {"x": "e"}, 1, True)
    lowest, zero = np.full(1, -LARGEST, np.float32), np.zeros(1, np.float32)
    net.add("m", Layer(running("max"), {}, {"y": lowest}, None), {"x": "s"}, 1, True)
    net.add("ml", Step(-1), {"x": "m"}, 1, False)
    x, y = input_vector("x"), input_vector("y")
    net.add("p", Layer(Cell("exp", {"y": apply("exp", x - y)})), {"x": "s", "y": "ml"}, 1, True)
    net.add("pv", Layer(Cell("mul", {"y": x * y})), {"x": "p", "y": "e"}, H, True)
    net.add("ps", Layer(running("sum"), {}, {"y": zero}, None), {"x": "p"}, 1, True)
    net.add("vs", Layer(running("sum"), {}, {"y": zero}, None), {"x": "pv"}, H, True)
    net.add("psl", Step(-1), {"x": "ps"}, 1, False)
    net.add("vsl", Step(-1), {"x": "vs"}, H, False)
    over = Cell("divide", {"y": Expr("divide", (x, y))})
    net.add("c", Layer(over), {"x": "vsl", "y": "psl"}, H, False)
    net.add("y", out, {"x": "c"}, OUT, False)

    def expected(x: Doubles) -> Doubles:
        hs = _lstm(enc, x)[:-1]
        weights = np.exp(_affine(score, hs))
        return _affine(out, (weights * hs).sum(axis=0) / weights.sum())

    return Case(net.model("y"), expected)


def zero_input() -> Case:
    """A decoder that is fed nothing: its first states are all that it knows of the input."""
    net = _Net(6)
    enc, dec, out = net.lstm(FEATURES), net.lstm(H), net.dense(OUT, H)
    net.add("e", enc, {"x": "x"}, H, True)
    net.add("l", Step(-1), {"x": "e"}, H, False)
    zeros = {f"W_{g}": np.zeros((H, H), np.float32) for g in "ifgo"}
    silent = replace(dec, params={**dec.params, **zeros}, begins={"h": "h0"}, over=Length())
    net.add("d", silent, {"x": "l", "h0": "l"}, H, True)
    net.add("y", out, {"x": "d"}, OUT, True)

    def expected(x: Doubles) -> Doubles:
        return _affine(out, _lstm(silent, np.zeros((T, H)), _lstm(enc, x)[-2])[:-1])

    return Case(net.model("y"), expected)


def shifted_by_first() -> Case:
    """The first step subtracted from all, before anything else."""
    net = _Net(7)
    enc, out = net.lstm(FEATURES), net.dense(OUT, H)
    net.add("f", Step(0), {"x": "x"}, FEATURES, False)
    less = Cell("sub", {"y": input_vector("x") - input_vector("y") + constant(0.25)})
    net.add("r", Layer(less), {"x": "x", "y": "f"}, FEATURES, True)
    net.add("e", enc, {"x": "r"}, H, True)
    net.add("y", out, {"x": "e"}, OUT, True)
    return Case(net.model("y"), lambda x: _affine(out, _lstm(enc, x - x[0] + 0.25)[:-1]))


CASES: Mapping[str, Callable[[], Case]] = {
    make.__name__: make
    for make in (
        autoencoder,
        other_length,
        gru_begun,
        squeeze_and_excite,
        attention_pooling,
        zero_input,
        shifted_by_first,
    )
}
