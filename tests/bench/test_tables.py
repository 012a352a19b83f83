"""The tables of docs/benchmarks.md say what was measured, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import compared, document, tiny
from benchmarks.baselines import cmsis_nn, read
from benchmarks.cases import MAIN, Case, everything
from benchmarks.chosen import dense_layer, recurrent
from benchmarks.measure import Figures
from benchmarks.networks import SHAPES, Network, dense
from benchmarks.tiny_networks import NETWORKS
from lstm_edge.errors import ToolchainError


def built(optimize: str, instructions: float) -> Figures:
    return Figures(optimize, instructions, 2 * instructions, 100, 1000, 10, 8)


def lstms(instructions: dict[tuple[int, int], float]) -> dict[Case, tuple[Figures, ...]]:
    return {
        Case(Network("lstm", *shape), MAIN): (built("-O2", n), built("-Os", n + 1))
        for shape, n in instructions.items()
    }


def test_a_ratio_is_theirs_over_ours() -> None:
    theirs = cmsis_nn("s8_gcc")[MAIN]
    results = lstms({shape: n / 2 for shape, n in theirs.instructions.items()})
    assert compared.ratios(results, "lstm", MAIN, theirs) == [2.0] * len(SHAPES)
    assert "| LSTM | M4 | CMSIS-NN s8 | 2.00 | 2.00 |" in compared.judged(results)


def test_a_gru_is_held_against_three_quarters_of_the_lstm() -> None:
    theirs = cmsis_nn("s8_gcc")[MAIN]
    results = {
        Case(Network("gru", *shape), MAIN): (built("-O2", n * 0.75),)
        for shape, n in theirs.instructions.items()
    }
    assert compared.ratios(results, "gru", MAIN, theirs) == [1.0] * len(SHAPES)


def test_the_mean_of_some_shapes_is_not_shown() -> None:
    results = lstms({SHAPES[0]: 10_000.0})
    assert "| LSTM | M4 | CMSIS-NN s8 | - | - |" in compared.judged(results)


def test_the_build_with_fewest_instructions_is_listed() -> None:
    results = {Case(Network("lstm", 16, 32), MAIN): (built("-O2", 300.0), built("-Os", 200.0))}
    found = recurrent(results, "lstm", (16, 32), MAIN)
    assert found is not None
    assert (found.figures.optimize, found.figures.instructions) == ("-Os", 200.0)


def test_a_dense_layer_is_what_it_adds() -> None:
    both, alone = dense(32, 10)
    results = {
        Case(both, MAIN): (built("-O2", 900.0),),
        Case(alone, MAIN): (built("-O2", 580.0),),
    }
    found = dense_layer(results, (32, 10), MAIN)
    assert found is not None
    assert (found.figures.instructions, found.per_mac) == (320.0, 1.0)


def test_every_shape_of_a_baseline_is_measured() -> None:
    cases = set(everything())
    for core in cmsis_nn("s8_gcc"):
        assert {Case(Network("lstm", *shape), core) for shape in SHAPES} <= cases
        assert {Case(Network("gru", *shape), core) for shape in SHAPES} <= cases


@pytest.mark.parametrize("name", ["cmsis_nn", "tflm", "silicon"])
def test_every_file_of_figures_says_where_they_are_from(name: str) -> None:
    assert len(read(name)["what"]) > 50


def test_a_network_is_the_same_in_every_run(tmp_path: Path) -> None:
    first, second = (
        Network("gru", 3, 4, head=2).write(tmp_path / folder)[0].read_bytes() for folder in "ab"
    )
    assert first == second


def test_networks_of_the_suite_have_the_products_that_it_says() -> None:
    assert [network.macs for network in NETWORKS] == [264_192, 2_656_768, 21_912]
    assert len({(n.name, core) for n in NETWORKS for core in tiny.CORES}) == 15


def test_the_table_of_the_suite(tmp_path: Path) -> None:
    ad, _, wake_word = NETWORKS
    first, second = (ad.write(tmp_path / folder)[0].read_bytes() for folder in "ab")
    assert first == second
    half = {(ad, MAIN, 12): Figures("-O2", 1.0, 0.92 * ad.macs, 1, 2, 3, 4)}
    frame = {(wake_word, MAIN, 12): Figures("-O2", 5.0, 0.5 * 120e6 * 0.032, 1, 2, 3, 4)}
    text = tiny.section(half | frame)
    assert "| AD | M4 | 12 | 1 | 243,057 | 0.92 | 2 | 3 | -O2 | 1.84 | 2.00 |" in text
    assert "| M4 | 5 | 1,920,000 | 2 | 3 | 120 | 50.0 % | 56.1 % |" in text


def test_a_section_whose_tool_fails_is_left_out_and_named() -> None:
    def fails() -> str:
        raise ToolchainError("ld failed\nat length")

    missing = document.Missing()
    assert missing.section("flags", fails) == ""
    assert missing.reasons == ["flags: ld failed"]
