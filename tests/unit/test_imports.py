"""Each module imports from lower floors only, in no circle, and no file grows past reading."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

FLOORS: tuple[tuple[str, ...], ...] = (
    ("choices", "errors", "formats", "progress", "stopwatch", "threads"),
    ("limits",),
    ("archive", "files", "folders", "json_types", "operations", "resources", "rounding"),
    ("fake_quantization", "features", "ir", "manifest"),
    ("functions", "kernels", "targets"),
    ("cells", "families", "layers"),
    ("equations", "interpret", "models", "toolchain"),
    ("frontend", "passes"),
    ("emit", "bundle"),
    ("accuracy", "data_checks", "runner"),
    ("data", "labels"),
    ("profile",),
    ("measured", "sizes"),
    ("built",),
    ("artifacts", "cost", "packages", "search"),
    ("request", "updating", "verify"),
    ("driver", "estimate"),
    ("printing", "report"),
    ("api",),
    ("cli",),
    ("__main__",),
)
"""Modules and packages of lstm_edge, lowest first. An entry imports from itself and from lower
floors, never from its own floor or a higher one. Everybody may import `__version__`.
"""

OFFERED = ("api", "cost", "errors", "fake_quantization", "packages")
"""What the package itself imports, to offer it to its users."""

MAX_LINES = 400
FOLDERS = ("lstm_edge", "templates", "firmware", "tests", "examples", "benchmarks")
SUFFIXES = (".py", ".j2", ".c", ".h", ".S", ".ld")
GENERATED = "tests/golden/*/*"
"""What the compiler wrote: as long as it is."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted((ROOT / "lstm_edge").rglob("*.py"))}
FLOOR_OF = {entry: level for level, entries in enumerate(FLOORS) for entry in entries}


@cache
def imports_of(path: Path) -> list[ast.Import | ast.ImportFrom]:
    """All imports of a file, anywhere in it."""
    found, waiting = [], list[ast.AST](ast.parse(path.read_text()).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(node)
        elif isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            waiting += [child for child in ast.iter_child_nodes(node) if not is_value(child)]
    return found


def is_value(node: ast.AST) -> bool:
    """An expression, which holds no import."""
    return isinstance(node, ast.expr | ast.expr_context | ast.arguments)


def imported(module: str) -> Iterator[str]:
    """Modules of lstm_edge that one imports anywhere in it, by their full names."""
    for node in imports_of(MODULES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "") in MODULES:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else str(node.module)


@cache
def graph() -> dict[str, frozenset[str]]:
    """Module -> those of lstm_edge that it imports."""
    return {name: frozenset(imported(name)) - {name} for name in MODULES}


def beneath() -> dict[str, frozenset[str]]:
    """Without the package itself, which imports what it offers when that is first used."""
    return {name: uses - {"lstm_edge"} for name, uses in graph().items() if name != "lstm_edge"}


def entry_of(module: str) -> str:
    """`ir` of `lstm_edge.ir.program`; empty for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def circle(graph: dict[str, frozenset[str]]) -> list[str]:
    """Modules left when those that import no other one are taken away, again and again."""
    left = dict(graph)
    while free := [name for name, uses in left.items() if not uses & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def test_every_module_has_a_floor_and_every_floor_its_modules() -> None:
    found = {entry_of(module) for module in MODULES} - {""}
    assert found == set(FLOOR_OF)
    assert len(FLOOR_OF) == sum(len(entries) for entries in FLOORS)


def may_import(entry: str, other: str) -> bool:
    """Whether modules of one entry may import those of another; `` is the package itself."""
    if not entry:
        return other in OFFERED
    return other in ("", entry) or FLOOR_OF[other] < FLOOR_OF[entry]


def test_a_module_imports_from_lower_floors_only() -> None:
    wrong = [
        f"{module} imports {other}"
        for module, others in graph().items()
        for other in sorted(others)
        if not may_import(entry_of(module), entry_of(other))
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(beneath()) == []


def test_imports_are_absolute() -> None:
    relative = [
        f"{name}:{node.lineno}"
        for name, path in MODULES.items()
        for node in imports_of(path)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_no_file_is_longer_than_400_lines() -> None:
    files = {p for folder in FOLDERS for p in (ROOT / folder).rglob("*") if p.suffix in SUFFIXES}
    files -= set(ROOT.glob(GENERATED))
    assert {p.relative_to(ROOT).parts[0] for p in files} == set(FOLDERS)
    assert len(files) > len(MODULES)
    lines = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in files}
    assert {name: n for name, n in lines.items() if n > MAX_LINES} == {}
