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
from lstm_edge.interpret.execute import run
from lstm_edge.interpret.feed import Feed
from lstm_edge.interpret.ports import dequantize, quantize
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.choose_formats import Options
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.prove import prove
from tests.oracle.graphs import graph, node, saved
from tests.oracle.onnx_recurrent import ALPHA, BETA, DEFAULTS, FUNCTIONS, run_operator

N, H, T, ROWS = 3, 5, 6, 24
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
    """One node: `extra` names inputs beyond X, W, R and B; `outputs` those that it has."""

    operator: str
    direction: str
    feature: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("Y", "Yh")
    bias: bool = True
    hidden_size: bool = True
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
            yield Case(operator, way, "without hidden_size", hidden_size=False, runtime=False)
            layout = {"layout": 1}
            yield Case(operator, way, "layout 1", layout, states, last, runtime=False)
            if op == "LSTM":
                yield from _lstm_cases(operator, way)
            for function in FUNCTIONS:
                yield _activation_case(operator, op, way, function)


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
        stored |= {n: weights[n].transpose(1, 0, 2) for n in ("h0", "c0") if n in weights}
    wide = case.runtime and any(n in weights for n in ("h0", "c0"))
    if "lens" in case.extra:
        stored["lens"] = np.array([T] * ROWS, np.int32)
    if wide:
        stored |= {n: np.repeat(weights[n], ROWS, 1) for n in ("h0", "c0") if n in weights}
    slots = ("x", "W", "R", "B", "lens", "h0", "c0", "P")
    read = " ".join(n if n == "x" or n in stored else "-" for n in slots).rstrip(" -")
    made = " ".join(n if n in case.outputs else "-" for n in ("Y", "Yh", "Yc")).rstrip(" -")
    batch: int | str = ROWS if wide or "lens" in case.extra else ("b" if case.runtime else 1)
    shape = (batch, T, N) if layout else (T, batch, N)
    recurrent = node(case.op, read, made, **case.all_attributes)
    return graph([recurrent], {"x": shape}, case.outputs, stored), weights


def expected_of(
    case: Case, model: onnx.ModelProto, weights: Mapping[str, np.ndarray], x: np.ndarray
) -> dict[str, np.ndarray]:
    """What the operator gives for [T, B, I], vectors last: [B, T, D*H] and [B, D*H]."""
    repeated = {
        n: np.repeat(a, x.shape[1], 1) if n in ("h0", "c0") else a for n, a in weights.items()
    }
    found = run_operator(case.op, x, repeated, case.all_attributes)
    if case.runtime:
        import onnxruntime

        session = onnxruntime.InferenceSession(model.SerializeToString())
        arrays = session.run(list(case.outputs), {"x": x})
        for name, array in zip(case.outputs, arrays, strict=True):
            np.testing.assert_allclose(array, found[name], atol=1e-5, err_msg="the two oracles")
            found[name] = array
    result = {}
    for name in case.outputs:
        order = (2, 0, 1, 3) if name == "Y" else (1, 0, 2)
        turned = found[name].transpose(order)
        result[name] = turned.reshape(*turned.shape[:-2], -1)
    return result


@dataclass(frozen=True)
class Result:
    """Largest float error, signal to noise of the integers in dB, and the integer program."""

    error: float
    decibels: float
    program: Program
    stored: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]


@cache
def samples(seed: int) -> np.ndarray:
    """Random input [T, B, I]."""
    return np.random.default_rng(seed).normal(size=(T, ROWS, N)).astype(np.float32)


def check(case: Case, folder: Path) -> Result:
    """Run a case in float and in integers, which were calibrated on other data."""
    model, weights = model_of(case)
    loaded = load(saved(model, folder), name="net")
    real = lower_real(loaded)
    x = samples(1)
    vectors = {"x": x.transpose(1, 0, 2)}
    floats, _ = run(real, vectors)
    wanted = expected_of(case, model, weights, x)
    error = max(float(np.abs(floats[n] - wanted[n]).max()) for n in case.outputs)
    ranges = calibrate(real, Feed.of_samples({"x": samples(2).transpose(1, 0, 2)}), from_data=True)
    program = lower_integer(loaded, ranges, Options())
    prove(program)
    stored = {"x": quantize(program, program.inputs[0], vectors["x"])}
    outputs, _ = run(program, stored)
    decibels = min(
        _sqnr(wanted[p.name], dequantize(program, p, outputs[p.name])) for p in program.outputs
    )
    return Result(error, decibels, program, stored, outputs)


def _sqnr(wanted: np.ndarray, found: np.ndarray) -> float:
    noise = np.square(wanted - found).sum()
    return float(10 * np.log10(np.square(wanted).sum() / max(noise, 1e-30)))
