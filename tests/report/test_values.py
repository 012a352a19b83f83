"""What a report is made of: the network, the bars, the ranges, the front."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstm_edge.accuracy.tally import Error, RangeTally
from lstm_edge.bundle import Bundle
from lstm_edge.errors import DataError
from lstm_edge.labels import Change, Score
from lstm_edge.passes.macs import macs_by_layer
from lstm_edge.report import ReportValues, collect
from lstm_edge.report.charts import LEFT, RIGHT, Axis, Series, chart
from lstm_edge.report.errors import by_step
from lstm_edge.report.labels import changes_of, scores_table
from lstm_edge.report.layered import Box, place
from lstm_edge.report.lettering import fitted, width_of
from lstm_edge.report.numbers import share, size, tick_text, ticks
from lstm_edge.report.rows import cycle_rows, flash_rows, range_rows, stack_rows
from lstm_edge.report.values import CoreCost, Limits
from lstm_edge.verify import Verified
from tests.report.conftest import profile_of

GRAPHS = st.integers(1, 14).flatmap(
    lambda n: st.tuples(
        st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=24)
    )
)


def test_both_directions_flow_into_what_reads_them(both_ways: ReportValues) -> None:
    network = both_ways.network
    kinds = {n.name: (n.kind, n.units, n.backward, n.recurrent) for n in network.layers}
    assert kinds == {
        "embedding": ("embedding", 12, False, False),
        "lstm": ("LSTM", 16, False, True),
        "embedding2": ("embedding", 12, False, False),
        "lstm_reverse": ("LSTM", 16, True, True),
        "fc": ("dense", 7, False, False),
    }
    assert set(network.edges) == {
        ("input ids", "embedding"),
        ("input ids", "embedding2"),
        ("embedding", "lstm"),
        ("embedding2", "lstm_reverse"),
        ("lstm", "fc"),
        ("lstm_reverse", "fc"),
        ("fc", "output logits"),
    }


def test_layers_have_all_macs_of_a_step(
    plain: ReportValues, both_ways: ReportValues, digits: Bundle
) -> None:
    layers = plain.network.layers
    assert sum(node.macs for node in layers) == sum(macs_by_layer(digits.program, 8)) / 8
    assert [node.instructions for node in layers] == [None, None]
    for values in (plain, both_ways):
        macs = sum(node.macs for node in values.network.layers)
        assert macs == pytest.approx(values.costs[0].macs, abs=0.01)


def test_a_profile_gives_the_layers_their_instructions(digits: Bundle, verified: Verified) -> None:
    profile = profile_of(digits)
    found = collect(digits, verified, (profile,))
    assert [node.instructions for node in found.network.layers] == [6089.0, 52.0]
    assert found.network.outside == 20.0
    cost = found.costs[0]
    assert (cost.flash, cost.ram, cost.stack) == (10130, 308, 140)
    assert (cost.instructions, cost.most, cost.cycles) == (6161.0, 6524.0, profile.band(9785.0))


@pytest.mark.parametrize(
    "damage",
    [
        {"budgets": {"flash": "much"}},
        {"budgets": {"speed": 1}},
        {"inputs": [{"name": "x"}]},
        {"search": [{}]},
        {"flash": {"code": []}},
        {"tool": None},
    ],
    ids=str,
)
def test_a_damaged_manifest_is_refused(
    damage: dict[str, object], digits: Bundle, verified: Verified
) -> None:
    with pytest.raises(DataError, match="is damaged"):
        collect(replace(digits, manifest={**digits.manifest, **damage}), verified)


def test_traces_are_those_of_the_programs(plain: ReportValues, verified: Verified) -> None:
    (trace,) = plain.traces
    assert trace.real.shape == trace.ours.shape == (25, 1, 10)
    error = np.abs(trace.ours - trace.real)
    assert 0.0 < error.max() <= verified.accuracy.outputs[0].error.max_abs


def test_a_used_range_reaches_as_far_as_its_numbers(plain: ReportValues) -> None:
    found = {row.name: row for row in range_rows(plain.verified.accuracy)}
    values = {v.name: v for layer in plain.verified.accuracy.layers for v in layer.values}
    for name, row in found.items():
        used = values[name].used
        bits = len(used.bins) - 1
        assert float(row.used) == pytest.approx(100 * (1 - used.unused_bits / bits), abs=0.06)
        start, width = map(float, row.box)
        assert 0.0 <= start < start + width <= float(row.used) + 0.11
    used = values["lstm.h"].used
    assert -(2**12) < used.low < 0 < used.high < 2**12
    assert "holds ±2, used -0.99" in found["lstm.h"].note


def test_a_range_keeps_its_ends_over_all_that_was_added() -> None:
    tally = RangeTally(127)
    tally.add(np.array([[5, -90]]))
    tally.add(np.array([[1, -3]]))
    assert (tally.used().low, tally.used().high) == (-90, 5)


def cost(**figures: float) -> CoreCost:
    return replace(
        CoreCost("m", 100, 0, 50, 50, 10, 0, 90, "", "step", 1, 1.0, True, 10.0), **figures
    )


def test_a_budget_that_is_exceeded_is_marked() -> None:
    held, over = (flash_rows([cost()], Limits(flash=limit))[0] for limit in (200, 199))
    assert (held.over, over.over) == (False, True)
    assert over.limit == "99.5"
    assert [part.width for part in held.parts] == ["50", "25", "25", "0"]
    assert "101\u00a0%" in over.figure


def test_the_stack_without_a_bound_is_told_with_its_reason() -> None:
    (row,) = stack_rows([cost(stack=None, stack_note="no bound: recursion")], Limits())
    assert (row.figure, row.note, row.parts) == ("not known", "no bound: recursion", ())


def test_cores_without_a_model_have_no_cycles() -> None:
    assert cycle_rows([cost()], Limits()) == []


def test_a_cost_that_stands_alone_has_no_bar() -> None:
    assert stack_rows([cost()], Limits())[0].parts == ()
    assert stack_rows([cost(), cost(stack=45)], Limits())[1].parts[0].width == "50"


@given(GRAPHS)
def test_boxes_do_not_touch_and_ways_go_down(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, pairs = graph
    boxes = [Box(f"{k}", 40.0 + k, 20.0) for k in range(count)]
    edges = [(f"{a}", f"{b}") for a, b in pairs]
    placed = place(boxes, edges, gap=5.0, between=10.0)
    spans = [
        (x - box.width / 2, x + box.width / 2, y)
        for box in boxes
        for x, y in [placed.places[box.key]]
    ]
    for k, (left, right, top) in enumerate(spans):
        assert -1e-6 <= left < right <= placed.width + 1e-6
        assert 0.0 <= top <= placed.height - 20.0
        for other_left, other_right, other_top in spans[:k]:
            apart = right <= other_left or other_right <= left
            assert apart or abs(top - other_top) >= 20.0
    for way in placed.ways.values():
        heights = [y for _, y, _ in way]
        assert heights == sorted(heights)
    assert set(placed.ways) == {edge for edge in edges if edge[0] != edge[1]}


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6) | st.floats(1e6, 1e38))
def test_ticks_are_inside_of_their_range(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert all(low - 1e-6 * span <= t <= low + span * (1 + 1e-6) for t in found)
    assert 2 <= len(found) <= 6


def test_an_axis_puts_its_ends_at_its_places() -> None:
    axis = Axis(-1.0, 3.0, LEFT, RIGHT)
    assert (axis.at(-1.0), axis.at(3.0)) == (LEFT, RIGHT)


def test_an_error_that_is_not_finite_has_no_place_in_a_chart() -> None:
    for signal in (0.0, float("nan"), float("inf")):
        error = Error(1.0, 1.0, signal, None, {0: 1.0, 1: None}, None, None, 2)
        assert by_step(error) == ((0.0, None), (1.0, None))


def test_what_counts_has_whole_marks() -> None:
    def marks(*xs: float) -> list[str]:
        made = chart("k", "t", ("x", "y"), [Series("a", tuple((x, x) for x in xs))])
        assert made is not None
        return [mark.text for mark in made.x_marks]

    assert marks(0.0, 1.0) == ["0", "1"]
    assert "0.5" in marks(0.0, 1.0, 0.75)
    assert "6.5k" in marks(6000.0, 7000.0)


def test_a_gap_parts_a_line() -> None:
    made = chart("k", "t", ("x", "y"), [Series("a", ((0, 1.0), (1, None), (2, 2.0), (3, 1.0)))])
    assert made is not None
    assert made.series[0].path.count("M") == 2
    assert chart("k", "t", ("x", "y"), [Series("a", ((0, None),))]) is None


def test_changed_samples_are_counted_by_who_was_right() -> None:
    classes = [(3, 3, 5)] * 9 + [(5, 3, 5)] * 4 + [(1, 3, 5)]
    changed = tuple(Change(k, 7, *three) for k, three in enumerate(classes))
    (found,) = changes_of([Score("y", "accuracy", 90.0, 80.0, changed)])
    assert found.summary == (
        "14 decided otherwise: 9 right in float, 4 right in integers, 1 in neither."
    )
    assert len(found.few.rows) == 10
    assert found.many is not None
    assert len(found.many.rows) == 14
    assert found.few.rows[0] == ("0, step 7", "3", "3", "5", "float")


def test_numbers_are_short() -> None:
    assert [size(n) for n in (968, 9968, 2**21)] == ["968\u00a0B", "9.7\u00a0KiB", "2.0\u00a0MiB"]
    assert [share(n, 1000) for n in (0, 0.1, 8, 999.9)] == [
        "0\u00a0%", "<\u00a00.1\u00a0%", "0.8\u00a0%", "100\u00a0%",
    ]  # fmt: skip
    assert [tick_text(x) for x in (0.5, 250.0, 6500.0, 2e6)] == ["0.5", "250", "6.5k", "2M"]
    assert [tick_text(x) for x in (-0.0005, 0.00025, -0.0125)] == ["-5e-4", "2.5e-4", "-0.0125"]


@pytest.mark.all_cases
@given(st.text(max_size=60), st.floats(20.0, 200.0))
def test_a_text_is_cut_to_its_box(text: str, width: float) -> None:
    cut = fitted(text, width, 12.0, bold=True)
    assert width_of(cut, 12.0, bold=True) <= width
    assert cut == text or "…" in cut


def test_a_cut_name_keeps_its_ends() -> None:
    assert fitted("encoder/block_0/a_long_name_7", 120.0, 12.0) == "encoder…_name_7"


def test_a_table_of_scores_has_columns_of_what_there_is() -> None:
    classes = Score("y", "accuracy", 90.0, 80.0, (Change(0, None, 3, 3, 5),))
    numbers = Score("z", "r2", 99.0, 98.5, (), 0.5, 0.75)
    assert "rmse, both" not in scores_table([classes]).head
    assert scores_table([numbers]).head[-1] == "rmse, both"
    both = scores_table([classes, numbers])
    assert both.head[-2:] == ("rmse, both", "decided otherwise")
    assert [row[-2:] for row in both.rows] == [("-", "1"), ("0.5, 0.75", "-")]
