"""Bundles that were edited."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.large.base import CASES, FIXTURES, Command, case, compiled, zeros


def _bundle(folder: Path) -> Path:
    import lstm_edge

    network = lstm_edge.load(FIXTURES / "lstm.legacy.onnx", name="net")
    lstm_edge.compile(network, target="cortex-m4").save(folder / "b")
    return folder / "b"


def _sealed(bundle: Path, changed: Mapping[str, bytes], edit: Callable[[Any], None]) -> None:
    """Edit a bundle so that all its sums are right."""
    from lstm_edge.manifest import MANIFEST, seal, sha256

    described = json.loads((bundle / MANIFEST).read_text())
    edit(described)
    for name, data in changed.items():
        (bundle / name).write_bytes(data)
        described["sha256"][name] = sha256(data)
    described["sha256"][MANIFEST] = seal(described)
    (bundle / MANIFEST).write_text(json.dumps(described))


def _bundled(name: str, command: str, edit: Callable[[Any], None]) -> None:
    def made(folder: Path) -> Command:
        bundle = _bundle(folder)
        _sealed(bundle, {}, edit)
        more = {"run": ["--inputs", str(folder / "x.npz"), "-o", str(folder / "y.npz")]}
        np.savez(folder / "x.npz", x=np.ones((2, 4, 3), np.float32))
        return [command, str(bundle), *more.get(command, [])]

    CASES[f"{command}_{name}"] = made


def _numbers(described: Any, value: Any) -> None:
    for key, each in list(described.items()) if isinstance(described, dict) else []:
        if key == "sha256":
            continue
        if isinstance(each, int | float) and not isinstance(each, bool):
            described[key] = value
        else:
            _numbers(each, value)
    for k, each in enumerate(described) if isinstance(described, list) else []:
        if isinstance(each, int | float) and not isinstance(each, bool):
            described[k] = value
        else:
            _numbers(each, value)


for command in ("verify", "run", "report", "profile"):
    _bundled("huge_numbers", command, lambda d: _numbers(d, 10**18))
    _bundled("negative_numbers", command, lambda d: _numbers(d, -1))
    _bundled("endless_numbers", command, lambda d: _numbers(d, 1e999))
    _bundled("texts", command, lambda d: _numbers(d, "x"))
    _bundled("file_device", command, lambda d: d["files"].append("/dev/zero"))


@case
def bundle_of_a_link_to_zero(folder: Path) -> Command:
    bundle = _bundle(folder)
    (bundle / "program.npz").unlink()
    (bundle / "program.npz").symlink_to("/dev/zero")
    return ["verify", str(bundle)]


@case
def bundle_of_a_pipe(folder: Path) -> Command:
    bundle = _bundle(folder)
    (bundle / "program.npz").unlink()
    os.mkfifo(bundle / "program.npz")
    return ["verify", str(bundle)]


@case
def bundle_manifest_of_zeros(folder: Path) -> Command:
    bundle = _bundle(folder)
    with (bundle / "manifest.json").open("wb") as file:
        file.truncate(2**33)
    return ["verify", str(bundle)]


@case
def bundle_program_bomb(folder: Path) -> Command:
    bundle = _bundle(folder)
    zeros(folder / "bomb.npz", "program", (2**29,))
    _sealed(bundle, {"program.npz": (folder / "bomb.npz").read_bytes()}, lambda _: None)
    return ["verify", str(bundle)]


@case
def bundle_held_back_bomb(folder: Path) -> Command:
    bundle = _bundle(folder)
    zeros(folder / "bomb.npz", "x", (2**18, 2**10, 3))
    _sealed(bundle, {"held_back.npz": (folder / "bomb.npz").read_bytes()}, lambda _: None)
    return ["verify", str(bundle)]


@case
def run_on_zeros(folder: Path) -> Command:
    bundle = _bundle(folder)
    return ["run", str(bundle), "--inputs", "/dev/zero", "-o", str(folder / "y.npz")]


@case
def run_on_a_bomb(folder: Path) -> Command:
    bundle = _bundle(folder)
    zeros(folder / "x.npz", "x", (2**18, 2**10, 3))
    return ["run", str(bundle), "--inputs", str(folder / "x.npz"), "-o", str(folder / "y.npz")]


@case
def inputs_like_a_pipe(folder: Path) -> Command:
    bundle = _bundle(folder)
    (bundle / "program.npz").unlink()
    os.mkfifo(bundle / "program.npz")
    (folder / "m.onnx").write_bytes((FIXTURES / "lstm.legacy.onnx").read_bytes())
    return compiled(folder, "m.onnx", "--inputs-like", str(bundle))
