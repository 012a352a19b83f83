"""What pages show is what happens: each is executed from its own text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Page, blocks_of, execute

DOCS = ROOT / "docs"
OTHERS = (
    *("api", "concepts", "own-cells", "packages", "profile", "report", "search"),
    "walkthrough-firmware",
)
PAGES = sorted([*DOCS.glob("howto/*.md"), *(DOCS / f"{name}.md" for name in OTHERS)])
FRAMEWORKS = sorted([DOCS / "walkthrough-pytorch.md", DOCS / "walkthrough-keras.md"])


def named(path: Path) -> str:
    return path.stem


ENTIRE = (
    *("identity", "memory-sections", "raw-adc", "several-models", "state", "streaming", "update"),
    *("own-cells", "search", "walkthrough-firmware", "widths"),
)
"""Pages for `make entire`: of half a minute, or of commands and C that other pages have as well."""


def every_page() -> list[pytest.ParameterSet]:
    """The README and all pages."""
    return [
        pytest.param(path, marks=[pytest.mark.all_cases] if path.stem in ENTIRE else [])
        for path in (ROOT / "README.md", *PAGES)
    ]


@pytest.mark.each_case
@pytest.mark.parametrize("path", every_page(), ids=named)
def test_a_page_does_what_it_says(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tool_or_skip: Callable[..., None],
) -> None:
    tool_or_skip("bash", "cc", "cmake", "arm-none-eabi-gcc", "qemu-system-arm")
    monkeypatch.chdir(tmp_path)
    assert execute(path, tmp_path) > 0


@pytest.mark.parametrize("path", [ROOT / "README.md", *PAGES, *FRAMEWORKS], ids=named)
def test_no_block_is_left_out_without_a_reason(path: Path) -> None:
    assert unmarked(path, "python", "sh") == []


def test_no_python_anywhere_is_left_out_without_a_reason() -> None:
    assert [line for path in DOCS.rglob("*.md") for line in unmarked(path, "python")] == []


def unmarked(path: Path, *languages: str) -> list[str]:
    """Where blocks are that nothing is said about."""
    return [
        f"{path.name}:{block.line}"
        for block in blocks_of(path.read_text())
        if block.language in languages and not block.mark
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<!-- run -->\n```python\nassert 1 == 2\n```\n", "AssertionError"),
        ("<!-- run -->\n```sh\nfalse\n```\n", "page.md:3"),
        ('<!-- run -->\n```python\nprint("1")\n```\n\n<!-- output -->\n```\n2\n```\n', "says"),
        ("<!-- runs -->\n```python\n```\n", "runs"),
    ],
)
def test_a_page_that_says_something_else_fails(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(text)
    with pytest.raises(AssertionError) as error:
        Page(path, tmp_path).execute()
    assert why in str(error.getrepr())


def test_dots_in_an_output_stand_for_any_text(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(
        '<!-- run -->\n```python\nprint("a 1 b")\n```\n<!-- output -->\n```\na ... b\n```\n'
    )
    assert Page(path, tmp_path).execute() == 1


def tables_of(text: str) -> list[list[list[str]]]:
    """The cells of each table of a page, without the line below the heads."""
    return [
        [
            [cell.strip() for cell in line[1:-1].split("|")]
            for number, line in enumerate(table.splitlines())
            if number != 1
        ]
        for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    ]


def measured() -> set[tuple[str, int, str]]:
    """Model, decibels and result of one option, of docs/accuracy.md."""
    decibels, _, results, *_ = tables_of((DOCS / "accuracy.md").read_text())
    assert decibels[0][2:-1] == results[0][3:]
    return {
        (name.removeprefix("examples/"), round(float(number)), figure)
        for name, _, *numbers in decibels[1:]
        for model, _, _, *figures in results[1:]
        if model == name
        for number, figure in zip(numbers, figures, strict=False)
    }


def test_the_figures_of_concepts_are_those_of_accuracy() -> None:
    text = (DOCS / "concepts.md").read_text()
    (rows,) = (t[1:] for t in tables_of(text) if t[0] == ["Use", "SQNR", "What became of it"])
    known, name = measured(), ""
    for use, decibels, told in rows:
        name = use.rpartition(" ")[2] or name
        right = [f for model, number, f in known if (model, f"{number} dB") == (name, decibels)]
        assert any(figure in told for figure in right), (told, right)
