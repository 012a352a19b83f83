"""The page in Chromium: as wide as a phone and as a desk, in both schemes, nothing overflows."""

from __future__ import annotations

import html
from dataclasses import replace
from pathlib import Path

import pytest

from lstm_edge.labels import Change, Score
from lstm_edge.report import ReportValues, page
from lstm_edge.report.values import Network, Node, Study, Tried
from tests.support.browser import WIDTHS, looked_at

MEASURED = """
  const page = frame.contentDocument, out = [];
  for (const box of page.querySelectorAll(".box")) {
    const edge = box.querySelector("rect").getBoundingClientRect();
    for (const text of box.querySelectorAll("text")) {
      const r = text.getBoundingClientRect();
      if (r.left < edge.left || r.right > edge.right || r.bottom > edge.bottom + 1)
        out.push(text.textContent);
    }
  }
  for (const chart of page.querySelectorAll(".chart")) {
    const edge = chart.getBoundingClientRect();
    for (const text of chart.querySelectorAll("text")) {
      const r = text.getBoundingClientRect();
      if (r.left < edge.left || r.right > edge.right) out.push(text.textContent);
    }
  }
  const small = [...page.querySelectorAll("text")].map(t => t.getScreenCTM().a * 11);
  return {out: out, ground: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
    smallest: Math.min(...small)};
"""
LONG = "encoder/block_0/" + "W" * 150
"""No place to break it."""


def large(values: ReportValues) -> ReportValues:
    """Many layers with long names, and a rank of six boxes."""
    nodes = [Node("input x", "input", "onnx::Transpose_0/a_long_name_of_an_exporter", "a step", 12)]
    edges = []
    for k in range(20):
        name = f"encoder/block_{k}/bidirectional_gru_with_a_name_without_end"
        nodes.append(Node(name, "layer", name, "GRU", 1024, k % 2 == 1, True, 1.25e7, None, None))
        edges.append((nodes[-2].key, name))
    for k in range(6):
        nodes.append(Node(f"head {k}", "output", f"W{'W' * 40}{k}", "a sequence", 1000))
        edges.append((name, f"head {k}"))
    return replace(values, network=Network(tuple(nodes), tuple(edges), None))


def named(values: ReportValues) -> ReportValues:
    """A name without a place to break it wherever there is one, in a study of such models."""
    accuracy = values.verified.accuracy
    outputs = tuple(replace(each, name=LONG) for each in accuracy.outputs)
    layers = tuple(
        replace(
            layer,
            name=LONG,
            values=tuple(replace(v, name=f"{LONG}.{v.name}") for v in layer.values),
            saturations={},
        )
        for layer in accuracy.layers
    )
    seen = replace(
        values.verified,
        accuracy=replace(accuracy, outputs=outputs, layers=layers),
        differences={LONG: LONG},
        scores=(Score(LONG, "accuracy", 90.0, 80.0, (Change(0, 1, 2, 3, 4),) * 12),),
    )
    words = {"name": LONG, "target": LONG, "options": LONG, "scheme": "int8", "tool": LONG}
    nodes = tuple(replace(node, name=LONG) for node in values.network.nodes)
    return replace(
        values,
        identity=replace(values.identity, **words),
        network=replace(values.network, nodes=nodes),
        costs=tuple(replace(c, target=LONG, stack=None, stack_note=LONG) for c in values.costs),
        verified=seen,
        traces=tuple(replace(trace, output=LONG) for trace in values.traces),
        tried=tuple(Tried(f"{LONG}{k}", k + 1, 9.0 - k, 20.0 + k, chosen=k == 1) for k in range(3)),
        study=Study(3, 1, ("error", "flash", "instructions"), 20.0),
        warnings=(f"layer {LONG}: {LONG}: widen {LONG}", f"{LONG}; give {LONG}", f"`{LONG}`"),
        ports=tuple(replace(port, name=LONG, shape=LONG, stored=LONG) for port in values.ports),
    )


@pytest.mark.all_cases
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_is_wider_than_the_window(
    dark: bool,
    full: ReportValues,
    plain: ReportValues,
    both_ways: ReportValues,
    tmp_path: Path,
) -> None:
    pages = {
        "full": full, "plain": plain, "both": both_ways, "large": large(plain), "named": named(full)
    }  # fmt: skip
    sources = [(name, f'srcdoc="{html.escape(page(each))}"') for name, each in pages.items()]
    for each in looked_at(sources, tmp_path, MEASURED, dark):
        assert each["width"] in WIDTHS
        assert each["needs"] <= each["width"], each
        assert each["out"] == [], each
        assert each["ground"] == ("rgb(17, 21, 26)" if dark else "rgb(255, 255, 255)")
        assert each["smallest"] >= 8.0, each
