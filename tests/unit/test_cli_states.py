"""`run` on models whose states are inputs and outputs: onnxruntime agrees, places agree."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.ir.serialize import from_bytes
from tests.oracle import state_packings as packings
from tests.oracle.graphs import graph, node, saved
from tests.oracle.state_graphs import CALLS, Case, H, N, T, compare, single, weights
from tests.support.command import done, load, refused, save
from tests.support.programs import Array, sqnr_db

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

CASES: dict[str, Case] = {
    "lstm": single("LSTM"),
    "gru-rows": single("GRU", rows=2),
    "packed": packings.packed("LSTM", 2, (0, 1, 2, 3)),
    "flat-open": packings.sliced("GRU", 2, rows=2, opened=True),
}
PLACES = ("numpy", "host", "qemu")


@pytest.fixture(autouse=True)
def _tools(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")


def compiled(case: Case, folder: Path, *options: object) -> Path:
    """A bundle, calibrated on normal numbers."""
    rng = np.random.default_rng(9)
    data = {"x": rng.normal(size=(64, T, 1, N)).astype(np.float32)}
    path = saved(case.model, folder)
    calibration = save(folder / "calibration.npz", **data)
    more = ("--calibration", calibration, "-o", folder / "bundle", *options)
    done("compile", path, "--target", "cortex-m4", *more)
    return folder / "bundle"


@pytest.fixture(scope="module")
def bundle_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compiled once; each test runs it on inputs beside it."""
    return cache(lambda name: compiled(CASES[name], tmp_path_factory.mktemp(name)))


def run(bundle: Path, arrays: Mapping[str, Array], where: str, *options: str) -> dict[str, Array]:
    inputs = save(bundle.with_name("inputs.npz"), **arrays)
    output = bundle.with_name(f"{where}.npz")
    done("run", bundle, "--inputs", inputs, "--on", where, "-o", output, *options)
    return load(output)


@pytest.mark.all_cases
@pytest.mark.parametrize("given", [True, False], ids=["init", "zero"])
@pytest.mark.parametrize("name", CASES)
def test_a_stream_goes_on_as_onnxruntime_does_when_its_states_are_fed_back(
    name: str, given: bool, bundle_of: Callable[[str], Path], tmp_path: Path
) -> None:
    compared = compare(CASES[name], tmp_path, given=given)
    bundle = bundle_of(name)
    real = run(bundle, compared.arrays, "float", "--stream")
    assert sorted(real) == sorted(compared.expected)
    for output, wanted in compared.expected.items():
        assert real[output].shape == wanted.shape
        np.testing.assert_allclose(real[output], wanted, atol=1e-5, err_msg=output)
    raw = {where: run(bundle, compared.arrays, where, "--stream", "--raw") for where in PLACES}
    for where in PLACES[1:]:
        for output, numbers in raw["numpy"].items():
            assert numbers.dtype == raw[where][output].dtype == np.int64
            assert np.array_equal(numbers, raw[where][output]), (where, output)
    ours = run(bundle, compared.arrays, "host", "--stream")
    for output, wanted in compared.expected.items():
        assert sqnr_db(wanted, ours[output]) > 30.0, output


@pytest.mark.all_cases
def test_verify_counts_steps_on_over_the_calls_of_a_stream(
    bundle_of: Callable[[str], Path],
) -> None:
    """The held-back samples are 12 calls of T steps, one behind the other."""
    bundle = bundle_of("lstm")
    found = json.loads(done("verify", bundle, "--on", "host", "--json").stdout)
    assert found["samples"] == 12
    (layer,) = (
        each for each in found["layers"] if "rms_by_step" in next(iter(each["values"].values()), {})
    )
    for figures in layer["values"].values():
        assert max(map(int, figures["rms_by_step"])) == 12 * T - 1
    program = from_bytes((bundle / "program.npz").read_bytes())
    for port in program.state_outputs:
        assert list(found["outputs"][port.name]["rms_by_step"]) == [str(k) for k in range(12)]


@pytest.mark.parametrize("options", [(), ("--state", "explicit")], ids=["kept", "explicit"])
def test_samples_start_from_the_states_that_are_fed_with_them(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    """Each call of the comparison as a sample: it starts from the last call's states."""
    compared = compare(CASES["lstm"], tmp_path)
    bundle = compiled(CASES["lstm"], tmp_path, *options)
    arrays = {"x": compared.arrays["x"][0]}
    for state, shown in (("h0", "hn"), ("c0", "cn")):
        before = [compared.arrays[f"init__{state}"], compared.expected[shown][0, :-1]]
        arrays[state] = np.concatenate(before).astype(np.float32)
    real = run(bundle, arrays, "float")
    for output, wanted in compared.expected.items():
        np.testing.assert_allclose(real[output], wanted[0], atol=1e-5, err_msg=output)
    raw = [run(bundle, arrays, where, "--raw") for where in PLACES]
    for output, numbers in raw[0].items():
        assert all(np.array_equal(numbers, other[output]) for other in raw[1:]), output
    result = done("verify", bundle, "--inputs", bundle.with_name("inputs.npz"))
    assert result.exit_code == 0


def test_states_need_not_be_fed_where_outputs_feed_them_back(
    bundle_of: Callable[[str], Path],
) -> None:
    bundle = bundle_of("lstm")
    x = np.random.default_rng(1).normal(size=(2, T, 1, N)).astype(np.float32)
    zeros = {state: np.zeros((2, 1, 1, H), np.float32) for state in ("h0", "c0")}
    without, fed = run(bundle, {"x": x}, "host"), run(bundle, {"x": x, **zeros}, "host")
    assert list(without) == list(fed) == ["y", "hn", "cn"]
    assert all(np.array_equal(without[name], fed[name]) for name in fed)


def test_what_is_fed_wrongly_is_refused_by_name(
    bundle_of: Callable[[str], Path], tmp_path: Path
) -> None:
    bundle = bundle_of("lstm")
    x = np.zeros((2, 3, T, 1, N), np.float32)
    state, each = np.zeros((2, 1, 1, H), np.float32), np.zeros((2, 3, 1, 1, H), np.float32)
    wrong = [
        ({"init__h0": each}, r"array 'init__h0' is \[2, 3, 1, 1, 5\].*expected \[2, 1, 1, 5\]"),
        ({"h0": state}, r"array 'h0' is \[2, 1, 1, 5\].*expected \[2, 3, 1, 1, 5\]"),
        ({"init__h0": state, "h0": each}, "'init__h0' gives the state before the first call"),
        ({"init__h": state}, "'init__h' belongs to no input.*h0, c0"),
        ({"init__h0": state.astype(bool)}, "'init__h0' is .* of bool, expected .* float32"),
        ({"init__h0": state + np.nan}, "'init__h0' holds NaN"),
    ]
    for more, message in wrong:
        inputs = save(tmp_path / "x.npz", x=x, **more)
        words = ("run", bundle, "--inputs", inputs, "--on", "numpy", "--stream")
        line = refused(1, *words, "-o", tmp_path / "y.npz")
        assert_matches(message, line)
    inputs = save(tmp_path / "x.npz", x=x[0], init__h0=each[0])
    words = ("run", bundle, "--inputs", inputs, "--on", "numpy", "-o", tmp_path / "y.npz")
    assert_matches("'init__h0' is for --stream.*name it 'h0'", refused(1, *words))


def assert_matches(pattern: str, line: str) -> None:
    with pytest.raises(ValueError, match=pattern):
        raise ValueError(line)


def test_a_state_that_nothing_feeds_back_must_be_fed(tmp_path: Path) -> None:
    recurrent = node("GRU", "x W R B - h0", "y", hidden_size=H)
    proto = graph([recurrent], {"x": (T, 1, N), "h0": (1, 1, H)}, ["y"], weights("GRU"))
    path = saved(proto, tmp_path)
    done("compile", path, "--target", "host", "-o", tmp_path / "bundle")
    x = np.zeros((2, CALLS, T, 1, N), np.float32)
    for array, options in ((x, ["--stream"]), (x[0], [])):
        inputs = save(tmp_path / "x.npz", x=array)
        words = ("run", tmp_path / "bundle", "--inputs", inputs, "--on", "host", *options)
        line = refused(1, *words, "-o", tmp_path / "y.npz")
        assert "no array 'h0' for the model's state input, which no output feeds back" in line


def test_states_as_arguments_need_states_that_are_inputs(tmp_path: Path) -> None:
    recurrent = node("GRU", "x W R B", "y", hidden_size=H)
    path = saved(graph([recurrent], {"x": (T, 1, N)}, ["y"], weights("GRU")), tmp_path)
    line = refused(1, "compile", path, "--target", "host", "--state", "explicit")
    assert "no input of this model sets a state" in line
