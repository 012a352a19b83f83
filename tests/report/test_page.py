"""The page as a file: whole, escaped, the same each time, with everything that was found."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lstm_edge.bundle import Bundle
from lstm_edge.report import ReportValues, page, summary
from tests.report.conftest import HOSTILE

VOID = {"meta", "br", "img", "link", "input", "hr"}
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "section", "h1", "h2", "h3",
    "p", "b", "span", "div", "ul", "li", "dl", "dt", "dd", "figure", "figcaption", "details",
    "summary", "table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "g", "path", "rect",
    "circle", "text", "desc", "defs", "marker", "code",
}  # fmt: skip
LARGEST = 500_000


class Read(HTMLParser):
    """A strict reader: what is opened is closed, in order. text: all that is between the tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


@pytest.fixture(params=["plain", "full", "both_ways"])
def values(request: pytest.FixtureRequest) -> ReportValues:
    found: ReportValues = request.getfixturevalue(request.param)
    return found


def test_every_tag_is_closed_and_none_runs_or_loads_anything(values: ReportValues) -> None:
    text = page(values)
    read = Read(text)
    assert {tag for tag, _ in read.found} <= ALLOWED
    for tag, attributes in read.found:
        assert not attributes.keys() & {"src", "href", "srcset", "data", "action", "poster"}, tag
        assert not any(name.startswith("on") for name in attributes), tag
    assert "@import" not in text
    assert set(re.findall(r"url\(([^)]*)\)", text)) == {"#arrow"}
    assert len(text.encode()) < LARGEST


def test_ids_are_unique_and_every_reference_has_its_target(values: ReportValues) -> None:
    found = Read(page(values)).found
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in found:
        for name in (attributes.get("aria-labelledby") or "").split():
            assert name in ids


def test_every_drawing_has_a_title_or_is_hidden_from_readers(values: ReportValues) -> None:
    nested = 0
    for tag, attributes in Read(page(values)).found:
        if tag != "svg":
            continue
        named = attributes.get("role") == "img" and attributes.get("aria-labelledby")
        inside = "viewBox" not in attributes and "viewbox" not in attributes
        nested += inside
        assert named or inside or attributes.get("aria-hidden") == "true"
    assert nested == len(values.network.nodes)


def test_hostile_names_are_text(full: ReportValues) -> None:
    text = page(full)
    assert "<script" not in text
    read = Read(text)
    assert read.text.count(HOSTILE) >= 5
    assert read.text.strip().startswith(HOSTILE)


def test_a_place_in_a_chart_is_inside_of_it(values: ReportValues) -> None:
    text = page(values)
    for chart in re.findall(r'<svg class="chart".*?</svg>', text, re.DOTALL):
        dots = re.findall(r'<circle cx="([-\d.]+)" cy="([-\d.]+)"', chart)
        paths = re.findall(r"[ML]([-\d.]+) ([-\d.]+)", "".join(re.findall(r'd="([^"]*)"', chart)))
        for x, y in (*dots, *paths):
            assert 0.0 <= float(x) <= 360.0
            assert 0.0 <= float(y) <= 220.0


def test_the_same_values_give_the_same_page_without_folders(
    full: ReportValues, tmp_path: Path
) -> None:
    text = page(full)
    assert text == page(replace(full))
    assert str(tmp_path.parent.parent) not in text


def test_what_was_found_is_on_the_page(full: ReportValues) -> None:
    text = Read(page(full)).text.replace("\xa0", " ")
    told = (
        "Bits differ", "in QEMU (cortex-m4)", "Budget missed", "stack 140 B of 100 B",
        "cycles 10,398 of 9,000", "140 %", "at most 6,524 of 7,000", "3.41 µJ",
        "MLPerf Tiny v1.0", "53 published counts", "Remedy", "widen it", "too few samples",
        "decided otherwise", full.identity.sha256, "lstm-edge 0", "9 bits of headroom",
        "weights=int4", "asked for: 40 dB",
    )  # fmt: skip
    for each in told:
        assert each in text, each
    assert "+0.00" in text


def test_without_a_profile_the_page_says_so(plain: ReportValues) -> None:
    text = Read(page(plain)).text
    assert "made without a profile" in text
    assert "Bits not compared" in text
    assert "not measured" in text
    assert "µJ" not in text


def test_a_float_program_has_no_ranges_and_no_integers(plain: ReportValues) -> None:
    accuracy = plain.verified.accuracy
    layers = tuple(replace(layer, values=()) for layer in accuracy.layers)
    seen = replace(plain.verified, accuracy=replace(accuracy, layers=layers))
    identity = replace(plain.identity, scheme="float32")
    text = Read(page(replace(plain, identity=identity, verified=seen))).text
    assert "Computes in float32" in text
    assert "Used range" not in text
    assert "integers - float" not in text


def test_a_summary_is_a_table_of_the_manifest(digits: Bundle) -> None:
    manifest = {**digits.manifest, "name": HOSTILE}
    text = Read(summary(manifest)).text.replace("\xa0", " ")
    flash, macs = sum(n or 0 for n in manifest["flash"].values()), manifest["macs"]
    assert HOSTILE in text
    assert f"{flash / 1024:.1f} KiB" in text
    assert f"{macs:,.10g}" in text
    assert "logits 46.4 dB" in text
    several = {**manifest, "cores": {name: {"target": name} for name in ("m0", "m4")}}
    assert summary(several).count("<tr>") == 3


def _colours(css: str) -> tuple[dict[str, str], dict[str, str]]:
    """Variables of the light and of the dark scheme."""
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    first, second = (dict(re.findall(r"--(\w+): (#\w{6})", part)) for part in (light, dark))
    return first, first | second


def _luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_and_lines_stand_out_in_both_schemes(sources: Path) -> None:
    light, dark = _colours((sources / "style.css").read_text())
    assert light.keys() == dark.keys()
    for colours in (light, dark):
        for ground in (colours["page"], colours["card"]):
            for name in ("ink", "soft", "good", "bad", "warn", "t1"):
                assert _contrast(colours[name], ground) >= 4.5, name
        for name in ("t1", "t2", "t3", "t4", "t5", "t6"):
            assert _contrast(colours[name], colours["page"]) >= 3.0, name
        assert _contrast(colours["t1"], colours["p5"]) >= 3.0


def test_formats_are_told_with_what_their_ranges_come_from(plain: ReportValues) -> None:
    """An LSTM's h stays within 1, whatever the data; the input has what calibration saw."""
    rows = re.findall(r"<tr><th scope=\"row\">([^<]+)</th>(.*?)</tr>", page(plain))
    told = {name: re.findall(r"<td>([^<]*)</td>", cells) for name, cells in rows}
    assert told["lstm.h"] == ["Q1.12 in int16", "0.000244", "proved"]
    assert told["input rows"][-1] == "calibrated"
    assert "Formats" not in Read(page(replace(plain, formats=()))).text
