"""Objects of this session's compilations: the same text with the same flags is compiled once.

Most programs of the tests are built with the same start-up code and input and output, and many
differ from another one in one file of three. All that an object depends on is its key; what fails
to compile is no object, and fails each time.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from lstm_edge.toolchain import gcc


class Objects:
    """Stands for `gcc.compile_one`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.compile = gcc.compile_one

    def __call__(self, common: Sequence[str], source: Path, result: Path) -> None:
        key = self.key(common, source)
        kept = self.folder / key
        if kept.exists():
            shutil.copyfile(kept, result)
            return
        self.compile(common, source, result)
        made = kept.with_suffix(f".{id(result)}")
        shutil.copyfile(result, made)
        made.rename(kept)

    def key(self, common: Sequence[str], source: Path) -> str:
        """Of the compiler, its flags, the source, and all headers that it can include."""
        compiler, *flags = common
        tool = Path(shutil.which(compiler) or compiler)
        parts: list[object] = [tool, tool.stat().st_mtime_ns if tool.exists() else 0]
        parts += [flag for flag in flags if not flag.startswith("-I")]
        # Its name is in messages of sanitizers; debuggers are told where it is.
        parts.append(source.resolve() if "-g" in flags else source.name)
        hashed = hashlib.sha256(repr(parts).encode())
        hashed.update(source.read_bytes())
        folders = [source.parent, *(Path(flag[2:]) for flag in flags if flag.startswith("-I"))]
        for folder in dict.fromkeys(folders):
            for header in sorted(folder.glob("*.h")):
                text = header.read_bytes()
                hashed.update(f"{header.name} {len(text)} ".encode() + text)
        return hashed.hexdigest()
