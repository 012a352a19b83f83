"""Weights that are replaced: code stays byte for byte, and computes what numpy says of the new."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lstm_edge
from lstm_edge.api.compiled import Compiled
from lstm_edge.api.network import Network
from lstm_edge.emit.blob import COVERED, HEADER
from lstm_edge.errors import DataError, LstmEdgeError, QuantizationError, TargetError
from lstm_edge.ir.model import DenseOverTime, Layer, Model
from lstm_edge.manifest import sha256
from lstm_edge.targets import load_target
from lstm_edge.toolchain import gcc
from tests.support.choices import PLAIN
from tests.support.models import random_inputs, random_model

NETWORKS: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "peephole", "hidden": (5, 4), "head": ("layer_norm", "dense")},
    "gru": {"cell": "gru", "hidden": (6,), "front": ("conv", "relu"), "head": ("dense", "softmax")},
    "embedding": {"cell": "plain", "hidden": (4,), "head": ("dense",), "rows": 9},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "int8": {},
    "8 bits": {"activations": 8},
    "fixed": {"scheme": "fixed"},
    "float32": {"scheme": "float32"},
}
FIRMWARE = """
#include "edge_io.h"
#include "net.h"

int main(void)
{
    static union {
        uint64_t aligned;
        uint8_t bytes[NET_WEIGHTS_SIZE];
    } given;
    static net_state state;
    const uint32_t before = net_weights()->revision;

    if (net_selftest() != 0 || before != 0) {
        return 1;
    }
    if (edge_read(edge_open_read("2.bin"), given.bytes, sizeof given.bytes) != sizeof given.bytes) {
        return 2;
    }
    if (net_load_weights(given.bytes, sizeof given.bytes) != NET_WEIGHTS_OK) {
        return 3;
    }
    if (net_weights()->revision != 7 || net_selftest_on(&state, NULL) != 0) {
        return 4;
    }
    given.bytes[NET_WEIGHTS_SIZE - 1] ^= 1;
    if (net_load_weights(given.bytes, sizeof given.bytes) != NET_WEIGHTS_CRC) {
        return 5;
    }
    net_factory_weights();
    return net_selftest() == 0 && net_weights()->revision == 0 ? 0 : 6;
}
"""


def network(kind: str, seed: int = 3) -> Model:
    chosen = {"rows": 0, **PLAIN, "read": "last", "steps": 8, **NETWORKS[kind]}
    return random_model(seed, also=(), cut=(), layout="batch_first", **chosen)


def trained_again(model: Model, factor: float = 1.0) -> Model:
    """The same layers with other weights, each about as large as it was."""
    rng, nodes = np.random.default_rng(5), []

    def other(array: Any) -> Any:
        return (factor * array * rng.uniform(0.7, 1.2, array.shape)).astype(np.float32)

    for node in model.nodes:
        op = node.op
        if isinstance(op, Layer):
            op = replace(op, params={name: other(a) for name, a in op.params.items()})
        elif isinstance(op, DenseOverTime):
            op = replace(op, weights=other(op.weights), bias=other(op.bias))
        nodes.append(replace(node, op=op))
    return replace(model, nodes=tuple(nodes), sha256="1" * 64)


def compiled(model: Model, target: str = "portable", **options: Any) -> Compiled:
    return lstm_edge.compile(
        Network(model),
        target=target,
        calibration=random_inputs(model, 8),
        updatable=True,
        **options,
    )


def updated(old: Compiled, model: Model, **options: Any) -> Compiled:
    return lstm_edge.update(old, Network(model), calibration=random_inputs(model, 8), **options)


def worst(made: Compiled) -> float:
    """The least dB of an output on held-back samples."""
    found = [each["sqnr_db"] for each in made.manifest["accuracy"]["outputs"].values()]
    return min(99.0 if each is None else each for each in found)


def code_of(made: Compiled) -> dict[str, bytes]:
    files = {name: data for name, data in made.files.items() if name.endswith((".c", ".h"))}
    return {name: data for name, data in files.items() if name != "net_weights.c"}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", NETWORKS)
def test_other_weights_need_no_other_code(
    kind: str, options: str, tool_or_skip: Callable[..., None]
) -> None:
    tool_or_skip("cc")
    model = network(kind)
    first = compiled(model, **OPTIONS[options])
    second = updated(first, trained_again(model))
    assert code_of(first) == code_of(second)
    assert first.files["net_weights.bin"] != second.files["net_weights.bin"]
    result = second.compare(None, on=("host",))
    assert result.exact == {"host": True}
    if not second.program.is_float:
        assert worst(second) > 20.0


@pytest.mark.parametrize("optimize", ["-O0", "-O3"])
def test_firmware_of_the_first_network_computes_what_the_second_one_does(
    optimize: str, tmp_path: Path, tool_or_skip: Callable[..., None]
) -> None:
    """It goes back to its own weights, too, and refuses damaged ones."""
    tool_or_skip("cc")
    model = network("lstm")
    first = compiled(model)
    second = updated(first, trained_again(model), revision=7)
    sources = [tmp_path / name for name in first.files if name.endswith(".c")]
    for name, data in first.files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "main.c").write_text(FIRMWARE)
    (tmp_path / "2.bin").write_bytes(second.files["net_weights.bin"])
    host = load_target("host")
    built = gcc.build(
        host, [*sources, tmp_path / "main.c"], [tmp_path], tmp_path, optimize=optimize
    )
    assert subprocess.run([built], cwd=tmp_path, check=False).returncode == 0


def test_the_header_says_what_is_in_the_block() -> None:
    model = network("gru")
    made = compiled(model)
    data = made.files["net_weights.bin"]
    magic, crc, version, length, revision, reserved, layout, sha, proof = HEADER.unpack(
        data[: HEADER.size]
    )
    assert struct.pack("<I", magic) == b"LEWB"
    assert crc == zlib.crc32(data[COVERED:])
    assert (version, length, revision, reserved) == (1, len(data), 0, 0)
    entry = made.manifest["replaceable"]
    assert layout.hex() == entry["layout"] != 64 * "0"
    assert sha.hex() == model.sha256 == made.manifest["model_sha256"]
    assert proof.hex() == sha256(made.files["proof.txt"]) == entry["proof"]


def test_an_opened_model_can_be_updated_again_and_again(tmp_path: Path) -> None:
    """Each update is a model with the code of the first one: the same bytes come out of it."""
    model = network("lstm")
    first = compiled(model)
    second = updated(lstm_edge.open(first.save(tmp_path / "first")), trained_again(model))
    third = updated(lstm_edge.open(second.save(tmp_path / "second")), model, revision=0)
    assert code_of(third) == code_of(first)
    assert third.files["net_weights.bin"] == first.files["net_weights.bin"]


def test_room_for_other_weights_costs_a_bit_at_most() -> None:
    model = network("lstm")
    plain = lstm_edge.compile(
        Network(model), target="portable", calibration=random_inputs(model, 8)
    )
    assert worst(compiled(model)) > worst(plain) - 6.1


def test_weights_beyond_the_room_are_refused() -> None:
    model = network("lstm")
    first = compiled(model)
    with pytest.raises(QuantizationError, match="the code that is to stay holds up to"):
        updated(first, trained_again(model, 8.0))


def test_a_network_of_other_layers_is_refused() -> None:
    first = compiled(network("lstm"))
    with pytest.raises(LstmEdgeError):
        updated(first, network("gru"))


def test_what_cannot_be_updated_says_why() -> None:
    model = network("lstm")
    x = random_inputs(model, 8)
    plain = lstm_edge.compile(Network(model), target="portable", calibration=x)
    with pytest.raises(DataError, match="its weights are part of the code"):
        updated(plain, model)
    with pytest.raises(TargetError, match="compile for one core at a time"):
        compiled(model, "cortex-m0,cortex-m4")
    with pytest.raises(TargetError, match="--unroll full"):
        compiled(model, unroll="full")
    with pytest.raises(DataError, match="--revision -1: expected 0 to 4294967295"):
        updated(compiled(model), model, revision=-1)


@pytest.mark.all_cases
def test_layers_may_have_the_names_of_calls(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")
    model = network("lstm")
    called = ("check", "load", "factory", "selftest")
    names = dict(zip((node.name for node in model.nodes), called, strict=False))
    nodes = tuple(replace(node, name=names.get(node.name, node.name)) for node in model.nodes)
    made = compiled(replace(model, name="given_net", nodes=nodes))
    assert "given_net_check_weights" in made.files["given_net_private.h"].decode()
    assert made.compare(None, on=("host",)).exact == {"host": True}


def test_another_version_of_the_compiler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    first = compiled(network("gru"))
    monkeypatch.setattr("lstm_edge.updating.__version__", "0.1.1")
    with pytest.raises(DataError, match=r"was made by lstm-edge 0\.1\.0, and this is 0\.1\.1"):
        updated(first, network("gru"))


def damaged(compiled: Compiled, key: str, value: object) -> Compiled:
    decisions = {**compiled.program.decisions, key: value}
    program = replace(compiled.program, decisions=decisions)
    return Compiled(replace(compiled.bundle, program=program))


def test_damaged_decisions_are_told() -> None:
    model = network("gru")
    first = compiled(model)
    kinds: dict[str, str] = {}
    for key in first.program.decisions:
        kinds.setdefault(key.rpartition(": ")[2] if ":" in key else key, key)
    for key in kinds.values():
        with pytest.raises(DataError, match=f"keeps for updates is damaged.*{re.escape(key)}"):
            updated(damaged(first, key, [None]), model)


@pytest.mark.parametrize(
    ("key", "path", "value"),
    [
        ("options", ["weights"], 7),
        ("formats of states", ["gru.h", "format", "scale"], -1.0),
        ("formats of states", ["gru.h", "format", "low"], 2**40),
        ("formats of inputs", ["x", "format", "scale"], [1.0] * 50),
        ("formats of inputs", ["other"], {}),
        ("steps of the self-test", [], 10**9),
    ],
)
def test_decisions_that_cannot_be_are_told(key: str, path: list[str], value: object) -> None:
    model = network("gru")
    first = compiled(model)
    found = json.loads(json.dumps({key: first.program.decisions[key]}))
    at, last = found, key
    for name in path:
        names = {name: name, "gru.h": next(iter(at[last])), "x": next(iter(at[last]))}
        at, last = at[last], names[name]
    at[last] = value
    with pytest.raises(DataError, match=f"keeps for updates is damaged.*{key}"):
        updated(damaged(first, key, found[key]), model)


def test_a_fault_of_the_compiler_is_not_told_as_one_of_the_bundle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = compiled(network("gru"))
    monkeypatch.setattr("lstm_edge.driver.certificate", lambda *_: {}["fault"])
    with pytest.raises(KeyError, match="fault"):
        updated(first, network("gru"))


def test_verify_notices_a_check_that_lets_damaged_weights_through(
    tool_or_skip: Callable[..., None],
) -> None:
    tool_or_skip("cc")
    made = compiled(network("gru"))
    source = made.files["net_weights.c"].decode()
    for line in ("header.crc != crc_of", "header.version != 1u", "memcmp(header.layout, wanted"):
        assert line in source
        edited = source.replace(f"if ({line}", f"if (0 && {line}", 1)
        files = {**made.files, "net_weights.c": edited.encode()}
        other = Compiled(replace(made.bundle, files=files))
        result = other.compare(None, on=("host",))
        assert "weights:" in result.differences["host"]
