"""`lstm_edge.compile`, and what can be done with a compiled model."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest

import lstm_edge
from lstm_edge import Compiled
from lstm_edge.interpret.ports import from_vectors, to_vectors
from lstm_edge.ir.program import Port
from tests.oracle.graphs import saved
from tests.oracle.window_graphs import MODELS
from tests.support.command import tree

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
DIGITS = EXAMPLES / "digits" / "digits.onnx"
CALIBRATION = DIGITS.with_name("calibration.npz")
Array = npt.NDArray[Any]


def arrays(path: Path) -> dict[str, Array]:
    with np.load(path) as file:
        return dict(file)


@pytest.fixture(scope="module")
def test() -> dict[str, Array]:
    return arrays(EXAMPLES / "digits" / "test.npz")


@pytest.fixture(scope="module")
def model() -> Compiled:
    calibration = arrays(EXAMPLES / "digits" / "calibration.npz")["rows"]
    return lstm_edge.compile(DIGITS, target="cortex-m4", calibration=calibration)


def images(test: dict[str, Array], count: int) -> Array:
    return test["rows"][:count]


def test_prediction_is_the_bits_of_the_c(model: Compiled, test: dict[str, Array]) -> None:
    x = images(test, 20)
    ours = model.predict(x, raw=True)
    assert np.array_equal(ours, model.predict(x, on="host", raw=True))
    scale = model.manifest["outputs"][0]["scale"]
    assert np.array_equal(model.predict(x), np.asarray(ours * np.float32(scale), np.float32))


def test_the_float_of_a_model_is_that_of_onnxruntime(
    model: Compiled, test: dict[str, Array]
) -> None:
    x = images(test, 5)
    session = ort.InferenceSession(DIGITS.read_bytes())
    wanted = np.stack([session.run(None, {"rows": each})[0] for each in x])
    assert np.abs(model.predict(x, on="float") - wanted).max() < 1e-5


def test_a_trace_ends_in_what_is_predicted(model: Compiled, test: dict[str, Array]) -> None:
    x = images(test, 4)
    found = model.trace(x)
    assert list(found) == ["lstm", "fc"]
    states = found["lstm"]
    assert {"lstm.h", "lstm.c"} <= set(states)
    assert states["lstm.c"].integer.shape == (4, 8, 32)
    (last,) = found["fc"].values()
    assert np.array_equal(last.integer[:, 0], model.predict(x)[:, 0])
    assert np.abs(last.real[:, 0] - model.predict(x, on="float")[:, 0]).max() < 1e-5
    error = np.abs(states["lstm.h"].real - states["lstm.h"].integer)
    assert 0 < error.max() < 0.02


def test_a_trace_has_each_step_at_its_place(model: Compiled, test: dict[str, Array]) -> None:
    x = images(test, 2)
    whole = model.trace(x)["lstm"]["lstm.h"].stored
    short = model.bundle.program
    from lstm_edge.interpret.execute import run
    from lstm_edge.interpret.ports import quantize, read_inputs

    port = short.inputs[0]
    stored = quantize(short, port, read_inputs(short, {"rows": x})["rows"])
    for steps in (1, 3):
        _, state = run(short, {"rows": stored[:, :steps]})
        h = next(name for name in state if name.endswith(".h"))
        assert np.array_equal(state[h], whole[:, steps - 1])


def test_a_stream_gives_what_a_sequence_does(model: Compiled, test: dict[str, Array]) -> None:
    x = images(test, 1)[0, 0]
    with model.stream() as stream:
        for frame in x:
            logits = stream.step(frame)
        assert np.array_equal(logits, model.predict(x[None])[0])
        stream.reset()
        again = [stream.step(frame) for frame in x][-1]
    assert np.array_equal(again, logits)


@pytest.mark.parametrize("frame", [np.zeros(7), np.full(8, np.nan), np.array(["a"] * 8)], ids=str)
def test_a_frame_that_does_not_fit_is_refused(frame: Array, model: Compiled) -> None:
    with pytest.raises(lstm_edge.DataError, match="frame of 'rows'"):
        model.stream().step(frame)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_windows_step_by_step_are_those_of_a_sequence(name: str, tmp_path: Path) -> None:
    made = lstm_edge.compile(saved(MODELS[name], tmp_path), target="host")
    if not made.program.streams:
        with pytest.raises(lstm_edge.DataError, match="whole sequences"):
            made.stream()
        return
    steps = made.program.steps or 11
    inputs = {p.name: drawn_frames(p, steps) for p in made.program.inputs}
    found: dict[str, list[Array]] = {port.name: [] for port in made.program.outputs}
    with made.stream() as stream:
        for t in range(steps):
            result = stream.step({n: a[t] for n, a in inputs.items()})
            several = result if isinstance(result, dict) else {next(iter(found)): result}
            for output, vector in several.items():
                found[output] += [] if vector is None else [vector]
    ports = {port.name: port for port in made.program.inputs}
    whole = made.run({n: from_vectors(ports[n], a[None]) for n, a in inputs.items()})
    for port in made.program.outputs:
        vectors = to_vectors(port, whole[port.name])[0]
        made_so = found[port.name] if port.per_step else found[port.name][-1:]
        assert np.array_equal(made_so, vectors), port.name


def drawn_frames(port: Port, steps: int) -> Array:
    return np.random.default_rng(3).normal(size=(steps, len(port.scale))).astype(np.float32)


def test_a_score_is_that_of_the_labels(model: Compiled, test: dict[str, Array]) -> None:
    (labels,) = (a for name, a in test.items() if name != "rows")
    score = model.score(test["rows"], labels)
    right = np.asarray(model.predict(test["rows"])).reshape(len(labels), -1).argmax(-1) == labels
    assert not isinstance(score, dict)
    assert score.integer_percent == pytest.approx(100 * right.mean())


def test_a_model_is_the_same_once_saved_and_opened(
    model: Compiled, test: dict[str, Array], tmp_path: Path
) -> None:
    folder = model.save(tmp_path / "m")
    opened = lstm_edge.open(folder)
    x = images(test, 3)
    assert np.array_equal(opened.predict(x), model.predict(x))
    assert opened.cost == model.cost
    assert opened.verify(on=["host"]).ok
    assert tree(folder) == {name: model.files[name] for name in sorted(model.files)}


def test_the_cost_is_that_of_the_manifest(model: Compiled) -> None:
    cost = model.cost
    assert cost.flash == sum(n or 0 for n in model.manifest["flash"].values())
    assert cost.ram == sum(model.manifest["ram"].values())
    assert cost.macs == 4 * 32 * (8 + 32) + 32 * 10 / 8


def test_several_cores_have_costs_of_their_own() -> None:
    made = lstm_edge.compile(DIGITS, target="cortex-m4,cortex-m0")
    costs = made.costs
    assert list(costs) == ["cortex-m4", "cortex-m0", "portable"]
    assert costs["cortex-m0"].instructions > costs["cortex-m4"].instructions
    assert made.on("cortex-m0").cost == costs["cortex-m0"]


def test_bits_that_differ_are_an_error(model: Compiled) -> None:
    text = model.files["digits_weights.c"].decode()
    table = re.search(r"digits_lstm_weights\[\d+\] = \{\s*", text)
    assert table is not None
    wrong = text[: table.end()] + "1 + " + text[table.end() :]
    files = {**model.files, "digits_weights.c": wrong.encode()}
    with pytest.raises(lstm_edge.VerificationError, match="executions differ"):
        Compiled(replace(model.bundle, files=files)).verify(on=["host"])


def test_recordings_of_different_length_are_streams() -> None:
    folder = EXAMPLES / "keywords"
    (features,) = arrays(folder / "calibration.npz").values()
    frames = features.reshape(-1, features.shape[-1])
    ends = (0, 60, 90, 190, 290, 350)
    parts = [frames[a:b] for a, b in pairwise(ends)]
    made = lstm_edge.compile(folder / "keywords.onnx", target="host", calibration=parts)
    assert made.verify(on=["host"]).ok
    found = made.run(parts[:2], raw=True)
    (port,) = made.manifest["outputs"]
    assert len(found[f"{port['name']}__0"]) == 60
    assert len(found[f"{port['name']}__1"]) == 30


@pytest.mark.parametrize(
    "options",
    [
        {"target": "cortex-m4", "weights": 5},
        {"target": "cortex-m4", "activations": 10},
        {"target": "cortex-m4", "cell_state": 8},
        {"target": "cortex-m4", "scheme": "int7"},
        {"target": "cortex-m4", "unroll": "some"},
        {"target": "cortex-m4", "scheme": "float32", "weights": 8},
        {"target": "cortex-m4", "max_drop": 1.0},
        {"target": "cortex-m4", "calibration": np.zeros((4, 3))},
        {"target": "cortex-m4", "from_study": "no-such-file"},
        {"target": "cortex-m4", "from_study": "no-such-file", "unroll": "none"},
    ],
    ids=str,
)
def test_options_without_meaning_are_errors_of_data(options: dict[str, Any]) -> None:
    with pytest.raises(lstm_edge.DataError):
        lstm_edge.compile(DIGITS, **options)


@pytest.mark.parametrize(
    "option",
    [{"scheme": "int8"}, {"unroll": "gates"}, {"optimize": "speed"}, {"weights": 8}],
    ids=str,
)
def test_what_a_study_decides_is_not_given_beside_it(option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(lstm_edge.DataError, match=f"--{name} .* --from-study"):
        lstm_edge.compile(DIGITS, target="cortex-m4", from_study="a.study", **option)


def test_what_is_printed_fits_a_terminal(model: Compiled) -> None:
    for text in (str(model), str(lstm_edge.load(DIGITS))):
        assert max(map(len, text.splitlines())) <= 80
    assert repr(model.verify(on=["host"])).startswith("Verified(host: identical, logits: SQNR ")


def test_an_unknown_target_is_an_error_of_targets() -> None:
    with pytest.raises(lstm_edge.TargetError, match="cortex-m99"):
        lstm_edge.compile(DIGITS, target="cortex-m99")


def test_a_budget_that_is_exceeded_is_an_error() -> None:
    with pytest.raises(lstm_edge.BudgetError):
        lstm_edge.compile(DIGITS, target="host", max_ram=10)
    with pytest.raises(lstm_edge.BudgetError):
        lstm_edge.compile(DIGITS, target="host", calibration=CALIBRATION, max_error=90.0)


def test_a_model_shows_itself(model: Compiled) -> None:
    assert "SQNR" in str(model)
    html = model._repr_html_()
    assert "digits" in html
    assert "<script" not in html
