"""A folder whose manifest is damaged or of another version is refused when it is opened."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
import pytest

import lstm_edge
from lstm_edge.json_types import fault
from lstm_edge.manifest import MANIFEST, PER_CORE, Manifest
from tests.support.command import FIXTURES
from tests.support.manifests import change_manifest


class Part(TypedDict):
    """What is checked."""

    size: float
    names: list[str]
    more: NotRequired[dict[str, int | None]]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"size": 1, "names": []}, ""),
        ({"size": 1.5, "names": ["a"], "more": {"b": None, "c": 3}, "newer": 1}, ""),
        ([], "it cannot be []"),
        ({"size": 1}, "names is missing"),
        ({"size": True, "names": []}, "size cannot be True"),
        ({"size": "1", "names": []}, "size cannot be '1'"),
        ({"size": 1, "names": "abc"}, "names cannot be 'abc'"),
        ({"size": 1, "names": ["a", 2]}, "names[1] cannot be 2"),
        ({"size": 1, "names": [], "more": {"b": 0.5}}, "more.b cannot be 0.5"),
        ({"size": 1, "names": [], "more": None}, "more cannot be None"),
    ],
)
def test_a_fault_is_named_by_its_place(found: Any, said: str) -> None:
    assert fault(found, Part, "") == said


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    model = lstm_edge.load(FIXTURES / "lstm_open.legacy.onnx", name="net")
    data = np.random.default_rng(0).normal(size=(20, 6, 3)).astype(np.float32)
    lstm_edge.compile(model, target="host", calibration=data).save(folder / "one")
    both = lstm_edge.compile(model, target="cortex-m4,cortex-m0", calibration=data)
    both.save(folder / "several")
    return folder


@pytest.fixture
def copies(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "made")
    return tmp_path / "made"


def refused(folder: Path, said: str) -> None:
    with pytest.raises(lstm_edge.DataError, match=f"damaged, or of another version .*{said}"):
        lstm_edge.open(folder)


@pytest.mark.parametrize("key", Manifest.__annotations__)
def test_a_key_that_is_missing_or_of_another_type_is_named(key: str, copies: Path) -> None:
    for place in ("one", "several"):
        path = copies / place / MANIFEST
        whole = json.loads(path.read_text())
        if key not in whole:
            assert key in (
                "search",
                "study",
                "symbols",
                "widened",
                "remedies",
                "replaceable",
                "cores" if place == "one" else "",
                *PER_CORE,
            )
            continue
        path.write_text(json.dumps({**whole, key: {"neither": ["this", "nor that"]}}))
        refused(copies / place, key)
        if key not in ("accuracy", "cores"):
            path.write_text(json.dumps({k: v for k, v in whole.items() if k != key}))
            refused(copies / place, f"{key} is missing")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "recursion"),
        ("null", "cannot be None"),
        ('{"a":', "Expecting value"),
    ],
    ids=["deep", "null", "cut"],
)
def test_what_is_no_manifest_is_refused(text: str, said: str, copies: Path) -> None:
    (copies / "one" / MANIFEST).write_text(text)
    refused(copies / "one", said)


def test_targets_and_names_of_something_else_are_refused(copies: Path) -> None:
    one, several = copies / "one", copies / "several"
    name = json.loads((one / MANIFEST).read_text())["target"]
    change_manifest(one, target="cortex-m99")
    refused(one, "unknown target 'cortex-m99'")
    change_manifest(one, target=name, name="other")
    refused(one, "the manifest is of other, the program net")
    cores = json.loads((several / MANIFEST).read_text())["cores"]
    for wrong, said in (({**cores, "cortex-m99": cores["cortex-m4"]}, "cortex-m99"), ({}, "empty")):
        change_manifest(several, cores=wrong)
        refused(several, said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scale": 0.25}, "other inputs than program.npz"),
        ({"c_name": "y"}, "other inputs than program.npz"),
        ({"raw": {"scale": float("nan"), "zero": 0.0}}, "--input-scale nan of input"),
        ({"raw": {"scale": 1.0, "zero": 1e300}}, "--input-zero 1e.300 of input"),
    ],
)
def test_a_manifest_that_says_otherwise_than_the_program_is_noticed(
    changes: dict[str, Any], said: str, copies: Path
) -> None:
    """Sealed by whoever changed it, so that no checksum tells."""
    folder = copies / "one"
    entries = json.loads((folder / MANIFEST).read_text())["inputs"]
    change_manifest(folder, inputs=[{**entries[0], **changes}, *entries[1:]])
    with pytest.raises(lstm_edge.DataError, match=said):
        lstm_edge.open(folder).verify(on=["host"])


def test_each_file_that_was_changed_is_named(copies: Path) -> None:
    """One bit of any file, or a number of the manifest."""
    folder = copies / "one"
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        if path.name == MANIFEST:
            path.write_bytes(data.replace(b'"steps": 6', b'"steps": 7'))
        else:
            path.write_bytes(data[:-2] + bytes([data[-2] ^ 1, data[-1]]))
        with pytest.raises(lstm_edge.DataError, match="changed since it was written") as caught:
            lstm_edge.open(folder)
        assert str(path) in str(caught.value)
        path.write_bytes(data)
    assert lstm_edge.open(folder).verify(on=["host"]).ok
