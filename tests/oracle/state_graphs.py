"""Graphs whose states are inputs and outputs, and their comparison call by call.

onnxruntime is fed each call's state outputs as the next call's inputs; what was compiled keeps
them itself. A batch row of the file is a stream of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from lstm_edge.frontend import load
from lstm_edge.interpret.feed import Feed, Results, feed_of, run_numpy, state_arrays
from lstm_edge.interpret.ports import dequantize, from_vectors
from lstm_edge.ir.model import Model
from lstm_edge.ir.program import Program
from lstm_edge.passes.calibrate import calibrate
from lstm_edge.passes.lower_integer import lower_integer
from lstm_edge.passes.lower_real import lower_real
from lstm_edge.passes.options import Options
from lstm_edge.passes.prove import prove
from tests.oracle.graphs import graph, node, saved
from tests.support.programs import sqnr_db

N, H, T, B = 3, 5, 4, 2
CALLS = 6
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A file, and what is compared with it.

    oracle: a graph that onnxruntime takes, with the same inputs and outputs, where it refuses the
    file. partners: state input -> the output that goes back to it; "" where each call brings new
    numbers. rows: of the batch. steps: of a call.
    """

    model: onnx.ModelProto
    partners: Mapping[str, str]
    oracle: onnx.ModelProto | None = None
    rows: int = 1
    steps: int = T


@dataclass(frozen=True)
class Compared:
    """The programs of a file that agree with onnxruntime, what was fed, and what it gave.

    arrays, expected: by input and output, [rows, calls, ...]; [samples, ...] without states.
    """

    model: Model
    real: Program
    program: Program
    arrays: Arrays
    expected: Arrays


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng([seed, *shape])
    return rng.normal(size=shape).astype(np.float32) * np.float32(0.5)


def weights(
    op: str, prefix: str = "", inputs: int = N, ways: int = 1, hidden: int = H, seed: int = 0
) -> Arrays:
    """W, R and B of a layer."""
    rows = GATES[op] * hidden
    shapes = {"W": (ways, rows, inputs), "R": (ways, rows, hidden), "B": (ways, 2 * rows)}
    return {
        f"{prefix}{name}": floats(*shape, seed=seed + k)
        for k, (name, shape) in enumerate(shapes.items())
    }


def single(op: str, ways: int = 1, rows: int = 1, steps: int = T, **more: Any) -> Case:
    """One layer with all of its states as inputs and outputs, time major."""
    states = ["h", "c"] if op == "LSTM" else ["h"]
    ins = " ".join(f"{s}0" for s in states)
    outs = " ".join(f"{s}n" for s in states)
    direction = {"direction": "bidirectional"} if ways == 2 else {}
    attributes = {"hidden_size": H, **direction, **more}
    recurrent = node(op, f"x W R B - {ins}", f"y {outs}", **attributes)
    inputs = {"x": (steps, rows, N), **{f"{s}0": (ways, rows, H) for s in states}}
    model = graph([recurrent], inputs, ["y", *outs.split()], weights(op, ways=ways))
    return Case(model, {f"{s}0": f"{s}n" for s in states}, rows=rows, steps=steps)


def session_of(model: onnx.ModelProto) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def shapes_of(case: Case) -> dict[str, tuple[int, ...]]:
    """Of a call's arrays by input; open axes by their names "B" and "T"."""
    sizes = {"B": case.rows, "T": case.steps}
    return {
        i.name: tuple(d.dim_value or sizes[d.dim_param[0]] for d in i.type.tensor_type.shape.dim)
        for i in case.model.graph.input
    }


def row_of(array: np.ndarray, shape: tuple[int, ...], row: int) -> np.ndarray:
    """One batch row of a call's array; `shape` is that of one row, -1 where any size will do."""
    for k, (size, one) in enumerate(zip(array.shape, shape, strict=True)):
        if size != one != -1:
            return array.take([row], axis=k)
    return array


def call_by_call(case: Case, drawn: Arrays, first: Arrays) -> Arrays:
    """onnxruntime's outputs [calls, ...]; drawn: inputs [calls, ...], first: initial states."""
    session = session_of(case.oracle or case.model)
    names = [o.name for o in session.get_outputs()]
    state, found = dict(first), []
    for call in range(CALLS):
        feeds = {name: a[call] for name, a in drawn.items()}
        feeds |= {name: a for name, a in state.items() if case.partners[name]}
        found.append(dict(zip(names, session.run(names, feeds), strict=True)))
        state = {n: found[-1][p] for n, p in case.partners.items() if p}
    return {name: np.stack([f[name] for f in found]) for name in names}


def compare(
    case: Case,
    folder: Path,
    *,
    given: bool = True,
    stream: bool = True,
    budget: float = 30.0,
    seed: int = 3,
) -> Compared:
    """Float results equal onnxruntime's, integers nearly; given: first states are fed, not zero.

    stream: states that no input sets live on from call to call, else each call starts anew, as
    onnxruntime does.
    """
    model = load(saved(case.model, folder), name="net")
    assert {p.name: p.partner for p in model.state_inputs} == dict(case.partners)
    real = lower_real(model)
    arrays, drawn, first = _inputs(case, model, given, seed)
    expected = _rows(case, model, call_by_call(case, drawn, first))
    found = run_calls(real, arrays, stream)
    assert sorted(found) == sorted(expected)
    for name, array in found.items():
        assert array.shape == expected[name].shape, name
        np.testing.assert_allclose(array, expected[name], atol=1e-5, err_msg=name)
    program = integers(model, real, case, seed)
    ours = run_calls(program, arrays, stream)
    ratios = {name: sqnr_db(array, ours[name]) for name, array in expected.items()}
    assert min(ratios.values()) > budget, ratios
    return Compared(model, real, program, arrays, expected)


def run_calls(program: Program, arrays: Arrays, stream: bool) -> Arrays:
    """Arrays [rows, calls, ...] of a stream, or of calls that each start anew."""
    if stream:
        return user_arrays(program, run_numpy(program, feed_of(program, arrays, stream=True)))
    flat = {n: a.reshape(-1, *a.shape[2:]) for n, a in arrays.items()}
    found = user_arrays(program, run_numpy(program, feed_of(program, flat, stream=False)))
    return {n: a.reshape(-1, CALLS, *a.shape[2:]) for n, a in found.items()}


def _inputs(case: Case, model: Model, given: bool, seed: int) -> tuple[Arrays, Arrays, Arrays]:
    """Arrays for us [rows, calls, ...], for onnxruntime [calls, ...], and its first states."""
    rng = np.random.default_rng(seed)
    ports = {p.name: p.shape for p in (*model.inputs, *model.state_inputs)}
    ours, drawn, first = {}, {}, {}
    for name, shape in shapes_of(case).items():
        if case.partners.get(name):
            numbers = rng.uniform(-0.9, 0.9, shape) if given else np.zeros(shape)
            first[name] = numbers.astype(np.float32)
            if given:
                rows = [row_of(first[name], ports[name], r) for r in range(case.rows)]
                ours[f"init__{name}"] = np.stack(rows)
            continue
        numbers = rng.normal(size=(CALLS, *shape))
        drawn[name] = (numbers * (0.4 if name in case.partners else 1.0)).astype(np.float32)
        ours[name] = np.stack(
            [np.stack([row_of(a, ports[name], r) for a in drawn[name]]) for r in range(case.rows)]
        )
    return ours, drawn, first


def _rows(case: Case, model: Model, found: Arrays) -> Arrays:
    """[rows, calls, ...] of [calls, ...]."""
    shapes = {p.name: p.shape for p in (*model.outputs, *model.state_outputs)}
    return {
        name: np.stack(
            [np.stack([row_of(a, shapes[name], r) for a in array]) for r in range(case.rows)]
        )
        for name, array in found.items()
    }


def integers(model: Model, real: Program, case: Case, seed: int = 3) -> Program:
    """The int8 program, calibrated on other numbers of the same kind, and proved."""
    rng = np.random.default_rng(seed + 1)
    arrays = {}
    for p in model.inputs:
        shape = [case.steps if n < 0 else n for n in p.shape]
        arrays[p.name] = rng.normal(size=(64, *shape)).astype(np.float32)
    for s in model.state_inputs:
        if not s.partner:
            arrays[s.name] = rng.normal(size=(64, *s.shape)).astype(np.float32) * np.float32(0.4)
    feed = feed_of(real, arrays, stream=False)
    program = lower_integer(model, calibrate(real, feed, from_data=True), Options())
    prove(program)
    return program


def user_arrays(program: Program, results: Results) -> Arrays:
    """Real outputs and states as the file shapes them, [streams, calls, ...]."""
    found = {}
    for port in program.outputs:
        stored = results.outputs[port.name]
        real = from_vectors(port, dequantize(program, port, stored.reshape(-1, *stored.shape[2:])))
        found[port.name] = real.reshape(*stored.shape[:2], *real.shape[1:])
    return found | state_arrays(program, results, raw=False)


def one_step_each(feed: Feed) -> Feed:
    """The same steps, each a call of its own."""
    streams, calls, steps = feed.shape
    inputs = {n: a.reshape(streams, calls * steps, 1, -1) for n, a in feed.inputs.items()}
    return Feed(inputs, feed.states)
