"""Pages in a headless Chromium, each in a frame as wide as a window."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.support.tools import skip_or_fail

WIDTHS = (390, 1280)
"""Of a phone and of a desk."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--allow-file-access-from-files",
)  # fmt: skip
PROBE = """<!doctype html><meta charset=utf-8><style>iframe{border:0}</style>
<script>
const found = [];
function measured(frame) {
%s
}
function told(frame) {
  const root = frame.contentDocument.documentElement;
  for (const each of root.querySelectorAll("details")) each.open = true;
  found.push({page: frame.title, width: root.clientWidth, needs: root.scrollWidth,
    ...measured(frame)});
  if (found.length === document.querySelectorAll("iframe").length)
    document.getElementById("found").textContent = JSON.stringify(found);
}
</script>
<pre id="found"></pre>
"""


def browser_or_skip() -> str:
    """The first that is installed."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return found or skip_or_fail(f"not installed: {BROWSERS[0]}")


def looked_at(
    pages: Iterable[tuple[str, str]], folder: Path, script: str, dark: bool = False
) -> list[dict[str, Any]]:
    """Each page at each of `WIDTHS`, with all that is folded opened: its name, the width of its
    window, the width that it needs, and what `script` returns of its `frame`.

    pages: names, and the attribute that gives a frame its page. folder: for the browser.
    """
    frames = [
        f'<iframe title="{name}" style="width:{width}px;height:900px" onload="told(this)" '
        f"{source}></iframe>"
        for name, source in pages
        for width in WIDTHS
    ]
    file = folder / "frames.html"
    file.write_text(PROBE % script + "".join(frames))
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    own = f"--user-data-dir={folder / 'user'}"
    command = [browser_or_skip(), *QUIET, scheme, own, "--dump-dom", f"file://{file}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    told = re.search(r'<pre id="found">(\[.*?\])</pre>', done.stdout, re.DOTALL)
    assert told is not None, done.stderr
    found: list[dict[str, Any]] = json.loads(html.unescape(told[1]))
    assert len(found) == len(frames)
    return found
