"""The built site: complete, readable on a phone, and nothing in it is loaded from a network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lstm_edge
from tests.docs.blocks import ROOT
from tests.support.browser import WIDTHS, looked_at
from tests.support.tools import skip_or_fail

SITE = ROOT / "build" / "site"
LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?([^\"' >]+)|"
    r"<link\b[^>]*\bhref=[\"']?([^\"' >]+)"
)
OUTSIDE = """
  const page = frame.contentDocument, edge = page.documentElement.clientWidth + 1;
  const scrolls = each => !each.matches("article") && (
    ["auto", "scroll", "hidden"].includes(frame.contentWindow.getComputedStyle(each).overflowX) ||
    scrolls(each.parentElement));
  const out = [...page.querySelectorAll("article *")].filter(
    each => each.getBoundingClientRect().right > edge && !scrolls(each.parentElement)
      && !scrolls(each));
  return {out: out.map(each => `${each.tagName} ${each.textContent.slice(0, 40)}`)};
"""
"""What is beyond the window's edge, and does not scroll."""

pytestmark = pytest.mark.docs


@pytest.fixture(autouse=True)
def _site() -> None:
    if not SITE.is_dir():
        skip_or_fail("there is no site: make docs")


def test_no_page_loads_anything_from_a_network() -> None:
    pages = sorted(SITE.rglob("*.html"))
    assert len(pages) > 50
    loaded = 0
    for page in pages:
        for groups in LOADED.findall(page.read_text()):
            target = "".join(groups)
            loaded += 1
            assert not re.match(r"(https?:)?//", target), (page.name, target)
    assert loaded > 100
    for sheet in SITE.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//", sheet.read_text()), sheet.name


def test_each_example_has_its_report() -> None:
    names = {path.parent.name for path in (ROOT / "examples").glob("*/example.toml")}
    assert {path.stem for path in (SITE / "reports").glob("*.html")} == names | {"index"}


def test_the_api_has_every_public_name() -> None:
    text = re.sub(r"<[^>]+>", "", (SITE / "api.html").read_text())
    for name in lstm_edge.__all__:
        assert name == "__version__" or name in text, name


def test_no_page_is_wider_than_its_window(tmp_path: Path) -> None:
    """Decisions are text alone; of them the list will do."""
    files = [p for p in sorted(SITE.rglob("*.html")) if not p.match("decisions/0*.html")]
    pages = [(f"{p.relative_to(SITE)}", f'src="file://{p}"') for p in files]
    assert {"index.html", "api.html", "cli.html", "howto/state.html"} <= {name for name, _ in pages}
    for each in looked_at(pages, tmp_path, OUTSIDE):
        assert each["width"] in WIDTHS
        assert each["needs"] <= each["width"], each
        assert each["out"] == [], each
