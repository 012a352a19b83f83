"""Spectra on cores: bit for bit what numpy computes, in few enough instructions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lstm_edge.emit.testing import pack_input, render_harness
from lstm_edge.passes.costs import cost_of_step
from lstm_edge.passes.options import Options
from lstm_edge.passes.select import select
from lstm_edge.profile.counting import build_program, count_calls
from lstm_edge.targets import Target, all_targets, load_target
from tests.host.test_spectra import program_of, spoken
from tests.support.exactness import as_feed, assert_bit_exact, float_program, rendered
from tests.support.programs import quantized
from tests.support.spectra import mel_model, speech

BOARDS = tuple(target for target in all_targets() if target.board is not None)
MOST_INSTRUCTIONS, MOST_RAM = 60_000, 6 * 1024
"""Of 40 logarithms of mel bands a hop, of 512 samples, on a Cortex-M4."""
NEAR = 0.1
"""How far an estimate may be from what is counted."""


@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_integers(target: Target, tmp_path: Path, target_or_skip: Callable[[Target], None]) -> None:
    target_or_skip(target)
    for case in ("log-mel", "mel-of-magnitudes", "sums"):
        program = program_of(case)
        assert_bit_exact(program, target, "gates", tmp_path / case, spoken(program, 0.4))


@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m55", "cortex-m0"])
def test_float32(name: str, tmp_path: Path, target_or_skip: Callable[[Target], None]) -> None:
    target = load_target(name)
    target_or_skip(target)
    program = float_program(mel_model(frame=128, hop=48, bands=12, least=1e-4))
    samples = {"x": speech(2, 8, 48, 0.5)[:, None]}
    assert_bit_exact(program, target, "none", tmp_path, samples)


@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m3", "cortex-m0", "cortex-m55"])
def test_instructions_of_a_hop(
    name: str, tmp_path: Path, target_or_skip: Callable[[Target], None]
) -> None:
    target = load_target(name)
    target_or_skip(target)
    model = mel_model(least=1e-6)
    program = quantized(model, {"x": speech(2, 20, 160, 0.7)}, Options(16))
    made = rendered(program, target, "gates")
    for file, text in {**made.files, "main.c": render_harness(program, target)}.items():
        (tmp_path / file).write_text(text)
    built = tmp_path / "built"
    built.mkdir()
    samples = np.round(speech(1, 8, 160, 0.5, seed=9) * 32768.0).astype(np.int64)
    (built / "input.bin").write_bytes(pack_input(program, as_feed({"x": samples[:, None]})))
    sources = [path for path in sorted(tmp_path.iterdir()) if path.suffix == ".c"]
    counted = count_calls(build_program(target, sources, [tmp_path], built), "net_step")
    if name == "cortex-m4":
        assert counted.most <= MOST_INSTRUCTIONS
        assert made.memory.state_bytes + made.memory.scratch_bytes <= MOST_RAM
    cost = cost_of_step(program, select(program, target, "gates"), target, 8)
    assert cost.instructions == pytest.approx(counted.mean, rel=NEAR)
