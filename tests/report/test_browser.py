"""The page in Chromium: as wide as a phone and as a desk, in both schemes, nothing overflows."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lstm_edge.report import ReportValues, page
from lstm_edge.report.values import Network, Node
from tests.support.tools import skip_or_fail

WIDTHS = (390, 1280)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip
PROBE = """
<script>
const found = [];
function told(frame) {
  const page = frame.contentDocument, root = page.documentElement;
  const out = [];
  for (const box of page.querySelectorAll(".box")) {
    const edge = box.querySelector("rect").getBoundingClientRect();
    for (const text of box.querySelectorAll("text")) {
      const r = text.getBoundingClientRect();
      if (r.left < edge.left || r.right > edge.right || r.bottom > edge.bottom + 1)
        out.push(text.textContent);
    }
  }
  const small = [...page.querySelectorAll("text")].map(t => t.getScreenCTM().a * 11);
  found.push({page: frame.title, width: root.clientWidth, needs: root.scrollWidth, out: out,
    dark: getComputedStyle(page.body).backgroundColor, smallest: Math.min(...small)});
  if (found.length === document.querySelectorAll("iframe").length)
    document.getElementById("found").textContent = JSON.stringify(found);
}
</script>
<pre id="found"></pre>
"""


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return found or skip_or_fail(f"not installed: {BROWSERS[0]}")


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


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_is_wider_than_the_window(
    dark: bool,
    browser: str,
    full: ReportValues,
    plain: ReportValues,
    both_ways: ReportValues,
    tmp_path: Path,
) -> None:
    pages = {"full": full, "plain": plain, "both": both_ways, "large": large(plain)}
    frames = [
        f'<iframe title="{name}" style="width:{width}px;height:900px" onload="told(this)" '
        f'srcdoc="{html.escape(page(values))}"></iframe>'
        for name, values in pages.items()
        for width in WIDTHS
    ]
    file = tmp_path / "frames.html"
    style = "<!doctype html><meta charset=utf-8><style>iframe{border:0}</style>"
    file.write_text(style + PROBE + "".join(frames))
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    command = [browser, *QUIET, scheme, f"--user-data-dir={tmp_path / 'user'}", "--dump-dom"]
    done = subprocess.run([*command, f"file://{file}"], capture_output=True, text=True, timeout=60)
    told = re.search(r'<pre id="found">(\[.*?\])</pre>', done.stdout)
    assert told is not None, done.stderr
    found = json.loads(html.unescape(told[1]))
    assert len(found) == len(pages) * len(WIDTHS)
    for each in found:
        assert each["width"] in WIDTHS
        assert each["needs"] <= each["width"], each
        assert each["out"] == [], each
        assert each["dark"] == ("rgb(17, 21, 26)" if dark else "rgb(255, 255, 255)")
        assert each["smallest"] >= 8.0, each
