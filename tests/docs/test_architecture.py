"""The page of the architecture against the modules that it is about."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest

from tests.docs.blocks import ROOT
from tests.unit.test_imports import FLOORS

PAGE = (ROOT / "docs" / "architecture.md").read_text()
THAWED = {"Graph"}
"""Values that are not frozen, as the page says."""


def table(heads: str) -> list[tuple[str, ...]]:
    """The rows of a table, each a tuple of its cells."""
    _, _, rest = PAGE.partition(f"| {heads} |\n")
    lines = rest.partition("\n\n")[0].splitlines()[1:]
    return [tuple(cell.strip() for cell in line[1:-1].split("|")) for line in lines]


VALUES = [
    (name.strip("`"), file.strip("`")) for name, file, _ in table("Value | File | What it is")
]


def test_the_floors_are_those_that_imports_are_held_to() -> None:
    told = [(int(n), tuple(re.findall(r"`(\w+)`", names))) for n, names in table("Floor | Modules")]
    assert told == list(enumerate(FLOORS, 1))


def test_there_are_values() -> None:
    assert len(VALUES) > 20


@pytest.mark.parametrize(("name", "file"), VALUES)
def test_a_value_is_in_its_file_and_frozen(name: str, file: str) -> None:
    module = importlib.import_module(f"lstm_edge.{file.removesuffix('.py').replace('/', '.')}")
    value: Any = getattr(module, name)
    assert value.__module__ == module.__name__
    assert value.__dataclass_params__.frozen == (name not in THAWED)


@pytest.mark.parametrize("face", ["api", "cli", "report", "printing"])
def test_each_face_is_explained(face: str) -> None:
    section = PAGE.partition("## Three faces\n")[2].partition("\n## ")[0]
    assert f"`{face}/`" in section
    assert (ROOT / "lstm_edge" / face).is_dir()


def test_every_package_is_spoken_of_outside_the_list_of_floors() -> None:
    spoken = PAGE.partition("## Floors")[0]
    packages = {p.name for p in (ROOT / "lstm_edge").iterdir() if (p / "__init__.py").is_file()}
    assert {name for name in packages if f"{name}/" not in spoken} == set()
