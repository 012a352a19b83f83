"""Flash and RAM of a bundle, from the sizes of what the target's compiler makes."""

from __future__ import annotations

from pathlib import Path

from lstm_edge.bundle import Bundle
from lstm_edge.profile.counting import Executable
from lstm_edge.profile.results import Flash
from lstm_edge.profile.symbols import read_symbols
from lstm_edge.toolchain import gcc

TABLE = "_table"
"""How the name of a curved function's table ends."""
IDENTITY = "_identity"
"""How the name of a model's text ends; an image has it only where its firmware refers to it."""


def flash_of(
    bundle: Bundle, executable: Executable, reached: frozenset[str], folder: Path
) -> Flash:
    """At -O2. reached: functions that a call may run; those that are not the model's own come from
    the compiler's library or the C library.
    """
    target, sources = bundle.target, bundle.unpack(folder)
    objects = gcc.compile_objects(target, sources, [folder], folder)
    sections = gcc.section_sizes(target, objects[0])
    own = {symbol.name for symbol in read_symbols(target, objects[0]).functions}
    library = sum(
        symbol.size
        for symbol in executable.symbols.functions
        if symbol.name in reached and symbol.name not in own
    )
    unused = f"{bundle.program.name}{IDENTITY}"
    data = [s for s in read_symbols(target, objects[1]).all if not s.is_function]
    data = [symbol for symbol in data if symbol.name != unused]
    tables = sum(symbol.size for symbol in data if symbol.name.endswith(TABLE))
    weights = sum(symbol.size for symbol in data) - tables
    return Flash(sections["text"] + sections["rodata"], library, weights, tables)
