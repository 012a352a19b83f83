"""Ids and indices on the command line: what is accepted, what is written, what is said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from tests.oracle.embedding_graphs import FORMS, LAST, C, Form, V, network
from tests.oracle.graphs import node, saved
from tests.support.command import call, done, load, refused, save
from tests.support.compiling import compile_file
from tests.support.programs import Array
from tests.unit.test_selftest import selftest

PLACES = ("numpy", "host", "qemu", "float")
OUTPUTS = {"logits": TensorProto.FLOAT, "best": TensorProto.INT64}


def model(folder: Path, form: Form = FORMS["int64"]) -> Path:
    head = (*LAST, node("ArgMax", "logits", "best", axis=1, keepdims=0))
    return saved(network(form, head, OUTPUTS), folder, "words.onnx")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for cortex-m4, calibrated on 40 sequences of 12 ids."""
    folder = tmp_path_factory.mktemp("words")
    rng = np.random.default_rng(0)
    ids = save(folder / "c.npz", ids=rng.integers(0, V, (40, 1, 12)))
    path = model(folder)
    done("compile", path, "--target", "cortex-m4", "--calibration", ids, "-o", folder / "bundle")
    return folder / "bundle"


@pytest.fixture(autouse=True)
def _tools(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc", "arm-none-eabi-gcc", "qemu-system-arm")


def run(bundle: Path, folder: Path, where: str, ids: Array, *options: object) -> dict[str, Array]:
    inputs = save(folder / f"x_{where}.npz", ids=ids)
    output = folder / f"y_{where}.npz"
    done("run", bundle, "--inputs", inputs, "--on", where, "-o", output, *options)
    return load(output)


def test_an_index_is_an_integer_everywhere(words: Path, tmp_path: Path) -> None:
    ids = np.random.default_rng(1).integers(0, V, (6, 1, 9))
    found = {where: run(words, tmp_path, where, ids) for where in PLACES}
    for where, arrays in found.items():
        assert arrays["best"].dtype == np.int64, where
        assert arrays["logits"].dtype == np.float32
        assert arrays["best"].shape == (6, 1)
        assert np.array_equal(arrays["best"], arrays["logits"].argmax(axis=-1))
    assert found["numpy"]["logits"].tobytes() == found["qemu"]["logits"].tobytes()
    assert len(set(found["numpy"]["best"].reshape(-1).tolist())) > 1


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.uint64, np.float32, np.float64])
def test_ids_of_any_numeric_type(kind: type, words: Path, tmp_path: Path) -> None:
    ids = np.arange(V).reshape(1, 1, V)
    expected = run(words, tmp_path, "numpy", ids, "--raw")
    found = run(words, tmp_path, "numpy", ids.astype(kind), "--raw")
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("where", ["numpy", "host", "qemu"])
def test_stream_goes_on_from_call_to_call(where: str, words: Path, tmp_path: Path) -> None:
    ids = np.random.default_rng(2).integers(0, V, (2, 3, 1, 4))
    calls = run(words, tmp_path, where, ids, "--stream")
    assert calls["best"].shape == (2, 3, 1)
    assert calls["best"].dtype == np.int64
    whole = run(words, tmp_path, "numpy", ids.transpose(0, 2, 1, 3).reshape(2, 1, 12))
    assert np.array_equal(calls["logits"][:, -1], whole["logits"])
    assert np.array_equal(calls["best"][:, -1], whole["best"])


@pytest.mark.parametrize(
    ("wrong", "found"),
    [(V, str(V)), (-1, "-1"), (1.5, "1.5"), (np.nan, "nan"), (np.inf, "inf"), (2**40, "109951")],
)
def test_what_is_no_id_is_refused(wrong: float, found: str, words: Path, tmp_path: Path) -> None:
    ids = np.zeros((2, 1, 5), np.float64 if isinstance(wrong, float) else np.int64)
    ids[1, 0, 3] = wrong
    inputs = save(tmp_path / "x.npz", ids=ids)
    message = refused(1, "run", words, "--inputs", inputs, "--on", "numpy", "-o", tmp_path / "y")
    assert re.search(f"'ids' holds {found}.* at \\[1, 0, 3\\].* from 0 to {V - 1}", message)
    path = model(tmp_path)
    message = refused(1, "compile", path, "--target", "host", "--calibration", inputs)
    assert f"from 0 to {V - 1}" in message


def test_verify_counts_equal_indices(words: Path) -> None:
    result = json.loads(done("verify", words, "--on", "host,qemu", "--json").stdout)
    assert result["bit_exact"]
    best, logits = result["outputs"]["best"], result["outputs"]["logits"]
    assert best["agreement"] == best["argmax_agreement"] == logits["argmax_agreement"]
    assert best["sqnr_db"] is None
    assert logits["sqnr_db"] > 30.0
    text = done("verify", words, "--on", "host").stdout
    assert re.search(r"best: against float agreement \d+\.\d+%\n", text)


def test_manifest_describes_the_ports(words: Path) -> None:
    manifest = json.loads((words / "manifest.json").read_text())
    (ids,), (logits, best) = manifest["inputs"], manifest["outputs"]
    assert (ids["kind"], ids["range"], ids["type"]) == ("integer", [0, V - 1], "int32_t")
    assert (best["kind"], best["range"], best["type"]) == ("integer", [0, C - 1], "int32_t")
    assert (logits["kind"], logits["range"]) == ("real", None)


def test_flash_holds_the_table(tmp_path: Path) -> None:
    sizes = {}
    for rows in (10, 1010):
        table = np.random.default_rng(0).normal(size=(rows, 6)).astype(np.float32)
        folder = tmp_path / str(rows)
        folder.mkdir()
        path = model(folder, Form(FORMS["int64"].nodes, constants={"E": table}))
        done("compile", path, "--target", "cortex-m4", "-o", folder / "b")
        sizes[rows] = json.loads((folder / "b" / "manifest.json").read_text())["flash"]["weights"]
    assert sizes[1010] - sizes[10] == 1000 * (6 + 2)


def test_ids_are_drawn_without_calibration_data(tmp_path: Path) -> None:
    bundle = tmp_path / "b"
    result = done("compile", model(tmp_path), "--target", "host", "-o", bundle)
    assert "all integers alike" in result.stderr
    assert "saturate" not in result.stderr
    drawn = load(bundle / "held_back.npz")["ids"]
    assert drawn.dtype == np.int32
    assert set(drawn.reshape(-1).tolist()) == set(range(V))
    assert "bit for bit" in done("verify", bundle, "--on", "host").stdout


def test_inspect_tells_the_range(tmp_path: Path) -> None:
    path = model(tmp_path)
    assert "integers 0 .. 10" in done("inspect", path).stdout
    described = json.loads(done("inspect", path, "--json").stdout)
    assert described["inputs"][0]["limit"] == V
    assert call("inspect", path).exit_code == 0


@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_selftest_repeats_ids_and_indices(scheme: str, tmp_path: Path) -> None:
    files = compile_file(model(tmp_path), "host", scheme=scheme, name="net").files
    texts = {name: data.decode() for name, data in files.items() if name[-2:] in (".c", ".h")}
    assert "static const net_ids_t given_ids[16][1]" in texts["net_selftest.c"]
    assert "static const net_best_t expected_best[1][1]" in texts["net_selftest.c"]
    assert selftest(texts, "net", tmp_path / "right") == 0
    last = r"(given_ids\[16\]\[1\] = \{[^;]*\{)(\d+)(\},\s*\};)"

    def other(match: re.Match[str]) -> str:
        return f"{match[1]}{(int(match[2]) + 5) % V}{match[3]}"

    changed, count = re.subn(last, other, texts["net_selftest.c"])
    assert count == 1
    assert selftest({**texts, "net_selftest.c": changed}, "net", tmp_path / "wrong") > 0
