"""`run` and `verify` keep the contract of the command line."""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import DIGITS, FIXTURES, call, done, load, refused, save, tree
from tests.support.manifests import reseal
from tests.support.programs import Array

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
"""A warning of numpy would be printed among the command's own words."""

MODEL = DIGITS / "digits.onnx"
CALIBRATION = DIGITS / "calibration.npz"
OPEN = FIXTURES / "lstm_open.legacy.onnx"
"""Any number of steps of 3 features; outputs the hidden state of each step and the last states."""
STEPS, LAST_H, LAST_C = "y", "y2", "y3"
PLACES = ("numpy", "host", "qemu", "float")


def compiled(folder: Path, model: Path, *options: object) -> Path:
    done("compile", model, "--target", "cortex-m4", "-o", folder, *options)
    return folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example for cortex-m4. Tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("digits") / "bundle"
    return compiled(folder, MODEL, "--calibration", CALIBRATION)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("series") / "bundle", OPEN)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Six images."""
    return save(tmp_path / "rows.npz", rows=load(DIGITS / "test.npz")["rows"][:6])


@pytest.fixture(autouse=True)
def _tools(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")


def run(bundle: Path, inputs: Path, where: str, *options: object) -> dict[str, Array]:
    output = inputs.with_name(f"out_{where}.npz")
    result = done("run", bundle, "--inputs", inputs, "--on", where, "-o", output, *options)
    assert result.stderr == ""
    return load(output)


def same(a: Mapping[str, Array], b: Mapping[str, Array]) -> bool:
    """The same names, types and bits."""
    return list(a) == list(b) and all(
        (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())
        for x, y in zip(a.values(), b.values(), strict=True)
    )


def test_outputs_are_named_and_shaped_like_the_models_in_float32(digits: Path, rows: Path) -> None:
    for where in PLACES:
        found = run(digits, rows, where)
        assert list(found) == ["logits"]
        assert found["logits"].shape == (6, 1, 10)
        assert found["logits"].dtype == np.float32


def test_host_and_qemu_give_the_integers_of_numpy(digits: Path, rows: Path) -> None:
    for options in ((), ("--raw",)):
        first = run(digits, rows, "numpy", *options)
        assert same(first, run(digits, rows, "host", *options))
        assert same(first, run(digits, rows, "qemu", *options))


def test_raw_writes_the_stored_integers(digits: Path, rows: Path) -> None:
    (port,) = json.loads((digits / "manifest.json").read_text())["outputs"]
    stored, real = run(digits, rows, "numpy", "--raw"), run(digits, rows, "numpy")
    assert np.issubdtype(stored["logits"].dtype, np.integer)
    assert stored["logits"].shape == real["logits"].shape
    scale = np.float32(port["scale"])
    assert np.array_equal(stored["logits"].astype(np.float32) * scale, real["logits"])


def test_on_float_is_the_model_itself(digits: Path, rows: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    wanted = [session.run(["logits"], {"rows": row})[0] for row in load(rows)["rows"]]
    found = run(digits, rows, "float")["logits"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    ours = run(digits, rows, "numpy")["logits"]
    assert 0.0 < np.abs(ours - found).max() < 0.1


def test_numpy_is_where_run_computes_unless_told(digits: Path, rows: Path, tmp_path: Path) -> None:
    done("run", digits, "--inputs", rows, "-o", tmp_path / "y.npz")
    assert same(load(tmp_path / "y.npz"), run(digits, rows, "numpy"))


@pytest.mark.parametrize("where", PLACES)
def test_each_sample_starts_from_the_reset_state(
    where: str, digits: Path, rows: Path, tmp_path: Path
) -> None:
    all_rows = load(rows)["rows"]
    backwards = save(tmp_path / "backwards.npz", rows=all_rows[::-1])
    assert np.array_equal(
        run(digits, rows, where)["logits"], run(digits, backwards, where)["logits"][::-1]
    )


@pytest.mark.parametrize("where", PLACES)
def test_calls_of_a_stream_go_on_where_the_last_one_ended(
    where: str, series: Path, tmp_path: Path
) -> None:
    """Three streams of four calls of five steps, against three sequences of twenty steps."""
    x = np.random.default_rng(0).normal(size=(3, 20, 3)).astype(np.float32)
    whole = run(series, save(tmp_path / "whole.npz", x=x[:, None]), where)
    parts = save(tmp_path / "parts.npz", x=x.reshape(3, 4, 1, 5, 3))
    found = run(series, parts, where, "--stream")
    assert whole[STEPS].shape == (3, 1, 20, 5)
    assert found[STEPS].shape == (3, 4, 1, 5, 5)
    assert np.array_equal(found[STEPS].reshape(3, 20, 5), whole[STEPS][:, 0])
    for state in (LAST_H, LAST_C):
        assert found[state].shape == (3, 4, 1, 1, 5)
        assert np.array_equal(found[state][:, -1], whole[state])
    assert np.array_equal(found[LAST_H][:, :, 0], found[STEPS][:, :, 0, -1:])


def test_without_stream_the_state_does_not_live_on(series: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(1, 2, 1, 5, 3)).astype(np.float32)
    apart = run(series, save(tmp_path / "apart.npz", x=x[0]), "host")[STEPS]
    stream = run(series, save(tmp_path / "stream.npz", x=x), "host", "--stream")[STEPS][0]
    assert np.array_equal(apart[0], stream[0])
    assert not np.array_equal(apart[1], stream[1])


def test_a_model_of_one_step_a_call_streams(tmp_path: Path) -> None:
    bundle = compiled(tmp_path / "bundle", FIXTURES / "one_step.legacy.onnx")
    x = np.random.default_rng(0).normal(size=(2, 30, 1, 1, 3)).astype(np.float32)
    inputs = save(tmp_path / "x.npz", x=x)
    first = run(bundle, inputs, "numpy", "--stream", "--raw")
    assert first["y"].shape == (2, 30, 1, 1, 5)
    assert same(first, run(bundle, inputs, "host", "--stream", "--raw"))
    assert same(first, run(bundle, inputs, "qemu", "--stream", "--raw"))


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({}, "nothing"),
        ({"columns": np.zeros((2, 1, 8, 8)), "rests": np.zeros(1)}, "columns, rests"),
        (
            {"rows": np.zeros((2, 8))},
            r"\[2, 8\], expected \[samples, 8, 8\] or \[samples, 1, ",
        ),
        ({"rows": np.zeros((2, 1, 8, 9))}, r"\[2, 1, 8, 9\], expected"),
        ({"rows": np.full((2, 1, 8, 8), np.nan)}, "NaN"),
        ({"rows": np.full((2, 1, 8, 8), "a")}, "expected numbers"),
        ({"rows": np.zeros((0, 1, 8, 8))}, "0 samples"),
        ({"rows": np.float32(3.0)}, "rows"),
    ],
    ids=["no arrays", "name", "rank", "shape", "nan", "text", "empty", "scalar"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_inputs_that_do_not_fit_are_refused(
    stream: bool, arrays: dict[str, Array], told: str, digits: Path, tmp_path: Path
) -> None:
    if stream:
        arrays = {name: np.asarray(a)[None] for name, a in arrays.items()}
    inputs = save(tmp_path / "x.npz", **arrays)
    before = tree(tmp_path)
    words = ["run", digits, "--inputs", inputs, "-o", tmp_path / "y.npz"]
    line = refused(1, *words, *(["--stream"] if stream else []))
    assert stream or re.search(told, line)
    assert "rows" in line or "samples" in line
    assert tree(tmp_path) == before


def test_a_stream_needs_its_axes(series: Path, tmp_path: Path) -> None:
    inputs = save(tmp_path / "x.npz", x=np.zeros((4, 5, 3), np.float32))
    line = refused(1, "run", series, "--inputs", inputs, "--stream", "-o", tmp_path / "y.npz")
    assert "[streams, calls, any, 3] or [streams, calls, 1, any, 3]" in line


def test_qemu_needs_a_target_that_it_has(rows: Path, tmp_path: Path) -> None:
    done("compile", MODEL, "--target", "host", "-o", tmp_path / "bundle")
    words = ["--inputs", rows, "--on", "qemu", "-o", tmp_path / "y.npz"]
    assert "no emulated board" in refused(1, "run", tmp_path / "bundle", *words)
    assert "no emulated board" in refused(1, "verify", tmp_path / "bundle", "--on", "qemu")
    result = done("verify", tmp_path / "bundle")
    assert "numpy == host" in result.stdout
    assert "qemu" not in result.stdout


def test_the_folder_of_the_output_is_made_and_a_folder_is_no_output(
    digits: Path, rows: Path, tmp_path: Path
) -> None:
    done("run", digits, "--inputs", rows, "-o", tmp_path / "new" / "deep" / "y.npz")
    assert list(load(tmp_path / "new" / "deep" / "y.npz")) == ["logits"]
    before = tree(tmp_path)
    refused(1, "run", digits, "--inputs", rows, "-o", tmp_path / "new")
    refused(1, "run", digits, "--inputs", rows, "-o", rows / "y.npz")
    assert tree(tmp_path) == before


def test_a_bundle_does_not_need_the_model_any_more_and_may_be_moved(
    rows: Path, tmp_path: Path
) -> None:
    model, data = tmp_path / "own.onnx", tmp_path / "own.npz"
    shutil.copy(MODEL, model)
    shutil.copy(CALIBRATION, data)
    done("compile", model, "--target", "cortex-m4", "--calibration", data, "-o", tmp_path / "a")
    before = run(tmp_path / "a", rows, "host")
    model.unlink()
    data.unlink()
    moved = shutil.move(tmp_path / "a", tmp_path / "b")
    assert same(before, run(moved, rows, "host"))
    assert same(before, run(moved, rows, "qemu"))
    assert "identical" in done("verify", moved).stdout


def test_neither_run_nor_verify_changes_the_bundle(digits: Path, rows: Path) -> None:
    before = tree(digits)
    run(digits, rows, "qemu")
    done("verify", digits)
    assert tree(digits) == before


def test_verify_json_is_one_object_on_stdout_and_nothing_else(digits: Path) -> None:
    result = done("verify", digits, "--json")
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert found["bit_exact"] is True
    assert found["exact"] == {"host": True, "qemu": True}
    assert found["samples"] == 25
    figures = found["outputs"]["logits"]
    assert {"max_abs", "rms", "sqnr_db", "argmax_agreement", "saturations"} <= set(figures)
    assert figures["sqnr_db"] > 40.0
    assert 0.0 < figures["rms"] < figures["max_abs"]
    assert figures["argmax_agreement"] == 1.0


def test_verify_reports_the_error_by_time_step(series: Path, tmp_path: Path) -> None:
    data = save(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(8, 9, 3)))
    words = ("verify", series, "--inputs", data, "--json", "--on", "host")
    found = json.loads(done(*words).stdout)
    assert found["exact"] == {"host": True}
    by_step = found["outputs"][STEPS]["rms_by_step"]
    assert "0" in by_step
    assert len(by_step) > 4
    assert all(error > 0.0 for error in by_step.values())
    assert "rms_by_step" not in found["outputs"][LAST_H]


def test_verify_takes_inputs_of_the_user(digits: Path, rows: Path, tmp_path: Path) -> None:
    found = json.loads(done("verify", digits, "--inputs", rows, "--json").stdout)
    assert found["samples"] == 6
    assert found["bit_exact"] is True
    beyond = save(tmp_path / "beyond.npz", rows=np.full((2, 1, 8, 8), 1e6, np.float32))
    found = json.loads(done("verify", digits, "--inputs", beyond, "--json").stdout)
    assert found["bit_exact"] is True
    assert found["inputs"]["rows"]["saturations"] == 2 * 64
    assert "beyond" in done("verify", digits, "--inputs", beyond).stdout


def test_verify_refuses_an_unknown_place(digits: Path) -> None:
    for places in ("moon", "host,moon", "host,,qemu"):
        result = call("verify", digits, "--on", places)
        assert result.exit_code == 2
        assert result.stdout == ""


@pytest.mark.parametrize("place", ["host", "qemu"])
def test_a_weight_that_was_changed_by_hand_is_status_3(
    place: str, digits: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(digits, tmp_path / "bundle"))
    source = bundle / "digits_weights.c"
    pattern = r"(digits_fc_weights\[\d+\] = \{(?:\s*-?\d+,){4}\s*)(-?\d+)"
    text, count = re.subn(
        pattern, lambda m: f"{m[1]}{int(m[2]) ^ 1}", source.read_text(), flags=re.DOTALL
    )
    assert count == 1
    source.write_text(text)
    assert f"{source} has changed since it was written" in refused(1, "verify", bundle)
    reseal(bundle)
    for options in ((), ("--json",)):
        result = call("verify", bundle, "--on", place, *options)
        assert result.exit_code == 3
        assert re.fullmatch(rf"Error: .*{place}.*logits.*\n", result.stderr)
    found = json.loads(result.stdout)
    assert found["bit_exact"] is False
    assert found["exact"] == {place: False}


def test_c_that_does_not_compile_any_more_is_status_1(digits: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(digits, tmp_path / "bundle"))
    (bundle / "digits.c").write_text("int x = ;\n")
    assert "digits.c" in refused(1, "verify", bundle, "--on", "host")


def damages() -> dict[str, Callable[[Path], object]]:
    """Ways to spoil a bundle."""

    def manifest(change: Callable[[dict[str, object]], object]) -> Callable[[Path], object]:
        def edit(folder: Path) -> None:
            path = folder / "manifest.json"
            found = json.loads(path.read_text())
            change(found)
            path.write_text(json.dumps(found))

        return edit

    def npz(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
        return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))

    return {
        "no manifest": lambda folder: (folder / "manifest.json").unlink(),
        "empty manifest": lambda folder: (folder / "manifest.json").write_text(""),
        "cut manifest": lambda folder: (folder / "manifest.json").write_text('{"name": "digits", '),
        "other manifest": lambda folder: (folder / "manifest.json").write_text("[1, 2]"),
        "binary manifest": lambda folder: (folder / "manifest.json").write_bytes(b"\xff\x00\xfe"),
        "no target": manifest(lambda found: found.pop("target")),
        "unknown target": manifest(lambda found: found.update(target="z80")),
        "a path as target": manifest(lambda found: found.update(target="../cortex-m4")),
        "no program": lambda folder: (folder / "program.npz").unlink(),
        "empty program": npz("program.npz", lambda data: b""),
        "cut program": npz("program.npz", lambda data: data[: len(data) // 2]),
        "flipped program": npz(
            "program.npz", lambda data: data[:1000] + bytes([data[1000] ^ 255]) + data[1001:]
        ),
        "other program": npz("program.npz", lambda data: CALIBRATION.read_bytes()),
        "no archive": npz("program.npz", lambda data: b"program"),
        "pickled program": lambda folder: np.savez(
            folder / "program.npz", program=np.array([{}], dtype=object)
        ),
        "no reference": lambda folder: (folder / "reference.npz").unlink(),
        "no weights": lambda folder: (folder / "digits_weights.c").unlink(),
    }


@pytest.mark.parametrize("damage", damages())
def test_a_damaged_bundle_is_refused(damage: str, digits: Path, rows: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(digits, tmp_path / "bundle"))
    damages()[damage](bundle)
    words = ["run", bundle, "--inputs", rows, "--on", "host", "-o", tmp_path / "y.npz"]
    before = tree(tmp_path)
    assert len(refused(1, *words)) < 400
    assert len(refused(1, "verify", bundle, "--json")) < 400
    assert tree(tmp_path) == before


def test_the_held_back_part_is_needed_by_verify_alone(
    digits: Path, rows: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(digits, tmp_path / "bundle"))
    (bundle / "held_back.npz").unlink()
    assert "held_back.npz" in refused(1, "verify", bundle, "--on", "host")
    done("verify", bundle, "--on", "host", "--inputs", rows)
    done("run", bundle, "--inputs", rows, "-o", tmp_path / "y.npz")


@pytest.mark.parametrize("kind", ["absent", "file", "empty folder"])
def test_what_is_no_bundle_is_refused(kind: str, rows: Path, tmp_path: Path) -> None:
    path = tmp_path / "thing"
    if kind == "file":
        path.write_text("x")
    elif kind == "empty folder":
        path.mkdir()
    assert "manifest.json" in refused(1, "verify", path)
    assert "thing" in refused(1, "run", path, "--inputs", rows, "-o", tmp_path / "y.npz")


def test_a_full_temporary_folder_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "scratch.c")

    monkeypatch.setattr("lstm_edge.toolchain.gcc.section_sizes", full)
    message = refused(1, "compile", MODEL, "--target", "host", "-o", tmp_path / "full")
    assert "No space left on device (scratch.c): free some space" in message
    assert tree(tmp_path) == {}
