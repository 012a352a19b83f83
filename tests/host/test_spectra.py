"""Spectra and what is made of them in C: the bits of numpy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstm_edge.ir.program import Program
from lstm_edge.passes.options import Options
from lstm_edge.targets import load_target
from tests.support.exactness import assert_bit_exact, float_program, sanitized, stored_streams
from tests.support.programs import quantized
from tests.support.spectra import mel_model, speech

HOST = load_target("host")
RAMP = np.linspace(0.4, 1.0, 64)
TAPS = np.array([[0.3], [-0.95], [1.0]])
CASES: dict[str, dict[str, Any]] = {
    "mel": {},
    "mel-of-magnitudes": {"root": True},
    "log-mel": {"least": 1e-6},
    "log-mel-and-more": {"least": 1e-6, "added": "sum"},
    "log-mel-with-bias": {"least": 1e-6, "added": "bias", "root": True},
    "log-mel-256": {"frame": 256, "hop": 100, "bands": 20, "least": 1e-4},
    "bytes": {"frame": 64, "hop": 32, "bands": 8, "least": 1e-3, "kind": "int8"},
    "frames-of-one-hop": {"frame": 64, "hop": 64, "bands": 8, "least": 1e-3},
    "frames-with-gaps": {"frame": 32, "hop": 50, "bands": 5},
    "smallest": {"frame": 16, "hop": 8, "bands": 3},
    "short-window": {"frame": 64, "hop": 24, "bands": 6, "least": 1e-3, "window": RAMP[:51]},
    "sums": {"frame": 64, "hop": 24, "bands": 6, "window": TAPS * RAMP, "first": 5},
    "largest": {"frame": 2048, "hop": 512, "bands": 30, "least": 1e-6},
}


def program_of(case: str) -> Program:
    choices = CASES[case]
    hop = choices.get("hop", 160)
    samples = speech(2, 12, hop, 0.7)
    if choices.get("kind") == "int8":
        samples = np.round(samples * 127.0)
    return quantized(mel_model(**choices), {"x": samples}, Options(16))


def spoken(program: Program, loudness: float) -> dict[str, np.ndarray]:
    """Stored samples, two streams of one call."""
    hop = program.values["x"].length
    fmt = program.values["x"].format
    whole = np.round(speech(2, 10, hop, loudness, seed=5) * fmt.high).astype(np.int64)
    return {"x": np.clip(whole, fmt.low, fmt.high)[:, None]}


@pytest.fixture(autouse=True)
def _compiler(tool_or_skip: Callable[..., None]) -> None:
    tool_or_skip("cc")


@pytest.mark.parametrize("case", CASES)
def test_integers(case: str, tmp_path: Path) -> None:
    program = program_of(case)
    assert_bit_exact(program, HOST, "none", tmp_path / "any", stored_streams(program, 14))
    for loudness in (0.9, 0.001, 0.0):
        assert_bit_exact(program, HOST, "none", tmp_path / "said", spoken(program, loudness))


@pytest.mark.parametrize("case", CASES)
def test_float32(case: str, tmp_path: Path) -> None:
    program = float_program(mel_model(**CASES[case]))
    assert_bit_exact(program, HOST, "none", tmp_path, stored_streams(program, 14))


@pytest.mark.parametrize("case", ["log-mel", "mel-of-magnitudes"])
def test_no_operation_is_undefined(case: str, tmp_path: Path) -> None:
    program = program_of(case)
    assert_bit_exact(
        program, HOST, "gates", tmp_path, stored_streams(program, 14), **sanitized("gcc")
    )
