"""What was packed, as text."""

from __future__ import annotations

from pathlib import Path

from lstm_edge.packages.pack import Package


def packed(package: Package, folder: Path) -> str:
    """A line for the folder, one for its README, and one for each archive."""
    lines = [
        f"{folder}: package for {', '.join(package.systems)}",
        f"  how to use it: {folder / 'README.md'}",
    ]
    return "\n".join([*lines, *(f"  archive: {folder.parent / name}" for name in package.archives)])
