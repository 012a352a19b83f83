"""What the site has beside docs/: pages from elsewhere in the repository, reports and notebooks.

Links are written for a reader of the repository. Here those that lead to a page become links
within the site, and those to a file that is none become the file's name. A link to nothing stays,
and `mkdocs build --strict` fails on it.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
REPORTS = ROOT / "build" / "reports"
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "examples/README.md": "examples/index.md",
    "examples/digits/README.md": "examples/digits.md",
    "examples/qat/README.md": "examples/qat.md",
    "firmware/digits/README.md": "examples/firmware-digits.md",
    "examples/notebooks/explore.ipynb": "notebooks/explore.md",
    "examples/notebooks/choose.ipynb": "notebooks/choose.md",
}
"""File of the repository -> page of the site."""
FOLDERS = {
    "docs/decisions": "decisions/index.md",
    "examples": "examples/index.md",
    "examples/digits": "examples/digits.md",
    "examples/qat": "examples/qat.md",
    "firmware/digits": "examples/firmware-digits.md",
}
"""Folder -> the page that stands for it."""
LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Pages that are made, and reports."""
    for path, page in PAGES.items():
        file = ROOT / path
        text = _of_notebook(file) if file.suffix == ".ipynb" else file.read_text()
        files.append(File.generated(config, page, content=text))
    files.append(File.generated(config, "decisions/index.md", content=_decisions()))
    reports = sorted(REPORTS.glob("*.html"))
    files.append(File.generated(config, "reports/index.md", content=_reports(reports)))
    for report in reports:
        name = f"reports/{report.name}"
        files.append(File.generated(config, name, abs_src_path=str(report)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of the repository as links of the site, but in code."""
    here = page.file.src_uri
    origin = next((path for path, uri in PAGES.items() if uri == here), f"docs/{here}")
    parts, end = [], 0
    for fence in FENCED.finditer(markdown):
        parts += [_linked(markdown[end : fence.start()], origin, here), fence.group()]
        end = fence.end()
    return "".join([*parts, _linked(markdown[end:], origin, here)])


def _linked(text: str, origin: str, here: str) -> str:
    def replaced(match: re.Match[str]) -> str:
        target = match["target"]
        if ":" in target:
            return match.group()
        path = os.path.normpath(PurePosixPath(origin).parent / target)
        page = _page_of(path)
        if page is not None:
            relative = os.path.relpath(page, PurePosixPath(here).parent)
            return f"[{match['text']}]({relative}{match['anchor'] or ''})"
        if (ROOT / path).exists():
            label = match["text"].strip("`")
            names = path, PurePosixPath(path).name
            return f"`{path}`" if label in names else f"{match['text']} (`{path}`)"
        return match.group()

    return LINK.sub(replaced, text)


def _page_of(path: str) -> str | None:
    if path in PAGES or path in FOLDERS:
        return PAGES.get(path) or FOLDERS[path]
    generated = {f"docs/{page}" for page in ("decisions/index.md", "reports/index.md")}
    if path in generated or (path.startswith("docs/") and (ROOT / path).is_file()):
        return path.removeprefix("docs/")
    return None


def _decisions() -> str:
    lines = ["# Decisions", "", "Why things are as they are.", ""]
    for path in sorted((DOCS / "decisions").glob("*.md")):
        title = path.read_text().splitlines()[0].lstrip("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"


def _reports(reports: list[Path]) -> str:
    lines = [
        "# Reports of the examples",
        "",
        "What `lstm-edge report` writes of each example, compiled for a Cortex-M4, verified and",
        "profiled. [The report](../report.md) says how to read them. `make reports` makes them.",
        "",
    ]
    for path in reports:
        toml = tomllib.loads((ROOT / "examples" / path.stem / "example.toml").read_text())
        lines.append(f"- [{path.stem}]({path.name}): {toml['shows']}")
    if not reports:
        lines.append("This site was built without them.")
    return "\n".join(lines) + "\n"


def _of_notebook(path: Path) -> str:
    """Its cells: text as it is, code as a block; a notebook in the repository has no results."""
    parts = []
    for cell in json.loads(path.read_text())["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    where = path.relative_to(ROOT).as_posix()
    parts.insert(1, f"This page is the text of the notebook `{where}`.")
    return "\n\n".join(parts) + "\n"
