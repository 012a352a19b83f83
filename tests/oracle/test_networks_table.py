"""The tables of docs/networks.md: of all there is, and what `make networks` would write today."""

from __future__ import annotations

import pytest

from lstm_edge.cells import BY_NAME
from lstm_edge.cells.named import name_and_options
from tests.oracle.networks import cases, measured
from tests.oracle.networks_table import BEGIN, HEADS, PAGE, about, line

CASES = {f"{case.kind} {case.name}": case for case in cases()}
SOME = ("cell rnn", "cell min_gru", "cell ssm", "cell slstm", "layer dense", "layer gelu")
TOLERANCE = 1.0
"""dB: other versions of numpy round other sums."""


def lines() -> list[str]:
    _, found, tables = PAGE.read_text().partition(BEGIN)
    assert found
    return [row for row in tables.splitlines() if row.startswith("| ") and row.count("|") > 7]


def test_every_cell_layer_and_pattern_has_its_line() -> None:
    shown = [row.split("|")[1].strip().strip("`") for row in lines()]
    heads = ["Cell", *(kind.capitalize() for kind in list(HEADS)[1:])]
    assert [name for name in shown if name not in heads] == [case.name for case in CASES.values()]
    cells = [case.name for case in CASES.values() if case.kind == "cell"]
    assert {name_and_options("text", text, BY_NAME)[0] for text in cells} == set(BY_NAME)


def test_the_options_are_those_of_the_functions() -> None:
    text = PAGE.read_text()
    for name in BY_NAME:
        assert about(name) in text


@pytest.mark.parametrize("name", SOME)
def test_a_line_is_what_is_measured(name: str) -> None:
    case = CASES[name]
    row = measured(case)
    *told, decibels = line(case, row).strip("| ").split(" | ")
    (found,) = [each for each in lines() if each.startswith(f"| {told[0]} |")]
    *written, before = found.strip("| ").split(" | ")
    assert written == told
    assert abs(float(before) - float(decibels)) <= TOLERANCE


def test_operations_are_counted_by_what_they_make() -> None:
    """Of a dense layer: sums of products, and one multiplication for each unit."""
    row = measured(CASES["layer dense"])
    assert (row.macs, row.products, row.curves) == (16.0, 1.0, 0.0)
