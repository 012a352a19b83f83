"""`compile`, `inspect` and `targets` keep the contract of the command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_edge import __version__
from lstm_edge.targets import all_targets
from tests.support.command import DIGITS, FIXTURES, call, done, refused, save, tree

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
"""A warning of numpy would be printed among the command's own words."""

MODEL = DIGITS / "digits.onnx"
CALIBRATION = DIGITS / "calibration.npz"
OPEN = FIXTURES / "lstm_open.legacy.onnx"
"""Any number of steps of 3 features."""
COMMANDS = ("compile", "run", "verify", "inspect", "targets")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shell(root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "lstm_edge", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_compile_alone_works_with_one_warning_on_stderr(folder: Path, project_root: Path) -> None:
    result = shell(project_root, "compile", MODEL, "--target", "cortex-m4")
    assert result.returncode == 0
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Warning: no calibration data")
    assert "build/digits for cortex-m4" in result.stdout
    assert "Warning" not in result.stdout
    assert (folder / "build" / "digits" / "digits.c").is_file()


def test_a_failure_of_the_process_is_one_line_and_status_1(project_root: Path) -> None:
    result = shell(project_root, "compile", "absent.onnx", "--target", "cortex-m4")
    assert result.returncode == 1
    assert re.fullmatch(r"Error: .*absent\.onnx.*\n", result.stderr)
    assert result.stdout == ""
    assert shell(project_root, "compile").returncode == 2
    assert shell(project_root, "--version").stdout.split() == ["lstm-edge,", "version", __version__]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_that_can_be_pasted(command: str) -> None:
    text = done(command, "--help").stdout
    assert re.search(rf"^ *Example: lstm-edge {command}\b", text, re.MULTILINE)
    assert done(command, "-h").stdout == text


@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],
        ["compile"],
        ["compile", MODEL],
        ["compile", MODEL, "--target", "host", "--scheme", "int3"],
        ["compile", MODEL, "--target", "host", "--activations", "9"],
        ["compile", MODEL, "--target", "host", "--cell-state", "24"],
        ["compile", MODEL, "--target", "host", "--unroll", "some"],
        ["compile", MODEL, "--target", "host", "--steps", "0"],
        ["compile", MODEL, "--target", "host", "--max-flash", "many"],
        ["compile", MODEL, "--target", "host", "--max-flash", "9" * 5000],
        ["compile", MODEL, "--target", "host", "--max-ram", "-1"],
        ["run", "x", "--inputs", "x.npz", "--on", "moon", "-o", "y.npz"],
        ["run", "x", "--inputs", "x.npz"],
        ["inspect"],
    ],
    ids=lambda words: " ".join(str(w)[:20] for w in words if w is not MODEL),
)
def test_wrong_usage_is_status_2(words: list[str], folder: Path) -> None:
    result = call(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error: " in result.stderr
    assert tree(folder) == {}


def test_the_bundle_holds_what_is_promised(folder: Path) -> None:
    done("compile", MODEL, "--target", "cortex-m4", "--calibration", CALIBRATION, "-o", "out")
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    names = set(tree(folder / "out"))
    assert {"digits.h", "digits.c", "digits_weights.c", "digits_selftest.c"} <= names
    assert set(manifest["files"]) == names
    assert manifest["tool"] == {"name": "lstm-edge", "version": __version__}
    assert manifest["target"] == "cortex-m4"
    assert re.fullmatch(r"[0-9a-f]{64}", manifest["model_sha256"])
    (given,), (result,) = manifest["inputs"], manifest["outputs"]
    assert (given["name"], given["shape"], given["per_step"]) == ("rows", [1, 8, 8], True)
    assert (result["name"], result["shape"], result["per_step"]) == ("logits", [1, 10], False)
    assert {"scale", "zero_point", "type", "size"} <= set(given)
    assert set(manifest["flash"]) == {"code", "weights", "tables"}
    assert set(manifest["ram"]) >= {"state", "scratch"}
    head = (folder / "out" / "digits.c").read_text().split("*/")[0]
    for text in (__version__, manifest["model_sha256"], "cortex-m4", manifest["options"]):
        assert text in head


def test_calibration_data_silence_the_warning() -> None:
    result = done("compile", MODEL, "--target", "host", "--calibration", CALIBRATION)
    assert result.stderr == ""


def test_name_prefixes_files_and_symbols_and_gives_the_folder(folder: Path) -> None:
    done("compile", MODEL, "--target", "host", "--name", "my_net")
    files = tree(folder / "build" / "my_net")
    assert {"my_net.h", "my_net.c", "my_net_weights.c", "my_net_selftest.c"} <= set(files)
    assert b"void my_net_step(" in files["my_net.h"]
    assert b"digits" not in files["my_net.c"] + files["my_net.h"] + files["my_net_weights.c"]


@pytest.mark.parametrize("name", ["9lives", "two words", "a-b", "", "int", "x/y", "../up", "é"])
def test_a_name_that_is_no_c_identifier_is_refused(name: str, folder: Path) -> None:
    line = refused(1, "compile", MODEL, "--target", "host", "--name", name)
    assert repr(name) in line
    assert tree(folder) == {}


def test_the_options_decide_what_is_generated(folder: Path) -> None:
    texts = set()
    for k, words in enumerate(
        [
            [],
            ["--scheme", "float32"],
            ["--activations", "8"],
            ["--activations", "16"],
            ["--cell-state", "16"],
            ["--unroll", "none"],
        ]
    ):
        done("compile", MODEL, "--target", "host", "--calibration", CALIBRATION, "-o", k, *words)
        manifest = json.loads((folder / str(k) / "manifest.json").read_text())
        for option, value in zip(words[::2], words[1::2], strict=True):
            assert f"{option[2:].replace('-', '_')}={value}" in manifest["options"]
        text = (folder / str(k) / "digits.c").read_text()
        texts.add(text.split("*/", 1)[1] + (folder / str(k) / "digits_weights.c").read_text())
    assert len(texts) == 6


def test_steps_fix_the_sequence_length_where_the_weights_leave_it_open(folder: Path) -> None:
    done("compile", OPEN, "--target", "host", "--steps", "5", "-o", "five")
    assert json.loads((folder / "five" / "manifest.json").read_text())["steps"] == 5
    done("compile", OPEN, "--target", "host", "-o", "any")
    assert json.loads((folder / "any" / "manifest.json").read_text())["steps"] is None
    flat = FIXTURES / "head_flat.legacy.onnx"
    line = refused(1, "compile", flat, "--target", "host", "--steps", "5", "-o", "no")
    assert "7" in line
    assert not (folder / "no").exists()


def test_an_unknown_target_is_refused_with_those_there_are(folder: Path) -> None:
    line = refused(1, "compile", MODEL, "--target", "z80")
    assert "'z80'" in line
    assert all(target.name in line for target in all_targets())
    assert tree(folder) == {}


@pytest.mark.parametrize("form", ["model", "real", "formats", "integer", "schedule"])
def test_dump_ir_prints_and_writes_nothing(form: str, folder: Path) -> None:
    text = done("compile", MODEL, "--target", "host", "--dump-ir", form).stdout
    assert "lstm" in text
    assert len(text.splitlines()) > 2
    assert tree(folder) == {}


@pytest.mark.parametrize("form", ["integer", "schedule"])
def test_dump_ir_says_what_is_done_when_a_state_is_set(form: str) -> None:
    """The state of a GRU is kept a second time, in fewer bits."""
    sizes = {"weight_ih": (9, 2), "weight_hh": (9, 3), "bias_ih": (9,), "bias_hh": (9,)}
    np.savez("net.npz", **{f"gru.{k}_l0": np.full(s, 0.1) for k, s in sizes.items()})
    text = done("compile", "net.npz", "--target", "host", "--dump-ir", form).stdout
    assert re.search(r"gru.*: (\d+ units, )?when a state is set\n", text)


def test_an_unknown_form_is_refused() -> None:
    line = refused(1, "compile", MODEL, "--target", "host", "--dump-ir", "assembly")
    assert "schedule" in line


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--max-flash", "1K"], "--max-flash 1,024"),
        (["--max-ram", "100"], "--max-ram 100"),
        (["--unroll", "full", "--max-flash", "8K"], "--unroll full would take about"),
    ],
    ids=["flash", "ram", "full"],
)
def test_a_budget_that_is_exceeded_is_status_3(words: list[str], told: str, folder: Path) -> None:
    line = refused(
        3, "compile", MODEL, "--target", "cortex-m4", "--calibration", CALIBRATION, *words
    )
    assert told in line
    assert tree(folder) == {}


def test_straight_line_code_over_the_targets_own_budget_is_status_3(folder: Path) -> None:
    big = FIXTURES / "lstm48.dynamo.onnx"
    line = refused(3, "compile", big, "--target", "cortex-m0", "--unroll", "full")
    assert "--unroll full would take about" in line
    assert "--max-flash" in line
    assert tree(folder) == {}


def test_budgets_that_are_met_change_nothing(
    folder: Path, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("arm-none-eabi-gcc")
    words = ["compile", MODEL, "--target", "cortex-m4", "--calibration", CALIBRATION]
    done(*words, "-o", "a")
    manifest = json.loads((folder / "a" / "manifest.json").read_text())
    flash, ram = sum(manifest["flash"].values()), sum(manifest["ram"].values())
    done(*words, "-o", "b", "--max-flash", flash, "--max-ram", ram)
    limited = json.loads((folder / "b" / "manifest.json").read_text())
    assert limited.pop("budgets")["flash"] == flash
    assert manifest.pop("budgets")["flash"] is None
    assert limited["sha256"].pop("manifest.json") != manifest["sha256"].pop("manifest.json")
    assert limited == manifest
    (folder / "b" / "manifest.json").write_bytes((folder / "a" / "manifest.json").read_bytes())
    assert tree(folder / "a") == tree(folder / "b")
    refused(3, *words, "-o", "c", "--max-flash", flash - 1)
    refused(3, *words, "-o", "c", "--max-ram", ram - 1)


class Intruder:
    """Whoever unpickles it makes a folder."""

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, ("intruder",))


def bad_calibrations() -> dict[str, Callable[[Path], None]]:
    """Files that are no calibration data of the example."""
    good = np.zeros((5, 1, 8, 8), np.float32)
    spoiled = good.copy()
    spoiled[3, 0, 2, 1] = np.nan
    endless = np.where(np.isnan(spoiled), np.inf, spoiled)
    objects = np.array([Intruder()], dtype=object)
    return {
        "absent": lambda path: None,
        "folder": lambda path: path.mkdir(),
        "empty": lambda path: path.write_bytes(b"") and None,
        "text": lambda path: path.write_text("rows") and None,
        "array": lambda path: path.write_bytes(good.tobytes()) and None,
        "pickled": lambda path: np.savez(path, rows=objects),
        "cut": lambda path: path.write_bytes(CALIBRATION.read_bytes()[:3000]) and None,
        "name": lambda path: np.savez(path, columns=good, rests=good),
        "rank": lambda path: np.savez(path, rows=good[:, 0, 0]),
        "shape": lambda path: np.savez(path, rows=good[..., :7]),
        "steps": lambda path: np.savez(path, rows=good[:, :, :7]),
        "samples": lambda path: np.savez(path, rows=good[:0]),
        "nan": lambda path: np.savez(path, rows=spoiled),
        "infinite": lambda path: np.savez(path, rows=endless),
        "complex": lambda path: np.savez(path, rows=good * 1j),
        "strings": lambda path: np.savez(path, rows=np.full(good.shape, "a")),
    }


@pytest.mark.parametrize("kind", bad_calibrations())
def test_bad_calibration_data_are_refused(kind: str, folder: Path) -> None:
    path = folder / "data.npz"
    bad_calibrations()[kind](path)
    before = tree(folder)
    line = refused(1, "compile", MODEL, "--target", "host", "--calibration", path)
    expected = "data.npz" if kind in list(bad_calibrations())[:7] else "'rows'"
    assert expected in line or kind == "samples"
    assert tree(folder) == before


@pytest.mark.parametrize("kind", ["integers", "doubles", "one sample", "more arrays"])
def test_usual_calibration_data_are_taken(kind: str, folder: Path) -> None:
    rows = (np.arange(5 * 64).reshape(5, 1, 8, 8) % 17).astype(np.float64) / 16
    arrays = {
        "integers": {"rows": (rows * 16).astype(np.uint8)},
        "doubles": {"rows": rows},
        "one sample": {"rows": rows[:1]},
        "more arrays": {"rows": rows, "label": np.arange(5)},
    }[kind]
    path = save(folder / "data.npz", **arrays)
    done("compile", MODEL, "--target", "host", "--calibration", path)


def test_a_failed_compile_leaves_the_old_bundle_alone(folder: Path) -> None:
    words = ["compile", MODEL, "--target", "cortex-m4", "--calibration", CALIBRATION, "-o", "out"]
    done(*words)
    before = tree(folder)
    refused(3, *words, "--max-flash", "1K")
    refused(1, "compile", "absent.onnx", *words[2:])
    refused(1, *words[:-2], "--calibration", MODEL, *words[-2:])
    assert tree(folder) == before


@pytest.mark.parametrize("existing", [False, True], ids=["new", "existing"])
def test_a_disk_that_is_full_leaves_nothing_half_written(
    existing: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if existing:
        done("compile", MODEL, "--target", "host", "-o", "out/put", "--activations", "8")
    before = tree(folder)
    write, written = Path.write_bytes, []

    def write_some(path: Path, data: bytes) -> int:
        written.append(path)
        if len(written) > 3:
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_some)
    line = refused(1, "compile", MODEL, "--target", "host", "-o", "out/put")
    assert "No space left on device" in line
    assert tree(folder) == before


def test_an_output_that_is_a_file_is_refused(folder: Path) -> None:
    (folder / "out").write_text("mine")
    for output in ("out", "out/below"):
        assert "out" in refused(1, "compile", MODEL, "--target", "host", "-o", output)
    assert tree(folder) == {"out": b"mine"}


def test_compile_leaves_other_files_and_the_c_of_other_models(folder: Path) -> None:
    done("compile", MODEL, "--target", "host", "-o", "out", "--name", "first")
    (folder / "out" / "mine.txt").write_text("mine")
    done("compile", MODEL, "--target", "host", "-o", "out", "--name", "second")
    names = set(tree(folder / "out"))
    assert "mine.txt" in names
    assert {"first.c", "first.h", "first_weights.c", "first_selftest.c"} <= names
    assert {"second.c", "second.h", "second_weights.c", "second_selftest.c"} <= names


def test_inspect_says_what_a_file_holds() -> None:
    text = done("inspect", MODEL).stdout
    assert "input  rows [1, 8, 8]" in text
    assert "output logits [1, 10]" in text
    result = done("inspect", MODEL, "--json")
    described = json.loads(result.stdout)
    assert result.stderr == ""
    assert described["name"] == "digits"
    assert described["steps"] == 8
    assert [layer["kind"] for layer in described["layers"] if layer["parameters"]] == [
        "lstm",
        "dense",
    ]
    assert sum(layer["parameters"] for layer in described["layers"]) == 5706 - 4 * 32
    assert described["inputs"][0]["name"] == "rows"


def test_inspect_json_is_alone_on_stdout_where_there_are_warnings() -> None:
    result = done("inspect", FIXTURES / "lstm_batch4.legacy.onnx", "--json")
    assert json.loads(result.stdout)["warnings"]
    assert result.stderr.startswith("Warning: ")


def test_inspect_refuses_what_is_no_model(folder: Path) -> None:
    (folder / "bad.onnx").write_bytes(b"not a model")
    assert "bad.onnx" in refused(1, "inspect", "bad.onnx")
    assert "bad.onnx" in refused(1, "inspect", "bad.onnx", "--json")


def test_targets_are_those_of_the_contract() -> None:
    result = done("targets", "--json")
    found = json.loads(result.stdout)["targets"]
    names = [t["name"] for t in found]
    cores = ("m0", "m0plus", "m3", "m4", "m7", "m33", "m55", "m85")
    assert names == ["host", *(f"cortex-{core}" for core in cores), "riscv32", "portable"]
    assert [t["emulated"] for t in found] == [False, *[True] * (len(cores) + 1), False]
    lines = done("targets").stdout.splitlines()
    assert [line.split()[0] for line in lines if line[0] != " "] == [*names, "cortex-m"]
