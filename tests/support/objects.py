"""Objects of this session's compilations: the same text with the same flags is compiled once.

Most programs of the tests are built with the same start-up code and input and output, and many
differ from another one in one file of three. All that an object depends on is its key; what fails
to compile is no object, and fails each time. Several processes may share a folder of objects.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from lstm_edge.toolchain import gcc

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include\b[ \t]*(?:["<]([^">\n]+)[">])?', re.MULTILINE)
"""An empty name where a macro has it."""
DRIVER = "harness.c"
"""What feeds a network on a board or on this computer, and keeps what it gives. It is not what
tests are about, and without optimization it is compiled in half the time.
"""


class Objects:
    """Stands for `gcc.compile_one`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.compile = gcc.compile_one

    def __call__(self, common: Sequence[str], source: Path, result: Path) -> None:
        if source.name == DRIVER:
            common = ["-O0" if re.fullmatch("-O.", flag) else flag for flag in common]
        key = self.key(common, source)
        kept = self.folder / key
        if kept.exists():
            shutil.copyfile(kept, result)
            return
        self.compile(common, source, result)
        made = kept.with_suffix(f".{os.getpid()}_{id(result)}")
        shutil.copyfile(result, made)
        made.rename(kept)

    def key(self, common: Sequence[str], source: Path) -> str:
        """Of the compiler, its flags, the source, and all headers that it includes: those of the
        system belong to the compiler.
        """
        compiler, *flags = common
        tool = Path(shutil.which(compiler) or compiler)
        parts: list[object] = [tool, tool.stat().st_mtime_ns if tool.exists() else 0]
        parts += [flag for flag in flags if not flag.startswith("-I")]
        # Its name is in messages of sanitizers; debuggers are told where it is.
        parts.append(source.resolve() if "-g" in flags else source.name)
        hashed = hashlib.sha256(repr(parts).encode())
        text = source.read_bytes()
        hashed.update(text)
        folders = [Path(flag[2:]) for flag in flags if flag.startswith("-I")]
        for header in _headers(source, text, folders):
            content = header.read_bytes()
            hashed.update(f"{header.name} {len(content)} ".encode() + content)
        return hashed.hexdigest()


def _headers(source: Path, text: bytes, folders: Sequence[Path]) -> Iterator[Path]:
    """The headers that a source includes, whatever conditions say, each once; all headers where a
    macro says which.
    """
    waiting, seen = [(source.parent, text)], set[Path]()
    while waiting:
        beside, content = waiting.pop()
        places = [beside, *folders]
        for name in INCLUDE.findall(content.decode()):
            paths = (place / name for place in places)
            found = [next((p for p in paths if p.is_file()), None)] if name else _all(places)
            for path in found:
                if path is not None and path not in seen:
                    seen.add(path)
                    waiting.append((path.parent, path.read_bytes()))
                    yield path


def _all(places: Sequence[Path]) -> list[Path | None]:
    return [path for place in dict.fromkeys(places) for path in sorted(place.glob("*.h"))]
