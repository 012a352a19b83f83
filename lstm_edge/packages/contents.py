"""What of a bundle goes into a package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lstm_edge.bundle import Bundle
from lstm_edge.errors import DataError
from lstm_edge.packages.boards import Boards, boards_of


@dataclass(frozen=True)
class Argument:
    """An array of the step function, for the example: its C name, type and number of elements."""

    name: str
    ctype: str
    size: int


@dataclass(frozen=True)
class Contents:
    """files: the C files, name -> bytes. inputs, outputs: of a step; none where the network has no
    step of its own or takes its states as arguments.
    """

    name: str
    sha256: str
    tool: str
    options: str
    boards: Boards
    files: Mapping[str, bytes]
    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]

    @property
    def header(self) -> str:
        """The public header."""
        return f"{self.name}.h"

    @property
    def selftest(self) -> str:
        """The self-test."""
        return f"{self.name}_selftest.c"

    @property
    def sources(self) -> tuple[str, ...]:
        """All to be compiled but the self-test."""
        return tuple(n for n in self.files if n.endswith(".c") and n != self.selftest)

    @property
    def private_headers(self) -> tuple[str, ...]:
        """Headers that the sources share and a user does not include."""
        return tuple(n for n in self.files if n.endswith(".h") and n != self.header)


def contents_of(bundle: Bundle) -> Contents:
    """What a bundle gives to a package; DataError where a file is missing."""
    manifest, program = bundle.manifest, bundle.program
    files = {n: data for n, data in sorted(bundle.files.items()) if n.endswith((".c", ".h"))}
    own = (f"{program.name}.h", f"{program.name}.c", f"{program.name}_selftest.c")
    missing = [name for name in own if name not in files]
    if missing:
        raise DataError(f"the bundle has no {missing[0]}; compile the model again")
    steps = program.streams and not program.explicit
    return Contents(
        name=program.name,
        sha256=manifest["model_sha256"],
        tool=f"{manifest['tool']['name']} {manifest['tool']['version']}",
        options=manifest["options"],
        boards=boards_of(bundle.name, bundle.targets),
        files=files,
        inputs=_arguments(manifest["inputs"]) if steps else (),
        outputs=_arguments(manifest["outputs"]) if steps else (),
    )


def _arguments(ports: Sequence[Mapping[str, Any]]) -> tuple[Argument, ...]:
    return tuple(Argument(str(p["c_name"]), str(p["type"]), int(p["size"])) for p in ports)
