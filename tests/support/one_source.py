"""C that chooses by core: made for a program, and read as the preprocessor of one core reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lstm_edge.emit.merged import Merged, render_cores, selection
from lstm_edge.families import Cores, Family, load_cores
from lstm_edge.ir.program import Program

BANNER = ("generated for a test",)
EVERY = "cortex-m"
STRING_H = (
    "#include <stddef.h>\n"
    "void *memcpy(void *to, const void *from, size_t size);\n"
    "void *memset(void *to, int byte, size_t size);\n"
)
"""All that generated C needs of `string.h`, for a compiler that comes without a C library."""


def one_source(
    program: Program, unroll: str = "gates", optimize: str = "speed", name: str = EVERY
) -> Merged:
    """The files for all cores of a set."""
    return render_cores(program, load_cores(name), unroll, BANNER, optimize)


def written(made: Merged, folder: Path) -> tuple[Path, ...]:
    """The files in a folder; those to compile."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in made.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return tuple(folder / name for name in made.files if name.endswith(".c"))


def as_read(text: str, name: str, family: Family) -> str:
    """A text as the preprocessor leaves it on a core of a family. name: of the program."""
    macro, symbol = f"{name.upper()}_CORE", f"{name.upper()}_{family.symbol}"
    found: list[str] = []
    opened: list[list[bool] | None] = []
    """Of each open #if: whether it was taken before, and is now; None where it is not about cores.
    """
    for line in text.split("\n"):
        fits = macro in line and symbol in line.split()
        if line.startswith("#if"):
            opened.append([fits, fits] if macro in line else None)
        choice = opened[-1] if opened else None
        directive = choice is not None and line.startswith(("#if", "#elif", "#else", "#endif"))
        if choice is not None and line.startswith(("#elif", "#else")):
            now = not choice[0] and (fits or line == "#else")
            choice[:] = [choice[0] or now, now]
        if line.startswith("#endif"):
            opened.pop()
        if not directive and all(each is None or each[1] for each in opened):
            found.append(line)
    assert not opened
    return "\n".join(found)


def without_choice(files: Mapping[str, str], name: str, cores: Cores) -> dict[str, str]:
    """The files without the lines that find out the family."""
    header = f"{name}.h"
    text = files[header]
    for is_float in (False, True):
        choice = "\n" + selection(name.upper(), cores.families, is_float=is_float)
        text = text.replace(choice, "", 1)
    return {**files, header: text}


def lines_of(text: str, name: str) -> list[str]:
    """Lines of code, without those that stand elsewhere in one source."""
    return [line for line in text.split("\n") if line and line != f'#include "{name}_private.h"']
