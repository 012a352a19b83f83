"""The built site: complete, and nothing in it is loaded from a network."""

from __future__ import annotations

import re

import pytest

import lstm_edge
from tests.docs.blocks import ROOT
from tests.support.tools import skip_or_fail

SITE = ROOT / "build" / "site"
LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?([^\"' >]+)|"
    r"<link\b[^>]*\bhref=[\"']?([^\"' >]+)"
)

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
