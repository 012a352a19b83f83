"""Files, names and links that pages mention are there."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.blocks import BLOCK, ROOT

SOURCES = (
    "lstm_edge",
    "templates",
    "firmware",
    "tests",
    "benchmarks",
    "examples",
    "docs",
    "scripts",
)
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "firmware/**/*.md")
    for path in ROOT.glob(pattern)
)
INSIDE = [ROOT / name for name in ("CONTRIBUTING.md", "docs/architecture.md", "docs/where.md")]
"""Pages about the code."""
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
PATH = re.compile(r"[\w.<>*-]*(?:/[\w.<>*-]+)+/?|\b[\w.]+\*?\.(?:py|j2)\b")
WORD = re.compile(r"(?<![\w<-])[A-Za-z_]{3,}\w*(?![\w*>])")
DOTTED = re.compile(r"\blstm_edge(?:\.\w+)+")
NEW = {
    "lstm_edge/layers/hard_swish.py",
    "templates/targets/cortex-m33-plain/target.toml",
    "no_output_gate",
    "HardSwish",
    "my_cells.py",
    "FILE.py",
}
"""What a reader of the pages makes."""
ARRAYS = {
    f"lstm_edge.{key}"
    for key in ("head", "activations", "nonlinearity", "input", "order", "cell", "use")
}
"""Arrays of an npz file, not modules."""
EXAMPLES = {"test_cell_state_saturates_at_its_format", "le_saturate14"}
"""Names that show how names are made."""


def prose(path: Path) -> str:
    """A page without its fenced blocks."""
    return BLOCK.sub("", path.read_text())


@cache
def files() -> frozenset[str]:
    """All files and folders that a page may name, from the top."""
    found = {
        p for name in SOURCES for p in (ROOT / name).rglob("*") if "__pycache__" not in p.parts
    }
    return frozenset(p.relative_to(ROOT).as_posix() for p in {*found, *ROOT.iterdir()})


@cache
def words() -> frozenset[str]:
    """Every identifier of the sources, and every part of a file's name."""
    code = [name for name in files() if name.endswith((".py", ".j2", ".c", ".h", ".toml", ".in"))]
    kept = [name for name in code if not name.startswith(("tests/golden/", "tests/docs/"))]
    texts = [*((ROOT / name).read_text() for name in [*kept, "Makefile", "pyproject.toml"])]
    return frozenset(re.findall(r"[A-Za-z_]\w*", "\n".join([*texts, *files()])))


def is_there(path: str) -> bool:
    """`passes/lower.py` is one of lstm_edge, `examples/selftest.c` of a package; `tiles.py` may be
    anywhere, and `<part>` is any.
    """
    pattern = re.escape(path.rstrip("/.")).replace(r"\*", "[^/]*")
    pattern = re.sub(r"<\w+>", "[^/]+", pattern)
    before = "(?:lstm_edge/|templates/packages/)?" if "/" in path else "(?:.*/)?"
    wanted = re.compile(before + pattern + r"(?:\.j2)?")
    return any(map(wanted.fullmatch, files()))


def paths_of(path: Path) -> Iterator[str]:
    """Paths within the repository: below one of its folders, or of lstm_edge's packages."""
    packages = {p.name for p in (ROOT / "lstm_edge").iterdir() if p.is_dir()}
    for span in SPAN.findall(prose(path)):
        for found in PATH.findall(span):
            first, slash, _ = found.partition("/")
            if not slash or first in SOURCES or (first in packages and path in INSIDE):
                yield found


def slugs(path: Path) -> set[str]:
    """Anchors of a page's headings."""
    heads = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    for link in LINK.findall(prose(path)):
        if ":" in link:
            continue
        target, _, anchor = link.partition("#")
        place = (path.parent / target).resolve() if target else path
        assert place.exists(), link
        if anchor and place.suffix == ".md":
            assert anchor in slugs(place), link


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_paths_that_a_page_names_exist(path: Path) -> None:
    assert [name for name in paths_of(path) if not is_there(name) and name not in NEW] == []


@pytest.mark.parametrize("path", INSIDE, ids=named)
def test_names_in_pages_about_the_code_are_in_the_code(path: Path) -> None:
    known = words() | NEW | EXAMPLES
    spans = [PATH.sub("", span) for span in SPAN.findall(prose(path))]
    spans = [re.sub(r"\bK_", "LE_INT8_", span) for span in spans]
    assert [word for span in spans for word in WORD.findall(span) if word not in known] == []


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_names_of_the_package_can_be_imported(path: Path) -> None:
    names = set(DOTTED.findall(path.read_text())) - ARRAYS
    assert [name for name in sorted(names) if not resolves(name)] == []


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_what_make_is_asked_for_is_in_the_makefile(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = re.findall(r"(?:`|^ {4})make ([a-z][a-z-]*)", prose(path), re.MULTILINE)
    assert [name for name in asked if name not in targets] == []


def resolves(dotted: str) -> bool:
    """A module, or a name in one."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for name in parts[end:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


def test_what_a_reader_makes_is_not_there_yet() -> None:
    assert not {name for name in NEW if is_there(name)}
