"""The page of the command line names every option, in the words of the program, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from lstm_edge.cli import COMMANDS, main
from tests.docs.blocks import BLOCK, ROOT, blocks_of

PAGE = (ROOT / "docs" / "cli.md").read_text()
TEXTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "firmware/**/*.md")
    for path in ROOT.glob(pattern)
)
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z0-9-]*")
ROW = re.compile(r"^\| (.*?) \| (.*) \|$", re.MULTILINE)
CALL = re.compile(r"(?<![\w/-])lstm-edge +([a-z]+)\b((?:\\\n|[^\n`])*)")
CODE = re.compile(r"^(?: {4}|\t).*(?:\n .*)*|(?<!`)`[^`]+`(?!`)", re.MULTILINE)
OF_ALL = {"-h", "--help", "--version"}
"""Options of every command, and of the program."""


def code_of(text: str) -> str:
    """Fenced blocks, indented ones and what is in the line, without the prose around."""
    blocks = [block.text for block in blocks_of(text)]
    return "\n".join([*blocks, *CODE.findall(BLOCK.sub("", text))])


def options_of(name: str) -> list[click.Option]:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return [each for each in command.params if isinstance(each, click.Option)]


KNOWN = {
    name: {o for each in options_of(name) for o in (*each.opts, *each.secondary_opts)}
    for name in COMMANDS
}
SECTIONS = dict(SECTION.findall(PAGE))


def rows_of(name: str) -> dict[str, str]:
    """Option -> the rest of its row, of the section's table of options."""
    table = SECTIONS[name].partition("| Option |")[2].partition("\n\n")[0]
    rows = [row for row in ROW.findall(table) if row[0].startswith("`-")]
    return {option: rest for first, rest in rows for option in OPTION.findall(first)}


def words_of(option: click.Option) -> Iterator[str]:
    """What the table has to say of an option: what it may be, and its default."""
    kind = option.type
    yield from kind.choices if isinstance(kind, click.Choice) else getattr(kind, "words", ())
    if isinstance(option.show_default, str):
        yield option.show_default
    elif option.show_default:
        yield str(option.default)


def test_each_command_has_its_section() -> None:
    assert COMMANDS.keys() <= SECTIONS.keys()
    shown = PAGE.partition("## ")[0]
    assert set(re.findall(r"^    lstm-edge (\w+)", shown, re.MULTILINE)) == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_of_a_command_has_its_options_and_no_other(name: str) -> None:
    assert rows_of(name).keys() == KNOWN[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_row_says_what_an_option_may_be_and_its_default(name: str) -> None:
    rows = rows_of(name)
    for option in options_of(name):
        row = rows[option.opts[-1]]
        assert [word for word in words_of(option) if f"`{word}`" not in row] == [], option.opts
        assert option.required == row.endswith("| required"), option.opts


def test_the_page_names_no_option_that_does_not_exist() -> None:
    named = {option for option in OPTION.findall(PAGE) if option.startswith("--")}
    assert named <= set().union(OF_ALL, *KNOWN.values())


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_that_are_shown_anywhere_exist_with_their_options(path: Path) -> None:
    for name, rest in CALL.findall(code_of(path.read_text())):
        assert name in COMMANDS, rest
        assert set(OPTION.findall(rest)) <= KNOWN[name] | OF_ALL, (name, rest)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_an_example_whose_options_exist(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    epilog = str(command.epilog)
    assert epilog.startswith("Example: lstm-edge ")
    ((called, rest),) = CALL.findall(epilog)
    assert called == name
    assert set(OPTION.findall(rest)) <= KNOWN[name]
