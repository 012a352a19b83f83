"""Every operator, direction and attribute as one small model with random weights, and its oracle.

H != N and T > 2, weights of both signs: a gate, a direction or a transpose that is wrong shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from lstm_edge.frontend import load
from lstm_edge.interpret.feed import Feed, Results, feed_of, run_numpy, state_arrays
from lstm_edge.interpret.ports import dequantize
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from tests.oracle.graphs import graph, node, saved
from tests.oracle.onnx_recurrent import ALPHA, BETA, DEFAULTS, FUNCTIONS, run_operator

N, H, T, ROWS = 3, 5, 6, 24
STATES = ("h0", "c0")
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
DIRECTIONS = ("forward", "reverse", "bidirectional")
OPERATORS = {
    "LSTM": ("LSTM", {}),
    "GRU": ("GRU", {}),
    "GRU linear_before_reset": ("GRU", {"linear_before_reset": 1}),
    "RNN": ("RNN", {}),
}
NAMES = {
    "relu": "Relu",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "affine": "Affine",
    "leakyrelu": "LeakyRelu",
    "thresholdedrelu": "ThresholdedRelu",
    "scaledtanh": "ScaledTanh",
    "hardsigmoid": "HardSigmoid",
    "elu": "Elu",
    "softsign": "Softsign",
    "softplus": "Softplus",
}
assert set(NAMES) == set(FUNCTIONS)


@dataclass(frozen=True)
class Case:
    """One node: `extra` names inputs beyond X, W, R and B; `outputs` those that it has; `fed`
    those of `extra` that are inputs of the file, too. length: the constant in `lens`.
    """

    operator: str
    direction: str
    feature: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("Y", "Yh")
    bias: bool = True
    hidden_size: bool = True
    fed: tuple[str, ...] = ()
    length: int = T
    runtime: bool = True
    """Whether onnxruntime can run it."""

    @property
    def op(self) -> str:
        return OPERATORS[self.operator][0]

    @property
    def name(self) -> str:
        return f"{self.operator}, {self.direction}, {self.feature}"

    @property
    def all_attributes(self) -> dict[str, Any]:
        given = {**OPERATORS[self.operator][1], **self.attributes, "direction": self.direction}
        return {**given, "hidden_size": H} if self.hidden_size else given


def cases() -> Iterator[Case]:
    for operator, (op, _) in OPERATORS.items():
        last = ("Y", "Yh", "Yc") if op == "LSTM" else ("Y", "Yh")
        states = ("h0", "c0") if op == "LSTM" else ("h0",)
        for way in DIRECTIONS:
            yield Case(operator, way, "all outputs", outputs=last)
            yield Case(operator, way, "only Y_h", outputs=("Yh",))
            yield Case(operator, way, "without B", bias=False)
            yield Case(operator, way, "initial states", extra=states, outputs=last)
            yield Case(operator, way, "clip", {"clip": 0.4}, outputs=last)
            yield Case(operator, way, "full sequence_lens", extra=("lens",))
            yield from _state_and_length_cases(operator, way, states, last)
            yield Case(operator, way, "without hidden_size", hidden_size=False, runtime=False)
            layout = {"layout": 1}
            yield Case(operator, way, "layout 1", layout, states, last, runtime=False)
            if op == "LSTM":
                yield from _lstm_cases(operator, way)
            for function in FUNCTIONS:
                yield _activation_case(operator, op, way, function)


def _state_and_length_cases(
    operator: str, way: str, states: tuple[str, ...], last: tuple[str, ...]
) -> Iterator[Case]:
    """Initial states and sequence_lens: constants, inputs, both, in either layout."""
    both = (*states, "lens")
    for layout, runtime in ((0, True), (1, False)):
        note = ", layout 1" if layout else ""
        like = {"attributes": {"layout": layout} if layout else {}, "outputs": last}
        like |= {"runtime": runtime}
        yield Case(
            operator, way, f"initial states are inputs{note}", extra=states, fed=states, **like
        )
        yield Case(operator, way, f"sequence_lens 4{note}", extra=("lens",), length=4, **like)
        yield Case(
            operator,
            way,
            f"sequence_lens is an input{note}",
            extra=("lens",),
            fed=("lens",),
            **like,
        )
        yield Case(
            operator, way, f"initial states and sequence_lens{note}", extra=both, length=4, **like
        )
        yield Case(
            operator,
            way,
            f"initial states and sequence_lens are inputs{note}",
            extra=both,
            fed=both,
            **like,
        )


def _lstm_cases(operator: str, way: str) -> Iterator[Case]:
    coupled = {"input_forget": 1}
    yield Case(operator, way, "only Y_c", outputs=("Yc",))
    yield Case(operator, way, "peepholes", extra=("P",), outputs=("Y", "Yc"))
    yield Case(operator, way, "input_forget", coupled)
    yield Case(operator, way, "input_forget, peepholes, clip", {**coupled, "clip": 0.5}, ("P",))


def _activation_case(operator: str, op: str, way: str, function: str) -> Case:
    """The function as candidate (and output) function, its parameters different by direction."""
    count = 2 if way == "bidirectional" else 1
    names = [*DEFAULTS[op]] * count
    own = len(DEFAULTS[op])
    for d in range(count):
        names[d * own + own - 1] = names[d * own + max(own - 2, 1 if own > 1 else 0)] = function
    attributes: dict[str, Any] = {"activations": [NAMES[n] for n in names]}
    takes_alpha, takes_beta = ([n for n in names if n in t] for t in (ALPHA, BETA))
    if takes_alpha:
        attributes["activation_alpha"] = [0.3 + 0.1 * k for k in range(len(takes_alpha))]
    if takes_beta:
        attributes["activation_beta"] = [0.6 - 0.1 * k for k in range(len(takes_beta))]
    return Case(operator, way, NAMES[function], attributes)


def model_of(case: Case) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """The case as a model, and its weights; only the batch is open."""
    rng = np.random.default_rng(len(case.name))
    count, rows = (2 if case.direction == "bidirectional" else 1), GATES[case.op] * H
    shapes = {"W": (count, rows, N), "R": (count, rows, H), "B": (count, 2 * rows)}
    if not case.bias:
        del shapes["B"]
    for name in case.extra:
        if name != "lens":
            shapes[name] = (count, 3 * H) if name == "P" else (count, 1, H)
    weights = {n: rng.normal(size=s).astype(np.float32) * 0.5 for n, s in shapes.items()}
    stored = dict(weights)
    layout = case.attributes.get("layout", 0)
    if layout:
        stored |= {n: weights[n].transpose(1, 0, 2) for n in STATES if n in weights}
    constant = set(case.extra) - set(case.fed)
    wide = case.runtime and bool(constant.intersection(STATES))
    if "lens" in constant:
        one_row = not case.runtime and case.length < T
        stored["lens"] = np.array([case.length] * (1 if one_row else ROWS), np.int32)
    if wide:
        stored |= {n: np.repeat(weights[n], ROWS, 1) for n in STATES if n in weights}
    slots = ("x", "W", "R", "B", "lens", "h0", "c0", "P")
    read = " ".join(n if n == "x" or n in {*stored, *case.fed} else "-" for n in slots)
    made = " ".join(n if n in case.outputs else "-" for n in ("Y", "Yh", "Yc")).rstrip(" -")
    full = wide or ("lens" in constant and len(stored["lens"]) == ROWS)
    batch: int | str = ROWS if full else ("b" if case.runtime else 1)
    recurrent = node(case.op, read.rstrip(" -"), made, **case.all_attributes)
    inputs: dict[str, tuple[int | str, ...]] = {"x": (batch, T, N) if layout else (T, batch, N)}
    for name in (n for n in case.fed if n != "lens"):
        inputs[name] = (batch, count, H) if layout else (count, batch, H)
        stored.pop(name)
    if "lens" in case.fed:
        inputs["lens"] = (batch,)
    model = graph([recurrent], inputs, case.outputs, stored)
    for value in (v for v in model.graph.input if v.name == "lens"):
        value.type.tensor_type.elem_type = onnx.TensorProto.INT32
    return model, weights


def expected_of(
    case: Case,
    model: onnx.ModelProto,
    weights: Mapping[str, np.ndarray],
    x: np.ndarray,
    given: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """What the operator gives for [T, B, I], vectors last: [B, T, D*H] and [B, D*H].

    given: what `samples_of` drew for the inputs besides x.
    """
    rows = x.shape[1]
    arrays = {n: np.repeat(a, rows, 1) if n in STATES else a for n, a in weights.items()}
    arrays |= {n: a.transpose(1, 0, 2) for n, a in given.items() if n in STATES}
    lens = np.full(rows, case.length, np.int32) if "lens" in case.extra else None
    lens = given.get("lens", lens)
    found = _stopped(case, x, arrays, lens)
    if case.runtime:
        import onnxruntime

        session = onnxruntime.InferenceSession(model.SerializeToString())
        feeds = {n: arrays[n] if n in STATES else a for n, a in given.items()}
        fed = {"x": x, **feeds}
        read = {value.name for value in session.get_inputs()}
        results = session.run(list(case.outputs), {n: a for n, a in fed.items() if n in read})
        for name, array in zip(case.outputs, results, strict=True):
            np.testing.assert_allclose(array, found[name], atol=1e-5, err_msg="the two oracles")
            found[name] = array
    result = {}
    for name in case.outputs:
        order = (2, 0, 1, 3) if name == "Y" else (1, 0, 2)
        turned = found[name].transpose(order)
        result[name] = turned.reshape(*turned.shape[:-2], -1)
    return result


def _stopped(
    case: Case, x: np.ndarray, arrays: Mapping[str, np.ndarray], lens: np.ndarray | None
) -> dict[str, np.ndarray]:
    """The float64 computation, each row for its own number of steps, Y zero beyond."""
    attributes = case.all_attributes
    if lens is None:
        return run_operator(case.op, x, arrays, attributes)
    rows = []
    for k, length in enumerate(lens):
        own = {n: a[:, k : k + 1] if n in STATES else a for n, a in arrays.items()}
        found = run_operator(case.op, x[:length, k : k + 1], own, attributes)
        found["Y"] = np.pad(found["Y"], ((0, len(x) - length), (0, 0), (0, 0), (0, 0)))
        rows.append(found)
    axes = {"Y": 2, "Yh": 1, "Yc": 1}
    return {n: np.concatenate([r[n] for r in rows], axis=axes[n]) for n in rows[0]}


@dataclass(frozen=True)
class Result:
    """Largest float error, signal to noise of the integers in dB, and the integer program."""

    error: float
    decibels: float
    program: Program
    feed: Feed
    outputs: Results


@cache
def samples(seed: int) -> np.ndarray:
    """Random input [T, B, I]."""
    return np.random.default_rng(seed).normal(size=(T, ROWS, N)).astype(np.float32)


def samples_of(case: Case, seed: int) -> dict[str, np.ndarray]:
    """Random numbers of the inputs besides x, by row: states [B, D, H], lengths [B]."""
    rng = np.random.default_rng([seed, 1])
    count = 2 if case.direction == "bidirectional" else 1
    found = {}
    for name in case.fed:
        if name == "lens":
            found[name] = rng.integers(1, T + 1, ROWS).astype(np.int32)
        else:
            found[name] = rng.uniform(-0.9, 0.9, (ROWS, count, H)).astype(np.float32)
    return found


def _feed(case: Case, program: Program, seed: int) -> Feed:
    """All inputs as the file shapes them for one row."""
    axis = 0 if case.attributes.get("layout", 0) else 1
    x = samples(seed).transpose(1, 0, 2)
    arrays = {"x": np.expand_dims(x, 1 + axis)}
    for name, array in samples_of(case, seed).items():
        arrays[name] = array[:, None] if name == "lens" else np.expand_dims(array, 1 + axis)
    return feed_of(program, arrays, stream=False)


def check(case: Case, folder: Path) -> Result:
    """Run a case in float and in integers, which were calibrated on other data."""
    model, weights = model_of(case)
    loaded = load(saved(model, folder), name="net")
    real = lower_real(loaded)
    wanted = expected_of(case, model, weights, samples(1), samples_of(case, 1))
    floats = run_numpy(real, _feed(case, real, 1))
    error = max(float(np.abs(_output(real, floats, n) - wanted[n]).max()) for n in case.outputs)
    ranges = calibrate(real, _feed(case, real, 2), from_data=True)
    program = lower_integer(loaded, ranges, Options())
    prove(program)
    feed = _feed(case, program, 1)
    outputs = run_numpy(program, feed)
    decibels = min(_sqnr(wanted[n], _output(program, outputs, n)) for n in case.outputs)
    return Result(error, decibels, program, feed, outputs)


def _output(program: Program, results: Results, name: str) -> np.ndarray:
    """An output, or a state that is one, in real vectors [B, T, D*H] or [B, D*H]."""
    for port in program.outputs:
        if port.name == name:
            return dequantize(program, port, results.outputs[name][:, 0])
    return state_arrays(program, results, raw=False)[name].reshape(ROWS, -1)


def _sqnr(wanted: np.ndarray, found: np.ndarray) -> float:
    noise = np.square(wanted - found).sum()
    return float(10 * np.log10(np.square(wanted).sum() / max(noise, 1e-30)))
