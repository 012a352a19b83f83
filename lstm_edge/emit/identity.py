"""What the C says of where it comes from: macros, and a text that a firmware image keeps."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lstm_edge import __version__
from lstm_edge.emit.header import Macro
from lstm_edge.ir.program import Program


@dataclass(frozen=True)
class Identity:
    """sha256: of the model file. options: those that decide what is generated, in words.
    replaceable: the model is that of the weights which are in use, so their header names it.
    """

    sha256: str = ""
    options: str = ""
    version: str = __version__
    replaceable: bool = False

    def text(self, program: Program) -> str:
        """The string of an image: tool, model, hash, scheme and options."""
        parts = [
            f"lstm-edge {self.version}",
            f"model {program.name}",
            "weights replaceable" if self.replaceable else f"sha256 {self.sha256 or 'unknown'}",
            self.options or f"scheme={program.scheme}",
        ]
        return "; ".join(parts)

    def macros(self, program: Program) -> tuple[Macro, ...]:
        """The same in parts, and the version as a number that a preprocessor compares."""
        upper = program.name.upper()
        major, minor, patch = [*re.findall(r"\d+", self.version), "0", "0"][:3]
        number = 10000 * int(major) + 100 * int(minor) + int(patch)
        of_file = Macro(f"{upper}_MODEL_SHA256", f'"{self.sha256}"', "")
        return (
            Macro(f"{upper}_MODEL_NAME", f'"{program.name}"', ""),
            *(() if self.replaceable else (of_file,)),
            Macro(f"{upper}_TOOL_VERSION", f'"{self.version}"', "of lstm-edge"),
            Macro(f"{upper}_TOOL_VERSION_NUMBER", str(number), "1.2.3 is 10203"),
            Macro(f"{upper}_SCHEME", f'"{program.scheme}"', ""),
        )
