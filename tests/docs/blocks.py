"""Pages of the documentation, executed: what a comment before a fenced block says is done with it.

    <!-- run -->           ```python in one namespace per page, ```sh by bash; both must succeed
    <!-- file: main.c -->  written to that file
    <!-- output -->        what the last block that was run has printed; `...` stands for any text
    <!-- not run: why -->  left alone

All of a page happens in one folder, from top to bottom.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^>]*?) -->\n+)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SECONDS = 300


@dataclass(frozen=True)
class Block:
    """line: of its first line of text, from 1; mark: the comment before it, empty without one."""

    line: int
    language: str
    mark: str
    text: str

    @property
    def is_run(self) -> bool:
        return self.mark == "run"


def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a page."""
    return [
        Block(text.count("\n", 0, m.start("text")) + 1, m["language"], m["mark"] or "", m["text"])
        for m in BLOCK.finditer(text)
    ]


class Page:
    """A page as it is executed in a folder, the working directory."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.folder = folder
        self.printed = ""
        self.names: dict[str, Any] = {"__name__": "page"}

    def execute(self) -> int:
        """All of it; how many blocks were run."""
        done = 0
        for block in blocks_of(self.path.read_text()):
            kind, _, rest = block.mark.partition(": ")
            if kind == "run":
                self.printed = self._run(block)
                done += 1
            elif kind == "file":
                place = self.folder / rest
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(block.text)
            elif kind == "output":
                self._compare(block)
            else:
                assert kind in ("", "not run"), f"{self._at(block)}: {block.mark}"
        return done

    def _run(self, block: Block) -> str:
        return {"python": self._python, "sh": self._shell}[block.language](block)

    def _python(self, block: Block) -> str:
        source = "\n" * (block.line - 1) + block.text
        code = compile(source, str(self.path), "exec")
        with contextlib.redirect_stdout(io.StringIO()) as stdout:
            exec(code, self.names)
        return stdout.getvalue()

    def _shell(self, block: Block) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        python = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        found = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "PYTHONPATH": python},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert found.returncode == 0, f"{self._at(block)}\n{found.stdout}\n{found.stderr}"
        return found.stdout

    def _compare(self, block: Block) -> None:
        wanted = ".*?".join(map(re.escape, block.text.rstrip().split("...")))
        assert re.fullmatch(wanted, self.printed.rstrip(), re.DOTALL), (
            f"{self._at(block)}: the page says\n{block.text}\nprinted was\n{self.printed}"
        )

    def _at(self, block: Block) -> str:
        return f"{self.path}:{block.line}"


def execute(path: Path, folder: Path) -> int:
    """A page, in a folder that shows the repository's examples as its reader sees them."""
    for name in ("examples", "firmware"):
        (folder / name).symlink_to(ROOT / name)
    return Page(path, folder).execute()
