"""Rules of MISRA C:2012 that C breaks, as cppcheck's addon sees it, and what clang-tidy says."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DATA = tomllib.loads((Path(__file__).parent / "deviations.toml").read_text())
NEVER: tuple[str, ...] = tuple(DATA["never"])
LISTED = {rule: entry for kind in ("required", "advisory") for rule, entry in DATA[kind].items()}
DEFINES = {
    "host": (),
    "cortex-m4": ("__arm__", "__ARM_FEATURE_DSP=1"),
    "cortex-m7": ("__arm__", "__ARM_FEATURE_DSP=1", "__ARM_FP=14", "__ARM_PCS_VFP=1"),
    "cortex-m55": ("__arm__", "__ARM_FEATURE_DSP=1", "__ARM_FEATURE_MVE=3"),
}
"""What compilers for a core define, as far as generated C asks."""
HEAP = re.compile(r"\b(?:malloc|calloc|realloc|free|alloca)\s*\(")
"""Not all versions of the addon know these calls (rule 21.3)."""


@dataclass(frozen=True)
class Breach:
    """A rule's number, or the text of an error for which a file was not read to its end."""

    place: str
    rule: str


def breaches(files: Iterable[Path], target: str) -> list[Breach]:
    """What cppcheck says of C files, headers beside them included; each place once."""
    found: dict[Breach, None] = {}
    for path in files:
        for number, text in enumerate(path.read_text().splitlines(), 1):
            if HEAP.search(text):
                found[Breach(f"{path.name}:{number}", "21.3")] = None
        done = subprocess.run(
            [
                *("cppcheck", "--quiet", "--addon=misra", "--std=c99"),
                "--template={file}:{line}:{column}|{severity}|{id}|{message}",
                *(f"-D{text}" for text in DEFINES[target]),
                path.name,
            ],
            cwd=path.parent,
            capture_output=True,
            text=True,
            check=True,
        )
        for line in done.stderr.splitlines():
            place, severity, name, text = line.split("|", 3)
            if name.startswith("misra-c2012-"):
                found[Breach(place, name.removeprefix("misra-c2012-"))] = None
            elif severity == "error" or name == "internalError":
                found[Breach(place, f"{name}: {text}")] = None
    return list(found)


def unlisted(found: Iterable[Breach]) -> list[Breach]:
    """Those for which no deviation is listed."""
    return [b for b in found if b.rule in NEVER or b.rule not in LISTED]


def tidy(files: Iterable[Path]) -> Counter[str]:
    """Checks of clang-tidy, bugprone and cert, by name: C for the host."""
    found: Counter[str] = Counter()
    for path in files:
        done = subprocess.run(
            [
                *("clang-tidy", "--quiet", "--checks=-*,bugprone-*,cert-*"),
                *(path.name, "--", "-std=c99"),
            ],
            cwd=path.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        found.update(re.findall(r"(?:warning|error): .*\[([\w.,-]+)\]$", done.stdout, re.M))
    return found
